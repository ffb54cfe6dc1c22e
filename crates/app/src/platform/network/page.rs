//! 开通死信: commands the network did not take after every retry, for people to look at and send again.

use axum::{
    Router,
    extract::{Path, State},
    http::Uri,
    response::Response,
    routing::{get, post},
};
use chuangsha_kernel::{id::OrderId, problem::Problem, role::Action};
use chuangsha_store::outbox::{self, Dead};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::http;
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result, code::NOT_FOUND},
        web::{
            form::Input,
            list::{self, Asked, Fields, Found, Listing, Look, Window},
            parts::{Empty, Tab, Tabs},
            see_other,
            shell::Shell,
            table::{Act, BatchAct, Cell, Column, Line},
        },
        words::Words,
    },
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/network", get(list)).route("/network/{id}/retry", post(retry))
}

/// 死信, as a list: one topic at a time.
pub struct DeadLetters;

/// The topic asked for; the network's unless another is.
fn topic(asked: &Asked) -> &'static str {
    http::TOPICS.into_iter().find(|topic| *topic == asked.get("topic")).unwrap_or("network")
}

impl Listing for DeadLetters {
    fn path(&self) -> &'static str {
        "/network"
    }

    fn id(&self) -> &'static str {
        "dead"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_network
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.dead_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["topic"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("order", w.order),
            Column::keyed("attempts", w.dead_attempts).figures(),
            Column::keyed("error", w.dead_error),
            Column::keyed("since", w.dead_since).moment(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, _look: &Look, _asked: &Asked) -> Vec<Input> {
        Vec::new()
    }

    fn tabs<'a>(&'a self, look: &'a Look, asked: &'a Asked) -> BoxFuture<'a, Result<Option<Tabs>>> {
        Box::pin(async move {
            let w = look.w;
            let counts = look
                .app
                .read(|tx| {
                    http::TOPICS
                        .into_iter()
                        .map(|topic| Ok::<_, Failure>((topic, outbox::depth(tx, topic)?.dead)))
                        .collect::<Result<Vec<_>>>()
                })
                .await?;
            let count = |name: &str| counts.iter().find(|(topic, _)| *topic == name).map(|(_, dead)| dead.max(&0).unsigned_abs());
            let tab = |name: &str, label: &str| Tab {
                label: label.to_owned(),
                href: asked.address(self).with("topic", name).to_string(),
                current: topic(asked) == name,
                count: count(name),
            };
            Ok(Some(Tabs {
                label: w.dead_topic.into(),
                tabs: vec![tab("network", w.dead_topic_network), tab("verification", w.dead_topic_verify), tab("sms", w.dead_topic_sms)],
            }))
        })
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            look.actor.reach(&look.app, Action::NetworkView)?;
            let topic = topic(asked);
            let after = window.after.as_deref().and_then(|after| Uuid::try_parse(after).ok());
            let (rows, total) = look
                .app
                .read(move |tx| {
                    let total = if window.count { Some(outbox::depth(tx, topic)?.dead) } else { None };
                    Ok::<_, Failure>((outbox::list_dead(tx, topic, after, i64::from(window.limit) + 1)?, total))
                })
                .await?;
            let may_retry = look.actor.could(&look.app, Action::NetworkRetry);
            let total = list::capped(total, i64::MAX);
            Ok(Found::page(rows, window.limit, total, |letter| line(look.w, letter, may_retry), |letter| letter.id.to_string()))
        })
    }

    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.dead_empty.into(), hint: w.dead_empty_hint.into(), action: None }
    }

    fn acts(&self, look: &Look) -> Vec<BatchAct> {
        if look.actor.could(&look.app, Action::NetworkRetry) { vec![BatchAct::new("retry", look.w.dead_retry)] } else { Vec::new() }
    }

    fn apply<'a>(&'a self, look: &'a Look, _act: &'a str, _form: &'a Fields, id: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let id = Uuid::try_parse(id).map_err(|_| Failure::from(Problem::new(&NOT_FOUND)))?;
            http::revive(&look.app, &look.actor, id).await
        })
    }
}

async fn list(State(app): State<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&DeadLetters, &app, &actor, shell, &uri).await
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
    http::revive(&app, &actor, id).await?;
    Ok(see_other("/network?done=retried"))
}
