//! 水印: operator, purpose, date and order burnt into the pixels (L-REG-7), so that a copy tells whose it was and what for.

use std::sync::Arc;

use ab_glyph::{Font, FontVec, GlyphId, ScaleFont};
use image::{Rgb, RgbImage};
use jiff::civil::Date;

use super::font;

/// 水印: what is burnt in.
#[derive(Clone)]
pub struct Watermark {
    /// Name of the operator, as people read it: `示范电信`.
    pub operator: String,
    /// The same in ASCII, for when no font is at hand.
    pub operator_code: String,
    /// What the picture is for: `实名登记`.
    pub purpose: String,
    /// The same in ASCII: `REAL-NAME`.
    pub purpose_code: String,
    /// Day of capture.
    pub date: Date,
    /// Order number.
    pub order: String,
    /// Font for Chinese; without one the ASCII codes are burnt in by the built-in letters.
    pub font: Option<MarkFont>,
}

/// A font file read once and shared.
#[derive(Clone)]
pub struct MarkFont(Arc<FontVec>);

/// Where Debian's `fonts-noto-cjk` puts the font.
const SYSTEM_FONTS: &[&str] =
    &["/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc"];

impl MarkFont {
    /// Reads the configured font file, or the system's Noto CJK; `None` when neither is there or readable.
    pub fn load(configured: Option<&std::path::Path>) -> Option<Self> {
        let candidates = configured.into_iter().chain(SYSTEM_FONTS.iter().map(std::path::Path::new));
        candidates.filter_map(|path| std::fs::read(path).ok()).find_map(Self::from_bytes)
    }

    /// A TTF, OTF or TTC file in memory; the first face of a collection.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        FontVec::try_from_vec_and_index(bytes, 0).ok().map(|font| Self(Arc::new(font)))
    }

    fn knows(&self, text: &str) -> bool {
        text.chars().all(|c| self.0.glyph_id(c) != GlyphId(0))
    }
}

/// How much of a marked pixel is the mark: enough to read it, little enough to read what is under it.
const MARK: f32 = 0.32;
/// The same for what the program writes itself.
const INK: f32 = 0.85;

impl Watermark {
    /// A mark in ASCII only.
    pub fn plain(operator_code: &str, purpose_code: &str, date: Date, order: &str) -> Self {
        Self {
            operator: operator_code.to_owned(),
            operator_code: operator_code.to_owned(),
            purpose: purpose_code.to_owned(),
            purpose_code: purpose_code.to_owned(),
            date,
            order: order.to_owned(),
            font: None,
        }
    }

    /// Burns the mark in, repeated over the whole picture: cropping a corner does not remove it.
    pub(super) fn burn(&self, picture: &mut RgbImage) {
        let height = (picture.width().min(picture.height()) / 18).clamp(9, 48);
        let pen = match &self.font {
            Some(font) if font.knows(&self.operator) && font.knows(&self.purpose) => Pen::Outline(font, height),
            _ => Pen::Bitmap(height / 9),
        };
        let words = match pen {
            Pen::Outline(..) => [format!("仅供{}", self.operator), self.purpose.clone(), self.date.to_string(), self.order.clone()],
            Pen::Bitmap(_) => [self.operator_code.clone(), self.purpose_code.clone(), self.date.to_string(), self.order.clone()],
        };
        let lines = pen.wrap(&words, picture.width());
        let (line_height, mut top, mut block) = (pen.line_height(), 2_u32, 0_u32);
        while top < picture.height() {
            for line in &lines {
                // Every other block is shifted, so that no straight cut runs between the marks.
                let step = pen.width(line) + pen.width("  ");
                let mut left = if block % 2 == 0 { 2 } else { 2 + step.min(picture.width()) / 5 };
                while left < picture.width() {
                    pen.write(picture, line, (left, top), MARK);
                    left = left.saturating_add(step.max(1));
                }
                top += line_height;
            }
            top += line_height * 2;
            block += 1;
        }
    }
}

/// Writes one line onto a picture, in the given font or in the built-in letters (ASCII). For pictures the program draws itself.
pub fn write_line(picture: &mut RgbImage, text: &str, left: u32, top: u32, height: u32, font: Option<&MarkFont>) {
    let pen = match font {
        Some(font) if font.knows(text) => Pen::Outline(font, height.max(9)),
        _ => Pen::Bitmap(height.max(9) / 9),
    };
    pen.write(picture, text, (left, top), INK);
}

enum Pen<'a> {
    Outline(&'a MarkFont, u32),
    Bitmap(u32),
}

impl Pen<'_> {
    fn line_height(&self) -> u32 {
        match self {
            Self::Outline(_, height) => height + height / 4,
            Self::Bitmap(scale) => 9 * scale.max(&1),
        }
    }

    fn width(&self, text: &str) -> u32 {
        match self {
            Self::Outline(font, height) => {
                let scaled = font.0.as_scaled(*height as f32);
                text.chars().map(|c| scaled.h_advance(scaled.glyph_id(c))).sum::<f32>().ceil().max(0.0) as u32
            }
            Self::Bitmap(scale) => font::ADVANCE * scale.max(&1) * u32::try_from(text.chars().count()).unwrap_or(u32::MAX / 4096),
        }
    }

    /// Joins words into lines no wider than the picture; a word too wide by itself is broken.
    fn wrap(&self, words: &[String], width: u32) -> Vec<String> {
        let room = width.saturating_sub(4);
        let mut lines: Vec<String> = Vec::new();
        let mut line = String::new();
        for word in words {
            let joined = if line.is_empty() { word.clone() } else { format!("{line} {word}") };
            if self.width(&joined) <= room {
                line = joined;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for letter in word.chars() {
                line.push(letter);
                if self.width(&line) > room && line.chars().count() > 1 {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, letter.to_string()));
                }
            }
        }
        lines.push(line);
        lines
    }

    fn write(&self, picture: &mut RgbImage, text: &str, (left, top): (u32, u32), strength: f32) {
        match self {
            Self::Outline(font, height) => {
                let scaled = font.0.as_scaled(*height as f32);
                let (mut x, baseline) = (left as f32, top as f32 + scaled.ascent());
                for c in text.chars() {
                    let glyph = scaled.glyph_id(c).with_scale_and_position(*height as f32, ab_glyph::point(x, baseline));
                    x += scaled.h_advance(glyph.id);
                    if let Some(outline) = font.0.outline_glyph(glyph) {
                        let bounds = outline.px_bounds();
                        outline.draw(|dx, dy, coverage| {
                            let (x, y) = (bounds.min.x + dx as f32, bounds.min.y + dy as f32);
                            if x >= 0.0 && y >= 0.0 {
                                blend(picture, x as u32, y as u32, strength * coverage.clamp(0.0, 1.0));
                            }
                        });
                    }
                }
            }
            Self::Bitmap(scale) => {
                let scale = (*scale).max(1);
                let mut x = left;
                for c in text.chars() {
                    font::each_dot(c, |column, row| {
                        for (dx, dy) in (0..scale).flat_map(|dx| (0..scale).map(move |dy| (dx, dy))) {
                            blend(picture, x + column * scale + dx, top + row * scale + dy, strength);
                        }
                    });
                    x = x.saturating_add(font::ADVANCE * scale);
                }
            }
        }
    }
}

/// Darkens a light pixel and lightens a dark one: the mark shows on paper, on skin and on a black frame alike.
fn blend(picture: &mut RgbImage, x: u32, y: u32, share: f32) {
    let Some(Rgb(pixel)) = picture.get_pixel_mut_checked(x, y) else { return };
    let [red, green, blue] = *pixel;
    let luma = (u32::from(red) * 299 + u32::from(green) * 587 + u32::from(blue) * 114) / 1000;
    let ink = if luma > 127 { 0.0 } else { 255.0 };
    for channel in pixel {
        *channel = (f32::from(*channel) * (1.0 - share) + ink * share).round().clamp(0.0, 255.0) as u8;
    }
}
