//! 存量补登: the old base, brought over and brought to true names in four stages (R-REM, L-REM).

pub mod import;
pub mod kind;

use chuangsha_kernel::{id::OrderId, time::Timestamp};
use chuangsha_store::Tx;
use uuid::Uuid;

use crate::{App, platform::failure::Result};

/// 补登完成: a subscription was re-registered by this order; what was found wrong with it is put right.
///
/// # Errors
/// The record fails.
pub fn restored(_app: &App, tx: &mut Tx, subscription: Uuid, _order: OrderId, now: Timestamp) -> Result<()> {
    kind::close(tx, subscription, now).map(drop)
}
