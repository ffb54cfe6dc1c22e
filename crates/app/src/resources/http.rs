//! 台账接口: the JSON of the ledger.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Application, Asked, Caller, Clause, Defect, Direction, Filter, Industry, Kind, Paper, Purpose, Refusal, Resource, State as Stands,
    file,
    watch::{self, Watch},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        people::http::Body,
    },
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, apply))
        .routes(routes!(find))
        .routes(routes!(step))
        .routes(routes!(take))
        .routes(routes!(give))
        .routes(routes!(blacklist))
        .routes(routes!(findings))
        .routes(routes!(renew))
        .merge(super::sweep::http::routes())
}

/// A ledger line as a program reads it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct ResourceView {
    /// Id.
    pub id: Uuid,
    /// 编号
    pub code: String,
    /// Kind.
    pub kind: Kind,
    /// State.
    pub state: Stands,
    /// Version, to be sent back with the next step.
    pub version: i64,
    /// City.
    pub region: String,
    /// Access point.
    pub access_point: String,
    /// Purpose.
    pub purpose: Purpose,
    /// Direction.
    pub direction: Direction,
    /// Numbers it may show.
    pub callers: Vec<String>,
    /// Calls to one callee a day.
    pub calls_per_callee: i64,
    /// Calls a day.
    pub calls_per_day: i64,
    /// Clauses of the contract.
    pub clauses: Vec<Clause>,
    /// 责任单位
    pub unit: String,
    /// 责任人, staff number.
    pub owner: String,
    /// What is wrong with it now.
    pub defects: Vec<Defect>,
    /// RFC 3339.
    pub correct_by: Option<String>,
}

impl From<&Resource> for ResourceView {
    fn from(line: &Resource) -> Self {
        Self {
            id: line.id,
            code: line.code.clone(),
            kind: line.kind,
            state: line.state,
            version: line.version,
            region: line.region.clone(),
            access_point: line.access_point.clone(),
            purpose: line.purpose,
            direction: line.direction,
            callers: line.callers.iter().map(|caller| Caller::as_str(caller).to_owned()).collect(),
            calls_per_callee: line.calls_per_callee,
            calls_per_day: line.calls_per_day,
            clauses: Clause::ALL.iter().copied().filter(|clause| line.clauses & *clause as i64 != 0).collect(),
            unit: line.unit.clone(),
            owner: line.owner.clone(),
            defects: line.defects.clone(),
            correct_by: line.correct_by.map(|at| at.rfc3339()),
        }
    }
}

/// What the list may be narrowed by.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LedgerQuery {
    /// Region or the start of one.
    pub region: String,
    /// Kind.
    pub kind: String,
    /// State.
    pub state: String,
    /// Industry.
    pub industry: String,
    /// With this defect now.
    pub defect: String,
    /// `expiring`: papers run out soon or have; `idle`: allotted and silent for long; `blacklisted`: the subject is on the black list.
    pub watch: String,
    /// Code, from its start.
    pub code: String,
    /// Code of the last line of the page before.
    pub after: String,
    /// Rows, 1 to 1,000; 50 when absent.
    pub limit: Option<i64>,
}

impl LedgerQuery {
    /// As the table reads it.
    ///
    /// # Errors
    /// A word that names nothing.
    pub fn filter(&self) -> Result<Filter> {
        fn one<T>(text: &str, field: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
            match text {
                "" => Ok(None),
                text => parse(text).map(Some).ok_or_else(|| refuse(Refusal::FieldInvalid(field))),
            }
        }
        Ok(Filter {
            region: self.region.clone(),
            kind: one(&self.kind, "kind", Kind::parse)?,
            state: one(&self.state, "state", Stands::parse)?,
            industry: one(&self.industry, "industry", Industry::parse)?,
            defect: one(&self.defect, "defect", Defect::parse)?,
            watch: one(&self.watch, "watch", Watch::parse)?,
            code: self.code.trim().to_owned(),
            after: self.after.clone(),
            limit: self.limit.unwrap_or(50).clamp(1, 1_000),
            uncounted: true,
            ..Filter::default()
        })
    }
}

/// Lines one may see, by code.
#[utoipa::path(get, path = "/ledger", tag = "ledger", params(LedgerQuery), responses((status = 200, body = Vec<ResourceView>)))]
async fn list(State(app): State<App>, actor: Actor, Query(query): Query<LedgerQuery>) -> Result<Json<Vec<ResourceView>>> {
    let (found, _) = super::list(&app, &actor, query.filter()?).await?;
    Ok(Json(found.iter().map(|listed| ResourceView::from(&listed.resource)).collect()))
}

/// Takes an organisation's application for a resource.
#[utoipa::path(post, path = "/ledger", tag = "ledger", request_body = Application, responses((status = 201, body = ResourceView)))]
async fn apply(State(app): State<App>, actor: Actor, Body(input): Body<Application>) -> Result<(StatusCode, Json<ResourceView>)> {
    let made = super::apply(&app, &actor, input).await?;
    Ok((StatusCode::CREATED, Json(ResourceView::from(&made))))
}

/// One line.
#[utoipa::path(get, path = "/ledger/{id}", tag = "ledger", params(("id" = Uuid, Path)), responses((status = 200, body = ResourceView)))]
async fn find(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<ResourceView>> {
    let (found, ..) = super::find(&app, &actor, id).await?;
    Ok(Json(ResourceView::from(&found)))
}

/// A step on a ledger line.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
pub struct LedgerStep {
    /// The step.
    #[serde(flatten)]
    pub asked: Asked,
    /// Version the caller saw.
    pub version: i64,
    /// Why, in words.
    #[serde(default)]
    pub words: String,
}

/// Takes a step: vet, open, repurpose, set callers, find, correct, shut down, close.
#[utoipa::path(post, path = "/ledger/{id}/steps", tag = "ledger", params(("id" = Uuid, Path)), request_body = LedgerStep, responses((status = 200, body = ResourceView)))]
async fn step(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<LedgerStep>) -> Result<Json<ResourceView>> {
    let next = super::step(&app, &actor, id, input.version, input.asked, input.words).await?;
    Ok(Json(ResourceView::from(&next)))
}

/// A finding as a program reads it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct FindingView {
    /// RFC 3339.
    pub at: String,
    /// Which defect.
    pub defect: Defect,
    /// Staff number, or the part of the system.
    pub found_by: String,
    /// What shows it: words, or a sign's name with what it rests on.
    pub evidence: String,
    /// RFC 3339.
    pub correct_by: String,
}

/// What was found at a line, newest first.
#[utoipa::path(get, path = "/ledger/{id}/findings", tag = "ledger", params(("id" = Uuid, Path)), responses((status = 200, body = Vec<FindingView>)))]
async fn findings(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<Vec<FindingView>>> {
    let known = watch::about(&app, &actor, id).await?;
    let view = |one: &watch::Found| FindingView {
        at: one.at.rfc3339(),
        defect: one.defect,
        found_by: one.by.clone(),
        evidence: one.evidence.clone(),
        correct_by: one.correct_by.rfc3339(),
    };
    Ok(Json(known.found.iter().map(view).collect()))
}

/// A document shown anew takes the place of the one that stands: a licence, permit or certificate with its number, a permit or certificate with its last day.
#[utoipa::path(post, path = "/ledger/{id}/papers", tag = "ledger", params(("id" = Uuid, Path)), request_body = Paper, responses((status = 204)))]
async fn renew(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(paper): Body<Paper>) -> Result<StatusCode> {
    watch::renew(&app, &actor, id, paper).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a file is taken in.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TakeQuery {
    /// Only says what would become of it.
    pub dry_run: bool,
}

/// Takes a CSV file in; wrong rows are told, good ones land, the same file again adds nothing.
#[utoipa::path(post, path = "/ledger/files", tag = "ledger", params(TakeQuery), request_body(content = String, content_type = "text/csv"), responses((status = 200, body = file::Taken)))]
async fn take(State(app): State<App>, actor: Actor, Query(query): Query<TakeQuery>, text: String) -> Result<Json<file::Taken>> {
    Ok(Json(file::take(&app, &actor, &text, query.dry_run).await?))
}

/// Gives the ledger out as a CSV file that can be taken in again.
#[utoipa::path(get, path = "/ledger/files", tag = "ledger", params(LedgerQuery), responses((status = 200, content_type = "text/csv", body = String)))]
async fn give(State(app): State<App>, actor: Actor, Query(query): Query<LedgerQuery>) -> Result<Response> {
    let bytes = file::give(&app, &actor, query.filter()?).await?;
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], bytes).into_response())
}

/// An organisation for the black list, or off it.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// 统一社会信用代码
    pub subject_code: String,
    /// On the list, or off it.
    pub listed: bool,
    /// Why, in words.
    pub words: String,
}

/// What a listing did.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ResourceListed)]
pub struct Listed {
    /// Resources shut down with it.
    pub shut_down: u64,
}

/// Puts an organisation on the black list, and shuts down what it uses; or takes it off.
#[utoipa::path(post, path = "/ledger/blacklist", tag = "ledger", request_body = Listing, responses((status = 200, body = Listed)))]
async fn blacklist(State(app): State<App>, actor: Actor, Body(input): Body<Listing>) -> Result<Json<Listed>> {
    let shut = super::blacklist(&app, &actor, input.subject_code, input.listed, input.words).await?;
    Ok(Json(Listed { shut_down: shut as u64 }))
}
