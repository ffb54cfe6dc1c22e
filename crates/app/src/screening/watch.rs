//! 旁观: what was decided, from the thread that decides to everybody who looks later. On that thread nothing is waited for and nothing is allocated:
//! a few counters, and a copy of what did not pass (or was drawn as a sample) into a hand-over of a fixed size.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use chuangsha_kernel::time::Timestamp;
use chuangsha_screen::{Action, Attempt, Effect, Number, Observe, Outcome, Rule, Verdict};

use super::ScreeningConfig;

/// Seconds of one bucket of the counters.
pub const BUCKET_S: i64 = 10;
/// Buckets: a quarter of an hour.
pub const BUCKETS: usize = 90;
/// Verdicts kept in memory for the live page.
pub const NEWEST: usize = 500;
const RULES: usize = Rule::ALL.len();
const ACTIONS: usize = Action::ALL.len();
/// Latencies in classes of a quarter of a doubling, from 16 ns on.
const CLASSES: usize = 96;

/// 一次判定 as handed over: no text, a fixed size.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// When the call came.
    pub at: Timestamp,
    /// Where.
    pub trunk: u32,
    /// The answer; caller and callee as understood stand in it.
    pub verdict: Verdict,
}

impl Seen {
    /// The rule that decided: the hardest one that counted; of what passed, none.
    pub fn rule(&self) -> Option<Rule> {
        let enforced = self.verdict.reasons.iter().filter(|reason| reason.effect == Effect::Enforced);
        enforced.max_by_key(|reason| reason.action).map(|reason| reason.rule)
    }
}

#[derive(Default)]
struct Bucket {
    /// Which bucket of all time this is.
    number: AtomicI64,
    actions: [AtomicU32; ACTIONS],
    enforced: [AtomicU32; RULES],
    shadow: [AtomicU32; RULES],
}

/// What one bucket counted.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// Its beginning.
    pub at: Timestamp,
    /// Calls by action.
    pub actions: [u32; ACTIONS],
    /// Calls a rule decided about.
    pub enforced: [u32; RULES],
    /// Calls it would have decided about.
    pub shadow: [u32; RULES],
}

/// What those who look share; the deciding thread never takes this lock.
pub(super) struct Shown {
    receiver: Receiver<Seen>,
    /// Newest last.
    pub(super) newest: VecDeque<Seen>,
    /// To be written to the log.
    pub(super) unwritten: VecDeque<Seen>,
    /// What did not pass, by bucket and trunk.
    pub(super) trunks: VecDeque<(i64, HashMap<u32, [u32; ACTIONS]>)>,
    /// 呼死你: callees under attack, with the calls stopped for them and the last of these.
    pub(super) besieged: HashMap<Number, (u64, Timestamp)>,
    /// Callers a line showed that are not its own, in the quarter of an hour they were first seen in.
    pub(super) strangers: HashMap<u32, (i64, HashSet<Number>)>,
}

/// Lines whose calls are counted for the ledger, by their number: more than an operator of a province has.
const LINES: usize = 1 << 14;

/// Strangers of one line that are told apart: more say nothing more.
const STRANGERS: usize = 256;

/// 旁观者 of a node.
pub struct Watch {
    buckets: Vec<Bucket>,
    sender: SyncSender<Seen>,
    shown: Mutex<Shown>,
    /// Of 2³² passes so many are handed over.
    drawn: u64,
    room: usize,
    dropped: AtomicU64,
    unwritten_dropped: AtomicU64,
    outcomes: AtomicU64,
    took: Vec<AtomicU64>,
    /// Calls by action since the start, and how many of them are in the figures.
    totals: [AtomicU64; ACTIONS],
    figured: Mutex<[u64; ACTIONS]>,
    /// Calls that would have met a harder action, by that action, were the rules in shadow on.
    harder: [AtomicU64; ACTIONS],
    /// Calls stopped by one rule alone.
    alone: [AtomicU64; RULES],
    /// Calls of each line since the ledger was told last, and the last of them.
    lines: Vec<(AtomicU32, AtomicI64)>,
    /// What this node has in force.
    pub(super) node: tokio::sync::Mutex<super::snapshot::Node>,
    /// Held by whoever loads what is in force.
    pub(super) following: tokio::sync::Mutex<()>,
    /// Bases of the lists in use here.
    pub(super) bases: tokio::sync::Mutex<super::base::Bases>,
    /// Outcomes taken in by the feed.
    pub(super) fed: Mutex<super::decide::Fed>,
}

impl Watch {
    /// One that has seen nothing.
    pub fn new(config: &ScreeningConfig) -> Self {
        let room = config.waiting.max(1);
        let (sender, receiver) = sync_channel(room);
        let shown = Shown {
            receiver,
            newest: VecDeque::with_capacity(NEWEST),
            unwritten: VecDeque::new(),
            trunks: VecDeque::new(),
            besieged: HashMap::new(),
            strangers: HashMap::new(),
        };
        Self {
            buckets: (0..BUCKETS).map(|_| Bucket::default()).collect(),
            sender,
            shown: Mutex::new(shown),
            drawn: (u64::from(config.passes_in_ten_thousand.min(10_000)) << 32) / 10_000,
            room,
            dropped: AtomicU64::new(0),
            unwritten_dropped: AtomicU64::new(0),
            outcomes: AtomicU64::new(0),
            took: (0..CLASSES).map(|_| AtomicU64::new(0)).collect(),
            totals: Default::default(),
            figured: Mutex::default(),
            harder: Default::default(),
            alone: std::array::from_fn(|_| AtomicU64::new(0)),
            lines: (0..LINES).map(|_| (AtomicU32::new(0), AtomicI64::new(0))).collect(),
            node: tokio::sync::Mutex::default(),
            following: tokio::sync::Mutex::default(),
            bases: tokio::sync::Mutex::default(),
            fed: Mutex::default(),
        }
    }

    /// Calls that would have met this harder action, were the rules in shadow on.
    pub fn harder(&self, action: Action) -> u64 {
        self.harder.get(action as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Calls stopped by this rule alone.
    pub fn alone(&self, rule: Rule) -> u64 {
        self.alone.get(rule as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn compare(&self, verdict: &Verdict) {
        let mut hardest = verdict.action;
        let (mut stops, mut by) = (0, None);
        for reason in verdict.reasons.iter() {
            hardest = hardest.max(reason.action);
            if reason.effect == Effect::Enforced && reason.action == Action::Block {
                (stops, by) = (stops + 1, Some(reason.rule));
            }
        }
        if hardest > verdict.action
            && let Some(count) = self.harder.get(hardest as usize)
        {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let (1, Some(count)) = (stops, by.and_then(|rule| self.alone.get(rule as usize))) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Calls of each line since this was asked last: number, calls, the last of them.
    pub(super) fn take_lines(&self) -> Vec<(u32, u32, Timestamp)> {
        let taken = |(number, (calls, last)): (usize, &(AtomicU32, AtomicI64))| {
            let calls = calls.swap(0, Ordering::Relaxed);
            (calls > 0).then(|| (number as u32, calls, Timestamp(last.load(Ordering::Relaxed))))
        };
        self.lines.iter().enumerate().filter_map(taken).collect()
    }

    /// Calls by action that are in no figures yet.
    pub(super) fn uncounted(&self) -> [u64; ACTIONS] {
        let figured = *self.figured.lock().unwrap_or_else(PoisonError::into_inner);
        let totals = self.totals.each_ref().map(|total| total.load(Ordering::Relaxed));
        std::array::from_fn(|at| totals.get(at).zip(figured.get(at)).map_or(0, |(total, figured)| total - figured))
    }

    /// They are now.
    pub(super) fn counted(&self, calls: [u64; ACTIONS]) {
        let mut figured = self.figured.lock().unwrap_or_else(PoisonError::into_inner);
        figured.iter_mut().zip(calls).for_each(|(figured, calls)| *figured += calls);
    }

    /// How long a decision took, nanoseconds, where the edge measures it.
    pub fn took(&self, ns: u64) {
        if let Some(class) = self.took.get(class_of(ns)) {
            class.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Latency below which so many percent of all decisions lie, nanoseconds; none where no edge measures.
    pub fn percentile_ns(&self, percent: u64) -> Option<u64> {
        let counts: Vec<u64> = self.took.iter().map(|class| class.load(Ordering::Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        let mut left = (all * percent).div_ceil(100).max(1);
        let class = counts.iter().position(|count| {
            let here = *count >= left;
            left = left.saturating_sub(*count);
            here
        })?;
        Some(upper_of(class))
    }

    /// Verdicts that found the hand-over, or the room before the log, full.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed) + self.unwritten_dropped.load(Ordering::Relaxed)
    }

    /// Ends of calls reported since the start.
    pub fn outcomes(&self) -> u64 {
        self.outcomes.load(Ordering::Relaxed)
    }

    fn count(&self, at: Timestamp, verdict: &Verdict) {
        let number = at.0.div_euclid(BUCKET_S * 1_000);
        let Some(bucket) = self.buckets.get(number.rem_euclid(BUCKETS as i64) as usize) else { return };
        let held = bucket.number.load(Ordering::Relaxed);
        // A clock that jumped back counts nothing: the bucket is somebody else's by now.
        if held > number {
            return;
        }
        if held < number && bucket.number.compare_exchange(held, number, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            for counter in bucket.actions.iter().chain(&bucket.enforced).chain(&bucket.shadow) {
                counter.store(0, Ordering::Relaxed);
            }
        }
        let add = |counters: &[AtomicU32], at: usize| {
            if let Some(counter) = counters.get(at) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        };
        add(&bucket.actions, verdict.action as usize);
        for reason in verdict.reasons.iter() {
            let counters = if reason.effect == Effect::Enforced { &bucket.enforced } else { &bucket.shadow };
            add(counters, reason.rule as usize);
        }
    }

    /// The buckets of the quarter of an hour before `now`, oldest first; one in which nothing happened is all zeroes.
    pub fn counts(&self, now: Timestamp) -> Vec<Counts> {
        let last = now.0.div_euclid(BUCKET_S * 1_000);
        (last - BUCKETS as i64 + 1..=last)
            .map(|number| {
                let mut counts =
                    Counts { at: Timestamp(number * BUCKET_S * 1_000), actions: [0; ACTIONS], enforced: [0; RULES], shadow: [0; RULES] };
                let bucket = self.buckets.get(number.rem_euclid(BUCKETS as i64) as usize);
                if let Some(bucket) = bucket.filter(|bucket| bucket.number.load(Ordering::Relaxed) == number) {
                    counts.actions = bucket.actions.each_ref().map(|counter| counter.load(Ordering::Relaxed));
                    counts.enforced = bucket.enforced.each_ref().map(|counter| counter.load(Ordering::Relaxed));
                    counts.shadow = bucket.shadow.each_ref().map(|counter| counter.load(Ordering::Relaxed));
                }
                counts
            })
            .collect()
    }

    /// Takes over what was handed over, and gives what is shown. For those who look; never for the thread that decides.
    pub(super) fn shown(&self) -> MutexGuard<'_, Shown> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        // No more than one hand-over full: whoever looks is not kept busy by a flood.
        for _ in 0..=self.room {
            let Ok(seen) = shown.receiver.try_recv() else { break };
            if shown.unwritten.len() >= self.room {
                self.unwritten_dropped.fetch_add(1, Ordering::Relaxed);
            } else {
                shown.unwritten.push_back(seen);
            }
            if seen.verdict.action != Action::Pass {
                shown.show(seen);
            }
        }
        shown
    }

    /// Up to so many verdicts for the log, oldest first; what could not be written comes back through [`Self::put_back`].
    pub(super) fn take(&self, most: usize) -> Vec<Seen> {
        let mut shown = self.shown();
        let most = most.min(shown.unwritten.len());
        shown.unwritten.drain(..most).collect()
    }

    /// Verdicts the store did not take: first in line again. What no longer finds room, the oldest, is counted and let go.
    pub(super) fn put_back(&self, seen: Vec<Seen>) {
        let mut shown = self.shown();
        let room = self.room.saturating_sub(shown.unwritten.len());
        let lost = seen.len().saturating_sub(room);
        self.unwritten_dropped.fetch_add(lost as u64, Ordering::Relaxed);
        for one in seen.into_iter().skip(lost).rev() {
            shown.unwritten.push_front(one);
        }
    }

    /// How many wait for the log.
    pub fn waiting(&self) -> usize {
        self.shown().unwritten.len()
    }
}

impl Shown {
    fn show(&mut self, seen: Seen) {
        if self.newest.len() == NEWEST {
            self.newest.pop_front();
        }
        self.newest.push_back(seen);
        let number = seen.at.0.div_euclid(BUCKET_S * 1_000);
        if self.trunks.back().is_none_or(|(last, _)| *last < number) {
            self.trunks.push_back((number, HashMap::new()));
        }
        while self.trunks.len() > BUCKETS {
            self.trunks.pop_front();
        }
        if let Some((_, trunks)) = self.trunks.back_mut()
            && let Some(count) = trunks.entry(seen.trunk).or_default().get_mut(seen.verdict.action as usize)
        {
            *count += 1;
        }
        if seen.verdict.reasons.of(Rule::NotAllowed).is_some()
            && let Some(caller) = seen.verdict.caller
        {
            let window = seen.at.0.div_euclid(BUCKET_S * 1_000 * BUCKETS as i64);
            let (held, strangers) = self.strangers.entry(seen.trunk).or_default();
            if *held != window {
                (*held, *strangers) = (window, HashSet::new());
            }
            if strangers.len() < STRANGERS {
                strangers.insert(caller);
            }
        }
        if seen.verdict.reasons.of(Rule::Bombing).is_some()
            && let Some(callee) = seen.verdict.callee
        {
            let quiet_since = seen.at.plus_ms(-BUCKET_S * 1_000 * BUCKETS as i64);
            if self.besieged.len() >= NEWEST {
                self.besieged.retain(|_, (_, last)| *last > quiet_since);
            }
            if self.besieged.len() < NEWEST || self.besieged.contains_key(&callee) {
                let (calls, last) = self.besieged.entry(callee).or_insert((0, seen.at));
                // A siege that paused for a quarter of an hour was another one.
                *calls = if *last < quiet_since { 1 } else { *calls + 1 };
                *last = seen.at;
            }
        }
    }
}

impl Observe for Watch {
    fn decided(&self, attempt: &Attempt<'_>, verdict: &Verdict) {
        self.count(attempt.at, verdict);
        if let Some(total) = self.totals.get(verdict.action as usize) {
            total.fetch_add(1, Ordering::Relaxed);
        }
        self.compare(verdict);
        if let Some((calls, last)) = self.lines.get(attempt.trunk.0 as usize) {
            calls.fetch_add(1, Ordering::Relaxed);
            last.fetch_max(attempt.at.0, Ordering::Relaxed);
        }
        // The sample is drawn by the evidence: the same call is drawn on every node and in every replay.
        let drawn = verdict.action != Action::Pass || (verdict.evidence.0 as u32 as u64) < self.drawn;
        if drawn {
            let seen = Seen { at: attempt.at, trunk: attempt.trunk.0, verdict: *verdict };
            if self.sender.try_send(seen).is_err() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn ended(&self, _: &Outcome) {
        self.outcomes.fetch_add(1, Ordering::Relaxed);
    }

    fn took(&self, ns: u64) {
        Self::took(self, ns);
    }
}

fn class_of(ns: u64) -> usize {
    let ns = ns.max(16);
    let doubling = ns.ilog2();
    let quarter = (ns >> (doubling - 2)) & 0b11;
    ((doubling as usize - 4) * 4 + quarter as usize).min(CLASSES - 1)
}

const fn upper_of(class: usize) -> u64 {
    let (doubling, quarter) = (class / 4 + 4, class as u64 % 4);
    (1 << doubling) + ((quarter + 1) << (doubling - 2))
}

#[cfg(test)]
mod tests {
    use chuangsha_screen::{EvidenceId, Ingress, Reason, Reasons, Redress, TrunkId, Versions};

    use super::*;

    const NOON: Timestamp = Timestamp(1_795_320_000_000);

    fn verdict(action: Action, rule: Rule, evidence: u128) -> Verdict {
        let mut reasons = Reasons::default();
        reasons.push(Reason { rule, effect: Effect::Enforced, action, measured: 0, limit: 0 });
        Verdict {
            action,
            score: 100,
            reasons,
            caller: Number::china(19_900_001_111),
            callee: Number::china(19_900_002_222),
            category: 0,
            country: 0,
            versions: Versions::default(),
            evidence: EvidenceId(evidence),
            expires: NOON,
            redress: Redress::None,
        }
    }

    fn tell(watch: &Watch, at: Timestamp, verdict: &Verdict) {
        watch.decided(&Attempt::new(1, at, TrunkId(7), Ingress::Interconnect, None, "19900002222"), verdict);
    }

    #[test]
    fn a_quarter_of_an_hour_is_counted_and_what_is_older_is_gone() {
        let watch = Watch::new(&ScreeningConfig::default());
        tell(&watch, NOON, &verdict(Action::Block, Rule::BadList, 1));
        tell(&watch, NOON.plus_ms(9_999), &verdict(Action::Label, Rule::Suspect, 2));
        tell(&watch, NOON.plus_ms(10_000), &verdict(Action::Pass, Rule::AllowList, 3));
        let counts = watch.counts(NOON.plus_ms(10_000));
        assert_eq!((counts.len(), counts[BUCKETS - 2].actions, counts[BUCKETS - 1].actions), (BUCKETS, [0, 1, 0, 1], [1, 0, 0, 0]));
        assert_eq!(counts[BUCKETS - 2].enforced[Rule::BadList as usize], 1);
        let later = NOON.plus_ms(BUCKET_S * 1_000 * BUCKETS as i64);
        tell(&watch, later, &verdict(Action::Block, Rule::BadList, 4));
        let sum = |now| watch.counts(now).iter().map(|counts| counts.actions.iter().sum::<u32>()).sum::<u32>();
        assert_eq!(sum(later), 2, "the first bucket was taken over by the newest, the second is just inside");
        tell(&watch, NOON, &verdict(Action::Block, Rule::BadList, 5));
        assert_eq!(sum(later), 2, "a clock that jumped back counts nothing");
    }

    #[test]
    fn what_finds_no_room_is_counted_and_nobody_waits() {
        let watch = Watch::new(&ScreeningConfig { waiting: 4, passes_in_ten_thousand: 0, ..ScreeningConfig::default() });
        for index in 0..6 {
            tell(&watch, NOON, &verdict(Action::Block, Rule::BadList, index));
        }
        tell(&watch, NOON, &verdict(Action::Pass, Rule::AllowList, 9));
        assert_eq!((watch.dropped(), watch.waiting()), (2, 4), "two found the hand-over full; a pass that was not drawn is no loss");
        let taken = watch.take(3);
        assert_eq!((taken.len(), watch.waiting()), (3, 1));
        for index in 10..12 {
            tell(&watch, NOON, &verdict(Action::Block, Rule::BadList, index));
        }
        watch.put_back(taken);
        assert_eq!((watch.waiting(), watch.dropped()), (4, 4), "the oldest two of what came back found their room taken");
        let order: Vec<u128> = watch.take(9).iter().map(|seen| seen.verdict.evidence.0).collect();
        assert_eq!(order, [2, 3, 10, 11]);
    }

    #[test]
    fn passes_are_drawn_by_their_evidence() {
        let watch = Watch::new(&ScreeningConfig { passes_in_ten_thousand: 5_000, ..ScreeningConfig::default() });
        for evidence in [0, u128::from(u32::MAX), 1 << 40] {
            tell(&watch, NOON, &verdict(Action::Pass, Rule::AllowList, evidence));
        }
        assert_eq!(watch.waiting(), 2);
    }

    #[test]
    fn percentiles_come_in_steps_of_a_quarter() {
        let watch = Watch::new(&ScreeningConfig::default());
        assert_eq!(watch.percentile_ns(50), None);
        for _ in 0..99 {
            watch.took(400);
        }
        watch.took(1_000_000);
        assert_eq!((watch.percentile_ns(50), watch.percentile_ns(99)), (Some(448), Some(448)));
        assert!(watch.percentile_ns(100).is_some_and(|ns| (1_000_000..1_300_000).contains(&ns)));
        assert_eq!((class_of(0), class_of(u64::MAX)), (0, CLASSES - 1));
    }
}
