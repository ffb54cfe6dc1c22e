//! The dialog of a reveal, the same on every page: field, purpose, case, words; what is left today; and the way to a second person.

use axum::response::Response;
use chuangsha_kernel::problem::{Language, Problem};
use uuid::Uuid;

use super::{Budget, Reveal, Revealed};
use crate::platform::{
    failure::{Failure, Result},
    purpose::Purpose,
    second::{
        self,
        page::{field_words, purpose_words},
    },
    web::{
        self,
        form::{Choice, Input, Kind, notice},
        frame,
        pages::{Dialog, FormPart, for_seconds},
        see_other,
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
    let mut inputs = Vec::new();
    let only = (parties.len() == 1).then(|| parties.first().map(|one| one.value.clone()).unwrap_or_default());
    if only.is_none() {
        inputs.push(Input::select("role", w.party, parties).required().prefix("reveal").value(typed.role()));
    }
    inputs.push(Input::select("field", w.reveal_field, fields).required().prefix("reveal").value(&typed.field));
    inputs.extend(reasons(w, &typed, "reveal"));
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

/// The dialog that asks a second person for the pictures of a page.
pub fn for_pictures(w: &'static Words, language: Language, action: &str, refused: Option<(&Reveal, &Problem)>) -> Dialog {
    let typed = refused.map(|(asked, _)| asked.clone()).unwrap_or_default();
    let problem = refused.map(|(_, problem)| problem);
    let inputs: Vec<Input> = reasons(w, &typed, "pictures").into_iter().map(|input| input.check(problem, language)).collect();
    let notice = notice(problem, &inputs, language);
    let part = FormPart::new(w, action, w.second_request, inputs).lead(w.second_pictures_lead).keep("field", "images");
    let part = FormPart { notice, ..part };
    Dialog { id: "pictures".into(), title: w.second_pictures.to_owned(), open: problem.is_some(), form: part }
}

/// Purpose, case and words, as every look says them.
fn reasons(w: &'static Words, typed: &Reveal, prefix: &'static str) -> [Input; 3] {
    let purposes = Purpose::OF_A_LOOK.into_iter().map(|purpose| Choice::new(purpose.as_str(), purpose_words(w, purpose))).collect();
    [
        Input::select("purpose", w.purpose, purposes).required().prefix(prefix).value(&typed.purpose),
        Input::text("case", w.case_reference).longest(40).hint(w.case_hint).prefix(prefix).value(&typed.case),
        Input::new("words", w.purpose_words, Kind::Area).required().longest(200).wide().prefix(prefix).value(&typed.words),
    ]
}

/// What came of a reveal that was asked for on a detail page, as the page shows it. One flow for every page that has the dialog: the handler
/// asks, builds its page with this, and answers with [`Tried::answer`].
pub enum Tried {
    /// A value is shown: its label with what is left today, the value, its seconds.
    Shown((String, String, u32)),
    /// Refused: the form comes back with what was typed.
    Refused(Box<(Reveal, Problem)>),
}

impl Tried {
    /// A value was asked for.
    ///
    /// # Errors
    /// A fault, or what has a page of its own.
    pub fn reveal(w: &Words, asked: Reveal, done: Result<Revealed>) -> Result<Self> {
        match done {
            Ok(revealed) => Ok(Self::Shown(shown(w, field_words(w, &asked.field), revealed))),
            Err(failure) => Self::refuse(asked, failure),
        }
    }

    /// A second person was asked for: on to the request, or back to the form.
    ///
    /// # Errors
    /// As [`Tried::reveal`].
    pub fn second(asked: Reveal, done: Result<Uuid>) -> Result<std::result::Result<Response, Self>> {
        match done {
            Ok(request) => Ok(Ok(see_other(&format!("/second/{request}?done=second-asked")))),
            Err(failure) => Self::refuse(asked, failure).map(Err),
        }
    }

    fn refuse(asked: Reveal, failure: Failure) -> Result<Self> {
        Ok(Self::Refused(Box::new((asked, frame::shown(failure)?))))
    }

    /// What was typed and why it was refused, for [`Form::refused`].
    pub fn refused(&self) -> Option<(&Reveal, &Problem)> {
        match self {
            Self::Refused(kept) => Some((&kept.0, &kept.1)),
            Self::Shown(_) => None,
        }
    }

    /// The value, for the top of the page.
    pub fn shown(&self) -> Option<(String, String, u32)> {
        match self {
            Self::Shown(shown) => Some(shown.clone()),
            Self::Refused(_) => None,
        }
    }

    /// The page of `href`: for some seconds where a value stands on it, with the refusal's status where it was refused.
    pub fn answer(&self, screen: &impl askama::Template, href: &str) -> Response {
        match self {
            Self::Shown((.., seconds)) => for_seconds(web::page(screen), *seconds, href),
            Self::Refused(kept) => web::page_refused(&kept.1, screen),
        }
    }
}

/// A value on a detail page: its label with what is left today, the value, its seconds.
pub fn shown(w: &Words, label: &str, revealed: Revealed) -> (String, String, u32) {
    let left = fill(w.reveal_left, format!("{}/{}", revealed.left_today, revealed.budget));
    (format!("{label} ({left})"), revealed.value, u32::try_from(revealed.seconds).unwrap_or(60))
}
