//! 记录表: exact 64-byte records in a fixed amount of memory. A number lives in one of two sets of sixteen places; a line of sixteen tags says which,
//! so that finding a record costs two cache lines, one of which is usually there already.
//!
//! Two choices keep the table exact until it is nearly nine tenths full. Memory is asked for at once but only what is used is ever touched.

use super::sketch::Sketch;
use crate::machine::{self, Memory};

/// Words of one record: 64 bytes.
pub const WORDS: usize = 8;
/// Places in a set.
const WAYS: usize = 16;
/// Of word 0: the number. The other bits are the record's own.
pub const KEY_BITS: u32 = 50;
const KEY: u64 = (1 << KEY_BITS) - 1;
const LINE: usize = 64;

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

/// Tags of one set, never across two cache lines.
#[derive(Clone, Copy, Default)]
#[repr(align(32))]
struct Tags([u16; WAYS]);

/// 记录表 of one shard.
pub struct Table {
    tags: Vec<Tags>,
    /// Records one after the other, each on a cache line of its own.
    records: Memory,
    used: usize,
    sketch: Option<Sketch>,
    displaced: u64,
    refused: u64,
}

impl Table {
    /// Room for so many records, rounded up to whole sets.
    pub fn new(records: usize) -> Self {
        let sets = records.div_ceil(WAYS).max(1);
        Self {
            tags: vec![Tags::default(); sets],
            records: Memory::zeroed(sets * WAYS * LINE),
            used: 0,
            sketch: None,
            displaced: 0,
            refused: 0,
        }
    }

    /// Records it can hold.
    pub fn capacity(&self) -> usize {
        self.tags.len() * WAYS
    }

    /// Records it holds.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Records that had to go for others, and numbers that got none.
    pub fn losses(&self) -> (u64, u64) {
        (self.displaced, self.refused)
    }

    /// The two sets of a hash.
    fn sets(&self, hash: u64) -> [usize; 2] {
        sets_of(hash, self.tags.len())
    }

    /// Never 0, which marks a free place.
    fn tag(hash: u64) -> u16 {
        (hash as u16).max(1)
    }

    /// The record at a place.
    #[inline]
    pub fn record(&self, place: usize) -> Option<[u64; WORDS]> {
        let bytes: &[u8; LINE] = self.records.get(place * LINE..)?.first_chunk()?;
        let words: &[[u8; 8]; WORDS] = bytes.as_chunks().0.first_chunk()?;
        Some(words.map(u64::from_le_bytes))
    }

    /// Writes the record at a place.
    #[inline]
    pub fn store(&mut self, place: usize, record: &[u64; WORDS]) {
        if let Some(bytes) = self.records.get_mut(place * LINE..).and_then(|bytes| bytes.first_chunk_mut::<LINE>()) {
            bytes.copy_from_slice(record.map(u64::to_le_bytes).as_flattened());
        }
    }

    /// Where the tags begin, for [`Self::prefetch_tags`]: the table never moves once it is made.
    pub fn shape(&self) -> (usize, usize) {
        (self.tags.as_ptr() as usize, self.tags.len())
    }

    /// Asks for the tags of a hash in a table of that shape, without its lock.
    #[inline]
    pub fn prefetch_tags((address, sets): (usize, usize), hash: u64) {
        for set in sets_of(hash, sets) {
            machine::prefetch(address + set * size_of::<Tags>());
        }
    }

    /// Asks for the record a hash very probably has.
    #[inline]
    pub fn prefetch_record(&self, hash: u64) {
        let base = self.records.as_ptr() as usize;
        for set in self.sets(hash) {
            let hits = self.tags.get(set).map_or(0, |tags| matching(tags, Self::tag(hash)));
            if hits != 0 {
                machine::prefetch(base + (set * WAYS + hits.trailing_zeros() as usize) * LINE);
            }
        }
    }

    /// Where a number's record is.
    #[inline]
    pub fn find(&self, key: u64, hash: u64) -> Option<usize> {
        let tag = Self::tag(hash);
        for set in self.sets(hash) {
            let mut hits = matching(self.tags.get(set)?, tag);
            while hits != 0 {
                let place = set * WAYS + hits.trailing_zeros() as usize;
                if self.record(place).is_some_and(|[first, ..]| first & KEY == key) {
                    return Some(place);
                }
                hits &= hits - 1;
            }
        }
        None
    }

    /// The number's record, made when it has none: a free place, else that of the longest quiet record among thirty-two, when the newcomer was seen
    /// twice within the last two minutes or the old one has been quiet for an hour. Records under a sanction stay.
    pub fn find_or_insert<R: Resident>(&mut self, key: u64, hash: u64, now: u32) -> Place {
        if let Some(place) = self.find(key, hash) {
            return Place::At(place);
        }
        let sets = self.sets(hash);
        let free = |set: usize| self.tags.get(set).map_or(0, |tags| matching(tags, 0));
        let [one, two] = sets.map(free);
        let (set, places) = if two.count_ones() > one.count_ones() { (sets[1], two) } else { (sets[0], one) };
        if places != 0 {
            let way = places.trailing_zeros() as usize;
            self.used += 1;
            return self.occupy(set * WAYS + way, key, hash);
        }
        let all = sets.into_iter().flat_map(|set| set * WAYS..(set + 1) * WAYS);
        let quietest = all
            .filter_map(|place| Some((place, self.record(place)?)))
            .filter(|(_, record)| !R::is_held(record, now))
            .map(|(place, record)| (place, R::last_seen(&record)))
            .min_by_key(|(place, last)| (*last, *place));
        let sketch = self.sketch.get_or_insert_with(|| Sketch::new(self.tags.len() * WAYS));
        let seen = sketch.count(hash, now);
        match quietest {
            Some((place, last)) if seen >= 2 || now.abs_diff(last) > QUIET_S => {
                self.displaced += 1;
                self.occupy(place, key, hash)
            }
            _ => {
                self.refused += 1;
                Place::Refused(seen)
            }
        }
    }

    fn occupy(&mut self, place: usize, key: u64, hash: u64) -> Place {
        if let Some(tag) = self.tags.get_mut(place / WAYS).and_then(|tags| tags.0.get_mut(place % WAYS)) {
            *tag = Self::tag(hash);
        }
        self.store(place, &[key & KEY, 0, 0, 0, 0, 0, 0, 0]);
        Place::At(place)
    }

    /// Every record.
    pub fn records(&self) -> impl Iterator<Item = [u64; WORDS]> {
        let used = |place: &usize| self.tags.get(place / WAYS).and_then(|tags| tags.0.get(place % WAYS)).is_some_and(|tag| *tag != 0);
        (0..self.capacity()).filter(used).filter_map(|place| self.record(place))
    }
}

#[inline]
fn sets_of(hash: u64, sets: usize) -> [usize; 2] {
    let of = |hash: u64| ((u128::from(hash) * sets as u128) >> 64) as usize;
    [of(hash), of(hash.rotate_left(32).wrapping_mul(0x9E37_79B9_7F4A_7C15))]
}

/// One bit for each tag that is the wanted one; the compiler makes one comparison of it.
#[inline]
fn matching(tags: &Tags, wanted: u16) -> u32 {
    tags.0.iter().enumerate().fold(0, |bits, (way, tag)| bits | u32::from(*tag == wanted) << way)
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
        let mut table = Table::new(100_000);
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
        let mut table = Table::new(16);
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
        let mut table = Table::new(1_600);
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
