//! The verification port over HTTP: JSON by POST, with a time limit, few retries and a breaker.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::Engine;
use chuangsha_kernel::{id::Ids, time::Clock};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    Breaker, BreakerSettings, BreakerState, CheckOutcome, DocumentCheck, DownReason, Evidence, FaceMatch, FaceOutcome, Verifier, VerifyDown,
};
use crate::platform::network::{Backoff, client::read_limited};

/// Longest answer that is read.
const MAX_ANSWER: usize = 64 << 10;

/// Where the authority is and how patient we are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpVerifierSettings {
    /// Base address: `/checks/document` and `/checks/face` are added.
    pub url: String,
    /// Limit of one try, milliseconds.
    pub timeout_ms: u64,
    /// Tries in all, at least one.
    pub attempts: u32,
    /// Waiting between tries.
    pub backoff: Backoff,
    /// When to stop asking.
    pub breaker: BreakerSettings,
}

impl Default for HttpVerifierSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            timeout_ms: 5_000,
            attempts: 3,
            backoff: Backoff { first_ms: 200, cap_ms: 2_000 },
            breaker: BreakerSettings::default(),
        }
    }
}

/// 联网核验 over HTTP.
pub struct HttpVerifier {
    client: reqwest::Client,
    settings: HttpVerifierSettings,
    breaker: Mutex<Breaker>,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
}

#[derive(Serialize)]
struct DocumentQuestion<'a> {
    request: Uuid,
    kind: &'a str,
    number: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct FaceQuestion<'a> {
    request: Uuid,
    kind: &'a str,
    number: &'a str,
    picture: String,
}

#[derive(Deserialize)]
struct DocumentAnswer {
    request: Uuid,
    result: DocumentResult,
    evidence: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum DocumentResult {
    Match,
    Mismatch,
    NotFound,
}

#[derive(Deserialize)]
struct FaceAnswer {
    request: Uuid,
    score: u16,
    evidence: String,
}

impl HttpVerifier {
    /// The client comes from [`crate::platform::network::http_client`].
    pub fn new(client: reqwest::Client, settings: HttpVerifierSettings, clock: Arc<dyn Clock>, ids: Arc<Ids>) -> Self {
        let breaker = Mutex::new(Breaker::new(settings.breaker));
        Self { client, settings, breaker, clock, ids }
    }

    /// Where the breaker stands, for the health page.
    pub fn breaker(&self) -> BreakerState {
        self.with_breaker(|breaker| breaker.state())
    }

    fn with_breaker<T>(&self, f: impl FnOnce(&mut Breaker) -> T) -> T {
        f(&mut self.breaker.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks until there is an answer worth believing or the tries are used up.
    async fn ask<A: DeserializeOwned, T>(
        &self,
        path: &str,
        question: &(impl Serialize + Sync),
        believe: impl Fn(A) -> Option<T> + Send + Sync,
    ) -> Result<T, VerifyDown> {
        let mut failures = 0;
        loop {
            if let Err(until) = self.with_breaker(|breaker| breaker.admit(self.clock.now())) {
                return Err(VerifyDown { reason: DownReason::Open, retry_at: Some(until) });
            }
            let reason = match self.try_once(path, question).await.and_then(|answer| believe(answer).ok_or(DownReason::Garbage)) {
                Ok(outcome) => {
                    self.with_breaker(Breaker::succeeded);
                    return Ok(outcome);
                }
                Err(reason) => reason,
            };
            self.with_breaker(|breaker| breaker.failed(self.clock.now()));
            failures += 1;
            tracing::warn!(path, failures, ?reason, "verification did not answer");
            if failures >= self.settings.attempts || !worth_retrying(reason) {
                return Err(VerifyDown { reason, retry_at: None });
            }
            let wait = self.settings.backoff.delay_from(failures, &self.ids);
            tokio::time::sleep(Duration::from_millis(wait.max(0).unsigned_abs())).await;
        }
    }

    async fn try_once<A: DeserializeOwned>(&self, path: &str, question: &(impl Serialize + Sync)) -> Result<A, DownReason> {
        let limit = Duration::from_millis(self.settings.timeout_ms);
        let url = format!("{}{path}", self.settings.url.trim_end_matches('/'));
        let answer = self.client.post(url).timeout(limit).json(question).send().await.map_err(|error| down(&error))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(DownReason::Status(status.as_u16()));
        }
        let body = read_limited(answer, MAX_ANSWER).await.ok_or(DownReason::Garbage)?;
        serde_json::from_slice(&body).map_err(|_| DownReason::Garbage)
    }
}

fn down(error: &reqwest::Error) -> DownReason {
    if error.is_timeout() { DownReason::Timeout } else { DownReason::Unreachable }
}

/// A refusal of the request itself (bad credentials, unknown path) will not mend within seconds.
fn worth_retrying(reason: DownReason) -> bool {
    !matches!(reason, DownReason::Status(status) if (400..500).contains(&status) && status != 408 && status != 429)
}

impl Verifier for HttpVerifier {
    fn check_document<'a>(&'a self, check: &'a DocumentCheck) -> BoxFuture<'a, Result<CheckOutcome, VerifyDown>> {
        Box::pin(async move {
            let question = DocumentQuestion { request: check.request, kind: &check.kind, number: &check.number, name: &check.name };
            self.ask("/checks/document", &question, |answer: DocumentAnswer| {
                let evidence = Evidence::parse(&answer.evidence).filter(|_| answer.request == check.request)?;
                Some(match answer.result {
                    DocumentResult::Match => CheckOutcome::Match(evidence),
                    DocumentResult::Mismatch => CheckOutcome::Mismatch(evidence),
                    DocumentResult::NotFound => CheckOutcome::NotFound(evidence),
                })
            })
            .await
        })
    }

    fn match_face<'a>(&'a self, check: &'a FaceMatch) -> BoxFuture<'a, Result<FaceOutcome, VerifyDown>> {
        Box::pin(async move {
            let picture = base64::engine::general_purpose::STANDARD.encode(&*check.picture);
            let question = FaceQuestion { request: check.request, kind: &check.kind, number: &check.number, picture };
            self.ask("/checks/face", &question, |answer: FaceAnswer| {
                let evidence = Evidence::parse(&answer.evidence).filter(|_| answer.request == check.request)?;
                (answer.score <= 1000).then_some(FaceOutcome { score: answer.score, evidence })
            })
            .await
        })
    }
}
