//! A carrier behind an HTTP gateway: JSON by POST.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Sms, SmsMessage, SmsOutcome};
use crate::platform::network::client::read_limited;

/// Longest answer that is read.
const MAX_ANSWER: usize = 64 << 10;

/// Where the gateway is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSmsSettings {
    /// The whole address to post to.
    pub url: String,
    /// Bearer token; empty: none.
    #[serde(skip_serializing)]
    pub token: String,
    /// Limit of one call, milliseconds.
    pub timeout_ms: u64,
}

impl Default for HttpSmsSettings {
    fn default() -> Self {
        Self { url: String::new(), token: String::new(), timeout_ms: 10_000 }
    }
}

impl std::fmt::Debug for HttpSmsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpSmsSettings").field("url", &self.url).field("timeout_ms", &self.timeout_ms).finish_non_exhaustive()
    }
}

/// 短信网关 over HTTP: `{to, text, key, receipt}` → `{ids}`.
#[derive(Debug)]
pub struct HttpSms {
    client: reqwest::Client,
    settings: HttpSmsSettings,
}

#[derive(Serialize)]
struct Question<'a> {
    to: String,
    text: &'a str,
    key: &'a str,
    receipt: bool,
}

#[derive(Deserialize)]
struct Answer {
    ids: Vec<String>,
}

impl HttpSms {
    /// The client comes from [`crate::platform::network::http_client`].
    pub fn new(client: reqwest::Client, settings: HttpSmsSettings) -> Self {
        Self { client, settings }
    }

    async fn post(&self, message: &SmsMessage) -> SmsOutcome {
        let question = Question { to: message.to.e164(), text: &message.text, key: &message.idempotency_key, receipt: message.receipt };
        let mut request = self.client.post(&self.settings.url).timeout(Duration::from_millis(self.settings.timeout_ms)).json(&question);
        request = request.header("Idempotency-Key", &message.idempotency_key);
        if !self.settings.token.is_empty() {
            request = request.bearer_auth(&self.settings.token);
        }
        let Ok(answer) = request.send().await else { return SmsOutcome::Unreachable { why: "the gateway does not answer" } };
        match answer.status().as_u16() {
            200..=299 => {
                let body = read_limited(answer, MAX_ANSWER).await.unwrap_or_default();
                match serde_json::from_slice::<Answer>(&body) {
                    Ok(Answer { ids }) if !ids.is_empty() => SmsOutcome::Sent { ids },
                    _ => SmsOutcome::Unreachable { why: "the gateway's answer cannot be read" },
                }
            }
            401 | 403 | 407 => SmsOutcome::Unreachable { why: "the gateway does not accept our credentials" },
            408 | 425 | 429 => SmsOutcome::Unreachable { why: "the gateway asks to come back later" },
            status @ 400..=499 => SmsOutcome::Rejected { code: status.to_string() },
            _ => SmsOutcome::Unreachable { why: "the gateway failed" },
        }
    }
}

impl Sms for HttpSms {
    fn send<'a>(&'a self, message: &'a SmsMessage) -> BoxFuture<'a, SmsOutcome> {
        Box::pin(self.post(message))
    }
}
