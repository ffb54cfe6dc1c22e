//! One suite, run on every engine: what a caller may rely on does not depend on where the record is kept.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use chuangsha_kernel::time::Timestamp;
use chuangsha_store::{Migration, Result, SchemaError, Store, StoreError, TxError, lease, outbox, params, testkit};
use uuid::Uuid;

const CASES: Migration = Migration {
    module: "test",
    version: 1,
    sql: "CREATE TABLE subject (id BYTEA NOT NULL PRIMARY KEY, name TEXT) WITHOUT ROWID;
          CREATE TABLE number_case (
              id BIGINT NOT NULL PRIMARY KEY,
              subject BYTEA REFERENCES subject (id),
              state TEXT NOT NULL CHECK (state IN ('open', 'shut')),
              slot BIGINT,
              body BYTEA,
              UNIQUE (subject, slot)
          );",
};

async fn migrated() -> Vec<testkit::TestStore> {
    let engines = testkit::engines().await;
    for engine in &engines {
        engine.store.migrate(&[CASES]).await.expect(engine.name);
    }
    engines
}

async fn count(store: &Store, table: &'static str) -> i64 {
    store.read(move |tx| tx.query_one(&format!("SELECT COUNT(*) FROM {table}"), &[])?.int(0)).await.unwrap()
}

async fn open_case(store: &Store, id: i64) -> Result<()> {
    store.write(move |tx| tx.execute("INSERT INTO number_case (id, state) VALUES ($1, 'open')", &params![id]).map(drop)).await
}

#[derive(Debug, PartialEq)]
enum Refused {
    Store(StoreError),
    Full,
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl TxError for Refused {
    fn store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Full => None,
        }
    }
}

#[tokio::test]
async fn values_come_back_as_they_went_in() {
    for engine in migrated().await {
        let id = Uuid::from_u128(7);
        let long = "㼆𠮷鿃".repeat(3_000);
        let name = long.clone();
        engine
            .store
            .write(move |tx| {
                tx.execute("INSERT INTO subject (id, name) VALUES ($1, $2)", &params![&id, &name])?;
                let body: Vec<u8> = (0..=255).collect();
                // The placeholders appear out of order, one of them twice.
                tx.execute(
                    "INSERT INTO number_case (slot, id, subject, state, body) VALUES ($3, $1, $2, $5, $4) ON CONFLICT (id) DO UPDATE SET slot = $3",
                    &params![i64::MAX, &id, i64::MIN, &body, "open"],
                )
            })
            .await
            .expect(engine.name);
        let (row, missing) = engine
            .store
            .read(move |tx| {
                let row = tx.query_one(
                    "SELECT c.id, c.subject, s.name, c.body, c.slot, c.slot IS NULL, COUNT(*) OVER () FROM number_case c JOIN subject s ON s.id = c.subject",
                    &[],
                )?;
                let missing = tx.query_opt("SELECT id FROM subject WHERE id = $1", &params![&Uuid::nil()])?;
                Ok::<_, StoreError>((row, missing))
            })
            .await
            .expect(engine.name);
        assert_eq!(row.int(0).unwrap(), i64::MAX);
        assert_eq!(row.uuid(1).unwrap(), id);
        assert_eq!(row.text(2).unwrap(), long);
        assert_eq!(row.bytes(3).unwrap(), (0..=255).collect::<Vec<u8>>());
        assert_eq!(row.opt_int(4).unwrap(), Some(i64::MIN));
        assert!(!row.flag(5).unwrap());
        assert_eq!(row.int(6).unwrap(), 1);
        assert!(missing.is_none());
    }
}

#[tokio::test]
async fn nulls_bind_and_come_back() {
    for engine in migrated().await {
        for (id, slot, subject) in [(1, None, None), (2, Some(5_i64), None), (3, None, Some(Uuid::nil()))] {
            engine
                .store
                .write(move |tx| {
                    if let Some(subject) = &subject {
                        tx.push("INSERT INTO subject (id, name) VALUES ($1, $2)", &params![subject, None::<&str>])?;
                    }
                    tx.execute(
                        "INSERT INTO number_case (id, state, slot, subject) VALUES ($1, 'open', $2, $3)",
                        &params![id, slot, subject.as_ref()],
                    )
                })
                .await
                .expect(engine.name);
        }
        let rows =
            engine.store.read(|tx| tx.query("SELECT slot, subject, SUM(id) OVER () FROM number_case ORDER BY id", &[])).await.unwrap();
        assert_eq!(rows.iter().map(|r| r.opt_int(0).unwrap()).collect::<Vec<_>>(), [None, Some(5), None]);
        assert_eq!(rows.iter().map(|r| r.opt_uuid(1).unwrap()).collect::<Vec<_>>(), [None, None, Some(Uuid::nil())]);
        assert_eq!(rows[0].int(2).unwrap(), 6, "a sum is a whole number on {}", engine.name);
        assert!(matches!(rows[0].int(0), Err(StoreError::Shape(_))));
    }
}

#[tokio::test]
async fn many_rows_at_once_are_the_same_as_one_by_one_or_none_at_all() {
    for engine in migrated().await {
        let store = &engine.store;
        let loaded = store.write(|tx| {
            tx.push("INSERT INTO subject (id, name) VALUES ($1, 'first')", &params![&[0xff_u8]])?;
            let bodies: Vec<Vec<u8>> = (0..3_000_u16).map(|number| number.to_be_bytes().to_vec()).collect();
            let rows: Vec<_> =
                bodies.iter().enumerate().map(|(at, body)| params![at as i64, None::<&[u8]>, "open", None::<i64>, body]).collect();
            tx.bulk("number_case", "id, subject, state, slot, body", rows)?;
            tx.bulk("number_case", "id, state", Vec::<[chuangsha_store::Param<'_>; 2]>::new())?;
            // What was written a moment ago is seen, and a single statement goes on behind it.
            assert_eq!(tx.query_one("SELECT COUNT(*) FROM number_case WHERE body IS NOT NULL AND slot IS NULL", &[])?.int(0)?, 3_000);
            tx.push("INSERT INTO number_case (id, state) VALUES (3000, 'shut')", &[])
        });
        loaded.await.expect(engine.name);
        assert_eq!(count(store, "number_case").await, 3_001, "{}", engine.name);
        let twice = store.write(|tx| tx.bulk("number_case", "id, state", [params![4_000, "open"], params![7, "open"]]));
        assert!(matches!(twice.await, Err(StoreError::Duplicate { .. })), "{}", engine.name);
        let forbidden = store.write(|tx| tx.bulk("number_case", "id, state", [params![4_000, "open"], params![4_001, "ajar"]]));
        assert!(matches!(forbidden.await, Err(StoreError::Check { .. })), "{}", engine.name);
        let zero = store.write(|tx| tx.bulk("number_case", "id, state", [params![4_000, "op\0en"]]));
        assert_eq!(zero.await, Err(StoreError::Character), "{}", engine.name);
        let ragged = store.write(|tx| tx.bulk("number_case", "id, state", [params![4_000, "open", 4_001]]));
        assert!(matches!(ragged.await, Err(StoreError::Statement(_))), "{}", engine.name);
        assert_eq!(count(store, "number_case").await, 3_001, "{}: nothing of what failed stays", engine.name);
    }
}

#[tokio::test]
async fn a_refusal_undoes_only_its_own_work() {
    for engine in migrated().await {
        let refused: Result<(), Refused> = engine
            .store
            .write(|tx| {
                tx.execute("INSERT INTO number_case (id, state) VALUES (1, 'open')", &[])?;
                tx.push("INSERT INTO number_case (id, state) VALUES (2, 'open')", &[])?;
                Err(Refused::Full)
            })
            .await;
        assert_eq!(refused, Err(Refused::Full));
        assert_eq!(count(&engine.store, "number_case").await, 0, "{}", engine.name);
    }
}

#[tokio::test]
async fn many_writers_at_once_lose_nothing_and_spoil_nothing() {
    for engine in migrated().await {
        let clients: Vec<_> = (0..64_i64)
            .map(|client| {
                let store = engine.store.clone();
                tokio::spawn(async move {
                    for turn in 0..10 {
                        let id = client * 100 + turn;
                        let outcome: Result<(), Refused> = store
                            .write(move |tx| {
                                tx.push("INSERT INTO number_case (id, state) VALUES ($1, 'open')", &params![id])?;
                                if turn % 3 == 0 { Err(Refused::Full) } else { Ok(()) }
                            })
                            .await;
                        assert_eq!(outcome.is_err(), turn % 3 == 0);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        assert_eq!(count(&engine.store, "number_case").await, 64 * 6, "{}", engine.name);
    }
}

#[tokio::test]
async fn faults_are_told_apart() {
    for engine in migrated().await {
        let name = engine.name;
        open_case(&engine.store, 1).await.unwrap();
        let twice = open_case(&engine.store, 1).await;
        assert_eq!(twice, Err(StoreError::Duplicate { table: "number_case".into(), columns: "id".into() }), "{name}");
        let pushed = engine.store.write(|tx| tx.push("INSERT INTO number_case (id, state) VALUES (1, 'open')", &[])).await;
        assert_eq!(pushed, Err(StoreError::Duplicate { table: "number_case".into(), columns: "id".into() }), "{name}");
        let orphan: Result<u64> = engine
            .store
            .write(|tx| tx.execute("INSERT INTO number_case (id, state, subject) VALUES (2, 'open', $1)", &params![&Uuid::nil()]))
            .await;
        assert!(matches!(orphan, Err(StoreError::ForeignKey { .. })), "{name}: {orphan:?}");
        let wrong: Result<u64> = engine.store.write(|tx| tx.execute("INSERT INTO number_case (id, state) VALUES (2, 'ajar')", &[])).await;
        assert!(matches!(wrong, Err(StoreError::Check { .. })), "{name}: {wrong:?}");
        let null: Result<u64> = engine.store.write(|tx| tx.execute("INSERT INTO number_case (id, state) VALUES (2, NULL)", &[])).await;
        assert!(matches!(null, Err(StoreError::Check { .. })), "{name}: {null:?}");
        let broken: Result<u64> = engine.store.write(|tx| tx.execute("INSERT INTO nowhere VALUES (1)", &[])).await;
        assert!(matches!(broken, Err(StoreError::Statement(_))), "{name}: {broken:?}");
        let written: Result<u64> = engine.store.read(|tx| tx.execute("INSERT INTO number_case (id, state) VALUES (9, 'open')", &[])).await;
        assert_eq!(written, Err(StoreError::ReadOnly), "{name}");
        let missing: Result<()> =
            engine.store.write(|tx| tx.execute("INSERT INTO number_case (id, state) VALUES ($1, $2)", &params![9_i64]).map(drop)).await;
        assert!(matches!(missing, Err(StoreError::Statement(_))), "{name}: {missing:?}");
        let many: Result<()> = engine.store.read(|tx| tx.query_one("SELECT 1 UNION ALL SELECT 2", &[]).map(drop)).await;
        assert!(matches!(many, Err(StoreError::Shape(_))), "{name}: {many:?}");
        assert_eq!(count(&engine.store, "number_case").await, 1, "{name}");
    }
}

#[tokio::test]
async fn a_swallowed_fault_does_not_commit() {
    for engine in migrated().await {
        let swallowed: Result<()> = engine
            .store
            .write(|tx| {
                tx.execute("INSERT INTO number_case (id, state) VALUES (1, 'open')", &[])?;
                drop(tx.execute("INSERT INTO number_case (id, state) VALUES (1, 'open')", &[]));
                drop(tx.execute("INSERT INTO number_case (id, state) VALUES (2, 'open')", &[]));
                Ok(())
            })
            .await;
        assert!(matches!(swallowed, Err(StoreError::Duplicate { .. })), "{}: {swallowed:?}", engine.name);
        assert_eq!(count(&engine.store, "number_case").await, 0, "{}", engine.name);
    }
}

#[tokio::test]
async fn a_guard_that_does_not_hold_undoes_everything() {
    for engine in migrated().await {
        open_case(&engine.store, 1).await.unwrap();
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let stale: Result<()> = engine
            .store
            .write(move |tx| {
                counted.fetch_add(1, Ordering::Relaxed);
                tx.push("INSERT INTO number_case (id, state) VALUES (2, 'open')", &[])?;
                tx.push_one("UPDATE number_case SET state = 'shut' WHERE id = $1 AND state = 'shut'", &params![1_i64])?;
                tx.push("INSERT INTO number_case (id, state) VALUES (3, 'open')", &[])
            })
            .await;
        assert_eq!(stale, Err(StoreError::Contended), "{}", engine.name);
        assert_eq!(count(&engine.store, "number_case").await, 1, "{}", engine.name);
        let too_many: Result<()> = engine
            .store
            .write(|tx| {
                tx.push("INSERT INTO number_case (id, state) VALUES (2, 'open')", &[])?;
                tx.push_one("UPDATE number_case SET state = 'shut'", &[])
            })
            .await;
        assert_eq!(too_many, Err(StoreError::Contended), "{}", engine.name);
        let held: Result<()> =
            engine.store.write(|tx| tx.push_one("UPDATE number_case SET state = 'shut' WHERE id = 1 AND state = 'open'", &[])).await;
        assert_eq!(held, Ok(()), "{}", engine.name);
    }
}

#[tokio::test]
async fn a_panic_is_rolled_back_and_reported() {
    for engine in migrated().await {
        let stopped: Result<()> = engine
            .store
            .write(|tx| {
                tx.execute("INSERT INTO number_case (id, state) VALUES (1, 'open')", &[])?;
                panic!("a fault of the program, on purpose")
            })
            .await;
        assert_eq!(stopped, Err(StoreError::Panicked), "{}", engine.name);
        open_case(&engine.store, 2).await.expect("the writer lives on");
        assert_eq!(count(&engine.store, "number_case").await, 1, "{}", engine.name);
    }
}

#[tokio::test]
async fn a_read_sees_one_snapshot() {
    for engine in migrated().await {
        open_case(&engine.store, 1).await.unwrap();
        let (looked, wait) = std::sync::mpsc::channel::<()>();
        let (go_on, resume) = std::sync::mpsc::channel::<()>();
        let reader = engine.store.clone();
        let counts = tokio::spawn(async move {
            reader
                .read(move |tx| {
                    let before = tx.query_one("SELECT COUNT(*) FROM number_case", &[])?.int(0)?;
                    looked.send(()).unwrap();
                    resume.recv().unwrap();
                    let after = tx.query_one("SELECT COUNT(*) FROM number_case", &[])?.int(0)?;
                    Ok::<_, StoreError>((before, after))
                })
                .await
        });
        tokio::task::spawn_blocking(move || wait.recv().unwrap()).await.unwrap();
        open_case(&engine.store, 2).await.unwrap();
        go_on.send(()).unwrap();
        assert_eq!(counts.await.unwrap().unwrap(), (1, 1), "{}", engine.name);
        assert_eq!(count(&engine.store, "number_case").await, 2, "{}", engine.name);
    }
}

#[tokio::test]
async fn racing_for_the_last_slot_has_one_winner() {
    for engine in migrated().await {
        let subject = Uuid::from_u128(1);
        engine.store.write(move |tx| tx.push("INSERT INTO subject (id) VALUES ($1)", &params![&subject])).await.unwrap();
        let racers: Vec<_> = (0..64_i64)
            .map(|racer| {
                let store = engine.store.clone();
                tokio::spawn(async move {
                    store
                        .write(move |tx| {
                            let rows = tx.query("SELECT slot FROM number_case WHERE subject = $1", &params![&subject])?;
                            let taken = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>>>()?;
                            let free = (1..=5_i64).find(|slot| !taken.contains(slot)).ok_or(Refused::Full)?;
                            tx.push(
                                "INSERT INTO number_case (id, subject, state, slot) VALUES ($1, $2, 'open', $3)",
                                &params![racer, &subject, free],
                            )?;
                            Ok::<_, Refused>(())
                        })
                        .await
                })
            })
            .collect();
        let mut winners = 0;
        for racer in racers {
            match racer.await.unwrap() {
                Ok(()) => winners += 1,
                Err(refused) => assert_eq!(refused, Refused::Full, "{}", engine.name),
            }
        }
        assert_eq!(winners, 5, "{}", engine.name);
    }
}

#[tokio::test]
async fn migrations_are_applied_once_and_guarded() {
    const NEXT: Migration = Migration { module: "test", version: 2, sql: "ALTER TABLE subject ADD COLUMN region TEXT" };
    for engine in testkit::engines().await {
        let store = &engine.store;
        let pending = store.pending_migrations(&[CASES]).await.unwrap();
        assert!(pending.contains(&CASES));
        let (one, two) = tokio::join!(store.migrate(&[CASES]), store.migrate(&[CASES]));
        assert_eq!((one, two), (Ok(()), Ok(())), "two starters at once on {}", engine.name);
        assert_eq!(store.pending_migrations(&[CASES]).await.unwrap(), []);
        assert_eq!(store.pending_migrations(&[CASES, NEXT]).await.unwrap(), [NEXT]);
        store.migrate(&[CASES, NEXT]).await.unwrap();

        let changed = Migration { sql: "CREATE TABLE other (id BIGINT)", ..CASES };
        let refused = store.migrate(&[changed, NEXT]).await;
        assert_eq!(refused, Err(StoreError::Schema(SchemaError::Changed { module: "test".into(), version: 1 })));
        let refused = store.migrate(&[CASES]).await;
        assert_eq!(refused, Err(StoreError::Schema(SchemaError::Newer { module: "test".into(), version: 2 })));
        let late = Migration { module: "test", version: 0, sql: "CREATE TABLE late (id BIGINT)" };
        let refused = store.migrate(&[late, CASES, NEXT]).await;
        assert_eq!(refused, Err(StoreError::Schema(SchemaError::OutOfOrder { module: "test".into(), version: 0 })));
    }
}

#[tokio::test]
async fn a_broken_migration_leaves_nothing() {
    const BROKEN: Migration = Migration {
        module: "test",
        version: 2,
        sql: "CREATE TABLE half (id BIGINT); INSERT INTO half VALUES (1); SELECT nonsense FROM nowhere;",
    };
    for engine in migrated().await {
        let broken = engine.store.migrate(&[CASES, BROKEN]).await;
        assert!(matches!(broken, Err(StoreError::Statement(_))), "{}: {broken:?}", engine.name);
        let half: Result<u64> = engine.store.read(|tx| tx.execute("SELECT * FROM half", &[])).await;
        assert!(matches!(half, Err(StoreError::Statement(_))), "{}: {half:?}", engine.name);
        assert_eq!(engine.store.pending_migrations(&[CASES]).await.unwrap(), []);
    }
}

fn message(number: u128, key: &str, due: i64) -> outbox::Message<'_> {
    outbox::Message {
        id: Uuid::from_u128(number),
        topic: "network",
        key,
        case: Uuid::from_u128(900),
        payload: b"activate",
        due: Timestamp(due),
    }
}

async fn post(store: &Store, number: u128, key: &'static str, due: i64) -> Result<()> {
    store.write(move |tx| outbox::post(tx, &message(number, key, due))).await
}

#[tokio::test]
async fn a_message_is_delivered_once_it_is_due_and_its_key_stays_taken() {
    for engine in migrated().await {
        let store = &engine.store;
        post(store, 1, "a", 100).await.unwrap();
        post(store, 2, "b", 50).await.unwrap();
        let twice = post(store, 3, "a", 100).await;
        assert_eq!(twice, Err(StoreError::Duplicate { table: "outbox".into(), columns: "topic, message_key".into() }), "{}", engine.name);
        assert_eq!(store.write(|tx| outbox::post_once(tx, &message(4, "a", 1))).await, Ok(false));

        assert_eq!(outbox::lease(store, "network", "w1", Timestamp(49), 1_000, 10).await.unwrap(), []);
        let first = outbox::lease(store, "network", "w1", Timestamp(50), 1_000, 10).await.unwrap();
        assert_eq!(first.iter().map(|m| m.key.as_str()).collect::<Vec<_>>(), ["b"]);
        assert_eq!((first[0].attempts, first[0].payload.as_slice(), first[0].until), (1, b"activate".as_slice(), Timestamp(1_050)));
        let second = outbox::lease(store, "network", "w2", Timestamp(200), 1_000, 10).await.unwrap();
        assert_eq!(second.iter().map(|m| m.key.as_str()).collect::<Vec<_>>(), ["a"], "a leased message is nobody else's");
        assert_eq!(outbox::lease(store, "sms", "w2", Timestamp(200), 1_000, 10).await.unwrap(), []);

        assert_eq!(outbox::done(store, first[0].id, "w2", Timestamp(201)).await, Ok(false), "not the holder");
        assert_eq!(outbox::done(store, first[0].id, "w1", Timestamp(201)).await, Ok(true));
        assert_eq!(outbox::done(store, first[0].id, "w1", Timestamp(202)).await, Ok(false), "once");
        assert_eq!(outbox::lease(store, "network", "w1", Timestamp(i64::MAX / 2), 1, 10).await.unwrap().len(), 1, "only the other one");
        assert_eq!(outbox::purge(store, Timestamp(201), 10).await, Ok(0));
        assert_eq!(outbox::purge(store, Timestamp(202), 10).await, Ok(1));
    }
}

#[tokio::test]
async fn a_dead_workers_message_is_taken_up_again() {
    for engine in migrated().await {
        let store = &engine.store;
        post(store, 1, "a", 0).await.unwrap();
        let held = outbox::lease(store, "network", "w1", Timestamp(0), 1_000, 10).await.unwrap();
        assert_eq!(outbox::lease(store, "network", "w2", Timestamp(999), 1_000, 10).await.unwrap(), []);
        let again = outbox::lease(store, "network", "w2", Timestamp(1_000), 1_000, 10).await.unwrap();
        assert_eq!(again[0].attempts, 2);
        assert_eq!(outbox::done(store, held[0].id, "w1", Timestamp(1_001)).await, Ok(false), "the first worker comes back too late");
        assert_eq!(outbox::done(store, held[0].id, "w2", Timestamp(1_001)).await, Ok(true));
    }
}

#[tokio::test]
async fn retries_wait_and_dead_letters_are_revived_by_people() {
    for engine in migrated().await {
        let store = &engine.store;
        post(store, 1, "a", 0).await.unwrap();
        let id = Uuid::from_u128(1);
        outbox::lease(store, "network", "w", Timestamp(0), 1_000, 1).await.unwrap();
        let long = "忙".repeat(10_000);
        assert_eq!(outbox::retry(store, id, "w", Timestamp(500), &long).await, Ok(true));
        assert_eq!(outbox::lease(store, "network", "w", Timestamp(499), 1_000, 1).await.unwrap(), []);
        assert_eq!(outbox::lease(store, "network", "w", Timestamp(500), 1_000, 1).await.unwrap().len(), 1);
        assert_eq!(outbox::bury(store, id, "w", Timestamp(600), &long).await, Ok(true));
        assert_eq!(outbox::lease(store, "network", "w", Timestamp(9_999), 1_000, 1).await.unwrap(), []);

        let dead = store.read(|tx| outbox::list_dead(tx, "network", None, 10)).await.unwrap();
        assert_eq!((dead[0].attempts, dead[0].error.chars().count(), dead[0].buried_at), (2, 500, Timestamp(600)), "{}", engine.name);
        assert_eq!(store.read(move |tx| outbox::list_dead(tx, "network", Some(id), 10)).await.unwrap(), []);
        assert_eq!(store.read(|tx| outbox::depth(tx, "network")).await.unwrap(), outbox::Depth { waiting: 0, dead: 1, oldest_due: None });
        assert_eq!(store.write(move |tx| outbox::revive(tx, id, Timestamp(700))).await, Ok(true));
        assert_eq!(store.write(move |tx| outbox::revive(tx, id, Timestamp(700))).await, Ok(false));
        assert_eq!(outbox::lease(store, "network", "w", Timestamp(700), 1_000, 1).await.unwrap()[0].attempts, 1);
    }
}

#[tokio::test]
async fn many_workers_never_hold_the_same_message() {
    for engine in migrated().await {
        let store = &engine.store;
        store
            .write(|tx| {
                (0..100_u128).try_for_each(|number| {
                    let key = number.to_string();
                    outbox::post(tx, &message(number + 1, &key, 0))
                })
            })
            .await
            .unwrap();
        let workers: Vec<_> = (0..8)
            .map(|worker| {
                let store = store.clone();
                tokio::spawn(async move {
                    let name = format!("w{worker}");
                    let mut held = Vec::new();
                    loop {
                        match outbox::lease(&store, "network", &name, Timestamp(1), 1_000_000, 7).await {
                            Ok(messages) if messages.is_empty() => return held,
                            Ok(messages) => held.extend(messages.into_iter().map(|m| m.id)),
                            Err(error) => assert_eq!(error, StoreError::Contended),
                        }
                    }
                })
            })
            .collect();
        let mut held = Vec::new();
        for worker in workers {
            held.extend(worker.await.unwrap());
        }
        held.sort();
        assert_eq!(held, (1..=100_u128).map(Uuid::from_u128).collect::<Vec<_>>(), "{}", engine.name);
    }
}

#[tokio::test]
async fn a_job_lease_has_one_holder() {
    for engine in migrated().await {
        let store = &engine.store;
        assert_eq!(lease::acquire(store, "figures", "a", Timestamp(0), 100).await, Ok(true));
        assert_eq!(lease::acquire(store, "figures", "b", Timestamp(99), 100).await, Ok(false));
        assert_eq!(lease::renew(store, "figures", "a", Timestamp(99), 100).await, Ok(true));
        assert_eq!(lease::acquire(store, "figures", "b", Timestamp(199), 100).await, Ok(true), "ended: the next one takes it");
        assert_eq!(lease::renew(store, "figures", "a", Timestamp(199), 100).await, Ok(false));
        assert_eq!(lease::release(store, "figures", "a").await, Ok(false));
        assert_eq!(lease::release(store, "figures", "b").await, Ok(true));
        assert_eq!(lease::acquire(store, "figures", "a", Timestamp(200), 100).await, Ok(true), "{}", engine.name);
    }
}

#[tokio::test]
async fn a_shut_store_says_so() {
    for engine in migrated().await {
        engine.store.close().await;
        assert_eq!(open_case(&engine.store, 1).await, Err(StoreError::Closed));
    }
}
