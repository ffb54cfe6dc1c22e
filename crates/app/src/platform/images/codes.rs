//! Why a picture is not taken.

use chuangsha_kernel::problem::{Problem, Refuse};

chuangsha_kernel::codes! {
    EMPTY = "image.empty", 422, "图片是空的", "the picture is empty", "请重新拍摄或重新选择文件", "take the picture again or choose another file";
    TOO_LARGE = "image.too_large", 413, "图片文件超过 {limit_kib} KiB", "the picture file is larger than {limit_kib} KiB", "请降低分辨率后重新上传", "reduce the resolution and upload again";
    NOT_A_PICTURE = "image.not_a_picture", 415, "文件内容是 {found}，不是 JPEG、PNG 或 WebP 图片", "the file holds {found}, not a JPEG, PNG or WebP picture", "请上传 JPEG、PNG 或 WebP 格式的照片", "upload a photograph in JPEG, PNG or WebP format";
    TOO_MANY_PIXELS = "image.too_many_pixels", 422, "图片为 {width}×{height} 像素，超过限制（最长边 {max_side}，总像素 {max_pixels}）", "the picture is {width}×{height} pixels, above the limit (longer side {max_side}, {max_pixels} in all)", "请降低分辨率后重新上传", "reduce the resolution and upload again";
    TOO_SMALL = "image.too_small", 422, "图片为 {width}×{height} 像素，过小或过于狭长，无法审核", "the picture is {width}×{height} pixels: too small or too narrow to audit", "请靠近证件重新拍摄，短边至少 {min_side} 像素", "move closer and take the picture again, at least {min_side} pixels on the shorter side";
    CORRUPT = "image.corrupt", 422, "图片已损坏或不完整", "the picture is damaged or cut short", "请重新拍摄或重新上传", "take the picture again or upload it again";
}

/// Why a picture is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageRefusal {
    /// No bytes.
    #[error("empty")]
    Empty,
    /// More bytes than allowed.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Some other kind of file, whatever its name says.
    #[error("not a picture but {found}")]
    NotAPicture {
        /// What it looks like: `PDF`, `ZIP`, ….
        found: &'static str,
    },
    /// The header announces more pixels than allowed. Nothing was decoded.
    #[error("{width}×{height} pixels")]
    TooManyPixels {
        /// Announced width.
        width: u32,
        /// Announced height.
        height: u32,
        /// Limit of the longer side.
        max_side: u32,
        /// Limit of width × height.
        max_pixels: u64,
    },
    /// Too few pixels, or a strip.
    #[error("only {width}×{height} pixels")]
    TooSmall {
        /// Announced width.
        width: u32,
        /// Announced height.
        height: u32,
        /// Least pixels of the shorter side.
        min_side: u32,
    },
    /// Cannot be decoded to its end.
    #[error("corrupt or truncated")]
    Corrupt,
}

impl Refuse for ImageRefusal {
    fn problem(&self) -> Problem {
        match *self {
            Self::Empty => Problem::new(&EMPTY),
            Self::TooLarge { limit } => Problem::new(&TOO_LARGE).with("limit_kib", limit / 1024),
            Self::NotAPicture { found } => Problem::new(&NOT_A_PICTURE).with("found", found),
            Self::TooManyPixels { width, height, max_side, max_pixels } => Problem::new(&TOO_MANY_PIXELS)
                .with("width", width)
                .with("height", height)
                .with("max_side", max_side)
                .with("max_pixels", max_pixels),
            Self::TooSmall { width, height, min_side } => {
                Problem::new(&TOO_SMALL).with("width", width).with("height", height).with("min_side", min_side)
            }
            Self::Corrupt => Problem::new(&CORRUPT),
        }
    }
}
