//! 测速数据: numbers of a large base, for measuring the tag of a caller. Nothing here decides anything.

use chuangsha_kernel::time::Timestamp;
use chuangsha_store::params;
use chuangsha_vault::Field;

use crate::{App, platform::failure::Result};

/// Rows in one transaction.
const BATCH: u32 = 20_000;

/// The nth number of the base, 11 digits, of a range that is nobody's.
pub fn number(nth: u32) -> String {
    format!("199{:08}", nth % 100_000_000)
}

/// Writes `count` numbers of the old base, none of them registered; `done` hears how many are written.
///
/// # Errors
/// The store or the vault fails.
pub async fn load(app: &App, count: u32, now: Timestamp, mut done: impl FnMut(u32)) -> Result<()> {
    for from in (0..count).step_by(BATCH as usize) {
        let until = count.min(from + BATCH);
        let writer = app.clone();
        app.write(move |tx| {
            let row = |nth: u32| {
                Ok((writer.ids.next(now), writer.ids.next(now), writer.vault.blind(Field::Phone, &format!("86{}", number(nth)))?.0))
            };
            let rows = (from..until).map(row).collect::<Result<Vec<_>>>()?;
            let (region, sealed) = ("990100", [7_u8; 44]);
            let pool =
                rows.iter().map(|(line, number, index)| params![number, index.as_slice(), sealed.as_slice(), region, 1_i64, 3_i64, line]);
            tx.bulk("number_pool", "id, number_index, number_sealed, region, product, state, holder", pool)?;
            let lines = rows.iter().map(|(line, number, _)| params![line, number, region, 2_i64, 1_i64, 0_i64, 1_i64, now]);
            let columns = "id, number_id, region, channel_kind, product, real_name, state, since";
            Ok(tx.bulk("subscription", columns, lines)?)
        })
        .await?;
        done(until - from);
    }
    Ok(())
}
