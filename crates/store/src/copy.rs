//! 迁库: moves a whole record from one store into another, whatever engines they are. One snapshot is read, one transaction is written,
//! and it commits only when every table adds up to the same: a copy that was cut off leaves nothing and is simply started again.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::{
    Engine, Row, Store, Tx,
    catalogue::{self, Summing, Table, TableSum, quoted},
    error::{Result, StoreError},
    migrate,
};

/// Rows handed over at a time.
const BATCH: usize = 500;
/// Batches read ahead of the writing.
const AHEAD: usize = 8;

/// 进度
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The table being written.
    pub table: String,
    /// Rows of it written.
    pub rows: u64,
    /// Rows of it in all.
    pub total: u64,
}

enum Piece {
    /// The schema's steps: module, version, checksum, text.
    Schema(Vec<Row>),
    Table(Table, u64),
    Rows(Vec<Row>),
    /// The table's end and what its rows added up to.
    Sum(TableSum),
    End,
}

/// Copies everything in `from` into `to`; each table's rows and digest, which were compared.
///
/// `to` must be empty, without tables or with the same schema and no rows; with `replace` its rows are deleted in the same transaction.
pub async fn copy(from: &Store, to: &Store, replace: bool, progress: impl FnMut(Progress) + Send + 'static) -> Result<Vec<TableSum>> {
    let (send, receive) = sync_channel(AHEAD);
    let mut send = Some(send);
    let reading = from.read(move |tx| send.take().ok_or_else(interrupted).and_then(|send| read(tx, &send)));
    let mut receive = Some((receive, progress));
    let writing = to.write(move |tx| {
        let (receive, mut progress) = receive.take().ok_or_else(interrupted)?;
        write(tx, &receive, replace, &mut progress)
    });
    let (read, written) = tokio::join!(reading, writing);
    match (read, written) {
        (Ok(()), written) => written,
        // The reader's fault is the cause, unless it only found the writer gone.
        (Err(StoreError::Closed), Err(fault)) => Err(fault),
        (Err(fault), _) => Err(fault),
    }
}

fn interrupted() -> StoreError {
    StoreError::Unavailable("the copy was interrupted and nothing of it was kept: start it again".into())
}

fn read(tx: &mut Tx<'_>, send: &SyncSender<Piece>) -> Result<()> {
    // The other end goes away only when it failed, and then it tells why.
    let put = |piece| send.send(piece).map_err(|_| StoreError::Closed);
    if !migrate::has_table(tx, "store_migration")? {
        return Err(StoreError::Copy("the source has no schema of this program".into()));
    }
    put(Piece::Schema(tx.query("SELECT module, version, checksum, statements FROM store_migration ORDER BY position", &[])?))?;
    for table in catalogue::tables(tx)? {
        let total = table.count(tx)?.unsigned_abs();
        put(Piece::Table(table.clone(), total))?;
        let mut summing = Summing::default();
        let mut batch = Vec::with_capacity(BATCH);
        tx.each(&table.select(), &[], |row| {
            summing.add(&row);
            batch.push(row);
            if batch.len() == BATCH { put(Piece::Rows(std::mem::take(&mut batch))) } else { Ok(()) }
        })?;
        put(Piece::Rows(batch))?;
        put(Piece::Sum(summing.finish(&table.name)))?;
    }
    put(Piece::End)
}

fn write(tx: &mut Tx<'_>, receive: &Receiver<Piece>, replace: bool, progress: &mut (impl FnMut(Progress) + Send)) -> Result<Vec<TableSum>> {
    let take = || receive.recv().map_err(|_| interrupted());
    let Piece::Schema(steps) = take()? else { return Err(interrupted()) };
    prepare(tx, &steps, replace)?;
    let mut sums = Vec::new();
    loop {
        let (table, total) = match take()? {
            Piece::Table(table, total) => (table, total),
            Piece::End => return Ok(sums),
            _ => return Err(interrupted()),
        };
        let mut written = 0;
        let mut wanted = None;
        tx.load(&table, || match take()? {
            Piece::Rows(rows) => {
                written += rows.len() as u64;
                progress(Progress { table: table.name.clone(), rows: written, total });
                Ok(Some(rows))
            }
            Piece::Sum(sum) => {
                wanted = Some(sum);
                Ok(None)
            }
            _ => Err(interrupted()),
        })?;
        // Read back what the target holds: the digest proves the stored rows, not the sent ones.
        let found = catalogue::sum(tx, &table)?;
        if wanted.as_ref() != Some(&found) {
            return Err(StoreError::Copy(format!("the table {} does not hold the same rows after the copy; nothing was kept", table.name)));
        }
        sums.push(found);
    }
}

/// Brings the target to the source's schema and to no rows, or refuses.
fn prepare(tx: &mut Tx<'_>, steps: &[Row], replace: bool) -> Result<()> {
    if tx.engine() == Engine::Sqlite {
        // Rows of one table may refer to later ones of the same; all are there at the commit.
        tx.batch("PRAGMA defer_foreign_keys = ON")?;
    }
    let present = catalogue::tables(tx)?;
    if present.is_empty() {
        tx.batch(migrate::LEDGER)?;
        for step in steps {
            tx.batch(step.str(3)?)?;
        }
    } else {
        if !migrate::has_table(tx, "store_migration")? {
            return Err(StoreError::Copy("the target holds tables of another program: choose an empty one".into()));
        }
        let known = "SELECT module, version, checksum FROM store_migration ORDER BY module, version";
        let mut ours: Vec<_> = tx.query(known, &[])?.iter().map(schema_step).collect::<Result<_>>()?;
        let mut theirs: Vec<_> = steps.iter().map(schema_step).collect::<Result<_>>()?;
        ours.sort();
        theirs.sort();
        if ours != theirs {
            return Err(StoreError::Copy("the target has another schema version than the source: choose an empty one".into()));
        }
        if !replace {
            for table in present.iter().filter(|table| table.name != "store_migration") {
                if table.count(tx)? > 0 {
                    return Err(StoreError::Copy(format!(
                        "the target is not empty (table {}): choose another or say that it is to be replaced",
                        table.name
                    )));
                }
            }
        }
    }
    // Rows that migrations themselves put in come with the copy.
    for table in catalogue::tables(tx)?.iter().rev() {
        tx.execute(&format!("DELETE FROM {}", quoted(&table.name)), &[])?;
    }
    Ok(())
}

fn schema_step(row: &Row) -> Result<(String, i64, Vec<u8>)> {
    Ok((row.text(0)?, row.int(1)?, row.bytes(2)?))
}
