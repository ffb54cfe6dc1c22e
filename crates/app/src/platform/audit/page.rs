//! 审计日志: the list, with where the tree stands. Reading it is itself an entry.

use axum::{
    Router,
    extract::{Query, State},
    response::Response,
    routing::get,
};
use chuangsha_kernel::{role::Action, time::Timestamp};
use chuangsha_store::params;
use uuid::Uuid;

use super::{
    By, Entry, integrate,
    query::{self, Filter, Seen},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
        web::{
            form::{Input, Kind},
            page,
            pages::{ListPage, Section},
            parts::{Empty, Facts, Tag, Tone, code, fact, status},
            shell::Shell,
            table::{Address, Cell, Column, Line, Search, Table, keyset, thousands},
        },
        words::Words,
    },
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/log", get(list))
}

/// What the address of the list says.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Asked {
    action: String,
    from: String,
    until: String,
    size: u32,
    after: String,
    n: u64,
}

async fn list(State(app): State<App>, actor: Actor, shell: Shell, Query(asked): Query<Asked>) -> Result<Response> {
    let w = shell.w;
    actor.reach(&app, Action::AuditView)?;
    let now = app.clock.now();
    let size = if [20, 50, 100].contains(&asked.size) { asked.size } else { 50 };
    let day = |text: &str| text.parse::<jiff::civil::Date>().ok();
    let filter = Filter {
        action: asked.action.trim().to_owned(),
        from: day(&asked.from).map(Timestamp::start_of),
        before: day(&asked.until).and_then(|day| day.tomorrow().ok()).map(Timestamp::start_of),
        after: Uuid::try_parse(&asked.after).ok(),
        limit: i64::from(size) + 1,
        ..Filter::default()
    };
    let facts = serde_json::json!({ "action": filter.action, "from": asked.from, "until": asked.until }).to_string();
    let (reading, asker) = (app.clone(), actor.clone());
    let (mut found, last, pending) = app
        .store
        .write(move |tx| {
            let entry = Entry { action: Action::AuditView.as_str(), case_kind: "log", step: "list", facts: &facts, ..Entry::default() };
            reading.audit(tx, By::Actor(&asker), &entry, now)?;
            let pending = tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE seq IS NULL", &params![])?.int(0)?;
            Ok::<_, Failure>((query::list(&reading, tx, &filter)?, integrate::last(tx)?, pending))
        })
        .await?;
    let more = found.len() > size as usize;
    found.truncate(size as usize);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    let address = Address::new(
        "/log",
        [
            ("action", asked.action.clone()),
            ("from", asked.from.clone()),
            ("until", asked.until.clone()),
            ("size", if asked.size == 0 { String::new() } else { asked.size.to_string() }),
        ],
    );
    let seen = asked.n.max(1) - 1 + found.len() as u64;
    let table = Table {
        w,
        id: "log".into(),
        caption: w.menu_audit.into(),
        columns: [w.audit_sequence, w.time, w.staff_number, w.audit_action, w.audit_case, w.note, w.article, w.from_network]
            .into_iter()
            .map(Column::new)
            .collect(),
        lines: found.iter().map(line).collect(),
        pager: keyset(&address, asked.n, size, seen, more, next),
        empty: Empty { title: w.nothing_found.into(), hint: w.nothing_found_hint.into(), action: None },
        tools: Vec::new(),
        batch: None,
        state: None,
    };
    let search = Search {
        w,
        action: "/log".into(),
        target: "log".into(),
        fields: vec![
            Input::new("action", w.audit_action, Kind::Line("search")).value(&asked.action).prefix("s"),
            Input::new("from", w.from, Kind::Line("date")).value(&asked.from).prefix("s"),
            Input::new("until", w.until, Kind::Line("date")).value(&asked.until).prefix("s"),
        ],
        kept: if asked.size == 0 { Vec::new() } else { vec![("size".into(), asked.size.to_string())] },
    };
    let sections = vec![Section::Facts(w.audit_checkpoint.to_owned(), Facts { facts: checkpoint(w, last, pending) })];
    let (title, lead) = (w.menu_audit.to_owned(), w.audit_lead.to_owned());
    Ok(page(&ListPage {
        w,
        shell,
        title,
        lead,
        cards: Vec::new(),
        tabs: None,
        notice: None,
        search: Some(search),
        views: None,
        table,
        sections,
    }))
}

fn checkpoint(w: &'static Words, last: Option<(i64, Timestamp, String)>, pending: i64) -> Vec<crate::platform::web::parts::Fact> {
    let waiting = status(
        w.audit_pending,
        Tag::new(if pending > 10_000 { Tone::Warning } else { Tone::Quiet }, thousands(pending.max(0).unsigned_abs())),
    );
    match last {
        None => vec![fact(w.audit_size, "0"), waiting],
        Some((size, at, note)) => vec![
            fact(w.audit_size, thousands(size.max(0).unsigned_abs())),
            fact(w.time, at.display()),
            // Third line of a signed note: the root, base64.
            code(w.audit_root, note.lines().nth(2).unwrap_or_default()),
            waiting,
        ],
    }
}

fn line(entry: &Seen) -> Line {
    let case = match (&entry.case, entry.case_kind.as_str()) {
        (Some(id), "order") => Cell::Link(format!("/orders/{id}"), short(id)),
        (Some(id), "channel") => Cell::Link(format!("/channels/{id}"), short(id)),
        (Some(id), "staff") => Cell::Link(format!("/people/{id}"), short(id)),
        (Some(id), kind) => Cell::Code(format!("{kind} {}", short(id))),
        (None, kind) => Cell::Text(kind.to_owned()),
    };
    Line {
        id: entry.id.to_string(),
        cells: vec![
            Cell::Number(entry.seq.map_or("—".to_owned(), |seq| seq.to_string())),
            Cell::Text(entry.at()),
            Cell::Code(entry.number.clone()),
            Cell::Two(entry.action.clone(), entry.step.clone()),
            case,
            Cell::Text(entry.why.clone()),
            Cell::Code(entry.article.clone()),
            Cell::Code(entry.from.clone()),
        ],
        current: false,
    }
}

/// The last eight characters of an id tell entries of one list apart; the first ones are all the same minute.
fn short(id: &Uuid) -> String {
    let text = id.simple().to_string();
    format!("…{}", text.get(24..).unwrap_or(&text))
}
