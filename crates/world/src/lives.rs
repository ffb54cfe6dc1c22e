//! 众生: every subscriber of a province lives the ladder for a year through the rules alone, one after the other and on every core, so that ten
//! millions of them take minutes and no memory. What happens to one is drawn from the seed and their number: a life that breaks a promise is lived
//! again by one line of a test. What stands between the rules and the network is [`crate::year`]'s: a sample goes the whole way there.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use chuangsha_app::remediation::{
    Case, Ladder, Medium, Purpose, Stage, State, Step,
    case::{Delivered, Effect, Facts},
    contact,
    kind::Kind,
    ladder,
};
use chuangsha_kernel::{
    id::StaffId,
    rulebook::Rulebook,
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use uuid::Uuid;

use crate::{
    promise,
    random::Random,
    year::{Broken, FIRST, Told, gateway_down, outlets_offline},
};

/// Hours of a day at which the jobs run and people do something.
const HOURS: [i64; 4] = [9, 10, 15, 22];
/// The hour people come and complain in, and the one staff decide in: places in [`HOURS`].
const MORNING: usize = 1;
const AFTERNOON: usize = 2;
/// Subscribers a thread takes at a time.
const SOME: u64 = 5_000;
/// Steps within one hour before the world calls it a loop.
const STEPS_MOST: usize = 40;

/// One hour of the year in one city, the same for everybody who lives there.
struct Moment {
    now: Timestamp,
    contact_at: Timestamp,
    stop_at: Option<Timestamp>,
    stages: i64,
    working: bool,
    tomorrow: Timestamp,
    ladder: usize,
}

struct City {
    code: String,
    moments: Vec<Moment>,
    ladders: Vec<Ladder>,
}

/// 省份: what is the same for all of one seed.
pub struct Province {
    seed: u64,
    days: i32,
    cities: Vec<City>,
}

impl Province {
    /// The province of a seed, for so many days.
    ///
    /// # Panics
    /// The embedded rules cannot be read.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a world that cannot be set up stops")]
    pub fn of(seed: u64, days: i32) -> Self {
        let rules = chuangsha_app::rulebook::embedded(true).expect("the embedded rules");
        let codes: Vec<String> = rules.provinces().cities("99").map(|city| format!("{}00", city.code)).collect();
        let cities = codes.into_iter().map(|code| City::of(&rules, code, days)).collect();
        Self { seed, days, cities }
    }
}

impl City {
    #[allow(clippy::expect_used, reason = "a world that cannot be set up stops")]
    fn of(rules: &Rulebook, code: String, days: i32) -> Self {
        let mut city = Self { code, moments: Vec::new(), ladders: Vec::new() };
        for day in 0..days {
            let midnight = Timestamp::start_of(FIRST.saturating_add(jiff::Span::new().days(day)));
            let begun = Stage::ALL.iter().zip([0, 30, 45, 110]).filter(|(_, from)| *from <= day);
            let stages = begun.map(|(stage, _)| *stage as i64).sum();
            for hour in HOURS {
                let now = midnight.plus_ms(hour * HOUR_MS + 60_000);
                let here = Ladder::read(rules, &city.code, now).expect("the rules of the ladder");
                if city.ladders.last() != Some(&here) {
                    city.ladders.push(here);
                }
                city.moments.push(Moment {
                    now,
                    contact_at: ladder::contact_at(rules, &city.code, now).expect("the quiet hours"),
                    stop_at: ladder::stop_at(rules, &city.code, now).expect("the hours of stops"),
                    stages,
                    working: rules.is_working_day(now.day()),
                    tomorrow: ladder::next_day(now),
                    ladder: city.ladders.len() - 1,
                });
            }
        }
        city
    }

    /// The first hour at or behind a time, behind `after`.
    fn hour_of(&self, at: Timestamp, after: usize) -> usize {
        let midnight = Timestamp::start_of(FIRST);
        let days = (at.0 - midnight.0).max(0) / DAY_MS;
        let rest = (at.0 - midnight.0).max(0) % DAY_MS;
        let slot = HOURS.iter().position(|hour| hour * HOUR_MS + 60_000 >= rest).unwrap_or(HOURS.len());
        let found = usize::try_from(days).unwrap_or(usize::MAX / 8).saturating_mul(HOURS.len()).saturating_add(slot);
        found.max(after + 1)
    }
}

/// A notice on its way out.
type Waiting = (Medium, Purpose, Timestamp);
/// One that arrives: when, by which medium, which notice, made when.
type Arriving = (Timestamp, Medium, Purpose, Timestamp);

/// One subscriber's year.
struct Life<'a> {
    city: &'a City,
    random: Random,
    case: Case,
    delivered: Delivered,
    waiting: Vec<Waiting>,
    arriving: Vec<Arriving>,
    /// Bits of the media that truly reached them.
    reached: i64,
    /// Messages never arrive; nobody ever answers.
    deaf: (bool, bool),
    gone: bool,
    protected: bool,
    /// The element keeps the line from calling.
    stopped: bool,
    visit: Option<usize>,
    incident: usize,
    balance: Option<i64>,
    told: Told,
}

/// The people who decide in the world.
const MANAGER: StaffId = StaffId(Uuid::from_u128(4_241));
const APPROVER: StaffId = StaffId(Uuid::from_u128(4_242));

/// Lives one subscriber's year: the line a failing seed becomes in a test.
///
/// # Errors
/// The first promise that did not hold.
pub fn life(province: &Province, subscriber: u64) -> Result<Told, Broken> {
    let mut random = Random::new(province.seed.wrapping_mul(0xA24B_AED4_963E_E407) ^ subscriber.wrapping_mul(0x9FB2_1C65_1E98_DF25));
    let city = random.pick(&province.cities);
    let kind = *random.pick(&Kind::ALL);
    let deaf = (random.permille(60), random.permille(120));
    // An eighth of the base is released every week.
    let wave = subscriber % 8;
    let enters = usize::try_from(wave * 7).unwrap_or(0) * HOURS.len();
    let now = city.moments.get(enters).map_or(Timestamp::start_of(FIRST), |moment| moment.now);
    let line = Uuid::from_u128(u128::from(subscriber));
    let case = Case { wave: i64::try_from(wave).unwrap_or(0), channel_kind: 1, ..Case::identified(line, line, kind, now) };
    let incident = enters + incident_in(&mut random);
    let mut life = Life {
        city,
        random,
        case,
        delivered: Delivered::default(),
        waiting: Vec::new(),
        arriving: Vec::new(),
        reached: 0,
        deaf,
        gone: false,
        protected: false,
        stopped: false,
        visit: None,
        incident,
        balance: None,
        told: Told::default(),
    };
    let mut at = enters;
    while at < city.moments.len() {
        if let Err(promise) = life.hour(at) {
            let day = i32::try_from(at / HOURS.len()).unwrap_or(province.days);
            return Err(Broken { seed: province.seed, subscriber: Some(subscriber), day, promise: promise.to_owned() });
        }
        at = life.next(at);
    }
    life.told.standing.insert(life.case.state.as_str().to_owned(), 1);
    life.told.cancelled = u64::from(matches!(life.case.state, State::Cancelled | State::Refunding | State::Quarantined));
    Ok(life.told)
}

/// Something happens to one in two thousand a day; the next such morning, from now.
fn incident_in(random: &mut Random) -> usize {
    usize::try_from(random.below(4_000)).unwrap_or(0) * HOURS.len() + MORNING
}

type Kept = Result<(), &'static str>;

impl Life<'_> {
    /// When something can happen next.
    fn next(&self, at: usize) -> usize {
        let mut next = self.incident.max(at + 1);
        let mut sooner = |other: usize| next = next.min(other.max(at + 1));
        if let Some(first) = self.arriving.iter().map(|one| one.0).min() {
            sooner(self.city.hour_of(first, at));
        }
        if !self.waiting.is_empty() {
            sooner(at + 1);
        }
        if let Some(visit) = self.visit {
            sooner(visit);
        }
        if !self.case.state.is_over() {
            sooner(self.city.hour_of(self.case.due, at));
        }
        // What staff do in the afternoons.
        let afternoon = at / HOURS.len() * HOURS.len() + AFTERNOON;
        let afternoon = if afternoon > at { afternoon } else { afternoon + HOURS.len() };
        match self.case.state {
            State::Held => {
                sooner(afternoon.max(self.city.hour_of(self.case.since.plus_ms(5 * DAY_MS), at) / HOURS.len() * HOURS.len() + AFTERNOON))
            }
            State::FinalNotice if self.balance.is_none() => sooner(afternoon),
            State::Refunding => sooner(afternoon),
            _ => {}
        }
        next
    }

    fn moment(&self, at: usize) -> Option<&Moment> {
        self.city.moments.get(at)
    }

    fn hour(&mut self, at: usize) -> Kept {
        let Some(moment) = self.moment(at) else { return Ok(()) };
        let now = moment.now;
        if at % HOURS.len() == MORNING {
            self.morning(at, now)?;
        }
        if at % HOURS.len() == AFTERNOON {
            self.afternoon(at, now)?;
        }
        for _ in 0..STEPS_MOST {
            let mut moved = false;
            if now >= self.case.due && !self.case.state.is_over() {
                moved |= self.tick(at)?;
            }
            moved |= self.send(at)?;
            moved |= self.receive(now);
            if !moved {
                return promise::stands(&self.case, self.stopped, self.gone).map_or(Ok(()), Err);
            }
        }
        Err("the clock never came to rest")
    }

    fn ladder(&self, at: usize) -> Option<&Ladder> {
        self.city.ladders.get(self.moment(at)?.ladder)
    }

    fn tick(&mut self, at: usize) -> Result<bool, &'static str> {
        let (Some(moment), Some(ladder)) = (self.moment(at), self.ladder(at)) else { return Ok(false) };
        let facts = Facts {
            stages: moment.stages,
            protected: self.protected,
            in_service: !self.gone,
            delivered: self.delivered,
            contact_at: moment.contact_at,
            stop_at: moment.stop_at,
            paused: 0,
            cap_left: true,
            tomorrow: moment.tomorrow,
            balance: self.balance,
            ordered: false,
        };
        let decision = self.case.decide(Step::Tick(&facts), ladder, moment.now).map_err(|_| "the clock was refused")?;
        let moved = !decision.action.is_empty();
        // The element stops the line again by itself when an emergency restoration is over.
        if decision.action == "remediation.emergency_over" && decision.case.state.is_stopped() {
            self.stop(at, true)?;
        }
        self.carry(at, decision.case, &decision.effects)?;
        Ok(moved)
    }

    /// A step somebody asks for; a refusal is an answer.
    fn ask(&mut self, at: usize, step: Step<'_>) -> Result<bool, &'static str> {
        let (Some(moment), Some(ladder)) = (self.moment(at), self.ladder(at)) else { return Ok(false) };
        let Ok(decision) = self.case.decide(step, ladder, moment.now) else { return Ok(false) };
        self.carry(at, decision.case, &decision.effects)?;
        Ok(true)
    }

    fn carry(&mut self, at: usize, case: Case, effects: &[Effect]) -> Kept {
        let Some(now) = self.moment(at).map(|moment| moment.now) else { return Ok(()) };
        if case.version > self.case.version + 1 {
            return Err("a step skipped a version");
        }
        self.case = case;
        for effect in effects {
            match *effect {
                Effect::Contact { medium, purpose, .. } => self.waiting.push((medium, purpose, now)),
                Effect::Stop => {
                    self.case.hold = Some(Uuid::nil());
                    self.told.stopped += 1;
                    self.stop(at, false)?;
                }
                Effect::Raise => self.stop(at, false)?,
                Effect::Lift | Effect::Interrupt { .. } => self.stopped = false,
                Effect::Terminate => self.gone = true,
                Effect::Settled | Effect::CloseFinding | Effect::Refund { .. } | Effect::Unclaimed | Effect::Free => {}
            }
        }
        Ok(())
    }

    fn stop(&mut self, at: usize, returns: bool) -> Kept {
        let Some(moment) = self.moment(at) else { return Ok(()) };
        let (now, working) = (moment.now, moment.working);
        let (reached, gone, protected) = (self.reached, self.gone, self.protected);
        self.stopped = true;
        self.think(at, 350, 6);
        promise::stopped(&promise::Stop { now, reached, gone, protected, returns, working }).map_or(Ok(()), Err)
    }

    /// Comes to an outlet within so many days, so many times in a thousand.
    fn think(&mut self, at: usize, permille: u64, within: u64) {
        if self.random.permille(permille) {
            let day = at / HOURS.len() + 1 + usize::try_from(self.random.below(within)).unwrap_or(0);
            let visit = day * HOURS.len() + MORNING;
            self.visit = Some(self.visit.map_or(visit, |known| known.min(visit)));
        }
    }

    fn send(&mut self, at: usize) -> Result<bool, &'static str> {
        let Some((now, contact_at)) = self.moment(at).map(|moment| (moment.now, moment.contact_at)) else { return Ok(false) };
        if self.waiting.is_empty() || contact_at > now {
            return Ok(false);
        }
        let down = gateway_down(at / HOURS.len());
        let mut moved = false;
        for (medium, purpose, made) in std::mem::take(&mut self.waiting) {
            if !contact::stands(&self.case, purpose) || self.gone {
                continue;
            }
            if down && medium == Medium::Sms {
                self.waiting.push((medium, purpose, made));
                continue;
            }
            moved = true;
            if let Some(broken) = promise::contacted(now, self.gone) {
                return Err(broken);
            }
            if medium == Medium::Sms {
                self.told.messages += 1;
                let lost = self.random.permille(80);
                let delay = i64::try_from(self.random.below(3)).unwrap_or(0) * 20 * HOUR_MS;
                if !lost && !self.deaf.0 {
                    self.arriving.push((now.plus_ms(delay), medium, purpose, made));
                    self.reached |= medium as i64;
                    self.think(at, 60, 10);
                }
            } else {
                self.told.calls += 1;
                if self.random.permille(600) && !self.deaf.1 {
                    self.arriving.push((now, medium, purpose, made));
                    self.reached |= medium as i64;
                    self.think(at, 80, 10);
                }
            }
        }
        Ok(moved)
    }

    /// Receipts whose time has come.
    fn receive(&mut self, now: Timestamp) -> bool {
        let before = self.arriving.len();
        let (delivered, mut told) = (&mut self.delivered, 0);
        self.arriving.retain(|(at, medium, purpose, made)| {
            if *at > now {
                return true;
            }
            delivered.contacts += 1;
            delivered.media |= *medium as i64;
            if let Some(kept) = delivered.told.get_mut(*purpose as usize - 1) {
                *kept = Some(kept.map_or((*made, now), |known| (known.0.max(*made), known.1.max(now))));
            }
            told += 1;
            false
        });
        before != self.arriving.len() && told > 0
    }

    fn morning(&mut self, at: usize, now: Timestamp) -> Kept {
        if self.visit.is_some_and(|visit| visit <= at) {
            self.visit = None;
            if self.case.state.is_open() && !self.gone {
                let order = Uuid::from_u128(now.0.unsigned_abs().into());
                self.ask(at, Step::Come { order })?;
                if outlets_offline(at / HOURS.len()) {
                    self.visit = Some(208 * HOURS.len() + MORNING);
                } else if self.ask(at, Step::Restore)? {
                    self.told.restored += 1;
                }
            }
        }
        if at != self.incident {
            return Ok(());
        }
        self.incident = at + 1 + incident_in(&mut self.random) / HOURS.len() * HOURS.len() + HOURS.len() - 1;
        if self.gone {
            return Ok(());
        }
        match self.random.below(10) {
            0..4 => {
                let held = self.ask(at, Step::Complain)?;
                self.told.complaints += u64::from(held);
            }
            4 => {
                self.ask(at, Step::Exempt { until: now.plus_ms(40 * DAY_MS) })?;
            }
            5 => self.protected |= self.ask(at, Step::Protect)?,
            6 if self.case.state.is_open() && self.random.permille(200) => {
                // The number goes to somebody else in the middle of it; the element opens the line with its end.
                self.gone = true;
                self.stopped = false;
            }
            7..10 if self.case.state.is_stopped() => {
                let step = Step::Emergency { until: now.plus_ms(50 * HOUR_MS), actor: MANAGER, approver: APPROVER };
                let done = self.ask(at, step)?;
                self.told.emergencies += u64::from(done);
            }
            _ => {}
        }
        Ok(())
    }

    fn afternoon(&mut self, at: usize, now: Timestamp) -> Kept {
        match self.case.state {
            State::Held if now.0 - self.case.since.0 >= 5 * DAY_MS => {
                let most = self.ladder(at).map_or(0, |ladder| ladder.complaints_owner);
                if self.case.complaints >= most && self.case.owner.is_none() {
                    self.ask(at, Step::Own { owner: MANAGER })?;
                }
                let by = self.case.owner.unwrap_or(MANAGER);
                if !self.ask(at, Step::Release { by })? {
                    return Err("a complaint that was looked into was not released");
                }
            }
            State::FinalNotice if self.balance.is_none() => {
                self.balance = Some(i64::try_from(self.random.below(3)).unwrap_or(0) * 1_250);
            }
            State::Refunding if self.random.below(20) == 0 => {
                self.ask(at, Step::Settle)?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Told {
    fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.calls += other.calls;
        self.stopped += other.stopped;
        self.restored += other.restored;
        self.cancelled += other.cancelled;
        self.complaints += other.complaints;
        self.emergencies += other.emergencies;
        for (state, count) in other.standing {
            *self.standing.entry(state).or_default() += count;
        }
    }
}

/// Lives everybody's year, on every core. `done` hears how many lived on.
///
/// # Errors
/// A life that broke a promise: of several, that of the lowest number among those lived.
pub fn live(province: &Province, subscribers: u64, done: &(dyn Fn(u64) + Sync)) -> Result<Told, Broken> {
    let (from, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let found: Mutex<(Told, BTreeMap<u64, Broken>)> = Mutex::default();
    let work = || {
        let mut told = Told::default();
        while !stop.load(Ordering::Relaxed) {
            let first = from.fetch_add(SOME, Ordering::Relaxed);
            if first >= subscribers {
                break;
            }
            let last = subscribers.min(first + SOME);
            for subscriber in first..last {
                match life(province, subscriber) {
                    Ok(lived) => told.add(lived),
                    Err(broken) => {
                        found.lock().unwrap_or_else(PoisonError::into_inner).1.insert(subscriber, broken);
                        stop.store(true, Ordering::Relaxed);
                        break;
                    }
                }
            }
            done(last - first);
        }
        found.lock().unwrap_or_else(PoisonError::into_inner).0.add(told);
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let (told, broken) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    broken.into_values().next().map_or(Ok(told), Err)
}
