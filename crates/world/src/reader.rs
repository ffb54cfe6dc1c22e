//! 读卡桥接: plays the small program beside a clerk's browser that speaks to the ID reader, as `docs/api/reader-bridge.md` describes it. The people
//! on its cards do not exist.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;

use crate::{kit, listen::Listener};

/// How the reader behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// A card lies on it.
    Card,
    /// It takes so many milliseconds.
    Slow(u64),
    /// No card.
    NoCard,
    /// Somebody else reads just now.
    Busy,
    /// The bridge refuses whatever is asked.
    Refuse,
    /// No reader is plugged in.
    NoReader,
}

#[derive(Debug)]
struct Inner {
    token: String,
    origin: Option<String>,
    behaviour: Behaviour,
    reads: u16,
}

/// A running bridge; dropping it stops it.
#[derive(Debug)]
pub struct ReaderBridge {
    shared: Arc<Mutex<Inner>>,
    listener: Listener,
}

type Shared = State<Arc<Mutex<Inner>>>;

impl ReaderBridge {
    /// Starts on a free loopback port, for pages of any origin that know the token.
    ///
    /// # Errors
    /// No port.
    pub async fn start(token: &str) -> std::io::Result<Self> {
        Self::start_at(token, None, 0).await
    }

    /// As [`Self::start`] on a port of your choice; with an origin, for its pages alone.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start_at(token: &str, origin: Option<&str>, port: u16) -> std::io::Result<Self> {
        let inner = Inner { token: token.to_owned(), origin: origin.map(str::to_owned), behaviour: Behaviour::Card, reads: 0 };
        let shared = Arc::new(Mutex::new(inner));
        let router = Router::new()
            .route("/v1/status", get(status))
            .route("/v1/read", post(read))
            .layer(middleware::from_fn_with_state(shared.clone(), guard))
            .with_state(shared.clone());
        Ok(Self { shared, listener: Listener::start(router, port).await? })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Its origin, for `capture.reader_bridge`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Behaves so from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        lock(&self.shared).behaviour = behaviour;
    }

    /// Cards read so far.
    pub fn reads(&self) -> u16 {
        lock(&self.shared).reads
    }
}

fn lock(shared: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wrong(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({ "code": code }))).into_response()
}

/// Who asks: the page's origin, then the token. A browser asks first whether it may (CORS, Private Network Access).
async fn guard(State(shared): Shared, request: Request, next: Next) -> Response {
    let text =
        |headers: &HeaderMap, name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (token, known) = {
        let inner = lock(&shared);
        (inner.token.clone(), inner.origin.clone())
    };
    let origin = text(request.headers(), header::ORIGIN);
    if !origin.is_empty() && known.is_some_and(|known| known != origin) {
        return wrong(StatusCode::FORBIDDEN, "origin");
    }
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else if text(request.headers(), header::AUTHORIZATION) == format!("Bearer {token}") {
        next.run(request).await
    } else {
        wrong(StatusCode::UNAUTHORIZED, "token")
    };
    if let Ok(origin) = HeaderValue::from_str(&origin) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization"));
        headers.insert(HeaderName::from_static("access-control-allow-private-network"), HeaderValue::from_static("true"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

async fn status(State(shared): Shared) -> Response {
    let reader = match lock(&shared).behaviour {
        Behaviour::NoReader => "none",
        Behaviour::Busy => "busy",
        _ => "ready",
    };
    Json(json!({ "bridge": "chuangsha world", "version": 1, "reader": reader })).into_response()
}

async fn read(State(shared): Shared) -> Response {
    let behaviour = lock(&shared).behaviour;
    match behaviour {
        Behaviour::Card => {}
        Behaviour::Slow(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Behaviour::NoCard => return wrong(StatusCode::CONFLICT, "no_card"),
        Behaviour::Busy => return wrong(StatusCode::CONFLICT, "busy"),
        Behaviour::Refuse => return wrong(StatusCode::FORBIDDEN, "refused"),
        Behaviour::NoReader => return wrong(StatusCode::SERVICE_UNAVAILABLE, "no_reader"),
    }
    let person = {
        let mut inner = lock(&shared);
        inner.reads = inner.reads.wrapping_add(1);
        1_000 + inner.reads % 20_000
    };
    Json(json!({
        "document_kind": "resident_id", "document_number": kit::resident_id(person), "name": "演示持卡人", "address": "演示省演示一市示范区一号",
        "valid_from": "2020-01-01", "valid_until": "2040-01-01",
    }))
    .into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails stops")]
    use super::*;

    async fn ask(bridge: &ReaderBridge, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, serde_json::Value) {
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client.request(method.parse().unwrap(), format!("{}{path}", bridge.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        (status, headers, answer.json().await.unwrap_or_default())
    }

    #[tokio::test]
    async fn it_reads_for_who_knows_the_token_and_comes_from_the_console() {
        let bridge = ReaderBridge::start_at("secret", Some("https://console.example"), 0).await.unwrap();
        let ours = ("origin", "https://console.example");
        let token = ("authorization", "Bearer secret");
        let (status, headers, _) = ask(&bridge, "OPTIONS", "/v1/read", &[ours]).await;
        assert_eq!((status, &headers["access-control-allow-private-network"]), (204, &HeaderValue::from_static("true")));
        assert_eq!(headers["access-control-allow-origin"], "https://console.example");
        assert_eq!(ask(&bridge, "OPTIONS", "/v1/read", &[("origin", "https://elsewhere.example")]).await.0, 403);
        assert_eq!(ask(&bridge, "POST", "/v1/read", &[ours]).await.0, 401);
        assert_eq!(ask(&bridge, "POST", "/v1/read", &[ours, ("authorization", "Bearer other")]).await.0, 401);
        let (status, _, card) = ask(&bridge, "POST", "/v1/read", &[ours, token]).await;
        assert_eq!((status, card["document_kind"].as_str()), (200, Some("resident_id")));
        assert!(card["document_number"].as_str().unwrap().starts_with("990101"), "nobody real");
        assert_eq!(bridge.reads(), 1);
    }

    #[tokio::test]
    async fn its_faults_have_names() {
        let bridge = ReaderBridge::start("t").await.unwrap();
        let token = [("authorization", "Bearer t")];
        let faults = [
            (Behaviour::NoCard, 409, "no_card"),
            (Behaviour::Busy, 409, "busy"),
            (Behaviour::Refuse, 403, "refused"),
            (Behaviour::NoReader, 503, "no_reader"),
        ];
        for (behaviour, status, code) in faults {
            bridge.behave(behaviour);
            let (told, _, body) = ask(&bridge, "POST", "/v1/read", &token).await;
            assert_eq!((told, body["code"].as_str()), (status, Some(code)));
        }
        let (_, _, body) = ask(&bridge, "GET", "/v1/status", &token).await;
        assert_eq!(body["reader"], "none");
        bridge.behave(Behaviour::Slow(1));
        assert_eq!(ask(&bridge, "POST", "/v1/read", &token).await.0, 200);
    }
}
