use std::collections::{BTreeMap, BTreeSet};

use super::{Document, DocumentError, DocumentKind};
use crate::{mask, text::part};

/// 证件主体键: the canonical text of one person or organisation, stable across renewals: `CN:<18>`, `HMT:<first 9>`, `PP:<country>:<number>`.
///
/// It is the input of a blind index and never stored, logged or shown. Prints masked and cannot be serialised.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonKeySource(String);

impl PersonKeySource {
    pub(super) fn of(document: &Document) -> Self {
        let number = document.number();
        Self(match document.kind() {
            // Temporary card and household register carry the resident's number; residence permits carry one of the same system.
            DocumentKind::ResidentId
            | DocumentKind::TemporaryId
            | DocumentKind::HouseholdRegister
            | DocumentKind::HongKongMacauResidencePermit
            | DocumentKind::TaiwanResidencePermit => format!("CN:{number}"),
            DocumentKind::ForeignPermanentResident => format!("FPR:{number}"),
            // The last two digits count renewals of the same person's permit.
            DocumentKind::HongKongMacauTravelPermit => format!("HMT:{}", part(number, 0, 9)),
            DocumentKind::TaiwanTravelPermit => format!("TWT:{number}"),
            // XXX is ICAO's code for a country that is not stated.
            DocumentKind::Passport => format!("PP:{}:{number}", document.country().unwrap_or("XXX")),
            DocumentKind::Military => format!("MIL:{number}"),
            DocumentKind::ArmedPolice => format!("WJ:{number}"),
            DocumentKind::OrganisationCode => format!("ORG:{number}"),
        })
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PersonKeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scheme, number) = self.0.split_once(':').unwrap_or(("", &self.0));
        write!(f, "PersonKeySource({scheme}:{})", mask::document_number(number))
    }
}

/// 关联种类: why two documents are taken for one person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// 新旧永久居留证: the permanent resident card of 15 characters and the one of 18.
    RenewedPermanentResidentCard,
    /// 居住证与通行证: a residence permit and a travel permit of the same resident of Hong Kong, Macau or Taiwan.
    ResidenceAndTravelPermit,
    /// 换发护照: two passports of one country.
    RenewedPassport,
}

/// 证件关联: two documents shown to belong to one person. Evidence of it (who saw both, when) is the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonLink {
    /// Why.
    pub kind: LinkKind,
    /// Person of the first document.
    pub one: PersonKeySource,
    /// Person of the second document.
    pub other: PersonKeySource,
}

impl PersonLink {
    /// Links two documents of one person. Refused for kinds that cannot be one person's, and when both tell a birth date or sex that differ.
    pub fn between(one: &Document, other: &Document) -> Result<Self, DocumentError> {
        use DocumentKind::{
            ForeignPermanentResident as Card, HongKongMacauResidencePermit as HkPermit, HongKongMacauTravelPermit as HkTravel, Passport,
            TaiwanResidencePermit as TwPermit, TaiwanTravelPermit as TwTravel,
        };
        let kind = match (one.kind(), other.kind()) {
            (Card, Card) if one.number().len() != other.number().len() => LinkKind::RenewedPermanentResidentCard,
            (HkPermit, HkTravel) | (HkTravel, HkPermit) | (TwPermit, TwTravel) | (TwTravel, TwPermit) => LinkKind::ResidenceAndTravelPermit,
            (Passport, Passport) if one.country().is_some() && one.country() == other.country() => LinkKind::RenewedPassport,
            _ => return Err(DocumentError::NotLinkable),
        };
        let differ = |a: Option<String>, b: Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
        let birth = |d: &Document| d.birth().map(|b| b.to_string());
        let sex = |d: &Document| d.sex().map(|s| format!("{s:?}"));
        if differ(birth(one), birth(other)) || differ(sex(one), sex(other)) {
            return Err(DocumentError::NotLinkable);
        }
        Ok(Self { kind, one: one.person_key(), other: other.person_key() })
    }
}

/// The person a key stands for once the links are followed: the first, in text order, of all keys linked to it.
///
/// Pure and independent of the order of the links; any two linked keys give the same answer.
pub fn canonical(key: &PersonKeySource, links: &[PersonLink]) -> PersonKeySource {
    let mut neighbours: BTreeMap<&PersonKeySource, Vec<&PersonKeySource>> = BTreeMap::new();
    for link in links {
        neighbours.entry(&link.one).or_default().push(&link.other);
        neighbours.entry(&link.other).or_default().push(&link.one);
    }
    let mut seen = BTreeSet::from([key]);
    let mut open = vec![key];
    while let Some(next) = open.pop() {
        for neighbour in neighbours.get(next).into_iter().flatten() {
            if seen.insert(neighbour) {
                open.push(neighbour);
            }
        }
    }
    seen.first().map_or_else(|| key.clone(), |first| (*first).clone())
}
