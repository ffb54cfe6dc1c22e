//! 演示影像: documents, portraits and signatures drawn in code. No real face, no real layout: every card says that it is none.

use std::io::Cursor;

use chuangsha_app::platform::images::{MarkFont, write_line};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage, codecs::jpeg::JpegEncoder};

use crate::random::Random;

/// What is written on a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card<'a> {
    /// Name; shown as boxes when no font for it is given.
    pub name: &'a str,
    /// Document number.
    pub number: &'a str,
    /// Address or place of issue.
    pub address: &'a str,
    /// `2020-01-01 - 2040-01-01`.
    pub valid: &'a str,
    /// Decides the face: the same seed is the same person.
    pub seed: u64,
}

/// Front of a demo card, 856 × 540, JPEG.
pub fn document_front(card: &Card<'_>, font: Option<&MarkFont>) -> Vec<u8> {
    let mut picture = paper(856, 540, card.seed, [222, 236, 244]);
    write_line(&mut picture, "DEMO CARD - NOT A REAL DOCUMENT", 30, 24, 27, None);
    write_line(&mut picture, card.name, 60, 110, 40, font);
    write_line(&mut picture, card.address, 60, 220, 30, font);
    write_line(&mut picture, card.number, 60, 440, 45, None);
    face(&mut picture, card.seed, 690, 210, 90);
    jpeg(&picture)
}

/// Back of a demo card, 856 × 540, JPEG.
pub fn document_back(card: &Card<'_>, font: Option<&MarkFont>) -> Vec<u8> {
    let mut picture = paper(856, 540, card.seed ^ 1, [244, 232, 222]);
    write_line(&mut picture, "DEMO CARD - NOT A REAL DOCUMENT", 30, 24, 27, None);
    write_line(&mut picture, card.address, 60, 330, 30, font);
    write_line(&mut picture, card.valid, 60, 420, 36, None);
    jpeg(&picture)
}

/// A live picture of the same drawn person as on the card with this seed, 640 × 480, JPEG.
pub fn live_photo(seed: u64) -> Vec<u8> {
    let mut picture = paper(640, 480, seed.wrapping_add(7), [205, 210, 200]);
    face(&mut picture, seed, 320, 230, 150);
    jpeg(&picture)
}

/// Strokes of a pen on nothing, 600 × 240, PNG with a transparent ground as a signature pad sends it.
pub fn signature(seed: u64) -> Vec<u8> {
    let mut random = Random::stream(seed, "signature");
    let mut picture = RgbaImage::from_pixel(600, 240, Rgba([0, 0, 0, 0]));
    let mut stroke = |from: (i64, i64), to: (i64, i64)| {
        for step in 0..=200 {
            let (x, y) = (from.0 + (to.0 - from.0) * step / 200, from.1 + (to.1 - from.1) * step / 200);
            for (dx, dy) in (-2..=2_i64).flat_map(|dx| (-2..=2_i64).map(move |dy| (dx, dy))) {
                if let (Ok(x), Ok(y)) = (u32::try_from(x + dx), u32::try_from(y + dy))
                    && let Some(pixel) = picture.get_pixel_mut_checked(x, y)
                {
                    *pixel = Rgba([20, 20, 60, 255]);
                }
            }
        }
    };
    let mut at = (60, 120);
    for _ in 0..14 {
        let next = (at.0 + signed(&mut random, 60) + 34, 120 + signed(&mut random, 90));
        stroke(at, next);
        at = next;
    }
    encode(picture, ImageFormat::Png)
}

/// A PNG of 67 bytes that announces 30,000 × 30,000 pixels.
pub fn bomb() -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(30_000_u32.to_be_bytes());
    header.extend(30_000_u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for chunk in [header, b"IDAT".to_vec(), b"IEND".to_vec()] {
        bytes.extend(u32::try_from(chunk.len() - 4).unwrap_or(0).to_be_bytes());
        bytes.extend(&chunk);
        bytes.extend(crc32(&chunk).to_be_bytes());
    }
    bytes
}

/// A good picture with an archive and a script behind it.
pub fn polyglot(seed: u64) -> Vec<u8> {
    let mut bytes = live_photo(seed);
    bytes.extend(b"PK\x03\x04 <script>alert('polyglot')</script>");
    bytes
}

/// A picture that breaks off.
pub fn truncated(seed: u64) -> Vec<u8> {
    let mut bytes = live_photo(seed);
    bytes.truncate(bytes.len() / 2);
    bytes
}

/// Paper with a little grain, so that no two pictures are the same file.
fn paper(width: u32, height: u32, seed: u64, [red, green, blue]: [u8; 3]) -> RgbImage {
    let mut random = Random::stream(seed, "paper");
    RgbImage::from_fn(width, height, |_, _| {
        let grain = u8::try_from(random.below(6)).unwrap_or(0);
        Rgb([red - grain, green - grain, blue - grain])
    })
}

/// A drawn face around a centre; `size` is half its height. What the seed decides: skin, hair, eyes, mouth, glasses.
fn face(picture: &mut RgbImage, seed: u64, x: u32, y: u32, size: u32) {
    let mut random = Random::stream(seed, "face");
    let skin = *random.pick(&[[236, 200, 172], [224, 186, 150], [206, 166, 130], [244, 214, 190]]);
    let hair = *random.pick(&[[24, 20, 20], [52, 36, 28], [90, 90, 96], [40, 28, 20]]);
    let unit = |of: i64| i64::from(size) * of / 100;
    let (x, y) = (i64::from(x), i64::from(y));
    let (wide, eyes, mouth) = (62 + signed(&mut random, 8), 26 + signed(&mut random, 6), 24 + signed(&mut random, 10));
    ellipse(picture, (x, y + unit(150)), (unit(95), unit(70)), [60, 80, 120]);
    ellipse(picture, (x, y - unit(14)), (unit(wide + 10), unit(98)), hair);
    ellipse(picture, (x, y), (unit(wide), unit(84)), skin);
    for side in [-1, 1] {
        ellipse(picture, (x + side * unit(eyes), y - unit(12)), (unit(12), unit(6)), [250, 250, 250]);
        ellipse(picture, (x + side * unit(eyes), y - unit(12)), (unit(5), unit(5)), [30, 24, 20]);
    }
    ellipse(picture, (x, y + unit(14)), (unit(5), unit(14)), skin.map(|channel: u8| channel - 30));
    ellipse(picture, (x, y + unit(46)), (unit(mouth), unit(7)), [176, 84, 84]);
}

fn ellipse(picture: &mut RgbImage, (x, y): (i64, i64), (wide, high): (i64, i64), colour: [u8; 3]) {
    for (dx, dy) in (-wide..=wide).flat_map(|dx| (-high..=high).map(move |dy| (dx, dy))) {
        let inside = dx * dx * high * high + dy * dy * wide * wide <= wide * wide * high * high;
        if let (true, Ok(x), Ok(y)) = (inside, u32::try_from(x + dx), u32::try_from(y + dy))
            && let Some(pixel) = picture.get_pixel_mut_checked(x, y)
        {
            *pixel = Rgb(colour);
        }
    }
}

/// A number in `-reach..=reach`.
fn signed(random: &mut Random, reach: i64) -> i64 {
    i64::try_from(random.below(reach.unsigned_abs() * 2 + 1)).unwrap_or(0) - reach
}

fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 88).encode_image(picture).expect("a picture in memory encodes");
    bytes
}

fn encode(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).expect("a picture in memory encodes");
    bytes.into_inner()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use chuangsha_app::platform::images::{ImageLimits, ImageRefusal, Watermark, intake};
    use jiff::civil::date;

    use super::*;

    fn take(bytes: &[u8]) -> Result<(), ImageRefusal> {
        intake(bytes, &ImageLimits::default(), &Watermark::plain("DEMO", "TEST", date(2026, 11, 22), "R-1")).map(drop)
    }

    #[test]
    fn good_pictures_are_taken_and_bad_ones_refused() {
        let card =
            Card { name: "DEMO PERSON", number: "990101199003070010", address: "DEMO CITY", valid: "2020-01-01 - 2040-01-01", seed: 4 };
        for bytes in [document_front(&card, None), document_back(&card, None), live_photo(4), signature(4), polyglot(4)] {
            assert_eq!(take(&bytes), Ok(()));
        }
        assert!(matches!(take(&bomb()), Err(ImageRefusal::TooManyPixels { width: 30_000, height: 30_000, .. })));
        assert_eq!(take(&truncated(4)), Err(ImageRefusal::Corrupt));
    }

    #[test]
    fn one_seed_is_one_picture_and_another_is_another() {
        assert_eq!(live_photo(1), live_photo(1));
        assert_ne!(live_photo(1), live_photo(2));
        assert_ne!(signature(1), signature(2));
    }
}
