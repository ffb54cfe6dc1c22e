//! 清查页面: the sweeps, one with its progress, its work list, and the result of a line.

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
use uuid::Uuid;

use super::{Checked, Finding, Outcome, Plan, Progress, Stage, Sweep, Work};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        web::{
            chart::Bar,
            form::{Choice, Input, Kind as Field, Notice, Wrong, notice},
            frame::shown,
            list::{self, Asked, Fields, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Section},
            parts::{Empty, Facts, Tag, Tone, code, fact},
            see_other,
            shell::Shell,
            table::{Act, Address, BatchAct, Cell, Column, Line, Table, Tool},
        },
        words::{Words, fill},
    },
    registration::page::{city_choices, region_name},
    resources::{
        Defect, Industry, Kind, Refusal,
        page::{Pairs, choices, read_id, said, state_tag, value},
    },
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/ledger/sweeps", get(sweeps))
        .route("/ledger/sweeps/new", get(new).post(plan))
        .route("/ledger/sweeps/{id}", get(one))
        .route("/ledger/sweeps/{id}/closure", post(close))
        .route("/ledger/sweeps/{id}/{resource}", get(line_page).post(check))
        .route("/ledger/checks", get(checks))
}

fn stage_tag(w: &Words, language: Language, sweep: &Sweep, today: jiff::civil::Date) -> Tag {
    match sweep.stage {
        Stage::Closed => Tag::new(Tone::Good, said(language, sweep.stage.words())),
        Stage::Running if sweep.ends < today => Tag::new(Tone::Warning, w.sweep_late),
        Stage::Running => Tag::new(Tone::Active, said(language, sweep.stage.words())),
    }
}

fn outcome_tag(language: Language, outcome: Outcome) -> Tag {
    let tone = match outcome {
        Outcome::Open => Tone::Active,
        Outcome::Clean => Tone::Good,
        Outcome::Defective => Tone::Bad,
        Outcome::Gone => Tone::Quiet,
    };
    Tag::new(tone, said(language, outcome.words()))
}

fn place_name(app: &App, w: &'static Words, language: Language, region: &str) -> String {
    if region.is_empty() { w.everywhere.to_owned() } else { region_name(app, language, region) }
}

fn share(done: i64, all: i64) -> Bar {
    let share = if all > 0 { done as f64 / all as f64 } else { 1.0 };
    Bar::new(format!("{done} / {all}"), share, if done == all { Tone::Good } else { Tone::Active })
}

/// 清查, as a list.
pub struct Sweeps;

impl Listing for Sweeps {
    fn path(&self) -> &'static str {
        "/ledger/sweeps"
    }

    fn id(&self) -> &'static str {
        "sweeps"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.sweeps
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.sweeps_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["stage"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("name", w.sweep_name),
            Column::keyed("region", w.region),
            Column::keyed("industries", w.ledger_industry),
            Column::keyed("days", w.sweep_days),
            Column::keyed("lead", w.ledger_owner_short),
            Column::keyed("progress", w.sweep_progress),
            Column::keyed("state", w.status),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let stages = choices(Stage::ALL, Some(look.w.all), Stage::as_str, |one| said(look.language, one.words()));
        vec![asked.fill(Input::select("stage", look.w.status, stages))]
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let after = window.after.as_deref().and_then(|after| Uuid::try_parse(after).ok());
            let stage = Stage::parse(asked.get("stage"));
            let rows = super::list(&look.app, &look.actor, stage, after, i64::from(window.limit) + 1).await?;
            Ok(Found::page(rows, window.limit, None, |row| sweep_line(look, row), |(sweep, ..)| sweep.id.to_string()))
        })
    }

    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.sweeps_empty.into(), hint: w.sweeps_lead.into(), action: None }
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        let may = look.actor.could(&look.app, Action::LedgerSweep);
        may.then(|| ("/ledger/sweeps/new".to_owned(), look.w.sweep_new.to_owned())).into_iter().collect()
    }
}

fn sweep_line(look: &Look, (sweep, lines, done): &(Sweep, i64, i64)) -> Line {
    let (w, language) = (look.w, look.language);
    let href = format!("/ledger/sweeps/{}", sweep.id);
    Line {
        id: sweep.id.to_string(),
        cells: vec![
            Cell::Link(href.clone(), sweep.name.clone()),
            Cell::Text(place_name(&look.app, w, language, &sweep.region)),
            Cell::Text(industries(w, language, sweep)),
            Cell::Text(format!("{} – {}", sweep.starts, sweep.ends)),
            Cell::Code(sweep.lead.clone()),
            Cell::Bar(share(*done, *lines)),
            Cell::Tag(stage_tag(w, language, sweep, look.app.clock.now().day())),
            Cell::Actions(vec![Act::page(w.open, &sweep.name, href)]),
        ],
        current: false,
    }
}

fn industries(w: &'static Words, language: Language, sweep: &Sweep) -> String {
    sweep.industries.iter().map(|one| said(language, one.words())).collect::<Vec<_>>().join(w.comma)
}

async fn sweeps(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Sweeps, &app, &actor, shell, &uri).await
}

/// 工作清单, as a list: of one sweep, named in the address.
pub struct Checks;

fn sweep_of(asked: &Asked) -> Option<Uuid> {
    Uuid::try_parse(asked.get("sweep")).ok()
}

impl Listing for Checks {
    fn path(&self) -> &'static str {
        "/ledger/checks"
    }

    fn id(&self) -> &'static str {
        "checks"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.sweep_work
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.sweep_work_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["sweep", "result", "industry", "city"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("code", w.ledger_code),
            Column::keyed("subject", w.ledger_subject),
            Column::keyed("industry", w.ledger_industry),
            Column::keyed("region", w.region),
            Column::keyed("result", w.sweep_result),
            Column::keyed("defects", w.ledger_defects),
            Column::keyed("checked", w.sweep_checked).moment(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let (w, language) = (look.w, look.language);
        vec![
            Input::select("result", w.sweep_result, choices(Outcome::ALL, Some(w.all), Outcome::as_str, |one| said(language, one.words()))),
            Input::select(
                "industry",
                w.ledger_industry,
                choices(Industry::ALL, Some(w.all), Industry::as_str, |one| said(language, one.words())),
            ),
            Input::select("city", w.region, city_choices(&look.app, language, w, &look.actor.region)),
        ]
        .into_iter()
        .map(|input| asked.fill(input))
        .collect()
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let work = Work {
                sweep: sweep_of(asked),
                outcome: Outcome::parse(asked.get("result")),
                industry: Industry::parse(asked.get("industry")),
                region: asked.get("city").to_owned(),
                after: window.after.unwrap_or_default(),
                limit: i64::from(window.limit) + 1,
            };
            let sweep = asked.get("sweep").to_owned();
            let (rows, total) = super::work(&look.app, &look.actor, work).await?;
            let total = Some((total.max(0).unsigned_abs(), false));
            Ok(Found::page(rows, window.limit, total, |row| check_line(look, &sweep, row), |row| row.code.clone()))
        })
    }

    fn acts(&self, look: &Look) -> Vec<BatchAct> {
        let may = look.actor.could(&look.app, Action::LedgerSweep);
        may.then(|| BatchAct::new("clean", look.w.sweep_all_clean)).into_iter().collect()
    }

    fn apply<'a>(&'a self, look: &'a Look, _act: &'a str, _form: &'a Fields, id: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let (sweep, resource) = id.split_once('.').ok_or_else(|| refuse(Refusal::NotFound))?;
            let (sweep, resource) = (read_id(sweep)?, read_id(resource)?);
            let (_, before, _) = super::line(&look.app, &look.actor, sweep, resource).await?;
            if before.outcome == Outcome::Clean {
                return Ok(());
            }
            super::check(&look.app, &look.actor, sweep, resource, Finding::Clean).await.map(drop)
        })
    }

    fn page_of(&self, id: &str) -> Option<String> {
        id.split_once('.').map(|(sweep, resource)| format!("/ledger/sweeps/{sweep}/{resource}"))
    }
}

fn check_line(look: &Look, sweep: &str, row: &Checked) -> Line {
    let (w, language) = (look.w, look.language);
    let href = format!("/ledger/sweeps/{sweep}/{}", row.resource);
    let defects = row.defects.iter().map(|one| said(language, one.words())).collect::<Vec<_>>().join(w.comma);
    Line {
        id: format!("{sweep}.{}", row.resource),
        cells: vec![
            Cell::Link(href.clone(), row.code.clone()),
            Cell::Text(row.subject.clone()),
            Cell::Text(said(language, row.industry.words()).to_owned()),
            Cell::Text(region_name(&look.app, language, &row.region)),
            Cell::Tag(outcome_tag(language, row.outcome)),
            if defects.is_empty() { Cell::Text("—".to_owned()) } else { Cell::Two(defects, row.evidence.clone()) },
            row.at.map_or_else(|| Cell::Text("—".to_owned()), |at| Cell::Two(at.display(), row.by.clone())),
            Cell::Actions(vec![Act::page(if row.outcome == Outcome::Open { w.sweep_check } else { w.open }, &row.code, href)]),
        ],
        current: false,
    }
}

async fn checks(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    // Without a sweep there is nothing to check: the sweeps are one step up.
    if sweep_of(&Asked::read(&Checks, &uri)).is_none() {
        actor.reach(&app, Action::LedgerView)?;
        return Ok(see_other("/ledger/sweeps"));
    }
    list::show(&Checks, &app, &actor, shell, &uri).await
}

fn trail(w: &Words) -> Vec<(String, String)> {
    vec![(w.menu_ledger.to_owned(), "/ledger".to_owned()), (w.sweeps.to_owned(), "/ledger/sweeps".to_owned())]
}

async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, read_id(&id)?, None).await?))
}

async fn detail(app: &App, actor: &Actor, shell: Shell, id: Uuid, problem: Option<&Problem>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let (sweep, progress) = super::find(app, actor, id).await?;
    let (lines, done) = progress.iter().fold((0, 0), |sum, one| (sum.0 + one.lines, sum.1 + one.done()));
    let work = Address::new("/ledger/checks", [("sweep", id.to_string())]);
    let mut buttons = vec![Button::Page(work.to_string(), w.sweep_work.to_owned())];
    let mut dialogs = Vec::new();
    if sweep.stage == Stage::Running && actor.could(app, Action::LedgerSweep) {
        let form = FormPart::new(w, format!("/ledger/sweeps/{id}/closure"), w.sweep_close, Vec::new()).lead(w.sweep_close_lead);
        buttons.push(Button::Dialog("sweep-close".to_owned(), w.sweep_close.to_owned()));
        dialogs.push(Dialog { id: "sweep-close".to_owned(), title: w.sweep_close.to_owned(), open: false, form });
    }
    let kinds = sweep.kinds.iter().map(|one| said(language, one.words())).collect::<Vec<_>>().join(w.comma);
    let mut facts = vec![
        fact(w.ledger_industry, industries(w, language, &sweep)),
        fact(w.kind, if kinds.is_empty() { w.all.to_owned() } else { kinds }),
        fact(w.region, place_name(app, w, language, &sweep.region)),
        fact(w.sweep_days, format!("{} – {}", sweep.starts, sweep.ends)),
        code(w.ledger_owner, sweep.lead.clone()),
        fact(w.sweep_progress, fill(&fill(w.sweep_done_of, done), lines)),
    ];
    if let Some(at) = sweep.closed_at {
        facts.push(fact(w.sweep_closed_at, at.display()));
    }
    Ok(DetailPage {
        w,
        title: sweep.name.clone(),
        trail: trail(w),
        tags: vec![stage_tag(w, language, &sweep, app.clock.now().day())],
        lead: String::new(),
        buttons,
        tabs: None,
        notice: problem.map(|problem| Notice { wrong: Wrong::of(problem, language) }),
        revealed: None,
        sections: vec![
            Section::Facts(w.sweep_plan.to_owned(), Facts { facts }),
            Section::Table(Box::new(progress_table(app, w, language, &work, &progress))),
        ],
        dialogs,
        shell,
    })
}

/// 进度: by industry and city; every figure leads to its lines.
fn progress_table(app: &App, w: &'static Words, language: Language, work: &Address, progress: &[Progress]) -> Table {
    let lines = progress
        .iter()
        .enumerate()
        .map(|(nth, one)| {
            let here = work.with("industry", one.industry.as_str()).with("city", &one.region);
            let figure = |count: i64, outcome: Outcome| match count {
                0 => Cell::Number("0".to_owned()),
                count => Cell::NumberLink(here.with("result", outcome.as_str()).to_string(), count.to_string()),
            };
            Line {
                id: nth.to_string(),
                cells: vec![
                    Cell::Link(here.to_string(), said(language, one.industry.words()).to_owned()),
                    Cell::Text(region_name(app, language, &one.region)),
                    Cell::Bar(share(one.done(), one.lines)),
                    figure(one.lines - one.done(), Outcome::Open),
                    figure(one.clean, Outcome::Clean),
                    figure(one.defective, Outcome::Defective),
                    figure(one.gone, Outcome::Gone),
                ],
                current: false,
            }
        })
        .collect::<Vec<_>>();
    let outcome = |one: Outcome| Column::number(said(language, one.words()));
    let columns = vec![
        Column::new(w.ledger_industry),
        Column::new(w.region),
        Column::new(w.sweep_progress),
        outcome(Outcome::Open),
        outcome(Outcome::Clean),
        outcome(Outcome::Defective),
        outcome(Outcome::Gone),
    ];
    Table::within(w, "progress", w.sweep_progress, columns, lines, w.none_yet)
}

async fn close(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let id = read_id(&id)?;
    match super::close(&app, &actor, id).await {
        Ok(_) => Ok(see_other(&format!("/ledger/sweeps/{id}?done=changed"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &detail(&app, &actor, shell, id, Some(&problem)).await?))
        }
    }
}

async fn new(Of(app): Of<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.reach(&app, Action::LedgerSweep)?;
    let today = app.clock.now().day();
    let month = today.checked_add(jiff::Span::new().days(30)).unwrap_or(today);
    let mut given = vec![
        ("starts".to_owned(), today.to_string()),
        ("ends".to_owned(), month.to_string()),
        ("lead".to_owned(), actor.number.clone()),
        ("region".to_owned(), actor.region.clone()),
    ];
    given.extend(Industry::ALL.iter().filter(|one| one.is_priority()).map(|one| (one.as_str().to_owned(), "yes".to_owned())));
    Ok(page(&planning(&app, &actor, shell, &given, None)))
}

fn planning(app: &App, actor: &Actor, shell: Shell, form: &Pairs, problem: Option<&Problem>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let mut regions = city_choices(app, language, w, &actor.region);
    // "All" is all of one's own province, or everywhere.
    if let Some(all) = regions.first_mut() {
        *all =
            Choice::new(actor.region.get(..2).unwrap_or_default(), place_name(app, w, language, actor.region.get(..2).unwrap_or_default()));
    }
    if actor.region.len() == 6 {
        regions.retain(|choice| choice.value == actor.region);
    }
    let day = |name: &'static str, label: &str| Input::new(name, label, Field::Line("date")).required();
    // Which of the two a box is about stands with it: industries and kinds follow each other.
    let check = |of: &str, name: &'static str, words| Input::new(name, format!("{of} · {}", said(language, words)), Field::Check);
    let mut fields = vec![
        Input::text("name", w.sweep_name).required().longest(60).hint(w.sweep_name_hint).first(),
        Input::select("region", w.region, regions),
        day("starts", w.sweep_starts),
        day("ends", w.sweep_ends).hint(w.sweep_ends_hint),
        Input::text("lead", w.ledger_owner).required().longest(20).hint(w.ledger_owner_hint),
    ];
    fields.extend(Industry::ALL.iter().map(|one| check(w.ledger_industry, one.as_str(), one.words())));
    fields.extend(Kind::ALL.iter().map(|one| check(w.kind, one.as_str(), one.words())));
    let fields: Vec<_> = fields
        .into_iter()
        .map(|input| {
            let given = value(form, input.name).to_owned();
            input.value(given)
        })
        .map(|input| input.check(problem, language))
        .collect();
    let notice = notice(problem, &fields, language);
    let mut part = FormPart::new(w, "/ledger/sweeps/new", w.sweep_new, fields).lead(w.sweep_new_lead);
    part.cancel = Some(("/ledger/sweeps".to_owned(), w.cancel.to_owned()));
    DetailPage {
        w,
        title: w.sweep_new.to_owned(),
        trail: trail(w),
        tags: Vec::new(),
        lead: String::new(),
        buttons: Vec::new(),
        tabs: None,
        notice,
        revealed: None,
        sections: vec![Section::Form(w.sweep_new.to_owned(), part)],
        dialogs: Vec::new(),
        shell,
    }
}

fn planned(form: &Pairs) -> std::result::Result<Plan, Refusal> {
    let day = |name: &'static str| value(form, name).parse().map_err(|_| Refusal::FieldInvalid(name));
    let ticked = |name: &str| !value(form, name).is_empty();
    Ok(Plan {
        name: value(form, "name").to_owned(),
        region: value(form, "region").to_owned(),
        industries: Industry::ALL.iter().copied().filter(|one| ticked(one.as_str())).collect(),
        kinds: Kind::ALL.iter().copied().filter(|one| ticked(one.as_str())).collect(),
        starts: day("starts")?,
        ends: day("ends")?,
        lead: value(form, "lead").to_owned(),
    })
}

async fn plan(Of(app): Of<App>, actor: Actor, shell: Shell, Form(form): Form<Pairs>) -> Result<Response> {
    actor.reach(&app, Action::LedgerSweep)?;
    let done = match planned(&form) {
        Ok(input) => super::plan(&app, &actor, input).await,
        Err(refusal) => Err(refuse(refusal)),
    };
    match done {
        Ok(sweep) => Ok(see_other(&format!("/ledger/sweeps/{}?done=saved", sweep.id))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &planning(&app, &actor, shell, &form, Some(&problem))))
        }
    }
}

fn both(id: &str, resource: &str) -> Result<(Uuid, Uuid)> {
    Ok((read_id(id)?, read_id(resource)?))
}

async fn line_page(Of(app): Of<App>, actor: Actor, shell: Shell, Path((id, resource)): Path<(String, String)>) -> Result<Response> {
    Ok(page(&checking(&app, &actor, shell, both(&id, &resource)?, &Vec::new(), None).await?))
}

async fn checking(
    app: &App,
    actor: &Actor,
    shell: Shell,
    (id, resource): (Uuid, Uuid),
    form: &Pairs,
    problem: Option<&Problem>,
) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let (sweep, checked, line) = super::line(app, actor, id, resource).await?;
    let callers = line.callers.iter().map(crate::resources::Caller::as_str).collect::<Vec<_>>().join(", ");
    let mut facts = vec![
        fact(w.ledger_subject, checked.subject.clone()),
        fact(w.ledger_industry, said(language, checked.industry.words())),
        fact(w.ledger_purpose, said(language, line.purpose.words())),
        fact(w.ledger_direction, said(language, line.direction.words())),
        code(w.ledger_callers, if callers.is_empty() { "—".to_owned() } else { callers }),
        fact(w.ledger_access_point, line.access_point.clone()),
        fact(w.ledger_unit, line.unit.clone()),
        code(w.ledger_owner, line.owner.clone()),
    ];
    facts.extend(checked.defects.iter().map(|one| fact(w.ledger_defects, said(language, one.words()))));
    if let Some(at) = checked.at {
        facts.push(fact(w.sweep_checked, format!("{} {}", at.display(), checked.by)));
    }
    if !checked.evidence.is_empty() {
        facts.push(fact(w.ledger_evidence, checked.evidence.clone()));
    }
    let mut sections = vec![Section::Facts(w.ledger_terms.to_owned(), Facts { facts })];
    let mut shown_notice = problem.map(|problem| Notice { wrong: Wrong::of(problem, language) });
    let may = actor.could(app, Action::LedgerSweep) && sweep.stage == Stage::Running && checked.outcome == Outcome::Open;
    if may {
        let outcomes: &[Outcome] = if line.in_service() { &[Outcome::Clean, Outcome::Defective] } else { &[Outcome::Gone] };
        let results = outcomes.iter().map(|one| Choice::new(one.as_str(), said(language, one.words()))).collect();
        let mut fields = vec![Input::new("result", w.sweep_result, Field::Radio(results)).required().wide()];
        if line.in_service() {
            fields.extend(Defect::ALL.iter().map(|one| Input::new(one.as_str(), said(language, one.words()), Field::Check)));
            fields.push(Input::new("evidence", w.ledger_evidence, Field::Area).longest(200).hint(w.ledger_evidence_hint).wide());
        }
        let fields: Vec<_> = fields
            .into_iter()
            .map(|input| {
                let given = value(form, input.name).to_owned();
                input.value(given)
            })
            .map(|input| input.check(problem, language))
            .collect();
        shown_notice = notice(problem, &fields, language);
        let part = FormPart::new(w, format!("/ledger/sweeps/{id}/{resource}"), w.sweep_check, fields).lead(w.sweep_check_lead);
        sections.push(Section::Form(w.sweep_check.to_owned(), part));
    }
    let mut trail = trail(w);
    trail.push((sweep.name.clone(), Address::new("/ledger/checks", [("sweep", id.to_string())]).to_string()));
    Ok(DetailPage {
        w,
        title: line.code.clone(),
        trail,
        tags: vec![outcome_tag(language, checked.outcome), state_tag(language, line.state)],
        lead: [said(language, line.kind.words()), region_name(app, language, &line.region).as_str()].join(" · "),
        buttons: vec![Button::Page(format!("/ledger/{resource}"), w.ledger_line.to_owned())],
        tabs: None,
        notice: shown_notice,
        revealed: None,
        sections,
        dialogs: Vec::new(),
        shell,
    })
}

async fn check(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    Path((id, resource)): Path<(String, String)>,
    Form(form): Form<Pairs>,
) -> Result<Response> {
    let (id, resource) = both(&id, &resource)?;
    let finding = match value(&form, "result") {
        "clean" => Some(Finding::Clean),
        "gone" => Some(Finding::Gone),
        "defective" => Some(Finding::Defective {
            defects: Defect::ALL.iter().copied().filter(|one| !value(&form, one.as_str()).is_empty()).collect(),
            evidence: value(&form, "evidence").to_owned(),
        }),
        _ => None,
    };
    let done = match finding {
        Some(finding) => super::check(&app, &actor, id, resource, finding).await,
        None => Err(refuse(Refusal::FieldInvalid("result"))),
    };
    match done {
        Ok(_) => Ok(see_other(
            &Address::new("/ledger/checks", [("sweep", id.to_string())]).with("result", "open").with("done", "saved").to_string(),
        )),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &checking(&app, &actor, shell, (id, resource), &form, Some(&problem)).await?))
        }
    }
}
