//! 外呼网关 over HTTP: one POST a call, asked again with the same key until the switch knows what became of it.
//!
//! `{to, text, key}` → `{id, state}` with `state` one of `heard`, `unheard`, `ringing`, `rejected`.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::contact::{Call, CallOutcome, Dialler};
use crate::platform::network::client::read_limited;

/// Longest answer that is read.
const MAX_ANSWER: usize = 16 << 10;

/// Where the switch is.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallConfig {
    /// The whole address to post to; empty: calls wait in the outbox.
    pub url: String,
    /// Bearer token; empty: none.
    #[serde(skip_serializing)]
    pub token: String,
}

impl std::fmt::Debug for CallConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallConfig").field("url", &self.url).finish_non_exhaustive()
    }
}

/// A switch behind an HTTP gateway.
#[derive(Debug)]
pub struct HttpDialler {
    client: reqwest::Client,
    config: CallConfig,
}

#[derive(Serialize)]
struct Question<'a> {
    to: String,
    text: &'a str,
    key: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    id: String,
    state: String,
}

impl HttpDialler {
    /// The client comes from [`crate::platform::network::http_client`].
    pub fn new(client: reqwest::Client, config: CallConfig) -> Self {
        Self { client, config }
    }

    async fn post(&self, call: &Call) -> CallOutcome {
        let question = Question { to: call.to.e164(), text: &call.text, key: &call.key };
        let mut request = self.client.post(&self.config.url).timeout(Duration::from_secs(10)).json(&question);
        request = request.header("Idempotency-Key", &call.key);
        if !self.config.token.is_empty() {
            request = request.bearer_auth(&self.config.token);
        }
        let Ok(answer) = request.send().await else { return CallOutcome::Unreachable { why: "the switch does not answer" } };
        match answer.status().as_u16() {
            200..=299 => {
                let body = read_limited(answer, MAX_ANSWER).await.unwrap_or_default();
                read(&body)
            }
            401 | 403 | 407 => CallOutcome::Unreachable { why: "the switch does not accept our credentials" },
            408 | 425 | 429 => CallOutcome::Unreachable { why: "the switch asks to come back later" },
            status @ 400..=499 => CallOutcome::Rejected { code: status.to_string() },
            _ => CallOutcome::Unreachable { why: "the switch failed" },
        }
    }
}

/// What the switch says; a call without an id is no evidence.
fn read(body: &[u8]) -> CallOutcome {
    let unreadable = CallOutcome::Unreachable { why: "the switch's answer cannot be read" };
    let Ok(Answer { id, state }) = serde_json::from_slice(body) else { return unreadable };
    match state.as_str() {
        "heard" if !id.is_empty() && id.len() <= 64 => CallOutcome::Heard { id },
        "unheard" => CallOutcome::Unheard { id: id.chars().take(64).collect() },
        "ringing" => CallOutcome::Ringing,
        "rejected" => CallOutcome::Rejected { code: "rejected".to_owned() },
        _ => unreadable,
    }
}

impl Dialler for HttpDialler {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, CallOutcome> {
        Box::pin(self.post(call))
    }
}

#[cfg(test)]
mod tests {
    use super::{CallOutcome, read};

    #[test]
    fn only_a_heard_call_with_its_id_is_evidence() {
        assert_eq!(read(br#"{"id":"7","state":"heard"}"#), CallOutcome::Heard { id: "7".into() });
        assert!(matches!(read(br#"{"state":"heard"}"#), CallOutcome::Unreachable { .. }));
        assert_eq!(read(br#"{"state":"ringing"}"#), CallOutcome::Ringing);
        assert!(matches!(read(br#"{"id":"7","state":"unheard"}"#), CallOutcome::Unheard { .. }));
        for bad in [&b"{}"[..], b"", b"[]", br#"{"state":"maybe"}"#] {
            assert!(matches!(read(bad), CallOutcome::Unreachable { .. }));
        }
    }
}
