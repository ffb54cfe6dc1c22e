//! 滑动窗口: counters over the last minute, hour, day, from two numbers each: this window and the one before, weighted by how much of it is still
//! within reach.

/// Seconds since 2020-01-01 UTC: fits 32 bits until 2156.
#[inline]
pub fn seconds(at: chuangsha_kernel::Timestamp) -> u32 {
    const EPOCH_MS: i64 = 1_577_836_800_000;
    u32::try_from(at.0.saturating_sub(EPOCH_MS).div_euclid(1_000)).unwrap_or(if at.0 < EPOCH_MS { 0 } else { u32::MAX })
}

/// A call this much older than the last one is late; one older still means that the clock was set.
const LATE_S: u32 = 300;

/// What time did since the record was last touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// From then to now, not backwards.
    From(u32, u32),
    /// The clock was set back: nothing that was counted can be placed in time any more.
    Reset,
}

/// The time a record goes by: a late call counts at the time of the last one; a clock set back empties the windows, which can only let a call pass.
#[inline]
pub fn passed(last: u32, now: u32) -> (u32, Passed) {
    if now >= last {
        (now, Passed::From(last, now))
    } else if last - now <= LATE_S {
        (last, Passed::From(last, last))
    } else {
        (now, Passed::Reset)
    }
}

/// This window and the one before.
pub type Pair = (u16, u16);

/// Moves a pair on; true when this window is a new one.
#[inline]
pub fn roll(pair: &mut Pair, window_s: u32, passed: Passed) -> bool {
    match passed {
        Passed::From(last, now) => match now / window_s - last / window_s {
            0 => false,
            1 => {
                *pair = (0, pair.0);
                true
            }
            _ => {
                *pair = (0, 0);
                true
            }
        },
        Passed::Reset => {
            *pair = (0, 0);
            true
        }
    }
}

/// One more in this window.
#[inline]
pub fn add(pair: &mut Pair) {
    pair.0 = pair.0.saturating_add(1);
}

/// How many within the last `window_s` seconds, about.
#[inline]
pub fn rate(pair: Pair, window_s: u32, now: u32) -> u32 {
    let left = window_s - now % window_s;
    u32::from(pair.0) + u32::from(pair.1) * left / window_s
}

/// How many different things were put into a bitmap of 128 places, when `set` of them are taken: how many draws it takes on average to see so many
/// different places. Exact arithmetic, so that every machine says the same.
#[inline]
pub fn distinct(set: u32) -> u32 {
    #[allow(clippy::indexing_slicing, reason = "at compile time: a wrong index does not compile")]
    const TABLE: [u16; 129] = {
        let mut table = [0; 129];
        let mut set = 0;
        while set < 129 {
            table[set] = draws(set as u32) as u16;
            set += 1;
        }
        table
    };
    let [.., most] = TABLE;
    u32::from(TABLE.get(set as usize).copied().unwrap_or(most))
}

const fn draws(set: u32) -> u32 {
    let mut sum = 0_u64;
    let mut taken = 0;
    while taken < set && taken < 128 {
        sum += 128 * 1_024 / (128 - taken as u64);
        taken += 1;
    }
    ((sum + 512) / 1_024) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_reads_the_same_at_every_moment_of_the_window() {
        let mut pair = (0, 0);
        let mut last = 7_200;
        for now in (7_200..36_000).step_by(60) {
            let (_, time) = passed(last, now);
            roll(&mut pair, 3_600, time);
            add(&mut pair);
            last = now;
            if now > 10_800 {
                let rate = rate(pair, 3_600, now);
                assert!((58..=62).contains(&rate), "{rate} at {now}");
            }
        }
    }

    #[test]
    fn a_clock_that_jumps_can_only_make_it_forget() {
        let mut pair = (50, 40);
        for (last, now, expected, time) in [
            (10_000, 10_000, (50, 40), 10_000),
            (10_000, 9_800, (50, 40), 10_000),
            (10_000, 9_000, (0, 0), 9_000),
            (10_000, 13_000, (0, 50), 13_000),
            (10_000, 4_000_000_000, (0, 0), 4_000_000_000),
        ] {
            let mut moved = pair;
            let (by, time_passed) = passed(last, now);
            roll(&mut moved, 3_600, time_passed);
            assert_eq!((moved, by), (expected, time), "{last} {now}");
        }
        assert!(!roll(&mut pair, 3_600, passed(10_000, 10_001).1));
        assert_eq!(seconds(chuangsha_kernel::Timestamp(i64::MIN)), 0);
        assert_eq!(seconds(chuangsha_kernel::Timestamp(i64::MAX)), u32::MAX);
        assert_eq!(seconds(chuangsha_kernel::Timestamp(1_577_836_801_500)), 1);
    }

    #[test]
    fn the_bitmap_counts_hundreds_with_128_bits() {
        assert_eq!([0, 1, 2, 64].map(distinct), [0, 1, 2, 88]);
        assert_eq!(distinct(128), distinct(200));
        let mut state = 1_u64;
        for truth in [20_u32, 60, 120, 200] {
            let mut bits = 0_u128;
            for _ in 0..truth {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                bits |= 1 << (state >> 57);
            }
            let guess = distinct(bits.count_ones());
            assert!(guess.abs_diff(truth) * 100 <= truth * 25, "{guess} for {truth}");
        }
    }
}
