//! 导出页: asking for a file of a list, and fetching the one a job made. What is taken away is on record before its first byte.

use askama::Template;
use axum::{
    Form, Router,
    extract::{Path, Query, State as Of},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action,
};
use chuangsha_vault::Domain;
use uuid::Uuid;

use super::{About, Format, Progress, Wish, clear_columns, code, make};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
        jobs::{self, Job, Kind as JobKind, State, batch},
        purpose::{Purpose, Reason},
        second::{self, page::purpose_words},
        web::{
            form::{Choice, Input, Kind, notice},
            frame::shown,
            list::{Asked, Listing, Look, Window},
            page, page_refused,
            pages::{FormPart, Trail},
            safe_path, see_other,
            shell::Shell,
            table::{Address, thousands},
        },
        words::{Words, fill},
    },
};

/// Jobs one person may have going.
const MOST_JOBS: i64 = 5;

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/exports/new", get(form)).route("/exports", post(start)).route("/jobs/{id}/file", post(fetch))
}

/// 导出表单
#[derive(Template)]
#[template(path = "platform/export/new.html")]
struct NewExport {
    shell: Shell,
    w: &'static Words,
    trail: Trail,
    lead: String,
    form: FormPart,
}

/// The list asked for, when it may be taken away by this person.
fn offered(app: &App, actor: &Actor, address: &str) -> Result<&'static dyn Listing> {
    actor.reach(app, Action::ExportMasked)?;
    let listing = batch::listing_of(address)?;
    if listing.exports() { Ok(listing) } else { Err(Problem::new(&code::NOT_OFFERED).into()) }
}

/// How many lines there are, and whether there are more than were counted.
async fn counted(look: &Look, listing: &dyn Listing, asked: &Asked) -> Result<(u64, bool)> {
    let found = listing.rows(look, asked, Window { after: None, limit: 1, count: true }).await?;
    Ok(found.total.unwrap_or((found.lines.len() as u64, found.next.is_some())))
}

async fn screen(app: &App, actor: &Actor, shell: Shell, wish: &Wish, problem: Option<&Problem>) -> Result<NewExport> {
    let (w, language) = (shell.w, shell.language);
    let listing = offered(app, actor, safe_path(&wish.list))?;
    let look = Look::of(app, actor, &shell);
    let asked = Asked::read_address(listing, safe_path(&wish.list));
    let (total, capped) = counted(&look, listing, &asked).await?;
    let address = asked.address(listing).to_string();
    let formats = Format::ALL.into_iter().map(|format| Choice::new(format.as_str(), format.words(w))).collect();
    let purposes = std::iter::once(Choice::new("", w.choose));
    let purposes = purposes.chain(Purpose::OF_A_FILE.map(|purpose| Choice::new(purpose.as_str(), purpose_words(w, purpose)))).collect();
    let format = Format::parse(&wish.format).unwrap_or(Format::Xlsx);
    let fields = vec![
        Input::new("format", w.export_format, Kind::Radio(formats)).required().wide().value(format.as_str()).check(problem, language),
        Input::select("purpose", w.purpose, purposes).required().value(wish.purpose.as_str()).check(problem, language),
        Input::text("words", w.purpose_words).required().longest(200).value(wish.words.as_str()).check(problem, language),
    ];
    let mut fields = fields;
    if !clear_columns(app, actor, listing).is_empty() {
        let value = if wish.clear == "yes" { "yes" } else { "" };
        fields
            .push(Input::new("clear", w.export_clear, Kind::Check).hint(w.export_clear_hint).value(value).wide().check(problem, language));
        fields.push(Input::text("case", w.export_case).longest(40).value(wish.case.as_str()).check(problem, language));
    }
    let at_once = at_once(app, total, capped)?;
    let mut count = thousands(total);
    if capped {
        count.push('+');
    }
    let mut form = FormPart::new(w, "/exports", w.export, fields).lead(if at_once { w.export_now } else { w.export_later });
    form.notice = notice(problem, &form.fields, language);
    form.cancel = Some((address.clone(), w.cancel.to_owned()));
    form.hidden.push(("list".into(), address.clone()));
    Ok(NewExport {
        w,
        trail: vec![(listing.title(w).to_owned(), address)],
        lead: fill(&fill(w.export_lead, listing.title(w)), count),
        form,
        shell,
    })
}

fn at_once(app: &App, total: u64, capped: bool) -> Result<bool> {
    let most = app.number_rule("protection.export_at_once", app.clock.now(), "")?.value;
    Ok(!capped && total < most.max(0).unsigned_abs())
}

async fn form(Of(app): Of<App>, actor: Actor, shell: Shell, Query(wish): Query<Wish>) -> Result<Response> {
    Ok(page(&screen(&app, &actor, shell, &wish, None).await?))
}

/// What was asked for, checked.
fn checked(wish: &Wish) -> Result<Format> {
    let format = Format::parse(&wish.format).ok_or_else(|| Failure::from(Problem::new(&code::FORMAT).field("format")))?;
    let purpose = Purpose::parse(&wish.purpose).filter(|purpose| Purpose::OF_A_FILE.contains(purpose));
    let purpose = purpose.ok_or_else(|| Failure::from(Problem::new(&code::PURPOSE).field("purpose")))?;
    let words = wish.words.trim();
    if !(4..=200).contains(&words.chars().count()) || words.chars().any(char::is_control) {
        return Err(Problem::new(&code::WORDS).field("words").into());
    }
    if wish.clear == "yes" {
        if !Purpose::OF_A_CLEAR_FILE.contains(&purpose) {
            return Err(Problem::new(&code::CLEAR_PURPOSE).field("purpose").into());
        }
        let case = wish.case.trim();
        if !(2..=40).contains(&case.chars().count()) || case.chars().any(char::is_control) {
            return Err(Problem::new(&code::CASE).field("case").into());
        }
    }
    Ok(format)
}

/// What became of a wish.
pub enum Made {
    /// The file itself.
    File(Response),
    /// A job makes it.
    Job(Uuid),
    /// A second person is asked first; asked for again with the approval, a job makes it.
    Second(Uuid),
}

async fn start(Of(app): Of<App>, actor: Actor, shell: Shell, Form(wish): Form<Wish>) -> Result<Response> {
    let look = Look::of(&app, &actor, &shell);
    match ask(&look, &wish).await {
        Ok(Made::File(file)) => Ok(file),
        Ok(Made::Job(id)) => Ok(see_other(&format!("/jobs/{id}"))),
        Ok(Made::Second(id)) => Ok(see_other(&format!("/second/{id}"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &screen(&app, &actor, shell, &wish, Some(&problem)).await?))
        }
    }
}

/// Asks for a file: streams it when it is short, begins a job when it is not.
///
/// # Errors
/// Codes of [`super::code`] and [`jobs::code`]; what the list refuses to show.
pub async fn ask(look: &Look, wish: &Wish) -> Result<Made> {
    ask_or_wait(look, wish, true).await
}

/// The file at once or not at all: nobody waits for a job. Masked.
///
/// # Errors
/// As [`ask`]; `export.at_once` where a job would be needed.
pub async fn ask_at_once(look: &Look, wish: &Wish) -> Result<Response> {
    let masked = Wish { clear: String::new(), ..wish.clone() };
    match ask_or_wait(look, &masked, false).await? {
        Made::File(file) => Ok(file),
        Made::Job(_) | Made::Second(_) => Err(Failure::internal("a file that nobody waits for became a job")),
    }
}

async fn ask_or_wait(look: &Look, wish: &Wish, waits: bool) -> Result<Made> {
    let (app, now) = (&look.app, look.app.clock.now());
    let listing = offered(app, &look.actor, safe_path(&wish.list))?;
    let format = checked(wish)?;
    let asked = Asked::read_address(listing, safe_path(&wish.list));
    let (total, capped) = counted(look, listing, &asked).await?;
    let clear = wish.clear == "yes";
    if clear {
        if clear_columns(app, &look.actor, listing).is_empty() {
            return Err(Problem::new(&code::NOT_CLEAR).into());
        }
        look.actor.reach(app, Action::ExportClear)?;
    }
    let mut about = About::of(look, listing, &asked, wish, now);
    let name = About::file_name(listing.path(), now, format);
    let address = asked.address(listing).to_string();
    let facts = serde_json::json!({
        "list": listing.path(),
        "format": format.as_str(),
        "purpose": wish.purpose,
        "lines": total,
        "more": capped,
        "columns": about.heads.len(),
    })
    .to_string();
    // What was looked for may name somebody: it goes where words go, sealed.
    let why = format!("{} {} | {address}", wish.case.trim(), wish.words.trim());
    let action = if clear { Action::ExportClear } else { Action::ExportMasked };
    let entry = move |case: Option<Uuid>, app: &App, actor: &Actor, tx: &mut chuangsha_store::Tx<'_>| -> Result<()> {
        let entry = Entry {
            action: action.as_str(),
            case_kind: if case.is_some() { "job" } else { "list" },
            case,
            step: format.as_str(),
            why: &why,
            facts: &facts,
            article: "L-PIP-17",
            ..Entry::default()
        };
        app.audit(tx, By::Actor(actor), &entry, now)?;
        Ok(())
    };
    let (writer, actor) = (app.clone(), look.actor.clone());
    if !clear && at_once(app, total, capped)? {
        // Written before the first byte: when it cannot be written, nothing leaves.
        app.write(move |tx| entry(None, &writer, &actor, tx)).await?;
        let stream = make::stream(look.clone(), listing, asked, format, about);
        return Ok(Made::File(attachment(make::body(stream), &name, format, None)));
    }
    if !waits {
        let most = app.number_rule("protection.export_at_once", now, "")?.value;
        return Err(Problem::new(&code::AT_ONCE).with("most", most).into());
    }
    let window_ms = app.clock_rule("protection.export_window", now)?.value;
    let id = app.ids.next(now);
    let second = clear.then(|| second_of(&look.actor, wish, &about, format, &address, now, app)).transpose()?;
    if clear {
        about.mark = format!("{} {} {id}", look.actor.number, now.display());
    }
    let progress = Progress { about: Some(about), ..Progress::default() };
    let progress = serde_json::to_string(&progress).map_err(Failure::internal)?;
    let (language, list, wish): (Language, _, _) = (look.language, listing.path(), wish.clone());
    let begun = app.write(move |tx| {
        if let Some(ask) = &second {
            // The approval is used up by the job it is for, in the transaction that begins it.
            match second::find_open(&writer, tx, &actor, second::Kind::ExportClear, &ask.what, now)? {
                Some((request, second::Shown::Approved)) => {
                    second::take(&writer, tx, &actor, request, second::Kind::ExportClear, &ask.what.key, now)?;
                }
                Some((request, _)) => return Ok(Made::Second(request)),
                None => return Ok(Made::Second(second::request_in(&writer, tx, &actor, ask, now)?)),
            }
        }
        if jobs::table::live(tx, actor.staff)? >= MOST_JOBS {
            return Err(Problem::new(&jobs::code::TOO_MANY_JOBS).with("most", MOST_JOBS).into());
        }
        let job = Job {
            id,
            kind: JobKind::Export,
            list: list.to_owned(),
            act: format.as_str().to_owned(),
            behalf: writer.behalf(tx, &actor)?,
            language,
            asked: jobs::Asked {
                address: address.clone(),
                purpose: wish.purpose.clone(),
                words: wish.words.trim().to_owned(),
                case: wish.case.trim().to_owned(),
                clear,
                ..jobs::Asked::default()
            },
            state: State::Waiting,
            due: now,
            cursor: String::new(),
            gathered: false,
            total: if capped { 0 } else { i64::try_from(total).unwrap_or(0) },
            done: 0,
            failed: 0,
            progress: progress.clone(),
            error: String::new(),
            created: now,
            started: None,
            ended: None,
            version: 0,
        };
        jobs::table::insert(&writer, tx, &job)?;
        make::begin(tx, id, &name, now.plus_ms(window_ms))?;
        entry(Some(id), &writer, &actor, tx)?;
        Ok(Made::Job(id))
    });
    begun.await
}

/// What a second person is asked: this list, narrowed like this, in this form, and nothing else.
fn second_of(
    actor: &Actor,
    wish: &Wish,
    about: &About,
    format: Format,
    address: &str,
    now: chuangsha_kernel::time::Timestamp,
    app: &App,
) -> Result<second::Ask> {
    let page = Address::new(
        "/exports/new",
        [
            ("list", address),
            ("format", format.as_str()),
            ("purpose", &wish.purpose),
            ("clear", "yes"),
            ("case", wish.case.trim()),
            ("words", wish.words.trim()),
        ],
    );
    let narrowed = about.facts.iter().skip(1).map(|(label, value)| format!("{label} {value}")).collect::<Vec<_>>().join(" · ");
    Ok(second::Ask {
        kind: second::Kind::ExportClear,
        cause: second::Cause::Clear,
        reason: Reason::read(app, now, &wish.purpose, &wish.case, &wish.words)?,
        what: second::What {
            key: format!("{} {address}", format.as_str()),
            field: String::new(),
            object: format!("{} · {narrowed}", about.title),
            page: page.to_string(),
            subject: None,
            region: actor.region.clone(),
        },
    })
}

/// A body as a file: never shown in the browser, never kept by a cache.
fn attachment(body: axum::body::Body, name: &str, format: Format, size: Option<i64>) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Names are made here: letters, digits, a hyphen, a dot.
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    if let Some(size) = size {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    }
    response
}

async fn fetch(Of(app): Of<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Response> {
    file(&app, &actor, id).await
}

/// The file of one's own job: counted and on record before its first byte.
///
/// # Errors
/// `platform.not_found`, `export.not_ready`, `export.gone`, `export.spent`
pub async fn file(app: &App, actor: &Actor, id: Uuid) -> Result<Response> {
    actor.reach(app, Action::ExportMasked)?;
    let (writer, actor, now) = (app.clone(), actor.clone(), app.clock.now());
    let (key, parts, found, format) = app
        .write(move |tx| {
            let job = jobs::table::find_own(&writer, tx, actor.staff, id)?;
            if job.asked.clear {
                actor.reach(&writer, Action::ExportClear)?;
            }
            let gone = || Failure::from(Problem::new(&code::GONE));
            let parts = make::fetch(&writer, tx, id, now)?;
            let found = make::file_of(&writer, tx, id, now)?.ok_or_else(gone)?;
            let key = writer.key_if_any(tx, id, Domain::Export)?.ok_or_else(gone)?;
            let facts = serde_json::json!({ "list": job.list, "bytes": found.size, "left": found.left }).to_string();
            let why = &job.asked.words;
            let entry = Entry {
                action: "export.download",
                case_kind: "job",
                case: Some(id),
                step: &job.act,
                why,
                facts: &facts,
                article: "L-PIP-17",
                ..Entry::default()
            };
            writer.audit(tx, By::Actor(&actor), &entry, now)?;
            Ok((key, parts, found, Format::parse(&job.act).unwrap_or(Format::Csv)))
        })
        .await?;
    let body = make::body(make::pieces(app.clone(), id, key, parts));
    Ok(attachment(body, &found.name, format, Some(found.size)))
}

/// Address of the form for a list.
pub fn address(list: &str) -> String {
    Address::new("/exports/new", [("list", list)]).to_string()
}
