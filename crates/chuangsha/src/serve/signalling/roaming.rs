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
        let answer: Answer = answer.error_for_status().ok()?.json().await.ok()?;
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
