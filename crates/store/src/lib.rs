//! 存储: the only crate that names a database driver. One SQL text runs on SQLite (default) and PostgreSQL.
//!
//! A caller gives a closure to [`Store::write`] or [`Store::read`]; the closure is synchronous, runs on a thread of the store inside one
//! transaction, and may run more than once. What it returns comes back only after the commit is durable.
//!
//! The SQL both engines share: columns `BIGINT`, `TEXT`, `BYTEA`; placeholders `$1…$n`; `ON CONFLICT`, `RETURNING`, CTEs, window
//! functions, partial indexes; no deferred constraints. A UUID is a BYTEA of sixteen bytes, a time a BIGINT of milliseconds UTC.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

pub mod backup;
pub mod bench;
mod catalogue;
mod copy;
mod error;
mod job;
pub mod lease;
mod migrate;
pub mod outbox;
mod postgres;
mod queue;
mod sqlite;
#[doc(hidden)]
pub mod testkit;
mod tx;
mod value;
mod verify;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

pub use catalogue::TableSum;
pub use copy::{Progress, copy};
pub use error::{ALL as PROBLEMS, Result, SchemaError, StoreError, TxError};
pub use migrate::Migration;
pub use tx::Tx;
pub use value::{Param, Row, Value};
pub use verify::{Check, Finding};

use job::{Call, Job};
use queue::Queue;

/// 存储引擎
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// One file on one machine.
    Sqlite,
    /// A server.
    Postgres,
}

/// 存储配置: where the record is kept.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `sqlite:PATH` or `postgres://USER@HOST/DATABASE`.
    pub url: String,
    /// Threads that read.
    pub readers: usize,
    /// Connections that write (PostgreSQL; SQLite has one writer).
    pub writers: usize,
    /// Memory in which SQLite's writer keeps pages it has read or changed, in MiB: a large transaction writes a page once, however often it
    /// changed while it was there.
    pub writer_cache_mib: u32,
    /// SQLite: for millions of rows at a stretch. Every write is a transaction of its own, and a thread apart carries its pages from the log into
    /// the file while the next one is at work. The log keeps its length, about half a GiB.
    pub bulk: bool,
    /// How long a write waits for another process on the same SQLite file, in milliseconds.
    pub busy_timeout_ms: u64,
    /// How long a lost PostgreSQL connection is tried again before the caller hears of it, in milliseconds.
    pub connect_timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: "sqlite:data/chuangsha.db".into(),
            readers: 4,
            writers: 16,
            writer_cache_mib: 64,
            bulk: false,
            busy_timeout_ms: 5_000,
            connect_timeout_ms: 5_000,
        }
    }
}

impl Config {
    /// The defaults with this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// The URL as it may be shown: without user and password.
    pub fn shown_url(&self) -> String {
        match self.url.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host)),
            None => self.url.clone(),
        }
    }

    pub(crate) fn sqlite_path(&self) -> Result<PathBuf> {
        match self.place()? {
            Place::Sqlite(path) => Ok(path),
            Place::Postgres(_) => Err(StoreError::Config("not an SQLite store".into())),
        }
    }

    fn place(&self) -> Result<Place> {
        if let Some(path) = self.url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" {
                return Err(StoreError::Config("sqlite: needs the path of a file".into()));
            }
            return Ok(Place::Sqlite(path.into()));
        }
        if self.url.starts_with("postgres://") || self.url.starts_with("postgresql://") {
            return Ok(Place::Postgres(Box::new(postgres::settings(&self.url)?)));
        }
        Err(StoreError::Config("the URL must start with sqlite: or postgres://".into()))
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("url", &self.shown_url()).field("readers", &self.readers).field("writers", &self.writers).finish()
    }
}

enum Place {
    Sqlite(PathBuf),
    Postgres(Box<tokio_postgres::Config>),
}

/// 存储: a handle on the record; clones share it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    config: Config,
    engine: Engine,
    writes: Arc<Queue<Box<dyn Job>>>,
    reads: Arc<Queue<Box<dyn Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.writes.close();
        self.reads.close();
    }
}

impl Store {
    /// Opens the store, making the SQLite file if it is missing. The schema is brought up by [`Store::migrate`].
    pub async fn open(config: &Config) -> Result<Self> {
        let config = config.clone();
        let store = tokio::task::spawn_blocking(move || Self::open_blocking(config)).await.map_err(|_| StoreError::Panicked)??;
        if store.engine() == Engine::Postgres {
            let encoding = store.read(|tx| tx.query_one("SHOW server_encoding", &[])?.text(0)).await?;
            if encoding != "UTF8" {
                return Err(StoreError::Config(format!("the database's encoding is {encoding}: create it with ENCODING 'UTF8'")));
            }
        }
        Ok(store)
    }

    /// Opens an SQLite file for reading only and leaves no trace beside it: for backups. Writes answer [`StoreError::Closed`].
    pub async fn open_read_only(path: &Path) -> Result<Self> {
        let config = Config { readers: 1, ..Config::new(format!("sqlite:{}", path.display())) };
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let (writes, reads) = (Arc::new(Queue::new()), Arc::new(Queue::new()));
            writes.close();
            let reader = sqlite::open_reader(&path, &config)?;
            let queue = Arc::clone(&reads);
            let threads = Mutex::new(vec![spawn("store-reader", move || sqlite::read_loop(&reader, &queue))?]);
            Ok(Self(Arc::new(Inner { config, engine: Engine::Sqlite, writes, reads, threads })))
        });
        opened.await.map_err(|_| StoreError::Panicked)?
    }

    fn open_blocking(config: Config) -> Result<Self> {
        let writes = Arc::new(Queue::new());
        let reads = Arc::new(Queue::new());
        let mut threads = Vec::new();
        let engine = match config.place()? {
            Place::Sqlite(path) => {
                let writer = sqlite::open_writer(&path, &config)?;
                let readers = (0..config.readers.max(1)).map(|_| sqlite::open_reader(&path, &config)).collect::<Result<Vec<_>>>()?;
                let queue = Arc::clone(&writes);
                let mut bell = None;
                if config.bulk {
                    let carrier = sqlite::open_carrier(&path, &config)?;
                    let (ring, rung) = std::sync::mpsc::sync_channel(1);
                    bell = Some(ring);
                    threads.push(spawn("store-checkpoint", move || sqlite::carry_loop(&carrier, &rung))?);
                }
                threads.push(spawn("store-writer", move || sqlite::write_loop(&writer, &queue, bell.as_ref()))?);
                for reader in readers {
                    let queue = Arc::clone(&reads);
                    threads.push(spawn("store-reader", move || sqlite::read_loop(&reader, &queue))?);
                }
                Engine::Sqlite
            }
            Place::Postgres(settings) => {
                let modes = std::iter::repeat_n(postgres::Mode::Write, config.writers.max(1))
                    .chain(std::iter::repeat_n(postgres::Mode::Read, config.readers.max(1)));
                for (number, mode) in modes.enumerate() {
                    let queue = Arc::clone(if mode == postgres::Mode::Write { &writes } else { &reads });
                    let worker = postgres::Worker::new((*settings).clone(), &config, number as u64 + 1)?;
                    threads.push(spawn("store-postgres", move || worker.run(mode, &queue))?);
                }
                Engine::Postgres
            }
        };
        Ok(Self(Arc::new(Inner { config, engine, writes, reads, threads: Mutex::new(threads) })))
    }

    /// Which engine keeps the record.
    pub fn engine(&self) -> Engine {
        self.0.engine
    }

    /// How the store was opened.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Runs the closure in one durable transaction. It may run more than once, so it decides from what it reads through `tx`; what it
    /// does outside must bear repetition. An error it returns undoes its work and is handed on.
    pub async fn write<T, E>(&self, work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: TxError,
    {
        call(&self.0.writes, work).await
    }

    /// Runs the closure on one snapshot. Statements that write are refused.
    pub async fn read<T, E>(&self, work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: TxError,
    {
        call(&self.0.reads, work).await
    }

    /// Lets queued work finish, closes every connection and waits for that. Later calls answer [`StoreError::Closed`].
    pub async fn close(&self) {
        self.0.writes.close();
        self.0.reads.close();
        let threads = std::mem::take(&mut *self.0.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| drop(thread.join())));
        drop(joined.await);
    }
}

async fn call<T, E>(queue: &Queue<Box<dyn Job>>, work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: TxError,
{
    let (job, answer) = Call::place(work);
    if queue.push(job).is_err() {
        return Err(StoreError::Closed.into());
    }
    answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
}

/// Lets every other thread of the machine go first: for work that is made ready ahead and must not take a core from the thread that writes.
/// Elsewhere than on Linux a thread has no rank of its own; there it does nothing.
pub fn give_way() {
    // Refused: it runs as any other.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(10);
}

fn spawn(name: &str, life: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    thread::Builder::new().name(name.into()).spawn(life).map_err(|error| StoreError::Io(format!("no thread for the store: {error}")))
}
