//! 瓦片 (C2SP tlog-tiles): the tree cut into files of 256 hashes, so that any static file server serves a log. Pure: who stores them is the caller's.

use crate::merkle::{Hash, Nodes, node_hash};

/// Levels of the tree one tile spans.
pub const HEIGHT: u32 = 8;
/// Hashes in a full tile.
pub const WIDTH: u64 = 256;

/// 瓦片号.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// Tile level: 0 holds leaf hashes, 1 the roots of 256 leaves, and so on.
    pub level: u32,
    /// Position in its level.
    pub index: u64,
    /// Hashes in it, 1..=256.
    pub width: u64,
}

impl Tile {
    /// `tile/<level>/<index>[.p/<width>]`, the index in groups of three digits, all but the last behind an `x`.
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, index_path(self.index, self.width))
    }

    /// The bytes of the tile; `None` when a hash it needs is not stored.
    pub fn bytes<N: Nodes + ?Sized>(&self, nodes: &N) -> Option<Vec<u8>> {
        let start = self.index.checked_mul(WIDTH)?;
        let mut bytes = Vec::with_capacity(32 * 256);
        for offset in 0..self.width {
            bytes.extend_from_slice(&nodes.node(self.level.checked_mul(HEIGHT)?, start.checked_add(offset)?)?);
        }
        Some(bytes)
    }
}

/// Path of the bundle of the entries themselves under tile `index` of level 0.
pub fn entries_path(index: u64, width: u64) -> String {
    format!("tile/entries/{}", index_path(index, width))
}

/// Entries one behind the other, each behind its length in two bytes. `None` when one is longer than 65,535 bytes.
pub fn entry_bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut bundle = Vec::new();
    for entry in entries {
        bundle.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Some(bundle)
}

fn index_path(index: u64, width: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    if width < WIDTH { format!("{path}.p/{width}") } else { path }
}

/// The tiles that are new or longer in a log of `new` entries than it was with `old`, lowest level first.
pub fn grown(old: u64, new: u64) -> Vec<Tile> {
    let mut tiles = Vec::new();
    for level in 0..8 {
        // Above the leaves a tile holds only roots of full tiles below.
        let (before, after) = (old >> (level * HEIGHT), new >> (level * HEIGHT));
        if after == 0 || before >= after {
            break;
        }
        let last = (after - 1) / WIDTH;
        tiles.extend((before / WIDTH..=last).map(|index| Tile { level, index, width: (after - index * WIDTH).min(WIDTH) }));
    }
    tiles
}

/// The tree behind stored tiles. `read` gives the bytes of the longest stored tile at (level, index).
pub struct Tiles<F>(pub F);

impl<F: Fn(u32, u64) -> Option<Vec<u8>>> Nodes for Tiles<F> {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        let below = level % HEIGHT;
        let start = index.checked_mul(1 << below)?;
        let bytes = (self.0)(level / HEIGHT, start / WIDTH)?;
        let (hashes, _) = bytes.as_chunks::<32>();
        let from = usize::try_from(start % WIDTH).ok()?;
        let mut row = hashes.get(from..from.checked_add(1 << below)?)?.to_vec();
        while row.len() > 1 {
            let (pairs, _) = row.as_chunks::<2>();
            row = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
        }
        row.first().copied()
    }
}
