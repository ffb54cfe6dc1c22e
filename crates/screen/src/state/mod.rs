//! 呼叫状态: what callers and callees did of late, in memory whose size is fixed at the start. Sharded, each shard behind its own lock; the same calls in
//! the same order leave the same state.

pub mod callee;
pub mod caller;
mod meter;
mod sketch;
mod table;
mod window;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use meter::{Count, Meters};
pub(crate) use table::hash;
pub(crate) use window::seconds;

use callee::{Callee, Callees};
use caller::{Caller, Callers};
use table::{Ground, Place, Table};

use crate::{
    attempt::{Outcome, Released},
    number::Number,
    rules::Thresholds,
    verdict::{Action, Rule},
};

/// 状态规模
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateConfig {
    /// Callers remembered: 66 bytes each once they have called.
    pub callers: usize,
    /// Callees remembered: the same.
    pub callees: usize,
    /// Keys the hashes: nobody outside can aim two numbers at one place. Random in production, fixed in a replay.
    pub seed: u64,
}

impl Default for StateConfig {
    /// A small province: a million of each, 132 MB when all have called.
    fn default() -> Self {
        Self { callers: 1 << 20, callees: 1 << 20, seed: 0 }
    }
}

const SHARDS: usize = 64;

/// 呼叫状态
pub struct State {
    callers: Side,
    callees: Side,
    seed: u64,
    /// What each rule did.
    pub meters: Meters,
}

/// One side of all calls.
struct Side {
    ground: Arc<Ground>,
    shards: Vec<Mutex<Table>>,
}

impl Side {
    fn new(records: usize) -> Self {
        let ground = Arc::new(Ground::new(SHARDS, records.div_ceil(SHARDS)));
        let shards = (0..SHARDS).map(|shard| Mutex::new(Table::new(Arc::clone(&ground), shard))).collect();
        Self { ground, shards }
    }

    #[inline]
    fn shard(&self, hash: u64) -> Option<MutexGuard<'_, Table>> {
        self.shards.get(place(hash)).map(lock)
    }
}

/// 一方: a number with its hash, made once for everything a decision looks up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Party {
    pub number: Number,
    hash: u64,
}

/// How full the state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Fill {
    /// Records in use.
    pub records: u64,
    /// Records there is room for.
    pub capacity: u64,
    /// Records that went for others.
    pub displaced: u64,
    /// Calls of numbers that got no record because the table was full and they were seen for the first time.
    pub refused: u64,
}

impl State {
    /// An empty state of a fixed size.
    pub fn new(config: StateConfig) -> Self {
        Self { callers: Side::new(config.callers), callees: Side::new(config.callees), seed: config.seed, meters: Meters::default() }
    }

    /// A caller, whose tags are asked for at once: they are on their way while the rest is read.
    #[inline]
    pub(crate) fn expect_caller(&self, number: Number) -> Party {
        self.expect(&self.callers, number)
    }

    /// The same of a callee.
    #[inline]
    pub(crate) fn expect_callee(&self, number: Number) -> Party {
        self.expect(&self.callees, number)
    }

    #[inline]
    fn expect(&self, side: &Side, number: Number) -> Party {
        let hash = hash(number.value(), self.seed);
        side.ground.prefetch_tags(place(hash), hash);
        Party { number, hash }
    }

    /// The second half: the tags have arrived and say where the records are.
    #[inline]
    pub(crate) fn prefetch_records(&self, caller: Party, callee: Party) {
        self.callees.ground.prefetch_record(place(callee.hash), callee.hash);
        self.callers.ground.prefetch_record(place(caller.hash), caller.hash);
    }

    /// Counts a call with both sides. A callee without record is none; a caller without one is answered with what the sketch knows: how often it
    /// called in two minutes.
    #[inline]
    pub(crate) fn calls(&self, caller: Party, callee: Party, now: u32, stride: u32) -> (Option<Callee>, Caller) {
        let (from, to) = (caller.hash, callee.hash);
        let (caller, callee) = (caller.number, callee.number);
        let unknown =
            |seen: u32| Caller { number: caller.value(), last: now, hour: (seen.min(u32::from(u16::MAX)) as u16, 0), ..Caller::default() };
        // One lock after the other, never both.
        let called = self.callees.shard(to).and_then(|mut callees| {
            let Place::At(place) = callees.find_or_insert::<Callees>(callee.value(), to, now) else { return None };
            let mut record = Callee::read(&callees.record(place)?);
            record.call(now, caller.value());
            callees.store(place, &record.write());
            Some(record)
        });
        let Some(mut callers) = self.callers.shard(from) else { return (called, unknown(1)) };
        let record = match callers.find_or_insert::<Callers>(caller.value(), from, now) {
            Place::Refused(seen) => unknown(seen),
            Place::At(place) => {
                let mut record = Caller::read(&callers.record(place).unwrap_or_default());
                record.call(now, callee.value(), stride);
                callers.store(place, &record.write());
                record
            }
        };
        (called, record)
    }

    /// What is known of a number as a callee.
    pub fn callee(&self, number: Number) -> Option<Callee> {
        let hash = hash(number.value(), self.seed);
        let table = self.callees.shard(hash)?;
        table.record(table.find(number.value(), hash)?).map(|words| Callee::read(&words))
    }

    /// What is known of a number as a caller.
    pub fn caller(&self, number: Number) -> Option<Caller> {
        let hash = hash(number.value(), self.seed);
        let table = self.callers.shard(hash)?;
        table.record(table.find(number.value(), hash)?).map(|words| Caller::read(&words))
    }

    pub(crate) fn with_callee(&self, number: Number, change: impl FnOnce(&mut Callee)) {
        let hash = hash(number.value(), self.seed);
        let Some(mut table) = self.callees.shard(hash) else { return };
        if let Some((place, words)) = table.find(number.value(), hash).and_then(|place| Some((place, table.record(place)?))) {
            let mut record = Callee::read(&words);
            change(&mut record);
            table.store(place, &record.write());
        }
    }

    pub(crate) fn with_caller(&self, number: Number, change: impl FnOnce(&mut Caller)) {
        let hash = hash(number.value(), self.seed);
        let Some(mut table) = self.callers.shard(hash) else { return };
        if let Some((place, words)) = table.find(number.value(), hash).and_then(|place| Some((place, table.record(place)?))) {
            let mut record = Caller::read(&words);
            change(&mut record);
            table.store(place, &record.write());
        }
    }

    /// Takes in how a call ended. Of a caller or callee without record nothing is learnt.
    pub fn outcome(&self, outcome: &Outcome, thresholds: &Thresholds) {
        let now = seconds(outcome.at);
        let one_ring = !outcome.answered() && outcome.released == Released::Caller && outcome.ring_ms <= thresholds.one_ring_ms;
        let mut spoke_long = None;
        self.with_caller(outcome.caller, |caller| {
            caller.ended(now, one_ring, outcome.answered());
            let stands = caller.standing(now, thresholds.hold_s).is_some();
            spoke_long = (stands && outcome.talk_ms >= LONG_TALK_MS).then_some(caller.tier_rule);
        });
        if outcome.answered() {
            self.with_callee(outcome.callee, |callee| callee.spoke_with(outcome.caller.value()));
        }
        if let Some(rule) = spoke_long.and_then(|rule| Rule::ALL.get(usize::from(rule))) {
            self.meters.doubted(*rule);
        }
    }

    /// 解除: takes back what the rules of behaviour did to a caller, at once, and keeps them silent about it for a while. For upheld appeals.
    pub fn lift(&self, number: Number, at: chuangsha_kernel::Timestamp, immune_s: u32) {
        let now = seconds(at);
        let mut rule = None;
        self.with_caller(number, |caller| {
            rule = (caller.tier != Action::Pass && !caller.immune).then_some(caller.tier_rule);
            *caller = Caller {
                number: caller.number,
                last: now,
                day: caller.day,
                until: now.saturating_add(immune_s),
                immune: true,
                ..Caller::default()
            };
        });
        if let Some(rule) = rule.and_then(|rule| Rule::ALL.get(usize::from(rule))) {
            self.meters.refuted(*rule);
        }
    }

    /// How full the tables are: callers, callees.
    pub fn fill(&self) -> [Fill; 2] {
        [&self.callers, &self.callees].map(|side| {
            side.shards.iter().map(lock).fold(Fill::default(), |fill, table| {
                let (displaced, refused) = table.losses();
                Fill {
                    records: fill.records + table.len() as u64,
                    capacity: fill.capacity + table.capacity() as u64,
                    displaced: fill.displaced + displaced,
                    refused: fill.refused + refused,
                }
            })
        })
    }

    /// A digest of all records: two states that were fed the same are the same.
    pub fn digest(&self) -> u64 {
        let tables = self.callers.shards.iter().chain(&self.callees.shards).map(lock);
        let of = |table: &Table| table.records().flatten().fold(0_u64, |sum, word| hash(sum ^ word, 1));
        tables.fold(0, |sum, table| hash(sum, 2) ^ of(&table))
    }
}

/// A call that both sides kept up this long was probably wanted.
const LONG_TALK_MS: u32 = 60_000;

/// A panic under the lock cannot leave half a record: each is written in one go.
#[inline]
fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which shard: by other bits than the sets and tags of a table take.
#[inline]
const fn place(hash: u64) -> usize {
    (hash >> 20) as usize % SHARDS
}
