//! 世代: how a leaver loses everything at once. Each session and key remembers the epochs it was born under; whoever leaves or ends has theirs
//! raised in the same transaction, and a feed tells every node within a second.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

use chuangsha_kernel::time::{HOUR_MS, Timestamp};
use chuangsha_store::{Tx, params};
use uuid::Uuid;

use crate::platform::failure::Result;

/// How long the feed and the memory of it are kept. Whatever is older was re-read from the record long since.
const KEEP_MS: i64 = HOUR_MS;

/// Writes one entry of the feed: everything born under an older epoch of `subject` is dead. The same epoch again means "read it anew".
///
/// The sequence is read and raised in the transaction: two that bump at once contend, and one is retried, so that no reader can see a later
/// number before an earlier one.
pub fn bump(tx: &mut Tx<'_>, subject: Uuid, epoch: i64, at: Timestamp) -> Result<()> {
    let last = tx.query_one("SELECT COALESCE(MAX(seq), 0) FROM epoch", &[])?.int(0)?;
    tx.push("INSERT INTO epoch (seq, subject, epoch, at) VALUES ($1, $2, $3, $4)", &params![last + 1, &subject, epoch, at])?;
    Ok(())
}

/// Drops what is older than an hour but always keeps the last, so that the sequence never starts again.
pub fn prune(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    tx.push("DELETE FROM epoch WHERE at < $1 AND seq < (SELECT MAX(seq) FROM epoch)", &params![now.plus_ms(-KEEP_MS)])?;
    Ok(())
}

/// One entry of the feed.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Place in the feed.
    pub seq: i64,
    /// Staff, organisation, session or key.
    pub subject: Uuid,
    /// Its epoch from now on.
    pub epoch: i64,
    /// When.
    pub at: Timestamp,
}

/// Entries after `seq`, oldest first.
pub fn after(tx: &mut Tx<'_>, seq: i64) -> Result<Vec<Entry>> {
    let rows = tx.query("SELECT seq, subject, epoch, at FROM epoch WHERE seq > $1 ORDER BY seq LIMIT 5000", &params![seq])?;
    rows.iter().map(|row| Ok(Entry { seq: row.int(0)?, subject: row.uuid(1)?, epoch: row.int(2)?, at: row.timestamp(3)? })).collect()
}

/// What a credential was born under: its own id, its person's and its organisation's epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stakes(pub [(Uuid, i64); 3]);

impl Stakes {
    /// Whether it stands on this subject.
    pub fn on(&self, subject: Uuid) -> bool {
        self.0.iter().any(|(id, _)| *id == subject)
    }
}

/// What this node knows of epochs raised lately.
#[derive(Default)]
pub struct Epochs {
    seen: AtomicI64,
    raised: RwLock<HashMap<Uuid, (i64, Timestamp)>>,
}

impl Epochs {
    /// The last feed entry seen.
    pub fn seen(&self) -> i64 {
        self.seen.load(Ordering::SeqCst)
    }

    /// Takes entries in.
    pub fn apply(&self, entries: &[Entry]) {
        let Some(last) = entries.last() else { return };
        let mut raised = self.raised.write().unwrap_or_else(PoisonError::into_inner);
        for entry in entries {
            let known = raised.entry(entry.subject).or_insert((entry.epoch, entry.at));
            *known = (known.0.max(entry.epoch), entry.at);
        }
        if raised.len() > 10_000 {
            raised.retain(|_, (_, at)| *at > last.at.plus_ms(-KEEP_MS));
        }
        drop(raised);
        self.seen.fetch_max(last.seq, Ordering::SeqCst);
    }

    /// Whether everything the credential stands on still holds.
    pub fn hold(&self, stakes: &Stakes) -> bool {
        let raised = self.raised.read().unwrap_or_else(PoisonError::into_inner);
        stakes.0.iter().all(|(subject, epoch)| raised.get(subject).is_none_or(|(now, _)| now <= epoch))
    }
}
