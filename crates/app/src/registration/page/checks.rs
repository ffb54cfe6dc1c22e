//! 核验项: what an order is checked for before it may pass, each with the article that asks for it and its text.

use chuangsha_kernel::{problem::Language, rulebook::Rule, time::Timestamp};

use super::{check_tag, queue::said};
use crate::{
    App,
    platform::{
        failure::Result,
        web::{
            pages::Check,
            parts::{Tag, Tone},
        },
        words::{Words, fill},
    },
    registration::{order::Check as Verdict, view::OrderView},
};

/// One check with the text of its article.
pub struct CaseCheck {
    /// Verdict, what was checked, article.
    pub check: Check,
    /// What the article says.
    pub why: String,
}

/// The checks of an order, and whether one auditor alone may approve it.
///
/// # Errors
/// The rule pack has no threshold for the face.
pub fn checks(app: &App, w: &'static Words, language: Language, order: &OrderView) -> Result<(Vec<CaseCheck>, bool)> {
    let now = app.clock.now();
    let threshold = app.number_rule("registration.face_match_threshold", now, &order.region)?.map(|percent| percent * 10);
    let passed = || Tag::new(Tone::Good, w.check_passed);
    let waiting = || Tag::new(Tone::Quiet, w.check_waiting);
    let item = |tag: Tag, text: &str, article: &str, why: &str| CaseCheck {
        check: Check { tag, text: text.to_owned(), article: article.to_owned() },
        why: why.to_owned(),
    };
    let ruled = |tag: Tag, text: &str, rule: &str| {
        let (article, why) = rule_text(app, language, rule, now);
        item(tag, text, &article, &why)
    };
    let recorded = !order.parties.is_empty();
    let pictures = order.images_needed.is_empty();
    let face_passes = order.face_score.is_some_and(|score| score >= threshold.value);
    let face = match order.face_score {
        Some(score) => Tag::new(if face_passes { Tone::Good } else { Tone::Bad }, format!("{}.{}", score / 10, score % 10)),
        None if order.check == Verdict::Waiting => waiting(),
        None => Tag::new(Tone::Warning, w.check_human),
    };
    let quota = match order.slot {
        Some(slot) if slot >= order.limit => Tag::new(Tone::Warning, fill(w.number_last, slot)),
        Some(slot) => Tag::new(Tone::Good, fill(w.number_nth, slot)),
        None => waiting(),
    };
    let list = vec![
        ruled(if order.submitted_at.is_some() { passed() } else { waiting() }, w.check_original, "registration.original_seen"),
        ruled(
            if pictures && recorded { passed() } else { Tag::new(Tone::Warning, w.check_waiting) },
            w.check_pictures,
            "registration.central_audit",
        ),
        item(if recorded { passed() } else { waiting() }, w.check_digit, "GB 11643", w.check_digit_why),
        ruled(check_tag(w, order.check), w.check_network, "registration.technical_verification"),
        ruled(face, w.check_face, &threshold.rule),
        ruled(quota, &fill(w.check_limit_of, order.limit), order.product.limit_rule()),
    ];
    Ok((list, order.check == Verdict::Match && face_passes))
}

/// Article and text of a rule in force today; empty where there is none.
pub fn rule_text(app: &App, language: Language, id: &str, now: Timestamp) -> (String, String) {
    let today = now.day();
    let in_force = |rule: &&Rule| rule.id == id && rule.in_force <= today && rule.until.is_none_or(|until| until >= today);
    let found = app.rules.rules().filter(in_force).max_by_key(|rule| (rule.jurisdiction == "CN", rule.in_force));
    found.map_or_else(Default::default, |rule| (rule.article.clone(), said(language, &rule.zh, &rule.en).to_owned()))
}
