//! Kill, fill and restart: what was acknowledged is there, what failed is not, and nothing is there by half.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::Arc,
};

use chuangsha_kernel::{id::Ids, time::Timestamp};
use chuangsha_store::{Config, Migration, Store, StoreError, outbox, params, testkit};
use uuid::Uuid;

const PAIRS: Migration = Migration {
    module: "test",
    version: 1,
    sql: "CREATE TABLE left_half (id BIGINT NOT NULL PRIMARY KEY, body BYTEA NOT NULL);
          CREATE TABLE right_half (id BIGINT NOT NULL PRIMARY KEY REFERENCES left_half (id));",
};
const URL: &str = "CHUANGSHA_TEST_URL";
const FIRST: &str = "CHUANGSHA_TEST_FIRST";
const KILLS: i64 = 60;
const CLIENTS: i64 = 16;

async fn write_pair(store: &Store, id: i64) -> Result<(), StoreError> {
    store
        .write(move |tx| {
            tx.query("SELECT id FROM left_half WHERE id = $1", &params![id])?;
            tx.push("INSERT INTO left_half (id, body) VALUES ($1, $2)", &params![id, &[7_u8; 900]])?;
            let message = outbox::Message {
                id: Uuid::from_u128(id.unsigned_abs().into()),
                topic: "network",
                key: &id.to_string(),
                case: Uuid::nil(),
                payload: b"",
                due: Timestamp(0),
            };
            outbox::post(tx, &message)?;
            tx.push("INSERT INTO right_half (id) VALUES ($1)", &params![id])
        })
        .await
}

/// Every id present in all three tables; panics when one is there by half.
async fn whole_ids(store: &Store) -> BTreeSet<i64> {
    let (left, right, posted) = store
        .read(|tx| {
            let mut ids = |sql| tx.query(sql, &[])?.iter().map(|row| row.int(0)).collect::<Result<BTreeSet<_>, StoreError>>();
            let left = ids("SELECT id FROM left_half")?;
            let right = ids("SELECT id FROM right_half")?;
            let posted = tx.query("SELECT message_key FROM outbox", &[])?;
            let posted = posted.iter().map(|row| Ok(row.str(0)?.parse().unwrap())).collect::<Result<BTreeSet<i64>, StoreError>>()?;
            Ok::<_, StoreError>((left, right, posted))
        })
        .await
        .unwrap();
    assert_eq!(left, right);
    assert_eq!(left, posted);
    left
}

/// Not a test: what the killed process does. It says each id after the store acknowledged it.
#[tokio::test]
#[ignore = "the child process of the kill test"]
async fn child_that_is_killed() {
    let (Ok(url), Ok(first)) = (std::env::var(URL), std::env::var(FIRST)) else { return };
    let first: i64 = first.parse().unwrap();
    let store = Store::open(&Config { writers: 8, readers: 1, ..Config::new(url) }).await.unwrap();
    store.migrate(&[PAIRS]).await.unwrap();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let store = store.clone();
            tokio::spawn(async move {
                for turn in 0..1_000 {
                    let id = first + turn * CLIENTS + client;
                    write_pair(&store, id).await.unwrap();
                    let mut output = std::io::stdout().lock();
                    writeln!(output, "ack {id}").and_then(|()| output.flush()).unwrap();
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
}

/// Starts the child, listens to its acknowledgements, kills it after some of them; the ids it had acknowledged.
fn run_and_kill(url: &str, first: i64, patience: usize) -> Vec<i64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
        .env(URL, url)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let id = |line: &String| line.rsplit_once("ack ").and_then(|(_, id)| id.parse().ok());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged: Vec<i64> =
        if patience == 0 { Vec::new() } else { lines.by_ref().filter_map(|line| id(&line)).take(patience).collect() };
    child.kill().unwrap();
    child.wait().unwrap();
    // What was said before the kill but not read yet was acknowledged too. The last line may be torn: then it ends without its newline.
    let mut rest = String::new();
    for line in lines {
        rest = line;
        acknowledged.extend(id(&rest));
    }
    if !rest.is_empty() {
        acknowledged.pop();
    }
    acknowledged
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_acknowledged() {
    let dice = Ids::seeded(20_261_122);
    let cluster = tokio::task::spawn_blocking(|| testkit::Cluster::start(true).map(Arc::new)).await.unwrap();
    let directory = testkit::Directory::new();
    let mut urls = vec![format!("sqlite:{}", directory.path().join("killed.db").display())];
    if let Some(cluster) = cluster.clone() {
        urls.push(tokio::task::spawn_blocking(move || cluster.new_database()).await.unwrap());
    }
    for url in urls {
        let mut acknowledged = BTreeSet::new();
        for kill in 0..KILLS {
            let mut random = [0; 1];
            dice.fill(&mut random);
            // Some are killed before they say anything: while opening, migrating, recovering.
            let patience = if kill % 6 == 0 { 0 } else { usize::from(random[0]) };
            let (child_url, first) = (url.clone(), kill * 1_000_000);
            let acks = tokio::task::spawn_blocking(move || run_and_kill(&child_url, first, patience)).await.unwrap();
            acknowledged.extend(acks);
            let store = Store::open(&Config { writers: 1, readers: 1, ..Config::new(&url) }).await.unwrap();
            store.migrate(&[PAIRS]).await.unwrap();
            let present = whole_ids(&store).await;
            let lost: Vec<_> = acknowledged.difference(&present).collect();
            assert!(lost.is_empty(), "kill {kill}: {lost:?}");
            store.close().await;
        }
        assert!(acknowledged.len() > 1_000, "the children did write: {}", acknowledged.len());
        let store = Store::open(&Config::new(&url)).await.unwrap();
        let findings = store.verify(&[PAIRS], &[]).await.unwrap();
        assert!(findings.iter().all(|finding| finding.offending == 0), "{findings:?}");
        store.close().await;
    }
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_clearly_and_recovers() {
    let engine = testkit::sqlite().await;
    let store = &engine.store;
    store.migrate(&[PAIRS]).await.unwrap();
    let pages = store.read(|tx| tx.query_one("PRAGMA page_count", &[])?.int(0)).await.unwrap();
    let limit = |pages: i64| store.write(move |tx| tx.query(&format!("PRAGMA max_page_count = {pages}"), &[]).map(drop));
    limit(pages + 60).await.unwrap();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut written = BTreeSet::new();
                for turn in 0..100 {
                    let id = turn * CLIENTS + client;
                    match write_pair(&store, id).await {
                        Ok(()) => drop(written.insert(id)),
                        Err(error) => {
                            assert_eq!(error, StoreError::Full);
                            return (written, true);
                        }
                    }
                }
                (written, false)
            })
        })
        .collect();
    let mut written = BTreeSet::new();
    for client in clients {
        let (ids, refused) = client.await.unwrap();
        assert!(refused, "the disk was never full");
        written.extend(ids);
    }
    assert!(!written.is_empty());
    assert_eq!(whole_ids(store).await, written, "what was acknowledged, and nothing else");
    // A page left half empty may still take one or two: the disk is full when it says so again.
    let mut id = 1_000_000;
    while write_pair(store, id).await.is_ok() {
        written.insert(id);
        id += 1;
        assert!(id < 1_001_000, "the disk is not full any more");
    }
    assert_eq!(write_pair(store, id).await, Err(StoreError::Full), "still full");
    limit(1_000_000).await.unwrap();
    write_pair(store, id).await.expect("space is back");
    written.insert(id);
    assert_eq!(whole_ids(store).await, written);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_server_is_found_again_and_nothing_is_lost() {
    let Some(cluster) = tokio::task::spawn_blocking(|| testkit::Cluster::start(true).map(Arc::new)).await.unwrap() else { return };
    let database = {
        let cluster = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || cluster.new_database()).await.unwrap()
    };
    let store = Store::open(&Config { writers: 8, readers: 2, connect_timeout_ms: 30_000, ..Config::new(database) }).await.unwrap();
    store.migrate(&[PAIRS]).await.unwrap();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let acknowledged = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (store, stop, acknowledged) = (store.clone(), Arc::clone(&stop), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let (mut written, mut failed, mut unknown) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
                for turn in 0.. {
                    if stop.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                    let id = turn * CLIENTS + client;
                    match write_pair(&store, id).await {
                        Ok(()) => {
                            acknowledged.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                            written.insert(id)
                        }
                        Err(StoreError::Unavailable(_)) => failed.insert(id),
                        Err(StoreError::Unknown) => unknown.insert(id),
                        Err(other) => panic!("{other:?}"),
                    };
                }
                (written, failed, unknown)
            })
        })
        .collect();
    for round in 1..=5 {
        // However slow the machine is: each crash comes in the middle of work that was going on.
        while acknowledged.load(std::sync::atomic::Ordering::Relaxed) < 25 * round {
            tokio::task::yield_now().await;
        }
        let cluster = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || cluster.crash_and_restart()).await.unwrap();
    }
    write_pair(&store, 900_000_000).await.expect("the store has found the server again");
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let (mut written, mut failed, mut unknown) = (BTreeSet::from([900_000_000]), BTreeSet::new(), BTreeSet::new());
    for client in clients {
        let (w, f, u) = client.await.unwrap();
        written.extend(w);
        failed.extend(f);
        unknown.extend(u);
    }
    let present = whole_ids(&store).await;
    assert!(written.is_subset(&present), "acknowledged and lost: {:?}", written.difference(&present).collect::<Vec<_>>());
    assert!(failed.is_disjoint(&present), "refused and there: {:?}", failed.intersection(&present).collect::<Vec<_>>());
    let unaccounted: Vec<_> = present.iter().filter(|id| !written.contains(id) && !unknown.contains(id)).collect();
    assert!(unaccounted.is_empty(), "{unaccounted:?}");
    assert!(written.len() > 100, "{}", written.len());
    store.close().await;
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
