//! Evidence: the stored log, its export and its proofs; keys that rotate and are destroyed; the record moved, backed up and brought back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use chuangsha_app::{
    App, MIGRATIONS,
    platform::{
        audit::{By, Entry, check, export, http::prove, integrate::Integrator, query},
        failure::Failure,
        keys::destroy::Certificate,
    },
    registration::{
        audit_desk,
        desk::{self, Capture},
        ending,
        order::{Defect, Order, RejectReason, State},
        replay, table, view,
    },
    start,
};
use chuangsha_kernel::{
    id::SubjectId,
    role::Role,
    rulebook::ChannelKind,
    time::{DAY_MS, Timestamp},
};
use chuangsha_store::{Engine, Store, backup, copy, params, testkit};
use chuangsha_vault::{Domain, Month, Place, log_export, merkle::leaf_hash, proof::LogProof};
use chuangsha_world::kit::{self, Kit, refused as code};
use chuangsha_world::story;
use uuid::Uuid;

async fn fresh(like: &Store) -> testkit::TestStore {
    match like.engine() {
        Engine::Sqlite => testkit::sqlite().await,
        Engine::Postgres => testkit::postgres().await.unwrap(),
    }
}

async fn activated(kit: &Kit, number: Uuid, person: u16) -> Order {
    let outlet = kit.outlet(&format!("S-{person:04}"), ChannelKind::SocialOutlet).await;
    let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
    let order = kit.submitted(&clerk, number, person).await;
    let claimed = audit_desk::claim(&kit.app, &auditor, order.id).await.unwrap();
    audit_desk::approve(&kit.app, &auditor, order.id, claimed.version).await.unwrap();
    kit.work().await;
    let order = kit.order(order.id).await;
    assert_eq!(order.state, State::Activated);
    order
}

async fn export_of(app: &App) -> Result<Vec<u8>, Failure> {
    let origin = app.config.origin();
    export::export(&app.store, &app.vault, &origin, Vec::new(), app.clock.now(), |_, _| {}).await.map(|(bytes, _)| bytes)
}

fn verified(
    app: &App,
    export: &[u8],
    seen: &[chuangsha_vault::checkpoint::Checkpoint],
) -> Result<log_export::Verified, log_export::Broken> {
    let keys = app.vault.verifier_keys(&app.config.origin()).unwrap();
    log_export::verify(export, &keys, seen, &mut |_, _| {}).unwrap()
}

async fn findings(app: &App) -> Vec<String> {
    let found = check::verify(&app.store, &app.vault, &app.config.origin(), |_| {}).await.unwrap();
    found.into_iter().filter(|finding| finding.offending > 0).map(|finding| finding.check).collect()
}

async fn integrated(app: &App) {
    while start::integrate(app).await.unwrap() > 0 {}
}

story!(the_stored_log_is_exported_proven_and_gone_on_with, kit => {
    let numbers = kit.numbers(1, 2).await;
    activated(&kit, numbers[0], 1).await;
    integrated(&kit.app).await;
    let first = verified(&kit.app, &export_of(&kit.app).await.unwrap(), &[]).unwrap();
    assert!(first.size > 8 && first.checkpoints >= 1, "{first:?}");
    assert_eq!(findings(&kit.app).await, Vec::<String>::new());
    // After a restart the log is gone on with, and what was exported before is found again.
    let again = kit.app_on(kit.app.store.clone()).await;
    activated(&kit, numbers[1], 2).await;
    integrated(&again).await;
    let seen = chuangsha_vault::checkpoint::Checkpoint { origin: again.config.origin(), size: first.size, root: first.root };
    let second = verified(&again, &export_of(&again).await.unwrap(), &[seen]).unwrap();
    assert!(second.size > first.size && second.witnessed == 1);
    // The first process, which still remembers the old end, resumes instead of writing a second branch.
    integrated(&kit.app).await;
    assert_eq!(findings(&kit.app).await, Vec::<String>::new());
    // Any entry is proven with the public key alone.
    let id = kit.app.read(|tx| Ok(tx.query_one("SELECT id FROM audit_entry WHERE seq = 3", &[])?.uuid(0)?)).await.unwrap();
    let proven = prove(&kit.app, id).await.unwrap();
    let keys = kit.app.vault.verifier_keys(&kit.app.config.origin()).unwrap();
    LogProof::parse(&proven.proof).unwrap().verify(proven.entry.as_bytes(), &keys).unwrap();
    assert!(LogProof::parse(&proven.proof).unwrap().verify(proven.entry.replace("order", "0rder").as_bytes(), &keys).is_err());
});

story!(an_entry_is_proven_from_a_few_hashes_of_each_level, kit => {
    let app = kit.app.clone();
    kit.app
        .write(move |tx| {
            for _ in 0..1_000 {
                let entry = Entry { action: "test.entry", case_kind: "test", facts: "{}", ..Entry::default() };
                app.audit(tx, By::System("test"), &entry, kit::start())?;
            }
            Ok(())
        })
        .await
        .unwrap();
    integrated(&kit.app).await;
    let size = Integrator::resume(&kit.app).await.unwrap().size();
    let keys = kit.app.vault.verifier_keys(&kit.app.config.origin()).unwrap();
    let all_proven = async || {
        for seq in [0, 255, 256, 511, 767, 768, i64::try_from(size).unwrap() - 1] {
            let sql = "SELECT id FROM audit_entry WHERE seq = $1";
            let id = kit.app.read(move |tx| Ok(tx.query_one(sql, &chuangsha_store::params![seq])?.uuid(0)?)).await.unwrap();
            let proven = prove(&kit.app, id).await.unwrap();
            LogProof::parse(&proven.proof).unwrap().verify(proven.entry.as_bytes(), &keys).unwrap();
        }
    };
    all_proven().await;
    // A log of before the nodes were kept gets them when it is gone on with.
    kit.app.write(|tx| Ok(tx.push("DELETE FROM audit_node", &[])?)).await.unwrap();
    assert_eq!(findings(&kit.app).await, ["audit.nodes"]);
    Integrator::resume(&kit.app).await.unwrap();
    assert_eq!(findings(&kit.app).await, Vec::<String>::new());
    all_proven().await;
    kit.app.write(|tx| Ok(tx.push("UPDATE audit_node SET hash = (SELECT hash FROM audit_node WHERE place = 1) WHERE place = 0", &[])?)).await.unwrap();
    assert_eq!(findings(&kit.app).await, ["audit.nodes"]);
});

/// Which of the three looks finds it: export and verify, going on, store verify.
async fn found(app: &App) -> (bool, bool, bool) {
    let exported = match export_of(app).await {
        Ok(export) => verified(app, &export, &[]).is_err(),
        Err(_) => true,
    };
    (exported, Integrator::resume(app).await.is_err(), !findings(app).await.is_empty())
}

story!(every_tampering_of_the_stored_log_is_found, kit => {
    let numbers = kit.numbers(1, 1).await;
    activated(&kit, numbers[0], 1).await;
    integrated(&kit.app).await;
    let before = verified(&kit.app, &export_of(&kit.app).await.unwrap(), &[]).unwrap();
    kit.staff("P0001", Role::PrivacyOfficer).await;
    let entry = Entry { action: "test.entry", case_kind: "test", facts: "{}", ..Entry::default() };
    let writer = kit.app.clone();
    kit.app.write(move |tx| writer.audit(tx, By::System("test"), &entry, kit::start()).map(drop)).await.unwrap();
    integrated(&kit.app).await;
    assert_eq!(found(&kit.app).await, (false, false, false), "an honest log");
    let leaf = kit.app.read(|tx| Ok(tx.query_one("SELECT leaf FROM audit_entry WHERE seq = 2", &[])?.bytes(0)?)).await.unwrap();
    let mut flipped = leaf.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let hash = leaf_hash(&flipped);
    let swap = "UPDATE audit_entry SET seq = -1 WHERE seq = 1; UPDATE audit_entry SET seq = 1 WHERE seq = 2; UPDATE audit_entry SET seq = 2 WHERE seq = -1;";
    let size = i64::try_from(before.size).unwrap();
    let forge = "INSERT INTO audit_entry (id, seq, at, action, case_kind, leaf, leaf_hash, sealed, facts) SELECT $1, MAX(seq) + 1, 0, 'x', 'x', $2, $3, $2, '{}' FROM audit_entry";
    #[allow(clippy::type_complexity, reason = "one row a tampering: name, deed, who must find it")]
    let tamperings: Vec<(&str, Box<dyn Fn(&mut chuangsha_store::Tx) -> Result<(), Failure> + Send + Sync>, (bool, bool, bool))> = vec![
        ("a byte of a leaf flipped", Box::new({ let flipped = flipped.clone(); move |tx| Ok(tx.push("UPDATE audit_entry SET leaf = $1 WHERE seq = 2", &params![&flipped])?) }), (true, false, true)),
        ("a leaf changed with its hash", Box::new({ let flipped = flipped.clone(); move |tx| Ok(tx.push("UPDATE audit_entry SET leaf = $1, leaf_hash = $2 WHERE seq = 2", &params![&flipped, hash.as_slice()])?) }), (true, false, true)),
        ("an entry deleted", Box::new(|tx| Ok(tx.push("DELETE FROM audit_entry WHERE seq = 2", &[])?)), (true, false, true)),
        ("an entry deleted and the rest moved up", Box::new(|tx| {
            tx.push("DELETE FROM audit_entry WHERE seq = 2", &[])?;
            tx.push("UPDATE audit_entry SET seq = -seq WHERE seq > 2", &[])?;
            Ok(tx.push("UPDATE audit_entry SET seq = -seq - 1 WHERE seq < 0", &[])?)
        }), (true, true, true)),
        ("two entries swapped", Box::new(move |tx| Ok(tx.batch(swap)?)), (true, false, true)),
        ("the tail cut off", Box::new(move |tx| Ok(tx.push("DELETE FROM audit_entry WHERE seq >= $1", &params![size])?)), (true, true, true)),
        ("a forged entry appended", Box::new({ let flipped = flipped.clone(); move |tx| Ok(tx.push(forge, &params![&Uuid::from_u128(9), &flipped, hash.as_slice()])?) }), (false, true, true)),
        ("facts changed beside the leaf", Box::new(|tx| Ok(tx.push("UPDATE audit_entry SET facts = '{\"limit\":9}' WHERE action = 'order.approve'", &[])?)), (false, false, true)),
        ("another case named beside the leaf", Box::new(|tx| Ok(tx.push("UPDATE audit_entry SET case_id = $1 WHERE seq = 2", &params![&Uuid::from_u128(9)])?)), (false, false, true)),
        ("a checkpoint of one's own", Box::new(|tx| Ok(tx.push("UPDATE audit_checkpoint SET note = REPLACE(note, 'audit', 'other')", &[])?)), (true, true, true)),
        ("another frontier", Box::new(|tx| Ok(tx.push("UPDATE audit_checkpoint SET peaks = root", &[])?)), (false, true, true)),
    ];
    for (what, tamper, expected) in tamperings {
        let target = fresh(&kit.app.store).await;
        copy(&kit.app.store, &target.store, true, |_| {}).await.unwrap();
        let app = kit.app_on(target.store.clone()).await;
        app.write(move |tx| tamper(tx)).await.unwrap();
        assert_eq!(found(&app).await, expected, "{what}");
    }
    // Tail and checkpoints cut off together: the log is whole in itself, and only a witness knows better.
    let target = fresh(&kit.app.store).await;
    copy(&kit.app.store, &target.store, true, |_| {}).await.unwrap();
    let app = kit.app_on(target.store.clone()).await;
    app.write(move |tx| {
        tx.push("DELETE FROM audit_entry WHERE seq >= $1", &params![size])?;
        Ok(tx.push("DELETE FROM audit_checkpoint WHERE size > $1", &params![size])?)
    })
    .await
    .unwrap();
    assert_eq!(found(&app).await, (false, false, false));
    let note = kit.app.read(|tx| Ok(tx.query_one("SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1", &[])?.text(0)?)).await.unwrap();
    let witness = chuangsha_vault::checkpoint::Checkpoint::parse(&note).unwrap().0;
    let told = verified(&app, &export_of(&app).await.unwrap(), &[witness]).unwrap_err();
    assert!(matches!(told.fault, log_export::Fault::Truncated { .. }), "{told}");
});

const PLACE: Place = Place::new("test", "value");

story!(a_rotation_killed_half_way_is_finished_by_the_next, kit => {
    let subjects: Vec<Uuid> = (0..30_u128).map(|n| Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + n)).collect();
    let (app, all) = (kit.app.clone(), subjects.clone());
    let sealed: Vec<Vec<u8>> = kit.app.write(move |tx| all.iter().map(|id| Ok(app.key_of(tx, *id, Domain::Calls)?.seal(PLACE, id.as_bytes())?)).collect()).await.unwrap();
    let app = kit.app.clone();
    let killed = tokio::spawn(async move { app.rotate_domain(Domain::Calls, 7, true, |moved, _| assert!(moved < 14, "killed here")).await }).await;
    assert!(killed.is_err());
    let calls = |census: Vec<chuangsha_app::platform::keys::rotate::Census>| -> Vec<(i64, i64)> {
        census.into_iter().filter(|line| line.domain == Domain::Calls).map(|line| (line.version, line.keys)).collect()
    };
    assert_eq!(calls(kit.app.key_census().await.unwrap()), [(1, 16), (2, 14)]);
    assert_eq!(kit.app.vault.domain_versions(Domain::Calls).unwrap(), [2, 1], "the old version is needed still");
    // Beside a running server everything is moved, and the old version stays.
    let beside = kit.app.rotate_domain(Domain::Calls, 7, false, |_, _| {}).await.unwrap();
    assert!(beside.resumed && beside.moved == 16 && beside.kept == [1] && beside.destroyed.is_empty(), "{beside:?}");
    let last = kit.app.rotate_domain(Domain::Calls, 7, true, |_, _| {}).await.unwrap();
    assert!(last.resumed && last.moved == 0 && last.destroyed == [1], "{last:?}");
    assert_eq!(calls(kit.app.key_census().await.unwrap()), [(2, 30)]);
    let app = kit.app.clone();
    kit.app.read(move |tx| {
        for (id, sealed) in subjects.iter().zip(&sealed) {
            let key = app.key_if_any(tx, *id, Domain::Calls)?.expect("its key");
            assert_eq!(key.open(PLACE, sealed)?.as_slice(), id.as_bytes());
        }
        Ok(())
    })
    .await
    .unwrap();
});

async fn holder_opens(app: &App, subject: SubjectId) -> bool {
    let reader = app.clone();
    app.read(move |tx| Ok(reader.key_if_any(tx, subject.0, Domain::Identity)?.is_some())).await.unwrap()
}

story!(an_ended_service_is_destroyed_with_its_month_in_every_copy, kit => {
    let numbers = kit.numbers(1, 3).await;
    let order = activated(&kit, numbers[0], 1).await;
    let other = activated(&kit, numbers[1], 2).await;
    let subject = order.subject.unwrap();
    let bucket = Month::parse("2028-11").unwrap();
    let (one, two) = ("P0001".to_owned(), "P0002".to_owned());
    kit.staff("P0001", Role::PrivacyOfficer).await;
    kit.staff("P0002", Role::InternalAuditor).await;
    kit.staff("N0001", Role::NetworkOperator).await;
    // The clock starts with the end of the last service, not before.
    let living = kit.app.clone();
    assert_eq!(code(kit.app.write(move |tx| living.end_service(tx, By::System("test"), subject, kit::start())).await), "registration.service_lives");
    let ended = ending::end(&kit.app, "test", order.id, kit::start(), "合同到期".to_owned()).await.unwrap();
    assert_eq!((ended.bucket, ended.keys), (Some(bucket), 2));
    assert_eq!(code(ending::end(&kit.app, "test", order.id, kit::start(), String::new()).await), "registration.not_in_service");
    assert_eq!(kit.broken().await, Vec::<&str>::new());
    let auditor = kit.auditor();
    let name = |view: view::OrderView| view.parties.into_iter().next().unwrap().name;
    assert_eq!(name(view::find(&kit.app, &auditor, order.id).await.unwrap()), "测**", "kept and readable until its month");
    let destroy = |pair: [&str; 2]| {
        let (app, pair) = (kit.app.clone(), pair.map(str::to_owned));
        async move { app.destroy_bucket(bucket, pair, |_, _| {}).await }
    };
    kit.clock.set(Timestamp::start_of(jiff::civil::date(2028, 11, 30)));
    assert_eq!(code(destroy(["P0001", "P0002"]).await), "vault.bucket_not_due");
    kit.clock.set(Timestamp::start_of(jiff::civil::date(2028, 12, 1)));
    for pair in [["P0001", "P0001"], ["P0001", "N0001"], ["P0001", "NOBODY"]] {
        assert_eq!(code(destroy(pair).await), "vault.two_approvers", "{pair:?}");
    }
    let contents = kit.app.bucket_contents(bucket).await.unwrap();
    assert_eq!((contents.subjects, contents.keys, contents.images, contents.destroyed_at), (1, 2, 4, None));
    let folder = testkit::Directory::new();
    let file = folder.path().join("before.db");
    kit.app.store.backup(&file, kit.app.clock.now(), |_| {}).await.unwrap();
    // Killed among the pictures, the next call goes on.
    let app = kit.app.clone();
    let pair = [one.clone(), two.clone()];
    assert!(tokio::spawn(async move { app.destroy_bucket(bucket, pair, |gone, _| assert!(gone < 2, "killed here")).await }).await.is_err());
    let certificate = destroy(["P0001", "P0002"]).await.unwrap();
    assert_eq!((certificate.images, certificate.opened, certificate.tried, certificate.commitments.len()), (4, 0, 32, 1));
    let keys = kit.app.vault.verifier_keys(&kit.app.config.origin()).unwrap();
    let statement = certificate.verify(&keys).unwrap();
    assert_eq!((statement.bucket, statement.keys), (bucket, 2));
    let text = serde_json::to_string(&certificate).unwrap();
    for (from, to) in [("\"opened\":0", "\"opened\":1"), ("keys 2", "keys 1"), ("P0002", "P0001"), ("vault.destroy", "vault.rotate")] {
        let forged: Certificate = serde_json::from_str(&text.replace(from, to)).unwrap();
        assert!(forged.verify(&keys).is_err(), "{from} -> {to}");
    }
    // Masked views say so instead of failing; nobody else is touched; indexes by which the person could be found are gone.
    let view = view::find(&kit.app, &auditor, order.id).await.unwrap();
    assert_eq!(view.parties[0].document_number, "***");
    assert_eq!((name(view), view::find(&kit.app, &auditor, order.id).await.unwrap().images.len()), ("***".to_owned(), 0));
    assert_eq!(name(view::find(&kit.app, &auditor, other.id).await.unwrap()), "测**");
    assert!(!holder_opens(&kit.app, subject).await && holder_opens(&kit.app, other.subject.unwrap()).await);
    let left = kit.app.read(move |tx| Ok(tx.query_one("SELECT COUNT(*) FROM person WHERE subject = $1", &params![subject.as_bytes()])?.int(0)?)).await.unwrap();
    assert_eq!(left, 0);
    assert_eq!(code(destroy(["P0001", "P0002"]).await), "vault.bucket_destroyed");
    assert_eq!((findings(&kit.app).await, kit.broken().await), (Vec::new(), Vec::new()));
    // A backup of before holds noise as well.
    let target = fresh(&kit.app.store).await;
    backup::restore(&file, &target.store, true, |_| {}).await.unwrap();
    let restored = kit.app_on(target.store.clone()).await;
    assert_eq!(name(view::find(&restored, &auditor, order.id).await.unwrap()), "***");
    assert!(!holder_opens(&restored, subject).await && holder_opens(&restored, other.subject.unwrap()).await);
});

story!(a_person_who_comes_back_leaves_the_bucket, kit => {
    let numbers = kit.numbers(1, 2).await;
    let order = activated(&kit, numbers[0], 1).await;
    ending::end(&kit.app, "test", order.id, kit::start(), String::new()).await.unwrap();
    let buckets = || async {
        let census = kit.app.key_census().await.unwrap();
        census.into_iter().filter(|line| !line.bucket.is_empty()).map(|line| line.keys).sum::<i64>()
    };
    assert_eq!(buckets().await, 2);
    let outlet = kit.outlet("S-0002", ChannelKind::SocialOutlet).await;
    kit.reserved(&kit.clerk(outlet), numbers[1], 1).await.unwrap();
    assert_eq!(buckets().await, 0, "identity and pictures are both in service again");
});

/// One order in each state an order can be in, on one outlet.
async fn every_state(kit: &Kit) -> Vec<Order> {
    let numbers = kit.numbers(100, 14).await;
    let outlet = kit.outlet("S-9000", ChannelKind::SocialOutlet).await;
    let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
    let app = &kit.app;
    let mut ids = vec![kit.reserved(&clerk, numbers[0], 10).await.unwrap()];
    let captured = kit.reserved(&clerk, numbers[1], 11).await.unwrap();
    kit.pictures(&clerk, captured).await;
    let capture = Capture { version: 2, original_seen: true, warning_read: true, face_declined: false, agreement_clause: false };
    desk::capture(app, &clerk, captured, capture).await.unwrap();
    ids.push(captured);
    let mut claimed = Vec::new();
    for (person, number) in (12..).zip(&numbers[2..9]) {
        claimed.push(kit.submitted(&clerk, *number, person).await);
    }
    ids.extend(claimed.iter().map(|order| order.id));
    let claim = |order: &Order| {
        let (app, auditor, id) = (app.clone(), auditor.clone(), order.id);
        async move { audit_desk::claim(&app, &auditor, id).await.unwrap() }
    };
    // [0] stays submitted, [1] auditing.
    claim(&claimed[1]).await;
    let order = claim(&claimed[2]).await;
    audit_desk::send_back(app, &auditor, order.id, order.version, vec![Defect::DocumentBlurred], String::new()).await.unwrap();
    let order = claim(&claimed[3]).await;
    audit_desk::escalate(app, &auditor, order.id, order.version, "疑点".to_owned()).await.unwrap();
    let order = claim(&claimed[4]).await;
    audit_desk::reject(app, &auditor, order.id, order.version, RejectReason::NotTheHolder, String::new()).await.unwrap();
    let order = claim(&claimed[5]).await;
    audit_desk::approve(app, &auditor, order.id, order.version).await.unwrap();
    kit.work().await;
    // The last one stays on its way to the network.
    let order = claim(&claimed[6]).await;
    audit_desk::approve(app, &auditor, order.id, order.version).await.unwrap();
    let cancelled = kit.reserved(&clerk, numbers[9], 30).await.unwrap();
    desk::cancel(app, &clerk, cancelled, 2, "客户放弃".to_owned()).await.unwrap();
    ids.push(cancelled);
    let mut orders = Vec::new();
    for id in ids {
        orders.push(kit.order(id).await);
    }
    orders
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_moves_between_engines_and_works_there() {
    let Some(postgres) = testkit::postgres().await else { return };
    let (first, back, third) = (testkit::sqlite().await, testkit::sqlite().await, testkit::sqlite().await);
    let kit = Kit::new(first.store.clone()).await;
    let orders = every_state(&kit).await;
    let states: std::collections::BTreeSet<State> = orders.iter().map(|order| order.state).collect();
    assert_eq!(states.len(), 10, "{states:?}");
    integrated(&kit.app).await;
    let over = copy(&first.store, &postgres.store, true, |_| {}).await.unwrap();
    let home = copy(&postgres.store, &back.store, true, |_| {}).await.unwrap();
    assert_eq!(over, home, "rows and digests of every table");
    let folder = testkit::Directory::new();
    let file = folder.path().join("backup.db");
    let manifest = postgres.store.backup(&file, kit::start(), |_| {}).await.unwrap();
    assert_eq!(backup::verify(&file).await.unwrap(), manifest);
    assert_eq!(backup::restore(&file, &third.store, true, |_| {}).await.unwrap().tables, over);
    let checks: Vec<chuangsha_store::Check> = table::CHECKS.iter().map(|(name, sql)| chuangsha_store::Check { name, sql }).collect();
    for store in [&postgres.store, &back.store, &third.store] {
        let found = store.verify(MIGRATIONS, &checks).await.unwrap();
        assert!(found.iter().all(|finding| finding.offending == 0), "{found:?}");
        let app = kit.app_on(store.clone()).await;
        assert_eq!(findings(&app).await, Vec::<String>::new());
        for order in &orders {
            let id = order.id;
            assert_eq!(&app.read(move |tx| table::find(tx, id)).await.unwrap(), order);
            // Whoever holds the lease has no account in this story.
            if order.lease.is_none() {
                let view = view::find(&app, &kit.auditor(), id).await.unwrap();
                assert_eq!(view.parties[0].name, "测**", "opened with the same keys");
            }
            let reader = app.clone();
            let entries = app.read(move |tx| query::of_case(&reader, tx, id.0)).await.unwrap();
            let again = replay::replay(&app.rules, order, &entries);
            assert!(!again.is_empty() && again.iter().all(|one| one.outcome == replay::Outcome::Equal && one.same_pack), "{again:?}");
        }
        // The next step of an order is taken on the copy, and the log goes on there.
        let waiting = orders.iter().find(|order| order.state == State::Submitted).unwrap();
        let auditor = kit.auditor();
        let claimed = audit_desk::claim(&app, &auditor, waiting.id).await.unwrap();
        assert_eq!(audit_desk::approve(&app, &auditor, waiting.id, claimed.version).await.unwrap().state, State::Activating);
        integrated(&app).await;
        verified(&app, &export_of(&app).await.unwrap(), &[]).unwrap();
    }
}

story!(a_receipt_after_a_restart_finds_its_message, kit => {
    use chuangsha_app::platform::notify::{Receipt, ReceiptState, record};
    let app = &kit.app;
    let receipt = |id: &str, key: Option<&str>, state| Receipt { id: id.to_owned(), key: key.map(str::to_owned), state };
    let note = |receipt: Receipt| async move { app.write(move |tx| record::received(tx, &receipt, kit::start())).await.unwrap() };
    let ids = vec!["1A".to_owned(), "1B".to_owned()];
    app.write(move |tx| record::sent(tx, &ids, "activated:x", None, kit::start())).await.unwrap();
    // Without a key: this process did not send it.
    assert_eq!(note(receipt("1A", None, ReceiptState::Underway)).await, record::Noted::New);
    assert_eq!(note(receipt("1A", None, ReceiptState::Delivered)).await, record::Noted::New);
    assert_eq!(note(receipt("1A", None, ReceiptState::Delivered)).await, record::Noted::Known);
    assert_eq!(note(receipt("1A", None, ReceiptState::Failed)).await, record::Noted::Known, "what arrived stays arrived");
    // Faster than the note of the sending, which then changes nothing.
    assert_eq!(note(receipt("2A", Some("returned:y"), ReceiptState::Failed)).await, record::Noted::New);
    app.write(|tx| record::sent(tx, &["2A".to_owned()], "returned:y", None, kit::start())).await.unwrap();
    for _ in 0..2 {
        assert_eq!(note(receipt("9Z", None, ReceiptState::Delivered)).await, record::Noted::Unknown);
    }
    let found = app.read(|tx| Ok((record::states(tx, "activated:x")?, record::states(tx, "returned:y")?))).await.unwrap();
    let pair = |id: &str, state: &str| (id.to_owned(), state.to_owned());
    assert_eq!(found.0, [pair("1A", "delivered"), pair("1B", "sent")]);
    assert_eq!(found.1, [pair("2A", "failed")]);
    let unknown = app.read(|tx| Ok(tx.query_one("SELECT receipts FROM sms_receipt_unknown", &[])?.int(0)?)).await.unwrap();
    assert_eq!(unknown, 2);
});

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: prints how long going on with 200,000 entries takes"]
async fn going_on_with_a_long_log() {
    let store = testkit::sqlite().await;
    let kit = Kit::new(store.store.clone()).await;
    for _ in 0..100 {
        let app = kit.app.clone();
        kit.app
            .write(move |tx| {
                for _ in 0..2_000 {
                    let entry = Entry { action: "test.entry", case_kind: "test", facts: "{}", ..Entry::default() };
                    app.audit(tx, By::System("test"), &entry, kit::start())?;
                }
                Ok(())
            })
            .await
            .unwrap();
        start::integrate(&kit.app).await.unwrap();
    }
    let clock = std::time::Instant::now();
    assert_eq!(Integrator::resume(&kit.app).await.unwrap().size(), 200_000);
    eprintln!("with the frontier: {:?}", clock.elapsed());
    kit.app.write(|tx| Ok(tx.push("UPDATE audit_checkpoint SET peaks = NULL", &[])?)).await.unwrap();
    let clock = std::time::Instant::now();
    Integrator::resume(&kit.app).await.unwrap();
    eprintln!("adding up the hashes: {:?}", clock.elapsed());
    let id = kit.app.read(|tx| Ok(tx.query_one("SELECT id FROM audit_entry WHERE seq = 100000", &[])?.uuid(0)?)).await.unwrap();
    let clock = std::time::Instant::now();
    prove(&kit.app, id).await.unwrap();
    eprintln!("one proof: {:?}", clock.elapsed());
    let clock = std::time::Instant::now();
    assert_eq!(findings(&kit.app).await, Vec::<String>::new());
    eprintln!("checking everything: {:?}", clock.elapsed());
    let _ = DAY_MS;
}
