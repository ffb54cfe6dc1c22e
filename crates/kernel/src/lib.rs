//! 词汇: the vocabulary everything else speaks. Pure: no I/O, no clock but the one behind [`time::Clock`].
//!
//! What comes in as text leaves as a type that can only hold a well-formed value: [`Phone`], [`Document`], [`PersonName`], [`Address`],
//! [`OrganisationCode`]. None of them can be serialised and all of them print masked, so that a personal value cannot slip into a log or an
//! answer by accident. What the law says in numbers comes from a [`Rulebook`], never from a constant.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

pub mod document;
pub mod id;
pub mod mask;
pub mod mrz;
pub mod name;
pub mod organisation;
pub mod phone;
pub mod problem;
pub mod region;
pub mod role;
pub mod rulebook;
mod text;
pub mod time;

pub use document::{Document, DocumentError, DocumentKind, PersonKeySource, ResidentId, Sex};
pub use mrz::Mrz;
pub use name::{Address, NameError, PersonName};
pub use organisation::OrganisationCode;
pub use phone::{Phone, PhoneError};
pub use problem::{Code, Language, Problem, Refuse};
pub use region::Provinces;
pub use rulebook::{ChannelKind, EntryMode, Place, Rulebook, RulebookError, Ruling};
pub use time::{Clock, Timestamp};

/// Every problem code this crate can give, for the test that walks them and for the API description.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    [phone::code::ALL, name::code::ALL, document::code::ALL, rulebook::code::ALL].into_iter().flatten().copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_both_languages_and_an_id_of_its_own() {
        let chinese = |text: &str| text.chars().any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c));
        let mut ids = BTreeSet::new();
        for code in super::codes() {
            assert!(ids.insert(code.id), "{} twice", code.id);
            assert!(chinese(code.zh) && chinese(code.remedy_zh), "{}", code.id);
            assert!(!code.en.is_empty() && !chinese(code.en) && !code.remedy_en.is_empty() && !chinese(code.remedy_en), "{}", code.id);
        }
    }
}
