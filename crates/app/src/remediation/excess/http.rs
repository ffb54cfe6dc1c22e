//! 一证多号接口: the JSON of persons with too many numbers.

use axum::{
    Json,
    extract::{Path, Query, State as Of},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{Case, Refusal, Said, State, table};
use crate::{
    App,
    platform::{
        actor::Actor,
        edge::cursor::{one_of, rows},
        failure::{Result, refuse},
        people::http::Body,
    },
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(find)).routes(routes!(settle))
}

/// A case as a program reads it. Nothing in it says whose it is.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ExcessCase)]
pub struct CaseView {
    /// Id.
    pub id: Uuid,
    /// What is counted: `mobile`, `iot`.
    pub class: String,
    /// City.
    pub region: String,
    /// State.
    pub state: State,
    /// Numbers when it was found.
    pub numbers: i64,
    /// How many the law let one have then; with no more numbers than that each is verified again (L-LIM-2).
    pub most: i64,
    /// Kept.
    pub kept: i64,
    /// Given up.
    pub given_up: i64,
    /// Not theirs.
    pub not_mine: i64,
    /// RFC 3339.
    pub found_at: String,
    /// RFC 3339.
    pub settled_at: Option<String>,
}

impl From<&Case> for CaseView {
    fn from(case: &Case) -> Self {
        Self {
            id: case.id,
            class: case.class.clone(),
            region: case.region.clone(),
            state: case.state,
            numbers: case.numbers,
            most: case.most,
            kept: case.kept,
            given_up: case.given_up,
            not_mine: case.not_mine,
            found_at: case.found_at.rfc3339(),
            settled_at: case.settled_at.map(|at| at.rfc3339()),
        }
    }
}

/// What the list may be narrowed by.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExcessQuery {
    /// Region or the start of one.
    pub region: String,
    /// `open`, `settled`; empty: both.
    pub state: String,
    /// Id of the last case of the page before.
    pub after: Option<Uuid>,
    /// Rows, 1 to 1,000; 50 when absent.
    pub limit: Option<i64>,
}

/// Persons with too many numbers, the first found first.
#[utoipa::path(get, path = "/excess-numbers", tag = "excess", params(ExcessQuery), responses((status = 200, body = Vec<CaseView>)))]
async fn list(Of(app): Of<App>, actor: Actor, Query(query): Query<ExcessQuery>) -> Result<Json<Vec<CaseView>>> {
    let state = one_of(&query.state, State::parse, || refuse(Refusal::FieldInvalid("state")))?;
    let filter = table::Filter { region: query.region, state, after: query.after, limit: rows(query.limit) };
    let (cases, _) = super::list(&app, &actor, filter, false).await?;
    Ok(Json(cases.iter().map(CaseView::from).collect()))
}

/// One number of the person.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ExcessNumber)]
pub struct NumberView {
    /// Subscription, as the settlement names it.
    pub subscription: Uuid,
    /// `138****1234`
    pub number: String,
    /// City.
    pub region: String,
    /// In service since, RFC 3339.
    pub since: String,
}

/// One case with the numbers.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ExcessCaseWhole)]
pub struct WholeView {
    /// The case.
    #[serde(flatten)]
    pub case: CaseView,
    /// How many may be kept today.
    pub limit: i64,
    /// The person's numbers; none once it is settled.
    pub held: Vec<NumberView>,
}

/// One case.
#[utoipa::path(get, path = "/excess-numbers/{id}", tag = "excess", params(("id" = Uuid, Path)), responses((status = 200, body = WholeView)))]
async fn find(Of(app): Of<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<WholeView>> {
    let shown = super::show(&app, &actor, id).await?;
    let held = shown.numbers.iter().map(|(held, number)| NumberView {
        subscription: held.id,
        number: number.clone(),
        region: held.region.clone(),
        since: held.since.rfc3339(),
    });
    Ok(Json(WholeView { held: held.collect(), limit: shown.limit, case: CaseView::from(&shown.case) }))
}

/// What the person said of one number.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExcessAnswer)]
pub struct Answer {
    /// Subscription.
    pub subscription: Uuid,
    /// What they said.
    pub said: Said,
}

/// What the person said, number by number.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExcessSettlement)]
pub struct Settlement {
    /// One answer for each number.
    pub answers: Vec<Answer>,
    /// Where it was settled and which document was seen, 2 to 200 characters.
    pub words: String,
}

/// Settles a case: what is given up ends, what is not theirs leaves their name and is stopped as disputed.
#[utoipa::path(post, path = "/excess-numbers/{id}/settlement", tag = "excess", params(("id" = Uuid, Path)), request_body = Settlement, responses((status = 200, body = CaseView)))]
async fn settle(Of(app): Of<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<Settlement>) -> Result<Json<CaseView>> {
    let answers = input.answers.iter().map(|answer| (answer.subscription, answer.said)).collect();
    Ok(Json(CaseView::from(&super::decide(&app, &actor, id, answers, input.words).await?)))
}
