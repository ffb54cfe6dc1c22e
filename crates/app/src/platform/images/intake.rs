//! From untrusted bytes to the one form that is stored.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage, codecs::jpeg::JpegEncoder, imageops::FilterType};

use super::{ImageLimits, ImageRefusal, Watermark, header};

/// 入库影像: a picture as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Intake {
    /// The marked JPEG, without any metadata.
    pub jpeg: Vec<u8>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// SHA-256 of [`Intake::jpeg`]: what the order row keeps.
    pub sha256: [u8; 32],
    /// SHA-256 of the bytes as uploaded: finds the same file used for two persons.
    pub original_sha256: [u8; 32],
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Intake({}×{}, {} bytes)", self.width, self.height, self.jpeg.len())
    }
}

/// Takes a picture in: sniffs, measures, decodes, turns upright, shrinks, marks (L-REG-7), encodes. Never panics, whatever the bytes.
///
/// # Errors
/// [`ImageRefusal`], each with its words in both languages. Nothing is kept of a refused picture.
pub fn intake(bytes: &[u8], limits: &ImageLimits, mark: &Watermark) -> Result<Intake, ImageRefusal> {
    if bytes.is_empty() {
        return Err(ImageRefusal::Empty);
    }
    if bytes.len() > limits.max_bytes {
        return Err(ImageRefusal::TooLarge { limit: limits.max_bytes });
    }
    let format = header::format(bytes)?;
    // The decoders are third-party code fed by strangers. A panic in one of them is a damaged picture, not a lost worker.
    let (mut picture, orientation) = std::panic::catch_unwind(|| decode(bytes, format, limits)).unwrap_or(Err(ImageRefusal::Corrupt))?;
    if picture.width().max(picture.height()) > limits.stored_side {
        picture = picture.resize(limits.stored_side, limits.stored_side, FilterType::Triangle);
    }
    picture.apply_orientation(orientation);
    let mut picture = flatten(picture);
    mark.burn(&mut picture);
    let mut jpeg = Vec::with_capacity(256 << 10);
    JpegEncoder::new_with_quality(&mut jpeg, limits.quality.clamp(1, 100)).encode_image(&picture).map_err(|_| ImageRefusal::Corrupt)?;
    Ok(Intake { width: picture.width(), height: picture.height(), sha256: sha256(&jpeg), original_sha256: sha256(bytes), jpeg })
}

/// The whole intake on arbitrary bytes, with bounds small enough to run millions of times: the fuzzing entry point.
pub fn fuzz_intake(data: &[u8]) {
    let limits = ImageLimits { max_bytes: 1 << 20, max_side: 1_000, max_pixels: 250_000, stored_side: 200, ..ImageLimits::default() };
    if let Ok(taken) = intake(data, &limits, &Watermark::plain("TEST", "FUZZ", jiff::civil::Date::constant(2026, 1, 1), "0")) {
        assert!(taken.width.max(taken.height) <= limits.stored_side, "stored larger than allowed");
        assert!(taken.jpeg.starts_with(&[0xFF, 0xD8, 0xFF]), "stored something else than JPEG");
    }
}

fn decode(bytes: &[u8], format: ImageFormat, limits: &ImageLimits) -> Result<(DynamicImage, image::metadata::Orientation), ImageRefusal> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut bounds = Limits::default();
    bounds.max_alloc = Some(limits.max_pixels.saturating_mul(8));
    reader.limits(bounds);
    let mut decoder = reader.into_decoder().map_err(|_| ImageRefusal::Corrupt)?;
    let (width, height) = decoder.dimensions();
    measure(width, height, limits)?;
    if !header::complete(format, bytes) {
        return Err(ImageRefusal::Corrupt);
    }
    // A picture without a readable orientation stands as it is.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(|_| ImageRefusal::Corrupt)?;
    Ok((picture, orientation))
}

/// Judges what the header announces, before a single pixel is decoded.
fn measure(width: u32, height: u32, limits: &ImageLimits) -> Result<(), ImageRefusal> {
    let (long, short) = (width.max(height), width.min(height));
    if long > limits.max_side || u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(ImageRefusal::TooManyPixels { width, height, max_side: limits.max_side, max_pixels: limits.max_pixels });
    }
    if short < limits.min_side || long > short.saturating_mul(limits.max_aspect) {
        return Err(ImageRefusal::TooSmall { width, height, min_side: limits.min_side });
    }
    Ok(())
}

/// Drops the alpha channel onto white: a signature pad sends black strokes on nothing, which would otherwise be black on black.
fn flatten(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0;
        let over = |channel: u8| {
            let alpha = u16::from(alpha);
            u8::try_from((u16::from(channel) * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
        };
        image::Rgb([over(red), over(green), over(blue)])
    })
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0_u8; 32];
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    hash
}
