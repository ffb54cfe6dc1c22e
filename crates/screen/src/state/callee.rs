//! 被叫记录: what came in for one number of late, in 64 bytes.

use super::{
    table::{KEY_BITS, Resident, WORDS, hash},
    window::{self, Pair, Passed},
};

const MINUTE: u32 = 60;
const HOUR: u32 = 3_600;
const DAY: u32 = 86_400;
/// Callers the callee spoke with, remembered.
const KNOWN: usize = 4;

/// 被叫记录. Packed and unpacked by [`Callee::read`] and [`Callee::write`]:
///
/// | word | |
/// |---|---|
/// | 0 | number 50, unused 14 |
/// | 1 | last seen 32, attack until 32 |
/// | 2 | calls this and last minute 2×16; of those looked at: all 16, strange ones 16 |
/// | 3 | calls this and last hour 2×16, calls this and last day 2×16 |
/// | 4 | baseline, sixteenths of a call an hour 32, hours it was learnt from 16, unused 16 |
/// | 5, 6 | different callers this hour: bitmap of 128 |
/// | 7 | four callers it spoke with, hashed to 16 bits each |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Callee {
    /// Number.
    pub number: u64,
    /// Seconds of the last call.
    pub last: u32,
    /// End of the protection against bombing.
    pub attack_until: u32,
    /// Calls.
    pub minute: Pair,
    /// Calls of this minute and the last whose caller was looked at, and how many of those were strange.
    pub looked: u16,
    /// Strange callers among them.
    pub strange: u16,
    /// Calls.
    pub hour: Pair,
    /// Calls.
    pub day: Pair,
    /// What is usual: sixteenths of a call an hour. Frozen while an attack is on.
    pub baseline: u32,
    /// Hours it was learnt from.
    pub learnt: u16,
    /// Bitmap of callers.
    pub callers: u128,
    /// Callers it spoke with.
    pub known: [u16; KNOWN],
}

impl Callee {
    /// From its 64 bytes.
    #[inline]
    pub fn read(words: &[u64; WORDS]) -> Self {
        let [w0, w1, w2, w3, w4, w5, w6, w7] = *words;
        let pair = |word: u64, shift: u32| ((word >> shift) as u16, (word >> (shift + 16)) as u16);
        Self {
            number: w0 & ((1 << KEY_BITS) - 1),
            last: w1 as u32,
            attack_until: (w1 >> 32) as u32,
            minute: pair(w2, 0),
            looked: (w2 >> 32) as u16,
            strange: (w2 >> 48) as u16,
            hour: pair(w3, 0),
            day: pair(w3, 32),
            baseline: w4 as u32,
            learnt: (w4 >> 32) as u16,
            callers: u128::from(w5) | u128::from(w6) << 64,
            known: [0, 16, 32, 48].map(|shift| (w7 >> shift) as u16),
        }
    }

    /// To its 64 bytes.
    #[inline]
    pub fn write(&self) -> [u64; WORDS] {
        let pair = |(one, two): Pair, shift: u32| u64::from(one) << shift | u64::from(two) << (shift + 16);
        [
            self.number,
            u64::from(self.last) | u64::from(self.attack_until) << 32,
            pair(self.minute, 0) | u64::from(self.looked) << 32 | u64::from(self.strange) << 48,
            pair(self.hour, 0) | pair(self.day, 32),
            u64::from(self.baseline) | u64::from(self.learnt) << 32,
            self.callers as u64,
            (self.callers >> 64) as u64,
            self.known.iter().rev().fold(0, |word, known| word << 16 | u64::from(*known)),
        ]
    }

    fn roll(&mut self, now: u32) -> u32 {
        let (now, passed) = if self.last == 0 { (now, Passed::Reset) } else { window::passed(self.last, now) };
        if let Passed::From(before, now) = passed
            && before / MINUTE == now / MINUTE
        {
            self.last = now;
            return now;
        }
        window::roll(&mut self.minute, MINUTE, passed);
        // Counts of the last two minutes, halved at each turn: an attack must go on to be one.
        (self.looked, self.strange) = if self.minute == (0, 0) { (0, 0) } else { (self.looked / 2, self.strange / 2) };
        if let Passed::From(before, now) = passed {
            self.learn(before, now);
        }
        if window::roll(&mut self.hour, HOUR, passed) {
            self.callers = 0;
        }
        window::roll(&mut self.day, DAY, passed);
        self.last = now;
        now
    }

    /// Takes the finished hours into the baseline, those of an attack excepted: or the attacker would teach us that a siege is usual.
    fn learn(&mut self, before: u32, now: u32) {
        let hours = now / HOUR - before / HOUR;
        if hours == 0 || self.attack_until / HOUR >= before / HOUR {
            return;
        }
        let mut take = |calls: u16| {
            let weight = u32::from(self.learnt).clamp(1, 8);
            self.baseline = (self.baseline * (weight - 1) + u32::from(calls) * 16) / weight;
            self.learnt = self.learnt.saturating_add(1);
        };
        take(self.hour.0);
        (1..hours.min(24)).for_each(|_| take(0));
    }

    /// One more call.
    pub fn call(&mut self, now: u32, caller: u64) {
        self.roll(now);
        window::add(&mut self.minute);
        window::add(&mut self.hour);
        window::add(&mut self.day);
        self.callers |= 1_u128 << (hash(caller, 0) & 127);
    }

    /// One of the calls was looked at more closely, and found that so many of those looked at are strange.
    pub fn look(&mut self, strange: u16) {
        self.looked = self.looked.saturating_add(1);
        self.strange = self.strange.saturating_add(strange).min(self.looked);
    }

    /// The callee spoke with somebody.
    pub fn spoke_with(&mut self, caller: u64) {
        if !self.knows(caller) {
            self.known.rotate_right(1);
            if let Some(place) = self.known.first_mut() {
                *place = print(caller);
            }
        }
    }

    /// Whether the callee spoke with this caller of late.
    pub fn knows(&self, caller: u64) -> bool {
        self.known.contains(&print(caller))
    }

    /// Calls a minute.
    pub fn calls_per_minute(&self) -> u32 {
        window::rate(self.minute, MINUTE, self.last)
    }

    /// Calls received today and yesterday.
    pub fn calls_of_two_days(&self) -> u32 {
        u32::from(self.day.0) + u32::from(self.day.1)
    }

    /// Different callers this hour, about.
    pub fn distinct(&self) -> u32 {
        window::distinct(self.callers.count_ones())
    }

    /// Strange callers among those looked at, percent.
    pub fn percent_strange(&self) -> u32 {
        u32::from(self.strange) * 100 / u32::from(self.looked).max(1)
    }

    /// Whether the protection stands at a moment; `longest`: how long it is ever given.
    pub fn under_attack(&self, now: u32, longest: u32) -> bool {
        self.attack_until > now && self.attack_until - now <= longest
    }
}

/// A caller in 16 bits; 0 means nobody.
fn print(caller: u64) -> u16 {
    (hash(caller, 2) as u16).max(1)
}

/// How records are chosen when the table is full.
pub struct Callees;

impl Resident for Callees {
    fn last_seen(record: &[u64; WORDS]) -> u32 {
        let [_, times, ..] = record;
        *times as u32
    }

    fn is_held(record: &[u64; WORDS], now: u32) -> bool {
        let [_, times, ..] = record;
        (*times >> 32) as u32 > now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_baseline_is_learnt_by_the_hour_and_frozen_under_attack() {
        let mut callee = Callee::default();
        for hour in 1..20_u32 {
            (0..8).for_each(|call| callee.call(hour * HOUR + call * 60, u64::from(call)));
        }
        assert_eq!(callee.baseline / 16, 8);
        let usual = callee.baseline;
        callee.attack_until = 20 * HOUR + 1_800;
        (0..600).for_each(|call| callee.call(20 * HOUR + call, u64::from(call)));
        callee.call(21 * HOUR + 60, 1);
        assert_eq!(callee.baseline, usual, "the hour of the attack teaches nothing");
        callee.call(22 * HOUR + 60, 1);
        assert!(callee.baseline < usual);
        callee.call(60 * HOUR, 1);
        assert!(callee.baseline / 16 == 0, "a day of silence is learnt too");
    }

    #[test]
    fn four_callers_it_spoke_with_are_known() {
        let mut callee = Callee::default();
        (1..=5).for_each(|caller| callee.spoke_with(caller));
        callee.spoke_with(5);
        assert_eq!([1, 2, 3, 4, 5, 6].map(|caller| callee.knows(caller)), [false, true, true, true, true, false]);
    }

    proptest! {
        #[test]
        fn sixty_four_bytes_hold_the_whole_record(words in any::<[u64; 8]>(), calls in prop::collection::vec((any::<u32>(), any::<u64>()), 0..40)) {
            let mut words = words;
            words[0] &= (1 << KEY_BITS) - 1;
            words[4] &= (1 << 48) - 1;
            prop_assert_eq!(Callee::read(&words).write(), words);
            let mut callee = Callee { baseline: 0, ..Callee::read(&words) };
            for (now, caller) in calls {
                callee.call(now, caller);
                callee.look((now & 1) as u16 * 4);
                callee.spoke_with(caller);
                prop_assert!(callee.knows(caller));
                prop_assert_eq!(Callee::read(&callee.write()), callee);
            }
        }
    }
}
