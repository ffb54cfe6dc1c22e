// long: two lists and two detail pages that share their tags, tables and dialogs
//! 补登页面: campaigns, one campaign, cases, one case. Everything is a form or a link: it works without JavaScript.

use std::collections::BTreeMap;

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

use super::{
    Case, Refusal,
    campaign::{self, Publicity, State as Runs},
    case::{Medium, Stage, State, Wait},
    clock::Simulation,
    desk::{self, Asked as Step, CaseFile, NewCampaign, PROTECTED, TargetInput, Whole},
    http,
    kind::Kind,
    table::{Filter, metric},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        web::{
            chart::Bar,
            form::{Choice, Input, Kind as Field, Notice, Wrong},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Section},
            parts::{Empty, Fact, Facts, Moment, Tag, Timeline, Tone, code, fact, status},
            see_other,
            shell::Shell,
            table::{Act, Cell, Column, Line, Pager, Table, Tool, thousands},
        },
        words::Words,
    },
    registration::page::{city_choices, region_name},
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/remediation", get(campaigns))
        .route("/remediation/new", get(new).post(create))
        .route("/remediation/cases", get(cases))
        .route("/remediation/cases/{id}", get(one_case))
        .route("/remediation/cases/{id}/steps", post(case_step))
        .route("/remediation/{id}", get(one))
        .route("/remediation/{id}/steps", post(step))
}

fn said(language: Language, words: (&'static str, &'static str)) -> &'static str {
    match language {
        Language::Chinese => words.0,
        Language::English => words.1,
    }
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

/// 批次, as a list.
pub struct Campaigns;

impl Listing for Campaigns {
    fn path(&self) -> &'static str {
        "/remediation"
    }

    fn id(&self) -> &'static str {
        "remediation"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_remediation
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.remediation_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["state"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("name", w.remediation_campaign),
            Column::keyed("region", w.region),
            Column::keyed("from", w.remediation_from),
            Column::keyed("until", w.remediation_until),
            Column::keyed("lines", w.remediation_lines).figures(),
            Column::keyed("restored", w.remediation_restored).figures(),
            Column::keyed("stopped", w.remediation_stopped).figures(),
            Column::keyed("state", w.status),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let language = look.language;
        let states = choices(Runs::ALL, Some(look.w.all), Runs::as_str, |one| said(language, one.words()));
        vec![asked.fill(Input::select("state", look.w.status, states))]
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let before = window.after.as_deref().and_then(|text| text.parse().ok());
            let limit = window.limit as usize;
            let mut rows = desk::campaigns(&look.app, &look.actor, Runs::parse(asked.get("state")), before, limit as i64 + 1).await?;
            let more = rows.len() > limit;
            rows.truncate(limit);
            Ok(Found {
                next: rows.last().filter(|_| more).map(|(last, _)| last.id.to_string()),
                total: Some((rows.len() as u64, more)),
                lines: rows
                    .iter()
                    .map(|(one, counts)| {
                        let sum = |wanted: &dyn Fn(State) -> bool| -> i64 {
                            let fits = |number: i64| State::from_i64(number).is_some_and(wanted);
                            counts.iter().filter(|count| fits(count.metric)).map(|count| count.value).sum()
                        };
                        let (w, href) = (look.w, format!("/remediation/{}", one.id));
                        Line {
                            id: one.id.to_string(),
                            cells: vec![
                                Cell::Link(href.clone(), one.name.clone()),
                                Cell::Text(whole_region(&look.app, look.language, w, &one.region)),
                                Cell::Code(one.from.to_string()),
                                Cell::Code(one.until.to_string()),
                                Cell::NumberLink(format!("/remediation/cases?campaign={}", one.id), count(sum(&|_| true))),
                                Cell::Number(count(sum(&|state| state == State::Restored))),
                                Cell::Number(count(sum(&|state| state.is_stopped()))),
                                Cell::Tag(runs_tag(look.language, one.state)),
                                Cell::Actions(vec![Act::page(w.open, &one.name, href)]),
                            ],
                            current: false,
                        }
                    })
                    .collect(),
            })
        })
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        let mut tools = Vec::new();
        if look.actor.could(&look.app, Action::RemediationManage) {
            tools.push(("/remediation/new".to_owned(), look.w.remediation_new.to_owned()));
        }
        tools.push(("/remediation/cases".to_owned(), look.w.remediation_cases.to_owned()));
        tools
    }
}

fn whole_region(app: &App, language: Language, w: &'static Words, region: &str) -> String {
    if region.is_empty() { w.all.to_owned() } else { region_name(app, language, region) }
}

/// 工单, as a list.
pub struct Cases;

impl Listing for Cases {
    fn path(&self) -> &'static str {
        "/remediation/cases"
    }

    fn id(&self) -> &'static str {
        "remediation_cases"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.remediation_cases
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.remediation_cases_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["campaign", "state", "kind", "city", "mine"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("case", w.remediation_case),
            Column::keyed("kind", w.kind),
            Column::keyed("region", w.region),
            Column::keyed("state", w.status),
            Column::keyed("since", w.remediation_since).moment(),
            Column::keyed("due", w.remediation_due).moment(),
            Column::keyed("wait", w.remediation_wait),
            Column::keyed("contacts", w.remediation_contacts).figures(),
            Column::keyed("complaints", w.remediation_complaints).figures(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let (w, language) = (look.w, look.language);
        vec![
            Input::select("state", w.status, choices(State::ALL, Some(w.all), State::as_str, |one| said(language, one.words()))),
            Input::select("kind", w.kind, choices(&Kind::ALL, Some(w.all), Kind::as_str, |one| kind_words(w, one))),
            Input::select("city", w.region, city_choices(&look.app, language, w, &look.actor.region)),
            Input::new("campaign", w.remediation_campaign, Field::Line("search")),
            Input::new("mine", w.remediation_mine, Field::Check),
        ]
        .into_iter()
        .map(|input| asked.fill(input))
        .collect()
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let campaign = match asked.get("campaign") {
                "" => None,
                // A text that is no id finds nothing rather than everything.
                text => Some(text.parse().unwrap_or(Uuid::nil())),
            };
            let filter = Filter {
                region: asked.get("city").to_owned(),
                campaign,
                state: State::parse(asked.get("state")),
                kind: Kind::parse(asked.get("kind")),
                worker: (!asked.get("mine").is_empty()).then_some(look.actor.staff),
                after: window.after.as_deref().and_then(|text| text.parse().ok()),
                limit: i64::from(window.limit) + 1,
            };
            let (mut rows, total) = desk::cases(&look.app, &look.actor, filter, window.count).await?;
            let more = rows.len() > window.limit as usize;
            rows.truncate(window.limit as usize);
            Ok(Found {
                next: rows.last().filter(|_| more).map(|last| last.id.to_string()),
                total: Some((total.unsigned_abs(), total >= super::table::COUNT_CAP)),
                lines: rows.iter().map(|row| case_line(look, row)).collect(),
            })
        })
    }
}

fn case_line(look: &Look, one: &Case) -> Line {
    let (w, language) = (look.w, look.language);
    let href = format!("/remediation/cases/{}", one.id);
    let name = short(one.id);
    let wait = if one.wait == Wait::Nothing { "—".to_owned() } else { said(language, one.wait.words()).to_owned() };
    Line {
        id: one.id.to_string(),
        cells: vec![
            Cell::Link(href.clone(), name.clone()),
            Cell::Text(kind_words(w, one.kind).to_owned()),
            Cell::Text(region_name(&look.app, language, &one.region)),
            Cell::Tag(state_tag(language, one.state)),
            Cell::Code(one.since.display()),
            Cell::Code(if one.state.is_over() { "—".to_owned() } else { one.due.display() }),
            Cell::Text(wait),
            Cell::Number(one.contacts.to_string()),
            Cell::Number(one.complaints.to_string()),
            Cell::Actions(vec![Act::page(w.open, name, href)]),
        ],
        current: false,
    }
}

/// The last characters of an id, which are random: enough to tell cases of one page apart.
pub(crate) fn short(id: Uuid) -> String {
    let text = id.simple().to_string();
    text.chars().skip(20).collect::<String>().to_uppercase()
}

async fn campaigns(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Campaigns, &app, &actor, shell, &uri).await
}

async fn cases(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Cases, &app, &actor, shell, &uri).await
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

async fn new(Of(app): Of<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.reach(&app, Action::RemediationManage)?;
    Ok(page(&asking(&app, &actor, shell, &Vec::new(), None)))
}

fn asking(app: &App, actor: &Actor, shell: Shell, form: &Pairs, problem: Option<&Problem>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let date = |name: &'static str, label: &str| Input::new(name, label, Field::Line("date")).required();
    let mut regions = city_choices(app, language, w, &actor.region);
    regions.retain(|choice| !choice.value.is_empty());
    let province: String = actor.region.chars().take(2).collect();
    regions.insert(
        0,
        Choice::new(
            actor.region.clone(),
            if actor.region.len() == 6 { region_name(app, language, &actor.region) } else { format!("{} ({province})", w.all) },
        ),
    );
    let mut fields = vec![
        Input::text("name", w.name).required().longest(60).first(),
        Input::select("region", w.region, regions),
        date("from", w.remediation_from),
        date("until", w.remediation_until),
        date("remind", said(language, Stage::Remind.words())),
        date("suspend", said(language, Stage::Suspend.words())),
        date("reregister", said(language, Stage::Reregister.words())),
        date("cancel", said(language, Stage::Cancel.words())),
        Input::text("stops_per_day", w.remediation_cap).inputmode("numeric").hint(w.remediation_cap_hint),
        Input::text("targets", w.remediation_targets).hint(w.remediation_targets_hint).wide(),
    ];
    fields.extend(Kind::ALL.iter().map(|kind| Input::new(kind.as_str(), kind_words(w, *kind), Field::Check)));
    fields.push(Input::new("auto_pause", w.remediation_auto_pause, Field::Check));
    fields.push(Input::new("numbers", w.remediation_numbers, Field::Area).hint(w.remediation_numbers_hint).wide());
    let fields = fields
        .into_iter()
        .map(|input| {
            let typed = value(form, input.name).to_owned();
            let input = if typed.is_empty() { input } else { input.value(typed) };
            input.check(problem, language)
        })
        .collect();
    let form = FormPart::new(w, "/remediation/new", w.remediation_create, fields).lead(w.remediation_new_lead);
    detail(shell, w.remediation_new.to_owned(), vec![Section::Form(w.remediation_new.to_owned(), form)], problem)
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

/// `2026-10-31 96, 2026-12-31 100`.
fn read_targets(text: &str) -> Result<Vec<TargetInput>> {
    let wrong = || refuse(Refusal::FieldInvalid("targets"));
    let one = |part: &str| {
        let (due, percent) = part.trim().split_once(' ').ok_or_else(wrong)?;
        let percent = percent.trim().trim_end_matches('%').parse().map_err(|_| wrong())?;
        Ok(TargetInput { due: due.to_owned(), percent })
    };
    text.split([',', '，', ';', '\n']).filter(|part| !part.trim().is_empty()).map(one).collect()
}

async fn create(Of(app): Of<App>, actor: Actor, shell: Shell, Form(form): Form<Pairs>) -> Result<Response> {
    actor.reach(&app, Action::RemediationManage)?;
    let until = value(&form, "until");
    let input = read_targets(value(&form, "targets")).map(|targets| NewCampaign {
        name: value(&form, "name").to_owned(),
        region: value(&form, "region").to_owned(),
        kinds: Kind::ALL.into_iter().filter(|kind| !value(&form, kind.as_str()).is_empty()).collect(),
        channels: Vec::new(),
        numbers: parts(value(&form, "numbers")),
        from: value(&form, "from").to_owned(),
        until: until.to_owned(),
        stops_per_day: value(&form, "stops_per_day").parse().unwrap_or(0),
        auto_pause: !value(&form, "auto_pause").is_empty(),
        stages: desk::stages(["remind", "suspend", "reregister", "cancel"].map(|name| value(&form, name)), until),
        targets,
    });
    let done = match input {
        Ok(input) => desk::create(&app, &actor, input).await,
        Err(failure) => Err(failure),
    };
    match done {
        Ok(id) => Ok(see_other(&format!("/remediation/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &asking(&app, &actor, shell, &form, Some(&problem))))
        }
    }
}

async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let whole = desk::whole(&app, &actor, read_id(&id)?).await?;
    Ok(page(&campaign_page(&app, &actor, shell, &whole, None, None)))
}

fn campaign_page(
    app: &App,
    actor: &Actor,
    shell: Shell,
    whole: &Whole,
    simulated: Option<(i64, &Simulation)>,
    problem: Option<&Problem>,
) -> DetailPage {
    let (w, language, of) = (shell.w, shell.language, &whole.campaign);
    let manages = actor.could(app, Action::RemediationManage);
    let mut sections = Vec::new();
    if let Some((size, simulation)) = simulated {
        sections.push(Section::Facts(w.remediation_simulation.to_owned(), Facts { facts: simulation_facts(w, simulation) }));
        if manages && of.state == Runs::Running && simulation.touches > 0 {
            let form = FormPart::new(w, format!("/remediation/{}/steps", of.id), w.remediation_release, Vec::new())
                .keep("step", "release")
                .keep("size", size)
                .keep("touches", simulation.touches)
                .lead(w.remediation_release_lead);
            sections.push(Section::Form(w.remediation_release.to_owned(), form));
        }
    }
    sections.push(Section::Facts(w.remediation_progress.to_owned(), Facts { facts: progress(app, w, language, whole) }));
    sections.push(Section::Table(Box::new(by_kind(w, whole))));
    sections.push(Section::Table(Box::new(plan_table(app, w, language, whole))));
    let dialogs = if manages { campaign_dialogs(w, language, whole) } else { Vec::new() };
    let mut built = detail(shell, of.name.clone(), sections, problem);
    built.tags = vec![runs_tag(language, of.state)];
    built.lead = format!("{} · {} → {}", whole_region(app, language, w, &of.region), of.from, of.until);
    built.buttons = dialogs.iter().map(|dialog| Button::Dialog(dialog.id.clone(), dialog.title.clone())).collect();
    built.dialogs = dialogs;
    built
}

fn simulation_facts(w: &'static Words, one: &Simulation) -> Vec<Fact> {
    vec![
        fact(w.remediation_in_scope, count(one.in_scope)),
        fact(w.remediation_claimed, count(one.claimed)),
        fact(w.remediation_protected, count(one.protected)),
        fact(w.remediation_touches, count(one.touches)),
        fact(w.remediation_stops_before_30, count(one.stops_before_day_30)),
        fact(w.remediation_first_stop_day, one.first_stop_day.to_string()),
        match &one.first_stop {
            Some(at) => code(w.remediation_first_stop, at.clone()),
            None => status(w.remediation_first_stop, Tag::new(Tone::Warning, w.remediation_no_calendar)),
        },
        fact(w.remediation_days_of_stops, count(one.days_of_stops)),
    ]
}

fn progress(app: &App, w: &'static Words, language: Language, whole: &Whole) -> Vec<Fact> {
    let sum = |wanted: &dyn Fn(State) -> bool| -> i64 {
        let fits = |number: i64| State::from_i64(number).is_some_and(wanted);
        whole.standing.iter().filter(|one| fits(one.metric)).map(|one| one.value).sum()
    };
    let flow = |wanted: i64| whole.flow.iter().filter(|one| one.metric == wanted).map(|one| one.value).sum::<i64>();
    let (all, restored) = (sum(&|_| true), sum(&|state| state == State::Restored));
    let planned = campaign::planned_percent(&whole.targets, whole.campaign.from, app.clock.now().day());
    let percent = if all > 0 { restored * 1_000 / all } else { 0 };
    let complaints = flow(metric::COMPLAINTS);
    let mut facts = vec![
        fact(w.remediation_done, format!("{} / {} ({}.{} %)", count(restored), count(all), percent / 10, percent % 10)),
        status(w.remediation_planned, Tag::new(if percent >= planned * 10 { Tone::Good } else { Tone::Warning }, format!("{planned} %"))),
        fact(w.remediation_contacts, format!("{} / {}", count(flow(metric::DELIVERED)), count(flow(metric::CONTACTS)))),
        fact(w.remediation_stopped, count(sum(&|state| state.is_stopped()))),
        fact(w.remediation_complaints, count(complaints)),
        fact(w.remediation_cap, count(whole.campaign.stops_per_day)),
        status(
            w.remediation_auto_pause,
            Tag::new(Tone::Quiet, if whole.campaign.auto_pause { w.remediation_on } else { w.remediation_off }),
        ),
        fact(w.remediation_protected, count(whole.protected)),
        fact(w.remediation_visits, format!("{} / {}", count(whole.visits.0), count(whole.visits.1))),
        Fact {
            label: w.remediation_cases.to_owned(),
            value: crate::platform::web::parts::Value::Link(format!("/remediation/cases?campaign={}", whole.campaign.id), count(all)),
        },
    ];
    if whole.campaign.state == Runs::Paused {
        facts.push(status(w.remediation_pause_reason, Tag::new(Tone::Warning, whole.campaign.pause_reason.clone())));
    }
    for (kind, times, pieces) in &whole.publicity {
        facts.push(fact(said(language, kind.words()), format!("{} · {}", count(*times), count(*pieces))));
    }
    for wave in &whole.waves {
        facts.push(fact(
            &format!("{} {}", w.remediation_wave, wave.wave),
            format!("{} / {} · {} {}", count(wave.taken), count(wave.size), w.remediation_refused, count(wave.refused)),
        ));
    }
    facts
}

fn plain_table(w: &'static Words, id: &str, caption: &str, columns: Vec<Column>, lines: Vec<Line>) -> Table {
    Table {
        w,
        id: id.to_owned(),
        caption: caption.to_owned(),
        columns,
        pager: Pager::single(lines.len()),
        lines,
        empty: Empty { title: w.none_yet.to_owned(), hint: String::new(), action: None },
        tools: Vec::new(),
        batch: None,
        state: None,
    }
}

fn by_kind(w: &'static Words, whole: &Whole) -> Table {
    let mut kinds: BTreeMap<i64, BTreeMap<i64, i64>> = BTreeMap::new();
    for one in &whole.standing {
        *kinds.entry(one.kind).or_default().entry(one.metric).or_default() += one.value;
    }
    let columns = vec![
        Column::new(w.kind),
        Column::number(w.remediation_lines),
        Column::number(w.remediation_reminded),
        Column::number(w.remediation_warned),
        Column::number(w.remediation_stopped),
        Column::number(w.remediation_held),
        Column::number(w.remediation_restored),
        Column::new(w.remediation_rate),
    ];
    let lines = Kind::ALL
        .iter()
        .map(|kind| {
            let counts = kinds.remove(&(*kind as i64)).unwrap_or_default();
            let sum = |wanted: &dyn Fn(State) -> bool| -> i64 {
                counts.iter().filter(|(number, _)| State::from_i64(**number).is_some_and(wanted)).map(|(_, value)| *value).sum()
            };
            let (all, restored) = (sum(&|_| true), sum(&|state| state == State::Restored));
            let share = if all > 0 { restored as f64 / all as f64 } else { 0.0 };
            let href = |state: &str| format!("/remediation/cases?campaign={}&kind={}{state}", whole.campaign.id, kind.as_str());
            Line {
                id: kind.as_str().to_owned(),
                cells: vec![
                    Cell::Text(kind_words(w, *kind).to_owned()),
                    Cell::NumberLink(href(""), count(all)),
                    Cell::Number(count(sum(&|state| matches!(state, State::SmsSent | State::Called | State::RemindExpired)))),
                    Cell::Number(count(sum(&|state| state == State::Warned))),
                    Cell::Number(count(sum(&|state| state.is_stopped()))),
                    Cell::NumberLink(href("&state=held"), count(sum(&|state| state == State::Held))),
                    Cell::NumberLink(href("&state=restored"), count(restored)),
                    Cell::Bar(Bar::new(format!("{:.1} %", share * 100.0), share, Tone::Good)),
                ],
                current: false,
            }
        })
        .collect();
    plain_table(w, "kinds", w.remediation_by_kind, columns, lines)
}

fn plan_table(app: &App, w: &'static Words, language: Language, whole: &Whole) -> Table {
    let today = app.clock.now().day();
    let lines = whole
        .plan
        .iter()
        .enumerate()
        .map(|(index, one)| Line {
            id: format!("stage-{index}"),
            cells: vec![
                Cell::Text(said(language, one.stage.words()).to_owned()),
                Cell::Text(whole_region(app, language, w, &one.region)),
                Cell::Code(one.from.to_string()),
                Cell::Code(one.until.to_string()),
                Cell::Tag(match (one.from <= today, one.until < today) {
                    (false, _) => Tag::new(Tone::Quiet, w.remediation_to_come),
                    (true, false) => Tag::new(Tone::Active, w.remediation_current),
                    (true, true) => Tag::new(Tone::Good, w.remediation_over),
                }),
            ],
            current: false,
        })
        .collect();
    let columns = vec![
        Column::new(w.remediation_stage),
        Column::new(w.region),
        Column::new(w.remediation_from),
        Column::new(w.remediation_until),
        Column::new(w.status),
    ];
    plain_table(w, "plan", w.remediation_plan, columns, lines)
}

fn campaign_dialogs(w: &'static Words, language: Language, whole: &Whole) -> Vec<Dialog> {
    let of = &whole.campaign;
    let mut dialogs = Vec::new();
    let mut add = |name: &'static str, title: &str, fields: Vec<Input>, danger: bool| {
        let form = FormPart::new(w, format!("/remediation/{}/steps", of.id), title, fields).keep("step", name).keep("version", of.version);
        let form = if danger { form.danger() } else { form };
        dialogs.push(Dialog { id: format!("step-{name}"), title: title.to_owned(), open: false, form });
    };
    let words = |prefix: &'static str| Input::new("words", w.note, Field::Area).longest(200).wide().prefix(prefix);
    match of.state {
        Runs::Draft => add("start", w.remediation_start, vec![words("start")], false),
        Runs::Running => {
            add("pause", w.remediation_pause, vec![words("pause").required()], false);
            add(
                "simulate",
                w.remediation_simulate,
                vec![Input::text("size", w.remediation_size).required().inputmode("numeric").value("500").prefix("simulate")],
                false,
            );
        }
        Runs::Paused => add("resume", w.remediation_resume, vec![words("resume")], false),
        Runs::Ended => return dialogs,
    }
    add(
        "parcel",
        w.remediation_parcel,
        vec![
            Input::text("staff", w.remediation_staff).required().hint(w.remediation_staff_hint).wide().prefix("parcel"),
            Input::text("each", w.remediation_each).required().inputmode("numeric").value("50").prefix("parcel"),
        ],
        false,
    );
    let kinds = choices(Publicity::ALL, None, Publicity::as_str, |one| said(language, one.words()));
    add(
        "publicise",
        w.remediation_publicise,
        vec![
            Input::select("kind", w.kind, kinds).prefix("publicise"),
            Input::text("pieces", w.remediation_pieces).required().inputmode("numeric").prefix("publicise"),
            Input::text("place", w.remediation_place).required().longest(80).wide().prefix("publicise"),
        ],
        false,
    );
    add(
        "targets",
        w.remediation_targets,
        vec![
            Input::text("targets", w.remediation_targets).required().hint(w.remediation_targets_hint).wide().prefix("targets"),
            words("targets").required(),
        ],
        false,
    );
    add("end", w.remediation_end, vec![words("end").required()], true);
    dialogs
}

async fn step(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(form): Form<Pairs>) -> Result<Response> {
    let id = read_id(&id)?;
    let whole = desk::whole(&app, &actor, id).await?;
    if value(&form, "step") == "simulate" {
        let done = match number(&form, "size") {
            Ok(size) => desk::simulate(&app, &actor, id, size).await.map(|simulation| (size, simulation)),
            Err(failure) => Err(failure),
        };
        return match done {
            Ok((size, simulation)) => Ok(page(&campaign_page(&app, &actor, shell, &whole, Some((size, &simulation)), None))),
            Err(failure) => {
                let problem = shown(failure)?;
                Ok(page_refused(&problem, &campaign_page(&app, &actor, shell, &whole, None, Some(&problem))))
            }
        };
    }
    match take(&app, &actor, id, &form).await {
        Ok(()) => Ok(see_other(&format!("/remediation/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &campaign_page(&app, &actor, shell, &whole, None, Some(&problem))))
        }
    }
}

async fn take(app: &App, actor: &Actor, id: Uuid, form: &Pairs) -> Result<()> {
    let words = value(form, "words").chars().take(200).collect::<String>();
    match value(form, "step") {
        "release" => desk::release(app, actor, id, number(form, "size")?, number(form, "touches")?).await.map(drop),
        "parcel" => desk::parcel(app, actor, id, parts(value(form, "staff")), number(form, "each")?).await.map(drop),
        "publicise" => {
            let kind = Publicity::parse(value(form, "kind")).ok_or_else(|| refuse(Refusal::FieldInvalid("kind")))?;
            desk::publicise(app, actor, id, kind, number(form, "pieces")?, value(form, "place").to_owned()).await
        }
        "targets" => desk::set_targets(app, actor, id, read_targets(value(form, "targets"))?, words).await,
        other => desk::turn(app, actor, id, number(form, "version")?, http::turn_of(other)?, words).await.map(drop),
    }
}

async fn one_case(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let file = desk::case_file(&app, &actor, read_id(&id)?).await?;
    Ok(page(&case_page(&app, &actor, shell, &file, None)))
}

fn case_page(app: &App, actor: &Actor, shell: Shell, file: &CaseFile, problem: Option<&Problem>) -> DetailPage {
    let (w, language, case) = (shell.w, shell.language, &file.case);
    let dialogs = if actor.could(app, Action::RemediationWork) { case_dialogs(w, language, file) } else { Vec::new() };
    let sections = vec![
        Section::Facts(w.remediation_case.to_owned(), Facts { facts: case_facts(app, w, language, file) }),
        Section::Timeline(
            w.remediation_contacts.to_owned(),
            Timeline { empty: w.none_yet.to_owned(), moments: file.contacts.iter().map(|contact| moment(language, contact)).collect() },
        ),
        Section::Table(Box::new(hold_table(w, language, file))),
    ];
    let mut built = detail(shell, format!("{} {}", w.remediation_case, short(case.id)), sections, problem);
    built.trail.push((file.campaign.name.clone(), format!("/remediation/{}", case.campaign)));
    built.tags = vec![state_tag(language, case.state)];
    if file.protected {
        built.tags.push(Tag::new(Tone::Good, w.remediation_protected));
    }
    built.lead = [file.number.as_str(), kind_words(w, case.kind), region_name(app, language, &case.region).as_str()].join(" · ");
    built.buttons = dialogs.iter().map(|dialog| Button::Dialog(dialog.id.clone(), dialog.title.clone())).collect();
    built.dialogs = dialogs;
    built
}

fn moment(language: Language, contact: &super::table::Contact) -> Moment {
    use super::table::ContactResult as R;
    Moment {
        at: contact.at.display(),
        title: format!("{} · {}", said(language, contact.purpose.words()), said(language, contact.medium.words())),
        by: said(language, contact.result.words()).to_owned(),
        note: [contact.result_at.map(|at| at.display()).unwrap_or_default(), contact.receipt.clone().unwrap_or_default()].join(" "),
        tone: match contact.result {
            R::Delivered => Tone::Good,
            R::Failed => Tone::Bad,
            R::Waiting | R::Handed => Tone::Active,
            R::Dropped => Tone::Quiet,
        },
    }
}

fn case_facts(app: &App, w: &'static Words, language: Language, file: &CaseFile) -> Vec<Fact> {
    let case = &file.case;
    let _ = app;
    let dash = |text: &str| if text.is_empty() { "—".to_owned() } else { text.to_owned() };
    let mut facts = vec![
        fact(w.remediation_stage, said(language, case.state.stage().words())),
        fact(w.remediation_since, case.since.display()),
        fact(w.remediation_due, if case.state.is_over() { "—".to_owned() } else { case.due.display() }),
        fact(w.remediation_delivered, format!("{} / {}", file.delivered.contacts, case.contacts)),
        fact(w.remediation_media, file.delivered.media.count_ones().to_string()),
        fact(w.remediation_complaints, case.complaints.to_string()),
        code(w.remediation_owner, dash(&file.owner)),
        code(w.remediation_worker, dash(&file.worker)),
    ];
    if case.wait != Wait::Nothing {
        facts.push(status(w.remediation_wait, Tag::new(Tone::Warning, said(language, case.wait.words()))));
    }
    if let Some(before) = case.before {
        facts.push(status(w.remediation_returns, state_tag(language, before)));
    }
    if let Some(until) = case.exempt_until {
        facts.push(fact(w.remediation_exempt_until, until.display()));
    }
    if let Some(ends) = case.window_ends {
        facts.push(fact(w.remediation_window, ends.display()));
    }
    if let Some(refund) = &file.refund {
        let yuan = format!("¥{}.{:02}", thousands(refund.amount.unsigned_abs() / 100), refund.amount % 100);
        facts.push(fact(w.remediation_refund, format!("{yuan} · {}", said(language, refund.state.words()))));
    }
    facts
}

fn hold_table(w: &'static Words, language: Language, file: &CaseFile) -> Table {
    let lines = file
        .standing
        .holds
        .iter()
        .map(|hold| Line {
            id: hold.id.to_string(),
            cells: vec![
                Cell::Text(said(language, hold.ground.words()).to_owned()),
                Cell::Text(said(language, hold.state.words()).to_owned()),
                Cell::Code(hold.article.clone()),
                Cell::Code(hold.interrupted_until.map_or_else(|| "—".to_owned(), |until| until.display())),
            ],
            current: false,
        })
        .collect();
    let columns = vec![
        Column::new(w.remediation_ground),
        Column::new(w.status),
        Column::new(w.remediation_article),
        Column::new(w.remediation_interrupted),
    ];
    plain_table(w, "holds", w.remediation_holds, columns, lines)
}

/// What may be done to a case as it stands, each as a dialog that asks for what it needs.
fn case_dialogs(w: &'static Words, language: Language, file: &CaseFile) -> Vec<Dialog> {
    let (case, protected) = (&file.case, file.protected);
    let mut dialogs = Vec::new();
    let mut add = |name: &'static str, title: &str, fields: Vec<Input>, danger: bool| {
        let form = FormPart::new(w, format!("/remediation/cases/{}/steps", case.id), title, fields)
            .keep("step", name)
            .keep("version", case.version);
        let form = if danger { form.danger() } else { form };
        dialogs.push(Dialog { id: format!("step-{name}"), title: title.to_owned(), open: false, form });
    };
    let words = |prefix: &'static str| Input::new("words", w.note, Field::Area).longest(200).wide().prefix(prefix);
    if case.state.is_stopped() {
        let hours =
            Input::text("hours", w.remediation_hours).required().inputmode("numeric").value("24").hint(w.remediation_emergency_hint);
        add("emergency", w.remediation_emergency, vec![hours.prefix("emergency"), words("emergency").required()], false);
    }
    if case.state == State::Held {
        add("release", w.remediation_release_hold, vec![words("release").required()], false);
    }
    let waits = file.refund.as_ref().is_some_and(|refund| refund.state.waits_for_somebody());
    if case.state == State::Refunding || waits {
        let mut fields = vec![Input::text("reference", w.remediation_reference).longest(60).prefix("settle")];
        if !waits {
            fields.push(Input::new("account_closed", w.remediation_account_closed, Field::Check).prefix("settle"));
        }
        add("settle", w.remediation_settle, fields, false);
    }
    if case.state.is_open() {
        add("complain", w.remediation_complain, vec![words("complain").required()], false);
        add("own", w.remediation_own, vec![Input::text("staff", w.remediation_staff).required().prefix("own")], false);
        let media: Vec<Medium> = Medium::ALL.iter().copied().filter(|one| *one != Medium::Sms).collect();
        add(
            "reach",
            w.remediation_reach,
            vec![
                Input::select("medium", w.remediation_medium, choices(&media, None, Medium::as_str, |one| said(language, one.words())))
                    .prefix("reach"),
                Input::text("receipt", w.remediation_receipt).required().longest(40).prefix("reach"),
                Input::new("delivered", w.remediation_was_reached, Field::Check).prefix("reach"),
            ],
            false,
        );
        let until = Input::new("until", w.remediation_exempt_until, Field::Line("date")).required().prefix("exempt");
        add("exempt", w.remediation_exempt, vec![until, words("exempt").required()], false);
        if protected {
            add("unprotect", w.remediation_unprotect, vec![words("unprotect").required()], true);
        } else {
            let all = choices(&PROTECTED, None, |one| one, |one| category(w, one));
            let which = Input::select("category", w.kind, all).prefix("protect");
            add("protect", w.remediation_protect, vec![which, words("protect").required()], false);
        }
        add(
            "balance",
            w.remediation_balance,
            vec![
                Input::text("amount", w.remediation_amount)
                    .required()
                    .inputmode("numeric")
                    .hint(w.remediation_amount_hint)
                    .prefix("balance"),
            ],
            false,
        );
    }
    dialogs
}

fn category(w: &'static Words, one: &str) -> &'static str {
    match one {
        "emergency" => w.remediation_protected_emergency,
        "hospital" => w.remediation_protected_hospital,
        "elderly" => w.remediation_protected_elderly,
        _ => w.remediation_protected_other,
    }
}

fn asked(form: &Pairs) -> Result<Step> {
    let checked = |name: &str| !value(form, name).is_empty();
    Ok(match value(form, "step") {
        "emergency" => Step::Emergency { hours: number(form, "hours")? },
        "complain" => Step::Complain,
        "release" => Step::Release,
        "own" => Step::Own { staff: value(form, "staff").to_owned() },
        "exempt" => Step::Exempt { until: value(form, "until").to_owned() },
        "protect" => Step::Protect { category: value(form, "category").to_owned() },
        "unprotect" => Step::Unprotect,
        "reach" => Step::Reach {
            medium: Medium::parse(value(form, "medium")).ok_or_else(|| refuse(Refusal::FieldInvalid("medium")))?,
            delivered: checked("delivered"),
            receipt: value(form, "receipt").to_owned(),
        },
        "balance" => Step::Balance { amount: number(form, "amount")? },
        "settle" => Step::Settle { reference: value(form, "reference").to_owned(), account_closed: checked("account_closed") },
        _ => return Err(refuse(Refusal::FieldInvalid("step"))),
    })
}

async fn case_step(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(form): Form<Pairs>) -> Result<Response> {
    let id = read_id(&id)?;
    let file = desk::case_file(&app, &actor, id).await?;
    let done = match (asked(&form), number(&form, "version")) {
        (Ok(asked), Ok(version)) => desk::step(&app, &actor, id, version, asked, value(&form, "words").to_owned()).await,
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
    };
    match done {
        Ok(_) => Ok(see_other(&format!("/remediation/cases/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &case_page(&app, &actor, shell, &file, Some(&problem))))
        }
    }
}
