//! 批量操作: one act to the chosen lines of a list, or to all that match. A few are done while the person waits; many become a job that starts
//! after a short time in which it can be undone.

use std::collections::BTreeSet;

use axum::{Form, Router, extract::State as Of, response::Response, routing::post};
use chuangsha_kernel::{
    problem::{Language, Problem},
    time::{MINUTE_MS, Timestamp},
};

use super::{
    Asked, Job, Kind, State, code,
    run::{self, Outcome},
    table::{self, Turn},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
        web::{
            frame::shown,
            list::{self, Fields, Listing, Look, Window},
            see_other,
            shell::Shell,
        },
    },
    routes,
};

/// Lines read or done in one turn.
const SLICE: u32 = 50;

/// Jobs one person may have going.
const MOST_JOBS: i64 = 5;

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/batches", post(start))
}

/// What the form of a list sends.
struct Posted {
    list: String,
    act: String,
    all: bool,
    chosen: Vec<String>,
    fields: Fields,
}

impl Posted {
    fn read(form: Vec<(String, String)>) -> Self {
        let mut posted = Self { list: String::new(), act: String::new(), all: false, chosen: Vec::new(), fields: Fields::new() };
        for (name, value) in form {
            match name.as_str() {
                "list" => posted.list = value,
                "act" => posted.act = value,
                "all" => posted.all = value == "1",
                // An id is address-safe; anything else is no line of a list.
                "chosen" if value.len() <= 80 && !value.chars().any(char::is_control) => posted.chosen.push(value),
                _ if value.chars().count() <= 500 => {
                    posted.fields.insert(name, value);
                }
                _ => {}
            }
        }
        let mut seen = BTreeSet::new();
        posted.chosen.retain(|id| seen.insert(id.clone()));
        posted
    }
}

/// The list an address leads to.
///
/// # Errors
/// `job.list_unknown`
pub fn listing_of(address: &str) -> Result<&'static dyn Listing> {
    let path = address.split('?').next().unwrap_or_default();
    routes::list_at(path).ok_or_else(|| Problem::new(&code::LIST_UNKNOWN).into())
}

/// The act, when this person may do it here and has said what it needs to know.
fn check(listing: &dyn Listing, look: &Look, act: &str, fields: &Fields) -> Result<()> {
    let acts = listing.acts(look);
    let act = acts.iter().find(|known| known.key == act).ok_or_else(|| Failure::from(Problem::new(&code::ACT_UNKNOWN)))?;
    match act.fields.iter().find(|field| field.required && fields.get(field.name).is_none_or(|value| value.trim().is_empty())) {
        Some(field) => Err(Problem::new(&code::FIELD_MISSING).field(field.name).into()),
        None => listing.ready(look, act.key, fields),
    }
}

async fn start(Of(app): Of<App>, actor: Actor, shell: Shell, Form(form): Form<Vec<(String, String)>>) -> Result<Response> {
    let posted = Posted::read(form);
    let listing = listing_of(&posted.list)?;
    let look = Look::of(&app, &actor, &shell);
    let asked = list::Asked::read_address(listing, &posted.list);
    let back = asked.address(listing);
    let sent = list::Sent { chosen: posted.chosen.iter().cloned().collect(), everything: posted.all, fields: posted.fields.clone() };
    match ask(&look, listing, &asked, &posted.act, posted.fields, (!posted.all).then_some(posted.chosen)).await {
        Ok(Started::Now { done, failed }) => Ok(see_other(&back.with("done", format!("batch.{done}.{failed}")).to_string())),
        Ok(Started::Job(id)) => Ok(see_other(&format!("/jobs/{id}"))),
        Err(failure) => list::refused(listing, &look, &asked, shell, sent, &shown(failure)?).await,
    }
}

/// What became of a batch that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// Done while the person waited.
    Now {
        /// Lines done.
        done: i64,
        /// Lines refused; the job's page says which.
        failed: i64,
    },
    /// A job that starts shortly.
    Job(uuid::Uuid),
}

/// Asks for a batch: of the chosen lines, or of all that match (`None`).
///
/// # Errors
/// Codes of [`super::code`]; what the list refuses to show.
pub async fn ask(
    look: &Look,
    listing: &dyn Listing,
    asked: &list::Asked,
    act: &str,
    fields: Fields,
    chosen: Option<Vec<String>>,
) -> Result<Started> {
    check(listing, look, act, &fields)?;
    let (app, now) = (&look.app, look.app.clock.now());
    let limit = Limit::of(app, now)?;
    let gathered = chosen.is_some();
    let lines = chosen.unwrap_or_default();
    let total = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    if gathered && total == 0 {
        return Err(Problem::new(&code::NOTHING_CHOSEN).into());
    }
    if total > limit.most {
        return Err(Problem::new(&code::TOO_MANY).with("most", limit.most).into());
    }
    let at_once = gathered && total <= limit.at_once;
    // A few are done here and now; should this process die over them, a worker goes on after a minute.
    let due = now.plus_ms(if at_once { MINUTE_MS } else { limit.undo_ms });
    let (writer, actor, language) = (app.clone(), look.actor.clone(), look.language);
    let (id, list, act) = (app.ids.next(now), listing.path(), act.to_owned());
    let asked = Asked { address: asked.address(listing).to_string(), fields, ..Asked::default() };
    let job = app
        .write(move |tx| {
            if table::live(tx, actor.staff)? >= MOST_JOBS {
                return Err(Problem::new(&code::TOO_MANY_JOBS).with("most", MOST_JOBS).into());
            }
            let job = Job {
                id,
                kind: Kind::Batch,
                list: list.to_owned(),
                act: act.clone(),
                behalf: writer.behalf(tx, &actor)?,
                language,
                asked: asked.clone(),
                state: State::Waiting,
                due,
                cursor: String::new(),
                gathered,
                total,
                done: 0,
                failed: 0,
                progress: String::new(),
                error: String::new(),
                created: now,
                started: None,
                ended: None,
                version: 0,
            };
            table::insert(&writer, tx, &job)?;
            table::add_lines(tx, id, 0, &lines)?;
            let facts = serde_json::json!({ "list": list, "act": act, "lines": if gathered { total } else { -1 } }).to_string();
            // What was looked for may name somebody: it goes where words go, sealed.
            let entry = Entry {
                action: "job.batch",
                case_kind: "job",
                case: Some(id),
                step: &act,
                why: &job.asked.address,
                facts: &facts,
                article: "L-PIP-17",
                ..Entry::default()
            };
            writer.audit(tx, By::Actor(&actor), &entry, now)?;
            Ok(job)
        })
        .await?;
    if !at_once {
        return Ok(Started::Job(id));
    }
    let mut job = job;
    loop {
        match turn(look, job).await? {
            Outcome::On(next) => job = *next,
            Outcome::Over(job) => return Ok(Started::Now { done: job.done, failed: job.failed }),
        }
    }
}

/// How many lines, and how long they may be undone.
struct Limit {
    most: i64,
    at_once: i64,
    undo_ms: i64,
}

impl Limit {
    fn of(app: &App, now: Timestamp) -> Result<Self> {
        Ok(Self {
            most: app.number_rule("protection.batch_most", now, "")?.value,
            at_once: app.number_rule("protection.batch_at_once", now, "")?.value,
            undo_ms: app.clock_rule("protection.batch_undo", now)?.value,
        })
    }
}

/// One turn: reads one page of the lines that match, or does a few of them.
///
/// # Errors
/// A refusal ends the job; a fault leaves it where it is.
pub async fn turn(look: &Look, job: Job) -> Result<Outcome> {
    let listing = listing_of(&job.list)?;
    check(listing, look, &job.act, &job.asked.fields)?;
    if job.gathered { work(look, listing, job).await } else { gather(look, listing, job).await }
}

/// What matched when the job began is what it works on: the lines are written down before the first is touched, for each act changes the list.
async fn gather(look: &Look, listing: &dyn Listing, mut job: Job) -> Result<Outcome> {
    let (app, now) = (&look.app, look.app.clock.now());
    let limit = Limit::of(app, now)?;
    let asked = list::Asked::read_address(listing, &job.asked.address);
    let window = Window { after: Some(job.cursor.clone()).filter(|cursor| !cursor.is_empty()), limit: SLICE, count: false };
    let found = listing.rows(look, &asked, window).await?;
    let lines: Vec<String> = found.lines.into_iter().map(|line| line.id).collect();
    if job.total + i64::try_from(lines.len()).unwrap_or(i64::MAX) > limit.most {
        return Err(Problem::new(&code::TOO_MANY).with("most", limit.most).into());
    }
    job.gathered = found.next.is_none();
    job.cursor = found.next.unwrap_or_default();
    let writing = job.clone();
    let turn = app
        .write(move |tx| {
            let job = writing.clone();
            let turn = Turn { found: table::add_lines(tx, job.id, job.total, &lines)?, ..Turn::default() };
            if table::advance(tx, &job, &turn, State::Running, now)? { Ok(turn) } else { Err(lost()) }
        })
        .await;
    go_on(turn, job, State::Running, now)
}

async fn work(look: &Look, listing: &dyn Listing, mut job: Job) -> Result<Outcome> {
    let (app, id) = (&look.app, job.id);
    let lines = app.read(move |tx| table::open_lines(tx, id, i64::from(SLICE))).await?;
    if lines.is_empty() {
        return run::end(app, job, State::Done, "").await;
    }
    for (position, line) in lines {
        let told = match listing.apply(look, &job.act, &job.asked.fields, &line).await {
            Ok(()) => None,
            // The record does not answer: the job waits, the line is not to blame.
            Err(Failure::Store(error)) => return Err(Failure::Store(error)),
            Err(failure) => Some(Told::of(failure.into_problem()).text()?),
        };
        let now = app.clock.now();
        let turn = Turn { done: i64::from(told.is_none()), failed: i64::from(told.is_some()), found: 0 };
        let (writing, told) = ((job.clone(), turn.clone()), told);
        let marked = app
            .write(move |tx| {
                let (job, turn) = writing.clone();
                if !table::advance(tx, &job, &turn, State::Running, now)? {
                    return Err(lost());
                }
                table::close_line(tx, job.id, position, told.as_deref())?;
                Ok(turn)
            })
            .await;
        match go_on(marked, job, State::Running, now)? {
            Outcome::On(next) => job = *next,
            over => return Ok(over),
        }
    }
    Ok(Outcome::On(Box::new(job)))
}

/// Cancelled, or another worker has it: nothing of this turn is written.
fn lost() -> Failure {
    Problem::new(&code::OVER).into()
}

fn go_on(turn: Result<Turn>, job: Job, state: State, now: Timestamp) -> Result<Outcome> {
    match turn {
        Ok(turn) => Ok(Outcome::On(Box::new(job.after(&turn, state, now)))),
        Err(Failure::Problem(problem)) if problem.code.id == code::OVER.id => Ok(Outcome::Over(Box::new(job))),
        Err(failure) => Err(failure),
    }
}

/// What a line was refused with, in both languages: a report is read in either.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Told {
    /// Stable code.
    pub code: String,
    zh: [String; 2],
    en: [String; 2],
}

impl Told {
    fn of(problem: Problem) -> Self {
        let words = |language| [problem.title(language), problem.remedy(language)];
        Self { code: problem.code.id.to_owned(), zh: words(Language::Chinese), en: words(Language::English) }
    }

    fn text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Failure::internal)
    }

    /// What and remedy.
    pub fn words(&self, language: Language) -> &[String; 2] {
        match language {
            Language::Chinese => &self.zh,
            Language::English => &self.en,
        }
    }
}
