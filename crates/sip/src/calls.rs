//! 呼叫观察: calls on their way past this edge, from the first INVITE to their end, so that ring time and release are known.
//!
//! Bounded: when there are too many the oldest is forgotten without an outcome. A call that nobody ended in a day is forgotten too.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chuangsha_screen::Released;

/// A call nobody ended in this time has ended unseen, microseconds.
const DAY_MICROS: u64 = 86_400_000_000;

/// 呼叫中: what has been seen of one call so far. Times are microseconds of one stopwatch.
#[derive(Debug, Clone)]
struct Call<P> {
    parties: P,
    caller_tag: u64,
    begun: u64,
    rang: Option<u64>,
    answered: Option<u64>,
    cancelled: bool,
}

/// 通话结束: what became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended<P> {
    /// Who.
    pub parties: P,
    /// How long it rang, milliseconds.
    pub ring_ms: u32,
    /// How long they spoke, milliseconds; 0 = never answered.
    pub talk_ms: u32,
    /// Who ended it.
    pub released: Released,
}

struct Table<P> {
    calls: HashMap<u64, Call<P>>,
    /// In the order they began; ended ones stay in it until it is their turn.
    order: VecDeque<(u64, u64)>,
}

/// 呼叫观察表.
pub struct Calls<P> {
    table: Mutex<Table<P>>,
    most: usize,
}

fn millis(from: u64, to: u64) -> u32 {
    u32::try_from(to.saturating_sub(from) / 1_000).unwrap_or(u32::MAX)
}

impl<P: Clone> Calls<P> {
    /// Room for that many calls at a time.
    pub fn new(most: usize) -> Self {
        Self { table: Mutex::new(Table { calls: HashMap::new(), order: VecDeque::new() }), most: most.max(1) }
    }

    fn table(&self) -> MutexGuard<'_, Table<P>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins. `caller_tag` is a hash of the From tag: it tells later who ended the call.
    pub fn begin(&self, call: u64, caller_tag: u64, parties: P, now: u64) {
        let mut table = self.table();
        while let Some((oldest, begun)) = table.order.front().copied() {
            let ended = table.calls.get(&oldest).is_none_or(|call| call.begun != begun);
            let old = now.saturating_sub(begun) > DAY_MICROS;
            if !ended && !old && table.calls.len() < self.most {
                break;
            }
            if !ended {
                table.calls.remove(&oldest);
            }
            table.order.pop_front();
        }
        let seen = Call { parties, caller_tag, begun: now, rang: None, answered: None, cancelled: false };
        if table.calls.insert(call, seen).is_none_or(|before| before.begun != now) {
            table.order.push_back((call, now));
        }
    }

    /// A response to the INVITE of a call. A refusal ends it.
    pub fn answered(&self, call: u64, status: u16, now: u64) -> Option<Ended<P>> {
        let mut table = self.table();
        let seen = table.calls.get_mut(&call)?;
        match status {
            180 | 183 => {
                seen.rang.get_or_insert(now);
                None
            }
            200..=299 => {
                seen.answered.get_or_insert(now);
                None
            }
            300.. if seen.answered.is_none() => {
                let released = match status {
                    _ if seen.cancelled => Released::Caller,
                    480 | 486 | 600 | 603 | 607 => Released::Callee,
                    _ => Released::Network,
                };
                let ended =
                    Ended { parties: seen.parties.clone(), ring_ms: seen.rang.map_or(0, |rang| millis(rang, now)), talk_ms: 0, released };
                table.calls.remove(&call);
                Some(ended)
            }
            _ => None,
        }
    }

    /// The caller takes the call back; the refusal that follows ends it.
    pub fn cancelled(&self, call: u64) {
        if let Some(seen) = self.table().calls.get_mut(&call) {
            seen.cancelled = true;
        }
    }

    /// Somebody hangs up.
    pub fn hung_up(&self, call: u64, tag: u64, now: u64) -> Option<Ended<P>> {
        let seen = self.table().calls.remove(&call)?;
        let released = if tag == seen.caller_tag { Released::Caller } else { Released::Callee };
        let answered = seen.answered.unwrap_or(now);
        let ring_ms = seen.rang.map_or(0, |rang| millis(rang, answered));
        // A call that was answered was spoken in, however short: 0 would say it was not.
        let talk_ms = seen.answered.map_or(0, |answered| millis(answered, now).max(1));
        Some(Ended { parties: seen.parties, ring_ms, talk_ms, released })
    }

    /// What is known of the parties of a call.
    pub fn parties(&self, call: u64) -> Option<P> {
        self.table().calls.get(&call).map(|seen| seen.parties.clone())
    }

    /// Calls under way.
    pub fn len(&self) -> usize {
        self.table().calls.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn one_ring_and_gone() {
        let calls = Calls::new(10);
        calls.begin(1, 7, "parties", 0);
        assert_eq!(calls.answered(1, 100, SECOND), None);
        assert_eq!(calls.answered(1, 180, SECOND), None);
        assert_eq!(calls.answered(1, 180, 2 * SECOND), None, "the first ring counts");
        calls.cancelled(1);
        let ended = calls.answered(1, 487, 2 * SECOND + 500_000).unwrap();
        assert_eq!(ended, Ended { parties: "parties", ring_ms: 1_500, talk_ms: 0, released: Released::Caller });
        assert_eq!(calls.answered(1, 487, 3 * SECOND), None, "a retransmitted refusal ends nothing twice");
    }

    #[test]
    fn who_hangs_up_is_told_by_the_tag() {
        let calls = Calls::new(10);
        for (call, tag, released) in [(1, 7, Released::Caller), (2, 8, Released::Callee)] {
            calls.begin(call, 7, (), 0);
            calls.answered(call, 183, SECOND);
            calls.answered(call, 200, 4 * SECOND);
            calls.answered(call, 200, 5 * SECOND);
            assert_eq!(calls.hung_up(call, tag, 64 * SECOND), Some(Ended { parties: (), ring_ms: 3_000, talk_ms: 60_000, released }));
            assert_eq!(calls.hung_up(call, tag, 65 * SECOND), None);
        }
        calls.begin(3, 7, (), 0);
        assert_eq!(calls.answered(3, 486, SECOND).map(|ended| ended.released), Some(Released::Callee));
        calls.begin(4, 7, (), 0);
        assert_eq!(calls.answered(4, 503, SECOND).map(|ended| ended.released), Some(Released::Network));
        assert!(calls.is_empty());
    }

    #[test]
    fn the_table_stays_within_its_bound() {
        let calls = Calls::new(100);
        for call in 0..10_000_u64 {
            calls.begin(call, 0, (), call);
            if call % 3 == 0 {
                calls.hung_up(call, 0, call);
            }
            assert!(calls.len() <= 100);
        }
        assert!(calls.table().order.len() <= 200, "{}", calls.table().order.len());
        assert!(calls.parties(9_998).is_some() && calls.parties(9_999).is_none() && calls.parties(5_000).is_none());
        calls.begin(20_000, 0, (), 2 * DAY_MICROS);
        assert_eq!(calls.len(), 1, "what nobody ended in a day is gone");
    }
}
