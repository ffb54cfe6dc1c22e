//! 名单底本: the numbers of the lists as they were when the base was built, once for all versions that stand on it. A version holds only what differs
//! from its base, so that a change of one entry costs what changed, whatever the list's size.
//!
//! A base is built from the one before and what stood beside it, page by page, and goes into the store piece by piece, each in a transaction of its own;
//! no version names it before it is whole. One that nobody names is taken away by [`prune`], a few pieces at a time.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufWriter, Cursor, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use chuangsha_kernel::time::{DAY_MS, Timestamp};
use chuangsha_screen::{
    Number,
    index::{self, Index},
    lists::Marks,
};
use chuangsha_store::{Tx, params};
use ring::digest;

use super::{
    compile::{Own, Wishes},
    kept,
    table::{self, place},
};
use crate::{
    App,
    platform::failure::{Failure, Result},
};

/// Bytes of one sealed piece in the store.
pub(super) const PART: usize = 512 * 1024;
/// Pieces of one transaction: none holds the store for longer than a working day's write bears.
const PARTS: i64 = 4;
/// A base nobody names is somebody's who is still building for so long.
const BUILDING_MS: i64 = DAY_MS / 4;

/// 名单底本
#[derive(Debug, Default)]
pub(super) struct Base {
    /// Its number in the store; 0 = nothing is listed.
    pub(super) number: i64,
    /// Over wishes and numbers; empty of nothing.
    pub(super) hash: String,
    /// Numbers with their marks.
    pub(super) index: Arc<Index>,
    /// Callees with wishes that do not fit into the marks.
    pub(super) own: BTreeMap<u64, Own>,
    /// The same as the engine reads them, by the day's night and noon.
    resolved: Mutex<Option<(Wishes, Arc<super::compile::Resolved>)>>,
}

impl Base {
    /// Own wishes as the engine reads them: worked out once a day, shared by every snapshot on this base.
    pub(super) fn resolved(&self, wishes: Wishes) -> Arc<super::compile::Resolved> {
        let mut held = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some((of, resolved)) if *of == wishes => Arc::clone(resolved),
            _ => {
                let resolved = Arc::new(self.own.values().filter_map(|own| own.resolve(wishes)).collect());
                *held = Some((wishes, Arc::clone(&resolved)));
                resolved
            }
        }
    }

    /// 重建: this base with what stands beside it, in memory or in a file of the node's folder. It has no number yet.
    pub(super) async fn merged(&self, app: &App, delta: &BTreeMap<Number, Marks>, own: &BTreeMap<u64, Option<Own>>) -> Result<Self> {
        let mut all = self.own.clone();
        for (number, own) in own {
            match own {
                Some(own) => all.insert(*number, own.clone()),
                None => all.remove(number),
            };
        }
        let (base, folder) = (Arc::clone(&self.index), app.config.screening.folder.clone());
        let delta: Vec<(Number, Marks)> = delta.iter().map(|(number, marks)| (*number, *marks)).collect();
        let name = app.ids.next(app.clock.now());
        let index = blocking(move || match folder {
            Some(folder) => {
                kept::folder(&folder)?;
                let path = folder.join(format!("building-{name}.index"));
                let mut file = BufWriter::new(kept::create(&path)?);
                let done = index::merge(&base, &delta, &mut file).and_then(|_| Index::open(&path));
                // The map outlives the name: whatever becomes of this process, nothing of it stays.
                drop(fs::remove_file(&path));
                done.map_err(Failure::internal)
            }
            None => {
                let mut bytes = Cursor::new(Vec::new());
                index::merge(&base, &delta, &mut bytes).map_err(Failure::internal)?;
                Index::from_bytes(bytes.into_inner()).map_err(Failure::internal)
            }
        })
        .await?;
        Ok(Self { index: Arc::new(index), own: all, ..Self::default() })
    }

    /// Puts it into the store under a new number, piece by piece. Until a version names it nobody reads it.
    pub(super) async fn keep(&self, app: &App, now: Timestamp) -> Result<Arc<Self>> {
        let head = serde_json::to_vec(&self.own.values().collect::<Vec<_>>()).map_err(Failure::internal)?;
        let (head, index) = (Arc::new(head), Arc::clone(&self.index));
        let (sum_head, sum_index) = (Arc::clone(&head), Arc::clone(&index));
        let hash = blocking(move || Ok(sum(&sum_head, sum_index.as_bytes()))).await?;
        let heads = head.len().div_ceil(PART) as i64;
        let parts = heads + index.size().div_ceil(PART) as i64;
        let (shown, entries) = (hash.clone(), index.len() as i64);
        let number = app
            .write(move |tx| {
                let number = tx.query_one("SELECT COALESCE(MAX(base), 0) + 1 FROM screen_base", &[])?.int(0)?;
                tx.push_one(
                    "INSERT INTO screen_base (base, made_at, hash, entries, heads, parts, whole) VALUES ($1, $2, $3, $4, $5, $6, 0)",
                    &params![number, now, &shown, entries, heads, parts],
                )?;
                Ok::<_, Failure>(number)
            })
            .await?;
        for first in (0..parts).step_by(PARTS as usize) {
            let (writer, head, index) = (app.clone(), Arc::clone(&head), Arc::clone(&index));
            app.write(move |tx| {
                let key = table::snapshot_key(&writer, tx)?;
                for part in first..(first + PARTS).min(parts) {
                    let (bytes, at) = if part < heads { (head.as_slice(), part) } else { (index.as_bytes(), part - heads) };
                    let from = at as usize * PART;
                    let piece = bytes.get(from..(from + PART).min(bytes.len())).unwrap_or_default();
                    let sealed = key.seal(place::BASE, piece)?;
                    tx.push_one("INSERT INTO screen_base_part (base, part, sealed) VALUES ($1, $2, $3)", &params![number, part, &sealed])?;
                }
                Ok::<_, Failure>(())
            })
            .await?;
        }
        app.write(move |tx| Ok::<_, Failure>(tx.push_one("UPDATE screen_base SET whole = 1 WHERE base = $1", &params![number])?)).await?;
        // Whoever puts it in force reads it from the store first: what all nodes will run on is what was written.
        Ok(Arc::new(Self { number, hash, index: Arc::clone(&self.index), own: self.own.clone(), ..Self::default() }))
    }
}

/// The bases in use on this node.
#[derive(Default)]
pub struct Bases(Vec<(i64, Weak<Base>)>);

impl Bases {
    fn get(&self, number: i64) -> Option<Arc<Base>> {
        self.0.iter().find(|(held, _)| *held == number).and_then(|(_, base)| base.upgrade())
    }

    fn put(&mut self, base: &Arc<Base>) {
        self.0.retain(|(number, held)| *number != base.number && held.strong_count() > 0);
        self.0.push((base.number, Arc::downgrade(base)));
    }
}

/// SHA-256 over wishes and numbers, hexadecimal.
pub(super) fn sum(head: &[u8], numbers: &[u8]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&(head.len() as u64).to_be_bytes());
    context.update(head);
    context.update(numbers);
    hex::encode(context.finish())
}

/// Work of seconds on lists of millions, beside the threads that answer.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Failure::internal)?
}

/// A base by its number: the one in use here, the file of this node, or from the store, piece by piece. It is checked before it is used.
///
/// # Errors
/// The store does not answer, or it is not whole.
pub(super) async fn load(app: &App, number: i64) -> Result<Arc<Base>> {
    if number == 0 {
        return Ok(Arc::default());
    }
    // Held while it is loaded: two who want the same one load it once.
    let mut bases = app.watch.bases.lock().await;
    if let Some(base) = bases.get(number) {
        return Ok(base);
    }
    let row = app
        .read(move |tx| {
            let row = tx.query_opt("SELECT hash, heads, parts FROM screen_base WHERE base = $1 AND whole = 1", &params![number])?;
            row.map(|row| Ok::<_, Failure>((row.text(0)?, row.int(1)?, row.int(2)?))).transpose()
        })
        .await?;
    let Some((hash, heads, parts)) = row else { return Err(Failure::internal("the base of a version is not in the store")) };
    let head = fetch(app, number, 0..heads, Vec::new()).await?;
    let folder = app.config.screening.folder.clone();
    let kept = match folder.clone() {
        Some(folder) => {
            let (head, hash) = (head.clone(), hash.clone());
            // A file that is not what it should be is made again.
            blocking(move || Ok(open(&file(&folder, number), &head, &hash).ok())).await?
        }
        None => None,
    };
    let index = match (kept, folder) {
        (Some(index), _) => index,
        (None, Some(folder)) => {
            kept::folder(&folder)?;
            let beside = folder.join(format!("base-{number}.new"));
            let written = fetch(app, number, heads..parts, BufWriter::new(kept::create(&beside)?)).await?;
            let (head, hash) = (head.clone(), hash.clone());
            blocking(move || {
                let path = file(&folder, number);
                kept::finish(written, &beside, &path)?;
                open(&path, &head, &hash)
            })
            .await?
        }
        (None, None) => {
            let bytes = fetch(app, number, heads..parts, Vec::new()).await?;
            let (head, hash) = (head.clone(), hash.clone());
            blocking(move || checked(Index::from_bytes(bytes).map_err(Failure::internal)?, &head, &hash)).await?
        }
    };
    let base = Arc::new(of(number, hash, &head, index)?);
    bases.put(&base);
    Ok(base)
}

/// A base that was read from this node's files is the one in use.
pub(super) async fn adopt(app: &App, base: Base) -> Arc<Base> {
    let base = Arc::new(base);
    app.watch.bases.lock().await.put(&base);
    base
}

fn of(number: i64, hash: String, head: &[u8], index: Index) -> Result<Base> {
    let own: Vec<Own> = serde_json::from_slice(head).map_err(Failure::internal)?;
    let own = own.into_iter().map(|own| (own.number, own)).collect();
    Ok(Base { number, hash, index: Arc::new(index), own, ..Base::default() })
}

/// A base from the file of this node, without the store.
pub(super) fn from_file(folder: &Path, number: i64, hash: &str, own: Vec<Own>) -> Result<Base> {
    if number == 0 {
        return Ok(Base::default());
    }
    let head = serde_json::to_vec(&own).map_err(Failure::internal)?;
    of(number, hash.to_owned(), &head, open(&file(folder, number), &head, hash)?)
}

pub(super) fn file(folder: &Path, number: i64) -> PathBuf {
    folder.join(format!("base-{number}.index"))
}

fn open(path: &Path, head: &[u8], hash: &str) -> Result<Index> {
    checked(Index::open(path).map_err(Failure::internal)?, head, hash)
}

/// What is put in force is checked where it then lies: in memory, in large pages.
fn checked(index: Index, head: &[u8], hash: &str) -> Result<Index> {
    let index = index.settle().map_err(Failure::internal)?;
    if sum(head, index.as_bytes()) == hash { Ok(index) } else { Err(Failure::internal("a base of the lists is not whole")) }
}

/// Opens pieces one transaction after the other and hands them on.
async fn fetch<W: Write + Send>(app: &App, number: i64, parts: std::ops::Range<i64>, mut into: W) -> Result<W> {
    for first in parts.clone().step_by(PARTS as usize) {
        let (reader, last) = (app.clone(), (first + PARTS).min(parts.end));
        let pieces = app
            .read(move |tx| {
                let key = table::snapshot_key(&reader, tx)?;
                let sql = "SELECT sealed FROM screen_base_part WHERE base = $1 AND part >= $2 AND part < $3 ORDER BY part";
                let rows = tx.query(sql, &params![number, first, last])?;
                if rows.len() as i64 != last - first {
                    return Err(Failure::internal("a base of the lists is not whole"));
                }
                rows.iter().map(|row| Ok(key.open(place::BASE, row.slice(0)?)?)).collect::<Result<Vec<_>>>()
            })
            .await?;
        for piece in pieces {
            into.write_all(&piece).map_err(Failure::internal)?;
        }
    }
    Ok(into)
}

/// Whether a version may stand on it: whole, and not on its way out.
pub(super) fn is_whole(tx: &mut Tx, number: i64) -> Result<bool> {
    Ok(number == 0 || tx.query_opt("SELECT base FROM screen_base WHERE base = $1 AND whole = 1", &params![number])?.is_some())
}

/// Takes away what no kept version stands on, a few pieces a turn. Says how many.
///
/// # Errors
/// The record failed.
pub async fn prune(app: &App) -> Result<usize> {
    let since = app.clock.now().plus_ms(-BUILDING_MS);
    app.write(move |tx| {
        let sql = "SELECT base FROM screen_base WHERE base NOT IN (SELECT base FROM screen_snapshot WHERE kept = 1) \
                   AND (whole = 0 OR base < (SELECT COALESCE(MAX(base), 0) FROM screen_snapshot)) AND made_at < $1 ORDER BY base LIMIT 1";
        // A finished one younger than the newest in use was just made, and its version is on the way.
        let Some(row) = tx.query(sql, &params![since])?.into_iter().next() else { return Ok(0) };
        let number = row.int(0)?;
        tx.push("UPDATE screen_base SET whole = 0 WHERE base = $1", &params![number])?;
        let gone = tx.execute(
            "DELETE FROM screen_base_part WHERE base = $1 AND part IN (SELECT part FROM screen_base_part WHERE base = $1 ORDER BY part LIMIT 16)",
            &params![number],
        )?;
        if gone == 0 {
            tx.push_one("DELETE FROM screen_base WHERE base = $1", &params![number])?;
        }
        Ok(usize::try_from(gone.max(1)).unwrap_or(usize::MAX))
    })
    .await
}
