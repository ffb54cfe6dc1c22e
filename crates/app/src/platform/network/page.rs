//! 开通死信: commands the network did not take after every retry, for people to look at and send again.

use std::collections::BTreeMap;

use axum::{
    Form, Router,
    extract::{Path, Query, State},
    response::Response,
    routing::{get, post},
};
use chuangsha_kernel::{id::OrderId, role::Action};
use chuangsha_store::outbox::{self, Dead};
use uuid::Uuid;

use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
        web::{
            page,
            pages::ListPage,
            parts::Empty,
            see_other,
            shell::Shell,
            table::{Act, Address, Batch, BatchAct, Cell, Column, Line, Table, keyset},
        },
        words::Words,
    },
};

/// Topics whose dead letters are shown: what goes to the network, to the authority and to customers.
const TOPICS: [&str; 3] = ["network", "verification", "sms"];

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/network", get(list)).route("/network/{id}/retry", post(retry)).route("/network/retry", post(retry_chosen))
}

/// What the address of the list says.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Asked {
    topic: String,
    size: u32,
    after: String,
    n: u64,
}

async fn list(State(app): State<App>, actor: Actor, shell: Shell, Query(asked): Query<Asked>) -> Result<Response> {
    let w = shell.w;
    actor.reach(&app, Action::NetworkView)?;
    let topic = TOPICS.into_iter().find(|topic| *topic == asked.topic).unwrap_or("network");
    let size = if [20, 50, 100].contains(&asked.size) { asked.size } else { 20 };
    let after = Uuid::try_parse(&asked.after).ok();
    let mut found = app.store.read(move |tx| Ok::<_, Failure>(outbox::list_dead(tx, topic, after, i64::from(size) + 1)?)).await?;
    let more = found.len() > size as usize;
    found.truncate(size as usize);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    let address = Address::new(
        "/network",
        [("topic", asked.topic.clone()), ("size", if asked.size == 0 { String::new() } else { asked.size.to_string() })],
    );
    let seen = asked.n.max(1) - 1 + found.len() as u64;
    let may_retry = actor.could(&app, Action::NetworkRetry);
    let tab = |name: &str, label: &str| crate::platform::web::parts::Tab {
        label: label.to_owned(),
        href: Address::new("/network", [("topic", name)]).to_string(),
        current: topic == name,
        count: None,
    };
    let table = Table {
        w,
        id: "dead".into(),
        caption: w.menu_network.into(),
        columns: [w.order, w.dead_attempts, w.dead_error, w.dead_since, w.actions].into_iter().map(Column::new).collect(),
        lines: found.iter().map(|letter| line(w, letter, may_retry)).collect(),
        pager: keyset(&address, asked.n, size, seen, more, next),
        empty: Empty { title: w.dead_empty.into(), hint: w.dead_empty_hint.into(), action: None },
        tools: Vec::new(),
        batch: may_retry.then(|| Batch {
            action: "/network/retry".into(),
            acts: vec![BatchAct::new("retry", w.dead_retry)],
            kept: Vec::new(),
            all: (0, false),
        }),
        state: None,
    };
    let tabs = crate::platform::web::parts::Tabs {
        label: w.dead_topic.into(),
        tabs: vec![tab("network", w.dead_topic_network), tab("verification", w.dead_topic_verify), tab("sms", w.dead_topic_sms)],
    };
    let (title, lead) = (w.menu_network.to_owned(), w.dead_lead.to_owned());
    Ok(page(&ListPage {
        w,
        shell,
        title,
        lead,
        cards: Vec::new(),
        tabs: Some(tabs),
        notice: None,
        search: None,
        views: None,
        table,
        sections: Vec::new(),
    }))
}

fn line(w: &'static Words, letter: &Dead, may_retry: bool) -> Line {
    let mut acts = vec![Act::page(w.open, letter.key.as_str(), format!("/orders/{}", OrderId(letter.case)))];
    if may_retry {
        acts.insert(0, Act::step(w.dead_retry, letter.key.as_str(), format!("/network/{}/retry", letter.id)).primary());
    }
    Line {
        id: letter.id.to_string(),
        cells: vec![
            Cell::Link(format!("/orders/{}", OrderId(letter.case)), letter.key.clone()),
            Cell::Number(letter.attempts.to_string()),
            Cell::Text(letter.error.clone()),
            Cell::Text(letter.buried_at.display()),
            Cell::Actions(acts),
        ],
        current: false,
    }
}

async fn retry(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Response> {
    revive(&app, &actor, vec![id]).await?;
    Ok(see_other("/network?done=retried"))
}

async fn retry_chosen(State(app): State<App>, actor: Actor, Form(form): Form<Vec<(String, String)>>) -> Result<Response> {
    let chosen = form.iter().filter(|(name, _)| name == "chosen").filter_map(|(_, id)| Uuid::try_parse(id).ok()).take(100).collect();
    revive(&app, &actor, chosen).await?;
    Ok(see_other("/network?done=retried"))
}

/// Puts letters back into the way out; who did it is on record with each.
async fn revive(app: &App, actor: &Actor, ids: Vec<Uuid>) -> Result<()> {
    actor.reach(app, Action::NetworkRetry)?;
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.store.clone();
    store
        .write(move |tx| {
            let mut cases = BTreeMap::new();
            for topic in TOPICS {
                for letter in outbox::list_dead(tx, topic, None, 1_000)? {
                    cases.insert(letter.id, letter.case);
                }
            }
            for id in &ids {
                // A letter somebody else revived a moment ago needs nothing more.
                if outbox::revive(tx, *id, now)? {
                    let entry = Entry {
                        action: Action::NetworkRetry.as_str(),
                        case_kind: "order",
                        case: cases.get(id).copied(),
                        step: "revived",
                        ..Entry::default()
                    };
                    app.audit(tx, By::Actor(&actor), &entry, now)?;
                }
            }
            Ok::<_, Failure>(())
        })
        .await
}
