//! 热线页面: the queue of tickets, one ticket, appeals, refunds and warnings.

use axum::{
    Router,
    routing::{get, post},
};
use chuangsha_kernel::{problem::Problem, time::Timestamp};
use uuid::Uuid;

use super::filed::Filter;
use crate::{
    App,
    platform::{
        failure::{Failure, Result},
        web::{
            form::{Choice, Input, Kind as Field, Notice, Wrong},
            list::{Asked, Look, Window},
            pages::{Button, DetailPage, Dialog, FormPart, Section},
            parts::Tag,
            shell::Shell,
        },
        words::{Words, said},
    },
    registration::page::city_choices,
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

fn read_id(text: &str, missing: impl Fn() -> Failure) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|_| missing())
}

/// The end of a clock as people say it: a day that ends at midnight ends on that day, not on the next.
fn by(end: Timestamp) -> String {
    let midnight = Timestamp::start_of(end.day()) == end;
    (if midnight { end.plus_ms(-1_000) } else { end }).display()
}

/// State and city: what the lists of this module are narrowed by.
fn narrowing<T: Copy>(
    look: &Look,
    all: &[T],
    value: impl Fn(T) -> &'static str,
    words: impl Fn(T) -> (&'static str, &'static str),
) -> Vec<Input> {
    let (w, language) = (look.w, look.language);
    vec![
        Input::select("state", w.status, choices(all, Some(w.all), value, |one| said(language, words(one)))),
        Input::select("city", w.region, city_choices(&look.app, language, w, &look.actor.region)),
    ]
}

/// What was asked of one of them, and one row more than the page shows.
fn filter(asked: &Asked, window: &Window, state: Option<i64>) -> Filter {
    Filter {
        region: asked.get("city").to_owned(),
        state,
        after: window.after.as_deref().and_then(|after| Uuid::try_parse(after).ok()),
        limit: i64::from(window.limit) + 1,
    }
}

/// A dialog for each step, its name, title and what it leads to, with a note: of appeals and refunds, which are moved by nothing else.
fn step_dialogs<'a>(
    w: &'static Words,
    to: &'a str,
    version: i64,
    steps: impl IntoIterator<Item = (&'static str, &'static str, &'static str)> + 'a,
) -> impl Iterator<Item = Dialog> + 'a {
    steps.into_iter().map(move |(step, title, lead)| {
        let note = Input::new("words", w.note, Field::Area).longest(200).wide();
        let form = FormPart::new(w, format!("{to}/steps"), title, vec![note]).lead(lead).keep("version", version);
        Dialog::step(step, title, form, None)
    })
}

/// What the detail pages of this module have in common.
struct Plain {
    title: String,
    /// The list it stands in: its name and address.
    list: (&'static str, &'static str),
    tag: Tag,
    lead: String,
    sections: Vec<Section>,
    dialogs: Vec<Dialog>,
}

impl Plain {
    fn page(self, shell: Shell, problem: Option<&Problem>) -> DetailPage {
        let language = shell.language;
        let trail = [(shell.w.menu_hotline, "/tickets"), self.list];
        DetailPage {
            w: shell.w,
            title: self.title,
            trail: Vec::from(trail.map(|(name, href)| (name.to_owned(), href.to_owned()))),
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
