//! 离线采集接口: the JSON of the capture app.

use axum::extract::Multipart;
use axum::{
    Json,
    extract::{FromRequest, Request, State},
    http::StatusCode,
};
use chuangsha_kernel::{problem::Problem, role::Action};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{CaptureLimits, OfflineOrder, Sending, limits};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{self, Failure, Result},
    },
    registration::{
        Refusal,
        order::{ImageKind, State as OrderState},
        view,
    },
};

/// Routes of the capture app.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(capture_limits)).routes(routes!(upload))
}

/// What this device may do while the network is gone.
#[utoipa::path(get, path = "/capture-limits", tag = "registration", responses((status = 200, body = CaptureLimits)))]
async fn capture_limits(State(app): State<App>, actor: Actor) -> Result<Json<CaptureLimits>> {
    Ok(Json(limits::of(&app, &actor).await?))
}

/// One order captured offline: `order` is JSON, `sent_at` the device's clock in milliseconds UTC, and each picture a part named after its kind.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "only described")]
struct OfflineForm {
    order: OfflineOrder,
    sent_at: i64,
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    document_front: String,
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    document_back: Option<String>,
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    live_photo: String,
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    signature: String,
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    agent_document: Option<String>,
}

/// What an upload became.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Uploaded {
    /// The order.
    pub id: Uuid,
    /// 单号
    pub code: String,
    /// Where it stands.
    pub state: OrderState,
    /// `138****1234`
    pub number: String,
    /// The same order came before: nothing was done twice.
    pub replayed: bool,
}

/// Takes an order captured offline, exactly once: the same `order.id` again gives the same order.
#[utoipa::path(post, path = "/offline-registrations", tag = "registration", request_body(content = OfflineForm, content_type = "multipart/form-data"), responses((status = 201, body = Uploaded), (status = 200, body = Uploaded, description = "It came before")))]
async fn upload(State(app): State<App>, actor: Actor, request: Request) -> Result<(StatusCode, Json<Uploaded>)> {
    // Who may not register is told so before a large body is read.
    actor.require(&app, Action::OrderReserve, &actor.here())?;
    let form = Multipart::from_request(request, &app).await.map_err(|_| broken())?;
    let sending = read(form).await?;
    let taken = super::take(&app, &actor, sending).await?;
    let order = view::find(&app, &actor, taken.order).await?;
    let status = if taken.replayed { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(Uploaded { id: order.id, code: order.code, state: order.state, number: order.number, replayed: taken.replayed })))
}

fn broken() -> Failure {
    Problem::new(&failure::code::BODY_INVALID).into()
}

async fn read(mut form: Multipart) -> Result<Sending> {
    let (mut order, mut sent_at, mut pictures) = (None, None, Vec::<(ImageKind, Vec<u8>)>::new());
    while let Some(field) = form.next_field().await.map_err(|_| broken())? {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(|_| broken())?;
        match (name.as_str(), ImageKind::parse(&name)) {
            ("order", _) => {
                // The library's text may quote the body: it is not passed on.
                let read = serde_json::from_slice::<OfflineOrder>(&bytes).map_err(|_| broken())?;
                order = Some((read, super::digest(&bytes)));
            }
            ("sent_at", _) => sent_at = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse::<i64>().ok()),
            (_, Some(kind)) if !pictures.iter().any(|(other, _)| *other == kind) => pictures.push((kind, bytes.to_vec())),
            _ => return Err(broken()),
        }
    }
    let (order, digest) = order.ok_or(Refusal::FieldInvalid { field: "order" })?;
    let sent_at = sent_at.ok_or(Refusal::FieldInvalid { field: "sent_at" })?;
    Ok(Sending { order, digest, sent_at, pictures })
}
