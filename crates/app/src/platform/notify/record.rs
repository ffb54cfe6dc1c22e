//! 状态报告留存: which of the carrier's ids belongs to which message, and what became of it. A receipt that comes after a restart finds its message.

use chuangsha_kernel::time::Timestamp;
use chuangsha_store::{Tx, params};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Receipt, ReceiptState};
use crate::{
    App,
    platform::failure::{Failure, Result},
    remediation,
};

/// Tables of this module. No number and no text: only the carrier's ids and the key of the message.
pub const DDL: &str = "
CREATE TABLE sms_part (
    id TEXT PRIMARY KEY,
    message_key TEXT NOT NULL,
    case_id BYTEA,
    state TEXT NOT NULL,
    sent_at BIGINT NOT NULL,
    state_at BIGINT NOT NULL
);
CREATE INDEX sms_part_message ON sms_part (message_key);
CREATE INDEX sms_part_sent ON sms_part (sent_at);
CREATE TABLE sms_receipt_unknown (
    day TEXT PRIMARY KEY,
    receipts BIGINT NOT NULL
);
";

impl ReceiptState {
    /// Stable name, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Underway => "underway",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// What a receipt told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// Something new of a known message.
    New,
    /// What was known already.
    Known,
    /// Nobody sent such a message from here: counted by day.
    Unknown,
}

/// The carrier took a message: its parts wait for their receipts. A carrier that uses an id again means the newer message.
pub fn sent(tx: &mut Tx, ids: &[String], key: &str, case: Option<Uuid>, now: Timestamp) -> Result<()> {
    for id in ids {
        tx.push(
            "INSERT INTO sms_part (id, message_key, case_id, state, sent_at, state_at) VALUES ($1, $2, $3, 'sent', $4, $4)
             ON CONFLICT (id) DO UPDATE SET message_key = excluded.message_key, case_id = excluded.case_id, state = excluded.state,
             sent_at = excluded.sent_at, state_at = excluded.state_at WHERE sms_part.message_key <> excluded.message_key",
            &params![id, key, case.as_ref().map(|case| case.as_bytes().as_slice()), now.0],
        )?;
    }
    Ok(())
}

/// Notes a receipt. The same one again changes nothing, and what arrived stays arrived.
pub fn received(tx: &mut Tx, receipt: &Receipt, now: Timestamp) -> Result<Noted> {
    let state = receipt.state.as_str();
    let moved = tx.execute(
        "UPDATE sms_part SET state = $2, state_at = $3 WHERE id = $1 AND state IN ('sent', 'underway', 'unknown') AND state <> $2",
        &params![&receipt.id, state, now.0],
    )?;
    if moved > 0 {
        return Ok(Noted::New);
    }
    if tx.query_opt("SELECT 1 FROM sms_part WHERE id = $1", &params![&receipt.id])?.is_some() {
        return Ok(Noted::Known);
    }
    match &receipt.key {
        // Faster than the note of the sending itself.
        Some(key) => {
            let sql = "INSERT INTO sms_part (id, message_key, state, sent_at, state_at) VALUES ($1, $2, $3, $4, $4)";
            tx.push(sql, &params![&receipt.id, key, state, now.0])?;
            Ok(Noted::New)
        }
        None => {
            tx.push(
                "INSERT INTO sms_receipt_unknown (day, receipts) VALUES ($1, 1)
                 ON CONFLICT (day) DO UPDATE SET receipts = sms_receipt_unknown.receipts + 1",
                &params![&now.day().to_string()],
            )?;
            Ok(Noted::Unknown)
        }
    }
}

/// The key of the message a part belongs to.
pub fn key_of(tx: &mut Tx, part: &str) -> Result<Option<String>> {
    Ok(tx.query_opt("SELECT message_key FROM sms_part WHERE id = $1", &params![part])?.map(|row| row.text(0)).transpose()?)
}

/// State of every part of a message, by the carrier's id.
pub fn states(tx: &mut Tx, key: &str) -> Result<Vec<(String, String)>> {
    let rows = tx.query("SELECT id, state FROM sms_part WHERE message_key = $1 ORDER BY id", &params![key])?;
    rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
}

/// Forgets parts sent before `before`.
pub fn prune(tx: &mut Tx, before: Timestamp) -> Result<()> {
    Ok(tx.push("DELETE FROM sms_part WHERE sent_at < $1", &params![before.0])?)
}

impl App {
    /// Notes one receipt; where it belongs to a contact of the old base, that contact is settled with it.
    ///
    /// # Errors
    /// The record fails.
    pub async fn note_receipt(&self, receipt: Receipt) -> Result<Noted> {
        let (app, now) = (self.clone(), self.clock.now());
        self.store
            .write(move |tx| {
                let noted = received(tx, &receipt, now)?;
                if noted == Noted::New {
                    remediation::contact::receipt(&app, tx, &receipt.id, now)?;
                }
                Ok::<_, Failure>(noted)
            })
            .await
    }

    /// Notes receipts until nobody sends any more. One that cannot be noted is told in the log: no case waits for it.
    pub async fn note_receipts(self, mut receipts: mpsc::UnboundedReceiver<Receipt>) {
        while let Some(receipt) = receipts.recv().await {
            let state = receipt.state;
            match self.note_receipt(receipt).await {
                Ok(noted) => tracing::debug!(?state, ?noted, "message receipt"),
                Err(failure) => tracing::warn!(?state, error = %failure.log_line(), "a message receipt was not noted"),
            }
        }
    }
}
