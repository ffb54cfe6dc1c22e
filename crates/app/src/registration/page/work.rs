//! 我的待办: where everybody lands. The oldest first, each with one thing to do.

use askama::Template;

use crate::platform::web::parts::Card;
use crate::platform::web::shell::Shell;
use crate::platform::web::table::Table;
use crate::platform::words::Words;

/// 我的待办
#[derive(Template)]
#[template(path = "registration/my_work.html")]
pub struct MyWork {
    /// Frame.
    pub shell: Shell,
    /// Words.
    pub w: &'static Words,
    /// One sentence.
    pub lead: String,
    /// Figures of this role.
    pub cards: Vec<Card>,
    /// What waits for this person.
    pub table: Table,
    /// What else may be of interest.
    pub others: Vec<Table>,
}

use axum::{Router, extract::State as Of, response::Response, routing::get};
use chuangsha_kernel::{role::Action, time::Timestamp};
use chuangsha_store::outbox::{self, Dead};

use super::{
    age, channel_words, mode_words, product_words,
    queue::{of_queue, said},
    state_tag,
};
use crate::{
    App,
    channels::{self, plan},
    platform::{
        actor::Actor,
        failure::Result,
        web::{
            list::Look,
            page,
            parts::{Empty, Tag, Tone, duration},
            table::{Act, Cell, Column, Line, thousands},
        },
    },
    registration::{
        order::State,
        table::Filter,
        view::{self, RowView},
    },
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/", get(my_work))
}

/// Rows of a queue shown here; the rest is one press away.
const SHOWN: i64 = 20;

async fn my_work(Of(app): Of<App>, actor: Actor, shell: Shell) -> Result<Response> {
    let w = shell.w;
    let mut cards = Vec::new();
    let mut rows: Vec<(RowView, Act)> = Vec::new();
    let due_ms = app.clock_rule("registration.audit_clock", app.clock.now())?.value;
    if actor.could(&app, Action::OrderClaim) {
        let held =
            Filter { states: vec![State::Auditing], held_by: Some(actor.staff), limit: SHOWN, oldest_first: true, ..Filter::default() };
        for row in view::list(&app, &actor, held).await?.rows {
            let act = Act::page(w.continue_case, &row.code, format!("/audit?order={}", row.id)).primary();
            rows.push((row, act));
        }
        let now = app.clock.now();
        let free = Filter {
            states: vec![State::Submitted, State::Auditing],
            not_captured_by: Some(actor.organisation),
            unheld_at: Some(now),
            checked: true,
            oldest_first: true,
            limit: SHOWN,
            ..Filter::default()
        };
        let free = view::list(&app, &actor, free).await?;
        let overdue = free.rows.iter().filter(|row| row.overdue).count();
        cards.push(Card {
            note: if overdue > 0 { shell.say(w.overdue_of_it, overdue) } else { String::new() },
            tone: if overdue > 0 { Tone::Bad } else { Tone::Active },
            ..card(w.card_waiting, free.total, w.unit_orders, "/audit")
        });
        for row in free.rows {
            let act = Act::step(w.claim, &row.code, format!("/audit/{}/claim", row.id)).primary();
            rows.push((row, act));
        }
    }
    let senior = |queue: &'static str| {
        let now = app.clock.now();
        Filter { limit: SHOWN, not_voted_by: Some(actor.staff), ..of_queue(&actor, queue, Filter::default(), now) }
    };
    for (queue, action, label, tone) in [
        ("escalated", Action::OrderDecide, w.queue_escalated, Tone::Warning),
        ("recheck", Action::OrderSample, w.queue_recheck, Tone::Quiet),
    ] {
        if actor.could(&app, action) {
            let found = view::list(&app, &actor, senior(queue)).await?;
            let list = format!("/audit?queue={queue}");
            cards.push(Card { tone, ..card(label, found.total, w.unit_orders, &list) });
            for row in found.rows {
                let act = Act::page(label, &row.code, format!("{list}&order={}", row.id)).primary();
                rows.push((row, act));
            }
        }
    }
    // Who hands work out but does not audit sees what is late, and hands it out from the queue.
    if actor.could(&app, Action::OrderAssign) && !actor.could(&app, Action::OrderClaim) {
        let now = app.clock.now();
        let late =
            Filter { submitted_before: Some(now.plus_ms(-due_ms)), limit: SHOWN, ..of_queue(&actor, "unclaimed", Filter::default(), now) };
        let late = view::list(&app, &actor, late).await?;
        let tone = if late.total > 0 { Tone::Bad } else { Tone::Good };
        cards.push(Card { tone, ..card(w.alert_late, late.total, w.unit_orders, "/audit") });
        for row in late.rows {
            let act = Act::page(w.assign, &row.code, format!("/audit?code={}", row.code)).primary();
            rows.push((row, act));
        }
    }
    if actor.could(&app, Action::OrderReserve) {
        let of = |states: Vec<State>| Filter { states, captured_by: Some(actor.organisation), limit: SHOWN, ..Filter::default() };
        let returned = view::list(&app, &actor, of(vec![State::Returned])).await?;
        cards.push(Card { tone: Tone::Warning, ..card(w.card_returned, returned.total, w.unit_orders, "/orders?state=returned") });
        let open = view::list(&app, &actor, of(vec![State::Draft, State::Reserved, State::Captured])).await?;
        cards.push(card(w.card_drafts, open.total, w.unit_orders, "/orders?state=reserved"));
        for row in returned.rows.into_iter().chain(open.rows) {
            let act = Act::page(w.step_keep, &row.code, super::capture::resume(&row)).primary();
            rows.push((row, act));
        }
    }
    let tools = if actor.could(&app, Action::OrderReserve) { vec![("/capture".to_owned(), w.capture_new.to_owned())] } else { Vec::new() };
    let lines = rows.into_iter().map(|(row, act)| line(w, &row, act, due_ms)).collect::<Vec<_>>();
    let columns = [w.order_code, w.product_kind, w.outlet, w.waited, w.status, w.held_by, w.actions].map(Column::new).into();
    let empty = Empty { title: w.work_empty.into(), hint: w.work_empty_hint.into(), action: None };
    let table = Table { empty, tools, ..Table::within(w, "work", w.work_mine, columns, lines, w.work_empty) };
    let others = others(&Look::of(&app, &actor, &shell)).await?;
    Ok(page(&MyWork { w, shell, lead: w.my_work_lead.into(), cards, table, others }))
}

/// What waits that is no order: commands the network did not take, outlets on their way in or under a warning.
async fn others(look: &Look) -> Result<Vec<Table>> {
    let (app, actor, w) = (&look.app, &look.actor, look.w);
    let now = app.clock.now();
    let table = |id: &str, caption: &str, lines: Vec<Line>, all: String| Table {
        tools: vec![(all, w.all.to_owned())],
        ..Table::within(w, id, caption, [w.name, w.status, w.waited, w.actions].map(Column::new).into(), lines, w.work_empty)
    };
    let age_of = |since: Timestamp| Cell::Age(duration(w, now.0 - since.0), Tone::Quiet, since.display());
    let mut tables = Vec::new();
    if actor.could(app, Action::NetworkRetry) {
        let dead = app.read(|tx| Ok(outbox::list_dead(tx, "network", None, SHOWN)?)).await?;
        let line = |letter: &Dead| Line {
            id: letter.id.to_string(),
            cells: vec![
                Cell::Code(letter.key.clone()),
                Cell::Text(letter.error.clone()),
                age_of(letter.buried_at),
                Cell::Actions(vec![Act::step(w.dead_retry, &letter.key, format!("/network/{}/retry", letter.id)).primary()]),
            ],
            current: false,
        };
        tables.push(table("dead", w.menu_network, dead.iter().map(line).collect(), "/network".to_owned()));
    }
    if actor.could(app, Action::ChannelVisit) {
        let states = vec![plan::State::Planned, plan::State::Missed];
        let filter = plan::Filter { states, staff: Some(actor.staff), until: Some(now.day()), limit: SHOWN, ..plan::Filter::default() };
        let mine = plan::list(app, actor, filter).await?;
        let line = |one: &plan::Listed| Line {
            id: one.plan.id.to_string(),
            cells: vec![
                Cell::Two(one.code.clone(), said(look.language, &one.zh, &one.en).to_owned()),
                Cell::Tag(plan::page::state_tag(look.language, one.plan.state)),
                age_of(Timestamp::start_of(one.plan.day)),
                Cell::Actions(vec![Act::page(w.open, &one.code, format!("/visits/{}", one.plan.id)).primary()]),
            ],
            current: false,
        };
        tables.push(table("visits", w.visit_plans, mine.iter().map(line).collect(), "/visits?mine=yes".to_owned()));
    }
    for (state, action) in [(channels::State::Applied, Action::ChannelAdmit), (channels::State::Warned, Action::ChannelPenalise)] {
        if actor.could(app, action) && actor.could(app, Action::ChannelView) {
            let filter = channels::Filter { state: Some(state), limit: SHOWN, ..channels::Filter::default() };
            let found = channels::list(app, actor, filter).await?;
            let words = crate::channels::page::state_words(w, state);
            let line = |listed: &channels::Listed| Line {
                id: listed.channel.organisation.to_string(),
                cells: vec![
                    Cell::Two(listed.channel.code.clone(), said(look.language, &listed.zh, &listed.en).to_owned()),
                    Cell::Tag(Tag::new(Tone::Warning, words)),
                    age_of(listed.channel.updated_at),
                    Cell::Actions(vec![
                        Act::page(w.open, &listed.channel.code, format!("/channels/{}", listed.channel.organisation)).primary(),
                    ]),
                ],
                current: false,
            };
            let caption = format!("{} · {words}", w.menu_channels);
            let all = format!("/channels?state={}", state.as_str());
            tables.push(table(state.as_str(), &caption, found.iter().map(line).collect(), all));
        }
    }
    Ok(tables.into_iter().filter(|table| !table.lines.is_empty()).collect())
}

/// A figure that leads to its list.
pub fn card(label: &str, count: i64, unit: &str, href: &str) -> Card {
    let capped = if count >= view::COUNT_CAP { "+" } else { "" };
    Card {
        label: label.to_owned(),
        value: format!("{}{capped}", thousands(count.max(0).unsigned_abs())),
        unit: unit.to_owned(),
        change: None,
        note: String::new(),
        href: href.to_owned(),
        spark: None,
        tone: Tone::Quiet,
    }
}

fn line(w: &'static Words, row: &RowView, act: Act, due_ms: i64) -> Line {
    let kind = chuangsha_kernel::rulebook::ChannelKind::parse(&row.channel_kind).map_or("", |kind| channel_words(w, kind));
    Line {
        id: row.id.to_string(),
        cells: vec![
            Cell::Link(format!("/orders/{}", row.id), row.code.clone()),
            Cell::Two(product_words(w, row.product).to_owned(), mode_words(w, row.mode).to_owned()),
            Cell::Two(row.channel.clone(), kind.to_owned()),
            age(w, row.waited_ms, due_ms, row.overdue),
            Cell::Tag(state_tag(w, row.state)),
            Cell::Text(if row.held_by_me { w.held_by_me.to_owned() } else { "—".to_owned() }),
            Cell::Actions(vec![act]),
        ],
        current: row.held_by_me,
    }
}
