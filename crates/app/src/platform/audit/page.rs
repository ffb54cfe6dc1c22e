//! 审计日志: the list, with where the tree stands. Reading it is itself an entry.

use axum::{Router, extract::State, http::Uri, response::Response, routing::get};
use chuangsha_kernel::{role::Action, time::Timestamp};
use chuangsha_store::params;
use futures_util::future::BoxFuture;
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
            list::{self, Asked, Found, Listing, Look, Window},
            pages::Section,
            parts::{Facts, Tag, Tone, code, fact, status},
            shell::Shell,
            table::{Cell, Column, Line, thousands},
        },
        words::Words,
    },
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/log", get(list))
}

/// 审计日志, as a list.
pub struct Log;

impl Log {
    fn filter(asked: &Asked, window: &Window) -> Filter {
        Filter {
            action: asked.get("action").to_owned(),
            from: asked.day("from").map(Timestamp::start_of),
            before: asked.day("until").and_then(|day| day.tomorrow().ok()).map(Timestamp::start_of),
            after: window.after.as_deref().and_then(|after| Uuid::try_parse(after).ok()),
            limit: i64::from(window.limit) + 1,
            ..Filter::default()
        }
    }
}

impl Listing for Log {
    fn path(&self) -> &'static str {
        "/log"
    }

    fn id(&self) -> &'static str {
        "log"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_audit
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.audit_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["action", "from", "until"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("seq", w.audit_sequence).figures(),
            Column::keyed("at", w.time).moment(),
            Column::keyed("staff", w.staff_number),
            Column::keyed("action", w.audit_action),
            Column::keyed("case", w.audit_case),
            Column::keyed("why", w.note),
            Column::keyed("article", w.article),
            Column::keyed("network", w.from_network),
        ]
    }

    fn size(&self) -> u32 {
        50
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let w = look.w;
        [
            Input::new("action", w.audit_action, Kind::Line("search")),
            Input::new("from", w.from, Kind::Line("date")),
            Input::new("until", w.until, Kind::Line("date")),
        ]
        .into_iter()
        .map(|input| asked.fill(input))
        .collect()
    }

    fn sections<'a>(&'a self, look: &'a Look, _asked: &'a Asked) -> BoxFuture<'a, Result<Vec<Section>>> {
        Box::pin(async move {
            let (last, pending) = look
                .app
                .read(|tx| {
                    let pending = tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE seq IS NULL", &params![])?.int(0)?;
                    Ok::<_, Failure>((integrate::last(tx)?, pending))
                })
                .await?;
            Ok(vec![Section::Facts(look.w.audit_checkpoint.to_owned(), Facts { facts: checkpoint(look.w, last, pending) })])
        })
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            look.actor.reach(&look.app, Action::AuditView)?;
            let now = look.app.clock.now();
            let filter = Self::filter(asked, &window);
            let limit = window.limit;
            let (reading, asker) = (look.app.clone(), look.actor.clone());
            // A page that is looked at is itself an entry; a file of the whole list has one of its own, written before it.
            let (rows, total) = if window.count {
                let facts =
                    serde_json::json!({ "action": filter.action, "from": asked.get("from"), "until": asked.get("until") }).to_string();
                look.app
                    .write(move |tx| {
                        let entry =
                            Entry { action: Action::AuditView.as_str(), case_kind: "log", step: "list", facts: &facts, ..Entry::default() };
                        reading.audit(tx, By::Actor(&asker), &entry, now)?;
                        Ok::<_, Failure>((query::list(&reading, tx, &filter)?, Some(query::count(tx, &filter)?)))
                    })
                    .await?
            } else {
                look.app.read(move |tx| Ok::<_, Failure>((query::list(&reading, tx, &filter)?, None))).await?
            };
            Ok(Found::page(rows, limit, list::capped(total, query::COUNT_CAP), line, |entry| entry.id.to_string()))
        })
    }
}

async fn list(State(app): State<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Log, &app, &actor, shell, &uri).await
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
