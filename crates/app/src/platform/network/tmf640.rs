//! The network port in the shape of TM Forum's TMF640 Service Activation and Configuration, version 4.

use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::{NetworkAction, NetworkCommand, NetworkElement, NetworkOutcome, client::read_limited};

/// Base path of the standard.
const SERVICES: &str = "/tmf-api/ServiceActivationAndConfiguration/v4/service";
/// Longest answer that is read.
const MAX_ANSWER: usize = 256 << 10;
/// The kind of external reference that carries the key.
const KEY_TYPE: &str = "idempotencyKey";

/// Where the element is and how patient we are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tmf640Settings {
    /// Address before `/tmf-api/…`.
    pub url: String,
    /// Limit of one call, milliseconds. Repetition is the outbox's work, not this adapter's.
    pub timeout_ms: u64,
}

impl Default for Tmf640Settings {
    fn default() -> Self {
        Self { url: String::new(), timeout_ms: 10_000 }
    }
}

/// 网元 behind TMF640.
pub struct Tmf640 {
    client: reqwest::Client,
    settings: Tmf640Settings,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceRequest<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    service_type: &'static str,
    state: &'static str,
    external_reference: [ReferenceOut<'a>; 1],
    service_characteristic: Vec<Characteristic<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReferenceOut<'a> {
    id: &'a str,
    external_reference_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Characteristic<'a> {
    name: &'static str,
    value_type: &'static str,
    value: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    id: String,
    state: String,
    #[serde(default)]
    external_reference: Vec<ReferenceIn>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReferenceIn {
    id: String,
    external_reference_type: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    code: Option<serde_json::Value>,
}

impl Tmf640 {
    /// The client comes from [`super::http_client`].
    pub fn new(client: reqwest::Client, settings: Tmf640Settings) -> Self {
        Self { client, settings }
    }

    fn url(&self) -> String {
        format!("{}{SERVICES}", self.settings.url.trim_end_matches('/'))
    }

    async fn call(&self, request: reqwest::RequestBuilder) -> Result<(StatusCode, Vec<u8>), &'static str> {
        let limit = Duration::from_millis(self.settings.timeout_ms);
        let answer = request.timeout(limit).send().await.map_err(|error| if error.is_timeout() { "timeout" } else { "no connection" })?;
        let status = answer.status();
        Ok((status, read_limited(answer, MAX_ANSWER).await.ok_or("answer broken off or too long")?))
    }

    async fn send(&self, command: &NetworkCommand) -> NetworkOutcome {
        let text = |name, value| Characteristic { name, value_type: "string", value };
        let (case, sequence, reachable) = (command.case.to_string(), command.sequence.to_string(), command.reachable.join(","));
        let mut characteristics =
            vec![text("action", command.action.as_str()), text("msisdn", command.number.as_str()), text("case", case.as_str())];
        if command.sequence > 0 {
            characteristics.push(text("sequence", sequence.as_str()));
        }
        if !command.reachable.is_empty() {
            characteristics.push(text("reachable", reachable.as_str()));
        }
        let body = ServiceRequest {
            kind: "Service",
            service_type: "mobile",
            state: wanted(command.action),
            external_reference: [ReferenceOut { id: &command.key, external_reference_type: KEY_TYPE }],
            service_characteristic: characteristics,
        };
        let request = self.client.post(self.url()).header("Idempotency-Key", &command.key).json(&body);
        match self.call(request).await {
            Err(why) => NetworkOutcome::Unreachable { why },
            Ok((StatusCode::CONFLICT, body)) => self
                .find(&command.key, command.action)
                .await
                .unwrap_or_else(|| NetworkOutcome::Refused { code: error_code(&body, "conflict") }),
            Ok((status, body)) => judge(status, &body, &command.key, command.action),
        }
    }

    async fn find(&self, key: &str, action: NetworkAction) -> Option<NetworkOutcome> {
        let mut url = match reqwest::Url::parse(&self.url()) {
            Ok(url) => url,
            Err(_) => return Some(NetworkOutcome::Unreachable { why: "the configured address is not a URL" }),
        };
        url.query_pairs_mut().append_pair("externalReference.id", key);
        let (status, body) = match self.call(self.client.get(url)).await {
            Ok(answer) => answer,
            Err(why) => return Some(NetworkOutcome::Unreachable { why }),
        };
        if status == StatusCode::NOT_FOUND {
            return None;
        }
        if !status.is_success() {
            return Some(NetworkOutcome::Unreachable { why: "the query was not answered" });
        }
        let Ok(services) = serde_json::from_slice::<Vec<Service>>(&body) else {
            return Some(NetworkOutcome::Unreachable { why: "the answer is not a list of services" });
        };
        // An element that ignores the filter answers with everything it has: only our own key counts.
        services.iter().find(|service| service.carries(key)).map(|service| service.outcome(action))
    }
}

impl Service {
    fn carries(&self, key: &str) -> bool {
        self.external_reference
            .iter()
            .any(|reference| reference.id == key && reference.external_reference_type.as_deref().is_none_or(|kind| kind == KEY_TYPE))
    }

    fn outcome(&self, action: NetworkAction) -> NetworkOutcome {
        if self.id.is_empty() || self.id.len() > 128 || !self.id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return NetworkOutcome::Unreachable { why: "the answer names no service" };
        }
        let reference = self.id.clone();
        match self.state.as_str() {
            state if state == wanted(action) => NetworkOutcome::Confirmed { reference },
            "feasibilityChecked" | "designed" | "reserved" | "inactive" | "active" => NetworkOutcome::Accepted { reference },
            "terminated" => NetworkOutcome::Refused { code: "terminated".to_owned() },
            _ => NetworkOutcome::Unreachable { why: "the answer has an unknown state" },
        }
    }
}

/// The state the service is to reach.
const fn wanted(action: NetworkAction) -> &'static str {
    match action {
        // Limited, calls still pass: the characteristic says what does not.
        NetworkAction::Activate | NetworkAction::Restore | NetworkAction::Limit => "active",
        NetworkAction::StopOut | NetworkAction::StopBoth => "inactive",
        NetworkAction::Terminate => "terminated",
    }
}

fn judge(status: StatusCode, body: &[u8], key: &str, action: NetworkAction) -> NetworkOutcome {
    if status.is_success() {
        return match serde_json::from_slice::<Service>(body) {
            Ok(service) if service.carries(key) => service.outcome(action),
            Ok(_) => NetworkOutcome::Unreachable { why: "the answer is about another command" },
            Err(_) => NetworkOutcome::Unreachable { why: "the answer is not a service" },
        };
    }
    match status.as_u16() {
        // Credentials and permissions are ours to mend; the command itself is not at fault.
        401 | 403 | 407 => NetworkOutcome::Unreachable { why: "the element does not accept our credentials" },
        408 | 425 | 429 => NetworkOutcome::Unreachable { why: "the element asks to come back later" },
        400..=499 => NetworkOutcome::Refused { code: error_code(body, status.as_str()) },
        _ => NetworkOutcome::Unreachable { why: "the element failed" },
    }
}

/// The element's error code, if it is one; its free text is dropped, it might quote the number.
fn error_code(body: &[u8], otherwise: &str) -> String {
    let code = serde_json::from_slice::<ErrorBody>(body).ok().and_then(|error| error.code).map(|code| match code {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    });
    let plain = |text: &String| {
        (1..=40).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
            && text.bytes().filter(u8::is_ascii_digit).count() < 8
    };
    code.filter(plain).unwrap_or_else(|| otherwise.to_owned())
}

impl NetworkElement for Tmf640 {
    fn submit<'a>(&'a self, command: &'a NetworkCommand) -> BoxFuture<'a, NetworkOutcome> {
        Box::pin(self.send(command))
    }

    fn poll<'a>(&'a self, key: &'a str, action: NetworkAction) -> BoxFuture<'a, Option<NetworkOutcome>> {
        Box::pin(self.find(key, action))
    }
}

/// 状态通知: an element's callback, reduced to the key it is about. It is a hint to ask at once, never a proof: whoever can reach the listener
/// can send one, so the state in it is not even read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// The command it is about.
    pub key: String,
}

/// The callback is not a TMF640 service event with our reference in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a service event with an idempotency key")]
pub struct FeedbackRefusal;

chuangsha_kernel::codes! {
    FEEDBACK = "network.feedback", 400, "状态通知格式不正确：缺少 event.service.externalReference", "the state event is malformed: event.service.externalReference is missing", "按 TMF640 v4 ServiceStateChangeEvent 发送", "send a TMF640 v4 ServiceStateChangeEvent";
}

impl chuangsha_kernel::problem::Refuse for FeedbackRefusal {
    fn problem(&self) -> chuangsha_kernel::problem::Problem {
        chuangsha_kernel::problem::Problem::new(&FEEDBACK).field("event.service.externalReference")
    }
}

/// Reads a callback: `ServiceStateChangeEvent`, `ServiceAttributeValueChangeEvent` or `ServiceCreateEvent`.
///
/// # Errors
/// [`FeedbackRefusal`] for anything else.
pub fn read_feedback(body: &[u8]) -> Result<Feedback, FeedbackRefusal> {
    #[derive(Deserialize)]
    struct Envelope {
        event: Event,
    }
    #[derive(Deserialize)]
    struct Event {
        service: ServiceHint,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ServiceHint {
        external_reference: Vec<ReferenceIn>,
    }
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| FeedbackRefusal)?;
    let references = envelope.event.service.external_reference;
    let ours = references.into_iter().find(|reference| reference.external_reference_type.as_deref().is_none_or(|kind| kind == KEY_TYPE));
    ours.map(|reference| Feedback { key: reference.id }).filter(|feedback| (1..=128).contains(&feedback.key.len())).ok_or(FeedbackRefusal)
}
