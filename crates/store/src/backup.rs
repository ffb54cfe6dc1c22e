//! 备份与恢复: a backup is one SQLite file, whatever engine the record is on, with a manifest beside it that says what is inside. It is
//! taken while the store works and is read back before it counts as one.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use chuangsha_kernel::time::Timestamp;
use ring::digest::{Context, SHA256};
use rusqlite::{Connection, backup::Backup, backup::StepResult};

use crate::{
    Config, Engine, Store, Tx,
    catalogue::{self, TableSum},
    copy::{Progress, copy},
    error::{Result, StoreError},
    sqlite, tx,
};

/// Version of the manifest.
const FORMAT: u32 = 1;
/// Pages copied between two reports of progress.
const PAGES: i32 = 2_000;

/// 备份清单: what a backup file holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this manifest.
    pub format: u32,
    /// When the backup was taken.
    pub taken_at: Timestamp,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Its tables, rows and digests.
    pub tables: Vec<TableSum>,
}

/// Where the manifest of a backup lies: `NAME.manifest.json` beside it.
pub fn manifest_path(backup: &Path) -> PathBuf {
    let mut name = backup.as_os_str().to_owned();
    name.push(".manifest.json");
    name.into()
}

impl Store {
    /// Writes a backup to `target`, which must not exist yet, and reads it back. The store goes on working; the backup is the record at
    /// one moment. `now` is noted in the manifest.
    pub async fn backup(&self, target: &Path, now: Timestamp, progress: impl FnMut(Progress) + Send + 'static) -> Result<Manifest> {
        if target.exists() || manifest_path(target).exists() {
            return Err(StoreError::Copy(format!("{} exists already: choose another name", target.display())));
        }
        let part = target.with_extension("part");
        drop(fs::remove_file(&part));
        match self.engine() {
            Engine::Sqlite => {
                let (config, part) = (self.config().clone(), part.clone());
                blocking(move || copy_file(&config, &part, progress)).await?;
            }
            Engine::Postgres => {
                let into = Store::open(&Config::new(format!("sqlite:{}", part.display()))).await?;
                let copied = copy(self, &into, false, progress).await;
                into.close().await;
                copied?;
            }
        }
        let target = target.to_owned();
        blocking(move || finish(&part, &target, now)).await
    }
}

/// Reads a backup completely and compares it with its manifest. Changes nothing.
pub async fn verify(backup: &Path) -> Result<Manifest> {
    let backup = backup.to_owned();
    blocking(move || {
        let manifest = fs::read(manifest_path(&backup)).map_err(io)?;
        let manifest: Manifest =
            serde_json::from_slice(&manifest).map_err(|error| StoreError::Copy(format!("the manifest cannot be read: {error}")))?;
        if manifest.format != FORMAT {
            return Err(StoreError::Copy(format!("the manifest has format {}, this program reads {FORMAT}", manifest.format)));
        }
        if hash(&backup)? != manifest.sha256 {
            return Err(StoreError::Copy("the backup file was changed or damaged: its SHA-256 is not the one in the manifest".into()));
        }
        if contents(&backup)? != manifest.tables {
            return Err(StoreError::Copy("the backup does not hold the rows its manifest names".into()));
        }
        Ok(manifest)
    })
    .await
}

/// Verifies a backup, then copies it into `target`, which must be empty unless `replace`. Either everything arrives or nothing.
pub async fn restore(backup: &Path, target: &Store, replace: bool, progress: impl FnMut(Progress) + Send + 'static) -> Result<Manifest> {
    let manifest = verify(backup).await?;
    let source = Store::open_read_only(backup).await?;
    let copied = copy(&source, target, replace, progress).await;
    source.close().await;
    if copied? != manifest.tables {
        return Err(StoreError::Copy("the backup changed while it was restored: empty the target and start again".into()));
    }
    Ok(manifest)
}

/// SQLite's own online backup. The source stays in one read transaction, so that writers neither wait nor make it start over.
fn copy_file(config: &Config, part: &Path, mut progress: impl FnMut(Progress)) -> Result<()> {
    let source = sqlite::open_reader(&config.sqlite_path()?, config)?;
    source.execute_batch("BEGIN; SELECT COUNT(*) FROM sqlite_master;").map_err(sqlite::fault)?;
    let mut target = Connection::open(part).map_err(sqlite::fault)?;
    let backup = Backup::new(&source, &mut target).map_err(sqlite::fault)?;
    loop {
        match backup.step(PAGES).map_err(sqlite::fault)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {
                let pages = backup.progress();
                let total = u64::from(pages.pagecount.unsigned_abs());
                progress(Progress { table: "*".into(), rows: total.saturating_sub(u64::from(pages.remaining.unsigned_abs())), total });
            }
            _ => return Err(StoreError::Busy),
        }
    }
}

/// Makes one file of it, reads it back, and only then gives it its name.
fn finish(part: &Path, target: &Path, now: Timestamp) -> Result<Manifest> {
    let connection = Connection::open(part).map_err(sqlite::fault)?;
    connection.execute_batch("PRAGMA journal_mode = DELETE;").map_err(sqlite::fault)?;
    drop(connection);
    let tables = contents(part)?;
    fs::File::open(part).and_then(|file| file.sync_all()).map_err(io)?;
    let manifest = Manifest { format: FORMAT, taken_at: now, sha256: hash(part)?, tables };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| StoreError::Copy(error.to_string()))?;
    fs::rename(part, target).map_err(io)?;
    let mut file = fs::File::create_new(manifest_path(target)).map_err(io)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(io)?;
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(io)?;
    Ok(manifest)
}

/// What a backup file really holds, after SQLite has checked its pages.
fn contents(file: &Path) -> Result<Vec<TableSum>> {
    let connection = sqlite::open_reader(file, &Config::default())?;
    let mut tx = Tx::new(tx::Session::Sqlite(sqlite::Session { connection: &connection }));
    let pages = tx.query("PRAGMA integrity_check", &[])?;
    if pages.first().and_then(|row| row.str(0).ok()) != Some("ok") {
        return Err(StoreError::Copy("the backup's pages are damaged".into()));
    }
    catalogue::sums(&mut tx)
}

fn hash(file: &Path) -> Result<String> {
    let mut file = fs::File::open(file).map_err(io)?;
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer).map_err(io)?;
        match buffer.get(..count) {
            Some(read) if count > 0 => context.update(read),
            _ => return Ok(hex::encode(context.finish())),
        }
    }
}

fn io(error: std::io::Error) -> StoreError {
    if error.kind() == std::io::ErrorKind::StorageFull { StoreError::Full } else { StoreError::Io(error.to_string()) }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Panicked)?
}
