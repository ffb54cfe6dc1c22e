//! 预警暂停: an early warning stops the steps of its own cell and no others: into one stage, in one city, of the lines of one kind of outlet
//! (R-HOT-4). It stands until the warning is closed; what waited for it is due at once. Only campaigns that let a warning pause them are asked.

use chuangsha_kernel::time::Timestamp;
use chuangsha_store::{Tx, params};
use uuid::Uuid;

use super::case::{Stage, Wait};
use crate::platform::failure::{Failure, Result};

/// Tables of this file. A warning of several cells has a row for each. Twelve is [`Wait::Warning`]: what waits is found without a look at the rest.
pub const DDL: &str = "
CREATE TABLE remediation_pause (
    warning BYTEA NOT NULL,
    region TEXT NOT NULL,
    stage BIGINT NOT NULL,
    channel_kind BIGINT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (warning, region, stage, channel_kind)
);
CREATE INDEX remediation_case_paused ON remediation_case (region, channel_kind) WHERE wait = 12;
";

/// 预警单元: a city, a stage and a kind of outlet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// City, six digits.
    pub region: String,
    /// The stage nobody is brought into.
    pub stage: Stage,
    /// Kind of outlet, as stored.
    pub channel_kind: i64,
}

/// A cell that stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The warning that says so.
    pub warning: Uuid,
    /// What stands still.
    pub cell: Cell,
    /// Since when.
    pub since: Timestamp,
}

/// Stages paused for the lines of one city and one kind of outlet, bits of [`Stage`].
pub fn stages(pauses: &[Pause], region: &str, channel_kind: i64) -> i64 {
    let here = pauses.iter().filter(|one| one.cell.region == region && one.cell.channel_kind == channel_kind);
    here.fold(0, |bits, one| bits | one.cell.stage as i64)
}

/// Cells that stand still, the longest first.
///
/// # Errors
/// The record fails.
pub fn standing(tx: &mut Tx) -> Result<Vec<Pause>> {
    let unknown = || Failure::internal("remediation_pause.stage holds a value this version does not know");
    tx.query("SELECT warning, region, stage, channel_kind, since FROM remediation_pause ORDER BY since, region, stage, channel_kind", &[])?
        .iter()
        .map(|row| {
            let stage = Stage::from_i64(row.int(2)?).ok_or_else(unknown)?;
            let cell = Cell { region: row.text(1)?, stage, channel_kind: row.int(3)? };
            Ok(Pause { warning: row.uuid(0)?, cell, since: row.timestamp(4)? })
        })
        .collect()
}

/// A warning was opened: its cells stand still.
///
/// # Errors
/// The record fails.
pub fn set(tx: &mut Tx, warning: Uuid, cells: &[Cell], now: Timestamp) -> Result<()> {
    for cell in cells {
        tx.push(
            "INSERT INTO remediation_pause (warning, region, stage, channel_kind, since) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            &params![&warning, &cell.region, cell.stage as i64, cell.channel_kind, now.0],
        )?;
    }
    Ok(())
}

/// The warning is closed: its cells go on, and what waited is due now. Where another warning still covers a line, it waits again on its next look.
///
/// # Errors
/// The record fails.
pub fn release(tx: &mut Tx, warning: Uuid, now: Timestamp) -> Result<()> {
    let cells = standing(tx)?.into_iter().filter(|one| one.warning == warning);
    for Pause { cell, .. } in cells.collect::<Vec<_>>() {
        tx.push(
            "UPDATE remediation_case SET due = $3, wait = 0 WHERE wait = 12 AND region = $1 AND channel_kind = $2",
            &params![&cell.region, cell.channel_kind, now.0],
        )?;
    }
    Ok(tx.push("DELETE FROM remediation_pause WHERE warning = $1", &params![&warning])?)
}

/// How many lines wait for a warning: of one campaign, or of all.
///
/// # Errors
/// The record fails.
pub fn waiting(tx: &mut Tx, campaign: Option<Uuid>) -> Result<i64> {
    const { assert!(Wait::Warning as i64 == 12) };
    let (which, id) = if campaign.is_some() { ("campaign = $1", campaign.unwrap_or_default()) } else { ("campaign <> $1", Uuid::nil()) };
    Ok(tx.query_one(&format!("SELECT COUNT(*) FROM remediation_case WHERE wait = 12 AND {which}"), &params![&id])?.int(0)?)
}
