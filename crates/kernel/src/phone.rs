//! 手机号码: mobile numbers of the People's Republic of China (E.164 country code 86), 11 national digits.

use crate::{
    mask,
    problem::{Problem, Refuse},
    text::half_width,
};

/// 手机号码: 11 national digits, beginning 13 to 19. Prints masked and cannot be serialised.
///
/// Whether the prefix is in the number plan is a dated question for the rulebook; who serves the number cannot be told from it at all (numbers
/// are portable since 2019).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

/// Why a text is not a mobile number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Nothing but white space.
    #[error("the number is empty")]
    Empty,
    /// A character that is no digit; the position counts from 1 without spaces and hyphens.
    #[error("character {position} is not a digit")]
    Character {
        /// From 1.
        position: usize,
    },
    /// Too few or too many digits.
    #[error("{digits} digits where 11 are expected")]
    Length {
        /// How many there were after the country code; at most 21 are counted.
        digits: usize,
    },
    /// `+` or `00` with another country code than 86.
    #[error("the country code is not 86")]
    Foreign,
    /// Eleven digits, but no mobile number begins like that.
    #[error("a mobile number begins with 13 to 19")]
    NotMobile,
}

/// What is said about them.
pub mod code {
    crate::codes! {
        EMPTY = "phone.empty", 422, "没有填写手机号码", "The mobile number is empty",
            "请填写 11 位手机号码", "Enter the 11 digits of the mobile number";
        CHARACTER = "phone.character", 422, "手机号码第 {position} 位不是数字", "Character {position} of the mobile number is not a digit",
            "手机号码只含数字，可带 +86；请更正该位", "A mobile number has digits only, with +86 before it if you like; correct that character";
        LENGTH = "phone.length", 422, "手机号码应为 11 位数字，现为 {digits} 位", "A mobile number has 11 digits, this one has {digits}",
            "请核对是否漏填或多填", "Check for missing or extra digits";
        FOREIGN = "phone.foreign", 422, "国家码不是 86", "The country code is not 86",
            "这里只登记中国大陆的手机号码", "Only mobile numbers of mainland China are registered here";
        NOT_MOBILE = "phone.not_mobile", 422, "这不是手机号码：手机号码以 13 至 19 开头", "This is not a mobile number: those begin with 13 to 19",
            "请填写手机号码，不要填写固定电话或短号码", "Enter a mobile number, not a fixed line or a short code";
    }
}

impl Refuse for PhoneError {
    fn problem(&self) -> Problem {
        match self {
            Self::Empty => Problem::new(&code::EMPTY),
            Self::Character { position } => Problem::new(&code::CHARACTER).with("position", position),
            Self::Length { digits } => Problem::new(&code::LENGTH).with("digits", digits),
            Self::Foreign => Problem::new(&code::FOREIGN),
            Self::NotMobile => Problem::new(&code::NOT_MOBILE),
        }
    }
}

impl Phone {
    /// Reads what people type: full-width digits, spaces, hyphens, and `+86`, `86` or `0086` before the 11 digits.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        // Longer than any form above: 4 + 11 digits and a plus sign. What follows does not change the answer.
        let compact: String = text.chars().map(half_width).filter(|c| !c.is_whitespace() && *c != '-').take(22).collect();
        let (international, digits) = match compact.strip_prefix('+') {
            Some(rest) => (true, rest),
            None => match compact.strip_prefix("00") {
                Some(rest) => (true, rest),
                None => (false, compact.as_str()),
            },
        };
        if compact.is_empty() {
            return Err(PhoneError::Empty);
        }
        if let Some(at) = digits.chars().position(|c| !c.is_ascii_digit()) {
            return Err(PhoneError::Character { position: compact.chars().count() - digits.chars().count() + at + 1 });
        }
        let national = match digits.strip_prefix("86") {
            Some(rest) if international || rest.len() == 11 => rest,
            _ if international => return Err(PhoneError::Foreign),
            _ => digits,
        };
        if national.len() != 11 {
            return Err(PhoneError::Length { digits: national.len() });
        }
        if !matches!(national.as_bytes(), [b'1', b'3'..=b'9', ..]) {
            return Err(PhoneError::NotMobile);
        }
        Ok(Self(national.to_owned()))
    }

    /// The 11 national digits.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// E.164 without the plus sign: `86` and the 11 digits.
    pub fn e164(&self) -> String {
        format!("86{}", self.0)
    }

    /// `138****1234`.
    pub fn masked(&self) -> String {
        mask::phone(&self.0)
    }
}

impl std::fmt::Debug for Phone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Phone({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_usual_way_of_writing_gives_the_same_number() {
        for text in [
            "19900001234",
            " 199 0000 1234 ",
            "199-0000-1234",
            "+8619900001234",
            "+86 199 0000 1234",
            "8619900001234",
            "008619900001234",
            "１９９００００１２３４",
            "＋８６　１９９ ００００ １２３４",
        ] {
            let phone = Phone::parse(text).unwrap();
            assert_eq!(phone.digits(), "19900001234", "{text}");
            assert_eq!(phone.e164(), "8619900001234");
            assert_eq!(format!("{phone:?}"), "Phone(199****1234)");
        }
    }

    #[test]
    fn each_fault_has_its_own_name() {
        assert_eq!(Phone::parse(" \u{3000}"), Err(PhoneError::Empty));
        assert_eq!(Phone::parse("1990000123"), Err(PhoneError::Length { digits: 10 }));
        assert_eq!(Phone::parse("199000012345"), Err(PhoneError::Length { digits: 12 }));
        assert_eq!(Phone::parse("+86"), Err(PhoneError::Length { digits: 0 }));
        assert_eq!(Phone::parse("199O0001234"), Err(PhoneError::Character { position: 4 }));
        assert_eq!(Phone::parse("+86199O0001234"), Err(PhoneError::Character { position: 7 }));
        assert_eq!(Phone::parse("+14155550100"), Err(PhoneError::Foreign));
        assert_eq!(Phone::parse("004915550100000"), Err(PhoneError::Foreign));
        assert_eq!(Phone::parse("12900001234"), Err(PhoneError::NotMobile));
        assert_eq!(Phone::parse("02900001234"), Err(PhoneError::NotMobile));
        assert_eq!(Phone::parse(&"1".repeat(1_000_000)), Err(PhoneError::Length { digits: 22 }));
    }

    #[test]
    fn a_refusal_never_quotes_the_number() {
        let problem = Phone::parse("199000012345").unwrap_err().problem();
        for text in [problem.title(crate::Language::Chinese), problem.remedy(crate::Language::English), problem.to_string()] {
            assert!(!text.contains("1990000"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            if let Ok(phone) = Phone::parse(&text) {
                prop_assert_eq!(phone.digits().len(), 11);
                prop_assert_eq!(Phone::parse(&phone.e164()).unwrap(), phone);
            }
        }

        #[test]
        fn every_mobile_shape_parses(digits in "1[3-9][0-9]{9}") {
            prop_assert!(Phone::parse(&digits).is_ok());
        }
    }
}
