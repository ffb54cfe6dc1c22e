//! 编入与签点: one leased integrator orders the entries into the tree and signs a checkpoint. The frontier is kept with the checkpoint, so that
//! going on after a restart costs the same for a short log and a long one; `store verify` adds the whole log up anew.

use chuangsha_kernel::time::Timestamp;
use chuangsha_store::{Row, Store, Tx, params};
use chuangsha_vault::{
    checkpoint::Checkpoint,
    merkle::{Frontier, Hash},
};

use super::nodes;
use crate::{
    App,
    platform::failure::{Failure, Result},
};

/// Entries ordered in one transaction.
pub const BATCH: usize = 2_000;

/// Where the tree stands: its frontier, kept between runs so that only new entries are hashed.
pub struct Integrator {
    frontier: Frontier,
}

impl Integrator {
    /// Goes on from the last checkpoint. Its signature must be this log's, its root that of the frontier kept beside it, and the last ordered
    /// entry the last one it covers: a log cut off, grown by another hand or set back is not gone on with.
    ///
    /// # Errors
    /// The log and its last checkpoint do not agree.
    pub async fn resume(app: &App) -> Result<Self> {
        let (last, ordered) = app
            .store
            .read(|tx| {
                let ordered = tx.query_one("SELECT MAX(seq) FROM audit_entry WHERE seq IS NOT NULL", &[])?.opt_int(0)?;
                Ok::<_, Failure>((Kept::last(tx)?, ordered.map_or(0, |seq| seq + 1)))
            })
            .await?;
        let Some(kept) = last else {
            return if ordered == 0 { Ok(Self { frontier: Frontier::new() }) } else { Err(disagree("it has entries and no checkpoint")) };
        };
        if kept.size != ordered {
            return Err(disagree(&format!("the checkpoint covers {} entries, {ordered} are ordered", kept.size)));
        }
        let known = app.vault.verifier_keys(&app.config.origin())?;
        let size = u64::try_from(kept.size).map_err(Failure::internal)?;
        match Checkpoint::verify(&kept.note, &known) {
            Ok(signed) if signed.size == size && signed.root.as_slice() == kept.root => {}
            Ok(_) => return Err(disagree("the checkpoint does not say what its row says")),
            Err(error) => return Err(disagree(&format!("the checkpoint is not signed by this log: {error}"))),
        }
        let frontier = match &kept.peaks {
            Some(peaks) => {
                let peaks = peaks.chunks(32).map(hash_of).collect::<Result<Vec<_>>>()?;
                Frontier::resume(size, peaks).ok_or_else(|| disagree("the frontier kept with the checkpoint has another size"))?
            }
            None => add_up(&app.store).await?,
        };
        if frontier.root().as_slice() != kept.root {
            return Err(disagree("the entries do not give its root"));
        }
        nodes::fill(&app.store, size).await?;
        Ok(Self { frontier })
    }

    /// Orders what is waiting and signs the new size; says how many entries it took in.
    ///
    /// # Errors
    /// What the store or the vault could not do; another integrator went on in the meantime, and this one must resume.
    pub async fn run(&mut self, app: &App, now: Timestamp) -> Result<usize> {
        let (app, start) = (app.clone(), self.frontier.clone());
        let store = app.store.clone();
        let (frontier, taken) = store.write(move |tx| integrate(&app, tx, start.clone(), now)).await?;
        self.frontier = frontier;
        Ok(taken)
    }

    /// Entries ordered so far.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }
}

fn disagree(what: &str) -> Failure {
    Failure::internal(format!("the audit log does not agree with its last checkpoint: {what}"))
}

/// The last row of `audit_checkpoint`.
struct Kept {
    size: i64,
    root: Vec<u8>,
    note: String,
    peaks: Option<Vec<u8>>,
}

impl Kept {
    fn last(tx: &mut Tx) -> Result<Option<Self>> {
        let row = tx.query_opt("SELECT size, root, note, peaks FROM audit_checkpoint ORDER BY size DESC LIMIT 1", &[])?;
        row.map(|row| Ok(Self { size: row.int(0)?, root: row.bytes(1)?, note: row.text(2)?, peaks: row.opt_bytes(3)? })).transpose()
    }
}

/// The frontier from the hashes alone, for a checkpoint of before frontiers were kept.
async fn add_up(store: &Store) -> Result<Frontier> {
    let mut frontier = Frontier::new();
    pages(store, "seq, leaf_hash", i64::MAX, |rows| {
        rows.iter().try_for_each(|row| {
            frontier.append_hash(hash_of(&row.bytes(1)?)?);
            Ok(())
        })
    })
    .await?;
    Ok(frontier)
}

/// The ordered entries below `size`, in order, page by page. The first of `columns` must be `seq`. The log only grows: pages of several
/// transactions are one log.
pub(super) async fn pages(store: &Store, columns: &'static str, size: i64, mut take: impl FnMut(&[Row]) -> Result<()>) -> Result<()> {
    const PAGE: i64 = 10_000;
    let mut from = 0_i64;
    loop {
        let sql = format!("SELECT {columns} FROM audit_entry WHERE seq IS NOT NULL AND seq >= $1 AND seq < $2 ORDER BY seq LIMIT $3");
        let rows = store.read(move |tx| Ok::<_, Failure>(tx.query(&sql, &params![from, size, PAGE])?)).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        from = last.int(0)? + 1;
        take(&rows)?;
    }
}

fn integrate(app: &App, tx: &mut Tx, mut frontier: Frontier, now: Timestamp) -> Result<(Frontier, usize)> {
    let limit = i64::try_from(BATCH).map_err(Failure::internal)?;
    let rows = tx.query("SELECT id, leaf_hash FROM audit_entry WHERE seq IS NULL ORDER BY id LIMIT $1", &params![limit])?;
    if rows.is_empty() {
        return Ok((frontier, 0));
    }
    let signed = tx.query_one("SELECT COALESCE(MAX(size), 0) FROM audit_checkpoint", &[])?.int(0)?;
    if u64::try_from(signed).ok() != Some(frontier.size()) {
        return Err(Failure::internal("another integrator went on with the audit log; this one resumes"));
    }
    let mut complete = Vec::new();
    for row in &rows {
        let seq = nodes::append(&mut frontier, hash_of(&row.bytes(1)?)?, &mut complete);
        let seq = i64::try_from(seq).map_err(Failure::internal)?;
        tx.push_one("UPDATE audit_entry SET seq = $2 WHERE id = $1 AND seq IS NULL", &params![&row.bytes(0)?, seq])?;
    }
    nodes::keep(tx, &complete)?;
    let checkpoint = Checkpoint { origin: app.config.origin(), size: frontier.size(), root: frontier.root() };
    let note = app.vault.sign_checkpoint(&checkpoint)?;
    let size = i64::try_from(frontier.size()).map_err(Failure::internal)?;
    tx.push(
        "INSERT INTO audit_checkpoint (size, at, root, note, peaks) VALUES ($1, $2, $3, $4, $5)",
        &params![size, now.0, checkpoint.root.as_slice(), &note, &frontier.peaks().concat()],
    )?;
    Ok((frontier, rows.len()))
}

pub(super) fn hash_of(bytes: &[u8]) -> Result<Hash> {
    bytes.try_into().map_err(|_| Failure::internal("a leaf hash is not 32 bytes"))
}

/// The last signed checkpoint.
pub fn last(tx: &mut Tx) -> Result<Option<(i64, Timestamp, String)>> {
    let row = tx.query_opt("SELECT size, at, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1", &[])?;
    row.map(|row| Ok((row.int(0)?, Timestamp(row.int(1)?), row.text(2)?))).transpose()
}
