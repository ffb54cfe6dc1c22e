//! 外呼: a recorded announcement played to one person, over whatever switch or platform places it.

use std::time::Duration;

use chuangsha_kernel::{phone::Phone, problem::Language};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::platform::network::client::read_limited;

/// Longest answer that is read.
const MAX_ANSWER: usize = 64 << 10;

/// 外呼: one call to one person. Debug shows the masked number and no words.
#[derive(Clone)]
pub struct CallMessage {
    /// To whom.
    pub to: Phone,
    /// Which announcement, by the code the switch knows the recording by.
    pub announcement: String,
    /// The same in words, for a switch that speaks them itself.
    pub text: Zeroizing<String>,
    /// In which language.
    pub language: Language,
    /// The same key again is the same call: asked again, the switch says what became of it and does not ring twice.
    pub idempotency_key: String,
}

impl std::fmt::Debug for CallMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CallMessage({}, {}, {})", self.to.masked(), self.announcement, self.idempotency_key)
    }
}

/// 外呼结果
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// 接听: somebody listened.
    Answered {
        /// The switch's id of the call: the evidence.
        id: String,
        /// How long, seconds.
        seconds: u32,
        /// The last key pressed: `0` to `9`, `*`, `#`.
        pressed: Option<char>,
    },
    /// 无人接听
    NoAnswer {
        /// The switch's id of the call.
        id: String,
    },
    /// 占线
    Busy {
        /// The switch's id of the call.
        id: String,
    },
    /// 呼叫失败: the number is not in use, or out of reach.
    Failed {
        /// The switch's id of the call.
        id: String,
    },
    /// 呼叫中: ask again with the same key.
    Underway,
    /// 拒绝: never will be placed.
    Refused {
        /// A code without personal data.
        code: String,
    },
    /// Not now: no connection, no free line, no answer.
    Unreachable {
        /// What happened.
        why: &'static str,
    },
}

/// 外呼端口: whoever can place a call.
pub trait OutboundCall: Send + Sync {
    /// Places one call, or says what became of it.
    fn call<'a>(&'a self, message: &'a CallMessage) -> BoxFuture<'a, CallOutcome>;
}

/// Where the switch is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpCallSettings {
    /// The whole address to post to.
    pub url: String,
    /// Bearer token; empty: none.
    #[serde(skip_serializing)]
    pub token: String,
    /// Number shown to the person called.
    pub source: String,
    /// Limit of one question, milliseconds; a call takes longer, and is asked about again.
    pub timeout_ms: u64,
}

impl Default for HttpCallSettings {
    fn default() -> Self {
        Self { url: String::new(), token: String::new(), source: String::new(), timeout_ms: 10_000 }
    }
}

impl std::fmt::Debug for HttpCallSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpCallSettings").field("url", &self.url).field("timeout_ms", &self.timeout_ms).finish_non_exhaustive()
    }
}

/// 外呼平台 over HTTP: `{to, from, announcement, text, language, key}` → `{id, result, seconds, pressed}`; the form stands in `docs/operate/messages.md`.
#[derive(Debug)]
pub struct HttpCall {
    client: reqwest::Client,
    settings: HttpCallSettings,
}

#[derive(Serialize)]
struct Question<'a> {
    to: String,
    from: &'a str,
    announcement: &'a str,
    text: &'a str,
    language: &'static str,
    key: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    id: String,
    result: Said,
    #[serde(default)]
    seconds: u32,
    #[serde(default)]
    pressed: Option<char>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Answered,
    NoAnswer,
    Busy,
    Failed,
    Refused,
    Underway,
}

impl HttpCall {
    /// The client comes from [`crate::platform::network::http_client`].
    pub fn new(client: reqwest::Client, settings: HttpCallSettings) -> Self {
        Self { client, settings }
    }

    async fn post(&self, message: &CallMessage) -> CallOutcome {
        let question = Question {
            to: message.to.e164(),
            from: &self.settings.source,
            announcement: &message.announcement,
            text: &message.text,
            language: if message.language == Language::Chinese { "zh" } else { "en" },
            key: &message.idempotency_key,
        };
        let mut request = self.client.post(&self.settings.url).timeout(Duration::from_millis(self.settings.timeout_ms)).json(&question);
        request = request.header("Idempotency-Key", &message.idempotency_key);
        if !self.settings.token.is_empty() {
            request = request.bearer_auth(&self.settings.token);
        }
        let Ok(answer) = request.send().await else { return CallOutcome::Unreachable { why: "the switch does not answer" } };
        match answer.status().as_u16() {
            202 => CallOutcome::Underway,
            200..=299 => {
                let body = read_limited(answer, MAX_ANSWER).await.unwrap_or_default();
                serde_json::from_slice(&body).map_or(CallOutcome::Unreachable { why: "the switch's answer cannot be read" }, outcome)
            }
            401 | 403 | 407 => CallOutcome::Unreachable { why: "the switch does not accept our credentials" },
            408 | 425 | 429 => CallOutcome::Unreachable { why: "the switch has no free line" },
            status @ 400..=499 => CallOutcome::Refused { code: status.to_string() },
            _ => CallOutcome::Unreachable { why: "the switch failed" },
        }
    }
}

/// What the switch said; an id that is none makes no evidence.
fn outcome(answer: Answer) -> CallOutcome {
    let Answer { id, result, seconds, pressed } = answer;
    if id.is_empty() || id.len() > 65 || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return CallOutcome::Unreachable { why: "the switch gave no id" };
    }
    match result {
        Said::Answered => CallOutcome::Answered { id, seconds, pressed: pressed.filter(|key| key.is_ascii_digit() || "*#".contains(*key)) },
        Said::NoAnswer => CallOutcome::NoAnswer { id },
        Said::Busy => CallOutcome::Busy { id },
        Said::Failed => CallOutcome::Failed { id },
        Said::Refused => CallOutcome::Refused { code: "refused".to_owned() },
        Said::Underway => CallOutcome::Underway,
    }
}

impl OutboundCall for HttpCall {
    fn call<'a>(&'a self, message: &'a CallMessage) -> BoxFuture<'a, CallOutcome> {
        Box::pin(self.post(message))
    }
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
