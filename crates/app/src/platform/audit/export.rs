//! 日志导出: the ordered log and its checkpoints in one file that anyone checks with the public key alone.

use std::io::Write;

use chuangsha_kernel::{
    problem::Problem,
    time::{HOUR_MS, Timestamp},
};
use chuangsha_store::{Store, lease, params};
use chuangsha_vault::{
    Vault,
    log_export::{Writer, codes},
    merkle::Frontier,
};

use super::integrate::{Integrator, last, pages};
use crate::{
    App,
    platform::failure::{Failure, Result},
};

/// What an export holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Exported {
    /// Entries.
    pub entries: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Entries that no checkpoint covers yet: they come with the next export.
    pub waiting: u64,
}

/// Writes the log up to its last checkpoint. `each` is told how many of how many entries are written. An entry that is missing ends the export:
/// a file that hides it would be no evidence.
///
/// # Errors
/// `audit.log_broken`; what the store or the disk could not do.
pub async fn export<W: Write>(
    store: &Store,
    vault: &Vault,
    origin: &str,
    out: W,
    now: Timestamp,
    mut each: impl FnMut(u64, u64),
) -> Result<(W, Exported)> {
    let (size, waiting, notes) = store
        .read(|tx| {
            let size = last(tx)?.map_or(0, |(size, ..)| size);
            let waiting = tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE seq IS NULL", &[])?.int(0)?;
            let notes = tx.query("SELECT size, note FROM audit_checkpoint WHERE size <= $1 ORDER BY size", &params![size])?;
            let notes = notes.iter().map(|row| Ok((row.int(0)?, row.text(1)?))).collect::<Result<Vec<_>>>()?;
            Ok::<_, Failure>((size, waiting, notes))
        })
        .await?;
    let total = u64::try_from(size).map_err(Failure::internal)?;
    let io = |error: std::io::Error| Failure::internal(format!("the export cannot be written: {error}"));
    let mut writer = Writer::start(out, origin, Frontier::new()).map_err(io)?;
    let (mut next, checkpoints) = (0_i64, notes.len() as u64);
    let mut notes = notes.into_iter().peekable();
    pages(store, "seq, leaf", size, |rows| {
        for row in rows {
            if row.int(0)? != next {
                let what = format!("entry {} stands where entry {next} belongs", row.int(0)?);
                return Err(Problem::new(&codes::BROKEN).with("index", next).with("what", what).into());
            }
            writer.entry(&row.bytes(1)?).map_err(io)?;
            next += 1;
            while let Some((_, note)) = notes.next_if(|(size, _)| *size == next) {
                writer.checkpoint(&note).map_err(io)?;
            }
        }
        each(next.unsigned_abs(), total);
        Ok(())
    })
    .await?;
    if next != size {
        let what = format!("the last checkpoint covers {size} entries");
        return Err(Problem::new(&codes::BROKEN).with("index", next).with("what", what).into());
    }
    let out = writer.close(vault.agent(), now).map_err(|error| Failure::internal(format!("the export cannot be closed: {error}")))?;
    Ok((out, Exported { entries: total, checkpoints, waiting: waiting.max(0).unsigned_abs() }))
}

/// Orders what waits when no server does: a command beside a running server leaves it to the server.
///
/// # Errors
/// The log does not agree with its last checkpoint.
pub async fn settle(app: &App, worker: &str) -> Result<bool> {
    let now = app.clock.now();
    if !lease::acquire(&app.store, "audit", worker, now, HOUR_MS).await? {
        return Ok(false);
    }
    let ordered = order(app).await;
    lease::release(&app.store, "audit", worker).await?;
    ordered.map(|()| true)
}

async fn order(app: &App) -> Result<()> {
    let mut integrator = Integrator::resume(app).await?;
    while integrator.run(app, app.clock.now()).await? > 0 {}
    Ok(())
}
