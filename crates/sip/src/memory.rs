//! 事务记忆: what was answered in the last 32 seconds, so that a retransmission gets the same answer and is counted once.
//!
//! Kept is the verdict in short, not the answer: the answer is written again from the retransmitted request, and since the same request and the
//! same verdict give the same bytes, it is the same answer. That makes an entry a few dozen bytes.

use std::{
    collections::VecDeque,
    hash::Hasher,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use chuangsha_screen::{Action, Effect, EvidenceId, Rule, Verdict, Words};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::message::Request;

/// How long a transaction is remembered, milliseconds: 64 times T1 of RFC 3261.
pub const REMEMBERED_MS: u64 = 32_000;
const SHARDS: usize = 64;

/// 事务标识: the same for an INVITE, its retransmissions, its CANCEL and the ACK of its refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(pub u128);

/// A secret of this process: who does not know it cannot choose Call-IDs that fall into one place.
#[derive(Clone, Copy)]
pub struct Secret(pub [u8; 16]);

impl Secret {
    /// A keyed hash of one text.
    pub fn hash(&self, text: &[u8]) -> u64 {
        let mut hasher = siphasher::sip::SipHasher13::new_with_key(&self.0);
        hasher.write(text);
        hasher.finish()
    }
}

impl Key {
    /// The key of a request (RFC 3261 section 17.2.3): by its branch, and by everything else that parts calls, for those who send no branch or
    /// one branch for all.
    pub fn of(secret: &Secret, request: &Request<'_>) -> Self {
        let mut hasher = SipHasher13::new_with_key(&secret.0);
        let mut part = |bytes: &[u8]| {
            hasher.write(bytes);
            hasher.write_u8(0xFF);
        };
        match request.via.branch() {
            Some(branch) => part(branch),
            None => {
                part(request.via.text);
                part(request.target.text);
            }
        }
        part(request.via.host);
        part(&request.via.port.unwrap_or_default().to_le_bytes());
        part(request.call_id);
        part(request.from.tag().unwrap_or_default());
        part(&request.sequence.to_le_bytes());
        Self(hasher.finish128().as_u128())
    }

    /// The tag of this side for answers to that transaction.
    pub const fn tag(self) -> u64 {
        self.0 as u64
    }
}

/// 判定摘要: as much of a verdict as its answer needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// What to do.
    pub action: Action,
    /// 0 to 100.
    pub score: u8,
    /// The hardest rule that counted.
    pub rule: Option<Rule>,
    /// Country code of a caller from abroad; 0 = home or unknown.
    pub country: u16,
    /// Key of the evidence.
    pub evidence: EvidenceId,
}

impl Kept {
    /// The short form of a verdict.
    pub fn of(verdict: &Verdict) -> Self {
        let enforced = verdict.reasons.iter().filter(|reason| reason.effect == Effect::Enforced);
        let hardest = enforced.fold(None, |hardest: Option<(Action, Rule)>, reason| match hardest {
            Some((action, _)) if action >= reason.action => hardest,
            _ => Some((reason.action, reason.rule)),
        });
        Self {
            action: verdict.action,
            score: verdict.score,
            rule: hardest.map(|(_, rule)| rule),
            country: verdict.country,
            evidence: verdict.evidence,
        }
    }

    /// Let through without a verdict: there was no time for one.
    pub const UNDECIDED: Self = Self { action: Action::Pass, score: 0, rule: None, country: 0, evidence: EvidenceId(0) };
}

/// 去向: where a call went on to, and what was put into it on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Onward {
    /// The next hop.
    pub to: SocketAddr,
    /// Header lines of its signature. No two signatures are alike: a retransmission gets the one there is.
    pub signed: Option<Arc<str>>,
}

/// What is known about a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is new, and from now on being decided.
    New,
    /// Another worker is deciding it this moment.
    Deciding,
    /// It was decided; with a next hop, the call went on to there.
    Decided(Kept, Option<Onward>),
}

/// One line of the processor's cache.
#[repr(align(64))]
struct Entry {
    key: u128,
    evidence: u128,
    until: u64,
    /// Few calls go through this edge: their next hop is kept apart.
    onward: Option<Box<Onward>>,
    decided: bool,
    action: Action,
    score: u8,
    rule: Option<Rule>,
    country: u16,
}

impl Entry {
    fn known(&self) -> Known {
        if !self.decided {
            return Known::Deciding;
        }
        let Self { action, score, rule, country, .. } = *self;
        Known::Decided(Kept { action, score, rule, country, evidence: EvidenceId(self.evidence) }, self.onward.as_deref().cloned())
    }
}

/// Places a key may stand in: one line of the cache.
const WAYS: usize = 16;
/// Words of a set: two places each.
const WORDS: usize = WAYS / 2;
/// Most transactions let go of while one is looked up.
const AT_ONCE: usize = 4;
/// Places for one transaction: at four of sixteen taken, a set overflows once in a million.
const ROOMY: usize = 4;
/// Bits of a place that hold a part of its entry's number; the others hold a part of the key, and nothing but noughts is a place nobody has used.
const NUMBER_BITS: u32 = 20;
const NUMBER: u32 = (1 << NUMBER_BITS) - 1;

struct Shard {
    /// In the order they came, and so in the order they end.
    entries: VecDeque<Entry>,
    /// Number of the first entry in the queue.
    first: u64,
    /// When that is over; never, where there is none.
    over: u64,
    /// Where a key stands in the queue, for all shards: sets of places, one shard's after the other's. What is no longer in the queue is a free
    /// place, so that forgetting costs nothing here. In large pages: every call looks at another set.
    places: Arc<Words>,
    /// The first set of this shard, and how many it has, a power of two.
    sets: (usize, usize),
}

/// A set as it was read, and where it lies.
struct Set {
    at: usize,
    places: [u32; WAYS],
}

impl Shard {
    fn set(&self, key: u128) -> Option<Set> {
        let at = place_of(self.sets, key);
        let words: &[AtomicU64; WORDS] = self.places.at(at)?;
        let mut places = [0; WAYS];
        for (two, word) in places.as_chunks_mut::<2>().0.iter_mut().zip(words) {
            let word = word.load(Relaxed);
            *two = [word as u32, (word >> 32) as u32];
        }
        Some(Set { at, places })
    }

    /// Writes one place of a set; nobody but who holds the lock of the shard does.
    fn mark(&self, set: &Set, way: usize, place: u32) {
        if let Some([word]) = self.places.at(set.at + way / 2) {
            let shift = way % 2 * 32;
            word.store(word.load(Relaxed) & !(u64::from(u32::MAX) << shift) | u64::from(place) << shift, Relaxed);
        }
    }

    fn drop_first(&mut self) {
        self.entries.pop_front();
        self.first += 1;
        self.over = self.entries.front().map_or(u64::MAX, |entry| entry.until);
    }

    /// Lets go of what is over: some of it, more than comes in. After a quiet time all of it is, and the call that comes then does not wait until the
    /// last is gone.
    fn forget(&mut self, now: u64) {
        for _ in 0..AT_ONCE {
            if self.over > now {
                return;
            }
            self.drop_first();
        }
    }

    /// How far the entry of a place is from the first in the queue; beyond the queue, it is gone. A place nobody has used for a million entries may
    /// seem to be one that is there: its entry has another key.
    fn distance(&self, place: u32) -> usize {
        (place.wrapping_sub(self.first as u32) & NUMBER) as usize
    }

    /// The last one of that key, over or not.
    fn get(&mut self, key: u128) -> Option<&mut Entry> {
        // The one that came last is the one asked for, nearly always: it was begun a moment ago.
        let last = self.entries.len().checked_sub(1)?;
        let at = if self.entries.get(last)?.key == key { last } else { self.find(key)? };
        self.entries.get_mut(at)
    }

    fn find(&self, key: u128) -> Option<usize> {
        let wanted = print(key);
        let same = self.set(key)?.places.map(|place| if place & !NUMBER == wanted { self.distance(place) } else { usize::MAX });
        same.into_iter().filter(|at| self.entries.get(*at).is_some_and(|entry| entry.key == key)).max()
    }

    /// Puts a new one at the end; true when another, not yet over, lost its place for it.
    fn put(&mut self, key: u128, now: u64) -> bool {
        let Some(set) = self.set(key) else { return false };
        let in_use = self.entries.len();
        let distances = set.places.map(|place| if place == 0 { usize::MAX } else { self.distance(place) });
        let free = distances.iter().position(|at| *at >= in_use);
        // None free: the one that came first goes.
        let oldest = || distances.iter().enumerate().min_by_key(|(_, at)| **at).map_or(0, |(way, _)| way);
        let way = free.unwrap_or_else(oldest);
        let before = distances.get(way).and_then(|at| self.entries.get(*at));
        let early = before.is_some_and(|entry| entry.until > now);
        let number = self.first as u32 & NUMBER;
        self.mark(&set, way, print(key) | number.wrapping_add(in_use as u32) & NUMBER);
        if in_use == 0 {
            self.over = now + REMEMBERED_MS;
        }
        let undecided = Kept::UNDECIDED;
        self.entries.push_back(Entry {
            key,
            evidence: 0,
            until: now + REMEMBERED_MS,
            onward: None,
            decided: false,
            action: undecided.action,
            score: 0,
            rule: None,
            country: 0,
        });
        early
    }
}

const fn shard_of(key: Key) -> usize {
    (key.0 >> 64) as usize % SHARDS
}

/// The part of a key a place holds; never nought.
const fn print(key: u128) -> u32 {
    let bits = key as u32 & !NUMBER;
    if bits == 0 { 1 << NUMBER_BITS } else { bits }
}

/// Where the set of a key lies, among those of its shard: the first one and how many.
const fn place_of((first, sets): (usize, usize), key: u128) -> usize {
    // The lowest bits of the high half pick the shard; these are others.
    (first + ((key >> 72) as usize & (sets - 1))) * WORDS
}

/// 事务记忆, bounded: when it is full the oldest transactions are forgotten early, and that is counted.
pub struct Memory {
    shards: Vec<Mutex<Shard>>,
    places: Arc<Words>,
    sets_a_shard: usize,
    most_a_shard: usize,
}

impl Memory {
    /// Room for that many transactions, up to half a million a shard. At 20,000 calls a second 640,000 are open; an entry takes 64 bytes and 16 to 32
    /// of index.
    pub fn new(most: usize) -> Self {
        let most_a_shard = most.div_ceil(SHARDS).clamp(1, NUMBER as usize / 2);
        let sets = (most_a_shard * ROOMY).div_ceil(WAYS).next_power_of_two();
        let places = Arc::new(Words::zeroed(SHARDS * sets * WORDS));
        places.touch();
        let shard = |shard: usize| Shard {
            // Room for all from the start: a table that grows moves all it holds, and calls wait for that. Memory nobody has used costs none.
            entries: VecDeque::with_capacity(most_a_shard),
            first: 0,
            over: u64::MAX,
            places: Arc::clone(&places),
            sets: (shard * sets, sets),
        };
        let shards = (0..SHARDS).map(|at| Mutex::new(shard(at))).collect();
        Self { shards, places, sets_a_shard: sets, most_a_shard }
    }

    /// Asks for the memory a transaction is looked up in, ahead of the look-up.
    pub fn expect(&self, key: Key) {
        self.places.prefetch(place_of((shard_of(key) * self.sets_a_shard, self.sets_a_shard), key.0));
    }

    fn shard(&self, key: Key) -> Option<MutexGuard<'_, Shard>> {
        let shard = self.shards.get(shard_of(key))?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is known of a transaction; a new one counts as being decided from now on. The second value tells whether one was forgotten early.
    pub fn begin(&self, key: Key, now_ms: u64) -> (Known, bool) {
        let Some(mut shard) = self.shard(key) else { return (Known::New, false) };
        shard.forget(now_ms);
        if let Some(entry) = shard.get(key.0).filter(|entry| entry.until > now_ms) {
            return (entry.known(), false);
        }
        let mut early = false;
        if shard.entries.len() >= self.most_a_shard {
            early = shard.over > now_ms;
            shard.drop_first();
        }
        early |= shard.put(key.0, now_ms);
        (Known::New, early)
    }

    /// Keeps what was decided.
    pub fn decided(&self, key: Key, kept: Kept, forwarded: Option<Onward>) {
        if let Some(mut shard) = self.shard(key)
            && let Some(entry) = shard.get(key.0)
        {
            let Kept { action, score, rule, country, evidence } = kept;
            (entry.action, entry.score, entry.rule, entry.country, entry.evidence) = (action, score, rule, country, evidence.0);
            entry.onward = forwarded.map(Box::new);
            entry.decided = true;
        }
    }

    /// What is known of a transaction, without beginning one.
    pub fn find(&self, key: Key, now_ms: u64) -> Option<Known> {
        let mut shard = self.shard(key)?;
        shard.forget(now_ms);
        shard.get(key.0).filter(|entry| entry.until > now_ms).map(|entry| entry.known())
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).entries.len()).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Kept = Kept { action: Action::Block, ..Kept::UNDECIDED };

    #[test]
    fn a_transaction_is_new_once_in_thirty_two_seconds() {
        let memory = Memory::new(1_000);
        let key = Key(7 << 64 | 9);
        assert_eq!(memory.begin(key, 0), (Known::New, false));
        assert_eq!(memory.begin(key, 1), (Known::Deciding, false));
        memory.decided(key, KEPT, None);
        assert_eq!(memory.begin(key, REMEMBERED_MS - 1), (Known::Decided(KEPT, None), false));
        assert_eq!(memory.find(key, REMEMBERED_MS), None);
        assert_eq!(memory.begin(key, REMEMBERED_MS), (Known::New, false));
    }

    #[test]
    fn a_flood_makes_it_forget_the_oldest_and_grow_no_further() {
        let memory = Memory::new(SHARDS * 4);
        let mut early = 0;
        for i in 0..100_000_u128 {
            let key = Key(i << 64 | i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            early += usize::from(memory.begin(key, 5).1);
            memory.decided(key, KEPT, None);
            assert_eq!(memory.find(key, 5), Some(Known::Decided(KEPT, None)));
        }
        assert_eq!(memory.len(), SHARDS * 4);
        assert_eq!(early, 100_000 - SHARDS * 4);
        let in_use = |shard: &Shard| {
            let words = (0..shard.sets.1 * WORDS).map(|at| shard.places.at::<1>(shard.sets.0 * WORDS + at).unwrap()[0].load(Relaxed));
            let places = words.flat_map(|word| [word as u32, (word >> 32) as u32]).filter(|place| *place != 0);
            places.filter(|place| shard.distance(*place) < shard.entries.len()).count()
        };
        let indexed: usize = memory.shards.iter().map(|shard| in_use(&shard.lock().unwrap())).sum();
        assert_eq!(indexed, SHARDS * 4, "the index forgets with the queue");
    }

    #[test]
    fn all_there_is_room_for_are_remembered() {
        let most = 200_000;
        let memory = Memory::new(most);
        // Keys as a hash makes them.
        let key = |i: u64| {
            let half = |salt: u64| u128::from(siphasher::sip::SipHasher13::new_with_keys(salt, 7).hash(&i.to_le_bytes()));
            Key(half(1) << 64 | half(2))
        };
        let filled = most as u64 * 9 / 10;
        let early: u64 = (0..filled).map(|i| u64::from(memory.begin(key(i), i / 10_000).1)).sum();
        assert!(early <= 2, "{early} lost their place");
        let kept = (0..filled).filter(|i| memory.find(key(*i), 20) == Some(Known::Deciding)).count() as u64;
        assert_eq!(kept, filled - early);
        assert_eq!((0..1_000).filter(|i| memory.find(key(filled + i), 20).is_some()).count(), 0);
        assert!(memory.find(key(0), REMEMBERED_MS + 20).is_none());
        assert!(size_of::<Entry>() == 64);
    }

    #[test]
    fn after_a_quiet_time_nothing_is_remembered_and_nobody_waits_for_the_clearing() {
        let memory = Memory::new(SHARDS * 100);
        // All in one shard.
        let key = |i: u128| Key((i * SHARDS as u128 * 0x1_0001) << 64 | i << 40);
        for i in 1..=90 {
            memory.begin(key(i), 0);
            memory.decided(key(i), KEPT, None);
        }
        let later = REMEMBERED_MS;
        for i in (1..=90).rev() {
            let before = memory.len();
            assert_eq!(memory.begin(key(i), later), (Known::New, false), "{i}");
            assert!(memory.len() + AT_ONCE > before, "{i}");
            memory.decided(key(i), KEPT, None);
            assert_eq!(memory.begin(key(i), later + 1), (Known::Decided(KEPT, None), false));
        }
        assert_eq!(memory.len(), 90, "what was over is gone");
    }

    #[test]
    fn decisions_of_forgotten_transactions_are_let_go() {
        let memory = Memory::new(SHARDS);
        memory.begin(Key(1), 0);
        memory.begin(Key(2), 0);
        memory.decided(Key(1), KEPT, None);
        assert_eq!((memory.find(Key(1), 0), memory.find(Key(2), 0)), (None, Some(Known::Deciding)));
    }
}
