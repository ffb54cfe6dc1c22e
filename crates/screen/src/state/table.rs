//! 记录表: exact 64-byte records in a fixed amount of memory. A number lives in one of two sets of sixteen places; a line of sixteen tags says which,
//! so that finding a record costs two cache lines, one of which is usually there already.
//!
//! Two choices keep the table exact until it is nearly nine tenths full. Memory is asked for at once, but of the records
//! only what is used is ever touched.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::sketch::Sketch;
use crate::machine::{self, Words};

/// Words of one record: 64 bytes.
pub const WORDS: usize = 8;
/// Places in a set.
const WAYS: usize = 16;
/// Of word 0: the number. The other bits are the record's own.
pub const KEY_BITS: u32 = 50;
const KEY: u64 = (1 << KEY_BITS) - 1;

/// What the table has to know about a record to choose which one goes.
pub trait Resident {
    /// Seconds of the last call: the longest quiet goes first.
    fn last_seen(record: &[u64; WORDS]) -> u32;
    /// Under a sanction or an attack at the moment: never displaced.
    fn is_held(record: &[u64; WORDS], now: u32) -> bool;
}

/// A quiet hour: what has rolled out of every short window may go without asking the sketch.
const QUIET_S: u32 = 3_600;

/// What became of a look-up that wants a record.
pub enum Place {
    /// It has a record, at this place.
    At(usize),
    /// The table is full and the number is not worth a place yet: so many calls of it were seen of late, at most.
    Refused(u32),
}

/// Words of the tags of one set: sixteen of sixteen bits, never across two cache lines.
const TAG_WORDS: usize = 4;

/// The memory of all tables of one side. The tags are read without the lock of a shard, to know early which record will be wanted; what counts is read
/// under it.
pub struct Ground {
    tags: Words,
    /// Records one after the other, each on a cache line of its own.
    records: Words,
    /// Numbers that found no room.
    sketch: Sketch,
    /// Sets of one shard.
    sets: usize,
}

impl Ground {
    /// Room for so many records in each of so many shards, rounded up to whole sets.
    pub fn new(shards: usize, records: usize) -> Self {
        let sets = records.div_ceil(WAYS).max(1);
        let tags = Words::zeroed(shards * sets * TAG_WORDS);
        // Small beside the records, and every call looks somewhere else in them.
        tags.touch();
        Self { tags, records: Words::zeroed(shards * sets * WAYS * WORDS), sketch: Sketch::new(shards), sets }
    }

    /// The two sets of a hash, counted from the first shard's.
    #[inline]
    fn sets(&self, shard: usize, hash: u64) -> [usize; 2] {
        sets_of(hash, self.sets).map(|set| shard * self.sets + set)
    }

    #[inline]
    fn tags(&self, set: usize) -> [u64; TAG_WORDS] {
        let Some([a, b, c, d]) = self.tags.at(set * TAG_WORDS) else { return [u64::MAX; TAG_WORDS] };
        [a.load(Relaxed), b.load(Relaxed), c.load(Relaxed), d.load(Relaxed)]
    }

    /// Asks for the tags of a hash.
    #[inline]
    pub fn prefetch_tags(&self, shard: usize, hash: u64) {
        for set in self.sets(shard, hash) {
            self.tags.prefetch(set * TAG_WORDS);
        }
    }

    /// Asks for the record a hash very probably has, or else for the place it would get, or be counted at.
    #[inline]
    pub fn prefetch_record(&self, shard: usize, hash: u64) {
        let sets = self.sets(shard, hash);
        let tags = sets.map(|set| self.tags(set));
        let mut known = false;
        for (set, tags) in sets.iter().zip(tags) {
            let hits = machine::tags_equal(tags, tag(hash));
            if hits != 0 {
                self.prefetch_place(*set, hits);
                known = true;
            }
        }
        if !known {
            match roomier(sets, tags.map(|tags| machine::tags_equal(tags, 0))) {
                (_, 0) => self.sketch.prefetch(shard, hash),
                (set, free) => self.prefetch_place(set, free),
            }
        }
    }

    #[inline]
    fn prefetch_place(&self, set: usize, places: u32) {
        self.records.prefetch((set * WAYS + places.trailing_zeros() as usize) * WORDS);
    }
}

/// Of two sets with their free places, the one with more.
#[inline]
const fn roomier([first, second]: [usize; 2], [one, two]: [u32; 2]) -> (usize, u32) {
    if two.count_ones() > one.count_ones() { (second, two) } else { (first, one) }
}

/// Never 0, which marks a free place.
#[inline]
fn tag(hash: u64) -> u16 {
    (hash as u16).max(1)
}

/// 记录表 of one shard.
pub struct Table {
    ground: Arc<Ground>,
    shard: usize,
    used: usize,
    /// What full sets are known not to hold: of each the last call of its quietest record when that was last looked for, so that a flood of forged
    /// numbers does not have thirty-two records read for every one of them.
    quietest: Vec<Option<u32>>,
    displaced: u64,
    refused: u64,
}

impl Table {
    /// The table of one shard.
    pub const fn new(ground: Arc<Ground>, shard: usize) -> Self {
        Self { ground, shard, used: 0, quietest: Vec::new(), displaced: 0, refused: 0 }
    }

    /// Records it can hold.
    pub fn capacity(&self) -> usize {
        self.ground.sets * WAYS
    }

    /// Records it holds.
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Records that had to go for others, and numbers that got none.
    pub const fn losses(&self) -> (u64, u64) {
        (self.displaced, self.refused)
    }

    /// The record at a place.
    #[inline]
    pub fn record(&self, place: usize) -> Option<[u64; WORDS]> {
        let [a, b, c, d, e, f, g, h] = self.ground.records.at(place * WORDS)?;
        let [a, b, c, d] = [a.load(Relaxed), b.load(Relaxed), c.load(Relaxed), d.load(Relaxed)];
        Some([a, b, c, d, e.load(Relaxed), f.load(Relaxed), g.load(Relaxed), h.load(Relaxed)])
    }

    /// Writes the record at a place.
    #[inline]
    pub fn store(&mut self, place: usize, record: &[u64; WORDS]) {
        if let Some(words) = self.ground.records.at::<WORDS>(place * WORDS) {
            words.iter().zip(record).for_each(|(word, value)| word.store(*value, Relaxed));
        }
    }

    /// Where a number's record is.
    #[inline]
    pub fn find(&self, key: u64, hash: u64) -> Option<usize> {
        for set in self.ground.sets(self.shard, hash) {
            let mut hits = machine::tags_equal(self.ground.tags(set), tag(hash));
            while hits != 0 {
                let place = set * WAYS + hits.trailing_zeros() as usize;
                let [first] = self.ground.records.at(place * WORDS)?;
                if first.load(Relaxed) & KEY == key {
                    return Some(place);
                }
                hits &= hits - 1;
            }
        }
        None
    }

    /// The number's record, made when it has none: a free place, else that of the longest quiet record among thirty-two, when the newcomer was seen
    /// twice within the last two minutes or the old one has been quiet for an hour. Records under a sanction stay.
    #[inline]
    pub fn find_or_insert<R: Resident>(&mut self, key: u64, hash: u64, now: u32) -> Place {
        match self.find(key, hash) {
            Some(place) => Place::At(place),
            None => self.insert::<R>(key, hash, now),
        }
    }

    fn insert<R: Resident>(&mut self, key: u64, hash: u64, now: u32) -> Place {
        let sets = self.ground.sets(self.shard, hash);
        let free = |set: usize| machine::tags_equal(self.ground.tags(set), 0);
        let (set, places) = roomier(sets, sets.map(free));
        if places != 0 {
            let way = places.trailing_zeros() as usize;
            self.used += 1;
            return self.occupy(set * WAYS + way, key, hash);
        }
        let seen = self.ground.sketch.count(self.shard, hash, now);
        let displaced = if seen < 2 && sets.iter().all(|set| self.is_lively(*set, now)) {
            None
        } else {
            self.longest_quiet::<R>(sets, now).filter(|(_, last)| seen >= 2 || now.abs_diff(*last) > QUIET_S)
        };
        let Some((place, _)) = displaced else {
            self.refused += 1;
            return Place::Refused(seen);
        };
        self.displaced += 1;
        self.occupy(place, key, hash)
    }

    /// Whether a full set surely holds nobody who has been quiet for an hour.
    fn is_lively(&self, set: usize, now: u32) -> bool {
        let last = self.quietest.get(set % self.ground.sets).copied().flatten();
        last.is_some_and(|last| now.checked_sub(last).is_some_and(|quiet| quiet <= QUIET_S))
    }

    /// Of two full sets the record that may go: its place, and its last call.
    fn longest_quiet<R: Resident>(&mut self, sets: [usize; 2], now: u32) -> Option<(usize, u32)> {
        let mut longest = None;
        for set in sets {
            let mut quietest = u32::MAX;
            for place in set * WAYS..(set + 1) * WAYS {
                let Some(record) = self.record(place) else { continue };
                let last = R::last_seen(&record);
                quietest = quietest.min(last);
                if !R::is_held(&record, now) && longest.is_none_or(|longest| (last, place) < longest) {
                    longest = Some((last, place));
                }
            }
            let at = set % self.ground.sets;
            if self.quietest.len() <= at {
                self.quietest.resize(self.ground.sets, None);
            }
            if let Some(known) = self.quietest.get_mut(at) {
                *known = Some(quietest);
            }
        }
        longest.map(|(last, place)| (place, last))
    }

    fn occupy(&mut self, place: usize, key: u64, hash: u64) -> Place {
        if let Some([word]) = self.ground.tags.at(place / 4) {
            let shift = place % 4 * 16;
            word.store(word.load(Relaxed) & !(0xFFFF << shift) | u64::from(tag(hash)) << shift, Relaxed);
        }
        self.store(place, &[key & KEY, 0, 0, 0, 0, 0, 0, 0]);
        Place::At(place)
    }

    /// Every record.
    pub fn records(&self) -> impl Iterator<Item = [u64; WORDS]> {
        let first = self.shard * self.capacity();
        let free = |set: usize| machine::tags_equal(self.ground.tags(set), 0);
        let used = move |place: &usize| free(place / WAYS) & 1 << (place % WAYS) == 0;
        (first..first + self.capacity()).filter(used).filter_map(|place| self.record(place))
    }
}

#[inline]
fn sets_of(hash: u64, sets: usize) -> [usize; 2] {
    let of = |hash: u64| ((u128::from(hash) * sets as u128) >> 64) as usize;
    [of(hash), of(hash.rotate_left(32).wrapping_mul(0x9E37_79B9_7F4A_7C15))]
}

/// A hash nobody outside can aim at: keyed, and good in all its bits.
#[inline]
pub fn hash(key: u64, seed: u64) -> u64 {
    let folded = u128::from(key ^ seed) * u128::from(0x9E37_79B9_7F4A_7C15_u64 ^ seed.rotate_left(17) | 1);
    let mixed = (folded as u64 ^ (folded >> 64) as u64).wrapping_add(seed);
    let folded = u128::from(mixed) * 0xD6E8_FEB8_6659_FD93_u128;
    folded as u64 ^ (folded >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Test;

    impl Resident for Test {
        fn last_seen(record: &[u64; WORDS]) -> u32 {
            record[1] as u32
        }
        fn is_held(record: &[u64; WORDS], _: u32) -> bool {
            record[2] == 1
        }
    }

    /// The second of three shards: what it does must stay within it.
    fn table(records: usize) -> Table {
        Table::new(Arc::new(Ground::new(3, records)), 1)
    }

    fn insert(table: &mut Table, key: u64, now: u32) -> Option<usize> {
        match table.find_or_insert::<Test>(key, hash(key, 9), now) {
            Place::At(place) => {
                let mut record = table.record(place).unwrap();
                record[1] = u64::from(now);
                table.store(place, &record);
                Some(place)
            }
            Place::Refused(_) => None,
        }
    }

    #[test]
    fn seven_eighths_of_the_places_are_filled_without_losing_anybody() {
        let mut table = table(100_000);
        let fill = table.capacity() as u64 * 7 / 8;
        for key in 1..=fill {
            assert!(insert(&mut table, 8_613_800_000_000 + key * 3, 1_000).is_some());
        }
        assert_eq!((table.len() as u64, table.losses()), (fill, (0, 0)));
        for key in 1..=fill {
            let key = 8_613_800_000_000 + key * 3;
            let place = table.find(key, hash(key, 9)).unwrap();
            assert_eq!(table.record(place).unwrap()[0], key);
        }
        assert_eq!(table.find(1, hash(1, 9)), None);
        assert_eq!(table.records().count() as u64, fill);
    }

    #[test]
    fn when_full_the_longest_quiet_goes_and_a_number_seen_once_gets_nothing() {
        let mut table = table(16);
        for key in 1..=16 {
            insert(&mut table, key, 10_000 + key as u32);
        }
        let place = table.find(1, hash(1, 9)).unwrap();
        let mut held = table.record(place).unwrap();
        held[2] = 1;
        table.store(place, &held);
        assert_eq!(insert(&mut table, 100, 10_020), None);
        assert!(insert(&mut table, 100, 10_021).is_some());
        assert!(table.find(1, hash(1, 9)).is_some(), "a sanctioned record stays");
        assert!(table.find(2, hash(2, 9)).is_none(), "the longest quiet of the others went");
        assert!(insert(&mut table, 200, 10_003 + QUIET_S + 1).is_some(), "after a quiet hour anybody may have the place");
        assert_eq!((table.len(), table.losses()), (16, (2, 1)));
    }

    #[test]
    fn a_flood_of_forged_numbers_displaces_nobody() {
        let mut table = table(1_600);
        let residents = table.capacity() as u64;
        for key in 1..=residents {
            insert(&mut table, key, 5_000);
        }
        let before = table.len();
        // A million a minute over 64 shards.
        let taken = (0..15_600_u64).filter(|key| insert(&mut table, 1_000_000 + key, 5_040 + (key / 260) as u32).is_some()).count();
        let stayed = (1..=residents).filter(|key| table.find(*key, hash(*key, 9)).is_some()).count();
        assert!(before as u64 >= residents * 95 / 100);
        assert!(taken < before / 10, "{taken} of the flood got a place");
        assert!(stayed > before * 9 / 10, "{stayed} of {before} residents are left");
    }
}
