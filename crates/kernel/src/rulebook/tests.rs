use jiff::civil::{Date, date};

use super::*;

/// The packs of the repository, as the binary embeds them.
pub(crate) const PACKS: &[(&str, &str)] = &[
    ("cn/limits", include_str!("../../../../rules/cn/limits.toml")),
    ("cn/documents", include_str!("../../../../rules/cn/documents.toml")),
    ("cn/registration", include_str!("../../../../rules/cn/registration.toml")),
    ("cn/clocks", include_str!("../../../../rules/cn/clocks.toml")),
    ("cn/retention", include_str!("../../../../rules/cn/retention.toml")),
    ("cn/quiet_hours", include_str!("../../../../rules/cn/quiet_hours.toml")),
    ("cn/targets", include_str!("../../../../rules/cn/targets.toml")),
    ("cn/numbering", include_str!("../../../../rules/cn/numbering.toml")),
    ("cn/regions", include_str!("../../../../rules/cn/regions.toml")),
];

const DEMO: (&str, &str) = ("demo/regions", include_str!("../../../../rules/demo/regions.toml"));

fn book() -> Rulebook {
    Rulebook::embedded(PACKS).unwrap_or_else(|error| panic!("{error}"))
}

fn today() -> Date {
    date(2026, 11, 22)
}

#[test]
fn the_packs_of_the_repository_have_no_fault() {
    let mut packs = PACKS.to_vec();
    packs.push(DEMO);
    let findings: Vec<String> = Rulebook::check(&packs, &[]).iter().map(ToString::to_string).collect();
    assert_eq!(findings, Vec::<String>::new());
}

#[test]
fn a_limit_names_its_article_and_the_version_of_the_packs() {
    let book = book();
    let ruling = book.number("limit.mobile_numbers", today(), &Place::china()).unwrap();
    assert_eq!((ruling.value, ruling.article.as_str()), (5, "R-LIM-1"));
    assert_eq!(ruling.pack_version, book.version);
    assert_eq!(book.version.len(), 32);
}
