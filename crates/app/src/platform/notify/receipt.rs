//! 状态报告: whether a message arrived. Pure: the time is an argument.

use std::collections::HashMap;

use chuangsha_kernel::time::Timestamp;

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

/// Brings receipts and messages together, whichever comes first: a centre may send the receipt before its answer to the message.
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
