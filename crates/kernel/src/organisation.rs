//! 统一社会信用代码: the unified social credit code of GB 32100-2015, with the organisation code of GB 11714 inside it.

use crate::{
    document::{DocumentError, DocumentKind},
    mask,
    region::Provinces,
    text::{compact, first_bad, part},
};

/// The 31 characters of GB 32100, in the order of their values: no I, O, S, V, Z.
const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/// 统一社会信用代码: 18 characters, both check characters verified.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganisationCode(String);

impl OrganisationCode {
    /// Reads a code: department 1, class 1, region 6, organisation code 8 + check (GB 11714), check (GB 32100).
    pub fn parse(text: &str, provinces: &Provinces) -> Result<Self, DocumentError> {
        let code = compact(text, 64);
        let found = code.chars().count();
        if found != 18 {
            return Err(DocumentError::Length { found, expected: "18" });
        }
        // The region is digits; the organisation code's own check character may be an X, which the alphabet has.
        let allowed = |i: usize, c: char| if (2..8).contains(&i) { c.is_ascii_digit() } else { value(c).is_some() };
        if let Some(position) = first_bad(&code, allowed) {
            return Err(DocumentError::Character { position });
        }
        let region = part(&code, 2, 8);
        // 100000 is the whole country: bodies registered with a ministry.
        if region != "100000" && !provinces.contains(region) {
            return Err(DocumentError::UnknownProvince);
        }
        if check_organisation(part(&code, 8, 16)) != code.chars().nth(16) || check_credit(part(&code, 0, 17)) != code.chars().nth(17) {
            return Err(DocumentError::CheckDigit);
        }
        Ok(Self(code))
    }

    /// Makes a valid code of department, class (one character each), region (6 digits) and the 8 characters before the organisation's check.
    pub fn compose(department: char, class: char, region: &str, organisation: &str) -> Result<String, DocumentError> {
        let mut code = format!("{department}{class}{region}{organisation}");
        if code.chars().count() != 16 || region.len() != 6 {
            return Err(DocumentError::Length { found: code.chars().count(), expected: "16" });
        }
        if let Some(position) = first_bad(&code, |_, c| value(c).is_some()) {
            return Err(DocumentError::Character { position });
        }
        code.extend(check_organisation(part(&code, 8, 16)));
        code.extend(check_credit(&code));
        Ok(code)
    }

    /// The 18 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 9 characters of the organisation code (GB 11714).
    pub fn organisation(&self) -> &str {
        part(&self.0, 8, 17)
    }

    /// First and last character.
    pub fn masked(&self) -> String {
        mask::document_number(&self.0)
    }

    /// What kind of document it is, for the tables that ask.
    pub const KIND: DocumentKind = DocumentKind::OrganisationCode;
}

impl std::fmt::Debug for OrganisationCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OrganisationCode({})", self.masked())
    }
}

fn value(c: char) -> Option<usize> {
    ALPHABET.chars().position(|a| a == c)
}

/// GB 32100: weights 3^(i-1) mod 31, check = (31 - sum mod 31) mod 31.
fn check_credit(head: &str) -> Option<char> {
    let mut weight = 1;
    let mut sum = 0;
    for c in head.chars() {
        sum += value(c)? * weight;
        weight = weight * 3 % 31;
    }
    ALPHABET.chars().nth((31 - sum % 31) % 31)
}

/// GB 11714: weights 3 7 9 10 5 8 4 2, letters from A = 10, check = 11 - sum mod 11 with 10 as X and 11 as 0.
fn check_organisation(head: &str) -> Option<char> {
    let mut sum = 0;
    for (c, weight) in head.chars().zip([3, 7, 9, 10, 5, 8, 4, 2]) {
        sum += c.to_digit(36)? * weight;
    }
    match (11 - sum % 11) % 11 {
        10 => Some('X'),
        check => char::from_digit(check, 10),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document::{golden, tests::provinces};

    #[test]
    fn golden_vectors() {
        let code = OrganisationCode::parse(golden::ORGANISATION, &provinces()).unwrap();
        assert_eq!(code.organisation(), "M000100Y4");
        assert_eq!(check_organisation("M000100Y"), Some('4'));
        // The worked example of GB 11714 itself.
        assert_eq!(check_organisation("D2143569"), Some('X'));
        assert_eq!(format!("{code:?}"), "OrganisationCode(9****************3)");
    }

    #[test]
    fn each_fault_has_its_own_name() {
        let parse = |text: &str| OrganisationCode::parse(text, &provinces());
        assert_eq!(parse("91350100M000100Y4Z"), Err(DocumentError::Character { position: 18 }));
        assert_eq!(parse("91350100M000100Y44"), Err(DocumentError::CheckDigit));
        assert_eq!(parse("91350100M000100Y4"), Err(DocumentError::Length { found: 17, expected: "18" }));
        assert_eq!(parse("91A50100M000100Y43"), Err(DocumentError::Character { position: 3 }));
        let elsewhere = OrganisationCode::compose('9', '1', "980100", "MA000001").unwrap();
        assert_eq!(parse(&elsewhere), Err(DocumentError::UnknownProvince));
        let ministry = OrganisationCode::compose('1', '1', "100000", "00001234").unwrap();
        assert!(parse(&ministry).is_ok());
    }

    proptest! {
        #[test]
        fn a_composed_code_parses_and_one_wrong_character_is_found(
            class in "[1-9]", body in "[0-9A-HJ-NPQRTUWXY]{8}", at in 0_usize..18, other in "[0-9A-HJ-NPQRTUWXY]"
        ) {
            let code = OrganisationCode::compose('9', class.chars().next().unwrap(), "990100", &body).unwrap();
            prop_assert!(OrganisationCode::parse(&code, &provinces()).is_ok());
            let mut wrong: Vec<char> = code.chars().collect();
            let other = other.chars().next().unwrap();
            prop_assume!(wrong[at] != other);
            wrong[at] = other;
            prop_assert!(OrganisationCode::parse(&wrong.into_iter().collect::<String>(), &provinces()).is_err());
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = OrganisationCode::parse(&text, &provinces());
        }
    }
}
