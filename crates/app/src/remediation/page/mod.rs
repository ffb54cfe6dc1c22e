//! 补登页面: campaigns, one campaign, cases, one case, the protected list, the work in the field. Everything is a form or a link: it works without
//! JavaScript.
//!
//! | file | what |
//! |---|---|
//! | campaigns | the list of campaigns, and the form of a new one |
//! | campaign | one campaign |
//! | cases | the list of cases, with what may be done to many |
//! | case | one case |
//! | field | work among the customers: parcels, visits, posters and screens |
//! | protected | who is never stopped |

use axum::{
    Router,
    routing::{get, post},
};
use chuangsha_kernel::problem::{Language, Problem};
use uuid::Uuid;

use super::{Refusal, campaign::State as Runs, case::State, kind::Kind};
use crate::{
    App,
    platform::{
        failure::{Result, refuse},
        web::{
            form::{Choice, Notice, Wrong},
            pages::{DetailPage, Section},
            parts::{Tag, Tone},
            shell::Shell,
            table::{Column, Line, Table, thousands},
        },
        words::{Words, said},
    },
    registration::page::region_name,
};

mod campaign;
mod campaigns;
mod case;
mod cases;
mod field;
mod protected;

pub use campaigns::Campaigns;
pub use cases::Cases;
pub use protected::Protected;

/// Routes of these files.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/remediation", get(campaigns::list))
        .route("/remediation/new", get(campaigns::new).post(campaigns::create))
        .route("/remediation/cases", get(cases::list))
        .route("/remediation/cases/search", get(cases::back).post(cases::search))
        .route("/remediation/cases/{id}", get(case::one))
        .route("/remediation/cases/{id}/steps", get(case::back).post(case::step))
        .route("/remediation/protected", get(protected::list))
        .route("/remediation/protected/new", get(protected::new).post(protected::add))
        .route("/remediation/protected/file", get(protected::file).post(protected::take))
        .route("/remediation/{id}", get(campaign::one))
        .route("/remediation/{id}/steps", post(campaign::step))
        .route("/remediation/{id}/field", get(field::one))
}

/// Words of a kind.
pub fn kind_words(w: &Words, kind: Kind) -> &'static str {
    match kind {
        Kind::Unverified => w.remediation_unverified,
        Kind::Incomplete => w.remediation_incomplete,
        Kind::HolderDiffers => w.remediation_holder_differs,
        Kind::GroupCard => w.remediation_group_card,
    }
}

fn choices<T: Copy>(all: &[T], first: Option<&str>, value: impl Fn(T) -> &'static str, words: impl Fn(T) -> &'static str) -> Vec<Choice> {
    first.map(|first| Choice::new("", first)).into_iter().chain(all.iter().map(|one| Choice::new(value(*one), words(*one)))).collect()
}

fn runs_tag(language: Language, state: Runs) -> Tag {
    let tone = match state {
        Runs::Draft => Tone::Quiet,
        Runs::Running => Tone::Good,
        Runs::Paused => Tone::Warning,
        Runs::Ended => Tone::Quiet,
    };
    Tag::new(tone, said(language, state.words()))
}

fn state_tag(language: Language, state: State) -> Tag {
    let tone = match state {
        State::Identified | State::SmsSent | State::Called | State::RemindExpired | State::ReRegistering => Tone::Active,
        State::Warned | State::SingleStop | State::Held | State::EmergencyRestored => Tone::Warning,
        State::DoubleStop | State::FinalNotice | State::Cancelled => Tone::Bad,
        State::Restored => Tone::Good,
        State::Refunding | State::Quarantined | State::Closed => Tone::Quiet,
    };
    Tag::new(tone, said(language, state.words()))
}

fn count(number: i64) -> String {
    thousands(number.max(0).unsigned_abs())
}

fn whole_region(app: &App, language: Language, w: &'static Words, region: &str) -> String {
    if region.is_empty() { w.all.to_owned() } else { region_name(app, language, region) }
}

/// The last characters of an id, which are random: enough to tell cases of one page apart.
pub(crate) fn short(id: Uuid) -> String {
    let text = id.simple().to_string();
    text.chars().skip(20).collect::<String>().to_uppercase()
}

fn read_id(text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|_| refuse(Refusal::NotFound))
}

type Pairs = Vec<(String, String)>;

fn value<'f>(form: &'f Pairs, name: &str) -> &'f str {
    form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
}

fn number(form: &Pairs, name: &'static str) -> Result<i64> {
    value(form, name).parse().map_err(|_| refuse(Refusal::FieldInvalid(name)))
}

fn parts(text: &str) -> Vec<String> {
    text.split([',', '，', '、', ';', '\n', ' ']).map(str::trim).filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
}

/// A page below the list of campaigns.
fn detail(shell: Shell, title: String, sections: Vec<Section>, problem: Option<&Problem>) -> DetailPage {
    DetailPage {
        w: shell.w,
        title,
        trail: vec![(shell.w.menu_remediation.to_owned(), "/remediation".to_owned())],
        tags: Vec::new(),
        lead: String::new(),
        buttons: Vec::new(),
        tabs: None,
        notice: problem.map(|problem| Notice { wrong: Wrong::of(problem, shell.language) }),
        revealed: None,
        sections,
        dialogs: Vec::new(),
        shell,
    }
}

fn plain_table(w: &'static Words, id: &str, caption: &str, columns: Vec<Column>, lines: Vec<Line>) -> Table {
    Table::within(w, id, caption, columns, lines, w.none_yet)
}
