//! 死信与网元回调: what did not get through, and the network's own call back.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
};
use chuangsha_kernel::{id::OrderId, problem::Problem, role::Action};
use chuangsha_store::outbox;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{self, Failure, Result},
    },
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(dead_letters)).routes(routes!(retry)).routes(routes!(feedback))
}

/// A message that people must look at.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct DeadLetter {
    /// Id.
    pub id: Uuid,
    /// `network`, `sms` or `verification`.
    pub topic: String,
    /// Case it belongs to.
    pub case: Uuid,
    /// How often delivery was tried.
    pub attempts: i64,
    /// What the last try said.
    pub error: String,
    /// When it was given up, milliseconds UTC.
    pub buried_at_ms: i64,
}

/// Which of them.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeadQuery {
    /// Topic; `network` when absent.
    pub topic: String,
    /// Id of the last row of the page before.
    pub after: Option<Uuid>,
}

/// Topics a worker works.
pub const TOPICS: [&str; 3] = ["network", "sms", "verification"];

/// Dead letters of a topic.
pub async fn dead(app: &App, actor: &Actor, topic: &str, after: Option<Uuid>) -> Result<Vec<DeadLetter>> {
    let topic = if topic.is_empty() { "network" } else { topic }.to_owned();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            actor.require(&app, Action::NetworkView, &app.resource(actor.organisation, &actor.region, None))?;
            let found = outbox::list_dead(tx, &topic, after, 50)?;
            Ok(found
                .into_iter()
                .map(|dead| DeadLetter {
                    id: dead.id,
                    topic: dead.topic,
                    case: dead.case,
                    attempts: dead.attempts,
                    error: dead.error,
                    buried_at_ms: dead.buried_at.0,
                })
                .collect())
        })
        .await
}

/// Sends a dead letter again: the same key, so whatever got through before is not done twice. One that somebody else sent again a moment ago
/// needs nothing more.
///
/// # Errors
/// `people.denied`; `platform.not_found`: there is no such message.
pub async fn revive(app: &App, actor: &Actor, id: Uuid) -> Result<()> {
    let now = app.clock.now();
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        actor.require(&writer, Action::NetworkRetry, &writer.resource(actor.organisation, &actor.region, None))?;
        let case = outbox::case_of(tx, id)?.ok_or_else(|| Failure::from(Problem::new(&failure::code::NOT_FOUND)))?;
        if outbox::revive(tx, id, now)? {
            let facts = serde_json::json!({ "message": id }).to_string();
            let action = Action::NetworkRetry.as_str();
            let entry = Entry {
                action,
                case_kind: "order",
                case: Some(case),
                step: "revived",
                article: "R-REG-6",
                facts: &facts,
                ..Entry::default()
            };
            writer.audit(tx, By::Actor(&actor), &entry, now)?;
        }
        Ok(())
    })
    .await
}

/// What did not get through.
#[utoipa::path(get, path = "/dead-letters", tag = "network", params(DeadQuery), responses((status = 200, body = Vec<DeadLetter>)))]
async fn dead_letters(State(app): State<App>, actor: Actor, Query(query): Query<DeadQuery>) -> Result<Json<Vec<DeadLetter>>> {
    Ok(Json(dead(&app, &actor, &query.topic, query.after).await?))
}

/// Sends one again.
#[utoipa::path(post, path = "/dead-letters/{id}/retry", tag = "network", params(("id" = Uuid, Path)), responses((status = 204)))]
async fn retry(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<StatusCode> {
    revive(&app, &actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The network calls back (TMF640 listener). It is a hint, never a proof: the element is asked, and only its own answer confirms an order
/// that waits for it. Anybody may send the hint; it can do nothing else.
#[utoipa::path(post, path = "/network/feedback", tag = "network", request_body(content = String, content_type = "application/json"), responses((status = 204)))]
async fn feedback(State(app): State<App>, body: Bytes) -> Result<StatusCode> {
    let feedback = super::read_feedback(&body).map_err(failure::refuse)?;
    let case = feedback.key.strip_prefix("activate:").and_then(|id| id.parse::<Uuid>().ok());
    if let Some(case) = case {
        crate::registration::gate::ask_again(&app, OrderId(case), &feedback.key).await?;
    }
    crate::suspension::line::hint(&app, &feedback.key).await?;
    Ok(StatusCode::NO_CONTENT)
}
