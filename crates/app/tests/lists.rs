//! Lists of any size: what a change costs, bases built anew, versions compared and rolled back across them, and every node saying the same, also when
//! whoever compiled was killed half-way (R-SCR-3).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use std::{collections::BTreeMap, fmt::Write as _, future::Future as _, pin::pin, task::Poll};

use chuangsha_app::{
    App,
    platform::{actor::Actor, people::OrganisationKind},
    screening::{
        file::{self, How, Source},
        list::{self, List, NewEntry, Put},
        snapshot::{self, VersionView},
    },
};
use chuangsha_kernel::{role::Role, time::DAY_MS};
use chuangsha_screen::{
    Number,
    lists::{Category, Marks},
};
use chuangsha_store::testkit;
use chuangsha_world::kit::Kit;
use uuid::Uuid;

fn operator(kit: &Kit) -> Actor {
    kit.actor(Role::NetworkOperator, OrganisationKind::CarrierHq, kit.hq, "")
}

fn entry(number: u64) -> NewEntry {
    NewEntry { number: number.to_string(), source: "12321".into(), reason: "多人举报".into(), ..NewEntry::default() }
}

/// Numbers 19900000000 and on, as a file.
fn csv(numbers: impl IntoIterator<Item = u64>) -> String {
    numbers.into_iter().fold("number,source,reason\n".to_owned(), |mut text, number| {
        writeln!(text, "{number},12321,举报").unwrap();
        text
    })
}

const FIRST: u64 = 19_900_000_000;

async fn settle(app: &App) {
    snapshot::keep_up(app).await.unwrap();
    snapshot::follow(app).await.unwrap();
}

/// What the node says of a number now.
fn says(app: &App, number: u64) -> Marks {
    app.engine.snapshot().lists.get(Number::china(number).unwrap())
}

async fn newest(app: &App, by: &Actor) -> VersionView {
    snapshot::versions(app, by).await.unwrap().versions.remove(0)
}

/// Takes a file of so many numbers, then changes one entry; what the change cost.
async fn cost_of_one_change(app: &App, by: &Actor, numbers: u64) -> VersionView {
    let source = Source::Sent(csv(FIRST..FIRST + numbers).into());
    let taken = file::run(app, Some(by), List::Bad, source, &How { rows: Some(numbers), dry_run: false }, |_| {}).await.unwrap();
    assert_eq!((taken.rows, taken.entered, taken.refused), (numbers, numbers, 0));
    settle(app).await;
    assert_eq!(newest(app, by).await.counts.numbers, numbers);
    list::add(app, by, List::Suspect, &entry(FIRST + 7)).await.unwrap();
    settle(app).await;
    let marks = says(app, FIRST + 7);
    assert!(marks.bad() && marks.suspect() && says(app, FIRST + numbers - 1).bad() && !says(app, FIRST + numbers).bad());
    newest(app, by).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_one_entry_costs_the_same_at_a_thousand_and_at_three_hundred_thousand_entries() {
    let mut costs = Vec::new();
    for numbers in [1_000, 300_000] {
        let engine = testkit::sqlite().await;
        let kit = Kit::new(engine.store.clone()).await;
        let app = kit.app_with(|config| config.screening.beside = 500);
        let version = cost_of_one_change(&app, &operator(&kit), numbers).await;
        assert_eq!((version.counts.numbers, version.counts.delta, version.counts.read), (numbers, 1, 1), "one row was looked at");
        assert_eq!((version.changes.lists.len(), version.changes.lists[0].added), (1, 1));
        costs.push(version.counts.written);
        // Not one transaction of the import held the store for more than a thousand rows.
        let imports = app.read(|tx| Ok(tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE action = 'screening.import'", &[])?.int(0)?));
        assert_eq!(imports.await.unwrap(), i64::try_from(numbers / 1_000).unwrap());
    }
    assert!(costs[1] <= costs[0] + 64 && costs[1] < 2_000, "bytes written for one entry: {costs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_compared_and_rolled_back_across_bases_and_every_node_says_the_same() {
    for engine in testkit::engines().await {
        let kit = Kit::new(engine.store.clone()).await;
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("screen");
        let here = place.clone();
        let app = kit.app_with(move |config| (config.screening.beside, config.screening.folder) = (8, Some(here)));
        let by = operator(&kit);
        settle(&app).await;
        file::take(&app, &by, List::Bad, csv(FIRST..FIRST + 20), None, false).await.unwrap();
        settle(&app).await;
        let first = newest(&app, &by).await;
        assert_eq!(
            (first.counts.base, first.counts.delta, first.counts.numbers),
            (1, 0, 20),
            "more than eight beside nothing: a base is built"
        );
        let Put::Entered(late) = list::add(&app, &by, List::Bad, &entry(FIRST + 100)).await.unwrap() else { panic!("new") };
        let wishes = NewEntry { refused: "95588".into(), ..entry(FIRST + 3) };
        list::add(&app, &by, List::Preference, &wishes).await.unwrap();
        settle(&app).await;
        let second = newest(&app, &by).await;
        assert_eq!((second.counts.base, second.counts.delta, second.counts.numbers, second.counts.own), (1, 2, 21, 1));
        list::end(&app, &by, late, "误列").await.unwrap();
        let more = |category: &str, number| NewEntry { category: category.into(), ..entry(number) };
        for number in FIRST..FIRST + 9 {
            list::add(&app, &by, List::Category, &more("courier", number)).await.unwrap();
        }
        settle(&app).await;
        let third = newest(&app, &by).await;
        assert_eq!((third.counts.base, third.counts.delta, third.counts.numbers, third.counts.own), (2, 0, 20, 1), "built anew");
        assert_eq!(app.engine.snapshot().preferences.get(&Number::china(FIRST + 3).unwrap()).unwrap().refused.len(), 1);

        // From one base to the other and back, list by list.
        let between = async |from: &VersionView, to: &VersionView| {
            let changes = snapshot::diff(&app, &by, from.version, to.version).await.unwrap();
            changes.lists.iter().map(|list| (list.list.clone(), list.added, list.removed, list.changed)).collect::<Vec<_>>()
        };
        let named = |list: &str, added, removed, changed| (list.to_owned(), added, removed, changed);
        assert_eq!(between(&first, &second).await, [named("bad", 1, 0, 0), named("preference", 1, 0, 0)]);
        assert_eq!(between(&second, &third).await, [named("bad", 0, 1, 0), named("category", 9, 0, 0)]);
        assert_eq!(between(&third, &second).await, [named("bad", 1, 0, 0), named("category", 0, 9, 0)]);
        assert_eq!(between(&third, &third).await, []);
        assert_eq!(third.changes.lists.iter().map(|list| (list.added, list.removed)).collect::<Vec<_>>(), [(0, 1), (9, 0)]);

        // A node that was never there, and one that starts from its files, say what this one says; after a roll-back to the other base too.
        for (version, bad, courier) in [(third.version, false, true), (second.version, true, false), (third.version, false, true)] {
            snapshot::activate(&app, &by, version, "演练").await.unwrap();
            let other = kit.app_on(engine.store.clone()).await;
            snapshot::follow(&other).await.unwrap();
            let here = place.clone();
            let again = kit.app_with(move |config| config.screening.folder = Some(here));
            assert_eq!(snapshot::resume(&again).await.unwrap(), Some(version as u64));
            for node in [&app, &other, &again] {
                assert_eq!((says(node, FIRST + 100).bad(), says(node, FIRST).category() == Category::Courier), (bad, courier));
                assert!((FIRST..FIRST + 120).all(|number| says(node, number) == says(&app, number)));
                assert!(node.engine.snapshot().preferences.get(&Number::china(FIRST + 3).unwrap()).is_some());
            }
        }

        // What nobody stands on goes, a few pieces a turn; what is kept for a roll-back stays.
        for round in 0..4 {
            file::take(&app, &by, List::Suspect, csv(FIRST + 1_000 + round * 20..FIRST + 1_020 + round * 20), None, false).await.unwrap();
            snapshot::make(&app, &by, "批量".into(), true).await.unwrap();
        }
        kit.clock.advance_ms(DAY_MS);
        while chuangsha_app::screening::prune(&app).await.unwrap() > 0 {}
        let bases = app.read(|tx| {
            Ok(tx.query("SELECT base FROM screen_base ORDER BY base", &[])?.iter().map(|row| row.int(0)).collect::<Result<Vec<_>, _>>()?)
        });
        assert_eq!(bases.await.unwrap(), [4, 5, 6]);
        let kept = snapshot::versions(&app, &by).await.unwrap().versions;
        assert!(kept.iter().all(|one| one.kept == (one.counts.base == 0 || one.counts.base >= 4)));
        settle(&app).await;
        let fresh = kit.app_on(engine.store.clone()).await;
        snapshot::follow(&fresh).await.unwrap();
        assert!(says(&fresh, FIRST + 1_079).suspect() && says(&fresh, FIRST).bad());
        drop(folder);
    }
}

/// Draws steps and keeps in mind what every list says.
struct Model {
    seed: u64,
    bad: BTreeMap<u64, Uuid>,
    couriers: BTreeMap<u64, Uuid>,
}

impl Model {
    fn draw(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_listed_and_ended_in_whatever_order_a_version_says_what_the_lists_say() {
    for engine in testkit::engines().await {
        let kit = Kit::new(engine.store.clone()).await;
        let app = kit.app_with(|config| config.screening.beside = 6);
        let by = operator(&kit);
        let mut model = Model { seed: 11, bad: BTreeMap::new(), couriers: BTreeMap::new() };
        for round in 0..24 {
            for _ in 0..=model.draw(7) {
                let (number, list) = (FIRST + model.draw(24), if model.draw(2) == 0 { List::Bad } else { List::Category });
                let category = if list == List::Category { "courier".to_owned() } else { String::new() };
                let held = if list == List::Bad { &mut model.bad } else { &mut model.couriers };
                match held.remove(&number) {
                    Some(id) => list::end(&app, &by, id, "到期").await.unwrap(),
                    None => {
                        let put = list::add(&app, &by, list, &NewEntry { category, ..entry(number) }).await.unwrap();
                        let Put::Entered(id) = put else { panic!("new") };
                        held.insert(number, id);
                    }
                }
            }
            settle(&app).await;
            for number in FIRST..FIRST + 24 {
                let marks = says(&app, number);
                let wanted = (model.bad.contains_key(&number), model.couriers.contains_key(&number));
                assert_eq!((marks.bad(), marks.category() == Category::Courier), wanted, "round {round}, {number}");
            }
            let listed = (FIRST..FIRST + 24).filter(|number| says(&app, *number) != Marks::default()).count() as u64;
            assert_eq!(newest(&app, &by).await.counts.numbers, listed, "round {round}");
        }
        assert!(newest(&app, &by).await.counts.base > 2, "bases were built on the way");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_while_compiling_leaves_the_version_in_force_and_the_next_one_finishes() {
    for engine in testkit::engines().await {
        let kit = Kit::new(engine.store.clone()).await;
        let app = kit.app_with(|config| config.screening.beside = 8);
        let by = operator(&kit);
        list::add(&app, &by, List::Bad, &entry(FIRST)).await.unwrap();
        settle(&app).await;
        let mut before = newest(&app, &by).await.version;
        let (mut listed, mut died, mut cut) = (1, 0, 0);
        // Killed after the first wait, after the second, and so on, until one gets to its end unhurt.
        loop {
            file::take(&app, &by, List::Bad, csv(FIRST + listed..FIRST + listed + 20), None, false).await.unwrap();
            listed += 20;
            let mut left = cut;
            let whole = {
                let mut turn = pin!(snapshot::keep_up(&app));
                std::future::poll_fn(|context| {
                    if left == 0 {
                        return Poll::Ready(false);
                    }
                    left -= 1;
                    turn.as_mut().poll(context).map(|done| done.is_ok())
                })
                .await
            };
            let node = kit.app_on(engine.store.clone()).await;
            snapshot::follow(&node).await.unwrap();
            let (first, last) = (says(&node, FIRST).bad(), says(&node, FIRST + listed - 1).bad());
            let version = i64::try_from(node.engine.snapshot().version).unwrap();
            // All of it or nothing of it; what was in force stays in force until the next is whole.
            assert!(first && last == (version > before), "cut {cut}: v{version} after v{before}");
            assert!((FIRST + listed - 20..FIRST + listed).all(|number| says(&node, number).bad() == last));
            died += usize::from(!whole);
            // Whoever comes next finishes it.
            settle(&app).await;
            assert!(says(&app, FIRST + listed - 1).bad());
            before = newest(&app, &by).await.version;
            if whole {
                break;
            }
            cut += 1;
        }
        // An answer that is there at once is no wait: fewer places on a machine where the store is quick.
        assert!(died >= 3, "it was killed in {died} places");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_spoilt_in_the_store_is_refused_and_the_node_goes_on_with_what_it_has() {
    for engine in testkit::engines().await {
        let kit = Kit::new(engine.store.clone()).await;
        let app = kit.app_with(|config| config.screening.beside = 8);
        let by = operator(&kit);
        list::add(&app, &by, List::Bad, &entry(FIRST)).await.unwrap();
        settle(&app).await;
        file::take(&app, &by, List::Bad, csv(FIRST + 1..FIRST + 30), None, false).await.unwrap();
        snapshot::keep_up(&app).await.unwrap();
        app.write(|tx| Ok(tx.push_one("DELETE FROM screen_base_part WHERE part = 1", &[])?)).await.unwrap();
        assert!(snapshot::follow(&app).await.is_err());
        assert!(says(&app, FIRST).bad() && !says(&app, FIRST + 1).bad(), "as before");
    }
}
