//! 通报接口: published bulletins as they were published.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{BulletinContent, BulletinKind, Filter};
use crate::{
    App,
    platform::{actor::Actor, failure::Result},
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one))
}

/// Which bulletins.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BulletinQuery {
    /// `daily` or `weekly`; both when empty.
    pub kind: String,
    /// Rows, 1 to 1,000; 50 when absent.
    pub limit: Option<i64>,
}

/// One bulletin in a list.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct BulletinLine {
    /// Id.
    pub id: Uuid,
    /// SHA-256 of what was published; it stands in the audit log too.
    pub digest: String,
    /// Content, narrowed to the cities one may see.
    pub content: BulletinContent,
}

/// Bulletins, newest first.
#[utoipa::path(get, path = "/bulletins", tag = "figures", params(BulletinQuery), responses((status = 200, body = Vec<BulletinLine>)))]
async fn list(State(app): State<App>, actor: Actor, Query(query): Query<BulletinQuery>) -> Result<Json<Vec<BulletinLine>>> {
    let filter = Filter { kind: BulletinKind::parse(&query.kind), limit: query.limit.unwrap_or(50), ..Filter::default() };
    let found = super::list(&app, &actor, filter).await?;
    Ok(Json(found.into_iter().map(|one| BulletinLine { id: one.id, digest: one.digest, content: one.content }).collect()))
}

/// One bulletin.
#[utoipa::path(get, path = "/bulletins/{id}", tag = "figures", params(("id" = Uuid, Path)), responses((status = 200, body = BulletinLine)))]
async fn one(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<BulletinLine>> {
    let found = super::find(&app, &actor, id).await?;
    Ok(Json(BulletinLine { id: found.id, digest: found.digest, content: found.content }))
}
