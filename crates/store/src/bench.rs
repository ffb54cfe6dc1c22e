//! 性能: how the store compares with the same statements written by hand against the drivers, in the same run and on the same disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement that cannot be taken stops")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use chuangsha_kernel::time::Timestamp;
use rusqlite::Connection;
use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::{Config, Migration, Store, StoreError, Tx, outbox, params, testkit::Directory};

/// Callers that write at the same time.
const CLIENTS: usize = 64;
/// Persons the orders are spread over.
const PERSONS: i64 = 20_000;

/// 测量结果: one line of `chuangsha bench store`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Figure {
    /// `store/sqlite` …
    pub bench: &'static str,
    /// What the store does.
    pub value: f64,
    /// `tx/s`
    pub unit: &'static str,
    /// What the hand-written loop does.
    pub baseline: f64,
    /// The one over the other.
    pub ratio: f64,
}

impl Figure {
    fn new(bench: &'static str, value: f64, baseline: f64) -> Self {
        Self { bench, value: value.round(), unit: "tx/s", baseline: baseline.round(), ratio: (value / baseline * 100.0).round() / 100.0 }
    }
}

/// The shape of one step of a registration.
pub const TABLES: Migration = Migration {
    module: "bench",
    version: 1,
    sql: "CREATE TABLE bench_order (id BYTEA NOT NULL PRIMARY KEY, person BIGINT NOT NULL, state TEXT NOT NULL, body BYTEA NOT NULL);
          CREATE TABLE bench_slot (person BIGINT NOT NULL, slot BIGINT NOT NULL, order_id BYTEA NOT NULL, PRIMARY KEY (person, slot));
          CREATE TABLE bench_person (id BIGINT NOT NULL PRIMARY KEY, held BIGINT NOT NULL);
          CREATE TABLE bench_audit (id BYTEA NOT NULL PRIMARY KEY, at BIGINT NOT NULL, body BYTEA NOT NULL);",
};

const SLOTS: &str = "SELECT slot FROM bench_slot WHERE person = $1";
const ORDER: &str = "INSERT INTO bench_order (id, person, state, body) VALUES ($1, $2, 'auditing', $3)";
const SLOT: &str = "INSERT INTO bench_slot (person, slot, order_id) VALUES ($1, $2, $3)";
const PERSON: &str = "UPDATE bench_person SET held = held + 1 WHERE id = $1";
const AUDIT: &str = "INSERT INTO bench_audit (id, at, body) VALUES ($1, $2, $3)";
const OUTBOX: &str =
    "INSERT INTO outbox (id, topic, message_key, case_id, payload, state, due, attempts) VALUES ($1, $2, $3, $4, $5, 'waiting', $6, 0)";

/// One order to write, with everything made beforehand that is not the store's work.
#[derive(Clone)]
struct Order {
    id: Uuid,
    person: i64,
    key: String,
    body: [u8; 300],
    summary: [u8; 64],
}

/// Orders for all clients of one measurement.
struct Orders(AtomicI64);

impl Orders {
    fn next(&self) -> Order {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        // Ids grow with time, as UUIDv7 do, with a scattered tail; persons come in no order.
        let scattered = u64::from_le_bytes(number.wrapping_mul(0x5851_F42D_4C95_7F2D).to_le_bytes());
        let id = Uuid::from_u128((u128::from(number.unsigned_abs()) << 64) | u128::from(scattered));
        let person = i64::from_le_bytes((scattered >> 16).to_le_bytes()) % PERSONS;
        Order { id, person, key: id.to_string(), body: [7; 300], summary: [7; 64] }
    }
}

/// The same work through the store.
fn write_order(tx: &mut Tx<'_>, order: &Order) -> Result<(), StoreError> {
    let taken = tx.query(SLOTS, &params![order.person])?.len() as i64;
    tx.push(ORDER, &params![&order.id, order.person, &order.body])?;
    tx.push(SLOT, &params![order.person, taken + 1, &order.id])?;
    tx.push_one(PERSON, &params![order.person])?;
    tx.push(AUDIT, &params![&order.id, taken, &order.body])?;
    outbox::post(
        tx,
        &outbox::Message {
            id: order.id,
            topic: "network",
            key: &order.key,
            case: order.id,
            payload: order.summary.as_slice(),
            due: Timestamp(0),
        },
    )
}

/// All figures; files go to a directory under `parent`, which should be on the disk the record will be kept on, each measurement takes
/// `seconds`. PostgreSQL is left out where it is not installed.
pub async fn run(parent: &Path, seconds: u64) -> Vec<Figure> {
    let directory = Directory::within(parent);
    let span = Duration::from_secs(seconds);
    let mut figures = sqlite(directory.path(), span).await;
    figures.extend(postgres(parent, span).await);
    figures
}

/// Rounds of each measurement, taken in turn; the best counts, so that a neighbour's burst of work does not decide.
const ROUNDS: u32 = 3;

async fn sqlite(directory: &Path, span: Duration) -> Vec<Figure> {
    let (mut bare, mut ours, mut alone) = (0_f64, 0_f64, 0_f64);
    for round in 0..ROUNDS {
        let file = |name: &str| directory.join(format!("{name}-{round}.db"));
        for (best, name, batch) in [(&mut bare, "baseline", 256), (&mut alone, "naive", 1)] {
            let path = file(name);
            prepared(&path).await.close().await;
            *best = best.max(in_thread(move || bare_loop(&path, span / ROUNDS, batch)).await);
        }
        let store = prepared(&file("store")).await;
        ours = ours.max(through_store(&store, span / ROUNDS).await);
        store.close().await;
    }
    vec![Figure::new("store/sqlite", ours, bare), Figure::new("store/sqlite_naive", ours, alone)]
}

async fn in_thread(work: impl FnOnce() -> f64 + Send + 'static) -> f64 {
    tokio::task::spawn_blocking(work).await.expect("a measurement")
}

async fn prepared(path: &Path) -> Store {
    let store = Store::open(&Config::new(format!("sqlite:{}", path.display()))).await.expect("a store");
    fill(&store).await;
    store
}

/// Tables as a working office has them: every person holds a number already.
async fn fill(store: &Store) {
    store.migrate(&[TABLES]).await.expect("tables");
    let filled = store.write(|tx| {
        (0..PERSONS).try_for_each(|person| {
            tx.push("INSERT INTO bench_person (id, held) VALUES ($1, 1)", &params![person])?;
            let id = Uuid::from_u128(u128::from(person.unsigned_abs()));
            tx.push(SLOT, &params![person, 1_i64, &id])?;
            tx.push(ORDER, &params![&id, person, &[7_u8; 300]])
        })
    });
    filled.await.expect("persons");
    if store.engine() == crate::Engine::Postgres {
        store.write(|tx| tx.batch("ANALYZE")).await.expect("statistics");
    }
}

/// Transactions a second with all clients writing through the store.
async fn through_store(store: &Store, span: Duration) -> f64 {
    let orders = Arc::new(Orders(AtomicI64::new(PERSONS)));
    let started = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (store, orders) = (store.clone(), Arc::clone(&orders));
            tokio::spawn(async move {
                let mut done = 0_u64;
                while started.elapsed() < span {
                    let order = orders.next();
                    store.write(move |tx| write_order(tx, &order)).await.expect("a write");
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for client in clients {
        done += client.await.expect("a client");
    }
    done as f64 / started.elapsed().as_secs_f64()
}

/// The same statements against the driver by hand: a thread a client, one thread that writes up to `batch` orders a commit.
fn bare_loop(path: &Path, span: Duration, batch: usize) -> f64 {
    let mut connection = Connection::open(path).expect("a database");
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;").expect("settings");
    connection.set_prepared_statement_cache_capacity(64);
    let (send, receive) = mpsc::channel::<(Order, mpsc::SyncSender<()>)>();
    let orders = Arc::new(Orders(AtomicI64::new(PERSONS)));
    let done = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (send, orders, done) = (send.clone(), Arc::clone(&orders), Arc::clone(&done));
            thread::spawn(move || {
                let (reply, answer) = mpsc::sync_channel(1);
                while started.elapsed() < span {
                    send.send((orders.next(), reply.clone())).expect("the writer");
                    answer.recv().expect("an answer");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    drop(send);
    while let Ok(first) = receive.recv() {
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).expect("a transaction");
        let mut written = Vec::with_capacity(batch);
        let mut next = Some(first);
        while let Some((order, reply)) = next.take() {
            bare_order(&transaction, &order).expect("an order");
            written.push(reply);
            if written.len() < batch {
                next = receive.try_recv().ok();
            }
        }
        transaction.commit().expect("a commit");
        written.into_iter().for_each(|reply| reply.send(()).expect("a client"));
    }
    clients.into_iter().for_each(|client| client.join().expect("a client"));
    done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64()
}

fn bare_order(transaction: &rusqlite::Transaction<'_>, order: &Order) -> rusqlite::Result<()> {
    let id = order.id.as_bytes().as_slice();
    let mut slots = transaction.prepare_cached(SLOTS)?;
    let mut taken = 0_i64;
    let mut rows = slots.query([order.person])?;
    while rows.next()?.is_some() {
        taken += 1;
    }
    let body = order.body.as_slice();
    transaction.prepare_cached(ORDER)?.execute((id, order.person, body))?;
    transaction.prepare_cached(SLOT)?.execute((order.person, taken + 1, id))?;
    let touched = transaction.prepare_cached(PERSON)?.execute([order.person])?;
    assert_eq!(touched, 1);
    transaction.prepare_cached(AUDIT)?.execute((id, taken, body))?;
    transaction.prepare_cached(OUTBOX)?.execute((id, "network", &order.key, id, order.summary.as_slice(), 0_i64))?;
    Ok(())
}

async fn postgres(parent: &Path, span: Duration) -> Option<Figure> {
    let parent = parent.to_owned();
    let cluster =
        tokio::task::spawn_blocking(move || crate::testkit::Cluster::start_in(&parent, true).map(Arc::new)).await.expect("a cluster")?;
    let database = {
        let cluster = Arc::clone(&cluster);
        move || {
            let cluster = Arc::clone(&cluster);
            async move { tokio::task::spawn_blocking(move || cluster.new_database()).await.expect("a database") }
        }
    };
    let (mut by_hand, mut ours) = (0_f64, 0_f64);
    for _ in 0..ROUNDS {
        let url = database().await;
        let store = Store::open(&Config::new(&url)).await.expect("a store");
        fill(&store).await;
        store.close().await;
        by_hand = by_hand.max(single_statement(&url, span / ROUNDS).await);
        let store = Store::open(&Config::new(database().await)).await.expect("a store");
        fill(&store).await;
        ours = ours.max(through_store(&store, span / ROUNDS).await);
        store.close().await;
    }
    let stopped = tokio::task::spawn_blocking(move || drop(cluster)).await;
    stopped.expect("the cluster stops");
    Some(Figure::new("store/postgres", ours, by_hand))
}

/// The whole order as one statement and one round trip, a connection a client.
async fn single_statement(url: &str, span: Duration) -> f64 {
    const WHOLE: &str = "WITH taken AS (SELECT COUNT(*) AS held FROM bench_slot WHERE person = $2),
        entered AS (INSERT INTO bench_order (id, person, state, body) VALUES ($1, $2, 'auditing', $3)),
        reserved AS (INSERT INTO bench_slot (person, slot, order_id) SELECT $2, held + 1, $1 FROM taken),
        counted AS (UPDATE bench_person SET held = held + 1 WHERE id = $2),
        noted AS (INSERT INTO bench_audit (id, at, body) SELECT $1, held, $3 FROM taken)
        INSERT INTO outbox (id, topic, message_key, case_id, payload, state, due, attempts) VALUES ($1, $4, $5, $1, $6, 'waiting', 0, 0)";
    let orders = Arc::new(Orders(AtomicI64::new(PERSONS)));
    let ready = Arc::new(tokio::sync::Barrier::new(CLIENTS));
    let span_of = Arc::new(AtomicU64::new(1));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (url, orders, ready, span_of) = (url.to_owned(), Arc::clone(&orders), Arc::clone(&ready), Arc::clone(&span_of));
            tokio::spawn(async move {
                let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("a connection");
                let driver = tokio::spawn(connection);
                let statement = client.prepare(WHOLE).await.expect("the statement");
                ready.wait().await;
                let started = Instant::now();
                let mut done = 0_u64;
                while started.elapsed() < span {
                    let order = orders.next();
                    let id = order.id.as_bytes().as_slice();
                    let body = order.body.as_slice();
                    let written =
                        client.execute(&statement, &[&id, &order.person, &body, &"network", &order.key, &order.summary.as_slice()]).await;
                    match written {
                        Ok(_) => done += 1,
                        // Two clients met on one person: by hand this one would be given again.
                        Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
                let ran = started.elapsed();
                span_of.fetch_max(ran.as_micros() as u64, Ordering::Relaxed);
                drop(client);
                drop(driver.await);
                done
            })
        })
        .collect();
    let mut done = 0;
    for client in clients {
        done += client.await.expect("a client");
    }
    done as f64 / Duration::from_micros(span_of.load(Ordering::Relaxed)).as_secs_f64()
}
