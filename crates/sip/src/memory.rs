//! 事务记忆: what was answered in the last 32 seconds, so that a retransmission gets the same answer and is counted once.
//!
//! Kept is the verdict in short, not the answer: the answer is written again from the retransmitted request, and since the same request and the
//! same verdict give the same bytes, it is the same answer. That makes an entry a few dozen bytes.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chuangsha_screen::{Action, Effect, EvidenceId, Rule, Verdict};
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

/// What is known about a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is new, and from now on being decided.
    New,
    /// Another worker is deciding it this moment.
    Deciding,
    /// It was decided. An address: the call went on to there.
    Decided(Kept, Option<SocketAddr>),
}

struct Entry {
    key: u128,
    until: u64,
    known: Known,
}

struct Shard {
    /// In the order they came, and so in the order they end.
    entries: VecDeque<Entry>,
    /// Number of the first entry in the queue; the index holds numbers.
    first: u64,
    index: HashMap<u128, u64, BuildHasherDefault<AlreadyHashed>>,
}

/// Keys are the output of a keyed hash: their low half is as good as any hash of them.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u128(&mut self, key: u128) {
        // The high half picks the shard.
        self.0 = key as u64;
    }
}

impl Shard {
    fn drop_first(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.index.remove(&entry.key);
            self.first += 1;
        }
    }

    fn forget(&mut self, now: u64) {
        while self.entries.front().is_some_and(|entry| entry.until <= now) {
            self.drop_first();
        }
    }

    fn get(&mut self, key: u128) -> Option<&mut Entry> {
        let at = self.index.get(&key)?.checked_sub(self.first)?;
        self.entries.get_mut(usize::try_from(at).ok()?)
    }
}

/// 事务记忆, bounded: when it is full the oldest transactions are forgotten early, and that is counted.
pub struct Memory {
    shards: Vec<Mutex<Shard>>,
    most_a_shard: usize,
}

impl Memory {
    /// Room for that many transactions. At 20,000 calls a second 640,000 are open; an entry takes about 150 bytes with its index.
    pub fn new(most: usize) -> Self {
        let most_a_shard = most.div_ceil(SHARDS).max(1);
        // Room for all from the start: a table that grows moves all it holds, and calls wait for that. Memory nobody has used costs none.
        let shard = || Shard {
            entries: VecDeque::with_capacity(most_a_shard),
            first: 0,
            index: HashMap::with_capacity_and_hasher(most_a_shard, BuildHasherDefault::default()),
        };
        Self { shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect(), most_a_shard }
    }

    fn shard(&self, key: Key) -> Option<MutexGuard<'_, Shard>> {
        let shard = self.shards.get((key.0 >> 64) as usize % SHARDS)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is known of a transaction; a new one counts as being decided from now on. The second value tells whether one was forgotten early.
    pub fn begin(&self, key: Key, now_ms: u64) -> (Known, bool) {
        let Some(mut shard) = self.shard(key) else { return (Known::New, false) };
        shard.forget(now_ms);
        if let Some(entry) = shard.get(key.0) {
            return (entry.known, false);
        }
        let full = shard.entries.len() >= self.most_a_shard;
        if full {
            shard.drop_first();
        }
        let number = shard.first + shard.entries.len() as u64;
        shard.entries.push_back(Entry { key: key.0, until: now_ms + REMEMBERED_MS, known: Known::Deciding });
        shard.index.insert(key.0, number);
        (Known::New, full)
    }

    /// Keeps what was decided.
    pub fn decided(&self, key: Key, kept: Kept, forwarded: Option<SocketAddr>) {
        if let Some(mut shard) = self.shard(key)
            && let Some(entry) = shard.get(key.0)
        {
            entry.known = Known::Decided(kept, forwarded);
        }
    }

    /// What is known of a transaction, without beginning one.
    pub fn find(&self, key: Key, now_ms: u64) -> Option<Known> {
        let mut shard = self.shard(key)?;
        shard.forget(now_ms);
        shard.get(key.0).map(|entry| entry.known)
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
        let indexed: usize = memory.shards.iter().map(|shard| shard.lock().unwrap().index.len()).sum();
        assert_eq!(indexed, SHARDS * 4, "the index forgets with the queue");
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
