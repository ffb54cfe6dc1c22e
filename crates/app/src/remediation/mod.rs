//! 存量补登: the old base, brought over and brought to true names in four stages (R-REM, L-REM).

use chuangsha_kernel::{id::OrderId, time::Timestamp};
use chuangsha_store::Tx;
use uuid::Uuid;

use crate::{App, platform::failure::Result};

pub mod kind;

/// 补登完成: a subscription was re-registered by this order; its case, where it has one, is closed with it.
///
/// # Errors
/// The record fails.
pub fn restored(_app: &App, _tx: &mut Tx, _subscription: Uuid, _order: OrderId, _now: Timestamp) -> Result<()> {
    Ok(())
}
