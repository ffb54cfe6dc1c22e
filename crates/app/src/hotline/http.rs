//! 热线接口: the JSON of tickets, and the tag the hotline's switch asks for.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Asked, Filter, Intake, Kind, Refusal, State as Stands, Topic,
    appeal::{self, AppealStep},
    ivr,
    refund::{self, RefundStep},
    view::{self, TicketView},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        edge::cursor::{one_of, rows},
        failure::{Result, refuse},
        people::http::Body,
    },
    subscribers::find::{self, BY_NUMBER, Search},
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, open))
        .routes(routes!(one))
        .routes(routes!(step))
        .routes(routes!(receive))
        .routes(routes!(appeal_step))
        .routes(routes!(compute))
        .routes(routes!(refund_step))
        .routes(routes!(ivr_tag))
        .routes(routes!(reachable))
}

/// What the list may be narrowed by.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TicketQuery {
    /// Region or the start of one.
    pub region: String,
    /// State; `queue` for all that wait for an answer.
    pub state: String,
    /// Kind.
    pub kind: String,
    /// Topic.
    pub topic: String,
    /// Whole code.
    pub code: String,
    /// Cursor of the page before.
    pub after: String,
    /// Rows, 1 to 1,000; 50 when absent.
    pub limit: Option<i64>,
}

impl TicketQuery {
    fn filter(&self) -> Result<Filter> {
        let wrong = |field: &'static str| move || refuse(Refusal::FieldInvalid(field));
        let queue = self.state == "queue";
        Ok(Filter {
            region: self.region.clone(),
            queue,
            state: if queue { None } else { one_of(&self.state, Stands::parse, wrong("state"))? },
            kind: one_of(&self.kind, Kind::parse, wrong("kind"))?,
            topic: one_of(&self.topic, Topic::parse, wrong("topic"))?,
            code: self.code.trim().to_owned(),
            after: one_of(&self.after, view::read_cursor, wrong("after"))?,
            limit: rows(self.limit),
            uncounted: true,
            ..Filter::default()
        })
    }
}

/// Tickets one may see: the queue by its clock, all others newest first.
#[utoipa::path(get, path = "/tickets", tag = "hotline", params(TicketQuery), responses((status = 200, body = Vec<TicketView>)))]
async fn list(State(app): State<App>, actor: Actor, Query(query): Query<TicketQuery>) -> Result<Json<Vec<TicketView>>> {
    let (found, _) = view::list(&app, &actor, query.filter()?).await?;
    Ok(Json(found.into_iter().map(|(ticket, _)| ticket).collect()))
}

/// What somebody turns to the hotline with.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTicket {
    /// Full number of the customer; empty for somebody who does not say.
    #[serde(default)]
    #[schema(value_type = String)]
    pub number: zeroize::Zeroizing<String>,
    /// Kind.
    pub kind: Kind,
    /// Topic.
    pub topic: Topic,
    /// City, where no number is given.
    #[serde(default)]
    pub region: String,
    /// Code of the outlet it is about.
    #[serde(default)]
    pub place: String,
    /// What they said, 2 to 500 characters.
    pub words: String,
}

impl NewTicket {
    /// Whose number it is, looked up and counted as any other look-up.
    ///
    /// # Errors
    /// As [`find::search`].
    pub async fn read(self, app: &App, actor: &Actor) -> Result<Intake> {
        let subscription = match self.number.trim() {
            "" => None,
            _ => Some(
                find::search(app, actor, Search { by: BY_NUMBER.to_owned(), value: self.number.clone(), on: String::new() })
                    .await
                    .map_err(at_number)?,
            ),
        };
        Ok(Intake { subscription, kind: self.kind, topic: self.topic, region: self.region, place: self.place, words: self.words })
    }
}

/// The form calls the field by another name than the search does.
fn at_number(failure: crate::platform::failure::Failure) -> crate::platform::failure::Failure {
    match failure {
        crate::platform::failure::Failure::Problem(problem) if problem.field.as_deref() == Some("value") => problem.field("number").into(),
        other => other,
    }
}

/// Opens a ticket. A complaint holds the remediation of its number.
#[utoipa::path(post, path = "/tickets", tag = "hotline", request_body = NewTicket, responses((status = 201, body = TicketView)))]
async fn open(State(app): State<App>, actor: Actor, Body(input): Body<NewTicket>) -> Result<(StatusCode, Json<TicketView>)> {
    actor.reach(&app, chuangsha_kernel::role::Action::TicketWork)?;
    let made = super::open(&app, &actor, input.read(&app, &actor).await?).await?;
    Ok((StatusCode::CREATED, Json(view::find(&app, &actor, made.id).await?.ticket)))
}

/// One ticket.
#[utoipa::path(get, path = "/tickets/{id}", tag = "hotline", params(("id" = Uuid, Path)), responses((status = 200, body = TicketView)))]
async fn one(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<TicketView>> {
    Ok(Json(view::find(&app, &actor, id).await?.ticket))
}

/// A step on a ticket.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
pub struct TicketStep {
    /// The step.
    #[serde(flatten)]
    pub asked: Asked,
    /// Version the caller saw.
    pub version: i64,
    /// In words; of an answer, the answer.
    #[serde(default)]
    pub words: String,
}

/// Takes a step: claim, assign, pause, resume, reclassify, answer, survey, reopen, close, withdraw.
#[utoipa::path(post, path = "/tickets/{id}/steps", tag = "hotline", params(("id" = Uuid, Path)), request_body = TicketStep, responses((status = 200, body = TicketView)))]
async fn step(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<TicketStep>) -> Result<Json<TicketView>> {
    super::step(&app, &actor, id, input.version, input.asked, input.words).await?;
    Ok(Json(view::find(&app, &actor, id).await?.ticket))
}

/// What was made.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = HotlineMade)]
pub struct Made {
    /// Id.
    pub id: Uuid,
    /// Version, to be sent back with the next step.
    pub version: i64,
    /// State.
    pub state: String,
}

/// Takes an appeal down.
#[utoipa::path(post, path = "/appeals", tag = "hotline", request_body = appeal::NewAppeal, responses((status = 201, body = Made)))]
async fn receive(State(app): State<App>, actor: Actor, Body(input): Body<appeal::NewAppeal>) -> Result<(StatusCode, Json<Made>)> {
    let one = appeal::receive(&app, &actor, input).await?;
    Ok((StatusCode::CREATED, Json(Made { id: one.id, version: one.version, state: one.state.as_str().to_owned() })))
}

/// A step on an appeal.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppealDecision {
    /// The step.
    pub step: AppealStep,
    /// Version the caller saw.
    pub version: i64,
    /// Why, in words.
    #[serde(default)]
    pub words: String,
}

/// Takes a step on an appeal. One that passes against a stop lifts it at once.
#[utoipa::path(post, path = "/appeals/{id}/steps", tag = "hotline", params(("id" = Uuid, Path)), request_body = AppealDecision, responses((status = 200, body = Made)))]
async fn appeal_step(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<AppealDecision>) -> Result<Json<Made>> {
    let one = appeal::step(&app, &actor, id, input.version, input.step, input.words).await?;
    Ok(Json(Made { id: one.id, version: one.version, state: one.state.as_str().to_owned() }))
}

/// A refund to be computed.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// Ticket it belongs to.
    pub ticket: Uuid,
    /// Yuan, two decimals at most: `12.50`.
    pub amount: String,
    /// How it was computed.
    #[serde(default)]
    pub words: String,
}

/// Computes a refund for a ticket.
#[utoipa::path(post, path = "/refunds", tag = "hotline", request_body = NewRefund, responses((status = 201, body = Made)))]
async fn compute(State(app): State<App>, actor: Actor, Body(input): Body<NewRefund>) -> Result<(StatusCode, Json<Made>)> {
    let one = refund::compute(&app, &actor, input.ticket, input.amount, input.words).await?;
    Ok((StatusCode::CREATED, Json(Made { id: one.id, version: one.version, state: one.state.as_str().to_owned() })))
}

/// A step on a refund.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundDecision {
    /// The step.
    pub step: RefundStep,
    /// Version the caller saw.
    pub version: i64,
    /// Why, in words.
    #[serde(default)]
    pub words: String,
}

/// Takes a step on a refund: approved by another person than computed it.
#[utoipa::path(post, path = "/refunds/{id}/steps", tag = "hotline", params(("id" = Uuid, Path)), request_body = RefundDecision, responses((status = 200, body = Made)))]
async fn refund_step(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<RefundDecision>) -> Result<Json<Made>> {
    let one = refund::step(&app, &actor, id, input.version, input.step, input.words).await?;
    Ok(Json(Made { id: one.id, version: one.version, state: one.state.as_str().to_owned() }))
}

/// The tag of a caller for the hotline's switch: where to lead the call and what to play. The number stands in the body.
#[utoipa::path(post, path = "/hotline/ivr-tags", tag = "hotline", request_body = ivr::TagQuery, responses((status = 200, body = ivr::Tag)))]
async fn ivr_tag(State(app): State<App>, actor: Actor, Body(query): Body<ivr::TagQuery>) -> Result<Json<ivr::Tag>> {
    Ok(Json(ivr::find(&app, &actor, query).await?))
}

/// Numbers that connect in every stop: emergency, hotline and registration.
#[utoipa::path(get, path = "/hotline/always-reachable", tag = "hotline", responses((status = 200, body = ivr::Reachable)))]
async fn reachable(State(app): State<App>, actor: Actor) -> Result<Json<ivr::Reachable>> {
    let now = app.clock.now();
    Ok(Json(ivr::reachable(&app, &actor, now)?))
}
