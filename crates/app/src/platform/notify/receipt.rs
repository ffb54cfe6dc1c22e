//! 状态报告: whether a message arrived.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chuangsha_kernel::time::{Clock, Timestamp};
use tokio::sync::mpsc;

/// 投递状态
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptState {
    /// 已送达
    Delivered,
    /// 在途: still trying.
    Underway,
    /// 失败: will not arrive.
    Failed,
    /// The centre does not know.
    Unknown,
}

/// 状态报告: what became of one part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The carrier's id of the part.
    pub id: String,
    /// Key of the message, when this process sent it; otherwise look the id up.
    pub key: Option<String>,
    /// What became of it.
    pub state: ReceiptState,
}

/// Reads a receipt from a `deliver_sm`: the optional parameters first, the text of appendix B of the standard otherwise. `None`: not a receipt.
pub(super) fn parse(esm_class: u8, id: Option<String>, state: Option<u8>, text: &[u8]) -> Option<Receipt> {
    // Bits 2..5: 1 is a delivery receipt, 8 an intermediate notification.
    if !matches!(esm_class >> 2 & 0x0F, 1 | 8) {
        return None;
    }
    let text = String::from_utf8_lossy(text);
    let field = |name: &str| {
        let rest = text.split_once(name)?.1;
        rest.split_ascii_whitespace().next().filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let id = id.filter(|id| !id.is_empty()).or_else(|| field("id:"))?;
    if id.len() > 65 || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let state = match (state, field("stat:").as_deref()) {
        (Some(2), _) | (None, Some("DELIVRD")) => ReceiptState::Delivered,
        (Some(1 | 6), _) | (None, Some("ENROUTE" | "ACCEPTD")) => ReceiptState::Underway,
        (Some(3 | 4 | 5 | 8), _) | (None, Some("EXPIRED" | "DELETED" | "UNDELIV" | "REJECTD")) => ReceiptState::Failed,
        _ => ReceiptState::Unknown,
    };
    Some(Receipt { id, key: None, state })
}

/// Reads the `Stat` of a report as CMPP has it: the words of the standard, or a code of the network (`MA:0001`), which means that it failed there.
pub(super) fn state_of(stat: &str) -> ReceiptState {
    match stat {
        "DELIVRD" => ReceiptState::Delivered,
        "ACCEPTD" => ReceiptState::Underway,
        "UNKNOWN" | "" => ReceiptState::Unknown,
        _ => ReceiptState::Failed,
    }
}

/// 收报处: the book of one line to a carrier, and whoever wants its receipts.
pub(super) struct Inbox {
    book: Mutex<Book>,
    receipts: mpsc::UnboundedSender<Receipt>,
    clock: Arc<dyn Clock>,
}

impl Inbox {
    pub(super) fn new(receipts: mpsc::UnboundedSender<Receipt>, clock: Arc<dyn Clock>) -> Self {
        Self { book: Mutex::default(), receipts, clock }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn sent(&self, id: &str, key: &str) {
        let found = self.with_book(|book| book.sent(id, key, self.clock.now()));
        self.report(found);
    }

    pub(super) fn received(&self, receipt: Receipt) {
        let found = self.with_book(|book| book.received(receipt, self.clock.now()));
        self.report(found);
    }

    pub(super) fn sweep(&self) {
        let found = self.with_book(|book| book.expired(self.clock.now()));
        self.report(found);
    }

    fn with_book<T>(&self, f: impl FnOnce(&mut Book) -> T) -> T {
        f(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn report(&self, receipts: impl IntoIterator<Item = Receipt>) {
        for receipt in receipts {
            // Nobody listening any more means the process is stopping.
            let _ = self.receipts.send(receipt);
        }
    }
}

/// Brings receipts and messages together, whichever comes first: a centre may send the receipt before its answer to the message. Pure: the time is an
/// argument.
#[derive(Debug, Default)]
pub(super) struct Book {
    sent: HashMap<String, (String, Timestamp)>,
    early: HashMap<String, (Receipt, Timestamp)>,
}

/// How long a receipt waits for its message, milliseconds.
pub(super) const EARLY_MS: i64 = 30_000;
/// How long a message waits for its receipt here, milliseconds; afterwards the receipt comes without the key.
const SENT_MS: i64 = 48 * chuangsha_kernel::time::HOUR_MS;
/// More entries than this are not kept.
const LIMIT: usize = 200_000;

impl Book {
    /// The centre answered with an id. The receipt, if it was faster.
    pub(super) fn sent(&mut self, id: &str, key: &str, now: Timestamp) -> Option<Receipt> {
        let early = self.early.remove(id).map(|(receipt, _)| Receipt { key: Some(key.to_owned()), ..receipt });
        let over = early.as_ref().is_some_and(|receipt| receipt.state != ReceiptState::Underway);
        if !over && self.sent.len() < LIMIT {
            self.sent.insert(id.to_owned(), (key.to_owned(), now));
        }
        early
    }

    /// A receipt came. It is returned when its message is known, and held for a while when not.
    pub(super) fn received(&mut self, receipt: Receipt, now: Timestamp) -> Option<Receipt> {
        let Some((key, _)) = self.sent.get(&receipt.id) else {
            if self.early.len() < LIMIT {
                self.early.insert(receipt.id.clone(), (receipt, now));
                return None;
            }
            return Some(receipt);
        };
        let key = Some(key.clone());
        if receipt.state != ReceiptState::Underway {
            self.sent.remove(&receipt.id);
        }
        Some(Receipt { key, ..receipt })
    }

    /// Receipts whose message never turned up here, e.g. sent before a restart.
    pub(super) fn expired(&mut self, now: Timestamp) -> Vec<Receipt> {
        self.sent.retain(|_, (_, since)| now < since.plus_ms(SENT_MS));
        let late = |since: &Timestamp| now >= since.plus_ms(EARLY_MS);
        self.early.extract_if(|_, (_, since)| late(since)).map(|(_, (receipt, _))| receipt).collect()
    }
}
