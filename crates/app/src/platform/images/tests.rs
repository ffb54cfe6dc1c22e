use std::io::Cursor;

use chuangsha_kernel::problem::{Language, Problem};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use jiff::civil::date;
use proptest::prelude::*;

use super::{ALL, ImageLimits, ImageRefusal, MarkFont, Objects, ObjectsError, Watermark, fuzz_intake, intake};

fn mark() -> Watermark {
    Watermark::plain("DEMO-TEL", "REAL-NAME", date(2026, 11, 22), "R-0190-0042")
}

fn encode(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).expect("encodes");
    bytes.into_inner()
}

/// Left half red, right half blue; enough to see which way up it is.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([220, 30, 30]) } else { Rgb([30, 30, 220]) })
}

fn decoded(jpeg: &[u8]) -> RgbImage {
    image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).expect("a JPEG of our own making").into_rgb8()
}

/// Puts an EXIF segment with an orientation and a made-up secret right after the start mark.
fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif.extend(b"GPS-SECRET");
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xFF, 0xE1]);
    bytes.extend(u16::try_from(exif.len() + 2).expect("short").to_be_bytes());
    bytes.extend(exif);
    bytes.extend(&jpeg[2..]);
    bytes
}

#[test]
fn the_three_formats_come_out_as_marked_jpeg() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let original = encode(halves(600, 400), format);
        let taken = intake(&original, &ImageLimits::default(), &mark()).expect("a good picture");
        assert_eq!((taken.width, taken.height), (600, 400), "{format:?}");
        assert_eq!(decoded(&taken.jpeg).dimensions(), (600, 400));
        assert_ne!(taken.sha256, taken.original_sha256);
        assert_eq!(taken, intake(&original, &ImageLimits::default(), &mark()).expect("again"), "same bytes, same result");
    }
}

#[test]
fn the_mark_is_in_every_quarter_on_white_and_on_black_and_differs_by_order() {
    for (shade, size) in [(255, (800, 600)), (0, (800, 600)), (128, (64, 64)), (250, (64, 512)), (255, (2000, 250))] {
        let original = encode(RgbImage::from_pixel(size.0, size.1, Rgb([shade; 3])), ImageFormat::Png);
        let taken = decoded(&intake(&original, &ImageLimits::default(), &mark()).expect("taken").jpeg);
        let (half_width, half_height) = (size.0 / 2, size.1 / 2);
        for (left, top) in [(0, 0), (half_width, 0), (0, half_height), (half_width, half_height)] {
            let marked = (0..half_width)
                .flat_map(|x| (0..half_height).map(move |y| (x + left, y + top)))
                .filter(|(x, y)| taken.get_pixel(*x, *y).0[0].abs_diff(shade) > 25)
                .count();
            assert!(marked > 20, "shade {shade}, {size:?}, quarter at {left},{top}: {marked} marked pixels");
        }
    }
    let original = encode(RgbImage::from_pixel(400, 300, Rgb([255; 3])), ImageFormat::Png);
    let other = Watermark { order: "R-0190-0043".to_owned(), ..mark() };
    assert_ne!(
        intake(&original, &ImageLimits::default(), &mark()).expect("taken").sha256,
        intake(&original, &ImageLimits::default(), &other).expect("taken").sha256
    );
}

#[test]
fn chinese_is_burnt_in_when_the_system_has_a_font() {
    let Some(font) = MarkFont::load(None) else {
        eprintln!("SKIPPED: no CJK font on this machine");
        assert!(std::env::var_os("CI").is_none(), "CI has the font");
        return;
    };
    let original = encode(RgbImage::from_pixel(800, 600, Rgb([255; 3])), ImageFormat::Png);
    let chinese = Watermark { operator: "示范电信".to_owned(), purpose: "实名登记".to_owned(), font: Some(font), ..mark() };
    let with_font = intake(&original, &ImageLimits::default(), &chinese).expect("taken");
    let without = intake(&original, &ImageLimits::default(), &Watermark { font: None, ..chinese }).expect("taken");
    assert_ne!(with_font.sha256, without.sha256);
    assert!(decoded(&with_font.jpeg).pixels().filter(|pixel| pixel.0[0] < 215).count() > 2_000);
}

#[test]
fn a_broken_font_file_falls_back_to_the_built_in_letters() {
    assert!(MarkFont::from_bytes(b"not a font".to_vec()).is_none());
}

#[test]
fn exif_turns_the_picture_and_is_gone() {
    let plain = encode(halves(600, 400), ImageFormat::Jpeg);
    let turned = intake(&with_exif(&plain, 6), &ImageLimits::default(), &mark()).expect("taken");
    assert_eq!((turned.width, turned.height), (400, 600));
    let picture = decoded(&turned.jpeg);
    // Turned clockwise, the red left half is now the upper one.
    assert!(picture.get_pixel(200, 5).0[0] > picture.get_pixel(200, 5).0[2]);
    assert!(picture.get_pixel(200, 594).0[2] > picture.get_pixel(200, 594).0[0]);
    assert!(!turned.jpeg.windows(10).any(|part| part == b"GPS-SECRET"));
    assert!(!turned.jpeg.windows(4).any(|part| part == b"Exif"));
}

#[test]
fn trailing_bytes_of_a_polyglot_are_dropped() {
    let mut original = encode(halves(300, 200), ImageFormat::Png);
    original.extend(b"PK\x03\x04 hidden archive <script>alert(1)</script>");
    let taken = intake(&original, &ImageLimits::default(), &mark()).expect("the picture itself is good");
    assert!(!taken.jpeg.windows(6).any(|part| part == b"hidden" || part == b"script"));
}

#[test]
fn large_pictures_shrink_to_two_thousand() {
    let original = encode(halves(3000, 1500), ImageFormat::Jpeg);
    let taken = intake(&original, &ImageLimits::default(), &mark()).expect("taken");
    assert_eq!((taken.width, taken.height), (2000, 1000));
}

#[test]
fn a_transparent_signature_stays_readable() {
    let pad = RgbaImage::from_fn(300, 120, |x, y| if x.abs_diff(2 * y) < 4 { Rgba([0, 0, 0, 255]) } else { Rgba([0, 0, 0, 0]) });
    let taken = decoded(&intake(&encode(pad, ImageFormat::Png), &ImageLimits::default(), &mark()).expect("taken").jpeg);
    let light = taken.pixels().filter(|pixel| pixel.0[0] > 200).count();
    assert!(light > 300 * 120 / 2, "paper is white, not black: {light}");
}

#[test]
fn a_thirty_thousand_pixel_bomb_is_refused_by_its_header() {
    // A valid PNG header announcing 30,000 × 30,000 and nothing behind it: decoding would fail, so only the header can have been judged.
    let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    let mut header = 30_000_u32.to_be_bytes().to_vec();
    header.extend(30_000_u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let crc = crc32(&[b"IHDR".as_slice(), &header].concat());
    bomb.extend(&header);
    bomb.extend(crc.to_be_bytes());
    bomb.extend(b"\0\0\0\x01IDATx\0\0\0\0");
    let refusal = intake(&bomb, &ImageLimits::default(), &mark()).expect_err("refused");
    assert_eq!(refusal, ImageRefusal::TooManyPixels { width: 30_000, height: 30_000, max_side: 12_000, max_pixels: 50_000_000 });
    let problem = Problem::from(refusal);
    assert!(problem.title(Language::Chinese).contains("30000×30000"));
    assert!(problem.title(Language::English).contains("30000×30000"));
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

#[test]
fn what_is_not_a_picture_is_named() {
    let zip = b"PK\x03\x04aaaa".as_slice();
    for (bytes, found) in [
        (b"%PDF-1.7\n".as_slice(), "PDF"),
        (zip, "ZIP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"<!DOCTYPE html><p>", "HTML"),
        (b"GIF89a....", "GIF"),
        (b"\0\0\0\x18ftypheic", "HEIC/AVIF/MP4"),
        (b"MZ\x90\0", "unknown data"),
    ] {
        assert_eq!(intake(bytes, &ImageLimits::default(), &mark()).expect_err("refused"), ImageRefusal::NotAPicture { found });
    }
    assert_eq!(intake(b"", &ImageLimits::default(), &mark()).expect_err("refused"), ImageRefusal::Empty);
}

#[test]
fn size_and_shape_are_limited() {
    let original = encode(halves(300, 200), ImageFormat::Png);
    let small = ImageLimits { max_bytes: original.len() - 1, ..ImageLimits::default() };
    assert_eq!(intake(&original, &small, &mark()).expect_err("refused"), ImageRefusal::TooLarge { limit: original.len() - 1 });
    for (width, height) in [(63, 200), (200, 63), (1, 1), (900, 100)] {
        let strip = encode(halves(width, height), ImageFormat::Png);
        assert_eq!(
            intake(&strip, &ImageLimits::default(), &mark()).expect_err("refused"),
            ImageRefusal::TooSmall { width, height, min_side: 64 }
        );
    }
}

#[test]
fn every_truncation_is_refused() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let original = encode(halves(200, 150), format);
        for cut in (16..original.len()).step_by(7) {
            let refusal = intake(&original[..cut], &ImageLimits::default(), &mark()).expect_err("half a document is no document");
            assert_eq!(refusal, ImageRefusal::Corrupt, "{format:?} cut at {cut}");
        }
    }
}

#[test]
fn a_thumbnail_inside_does_not_pass_for_the_end() {
    let thumbnail = encode(halves(80, 80), ImageFormat::Jpeg);
    let plain = encode(halves(300, 200), ImageFormat::Jpeg);
    let mut bytes = plain[..2].to_vec();
    bytes.extend([0xFF, 0xE2]);
    bytes.extend(u16::try_from(thumbnail.len() + 2).expect("short").to_be_bytes());
    bytes.extend(&thumbnail);
    bytes.extend(&plain[2..]);
    assert!(intake(&bytes, &ImageLimits::default(), &mark()).is_ok());
    let cut = bytes.len() - 40;
    assert_eq!(intake(&bytes[..cut], &ImageLimits::default(), &mark()).expect_err("cut"), ImageRefusal::Corrupt);
}

#[test]
fn every_code_speaks_both_languages() {
    for code in ALL {
        assert!(code.id.starts_with("image."));
        assert!([code.zh, code.en, code.remedy_zh, code.remedy_en].iter().all(|words| !words.is_empty()));
        let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..'\u{9fff}').contains(&c));
        assert!(chinese(code.zh) && chinese(code.remedy_zh) && !chinese(code.en) && !chinese(code.remedy_en));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn no_bytes_make_it_panic(format in 0..3_usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..24), cut in any::<prop::sample::Index>(), whole in any::<bool>()) {
        let mut bytes = encode(halves(90, 70), [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP][format]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        fuzz_intake(&bytes);
    }

    #[test]
    fn noise_is_refused_in_words(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzz_intake(&bytes);
    }
}

#[tokio::test]
async fn objects_come_back_and_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let objects = Objects::local(&folder.path().join("images")).expect("opens");
    let id = uuid::Uuid::from_u128(0x0190_7000_0000_7000_8000_0000_0000_00fe);
    assert!(matches!(objects.get(id).await, Err(ObjectsError::Missing)));
    objects.put(id, b"sealed".to_vec()).await.expect("writes");
    objects.put(id, b"sealed again".to_vec()).await.expect("replaces");
    assert_eq!(objects.get(id).await.expect("reads"), b"sealed again");
    assert!(folder.path().join("images/fe").is_dir());
    let reopened = Objects::local(&folder.path().join("images")).expect("opens again");
    assert_eq!(reopened.get(id).await.expect("survives"), b"sealed again");
    objects.delete(id).await.expect("removes");
    objects.delete(id).await.expect("removing twice is no error");
    assert!(matches!(objects.get(id).await, Err(ObjectsError::Missing)));
}
