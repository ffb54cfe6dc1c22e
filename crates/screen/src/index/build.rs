//! From a list of numbers to the bytes of an index.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use super::{ALIGN, DIRECTORY, HEADER, IndexError, MAGIC, PAGE_BITS, SLOT, STRETCH_BITS, STRETCH_BLOCKS, home};
use crate::{lists::Marks, number::Number};

/// Fewer entries than this in a page are a plain list.
const LIST: usize = 32;
/// Up to here blocks of 2¹⁶, then of 2¹², then the fullest form: where the bytes of both are about the same.
const WIDE: usize = 512;
const MIDDLE: usize = 8_706;

/// Collects numbers in any order; each number once.
#[derive(Debug, Default)]
pub struct Builder {
    entries: Vec<(u64, u16)>,
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
        let pages: Vec<&[(u64, u16)]> = self.entries.chunk_by(|(one, _), (two, _)| one >> PAGE_BITS == two >> PAGE_BITS).collect();
        let slots = (pages.len() * 2).next_power_of_two().max(2);
        let mut bytes = vec![0_u8; HEADER + slots * SLOT];
        bytes.reserve_exact(self.entries.len() * 4 + pages.len() * ALIGN);
        let body = bytes.len();
        // First the directories of all full pages, close together; then the pages.
        let full = pages.iter().filter(|page| page.len() >= MIDDLE).count();
        bytes.resize(body + full * DIRECTORY, 0);
        let mut directory = 0;
        for page in pages {
            let start = (bytes.len() - body).next_multiple_of(ALIGN);
            bytes.resize(body + start, 0);
            let at = directory;
            let shift = if page.len() >= MIDDLE {
                let ends = append_full(&mut bytes, page);
                if let Some(place) = bytes.get_mut(body + at..body + at + DIRECTORY) {
                    place.copy_from_slice(&ends);
                }
                directory += DIRECTORY;
                8
            } else {
                append_page(&mut bytes, page)
            };
            let place = u32::try_from(start / ALIGN).map_err(|_| IndexError::TooMany)?;
            let id = page.first().map_or(0, |(value, _)| (value >> PAGE_BITS) as u32);
            let packed = page.len() as u32 | shift << 24;
            let directory = u32::try_from(at).map_err(|_| IndexError::TooMany)?;
            insert(bytes.get_mut(HEADER..body).unwrap_or_default(), slots, [id + 1, packed, place, directory]);
        }
        let length = bytes.len() as u64;
        let table_crc = crc32fast::hash(bytes.get(HEADER..body).unwrap_or_default());
        let body_crc = crc32fast::hash(bytes.get(body..).unwrap_or_default());
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(MAGIC);
        for word in [self.entries.len() as u64, slots as u64, length] {
            header.extend_from_slice(&word.to_le_bytes());
        }
        header.extend_from_slice(&table_crc.to_le_bytes());
        header.extend_from_slice(&body_crc.to_le_bytes());
        header.resize(HEADER - 4, 0);
        let header_crc = crc32fast::hash(&header);
        header.extend_from_slice(&header_crc.to_le_bytes());
        if let Some(place) = bytes.get_mut(..HEADER) {
            place.copy_from_slice(&header);
        }
        Ok(bytes)
    }
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
