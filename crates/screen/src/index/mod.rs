//! 号码索引: a hundred million numbers with sixteen bits each, in a file that is mapped and used as it lies. What it answers is exact.
//!
//! Numbers are cut into pages of 2²⁰; a small hash table in the file leads to a page, so that sparse country codes cost nothing. A page is cut into
//! blocks, a directory gives where each block's entries begin, and an entry is the rest of the number and its marks. How fine the blocks are depends on
//! how full the page is: 256 numbers and one byte of rest when it is full, wider and two bytes when it is not, a plain list when there are a few. So an
//! entry costs 3 to 6 bytes whatever the list's size, and a look-up always three steps: table, directory, block.
//!
//! The directories of full pages stand close together: what is asked for often stays in the processor's cache. The last step waits for one or two
//! neighbouring lines of memory, those of a stretch of 1,024 numbers, asked for together.
//!
//! ```text
//! header 64 bytes: "CSINDEX3", entries, table slots, length, CRC of table, CRC of body, CRC of the header
//! table:  16 bytes a slot: page + 1 (0 = free), entries | shift << 24, place in the body / 64, place of the directory in the body
//! body:   directories of the pages of shift 8: 1025 × u32, entries before each stretch; then pages, each beginning at a multiple of 64
//!   shift 8:        1024 stretches: 4 × u16, entries before each block of the stretch; its rests (u8 each), then its marks (u16 each)
//!   shift 12, 16:   257 or 17 × u16 directory; an entry: rest u16, marks u16
//!   shift 20:       no directory; an entry: rest u32, marks u16
//! ```
//! All little-endian. Whatever the bytes say, reading never goes out of bounds and never panics: a damaged body can only answer wrongly, and
//! [`Index::verify`] finds it before a snapshot is put in use.

mod build;

use std::path::Path;

pub use build::{Builder, merge, write};

use crate::{lists::Marks, machine, number::Number};

/// 索引文件 that is not used, and why. The one in use stays.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file cannot be read or written.
    #[error("the index file cannot be used: {0}")]
    Io(#[from] std::io::Error),
    /// No index file, or of another version.
    #[error("this is no number index of version 3")]
    Foreign,
    /// Shorter or longer than its header says: copied in part, or still being written.
    #[error("the index file has {found} bytes where its header says {expected}: truncated or not yet complete")]
    Length {
        /// Bytes there are.
        found: u64,
        /// Bytes there should be.
        expected: u64,
    },
    /// A checksum does not hold.
    #[error("the checksum of the {0} does not hold: the file is damaged")]
    Checksum(&'static str),
    /// One number twice with different marks.
    #[error("a number stands twice in the list with different marks, entry {0} in order")]
    Twice(u64),
    /// More than the format holds.
    #[error("more entries than one index holds")]
    TooMany,
}

const MAGIC: &[u8; 8] = b"CSINDEX3";
const HEADER: usize = 64;
const SLOT: usize = 16;
const PAGE_BITS: u32 = 20;
const ALIGN: usize = 64;
/// Bits of a number within a stretch of a full page.
const STRETCH_BITS: u32 = 10;
/// Blocks of a stretch.
const STRETCH_BLOCKS: usize = 1 << (STRETCH_BITS - 8);
/// Bytes of a full page's directory.
const DIRECTORY: usize = ((1 << (PAGE_BITS - STRETCH_BITS)) + 1) * 4;
/// Bytes before the entries of a stretch.
const BLOCKS: usize = STRETCH_BLOCKS * 2;

enum Bytes {
    Owned(Vec<u8>),
    Mapped(memmap2::Mmap),
    /// In large pages: length, memory.
    Large(usize, machine::Memory),
}

impl Bytes {
    fn all(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Mapped(map) => map,
            Self::Large(length, memory) => memory.get(..*length).unwrap_or_default(),
        }
    }
}

/// 号码索引, in memory or mapped.
pub struct Index {
    bytes: Bytes,
    entries: u64,
    slots: usize,
    body: usize,
    body_crc: u32,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("entries", &self.entries).field("bytes", &self.bytes.all().len()).finish_non_exhaustive()
    }
}

impl Default for Index {
    fn default() -> Self {
        Self { bytes: Bytes::Owned(Vec::new()), entries: 0, slots: 0, body: 0, body_crc: 0 }
    }
}

impl Index {
    /// Maps a file and checks header, length and page table; takes milliseconds whatever the size. The body is checked by [`Self::verify`].
    ///
    /// # Errors
    /// The file is absent, foreign, truncated or damaged: nothing is mapped.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        Self::checked(Bytes::Mapped(machine::map(path)?))
    }

    /// The same from bytes in memory.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, IndexError> {
        Self::checked(Bytes::Owned(bytes))
    }

    fn checked(bytes: Bytes) -> Result<Self, IndexError> {
        let all = bytes.all();
        let found = all.len() as u64;
        let header = all.get(..HEADER).ok_or(if all.starts_with(MAGIC) {
            IndexError::Length { found, expected: HEADER as u64 }
        } else {
            IndexError::Foreign
        })?;
        if !header.starts_with(MAGIC) {
            return Err(IndexError::Foreign);
        }
        let word = |at| u64_at(header, at).unwrap_or_default();
        let (entries, slots, expected) = (word(8), word(16), word(24));
        let crc = |at| u32_at(header, at).unwrap_or_default();
        if crc32fast::hash(header.get(..HEADER - 4).unwrap_or_default()) != crc(HEADER - 4) {
            return Err(IndexError::Checksum("header"));
        }
        if found != expected {
            return Err(IndexError::Length { found, expected });
        }
        let slots = usize::try_from(slots).ok().filter(|slots| slots.is_power_of_two()).ok_or(IndexError::Foreign)?;
        let body = slots.checked_mul(SLOT).and_then(|table| table.checked_add(HEADER)).ok_or(IndexError::Foreign)?;
        let table = all.get(HEADER..body).ok_or(IndexError::Length { found, expected })?;
        if crc32fast::hash(table) != crc(32) {
            return Err(IndexError::Checksum("page table"));
        }
        let body_crc = crc(36);
        Ok(Self { bytes, entries, slots, body, body_crc })
    }

    /// Reads the whole body once and compares its checksum: for the control plane, before the swap.
    ///
    /// # Errors
    /// [`IndexError::Checksum`].
    pub fn verify(&self) -> Result<(), IndexError> {
        if self.slots == 0 || crc32fast::hash(self.bytes.all().get(self.body..).unwrap_or_default()) == self.body_crc {
            Ok(())
        } else {
            Err(IndexError::Checksum("body"))
        }
    }

    /// Verifies the body while it is moved into memory of large pages: what the control plane does before the swap. A mapped file answers at once, but
    /// in pages so small that every look-up first waits for the page to be found.
    ///
    /// # Errors
    /// [`IndexError::Checksum`]: what lies in memory is then checked, not what lay on the disk.
    pub fn settle(self) -> Result<Self, IndexError> {
        let Bytes::Mapped(map) = &self.bytes else { return self.verify().map(|()| self) };
        let mut memory = machine::Memory::zeroed(map.len());
        if let Some(place) = memory.get_mut(..map.len()) {
            place.copy_from_slice(map);
        }
        let settled = Self { bytes: Bytes::Large(map.len(), memory), ..self };
        settled.verify().map(|()| settled)
    }

    /// How many numbers it holds.
    pub const fn len(&self) -> u64 {
        self.entries
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The index as it lies in its file.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.all()
    }

    /// Bytes it takes, in the file and in memory.
    pub fn size(&self) -> usize {
        self.bytes.all().len()
    }

    /// The marks of a number; none when it is not in the list.
    #[inline]
    pub fn get(&self, number: Number) -> Option<Marks> {
        self.search(&self.block(&self.page_of(number)?)?)
    }

    /// The marks of several numbers at once: their lines are asked for together, so that each further one costs little.
    #[inline]
    pub fn get_all<const N: usize>(&self, numbers: [Number; N]) -> [Option<Marks>; N] {
        let mut pages = [Page::NONE; N];
        pages.iter_mut().zip(numbers).for_each(|(page, number)| *page = self.expect(number));
        let mut blocks = [Block::NONE; N];
        blocks.iter_mut().zip(&pages).for_each(|(block, page)| *block = self.reach(page));
        let mut found = [None; N];
        found.iter_mut().zip(&blocks).for_each(|(marks, block)| *marks = self.search(block));
        found
    }

    /// First of three steps: the page a number belongs to, whose directory is asked for.
    #[inline]
    pub(crate) fn expect(&self, number: Number) -> Page {
        let page = self.page_of(number).unwrap_or(Page::NONE);
        machine::prefetch(self.bytes.all().as_ptr().addr() + page.directory());
        page
    }

    /// Second step: the entries among which the number would be, which are asked for.
    #[inline]
    pub(crate) fn reach(&self, page: &Page) -> Block {
        let block = self.block(page).unwrap_or(Block::NONE);
        let base = self.bytes.all().as_ptr().addr();
        let bytes = if block.shift == 8 { BLOCKS + block.count * 3 } else { block.count * 4 };
        for line in (0..bytes.min(MOST_AHEAD)).step_by(ALIGN) {
            machine::prefetch(base + block.start + line);
        }
        // The last entry's line, where the first does not begin one.
        machine::prefetch(base + block.start + bytes.min(MOST_AHEAD));
        block
    }

    /// The page a number belongs to, from the table.
    #[inline]
    fn page_of(&self, number: Number) -> Option<Page> {
        if self.entries == 0 {
            return None;
        }
        let value = number.value();
        let page = self.page(u32::try_from(value >> PAGE_BITS).ok()?)?;
        Some(Page { rest: (value & ((1 << PAGE_BITS) - 1)) as u32, ..page })
    }

    /// The entries among which a number would be, from the directory.
    #[inline]
    fn block(&self, page: &Page) -> Option<Block> {
        let all = self.bytes.all();
        let &Page { rest, entries, shift, start, .. } = page;
        let (start, count) = match shift {
            8 => {
                let both = u64_at(all, page.directory())?;
                let (first, end) = (both as u32 as usize, (both >> 32) as usize);
                (start + first * 3 + (rest >> STRETCH_BITS) as usize * BLOCKS, end.checked_sub(first)?)
            }
            12 | 16 => {
                let at = page.directory();
                let (first, end) = (usize::from(u16_at(all, at)?), usize::from(u16_at(all, at + 2)?));
                (start + ((1 << (PAGE_BITS - shift)) + 1) * 2 + first * 4, end.checked_sub(first)?)
            }
            _ => (start, entries),
        };
        Some(Block { rest, shift, start, count })
    }

    /// Looks through the entries.
    #[inline]
    pub(crate) fn search(&self, block: &Block) -> Option<Marks> {
        if block.count == 0 {
            return None;
        }
        let all = self.bytes.all();
        let &Block { rest, shift, start, count } = block;
        let found = match shift {
            8 => {
                let block = (rest >> 8) as usize % STRETCH_BLOCKS;
                let first = usize::from(u16_at(all, start + block * 2)?);
                let end = if block == STRETCH_BLOCKS - 1 { count } else { usize::from(u16_at(all, start + block * 2 + 2)?) };
                let (rests, length) = (start + BLOCKS + first, end.checked_sub(first)?);
                let at = match all.get(rests..).and_then(|rests| rests.first_chunk::<16>()) {
                    // The usual block: one load, one comparison, no loop; what follows the rests is masked away.
                    Some(rests) if length < 16 => sixteen(*rests, length, rest as u8)?,
                    _ if length == 256 => (rest & 255) as usize,
                    _ => byte_at(all.get(rests..rests + length)?, rest as u8)?,
                };
                u16_at(all, start + BLOCKS + count + (first + at) * 2)?
            }
            12 | 16 => {
                let entries = all.get(start..start + count * 4)?.as_chunks::<4>().0;
                let wanted = rest & ((1 << shift) - 1);
                // No early end: a dozen comparisons without a branch are cheaper than one wrong guess where to stop.
                let found = entries.iter().fold(0_u32, |found, entry| {
                    let entry = u32::from_le_bytes(*entry);
                    if entry & 0xFFFF == wanted { 0x1_0000 | entry >> 16 } else { found }
                });
                if found == 0 {
                    return None;
                }
                found as u16
            }
            _ => {
                let wanted = rest.to_le_bytes();
                let entry = all.get(start..start + count * 6)?.as_chunks::<6>().0.iter().find(|entry| entry.starts_with(&wanted))?;
                let [.., low, high] = *entry;
                u16::from_le_bytes([low, high])
            }
        };
        Some(Marks(found))
    }

    /// A page by its own number: entries, shift and places; the rest is nought.
    #[inline]
    fn page(&self, page: u32) -> Option<Page> {
        let all = self.bytes.all();
        let mask = self.slots - 1;
        let mut slot = home(page, self.slots);
        // A table is never more than half full; a damaged one ends the search all the same.
        for _ in 0..self.slots {
            let at = HEADER + slot * SLOT;
            match u32_at(all, at)? {
                0 => return None,
                held if held == page + 1 => {
                    let packed = u32_at(all, at + 4)?;
                    let start = self.body + u32_at(all, at + 8)? as usize * ALIGN;
                    let directory = self.body + u32_at(all, at + 12)? as usize;
                    return Some(Page { rest: 0, entries: (packed & 0xFF_FFFF) as usize, shift: packed >> 24, start, directory });
                }
                _ => slot = (slot + 1) & mask,
            }
        }
        None
    }

    /// Every number with its marks, page by page in no particular order: to build the next index from this one and a delta.
    pub fn iter(&self) -> impl Iterator<Item = (Number, Marks)> {
        self.pages().flat_map(|(page, _)| self.page_entries(page))
    }

    /// Pages by their own numbers, in no particular order, with how many entries each has.
    fn pages(&self) -> impl Iterator<Item = (u32, usize)> {
        let all = self.bytes.all();
        (0..self.slots).filter_map(move |slot| {
            let page = u32_at(all, HEADER + slot * SLOT)?.checked_sub(1)?;
            Some((page, self.page(page)?.entries))
        })
    }

    /// The entries of a page, in order.
    fn page_entries(&self, page: u32) -> Vec<(Number, Marks)> {
        let all = self.bytes.all();
        if self.entries == 0 {
            return Vec::new();
        }
        let Some(found) = self.page(page) else { return Vec::new() };
        let Page { entries, shift, start, directory, .. } = found;
        let base = u64::from(page) << PAGE_BITS;
        let entry = |rest: u32, marks: u16| Some((Number::new(base | u64::from(rest))?, Marks(marks)));
        let mut found = Vec::with_capacity(entries.min(1 << PAGE_BITS));
        if shift == PAGE_BITS {
            let list = all.get(start..start + entries * 6).unwrap_or_default();
            found.extend(
                list.as_chunks::<6>()
                    .0
                    .iter()
                    .filter_map(|[a, b, c, d, e, f]| entry(u32::from_le_bytes([*a, *b, *c, *d]), u16::from_le_bytes([*e, *f]))),
            );
            return found;
        }
        if shift == 8 {
            for stretch in 0..1_usize << (PAGE_BITS - STRETCH_BITS) {
                let [first, end] = [0, 4].map(|next| u32_at(all, directory + stretch * 4 + next).unwrap_or(0) as usize);
                let count = end.saturating_sub(first).min(1 << STRETCH_BITS);
                let from = start + first * 3 + stretch * BLOCKS;
                let blocks = all.get(from..from + BLOCKS).unwrap_or_default().as_chunks::<2>().0;
                let (rests, marks) =
                    all.get(from + BLOCKS..from + BLOCKS + count * 3).unwrap_or_default().split_at_checked(count).unwrap_or_default();
                for (at, (rest, marks)) in rests.iter().zip(marks.as_chunks::<2>().0).enumerate() {
                    // The last block that begins at or before it.
                    let block = blocks.iter().rposition(|first| usize::from(u16::from_le_bytes(*first)) <= at).unwrap_or(0);
                    found.extend(entry((stretch << STRETCH_BITS | block << 8) as u32 | u32::from(*rest), u16::from_le_bytes(*marks)));
                }
            }
            return found;
        }
        let blocks = 1_usize << PAGE_BITS.saturating_sub(shift);
        let from = start + (blocks + 1) * 2;
        let mut first = 0;
        for block in 0..blocks {
            let end = usize::from(u16_at(all, start + (block + 1) * 2).unwrap_or(0));
            let high = (block as u32) << shift;
            let bytes = all.get(from + first * 4..from + end * 4).unwrap_or_default();
            found.extend(
                bytes
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .filter_map(|[a, b, c, d]| entry(high | u32::from(u16::from_le_bytes([*a, *b])), u16::from_le_bytes([*c, *d]))),
            );
            first = end.max(first);
        }
        found
    }
}

/// A stretch longer than this is not asked for as a whole.
const MOST_AHEAD: usize = 6 * ALIGN;

/// A number's page.
#[derive(Clone, Copy)]
pub(crate) struct Page {
    rest: u32,
    entries: usize,
    shift: u32,
    start: usize,
    /// Of a full page: where its directory is.
    directory: usize,
}

impl Page {
    /// The page of a number that is in no list.
    const NONE: Self = Self { rest: 0, entries: 0, shift: PAGE_BITS, start: 0, directory: 0 };

    /// Where the directory's entry is.
    #[inline]
    const fn directory(&self) -> usize {
        match self.shift {
            8 => self.directory + (self.rest >> STRETCH_BITS) as usize * 4,
            12 | 16 => self.start + (self.rest >> self.shift) as usize * 2,
            _ => self.start,
        }
    }
}

/// A number's block.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    rest: u32,
    shift: u32,
    start: usize,
    count: usize,
}

impl Block {
    /// No entries.
    const NONE: Self = Self { rest: 0, shift: PAGE_BITS, start: 0, count: 0 };
}

/// Where the search for a page begins.
#[inline]
fn home(page: u32, slots: usize) -> usize {
    (u64::from(page).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & (slots - 1)
}

/// Position of a byte among the first `count` (fewer than 16) of sixteen.
#[inline]
fn sixteen(bytes: [u8; 16], count: usize, wanted: u8) -> Option<usize> {
    let hit = machine::bytes_equal(bytes, wanted) & ((1 << count) - 1);
    (hit != 0).then_some(hit.trailing_zeros() as usize)
}

/// Position of a byte, eight at a time: a zero byte of `chunk ^ pattern` borrows from its high bit. The lowest hit is exact.
#[inline]
fn byte_at(bytes: &[u8], wanted: u8) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let pattern = LOW * u64::from(wanted);
    let (chunks, tail) = bytes.as_chunks::<8>();
    for (at, chunk) in chunks.iter().enumerate() {
        let differs = u64::from_le_bytes(*chunk) ^ pattern;
        let hit = differs.wrapping_sub(LOW) & !differs & HIGH;
        if hit != 0 {
            return Some(at * 8 + (hit.trailing_zeros() / 8) as usize);
        }
    }
    tail.iter().position(|byte| *byte == wanted).map(|at| chunks.len() * 8 + at)
}

#[inline]
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[inline]
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests;
