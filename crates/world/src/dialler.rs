//! 外呼平台: plays a switch that places calls over HTTP and plays announcements to people who answer, or do not.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::listen::Listener;

/// How one call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Answered, listened to for so many seconds, this key pressed.
    Answer(u32, Option<char>),
    /// Rang, nobody there.
    NoAnswer,
    /// Engaged.
    Busy,
    /// The number cannot be reached.
    Fail,
    /// Refused for good.
    Refuse,
    /// Under way the first time it is asked about, answered the second.
    Underway,
    /// No answer for so many milliseconds; the call is placed all the same.
    Slow(u64),
    /// Placed and answered; the connection breaks off before the switch can say so.
    Lost,
    /// This HTTP status; nothing is placed.
    Status(u16),
    /// A successful status and nothing that can be read.
    Garbage,
}

/// 外呼请求 as it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Placed {
    /// International digits.
    pub to: String,
    /// The number shown.
    pub from: String,
    /// Code of the recording.
    pub announcement: String,
    /// What is said.
    pub text: String,
    /// `zh` or `en`.
    pub language: String,
    /// The asker's key.
    pub key: String,
}

/// A running switch; dropping it stops it.
#[derive(Debug)]
pub struct CallPlatform {
    shared: Arc<Mutex<Inner>>,
    listener: Listener,
}

#[derive(Debug, Default)]
struct Inner {
    token: String,
    plan: VecDeque<Behaviour>,
    placed: Vec<Placed>,
    said: HashMap<String, Value>,
}

impl CallPlatform {
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
        let shared = Arc::new(Mutex::new(Inner { token: token.to_owned(), ..Inner::default() }));
        let router = Router::new().route("/calls", post(place)).with_state(shared.clone());
        Ok(Self { shared, listener: Listener::start(router, port).await? })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The address to post to.
    pub fn url(&self) -> String {
        format!("http://{}/calls", self.address())
    }

    /// The next calls go so, one each; afterwards everybody answers and listens for twenty seconds.
    pub fn script(&self, plan: impl IntoIterator<Item = Behaviour>) {
        lock(&self.shared).plan.extend(plan);
    }

    /// Calls placed, the same key once.
    pub fn placed(&self) -> Vec<Placed> {
        lock(&self.shared).placed.clone()
    }
}

fn lock(shared: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn place(State(shared): State<Arc<Mutex<Inner>>>, headers: HeaderMap, Json(call): Json<Placed>) -> Response {
    let (behaviour, id) = {
        let mut inner = lock(&shared);
        let expected = format!("Bearer {}", inner.token);
        if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some(expected.as_str()) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        // The same key again is the same call.
        if let Some(said) = inner.said.get(&call.key) {
            return Json(said.clone()).into_response();
        }
        let behaviour = inner.plan.pop_front().unwrap_or(Behaviour::Answer(20, None));
        let id = format!("call-{}", inner.placed.len() + 1);
        let said = match behaviour {
            Behaviour::Status(status) => {
                return StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE).into_response();
            }
            Behaviour::Garbage => return Json(json!({"calls": []})).into_response(),
            Behaviour::Answer(seconds, pressed) => json!({"id": id, "result": "answered", "seconds": seconds, "pressed": pressed}),
            Behaviour::Underway | Behaviour::Slow(_) | Behaviour::Lost => json!({"id": id, "result": "answered", "seconds": 20}),
            Behaviour::NoAnswer => json!({"id": id, "result": "no_answer"}),
            Behaviour::Busy => json!({"id": id, "result": "busy"}),
            Behaviour::Fail => json!({"id": id, "result": "failed"}),
            Behaviour::Refuse => json!({"id": id, "result": "refused"}),
        };
        inner.said.insert(call.key.clone(), said);
        inner.placed.push(call.clone());
        (behaviour, id)
    };
    match behaviour {
        Behaviour::Underway => return (StatusCode::ACCEPTED, Json(json!({"id": id, "result": "underway"}))).into_response(),
        Behaviour::Slow(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Behaviour::Lost => {
            let broken = futures_util::stream::iter([Ok(&b"{"[..]), Err(std::io::Error::other("the line broke off"))]);
            return axum::body::Body::from_stream(broken).into_response();
        }
        _ => {}
    }
    let said = lock(&shared).said.get(&call.key).cloned();
    Json(said).into_response()
}
