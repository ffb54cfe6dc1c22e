//! The dialog of a reveal, the same on every page: field, purpose, case, words; what is left today; and the way to a second person.

use chuangsha_kernel::problem::{Language, Problem};
use uuid::Uuid;

use super::{Budget, Reveal, Revealed};
use crate::platform::{
    purpose::Purpose,
    second::{self, page::purpose_words},
    web::{
        form::{Choice, Input, Kind, notice},
        pages::{Dialog, FormPart},
    },
    words::{Words, fill},
};

/// What the dialog is made of.
pub struct Form<'a> {
    /// Words.
    pub w: &'static Words,
    /// Language of the page.
    pub language: Language,
    /// Page it stands on: the form is posted to `{page}/reveal`, a request for a second person to `{page}/second`.
    pub page: &'a str,
    /// Parties there are; one alone is not asked for.
    pub parties: Vec<Choice>,
    /// Fields there are.
    pub fields: Vec<Choice>,
    /// What is left today.
    pub budget: &'a Budget,
    /// A fresh id for the look.
    pub once: Uuid,
    /// What was typed, and why it was refused.
    pub refused: Option<(&'a Reveal, &'a Problem)>,
}

/// The dialog.
pub fn dialog(form: Form<'_>) -> Dialog {
    let Form { w, language, page, parties, fields, budget, once, refused } = form;
    let typed = refused.map(|(asked, _)| asked.clone()).unwrap_or_default();
    let problem = refused.map(|(_, problem)| problem);
    let second = problem.is_some_and(|problem| problem.code.id == second::code::NEEDED.id);
    let purposes = Purpose::OF_A_LOOK.into_iter().map(|purpose| Choice::new(purpose.as_str(), purpose_words(w, purpose))).collect();
    let mut inputs = Vec::new();
    let only = (parties.len() == 1).then(|| parties.first().map(|one| one.value.clone()).unwrap_or_default());
    if only.is_none() {
        inputs.push(Input::select("role", w.party, parties).required().prefix("reveal").value(typed.role()));
    }
    inputs.extend([
        Input::select("field", w.reveal_field, fields).required().prefix("reveal").value(&typed.field),
        Input::select("purpose", w.purpose, purposes).required().prefix("reveal").value(&typed.purpose),
        Input::text("case", w.case_reference).longest(40).hint(w.case_hint).prefix("reveal").value(&typed.case),
        Input::new("words", w.purpose_words, Kind::Area).required().longest(200).wide().prefix("reveal").value(&typed.words),
    ]);
    let inputs: Vec<Input> = inputs.into_iter().map(|input| input.check(problem, language)).collect();
    let left = fill(w.reveal_left, format!("{}/{}", budget.left(), budget.ruling.value));
    let (action, submit) = if second { ("second", w.second_request) } else { ("reveal", w.reveal) };
    let notice = notice(problem, &inputs, language);
    let mut part = FormPart::new(w, format!("{page}/{action}"), submit, inputs)
        .lead(format!("{} {left}{}", w.reveal_lead, if language == Language::Chinese { "。" } else { "." }))
        .keep("once", once);
    if let Some(role) = only {
        part = part.keep("role", role);
    }
    part.notice = notice;
    Dialog { id: "reveal".into(), title: if second { w.second_request } else { w.reveal }.to_owned(), open: problem.is_some(), form: part }
}

/// A value on a detail page: its label with what is left today, the value, its seconds.
pub fn shown(w: &Words, label: &str, revealed: Revealed) -> (String, String, u32) {
    let left = fill(w.reveal_left, format!("{}/{}", revealed.left_today, revealed.budget));
    (format!("{label} ({left})"), revealed.value, u32::try_from(revealed.seconds).unwrap_or(60))
}
