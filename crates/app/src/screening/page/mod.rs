//! 甄别页面: live, verdicts, appeals, rules, lists, versions, figures. A page decides nothing and shows no number in clear.

use axum::Router;
use chuangsha_kernel::{problem::Language, role::Action as Right};
use chuangsha_screen::{Action, Rule};

use crate::{
    App,
    platform::{
        actor::Actor,
        web::{
            form::Choice,
            list::{Found, Window},
            parts::{Tab, Tabs, Tag, Tone},
            table::Line,
        },
        words::Words,
    },
    registration::page::moment,
    screening::coded::{Coded, coded},
};

pub mod appeals;
pub mod figures;
pub mod lists;
pub mod live;
pub mod rules;
pub mod verdicts;
pub mod versions;

/// Routes of this folder.
pub fn pages() -> Router<App> {
    Router::new()
        .merge(live::pages())
        .merge(verdicts::pages())
        .merge(appeals::pages())
        .merge(rules::pages())
        .merge(lists::pages())
        .merge(versions::pages())
        .merge(figures::pages())
}

/// The parts of screening, as tabs of each other.
fn parts(w: &'static Words, current: &str) -> Tabs {
    let all = [
        ("/screening", w.screening_live),
        ("/screening/verdicts", w.screening_verdicts),
        ("/screening/appeals", w.screening_appeals),
        ("/screening/rules", w.screening_rules),
        ("/screening/lists", w.screening_lists),
        ("/screening/versions", w.screening_versions),
        ("/screening/figures", w.screening_figures),
    ];
    let tab = |(href, label): (&str, &str)| Tab { label: label.to_owned(), href: href.to_owned(), current: href == current, count: None };
    Tabs { label: w.menu_screening.to_owned(), tabs: all.into_iter().map(tab).collect() }
}

/// Where a page below one of the parts leads back to.
fn trail(w: &Words, label: &str, href: &str) -> Vec<(String, String)> {
    vec![(w.menu_screening.to_owned(), "/screening".to_owned()), (label.to_owned(), href.to_owned())]
}

fn action_words(w: &'static Words, action: &str) -> &'static str {
    match Action::parse(action) {
        Some(Action::Block) => w.screen_block,
        Some(Action::Challenge) => w.screen_challenge,
        Some(Action::Label) => w.screen_label,
        _ => w.screen_pass,
    }
}

fn action_tag(w: &'static Words, action: &str) -> Tag {
    let tone = match Action::parse(action) {
        Some(Action::Block) => Tone::Bad,
        Some(Action::Challenge) => Tone::Active,
        Some(Action::Label) => Tone::Warning,
        _ => Tone::Good,
    };
    Tag::new(tone, action_words(w, action))
}

fn action_choices(w: &'static Words) -> Vec<Choice> {
    let words = ["block", "challenge", "label", "pass"].map(|action| Choice::new(action, action_words(w, action)));
    std::iter::once(Choice::new("", w.all)).chain(words).collect()
}

fn rule_of(code: &str) -> Option<Rule> {
    Rule::ALL.iter().copied().find(|rule| rule.as_str() == code)
}

/// As a heading or a cell begins.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A rule by its name; its code where this version does not know it.
fn rule_name(language: Language, code: &str) -> String {
    match (rule_of(code), language) {
        (Some(rule), Language::Chinese) => rule.zh().to_owned(),
        (Some(rule), Language::English) => capital(rule.en()),
        (None, _) if code.is_empty() => "—".to_owned(),
        (None, _) => code.to_owned(),
    }
}

fn coded_choices(language: Language, all: &[Coded]) -> Vec<Choice> {
    let none = Choice::new("", "—");
    std::iter::once(none).chain(all.iter().map(|(code, ..)| Choice::new(*code, coded(language, all, code)))).collect()
}

fn rule_choices(w: &'static Words, language: Language) -> Vec<Choice> {
    let rules = Rule::ALL.iter().map(|rule| Choice::new(rule.as_str(), rule_name(language, rule.as_str())));
    std::iter::once(Choice::new("", w.all)).chain(rules).collect()
}

/// One page of rows that were read whole: what follows the row the cursor names.
fn window<R>(rows: &[R], window: &Window, id: impl Fn(&R) -> String, line: impl Fn(&R) -> Line) -> Found {
    let start = window.after.as_ref().map_or(0, |after| rows.iter().position(|row| id(row) == *after).map_or(rows.len(), |at| at + 1));
    let shown: Vec<&R> = rows.iter().skip(start).take(window.limit as usize).collect();
    let more = start + shown.len() < rows.len();
    Found {
        next: shown.last().filter(|_| more).map(|row| id(row)),
        total: Some((rows.len() as u64, false)),
        lines: shown.into_iter().map(line).collect(),
    }
}

fn may(app: &App, actor: &Actor, right: Right) -> bool {
    actor.could(app, right)
}

/// `2.1 ms`, `480 ns`: as long as it took, in the unit people read it in.
fn duration(ns: Option<u64>) -> String {
    match ns {
        None => "—".to_owned(),
        Some(ns) if ns < 1_000 => format!("{ns} ns"),
        Some(ns) if ns < 1_000_000 => format!("{:.1} µs", ns as f64 / 1e3),
        Some(ns) => format!("{:.1} ms", ns as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

    use super::*;

    #[test]
    fn rows_read_whole_are_turned_page_by_page_and_a_cursor_that_is_gone_ends_them() {
        let rows: Vec<u32> = (0..5).collect();
        let turn = |after: Option<&str>| {
            let asked = Window { after: after.map(ToOwned::to_owned), limit: 2, count: true };
            let found = window(&rows, &asked, ToString::to_string, |row| Line { id: row.to_string(), cells: Vec::new(), current: false });
            (found.lines.iter().map(|line| line.id.clone()).collect::<Vec<_>>().join(","), found.next)
        };
        assert_eq!(turn(None), ("0,1".into(), Some("1".into())));
        assert_eq!(turn(Some("1")), ("2,3".into(), Some("3".into())));
        assert_eq!(turn(Some("3")), ("4".into(), None));
        assert_eq!(turn(Some("9")), (String::new(), None));
    }

    #[test]
    fn a_time_is_told_in_the_unit_people_read_it_in() {
        assert_eq!([None, Some(480), Some(2_100), Some(3_400_000)].map(duration), ["—", "480 ns", "2.1 µs", "3.4 ms"]);
    }

    #[test]
    fn every_rule_has_its_name_in_both_languages() {
        for rule in Rule::ALL {
            assert_ne!(rule_name(Language::Chinese, rule.as_str()), rule_name(Language::English, rule.as_str()));
        }
        assert_eq!(rule_name(Language::English, "overseas"), "A call from abroad");
        assert_eq!((rule_name(Language::English, ""), rule_name(Language::English, "new_rule")), ("—".into(), "new_rule".into()));
    }
}
