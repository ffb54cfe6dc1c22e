//! Pages on sample data: rendered whole, weighed, and written to `target/pages` for whoever wants to look.

use chuangsha_kernel::problem::Language;

use super::chart::{Bar, Bars, Lines, Series, Spark, TileMap};
use super::form::{Choice, Input, Kind, Wrong};
use super::pages::{Button, Check, DetailPage, Dialog, ErrorPage, FormPart, ListPage, Picture, Section};
use super::parts::{Card, Change, Empty, Fact, Facts, Icon, Moment, Tab, Tabs, Tag, Timeline, Toast, Tone, Value, code, fact, status};
use super::shell::{MenuItem, Shell, User, language_of};
use super::table::{Act, Address, Cell, Column, Line, Search, Table, keyset, pager, thousands};
use super::{assets, safe_path};
use crate::figures::page::Overview;
use crate::platform::people::page::Login;
use crate::platform::words::{Words, fill};
use crate::registration::page::audit::AuditPage;
use crate::registration::page::capture::{CapturePage, Shot, steps};
use crate::registration::page::case::{Case, Compared, Deed, Held, Twin};
use crate::registration::page::checks::CaseCheck;
use crate::registration::page::work::MyWork;
use askama::Template;
use axum::http::{HeaderMap, HeaderValue, header};

const BOTH: [Language; 2] = [Language::Chinese, Language::English];

fn shell(language: Language, current: &str) -> Shell {
    let w = Words::of(language);
    let item = |href, label, icon, count| MenuItem { href, label, icon: Icon(icon), current: href == current, count };
    Shell {
        language,
        w,
        large: false,
        theme: super::shell::Theme::Auto,
        here: current.to_owned(),
        user: Some(User {
            name: "张敏".into(),
            number: "1024".into(),
            role: if language == Language::Chinese { "省公司审核员" } else { "Auditor, province" }.into(),
        }),
        menu: vec![
            item("/", w.menu_work, "work", Some(4)),
            item("/overview", w.menu_overview, "overview", None),
            item("/capture", w.menu_capture, "register", None),
            item("/audit", w.menu_audit_queue, "audit_queue", Some(128)),
            item("/orders", w.menu_orders, "orders", None),
            item("/channels", w.menu_channels, "channels", None),
            item("/people", w.menu_people, "people", None),
            item("/network", w.menu_network, "network", Some(2)),
            item("/log", w.menu_audit, "audit", None),
        ],
        toast: None,
        mark: Some("张敏 1024 2026-11-22 09:30".to_owned()),
    }
}

fn empty(w: &'static Words) -> Empty {
    Empty { title: w.nothing_found.into(), hint: w.nothing_found_hint.into(), action: None }
}

fn work_table(w: &'static Words) -> Table {
    let line = |index: usize| Line {
        id: format!("{index}"),
        cells: vec![
            Cell::Link(format!("/orders/{index}"), format!("A-20261122-7K3Q{index}")),
            Cell::Text(w.product_voice.into()),
            Cell::Two(w.social_outlet.into(), "S-2231".into()),
            Cell::Age(
                format!("00:{:02}", 47 - index * 3),
                if index == 0 {
                    Tone::Bad
                } else if index < 3 {
                    Tone::Warning
                } else {
                    Tone::Quiet
                },
                "2026-11-22 09:30:00".into(),
            ),
            Cell::Tag(Tag::new(
                if index.is_multiple_of(2) { Tone::Active } else { Tone::Warning },
                if index.is_multiple_of(2) { w.state_submitted } else { w.state_returned },
            )),
            Cell::Text(if index == 0 { w.held_by_me.into() } else { "—".into() }),
            Cell::Actions(vec![
                Act::step(w.claim, format!("A-{index}"), format!("/audit/{index}/claim")).primary(),
                Act::page(w.open, format!("A-{index}"), format!("/orders/{index}")),
            ]),
        ],
        current: index == 0,
    };
    Table {
        w,
        id: "work".into(),
        caption: w.work_mine.into(),
        columns: [w.order_code, w.product_kind, w.channel, w.waited, w.status, w.held_by, w.actions].into_iter().map(Column::new).collect(),
        lines: (0..8).map(line).collect(),
        pager: pager(&Address::new("/audit", [("size", "20")]), 2, 20, 128, false),
        empty: empty(w),
        tools: vec![("/capture".into(), w.capture_new.into())],
        batch: None,
        state: None,
    }
}

fn search(w: &'static Words) -> Search {
    Search {
        w,
        action: "/audit".into(),
        target: "work".into(),
        fields: vec![
            Input::new("code", w.order_code, Kind::Line("search")).prefix("s"),
            Input::select("channel", w.channel, vec![Choice::new("", w.all), Choice::new("social", w.social_outlet)]).prefix("s"),
            Input::select("city", w.region, vec![Choice::new("", w.all)]).prefix("s"),
        ],
        kept: vec![("size".into(), "50".into())],
    }
}

fn cards(w: &'static Words) -> Vec<Card> {
    let card = |label: &str, value: &str, unit: &str, tone, spark| Card {
        label: label.into(),
        value: value.into(),
        unit: unit.into(),
        change: Some(Change { up: true, good: tone != Tone::Bad, by: "0.11".into(), since: w.since_yesterday.into() }),
        note: fill(w.overdue_of_it, 3),
        href: "/orders".into(),
        spark,
        tone,
    };
    vec![
        card(w.rate_new, "99.98", "%", Tone::Good, Spark::new("99.1 → 99.98", &[99.1, 99.3, 99.2, 99.6, 99.9, 99.98])),
        card(w.rate_base, "96.23", "%", Tone::Good, Spark::new("95.1 → 96.23", &[95.1, 95.3, 95.9, 96.0, 96.1, 96.23])),
        card(w.card_waiting, "128", w.unit_orders, Tone::Warning, None),
        card(w.card_returned, "17", w.unit_orders, Tone::Bad, None),
        card(w.card_approved, "1,204", w.unit_orders, Tone::Quiet, Spark::new("trend", &[3.0, 3.0, 3.0])),
    ]
}

fn checks(w: &'static Words) -> Vec<Check> {
    vec![
        Check { tag: Tag::new(Tone::Good, w.check_passed), text: w.check_original.into(), article: "R-REG-2".into() },
        Check { tag: Tag::new(Tone::Good, w.check_passed), text: w.check_digit.into(), article: "GB 11643".into() },
        Check { tag: Tag::new(Tone::Good, w.check_match), text: w.check_network.into(), article: "R-REG-7".into() },
        Check { tag: Tag::new(Tone::Warning, w.check_human), text: w.check_face.into(), article: "L-REG-17".into() },
        Check { tag: Tag::new(Tone::Bad, w.check_failed), text: w.check_limit.into(), article: "R-LIM-1".into() },
    ]
}

fn timeline(w: &'static Words) -> Timeline {
    let moment = |title: &str, tone| Moment {
        at: "2026-11-22 09:30:00".into(),
        title: title.into(),
        by: "S-2231 · 2207".into(),
        note: "R-REG-3".into(),
        tone,
    };
    Timeline {
        empty: w.none_yet.into(),
        moments: vec![
            moment(w.state_approved, Tone::Good),
            moment(w.state_returned, Tone::Warning),
            moment(w.state_submitted, Tone::Active),
        ],
    }
}

fn dialog(w: &'static Words, id: &str, open: bool) -> Dialog {
    let fields = vec![
        Input::select("reason", w.reason, vec![Choice::new("", w.choose), Choice::new("other", w.reject_other)]).required().prefix("d"),
        Input::new("words", w.purpose_words, Kind::Area).required().wide().prefix("d"),
    ];
    Dialog {
        id: id.into(),
        title: w.reject.into(),
        open,
        form: FormPart::new(w, "/audit/1/rejection", w.reject, fields).lead(w.reject_lead).danger().keep("version", 3),
    }
}

fn samples(language: Language) -> Vec<(&'static str, String)> {
    let w = Words::of(language);
    let mut pages = Vec::new();
    let mut outside = shell(language, "/login");
    outside.user = None;
    let fields = vec![
        Input::text("number", w.staff_login).required().first().autocomplete("username"),
        Input {
            wrong: Some(Wrong { title: "密码不对".into(), remedy: "请重新输入".into() }),
            ..Input::new("password", w.password, Kind::Line("password")).required().autocomplete("current-password")
        },
    ];
    pages.push((
        "login",
        Login {
            shell: outside.clone(),
            w,
            heading: w.log_in_heading.into(),
            form: Some(FormPart::new(w, "/login", w.log_in_next, fields)),
            passkey: None,
            secret: None,
            leave: false,
        }
        .render()
        .unwrap(),
    ));
    let mut landed = shell(language, "/");
    landed.toast = Some(Toast { tone: Tone::Good, text: w.done_approved.into() });
    pages.push((
        "work",
        MyWork { shell: landed, w, lead: w.my_work_lead.into(), cards: cards(w), table: work_table(w), others: vec![] }.render().unwrap(),
    ));
    let city = |name: &str, rate: f64| Line {
        id: name.into(),
        cells: vec![
            Cell::Link("/orders?city=990100".into(), name.into()),
            Cell::Number("99.12".into()),
            Cell::Number("95.80".into()),
            Cell::Number("98.00".into()),
            Cell::Bar(Bar::new(format!("{rate:.2}"), (rate - 80.0) / 20.0, if rate > 96.0 { Tone::Good } else { Tone::Warning })),
            Cell::Number("1".into()),
        ],
        current: false,
    };
    let cities = Table {
        w,
        id: "cities".into(),
        caption: w.city_channel.into(),
        columns: vec![
            Column::new(w.region),
            Column::number(w.own_hall),
            Column::number(w.social_outlet),
            Column::number(w.online),
            Column::number(w.total).sorted("?sort=total".into(), "descending"),
            Column::number(w.rank),
        ],
        lines: vec![city("甲城市", 97.4), city("乙城市", 95.1), city("丙城市", 99.0)],
        pager: super::table::Pager::single(3),
        empty: empty(w),
        tools: vec![],
        batch: None,
        state: None,
    };
    let days: Vec<String> = (9..23).map(|day| format!("11-{day:02}")).collect();
    let series = vec![
        Series { name: w.submitted.into(), values: (0..14).map(|i| 800.0 + f64::from(i * i % 37) * 12.0).collect() },
        Series { name: w.approved.into(), values: (0..14).map(|i| 760.0 + f64::from(i * i % 37) * 11.0).collect() },
    ];
    let trend = Lines::new(w, "trend", w.trend, w.trend_about, days, series, 0);
    pages.push((
        "overview",
        Overview {
            shell: shell(language, "/overview"),
            w,
            lead: w.overview_lead.into(),
            search: search(w),
            cards: cards(w),
            cities,
            map: TileMap::new(w, "map", w.city_map, w.city_map_about, w.rate_base, Vec::new(), 2),
            funnel: Bars::new(w, "funnel", w.funnel, w.funnel_about, Vec::new(), Vec::new(), 0, false),
            alerts: vec![crate::figures::alerts::Alert {
                tag: Tag::new(Tone::Bad, w.alert_late),
                text: fill(w.alert_overdue, 3),
                href: "/orders?state=submitted".into(),
            }],
            trend,
        }
        .render()
        .unwrap(),
    ));
    let document = CapturePage {
        shell: shell(language, "/capture"),
        w,
        number: "A-20261122-7K3QX".into(),
        steps: steps(w, 1, Some("1")),
        heading: w.step_document.into(),
        lead: w.document_lead.into(),
        action: "/capture/1/document".into(),
        hidden: vec![("version".into(), "2".into())],
        offers: vec![],
        picked: String::new(),
        more: None,
        notice: None,
        fields: vec![
            Input::select("kind", w.document_kind, vec![Choice::new("resident_id", w.rule_channel)]).required(),
            Input::new(
                "entry",
                w.entry_mode,
                Kind::Radio(vec![Choice::new("reader", w.entry_reader), Choice::new("manual", w.entry_manual)]),
            )
            .required()
            .value("reader"),
            Input::text("name", w.holder_name).required(),
            Input {
                wrong: Some(Wrong { title: "证件号码校验位不对".into(), remedy: "请对照证件逐位核对".into() }),
                ..Input::text("number", w.document_number).hint(w.document_number_hint).required()
            },
            Input::text("address", w.address).wide(),
            Input::new("valid_until", w.valid_until, Kind::Line("date")),
            Input::new("original_seen", w.original_seen, Kind::Check).wide().required(),
        ],
        shots: vec![
            Shot::camera("document_front", w.front, w.picture_hint, "environment"),
            Shot::camera("document_back", w.back, w.picture_hint, "environment"),
        ],
        proxy: vec![Input::text("agent_name", w.agent_name), Input::text("agent_number", w.agent_number)],
        proxy_shots: vec![],
        proxy_open: false,
        summary: None,
        submit: w.step_next.into(),
        back: None,
        cancel: Some(w.cancel_order.into()),
        dialog: Some(dialog(w, "cancel", false)),
        checks: checks(w),
    };
    pages.push(("capture", document.render().unwrap()));
    let signature = CapturePage {
        shell: shell(language, "/capture"),
        w,
        number: "A-20261122-7K3QX".into(),
        steps: steps(w, 3, Some("1")),
        heading: w.step_signature.into(),
        lead: w.signature_lead.into(),
        action: "/capture/1/signature".into(),
        hidden: vec![("version".into(), "2".into())],
        offers: vec![],
        picked: String::new(),
        more: None,
        notice: None,
        fields: vec![],
        shots: vec![Shot::pad("signature", w.signature, w.signature_hint)],
        proxy: vec![],
        proxy_shots: vec![],
        proxy_open: false,
        summary: None,
        submit: w.step_next.into(),
        back: Some("/capture/1/portrait".into()),
        cancel: None,
        dialog: None,
        checks: checks(w),
    };
    pages.push(("signature", signature.render().unwrap()));
    let tab = |label: &str, count, current| Tab { label: label.into(), href: "/audit".into(), current, count: Some(count) };
    let case = Case {
        id: "1".into(),
        number: "A-20261122-7K3QX".into(),
        state: Tag::new(Tone::Active, w.state_auditing),
        risk: Tag::new(Tone::Warning, w.risk_medium),
        held: Some(Held { words: w.claimed_by_me.into(), until_ms: 32_503_680_000_000, left: "09:48".into() }),
        note: w.not_alone_note.into(),
        line: format!("{} · {} · S-2231", w.product_voice, w.mode_counter),
        beside: None,
        pictures: [w.front, w.back, w.photo, w.signature]
            .into_iter()
            .map(|label| Picture { label: label.into(), href: assets::address("icon.svg").into(), note: String::new() })
            .collect(),
        compare: vec![
            Compared { label: w.holder_name.into(), declared: "张*".into(), verified: Tag::new(Tone::Good, w.check_match) },
            Compared {
                label: w.document_number.into(),
                declared: "9****************3".into(),
                verified: Tag::new(Tone::Good, w.check_match),
            },
            Compared {
                label: w.address.into(), declared: "甲城市小店区***".into(), verified: Tag::new(Tone::Quiet, w.check_waiting)
            },
        ],
        checks: checks(w).into_iter().map(|check| CaseCheck { check, why: w.check_digit_why.into() }).collect(),
        twins: vec![Twin {
            code: "A-20261120-3M9QC".into(),
            line: "199****0003 · S-2231 · 2026-11-20".into(),
            state: Tag::new(Tone::Good, w.state_activated),
            beside: "/audit?order=1&with=2".into(),
            current: false,
        }],
        history: "1".into(),
        timeline: timeline(w),
        deeds: vec![
            Deed::Step('a', w.approve_next.into(), "/audit/1/approval".into(), vec![("version", "4".into())]),
            Deed::Ask('r', w.reject.into(), "reject", true),
        ],
        release: Some("/audit/1/release".into()),
        dialogs: vec![dialog(w, "reject", false)],
    };
    let queue = |case, open: bool| AuditPage {
        shell: shell(language, "/audit"),
        w,
        notice: None,
        kept: String::new(),
        next: Some("/audit/next".into()),
        tabs: Tabs {
            label: w.queues.into(),
            tabs: vec![
                tab(w.queue_mine, 4, open),
                tab(w.queue_unclaimed, 128, !open),
                tab(w.queue_returned, 17, false),
                tab(w.queue_recheck, 20, false),
            ],
        },
        search: search(w),
        views: super::views::Views {
            w,
            list: "/audit".into(),
            here: "/audit?city=990100".into(),
            saved: vec![("甲城".into(), "/audit?city=990100".into())],
        },
        table: work_table(w),
        case,
        none: Empty { title: w.queue_none.into(), hint: w.queue_none_hint.into(), action: None },
    };
    pages.push(("audit", queue(Some(case), true).render().unwrap()));
    pages.push(("queue", queue(None, false).render().unwrap()));
    let detail = DetailPage {
        shell: shell(language, "/orders"),
        w,
        title: "A-20261122-7K3QX".into(),
        trail: vec![(w.menu_orders.into(), "/orders".into())],
        tags: vec![Tag::new(Tone::Good, w.state_activated)],
        lead: format!("{} · {}", w.product_voice, w.mode_counter),
        buttons: vec![Button::Dialog("reveal".into(), w.reveal.into()), Button::Page("/orders".into(), w.open.into())],
        tabs: Some(Tabs {
            label: w.order.into(),
            tabs: vec![
                tab(w.tab_overview, 1, true),
                tab(w.tab_document, 4, false),
                tab(w.tab_timeline, 9, false),
                tab(w.tab_access, 0, false),
            ],
        }),
        notice: None,
        revealed: Some((w.document_number.into(), "990101199001011234".into(), 60)),
        sections: vec![
            Section::Facts(
                w.tab_overview.into(),
                Facts {
                    facts: vec![
                        Fact { label: w.holder_name.into(), value: Value::Masked("张*".into(), "reveal".into(), w.reveal.into()) },
                        code(w.number, "199****1234"),
                        fact(w.address, "甲城市小店区***"),
                        status(w.status, Tag::new(Tone::Good, w.state_activated)),
                        fact(w.note, ""),
                        Fact { label: w.channel.into(), value: Value::Link("/channels/1".into(), "S-2231".into()) },
                    ],
                },
            ),
            Section::Checks(w.checks.into(), checks(w)),
            Section::Timeline(w.timeline.into(), timeline(w)),
            Section::Pictures(
                w.documents.into(),
                vec![Picture { label: w.front.into(), href: assets::address("icon.svg").into(), note: "9f3a…".into() }],
            ),
            Section::Form(w.channel_change.into(), FormPart::new(w, "/channels/1/state", w.save, vec![Input::text("why", w.reason)])),
            Section::Table(Box::new(Table { lines: vec![], tools: vec![], id: "none".into(), ..work_table(w) })),
        ],
        dialogs: vec![dialog(w, "reveal", false)],
    };
    pages.push(("order", detail.render().unwrap()));
    let list = ListPage {
        shell: shell(language, "/channels"),
        w,
        title: w.menu_channels.into(),
        lead: w.channels_lead.into(),
        cards: vec![],
        tabs: None,
        notice: None,
        search: Some(search(w)),
        views: None,
        table: Table {
            batch: Some(super::table::Batch {
                action: "/network/retry".into(),
                acts: vec![super::table::BatchAct::new("retry", w.dead_retry)],
                kept: Vec::new(),
                all: (0, false),
                chosen: std::collections::BTreeSet::new(),
                everything: false,
            }),
            ..work_table(w)
        },
        sections: vec![],
    };
    pages.push(("list", list.render().unwrap()));
    let wrong = Wrong { title: w.failed.into(), remedy: w.failed_remedy.into() };
    pages.push((
        "error",
        ErrorPage { shell: shell(language, ""), w, status: 500, wrong, incident: Some("3f9a01bc22".into()) }.render().unwrap(),
    ));
    pages
}

/// Where the rendered samples go, to be opened in a browser.
fn folder() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pages")
}

#[test]
fn every_page_renders_in_both_languages_without_inline_script_or_style() {
    for language in BOTH {
        let suffix = if language == Language::Chinese { "zh" } else { "en" };
        for (name, html) in samples(language) {
            assert!(
                !html.contains("<script>") && !html.contains(" style=\"") && !html.contains("<style"),
                "{name}: the policy forbids inline code"
            );
            assert!(!html.contains("onclick="), "{name}: handlers in attributes are inline code");
            assert_eq!(html.matches("<h1").count(), 1, "{name} has one main heading");
            let mut ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            let all = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), all, "{name}: an id is used twice");
            for target in html.split("commandfor=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(ids.contains(&target) || name == "audit", "{name}: a button opens {target}, which is not there");
            }
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(folder().join(format!("{name}-{suffix}.html")), html).unwrap();
        }
    }
    for name in ["style.css", "app.js", "viewer.js", "capture.js", "icon.svg", "htmx.js", "passkey.js"] {
        let target = folder().join(assets::address(name).trim_start_matches('/'));
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(target, assets::plain(name)).unwrap();
    }
}

#[test]
fn personal_words_cannot_break_out_of_a_page() {
    let w = Words::of(Language::English);
    let facts = Facts { facts: vec![fact("<b>", "<script>alert(1)</script>\" onload=\"x")] };
    let html = facts.to_string();
    assert!(!html.contains("<script") && !html.contains("<b>") && !html.contains("\" onload"), "{html}");
    let table =
        Table { lines: vec![Line { id: "\"><i>".into(), cells: vec![Cell::Code("<img>".into())], current: false }], ..work_table(w) };
    assert!(!table.to_string().contains("<img>"));
    assert!(!table.to_string().contains("\"><i>"));
}

#[test]
fn the_first_page_is_light() {
    let html = samples(Language::Chinese).into_iter().find(|(name, _)| *name == "audit").unwrap().1;
    let page = assets::compressed(html.as_bytes());
    let all = page + ["style.css", "app.js", "viewer.js", "htmx.js", "icon.svg"].into_iter().map(assets::weight).sum::<usize>();
    assert!(page > 1_000, "the page is there");
    assert!(all <= 40 * 1024, "{all} bytes for the queue with everything it loads, {page} of them the page");
}

#[test]
fn language_is_the_chosen_one_then_the_browsers_then_chinese() {
    let headers = |cookie: &str, accept: &str| {
        let mut headers = HeaderMap::new();
        if !cookie.is_empty() {
            headers.insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        if !accept.is_empty() {
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(accept).unwrap());
        }
        language_of(&headers)
    };
    assert_eq!(headers("", ""), Language::Chinese);
    assert_eq!(headers("", "en-GB,en;q=0.9,zh;q=0.5"), Language::English);
    assert_eq!(headers("", "fr,zh-CN;q=0.8,en;q=0.7"), Language::Chinese);
    assert_eq!(headers("", "zh;q=0,en"), Language::English);
    assert_eq!(headers("session=x; lang=zh-CN", "en"), Language::Chinese);
    assert_eq!(headers("lang=en", "zh"), Language::English);
    assert_eq!(headers("lang=klingon", "en"), Language::English);
}

#[test]
fn a_way_back_stays_on_this_server() {
    assert_eq!(safe_path("/orders?size=50"), "/orders?size=50");
    for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "orders", "", "/a\r\nSet-Cookie: x=1"] {
        assert_eq!(safe_path(elsewhere), "/", "{elsewhere:?}");
    }
}

#[test]
fn the_address_of_a_list_holds_its_whole_state() {
    let address = Address::new("/orders", [("state", "submitted"), ("code", ""), ("name", "a&b=甲")]);
    assert_eq!(address.to_string(), "/orders?state=submitted&name=a%26b%3D%E7%94%B2");
    let pages = pager(&address, 2, 50, 120, false);
    assert_eq!(pages.from, 51);
    assert_eq!(pages.next.as_deref(), Some("/orders?state=submitted&name=a%26b%3D%E7%94%B2&page=3"));
    assert_eq!(pages.previous.as_deref(), Some("/orders?state=submitted&name=a%26b%3D%E7%94%B2"));
    assert_eq!(pager(&address, 3, 50, 120, false).next, None);
    assert_eq!(pager(&address, 1, 7, 120, false).size, 20, "only the offered sizes");
    let pages = keyset(&address.with("after", "x"), 21, 20, 10_000, true, Some("y".into()));
    assert_eq!(pages.next.as_deref(), Some("/orders?state=submitted&name=a%26b%3D%E7%94%B2&after=y&n=41"));
    assert_eq!(pages.count(), "10,000+");
    assert_eq!(thousands(1_234_567), "1,234,567");
    assert_eq!(thousands(999), "999");
}
