//! 名单页面: what is said of single numbers; one entry, how it begins and how it ends; files.

use axum::{
    Form, Router,
    extract::{Path, Query, State},
    http::{Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action as Right,
};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{coded_choices, may, moment, parts, trail};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        rejected,
        web::{
            form::{Choice, Input, Kind as Field, Notice, Wrong, notice},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Refused, Section},
            parts::{Empty, Facts, Tabs, Tag, Tone, code, fact, status},
            see_other,
            shell::Shell,
            table::{Act, Address, Cell, Column, Line, Tool},
        },
        words::Words,
    },
    screening::{
        code as codes,
        coded::{CATEGORIES, HOURS, OPERATORS, coded},
        file,
        list::{self as entries, EntryView, List, NewEntry, Put},
    },
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/screening/lists", get(all))
        .route("/screening/lists/new", get(new).post(add))
        .route("/screening/lists/file", get(file_page).post(take))
        .route("/screening/lists/{id}", get(one).post(end))
}

fn list_name(language: Language, list: List) -> &'static str {
    match language {
        Language::Chinese => list.words().0,
        Language::English => list.words().1,
    }
}

fn list_choices(language: Language) -> Vec<Choice> {
    List::ALL.iter().map(|list| Choice::new(list.as_str(), list_name(language, *list))).collect()
}

/// 名单, as a list: one of them at a time, the bad numbers first.
pub struct Lists;

fn chosen(asked: &Asked) -> List {
    List::parse(asked.get("list")).unwrap_or(List::Bad)
}

impl Listing for Lists {
    fn path(&self) -> &'static str {
        "/screening/lists"
    }

    fn id(&self) -> &'static str {
        "entries"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.screening_lists
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.lists_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["list"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("number", w.number),
            Column::keyed("list", w.list_name),
            Column::keyed("content", w.list_content),
            Column::keyed("source", w.list_source),
            Column::keyed("reason", w.list_reason),
            Column::keyed("article", w.screen_article).hidden(),
            Column::keyed("from", w.list_from).moment(),
            Column::keyed("until", w.list_until).moment(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        vec![Input::select("list", look.w.list_name, list_choices(look.language)).value(chosen(asked).as_str()).prefix("s")]
    }

    fn tabs<'a>(&'a self, look: &'a Look, _asked: &'a Asked) -> BoxFuture<'a, Result<Option<Tabs>>> {
        Box::pin(std::future::ready(Ok(Some(parts(look.w, self.path())))))
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let after = window.after.as_deref().and_then(|after| Uuid::try_parse(after).ok());
            let list = chosen(asked);
            let (rows, total) = entries::page(&look.app, &look.actor, list, "", after, i64::from(window.limit) + 1).await?;
            let total = Some((total.max(0).unsigned_abs(), false));
            Ok(Found::page(rows, window.limit, total, |row| line(look, list, row), |row| row.id.to_string()))
        })
    }

    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.lists_empty.into(), hint: w.lists_empty_hint.into(), action: None }
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        if !may(&look.app, &look.actor, Right::ScreeningManage) {
            return Vec::new();
        }
        vec![
            ("/screening/lists/new".to_owned(), look.w.list_new.to_owned()),
            ("/screening/lists/file".to_owned(), look.w.ledger_file.to_owned()),
        ]
    }
}

/// What an entry says besides that the number is listed.
fn content(w: &'static Words, language: Language, list: List, row: &EntryView) -> String {
    let mut said = match list {
        List::Bad | List::Suspect => vec![row.content.clone()],
        List::Category => vec![coded(language, &CATEGORIES, &row.content).to_owned()],
        List::Ported => vec![coded(language, &OPERATORS, &row.content).to_owned()],
        List::Preference => {
            let (hours, refuses) = row.content.split_once('|').unwrap_or((&row.content, ""));
            let refused = refuses.split(';').filter(|code| !code.is_empty()).map(|code| coded(language, &CATEGORIES, code));
            let refused = refused.collect::<Vec<_>>().join(w.comma);
            let hours = if hours == "any" { String::new() } else { coded(language, &HOURS, hours).to_owned() };
            vec![if refused.is_empty() { String::new() } else { format!("{} {refused}", w.list_refuses) }, hours]
        }
    };
    if row.windows + row.refused > 0 {
        said.push(format!("{} {} · {} {}", w.list_windows, row.windows, w.list_refused, row.refused));
    }
    said.retain(|one| !one.is_empty());
    if said.is_empty() { "—".to_owned() } else { said.join(" · ") }
}

fn line(look: &Look, list: List, row: &EntryView) -> Line {
    let w = look.w;
    let href = format!("/screening/lists/{}", row.id);
    Line {
        id: row.id.to_string(),
        cells: vec![
            Cell::Link(href.clone(), row.number.clone()),
            Cell::Text(list_name(look.language, list).to_owned()),
            Cell::Text(content(w, look.language, list, row)),
            Cell::Text(row.source.clone()),
            Cell::Text(row.reason.clone()),
            Cell::Text(row.article.clone()),
            Cell::Text(moment(&row.from)),
            Cell::Text(row.until.as_deref().map_or_else(|| w.list_endless.to_owned(), moment)),
            Cell::Actions(vec![Act::page(w.open, &row.number, href)]),
        ],
        current: false,
    }
}

async fn all(State(app): State<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Lists, &app, &actor, shell, &uri).await
}

/// Which list a form is opened for.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Which {
    list: String,
}

/// An entry as its form sends it.
#[derive(Default, Clone, serde::Deserialize)]
#[serde(default)]
struct Posted {
    list: String,
    #[serde(flatten)]
    entry: NewEntry,
}

async fn new(State(app): State<App>, actor: Actor, shell: Shell, Query(which): Query<Which>) -> Result<Response> {
    actor.reach(&app, Right::ScreeningManage)?;
    Ok(page(&form(shell, &Posted { list: which.list, ..Posted::default() }, None)))
}

fn screen(shell: Shell, title: &str, above: Option<Notice>, sections: Vec<Section>) -> DetailPage {
    let w = shell.w;
    DetailPage {
        w,
        title: title.to_owned(),
        trail: trail(w, w.screening_lists, "/screening/lists"),
        tags: Vec::new(),
        lead: String::new(),
        buttons: Vec::new(),
        tabs: None,
        notice: above,
        revealed: None,
        sections,
        dialogs: Vec::new(),
        shell,
    }
}

fn form(shell: Shell, posted: &Posted, problem: Option<&Problem>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let entry = &posted.entry;
    let list = List::parse(&posted.list).unwrap_or(List::Bad);
    let day = |name: &'static str, label: &str, value: &str| Input::new(name, label, Field::Line("date")).value(value);
    let fields: Vec<_> = [
        Input::select("list", w.list_name, list_choices(language)).value(list.as_str()).required(),
        Input::text("number", w.number).required().longest(20).inputmode("tel").hint(w.list_number_hint).value(entry.number.clone()),
        Input::select("category", w.list_category, coded_choices(language, &CATEGORIES))
            .hint(w.list_category_hint)
            .value(entry.category.clone()),
        Input::select("operator", w.list_operator, coded_choices(language, &OPERATORS))
            .hint(w.list_operator_hint)
            .value(entry.operator.clone()),
        Input::text("refuses", w.list_refuses).longest(120).hint(w.list_refuses_hint).value(entry.refuses.clone()),
        Input::select("hours", w.list_hours, coded_choices(language, &HOURS)).hint(w.list_preference_hint).value(entry.hours.clone()),
        Input::text("source", w.list_source).required().longest(60).hint(w.list_source_hint).value(entry.source.clone()),
        Input::text("article", w.screen_article).longest(20).hint(w.list_article_hint).value(entry.article.clone()),
        Input::new("reason", w.list_reason, Field::Area).required().longest(200).hint(w.screen_why_hint).wide().value(entry.reason.clone()),
        day("from", w.list_from, &entry.from),
        day("until", w.list_until, &entry.until).hint(w.list_until_hint),
        Input::text("evidence", w.ledger_evidence).longest(120).wide().value(entry.evidence.clone()),
    ]
    .into_iter()
    .map(|input| input.check(problem, language))
    .collect();
    let above = notice(problem, &fields, language);
    let mut part = FormPart::new(w, "/screening/lists/new", w.list_new, fields).lead(w.list_new_lead);
    part.cancel = Some(("/screening/lists".to_owned(), w.cancel.to_owned()));
    let title = w.list_new;
    screen(shell, title, above, vec![Section::Form(title.to_owned(), part)])
}

async fn add(State(app): State<App>, actor: Actor, shell: Shell, Form(posted): Form<Posted>) -> Result<Response> {
    actor.reach(&app, Right::ScreeningManage)?;
    let done = match List::parse(&posted.list) {
        Some(list) => entries::add(&app, &actor, list, &posted.entry).await.map(|put| (list, put)),
        None => Err(Problem::new(&codes::FIELD_INVALID).field("list").with("field", "list").into()),
    };
    match done {
        Ok((_, Put::Entered(id))) => Ok(see_other(&format!("/screening/lists/{id}?done=saved"))),
        Ok((list, Put::Known(_))) => {
            Ok(see_other(&Address::new("/screening/lists", [("list", list.as_str())]).with("done", "saved").to_string()))
        }
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &form(shell, &posted, Some(&problem))))
        }
    }
}

fn read_id(text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|_| Problem::new(&codes::NOT_FOUND).into())
}

async fn one(State(app): State<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, read_id(&id)?, None).await?))
}

async fn detail(app: &App, actor: &Actor, shell: Shell, id: Uuid, refused: Option<&Refused<'_>>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let (list, row) = entries::find(app, actor, id).await?;
    let facts = vec![
        code(w.number, row.number.clone()),
        status(w.list_name, Tag::new(Tone::Active, list_name(language, list))),
        fact(w.list_content, content(w, language, list, &row)),
        fact(w.list_source, row.source.clone()),
        fact(w.list_reason, row.reason.clone()),
        fact(w.screen_article, if row.article.is_empty() { "—" } else { &row.article }),
        fact(w.ledger_evidence, if row.evidence.is_empty() { "—" } else { &row.evidence }),
        fact(w.list_from, moment(&row.from)),
        fact(w.list_until, row.until.as_deref().map_or_else(|| w.list_endless.to_owned(), moment)),
        fact(w.list_entered, moment(&row.entered)),
    ];
    let title = row.number.clone();
    let mut screen = screen(shell, &title, None, vec![Section::Facts(w.list_entry.to_owned(), Facts { facts })]);
    if may(app, actor, Right::ScreeningManage) {
        let words = Input::new("words", w.note, Field::Area).required().longest(200).hint(w.screen_why_hint).wide();
        let form = FormPart::new(w, format!("/screening/lists/{id}"), w.list_end, vec![words]).lead(w.list_end_lead).danger();
        screen.buttons.push(Button::Dialog("end".to_owned(), w.list_end.to_owned()));
        let end = Dialog { id: "end".to_owned(), title: w.list_end.to_owned(), open: false, form };
        screen.dialogs = Dialog::reopened(vec![end], refused);
    }
    let untold = refused.and_then(|refused| refused.untold(&screen.dialogs));
    screen.notice = untold.map(|problem| Notice { wrong: Wrong::of(problem, language) });
    Ok(screen)
}

/// Why an entry ends.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Ending {
    words: String,
}

async fn end(State(app): State<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(ending): Form<Ending>) -> Result<Response> {
    let id = read_id(&id)?;
    match entries::end(&app, &actor, id, &ending.words).await {
        Ok(()) => Ok(see_other("/screening/lists?done=ended")),
        Err(failure) => {
            let problem = shown(failure)?;
            let typed = [("words".to_owned(), ending.words)];
            let refused = Refused { step: "end", typed: &typed, problem: &problem, language: shell.language };
            Ok(page_refused(&problem, &detail(&app, &actor, shell, id, Some(&refused)).await?))
        }
    }
}

/// A file as its form sends it.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Sent {
    list: String,
    text: String,
    dry_run: String,
    rejects: String,
}

async fn file_page(State(app): State<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.reach(&app, Right::ScreeningManage)?;
    Ok(page(&taking(shell, &Sent { dry_run: "yes".into(), ..Sent::default() }, None, None)))
}

fn taking(shell: Shell, sent: &Sent, taken: Option<&file::Taken>, problem: Option<&Problem>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let mut sections = Vec::new();
    if let Some(taken) = taken {
        let refused = Tag::new(if taken.refused == 0 { Tone::Good } else { Tone::Bad }, taken.refused.to_string());
        let mut facts = vec![
            fact(w.ledger_rows, taken.rows.to_string()),
            fact(if taken.dry_run { w.ledger_would_enter } else { w.ledger_entered }, taken.entered.to_string()),
            fact(w.ledger_known, taken.known.to_string()),
            status(w.ledger_rejected, refused),
        ];
        facts.extend(taken.rejected.iter().take(200).map(|one| {
            let (reason, remedy) = one.words(language);
            fact(&format!("{} {} {}", w.ledger_row, one.row, one.field), format!("{reason} — {remedy}"))
        }));
        sections.push(Section::Facts(w.ledger_result.to_owned(), Facts { facts }));
        if taken.dry_run && !taken.rejected.is_empty() {
            let kept = FormPart::new(w, "/screening/lists/file", w.ledger_reject_file, Vec::new()).lead(w.ledger_reject_lead);
            let kept = kept.keep("list", &sent.list).keep("text", &sent.text).keep("rejects", "yes");
            sections.push(Section::Form(w.ledger_rejected.to_owned(), kept));
        }
    }
    let fields: Vec<_> = [
        Input::select("list", w.list_name, list_choices(language)).value(sent.list.clone()).required(),
        Input::new("text", w.ledger_file_text, Field::Area).required().wide().value(sent.text.clone()).hint(format!(
            "{} {}",
            w.list_columns_hint,
            file::COLUMNS.join(", ")
        )),
        Input::new("dry_run", w.ledger_dry_run, Field::Check).value(sent.dry_run.clone()),
    ]
    .into_iter()
    .map(|input| input.check(problem, language))
    .collect();
    let above = notice(problem, &fields, language);
    sections.push(Section::Form(
        w.ledger_file.to_owned(),
        FormPart::new(w, "/screening/lists/file", w.ledger_take, fields).lead(w.list_file_lead),
    ));
    let title = w.list_file;
    screen(shell, title, above, sections)
}

async fn take(State(app): State<App>, actor: Actor, shell: Shell, Form(mut sent): Form<Sent>) -> Result<Response> {
    actor.reach(&app, Right::ScreeningManage)?;
    let Some(list) = List::parse(&sent.list) else {
        let problem = Problem::new(&codes::FIELD_INVALID).field("list").with("field", "list");
        return Ok(page_refused(&problem, &taking(shell, &sent, None, Some(&problem))));
    };
    // Text areas send \r\n and drop the last line break; what was typed is whole.
    let mut text = sent.text.replace("\r\n", "\n");
    if !text.ends_with('\n') && !text.trim_start().starts_with('[') {
        text.push('\n');
    }
    let dry_run = !sent.dry_run.is_empty() || !sent.rejects.is_empty();
    match file::take(&app, &actor, list, text, None, dry_run).await {
        Ok(taken) if !sent.rejects.is_empty() => {
            let named =
                [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment; filename=\"rejects.csv\"")];
            Ok((named, rejected::sheet(&taken.rejected, shell.language)?).into_response())
        }
        Ok(taken) => {
            if !taken.dry_run {
                sent.text.clear();
            }
            Ok(page(&taking(shell, &sent, Some(&taken), None)))
        }
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &taking(shell, &sent, None, Some(&problem))))
        }
    }
}
