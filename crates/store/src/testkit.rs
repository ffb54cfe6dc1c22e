//! Fresh stores for tests, on every engine the machine has.
//!
//! PostgreSQL runs as a private cluster of the test process: a Unix socket in a directory of its own, no port, gone when the process is,
//! however it ends. `CI=true` makes a missing PostgreSQL a failure; elsewhere it is skipped with a line on standard error.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot be set up stops")]

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{Config, Store};

/// A directory that goes away with its owner.
pub struct Directory(PathBuf);

static COUNTER: AtomicU32 = AtomicU32::new(0);

impl Directory {
    /// A new one under the machine's directory for temporary files.
    pub fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// A new one under `parent`.
    pub fn within(parent: &Path) -> Self {
        let name = format!("chuangsha-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let path = std::path::absolute(parent).expect("a path").join(name);
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

/// An empty PostgreSQL store, a database of its own in the process's cluster; `None` where PostgreSQL is not installed.
pub async fn postgres() -> Option<TestStore> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    let url = tokio::task::spawn_blocking(|| CLUSTER.get_or_init(|| Cluster::start(false)).as_ref().map(Cluster::new_database))
        .await
        .expect("a database")?;
    let config = Config { readers: 2, writers: 8, ..Config::new(url) };
    let store = Store::open(&config).await.expect("a PostgreSQL store");
    Some(TestStore { store, config, name: "postgres", _directory: None })
}

/// One empty store of each engine.
pub async fn engines() -> Vec<TestStore> {
    let mut engines = vec![sqlite().await];
    engines.extend(postgres().await);
    engines
}

/// A private PostgreSQL server.
pub struct Cluster {
    directory: Directory,
    durable: bool,
    server: std::sync::Mutex<Child>,
}

/// Where Debian puts the server's programs, the newest version last.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    versions.retain(|bin| bin.join("initdb").exists() && bin.join("postgres").exists());
    versions.sort();
    versions.pop()
}

impl Cluster {
    /// Makes and starts a cluster; with `durable` it flushes to the disk as a real one does. `None` where PostgreSQL is not installed.
    pub fn start(durable: bool) -> Option<Self> {
        Self::start_in(&std::env::temp_dir(), durable)
    }

    /// As [`Cluster::start`], in a new directory under `parent`, which every user must be able to enter.
    pub fn start_in(parent: &Path, durable: bool) -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "PostgreSQL is not installed: apt-get install postgresql");
            eprintln!("SKIPPED on PostgreSQL: not installed (apt-get install postgresql)");
            return None;
        };
        let directory = Directory::within(parent);
        // The server refuses to run as root, so its directory belongs to the account the package made.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).expect("an open directory");
        let made = Command::new("env")
            .args(account())
            .arg(programs.join("initdb"))
            .current_dir("/")
            .args(["--pgdata", &directory.path().join("data").display().to_string()])
            .args(["--encoding=UTF8", "--locale=C", "--auth=trust", "--username=postgres", "--no-sync", "--no-instructions"])
            .stdin(Stdio::null())
            .output()
            .expect("initdb");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let server = launch(&directory, durable);
        Some(Self { directory, durable, server: std::sync::Mutex::new(server) })
    }

    /// Stops the server at once, as a crash would, and starts it again on the same data.
    pub fn crash_and_restart(&self) {
        let mut server = self.server.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        stop(&mut server);
        *server = launch(&self.directory, self.durable);
    }

    /// Stops the server at once, as a crash would; it stays away until [`Cluster::resume`].
    pub fn halt(&self) {
        stop(&mut self.server.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// Starts the server again on the same data.
    pub fn resume(&self) {
        *self.server.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = launch(&self.directory, self.durable);
    }

    /// URL of a new empty database.
    pub fn new_database(&self) -> String {
        let name = format!("test_{}", COUNTER.fetch_add(1, Ordering::Relaxed));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let settings = self.url("postgres").parse::<tokio_postgres::Config>().expect("a URL");
            let (client, connection) = settings.connect(tokio_postgres::NoTls).await.expect("the private server");
            let driver = tokio::spawn(connection);
            client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await.expect("a new database");
            drop(client);
            drop(driver.await);
        });
        self.url(&name)
    }

    fn url(&self, database: &str) -> String {
        let socket = self.directory.path().display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{socket}/{database}?sslmode=disable")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        stop(&mut self.server.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

/// A shell holds the server: when its input ends, because this process closed it or died, it stops the server and, when nobody is left
/// to do so, removes the directory.
fn launch(directory: &Directory, durable: bool) -> Child {
    let programs = programs().expect("PostgreSQL");
    let flush = if durable { "on" } else { "off" };
    // A server that is measured has what docs/operate/import.md tells a carrier to set before millions of rows come.
    let sized = if durable {
        "-c shared_buffers=4GB -c max_wal_size=8GB -c wal_init_zero=off -c wal_buffers=128MB -c checkpoint_timeout=15min -c wal_compression=lz4"
    } else {
        ""
    };
    let account = account().join(" ");
    let script = format!(
        "{account} '{programs}/postgres' -D '{dir}/data' -k '{dir}' -c listen_addresses= -c max_connections=200 -c fsync={flush} \
         -c synchronous_commit={flush} -c full_page_writes={flush} -c log_min_messages=fatal {sized} >'{dir}/log' 2>&1 & server=$!; \
         until '{programs}/pg_isready' -q -h '{dir}'; do kill -0 $server || exit 1; sleep 0.05; done; \
         echo ready; read wait; kill -QUIT $(head -n 1 '{dir}/data/postmaster.pid'); wait $server; [ \"$wait\" = keep ] || rm -rf '{dir}'",
        programs = programs.display(),
        dir = directory.path().display(),
    );
    let mut server = Command::new("/bin/sh")
        .args(["-c", &script])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server's shell");
    let mut line = String::new();
    let mut output = BufReader::new(server.stdout.take().expect("its output"));
    output.read_line(&mut line).expect("its first line");
    assert_eq!(line.trim(), "ready", "PostgreSQL did not start: see {}", directory.path().join("log").display());
    server.stdout = Some(output.into_inner());
    server
}

fn stop(server: &mut Child) {
    if let Some(mut input) = server.stdin.take() {
        drop(std::io::Write::write_all(&mut input, b"keep\n"));
    }
    drop(server.wait());
}

/// What goes before a command of the server, which refuses to run as root.
fn account() -> &'static [&'static str] {
    if std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) { &["runuser", "-u", "postgres", "--"] } else { &["env"] }
}
