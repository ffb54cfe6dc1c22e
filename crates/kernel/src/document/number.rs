//! The numbers themselves: shapes, check digits, and what they tell of their holder. Every text here is already half-width, upper case, without spaces.

use jiff::civil::Date;

use super::{DocumentError, DocumentKind, Sex};
use crate::{
    region::Provinces,
    text::{first_bad, part},
};

/// What a number tells by itself.
#[derive(Default)]
pub(super) struct Facts {
    pub birth: Option<Date>,
    pub sex: Option<Sex>,
}

/// No living holder was born before; an earlier year is a slip of the pen.
const EARLIEST_YEAR: i16 = 1850;

/// 公民身份号码: making valid numbers, for the demo world and for tests.
pub struct ResidentId;

impl ResidentId {
    /// A valid 18-digit number of a region (6 digits), a birth date and a sequence (0 to 999; odd is male).
    ///
    /// Only invented identities are made here: callers use the region codes `99xxxx`, which no real number has.
    pub fn compose(region: &str, birth: Date, sequence: u16) -> Result<String, DocumentError> {
        if region.len() != 6 || sequence > 999 {
            return Err(DocumentError::Length { found: region.len(), expected: "6" });
        }
        if let Some(position) = first_bad(region, |_, c| c.is_ascii_digit()) {
            return Err(DocumentError::Character { position });
        }
        if birth.year() < EARLIEST_YEAR {
            return Err(DocumentError::ImpossibleDate);
        }
        let mut number = format!("{region}{}{sequence:03}", birth.strftime("%Y%m%d"));
        number.extend(mod_11_2(&number));
        Ok(number)
    }
}

/// 15 位升 18 位: the present number of a first-generation one, for the legacy base only (never for a new registration).
pub fn upgrade_first_generation(text: &str, provinces: &Provinces) -> Result<String, DocumentError> {
    let old = crate::text::compact(text, 64);
    shape(&old, 15, "15", |_, c| c.is_ascii_digit())?;
    let mut number = format!("{}19{}", part(&old, 0, 6), part(&old, 6, 15));
    number.extend(mod_11_2(&number));
    resident(&number, provinces)?;
    Ok(number)
}

/// GB 11643, and the documents that carry the same number.
pub(super) fn resident(number: &str, provinces: &Provinces) -> Result<Facts, DocumentError> {
    if number.len() == 15 && number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DocumentError::FirstGeneration);
    }
    eighteen(number)?;
    match part(number, 0, 2) {
        "81" | "82" => return Err(DocumentError::WrongKind { looks_like: DocumentKind::HongKongMacauResidencePermit }),
        "83" => return Err(DocumentError::WrongKind { looks_like: DocumentKind::TaiwanResidencePermit }),
        _ if !provinces.contains(number) => return Err(DocumentError::UnknownProvince),
        _ => {}
    }
    born_and_checked(number)
}

/// Residence permits: the same 18 digits under the region codes 810000, 820000, 830000.
pub(super) fn residence_permit(number: &str, kind: DocumentKind, provinces: &[&str]) -> Result<Facts, DocumentError> {
    eighteen(number)?;
    let (province, rest) = (part(number, 0, 2), part(number, 2, 6));
    if !provinces.contains(&province) {
        let looks_like = match province {
            "81" | "82" => DocumentKind::HongKongMacauResidencePermit,
            "83" => DocumentKind::TaiwanResidencePermit,
            _ => DocumentKind::ResidentId,
        };
        return Err(if looks_like == kind { DocumentError::UnknownProvince } else { DocumentError::WrongKind { looks_like } });
    }
    if rest != "0000" {
        return Err(DocumentError::UnknownProvince);
    }
    born_and_checked(number)
}

/// 2023 edition: 9, province, nationality (ISO 3166 numeric), birth, sequence, check. Earlier edition: three letters and twelve digits.
pub(super) fn permanent_resident(number: &str, provinces: &Provinces) -> Result<Facts, DocumentError> {
    if number.chars().count() == 15 {
        shape(number, 15, "15 / 18", |i, c| if i < 3 { c.is_ascii_uppercase() } else { c.is_ascii_digit() })?;
        return Ok(Facts::default());
    }
    shape(number, 18, "15 / 18", |i, c| c.is_ascii_digit() || (i == 17 && c == 'X'))?;
    if !number.starts_with('9') {
        return Err(DocumentError::Character { position: 1 });
    }
    if !provinces.contains(part(number, 1, 3)) {
        return Err(DocumentError::UnknownProvince);
    }
    if part(number, 3, 6) == "000" {
        return Err(DocumentError::UnknownCountry);
    }
    born_and_checked(number)
}

/// H or M, the holder's eight digits for life, and two digits that count renewals (left out in short form).
pub(super) fn hong_kong_macau_permit(number: &str) -> Result<Facts, DocumentError> {
    let length = if number.chars().count() == 9 { 9 } else { 11 };
    shape(number, length, "9 / 11", |i, c| if i == 0 { matches!(c, 'H' | 'M') } else { c.is_ascii_digit() })?;
    Ok(Facts::default())
}

/// Card: the holder's eight digits for life. Old booklet: longer, of letters and digits; its shape was never published.
pub(super) fn taiwan_permit(number: &str) -> Result<Facts, DocumentError> {
    let found = number.chars().count();
    if found == 8 {
        shape(number, 8, "8", |_, c| c.is_ascii_digit())?;
    } else {
        between(number, 9, 12, "8–12", |_, c| c.is_ascii_digit() || c.is_ascii_uppercase())?;
    }
    Ok(Facts::default())
}

/// At most nine letters and digits; no check digit unless the machine-readable zone was read.
pub(super) fn passport(number: &str) -> Result<Facts, DocumentError> {
    between(number, 3, 9, "3–9", |_, c| c.is_ascii_digit() || c.is_ascii_uppercase())?;
    if !number.bytes().any(|b| b.is_ascii_digit()) {
        return Err(DocumentError::Character { position: 1 });
    }
    Ok(Facts::default())
}

/// Free form: the characters of the issuing service and digits, as `军字第1234567号`.
pub(super) fn military(number: &str) -> Result<Facts, DocumentError> {
    between(number, 5, 20, "5–20", |_, c| c.is_ascii_digit() || c.is_ascii_uppercase() || ('\u{4E00}'..='\u{9FFF}').contains(&c))?;
    if number.bytes().filter(u8::is_ascii_digit).count() < 4 {
        return Err(DocumentError::Length { found: number.bytes().filter(u8::is_ascii_digit).count(), expected: "≥ 4" });
    }
    Ok(Facts::default())
}

fn eighteen(number: &str) -> Result<(), DocumentError> {
    shape(number, 18, "18", |i, c| c.is_ascii_digit() || (i == 17 && c == 'X'))
}

fn shape(number: &str, length: usize, expected: &'static str, allowed: impl Fn(usize, char) -> bool) -> Result<(), DocumentError> {
    between(number, length, length, expected, allowed)
}

fn between(
    number: &str,
    least: usize,
    most: usize,
    expected: &'static str,
    allowed: impl Fn(usize, char) -> bool,
) -> Result<(), DocumentError> {
    let found = number.chars().count();
    if !(least..=most).contains(&found) {
        return Err(DocumentError::Length { found, expected });
    }
    match first_bad(number, allowed) {
        Some(position) => Err(DocumentError::Character { position }),
        None => Ok(()),
    }
}

/// Birth (digits 7 to 14), sequence (15 to 17, odd is male) and check digit of a number of 18 characters.
fn born_and_checked(number: &str) -> Result<Facts, DocumentError> {
    let birth = date(part(number, 6, 14)).ok_or(DocumentError::ImpossibleDate)?;
    if mod_11_2(part(number, 0, 17)) != number.chars().nth(17) {
        return Err(DocumentError::CheckDigit);
    }
    let odd = part(number, 16, 17).bytes().all(|b| b % 2 == 1);
    Ok(Facts { birth: Some(birth), sex: Some(if odd { Sex::Male } else { Sex::Female }) })
}

/// `YYYYMMDD` as a day of the calendar.
fn date(digits: &str) -> Option<Date> {
    let year: i16 = part(digits, 0, 4).parse().ok()?;
    let date = Date::new(year, part(digits, 4, 6).parse().ok()?, part(digits, 6, 8).parse().ok()?).ok()?;
    (year >= EARLIEST_YEAR).then_some(date)
}

/// ISO 7064 MOD 11-2 over 17 digits: the eighteenth character. `None` when one of them is no digit.
fn mod_11_2(digits: &str) -> Option<char> {
    // Horner's form of the weights 2^(18-i) mod 11: each digit is added and the sum doubled.
    let mut sum = 0;
    for c in digits.chars() {
        sum = (sum + c.to_digit(10)?) * 2 % 11;
    }
    match (12 - sum) % 11 {
        10 => Some('X'),
        check => char::from_digit(check, 10),
    }
}
