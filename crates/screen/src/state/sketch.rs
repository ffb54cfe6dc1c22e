//! 概略计数 (count-min): how often a number was seen of late, at most, in memory that does not grow. Asked only when the exact table is full, which is
//! when numbers are forged by the million: what a number needs lies on two lines of the cache, and both can be asked for ahead.

use std::sync::atomic::Ordering::Relaxed;

use super::table::hash;
use crate::machine::Words;

const WINDOW_S: u32 = 60;
/// Words of a line of the cache.
const WORDS: usize = 8;
/// Lines of one shard. As many in a small state as in a large one: how many numbers are forged has nothing to do with how many are remembered.
const LINES: usize = 1 << 14;
/// Counters of one minute on a line. Before them the minute, in two bytes.
const COUNTERS: usize = 30;
const NOW: usize = 2;
const BEFORE: usize = NOW + 32;

/// Two minutes of counts, the running one and the one before, for all shards of a side. Touched by a flood alone.
pub struct Sketch {
    lines: Words,
}

/// Where a number is counted: two counters on each of two lines.
struct Place {
    line: usize,
    counters: [usize; 2],
}

fn places(shard: usize, number: u64) -> [Place; 2] {
    [1, 2].map(|row| {
        let mixed = hash(number, row);
        let of = |bits: u64, most: usize| ((bits & 0xFFFF) as usize * most) >> 16;
        let first = of(mixed >> 16, COUNTERS);
        let second = (first + 1 + of(mixed >> 32, COUNTERS - 1)) % COUNTERS;
        Place { line: (shard * LINES + (mixed >> 48) as usize % LINES) * WORDS, counters: [first, second] }
    })
}

/// A line as bytes: the minute it was written in, the counts of that minute, those of the one before.
struct Line([[u8; 8]; WORDS]);

impl Line {
    fn at(&self, byte: usize) -> u8 {
        self.0.as_flattened().get(byte).copied().unwrap_or_default()
    }

    /// As it stands in a later minute. A clock set back empties it too: it forgets, it never accuses.
    fn within(&mut self, minute: u16) {
        let written = u16::from_le_bytes([self.at(0), self.at(1)]);
        if written == minute {
            return;
        }
        let bytes = self.0.as_flattened_mut();
        if written.wrapping_add(1) == minute {
            bytes.copy_within(NOW..NOW + COUNTERS, BEFORE);
        } else {
            bytes.fill(0);
        }
        bytes.iter_mut().skip(NOW).take(COUNTERS).for_each(|count| *count = 0);
        bytes.iter_mut().zip(minute.to_le_bytes()).for_each(|(byte, part)| *byte = part);
    }
}

impl Sketch {
    /// Empty.
    pub fn new(shards: usize) -> Self {
        Self { lines: Words::zeroed(shards * LINES * WORDS) }
    }

    /// Asks for what [`Self::count`] will need.
    #[inline]
    pub fn prefetch(&self, shard: usize, number: u64) {
        for place in places(shard, number) {
            self.lines.prefetch(place.line);
        }
    }

    /// Counts one more and says how many there were within this minute and the last: never fewer than true, seldom more. Nobody but who holds the
    /// lock of the shard does.
    pub fn count(&self, shard: usize, number: u64, now: u32) -> u32 {
        let minute = (now / WINDOW_S) as u16;
        let places = places(shard, number);
        let mut lines = [0, 1].map(|_| Line([[0; 8]; WORDS]));
        for (line, place) in lines.iter_mut().zip(&places) {
            if let Some(words) = self.lines.at::<WORDS>(place.line) {
                *line = Line(std::array::from_fn(|at| words.get(at).map_or(0, |word| word.load(Relaxed)).to_le_bytes()));
            }
            line.within(minute);
        }
        let least = |from: usize| {
            let counts = lines.iter().zip(&places).flat_map(|(line, place)| place.counters.map(|counter| line.at(from + counter)));
            counts.min().unwrap_or_default()
        };
        let (seen, before) = (least(NOW).saturating_add(1), least(BEFORE));
        for (line, place) in lines.iter_mut().zip(&places) {
            // Only the counters that are behind are raised: strangers share places, and each shares fewer of the counts.
            for counter in place.counters {
                if let Some(count) = line.0.as_flattened_mut().get_mut(NOW + counter) {
                    *count = (*count).max(seen);
                }
            }
            if let Some(words) = self.lines.at::<WORDS>(place.line) {
                words.iter().zip(line.0).for_each(|(word, bytes)| word.store(u64::from_le_bytes(bytes), Relaxed));
            }
        }
        u32::from(seen) + u32::from(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: usize = 1;

    #[test]
    fn it_never_counts_too_few_and_forgets_after_two_minutes() {
        let sketch = Sketch::new(2);
        let hash = |key: u64| hash(key, 3);
        for turn in 1..=5 {
            for key in 0..500 {
                assert!(sketch.count(SHARD, hash(key), 600) >= turn, "{key}");
            }
        }
        let over = (1_000..2_000).filter(|key| sketch.count(SHARD, hash(*key), 601) > 1).count();
        assert!(over < 20, "{over} of 1000 strangers were over-counted");
        assert_eq!(sketch.count(SHARD, hash(1), 660), 6);
        assert_eq!(sketch.count(SHARD, hash(1), 60 * 13), 1);
        assert_eq!(sketch.count(SHARD, hash(1), 5), 1);
        assert_eq!(sketch.count(0, hash(1), 5), 1, "another shard counts for itself");
    }

    #[test]
    fn a_million_forged_numbers_a_minute_are_hardly_ever_taken_for_one_that_was_seen() {
        let sketch = Sketch::new(2);
        let flood = 1_000_000 / 64;
        let over = (0..flood).filter(|key| sketch.count(SHARD, hash(*key, 3), 600) > 1).count();
        assert!(over * 1_000 < flood as usize, "{over} of {flood}");
    }
}
