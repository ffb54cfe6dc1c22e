//! From a list of numbers to the bytes of an index.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::{self, File},
    io::{Cursor, Seek, SeekFrom, Write},
    path::Path,
};

use super::{ALIGN, DIRECTORY, HEADER, Index, IndexError, MAGIC, PAGE_BITS, SLOT, STRETCH_BITS, STRETCH_BLOCKS, home};
use crate::{lists::Marks, number::Number};

/// Fewer entries than this in a page are a plain list.
const LIST: usize = 32;
/// Up to here blocks of 2¹⁶, then of 2¹², then the fullest form: where the bytes of both are about the same.
const WIDE: usize = 512;
const MIDDLE: usize = 8_706;

/// Collects numbers in any order; each number once.
#[derive(Debug, Default)]
pub struct Builder {
    entries: Vec<Entry>,
    sorted: bool,
}

impl Builder {
    /// Room for so many numbers.
    pub fn with_capacity(entries: usize) -> Self {
        Self { entries: Vec::with_capacity(entries), sorted: true }
    }

    /// Adds a number.
    pub fn push(&mut self, number: Number, marks: Marks) {
        let value = number.value();
        self.sorted = (self.sorted || self.entries.is_empty()) && self.entries.last().is_none_or(|(last, _)| *last < value);
        self.entries.push((value, marks.0));
    }

    /// The bytes of the index. Takes 16 bytes of memory an entry beside them.
    ///
    /// # Errors
    /// A number stands twice with different marks.
    pub fn finish(mut self) -> Result<Vec<u8>, IndexError> {
        if !self.sorted {
            self.entries.sort_unstable();
            self.entries.dedup();
        }
        if let Some(at) = self.entries.windows(2).position(|pair| matches!(pair, [(one, _), (two, _)] if one == two)) {
            return Err(IndexError::Twice(at as u64));
        }
        let pages: Vec<&[Entry]> = self.entries.chunk_by(|(one, _), (two, _)| one >> PAGE_BITS == two >> PAGE_BITS).collect();
        let outline = pages.iter().map(|page| (page.first().map_or(0, |(value, _)| page_of(*value)), page.len())).collect::<Vec<_>>();
        let mut bytes = Cursor::new(Vec::with_capacity(HEADER + self.entries.len() * 4 + pages.len() * (ALIGN + SLOT * 4)));
        pour(&outline, |at| Cow::Borrowed(pages.get(at).copied().unwrap_or_default()), &mut bytes)?;
        Ok(bytes.into_inner())
    }
}

/// A number and its marks, as they are written.
type Entry = (u64, u16);

const fn page_of(value: u64) -> u32 {
    (value >> PAGE_BITS) as u32
}

/// 合并: writes the index that says what `base` says, but for the numbers of `delta` (in order, each once): of these it says what the delta says, and
/// nothing where the delta has no marks. One page at a time is in memory, however long the list. Gives the number of entries.
///
/// # Errors
/// It cannot be written, or holds more than the format does.
pub fn merge(base: &Index, delta: &[(Number, Marks)], out: &mut (impl Write + Seek)) -> Result<u64, IndexError> {
    let changed: BTreeMap<u32, &[(Number, Marks)]> = delta
        .chunk_by(|(one, _), (two, _)| page_of(one.value()) == page_of(two.value()))
        .filter_map(|page| Some((page_of(page.first()?.0.value()), page)))
        .collect();
    let merged = |page: u32| -> Vec<Entry> {
        let held = base.page_entries(page);
        let Some(changed) = changed.get(&page) else { return held.iter().map(|(number, marks)| (number.value(), marks.0)).collect() };
        let mut all = Vec::with_capacity(held.len() + changed.len());
        let (mut held, mut changed) = (held.iter().peekable(), changed.iter().peekable());
        loop {
            let next = match (held.peek(), changed.peek()) {
                (Some((one, _)), Some((two, _))) if one < two => held.next(),
                (Some((one, _)), Some((two, _))) if one == two => {
                    held.next();
                    changed.next()
                }
                (_, Some(_)) => changed.next(),
                (Some(_), None) => held.next(),
                (None, None) => return all,
            };
            all.extend(next.filter(|(_, marks)| *marks != Marks::default()).map(|(number, marks)| (number.value(), marks.0)));
        }
    };
    let mut ids: Vec<u32> = base.pages().map(|(page, _)| page).chain(changed.keys().copied()).collect();
    ids.sort_unstable();
    ids.dedup();
    let held: BTreeMap<u32, usize> = base.pages().collect();
    let length = |page: u32| if changed.contains_key(&page) { merged(page).len() } else { held.get(&page).copied().unwrap_or(0) };
    let outline: Vec<(u32, usize)> = ids.into_iter().map(|page| (page, length(page))).filter(|(_, length)| *length > 0).collect();
    pour(&outline, |at| Cow::Owned(outline.get(at).map(|(page, _)| merged(*page)).unwrap_or_default()), out)
}

/// Writes pages in order: their numbers and lengths are known beforehand, their entries are asked for one page at a time.
fn pour<'a>(
    outline: &[(u32, usize)],
    mut page: impl FnMut(usize) -> Cow<'a, [Entry]>,
    out: &mut (impl Write + Seek),
) -> Result<u64, IndexError> {
    let slots = (outline.len() * 2).next_power_of_two().max(2);
    let mut table = vec![0_u8; slots * SLOT];
    // First the directories of all full pages, close together; then the pages.
    let full = outline.iter().filter(|(_, length)| *length >= MIDDLE).count();
    let mut directories = Vec::with_capacity(full * DIRECTORY);
    let mut length = full * DIRECTORY;
    let mut checksum = crc32fast::Hasher::new();
    out.seek(SeekFrom::Start((HEADER + table.len() + length) as u64))?;
    let (mut bytes, mut entries) = (Vec::new(), 0_u64);
    for (at, (id, _)) in outline.iter().enumerate() {
        let page = page(at);
        let start = length.next_multiple_of(ALIGN);
        bytes.clear();
        bytes.resize(start - length, 0);
        let directory = directories.len();
        let shift = if page.len() >= MIDDLE {
            directories.extend_from_slice(&append_full(&mut bytes, &page));
            8
        } else {
            append_page(&mut bytes, &page)
        };
        out.write_all(&bytes)?;
        checksum.update(&bytes);
        length += bytes.len();
        entries += page.len() as u64;
        let place = u32::try_from(start / ALIGN).map_err(|_| IndexError::TooMany)?;
        let packed = page.len() as u32 | shift << 24;
        let directory = u32::try_from(directory).map_err(|_| IndexError::TooMany)?;
        insert(&mut table, slots, [id + 1, packed, place, directory]);
    }
    let mut body = crc32fast::Hasher::new();
    body.update(&directories);
    body.combine(&checksum);
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    for word in [entries, slots as u64, (HEADER + table.len() + length) as u64] {
        header.extend_from_slice(&word.to_le_bytes());
    }
    header.extend_from_slice(&crc32fast::hash(&table).to_le_bytes());
    header.extend_from_slice(&body.finalize().to_le_bytes());
    header.resize(HEADER - 4, 0);
    let header_crc = crc32fast::hash(&header);
    header.extend_from_slice(&header_crc.to_le_bytes());
    out.seek(SeekFrom::Start(0))?;
    for part in [&header, &table, &directories] {
        out.write_all(part)?;
    }
    out.flush()?;
    Ok(entries)
}

/// Appends one page in the form that suits its fill; gives the shift.
fn append_page(bytes: &mut Vec<u8>, page: &[(u64, u16)]) -> u32 {
    let rest = |value: u64| (value & ((1 << PAGE_BITS) - 1)) as u32;
    let shift = match page.len() {
        0..LIST => {
            for (value, marks) in page {
                bytes.extend_from_slice(&rest(*value).to_le_bytes());
                bytes.extend_from_slice(&marks.to_le_bytes());
            }
            return PAGE_BITS;
        }
        LIST..WIDE => 16,
        _ => 12,
    };
    let mut at = 0;
    let mut directory = |block: u32| {
        at += page.get(at..).unwrap_or_default().iter().take_while(|(value, _)| rest(*value) >> shift < block).count();
        at
    };
    for block in 0..=1_u32 << (PAGE_BITS - shift) {
        bytes.extend_from_slice(&(directory(block) as u16).to_le_bytes());
    }
    let low = |value: u64| (value & ((1 << shift) - 1)) as u16;
    bytes.extend(page.iter().flat_map(|(value, marks)| low(*value).to_le_bytes().into_iter().chain(marks.to_le_bytes())));
    shift
}

/// Appends a page of the fullest form; gives its directory.
fn append_full(bytes: &mut Vec<u8>, page: &[(u64, u16)]) -> Vec<u8> {
    let mut directory = Vec::with_capacity(DIRECTORY);
    let mut left = page;
    let mut before = 0_u32;
    for stretch in 0..1_u64 << (PAGE_BITS - STRETCH_BITS) {
        directory.extend_from_slice(&before.to_le_bytes());
        let within = |value: u64| value & ((1 << PAGE_BITS) - 1);
        let (here, rest) = left.split_at(left.partition_point(|(value, _)| within(*value) >> STRETCH_BITS <= stretch));
        let first = |block: u64| here.partition_point(|(value, _)| block > (value >> 8) % STRETCH_BLOCKS as u64) as u16;
        bytes.extend((0..STRETCH_BLOCKS as u64).flat_map(|block| first(block).to_le_bytes()));
        bytes.extend(here.iter().map(|(value, _)| *value as u8));
        bytes.extend(here.iter().flat_map(|(_, marks)| marks.to_le_bytes()));
        before += here.len() as u32;
        left = rest;
    }
    directory.extend_from_slice(&before.to_le_bytes());
    directory
}

fn insert(table: &mut [u8], slots: usize, [page, packed, place, directory]: [u32; 4]) {
    let mut slot = home(page - 1, slots);
    while let Some(record) = table.get_mut(slot * SLOT..(slot + 1) * SLOT) {
        if record.starts_with(&[0; 4]) {
            let words = [page, packed, place, directory].map(u32::to_le_bytes);
            record.copy_from_slice(words.as_flattened());
            return;
        }
        slot = (slot + 1) & (slots - 1);
    }
}

/// Writes an index so that a reader finds the old file or the whole new one, never a part: beside the name, flushed, made read-only, renamed.
///
/// # Errors
/// The folder cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), IndexError> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut file = File::create_new(&beside)?;
    file.write_all(bytes)?;
    let mut permissions = file.metadata()?.permissions();
    permissions.set_readonly(true);
    file.set_permissions(permissions)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // The rename itself survives a power cut only when the folder is flushed too.
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
