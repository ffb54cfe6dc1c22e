//! Every problem of the application and of what it stands on says in both languages what happened and what to do about it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use std::{collections::BTreeSet, path::Path};

use chuangsha_app::{channels, platform, registration, resources};
use chuangsha_kernel::problem::Code;

/// Every list of codes. A new one is added here: a test counts them.
fn lists() -> Vec<&'static [&'static Code]> {
    vec![
        chuangsha_kernel::document::code::ALL,
        chuangsha_kernel::phone::code::ALL,
        chuangsha_kernel::name::code::ALL,
        chuangsha_kernel::rulebook::code::ALL,
        chuangsha_vault::witness::codes::ALL,
        chuangsha_vault::log_export::codes::ALL,
        chuangsha_vault::error::codes::ALL,
        chuangsha_vault::sealed::codes::ALL,
        chuangsha_store::PROBLEMS,
        registration::view::code::ALL,
        registration::refusal::code::ALL,
        registration::ending::ALL,
        channels::channel::code::ALL,
        resources::resource::code::ALL,
        platform::edge::code::ALL,
        platform::failure::code::ALL,
        platform::images::ALL,
        platform::web::views::code::ALL,
        platform::network::PROBLEMS,
        platform::verify::ALL,
        platform::keys::destroy::ALL,
        platform::people::code::ALL,
        platform::purpose::code::ALL,
        platform::second::code::ALL,
    ]
}

/// How often a file of a folder declares codes.
fn declared(folder: &Path) -> usize {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                return declared(&path);
            }
            let text =
                if path.extension().is_some_and(|end| end == "rs") { std::fs::read_to_string(&path).unwrap() } else { String::new() };
            let begins = |line: &&str| ["codes! {", "crate::codes! {", "chuangsha_kernel::codes! {"].contains(&line.trim());
            text.lines().filter(begins).count()
        })
        .sum()
}

/// The `{name}`s of a text.
fn names(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

/// What a name of one language is called in the other: itself, or the other of a pair.
fn answers(name: &str, others: &BTreeSet<&str>, here: &str, there: &str) -> bool {
    let pair =
        if name == here { Some(there.to_owned()) } else { name.strip_suffix(&format!("_{here}")).map(|stem| format!("{stem}_{there}")) };
    others.contains(pair.as_deref().unwrap_or(name))
}

#[test]
fn every_list_is_walked() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let declared: usize = ["kernel", "vault", "store", "app"].iter().map(|name| declared(&crates.join(name).join("src"))).sum();
    assert_eq!(lists().len(), declared, "a file declares codes that lists() does not name");
}

#[test]
fn every_problem_is_said_in_both_languages() {
    let mut seen = BTreeSet::new();
    for code in lists().into_iter().flatten() {
        assert!(seen.insert(code.id), "{} is declared twice", code.id);
        assert!((400..600).contains(&code.status), "{}: status {}", code.id, code.status);
        for (zh, en) in [(code.zh, code.en), (code.remedy_zh, code.remedy_en)] {
            assert!(!zh.trim().is_empty() && !en.trim().is_empty(), "{} says nothing", code.id);
            assert!(!zh.is_ascii() || names(zh).len() == 1, "{} is not Chinese: {zh}", code.id);
            let han = |letter: char| ('\u{4e00}'..='\u{9fff}').contains(&letter);
            assert!(!en.chars().any(han), "{} is not English: {en}", code.id);
            let (of_zh, of_en) = (names(zh), names(en));
            assert!(of_zh.iter().all(|name| answers(name, &of_en, "zh", "en")), "{}: {of_zh:?} and {of_en:?}", code.id);
            assert!(of_en.iter().all(|name| answers(name, &of_zh, "en", "zh")), "{}: {of_en:?} and {of_zh:?}", code.id);
        }
    }
    assert!(seen.len() > 100, "{}", seen.len());
}
