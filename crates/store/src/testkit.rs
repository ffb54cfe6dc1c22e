//! Fresh stores for tests, on every engine the machine has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot be set up stops")]

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{Config, Store};

/// A directory that goes away with its owner.
pub struct Directory(PathBuf);

static COUNTER: AtomicU32 = AtomicU32::new(0);

impl Directory {
    /// A new one under the machine's directory for temporary files.
    pub fn new() -> Self {
        let name = format!("chuangsha-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a directory for the test");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A store of a test, empty at first.
pub struct TestStore {
    /// The store.
    pub store: Store,
    /// How to open it once more.
    pub config: Config,
    /// `sqlite` or `postgres`, for messages.
    pub name: &'static str,
    _directory: Option<Directory>,
}

/// An empty SQLite store in a directory of its own.
pub async fn sqlite() -> TestStore {
    let directory = Directory::new();
    let config = Config::new(format!("sqlite:{}", directory.path().join("test.db").display()));
    let store = Store::open(&config).await.expect("an SQLite store");
    TestStore { store, config, name: "sqlite", _directory: Some(directory) }
}

/// One empty store of each engine.
pub async fn engines() -> Vec<TestStore> {
    vec![sqlite().await]
}
