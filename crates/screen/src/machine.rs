//! The one place with `unsafe` in this crate: mapping the index file, and telling the processor which memory is wanted next.

use std::{fs::File, path::Path};

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

impl Memory {
    /// So many bytes.
    pub fn zeroed(bytes: usize) -> Self {
        memmap2::MmapMut::map_anon(bytes).map_or_else(
            |_| Self::Owned(vec![0; bytes]),
            |map| {
                #[cfg(target_os = "linux")]
                if bytes >= 1 << 22 {
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
