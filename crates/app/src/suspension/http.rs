//! 停复机接口: the JSON of holds. Billing, risk and police liaison say what happened with a key of their own; numbers stand in bodies, never in addresses.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use chuangsha_kernel::time::Timestamp;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Ground, Hold, Level, Method, Notice, Refusal, State as Stands, Tier,
    desk::{self, Asked, Emergency, Intake},
    table::{Filter, Line, Queue},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        edge::cursor::{Cursor, Page, one_of},
        failure::{Result, refuse},
        people::http::Body,
    },
    registration::http::Opened,
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, take))
        .routes(routes!(paid))
        .routes(routes!(find))
        .routes(routes!(step))
        .routes(routes!(interrupt))
}

/// Name of the list's cursors.
pub const LIST: &str = "suspensions";

/// A hold as a program reads it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct SuspensionView {
    /// Id.
    pub id: Uuid,
    /// Subscription.
    pub subscription: Uuid,
    /// The number, masked.
    pub number: String,
    /// City.
    pub region: String,
    /// Ground.
    pub ground: Ground,
    /// State.
    pub state: Stands,
    /// How far; absent before any measure.
    pub level: Option<Level>,
    /// Version, to be sent back with the next step.
    pub version: i64,
    /// Tier of a risk.
    pub tier: Option<Tier>,
    /// How a risk is cleared.
    pub method: Option<Method>,
    /// Article it rests on.
    pub article: String,
    /// What the person is told.
    pub notice: Notice,
    /// A timer of the state; RFC 3339.
    pub due: Option<String>,
    /// Term; RFC 3339.
    pub until: Option<String>,
    /// Emergency restoration; RFC 3339.
    pub interrupted_until: Option<String>,
    /// RFC 3339.
    pub since: String,
    /// What counts for the subscription, all holds together; of one hold only.
    pub standing: Option<Level>,
    /// What the network confirmed; of one hold only.
    pub confirmed: Option<Level>,
    /// The network has not confirmed what is wanted.
    pub unconfirmed: bool,
}

fn view(hold: &Hold, number: &str, region: &str, unconfirmed: bool) -> SuspensionView {
    let at = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
    SuspensionView {
        id: hold.id,
        subscription: hold.subscription,
        number: number.to_owned(),
        region: region.to_owned(),
        ground: hold.ground,
        state: hold.state,
        level: hold.level,
        version: hold.version,
        tier: hold.tier,
        method: hold.method,
        article: hold.article.clone(),
        notice: hold.notice.clone(),
        due: at(hold.due),
        until: at(hold.until),
        interrupted_until: at(hold.interrupted_until),
        since: hold.since.rfc3339(),
        standing: None,
        confirmed: None,
        unconfirmed,
    }
}

fn found(found: &desk::Found) -> SuspensionView {
    let unconfirmed = found.line.as_ref().is_some_and(|line: &Line| !line.is_settled());
    SuspensionView {
        standing: found.standing.level,
        confirmed: found.line.and_then(|line| line.confirmed),
        ..view(&found.hold, &found.number, &found.region, unconfirmed)
    }
}

/// What the list may be narrowed by.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SuspensionQuery {
    /// Region or the start of one.
    pub region: String,
    /// Ground.
    pub ground: String,
    /// State.
    pub state: String,
    /// `open` (usual), `unconfirmed`, `appeals`, `interrupted`, `may_end` or `all`.
    pub queue: String,
    /// Cursor of the page before.
    pub after: String,
    /// Rows, 1 to 100; 20 when absent.
    pub limit: Option<i64>,
}

impl SuspensionQuery {
    fn filter(&self, now: Timestamp) -> Result<Filter> {
        let wrong = |field: &'static str| move || refuse(Refusal::FieldInvalid(field));
        let after = if self.after.is_empty() { None } else { Some(Cursor::read(LIST, &self.after)?) };
        Ok(Filter {
            region: self.region.clone(),
            ground: one_of(&self.ground, Ground::parse, wrong("ground"))?,
            state: one_of(&self.state, Stands::parse, wrong("state"))?,
            queue: one_of(&self.queue, Queue::parse, wrong("queue"))?.unwrap_or_default(),
            now,
            after: after.map(|cursor| (cursor.at, cursor.id)),
            limit: self.limit.unwrap_or(20).clamp(1, 100) + 1,
            uncounted: true,
        })
    }
}

/// Holds one may see, newest first.
#[utoipa::path(get, path = "/suspensions", tag = "suspension", params(SuspensionQuery), responses((status = 200, body = Page<SuspensionView>)))]
async fn list(State(app): State<App>, actor: Actor, Query(query): Query<SuspensionQuery>) -> Result<Json<Page<SuspensionView>>> {
    let filter = query.filter(app.clock.now())?;
    let limit = usize::try_from(filter.limit - 1).unwrap_or(1);
    let (mut rows, _) = desk::list(&app, &actor, filter).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| Cursor { at: row.hold.since.0, id: row.hold.id }.text(LIST));
    Ok(Json(Page { items: rows.iter().map(|row| view(&row.hold, &row.number, &row.region, row.unconfirmed)).collect(), next }))
}

/// Takes a ground in: a risk is asked to verify, everything else limits or stops. Said twice, it is one.
#[utoipa::path(post, path = "/suspensions", tag = "suspension", request_body = Intake, responses((status = 201, body = Opened)))]
async fn take(State(app): State<App>, actor: Actor, Body(input): Body<Intake>) -> Result<(StatusCode, Json<Opened>)> {
    let id = desk::take(&app, &actor, input).await?;
    Ok((StatusCode::CREATED, Json(Opened { id })))
}

/// A payment.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SuspensionPaid)]
pub struct Paid {
    /// The full number, 11 digits.
    #[schema(value_type = String)]
    pub number: Zeroizing<String>,
}

/// What a payment lifted.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = SuspensionLifted)]
pub struct Lifted {
    /// Holds lifted.
    pub lifted: u64,
}

/// A bill was paid: what stopped the number for it is lifted at once, and the network asked to restore it.
#[utoipa::path(post, path = "/suspensions/payments", tag = "suspension", request_body = Paid, responses((status = 200, body = Lifted)))]
async fn paid(State(app): State<App>, actor: Actor, Body(input): Body<Paid>) -> Result<Json<Lifted>> {
    Ok(Json(Lifted { lifted: desk::paid(&app, &actor, input.number).await? as u64 }))
}

/// One hold.
#[utoipa::path(get, path = "/suspensions/{id}", tag = "suspension", params(("id" = Uuid, Path)), responses((status = 200, body = SuspensionView)))]
async fn find(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<SuspensionView>> {
    Ok(Json(found(&desk::find(&app, &actor, id).await?)))
}

/// A step on a hold.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
pub struct SuspensionStep {
    /// The step.
    #[serde(flatten)]
    pub asked: Asked,
    /// Version the caller saw.
    pub version: i64,
    /// Why, in words, 2 to 200 characters.
    #[serde(default)]
    pub words: String,
}

/// Takes a step: raise, lift, verify, appeal, decide, detach, end.
#[utoipa::path(post, path = "/suspensions/{id}/steps", tag = "suspension", params(("id" = Uuid, Path)), request_body = SuspensionStep, responses((status = 204)))]
async fn step(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<SuspensionStep>) -> Result<StatusCode> {
    desk::step(&app, &actor, id, input.version, input.asked, input.words).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// 紧急复机
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SuspensionInterruption)]
pub struct Interruption {
    /// Version the caller saw.
    pub version: i64,
    /// Hours, 1 to 72.
    pub hours: i64,
    /// Why, 2 to 200 characters.
    pub words: String,
}

/// What became of it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = SuspensionInterrupted)]
pub struct Interrupted {
    /// Restored now; otherwise a second person was asked.
    pub restored: bool,
    /// The request to a second person.
    pub request: Option<Uuid>,
}

/// Restores a stopped number for an emergency: asks a second person first, and with their approval does it.
#[utoipa::path(post, path = "/suspensions/{id}/interruption", tag = "suspension", params(("id" = Uuid, Path)), request_body = Interruption, responses((status = 200, body = Interrupted)))]
async fn interrupt(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<Uuid>,
    Body(input): Body<Interruption>,
) -> Result<Json<Interrupted>> {
    Ok(Json(match desk::emergency(&app, &actor, id, input.version, input.hours, input.words).await? {
        Emergency::Restored => Interrupted { restored: true, request: None },
        Emergency::Asked(request) => Interrupted { restored: false, request: Some(request) },
    }))
}
