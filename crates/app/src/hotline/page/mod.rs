//! 热线页面: the queue of tickets, one ticket, appeals, refunds and warnings.

use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};
use chuangsha_kernel::problem::{Language, Problem};
use uuid::Uuid;

use crate::{
    App,
    platform::{
        failure::Result,
        web::{
            form::{Choice, Notice, Wrong},
            pages::{Button, DetailPage, Dialog, Section, Trail},
            parts::Tag,
            shell::Shell,
        },
    },
};

pub mod appeals;
pub mod refunds;
pub mod tickets;
pub mod warnings;

/// Routes of the hotline's pages.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/tickets", get(tickets::list))
        .route("/tickets/new", get(tickets::new).post(tickets::open))
        .route("/tickets/{id}", get(tickets::one))
        .route("/tickets/{id}/steps", post(tickets::step))
        .route("/tickets/{id}/appeals", post(tickets::appeal))
        .route("/tickets/{id}/refunds", post(tickets::refund))
        .route("/tickets/{id}/reveal", get(tickets::back).post(tickets::reveal))
        .route("/tickets/{id}/second", get(tickets::back).post(tickets::second))
        .route("/appeals", get(appeals::list))
        .route("/appeals/{id}", get(appeals::one))
        .route("/appeals/{id}/steps", post(appeals::step))
        .route("/refunds", get(refunds::list))
        .route("/refunds/{id}", get(refunds::one))
        .route("/refunds/{id}/steps", post(refunds::step))
        .route("/warnings", get(warnings::list))
        .route("/warnings/{id}", get(warnings::one))
        .route("/warnings/{id}/acknowledgement", post(warnings::acknowledge))
}

/// One of a closed list in the language of the page.
fn said(language: Language, words: (&'static str, &'static str)) -> &'static str {
    match language {
        Language::Chinese => words.0,
        Language::English => words.1,
    }
}

fn choices<T: Copy>(all: &[T], first: Option<&str>, value: impl Fn(T) -> &'static str, words: impl Fn(T) -> &'static str) -> Vec<Choice> {
    first.map(|first| Choice::new("", first)).into_iter().chain(all.iter().map(|one| Choice::new(value(*one), words(*one)))).collect()
}

type Pairs = Vec<(String, String)>;

fn value<'f>(form: &'f Pairs, name: &str) -> &'f str {
    form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
}

fn words_of(form: &Pairs) -> String {
    value(form, "words").chars().take(500).collect()
}

fn read_id(text: &str, missing: impl Fn() -> crate::platform::failure::Failure) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|_| missing())
}

fn status_of(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.code.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY)
}

/// What the detail pages of this module have in common.
struct Plain {
    title: String,
    trail: Trail,
    tag: Tag,
    lead: String,
    sections: Vec<Section>,
    dialogs: Vec<Dialog>,
}

impl Plain {
    fn page(self, shell: Shell, problem: Option<&Problem>) -> DetailPage {
        let language = shell.language;
        DetailPage {
            w: shell.w,
            title: self.title,
            trail: self.trail,
            tags: vec![self.tag],
            lead: self.lead,
            buttons: self.dialogs.iter().map(|dialog| Button::Dialog(dialog.id.clone(), dialog.title.clone())).collect(),
            tabs: None,
            notice: problem.map(|problem| Notice { wrong: Wrong::of(problem, language) }),
            revealed: None,
            sections: self.sections,
            dialogs: self.dialogs,
            shell,
        }
    }
}
