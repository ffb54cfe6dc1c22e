//! 组件一览: every part in every state on one page, in both languages and themes, under the name it has in the code. Whoever is signed in may
//! look: it shows nothing but samples. The browser tests take its picture; whoever builds a page looks here before writing markup.

use std::fmt::Display;

use askama::Template;
use axum::{Router, response::Response, routing::get};

use super::{
    chart::{Bar, Bars, Columns, HeatStrip, Lines, Series, Spark, Tile, TileMap},
    feedback::{Drawer, Failed, Progress, Skeleton},
    form::{Choice, Input, Kind, Notice, Wrong},
    page,
    pages::{Check, Dialog, FormPart, Section},
    parts::{Card, Change, Empty, Fact, Facts, Icon, Moment, Note, Tab, Tabs, Tag, Timeline, Toast, Tone, Value, code, fact, status},
    shell::Shell,
    table::{Act, Address, Batch, BatchAct, Cell, Column, Line, Pager, Search, State, Table, pager},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        words::{Words, fill},
    },
};

/// One part in one state.
struct Shown {
    /// In words.
    state: &'static str,
    /// As it renders itself.
    html: String,
}

/// One part.
struct Shelf {
    /// Its name in the code.
    name: &'static str,
    shown: Vec<Shown>,
}

/// 组件一览页
#[derive(Template)]
#[template(path = "platform/web/gallery.html")]
pub struct Gallery {
    shell: Shell,
    w: &'static Words,
    shelves: Vec<Shelf>,
}

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/_parts", get(show))
}

// Named so that a visitor is sent to sign-in: the page itself asks for nothing.
async fn show(_actor: Actor, shell: Shell) -> Response {
    page(&Gallery::new(shell))
}

impl Gallery {
    /// Everything there is.
    pub fn new(shell: Shell) -> Self {
        let w = shell.w;
        let shelves = [small(w), feedback(w), details(w), forms(w), lists(w), charts(w)].into_iter().flatten().collect();
        Self { shell, w, shelves }
    }
}

fn shelf(name: &'static str, shown: Vec<(&'static str, String)>) -> Shelf {
    Shelf { name, shown: shown.into_iter().map(|(state, html)| Shown { state, html }).collect() }
}

fn all<T: Display>(parts: impl IntoIterator<Item = T>) -> String {
    parts.into_iter().map(|part| part.to_string()).collect::<Vec<_>>().join(" ")
}

const TONES: [Tone; 5] = [Tone::Good, Tone::Active, Tone::Warning, Tone::Bad, Tone::Quiet];

/// Words of a case for each weight.
fn said(w: &'static Words, tone: Tone) -> &'static str {
    match tone {
        Tone::Good => w.state_activated,
        Tone::Active => w.state_auditing,
        Tone::Warning => w.state_returned,
        Tone::Bad => w.state_rejected,
        Tone::Quiet => w.state_cancelled,
    }
}

/// Buttons have no part of their own: a class on the element, and these are the classes.
#[derive(Template)]
#[template(
    source = r#"<p class="tools"><button type="button" class="primary">{{ w.save }}</button> <button type="button">{{ w.cancel }}</button> <button type="button" class="danger">{{ w.reject }}</button> <button type="button" class="small">{{ w.open }}</button> <button type="button" class="link">{{ w.release }}</button> <button type="button" aria-pressed="true">{{ w.front }}</button> <button type="button" disabled>{{ w.save }}</button> <a class="button" href="/_parts">{{ w.export }}</a></p>"#,
    ext = "html"
)]
struct Buttons {
    w: &'static Words,
}

fn small(w: &'static Words) -> Vec<Shelf> {
    let icons =
        ["work", "overview", "register", "audit_queue", "orders", "channels", "people", "network", "audit", "auto", "light", "dark"];
    let card = |label: &str, value: &str, unit: &str, tone, spark, change| Card {
        label: label.to_owned(),
        value: value.to_owned(),
        unit: unit.to_owned(),
        change,
        note: fill(w.overdue_of_it, 3),
        href: "/_parts".to_owned(),
        spark,
        tone,
    };
    let change = |up, good| Some(Change { up, good, by: "0.11".to_owned(), since: w.since_yesterday.to_owned() });
    let cards = [
        card(
            w.rate_base,
            "96.23",
            w.unit_percent,
            Tone::Good,
            Spark::new(w.trend, &[95.1, 95.3, 95.9, 96.0, 96.1, 96.23]),
            change(true, true),
        ),
        card(w.card_waiting, "128", w.unit_orders, Tone::Warning, None, None),
        card(w.card_returned, "12,345,678", w.unit_orders, Tone::Bad, Spark::new(w.trend, &[3.0, 1.0]), change(false, false)),
        card(w.card_approved, "0", "", Tone::Quiet, None, None),
    ];
    let tab = |label: &str, current, count| Tab { label: label.to_owned(), href: "/_parts".to_owned(), current, count };
    let tabs = Tabs {
        label: w.queues.to_owned(),
        tabs: vec![tab(w.queue_mine, true, Some(4)), tab(w.queue_unclaimed, false, Some(1_286)), tab(w.queue_returned, false, None)],
    };
    vec![
        shelf("button, .button", vec![(w.parts_all, Buttons { w }.to_string())]),
        shelf("parts::Tag", vec![(w.parts_all, all(TONES.map(|tone| Tag::new(tone, said(w, tone)))))]),
        shelf("parts::Icon", vec![(w.parts_all, all(icons.map(Icon)))]),
        shelf("parts::Tabs", vec![(w.parts_filled, tabs.to_string())]),
        shelf("parts::Card", vec![(w.parts_all, format!("<div class=\"cards\">{}</div>", all(cards)))]),
        shelf(
            "chart::Bar",
            vec![(
                w.parts_all,
                all([(0.0, Tone::Quiet), (0.31, Tone::Bad), (0.62, Tone::Warning), (1.0, Tone::Good)]
                    .map(|(share, tone)| Bar::new(format!("{:.2}", share * 100.0), share, tone))),
            )],
        ),
    ]
}

fn wrong(w: &'static Words) -> Wrong {
    Wrong { title: w.failed.to_owned(), remedy: w.failed_remedy.to_owned() }
}

fn feedback(w: &'static Words) -> Vec<Shelf> {
    let progress = |id: &str, tone, state: &str, done, note: String| {
        Progress { id: id.to_owned(), label: w.export.to_owned(), state: Tag::new(tone, state), done, note }.to_string()
    };
    let empty = |action| Empty { title: w.nothing_found.to_owned(), hint: w.nothing_found_hint.to_owned(), action };
    let mut failed = Failed::new(w, wrong(w));
    (failed.incident, failed.again) = (Some("3f9a01bc22".to_owned()), Some("/_parts".to_owned()));
    vec![
        shelf("parts::Toast", vec![(w.parts_all, all(TONES.map(|tone| Toast { tone, text: said(w, tone).to_owned() })))]),
        shelf(
            "parts::Note",
            vec![(w.parts_all, all(TONES.map(|tone| Note { tone, title: said(w, tone).to_owned(), text: w.gate_note.to_owned() })))],
        ),
        shelf(
            "parts::Empty",
            vec![
                (w.parts_empty, empty(None).to_string()),
                (w.parts_filled, empty(Some(("/_parts".to_owned(), w.reset.to_owned()))).to_string()),
            ],
        ),
        shelf("feedback::Failed", vec![(w.parts_wrong, failed.to_string())]),
        shelf("feedback::Skeleton", vec![(w.loading, Skeleton { w, lines: 3 }.to_string())]),
        shelf(
            "feedback::Progress",
            vec![
                (w.check_waiting, progress("progress-waiting", Tone::Quiet, w.check_waiting, None, w.loading.to_owned())),
                (
                    w.state_auditing,
                    progress("progress-active", Tone::Active, w.state_auditing, Some((1_204, 12_586)), "1,204 / 12,586".to_owned()),
                ),
                (
                    w.parts_filled,
                    progress("progress-done", Tone::Good, w.check_passed, Some((12_586, 12_586)), fill(w.rows_total, "12,586")),
                ),
                (w.parts_wrong, progress("progress-bad", Tone::Bad, w.check_failed, Some((8_100, 12_586)), w.failed_remedy.to_owned())),
            ],
        ),
    ]
}

fn facts(w: &'static Words) -> Facts {
    Facts {
        facts: vec![
            Fact {
                label: w.holder_name.to_owned(),
                value: Value::Masked("张*".to_owned(), "gallery-dialog".to_owned(), w.reveal.to_owned()),
            },
            code(w.number, "199****1234"),
            fact(w.address, w.product_about),
            status(w.status, Tag::new(Tone::Good, w.state_activated)),
            fact(w.note, ""),
            Fact { label: w.channel.to_owned(), value: Value::Link("/_parts".to_owned(), "S-2231".to_owned()) },
        ],
    }
}

fn timeline(w: &'static Words) -> Timeline {
    let moment = |title: &str, tone, note: &str| Moment {
        at: "2026-11-22 09:30:00".to_owned(),
        title: title.to_owned(),
        by: "S-2231 · 2207".to_owned(),
        note: note.to_owned(),
        tone,
    };
    let moments = TONES.map(|tone| moment(said(w, tone), tone, if tone == Tone::Warning { w.gate_note } else { "" }));
    Timeline { empty: w.none_yet.to_owned(), moments: moments.into() }
}

fn checks(w: &'static Words) -> Vec<Check> {
    let check =
        |tone, tag: &str, text: &str, article: &str| Check { tag: Tag::new(tone, tag), text: text.to_owned(), article: article.to_owned() };
    vec![
        check(Tone::Good, w.check_passed, w.check_original, "R-REG-2"),
        check(Tone::Warning, w.check_human, w.check_face, "L-REG-17"),
        check(Tone::Bad, w.check_failed, w.check_limit, "R-LIM-1"),
        check(Tone::Quiet, w.check_waiting, w.check_network, "R-REG-7"),
    ]
}

/// What opens a dialog or a drawer, and the dialog.
#[derive(Template)]
#[template(
    source = r#"<button type="button" command="show-modal" commandfor="{{ id }}">{{ words }}</button>{{ opened|safe }}"#,
    ext = "html"
)]
struct Opener {
    id: &'static str,
    words: &'static str,
    opened: String,
}

/// A section as the pages include it.
#[derive(Template)]
#[template(source = r#"{% include "platform/web/section.html" %}"#, ext = "html")]
struct Block {
    section: Section,
}

fn details(w: &'static Words) -> Vec<Shelf> {
    let fields = vec![
        Input::select("reason", w.reason, vec![Choice::new("", w.choose), Choice::new("other", w.reject_other)]).required().prefix("gd"),
        Input::new("words", w.purpose_words, Kind::Area).required().wide().prefix("gd"),
    ];
    let form = FormPart::new(w, "/_parts", w.reject, fields).lead(w.reject_lead).danger();
    let dialog = Dialog { id: "gallery-dialog".to_owned(), title: w.reject.to_owned(), open: false, form };
    let drawer = Drawer {
        w,
        id: "gallery-drawer".to_owned(),
        title: w.order.to_owned(),
        sections: vec![Section::Facts(w.tab_overview.to_owned(), facts(w)), Section::Timeline(w.timeline.to_owned(), timeline(w))],
    };
    let none = Timeline { moments: Vec::new(), ..timeline(w) };
    vec![
        shelf("parts::Facts", vec![(w.parts_filled, facts(w).to_string())]),
        shelf("parts::Timeline", vec![(w.parts_filled, timeline(w).to_string()), (w.parts_empty, none.to_string())]),
        shelf("pages::Check", vec![(w.parts_all, Block { section: Section::Checks(w.checks.to_owned(), checks(w)) }.to_string())]),
        shelf(
            "pages::Dialog",
            vec![(w.parts_filled, Opener { id: "gallery-dialog", words: w.reject, opened: dialog.to_string() }.to_string())],
        ),
        shelf(
            "feedback::Drawer",
            vec![(w.parts_filled, Opener { id: "gallery-drawer", words: w.open, opened: drawer.to_string() }.to_string())],
        ),
    ]
}

fn forms(w: &'static Words) -> Vec<Shelf> {
    let choices = || vec![Choice::new("", w.choose), Choice::new("reader", w.entry_reader), Choice::new("manual", w.entry_manual)];
    let each = |prefix: &'static str| {
        vec![
            Input::text("line", w.holder_name).prefix(prefix),
            Input::text("code", w.document_number).hint(w.document_number_hint).inputmode("numeric").prefix(prefix),
            Input::new("day", w.valid_until, Kind::Line("date")).prefix(prefix),
            Input::select("select", w.entry_mode, choices()).prefix(prefix),
            Input::new("radio", w.entry_mode, Kind::Radio(choices().split_off(1))).prefix(prefix),
            Input::new("file", w.front, Kind::File("image/*", "")).prefix(prefix),
            Input::new("area", w.purpose_words, Kind::Area).wide().prefix(prefix),
            Input::new("check", w.original_seen, Kind::Check).wide().prefix(prefix),
        ]
    };
    let refused = each("gw").into_iter().map(|input| Input { wrong: Some(wrong(w)), required: true, ..input }).collect();
    let mut bad = FormPart::new(w, "/_parts", w.save, refused);
    bad.notice = Some(Notice { wrong: wrong(w) });
    let mut fixed = each("gf");
    fixed.iter_mut().for_each(|input| input.fixed = true);
    fixed.truncate(1);
    let filled = fixed
        .into_iter()
        .map(|input| input.value(w.product_long))
        .chain([Input::text("long", w.address).value(w.product_about).prefix("gf")])
        .collect();
    vec![shelf(
        "form::Input, pages::FormPart",
        vec![
            (w.parts_empty, FormPart::new(w, "/_parts", w.save, each("ge")).lead(w.document_lead).to_string()),
            (w.parts_filled, FormPart::new(w, "/_parts", w.save, filled).to_string()),
            (w.parts_wrong, bad.to_string()),
        ],
    )]
}

fn table(w: &'static Words, id: &str, lines: usize) -> Table {
    let line = |index: usize| {
        let tone = TONES[index % TONES.len()];
        let of = format!("A-20261122-7K3Q{index}");
        Line {
            id: format!("{id}-{index}"),
            cells: vec![
                Cell::LinkTwo("/_parts".to_owned(), of.clone(), w.product_voice.to_owned()),
                Cell::Two("S-2231".to_owned(), w.social_outlet.to_owned()),
                Cell::Code("199****1234".to_owned()),
                Cell::Age(format!("00:{:02}", 47 - index * 3), tone, "2026-11-22 09:30:00".to_owned()),
                Cell::Tag(Tag::new(tone, said(w, tone))),
                Cell::NumberLink("/_parts".to_owned(), "96.87".to_owned()),
                Cell::Bar(Bar::new("97.18", 0.86, tone)),
                Cell::Actions(vec![Act::page(w.open, of.clone(), "/_parts").primary(), Act::page(w.claim, of, "/_parts")]),
            ],
            current: index == 1,
        }
    };
    let columns =
        [w.order_code, w.channel, w.number, w.waited, w.status].map(|title| Column::new(title).sorted("/_parts".to_owned(), "none"));
    Table {
        w,
        id: id.to_owned(),
        caption: w.menu_orders.to_owned(),
        columns: columns.into_iter().chain([Column::number(w.social_outlet), Column::number(w.total), Column::new(w.actions)]).collect(),
        lines: (0..lines).map(line).collect(),
        pager: if lines == 0 { Pager::single(0) } else { pager(&Address::new("/_parts", [("size", "20")]), 6, 20, 12_586, false) },
        empty: Empty { title: w.nothing_found.to_owned(), hint: w.nothing_found_hint.to_owned(), action: None },
        tools: Vec::new(),
        batch: None,
        state: None,
    }
}

fn lists(w: &'static Words) -> Vec<Shelf> {
    let search = Search {
        w,
        action: "/_parts".to_owned(),
        target: "gallery-list".to_owned(),
        fields: vec![
            Input::new("code", w.order_code, Kind::Line("search")).prefix("gs"),
            Input::select("channel", w.channel, vec![Choice::new("", w.all), Choice::new("social", w.social_outlet)]).prefix("gs"),
            Input::new("from", w.valid_from, Kind::Line("date")).prefix("gs"),
        ],
        kept: vec![("size".to_owned(), "50".to_owned())],
    };
    let state = State {
        choices: vec![("code", w.order_code.to_owned(), true), ("channel", w.channel.to_owned(), true), ("note", w.note.to_owned(), false)],
        action: "/_parts".to_owned(),
        kept: Vec::new(),
        dense: false,
        density: "/_parts?dense=1".to_owned(),
        export: Some("/_parts".to_owned()),
        again: "/_parts".to_owned(),
    };
    let batch = Batch {
        action: "/_parts".to_owned(),
        acts: vec![BatchAct::new("claim", w.claim), BatchAct { danger: true, ..BatchAct::new("reject", w.reject) }],
        kept: Vec::new(),
        all: (12_586, false),
        chosen: std::collections::BTreeSet::new(),
        everything: false,
    };
    let worked = Table {
        state: Some(state.clone()),
        batch: Some(batch),
        tools: vec![("/_parts".to_owned(), w.capture_new.to_owned())],
        ..table(w, "gallery-list", 5)
    };
    let dense = Table { state: Some(State { dense: true, ..state }), ..table(w, "gallery-dense", 3) };
    vec![
        shelf("table::Search", vec![(w.parts_filled, search.to_string())]),
        shelf(
            "table::Table",
            vec![
                (w.parts_filled, worked.to_string()),
                (w.density_dense, dense.to_string()),
                (w.parts_empty, table(w, "gallery-none", 0).to_string()),
            ],
        ),
    ]
}

fn charts(w: &'static Words) -> Vec<Shelf> {
    let days: Vec<String> = (9..24).map(|day| format!("11-{day:02}")).collect();
    let wave =
        |base: f64, factor: usize| (0..15).map(|index: usize| base + ((index * index * factor) % 37) as f64 * 12.0).collect::<Vec<_>>();
    let series = |count: usize| {
        let names = [w.submitted, w.approved, w.card_returned, w.rejected, w.state_cancelled];
        names
            .iter()
            .take(count)
            .enumerate()
            .map(|(index, name)| Series { name: (*name).to_owned(), values: wave(300.0, index + 1) })
            .collect::<Vec<_>>()
    };
    let gap = || {
        let mut series = series(2);
        for (index, value) in series.iter_mut().flat_map(|line| line.values.iter_mut().enumerate()) {
            if (5..8).contains(&index) {
                *value = f64::NAN;
            }
        }
        series
    };
    let kinds = || vec![w.own_hall.to_owned(), w.social_outlet.to_owned(), w.online.to_owned()];
    let cut = |count: usize, length: usize| {
        let mut series = series(count);
        series.iter_mut().for_each(|line| line.values.truncate(length));
        series
    };
    let lines = |id, labels, series| Lines::new(w, id, w.trend, w.trend_about, labels, series, 0).to_string();
    let tiles = |values: &[f64]| {
        let tile = |(index, value): (usize, &f64)| Tile {
            column: (index % 4) as u8,
            row: (index / 4) as u8,
            name: format!("{} {}", w.region, index + 1),
            value: *value,
            href: "/_parts".to_owned(),
        };
        values.iter().enumerate().map(tile).collect::<Vec<_>>()
    };
    let rates = [97.18, 96.98, 96.96, 96.83, 96.8, 96.76, 96.7, 96.59, 96.56, f64::NAN, 96.39];
    vec![
        shelf(
            "chart::Lines",
            vec![
                (w.parts_filled, lines("g-lines", days.clone(), series(3))),
                (w.parts_gap, lines("g-gap", days.clone(), gap())),
                (w.parts_one, lines("g-one", vec!["11-22".to_owned()], cut(1, 1))),
                (w.parts_empty, lines("g-none", Vec::new(), Vec::new())),
            ],
        ),
        shelf(
            "chart::Columns",
            vec![
                (w.parts_filled, Columns::new(w, "g-columns", w.trend, w.trend_about, days.clone(), series(2), 0, false).to_string()),
                (w.parts_stacked, Columns::new(w, "g-stacked", w.trend, w.trend_about, days.clone(), series(5), 0, true).to_string()),
            ],
        ),
        shelf(
            "chart::Bars",
            vec![
                (w.parts_filled, Bars::new(w, "g-bars", w.city_channel, w.trend_about, kinds(), cut(2, 3), 0, false).to_string()),
                (w.parts_stacked, Bars::new(w, "g-shares", w.city_channel, w.trend_about, kinds(), cut(4, 3), 0, true).to_string()),
            ],
        ),
        shelf(
            "chart::HeatStrip",
            vec![(w.parts_filled, HeatStrip::new(w, "g-heat", w.trend, w.trend_about, days, series(3), 0).to_string())],
        ),
        shelf(
            "chart::TileMap",
            vec![
                (w.parts_filled, TileMap::new(w, "g-tiles", w.city_channel, w.trend_about, w.rate_base, tiles(&rates), 2).to_string()),
                (w.parts_empty, TileMap::new(w, "g-no-tiles", w.city_channel, w.trend_about, w.rate_base, Vec::new(), 2).to_string()),
            ],
        ),
    ]
}
