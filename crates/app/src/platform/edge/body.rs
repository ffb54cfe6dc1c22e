//! 请求体上限: pictures may be large, what people type may not. A body over its limit is read to its end and thrown away, so that whoever sent it
//! gets the refusal and not a broken connection; never more than one piece of it is held.

use axum::{
    body::{Body, HttpBody},
    extract::{
        Request, State,
        multipart::{Field, MultipartError},
    },
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chuangsha_kernel::problem::Problem;
use futures_util::StreamExt;
use zeroize::Zeroizing;

use super::code;
use crate::platform::failure::{self, Failure, Result};

/// Limits of one request, bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Forms and JSON.
    pub text: usize,
    /// Everything else: uploads.
    pub whole: usize,
}

/// Where a whole file is pasted or sent as text: it may be as long as an upload.
pub const LONG_TEXTS: [&str; 5] = [
    "/ledger/file",
    "/screening/lists/file",
    "/api/v1/ledger/files",
    "/api/v1/screening/lists/{list}/files",
    "/api/v1/remediation/protected/files",
];

fn is_long(path: &str) -> bool {
    LONG_TEXTS.contains(&path) || (path.starts_with("/api/v1/screening/lists/") && path.ends_with("/files"))
}

/// Whether the body is something typed: a form without files, JSON, plain text.
pub fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/x-www-form-urlencoded" || kind.ends_with("json") || kind.starts_with("text/")
}

/// Refuses what is longer than it may be, by its announced length; a body that announces none is cut off where it passes the limit.
pub async fn bounded(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let long = is_long(request.uri().path());
    let limit = if is_text(request.headers()) && !long { limits.text } else { limits.whole };
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    let least = request.body().size_hint().lower().max(announced.unwrap_or(0));
    if least > limit as u64 {
        drain(request.into_body(), limits.whole).await;
        return too_large(long, limits).into_response();
    }
    let (parts, body) = request.into_parts();
    let answer = next.run(Request::from_parts(parts, Body::new(http_body_util::Limited::new(body, limit)))).await;
    if long && answer.status() == StatusCode::PAYLOAD_TOO_LARGE { too_large(long, limits).into_response() } else { answer }
}

fn too_large(long: bool, limits: Limits) -> Failure {
    if long {
        return Problem::new(&code::FILE_LARGE).with("limit_mib", limits.whole >> 20).into();
    }
    Problem::new(&code::BODY_LARGE).into()
}

/// What is wrong with a form that carries files, told in our own words.
pub fn broken(error: MultipartError) -> Failure {
    let code = if error.status() == StatusCode::PAYLOAD_TOO_LARGE { &code::BODY_LARGE } else { &failure::code::BODY_INVALID };
    Problem::new(code).into()
}

/// The longest text of a form that carries files, bytes: more than any field of ours takes.
const LONGEST_TEXT: usize = 64 * 1024;

/// One text of a form that carries files, wiped when dropped. A picture may be large, a text beside it may not.
///
/// # Errors
/// `edge.body_large` or `platform.body_invalid`, each with the field's name.
pub async fn text(mut field: Field<'_>) -> Result<Zeroizing<String>> {
    let name = field.name().unwrap_or_default().to_owned();
    let mut bytes = Zeroizing::new(Vec::new());
    while let Some(piece) = field.chunk().await.map_err(broken)? {
        if bytes.len().saturating_add(piece.len()) > LONGEST_TEXT {
            return Err(Problem::new(&code::BODY_LARGE).field(&name).into());
        }
        bytes.extend_from_slice(&piece);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| Failure::from(Problem::new(&failure::code::BODY_INVALID).field(&name)))?;
    Ok(Zeroizing::new(text.to_owned()))
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
