//! 存量行: what one row says, checked field by field, and what is wrong with the number it names. Pure: no record is asked.

use std::collections::BTreeMap;

use chuangsha_kernel::{
    Address, ChannelKind, Document, DocumentKind, OrganisationCode, PersonName, Phone, Provinces, Refuse,
    document::upgrade_first_generation,
    problem::{Code, Problem},
};
use jiff::civil::Date;

use super::{
    code,
    mapping::{Field, Malformed, Plan},
};
use crate::{registration::order::Product, remediation::kind::Kind};

/// 退回: why a row was not taken. Nothing of what the row holds is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Row of the file, the heading being 1.
    pub row: u64,
    /// Field, as the mapping names it; empty: the row as a whole.
    pub field: &'static str,
    /// Reason.
    pub code: &'static Code,
    /// Places and counts the reason speaks of, never a value.
    pub data: BTreeMap<&'static str, String>,
}

/// 机主: somebody a number is recorded on, as far as the row knows them.
#[derive(Clone)]
pub struct Holder {
    /// `holder`, or `organisation`.
    pub role: &'static str,
    /// Kind of document, also where the number is missing.
    pub kind: DocumentKind,
    /// The document, when its number is one.
    pub document: Option<Document>,
    /// Name; empty: not known.
    pub name: String,
    /// Address; empty: not known.
    pub address: String,
    /// First day of the document.
    pub valid_from: Option<Date>,
    /// Last day of the document.
    pub valid_until: Option<Date>,
}

/// 存量用户: one number of the old base, ready to be sealed.
#[derive(Clone)]
pub struct Subscriber {
    /// Row of the file.
    pub row: u64,
    /// Number.
    pub number: Phone,
    /// Person, organisation, or both; the first is whose number it is.
    pub holders: Vec<Holder>,
    /// City, six digits.
    pub region: String,
    /// Kind of outlet.
    pub channel_kind: ChannelKind,
    /// Product.
    pub product: Product,
    /// In service since.
    pub since: Date,
    /// What is wrong with it; `None`: registered under a true name.
    pub finding: Option<(Kind, &'static str)>,
}

/// Reads one row.
///
/// # Errors
/// The first field that cannot be right.
pub fn read(plan: &Plan, row: u64, cells: &csv::StringRecord, provinces: &Provinces, today: Date) -> Result<Subscriber, Reject> {
    Reading { plan, row, cells, provinces, today }.subscriber()
}

struct Reading<'a> {
    plan: &'a Plan,
    row: u64,
    cells: &'a csv::StringRecord,
    provinces: &'a Provinces,
    today: Date,
}

impl Reading<'_> {
    fn text(&self, field: Field) -> &str {
        self.plan.text(self.cells, field)
    }

    fn reject(&self, field: Field, problem: &Problem) -> Reject {
        Reject { row: self.row, field: field.as_str(), code: problem.code, data: problem.data.clone() }
    }

    fn invalid(&self, field: Field, code: &'static Code) -> Reject {
        Reject { row: self.row, field: field.as_str(), code, data: BTreeMap::new() }
    }

    fn subscriber(&self) -> Result<Subscriber, Reject> {
        let number = match self.text(Field::Number) {
            "" => return Err(self.invalid(Field::Number, &code::FIELD_MISSING)),
            text => Phone::parse(text).map_err(|error| self.reject(Field::Number, &error.problem()))?,
        };
        let region = self.region()?;
        let since = self.day(Field::Since)?.ok_or_else(|| self.invalid(Field::Since, &code::FIELD_MISSING))?;
        if since > self.today {
            return Err(self.invalid(Field::Since, &code::DATE_AHEAD));
        }
        let channel_kind = match self.text(Field::ChannelKind) {
            "" => ChannelKind::SocialOutlet,
            text => ChannelKind::parse(&self.plan.meaning(Field::ChannelKind, text))
                .ok_or_else(|| self.invalid(Field::ChannelKind, &code::WORD_UNKNOWN))?,
        };
        let product = match self.text(Field::Product) {
            "" => Product::Voice,
            text => {
                Product::parse(&self.plan.meaning(Field::Product, text)).ok_or_else(|| self.invalid(Field::Product, &code::WORD_UNKNOWN))?
            }
        };
        let declared = match self.text(Field::RealName) {
            "" => None,
            text => match self.plan.meaning(Field::RealName, text).as_ref() {
                "yes" => Some(true),
                "no" => Some(false),
                _ => return Err(self.invalid(Field::RealName, &code::WORD_UNKNOWN)),
            },
        };
        let (holders, wrong) = self.holders()?;
        let finding = self.finding(&holders, wrong, declared)?;
        Ok(Subscriber { row: self.row, number, holders, region, channel_kind, product, since, finding })
    }

    fn region(&self) -> Result<String, Reject> {
        let text = self.text(Field::Region);
        if text.is_empty() {
            return Err(self.invalid(Field::Region, &code::FIELD_MISSING));
        }
        let meant = self.plan.meaning(Field::Region, text);
        let known = |code: &str| code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) && self.provinces.city(code).is_some();
        if known(&meant) {
            return Ok(meant.into_owned());
        }
        // A city by its name, as the packs spell it.
        let named = self.provinces.provinces().flat_map(|province| self.provinces.cities(&province.code)).find(|city| city.zh == text);
        named.map(|city| format!("{}00", city.code)).ok_or_else(|| self.invalid(Field::Region, &code::REGION_UNKNOWN))
    }

    fn day(&self, field: Field) -> Result<Option<Date>, Reject> {
        match self.text(field) {
            "" => Ok(None),
            text => self.plan.day(text).map(Some).ok_or_else(|| self.invalid(field, &code::DATE_FORM)),
        }
    }

    /// A value that is there but cannot be right: refused, or left out and remembered, as the mapping wants it.
    fn lenient<T>(&self, field: Field, read: Result<T, Problem>, wrong: &mut Option<&'static str>) -> Result<Option<T>, Reject> {
        match (read, self.plan.malformed) {
            (Ok(value), _) => Ok(Some(value)),
            (Err(problem), Malformed::Reject) => Err(self.reject(field, &problem)),
            (Err(_), Malformed::Finding) => {
                wrong.get_or_insert(match field {
                    Field::Name | Field::OrganisationName => reason::NAME_INVALID,
                    Field::Address => reason::ADDRESS_INVALID,
                    _ => reason::DOCUMENT_INVALID,
                });
                Ok(None)
            }
        }
    }

    /// Everybody the row names, the actual user first; and what of it could not be right.
    fn holders(&self) -> Result<(Vec<Holder>, Option<&'static str>), Reject> {
        let mut wrong = None;
        let kind = match self.text(Field::DocumentKind) {
            "" => DocumentKind::ResidentId,
            text => DocumentKind::parse(&self.plan.meaning(Field::DocumentKind, text))
                .ok_or_else(|| self.invalid(Field::DocumentKind, &code::WORD_UNKNOWN))?,
        };
        let (name, number) = (self.text(Field::Name), self.text(Field::DocumentNumber));
        let address = match self.text(Field::Address) {
            "" => String::new(),
            text => self
                .lenient(Field::Address, Address::parse(text).map_err(|error| error.problem()), &mut wrong)?
                .map_or_else(String::new, |address| address.as_str().to_owned()),
        };
        let (valid_from, valid_until) = (self.day(Field::ValidFrom)?, self.day(Field::ValidUntil)?);
        let mut holders = Vec::with_capacity(1);
        let mut organisation = (self.text(Field::OrganisationName), self.text(Field::OrganisationCode));
        let person = !kind.is_organisation();
        if !person {
            // The row's own name and document are the organisation's.
            organisation = (if name.is_empty() { organisation.0 } else { name }, if number.is_empty() { organisation.1 } else { number });
        }
        if person && !(name.is_empty() && number.is_empty()) {
            let name = match name {
                "" => String::new(),
                text => self
                    .lenient(Field::Name, PersonName::parse(text).map_err(|error| error.problem()), &mut wrong)?
                    .map_or_else(String::new, |name| name.as_str().to_owned()),
            };
            let document = match number {
                "" => None,
                text => self.lenient(Field::DocumentNumber, self.document(kind, text), &mut wrong)?,
            };
            holders.push(Holder { role: "holder", kind, document, name, address: address.clone(), valid_from, valid_until });
        }
        if organisation != ("", "") {
            let code = match organisation.1 {
                "" => None,
                text => {
                    let read = OrganisationCode::parse(text, self.provinces).map_err(|error| error.problem());
                    let field = if person { Field::OrganisationCode } else { Field::DocumentNumber };
                    self.lenient(field, read, &mut wrong)?
                }
            };
            let document = code.and_then(|code| Document::parse(DocumentKind::OrganisationCode, code.as_str(), self.provinces).ok());
            let name: String = organisation.0.chars().filter(|c| !c.is_control()).take(80).collect();
            let address = if person { String::new() } else { address };
            let kind = DocumentKind::OrganisationCode;
            holders.push(Holder { role: "organisation", kind, document, name, address, valid_from: None, valid_until: None });
        }
        Ok((holders, wrong))
    }

    fn document(&self, kind: DocumentKind, text: &str) -> Result<Document, Problem> {
        let first_generation = matches!(kind, DocumentKind::ResidentId | DocumentKind::TemporaryId | DocumentKind::HouseholdRegister)
            && text.len() == 15
            && text.bytes().all(|byte| byte.is_ascii_digit());
        let upgraded =
            if first_generation { Some(upgrade_first_generation(text, self.provinces).map_err(|error| error.problem())?) } else { None };
        let document = Document::parse(kind, upgraded.as_deref().unwrap_or(text), self.provinces).map_err(|error| error.problem())?;
        document.check_birth(self.today).map_err(|error| error.problem())?;
        match self.text(Field::Country) {
            "" => Ok(document),
            country => document.with_country(country).map_err(|error| error.problem()),
        }
    }

    /// The kind of `R-REM-2`, and why. What the file itself calls unverified stays unverified, however full the row looks.
    fn finding(
        &self,
        holders: &[Holder],
        wrong: Option<&'static str>,
        declared: Option<bool>,
    ) -> Result<Option<(Kind, &'static str)>, Reject> {
        let Some(person) = holders.iter().find(|holder| holder.role == "holder") else {
            return Ok(Some(match holders.first() {
                Some(_) => (Kind::GroupCard, reason::GROUP_CARD),
                None => (Kind::Unverified, reason::NOBODY),
            }));
        };
        let user = match self.text(Field::UserName) {
            "" => None,
            // A user who is not spelt like a name is still somebody else than the holder.
            text => Some(PersonName::parse(text).map_or_else(|_| text.to_owned(), |name| name.as_str().to_owned())),
        };
        Ok(if declared == Some(false) {
            Some((Kind::Unverified, reason::DECLARED))
        } else if let Some(wrong) = wrong {
            Some((Kind::Incomplete, wrong))
        } else if person.name.is_empty() {
            Some((Kind::Incomplete, reason::NO_NAME))
        } else if person.document.is_none() {
            Some((Kind::Incomplete, reason::NO_DOCUMENT))
        } else if person.address.is_empty() {
            Some((Kind::Incomplete, reason::NO_ADDRESS))
        } else if user.is_some_and(|user| user != person.name) {
            Some((Kind::HolderDiffers, reason::OTHER_USER))
        } else {
            None
        })
    }
}

/// Why a number has its kind: stable codes, kept with the finding and translated where they are shown.
pub mod reason {
    /// No name and no document.
    pub const NOBODY: &str = "import.nobody";
    /// The file says it was never verified.
    pub const DECLARED: &str = "import.declared_unverified";
    /// No name.
    pub const NO_NAME: &str = "import.no_name";
    /// No document.
    pub const NO_DOCUMENT: &str = "import.no_document";
    /// No address.
    pub const NO_ADDRESS: &str = "import.no_address";
    /// A name that cannot be one.
    pub const NAME_INVALID: &str = "import.name_invalid";
    /// A document number that cannot be one.
    pub const DOCUMENT_INVALID: &str = "import.document_invalid";
    /// An address that cannot be one.
    pub const ADDRESS_INVALID: &str = "import.address_invalid";
    /// Somebody else uses it.
    pub const OTHER_USER: &str = "import.other_user";
    /// In the name of an organisation, without the actual user.
    pub const GROUP_CARD: &str = "import.group_card";
    /// Every reason.
    pub const ALL: [&str; 10] =
        [NOBODY, DECLARED, NO_NAME, NO_DOCUMENT, NO_ADDRESS, NAME_INVALID, DOCUMENT_INVALID, ADDRESS_INVALID, OTHER_USER, GROUP_CARD];
}
