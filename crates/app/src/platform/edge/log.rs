//! 访问日志: one line a request, as JSON by the subscriber. The route's pattern, never the address typed: no query, no id, no personal datum.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};

use crate::{
    App,
    platform::{failure::LANGUAGE, people::network, web::shell::language_of},
};

/// The request's number, given back with the answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The number of a request, for handlers that hand it on.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// A caller's own number is kept when it is one: 8 to 64 letters, digits and hyphens.
fn given(request: &Request) -> Option<String> {
    let text = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let fits = (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    fits.then(|| text.to_owned())
}

/// Numbers the request, sets its language, and writes the line.
pub async fn access(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = std::time::Instant::now();
    let id = given(&request).unwrap_or_else(|| app.ids.next(app.clock.now()).to_string());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "-".to_owned(), |path| path.as_str().to_owned());
    let from = network(request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0));
    let language = language_of(request.headers());
    let mut response = LANGUAGE.scope(language, next.run(request)).await;
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(target: "access", request = %id, %method, %route, status = response.status().as_u16(), ms, %from);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
