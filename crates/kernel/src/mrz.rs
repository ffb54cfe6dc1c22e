//! 机读区: the machine-readable zone of ICAO Doc 9303, sizes TD3 (passports, 2 × 44) and TD1 (cards, 3 × 30).

use jiff::civil::Date;

use crate::{
    document::{Document, DocumentError, DocumentKind, Sex},
    mask,
    region::Provinces,
    text::{half_width, part},
};

/// 机读区的字段: the fields that carry a check digit of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// 证件号码
    Number,
    /// 出生日期
    Birth,
    /// 有效期
    Expiry,
    /// 个人编号
    Optional,
    /// 整行
    Composite,
}

impl Field {
    /// 中文名称
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Number => "证件号码",
            Self::Birth => "出生日期",
            Self::Expiry => "有效期",
            Self::Optional => "个人编号",
            Self::Composite => "整体",
        }
    }

    /// English name.
    pub const fn en(self) -> &'static str {
        match self {
            Self::Number => "document number",
            Self::Birth => "date of birth",
            Self::Expiry => "date of expiry",
            Self::Optional => "personal number",
            Self::Composite => "whole zone",
        }
    }
}

/// 机读区内容, every check digit verified. Prints masked and cannot be serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Mrz {
    /// Document code: `P` for passports, `I`, `A`, `C` for cards, with a second letter of the issuer's choice.
    pub code: String,
    /// Issuing state or organisation, one to three letters.
    pub issuer: String,
    /// Nationality, one to three letters.
    pub nationality: String,
    /// Document number.
    pub number: String,
    /// Birth date; `None` where the zone leaves day or month open.
    pub birth: Option<Date>,
    /// Sex.
    pub sex: Sex,
    /// Last day of validity.
    pub expiry: Date,
    /// Primary identifier (surname), words separated by spaces.
    pub surname: String,
    /// Secondary identifier (given names); may be empty.
    pub given: String,
    /// Personal number or other data of the issuer; may be empty.
    pub optional: String,
}

impl Mrz {
    /// Reads two lines of 44 or three of 30 characters; line breaks may be missing, full-width forms and lower case are normalised.
    ///
    /// `today` decides the century: a birth is never in the future, an expiry is the year nearest to today.
    pub fn parse(text: &str, today: Date) -> Result<Self, DocumentError> {
        let zone: String = text.chars().map(half_width).filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).take(91).collect();
        let width = match zone.chars().count() {
            88 => 44,
            90 => 30,
            _ => return Err(DocumentError::MrzShape),
        };
        if let Some(at) = zone.chars().position(|c| !(c == '<' || c.is_ascii_digit() || c.is_ascii_uppercase())) {
            return Err(DocumentError::MrzCharacter { line: at / width + 1, position: at % width + 1 });
        }
        // All ASCII from here on: byte offsets are character offsets.
        if width == 44 { Self::td3(part(&zone, 0, 44), part(&zone, 44, 88), today) } else { Self::td1(&zone, today) }
    }

    fn td3(one: &str, two: &str, today: Date) -> Result<Self, DocumentError> {
        if !one.starts_with('P') {
            return Err(DocumentError::MrzCharacter { line: 1, position: 1 });
        }
        verify(Field::Number, part(two, 0, 9), part(two, 9, 10))?;
        verify(Field::Birth, part(two, 13, 19), part(two, 19, 20))?;
        verify(Field::Expiry, part(two, 21, 27), part(two, 27, 28))?;
        verify(Field::Optional, part(two, 28, 42), part(two, 42, 43))?;
        let composite = [part(two, 0, 10), part(two, 13, 20), part(two, 21, 43)].concat();
        verify(Field::Composite, &composite, part(two, 43, 44))?;
        let (surname, given) = names(part(one, 5, 44));
        Ok(Self {
            code: trimmed(part(one, 0, 2)),
            issuer: trimmed(part(one, 2, 5)),
            nationality: trimmed(part(two, 10, 13)),
            number: trimmed(part(two, 0, 9)),
            birth: birth(part(two, 13, 19), today, 2)?,
            sex: sex(part(two, 20, 21), 2, 21)?,
            expiry: expiry(part(two, 21, 27), today, 2)?,
            surname,
            given,
            optional: trimmed(part(two, 28, 42)),
        })
    }

    fn td1(zone: &str, today: Date) -> Result<Self, DocumentError> {
        let (one, two, three) = (part(zone, 0, 30), part(zone, 30, 60), part(zone, 60, 90));
        if !one.starts_with(['I', 'A', 'C', 'P']) {
            return Err(DocumentError::MrzCharacter { line: 1, position: 1 });
        }
        let (number, optional) = Self::td1_number(one)?;
        verify(Field::Birth, part(two, 0, 6), part(two, 6, 7))?;
        verify(Field::Expiry, part(two, 8, 14), part(two, 14, 15))?;
        let composite = [part(one, 5, 30), part(two, 0, 7), part(two, 8, 15), part(two, 18, 29)].concat();
        verify(Field::Composite, &composite, part(two, 29, 30))?;
        let (surname, given) = names(three);
        Ok(Self {
            code: trimmed(part(one, 0, 2)),
            issuer: trimmed(part(one, 2, 5)),
            nationality: trimmed(part(two, 15, 18)),
            number,
            birth: birth(part(two, 0, 6), today, 2)?,
            sex: sex(part(two, 7, 8), 2, 8)?,
            expiry: expiry(part(two, 8, 14), today, 2)?,
            surname,
            given,
            optional: [optional, trimmed(part(two, 18, 29))].join(" ").trim().to_owned(),
        })
    }

    /// A number longer than nine characters runs on in the optional field: `<` in place of the check digit, the rest, its check digit, `<`.
    fn td1_number(one: &str) -> Result<(String, String), DocumentError> {
        let (head, check, optional) = (part(one, 5, 14), part(one, 14, 15), part(one, 15, 30));
        let rest = optional.split('<').next().unwrap_or("");
        if check != "<" || rest.len() < 2 {
            verify(Field::Number, head, check)?;
            return Ok((trimmed(head), trimmed(optional)));
        }
        let (tail, check) = rest.split_at(rest.len() - 1);
        let number = format!("{head}{tail}");
        verify(Field::Number, &number, check)?;
        Ok((trimmed(&number), trimmed(part(optional, rest.len(), 15))))
    }

    /// The passport this zone belongs to, with country, birth and sex. Cards tell their data but not which of our kinds they are.
    pub fn passport(&self, provinces: &Provinces) -> Result<Document, DocumentError> {
        if !self.code.starts_with('P') {
            return Err(DocumentError::UnknownKind);
        }
        let document = Document::parse(DocumentKind::Passport, &self.number, provinces)?.with_country(&self.issuer)?.with_sex(self.sex);
        match self.birth {
            Some(birth) => document.with_birth(birth),
            None => Ok(document),
        }
    }
}

impl std::fmt::Debug for Mrz {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mrz({} {} {})", self.code, self.issuer, mask::document_number(&self.number))
    }
}

/// 7-3-1: digits count as themselves, letters from A = 10, the filler as 0; sum modulo 10.
pub fn check_digit(text: &str) -> Option<u32> {
    let mut sum = 0;
    for (c, weight) in text.chars().zip([7, 3, 1].into_iter().cycle()) {
        sum += weight * if c == '<' { 0 } else { c.to_digit(36)? };
    }
    Some(sum % 10)
}

fn verify(field: Field, text: &str, check: &str) -> Result<(), DocumentError> {
    let given = match check {
        // An empty optional field may leave its check digit open.
        "<" if field == Field::Optional && text.bytes().all(|b| b == b'<') => Some(0),
        _ => check.parse().ok(),
    };
    if given.is_some() && given == check_digit(text) { Ok(()) } else { Err(DocumentError::MrzCheckDigit { field }) }
}

/// Fillers to spaces, outer ones gone.
fn trimmed(text: &str) -> String {
    text.replace('<', " ").trim().to_owned()
}

fn names(text: &str) -> (String, String) {
    let (surname, given) = text.split_once("<<").unwrap_or((text, ""));
    (trimmed(surname), trimmed(given))
}

fn sex(text: &str, line: usize, position: usize) -> Result<Sex, DocumentError> {
    match text {
        "M" => Ok(Sex::Male),
        "F" => Ok(Sex::Female),
        "<" | "X" => Ok(Sex::Unspecified),
        _ => Err(DocumentError::MrzCharacter { line, position }),
    }
}

/// `YYMMDD` in the century that `of` chooses among the last, the present and the next.
fn dated(text: &str, today: Date, of: impl Fn(Date) -> bool) -> Option<Date> {
    let year: i16 = part(text, 0, 2).parse().ok()?;
    let (month, day) = (part(text, 2, 4).parse().ok()?, part(text, 4, 6).parse().ok()?);
    let century = today.year().div_euclid(100) * 100;
    [100, 0, -100].into_iter().filter_map(|shift| Date::new(century + shift + year, month, day).ok()).find(|date| of(*date))
}

fn birth(text: &str, today: Date, line: usize) -> Result<Option<Date>, DocumentError> {
    if text.contains('<') {
        return Ok(None);
    }
    if text.bytes().any(|b| !b.is_ascii_digit()) {
        return Err(DocumentError::MrzCharacter { line, position: 1 });
    }
    dated(text, today, |date| date <= today).map(Some).ok_or(DocumentError::ImpossibleDate)
}

fn expiry(text: &str, today: Date, line: usize) -> Result<Date, DocumentError> {
    if text.bytes().any(|b| !b.is_ascii_digit()) {
        return Err(DocumentError::MrzCharacter { line, position: 22 });
    }
    let near = |date: Date| (i32::from(date.year()) - i32::from(today.year())).abs() <= 50;
    dated(text, today, near).ok_or(DocumentError::ImpossibleDate)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    const TD3: &str = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10";
    const TD1: &str = "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<";

    fn today() -> Date {
        date(2026, 11, 22)
    }

    #[test]
    fn the_specimens_of_doc_9303() {
        assert_eq!(check_digit("L898902C3"), Some(6));
        assert_eq!(check_digit("520727"), Some(3));
        let passport = Mrz::parse(TD3, today()).unwrap();
        assert_eq!((passport.code.as_str(), passport.issuer.as_str(), passport.nationality.as_str()), ("P", "UTO", "UTO"));
        assert_eq!((passport.surname.as_str(), passport.given.as_str()), ("ERIKSSON", "ANNA MARIA"));
        assert_eq!((passport.number.as_str(), passport.optional.as_str()), ("L898902C3", "ZE184226B"));
        assert_eq!((passport.birth, passport.sex, passport.expiry), (Some(date(1974, 8, 12)), Sex::Female, date(2012, 4, 15)));
        assert_eq!(format!("{passport:?}"), "Mrz(P UTO L*******3)");

        let card = Mrz::parse(TD1, today()).unwrap();
        assert_eq!((card.code.as_str(), card.number.as_str(), card.given.as_str()), ("I", "D23145890", "ANNA MARIA"));
        assert_eq!((card.birth, card.expiry, card.optional.as_str()), (Some(date(1974, 8, 12)), date(2012, 4, 15), ""));
    }

    #[test]
    fn line_breaks_case_and_width_do_not_matter() {
        let same = Mrz::parse(TD3, today()).unwrap();
        assert_eq!(Mrz::parse(&TD3.replace('\n', ""), today()).unwrap(), same);
        assert_eq!(Mrz::parse(&TD3.to_lowercase(), today()).unwrap(), same);
        assert_eq!(Mrz::parse(&TD3.replace('<', "＜").replace('\n', "\r\n"), today()).unwrap(), same);
    }

    #[test]
    fn a_passport_becomes_a_document_with_its_country() {
        let document = Mrz::parse(TD3, today()).unwrap().passport(&Provinces::default()).unwrap();
        assert_eq!(document.person_key().as_str(), "PP:UTO:L898902C3");
        assert_eq!(document.birth(), Some(date(1974, 8, 12)));
        assert_eq!(Mrz::parse(TD1, today()).unwrap().passport(&Provinces::default()), Err(DocumentError::UnknownKind));
    }

    #[test]
    fn each_check_digit_is_looked_at() {
        for (from, to, field) in [
            ("L898902C36", "L898902C46", Field::Number),
            ("7408122F", "7408132F", Field::Birth),
            ("1204159Z", "1204169Z", Field::Expiry),
            ("ZE184226B<<<<<10", "ZE184227B<<<<<10", Field::Optional),
            ("B<<<<<10", "B<<<<<19", Field::Composite),
        ] {
            assert_eq!(Mrz::parse(&TD3.replace(from, to), today()), Err(DocumentError::MrzCheckDigit { field }), "{to}");
        }
    }

    #[test]
    fn each_fault_has_its_own_name() {
        assert_eq!(Mrz::parse("", today()), Err(DocumentError::MrzShape));
        assert_eq!(Mrz::parse(&"P".repeat(1_000_000), today()), Err(DocumentError::MrzShape));
        assert_eq!(Mrz::parse(&TD3.replace("ANNA", "AN*A"), today()), Err(DocumentError::MrzCharacter { line: 1, position: 18 }));
        assert_eq!(Mrz::parse(&TD3.replace("2F1", "2Q1"), today()), Err(DocumentError::MrzCharacter { line: 2, position: 21 }));
        assert_eq!(Mrz::parse(&TD3.replacen('P', "V", 1), today()), Err(DocumentError::MrzCharacter { line: 1, position: 1 }));
    }

    #[test]
    fn the_century_is_that_of_a_living_holder() {
        assert_eq!(birth("261122", today(), 2), Ok(Some(today())));
        assert_eq!(birth("261123", today(), 2), Ok(Some(date(1926, 11, 23))));
        assert_eq!(birth("740230", today(), 2), Err(DocumentError::ImpossibleDate));
        assert_eq!(birth("74<<<<", today(), 2), Ok(None));
        assert_eq!(expiry("351122", today(), 2), Ok(date(2035, 11, 22)));
        assert_eq!(expiry("991231", today(), 2), Ok(date(1999, 12, 31)));
    }

    #[test]
    fn a_long_card_number_runs_on_in_the_optional_field() {
        // Doc 9303-5 appendix: number D23145890734, check digit 9.
        assert_eq!(check_digit("D23145890734"), Some(9));
        let head = "I<UTOD23145890<7349<<<<<<<<<<<";
        let two = "7408122F1204159UTO<<<<<<<<<<<";
        let composite = [part(head, 5, 30), part(two, 0, 7), part(two, 8, 15), part(two, 18, 29)].concat();
        let zone = format!("{head}\n{two}{}\nERIKSSON<<ANNA<MARIA<<<<<<<<<<", check_digit(&composite).unwrap());
        let card = Mrz::parse(&zone, today()).unwrap();
        assert_eq!((card.number.as_str(), card.optional.as_str()), ("D23145890734", ""));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in prop_oneof![any::<String>(), "[A-Z0-9<]{88}", "[A-Z0-9<]{90}", "[PIAC][A-Z0-9<]{89}"]) {
            let _ = Mrz::parse(&text, today());
        }

        #[test]
        fn a_wrong_digit_in_the_number_is_found(at in 44_usize..53, other in "[0-9]") {
            let mut zone: Vec<char> = TD3.replace('\n', "").chars().collect();
            let other = other.chars().next().unwrap();
            // 7-3-1 does not see changes by a multiple of ten: 2 is not told from L or C is not told from 2.
            let distance = zone[at].to_digit(36).unwrap().abs_diff(other.to_digit(36).unwrap());
            prop_assume!(distance % 10 != 0);
            zone[at] = other;
            prop_assert!(Mrz::parse(&zone.into_iter().collect::<String>(), today()).is_err());
        }
    }
}
