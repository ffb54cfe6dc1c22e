//! Pages of channels: the list, and one outlet with its admission, visits, violations and the steps it may take.

use std::collections::BTreeMap;

use axum::{
    Form, Router,
    extract::{Path, State as Of},
    http::Uri,
    response::Response,
    routing::{get, post},
};
use chuangsha_kernel::{
    id::OrganisationId,
    problem::{Language, Problem},
    role::Action,
    rulebook::ChannelKind,
};

use futures_util::future::BoxFuture;

use super::{
    Asked as Step, Detail, Filter, Listed, Visit,
    channel::{Clause, Refusal, State, Violation},
    plan::page::kind_words,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        web::{
            form::{Choice, Input, Kind, Notice, Wrong},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Section},
            parts::{Facts, Moment, Tag, Timeline, Tone, code, fact, status},
            see_other,
            shell::Shell,
            table::{Act, Address, Cell, Column, Line, Tool},
        },
        words::Words,
    },
    registration::page::{channel_choices, channel_words, city_choices, region_name},
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/channels", get(list))
        .route("/channels/{id}", get(channel))
        .route("/channels/{id}/step", post(step))
        .merge(super::plan::page::pages())
}

/// A state in words.
pub fn state_words(w: &Words, state: State) -> &'static str {
    match state {
        State::Applied => w.channel_state_applied,
        State::Vetted => w.channel_state_vetted,
        State::Signed => w.channel_state_signed,
        State::Active => w.channel_state_active,
        State::Warned => w.channel_state_warned,
        State::Suspended => w.channel_state_suspended,
        State::Terminated => w.channel_state_terminated,
        State::Blacklisted => w.channel_state_blacklisted,
    }
}

fn state_tag(w: &Words, state: State) -> Tag {
    let tone = match state {
        State::Active => Tone::Good,
        State::Applied | State::Vetted | State::Signed => Tone::Active,
        State::Warned | State::Suspended => Tone::Warning,
        State::Terminated | State::Blacklisted => Tone::Bad,
    };
    Tag::new(tone, state_words(w, state))
}

fn clause_words(w: &Words, clause: Clause) -> &'static str {
    match clause {
        Clause::RealNameDuty => w.clause_real_name_duty,
        Clause::BreachHandling => w.clause_breach_handling,
        Clause::NoSubAgents => w.clause_no_sub_agents,
        Clause::InformationProtection => w.clause_information_protection,
        Clause::NoResale => w.clause_no_resale,
    }
}

fn violation_words(w: &Words, violation: Violation) -> &'static str {
    match violation {
        Violation::Minor => w.violation_minor,
        Violation::NotRegistered => w.violation_not_registered,
        Violation::FalseRegistration => w.violation_false_registration,
        Violation::BulkOpening => w.violation_bulk_opening,
        Violation::CardFarming => w.violation_card_farming,
        Violation::SubAgent => w.violation_sub_agent,
    }
}

/// 渠道, as a list.
pub struct Channels;

impl Listing for Channels {
    fn path(&self) -> &'static str {
        "/channels"
    }

    fn id(&self) -> &'static str {
        "channels"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_channels
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.channels_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["code", "kind", "state", "city"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("code", w.channel_code),
            Column::keyed("kind", w.channel_kind),
            Column::keyed("region", w.region),
            Column::keyed("state", w.channel_state),
            Column::keyed("clauses", w.channel_clauses),
            Column::keyed("reader", w.reader),
            Column::keyed("warnings", w.warnings).figures(),
            Column::keyed("updated", w.updated).moment().hidden(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let w = look.w;
        let mut choices = vec![Choice::new("", w.all)];
        choices.extend(State::ALL.into_iter().map(|state| Choice::new(state.as_str(), state_words(w, state))));
        vec![
            Input::new("code", w.channel_code, Kind::Line("search")),
            Input::select("kind", w.channel_kind, channel_choices(w)),
            Input::select("state", w.channel_state, choices),
            Input::select("city", w.region, city_choices(&look.app, look.language, w, &look.actor.region)),
        ]
        .into_iter()
        .map(|input| asked.fill(input))
        .collect()
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            look.actor.reach(&look.app, Action::ChannelView)?;
            let filter = Filter {
                region: asked.get("city").to_owned(),
                kind: ChannelKind::parse(asked.get("kind")),
                state: State::ALL.into_iter().find(|state| state.as_str() == asked.get("state")),
                code: asked.get("code").to_owned(),
                after: window.after.unwrap_or_default(),
                limit: i64::from(window.limit) + 1,
            };
            let (rows, total) = super::page(&look.app, &look.actor, filter, window.count).await?;
            let total = list::capped(total, super::COUNT_CAP);
            Ok(Found::page(rows, window.limit, total, |row| line(look, row), |row| row.channel.code.clone()))
        })
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        match look.actor.could(&look.app, Action::ChannelVisit) {
            true => vec![("/visits".to_owned(), look.w.visit_plans.to_owned())],
            false => Vec::new(),
        }
    }

    fn page_of(&self, id: &str) -> Option<String> {
        Some(format!("/channels/{id}"))
    }
}

async fn list(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Channels, &app, &actor, shell, &uri).await
}

fn named<'n>(language: Language, zh: &'n str, en: &'n str) -> &'n str {
    match language {
        Language::Chinese => zh,
        Language::English => en,
    }
}

fn line(look: &Look, row: &Listed) -> Line {
    let (w, channel) = (look.w, &row.channel);
    let href = format!("/channels/{}", channel.organisation);
    let signed = Clause::ALL.into_iter().filter(|clause| channel.clauses & *clause as i64 != 0).count();
    let complete = channel.clauses == Clause::COMPLETE;
    Line {
        id: channel.organisation.to_string(),
        cells: vec![
            Cell::LinkTwo(href.clone(), channel.code.clone(), named(look.language, &row.zh, &row.en).to_owned()),
            Cell::Text(channel_words(w, channel.kind).to_owned()),
            Cell::Text(region_name(&look.app, look.language, &channel.region)),
            Cell::Tag(state_tag(w, channel.state)),
            Cell::Tag(Tag::new(if complete { Tone::Good } else { Tone::Warning }, format!("{signed}/{}", Clause::ALL.len()))),
            Cell::Text(if channel.reader { w.present } else { w.absent }.to_owned()),
            Cell::Number(channel.warnings.to_string()),
            Cell::Text(channel.updated_at.display()),
            Cell::Actions(vec![Act::page(w.open, &channel.code, href)]),
        ],
        current: false,
    }
}

fn id_of(text: &str) -> Result<OrganisationId> {
    text.parse().map_err(|_| refuse(Refusal::NotFound))
}

async fn channel(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, id_of(&id)?, None).await?))
}

async fn detail(app: &App, actor: &Actor, shell: Shell, id: OrganisationId, problem: Option<&Problem>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let found = super::find(app, actor, id).await?;
    let channel = &found.channel;
    let yes = |value: bool| if value { w.present } else { w.absent };
    let about = vec![
        code(w.channel_code, channel.code.clone()),
        fact(w.channel_kind, channel_words(w, channel.kind)),
        fact(w.region, region_name(app, language, &channel.region)),
        status(w.channel_state, state_tag(w, channel.state)),
        fact(w.channel_level, w.channel_level_one),
        fact(w.responsible, named(language, &found.parent_zh, &found.parent_en)),
        fact(w.channel_trained, found.trained.to_string()),
        fact(w.reader, yes(channel.reader)),
        fact(w.registration_app, yes(channel.app)),
        fact(w.warnings, channel.warnings.to_string()),
        fact(w.updated, channel.updated_at.display()),
    ];
    let clauses = Clause::ALL
        .into_iter()
        .map(|clause| {
            let signed = channel.clauses & clause as i64 != 0;
            status(clause_words(w, clause), Tag::new(if signed { Tone::Good } else { Tone::Warning }, yes(signed)))
        })
        .collect();
    let dialogs = dialogs(app, actor, w, id, &found);
    let buttons = dialogs.iter().map(|dialog| Button::Dialog(dialog.id.clone(), dialog.title.clone())).collect::<Vec<_>>();
    let mut buttons = buttons;
    if actor.could(app, Action::ChannelPlan) && matches!(channel.state, State::Active | State::Warned) {
        buttons.push(Button::Page(Address::new("/visits/new", [("outlets", &channel.code)]).to_string(), w.visit_plan.to_owned()));
    }
    if actor.could(app, Action::OrderView) {
        buttons.push(Button::Page(
            Address::new("/orders", [("channel", channel.kind.as_str()), ("city", &channel.region)]).to_string(),
            w.channel_orders.to_owned(),
        ));
    }
    Ok(DetailPage {
        w,
        title: named(language, &found.zh, &found.en).to_owned(),
        trail: vec![(w.menu_channels.to_owned(), "/channels".to_owned())],
        tags: vec![state_tag(w, channel.state)],
        lead: format!("{} · {}", channel.code, channel_words(w, channel.kind)),
        buttons,
        tabs: None,
        notice: problem.map(|problem| Notice { wrong: Wrong::of(problem, language) }),
        revealed: None,
        sections: vec![
            Section::Facts(w.tab_overview.to_owned(), Facts { facts: about }),
            Section::Facts(w.channel_clauses.to_owned(), Facts { facts: clauses }),
            Section::Timeline(w.visits.to_owned(), visits(w, &found)),
            Section::Timeline(w.violations.to_owned(), violations(w, &found)),
        ],
        dialogs,
        shell,
    })
}

fn visits(w: &'static Words, found: &Detail) -> Timeline {
    let moments = found.visits.iter().map(|(at, kind, passed, finding)| Moment {
        at: at.display(),
        title: if *passed { w.visit_passed } else { w.visit_failed }.to_owned(),
        by: kind_words(w, kind).to_owned(),
        note: finding.clone(),
        tone: if *passed { Tone::Good } else { Tone::Bad },
    });
    Timeline { empty: w.none_yet.to_owned(), moments: moments.collect() }
}

fn violations(w: &'static Words, found: &Detail) -> Timeline {
    let moments = found.violations.iter().map(|(at, kind, state, unit, post)| Moment {
        at: at.display(),
        title: Violation::parse(kind).map_or(kind.clone(), |kind| violation_words(w, kind).to_owned()),
        by: format!("{unit} · {post}"),
        note: state_words(w, *state).to_owned(),
        tone: Tone::Bad,
    });
    Timeline { empty: w.none_yet.to_owned(), moments: moments.collect() }
}

/// The steps a manager may ask for in this state; the rules refuse what does not fit.
fn dialogs(app: &App, actor: &Actor, w: &'static Words, id: OrganisationId, found: &Detail) -> Vec<Dialog> {
    let mut dialogs = Vec::new();
    let why = |prefix: &'static str| Input::new("why", w.reason, Kind::Area).longest(200).wide().prefix(prefix);
    let dialog = |name: &'static str, title: &str, lead: &str, mut fields: Vec<Input>, danger: bool| {
        fields.push(why(name));
        let mut form = FormPart::new(w, format!("/channels/{id}/step"), title, fields).lead(lead).keep("step", name);
        form.danger = danger;
        Dialog { id: name.to_owned(), title: title.to_owned(), open: false, form }
    };
    if actor.could(app, Action::ChannelAdmit) {
        match found.channel.state {
            State::Applied => dialogs.push(dialog("vet", w.step_vet, w.step_vet_lead, Vec::new(), false)),
            State::Vetted => {
                let clauses = Clause::ALL
                    .into_iter()
                    .map(|clause| Input::new(clause.as_str(), clause_words(w, clause), Kind::Check).wide().prefix("sign"))
                    .collect();
                dialogs.push(dialog("sign", w.step_sign, w.step_sign_lead, clauses, false));
            }
            State::Signed => {
                let parts = vec![
                    Input::new("reader", w.reader, Kind::Check).prefix("equip"),
                    Input::new("app", w.registration_app, Kind::Check).prefix("equip"),
                ];
                dialogs.push(dialog("open", w.step_open, w.step_open_lead, Vec::new(), false));
                dialogs.push(dialog("equip", w.step_equip, w.step_equip_lead, parts, false));
            }
            State::Active | State::Warned => dialogs.push(dialog("suspend", w.step_suspend, w.step_suspend_lead, Vec::new(), true)),
            State::Suspended => dialogs.push(dialog("resume", w.step_resume, w.step_resume_lead, Vec::new(), false)),
            State::Terminated | State::Blacklisted => {}
        }
        if !matches!(found.channel.state, State::Terminated | State::Blacklisted) {
            dialogs.push(dialog("terminate", w.step_terminate, w.step_terminate_lead, Vec::new(), true));
        }
    }
    if actor.could(app, Action::ChannelVisit) {
        let kinds = vec![Choice::new("visit", w.visit_kind), Choice::new("mystery", w.visit_mystery)];
        let results = vec![Choice::new("yes", w.visit_passed), Choice::new("no", w.visit_failed)];
        let fields = vec![
            Input::select("kind", w.kind, kinds).prefix("visit"),
            Input::new("passed", w.visit_result, Kind::Radio(results)).required().prefix("visit"),
            Input::new("finding", w.visit_finding, Kind::Area).required().longest(500).wide().hint(w.visit_finding_hint).prefix("visit"),
        ];
        let form = FormPart::new(w, format!("/channels/{id}/step"), w.visit_record, fields).lead(w.visit_record_lead).keep("step", "visit");
        // The everyday step first.
        dialogs.insert(0, Dialog { id: "visit".to_owned(), title: w.visit_record.to_owned(), open: false, form });
    }
    if actor.could(app, Action::ChannelPenalise) && matches!(found.channel.state, State::Active | State::Warned | State::Suspended) {
        let kinds = Violation::ALL.into_iter().map(|kind| Choice::new(kind.as_str(), violation_words(w, kind))).collect();
        let fields = vec![
            Input::select("violation", w.violation, kinds).required().wide().prefix("penalise"),
            Input::text("responsible_unit", w.responsible_unit).required().longest(80).prefix("penalise"),
            Input::text("responsible_post", w.responsible_post).required().longest(80).prefix("penalise"),
        ];
        dialogs.push(dialog("penalise", w.penalise, w.penalise_lead, fields, true));
    }
    dialogs
}

async fn step(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    Path(id): Path<String>,
    Form(answers): Form<BTreeMap<String, String>>,
) -> Result<Response> {
    let id = id_of(&id)?;
    let text = |name: &str| answers.get(name).cloned().unwrap_or_default();
    if text("step") == "visit" {
        let visit = Visit { kind: text("kind"), passed: text("passed") == "yes", finding: text("finding") };
        let done = if text("passed").is_empty() { Err(refuse(Refusal::FieldInvalid("passed"))) } else { Ok(visit) };
        let done = match done {
            Ok(visit) => super::visit(&app, &actor, id, visit).await,
            Err(failure) => Err(failure),
        };
        return answer(&app, &actor, shell, id, done).await;
    }
    let asked = match text("step").as_str() {
        "vet" => Step::Vet,
        "sign" => Step::Sign { clauses: Clause::ALL.into_iter().filter(|clause| answers.contains_key(clause.as_str())).collect() },
        "equip" => Step::Equip { reader: answers.contains_key("reader"), app: answers.contains_key("app") },
        "open" => Step::Open,
        "suspend" => Step::Suspend,
        "resume" => Step::Resume,
        "terminate" => Step::Terminate,
        "penalise" => Step::Penalise {
            violation: Violation::parse(&text("violation")).ok_or_else(|| refuse(Refusal::FieldInvalid("violation")))?,
            responsible_unit: text("responsible_unit"),
            responsible_post: text("responsible_post"),
        },
        _ => return Err(refuse(Refusal::FieldInvalid("step"))),
    };
    let done = super::step(&app, &actor, id, asked, text("why")).await;
    answer(&app, &actor, shell, id, done.map(drop)).await
}

async fn answer(app: &App, actor: &Actor, shell: Shell, id: OrganisationId, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(see_other(&format!("/channels/{id}?done=changed"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &detail(app, actor, shell, id, Some(&problem)).await?))
        }
    }
}
