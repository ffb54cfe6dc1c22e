//! 金库授权接口: the JSON of requests for a second person. A request is made where the act is; here it is read, decided and taken back.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{Answer, Queue, RequestView};
use crate::{
    App,
    platform::{
        actor::Actor,
        edge::cursor::{Cursor, Page},
        failure::Result,
        people::http::Body,
    },
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(find))
        .routes(routes!(approve))
        .routes(routes!(refuse))
        .routes(routes!(withdraw))
}

/// Name of the lists' cursors.
const LIST: &str = "second-persons";

/// Which list.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `mine` (the default), `waiting` or `decided`.
    pub queue: String,
    /// Cursor of the page before.
    pub after: String,
    /// Rows, 1 to 100; 20 when absent.
    pub limit: Option<i64>,
}

/// Requests: one's own; for approvers what waits and what they decided.
#[utoipa::path(get, path = "/second-persons", tag = "second-person", params(ListQuery), responses((status = 200, body = Page<RequestView>)))]
async fn list(State(app): State<App>, actor: Actor, Query(asked): Query<ListQuery>) -> Result<Json<Page<RequestView>>> {
    let queue = Queue::parse(&asked.queue).unwrap_or(Queue::Mine);
    let after = if asked.after.is_empty() { None } else { Some(Cursor::read(LIST, &asked.after)?.id) };
    let found = super::list(&app, &actor, super::Page { queue, kind: None, after, limit: asked.limit.unwrap_or(20) }).await?;
    Ok(Json(Page { items: found.rows, next: found.next.map(|id| Cursor { at: 0, id }.text(LIST)) }))
}

/// One request.
#[utoipa::path(get, path = "/second-persons/{id}", tag = "second-person", params(("id" = Uuid, Path)), responses((status = 200, body = RequestView)))]
async fn find(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<RequestView>> {
    Ok(Json(super::find(&app, &actor, id).await?))
}

/// What an approver says.
#[derive(Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecondWords)]
pub struct Words {
    /// Why; a refusal needs 2 to 200 characters.
    #[serde(default)]
    pub words: String,
}

/// Agrees. The approval serves the requester once, for a while.
#[utoipa::path(post, path = "/second-persons/{id}/approval", tag = "second-person", params(("id" = Uuid, Path)), request_body = Words, responses((status = 204)))]
async fn approve(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(said): Body<Words>) -> Result<StatusCode> {
    super::answer(&app, &actor, id, Answer::Approve, said.words).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Does not agree.
#[utoipa::path(post, path = "/second-persons/{id}/refusal", tag = "second-person", params(("id" = Uuid, Path)), request_body = Words, responses((status = 204)))]
async fn refuse(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(said): Body<Words>) -> Result<StatusCode> {
    super::answer(&app, &actor, id, Answer::Refuse, said.words).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes one's own request back.
#[utoipa::path(delete, path = "/second-persons/{id}", tag = "second-person", params(("id" = Uuid, Path)), responses((status = 204)))]
async fn withdraw(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<StatusCode> {
    super::withdraw(&app, &actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
