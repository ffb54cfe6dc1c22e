//! 用户接口: the JSON of subscribers. Nothing personal is in an address: a search is a body, its answer an id.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    find::{self, Search},
    view::{self, Protection, SubscriberView},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        edge::cursor::{Cursor, Page},
        failure::Result,
        people::http::Body,
        reveal::{Reveal, Revealed, disclosure::Disclosure},
    },
    registration::http::Opened,
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(search))
        .routes(routes!(find))
        .routes(routes!(access))
        .routes(routes!(disclosures))
        .routes(routes!(reveal))
        .routes(routes!(ask_second))
        .routes(routes!(protect))
}

/// Name of the lists' cursors.
const LIST: &str = "disclosures";

/// Finds a subscriber by full number or document number. Counted and written down, also when nobody is found.
#[utoipa::path(post, path = "/subscribers/search", tag = "subscribers", request_body = Search, responses((status = 200, body = Opened)))]
async fn search(State(app): State<App>, actor: Actor, Body(input): Body<Search>) -> Result<Json<Opened>> {
    Ok(Json(Opened { id: find::search(&app, &actor, input).await? }))
}

/// One subscriber, masked. Looking is recorded.
#[utoipa::path(get, path = "/subscribers/{id}", tag = "subscribers", params(("id" = Uuid, Path)), responses((status = 200, body = SubscriberView)))]
async fn find(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<SubscriberView>> {
    Ok(Json(view::open(&app, &actor, id).await?))
}

/// Which page of a record.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Cursor of the page before.
    pub after: String,
    /// Rows, 1 to 100; 20 when absent.
    pub limit: Option<usize>,
}

impl PageQuery {
    fn after(&self) -> Result<Option<Uuid>> {
        if self.after.is_empty() { Ok(None) } else { Ok(Some(Cursor::read(LIST, &self.after)?.id)) }
    }
}

fn page((items, next): (Vec<Disclosure>, Option<Uuid>)) -> Json<Page<Disclosure>> {
    Json(Page { items, next: next.map(|id| Cursor { at: 0, id }.text(LIST)) })
}

/// Who looked at a subscriber: to an officer with staff number and words, to others as the subscriber is told.
#[utoipa::path(get, path = "/subscribers/{id}/access", tag = "subscribers", params(("id" = Uuid, Path), PageQuery), responses((status = 200, body = Page<Disclosure>)))]
async fn access(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<Uuid>,
    Query(asked): Query<PageQuery>,
) -> Result<Json<Page<Disclosure>>> {
    Ok(page(view::access(&app, &actor, id, asked.after()?, asked.limit.unwrap_or(20)).await?))
}

/// Who looked, as the subscriber is told: organisation, posts, purpose and time, never who it was.
#[utoipa::path(get, path = "/subscribers/{id}/disclosures", tag = "subscribers", params(("id" = Uuid, Path), PageQuery), responses((status = 200, body = Page<Disclosure>)))]
async fn disclosures(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<Uuid>,
    Query(asked): Query<PageQuery>,
) -> Result<Json<Page<Disclosure>>> {
    Ok(page(view::disclosures(&app, &actor, id, asked.after()?, asked.limit.unwrap_or(20)).await?))
}

/// Shows one field in clear.
#[utoipa::path(post, path = "/subscribers/{id}/reveals", tag = "protection", params(("id" = Uuid, Path)), request_body = Reveal, responses((status = 200, body = Revealed)))]
async fn reveal(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<Reveal>) -> Result<Response> {
    let revealed = view::reveal(&app, &actor, id, input).await?;
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(revealed)).into_response())
}

/// Asks a second person for a field that one person alone may not see.
#[utoipa::path(post, path = "/subscribers/{id}/reveals/second-person", tag = "protection", params(("id" = Uuid, Path)), request_body = Reveal, responses((status = 201, body = Opened)))]
async fn ask_second(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<Uuid>,
    Body(input): Body<Reveal>,
) -> Result<(StatusCode, Json<Opened>)> {
    let id = view::ask_second(&app, &actor, id, input).await?;
    Ok((StatusCode::CREATED, Json(Opened { id })))
}

/// Puts a subscriber under protection, or takes it away.
#[utoipa::path(post, path = "/subscribers/{id}/protection", tag = "protection", params(("id" = Uuid, Path)), request_body = Protection, responses((status = 204)))]
async fn protect(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<Protection>) -> Result<StatusCode> {
    view::protect(&app, &actor, id, input).await?;
    Ok(StatusCode::NO_CONTENT)
}
