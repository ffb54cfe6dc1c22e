//! 姓名与地址: names of persons and addresses, as their document spells them.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::{
    mask,
    problem::{Problem, Refuse},
    text::half_width,
};

/// Longest name, in characters. The longest names on resident ID cards have under 40.
const NAME_MAX: usize = 64;
/// Longest address, in characters.
const ADDRESS_MAX: usize = 200;

/// 姓名: 1 to 64 characters, NFC, one form of the middle dot. Prints masked and cannot be serialised.
///
/// Rare characters of every plane stay what they are (`㼆`, `𠮷`, `鿃`); a name that cannot be typed elsewhere must still be registered here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonName(String);

/// 地址: 1 to 200 characters, NFC, one line. Prints masked and cannot be serialised.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

/// Why a text is not a name or an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing but white space.
    #[error("the text is empty")]
    Empty,
    /// Too many characters.
    #[error("more than {max} characters")]
    TooLong {
        /// How many are allowed.
        max: usize,
    },
    /// A control, direction-changing or zero-width character: two names that look alike would not be equal.
    #[error("character {position} is invisible")]
    Invisible {
        /// From 1.
        position: usize,
    },
    /// A private-use character, whose meaning depends on the computer.
    #[error("character {position} is a private-use character")]
    PrivateUse {
        /// From 1.
        position: usize,
    },
    /// A character that does not belong in a name.
    #[error("character {position} does not belong here")]
    Character {
        /// From 1.
        position: usize,
    },
}

/// What is said about them.
pub mod code {
    crate::codes! {
        EMPTY = "name.empty", 422, "没有填写内容", "Nothing was entered", "请按证件填写", "Enter it as the document shows it";
        TOO_LONG = "name.too_long", 422, "超过 {max} 个字符", "More than {max} characters",
            "请按证件填写，不要粘贴其他内容", "Enter it as the document shows it and paste nothing else";
        INVISIBLE = "name.invisible", 422, "第 {position} 个字符是不可见的控制字符", "Character {position} is an invisible control character",
            "请删除该处重新键入，不要从别处粘贴", "Delete that place and type it again instead of pasting";
        PRIVATE_USE = "name.private_use", 422, "第 {position} 个字符是自造字", "Character {position} is a private-use character",
            "请改用该字的标准编码（GB 18030-2022 已收录）", "Use the standard character; GB 18030-2022 has a code for it";
        CHARACTER = "name.character", 422, "第 {position} 个字符不能用在这里", "Character {position} cannot be used here",
            "请按证件填写：文字、间隔号、连字符和空格", "Enter it as the document shows it: letters, middle dots, hyphens and spaces";
    }
}

impl Refuse for NameError {
    fn problem(&self) -> Problem {
        match self {
            Self::Empty => Problem::new(&code::EMPTY),
            Self::TooLong { max } => Problem::new(&code::TOO_LONG).with("max", max),
            Self::Invisible { position } => Problem::new(&code::INVISIBLE).with("position", position),
            Self::PrivateUse { position } => Problem::new(&code::PRIVATE_USE).with("position", position),
            Self::Character { position } => Problem::new(&code::CHARACTER).with("position", position),
        }
    }
}

impl PersonName {
    /// Reads a name. Outer white space goes, runs of inner white space become one space, every form of the middle dot becomes `·`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = tidy(text, NAME_MAX, |c| match c {
            '•' | '‧' | '∙' | '⋅' | '・' | '･' | '．' => '·',
            '’' | '‘' | '＇' => '\'',
            '－' | '‐' | '‑' => '-',
            c => half_width(c),
        })?;
        let mut before = None;
        for (i, c) in name.chars().enumerate() {
            let letter = is_letter(c);
            // A mark, dot, hyphen or apostrophe needs a letter before it: it is part of a name, never the beginning.
            let inner = before.is_some() && (is_combining_mark(c) || matches!(c, '·' | '-' | '\'' | '.' | ' '));
            if !letter && !inner {
                return Err(NameError::Character { position: i + 1 });
            }
            before = Some(c);
        }
        Ok(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `张**`.
    pub fn masked(&self) -> String {
        mask::name(&self.0)
    }
}

impl Address {
    /// Reads an address. Outer white space goes, runs of inner white space become one space, full-width digits and letters become half-width.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        tidy(text, ADDRESS_MAX, half_width).map(Self)
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Down to the district.
    pub fn masked(&self) -> String {
        mask::address(&self.0)
    }
}

impl std::fmt::Debug for PersonName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonName({})", self.masked())
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({})", self.masked())
    }
}

/// NFC, refusals of what cannot be seen, single spaces. Positions are those of the text as typed.
fn tidy(text: &str, max: usize, same: impl Fn(char) -> char) -> Result<String, NameError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    // Decomposed text has more characters than its NFC form, so the first bound is loose; it only keeps a flood from being normalised.
    if text.chars().nth(max * 4).is_some() {
        return Err(NameError::TooLong { max });
    }
    for (i, c) in text.chars().enumerate() {
        if is_invisible(c) {
            return Err(NameError::Invisible { position: i + 1 });
        }
        if matches!(u32::from(c), 0xE000..=0xF8FF | 0xF_0000..=0x10_FFFF) {
            return Err(NameError::PrivateUse { position: i + 1 });
        }
    }
    let mut out = String::with_capacity(text.len());
    // Width first: a full-width letter and a mark after it must compose, or the result would not be in NFC.
    for c in text.chars().map(same).nfc() {
        if !c.is_whitespace() {
            out.push(c);
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
    }
    if out.chars().nth(max).is_some() {
        return Err(NameError::TooLong { max });
    }
    Ok(out)
}

/// Letters of any script. Ideographs of planes 2 and 3 count even where they are newer than the standard library's tables.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() || matches!(u32::from(c), 0x2_0000..=0x3_FFFD)
}

/// Controls (line breaks among them), direction marks, zero-width characters, variation selectors, tags, fillers and noncharacters.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00AD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
            | 0xFDD0..=0xFDEF | 0xFFF0..=0xFFFD | 0x1_D173..=0x1_D17A | 0xE_0000..=0xE_0FFF)
        || u32::from(c) & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rare_characters_stay_what_they_are() {
        for text in ["㼆", "𠮷", "鿃", "王㼆𠮷", "李鿃", "〇", "張偉", "\u{30000}\u{31350}"] {
            assert_eq!(PersonName::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn names_of_the_world_pass() {
        for (text, kept) in [
            ("买买提·艾力", "买买提·艾力"),
            ("买买提•艾力", "买买提·艾力"),
            ("买买提．艾力", "买买提·艾力"),
            ("　张伟　", "张伟"),
            ("ANNA  MARIA", "ANNA MARIA"),
            ("ＡＮＮＡ", "ANNA"),
            ("Ａ\u{301}", "\u{c1}"),
            ("O’Brien-Smith Jr.", "O'Brien-Smith Jr."),
            ("Nguye\u{302}\u{303}n", "Nguyễn"),
            ("བསོད་ནམས", "བསོད་ནམས"),
        ] {
            match PersonName::parse(text) {
                Ok(name) => assert_eq!(name.as_str(), kept),
                // The Tibetan syllable mark is no letter; cards print such names in Chinese characters.
                Err(e) => assert_eq!((text, e), ("བསོད་ནམས", NameError::Character { position: 5 })),
            }
        }
    }

    #[test]
    fn each_fault_has_its_own_name() {
        assert_eq!(PersonName::parse(" \u{3000}\t"), Err(NameError::Empty));
        assert_eq!(PersonName::parse(&"张".repeat(10_000)), Err(NameError::TooLong { max: 64 }));
        assert_eq!(PersonName::parse(&"张".repeat(65)), Err(NameError::TooLong { max: 64 }));
        assert!(PersonName::parse(&"张".repeat(64)).is_ok());
        for c in [
            '\u{0}',
            '\n',
            '\u{1b}',
            '\u{202e}',
            '\u{200b}',
            '\u{200d}',
            '\u{2066}',
            '\u{feff}',
            '\u{fe00}',
            '\u{e0100}',
            '\u{3164}',
            '\u{85}',
        ] {
            assert_eq!(PersonName::parse(&format!("张{c}伟")), Err(NameError::Invisible { position: 2 }), "{:x}", u32::from(c));
            assert_eq!(Address::parse(&format!("张{c}伟")), Err(NameError::Invisible { position: 2 }));
        }
        assert_eq!(PersonName::parse("张\u{e001}"), Err(NameError::PrivateUse { position: 2 }));
        for text in ["张3", "<b>", "张,伟", "张😀", "⿰王", "·张", "-张"] {
            assert!(matches!(PersonName::parse(text), Err(NameError::Character { .. })), "{text}");
        }
    }

    #[test]
    fn an_address_is_one_line_of_two_hundred_characters() {
        assert_eq!(Address::parse(" 演示省演示一市演示区光明路８号 ").unwrap().as_str(), "演示省演示一市演示区光明路8号");
        assert!(Address::parse(&"路".repeat(200)).is_ok());
        assert_eq!(Address::parse(&"路".repeat(201)), Err(NameError::TooLong { max: 200 }));
        assert_eq!(format!("{:?}", Address::parse("演示省演示一市演示区光明路8号").unwrap()), "Address(演示省演示一市演示区****)");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            if let Ok(name) = PersonName::parse(&text) {
                prop_assert!((1..=64).contains(&name.as_str().chars().count()));
                prop_assert_eq!(PersonName::parse(name.as_str()).unwrap(), name);
            }
            let _ = Address::parse(&text);
        }

        #[test]
        fn every_unified_ideograph_is_a_name(text in "[\u{3400}-\u{4DBF}\u{4E00}-\u{9FFF}\u{20000}-\u{2A6DF}\u{30000}-\u{323AF}]") {
            let name = PersonName::parse(&text).unwrap();
            prop_assert_eq!(name.as_str(), text.as_str());
        }
    }
}
