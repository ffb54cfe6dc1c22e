//! 误拦申诉页面: taken in by one person, decided by another.

use axum::{
    Form, Router,
    extract::{Path, Query, State},
    http::Uri,
    response::Response,
    routing::{get, post},
};
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action as Right,
};
use futures_util::future::BoxFuture;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{may, moment, parts, rule_name, trail, window};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        web::{
            form::{Choice, Input, Kind as Field, Notice, Wrong, notice},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Section},
            parts::{Empty, Facts, Tabs, Tag, Tone, code, fact, status},
            see_other,
            shell::Shell,
            table::{Act, Cell, Column, Line, Tool},
        },
        words::Words,
    },
    screening::appeal::{self, AppealView, Intake, State as Stands, Step},
};

/// Appeals read for one list: the open ones are a day's work, never more.
const MOST: i64 = 1_000;

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/screening/appeals", get(appeals))
        .route("/screening/appeals/new", get(new).post(take))
        .route("/screening/appeals/{id}", get(one))
        .route("/screening/appeals/{id}/steps", post(settle))
}

fn said(language: Language, words: (&'static str, &'static str)) -> &'static str {
    match language {
        Language::Chinese => words.0,
        Language::English => words.1,
    }
}

fn state_tag(w: &'static Words, language: Language, appeal: &AppealView) -> Tag {
    let tone = match appeal.state {
        Stands::Open if appeal.overdue => return Tag::new(Tone::Bad, w.alert_late),
        Stands::Open => Tone::Active,
        Stands::Upheld => Tone::Good,
        Stands::Rejected => Tone::Warning,
        Stands::Withdrawn => Tone::Quiet,
    };
    Tag::new(tone, said(language, appeal.state.words()))
}

/// 误拦申诉, as a list.
pub struct Appeals;

impl Listing for Appeals {
    fn path(&self) -> &'static str {
        "/screening/appeals"
    }

    fn id(&self) -> &'static str {
        "appeals"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.screening_appeals
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.screen_appeals_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["state"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("number", w.screen_caller),
            Column::keyed("called", w.appeal_called).moment(),
            Column::keyed("rule", w.screen_rule),
            Column::keyed("state", w.status),
            Column::keyed("taken", w.appeal_taken).moment(),
            Column::keyed("due", w.appeal_due).moment(),
            Column::keyed("decided", w.appeal_decided).moment().hidden(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let (w, language) = (look.w, look.language);
        let states = Stands::ALL.iter().map(|state| Choice::new(state.as_str(), said(language, state.words())));
        vec![asked.fill(Input::select("state", w.status, std::iter::once(Choice::new("", w.all)).chain(states).collect()))]
    }

    fn tabs<'a>(&'a self, look: &'a Look, _asked: &'a Asked) -> BoxFuture<'a, Result<Option<Tabs>>> {
        Box::pin(std::future::ready(Ok(Some(parts(look.w, self.path())))))
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, asked_for: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let mut rows = appeal::page(&look.app, &look.actor, asked.get("state") == "open", MOST).await?;
            rows.retain(|row| matches!(asked.get("state"), "") || row.state.as_str() == asked.get("state"));
            Ok(window(&rows, &asked_for, |row| row.id.to_string(), |row| line(look, row)))
        })
    }

    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.appeals_empty.into(), hint: w.screen_appeals_lead.into(), action: None }
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        let may = may(&look.app, &look.actor, Right::ScreeningAppeal);
        may.then(|| ("/screening/appeals/new".to_owned(), look.w.screen_appeal_new.to_owned())).into_iter().collect()
    }
}

fn line(look: &Look, row: &AppealView) -> Line {
    let (w, language) = (look.w, look.language);
    let href = format!("/screening/appeals/{}", row.id);
    Line {
        id: row.id.to_string(),
        cells: vec![
            Cell::Link(href.clone(), row.number.clone()),
            Cell::Text(moment(&row.called)),
            Cell::Text(rule_name(language, &row.rule)),
            Cell::Tag(state_tag(w, language, row)),
            Cell::Text(moment(&row.taken)),
            Cell::Text(moment(&row.due)),
            Cell::Text(row.decided.as_deref().map_or_else(|| "—".to_owned(), moment)),
            Cell::Actions(vec![Act::page(w.open, &row.number, href)]),
        ],
        current: false,
    }
}

async fn appeals(State(app): State<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Appeals, &app, &actor, shell, &uri).await
}

/// What the form of an intake is opened with.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct About {
    evidence: String,
}

async fn new(State(app): State<App>, actor: Actor, shell: Shell, Query(about): Query<About>) -> Result<Response> {
    actor.reach(&app, Right::ScreeningAppeal)?;
    let input = Intake { evidence: about.evidence.chars().take(40).collect(), ..Intake::default() };
    Ok(page(&intake(shell, &input, None)))
}

fn intake(shell: Shell, input: &Intake, problem: Option<&Problem>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let fields: Vec<_> = [
        Input::text("evidence", w.screen_evidence).longest(32).hint(w.appeal_evidence_hint).wide().first().value(input.evidence.clone()),
        Input::text("number", w.screen_caller).longest(20).hint(w.appeal_number_hint).inputmode("tel").value(input.number.as_str()),
        Input::new("at", w.appeal_called, Field::Line("datetime-local")).value(input.at.clone()),
        Input::new("words", w.appeal_words, Field::Area)
            .required()
            .longest(500)
            .hint(w.appeal_words_hint)
            .wide()
            .value(input.words.clone()),
    ]
    .into_iter()
    .map(|input| input.check(problem, language))
    .collect();
    let above = notice(problem, &fields, language);
    let mut part = FormPart::new(w, "/screening/appeals/new", w.screen_appeal_new, fields).lead(w.appeal_new_lead);
    part.cancel = Some(("/screening/appeals".to_owned(), w.cancel.to_owned()));
    DetailPage {
        w,
        title: w.screen_appeal_new.to_owned(),
        trail: trail(w, w.screening_appeals, "/screening/appeals"),
        tags: Vec::new(),
        lead: String::new(),
        buttons: Vec::new(),
        tabs: None,
        notice: above,
        revealed: None,
        sections: vec![Section::Form(w.screen_appeal_new.to_owned(), part)],
        dialogs: Vec::new(),
        shell,
    }
}

/// What the form sends; whatever else a browser adds is overlooked.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Typed {
    evidence: String,
    number: Zeroizing<String>,
    at: String,
    words: String,
}

async fn take(State(app): State<App>, actor: Actor, shell: Shell, Form(typed): Form<Typed>) -> Result<Response> {
    actor.reach(&app, Right::ScreeningAppeal)?;
    let Typed { evidence, number, at, words } = typed;
    let mut input = Intake { evidence, number, at, words };
    let typed = input.clone();
    // A browser's own field knows no zone: it is the clock of the desk.
    if input.at.len() == 16 {
        input.at.push_str(":00+08:00");
    }
    match appeal::take(&app, &actor, input).await {
        Ok(id) => Ok(see_other(&format!("/screening/appeals/{id}?done=submitted"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &intake(shell, &typed, Some(&problem))))
        }
    }
}

fn read_id(text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|_| Problem::new(&crate::screening::code::NOT_FOUND).into())
}

async fn one(State(app): State<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, read_id(&id)?, None).await?))
}

async fn detail(app: &App, actor: &Actor, shell: Shell, id: Uuid, refused: Option<(&str, &str, &Problem)>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let found = appeal::find(app, actor, id).await?;
    let steps = [
        ("uphold", w.appeal_uphold, w.appeal_uphold_lead, Right::ScreeningManage, false),
        ("reject", w.appeal_reject, w.appeal_reject_lead, Right::ScreeningManage, true),
        ("withdraw", w.appeal_withdraw, w.appeal_withdraw_lead, Right::ScreeningAppeal, false),
    ];
    let mut dialogs = Vec::new();
    for (name, title, lead, right, danger) in steps {
        if found.state != Stands::Open || !may(app, actor, right) {
            continue;
        }
        let typed = refused.filter(|(step, ..)| *step == name);
        let words = Input::new("words", w.note, Field::Area).required().longest(500).hint(w.appeal_words_hint).wide().prefix(name);
        let words = words.value(typed.map_or("", |(_, words, _)| words)).check(typed.map(|(.., problem)| problem), language);
        let form = FormPart::new(w, format!("/screening/appeals/{id}/steps"), title, vec![words]).lead(lead).keep("step", name);
        let form = if danger { form.danger() } else { form };
        let open = typed.is_some_and(|(.., problem)| problem.field.is_some());
        dialogs.push(Dialog { id: format!("step-{name}"), title: title.to_owned(), open, form });
    }
    let mut buttons: Vec<_> = dialogs.iter().map(|dialog| Button::Dialog(dialog.id.clone(), dialog.title.clone())).collect();
    if let Some(evidence) = &found.evidence {
        buttons.push(Button::Page(format!("/screening/verdicts/{evidence}"), w.screen_verdict.to_owned()));
    }
    let mut facts = vec![
        code(w.screen_caller, found.number.clone()),
        fact(w.appeal_called, moment(&found.called)),
        fact(w.screen_rule, rule_name(language, &found.rule)),
        status(w.status, state_tag(w, language, &found)),
        fact(w.appeal_taken, moment(&found.taken)),
        fact(w.appeal_due, moment(&found.due)),
    ];
    if let Some(decided) = &found.decided {
        facts.push(fact(w.appeal_decided, moment(decided)));
    }
    facts.push(fact(w.appeal_words, if found.words.is_empty() { "—".to_owned() } else { found.words.clone() }));
    let notice =
        refused.filter(|(.., problem)| problem.field.is_none()).map(|(.., problem)| Notice { wrong: Wrong::of(problem, language) });
    Ok(DetailPage {
        w,
        title: format!("{} {}", w.screen_appeal, found.number),
        trail: trail(w, w.screening_appeals, "/screening/appeals"),
        tags: vec![state_tag(w, language, &found)],
        lead: String::new(),
        buttons,
        tabs: None,
        notice,
        revealed: None,
        sections: vec![Section::Facts(w.screen_appeal.to_owned(), Facts { facts })],
        dialogs,
        shell,
    })
}

/// A step on an appeal, as its form sends it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Posted {
    step: String,
    words: String,
}

async fn settle(
    State(app): State<App>,
    actor: Actor,
    shell: Shell,
    Path(id): Path<String>,
    Form(posted): Form<Posted>,
) -> Result<Response> {
    let id = read_id(&id)?;
    let step = match posted.step.as_str() {
        "uphold" => Ok(Step::Uphold),
        "reject" => Ok(Step::Reject),
        "withdraw" => Ok(Step::Withdraw),
        _ => Err(Problem::new(&crate::screening::code::FIELD_INVALID).with("field", "step").into()),
    };
    let done = match step {
        Ok(step) => appeal::settle(&app, &actor, id, step, &posted.words).await,
        Err(failure) => Err(failure),
    };
    match done {
        Ok(_) => Ok(see_other(&format!("/screening/appeals/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            let refused = Some((posted.step.as_str(), posted.words.as_str(), &problem));
            Ok(page_refused(&problem, &detail(&app, &actor, shell, id, refused).await?))
        }
    }
}
