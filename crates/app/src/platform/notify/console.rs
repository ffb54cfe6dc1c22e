//! The default carrier: none. It says in the log that a message would have gone out, to a masked number, never what it said.

use futures_util::future::BoxFuture;

use super::{Sms, SmsMessage, SmsOutcome};

/// 控制台: takes every message and sends none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Console;

impl Sms for Console {
    fn send<'a>(&'a self, message: &'a SmsMessage) -> BoxFuture<'a, SmsOutcome> {
        let characters = message.text.chars().count();
        tracing::info!(to = message.to.masked(), key = message.idempotency_key, characters, "message not sent: no carrier is configured");
        let ids = vec![format!("console-{}", message.idempotency_key)];
        Box::pin(std::future::ready(SmsOutcome::Sent { ids }))
    }
}
