//! 证件影像: what comes in as a picture leaves as a small, marked JPEG of our own making, or not at all.
//!
//! Nothing of the original file survives but its pixels: metadata, trailing bytes and hidden payloads end with the re-encoding. Every stored
//! picture carries the mark the law asks for (L-REG-7). All of it is CPU work: call it through `spawn_blocking`.

mod codes;
mod font;
mod header;
mod intake;
mod mark;
pub mod objects;
#[cfg(test)]
mod tests;

pub use codes::{ALL, ImageRefusal};
pub use intake::{Intake, fuzz_intake, intake};
pub use mark::{MarkFont, Watermark, write_line};
pub use objects::{Objects, ObjectsError};

/// 影像限制: what a picture may be. Technical bounds, not law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageLimits {
    /// Bytes of the uploaded file.
    pub max_bytes: usize,
    /// Pixels of the longer side, as the header announces them.
    pub max_side: u32,
    /// Width × height, as the header announces them.
    pub max_pixels: u64,
    /// Pixels of the shorter side; less cannot be read by an auditor.
    pub min_side: u32,
    /// The longer side may be at most this many times the shorter one.
    pub max_aspect: u32,
    /// Pixels of the longer side of what is stored.
    pub stored_side: u32,
    /// JPEG quality of what is stored, 1..=100.
    pub quality: u8,
}

impl Default for ImageLimits {
    fn default() -> Self {
        Self { max_bytes: 12 << 20, max_side: 12_000, max_pixels: 50_000_000, min_side: 64, max_aspect: 8, stored_side: 2_000, quality: 82 }
    }
}
