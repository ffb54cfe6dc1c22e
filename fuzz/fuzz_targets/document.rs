//! 证件号码: no bytes make a document number panic, and what is accepted stays what it is.
#![no_main]

use std::sync::LazyLock;

use chuangsha_kernel::{
    Document, DocumentKind, Provinces, Refuse,
    document::upgrade_first_generation,
    mask,
    region::Region,
};
use libfuzzer_sys::fuzz_target;

static PROVINCES: LazyLock<Provinces> = LazyLock::new(|| {
    let region = |code: &str| Region { code: code.to_owned(), zh: String::new(), en: String::new() };
    Provinces::new(["11", "35", "44", "99"].map(region)).expect("four codes")
});

fuzz_target!(|input: (u8, &str)| {
    let (choice, text) = input;
    let Some(kind) = DocumentKind::ALL.get(usize::from(choice) % DocumentKind::ALL.len()) else { return };
    match Document::parse(*kind, text, &PROVINCES) {
        Ok(document) => {
            assert_eq!(Document::parse(*kind, document.number(), &PROVINCES).as_ref(), Ok(&document), "parsing is idempotent");
            assert!(mask::document_number(document.number()).chars().filter(|c| *c != '*').count() <= 2, "the mask shows two characters");
            assert!(document.person_key().as_str().contains(':'));
            assert!(!format!("{document:?}").contains(document.number()), "Debug is masked");
        }
        Err(refusal) => assert!(!refusal.problem().to_string().contains('{'), "every gap of the message is filled"),
    }
    if let Ok(number) = upgrade_first_generation(text, &PROVINCES) {
        assert!(Document::parse(DocumentKind::ResidentId, &number, &PROVINCES).is_ok(), "an upgraded number is a valid one");
    }
});
