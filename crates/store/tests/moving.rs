//! Moving a record between engines, backing it up, restoring it and checking it: nothing is lost, and nothing half-done is left.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    sync::{Arc, Mutex},
};

use chuangsha_kernel::time::Timestamp;
use chuangsha_store::{Check, Migration, Store, StoreError, backup, copy, outbox, params, testkit};
use uuid::Uuid;

const SCHEMA: Migration = Migration {
    module: "test",
    version: 1,
    sql: "CREATE TABLE a_case (id BIGINT NOT NULL PRIMARY KEY, holder BYTEA REFERENCES z_holder (id), follows BIGINT REFERENCES a_case (id), note TEXT);
          CREATE TABLE z_seed (id BIGINT NOT NULL PRIMARY KEY);
          INSERT INTO z_seed (id) VALUES (1);",
};
const HOLDER: Migration =
    Migration { module: "base", version: 1, sql: "CREATE TABLE z_holder (id BYTEA NOT NULL PRIMARY KEY, name TEXT) WITHOUT ROWID;" };
const MORE: Migration = Migration { module: "test", version: 2, sql: "ALTER TABLE a_case ADD COLUMN added BYTEA" };
const ALL: &[Migration] = &[HOLDER, SCHEMA, MORE];

async fn filled(store: &Store) {
    store.migrate(ALL).await.unwrap();
    store
        .write(|tx| {
            for number in 0..2_345_i64 {
                let holder = Uuid::from_u128(number.unsigned_abs().into());
                tx.push("INSERT INTO z_holder (id, name) VALUES ($1, $2)", &params![&holder, (number % 3 > 0).then_some("㼆𠮷")])?;
                let follows = (number > 0).then_some(number - 1);
                let added = [number.to_le_bytes()[0]; 40];
                tx.push(
                    "INSERT INTO a_case (id, holder, follows, added) VALUES ($1, $2, $3, $4)",
                    &params![number, &holder, follows, &added],
                )?;
            }
            tx.push("UPDATE a_case SET note = $1 WHERE id = 7", &params!["a\tb\\N\n\"'"])?;
            let message = outbox::Message {
                id: Uuid::from_u128(1),
                topic: "sms",
                key: "k",
                case: Uuid::nil(),
                payload: &[0, 255, 10],
                due: Timestamp(i64::MIN),
            };
            outbox::post(tx, &message)
        })
        .await
        .unwrap();
}

/// Every engine as source and as target.
async fn pairs() -> Vec<(testkit::TestStore, testkit::TestStore)> {
    let mut pairs = Vec::new();
    for from in 0..testkit::engines().await.len() {
        for to in 0..testkit::engines().await.len() {
            pairs.push((testkit::engines().await.remove(from), testkit::engines().await.remove(to)));
        }
    }
    pairs
}

#[tokio::test]
async fn a_copy_holds_the_same_rows_and_goes_on_working() {
    for (from, to) in pairs().await {
        filled(&from.store).await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let sums = copy(&from.store, &to.store, false, move |progress| noted.lock().unwrap().push(progress)).await.unwrap();
        let rows = |table: &str| sums.iter().find(|sum| sum.table == table).map(|sum| sum.rows);
        assert_eq!(
            (rows("a_case"), rows("z_holder"), rows("z_seed"), rows("outbox"), rows("job_lease")),
            (Some(2_345), Some(2_345), Some(1), Some(1), Some(0))
        );
        assert!(
            seen.lock().unwrap().iter().any(|progress| progress.table == "a_case" && progress.rows == 2_345 && progress.total == 2_345)
        );

        // There and back again is the same, and the target is a working store of this schema.
        assert_eq!(to.store.pending_migrations(ALL).await.unwrap(), []);
        let back = testkit::sqlite().await;
        assert_eq!(copy(&to.store, &back.store, false, |_| ()).await.unwrap(), sums, "{} to {}", from.name, to.name);
        to.store.write(|tx| tx.push_one("UPDATE a_case SET note = 'on' WHERE id = 0", &[])).await.unwrap();
        let leased = outbox::lease(&to.store, "sms", "w", Timestamp(0), 1, 1).await.unwrap();
        assert_eq!(leased[0].payload, [0, 255, 10]);
    }
}

#[tokio::test]
async fn a_target_that_is_not_empty_is_refused_unless_it_is_to_be_replaced() {
    for (from, to) in pairs().await {
        filled(&from.store).await;
        to.store.migrate(ALL).await.unwrap();
        to.store.write(|tx| tx.push("INSERT INTO a_case (id, note) VALUES (99999, 'mine')", &[])).await.unwrap();
        let refused = copy(&from.store, &to.store, false, |_| ()).await;
        assert!(matches!(&refused, Err(StoreError::Copy(why)) if why.contains("not empty")), "{refused:?}");
        let kept = to.store.read(|tx| tx.query_one("SELECT COUNT(*) FROM a_case", &[])?.int(0)).await;
        assert_eq!(kept, Ok(1));
        copy(&from.store, &to.store, true, |_| ()).await.unwrap();
        let replaced = to.store.read(|tx| tx.query_one("SELECT COUNT(*), SUM(id) FROM a_case", &[])).await.unwrap();
        assert_eq!((replaced.int(0), replaced.int(1)), (Ok(2_345), Ok(2_344 * 2_345 / 2)));
    }
}

#[tokio::test]
async fn another_schema_or_no_schema_is_refused() {
    for (from, to) in pairs().await {
        let empty = copy(&from.store, &to.store, false, |_| ()).await;
        assert!(matches!(&empty, Err(StoreError::Copy(why)) if why.contains("no schema")), "{empty:?}");
        filled(&from.store).await;
        to.store.migrate(&[HOLDER, SCHEMA]).await.unwrap();
        let older = copy(&from.store, &to.store, true, |_| ()).await;
        assert!(matches!(&older, Err(StoreError::Copy(why)) if why.contains("schema version")), "{older:?}");
    }
}

#[tokio::test]
async fn a_copy_cut_off_leaves_nothing_and_starts_again() {
    for (from, to) in pairs().await {
        filled(&from.store).await;
        let cut = copy(&from.store, &to.store, false, |progress| assert!(progress.rows < 1_000, "cut off, on purpose")).await;
        assert_eq!(cut, Err(StoreError::Panicked));
        let left = to.store.pending_migrations(ALL).await.unwrap();
        assert!(left.contains(&HOLDER), "no table is left behind on {}", to.name);
        copy(&from.store, &to.store, false, |_| ()).await.unwrap();
    }
}

#[tokio::test]
async fn a_backup_is_verified_and_restores_anywhere() {
    for (from, to) in pairs().await {
        filled(&from.store).await;
        let directory = testkit::Directory::new();
        let file = directory.path().join("night.db");
        let writers: Vec<_> = (0..4_i64)
            .map(|writer| {
                let store = from.store.clone();
                tokio::spawn(async move {
                    for turn in 0..20 {
                        let id = 10_000 + writer * 100 + turn;
                        store.write(move |tx| tx.push("INSERT INTO a_case (id) VALUES ($1)", &params![id])).await.unwrap();
                    }
                })
            })
            .collect();
        let manifest = from.store.backup(&file, Timestamp(5), |_| ()).await.unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(backup::verify(&file).await.as_ref(), Ok(&manifest), "{}", from.name);
        let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "the file and its manifest, nothing else: {left:?}");
        let again = from.store.backup(&file, Timestamp(6), |_| ()).await;
        assert!(matches!(again, Err(StoreError::Copy(_))), "an existing backup is not overwritten");

        assert_eq!(backup::restore(&file, &to.store, false, |_| ()).await.unwrap(), manifest);
        let refused = backup::restore(&file, &to.store, false, |_| ()).await;
        assert!(matches!(&refused, Err(StoreError::Copy(why)) if why.contains("not empty")), "{refused:?}");
        let findings = to.store.verify(ALL, &[]).await.unwrap();
        assert!(findings.iter().all(|finding| finding.offending == 0), "{findings:?}");
    }
}

#[tokio::test]
async fn a_damaged_backup_is_not_restored() {
    let from = testkit::sqlite().await;
    filled(&from.store).await;
    let directory = testkit::Directory::new();
    let file = directory.path().join("night.db");
    from.store.backup(&file, Timestamp(5), |_| ()).await.unwrap();
    let length = fs::metadata(&file).unwrap().len();
    for position in [0, length / 3, length / 2, length - 1] {
        let whole = fs::read(&file).unwrap();
        let mut damaged = fs::OpenOptions::new().write(true).open(&file).unwrap();
        damaged.seek(SeekFrom::Start(position)).unwrap();
        damaged.write_all(&[whole[position as usize] ^ 1]).unwrap();
        drop(damaged);
        let to = testkit::sqlite().await;
        let refused = backup::restore(&file, &to.store, false, |_| ()).await;
        assert!(matches!(&refused, Err(StoreError::Copy(why)) if why.contains("SHA-256")), "byte {position}: {refused:?}");
        assert!(to.store.pending_migrations(ALL).await.unwrap().contains(&HOLDER), "nothing was written");
        fs::write(&file, whole).unwrap();
    }
    fs::write(&file, &fs::read(&file).unwrap()[..length as usize / 2]).unwrap();
    assert!(backup::verify(&file).await.is_err(), "half a file");
}

#[tokio::test]
async fn verification_finds_what_is_wrong() {
    const CHECKS: &[Check] = &[Check { name: "test.no_note", sql: "SELECT COUNT(*) FROM a_case WHERE note = 'wrong'" }];
    for engine in testkit::engines().await {
        filled(&engine.store).await;
        let bad = |findings: Vec<chuangsha_store::Finding>| {
            findings.into_iter().filter(|f| f.offending > 0).map(|f| (f.check, f.offending)).collect::<Vec<_>>()
        };
        assert_eq!(bad(engine.store.verify(ALL, CHECKS).await.unwrap()), []);
        engine
            .store
            .write(|tx| {
                tx.push("UPDATE a_case SET note = 'wrong' WHERE id < 3", &[])?;
                tx.push("UPDATE outbox SET settled_at = 5", &[])?;
                tx.push("DROP TABLE z_seed", &[])
            })
            .await
            .unwrap();
        let found = bad(engine.store.verify(ALL, CHECKS).await.unwrap());
        assert_eq!(found, [("schema.z_seed".into(), 1), ("outbox.settled".into(), 1), ("test.no_note".into(), 3)], "{}", engine.name);
        let unknown = engine.store.verify(&[HOLDER, SCHEMA], &[]).await;
        assert!(matches!(unknown, Err(StoreError::Schema(_))), "{unknown:?}");
    }
    let sqlite = testkit::sqlite().await;
    filled(&sqlite.store).await;
    sqlite
        .store
        .write(|tx| {
            tx.push("UPDATE a_case SET note = x'00ff' WHERE id = 1", &[])?;
            tx.push("UPDATE a_case SET holder = 'text' WHERE id = 2", &[])
        })
        .await
        .expect_err("the foreign key holds");
    sqlite.store.write(|tx| tx.push("UPDATE a_case SET note = x'00ff' WHERE id = 1", &[])).await.unwrap();
    let findings = sqlite.store.verify(ALL, &[]).await.unwrap();
    assert!(findings.iter().any(|f| f.check == "types.a_case" && f.offending == 1), "{findings:?}");
}
