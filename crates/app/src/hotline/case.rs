//! 整治案件: what a complaint does to the remediation of its number. The one place where the hotline speaks with the remediation.

use chuangsha_kernel::time::Timestamp;
use chuangsha_store::Tx;
use uuid::Uuid;

use super::ticket::Stage;
use crate::{App, platform::failure::Result};

/// A complaint came in: nothing is done to the number until it is answered. The ticket itself says so (`ticket.holds`, asked by
/// [`super::holds`]).
///
/// # Errors
/// The record failed.
pub fn complained(_app: &App, _tx: &mut Tx, _subscription: Uuid, _ticket: Uuid, _now: Timestamp) -> Result<()> {
    Ok(())
}

/// The complaint was answered or taken back: the case goes on.
///
/// # Errors
/// The record failed.
pub fn released(_app: &App, _tx: &mut Tx, _subscription: Uuid, _ticket: Uuid, _now: Timestamp) -> Result<()> {
    Ok(())
}

/// Stage of the remediation the number is in.
///
/// # Errors
/// The record failed.
pub fn stage_of(_app: &App, _tx: &mut Tx, _subscription: Uuid) -> Result<Stage> {
    Ok(Stage::None)
}
