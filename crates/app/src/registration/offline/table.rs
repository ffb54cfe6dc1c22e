//! SQL of offline uploads.

use chuangsha_kernel::{
    id::{OrderId, StaffId},
    time::Timestamp,
};
use chuangsha_store::{Tx, params};
use uuid::Uuid;

use crate::platform::{
    actor::Actor,
    failure::{Failure, Result},
};

/// Table of this module. One id of a device, one order; one order, one id.
pub const DDL: &str = "
CREATE TABLE offline_upload (
    id BYTEA PRIMARY KEY,
    staff BYTEA NOT NULL,
    order_id BYTEA NOT NULL UNIQUE,
    request BYTEA NOT NULL,
    captured_at BIGINT NOT NULL,
    sent_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    rules_at BIGINT NOT NULL,
    rules_version TEXT NOT NULL,
    CHECK (captured_at <= sent_at)
);
";

/// 离线上传: both clocks of an order captured without the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Capture finished, by the device's clock.
    pub captured_at: Timestamp,
    /// Sent, by the device's clock.
    pub sent_at: Timestamp,
    /// Received, by ours.
    pub received_at: Timestamp,
    /// The device's rules were given, by ours.
    pub rules_at: Timestamp,
    /// Their version.
    pub rules_version: String,
}

impl Upload {
    /// How far the device's clock was ahead of ours when it sent, milliseconds.
    pub const fn skew_ms(&self) -> i64 {
        self.sent_at.0.saturating_sub(self.received_at.0)
    }
}

/// An upload taken before.
pub struct Known {
    /// Whose.
    pub staff: StaffId,
    /// The order it became.
    pub order: OrderId,
    /// Keyed hash of what was sent.
    pub request: Vec<u8>,
}

/// The upload of this id.
pub fn find(tx: &mut Tx, id: Uuid) -> Result<Option<Known>> {
    let row = tx.query_opt("SELECT staff, order_id, request FROM offline_upload WHERE id = $1", &params![&id])?;
    row.map(|row| {
        Ok(Known {
            staff: StaffId::from_slice(&row.bytes(0)?).ok_or_else(|| Failure::internal("offline_upload.staff is no id"))?,
            order: OrderId::from_slice(&row.bytes(1)?).ok_or_else(|| Failure::internal("offline_upload.order_id is no id"))?,
            request: row.bytes(2)?,
        })
    })
    .transpose()
}

/// Keeps an upload beside the order it opened. Two at once: the key lets one through, the other is contended and finds the first.
pub fn insert(tx: &mut Tx, id: Uuid, actor: &Actor, order: OrderId, request: &[u8], upload: &Upload) -> Result<()> {
    tx.push_one(
        "INSERT INTO offline_upload (id, staff, order_id, request, captured_at, sent_at, received_at, rules_at, rules_version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        &params![
            &id,
            actor.staff.as_bytes(),
            order.as_bytes(),
            request,
            upload.captured_at,
            upload.sent_at,
            upload.received_at,
            upload.rules_at,
            &upload.rules_version
        ],
    )?;
    Ok(())
}

/// The upload an order came by, if it came so.
pub fn of_order(tx: &mut Tx, order: OrderId) -> Result<Option<Upload>> {
    let row = tx.query_opt(
        "SELECT captured_at, sent_at, received_at, rules_at, rules_version FROM offline_upload WHERE order_id = $1",
        &params![order.as_bytes()],
    )?;
    row.map(|row| {
        Ok(Upload {
            captured_at: row.timestamp(0)?,
            sent_at: row.timestamp(1)?,
            received_at: row.timestamp(2)?,
            rules_at: row.timestamp(3)?,
            rules_version: row.text(4)?,
        })
    })
    .transpose()
}
