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
            for nth in from..until {
                let index = writer.vault.blind(Field::Phone, &format!("86{}", number(nth)))?.0;
                tx.push(
                    "INSERT INTO subscription (id, number_id, number_index, region, channel_kind, product, real_name, state, since) \
                     VALUES ($1, $2, $3, '990100', 2, 1, 0, 1, $4)",
                    &params![&writer.ids.next(now), &writer.ids.next(now), &index, now.0],
                )?;
            }
            Ok(())
        })
        .await?;
        done(until - from);
    }
    Ok(())
}
