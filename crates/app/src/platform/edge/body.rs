//! 请求体上限: pictures may be large, what people type may not. A body over its limit is read to its end and thrown away, so that whoever sent it
//! gets the refusal and not a broken connection; never more than one piece of it is held.

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chuangsha_kernel::problem::Problem;
use futures_util::StreamExt;

use super::code;
use crate::platform::failure::Failure;

/// Limits of one request, bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Forms and JSON.
    pub text: usize,
    /// Everything else: uploads.
    pub whole: usize,
}

/// Whether the body is something typed: a form without files, JSON, plain text.
pub fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/x-www-form-urlencoded" || kind.ends_with("json") || kind.starts_with("text/")
}

/// Refuses what is longer than it may be, by its announced length; a body that announces none is cut off where it passes the limit.
pub async fn bounded(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let limit = if is_text(request.headers()) { limits.text } else { limits.whole };
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    let least = request.body().size_hint().lower().max(announced.unwrap_or(0));
    if least > limit as u64 {
        drain(request.into_body(), limits.whole).await;
        return Failure::from(Problem::new(&code::BODY_LARGE)).into_response();
    }
    let (parts, body) = request.into_parts();
    next.run(Request::from_parts(parts, Body::new(http_body_util::Limited::new(body, limit)))).await
}

/// Reads on without keeping anything, up to the largest body there may be at all.
async fn drain(body: Body, most: usize) {
    let (mut pieces, mut seen) = (body.into_data_stream(), 0_usize);
    while let Some(Ok(piece)) = pieces.next().await {
        seen = seen.saturating_add(piece.len());
        if seen > most {
            return;
        }
    }
}
