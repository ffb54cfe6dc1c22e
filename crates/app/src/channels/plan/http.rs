//! 走访计划接口: the JSON of planned visits.

use axum::{
    Json,
    extract::{Path, Query, State as Of},
    http::StatusCode,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{Asked, Filter, Listed, NewPlan, Refusal, State};
use crate::{
    App,
    platform::{
        actor::Actor,
        edge::cursor::{one_of, rows},
        failure::{Result, refuse},
        people::http::Body,
    },
};

/// Every route of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, plan)).routes(routes!(find)).routes(routes!(step))
}

/// A planned visit as a program reads it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = VisitPlan)]
pub struct PlanView {
    /// Id.
    pub id: Uuid,
    /// The outlet.
    pub outlet: Uuid,
    /// Its code.
    pub code: String,
    /// City.
    pub region: String,
    /// The day, `2026-12-01`.
    pub day: String,
    /// `visit` or `mystery`.
    pub kind: String,
    /// Staff number of whoever goes.
    pub staff: String,
    /// State.
    pub state: State,
    /// Version, to be sent back with the next step.
    pub version: i64,
    /// When it was made, RFC 3339.
    pub made_at: Option<String>,
    /// Nothing was found wanting.
    pub passed: Option<bool>,
    /// What was found.
    pub finding: Option<String>,
}

impl From<Listed> for PlanView {
    fn from(one: Listed) -> Self {
        let plan = one.plan;
        let (made_at, passed, finding) = match one.made {
            Some((at, passed, finding)) => (Some(at.rfc3339()), Some(passed), Some(finding)),
            None => (None, None, None),
        };
        Self {
            id: plan.id,
            outlet: plan.channel.0,
            code: one.code,
            region: plan.region,
            day: plan.day.to_string(),
            kind: plan.kind,
            staff: one.number,
            state: plan.state,
            version: plan.version,
            made_at,
            passed,
            finding,
        }
    }
}

/// What the list may be narrowed by.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PlanQuery {
    /// Region or the start of one.
    pub region: String,
    /// State.
    pub state: String,
    /// From this day on.
    pub from: String,
    /// To this day.
    pub until: String,
    /// Only the caller's own.
    pub mine: bool,
    /// Day and id of the last row of the page before, `2026-12-01.0198…`.
    pub after: String,
    /// Rows, 1 to 1,000; 50 when absent.
    pub limit: Option<i64>,
}

/// Planned visits one may see, by day.
#[utoipa::path(get, path = "/visits", tag = "channels", params(PlanQuery), responses((status = 200, body = Vec<PlanView>)))]
async fn list(Of(app): Of<App>, actor: Actor, Query(query): Query<PlanQuery>) -> Result<Json<Vec<PlanView>>> {
    let invalid = |field: &'static str| refuse(Refusal::FieldInvalid(field));
    let day = |text: &str| text.parse().ok();
    let filter = Filter {
        region: query.region.clone(),
        states: one_of(&query.state, State::parse, || invalid("state"))?.into_iter().collect(),
        staff: query.mine.then_some(actor.staff),
        from: one_of(&query.from, day, || invalid("from"))?,
        until: one_of(&query.until, day, || invalid("until"))?,
        after: one_of(&query.after, super::page::read_cursor, || invalid("after"))?,
        limit: rows(query.limit),
    };
    let found = super::list(&app, &actor, filter).await?;
    Ok(Json(found.into_iter().map(PlanView::from).collect()))
}

/// What was planned.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = VisitsPlanned)]
pub struct PlannedView {
    /// Visits.
    pub visits: usize,
}

/// Plans visits: one outlet for one day, or all of a city that were not visited over the working days of a span. All find a place, or none is
/// planned.
#[utoipa::path(post, path = "/visits", tag = "channels", request_body = NewPlan, responses((status = 201, body = PlannedView)))]
async fn plan(Of(app): Of<App>, actor: Actor, Body(input): Body<NewPlan>) -> Result<(StatusCode, Json<PlannedView>)> {
    let visits = super::plan(&app, &actor, input).await?;
    Ok((StatusCode::CREATED, Json(PlannedView { visits })))
}

/// One planned visit.
#[utoipa::path(get, path = "/visits/{id}", tag = "channels", params(("id" = Uuid, Path)), responses((status = 200, body = PlanView)))]
async fn find(Of(app): Of<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<PlanView>> {
    Ok(Json(super::find(&app, &actor, id).await?.into()))
}

/// A step on a planned visit.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[schema(as = VisitPlanStep)]
pub struct StepInput {
    /// The step.
    #[serde(flatten)]
    pub asked: Asked,
    /// Version the caller saw.
    pub version: i64,
    /// Why, in words; a withdrawal needs them.
    #[serde(default)]
    pub words: String,
}

/// Records the visit, moves it to another day or person, or withdraws it.
#[utoipa::path(post, path = "/visits/{id}/steps", tag = "channels", params(("id" = Uuid, Path)), request_body = StepInput, responses((status = 200, body = PlanView)))]
async fn step(Of(app): Of<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<StepInput>) -> Result<Json<PlanView>> {
    super::step(&app, &actor, id, input.version, input.asked, input.words).await?;
    Ok(Json(super::find(&app, &actor, id).await?.into()))
}
