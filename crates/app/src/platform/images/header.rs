//! What a file really is, told by its first bytes; and whether it is all there.

use image::ImageFormat;

use super::ImageRefusal;

/// The real format. A name or a content type is never believed.
pub(super) fn format(bytes: &[u8]) -> Result<ImageFormat, ImageRefusal> {
    if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
        return Ok(ImageFormat::Jpeg);
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Ok(ImageFormat::Png);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Ok(ImageFormat::WebP);
    }
    Err(ImageRefusal::NotAPicture { found: other(bytes) })
}

/// A word for what it is instead, so that the person can mend it.
fn other(bytes: &[u8]) -> &'static str {
    let head = bytes.get(..bytes.len().min(512)).unwrap_or_default();
    let text = String::from_utf8_lossy(head).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    match bytes {
        [b'%', b'P', b'D', b'F', ..] => "PDF",
        [b'P', b'K', ..] => "ZIP",
        [b'G', b'I', b'F', b'8', ..] => "GIF",
        [b'B', b'M', ..] => "BMP",
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "TIFF",
        _ if bytes.get(4..8) == Some(b"ftyp") => "HEIC/AVIF/MP4",
        _ if text.contains("<svg") => "SVG",
        _ if text.starts_with("<!doctype") || text.starts_with("<html") || text.contains("<script") => "HTML",
        _ if text.starts_with("<?xml") => "XML",
        _ => "unknown data",
    }
}

/// Whether the container reaches its end mark. Decoders are lenient and fill what is missing with grey: half a document must not look captured.
pub(super) fn complete(format: ImageFormat, bytes: &[u8]) -> bool {
    match format {
        ImageFormat::Jpeg => jpeg_ends(bytes),
        ImageFormat::Png => png_ends(bytes),
        ImageFormat::WebP => {
            let announced = bytes.get(4..8).and_then(|four| four.try_into().ok()).map_or(u32::MAX, u32::from_le_bytes);
            u64::from(announced) + 8 <= bytes.len() as u64
        }
        _ => false,
    }
}

/// Walks the JPEG segments to the first scan, then looks for the end mark. A thumbnail's own end mark inside a segment is stepped over.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let mut at = 2_usize;
    loop {
        let Some([0xFF, marker]) = bytes.get(at..at + 2) else { return false };
        match marker {
            0xFF => at += 1,
            0x01 | 0xD0..=0xD8 => at += 2,
            0xD9 => return false,
            marker => {
                let Some(length) = bytes.get(at + 2..at + 4).and_then(|two| two.try_into().ok()).map(u16::from_be_bytes) else {
                    return false;
                };
                at += 2 + usize::from(length.max(2));
                if *marker == 0xDA {
                    // Inside a scan every 0xFF is followed by zero or a restart mark: the first D9 is the real end.
                    return bytes.get(at..).is_some_and(|scan| scan.windows(2).any(|pair| pair == [0xFF, 0xD9]));
                }
            }
        }
    }
}

/// Walks the PNG chunks to `IEND`.
fn png_ends(bytes: &[u8]) -> bool {
    let mut at = 8_usize;
    loop {
        let Some(length) = bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes) else { return false };
        let Some(kind) = bytes.get(at + 4..at + 8) else { return false };
        let Some(next) = at.checked_add(12).and_then(|next| next.checked_add(length as usize)) else { return false };
        if kind == b"IEND" {
            return next <= bytes.len();
        }
        at = next;
    }
}
