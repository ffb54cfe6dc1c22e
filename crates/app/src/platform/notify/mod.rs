//! 短信: telling people. A message leaves through the outbox (topic `sms`); the adapters here only carry it and bring receipts back.

mod call;
mod cmpp;
mod console;
mod http;
mod receipt;
pub mod record;
mod smpp;
mod templates;
#[cfg(test)]
mod test_line;
#[cfg(test)]
mod tests;
mod text;

use chuangsha_kernel::phone::Phone;
use futures_util::future::BoxFuture;

pub use call::{CallMessage, CallOutcome, HttpCall, HttpCallSettings, OutboundCall};
pub use cmpp::{Cmpp, CmppSettings, CmppVersion};
pub use console::Console;
pub use http::{HttpSms, HttpSmsSettings};
pub use receipt::{Receipt, ReceiptState};
pub use smpp::{LongMessages, Smpp, SmppSettings};
pub use templates::{Template, TemplateError, Templates};

use crate::platform::network::Handled;

/// 短信: one message to one person. Debug shows the masked number and no text.
#[derive(Clone)]
pub struct SmsMessage {
    /// To whom.
    pub to: Phone,
    /// What, as rendered from a template.
    pub text: zeroize::Zeroizing<String>,
    /// The same key again is the same message.
    pub idempotency_key: String,
    /// Whether a delivery receipt is wanted.
    pub receipt: bool,
}

impl std::fmt::Debug for SmsMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SmsMessage({}, {})", self.to.masked(), self.idempotency_key)
    }
}

/// 发送结果: what the carrier said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmsOutcome {
    /// Taken; one id for each part. Taken is not delivered: that is a [`Receipt`].
    Sent {
        /// The carrier's ids.
        ids: Vec<String>,
    },
    /// Never will be.
    Rejected {
        /// A code without personal data.
        code: String,
    },
    /// Not now: no connection, throttled, no answer.
    Unreachable {
        /// What happened.
        why: &'static str,
    },
}

impl From<SmsOutcome> for Handled {
    /// For a handler that has nothing to write down itself.
    fn from(outcome: SmsOutcome) -> Self {
        match outcome {
            SmsOutcome::Sent { .. } => Self::Done,
            SmsOutcome::Rejected { code } => Self::Bury { why: format!("refused: {code}") },
            SmsOutcome::Unreachable { why } => Self::Retry { why: why.to_owned() },
        }
    }
}

/// 短信端口: whoever can carry a message.
pub trait Sms: Send + Sync {
    /// Hands one message over.
    fn send<'a>(&'a self, message: &'a SmsMessage) -> BoxFuture<'a, SmsOutcome>;
}
