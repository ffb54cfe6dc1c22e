//! 登记接口: the JSON of orders. A handler decides nothing; who acts comes from the session or key, never from the body.

use axum::{
    Json,
    extract::{Multipart, Path, Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chuangsha_kernel::{id::OrderId, role::Action};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusal, audit_desk,
    desk::{self, Capture, Delivery, NewOrder, Offer, Reservation},
    order::{Defect, ImageKind, Product, RejectReason, State as OrderState},
    person::{self, Link, Restriction},
    picture,
    reregistration::{self, Reregistration},
    table::Filter,
    view::{self, OrderView, RowView},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::query::Seen,
        edge::cursor::{Cursor, Page},
        failure::Result,
        people::http::Body,
        reveal::{Reveal, Revealed},
    },
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, open))
        .routes(routes!(reregister))
        .routes(routes!(offers))
        .routes(routes!(queue))
        .routes(routes!(claim_next))
        .routes(routes!(find, cancel))
        .routes(routes!(reserve))
        .routes(routes!(add_image, image))
        .routes(routes!(capture))
        .routes(routes!(submit))
        .routes(routes!(claim, release, assign))
        .routes(routes!(approve))
        .routes(routes!(send_back))
        .routes(routes!(reject))
        .routes(routes!(escalate))
        .routes(routes!(decide))
        .routes(routes!(deliver))
        .routes(routes!(recheck))
        .routes(routes!(timeline))
        .routes(routes!(reveal))
        .routes(routes!(ask_second))
        .routes(routes!(ask_second_for_pictures))
        .routes(routes!(same_person))
        .routes(routes!(link))
        .routes(routes!(restrict))
}

/// Name of the lists' cursors.
pub const LIST: &str = "registrations";

/// What a list may be narrowed by.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// States, comma-separated: `submitted,auditing`.
    pub state: String,
    /// Region or the start of one.
    pub region: String,
    /// `own_hall`, `social_outlet` or `online`.
    pub channel_kind: String,
    /// 单号
    pub code: String,
    /// Created on or after this day, `2026-11-22`.
    pub from: String,
    /// Created on or before this day.
    pub until: String,
    /// Drawn for a second look.
    pub recheck: bool,
    /// Cursor of the page before.
    pub after: String,
    /// Rows, 1 to 100; 20 when absent.
    pub limit: Option<i64>,
}

impl ListQuery {
    /// As the table reads it.
    ///
    /// # Errors
    /// A state, kind, day or cursor that is none.
    pub fn filter(&self) -> Result<Filter> {
        let wrong = |field| Refusal::FieldInvalid { field };
        let states = self
            .state
            .split(',')
            .filter(|text| !text.is_empty())
            .map(|text| OrderState::parse(text).ok_or(wrong("state")))
            .collect::<Result<Vec<_>, _>>()?;
        let day = |text: &str, field| match text {
            "" => Ok(None),
            text => text.parse::<jiff::civil::Date>().map(Some).map_err(|_| wrong(field)),
        };
        let after = match self.after.as_str() {
            "" => None,
            text => Some(Cursor::read(LIST, text)?),
        };
        let channel_kind = match self.channel_kind.as_str() {
            "" => None,
            text => Some(chuangsha_kernel::rulebook::ChannelKind::parse(text).ok_or(wrong("channel_kind"))? as i64),
        };
        Ok(Filter {
            states,
            region: self.region.clone(),
            channel_kind,
            code: self.code.trim().to_uppercase(),
            from: day(&self.from, "from")?.map(chuangsha_kernel::time::Timestamp::start_of),
            before: day(&self.until, "until")?.and_then(|day| day.tomorrow().ok()).map(chuangsha_kernel::time::Timestamp::start_of),
            recheck: self.recheck,
            after: after.map(|cursor| (cursor.at, cursor.id)),
            limit: self.limit.unwrap_or(20),
            ..Filter::default()
        })
    }
}

fn page(found: view::Page) -> Page<RowView> {
    let next = found.next.map(|(at, id)| Cursor { at, id }.text(LIST));
    Page { items: found.rows, next }
}

/// Orders one may see, newest first.
#[utoipa::path(get, path = "/registrations", tag = "registration", params(ListQuery), responses((status = 200, body = Page<RowView>)))]
async fn list(State(app): State<App>, actor: Actor, Query(query): Query<ListQuery>) -> Result<Json<Page<RowView>>> {
    Ok(Json(page(view::list(&app, &actor, query.filter()?).await?)))
}

/// The audit queue: checked orders of other organisations, the longest waiting first.
#[utoipa::path(get, path = "/audit-queue", tag = "audit", params(ListQuery), responses((status = 200, body = Page<RowView>)))]
async fn queue(State(app): State<App>, actor: Actor, Query(query): Query<ListQuery>) -> Result<Json<Page<RowView>>> {
    actor.reach(&app, Action::OrderClaim)?;
    let filter = audit_desk::queue_filter(&actor, query.filter()?);
    Ok(Json(page(view::list(&app, &actor, filter).await?)))
}

/// Query of the offers.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfferQuery {
    /// What is asked for.
    product: Product,
    /// Id of the last number seen.
    #[serde(default)]
    after: Uuid,
}

/// Free numbers of one's city.
#[utoipa::path(get, path = "/numbers/free", tag = "registration", params(OfferQuery), responses((status = 200, body = Vec<Offer>)))]
async fn offers(State(app): State<App>, actor: Actor, Query(query): Query<OfferQuery>) -> Result<Json<Vec<Offer>>> {
    Ok(Json(desk::offers(&app, &actor, query.product, query.after, 20).await?))
}

/// A thing just made.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Opened {
    /// Id.
    pub id: Uuid,
}

/// Opens a draft to re-register a number that is in service; the rest of the way is that of any order.
#[utoipa::path(post, path = "/registrations/existing", tag = "registration", request_body = Reregistration, responses((status = 201, body = Opened)))]
async fn reregister(State(app): State<App>, actor: Actor, Body(input): Body<Reregistration>) -> Result<(StatusCode, Json<Opened>)> {
    let id = reregistration::open(&app, &actor, input).await?;
    Ok((StatusCode::CREATED, Json(Opened { id: id.0 })))
}

/// Opens a draft on a number.
#[utoipa::path(post, path = "/registrations", tag = "registration", request_body = NewOrder, responses((status = 201, body = Opened)))]
async fn open(State(app): State<App>, actor: Actor, Body(input): Body<NewOrder>) -> Result<(StatusCode, Json<Opened>)> {
    let id = desk::open(&app, &actor, input).await?;
    Ok((StatusCode::CREATED, Json(Opened { id: id.0 })))
}

async fn shown(app: &App, actor: &Actor, id: OrderId) -> Result<Json<OrderView>> {
    Ok(Json(view::find(app, actor, id).await?))
}

/// One order, masked.
#[utoipa::path(get, path = "/registrations/{id}", tag = "registration", params(("id" = Uuid, Path)), responses((status = 200, body = OrderView)))]
async fn find(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<OrderView>> {
    shown(&app, &actor, OrderId(id)).await
}

/// Names the holder and takes a slot of their quota.
#[utoipa::path(post, path = "/registrations/{id}/reservation", tag = "registration", params(("id" = Uuid, Path)), request_body = Reservation, responses((status = 200, body = OrderView)))]
async fn reserve(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<Reservation>) -> Result<Json<OrderView>> {
    desk::reserve(&app, &actor, OrderId(id), input).await?;
    shown(&app, &actor, OrderId(id)).await
}

/// A picture, as a multipart field of any name.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "only described")]
struct Picture {
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    file: String,
}

/// Takes one picture in.
#[utoipa::path(post, path = "/registrations/{id}/images/{kind}", tag = "registration", params(("id" = Uuid, Path), ("kind" = ImageKind, Path)), request_body(content = Picture, content_type = "multipart/form-data"), responses((status = 200, body = OrderView)))]
async fn add_image(
    State(app): State<App>,
    actor: Actor,
    Path((id, kind)): Path<(Uuid, String)>,
    mut form: Multipart,
) -> Result<Json<OrderView>> {
    let kind = ImageKind::parse(&kind).ok_or(Refusal::FieldInvalid { field: "kind" })?;
    let bytes = match form.next_field().await {
        Ok(Some(field)) => field.bytes().await.ok(),
        _ => None,
    };
    let bytes = bytes.ok_or(Refusal::FieldInvalid { field: "file" })?;
    desk::add_image(&app, &actor, OrderId(id), kind, bytes.to_vec()).await?;
    shown(&app, &actor, OrderId(id)).await
}

/// One picture in clear; looking is recorded.
#[utoipa::path(get, path = "/registrations/{id}/images/{kind}", tag = "audit", params(("id" = Uuid, Path), ("kind" = ImageKind, Path)), responses((status = 200, content_type = "image/jpeg", body = Vec<u8>)))]
async fn image(State(app): State<App>, actor: Actor, Path((id, kind)): Path<(Uuid, String)>) -> Result<Response> {
    let kind = ImageKind::parse(&kind).ok_or(Refusal::FieldInvalid { field: "kind" })?;
    let bytes = picture::show(&app, &actor, OrderId(id), kind).await?;
    let mut response = bytes.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Declares the capture complete.
#[utoipa::path(post, path = "/registrations/{id}/capture", tag = "registration", params(("id" = Uuid, Path)), request_body = Capture, responses((status = 200, body = OrderView)))]
async fn capture(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<Capture>) -> Result<Json<OrderView>> {
    desk::capture(&app, &actor, OrderId(id), input).await?;
    shown(&app, &actor, OrderId(id)).await
}

/// A step on the version the caller saw.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OnVersion {
    /// Version of the order the caller saw.
    pub version: i64,
    /// Why, in words.
    #[serde(default)]
    pub words: String,
}

/// Sends the order to the audit.
#[utoipa::path(post, path = "/registrations/{id}/submission", tag = "registration", params(("id" = Uuid, Path)), request_body = OnVersion, responses((status = 200, body = OrderView)))]
async fn submit(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<OnVersion>) -> Result<Json<OrderView>> {
    desk::submit(&app, &actor, OrderId(id), input.version).await?;
    shown(&app, &actor, OrderId(id)).await
}

/// Ends the order at the customer's wish.
#[utoipa::path(delete, path = "/registrations/{id}", tag = "registration", params(("id" = Uuid, Path)), request_body = OnVersion, responses((status = 200, body = OrderView)))]
async fn cancel(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<OnVersion>) -> Result<Json<OrderView>> {
    desk::cancel(&app, &actor, OrderId(id), input.version, input.words).await?;
    shown(&app, &actor, OrderId(id)).await
}

/// Claims the order that waited longest.
#[utoipa::path(post, path = "/audit-queue/next", tag = "audit", responses((status = 200, body = OrderView)))]
async fn claim_next(State(app): State<App>, actor: Actor) -> Result<Json<OrderView>> {
    let order = audit_desk::claim_next(&app, &actor, Filter::default()).await?;
    shown(&app, &actor, order.id).await
}

/// Claims an order for ten minutes.
#[utoipa::path(post, path = "/registrations/{id}/lease", tag = "audit", params(("id" = Uuid, Path)), responses((status = 200, body = OrderView)))]
async fn claim(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<OrderView>> {
    audit_desk::claim(&app, &actor, OrderId(id)).await?;
    shown(&app, &actor, OrderId(id)).await
}

/// Gives an order back to the queue.
#[utoipa::path(delete, path = "/registrations/{id}/lease", tag = "audit", params(("id" = Uuid, Path)), responses((status = 200, body = OrderView)))]
async fn release(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<OrderView>> {
    audit_desk::release(&app, &actor, OrderId(id)).await?;
    shown(&app, &actor, OrderId(id)).await
}

/// Who an order is handed to.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// 工号 of an auditor.
    pub assignee: String,
}

/// Hands an order to an auditor, whoever holds it, for the hours the rules give.
#[utoipa::path(put, path = "/registrations/{id}/lease", tag = "audit", params(("id" = Uuid, Path)), request_body = Assignment, responses((status = 200, body = OrderView)))]
async fn assign(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<Assignment>) -> Result<Json<OrderView>> {
    audit_desk::assign(&app, &actor, OrderId(id), &input.assignee).await?;
    shown(&app, &actor, OrderId(id)).await
}

/// Approves.
#[utoipa::path(post, path = "/registrations/{id}/approval", tag = "audit", params(("id" = Uuid, Path)), request_body = OnVersion, responses((status = 200, body = OrderView)))]
async fn approve(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<OnVersion>) -> Result<Json<OrderView>> {
    audit_desk::approve(&app, &actor, OrderId(id), input.version).await?;
    shown(&app, &actor, OrderId(id)).await
}

/// A return.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendBack {
    /// Version of the order the caller saw.
    pub version: i64,
    /// What to capture again.
    pub defects: Vec<Defect>,
    /// Why, in words.
    #[serde(default)]
    pub words: String,
}

/// Returns the order for re-capture.
#[utoipa::path(post, path = "/registrations/{id}/return", tag = "audit", params(("id" = Uuid, Path)), request_body = SendBack, responses((status = 200, body = OrderView)))]
async fn send_back(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<SendBack>) -> Result<Json<OrderView>> {
    audit_desk::send_back(&app, &actor, OrderId(id), input.version, input.defects, input.words).await?;
    shown(&app, &actor, OrderId(id)).await
}

/// A rejection.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// Version of the order the caller saw.
    pub version: i64,
    /// Why.
    pub reason: RejectReason,
    /// In words; required with `other`.
    #[serde(default)]
    pub words: String,
}

/// Rejects the order.
#[utoipa::path(post, path = "/registrations/{id}/rejection", tag = "audit", params(("id" = Uuid, Path)), request_body = Rejection, responses((status = 200, body = OrderView)))]
async fn reject(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<Rejection>) -> Result<Json<OrderView>> {
    audit_desk::reject(&app, &actor, OrderId(id), input.version, input.reason, input.words).await?;
    shown(&app, &actor, OrderId(id)).await
}

/// Hands the order to two seniors.
#[utoipa::path(post, path = "/registrations/{id}/escalation", tag = "audit", params(("id" = Uuid, Path)), request_body = OnVersion, responses((status = 200, body = OrderView)))]
async fn escalate(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<OnVersion>) -> Result<Json<OrderView>> {
    audit_desk::escalate(&app, &actor, OrderId(id), input.version, input.words).await?;
    shown(&app, &actor, OrderId(id)).await
}

/// A senior's vote.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeniorVote {
    /// Version of the order the caller saw.
    pub version: i64,
    /// For approval.
    pub approve: bool,
    /// Why, in words.
    pub words: String,
}

/// One senior's vote on an escalated order.
#[utoipa::path(post, path = "/registrations/{id}/votes", tag = "audit", params(("id" = Uuid, Path)), request_body = SeniorVote, responses((status = 200, body = OrderView)))]
async fn decide(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<SeniorVote>) -> Result<Json<OrderView>> {
    audit_desk::decide(&app, &actor, OrderId(id), input.version, input.approve, input.words).await?;
    shown(&app, &actor, OrderId(id)).await
}

/// Compares the document at delivery with the one submitted.
#[utoipa::path(post, path = "/registrations/{id}/delivery", tag = "registration", params(("id" = Uuid, Path)), request_body = Delivery, responses((status = 200, body = OrderView)))]
async fn deliver(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<Delivery>) -> Result<Json<OrderView>> {
    desk::deliver(&app, &actor, OrderId(id), input).await?;
    shown(&app, &actor, OrderId(id)).await
}

/// A second look.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recheck {
    /// Nothing was found wanting.
    pub sound: bool,
    /// What was found.
    #[serde(default)]
    pub words: String,
}

/// Records the second look at a sampled order.
#[utoipa::path(post, path = "/registrations/{id}/recheck", tag = "audit", params(("id" = Uuid, Path)), request_body = Recheck, responses((status = 204)))]
async fn recheck(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<Recheck>) -> Result<StatusCode> {
    audit_desk::recheck(&app, &actor, OrderId(id), input.sound, input.words).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Everything that happened to the order, looks included.
#[utoipa::path(get, path = "/registrations/{id}/timeline", tag = "registration", params(("id" = Uuid, Path)), responses((status = 200, body = Vec<Seen>)))]
async fn timeline(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<Vec<Seen>>> {
    Ok(Json(view::timeline(&app, &actor, OrderId(id)).await?))
}

/// Shows one field in clear, with a purpose.
#[utoipa::path(post, path = "/registrations/{id}/reveals", tag = "protection", params(("id" = Uuid, Path)), request_body = Reveal, responses((status = 200, body = Revealed)))]
async fn reveal(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<Reveal>) -> Result<Response> {
    let revealed = view::reveal(&app, &actor, OrderId(id), input).await?;
    Ok(Json(revealed).into_response())
}

/// Asks a second person for a field that one person alone may not see.
#[utoipa::path(post, path = "/registrations/{id}/reveals/second-person", tag = "protection", params(("id" = Uuid, Path)), request_body = Reveal, responses((status = 201, body = Opened)))]
async fn ask_second(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<Uuid>,
    Body(input): Body<Reveal>,
) -> Result<(StatusCode, Json<Opened>)> {
    let id = view::ask_second(&app, &actor, OrderId(id), input).await?;
    Ok((StatusCode::CREATED, Json(Opened { id })))
}

/// Why somebody wants to see pictures.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PicturesAsked {
    /// Purpose code: `audit`, `customer_call`, `complaint`, `lawful_request`, `inspection`.
    pub purpose: String,
    /// Case the purpose belongs to: `T-20931`.
    #[serde(default)]
    pub case: String,
    /// Why, in words, 2 to 200 characters.
    pub words: String,
}

/// Asks a second person for the pictures of an order, where one person alone may not see them. One approval opens all of them.
#[utoipa::path(post, path = "/registrations/{id}/images/second-person", tag = "protection", params(("id" = Uuid, Path)), request_body = PicturesAsked, responses((status = 201, body = Opened)))]
async fn ask_second_for_pictures(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<Uuid>,
    Body(input): Body<PicturesAsked>,
) -> Result<(StatusCode, Json<Opened>)> {
    let PicturesAsked { purpose, case, words } = input;
    let asked = Reveal { field: "images".to_owned(), purpose, case, words, ..Reveal::default() };
    let id = picture::ask_second(&app, &actor, OrderId(id), asked).await?;
    Ok((StatusCode::CREATED, Json(Opened { id })))
}

/// Other orders of the same person.
#[utoipa::path(get, path = "/registrations/{id}/same-person", tag = "audit", params(("id" = Uuid, Path)), responses((status = 200, body = Vec<RowView>)))]
async fn same_person(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<Vec<RowView>>> {
    Ok(Json(view::same_person(&app, &actor, OrderId(id)).await?))
}

/// Makes one person of two documents shown together.
#[utoipa::path(post, path = "/persons/links", tag = "registration", request_body = Link, responses((status = 204)))]
async fn link(State(app): State<App>, actor: Actor, Body(input): Body<Link>) -> Result<StatusCode> {
    person::link(&app, &actor, input).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Enters or lifts a restriction on a person.
#[utoipa::path(post, path = "/persons/restrictions", tag = "registration", request_body = Restriction, responses((status = 204)))]
async fn restrict(State(app): State<App>, actor: Actor, Body(input): Body<Restriction>) -> Result<StatusCode> {
    person::restrict(&app, &actor, input).await?;
    Ok(StatusCode::NO_CONTENT)
}
