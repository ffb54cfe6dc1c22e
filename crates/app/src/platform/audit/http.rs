//! 审计接口: reading the log and its checkpoints. Reading is recorded.

use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use chuangsha_kernel::{id::StaffId, problem::Problem, role::Action};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    By, Entry, integrate,
    query::{self, Filter, Seen},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{self, Result},
    },
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(checkpoint))
}

/// What the list may be narrowed by.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Action, from its start.
    pub action: String,
    /// Who.
    pub staff: Option<Uuid>,
    /// Case.
    pub case: Option<Uuid>,
    /// Id of the last row of the page before.
    pub after: Option<Uuid>,
    /// Rows, 1 to 200; 50 when absent.
    pub limit: Option<i64>,
}

/// One page of the log, newest first. That it was read is in the log.
pub async fn read(app: &App, actor: &Actor, asked: LogQuery) -> Result<Vec<Seen>> {
    let now = app.clock.now();
    let (writer, actor) = (app.clone(), actor.clone());
    let filter = Filter {
        action: asked.action,
        staff: asked.staff.map(StaffId),
        case: asked.case,
        after: asked.after,
        limit: asked.limit.unwrap_or(50),
        ..Filter::default()
    };
    app.store
        .write(move |tx| {
            actor.require(&writer, Action::AuditView, &writer.resource(actor.organisation, &actor.region, None))?;
            let facts = serde_json::json!({ "action": filter.action, "staff": filter.staff, "case": filter.case }).to_string();
            let entry = Entry {
                action: "audit.view",
                case_kind: "audit",
                article: "R-PIP-3",
                pack: &writer.rules.version,
                facts: &facts,
                ..Entry::default()
            };
            writer.audit(tx, By::Actor(&actor), &entry, now)?;
            query::list(&writer, tx, &filter)
        })
        .await
}

/// One page of the log, newest first.
#[utoipa::path(get, path = "/audit-log", tag = "audit-log", params(LogQuery), responses((status = 200, body = Vec<Seen>)))]
async fn list(State(app): State<App>, actor: Actor, Query(query): Query<LogQuery>) -> Result<Json<Vec<Seen>>> {
    Ok(Json(read(&app, &actor, query).await?))
}

/// The last signed checkpoint, for a witness. Public: it says how long the log is and what its root is, nothing else.
#[utoipa::path(get, path = "/audit-log/checkpoint", tag = "audit-log", responses((status = 200, content_type = "text/plain", body = String)))]
async fn checkpoint(State(app): State<App>) -> Result<Response> {
    let last = app.store.read(integrate::last).await?;
    let (_, _, note) = last.ok_or_else(|| Problem::new(&failure::code::NOT_FOUND))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], note).into_response())
}
