//! 我的作业: one's own jobs, and one of them as it goes on.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State as Of},
    http::Uri,
    response::Response,
    routing::{get, post},
};
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action,
};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{Job, Kind, State, batch::Told, code, table};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        export::{self, FileView},
        failure::{Failure, Result},
        web::{
            form::{Choice, Input},
            list::{self, Asked, Found, Listing, Look, Window},
            page,
            pages::Trail,
            parts::{Empty, Facts, Tag, Tone, code as code_fact, fact},
            see_other,
            shell::Shell,
            table::{Act, Cell, Column, Line, Pager, Table, thousands},
        },
        words::{Words, fill},
    },
    routes,
};

/// Refused lines a report shows.
const SHOWN: i64 = 200;

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/jobs", get(list)).route("/jobs/{id}", get(job)).route("/jobs/{id}/cancel", post(cancel))
}

/// 我的作业, as a list.
pub struct Jobs;

impl Listing for Jobs {
    fn path(&self) -> &'static str {
        "/jobs"
    }

    fn id(&self) -> &'static str {
        "jobs"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_jobs
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.jobs_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["state"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("kind", w.job),
            Column::keyed("state", w.status),
            Column::keyed("total", w.job_total).figures(),
            Column::keyed("done", w.job_done).figures(),
            Column::keyed("failed", w.job_failed).figures(),
            Column::keyed("created", w.jobs_asked_at).moment(),
            Column::keyed("ended", w.job_ended).moment(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let mut choices = vec![Choice::new("", look.w.all)];
        choices.extend(State::ALL.into_iter().map(|state| Choice::new(state.as_str(), state_words(look.w, state))));
        vec![asked.fill(Input::select("state", look.w.status, choices))]
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            look.actor.reach(&look.app, Action::JobView)?;
            let state = State::parse(asked.get("state")).map_or("", State::as_str);
            let after = window.after.as_deref().and_then(|after| Uuid::try_parse(after).ok());
            let (app, staff) = (look.app.clone(), look.actor.staff);
            let (rows, total) = look
                .app
                .read(move |tx| {
                    let total = if window.count { Some(table::count(tx, staff, state)?) } else { None };
                    Ok((table::list(&app, tx, staff, state, after, i64::from(window.limit) + 1)?, total))
                })
                .await?;
            let total = total.map(|total| (total.max(0).unsigned_abs(), false));
            Ok(Found::page(rows, window.limit, total, |job| line(look, job), |job| job.id.to_string()))
        })
    }

    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.none_yet.into(), hint: w.jobs_empty_hint.into(), action: None }
    }

    fn page_of(&self, id: &str) -> Option<String> {
        Some(format!("/jobs/{id}"))
    }
}

/// A state in words.
pub fn state_words(w: &Words, state: State) -> &'static str {
    match state {
        State::Waiting => w.job_state_waiting,
        State::Running => w.job_state_running,
        State::Done => w.job_state_done,
        State::Failed => w.job_state_failed,
        State::Cancelled => w.job_state_cancelled,
        State::Ended => w.job_state_ended,
    }
}

fn state_tag(w: &Words, job: &Job) -> Tag {
    let tone = match job.state {
        State::Waiting | State::Running => Tone::Active,
        State::Done if job.failed > 0 => Tone::Warning,
        State::Done => Tone::Good,
        State::Failed | State::Ended => Tone::Bad,
        State::Cancelled => Tone::Quiet,
    };
    Tag::new(tone, state_words(w, job.state))
}

/// 登记单 · 重发
fn title(look: &Look, job: &Job) -> String {
    let w = look.w;
    let Some(listing) = routes::list_at(&job.list) else { return job.act.clone() };
    let act = match job.kind {
        Kind::Export => w.export.to_owned(),
        Kind::Batch => listing.acts(look).into_iter().find(|act| act.key == job.act).map_or_else(|| job.act.clone(), |act| act.label),
    };
    format!("{} · {act}", listing.title(w))
}

fn line(look: &Look, job: &Job) -> Line {
    let count = |number: i64| Cell::Number(thousands(number.max(0).unsigned_abs()));
    let (href, name) = (format!("/jobs/{}", job.id), title(look, job));
    Line {
        id: job.id.to_string(),
        cells: vec![
            Cell::Link(href.clone(), name.clone()),
            Cell::Tag(state_tag(look.w, job)),
            count(job.total),
            count(job.done),
            count(job.failed),
            Cell::Text(job.created.display()),
            Cell::Text(job.ended.map_or_else(|| "—".to_owned(), |at| at.display())),
            Cell::Actions(vec![Act::page(look.w.open, name, href)]),
        ],
        current: false,
    }
}

async fn list(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Jobs, &app, &actor, shell, &uri).await
}

/// 作业页
#[derive(Template)]
#[template(path = "platform/jobs/job.html")]
struct JobPage {
    shell: Shell,
    w: &'static Words,
    title: String,
    trail: Trail,
    tag: Tag,
    here: String,
    /// Asked for anew while it goes on.
    live: bool,
    /// Done and refused, of the total.
    percent: i64,
    /// Said aloud: changes at every tenth only, so that nobody is talked over.
    status: String,
    facts: Facts,
    /// What could not be done, where it stopped.
    stopped: Option<crate::platform::web::form::Wrong>,
    report: Option<Table>,
    /// What it made.
    file: Option<(FileView, Facts)>,
    back: String,
}

async fn job(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<Uuid>) -> Result<Response> {
    actor.reach(&app, Action::JobView)?;
    let (reading, staff) = (app.clone(), actor.staff);
    let now = app.clock.now();
    let (job, refused, file) = app
        .read(move |tx| {
            let job = table::find_own(&reading, tx, staff, id)?;
            Ok((job, table::refused(tx, id, SHOWN)?, export::make::file_of(&reading, tx, id, now)?))
        })
        .await?;
    let look = Look::of(&app, &actor, &shell);
    let (w, language) = (shell.w, shell.language);
    let live = job.state.live();
    let waiting = job.state == State::Waiting && job.due > now;
    let status = if waiting {
        fill(w.job_undo, job.due.display())
    } else if live {
        fill(w.job_progress, job.percent() / 10 * 10)
    } else {
        state_words(w, job.state).to_owned()
    };
    let count = |number: i64| thousands(number.max(0).unsigned_abs());
    let mut facts = vec![
        fact(w.job_total, if job.gathered { count(job.total) } else { format!("{}…", count(job.total)) }),
        fact(w.job_done, count(job.done)),
        fact(w.job_failed, count(job.failed)),
        fact(w.jobs_asked_at, job.created.display()),
    ];
    facts.extend(job.started.map(|at| fact(w.job_started, at.display())));
    facts.extend(job.ended.map(|at| fact(w.job_ended, at.display())));
    let stopped = (!job.error.is_empty()).then(|| stopped(&job.error, language)).flatten();
    Ok(page(&JobPage {
        w,
        title: title(&look, &job),
        trail: vec![(w.menu_jobs.to_owned(), "/jobs".to_owned())],
        tag: state_tag(w, &job),
        here: format!("/jobs/{id}"),
        live,
        percent: job.percent(),
        status,
        facts: Facts { facts },
        stopped,
        file: file.map(|file| (file.clone(), file_facts(w, &file))),
        report: (!refused.is_empty()).then(|| report(&look, &job, refused)),
        back: if job.asked.address.is_empty() { job.list.clone() } else { job.asked.address.clone() },
        shell,
    }))
}

fn file_facts(w: &'static Words, file: &FileView) -> Facts {
    Facts {
        facts: vec![
            code_fact(w.name, file.name.clone()),
            fact(w.file_size, format!("{} KiB", thousands((file.size.max(0).unsigned_abs()).div_ceil(1024)))),
            fact(w.file_left, file.left.to_string()),
            fact(w.file_gone_at, file.expires.display()),
        ],
    }
}

fn stopped(id: &str, language: Language) -> Option<crate::platform::web::form::Wrong> {
    let code =
        code::ALL.iter().chain(export::code::ALL).copied().find(|code| code.id == id).unwrap_or(&crate::platform::failure::code::FORBIDDEN);
    let problem = Problem::new(code).with("rule", id).with("most", "");
    Some(crate::platform::web::form::Wrong::of(&problem, language))
}

/// What was refused: line, code, what and remedy.
fn report(look: &Look, job: &Job, refused: Vec<(i64, String, String)>) -> Table {
    let (w, language) = (look.w, look.language);
    let listing = routes::list_at(&job.list);
    let lines = refused
        .into_iter()
        .map(|(position, id, told)| {
            let told: Option<Told> = serde_json::from_str(&told).ok();
            let (code, [what, remedy]) = told.map_or_else(Default::default, |told| (told.code.clone(), told.words(language).clone()));
            let name = format!("{} …{}", position + 1, id.chars().skip(id.chars().count().saturating_sub(8)).collect::<String>());
            let line = match listing.and_then(|listing| listing.page_of(&id)) {
                Some(href) => Cell::Link(href, name),
                None => Cell::Code(name),
            };
            Line { id, cells: vec![line, Cell::Code(code), Cell::Text(what), Cell::Text(remedy)], current: false }
        })
        .collect::<Vec<_>>();
    Table {
        w,
        id: "report".into(),
        caption: w.job_report.to_owned(),
        columns: [w.job_line, w.job_code, w.reason, w.job_remedy].into_iter().map(Column::new).collect(),
        pager: Pager::single(usize::try_from(job.failed).unwrap_or(lines.len())),
        lines,
        empty: Empty { title: w.none_yet.into(), hint: String::new(), action: None },
        tools: Vec::new(),
        batch: None,
        state: None,
    }
}

async fn cancel(Of(app): Of<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Response> {
    stop(&app, &actor, id).await?;
    Ok(see_other(&format!("/jobs/{id}?done=cancelled")))
}

/// Whoever asked for a job cancels it: what was done stays done, nothing more is.
///
/// # Errors
/// `platform.not_found`, `job.over`
pub async fn stop(app: &App, actor: &Actor, id: Uuid) -> Result<()> {
    actor.reach(app, Action::JobView)?;
    let (writer, actor, now) = (app.clone(), actor.clone(), app.clock.now());
    app.write(move |tx| {
        let job = table::find_own(&writer, tx, actor.staff, id)?;
        if !table::cancel(tx, id, actor.staff, now)? {
            return Err(Failure::from(Problem::new(&code::OVER)));
        }
        let step = format!("{}>cancelled", job.state.as_str());
        let entry = Entry { action: "job.cancel", case_kind: "job", case: Some(id), step: &step, facts: "{}", ..Entry::default() };
        writer.audit(tx, By::Actor(&actor), &entry, now)?;
        Ok(())
    })
    .await
}
