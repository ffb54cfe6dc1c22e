//! 重放: a token is made for one call. In another it is a copy, and a copy within its minute still looks fresh.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
};

use chuangsha_kernel::Timestamp;

/// Calls one token may come with. A peer whose first way to us is closed sends the call once more by another, under another Call-ID and with the token
/// it has; that is no copy.
const CALLS: u8 = 3;
/// How long tokens are known: as long as one can be fresh, from a minute too early to a minute too late.
const KNOWN_MS: u64 = 120_000;
/// Tokens known in each half of that time. With more of them the oldest are forgotten sooner: some copies are then missed, and nobody is accused.
const MOST: usize = 1 << 18;

/// Tokens seen lately, in two halves: when the younger is full or old enough, it takes the place of the older.
#[derive(Default)]
pub(super) struct Replays {
    /// Token, its last call, and how many calls it came with.
    halves: [HashMap<u64, (u64, u8)>; 2],
    since: Timestamp,
    secret: RandomState,
}

impl Replays {
    /// Remembers a token whose signature holds; false when it came with too many calls.
    pub fn fits(&mut self, signature: &[u8], call: &[u8], at: Timestamp) -> bool {
        let [young, old] = &mut self.halves;
        if young.len() >= MOST || self.since.0.abs_diff(at.0) > KNOWN_MS {
            *old = std::mem::take(young);
            self.since = at;
        }
        let (token, call) = (self.secret.hash_one(signature), self.secret.hash_one(call));
        let (last, calls) = young.get(&token).or_else(|| old.get(&token)).copied().unwrap_or((call, 1));
        let calls = if last == call { calls } else { calls.saturating_add(1) };
        young.insert(token, (call, calls));
        calls <= CALLS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_312_800_000);

    #[test]
    fn a_call_may_be_sent_again_and_rerouted_and_a_copy_stands_out() {
        let mut replays = Replays::default();
        assert!((0..10).all(|_| replays.fits(b"token", b"a", NOW)), "sent again");
        assert!(replays.fits(b"token", b"b", NOW) && replays.fits(b"token", b"c", NOW), "by another way");
        assert!(!replays.fits(b"token", b"d", NOW) && !replays.fits(b"token", b"e", NOW.plus_ms(60_000)));
        assert!(replays.fits(b"other", b"d", NOW));
    }

    #[test]
    fn what_is_known_is_bounded_and_a_clock_that_jumps_accuses_nobody() {
        let mut replays = Replays::default();
        for token in 0..3 * MOST as u32 {
            assert!(replays.fits(&token.to_be_bytes(), b"a", NOW));
        }
        assert!(replays.halves.iter().all(|half| half.len() <= MOST));
        for day in [1, -1, 400] {
            assert!(replays.fits(b"token", &[day as u8], NOW.plus_ms(i64::from(day) * 86_400_000)));
        }
    }
}
