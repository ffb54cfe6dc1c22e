//! 实时页面: screen 5. The page stands without scripts; with them its body is exchanged at most once a second, and only when something changed.

use std::{convert::Infallible, time::Duration};

use askama::{Template, filters::HtmlSafe};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use chuangsha_kernel::{problem::Language, role::Action as Right};
use futures_util::stream;

use super::{action_tag, duration, may, parts, rule_name};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        web::{
            chart::{Bar, Spark},
            page,
            parts::{Card, Facts, Tabs, Tone, fact},
            shell::Shell,
            table::{Act, Cell, Column, Line, Table, thousands},
        },
        words::{Words, fill},
    },
    screening::{
        act,
        live::{self, LiveView, VerdictRow},
        rules,
    },
};

/// Verdicts shown at once.
const SHOWN: usize = 20;

/// A stream ends after so many seconds and the browser opens it again: who lost the right in the meantime is not answered, and a server that
/// stops waits for nobody.
const STREAM_SECONDS: u32 = 10;

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/screening", get(show)).route("/screening/stream", get(follow))
}

#[derive(Template)]
#[template(path = "screening/page/live.html")]
struct LivePage {
    shell: Shell,
    w: &'static Words,
    tabs: Tabs,
    body: Body,
}

/// What is exchanged.
#[derive(Template)]
#[template(path = "screening/page/live_body.html")]
struct Body {
    w: &'static Words,
    /// One sentence for who listens instead of looking.
    said: String,
    cards: Vec<Card>,
    newest: Table,
    rules: Table,
    trunks: Table,
    besieged: Table,
    shadow: Facts,
}

impl HtmlSafe for Body {}

fn card(label: &str, value: String, unit: &str, href: &str, tone: Tone) -> Card {
    let (label, unit, href) = (label.to_owned(), unit.to_owned(), href.to_owned());
    Card { label, value, unit, change: None, note: String::new(), href, spark: None, tone }
}

fn table(w: &'static Words, id: &str, caption: &str, columns: Vec<Column>, lines: Vec<Line>) -> Table {
    Table::within(w, id, caption, columns, lines, w.none_yet).hint(w.live_quiet)
}

fn body(app: &App, actor: &Actor, w: &'static Words, language: Language) -> Result<Body> {
    let view = live::view(app, actor)?;
    let share = |share: u32| format!("{:.1}", f64::from(share) / 10.0);
    let per_second: Vec<f64> = view.buckets.iter().map(|one| f64::from(one.pass + one.label + one.challenge + one.block) / 10.0).collect();
    let stopped: Vec<f64> = view.buckets.iter().map(|one| f64::from(one.block)).collect();
    let log = |action: &str| format!("/screening/verdicts?action={action}");
    let cards = vec![
        Card {
            spark: Spark::new(w.live_quarter, &per_second),
            ..card(w.live_rate, format!("{:.1}", view.calls_per_second), w.live_per_second, "/screening/figures", Tone::Active)
        },
        Card {
            note: fill(w.live_p99, duration(view.p99_ns)),
            ..card(w.live_p50, duration(view.p50_ns), "", "/screening/rules", Tone::Quiet)
        },
        card(w.screen_pass, share(view.shares.pass), w.unit_percent, &log("pass"), Tone::Good),
        card(w.screen_label, share(view.shares.label), w.unit_percent, &log("label"), Tone::Warning),
        card(w.screen_challenge, share(view.shares.challenge), w.unit_percent, &log("challenge"), Tone::Active),
        Card {
            spark: Spark::new(fill(w.live_blocked_quarter, thousands(stopped.iter().sum::<f64>() as u64)), &stopped),
            ..card(w.screen_block, share(view.shares.block), w.unit_percent, &log("block"), Tone::Bad)
        },
        Card {
            note: fill(w.live_dropped, thousands(view.dropped)),
            ..card(
                w.live_waiting,
                thousands(view.waiting),
                "",
                "/screening/verdicts",
                if view.dropped > 0 { Tone::Bad } else { Tone::Quiet },
            )
        },
        card(
            w.live_version,
            format!("v{}", view.version),
            "",
            "/screening/versions",
            if view.version == 0 { Tone::Warning } else { Tone::Good },
        ),
    ];
    let blocked = view.newest.iter().filter(|one| one.action == "block").count();
    Ok(Body {
        w,
        said: fill(&fill(w.live_said, thousands(view.calls)), blocked),
        cards,
        newest: newest(w, language, &view, may(app, actor, Right::ScreeningManage)),
        rules: rules_table(w, language, &view),
        trunks: trunks(w, &view),
        besieged: besieged(w, &view),
        shadow: shadow(app, w),
    })
}

/// What spoke, what it measured and the article, in words: `超出合同呼叫频次 实测 84，界限 60`.
fn basis(w: &'static Words, language: Language, row: &VerdictRow) -> (String, String) {
    let name = rule_name(language, &row.rule);
    let measured = if row.limit > 0 { format!(" {}", fill(&fill(w.screen_measured, row.measured), row.limit)) } else { String::new() };
    (format!("{name}{measured}"), row.article.clone())
}

fn newest(w: &'static Words, language: Language, view: &LiveView, manages: bool) -> Table {
    let lines = view.newest.iter().take(SHOWN).map(|row| {
        let href = format!("/screening/verdicts/{}", row.evidence);
        let (rule, article) = basis(w, language, row);
        let caller = if row.caller.is_empty() { w.screen_no_caller.to_owned() } else { row.caller.clone() };
        let time = live::moment(row.at_ms).display();
        let mut acts = vec![Act::page(w.details, &caller, href.clone())];
        // Each opens its form: the table moves while it is looked at, and a button in it would be pressed on another call.
        if manages && act::can_lift(&row.action, &row.redress) {
            acts.push(Act::page(w.act_lift_short, &caller, format!("{href}?act=lift")));
        }
        if manages && row.action == "label" && !row.callee.is_empty() {
            acts.push(Act::page(w.act_do_not_call_short, &row.callee, format!("{href}?act=do-not-call")));
        }
        Line {
            id: row.evidence.clone(),
            cells: vec![
                Cell::Link(href.clone(), time.get(11..).unwrap_or(&time).to_owned()),
                Cell::Code(caller.clone()),
                Cell::Code(row.callee.clone()),
                Cell::Text(if row.trunk_code.is_empty() { row.trunk.to_string() } else { row.trunk_code.clone() }),
                Cell::Tag(action_tag(w, &row.action)),
                Cell::Two(rule, article),
                Cell::Actions(acts),
            ],
            current: false,
        }
    });
    let columns = [w.time, w.screen_caller, w.screen_callee, w.screen_trunk, w.screen_verdict, w.screen_basis, w.actions].map(Column::new);
    table(w, "newest", w.live_newest, columns.to_vec(), lines.collect())
}

fn rules_table(w: &'static Words, language: Language, view: &LiveView) -> Table {
    let most = view.rules.iter().map(|row| row.enforced + row.shadow).max().unwrap_or(1).max(1);
    let lines = view.rules.iter().take(10).map(|row| {
        let all = row.enforced + row.shadow;
        Line {
            id: row.rule.clone(),
            cells: vec![
                Cell::Link(format!("/screening/rules/{}", row.rule), rule_name(language, &row.rule)),
                Cell::Bar(Bar::new(thousands(row.enforced), all as f64 / most as f64, Tone::Active)),
                Cell::Number(thousands(row.shadow)),
            ],
            current: false,
        }
    });
    let columns = vec![Column::new(w.screen_rule), Column::number(w.screen_hits), Column::number(w.screen_shadow_hits)];
    table(w, "rules", w.live_rules, columns, lines.collect())
}

fn trunks(w: &'static Words, view: &LiveView) -> Table {
    let lines = view.trunks.iter().take(10).map(|row| {
        let name = if row.code.is_empty() { row.trunk.to_string() } else { row.code.clone() };
        Line {
            id: row.trunk.to_string(),
            cells: vec![
                Cell::Link(format!("/screening/verdicts?trunk={}", row.code), name),
                Cell::Number(thousands(row.block)),
                Cell::Number(thousands(row.challenge)),
                Cell::Number(thousands(row.label)),
            ],
            current: false,
        }
    });
    let columns = vec![
        Column::new(w.screen_trunk),
        Column::number(w.screen_block),
        Column::number(w.screen_challenge),
        Column::number(w.screen_label),
    ];
    table(w, "trunks", w.live_trunks, columns, lines.collect())
}

fn besieged(w: &'static Words, view: &LiveView) -> Table {
    let lines = view.besieged.iter().take(10).enumerate().map(|(nth, row)| Line {
        id: nth.to_string(),
        cells: vec![Cell::Code(row.callee.clone()), Cell::Number(thousands(row.calls)), Cell::Text(live::moment(row.last_ms).display())],
        current: false,
    });
    let columns = vec![Column::new(w.screen_callee), Column::number(w.screen_calls), Column::new(w.time)];
    table(w, "besieged", w.live_besieged, columns, lines.collect()).hint(w.live_no_siege)
}

/// 影子对比: what would happen besides, were the rules in shadow on.
fn shadow(app: &App, w: &'static Words) -> Facts {
    let found = rules::comparison(app);
    let more = |count: u64| {
        let share = if found.calls == 0 { 0.0 } else { count as f64 * 100.0 / found.calls as f64 };
        format!("+{} (+{share:.2}%)", thousands(count))
    };
    Facts {
        facts: vec![
            fact(w.screen_calls, thousands(found.calls)),
            fact(w.screen_block, thousands(found.blocked)),
            fact(w.live_block_more, more(found.block_more)),
            fact(w.live_challenge_more, more(found.challenge_more)),
            fact(w.live_label_more, more(found.label_more)),
        ],
    }
}

async fn show(State(app): State<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.reach(&app, Right::ScreeningView)?;
    let w = shell.w;
    let body = body(&app, &actor, w, shell.language)?;
    Ok(page(&LivePage { w, tabs: parts(w, "/screening"), body, shell }))
}

async fn follow(State(app): State<App>, actor: Actor, shell: Shell, headers: HeaderMap) -> Result<Response> {
    actor.reach(&app, Right::ScreeningView)?;
    // Who does not ask for a stream gets what there is now.
    let asked =
        headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/event-stream"));
    let turns = if asked { STREAM_SECONDS } else { 1 };
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let start = (app, actor, shell, ticks, String::new(), turns);
    let events = stream::unfold(start, |(app, actor, shell, mut ticks, mut last, left)| async move {
        for left in (0..left).rev() {
            tokio::select! {
                _ = ticks.tick() => {}
                () = actor.alive.cancelled() => return None,
            }
            if !may(&app, &actor, Right::ScreeningView) {
                return None;
            }
            let html = body(&app, &actor, shell.w, shell.language).ok()?.render().ok()?;
            if html != last {
                last.clone_from(&html);
                let event = Event::default().event("live").retry(Duration::from_secs(1)).data(html);
                return Some((Ok::<_, Infallible>(event), (app, actor, shell, ticks, last, left)));
            }
        }
        None
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}
