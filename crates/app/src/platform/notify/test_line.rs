//! What the tests of every line out have in common: a message, a line with its receipts, and what was sent.

use std::sync::Arc;

use chuangsha_kernel::{
    id::Ids,
    phone::Phone,
    time::{Clock, SettableClock, Timestamp},
};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{Receipt, SmsMessage, SmsOutcome};

pub(super) const TO: &str = "19900000001";
pub(super) const CHINESE: &str = "【示范电信】您的号码199****0001已通过实名审核并开通，㼆𠮷鿃女士。";

pub(super) fn message(key: &str, text: &str) -> SmsMessage {
    SmsMessage {
        to: Phone::parse(TO).expect("a demo number"),
        text: Zeroizing::new(text.to_owned()),
        idempotency_key: key.to_owned(),
        receipt: true,
    }
}

/// A line that ends with the test.
pub(super) struct Line<T> {
    pub out: T,
    pub receipts: UnboundedReceiver<Receipt>,
    stop: CancellationToken,
}

impl<T> Drop for Line<T> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What a line is started with: where its receipts go, what time it is, ids, and when it ends.
pub(super) type Given = (UnboundedSender<Receipt>, Arc<dyn Clock>, Arc<Ids>, CancellationToken);

pub(super) fn started<T>(at: i64, start: impl FnOnce(Given) -> T) -> Line<T> {
    let (sender, receipts) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let out = start((sender, Arc::new(SettableClock::at(Timestamp(at))), Arc::new(Ids::seeded(1)), stop.clone()));
    Line { out, receipts, stop }
}

pub(super) fn ids(outcome: SmsOutcome) -> Vec<String> {
    match outcome {
        SmsOutcome::Sent { ids } => ids,
        other => panic!("not sent: {other:?}"),
    }
}
