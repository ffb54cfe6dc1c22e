//! The process dies at any moment, and the server under it: what was acknowledged is there, nobody ever holds a sixth number, no slot is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use chuangsha_app::{
    platform::{actor::Actor, audit::By, failure::Failure},
    registration::{
        audit_desk,
        carry::{Because, carry},
        desk::{self, Capture, NewOrder},
        gate,
        order::{Check, Customer, Defect, ImageKind, Mode, Order, Product, RejectReason, State, Step},
        table,
    },
    start,
};
use chuangsha_kernel::{
    id::{Ids, OrderId, OrganisationId, StaffId},
    rulebook::ChannelKind,
    time::{DAY_MS, HOUR_MS, MINUTE_MS},
};
use chuangsha_store::{Config, Store, StoreError, testkit};
use chuangsha_world::kit::{self, Kit};
use uuid::Uuid;

const URL: &str = "CHUANGSHA_TEST_URL";
const KEYS: &str = "CHUANGSHA_TEST_KEYS";
const OUTLET: &str = "CHUANGSHA_TEST_OUTLET";
const KILL: &str = "CHUANGSHA_TEST_KILL";
/// Set to run the whole again on other random points.
const SEED: &str = "CHUANGSHA_TEST_SEED";
/// Kills on each engine.
const KILLS: u64 = 105;
const TASKS: u64 = 16;
/// So few that each task meets others on the same person.
const PERSONS: u64 = 2;
/// The same people over some kills, so that their slots fill up.
const KILLS_A_PERSON: u64 = 5;
const NUMBERS: u32 = 4_000;

fn seed() -> u64 {
    std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_122)
}

/// Random numbers of one seed.
struct Dice(Ids);

impl Dice {
    fn below(&self, limit: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % limit
    }
}

/// One client of the child: goes on with whatever order it finds, or opens a new one.
struct Client {
    kit: Arc<Kit>,
    clerk: Actor,
    auditor: Actor,
    dice: Dice,
    kill: u64,
}

impl Client {
    async fn turn(&self) -> Result<Option<Order>, Failure> {
        let app = &self.kit.app;
        let states =
            vec![State::Draft, State::Reserved, State::Captured, State::Submitted, State::Auditing, State::Returned, State::Activating];
        let filter = table::Filter { states, from: Some(app.clock.now()), limit: 40, ..table::Filter::default() };
        let open: Vec<Order> = app.read(move |tx| table::list(tx, &filter)).await?.into_iter().map(|row| row.order).collect();
        let chosen = usize::try_from(self.dice.below(8)).unwrap();
        match open.into_iter().rev().nth(chosen) {
            Some(order) => self.step(order).await.map(Some),
            None => self.new_order().await,
        }
    }

    async fn new_order(&self) -> Result<Option<Order>, Failure> {
        let app = &self.kit.app;
        let free = app.read(|tx| table::free_numbers(tx, kit::CITY, Product::Voice, Uuid::nil(), 50)).await?;
        let number = free[usize::try_from(self.dice.below(50)).unwrap().min(free.len() - 1)].id;
        let input = NewOrder { number, mode: Mode::Counter, product: Product::Voice, customer: Customer::Individual };
        let id = desk::open(app, &self.clerk, input).await?;
        say(&format!("ack {id} 1"));
        self.reserve(id, 1).await.map(Some)
    }

    async fn reserve(&self, id: OrderId, version: i64) -> Result<Order, Failure> {
        let person = u16::try_from(self.kill / KILLS_A_PERSON * PERSONS + self.dice.below(PERSONS)).unwrap();
        desk::reserve(&self.kit.app, &self.clerk, id, kit::reservation(version, person)).await
    }

    async fn step(&self, order: Order) -> Result<Order, Failure> {
        let (app, id, version) = (&self.kit.app, order.id, order.version);
        let gives_up = self.dice.below(4) == 0;
        match order.state {
            State::Draft | State::Reserved | State::Captured if gives_up => {
                desk::cancel(app, &self.clerk, id, version, "客户改变主意".to_owned()).await
            }
            State::Draft => self.reserve(id, version).await,
            State::Reserved | State::Returned => {
                self.pictures(&order).await?;
                let capture = Capture { version, original_seen: true, warning_read: true, face_declined: false, agreement_clause: false };
                desk::capture(app, &self.clerk, id, capture).await
            }
            State::Captured => desk::submit(app, &self.clerk, id, version).await,
            State::Submitted if order.check == Check::Waiting => {
                let (writer, now) = (app.clone(), app.clock.now());
                let answer = Step::Verified { check: Check::Match, face_score: Some(900) };
                let because = Because { action: "order.verify", why: "", facts: "{}" };
                app.write(move |tx| {
                    let order = table::find(tx, id)?;
                    carry(&writer, tx, By::System("verification"), &order, answer, because, now)
                })
                .await
            }
            State::Submitted => audit_desk::claim(app, &self.auditor, id).await,
            State::Auditing => match self.dice.below(6) {
                0 => audit_desk::reject(app, &self.auditor, id, version, RejectReason::NotTheHolder, String::new()).await,
                1 => audit_desk::send_back(app, &self.auditor, id, version, vec![Defect::DocumentGlare], String::new()).await,
                2 => audit_desk::release(app, &self.auditor, id).await,
                _ => audit_desk::approve(app, &self.auditor, id, version).await,
            },
            _ => {
                gate::confirm(app, id).await?;
                Ok(Order { state: State::Activated, version: version + 1, ..order })
            }
        }
    }

    /// The rows of pictures without the pictures: decoding them is not what is proved here.
    async fn pictures(&self, order: &Order) -> Result<(), Failure> {
        let (app, id, at) = (self.kit.app.clone(), order.id, self.kit.app.clock.now());
        let Some(subject) = order.subject else { return Ok(()) };
        self.kit
            .app
            .write(move |tx| {
                for kind in [ImageKind::DocumentFront, ImageKind::DocumentBack, ImageKind::LivePhoto, ImageKind::Signature] {
                    let image = table::Image { id: app.ids.next(at), kind, subject, sha256: vec![0; 32], width: 1, height: 1, at };
                    table::add_image(tx, id, &image, 1)?;
                }
                Ok(())
            })
            .await
    }
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").and_then(|()| output.flush()).unwrap();
}

/// Not a test: what the killed process does. It says each order and version after it was told that the write is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child process of the kill test"]
async fn child_that_is_killed() {
    let var = |name| std::env::var(name).ok();
    let (Some(url), Some(keys), Some(outlet), Some(kill)) = (var(URL), var(KEYS), var(OUTLET), var(KILL)) else { return };
    let (outlet, kill): (OrganisationId, u64) = (outlet.parse().unwrap(), kill.parse().unwrap());
    let store = Store::open(&Config { writers: 8, readers: 2, connect_timeout_ms: 20_000, ..Config::new(url) }).await.unwrap();
    let kit = Arc::new(Kit::again(store, Path::new(&keys), seed() ^ (kill << 32)).await);
    // Later than everything before, so that this child goes on with its own orders only.
    kit.clock.advance_ms(i64::try_from(kill).unwrap() * HOUR_MS);
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        // Always the same two people: what one task began any other may go on with.
        let mut client = Client {
            clerk: kit.clerk(outlet),
            auditor: kit.auditor(),
            dice: Dice(Ids::seeded(seed() ^ (kill << 32) ^ (task << 16))),
            kill,
            kit: Arc::clone(&kit),
        };
        client.clerk.staff = StaffId(Uuid::from_u128(71));
        client.auditor.staff = StaffId(Uuid::from_u128(72));
        tasks.push(tokio::spawn(async move {
            loop {
                match client.turn().await {
                    Ok(Some(order)) => say(&format!("ack {} {}", order.id, order.version)),
                    // Refused by a rule, or the server is away: nothing was promised.
                    Ok(None)
                    | Err(Failure::Problem(_) | Failure::Store(StoreError::Contended | StoreError::Unavailable(_) | StoreError::Unknown)) =>
                        {}
                    Err(fault) => say(&format!("fault {fault}")),
                }
            }
        }));
    }
    // No task ends by itself: the process is killed.
    futures_util::future::join_all(tasks).await;
}

/// What a child had been told: the highest version of each order. Panics when it met a fault.
type Told = BTreeMap<OrderId, i64>;

struct Child {
    process: std::process::Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    told: Vec<String>,
}

impl Drop for Child {
    fn drop(&mut self) {
        // Also when an assertion fails: nothing is left behind.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Child {
    fn start(url: &str, keys: &Path, outlet: OrganisationId, kill: u64) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
            .env(URL, url)
            .env(KEYS, keys)
            .env(OUTLET, outlet.to_string())
            .env(KILL, kill.to_string())
            .env(SEED, seed().to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines, told: Vec::new() }
    }

    /// Waits for so many acknowledgements.
    fn listen(&mut self, patience: usize) {
        let mut heard = 0;
        while heard < patience {
            let line = self.lines.next().expect("the child ended by itself").unwrap();
            assert!(!line.contains("fault "), "{line}");
            heard += usize::from(line.contains("ack "));
            self.told.push(line);
        }
    }

    /// SIGKILL; then what it had said before and nobody had read.
    fn kill(mut self) -> Told {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.told.extend(self.lines.by_ref().map_while(Result::ok));
        let mut told = Told::new();
        for (place, line) in self.told.iter().enumerate() {
            assert!(!line.contains("fault "), "{line}");
            let Some((_, said)) = line.split_once("ack ") else { continue };
            let (Some((id, version)), false) = (said.split_once(' '), place + 1 == self.told.len()) else {
                // The last line may be torn by the kill.
                continue;
            };
            let (id, version): (OrderId, i64) = (id.parse().unwrap(), version.parse().unwrap());
            let known = told.entry(id).or_insert(version);
            *known = version.max(*known);
        }
        told
    }
}

/// Looks at the store as the dead process left it; the most numbers anybody holds.
async fn examine(store: &Store, told: &Told, when: &str) -> i64 {
    let (broken, most, beyond, versions) = store
        .read(|tx| {
            let mut broken = Vec::new();
            for (name, sql) in table::CHECKS {
                if tx.query_one(sql, &[])?.int(0)? != 0 {
                    broken.push(*name);
                }
            }
            let most = tx
                .query_one(
                    "SELECT COALESCE(MAX(n), 0) FROM (SELECT COUNT(*) AS n FROM quota_slot GROUP BY operator, person_key, class) AS held",
                    &[],
                )?
                .int(0)?;
            let beyond = tx.query_one("SELECT COUNT(*) FROM quota_slot WHERE slot > 5", &[])?.int(0)?;
            let versions = tx
                .query("SELECT id, version FROM registration_order", &[])?
                .iter()
                .map(|row| Ok((OrderId(row.uuid(0)?), row.int(1)?)))
                .collect::<Result<Told, StoreError>>()?;
            Ok::<_, StoreError>((broken, most, beyond, versions))
        })
        .await
        .unwrap();
    assert_eq!(broken, Vec::<&str>::new(), "{when}");
    assert!(most <= 5 && beyond == 0, "{when}: a sixth number, {most} slots, {beyond} beyond the fifth");
    let lost: Vec<_> = told.iter().filter(|(id, version)| versions.get(id).is_none_or(|there| there < version)).collect();
    assert!(lost.is_empty(), "{when}: acknowledged and lost: {lost:?}");
    most
}

/// Moves the clock on and lets everything unfinished run out: no slot and no number stays behind.
async fn run_out(store: &Store, keys: &Path, ms: i64, seed: u64) {
    let kit = Kit::again(store.clone(), keys, seed).await;
    kit.clock.advance_ms(ms);
    while start::expire(&kit.app).await.unwrap() > 0 {}
    let (open, leaked, kept) = kit
        .app
        .read(|tx| {
            let open = tx.query_one("SELECT COUNT(*) FROM registration_order WHERE state IN (1, 2, 3)", &[])?.int(0)?;
            let leaked = "SELECT COUNT(*) FROM quota_slot q JOIN registration_order o ON o.id = q.holder WHERE o.state IN (1, 12, 13, 14)";
            let kept = "SELECT COUNT(*) FROM number_pool p WHERE p.state IN (2, 3) AND NOT EXISTS (SELECT 1 FROM registration_order o \
                        WHERE o.number_id = p.id AND o.state NOT IN (12, 13, 14))";
            Ok((open, tx.query_one(leaked, &[])?.int(0)?, tx.query_one(kept, &[])?.int(0)?))
        })
        .await
        .unwrap();
    assert_eq!((open, leaked, kept), (0, 0, 0), "orders still open, slots leaked, numbers kept");
    assert_eq!(kit.broken().await, Vec::<&str>::new());
}

async fn prove(url: &str, keys: PathBuf, cluster: Option<Arc<testkit::Cluster>>) {
    let config = Config { writers: 2, readers: 1, connect_timeout_ms: 30_000, ..Config::new(url) };
    let store = Store::open(&config).await.unwrap();
    let kit = Kit::lasting(store.clone(), &keys).await;
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    kit.numbers(1, NUMBERS).await;
    store.close().await;
    let dice = Dice(Ids::seeded(seed()));
    let (mut acknowledged, mut total, mut most) = (Told::new(), 0, 0);
    for kill in 1..=KILLS {
        // Some die before they say anything: while opening or recovering.
        let patience = if kill % 10 == 0 { 0 } else { usize::try_from(dice.below(40)).unwrap() };
        // A few times the server dies too, in the middle.
        let crash = cluster.clone().filter(|_| kill % 21 == 0);
        let when = format!("{} kill {kill}, seed {}, {patience} acknowledgements", url.split(':').next().unwrap_or_default(), seed());
        let (child_url, child_keys) = (url.to_owned(), keys.clone());
        let told = tokio::task::spawn_blocking(move || {
            let mut child = Child::start(&child_url, &child_keys, outlet, kill);
            child.listen(patience);
            if let Some(cluster) = crash {
                cluster.crash_and_restart();
                child.listen(10);
            }
            child.kill()
        })
        .await
        .unwrap();
        total += told.len();
        acknowledged.extend(told);
        let store = Store::open(&config).await.unwrap();
        most = examine(&store, &acknowledged, &when).await.max(most);
        if kill % 15 == 0 {
            run_out(&store, &keys, i64::try_from(kill).unwrap() * HOUR_MS + 31 * MINUTE_MS, seed() ^ (kill << 32) ^ 1).await;
        }
        store.close().await;
    }
    let store = Store::open(&config).await.unwrap();
    run_out(&store, &keys, 400 * DAY_MS, seed() ^ 0xffff).await;
    examine(&store, &acknowledged, "after all").await;
    let states = store.read(|tx| Ok::<_, StoreError>(tx.query("SELECT DISTINCT state FROM registration_order", &[])?.len())).await.unwrap();
    eprintln!("{total} orders acknowledged over {KILLS} kills, {most} numbers at most, orders in {states} states");
    assert!(total > 500 && most == 5 && states >= 3, "the children did too little to prove anything: {total}, {most}, {states}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_on_sqlite_nobody_holds_a_sixth_number_and_no_slot_is_lost() {
    let directory = testkit::Directory::new();
    prove(&format!("sqlite:{}", directory.path().join("killed.db").display()), directory.path().join("root"), None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_on_postgres_nobody_holds_a_sixth_number_and_no_slot_is_lost() {
    let Some(cluster) = tokio::task::spawn_blocking(|| testkit::Cluster::start(true).map(Arc::new)).await.unwrap() else { return };
    let database = Arc::clone(&cluster);
    let url = tokio::task::spawn_blocking(move || database.new_database()).await.unwrap();
    let directory = testkit::Directory::new();
    prove(&url, directory.path().join("root"), Some(Arc::clone(&cluster))).await;
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
