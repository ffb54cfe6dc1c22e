//! 编入与签点: one leased integrator orders the entries into the tree and signs a checkpoint.

use chuangsha_kernel::time::Timestamp;
use chuangsha_store::{Tx, params};
use chuangsha_vault::{
    checkpoint::Checkpoint,
    merkle::{Frontier, Hash},
};

use crate::{
    App,
    platform::failure::{Failure, Result},
};

/// Entries ordered in one transaction.
const BATCH: i64 = 2_000;

/// Where the tree stands: its frontier, kept between runs so that only new entries are hashed.
pub struct Integrator {
    frontier: Frontier,
}

impl Integrator {
    /// Reads the ordered leaves once and rebuilds the frontier. What it finds must agree with the last signed checkpoint.
    pub async fn resume(app: &App) -> Result<Self> {
        let mut frontier = Frontier::new();
        loop {
            let from = i64::try_from(frontier.size()).map_err(Failure::internal)?;
            let hashes = app
                .store
                .read(move |tx| {
                    let rows = tx.query(
                        "SELECT leaf_hash FROM audit_entry WHERE seq >= $1 AND seq IS NOT NULL ORDER BY seq LIMIT $2",
                        &params![from, 20_000],
                    )?;
                    rows.iter().map(|row| row.bytes(0).map_err(Failure::from)).collect::<Result<Vec<_>>>()
                })
                .await?;
            if hashes.is_empty() {
                break;
            }
            for hash in hashes {
                frontier.append_hash(hash_of(&hash)?);
            }
        }
        let size = i64::try_from(frontier.size()).map_err(Failure::internal)?;
        let signed = app
            .store
            .read(move |tx| {
                let row = tx.query_opt("SELECT size, root FROM audit_checkpoint ORDER BY size DESC LIMIT 1", &[])?;
                row.map(|row| Ok::<_, Failure>((row.int(0)?, row.bytes(1)?))).transpose()
            })
            .await?;
        if let Some((signed_size, root)) = signed
            && (signed_size > size || (signed_size == size && frontier.root().as_slice() != root))
        {
            return Err(Failure::internal("the audit log does not agree with its last checkpoint: entries are missing or changed"));
        }
        Ok(Self { frontier })
    }

    /// Orders what is waiting and signs the new size; says how many entries it took in.
    pub async fn run(&mut self, app: &App, now: Timestamp) -> Result<usize> {
        let (app, start) = (app.clone(), self.frontier.clone());
        let store = app.store.clone();
        let (frontier, taken) = store.write(move |tx| integrate(&app, tx, start.clone(), now)).await?;
        self.frontier = frontier;
        Ok(taken)
    }
}

fn integrate(app: &App, tx: &mut Tx, mut frontier: Frontier, now: Timestamp) -> Result<(Frontier, usize)> {
    let rows = tx.query("SELECT id, leaf_hash FROM audit_entry WHERE seq IS NULL ORDER BY id LIMIT $1", &params![BATCH])?;
    if rows.is_empty() {
        return Ok((frontier, 0));
    }
    for row in &rows {
        let seq = frontier.append_hash(hash_of(&row.bytes(1)?)?);
        let seq = i64::try_from(seq).map_err(Failure::internal)?;
        tx.push_one("UPDATE audit_entry SET seq = $2 WHERE id = $1 AND seq IS NULL", &params![&row.bytes(0)?, seq])?;
    }
    let checkpoint = Checkpoint { origin: app.config.origin(), size: frontier.size(), root: frontier.root() };
    let note = app.vault.sign_checkpoint(&checkpoint)?;
    let size = i64::try_from(frontier.size()).map_err(Failure::internal)?;
    tx.push(
        "INSERT INTO audit_checkpoint (size, at, root, note) VALUES ($1, $2, $3, $4)",
        &params![size, now.0, checkpoint.root.as_slice(), &note],
    )?;
    Ok((frontier, rows.len()))
}

fn hash_of(bytes: &[u8]) -> Result<Hash> {
    bytes.try_into().map_err(|_| Failure::internal("a leaf hash is not 32 bytes"))
}

/// The last signed checkpoint.
pub fn last(tx: &mut Tx) -> Result<Option<(i64, Timestamp, String)>> {
    let row = tx.query_opt("SELECT size, at, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1", &[])?;
    row.map(|row| Ok((row.int(0)?, Timestamp(row.int(1)?), row.text(2)?))).transpose()
}
