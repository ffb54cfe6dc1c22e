//! 漫游查询: whether a +86 subscriber whose call comes from abroad is abroad, asked over HTTP. The number stands in the body, never in the address.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chuangsha_kernel::{Timestamp, problem::Problem};
use chuangsha_screen::{Number, Roaming};
use chuangsha_sip::aside::Locate;
use serde::Deserialize;

use crate::config::Settings;

/// How long an answer counts, milliseconds: who has just arrived abroad is believed within that time.
const COUNTS_MS: i64 = 60_000;
/// How long "no answer" counts: a port that is down is not asked by every call of one subscriber.
const SILENCE_MS: i64 = 1_000;
/// Most answers kept.
const MOST_KEPT: usize = 100_000;

/// The port of the settings.
///
/// # Errors
/// No client to be had.
pub fn port(settings: &Settings) -> Result<Option<HttpRoaming>, Problem> {
    let Some(url) = settings.set_text("sip.roaming_url") else { return Ok(None) };
    let timeout = Duration::from_millis(settings.number("sip.roaming_timeout_ms"));
    let client = super::super::parts::client(settings, "sip.roaming_token")?;
    Ok(Some(HttpRoaming { url: url.to_owned(), client, timeout, kept: Mutex::default() }))
}

/// 漫游查询口 over HTTP.
pub struct HttpRoaming {
    url: String,
    client: reqwest::Client,
    timeout: Duration,
    kept: Mutex<HashMap<Number, (Roaming, i64)>>,
}

#[derive(Deserialize)]
struct Answer {
    abroad: bool,
}

impl HttpRoaming {
    fn kept(&self) -> MutexGuard<'_, HashMap<Number, (Roaming, i64)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, subscriber: Number) -> Option<Roaming> {
        let question = serde_json::json!({ "subscriber": format!("+{}", subscriber.e164()) });
        let answer = self.client.post(&self.url).timeout(self.timeout).json(&question).send().await.ok()?;
        // A redirection to nowhere is no answer either.
        let answer: Answer = if answer.status().is_success() { answer.json().await.ok()? } else { return None };
        Some(if answer.abroad { Roaming::Abroad } else { Roaming::AtHome })
    }

    fn keep(&self, subscriber: Number, roaming: Roaming, at: Timestamp) {
        let time = if roaming == Roaming::Unreachable { SILENCE_MS } else { COUNTS_MS };
        let mut kept = self.kept();
        if kept.len() >= MOST_KEPT {
            kept.retain(|_, (_, until)| *until > at.0);
            if kept.len() >= MOST_KEPT {
                kept.clear();
            }
        }
        kept.insert(subscriber, (roaming, at.0.saturating_add(time)));
    }
}

impl Locate for HttpRoaming {
    fn known(&self, subscriber: Number, at: Timestamp) -> Option<Roaming> {
        let (roaming, until) = *self.kept().get(&subscriber)?;
        // A clock that jumped back must not make an answer count for ever.
        (at.0 < until && until - at.0 <= COUNTS_MS).then_some(roaming)
    }

    fn locate(&self, subscriber: Number, at: Timestamp) -> Pin<Box<dyn Future<Output = Roaming> + Send + '_>> {
        Box::pin(async move {
            let roaming = self.ask(subscriber).await.unwrap_or(Roaming::Unreachable);
            self.keep(subscriber, roaming, at);
            roaming
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::post};
    use serde_json::{Value, json};
    use tokio::{net::TcpListener, sync::mpsc};

    use super::*;

    const AT: Timestamp = Timestamp(1_795_320_000_000);

    fn subscriber() -> Number {
        Number::china(19_900_001_234).unwrap()
    }

    /// How the operator's location register answers.
    #[derive(Clone)]
    enum Register {
        Says(StatusCode, &'static str),
        /// It takes the question and never answers.
        Silent,
    }

    #[derive(Clone)]
    struct Server(Register, mpsc::UnboundedSender<Value>);

    async fn answer(State(Server(register, heard)): State<Server>, Json(question): Json<Value>) -> axum::response::Response {
        heard.send(question).unwrap();
        match register {
            Register::Says(status, body) => (status, [("content-type", "application/json")], body).into_response(),
            Register::Silent => std::future::pending().await,
        }
    }

    async fn asking(register: Register) -> (HttpRoaming, mpsc::UnboundedReceiver<Value>) {
        let (heard, questions) = mpsc::unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/whereabouts", listener.local_addr().unwrap());
        let server = Router::new().route("/whereabouts", post(answer)).with_state(Server(register, heard));
        tokio::spawn(async move { axum::serve(listener, server).await });
        (port(url), questions)
    }

    fn port(url: String) -> HttpRoaming {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        HttpRoaming { url, client, timeout: Duration::from_millis(400), kept: Mutex::default() }
    }

    #[tokio::test]
    async fn an_answer_counts_for_a_minute_and_the_register_is_asked_once() {
        for (body, roaming) in [(r#"{"abroad":true}"#, Roaming::Abroad), (r#"{"abroad":false,"more":1}"#, Roaming::AtHome)] {
            let (port, mut questions) = asking(Register::Says(StatusCode::OK, body)).await;
            assert_eq!(port.known(subscriber(), AT), None);
            assert_eq!(port.locate(subscriber(), AT).await, roaming);
            assert_eq!(questions.recv().await.unwrap(), json!({ "subscriber": "+8619900001234" }), "in the body, never in the address");
            let later = |ms| Timestamp(AT.0 + ms);
            assert_eq!(port.known(subscriber(), later(COUNTS_MS - 1)), Some(roaming));
            assert_eq!(port.known(subscriber(), later(COUNTS_MS)), None);
            assert_eq!(port.known(subscriber(), later(-1)), None, "a clock that jumped back makes it count for no longer");
            assert_eq!(port.known(Number::china(19_900_009_999).unwrap(), AT), None);
            assert!(questions.try_recv().is_err());
        }
    }

    #[tokio::test]
    async fn a_register_that_refuses_answers_nonsense_or_not_at_all_is_unreachable_for_a_second() {
        let spoilt = [
            Register::Says(StatusCode::INTERNAL_SERVER_ERROR, r#"{"abroad":true}"#),
            Register::Says(StatusCode::UNAUTHORIZED, "{}"),
            Register::Says(StatusCode::FOUND, r#"{"abroad":true}"#),
            Register::Says(StatusCode::OK, "<html>login</html>"),
            Register::Says(StatusCode::OK, r#"{"abroad":"yes"}"#),
            Register::Says(StatusCode::OK, ""),
            Register::Silent,
        ];
        for (nth, register) in spoilt.into_iter().enumerate() {
            let (port, mut questions) = asking(register).await;
            assert_eq!(port.locate(subscriber(), AT).await, Roaming::Unreachable, "{nth}");
            assert!(questions.recv().await.is_some(), "it was asked");
            assert_eq!(port.known(subscriber(), Timestamp(AT.0 + SILENCE_MS - 1)), Some(Roaming::Unreachable), "not asked by every call");
            assert_eq!(port.known(subscriber(), Timestamp(AT.0 + SILENCE_MS)), None, "and soon asked again");
        }
        // Nobody listens.
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(port(format!("http://{closed}/")).locate(subscriber(), AT).await, Roaming::Unreachable);
    }
}
