//! The one place with `unsafe` in this crate: mapping the index file.

use std::{fs::File, path::Path};

/// Maps a file for reading.
#[allow(
    unsafe_code,
    reason = "a map of half a gigabyte opens in a millisecond; reading the file does not. Audited: see the comment at the call"
)]
pub(super) fn map(path: &Path) -> std::io::Result<memmap2::Mmap> {
    let file = File::open(path)?;
    // SAFETY: a map is undefined behaviour only when the file changes under it, and a file cut short ends the process at the next look-up. Index files
    // are therefore never written in place: `build::write` makes a new file, takes the write permission away and renames it over the name, and the map
    // keeps the old one alive until the last call has left it. The folder belongs to the program; `docs/operate` says to leave it alone.
    unsafe { memmap2::Mmap::map(&file) }
}
