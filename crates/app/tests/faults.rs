//! What the surroundings do to a registration: a server that crashes in the middle of it, a disk that is full. Nothing is half-written, whoever
//! asked is told so, and work goes on by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use chuangsha_app::{
    platform::{actor::Actor, failure::Failure},
    registration::{
        desk::{self, Capture, NewOrder},
        order::{Customer, ImageKind, Mode, Product, State},
    },
};
use chuangsha_kernel::{id::OrderId, rulebook::ChannelKind};
use chuangsha_store::{Config, Store, StoreError, testkit};
use chuangsha_world::{
    kit::{self, Kit},
    pictures,
};
use uuid::Uuid;

fn draft(number: Uuid) -> NewOrder {
    NewOrder { number, mode: Mode::Counter, product: Product::Voice, customer: Customer::Individual }
}

/// One customer who takes a number and thinks better of it.
async fn take_and_leave(app: &chuangsha_app::App, clerk: &Actor, number: Uuid, person: u16) -> Result<(), Failure> {
    let id = desk::open(app, clerk, draft(number)).await?;
    let order = desk::reserve(app, clerk, id, kit::reservation(1, person)).await?;
    desk::cancel(app, clerk, id, order.version, "客户改变主意".to_owned()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_leaves_no_registration_by_half_and_is_found_again() {
    const CLERKS: u16 = 8;
    const CRASHES: usize = 4;
    let Some(cluster) = tokio::task::spawn_blocking(|| testkit::Cluster::start(true).map(Arc::new)).await.unwrap() else { return };
    let url = {
        let cluster = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || cluster.new_database()).await.unwrap()
    };
    let store = Store::open(&Config { readers: 2, writers: 8, connect_timeout_ms: 30_000, ..Config::new(url) }).await.unwrap();
    let kit = Kit::new(store.clone()).await;
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let numbers = kit.numbers(1, 4_000).await;
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clerks: Vec<_> = numbers
        .chunks(numbers.len() / usize::from(CLERKS))
        .zip(1_u16..)
        .map(|(numbers, person)| {
            let (app, clerk, numbers) = (kit.app.clone(), kit.clerk(outlet), numbers.to_vec());
            let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
            tokio::spawn(async move {
                let mut answers = BTreeMap::new();
                // A number each time: one left behind by an answer nobody got is not asked for again.
                for number in numbers {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let answer = match take_and_leave(&app, &clerk, number, person).await {
                        Ok(()) => {
                            done.fetch_add(1, Ordering::Relaxed);
                            "ok"
                        }
                        Err(failure) => {
                            let problem = failure.into_problem();
                            // Reservations whose cancellation met the crash stay until they run out: they may fill the quota meanwhile.
                            assert!(
                                (problem.code.id.starts_with("store.") && problem.code.status == 503)
                                    || problem.code.id == "registration.quota_full",
                                "{problem}"
                            );
                            problem.code.id
                        }
                    };
                    *answers.entry(answer).or_insert(0_usize) += 1;
                }
                answers
            })
        })
        .collect();
    for crash in 1..=CRASHES {
        // However slow the machine is: each crash comes in the middle of work that was going on.
        while done.load(Ordering::Relaxed) < 10 * crash && !clerks.iter().all(tokio::task::JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
        let cluster = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || cluster.crash_and_restart()).await.unwrap();
    }
    // Nobody is told to reconnect: a customer nobody knows yet is served by the same application.
    take_and_leave(&kit.app, &kit.clerk(outlet), kit.numbers(900_000, 1).await[0], 99).await.expect("the server is found again");
    stop.store(true, Ordering::Relaxed);
    let mut answers = BTreeMap::new();
    for clerk in clerks {
        for (answer, count) in clerk.await.unwrap() {
            *answers.entry(answer).or_insert(0) += count;
        }
    }
    eprintln!("{answers:?}");
    assert!(answers.keys().any(|answer| answer.starts_with("store.")), "no crash met any work: {answers:?}");
    assert_eq!(kit.broken().await, Vec::<&str>::new());
    store.close().await;
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}

/// A registration up to its submission; `before` keeps the rows as they were before the step that was taken last.
async fn register(kit: &Kit, clerk: &Actor, number: Uuid, person: u16, before: &mut Vec<i64>) -> Result<OrderId, Failure> {
    *before = rows(kit).await;
    let id = desk::open(&kit.app, clerk, draft(number)).await?;
    *before = rows(kit).await;
    desk::reserve(&kit.app, clerk, id, kit::reservation(1, person)).await?;
    let card = pictures::Card { name: "TEST", number: "990101", address: "DEMO", valid: "2020-01-01 - 2040-01-01", seed: 1 };
    let shots = [
        (ImageKind::DocumentFront, pictures::document_front(&card, None)),
        (ImageKind::DocumentBack, pictures::document_back(&card, None)),
        (ImageKind::LivePhoto, pictures::live_photo(1)),
        (ImageKind::Signature, pictures::signature(1)),
    ];
    for (kind, bytes) in shots {
        *before = rows(kit).await;
        desk::add_image(&kit.app, clerk, id, kind, bytes).await?;
    }
    *before = rows(kit).await;
    let version = kit.order(id).await.version;
    let capture = Capture { version, original_seen: true, warning_read: true, face_declined: false, agreement_clause: false };
    let order = desk::capture(&kit.app, clerk, id, capture).await?;
    *before = rows(kit).await;
    desk::submit(&kit.app, clerk, id, order.version).await?;
    Ok(id)
}

/// Every row of every table an order touches, counted: what a refused step must leave as it was.
async fn rows(kit: &Kit) -> Vec<i64> {
    kit.app
        .read(|tx| {
            let tables =
                ["registration_order", "registration_party", "registration_image", "person", "quota_slot", "audit_entry", "outbox"];
            tables.iter().map(|table| Ok(tx.query_one(&format!("SELECT COUNT(*) FROM {table}"), &[])?.int(0)?)).collect()
        })
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_a_registration_clearly_and_it_goes_on_when_there_is_space() {
    let engine = testkit::sqlite().await;
    let kit = Kit::new(engine.store.clone()).await;
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    let numbers = kit.numbers(1, 200).await;
    let limit = async |pages: i64| {
        let asked = engine.store.write(move |tx| tx.query(&format!("PRAGMA max_page_count = {pages}"), &[]).map(drop));
        asked.await.unwrap();
    };
    let mut before = Vec::new();
    let mut next = numbers.into_iter().zip(1_u16..);
    // Ever more space: the disk is full at another step of the registration.
    for space in 0..12 {
        let pages = engine.store.read(|tx| tx.query_one("PRAGMA page_count", &[])?.int(0)).await.unwrap();
        limit(pages + space).await;
        let refused = loop {
            let (number, person) = next.next().expect("the disk is never full");
            if let Err(failure) = register(&kit, &clerk, number, person, &mut before).await {
                break failure;
            }
        };
        assert!(matches!(refused, Failure::Store(StoreError::Full)), "{refused}");
        let problem = refused.into_problem();
        assert_eq!((problem.code.id, problem.code.status), ("store.full", 507));
        assert_eq!(kit.broken().await, Vec::<&str>::new());
        assert_eq!(rows(&kit).await, before, "the refused step wrote something");
        limit(1_000_000).await;
        let (number, person) = next.next().unwrap();
        let id = register(&kit, &clerk, number, person, &mut before).await.expect("space is back");
        kit.work().await;
        assert_eq!(kit.order(id).await.state, State::Submitted);
    }
    assert_eq!(kit.broken().await, Vec::<&str>::new());
}
