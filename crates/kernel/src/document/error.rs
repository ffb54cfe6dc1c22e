use jiff::civil::Date;

use super::DocumentKind;
use crate::problem::{Problem, Refuse};

/// Why a document is refused. No variant holds any part of the number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// No such kind of document.
    #[error("the kind of document is not recognised")]
    UnknownKind,
    /// Wrong number of characters.
    #[error("{found} characters where {expected} are expected")]
    Length {
        /// Characters given, without spaces; long input is not counted to its end.
        found: usize,
        /// In words for people: `18`, `9–11`.
        expected: &'static str,
    },
    /// A character that cannot stand at its place.
    #[error("character {position} cannot stand there")]
    Character {
        /// From 1, without spaces.
        position: usize,
    },
    /// The last digit does not follow from the others.
    #[error("the check digit is wrong")]
    CheckDigit,
    /// The digits of the birth date name no day of the calendar.
    #[error("the birth date is no calendar date")]
    ImpossibleDate,
    /// The birth date is after today.
    #[error("the birth date is in the future")]
    FutureDate,
    /// The first digits name no province.
    #[error("the first two digits name no province")]
    UnknownProvince,
    /// A number of another kind of document.
    #[error("this is the number of another kind of document")]
    WrongKind {
        /// Whose number it looks like.
        looks_like: DocumentKind,
    },
    /// A 15-digit number of the first generation, invalid since 2013.
    #[error("a first-generation number of 15 digits")]
    FirstGeneration,
    /// The country is not one to three letters.
    #[error("the country code is not recognised")]
    UnknownCountry,
    /// A birth date that contradicts the number.
    #[error("the birth date differs from the one in the number")]
    BirthDiffers,
    /// Past its last day.
    #[error("the document expired on {until}")]
    Expired {
        /// Last valid day.
        until: Date,
    },
    /// Before its first day.
    #[error("the document is valid only from {from}")]
    NotYetValid {
        /// First valid day.
        from: Date,
    },
    /// The first day is after the last, or before birth.
    #[error("the dates of the document contradict each other")]
    DatesOutOfOrder,
    /// No document of this kind is issued for such a period at that age.
    #[error("no document of this kind is issued for such a period")]
    ImplausiblePeriod {
        /// Periods that would be plausible: `10`, `20`, `长期/long-term`.
        expected: String,
    },
    /// Two documents that cannot belong to one person.
    #[error("these documents cannot belong to one person")]
    NotLinkable,
    /// A machine-readable zone of the wrong size.
    #[error("not a machine-readable zone: 2 lines of 44 or 3 lines of 30 characters")]
    MrzShape,
    /// A character that cannot stand in a machine-readable zone.
    #[error("line {line}, character {position} of the machine-readable zone cannot stand there")]
    MrzCharacter {
        /// From 1.
        line: usize,
        /// From 1.
        position: usize,
    },
    /// One of its check digits is wrong.
    #[error("the check digit of the {} in the machine-readable zone is wrong", .field.en())]
    MrzCheckDigit {
        /// Which field.
        field: crate::mrz::Field,
    },
}

/// What is said about them.
pub mod code {
    crate::codes! {
        UNKNOWN_KIND = "document.unknown_kind", 422, "不识别的证件种类", "The kind of document is not recognised",
            "请从列表中选择证件种类", "Choose the kind of document from the list";
        LENGTH = "document.length", 422, "证件号码应为 {expected} 位，现为 {found} 位", "The number has {found} characters, {expected} are expected",
            "请核对证件种类，以及是否漏填或多填", "Check the kind of document and look for missing or extra characters";
        CHARACTER = "document.character", 422, "证件号码第 {position} 位的字符不正确", "Character {position} of the number cannot stand there",
            "请对照证件原件更正该位", "Compare that character with the original document";
        CHECK_DIGIT = "document.check_digit", 422, "证件号码的校验位不正确", "The check digit of the number is wrong",
            "号码中至少有一位有误，请对照原件重新录入或用读卡器读取", "At least one character is wrong: read the card with the reader or type it again from the original";
        IMPOSSIBLE_DATE = "document.impossible_date", 422, "证件号码中的出生日期不存在", "The birth date in the number is no calendar date",
            "请对照原件核对第 7 至 14 位", "Compare the eight digits of the birth date with the original document";
        FUTURE_DATE = "document.future_date", 422, "出生日期晚于今天", "The birth date is in the future",
            "请对照原件核对出生日期；日期无误时请检查系统时间", "Compare the birth date with the original; if it is right, have the clock of the system checked";
        UNKNOWN_PROVINCE = "document.unknown_province", 422, "证件号码开头不是有效的省级行政区划代码", "The number does not begin with the code of a province",
            "请对照原件核对前两位；演示身份只能在演示环境使用", "Compare the first digits with the original; demo identities work only where the demo pack is loaded";
        WRONG_KIND = "document.wrong_kind", 422, "这是“{looks_like_zh}”的号码", "This is the number of another kind of document: {looks_like_en}",
            "请改选证件种类", "Choose that kind of document";
        FIRST_GENERATION = "document.first_generation", 422, "15 位一代身份证号码不能用于登记", "A first-generation number of 15 digits cannot be registered",
            "一代身份证已停用，请出示现行居民身份证", "First-generation cards are no longer valid: ask for the present resident identity card";
        UNKNOWN_COUNTRY = "document.unknown_country", 422, "不识别的国家或地区代码", "The country code is not recognised",
            "请填写护照上的三位字母代码", "Enter the letters printed on the passport, such as CAN";
        BIRTH_DIFFERS = "document.birth_differs", 422, "出生日期与证件号码中的不一致", "The birth date differs from the one in the number",
            "请对照原件核对两处", "Compare both with the original document";
        EXPIRED = "document.expired", 422, "证件已于 {until} 到期", "The document expired on {until}",
            "请出示有效证件；换领期间可用临时居民身份证在自有营业厅办理", "Ask for a valid document; while a card is renewed, a temporary identity card is taken in own halls";
        NOT_YET_VALID = "document.not_yet_valid", 422, "证件自 {from} 起有效", "The document is valid only from {from}",
            "请核对有效期起始日期", "Check the first day of validity";
        DATES_OUT_OF_ORDER = "document.dates_out_of_order", 422, "证件的日期前后矛盾", "The dates of the document contradict each other",
            "请核对出生日期、签发日期和有效期限", "Check birth date, date of issue and last day of validity";
        IMPLAUSIBLE_PERIOD = "document.implausible_period", 422, "该年龄签发的此种证件没有这样的有效期（应为 {expected}）",
            "No document of this kind is issued for such a period at that age (expected: {expected})",
            "请核对有效期；证件可疑时不要受理", "Check the period; do not go on if the document looks doubtful";
        NOT_LINKABLE = "document.not_linkable", 422, "这两份证件不能认定为同一人", "These two documents cannot be taken for one person's",
            "只能关联同一人的新旧永久居留证，或居住证与通行证", "Only an old and a new permanent resident card, or a residence permit and a travel permit, can be linked";
        MRZ_SHAPE = "document.mrz_shape", 422, "机读区应为两行各 44 个字符或三行各 30 个字符", "A machine-readable zone has 2 lines of 44 or 3 lines of 30 characters",
            "请重新扫描证件底部的机读区", "Scan the zone at the foot of the page again";
        MRZ_CHARACTER = "document.mrz_character", 422, "机读区第 {line} 行第 {position} 个字符不正确", "Line {line}, character {position} of the machine-readable zone cannot stand there",
            "请重新扫描，或对照原件更正该处", "Scan it again, or compare that character with the original";
        MRZ_CHECK_DIGIT = "document.mrz_check_digit", 422, "机读区中{field_zh}的校验位不正确", "The check digit of the {field_en} in the machine-readable zone is wrong",
            "请重新扫描；仍不一致时不要受理", "Scan it again; do not go on if it stays wrong";
    }
}

impl Refuse for DocumentError {
    fn problem(&self) -> Problem {
        match self {
            Self::UnknownKind => Problem::new(&code::UNKNOWN_KIND),
            Self::Length { found, expected } => Problem::new(&code::LENGTH).with("found", found).with("expected", expected),
            Self::Character { position } => Problem::new(&code::CHARACTER).with("position", position),
            Self::CheckDigit => Problem::new(&code::CHECK_DIGIT),
            Self::ImpossibleDate => Problem::new(&code::IMPOSSIBLE_DATE),
            Self::FutureDate => Problem::new(&code::FUTURE_DATE),
            Self::UnknownProvince => Problem::new(&code::UNKNOWN_PROVINCE),
            Self::WrongKind { looks_like } => {
                Problem::new(&code::WRONG_KIND).with("looks_like_zh", looks_like.zh()).with("looks_like_en", looks_like.en())
            }
            Self::FirstGeneration => Problem::new(&code::FIRST_GENERATION),
            Self::UnknownCountry => Problem::new(&code::UNKNOWN_COUNTRY),
            Self::BirthDiffers => Problem::new(&code::BIRTH_DIFFERS),
            Self::Expired { until } => Problem::new(&code::EXPIRED).with("until", until),
            Self::NotYetValid { from } => Problem::new(&code::NOT_YET_VALID).with("from", from),
            Self::DatesOutOfOrder => Problem::new(&code::DATES_OUT_OF_ORDER),
            Self::ImplausiblePeriod { expected } => Problem::new(&code::IMPLAUSIBLE_PERIOD).with("expected", expected),
            Self::NotLinkable => Problem::new(&code::NOT_LINKABLE),
            Self::MrzShape => Problem::new(&code::MRZ_SHAPE),
            Self::MrzCharacter { line, position } => Problem::new(&code::MRZ_CHARACTER).with("line", line).with("position", position),
            Self::MrzCheckDigit { field } => Problem::new(&code::MRZ_CHECK_DIGIT).with("field_zh", field.zh()).with("field_en", field.en()),
        }
    }
}
