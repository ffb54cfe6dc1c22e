//! 主叫记录: what one caller did of late, in 64 bytes.

use super::{
    table::{KEY_BITS, Resident, WORDS, hash},
    window::{self, Pair, Passed},
};
use crate::verdict::Action;

const MINUTE: u32 = 60;
const HOUR: u32 = 3_600;
const DAY: u32 = 86_400;

/// 主叫记录. Packed and unpacked by [`Caller::read`] and [`Caller::write`]:
///
/// | word | |
/// |---|---|
/// | 0 | number 50, tier 2, rule of the tier 5, immune 1, unused 6 |
/// | 1 | last seen 32, tier until 32 |
/// | 2 | calls this and last minute 2×8, block of the sweep 16, calls this and last hour 2×16 |
/// | 3 | one-ring calls 2×16, calls whose end is known 2×16 (hours) |
/// | 4 | answered 2×16 (hours), calls this and last day 2×16 |
/// | 5, 6 | different callees this hour: bitmap of 128 |
/// | 7 | last callee, low 32 bits; step 8; run 8; sweep 8; percent of different callees last hour 8 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caller {
    /// Number.
    pub number: u64,
    /// Standing sanction; pass = none.
    pub tier: Action,
    /// Which rule gave it, as its place in the list of rules.
    pub tier_rule: u8,
    /// 误拦解除: a person lifted a block; the rules of behaviour keep silent until the tier's end.
    pub immune: bool,
    /// Seconds of the last call.
    pub last: u32,
    /// End of the tier or of the immunity.
    pub until: u32,
    /// Calls.
    pub minute: Pair,
    /// Calls.
    pub hour: Pair,
    /// Calls.
    pub day: Pair,
    /// One-ring calls.
    pub short: Pair,
    /// Calls whose end is known.
    pub ended: Pair,
    /// Answered calls.
    pub answered: Pair,
    /// Bitmap of callees.
    pub callees: u128,
    /// Percent of different callees in the hour before.
    pub distinct_before: u8,
    /// Low digits of the last callee.
    pub last_callee: u32,
    /// Step between the last two callees.
    pub step: i8,
    /// How many callees in equal steps.
    pub run: u8,
    /// Block of ten thousand that outweighs the others, hashed.
    pub sweep_block: u16,
    /// By how many.
    pub sweep: u8,
}

/// Fewer calls than this say nothing about a share.
const ENOUGH: u32 = 20;

impl Caller {
    /// From its 64 bytes.
    #[inline]
    pub fn read(words: &[u64; WORDS]) -> Self {
        let [w0, w1, w2, w3, w4, w5, w6, w7] = *words;
        let pair = |word: u64, shift: u32| ((word >> shift) as u16, (word >> (shift + 16)) as u16);
        let tier = match w0 >> KEY_BITS & 3 {
            0 => Action::Pass,
            1 => Action::Label,
            2 => Action::Challenge,
            _ => Action::Block,
        };
        Self {
            number: w0 & ((1 << KEY_BITS) - 1),
            tier,
            tier_rule: (w0 >> 52 & 31) as u8,
            immune: w0 >> 57 & 1 == 1,
            last: w1 as u32,
            until: (w1 >> 32) as u32,
            minute: (w2 as u8 as u16, (w2 >> 8) as u8 as u16),
            sweep_block: (w2 >> 16) as u16,
            hour: pair(w2, 32),
            short: pair(w3, 0),
            ended: pair(w3, 32),
            answered: pair(w4, 0),
            day: pair(w4, 32),
            callees: u128::from(w5) | u128::from(w6) << 64,
            last_callee: w7 as u32,
            step: (w7 >> 32) as u8 as i8,
            run: (w7 >> 40) as u8,
            sweep: (w7 >> 48) as u8,
            distinct_before: (w7 >> 56) as u8,
        }
    }

    /// To its 64 bytes.
    #[inline]
    pub fn write(&self) -> [u64; WORDS] {
        let pair = |(one, two): Pair, shift: u32| u64::from(one) << shift | u64::from(two) << (shift + 16);
        let byte = |value: u16| u64::from(value.min(255));
        [
            self.number | (self.tier as u64) << KEY_BITS | u64::from(self.tier_rule) << 52 | u64::from(self.immune) << 57,
            u64::from(self.last) | u64::from(self.until) << 32,
            byte(self.minute.0) | byte(self.minute.1) << 8 | u64::from(self.sweep_block) << 16 | pair(self.hour, 32),
            pair(self.short, 0) | pair(self.ended, 32),
            pair(self.answered, 0) | pair(self.day, 32),
            self.callees as u64,
            (self.callees >> 64) as u64,
            u64::from(self.last_callee)
                | u64::from(self.step as u8) << 32
                | u64::from(self.run) << 40
                | u64::from(self.sweep) << 48
                | u64::from(self.distinct_before) << 56,
        ]
    }

    /// Moves every window to the moment; gives the moment to count at.
    fn roll(&mut self, now: u32) -> u32 {
        let (now, passed) = if self.last == 0 { (now, Passed::Reset) } else { window::passed(self.last, now) };
        if let Passed::From(before, now) = passed
            && before / MINUTE == now / MINUTE
        {
            self.last = now;
            return now;
        }
        window::roll(&mut self.minute, MINUTE, passed);
        if window::roll(&mut self.hour, HOUR, passed) {
            self.distinct_before = match self.hour.1 {
                0 => 0,
                calls => self.percent_distinct(u32::from(calls)),
            };
            self.callees = 0;
            self.sweep /= 2;
            for pair in [&mut self.short, &mut self.ended, &mut self.answered] {
                window::roll(pair, HOUR, passed);
            }
        }
        window::roll(&mut self.day, DAY, passed);
        if passed == Passed::Reset {
            self.run = 0;
            self.sweep = 0;
        }
        self.last = now;
        now
    }

    /// One more call. `stride`: the largest step that belongs to a run.
    pub fn call(&mut self, now: u32, callee: u64, stride: u32) {
        let first = self.last == 0;
        self.roll(now);
        window::add(&mut self.minute);
        window::add(&mut self.hour);
        window::add(&mut self.day);
        let bit = 1_u128 << (hash(callee, 0) & 127);
        let new = self.callees & bit == 0;
        self.callees |= bit;
        let step = (callee as u32).wrapping_sub(self.last_callee) as i32;
        if !first && step != 0 {
            let near = step.unsigned_abs() <= stride;
            self.run = match near {
                true if i32::from(self.step) == step => self.run.saturating_add(1),
                true => 2,
                false => 0,
            };
            self.step = if near { step as i8 } else { 0 };
        }
        self.last_callee = callee as u32;
        if new {
            let block = hash(callee / 10_000, 1) as u16;
            match self.sweep {
                _ if block == self.sweep_block => self.sweep = self.sweep.saturating_add(1),
                0 => (self.sweep_block, self.sweep) = (block, 1),
                _ => self.sweep -= 1,
            }
        }
    }

    /// The end of a call.
    pub fn ended(&mut self, now: u32, one_ring: bool, answered: bool) {
        self.roll(now);
        window::add(&mut self.ended);
        if one_ring {
            window::add(&mut self.short);
        }
        if answered {
            window::add(&mut self.answered);
        }
    }

    /// Calls an hour.
    pub fn calls_per_hour(&self) -> u32 {
        window::rate(self.hour, HOUR, self.last)
    }

    /// Calls of today and yesterday.
    pub fn calls_of_two_days(&self) -> u32 {
        u32::from(self.day.0) + u32::from(self.day.1)
    }

    /// One-ring calls an hour.
    pub fn short_per_hour(&self) -> u32 {
        window::rate(self.short, HOUR, self.last)
    }

    /// One-ring calls of those whose end is known, percent.
    pub fn percent_short(&self) -> u32 {
        let ended = window::rate(self.ended, HOUR, self.last).max(1);
        (self.short_per_hour() * 100 / ended).min(100)
    }

    /// Answered calls of those whose end is known, percent; none while too few are known.
    pub fn percent_answered(&self) -> Option<u32> {
        let ended = window::rate(self.ended, HOUR, self.last);
        (ended >= ENOUGH).then(|| (window::rate(self.answered, HOUR, self.last) * 100 / ended).min(100))
    }

    fn percent_distinct(&self, calls: u32) -> u8 {
        let taken = self.callees.count_ones();
        // Nearly all places taken: hundreds of callees, more than the bitmap can tell apart.
        if taken >= 124 { 100 } else { (window::distinct(taken) * 100 / calls.max(1)).min(100) as u8 }
    }

    /// Different callees of the calls, percent: of this hour when it has enough calls, else of the last.
    pub fn distinct_percent(&self) -> u32 {
        let calls = u32::from(self.hour.0);
        if calls >= ENOUGH || self.hour.1 == 0 { u32::from(self.percent_distinct(calls)) } else { u32::from(self.distinct_before) }
    }

    /// Different callees this hour, about.
    pub fn distinct(&self) -> u32 {
        window::distinct(self.callees.count_ones())
    }

    /// The standing tier at a moment. One that ends further in the future than any is ever given comes from a clock that was wrong.
    pub fn standing(&self, now: u32, longest: u32) -> Option<Action> {
        let stands = self.tier != Action::Pass && self.until > now && self.until - now <= longest;
        stands.then_some(self.tier)
    }
}

/// How records are chosen when the table is full.
pub struct Callers;

impl Resident for Callers {
    fn last_seen(record: &[u64; WORDS]) -> u32 {
        let [_, times, ..] = record;
        *times as u32
    }

    fn is_held(record: &[u64; WORDS], now: u32) -> bool {
        let [first, times, ..] = record;
        first >> KEY_BITS & 3 != 0 && (*times >> 32) as u32 > now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_steps_are_a_run_and_other_calls_end_it() {
        let mut caller = Caller::default();
        for step in 0..10 {
            caller.call(1_000 + step, 8_619_900_000_000 + u64::from(step) * 2, 10);
        }
        assert_eq!((caller.run, caller.step), (10, 2));
        caller.call(1_020, 8_619_900_000_018, 10);
        assert_eq!(caller.run, 10, "the same callee again neither lengthens nor ends it");
        caller.call(1_030, 8_613_800_000_000, 10);
        assert_eq!(caller.run, 0);
        for step in 0..4 {
            caller.call(1_040 + step, 8_613_800_000_000 - u64::from(step), 10);
        }
        assert_eq!((caller.run, caller.step), (4, -1));
    }

    #[test]
    fn callees_of_one_block_outweigh_the_others() {
        let mut caller = Caller::default();
        for at in 0..60_u64 {
            caller.call(1_000, 8_619_900_010_000 + (at * 37) % 100 * 99, 10);
        }
        assert!(caller.sweep > 30, "{}", caller.sweep);
        let mut fair = Caller::default();
        for at in 0..60_u64 {
            fair.call(1_000, 8_613_000_000_000 + hash(at, 5) % 900_000_000, 10);
        }
        assert!(fair.sweep < 5, "{}", fair.sweep);
    }

    #[test]
    fn the_share_of_different_callees_survives_the_turn_of_the_hour() {
        let mut caller = Caller::default();
        for at in 0..60_u64 {
            caller.call(3_600 + at as u32 * 59, 8_613_000_000_000 + hash(at, 5) % 900_000_000, 10);
        }
        assert!(caller.distinct_percent() > 80);
        caller.call(7_201, 8_613_000_000_000, 10);
        assert!(caller.distinct_percent() > 80, "{}", caller.distinct_percent());
        assert!((55..=61).contains(&caller.calls_per_hour()));
        let mut hammering = Caller::default();
        (0..60).for_each(|at| hammering.call(3_600 + at, 8_613_000_000_000 + u64::from(at % 3), 10));
        assert!(hammering.distinct_percent() < 10);
    }

    proptest! {
        #[test]
        fn sixty_four_bytes_hold_the_whole_record(words in any::<[u64; 8]>(), calls in prop::collection::vec((any::<u32>(), any::<u64>()), 0..40)) {
            let mut words = words;
            words[0] &= (1 << 58) - 1;
            prop_assert_eq!(Caller::read(&words).write(), words);
            let mut caller = Caller::read(&words);
            for (now, callee) in calls {
                caller.call(now, callee, 10);
                caller.ended(now, now & 1 == 0, now & 2 == 0);
                prop_assert!(caller.distinct_percent() <= 100 && caller.percent_short() <= 100);
                caller.minute = (caller.minute.0.min(255), caller.minute.1.min(255));
                prop_assert_eq!(Caller::read(&caller.write()), caller);
            }
        }
    }
}
