//! 证件: identity documents, their numbers, check digits, validity, and which of them belong to one person.

mod error;
mod kind;
mod number;
mod person;
mod validity;

#[cfg(test)]
pub(crate) mod golden;
#[cfg(test)]
pub(crate) mod tests;

use jiff::civil::Date;

pub use error::{DocumentError, code};
pub use kind::DocumentKind;
pub use number::{ResidentId, upgrade_first_generation};
pub use person::{LinkKind, PersonKeySource, PersonLink, canonical};
pub use validity::{Validity, ValidityRule};

use crate::{mask, organisation::OrganisationCode, region::Provinces, text};

/// 性别, as the document's number or machine-readable zone gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sex {
    /// 男
    Male,
    /// 女
    Female,
    /// 未说明 (machine-readable zones only)
    Unspecified,
}

/// 证件: kind and normalised number of one document, with what the number itself tells. Prints masked and cannot be serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    kind: DocumentKind,
    number: String,
    birth: Option<Date>,
    sex: Option<Sex>,
    country: Option<String>,
}

impl Document {
    /// Reads a document number as people type it: full-width characters, spaces and lower case are normalised.
    ///
    /// Resident IDs, residence permits, new permanent resident cards and organisation codes are checked to the last digit. A passport should
    /// be given its country afterwards ([`Document::with_country`]). A birth date later than today is found by [`Document::check_birth`],
    /// because what day it is is an argument.
    pub fn parse(kind: DocumentKind, text: &str, provinces: &Provinces) -> Result<Self, DocumentError> {
        let number = text::compact(text, 64);
        let parsed = match kind {
            DocumentKind::ResidentId | DocumentKind::TemporaryId | DocumentKind::HouseholdRegister => number::resident(&number, provinces)?,
            DocumentKind::HongKongMacauResidencePermit => number::residence_permit(&number, kind, &["81", "82"])?,
            DocumentKind::TaiwanResidencePermit => number::residence_permit(&number, kind, &["83"])?,
            DocumentKind::ForeignPermanentResident => number::permanent_resident(&number, provinces)?,
            DocumentKind::HongKongMacauTravelPermit => number::hong_kong_macau_permit(&number)?,
            DocumentKind::TaiwanTravelPermit => number::taiwan_permit(&number)?,
            DocumentKind::Passport => number::passport(&number)?,
            DocumentKind::Military | DocumentKind::ArmedPolice => number::military(&number)?,
            DocumentKind::OrganisationCode => {
                OrganisationCode::parse(&number, provinces)?;
                number::Facts::default()
            }
        };
        Ok(Self { kind, number, birth: parsed.birth, sex: parsed.sex, country: None })
    }

    /// Names the issuing country of a passport: three letters of ICAO 9303 (ISO 3166 alpha-3, or one to three letters such as `D`).
    pub fn with_country(mut self, country: &str) -> Result<Self, DocumentError> {
        let country = text::compact(country, 8);
        if !(1..=3).contains(&country.len()) || !country.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(DocumentError::UnknownCountry);
        }
        self.country = Some(country);
        Ok(self)
    }

    /// Adds a birth date printed on the document but not part of its number. One that contradicts the number is refused.
    pub fn with_birth(mut self, birth: Date) -> Result<Self, DocumentError> {
        match self.birth {
            Some(known) if known != birth => Err(DocumentError::BirthDiffers),
            _ => {
                self.birth = Some(birth);
                Ok(self)
            }
        }
    }

    /// Adds the sex printed on the document; keeps the number's own where it tells.
    #[must_use]
    pub fn with_sex(mut self, sex: Sex) -> Self {
        self.sex.get_or_insert(sex);
        self
    }

    /// Kind.
    pub fn kind(&self) -> DocumentKind {
        self.kind
    }

    /// Normalised number: half-width, upper case, no spaces.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Birth date, from the number or added.
    pub fn birth(&self) -> Option<Date> {
        self.birth
    }

    /// Sex, from the number or added.
    pub fn sex(&self) -> Option<Sex> {
        self.sex
    }

    /// Issuing country of a passport.
    pub fn country(&self) -> Option<&str> {
        self.country.as_deref()
    }

    /// First and last character.
    pub fn masked(&self) -> String {
        mask::document_number(&self.number)
    }

    /// 证件主体: the person (or organisation) this document stands for, the same across renewals. Limits are counted on it, never on the number.
    pub fn person_key(&self) -> PersonKeySource {
        PersonKeySource::of(self)
    }

    /// Refuses a birth date later than `today`.
    pub fn check_birth(&self, today: Date) -> Result<(), DocumentError> {
        match self.birth {
            Some(birth) if birth > today => Err(DocumentError::FutureDate),
            _ => Ok(()),
        }
    }

    /// 有效期: whether the document is valid on `today` and its period is one that could have been issued (`until: None` = long-term 长期).
    ///
    /// The periods come from the rule packs ([`crate::Rulebook::validity`]): resident ID by age at issue (ID law art. 5), permits by edition.
    pub fn check_validity(&self, issued: Option<Date>, until: Option<Date>, today: Date, periods: &Validity) -> Result<(), DocumentError> {
        self.check_birth(today)?;
        periods.check(self.kind, self.birth, issued, until, today)
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Document({} {})", self.kind.as_str(), self.masked())
    }
}
