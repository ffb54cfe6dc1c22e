//! The one place with `unsafe` in this crate: mapping the index file, memory shared word by word, and what the processor does better than the language
//! says: asking for memory ahead of its use, comparing sixteen things at once.

use std::{fs::File, path::Path, sync::atomic::AtomicU64};

/// Maps a file for reading.
#[allow(
    unsafe_code,
    reason = "a map of half a gigabyte opens in a millisecond; reading the file does not. Audited: see the comment at the call"
)]
pub fn map(path: &Path) -> std::io::Result<memmap2::Mmap> {
    let file = File::open(path)?;
    // SAFETY: a map is undefined behaviour only when the file changes under it, and a file cut short ends the process at the next look-up. Index files
    // are therefore never written in place: `build::write` makes a new file, takes the write permission away and renames it over the name, and the map
    // keeps the old one alive until the last call has left it. The folder belongs to the program alone.
    let map = unsafe { memmap2::Mmap::map(&file) }?;
    #[cfg(target_os = "linux")]
    // A wish, as below.
    let _ = map.advise(memmap2::Advice::HugePage);
    Ok(map)
}

/// Zeroed memory that is only there once it is touched, in large pages where the system has them: a table of half a gigabyte in small ones spends
/// more time on finding its pages than on reading them.
pub enum Memory {
    /// From the system.
    Mapped(memmap2::MmapMut),
    /// Where mapping fails.
    Owned(Vec<u8>),
}

/// A large page.
const LARGE: usize = 1 << 21;

impl Memory {
    /// So many bytes, or more: what takes half a large page or more takes whole ones, for the system lays only such a length where its pages begin.
    pub fn zeroed(bytes: usize) -> Self {
        let bytes = if bytes < LARGE / 2 { bytes } else { bytes.next_multiple_of(LARGE) };
        memmap2::MmapMut::map_anon(bytes).map_or_else(
            |_| Self::Owned(vec![0; bytes]),
            |map| {
                #[cfg(target_os = "linux")]
                if bytes >= LARGE {
                    // A wish: small pages do as well, slower.
                    let _ = map.advise(memmap2::Advice::HugePage);
                }
                Self::Mapped(map)
            },
        )
    }
}

impl std::ops::Deref for Memory {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl std::ops::DerefMut for Memory {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// Words that several threads read and write, each word for itself: in large pages, zero at first, there once they are touched.
pub struct Words {
    /// Where they begin; kept beside the memory, so that a reader takes one step less.
    first: *const AtomicU64,
    count: usize,
    _memory: Memory,
}

#[allow(unsafe_code, reason = "the pointer is what keeps it from being automatic. Audited: see the comment")]
// SAFETY: the memory is owned, never moves and never shrinks while the words live, and is only ever reached as atomics.
unsafe impl Send for Words {}
#[allow(unsafe_code, reason = "as above")]
// SAFETY: as above.
unsafe impl Sync for Words {}

impl Words {
    /// So many, all zero.
    pub fn zeroed(count: usize) -> Self {
        // One line more: memory that could not be mapped begins anywhere, and records stand on lines of their own.
        let mut memory = Memory::zeroed(count * 8 + 64);
        let first = memory.as_mut_ptr();
        let first = first.wrapping_add(first.align_offset(64)).cast_const().cast();
        Self { first, count, _memory: memory }
    }

    /// `N` words in a row; none beyond the end.
    #[inline]
    #[allow(unsafe_code, reason = "memory from a map has no type. Audited: see the comment at the call")]
    pub fn at<const N: usize>(&self, place: usize) -> Option<&[AtomicU64; N]> {
        if place.checked_add(N)? > self.count {
            return None;
        }
        // SAFETY: `first` is aligned to 64 bytes and has `count` words behind it, which were zeroed and are valid as any value; the bound was just
        // checked; the memory lives as long as `self`, and nobody reaches it otherwise than through this function.
        Some(unsafe { &*self.first.add(place).cast() })
    }

    /// Asks for the line of a word.
    #[inline]
    pub fn prefetch(&self, place: usize) {
        prefetch(self.first.wrapping_add(place).addr());
    }
}

/// One bit for each of sixteen tags, four to a word, that is the wanted one.
#[inline]
pub fn tags_equal(tags: [u64; 4], wanted: u16) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        #[allow(unsafe_code, reason = "see the comment at the call")]
        // SAFETY: SSE2 is part of x86-64.
        unsafe {
            sse::tags_equal(tags, wanted)
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    tags_equal_plain(tags, wanted)
}

/// One bit for each of sixteen bytes that is the wanted one.
#[inline]
pub fn bytes_equal(bytes: [u8; 16], wanted: u8) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        #[allow(unsafe_code, reason = "see the comment at the call")]
        // SAFETY: SSE2 is part of x86-64.
        unsafe {
            sse::bytes_equal(bytes, wanted)
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    bytes_equal_plain(bytes, wanted)
}

/// One bit for each of sixty-four bytes that is the one or the other.
#[inline]
pub fn either(bytes: &[u8; 64], one: u8, other: u8) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        #[allow(unsafe_code, reason = "see the comment at the call")]
        // SAFETY: SSE2 is part of x86-64.
        unsafe {
            sse::either(bytes, one, other)
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    either_plain(bytes, one, other)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn either_plain(bytes: &[u8; 64], one: u8, other: u8) -> u64 {
    bytes.iter().enumerate().fold(0, |bits, (at, byte)| bits | u64::from(*byte == one || *byte == other) << at)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn tags_equal_plain(tags: [u64; 4], wanted: u16) -> u32 {
    let tags = tags.iter().flat_map(|word| [0, 16, 32, 48].map(|shift| (word >> shift) as u16));
    tags.enumerate().fold(0, |bits, (way, tag)| bits | u32::from(tag == wanted) << way)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn bytes_equal_plain(bytes: [u8; 16], wanted: u8) -> u32 {
    bytes.iter().enumerate().fold(0, |bits, (at, byte)| bits | u32::from(*byte == wanted) << at)
}

#[cfg(target_arch = "x86_64")]
mod sse {
    use core::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_cmpeq_epi16, _mm_movemask_epi8, _mm_or_si128, _mm_packs_epi16, _mm_set_epi64x, _mm_set1_epi8,
        _mm_set1_epi16,
    };

    #[inline]
    #[target_feature(enable = "sse2")]
    pub fn tags_equal([a, b, c, d]: [u64; 4], wanted: u16) -> u32 {
        let wanted = _mm_set1_epi16(wanted.cast_signed());
        let low = _mm_cmpeq_epi16(_mm_set_epi64x(b.cast_signed(), a.cast_signed()), wanted);
        let high = _mm_cmpeq_epi16(_mm_set_epi64x(d.cast_signed(), c.cast_signed()), wanted);
        _mm_movemask_epi8(_mm_packs_epi16(low, high)).cast_unsigned()
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn load(bytes: [u8; 16]) -> __m128i {
        let all = u128::from_le_bytes(bytes);
        _mm_set_epi64x(((all >> 64) as u64).cast_signed(), (all as u64).cast_signed())
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub fn bytes_equal(bytes: [u8; 16], wanted: u8) -> u32 {
        _mm_movemask_epi8(_mm_cmpeq_epi8(load(bytes), _mm_set1_epi8(wanted.cast_signed()))).cast_unsigned()
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub fn either(bytes: &[u8; 64], one: u8, other: u8) -> u64 {
        let (one, other) = (_mm_set1_epi8(one.cast_signed()), _mm_set1_epi8(other.cast_signed()));
        bytes.as_chunks::<16>().0.iter().rev().fold(0, |bits, part| {
            let part = load(*part);
            let found = _mm_or_si128(_mm_cmpeq_epi8(part, one), _mm_cmpeq_epi8(part, other));
            bits << 16 | u64::from(_mm_movemask_epi8(found).cast_unsigned())
        })
    }
}

/// Asks for a cache line ahead of its use. A decision touches ten lines that are in no cache; asked for together they arrive together.
#[inline]
#[allow(unsafe_code, reason = "there is no safe way to say it. Audited: see the comment at the call")]
pub fn prefetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and faults on nothing, whatever the address; it is a hint. SSE is part of x86-64.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(std::ptr::without_provenance(address));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_processor_compares_as_the_language_does(tags in any::<[u64; 4]>(), bytes in any::<[u8; 16]>(), way in 0..16_usize, other in any::<u16>()) {
            let tag = (tags[way / 4] >> (way % 4 * 16)) as u16;
            for wanted in [tag, other] {
                prop_assert_eq!(tags_equal(tags, wanted), tags_equal_plain(tags, wanted));
            }
            prop_assert!(tags_equal(tags, tag) & 1 << way != 0);
            for wanted in [bytes[way], other as u8] {
                prop_assert_eq!(bytes_equal(bytes, wanted), bytes_equal_plain(bytes, wanted));
            }
        }

        #[test]
        fn of_sixty_four_bytes_both_kinds_are_found(bytes in prop::array::uniform32(0_u8..4), more in prop::array::uniform32(0_u8..4), one in 0_u8..4, other in 0_u8..4) {
            let bytes: [u8; 64] = std::array::from_fn(|at| if at < 32 { bytes[at] } else { more[at - 32] });
            prop_assert_eq!(either(&bytes, one, other), either_plain(&bytes, one, other));
        }
    }

    #[test]
    fn words_end_where_they_end_and_begin_on_a_line() {
        for count in [8, 1 << 20] {
            let words = Words::zeroed(count);
            assert_eq!(words.at::<1>(0).unwrap().as_ptr().addr() % 64, 0);
            assert!(words.at::<8>(count - 8).is_some() && words.at::<8>(count - 7).is_none() && words.at::<1>(usize::MAX).is_none());
            words.at::<1>(count - 1).unwrap()[0].store(7, Relaxed);
            assert_eq!((words.at::<1>(count - 1).unwrap()[0].load(Relaxed), words.at::<1>(0).unwrap()[0].load(Relaxed)), (7, 0));
            words.prefetch(usize::MAX);
        }
    }
}
