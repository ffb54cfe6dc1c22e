//! 清查接口: the JSON of sweeps.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{Checked, Finding, Outcome, Plan, Progress, Stage, Sweep, Work};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        people::http::Body,
    },
    resources::{Defect, Industry, Kind, Refusal},
};

/// Every route of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, plan))
        .routes(routes!(find))
        .routes(routes!(work))
        .routes(routes!(check))
        .routes(routes!(close))
}

/// A sweep as a program reads it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct SweepView {
    /// Id.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// City, province or everywhere.
    pub region: String,
    /// Industries.
    pub industries: Vec<Industry>,
    /// Kinds; empty: all.
    pub kinds: Vec<Kind>,
    /// First day.
    pub starts: String,
    /// Last day.
    pub ends: String,
    /// Staff number of who answers for it.
    pub lead: String,
    /// State.
    pub stage: Stage,
    /// RFC 3339.
    pub closed_at: Option<String>,
    /// Progress by industry and city; empty in a list.
    pub progress: Vec<Progress>,
}

impl SweepView {
    fn of(sweep: &Sweep, progress: Vec<Progress>) -> Self {
        Self {
            id: sweep.id,
            name: sweep.name.clone(),
            region: sweep.region.clone(),
            industries: sweep.industries.clone(),
            kinds: sweep.kinds.clone(),
            starts: sweep.starts.to_string(),
            ends: sweep.ends.to_string(),
            lead: sweep.lead.clone(),
            stage: sweep.stage,
            closed_at: sweep.closed_at.map(|at| at.rfc3339()),
            progress,
        }
    }
}

/// Which sweeps, and from where.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SweepQuery {
    /// `running` or `closed`.
    pub stage: String,
    /// Id of the last sweep of the page before.
    pub after: Option<Uuid>,
    /// Rows, 1 to 1,000; 50 when absent.
    pub limit: Option<i64>,
}

/// Sweeps one may see, newest first.
#[utoipa::path(get, path = "/ledger/sweeps", tag = "ledger", params(SweepQuery), responses((status = 200, body = Vec<SweepView>)))]
async fn list(State(app): State<App>, actor: Actor, Query(query): Query<SweepQuery>) -> Result<Json<Vec<SweepView>>> {
    let stage = word(&query.stage, "stage", Stage::parse)?;
    let found = super::list(&app, &actor, stage, query.after, query.limit.unwrap_or(50).clamp(1, 1_000)).await?;
    Ok(Json(found.iter().map(|(sweep, ..)| SweepView::of(sweep, Vec::new())).collect()))
}

fn word<T>(text: &str, field: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
    match text {
        "" => Ok(None),
        text => parse(text).map(Some).ok_or_else(|| refuse(Refusal::FieldInvalid(field))),
    }
}

/// Plans a sweep; its work list is what is in service now.
#[utoipa::path(post, path = "/ledger/sweeps", tag = "ledger", request_body = Plan, responses((status = 201, body = SweepView)))]
async fn plan(State(app): State<App>, actor: Actor, Body(input): Body<Plan>) -> Result<(StatusCode, Json<SweepView>)> {
    let made = super::plan(&app, &actor, input).await?;
    Ok((StatusCode::CREATED, Json(SweepView::of(&made, Vec::new()))))
}

/// One sweep with its progress.
#[utoipa::path(get, path = "/ledger/sweeps/{id}", tag = "ledger", params(("id" = Uuid, Path)), responses((status = 200, body = SweepView)))]
async fn find(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<SweepView>> {
    let (sweep, progress) = super::find(&app, &actor, id).await?;
    Ok(Json(SweepView::of(&sweep, progress)))
}

/// A line of a work list as a program reads it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct CheckView {
    /// Id of the ledger line.
    pub resource: Uuid,
    /// Its code.
    pub code: String,
    /// City.
    pub region: String,
    /// Industry.
    pub industry: Industry,
    /// Result.
    pub result: Outcome,
    /// Defects found.
    pub defects: Vec<Defect>,
    /// What shows them.
    pub evidence: String,
    /// Staff number of who checked.
    pub checked_by: String,
    /// RFC 3339.
    pub checked_at: Option<String>,
}

impl From<&Checked> for CheckView {
    fn from(one: &Checked) -> Self {
        Self {
            resource: one.resource,
            code: one.code.clone(),
            region: one.region.clone(),
            industry: one.industry,
            result: one.outcome,
            defects: one.defects.clone(),
            evidence: one.evidence.clone(),
            checked_by: one.by.clone(),
            checked_at: one.at.map(|at| at.rfc3339()),
        }
    }
}

/// Which lines of a work list, and from where.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CheckQuery {
    /// Result.
    pub result: String,
    /// Industry.
    pub industry: String,
    /// City or province.
    pub region: String,
    /// Code of the last line of the page before.
    pub after: String,
    /// Rows, 1 to 1,000; 50 when absent.
    pub limit: Option<i64>,
}

/// The work list of a sweep, by code.
#[utoipa::path(get, path = "/ledger/sweeps/{id}/checks", tag = "ledger", params(("id" = Uuid, Path), CheckQuery), responses((status = 200, body = Vec<CheckView>)))]
async fn work(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Query(query): Query<CheckQuery>) -> Result<Json<Vec<CheckView>>> {
    let work = Work {
        sweep: Some(id),
        outcome: word(&query.result, "result", Outcome::parse)?,
        industry: word(&query.industry, "industry", Industry::parse)?,
        region: query.region.clone(),
        after: query.after.clone(),
        limit: query.limit.unwrap_or(50).clamp(1, 1_000),
    };
    let (found, _) = super::work(&app, &actor, work).await?;
    Ok(Json(found.iter().map(CheckView::from).collect()))
}

/// Gives a line its result, once: clean, its defects with evidence, or no longer in service.
#[utoipa::path(put, path = "/ledger/sweeps/{id}/checks/{resource}", tag = "ledger", params(("id" = Uuid, Path), ("resource" = Uuid, Path)), request_body = Finding, responses((status = 204)))]
async fn check(
    State(app): State<App>,
    actor: Actor,
    Path((id, resource)): Path<(Uuid, Uuid)>,
    Body(finding): Body<Finding>,
) -> Result<StatusCode> {
    super::check(&app, &actor, id, resource, finding).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a sweep whose every line has a result.
#[utoipa::path(post, path = "/ledger/sweeps/{id}/closure", tag = "ledger", params(("id" = Uuid, Path)), responses((status = 200, body = SweepView)))]
async fn close(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<SweepView>> {
    let closed = super::close(&app, &actor, id).await?;
    Ok(Json(SweepView::of(&closed, Vec::new())))
}
