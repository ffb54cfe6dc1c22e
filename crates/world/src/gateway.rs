//! 短信网关: plays a carrier's HTTP gateway.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::json;

use crate::listen::Listener;

/// How one message is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Taken.
    Take,
    /// This HTTP status.
    Status(u16),
    /// A successful status and no ids.
    Garbage,
}

/// 收到的短信
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Received {
    /// International digits.
    pub to: String,
    /// The text.
    pub text: String,
    /// The sender's key.
    pub key: String,
    /// Whether a receipt was asked for.
    pub receipt: bool,
}

/// A running gateway; dropping it stops it.
#[derive(Debug)]
pub struct SmsGateway {
    shared: Arc<Mutex<Inner>>,
    listener: Listener,
}

#[derive(Debug)]
struct Inner {
    token: String,
    plan: VecDeque<Behaviour>,
    received: Vec<Received>,
}

impl SmsGateway {
    /// Starts on a free loopback port; asks for this bearer token.
    ///
    /// # Errors
    /// No port.
    pub async fn start(token: &str) -> std::io::Result<Self> {
        Self::start_at(token, 0).await
    }

    /// As [`Self::start`] on a port of your choice.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start_at(token: &str, port: u16) -> std::io::Result<Self> {
        let shared = Arc::new(Mutex::new(Inner { token: token.to_owned(), plan: VecDeque::new(), received: Vec::new() }));
        let router = Router::new().route("/messages", post(take)).with_state(shared.clone());
        Ok(Self { shared, listener: Listener::start(router, port).await? })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The address to post to.
    pub fn url(&self) -> String {
        format!("http://{}/messages", self.address())
    }

    /// Takes the next messages so, one each; afterwards takes them.
    pub fn script(&self, plan: impl IntoIterator<Item = Behaviour>) {
        lock(&self.shared).plan.extend(plan);
    }

    /// What was taken, the same key once.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared).received.clone()
    }
}

fn lock(shared: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn take(State(shared): State<Arc<Mutex<Inner>>>, headers: HeaderMap, Json(message): Json<Received>) -> Response {
    let mut inner = lock(&shared);
    let expected = format!("Bearer {}", inner.token);
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some(expected.as_str()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match inner.plan.pop_front().unwrap_or(Behaviour::Take) {
        Behaviour::Status(status) => StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE).into_response(),
        Behaviour::Garbage => Json(json!({"ids": []})).into_response(),
        Behaviour::Take => {
            let id = format!("gw-{}", message.key);
            if !inner.received.iter().any(|before| before.key == message.key) {
                inner.received.push(message);
            }
            (StatusCode::ACCEPTED, Json(json!({"ids": [id]}))).into_response()
        }
    }
}
