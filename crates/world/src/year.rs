//! 省份一年: a province's old base lived through day by day from one seed, with lost messages, a gateway that fails, outlets that are offline, a
//! database that restarts, complaints, protected people and numbers that change hands. Every day everything that was promised is checked from
//! outside, by what the message centre, the switch and the network element saw, and by the record itself. The first broken promise ends the
//! year with its day and its seed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, reason = "a world that cannot be set up stops")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex},
};

use chuangsha_app::{
    App,
    platform::{
        actor::Actor,
        audit::By,
        network::{Handler, NetworkAction, NetworkCommand, NetworkElement, NetworkOutcome, Worker, WorkerSettings},
        notify::{CallMessage, CallOutcome, OutboundCall, Receipt, ReceiptState, Sms, SmsMessage, SmsOutcome, Templates},
        people::OrganisationKind,
    },
    registration::{
        ending, gate,
        order::Product,
        subscription,
        table::{self as registered, NumberState, PoolNumber, Subscription},
    },
    remediation::{
        self, Case, Ladder, State, Step,
        carry::{self, Because},
        clock,
        contact::CallHandler,
        desk::{self, Asked, NewCampaign, TargetInput},
        kind::{self, Finding, Kind},
        refund, table,
    },
    suspension,
};
use chuangsha_kernel::{
    id::{OrderId, StaffId},
    role::Role,
    rulebook::ChannelKind,
    time::{DAY_MS, HOUR_MS, SettableClock, Timestamp},
};
use chuangsha_store::Store;
use futures_util::future::BoxFuture;
use jiff::civil::{Date, date};
use uuid::Uuid;

use crate::{
    kit::{CITY, Kit},
    promise,
    random::Random,
};

/// What is to be lived through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The seed: the same one gives the same year.
    pub seed: u64,
    /// Subscribers of the old base; every one has a finding.
    pub subscribers: u32,
    /// Days, 365 for a year.
    pub days: i32,
    /// The database is closed and opened again four times.
    pub restarts: bool,
}

/// What came of a year.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Messages handed over.
    pub messages: u64,
    /// Calls placed.
    pub calls: u64,
    /// Lines stopped.
    pub stopped: u64,
    /// Lines re-registered.
    pub restored: u64,
    /// Lines cancelled.
    pub cancelled: u64,
    /// Complaints.
    pub complaints: u64,
    /// Emergency restorations.
    pub emergencies: u64,
    /// Cases by state at the end.
    pub standing: BTreeMap<String, i64>,
}

/// 违例: a promise that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The seed, for a test of its own.
    pub seed: u64,
    /// Whose life it was; none where the whole province was looked at.
    pub subscriber: Option<u64>,
    /// Day of the year, from 0.
    pub day: i32,
    /// What was promised.
    pub promise: String,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.subscriber {
            Some(subscriber) => write!(f, "seed {} subscriber {subscriber} day {}: {}", self.seed, self.day, self.promise),
            None => write!(f, "seed {} day {}: {}", self.seed, self.day, self.promise),
        }
    }
}

/// Line, finding, kind, outlet, and whether its holder misses messages and calls.
type Line = (Uuid, Uuid, Kind, ChannelKind, (bool, bool));

/// Somebody of the base, as the world knows them.
#[derive(Debug, Clone)]
struct Person {
    line: Uuid,
    digits: String,
    /// Media by which something truly reached them, bits of the module's own.
    reached: i64,
    /// Messages never arrive; nobody ever answers.
    deaf: (bool, bool),
    /// The number is somebody else's by now.
    gone: bool,
}

struct Inside {
    clock: Arc<SettableClock>,
    random: Random,
    people: Vec<Person>,
    by_digits: HashMap<String, usize>,
    by_line: HashMap<Uuid, usize>,
    gateway_down: bool,
    receipts: BTreeMap<(i64, u64), Receipt>,
    made: u64,
    element: HashMap<String, NetworkAction>,
    done: HashSet<String>,
    interrupted: HashSet<usize>,
    protected: HashSet<usize>,
    visits: BTreeMap<i32, BTreeSet<usize>>,
    day: i32,
    broken: Vec<String>,
    told: Told,
}

/// Everything outside: message centre, switch and element in one, so that what one saw can be held against what another did.
#[derive(Clone)]
struct Outside {
    rules: Arc<chuangsha_kernel::rulebook::Rulebook>,
    inside: Arc<Mutex<Inside>>,
}

impl Outside {
    fn with<T>(&self, work: impl FnOnce(&mut Inside, Timestamp) -> T) -> T {
        let mut inside = self.inside.lock().unwrap();
        let now = chuangsha_kernel::time::Clock::now(&*inside.clock);
        work(&mut inside, now)
    }
}

impl Inside {
    fn think(&mut self, who: usize, permille: u64, within: u64) {
        if self.random.permille(permille) {
            let day = self.day + 1 + i32::try_from(self.random.below(within)).unwrap_or(0);
            self.visits.entry(day).or_default().insert(who);
        }
    }
}

impl Sms for Outside {
    fn send<'a>(&'a self, message: &'a SmsMessage) -> BoxFuture<'a, SmsOutcome> {
        let outcome = self.with(|inside, now| {
            if inside.gateway_down {
                return SmsOutcome::Unreachable { why: "the gateway is down" };
            }
            inside.made += 1;
            let id = format!("S{:09}", inside.made);
            let Some(&who) = inside.by_digits.get(message.to.digits()) else { return SmsOutcome::Rejected { code: "unknown".to_owned() } };
            inside.told.messages += 1;
            let ours = message.idempotency_key.starts_with("remediation:");
            let gone = inside.people.get(who).is_some_and(|person| person.gone);
            if ours && let Some(broken) = promise::contacted(now, gone) {
                inside.broken.push(broken.to_owned());
            }
            let lost = inside.random.permille(80);
            if !lost && ours {
                let deaf = inside.people.get(who).is_none_or(|person| person.deaf.0);
                let delay = i64::try_from(inside.random.below(3)).unwrap_or(0) * 20 * HOUR_MS;
                let state = if deaf { ReceiptState::Failed } else { ReceiptState::Delivered };
                let receipt = Receipt { id: id.clone(), key: None, state };
                inside.receipts.insert((now.0 + delay, inside.made * 4), receipt.clone());
                if inside.random.permille(50) {
                    inside.receipts.insert((now.0 + delay, inside.made * 4 + 1), receipt);
                }
                if inside.random.permille(20) {
                    let nobodys = Receipt { id: format!("X{}", inside.made), key: None, state: ReceiptState::Delivered };
                    inside.receipts.insert((now.0 + delay, inside.made * 4 + 2), nobodys);
                }
                if !deaf && let Some(person) = inside.people.get_mut(who) {
                    person.reached |= 1;
                    inside.think(who, 60, 10);
                }
            }
            SmsOutcome::Sent { ids: vec![id] }
        });
        Box::pin(std::future::ready(outcome))
    }
}

impl OutboundCall for Outside {
    fn call<'a>(&'a self, call: &'a CallMessage) -> BoxFuture<'a, CallOutcome> {
        let outcome = self.with(|inside, now| {
            inside.made += 1;
            inside.told.calls += 1;
            let id = format!("C{:09}", inside.made);
            let Some(&who) = inside.by_digits.get(call.to.digits()) else { return CallOutcome::Refused { code: "unknown".to_owned() } };
            let gone = inside.people.get(who).is_some_and(|person| person.gone);
            if let Some(broken) = promise::contacted(now, gone) {
                inside.broken.push(broken.to_owned());
            }
            let answers = inside.random.permille(600);
            match inside.people.get_mut(who) {
                Some(person) if answers && !person.deaf.1 => {
                    person.reached |= 2;
                    inside.think(who, 80, 10);
                    CallOutcome::Answered { id, seconds: 20, pressed: None }
                }
                _ => CallOutcome::NoAnswer { id },
            }
        });
        Box::pin(std::future::ready(outcome))
    }
}

impl NetworkElement for Outside {
    fn submit<'a>(&'a self, command: &'a NetworkCommand) -> BoxFuture<'a, NetworkOutcome> {
        let outcome = self.with(|inside, now| {
            let reference = command.key.clone();
            if !inside.done.insert(command.key.clone()) {
                return NetworkOutcome::Confirmed { reference };
            }
            let Some(&who) = inside.by_digits.get(command.number.as_str()) else {
                return NetworkOutcome::Refused { code: "unknown".to_owned() };
            };
            let stops = matches!(command.action, NetworkAction::StopOut | NetworkAction::StopBoth);
            if stops {
                let again = inside.element.get(command.number.as_str()).is_some_and(|action| *action != NetworkAction::Activate);
                let (reached, gone) = inside.people.get(who).map_or((0, true), |person| (person.reached, person.gone));
                let (protected, returns) = (inside.protected.contains(&who), inside.interrupted.remove(&who));
                let working = self.rules.is_working_day(now.day());
                if let Some(broken) = promise::stopped(&promise::Stop { now, reached, gone, protected, returns, working }) {
                    inside.broken.push(format!("{broken} ({})", now.display()));
                }
                if !command.reachable.iter().any(|number| number == "110") {
                    inside.broken.push("a stop without the emergency numbers".to_owned());
                }
                if !again {
                    inside.told.stopped += 1;
                }
                inside.think(who, 350, 6);
            }
            inside.element.insert(command.number.to_string(), command.action);
            NetworkOutcome::Confirmed { reference }
        });
        Box::pin(std::future::ready(outcome))
    }

    fn poll<'a>(&'a self, key: &'a str, _action: NetworkAction) -> BoxFuture<'a, Option<NetworkOutcome>> {
        let known = self.with(|inside, _| inside.done.contains(key));
        let outcome = known.then(|| NetworkOutcome::Confirmed { reference: key.to_owned() });
        Box::pin(std::future::ready(outcome))
    }
}

/// First day of the year that is lived: its holidays are known, and those of the year it ends in.
pub(crate) const FIRST: Date = date(2025, 4, 7);

/// The gateway fails three times a year, once for three days.
pub(crate) const fn gateway_down(day: usize) -> bool {
    matches!(day, 40 | 121..124 | 260)
}

/// Outlets are offline for a week: whoever comes then goes away again.
pub(crate) const fn outlets_offline(day: usize) -> bool {
    200 <= day && day < 207
}

/// Lives one year.
///
/// # Errors
/// [`Broken`]: the first promise that did not hold.
pub async fn live(store: Store, plan: Plan, mut done: impl FnMut(i32)) -> Result<Told, Broken> {
    let mut year = Year::found(store, plan).await;
    for day in 0..plan.days {
        year.day(day).await?;
        done(day);
    }
    Ok(year.told().await)
}

struct Year {
    plan: Plan,
    app: App,
    kit: Kit,
    outside: Outside,
    manager: Actor,
    campaign: Uuid,
    handlers: Vec<(&'static str, Arc<dyn Handler>)>,
    random: Random,
}

impl Year {
    async fn found(store: Store, plan: Plan) -> Self {
        let inside = Inside {
            clock: Arc::new(SettableClock::at(Timestamp::start_of(FIRST))),
            random: Random::stream(plan.seed, "outside"),
            people: Vec::new(),
            by_digits: HashMap::new(),
            by_line: HashMap::new(),
            gateway_down: false,
            receipts: BTreeMap::new(),
            made: 0,
            element: HashMap::new(),
            done: HashSet::new(),
            interrupted: HashSet::new(),
            protected: HashSet::new(),
            visits: BTreeMap::new(),
            day: 0,
            broken: Vec::new(),
            told: Told::default(),
        };
        let rules = Arc::new(chuangsha_app::rulebook::embedded(true).unwrap());
        let outside = Outside { rules, inside: Arc::new(Mutex::new(inside)) };
        let kit = Kit::with_ports(store, Arc::new(outside.clone()), Arc::new(outside.clone())).await;
        // From here on everything outside reads the application's own clock.
        outside.with(|inside, _| inside.clock = Arc::clone(&kit.clock));
        kit.clock.set(Timestamp::start_of(FIRST).plus_ms(9 * HOUR_MS));
        let manager = kit.actor(Role::CityManager, OrganisationKind::City, kit.city, CITY);
        let app = kit.app.clone();
        let mut year = Self {
            handlers: Vec::new(),
            random: Random::stream(plan.seed, "year"),
            campaign: Uuid::nil(),
            plan,
            app,
            kit,
            outside,
            manager,
        };
        year.wire();
        year.people().await;
        year.begin().await;
        year
    }

    fn wire(&mut self) {
        let templates = Arc::new(Templates::embedded().unwrap());
        let app = &self.app;
        let calls = CallHandler { app: app.clone(), templates: Arc::clone(&templates), calls: Arc::new(self.outside.clone()) };
        self.handlers = vec![
            ("sms", Arc::new(gate::MessageHandler(app.clone(), templates))),
            ("call", Arc::new(calls)),
            ("network", Arc::new(gate::NetworkHandler(app.clone()))),
        ];
    }

    /// The old base: every line with a number, a finding and nobody behind it.
    async fn people(&mut self) {
        let mut random = Random::stream(self.plan.seed, "people");
        let now = self.now();
        for from in (0..self.plan.subscribers).step_by(1_000) {
            let until = self.plan.subscribers.min(from + 1_000);
            let rows: Vec<Line> = (from..until)
                .map(|_| {
                    let kind = *random.pick(&Kind::ALL);
                    let channel = *random.pick(&[ChannelKind::OwnHall, ChannelKind::SocialOutlet]);
                    (self.app.ids.next(now), self.app.ids.next(now), kind, channel, (random.permille(60), random.permille(120)))
                })
                .collect();
            let people = rows.iter().zip(from..until).map(|((line, _, _, _, deaf), index)| Person {
                line: *line,
                digits: format!("199{index:08}"),
                reached: 0,
                deaf: *deaf,
                gone: false,
            });
            self.outside.with(|inside, _| {
                for person in people {
                    inside.by_digits.insert(person.digits.clone(), inside.people.len());
                    inside.by_line.insert(person.line, inside.people.len());
                    inside.people.push(person);
                }
            });
            let app = self.app.clone();
            self.app
                .write(move |tx| {
                    for ((line, number, kind, channel, _), index) in rows.iter().zip(from..until) {
                        let digits = format!("199{index:08}");
                        let blind = app.vault.blind(chuangsha_vault::Field::Phone, &format!("86{digits}"))?.0.to_vec();
                        let sealed = app.seal_pool_number(tx, *number, &digits)?;
                        registered::add_number(
                            tx,
                            &PoolNumber {
                                id: *number,
                                index: blind,
                                sealed,
                                region: CITY.to_owned(),
                                product: Product::Voice,
                                state: NumberState::InUse as i64,
                                holder: Some(*line),
                            },
                        )?;
                        registered::add_subscription(
                            tx,
                            &Subscription {
                                id: *line,
                                number: *number,
                                subject: None,
                                person_key: None,
                                region: CITY.to_owned(),
                                channel_kind: *channel as i64,
                                product: Product::Voice,
                                real_name: false,
                                since: now,
                            },
                        )?;
                        let finding = Finding {
                            subscription: *line,
                            kind: *kind,
                            reason: "world".to_owned(),
                            found_at: now,
                            closed_at: None,
                            region: CITY.to_owned(),
                            channel_kind: *channel as i64,
                            batch: None,
                        };
                        kind::open(tx, &finding)?;
                    }
                    Ok(())
                })
                .await
                .unwrap();
        }
    }

    async fn begin(&mut self) {
        let day = |after: i32| FIRST.saturating_add(jiff::Span::new().days(after)).to_string();
        let input = NewCampaign {
            name: "存量一年".to_owned(),
            region: CITY.to_owned(),
            kinds: Vec::new(),
            channels: Vec::new(),
            numbers: Vec::new(),
            from: day(0),
            until: day(364),
            stops_per_day: 0,
            auto_pause: true,
            stages: desk::stages([0, 30, 45, 110].map(day).each_ref().map(String::as_str), &day(364)),
            targets: vec![TargetInput { due: day(180), percent: 95 }, TargetInput { due: day(360), percent: 100 }],
        };
        self.campaign = desk::create(&self.app, &self.manager, input).await.unwrap();
        let step = remediation::campaign::Step::Start;
        desk::turn(&self.app, &self.manager, self.campaign, 1, step, String::new()).await.unwrap();
    }

    fn now(&self) -> Timestamp {
        chuangsha_kernel::time::Clock::now(&*self.kit.clock)
    }

    async fn day(&mut self, day: i32) -> Result<(), Broken> {
        let midnight = Timestamp::start_of(FIRST.saturating_add(jiff::Span::new().days(day)));
        let down = gateway_down(usize::try_from(day).unwrap_or(0));
        self.outside.with(|inside, _| {
            inside.day = day;
            inside.gateway_down = down;
        });
        if self.plan.restarts && matches!(day, 20 | 77 | 150 | 290) {
            self.restart().await;
        }
        for hour in [9, 10, 15, 22] {
            self.kit.clock.set(midnight.plus_ms(hour * HOUR_MS + 60_000));
            match hour {
                9 if day % 7 == 0 => self.release().await,
                10 => self.happen(day).await,
                15 => self.outcomes().await,
                _ => {}
            }
            self.settle().await;
        }
        while clock::fold(&self.app).await.unwrap() > 0 {}
        self.check(day).await
    }

    /// Close and open again: what was committed is there, and nothing else is.
    async fn restart(&mut self) {
        let config = self.app.store.config().clone();
        self.app.store.close().await;
        let store = Store::open(&config).await.unwrap();
        self.app = self.kit.app_on(store).await;
        self.wire();
    }

    async fn release(&mut self) {
        let size = i64::from(self.plan.subscribers / 8 + 1);
        let foretold = desk::simulate(&self.app, &self.manager, self.campaign, size).await.unwrap();
        if foretold.touches > 0 {
            // A wave that still takes lines in is not overtaken.
            drop(desk::release(&self.app, &self.manager, self.campaign, size, foretold.touches).await);
        }
    }

    /// The jobs and the workers until nothing moves any more.
    async fn settle(&mut self) {
        for _ in 0..200 {
            let mut moved = clock::turn(&self.app).await.unwrap();
            moved += suspension::watch::turn(&self.app).await.unwrap();
            for (topic, handler) in &self.handlers {
                let worker = Worker {
                    store: self.app.store.clone(),
                    settings: WorkerSettings { batch: 256, ..WorkerSettings::new(topic, "year") },
                    handler: Arc::clone(handler),
                    clock: Arc::clone(&self.app.clock),
                    ids: Arc::clone(&self.app.ids),
                    wake: Arc::default(),
                };
                moved += worker.turn().await.unwrap();
            }
            moved += self.receipts().await;
            if moved == 0 {
                break;
            }
        }
    }

    /// Receipts whose time has come; the same one twice and one of nobody among them.
    async fn receipts(&mut self) -> usize {
        let due: Vec<Receipt> = self.outside.with(|inside, now| {
            let later = inside.receipts.split_off(&(now.0 + 1, 0));
            std::mem::replace(&mut inside.receipts, later).into_values().collect()
        });
        let count = due.len();
        for receipt in due {
            self.app.note_receipt(receipt).await.unwrap();
        }
        count
    }

    async fn open_case(&self, line: Uuid) -> Option<Case> {
        self.app.read(move |tx| table::open_of(tx, line)).await.unwrap()
    }

    fn line(&self, who: usize) -> Uuid {
        self.outside.with(|inside, _| inside.people.get(who).map_or(Uuid::nil(), |person| person.line))
    }

    /// What people do this morning.
    async fn happen(&mut self, day: i32) {
        let offline = outlets_offline(usize::try_from(day).unwrap_or(0));
        let visits = self.outside.with(|inside, _| inside.visits.remove(&day).unwrap_or_default());
        for who in visits {
            let (line, app) = (self.line(who), self.app.clone());
            let (now, order) = (self.now(), OrderId(self.app.ids.next(self.now())));
            let restored = self
                .app
                .write(move |tx| {
                    let open = table::open_of(tx, line)?.filter(|case| case.state.is_open());
                    if open.is_none() {
                        return Ok(false);
                    }
                    remediation::came(&app, tx, By::System("world"), line, order, now)?;
                    if !offline {
                        remediation::restored(&app, tx, line, order, now)?;
                    }
                    Ok(!offline)
                })
                .await
                .unwrap();
            self.outside.with(|inside, _| {
                inside.told.restored += u64::from(restored);
                if offline {
                    inside.visits.entry(208).or_default().insert(who);
                }
            });
        }
        let many = u64::from(self.plan.subscribers / 2_000 + 1);
        for _ in 0..many {
            let who = usize::try_from(self.random.below(u64::from(self.plan.subscribers))).unwrap();
            let Some(case) = self.open_case(self.line(who)).await else { continue };
            match self.random.below(10) {
                0..4 => self.complain(&case).await,
                4 => {
                    self.step(&case, Asked::Exempt { until: self.days_on(40) }).await;
                }
                5 => {
                    let done = self.step(&case, Asked::Protect { category: "elderly".to_owned(), until: String::new() }).await;
                    if done {
                        self.outside.with(|inside, _| inside.protected.insert(who));
                    }
                }
                6 if day % 5 == 0 => self.leave(who, &case).await,
                7..10 if case.state.is_stopped() => self.emergency(who, &case).await,
                _ => {}
            }
        }
    }

    fn days_on(&self, days: i64) -> String {
        self.now().plus_ms(days * DAY_MS).day().to_string()
    }

    /// A case that does not take the step now refuses it: that is an answer, not a fault of the world.
    async fn step(&self, case: &Case, asked: Asked) -> bool {
        desk::step(&self.app, &self.manager, case.id, case.version, asked, "模拟".to_owned()).await.is_ok()
    }

    async fn complain(&self, case: &Case) {
        let (app, now, line) = (self.app.clone(), self.now(), case.subscription);
        let held = self.app.write(move |tx| desk::complained(&app, tx, By::System("world"), line, "模拟", now)).await.unwrap();
        self.outside.with(|inside, _| inside.told.complaints += u64::from(held.is_some()));
    }

    /// The number goes to somebody else in the middle of it.
    async fn leave(&self, who: usize, case: &Case) {
        let (app, now, line) = (self.app.clone(), self.now(), case.subscription);
        self.app
            .write(move |tx| match subscription::find(tx, line)? {
                Some(held) => {
                    suspension::ended(&app, tx, By::System("world"), line, now)?;
                    ending::end_line(&app, tx, By::System("world"), &held, ending::Rest::Counted, "模拟", now)
                }
                None => Ok(()),
            })
            .await
            .unwrap();
        self.outside.with(|inside, _| {
            if let Some(person) = inside.people.get_mut(who) {
                person.gone = true;
            }
        });
    }

    async fn emergency(&self, who: usize, case: &Case) {
        let (app, now, old, manager) = (self.app.clone(), self.now(), case.clone(), self.manager.clone());
        let approver = StaffId(Uuid::from_u128(4_242));
        let done = self
            .app
            .write(move |tx| {
                let ladder = Ladder::read(&app.rules, &old.region, now)?;
                let step = Step::Emergency { until: now.plus_ms(50 * HOUR_MS), actor: manager.staff, approver };
                let Ok(decision) = old.decide(step, &ladder, now) else { return Ok(false) };
                let mut counts = table::Counts::default();
                let because = Because { why: "急诊", approver: Some(approver) };
                carry::step(&app, tx, By::Actor(&manager), &old, decision, because, &mut counts, now)?;
                counts.flush(&app.ids, tx, now)?;
                Ok(true)
            })
            .await
            // The engine may refuse what the case allows: then nothing was opened.
            .unwrap_or(false);
        self.outside.with(|inside, _| {
            if done {
                inside.interrupted.insert(who);
                inside.told.emergencies += 1;
            }
        });
    }

    /// Holds that were looked into, balances computed, refunds paid.
    async fn outcomes(&mut self) {
        let of = |state| table::Filter { state: Some(state), limit: 200, ..table::Filter::default() };
        let held = self.app.read(move |tx| table::list(tx, &of(State::Held))).await.unwrap();
        for case in held {
            if self.now().0 - case.since.0 < 5 * DAY_MS {
                continue;
            }
            let (app, now, old, manager) = (self.app.clone(), self.now(), case, self.manager.clone());
            self.app
                .write(move |tx| {
                    let ladder = Ladder::read(&app.rules, &old.region, now)?;
                    let mut old = old.clone();
                    if old.complaints >= ladder.complaints_owner && old.owner.is_none() {
                        let decision = old.decide(Step::Own { owner: manager.staff }, &ladder, now).unwrap();
                        old = carry::one(&app, tx, By::Actor(&manager), &old, decision, "", now)?;
                    }
                    let decision = old.decide(Step::Release { by: manager.staff }, &ladder, now).unwrap();
                    carry::one(&app, tx, By::Actor(&manager), &old, decision, "已核实", now).map(drop)
                })
                .await
                .unwrap();
        }
        let last = self.app.read(move |tx| table::list(tx, &of(State::FinalNotice))).await.unwrap();
        for case in last {
            let amount = i64::try_from(self.random.below(3)).unwrap() * 1_250;
            let now = self.now();
            self.app.write(move |tx| refund::compute(tx, &case, amount, now)).await.unwrap();
        }
        let owed = self.app.read(move |tx| table::list(tx, &of(State::Refunding))).await.unwrap();
        for case in owed {
            match self.random.below(20) {
                0 => self.step(&case, Asked::Settle { reference: "P-1".to_owned(), account_closed: false }).await,
                1 => self.step(&case, Asked::Settle { reference: String::new(), account_closed: true }).await,
                _ => false,
            };
        }
    }

    /// Everything that was promised, from outside and from the record.
    async fn check(&self, day: i32) -> Result<(), Broken> {
        let broken = |promise: String| Broken { seed: self.plan.seed, subscriber: None, day, promise };
        if let Some(first) = self.outside.with(|inside, _| inside.broken.first().cloned()) {
            return Err(broken(first));
        }
        let checks = self
            .app
            .read(|tx| {
                for (name, sql) in table::CHECKS {
                    if tx.query_one(sql, &[])?.int(0)? != 0 {
                        return Ok(Some((*name).to_owned()));
                    }
                }
                let counted = table::counts(tx, None, None)?;
                for row in tx.query("SELECT state, COUNT(*) FROM remediation_case GROUP BY state", &[])? {
                    let (state, cases) = (row.int(0)?, row.int(1)?);
                    let sum: i64 = counted.iter().filter(|one| one.metric == state).map(|one| one.value).sum();
                    if sum != cases {
                        return Ok(Some(format!("{cases} cases in state {state} and {sum} counted")));
                    }
                }
                Ok(None)
            })
            .await
            .unwrap();
        if let Some(name) = checks {
            return Err(broken(name));
        }
        // Read in full once a week where there are many.
        if self.plan.subscribers > 5_000 && day % 7 != 0 && day + 1 != self.plan.days {
            return Ok(());
        }
        let mut after = None;
        loop {
            let filter = table::Filter { after, limit: 1_000, ..table::Filter::default() };
            let page = self.app.read(move |tx| table::list(tx, &filter)).await.unwrap();
            for case in &page {
                if let Some(promise) = self.holds(case) {
                    return Err(broken(format!("{promise} ({} {})", case.state.as_str(), case.id)));
                }
            }
            after = page.last().map(|case| case.id);
            if page.len() < 1_000 {
                return Ok(());
            }
        }
    }

    /// What the element does against what the case says; `Some`: what does not fit.
    fn holds(&self, case: &Case) -> Option<&'static str> {
        let (stopped, gone) = self.outside.with(|inside, _| {
            let person = inside.by_line.get(&case.subscription).and_then(|who| inside.people.get(*who));
            let action = person.and_then(|person| inside.element.get(&person.digits)).copied();
            (matches!(action, Some(NetworkAction::StopOut | NetworkAction::StopBoth)), person.is_none_or(|person| person.gone))
        });
        promise::stands(case, stopped, gone)
    }

    async fn told(&self) -> Told {
        let counted = self.app.read(|tx| table::counts(tx, None, None)).await.unwrap();
        let mut told = self.outside.with(|inside, _| inside.told.clone());
        for one in counted {
            if let Some(state) = State::from_i64(one.metric) {
                *told.standing.entry(state.as_str().to_owned()).or_default() += one.value;
            }
        }
        let ended = |state: &str| told.standing.get(state).copied().unwrap_or(0);
        told.cancelled = (ended("cancelled") + ended("refunding") + ended("quarantined")).unsigned_abs();
        told
    }
}
