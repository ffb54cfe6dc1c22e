//! 导入页面: the list of imports, the form that sends a file, one import with its counts and its rejects.

use axum::{
    Router,
    extract::{Multipart, Path, State as Of, multipart::MultipartRejection},
    http::{Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action,
};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{
    code, desk,
    desk::Sent,
    mapping::Field as Wanted,
    rejects::{self, Sheet},
    row::Reject,
    run::Report,
    table::{Run, State},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        edge::body,
        failure::{Failure, Result, code::BODY_INVALID},
        web::{
            form::{Choice, Input, Kind as Field, Notice, Wrong},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Section},
            parts::{Empty, Fact, Facts, Tag, Tone, fact},
            see_other,
            shell::Shell,
            table::{Act, Cell, Column, Line, Pager, Table, Tool, thousands},
        },
        words::Words,
    },
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/imports", get(imports))
        .route("/imports/new", get(new).post(send))
        .route("/imports/{id}", get(one))
        .route("/imports/{id}/rejects", get(reject_file))
        .route("/imports/{id}/cancellation", post(cancel))
}

/// 存量导入, as a list.
pub struct Imports;

impl Listing for Imports {
    fn path(&self) -> &'static str {
        "/imports"
    }

    fn id(&self) -> &'static str {
        "imports"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_import
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.import_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["state"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("file", w.import_file),
            Column::keyed("state", w.status),
            Column::keyed("rows", w.import_rows).figures(),
            Column::keyed("landed", w.import_landed).figures(),
            Column::keyed("known", w.import_known).figures().hidden(),
            Column::keyed("rejected", w.import_rejected).figures(),
            Column::keyed("created", w.jobs_asked_at).moment(),
            Column::keyed("ended", w.job_ended).moment(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let mut choices = vec![Choice::new("", look.w.all)];
        choices.extend(State::ALL.into_iter().map(|state| Choice::new(state.as_str(), words(look.w, state))));
        vec![asked.fill(Input::select("state", look.w.status, choices))]
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let state = State::parse(asked.get("state")).map_or("", State::as_str);
            let after = window.after.as_deref().and_then(|after| Uuid::try_parse(after).ok());
            let limit = i64::from(window.limit) + 1;
            let (rows, total) = desk::list(&look.app, &look.actor, state, after, limit, window.count).await?;
            let total = total.map(|total| (total.max(0).unsigned_abs(), false));
            Ok(Found::page(rows, window.limit, total, |run| line(look, run), |run| run.id.to_string()))
        })
    }

    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.none_yet.into(), hint: w.import_empty_hint.into(), action: Some(("/imports/new".into(), w.import_new.into())) }
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        vec![("/imports/new".to_owned(), look.w.import_new.to_owned())]
    }

    fn page_of(&self, id: &str) -> Option<String> {
        Some(format!("/imports/{id}"))
    }
}

fn words(w: &Words, state: State) -> &'static str {
    match state {
        State::Waiting => w.job_state_waiting,
        State::Running => w.job_state_running,
        State::Done => w.job_state_done,
        State::Failed => w.job_state_failed,
        State::Cancelled => w.job_state_cancelled,
    }
}

fn tag(w: &Words, run: &Run) -> Tag {
    let tone = match run.state {
        State::Waiting | State::Running => Tone::Active,
        State::Done if run.rejected > 0 => Tone::Warning,
        State::Done => Tone::Good,
        State::Failed => Tone::Bad,
        State::Cancelled => Tone::Quiet,
    };
    Tag::new(tone, words(w, run.state))
}

fn line(look: &Look, run: &Run) -> Line {
    let count = |number: i64| Cell::Number(thousands(number.max(0).unsigned_abs()));
    let href = format!("/imports/{}", run.id);
    Line {
        id: run.id.to_string(),
        cells: vec![
            Cell::LinkTwo(href.clone(), run.file_name.clone(), run.format.clone()),
            Cell::Tag(tag(look.w, run)),
            count(run.rows),
            count(run.landed),
            count(run.known),
            count(run.rejected),
            Cell::Text(run.created.display()),
            Cell::Text(run.ended.map_or_else(|| "—".to_owned(), |at| at.display())),
            Cell::Actions(vec![Act::page(look.w.open, &run.file_name, href)]),
        ],
        current: false,
    }
}

async fn imports(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Imports, &app, &actor, shell, &uri).await
}

async fn new(Of(app): Of<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.reach(&app, Action::ImportManage)?;
    Ok(page(&form(shell, "", None, Vec::new())))
}

/// The form; below it what became of a trial.
fn form(shell: Shell, mapping: &str, problem: Option<&Problem>, sections: Vec<Section>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let fields = vec![
        Input::new("file", w.import_file, Field::File(".csv,.txt,.xlsx,.parquet", ""))
            .required()
            .hint(w.import_file_hint)
            .wide()
            .check(problem, language),
        Input::new("mapping", w.import_mapping, Field::Area)
            .hint(w.import_mapping_hint)
            .value(mapping.to_owned())
            .wide()
            .check(problem, language),
        Input::new("dry_run", w.import_dry_run, Field::Check).value("yes"),
    ];
    let mut part = FormPart::new(w, "/imports/new", w.import_start, fields).lead(w.import_form_lead);
    part.files = true;
    part.cancel = Some(("/imports".to_owned(), w.cancel.to_owned()));
    DetailPage {
        w,
        title: w.import_new.to_owned(),
        trail: vec![(w.menu_import.to_owned(), "/imports".to_owned())],
        tags: Vec::new(),
        lead: w.import_lead.to_owned(),
        buttons: Vec::new(),
        tabs: None,
        notice: problem.map(|problem| Notice { wrong: Wrong::of(problem, language) }),
        revealed: None,
        sections: sections.into_iter().chain([Section::Form(w.import_new.to_owned(), part)]).collect(),
        dialogs: Vec::new(),
        shell,
    }
}

/// What the form sends.
struct Posted {
    sent: Sent,
    dry_run: bool,
}

impl Posted {
    async fn read(mut form: Multipart) -> Result<Self> {
        let mut posted = Self { sent: Sent { name: String::new(), bytes: Bytes::new(), mapping: String::new() }, dry_run: false };
        while let Some(field) = form.next_field().await.map_err(body::broken)? {
            match field.name().unwrap_or_default() {
                "file" => {
                    let name = field.file_name().unwrap_or_default();
                    posted.sent.name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
                    posted.sent.bytes = field.bytes().await.map_err(body::broken)?;
                }
                "mapping" => posted.sent.mapping = body::text(field).await?.to_string(),
                "dry_run" => posted.dry_run = !body::text(field).await?.is_empty(),
                _ => {}
            }
        }
        Ok(posted)
    }
}

async fn send(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    posted: std::result::Result<Multipart, MultipartRejection>,
) -> Result<Response> {
    actor.reach(&app, Action::ImportManage)?;
    let posted = Posted::read(posted.map_err(|_| Problem::new(&BODY_INVALID))?).await?;
    let mapping = posted.sent.mapping.clone();
    if posted.sent.bytes.is_empty() {
        let problem = Problem::new(&code::NO_FILE).field("file");
        return Ok(page_refused(&problem, &form(shell, &mapping, Some(&problem), Vec::new())));
    }
    let failure = if posted.dry_run {
        match desk::weigh(&app, &actor, &posted.sent).await {
            Ok((report, first)) => {
                let sections = weighed(shell.w, shell.language, &report, &first);
                return Ok(page(&form(shell, &mapping, None, sections)));
            }
            Err(failure) => failure,
        }
    } else {
        match desk::send(&app, &actor, &posted.sent).await {
            Ok(id) => return Ok(see_other(&format!("/imports/{id}"))),
            Err(failure) => failure,
        }
    };
    let problem = shown(failure)?;
    Ok(page_refused(&problem, &form(shell, &mapping, Some(&problem), Vec::new())))
}

fn counts(w: &'static Words, report: &Report) -> Vec<Fact> {
    let count = |label: &str, number: u64| fact(label, thousands(number));
    vec![
        count(w.import_rows, report.rows),
        count(w.import_landed, report.landed),
        count(w.import_known, report.known),
        count(w.import_rejected, report.rejected),
        count(w.import_unverified, report.unverified),
        count(w.import_incomplete, report.incomplete),
        count(w.import_holder_differs, report.holder_differs),
        count(w.import_group_card, report.group_card),
    ]
}

fn weighed(w: &'static Words, language: Language, report: &Report, first: &[Reject]) -> Vec<Section> {
    let mut facts = vec![fact(w.import_file, format!("{} · {}", report.file, report.format))];
    facts.extend(counts(w, report));
    let rows = first.iter().map(|reject| {
        let data = reject.data.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        (reject.row, reject.field.to_owned(), rejects::problem(reject.code.id, &data))
    });
    let mut sections = vec![Section::Facts(w.import_trial.to_owned(), Facts { facts })];
    if !first.is_empty() {
        sections.push(Section::Table(Box::new(told(w, language, rows, report.rejected))));
    }
    sections
}

/// A field in words; a dash where it is the row as a whole.
fn field_words(language: Language, field: &str) -> String {
    match Wanted::ALL.into_iter().find(|known| known.as_str() == field).map(Wanted::words) {
        Some((zh, _)) if language == Language::Chinese => zh.to_owned(),
        Some((_, en)) => en,
        None => "—".to_owned(),
    }
}

/// Rows that were refused: which, in which field, why, what to do.
fn told(w: &'static Words, language: Language, rows: impl Iterator<Item = (u64, String, Option<Problem>)>, total: u64) -> Table {
    let lines: Vec<Line> = rows
        .map(|(row, field, problem)| Line {
            id: row.to_string(),
            cells: vec![
                Cell::Number(row.to_string()),
                Cell::Text(field_words(language, &field)),
                Cell::Text(problem.as_ref().map(|problem| problem.title(language)).unwrap_or_default()),
                Cell::Text(problem.as_ref().map(|problem| problem.remedy(language)).unwrap_or_default()),
            ],
            current: false,
        })
        .collect();
    Table {
        w,
        id: "rejects".into(),
        caption: w.import_rejects.to_owned(),
        columns: vec![Column::new(w.import_row).figures(), Column::new(w.import_field), Column::new(w.reason), Column::new(w.job_remedy)],
        pager: Pager::single(usize::try_from(total).unwrap_or(lines.len())),
        lines,
        empty: Empty { title: w.none_yet.into(), hint: String::new(), action: None },
        tools: Vec::new(),
        batch: None,
        state: None,
    }
}

fn read_id(text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|_| Problem::new(&code::NOT_FOUND).into())
}

async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let run = desk::find(&app, &actor, read_id(&id)?).await?;
    let (w, language, run_id) = (shell.w, shell.language, run.id);
    let first = app.read(move |tx| super::table::rejects(tx, run_id, 0, i64::try_from(desk::SHOWN).unwrap_or(50))).await?;
    let mut facts = counts(w, &Report::of(&run));
    facts.push(fact(w.jobs_asked_at, run.created.display()));
    facts.extend(run.ended.map(|at| fact(w.job_ended, at.display())));
    let mut sections = vec![Section::Facts(w.import_counts.to_owned(), Facts { facts })];
    if !first.is_empty() {
        let rows = first.into_iter().map(|(row, field, code, data)| {
            let data = serde_json::from_str(&data).unwrap_or_default();
            (row.max(0).unsigned_abs(), field, rejects::problem(&code, &data))
        });
        sections.push(Section::Table(Box::new(told(w, language, rows, run.rejected.max(0).unsigned_abs()))));
    }
    let here = format!("/imports/{id}");
    let mut buttons = Vec::new();
    let mut dialogs = Vec::new();
    if run.rejected > 0 {
        buttons.push(Button::Page(format!("{here}/rejects"), w.import_rejects_download.to_owned()));
    }
    if run.state.live() {
        buttons.push(Button::Page(here.clone(), w.import_look_again.to_owned()));
        if run.uploaded {
            let form = FormPart::new(w, format!("{here}/cancellation"), w.import_cancel, Vec::new()).lead(w.import_cancel_lead).danger();
            buttons.push(Button::Dialog("cancel".to_owned(), w.import_cancel.to_owned()));
            dialogs.push(Dialog { id: "cancel".to_owned(), title: w.import_cancel.to_owned(), open: false, form });
        }
    }
    Ok(page(&DetailPage {
        w,
        title: run.file_name.clone(),
        trail: vec![(w.menu_import.to_owned(), "/imports".to_owned())],
        tags: vec![tag(w, &run)],
        lead: run.format.clone(),
        buttons,
        tabs: None,
        notice: run.stopped().map(|problem| Notice { wrong: Wrong::of(&problem, language) }),
        revealed: None,
        sections,
        dialogs,
        shell,
    }))
}

async fn reject_file(Of(app): Of<App>, actor: Actor, Path(id): Path<String>) -> Result<Response> {
    let run = desk::find(&app, &actor, read_id(&id)?).await?;
    // Row numbers and reasons: some fifty bytes a line before they are put into words, a file of a million rows is read at the terminal.
    let mut sheet = Sheet::new(Vec::new())?;
    rejects::write_all(&app, run.id, &mut sheet).await?;
    let name = format!("attachment; filename=\"import-{}-rejects.csv\"", run.id.simple());
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, sheet.end()?).into_response())
}

async fn cancel(Of(app): Of<App>, actor: Actor, Path(id): Path<String>) -> Result<Response> {
    let id = read_id(&id)?;
    match desk::cancel(&app, &actor, id).await {
        Ok(()) => Ok(see_other(&format!("/imports/{id}?done=cancelled"))),
        // It ended meanwhile: the page says how.
        Err(Failure::Problem(problem)) if problem.code.id == code::NOT_LIVE.id => Ok(see_other(&format!("/imports/{id}"))),
        Err(failure) => Err(failure),
    }
}
