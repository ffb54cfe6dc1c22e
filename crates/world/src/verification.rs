//! 核验机构: plays the authority that knows which number belongs to which name.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{listen::Listener, random::Random};

/// How one question is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Number and name belong together.
    Match,
    /// They do not.
    Mismatch,
    /// No such number.
    NotFound,
    /// This score for a face, 0..=1000 (more is an answer nobody should believe).
    Score(u16),
    /// A match after so many milliseconds.
    Slow(u64),
    /// This HTTP status and no answer.
    Status(u16),
    /// A successful status and a page of HTML.
    Garbage,
    /// A match, for somebody else's question.
    WrongQuestion,
    /// A match without any evidence reference.
    NoEvidence,
}

/// 收到的核验: one question as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `document` or `face`.
    pub what: &'static str,
    /// The asker's id of the question.
    pub request: Uuid,
    /// Code of the document kind.
    pub kind: String,
    /// Document number.
    pub number: String,
    /// Name, empty for a face.
    pub name: String,
}

/// A running authority; dropping it stops it.
#[derive(Debug)]
pub struct VerificationAuthority {
    shared: Arc<Shared>,
    listener: Listener,
}

#[derive(Debug)]
struct Shared {
    seed: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    plan: VecDeque<Behaviour>,
    always: Option<Behaviour>,
    seen: Vec<Seen>,
    answered: HashMap<Uuid, Value>,
}

#[derive(Deserialize)]
struct Question {
    request: Uuid,
    kind: String,
    number: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    picture: String,
}

impl VerificationAuthority {
    /// Starts on a free loopback port. Without a script, 97 of 100 documents match; which ones follows from the seed and the number.
    ///
    /// # Errors
    /// No port.
    pub async fn start(seed: u64) -> std::io::Result<Self> {
        Self::start_at(seed, 0).await
    }

    /// As [`Self::start`] on a port of your choice.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start_at(seed: u64, port: u16) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { seed, inner: Mutex::default() });
        let router = Router::new()
            .route("/checks/document", post(|state, question| answer("document", state, question)))
            .route("/checks/face", post(|state, question| answer("face", state, question)))
            .layer(axum::extract::DefaultBodyLimit::max(16 << 20))
            .with_state(shared.clone());
        Ok(Self { shared, listener: Listener::start(router, port).await? })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Base address for the adapter's settings.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Answers the next questions so, one each; afterwards as usual.
    pub fn script(&self, plan: impl IntoIterator<Item = Behaviour>) {
        self.shared.lock().plan.extend(plan);
    }

    /// Answers every unscripted question so; `None`: by the seed again.
    pub fn always(&self, behaviour: Option<Behaviour>) {
        self.shared.lock().always = behaviour;
    }

    /// Every question that arrived, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the seed says about a number: the same each time it is asked.
    fn usual(&self, what: &str, number: &str) -> Behaviour {
        let mut random = Random::stream(self.seed, number);
        match (what, random.below(100)) {
            ("face", _) => Behaviour::Score(u16::try_from(800 + random.below(195)).unwrap_or(800)),
            (_, 0) => Behaviour::NotFound,
            (_, 1 | 2) => Behaviour::Mismatch,
            _ => Behaviour::Match,
        }
    }
}

async fn answer(what: &'static str, State(shared): State<Arc<Shared>>, Json(question): Json<Question>) -> Response {
    let (behaviour, before) = {
        let mut inner = shared.lock();
        let (kind, number, name) = (question.kind.clone(), question.number.clone(), question.name.clone());
        inner.seen.push(Seen { what, request: question.request, kind, number, name });
        let behaviour = inner.plan.pop_front().or_else(|| inner.always.clone()).unwrap_or_else(|| shared.usual(what, &question.number));
        (behaviour, inner.answered.get(&question.request).cloned())
    };
    if what == "face" && question.picture.is_empty() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let evidence = format!("VA-{:016X}", Random::stream(shared.seed, &question.request.to_string()).bits());
    let result = match behaviour {
        Behaviour::Status(status) => return StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE).into_response(),
        Behaviour::Garbage => return "<html><body>Please log in</body></html>".into_response(),
        Behaviour::WrongQuestion => {
            return Json(json!({"request": Uuid::nil(), "result": "match", "score": 990, "evidence": evidence})).into_response();
        }
        Behaviour::NoEvidence => {
            return Json(json!({"request": question.request, "result": "match", "score": 990, "evidence": ""})).into_response();
        }
        Behaviour::Slow(ms) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            json!({"result": "match", "score": 950})
        }
        Behaviour::Match => json!({"result": "match", "score": 950}),
        Behaviour::Mismatch => json!({"result": "mismatch", "score": 120}),
        Behaviour::NotFound => json!({"result": "not_found", "score": 0}),
        Behaviour::Score(score) => json!({"result": "match", "score": score}),
    };
    // The same question again gets the same answer, as a real authority keeps its log.
    let answer = before.unwrap_or_else(
        || json!({"request": question.request, "result": result["result"], "score": result["score"], "evidence": evidence}),
    );
    shared.lock().answered.insert(question.request, answer.clone());
    Json(answer).into_response()
}
