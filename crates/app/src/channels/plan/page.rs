//! 走访计划页面: the list by day, the form that plans, one plan with what may be done to it.

use axum::{
    Form, Router,
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
use jiff::civil::Date;
use uuid::Uuid;

use super::{Asked as Step, Filter, Listed, NewPlan, Refusal, State};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        web::{
            form::{Choice, Input, Kind as Field, Notice, Wrong, notice},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Refused, Section},
            parts::{Empty, Facts, Tag, Tone, code, fact, status},
            see_other,
            shell::Shell,
            table::{Act, Cell, Column, Line, Tool},
        },
        words::{Words, said},
    },
    registration::page::{city_choices, region_name},
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/visits", get(list))
        .route("/visits/new", get(new).post(create))
        .route("/visits/{id}", get(one))
        .route("/visits/{id}/steps", post(step))
}

/// 走访计划, as a list.
pub struct Visits;

/// A kind of visit in words.
pub fn kind_words<'w>(w: &'w Words, kind: &str) -> &'w str {
    if kind == "mystery" { w.visit_mystery } else { w.visit_kind }
}

/// A state as a status.
pub fn state_tag(language: Language, state: State) -> Tag {
    let tone = match state {
        State::Planned => Tone::Active,
        State::Done => Tone::Good,
        State::Missed => Tone::Bad,
        State::Withdrawn => Tone::Quiet,
    };
    Tag::new(tone, said(language, state.words()))
}

/// `2026-12-01.0198…`
pub(super) fn read_cursor(text: &str) -> Option<(Date, Uuid)> {
    let (day, id) = text.split_once('.')?;
    Some((day.parse().ok()?, id.parse().ok()?))
}

impl Listing for Visits {
    fn path(&self) -> &'static str {
        "/visits"
    }

    fn id(&self) -> &'static str {
        "visits"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.visit_plans
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.visit_plans_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["state", "city", "from", "until", "mine"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("day", w.visit_day),
            Column::keyed("outlet", w.channel_code),
            Column::keyed("region", w.region),
            Column::keyed("kind", w.kind),
            Column::keyed("staff", w.visit_staff),
            Column::keyed("state", w.status),
            Column::keyed("made", w.visit_made).moment(),
            Column::keyed("result", w.visit_result),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let (w, language) = (look.w, look.language);
        let mut states = vec![Choice::new("", w.visit_open), Choice::new("all", w.all)];
        states.extend(State::ALL.iter().map(|one| Choice::new(one.as_str(), said(language, one.words()))));
        vec![
            Input::select("state", w.status, states),
            Input::select("city", w.region, city_choices(&look.app, language, w, &look.actor.region)),
            Input::new("from", w.remediation_from, Field::Line("date")),
            Input::new("until", w.remediation_until, Field::Line("date")),
            Input::new("mine", w.remediation_mine, Field::Check),
        ]
        .into_iter()
        .map(|input| asked.fill(input))
        .collect()
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let states = match asked.get("state") {
                "" => vec![State::Planned, State::Missed],
                text => State::parse(text).into_iter().collect(),
            };
            let filter = Filter {
                region: asked.get("city").to_owned(),
                states,
                staff: (!asked.get("mine").is_empty()).then_some(look.actor.staff),
                from: asked.day("from"),
                until: asked.day("until"),
                after: window.after.as_deref().and_then(read_cursor),
                limit: i64::from(window.limit) + 1,
            };
            let rows = super::list(&look.app, &look.actor, filter).await?;
            Ok(Found::page(rows, window.limit, None, |row| line(look, row), |row| format!("{}.{}", row.plan.day, row.plan.id)))
        })
    }

    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.nothing_found.into(), hint: w.visit_none.into(), action: None }
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        let mut tools = Vec::new();
        if look.actor.could(&look.app, Action::ChannelPlan) {
            tools.push(("/visits/new".to_owned(), look.w.visit_plan.to_owned()));
        }
        tools.push(("/channels".to_owned(), look.w.menu_channels.to_owned()));
        tools
    }

    fn page_of(&self, id: &str) -> Option<String> {
        Some(format!("/visits/{id}"))
    }
}

fn named(language: Language, row: &Listed) -> &str {
    match language {
        Language::Chinese => &row.zh,
        Language::English => &row.en,
    }
}

fn line(look: &Look, row: &Listed) -> Line {
    let (w, language, plan) = (look.w, look.language, &row.plan);
    let href = format!("/visits/{}", plan.id);
    let (made, result) = match &row.made {
        Some((at, passed, _)) => (at.display(), if *passed { w.visit_passed } else { w.visit_failed }),
        None => ("—".to_owned(), "—"),
    };
    Line {
        id: plan.id.to_string(),
        cells: vec![
            Cell::Link(href.clone(), plan.day.to_string()),
            Cell::LinkTwo(format!("/channels/{}", plan.channel), row.code.clone(), named(language, row).to_owned()),
            Cell::Text(region_name(&look.app, language, &plan.region)),
            Cell::Text(kind_words(w, &plan.kind).to_owned()),
            Cell::Code(row.number.clone()),
            Cell::Tag(state_tag(language, plan.state)),
            Cell::Text(made),
            Cell::Text(result.to_owned()),
            Cell::Actions(vec![Act::page(w.open, &row.code, href)]),
        ],
        current: false,
    }
}

async fn list(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Visits, &app, &actor, shell, &uri).await
}

type Pairs = Vec<(String, String)>;

fn value<'f>(form: &'f Pairs, name: &str) -> &'f str {
    form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
}

fn parts(text: &str) -> Vec<String> {
    text.split([',', '，', '、', ';', '\n', ' ']).map(str::trim).filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
}

fn below(shell: Shell, title: String, sections: Vec<Section>) -> DetailPage {
    let w = shell.w;
    DetailPage {
        w,
        title,
        trail: vec![(w.menu_channels.to_owned(), "/channels".to_owned()), (w.visit_plans.to_owned(), "/visits".to_owned())],
        tags: Vec::new(),
        lead: String::new(),
        buttons: Vec::new(),
        tabs: None,
        notice: None,
        revealed: None,
        sections,
        dialogs: Vec::new(),
        shell,
    }
}

async fn new(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    actor.reach(&app, Action::ChannelPlan)?;
    // A page that leads here names the outlet, the city or the day it is about.
    let asked = axum::extract::Query::<Pairs>::try_from_uri(&uri).map(|query| query.0).unwrap_or_default();
    Ok(page(&planning(&app, &actor, shell, &asked, None)))
}

fn planning(app: &App, actor: &Actor, shell: Shell, form: &Pairs, problem: Option<&Problem>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let date = |name: &'static str, label: &str| Input::new(name, label, Field::Line("date"));
    let kinds = vec![Choice::new("visit", w.visit_kind), Choice::new("mystery", w.visit_mystery)];
    let mut fields = vec![
        Input::text("outlets", w.visit_outlets).longest(400).hint(w.visit_outlets_hint).wide().first(),
        Input::select("region", w.region, city_choices(app, language, w, &actor.region)).hint(w.visit_region_hint),
        date("since", w.visit_since).hint(w.visit_since_hint),
        Input::select("kind", w.kind, kinds).required(),
        Input::text("staff", w.visit_staff).required().hint(w.remediation_staff_hint).longest(400),
        date("from", w.remediation_from).required(),
        date("until", w.remediation_until).required().hint(w.visit_until_hint),
        Input::text("each", w.visit_each).required().inputmode("numeric").value("3").hint(w.visit_each_hint),
    ];
    for input in &mut fields {
        let typed = value(form, input.name);
        if !typed.is_empty() {
            typed.clone_into(&mut input.value);
        }
    }
    let fields: Vec<Input> = fields.into_iter().map(|input| input.check(problem, language)).collect();
    let above = notice(problem, &fields, language);
    let part = FormPart { notice: above, ..FormPart::new(w, "/visits/new", w.visit_plan, fields).lead(w.visit_plan_lead) };
    let part = FormPart { cancel: Some(("/visits".to_owned(), w.cancel.to_owned())), ..part };
    below(shell, w.visit_plan.to_owned(), vec![Section::Form(w.visit_plan.to_owned(), part)])
}

async fn create(Of(app): Of<App>, actor: Actor, shell: Shell, Form(form): Form<Pairs>) -> Result<Response> {
    actor.reach(&app, Action::ChannelPlan)?;
    let region = value(&form, "region");
    let input = NewPlan {
        outlets: parts(value(&form, "outlets")),
        // All of one's own region, where no city is chosen.
        region: if region.is_empty() { actor.region.clone() } else { region.to_owned() },
        since: value(&form, "since").to_owned(),
        kind: value(&form, "kind").to_owned(),
        staff: parts(value(&form, "staff")),
        from: value(&form, "from").to_owned(),
        until: value(&form, "until").to_owned(),
        each: value(&form, "each").parse().unwrap_or(0),
    };
    match super::plan(&app, &actor, input).await {
        Ok(_) => Ok(see_other("/visits?done=saved")),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &planning(&app, &actor, shell, &form, Some(&problem))))
        }
    }
}

fn read_id(text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|_| refuse(Refusal::NotFound))
}

async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let found = super::find(&app, &actor, read_id(&id)?).await?;
    Ok(page(&detail(&app, &actor, shell, &found, None)))
}

fn detail(app: &App, actor: &Actor, shell: Shell, found: &Listed, refused: Option<&Refused<'_>>) -> DetailPage {
    let (w, language, plan) = (shell.w, shell.language, &found.plan);
    let mut facts = vec![
        fact(w.visit_day, plan.day.to_string()),
        crate::platform::web::parts::Fact {
            label: w.channel_code.to_owned(),
            value: crate::platform::web::parts::Value::Link(format!("/channels/{}", plan.channel), found.code.clone()),
        },
        fact(w.region, region_name(app, language, &plan.region)),
        fact(w.kind, kind_words(w, &plan.kind)),
        code(w.visit_staff, found.number.clone()),
    ];
    if let Some((at, passed, finding)) = &found.made {
        let (tone, words) = if *passed { (Tone::Good, w.visit_passed) } else { (Tone::Bad, w.visit_failed) };
        facts.push(fact(w.visit_made, at.display()));
        facts.push(status(w.visit_result, Tag::new(tone, words)));
        facts.push(fact(w.visit_finding, finding.clone()));
    }
    let dialogs = dialogs(app, actor, w, found, refused);
    let mut built = below(shell, named(language, found).to_owned(), vec![Section::Facts(w.visit_plans.to_owned(), Facts { facts })]);
    built.tags = vec![state_tag(language, plan.state)];
    built.lead = [plan.day.to_string().as_str(), kind_words(w, &plan.kind)].join(" · ");
    built.buttons = dialogs.iter().map(|dialog| Button::Dialog(dialog.id.clone(), dialog.title.clone())).collect();
    let untold = refused.and_then(|refused| refused.untold(&dialogs));
    built.notice = untold.map(|problem| Notice { wrong: Wrong::of(problem, language) });
    built.dialogs = dialogs;
    built
}

fn dialogs(app: &App, actor: &Actor, w: &'static Words, found: &Listed, refused: Option<&Refused<'_>>) -> Vec<Dialog> {
    let plan = &found.plan;
    let mut dialogs = Vec::new();
    if !matches!(plan.state, State::Planned | State::Missed) {
        return dialogs;
    }
    let mut add = |name: &'static str, title: &str, lead: &str, fields: Vec<Input>, danger: bool| {
        let form = FormPart::new(w, format!("/visits/{}/steps", plan.id), title, fields).lead(lead).keep("version", plan.version);
        dialogs.push(Dialog::step(name, title, if danger { form.danger() } else { form }, refused));
    };
    if actor.staff == plan.staff && actor.could(app, Action::ChannelVisit) && plan.day <= app.clock.now().day() {
        let results = vec![Choice::new("yes", w.visit_passed), Choice::new("no", w.visit_failed)];
        let fields = vec![
            Input::new("passed", w.visit_result, Field::Radio(results)).required(),
            Input::new("finding", w.visit_finding, Field::Area).required().longest(500).wide().hint(w.visit_finding_hint),
        ];
        add("visit", w.visit_record, w.visit_done_lead, fields, false);
    }
    if actor.could(app, Action::ChannelPlan) {
        let day = Input::new("day", w.visit_day, Field::Line("date")).required().value(plan.day.to_string());
        let staff = Input::text("staff", w.visit_staff).longest(20).value(found.number.clone());
        add("move", w.visit_move, w.visit_move_lead, vec![day, staff], false);
        let words = Input::new("words", w.reason, Field::Area).required().longest(200).wide();
        add("withdraw", w.visit_withdraw, w.visit_withdraw_lead, vec![words], true);
    }
    dialogs
}

async fn step(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(form): Form<Pairs>) -> Result<Response> {
    let id = read_id(&id)?;
    let found = super::find(&app, &actor, id).await?;
    let invalid = |field: &'static str| refuse(Refusal::FieldInvalid(field));
    let asked = match (value(&form, "step"), value(&form, "passed")) {
        ("visit", "yes" | "no") => Ok(Step::Visit { passed: value(&form, "passed") == "yes", finding: value(&form, "finding").to_owned() }),
        ("visit", _) => Err(invalid("passed")),
        ("move", _) => Ok(Step::Move { day: value(&form, "day").to_owned(), staff: value(&form, "staff").to_owned() }),
        ("withdraw", _) => Ok(Step::Withdraw),
        _ => Err(invalid("step")),
    };
    let done = match (asked, value(&form, "version").parse()) {
        (Ok(asked), Ok(version)) => super::step(&app, &actor, id, version, asked, value(&form, "words").to_owned()).await,
        (Err(failure), _) => Err(failure),
        (_, Err(_)) => Err(invalid("version")),
    };
    match done {
        Ok(_) => Ok(see_other(&format!("/visits/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            let refused = Refused { step: value(&form, "step"), typed: &form, problem: &problem, language: shell.language };
            Ok(page_refused(&problem, &detail(&app, &actor, shell, &found, Some(&refused))))
        }
    }
}
