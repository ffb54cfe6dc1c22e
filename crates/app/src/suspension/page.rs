//! 停复机页面: the list of holds, one hold with what may be done to it, and the form that opens one.

use axum::{
    Form, Router,
    extract::{Path, Query, State as Of},
    http::Uri,
    response::Response,
    routing::{get, post},
};
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action,
    time::Timestamp,
};
use futures_util::future::BoxFuture;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Ground, Hold, Level, Refusal, State, Tier,
    desk::{self, Asked as Step, Emergency, Intake, Row},
    table::{COUNT_CAP, Filter, Line as Stand, Queue},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        web::{
            form::{Choice, Input, Kind as Field, Notice, Wrong},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Refused, Section},
            parts::{Fact, Facts, Tab, Tabs, Tag, Tone, code, fact, status},
            see_other,
            shell::Shell,
            table::{Act, Address, Cell, Column, Line, Table, Tool},
        },
        words::{Words, said},
    },
    registration::page::{city_choices, cursor_text, read_cursor, region_name},
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/suspensions", get(list_page))
        .route("/suspensions/new", get(new).post(take))
        .route("/suspensions/{id}", get(one))
        .route("/suspensions/{id}/steps", post(step))
        .route("/suspensions/{id}/interruption", get(back).post(interrupt))
}

fn choices<T: Copy>(
    language: Language,
    all: impl IntoIterator<Item = T>,
    first: Option<&str>,
    value: impl Fn(T) -> &'static str,
    words: impl Fn(T) -> (&'static str, &'static str),
) -> Vec<Choice> {
    let rest = all.into_iter().map(|one| Choice::new(value(one), said(language, words(one))));
    first.map(|first| Choice::new("", first)).into_iter().chain(rest).collect()
}

/// A state of a hold; an emergency restoration is said with it.
pub fn hold_tag(w: &Words, language: Language, hold: &Hold) -> Tag {
    let text = said(language, hold.state.words());
    if hold.interrupted_until.is_some() {
        return Tag::new(Tone::Warning, format!("{text} · {}", w.suspension_interrupted));
    }
    let tone = match hold.state {
        State::Active | State::Lifted => Tone::Good,
        State::Flagged | State::VerifyRequested | State::Appealing => Tone::Active,
        State::Limited => Tone::Warning,
        State::StoppedOut | State::StoppedBoth => Tone::Bad,
        State::Terminated => Tone::Quiet,
    };
    Tag::new(tone, text)
}

/// What counts for a line: nothing, or how far it is limited.
pub fn standing_tag(w: &Words, language: Language, level: Option<Level>) -> Tag {
    match level {
        None => Tag::new(Tone::Good, w.suspension_none),
        Some(Level::Limited) => Tag::new(Tone::Warning, said(language, Level::Limited.words())),
        Some(level) => Tag::new(Tone::Bad, said(language, level.words())),
    }
}

const fn queue_words(w: &'static Words, queue: Queue) -> &'static str {
    match queue {
        Queue::Open => w.suspension_open,
        Queue::Unconfirmed => w.suspension_unconfirmed,
        Queue::Appeals => w.suspension_appeals,
        Queue::Interrupted => w.suspension_interrupted,
        Queue::MayEnd => w.suspension_may_end,
        Queue::All => w.all,
    }
}

/// 停复机, as a list.
pub struct Suspensions;

impl Listing for Suspensions {
    fn path(&self) -> &'static str {
        "/suspensions"
    }

    fn id(&self) -> &'static str {
        "suspensions"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_suspension
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.suspension_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["queue", "ground", "state", "city"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("number", w.number),
            Column::keyed("ground", w.suspension_ground),
            Column::keyed("state", w.status),
            Column::keyed("reason", w.suspension_reason),
            Column::keyed("region", w.region),
            Column::keyed("due", w.suspension_due).moment(),
            Column::keyed("since", w.suspension_since).moment(),
            Column::keyed("network", w.suspension_network),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let (w, language) = (look.w, look.language);
        let states = State::ALL.iter().copied().filter(|state| *state != State::Active);
        vec![
            Input::select(
                "ground",
                w.suspension_ground,
                choices(language, Ground::ALL.iter().copied(), Some(w.all), Ground::as_str, Ground::words),
            ),
            Input::select("state", w.status, choices(language, states, Some(w.all), State::as_str, State::words)),
            Input::select("city", w.region, city_choices(&look.app, language, w, &look.actor.region)),
        ]
        .into_iter()
        .map(|input| asked.fill(input))
        .collect()
    }

    fn tabs<'a>(&'a self, look: &'a Look, asked: &'a Asked) -> BoxFuture<'a, Result<Option<Tabs>>> {
        let current = Queue::parse(asked.get("queue")).unwrap_or_default();
        let tab = |queue: Queue| Tab {
            label: queue_words(look.w, queue).to_owned(),
            href: asked.address(self).with("queue", queue.as_str()).to_string(),
            current: queue == current,
            count: None,
        };
        let tabs = Tabs { label: look.w.queues.to_owned(), tabs: Queue::ALL.into_iter().map(tab).collect() };
        Box::pin(async move { Ok(Some(tabs)) })
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let filter = Filter {
                region: asked.get("city").to_owned(),
                ground: Ground::parse(asked.get("ground")),
                state: State::parse(asked.get("state")),
                queue: Queue::parse(asked.get("queue")).unwrap_or_default(),
                now: look.app.clock.now(),
                after: window.after.as_deref().and_then(read_cursor),
                limit: i64::from(window.limit) + 1,
                uncounted: !window.count,
            };
            let (mut rows, total) = desk::list(&look.app, &look.actor, filter).await?;
            let more = rows.len() > window.limit as usize;
            rows.truncate(window.limit as usize);
            Ok(Found {
                next: rows.last().filter(|_| more).map(|row| cursor_text((row.hold.since.0, row.hold.id))),
                total: Some((total.unsigned_abs(), total >= COUNT_CAP)),
                lines: rows.iter().map(|row| line(look, row)).collect(),
            })
        })
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        let may = look.actor.could(&look.app, Action::SuspensionStop) || look.actor.could(&look.app, Action::SuspensionAppeal);
        if may { vec![("/suspensions/new".to_owned(), look.w.suspension_new.to_owned())] } else { Vec::new() }
    }

    fn page_of(&self, id: &str) -> Option<String> {
        Some(format!("/suspensions/{id}"))
    }
}

fn line(look: &Look, row: &Row) -> Line {
    let (w, language, hold) = (look.w, look.language, &row.hold);
    let href = format!("/suspensions/{}", hold.id);
    Line {
        id: hold.id.to_string(),
        cells: vec![
            Cell::LinkTwo(href.clone(), row.number.clone(), hold.article.clone()),
            Cell::Text(said(language, hold.ground.words()).to_owned()),
            Cell::Tag(hold_tag(w, language, hold)),
            Cell::Text(hold.notice.reason.clone()),
            Cell::Text(region_name(&look.app, language, &row.region)),
            Cell::Text(timer(hold).map_or_else(|| "—".to_owned(), Timestamp::display)),
            Cell::Text(hold.since.display()),
            Cell::Tag(match row.unconfirmed {
                true => Tag::new(Tone::Warning, w.suspension_unconfirmed),
                false => Tag::new(Tone::Quiet, w.suspension_confirmed),
            }),
            Cell::Actions(vec![Act::page(w.open, &row.number, href)]),
        ],
        current: false,
    }
}

/// The moment that moves a hold by itself.
fn timer(hold: &Hold) -> Option<Timestamp> {
    if hold.state.is_final() { None } else { hold.interrupted_until.or(hold.due).or(hold.until) }
}

/// The holds of one subscription, for the subscriber's page.
pub fn table_of(w: &'static Words, language: Language, holds: &[Hold]) -> Table {
    Table::within(
        w,
        "person-holds",
        w.menu_suspension,
        [w.suspension_ground, w.status, w.suspension_reason, w.suspension_due, w.suspension_since, w.actions]
            .into_iter()
            .map(Column::new)
            .collect(),
        holds
            .iter()
            .map(|hold| {
                let (href, ground) = (format!("/suspensions/{}", hold.id), said(language, hold.ground.words()));
                Line {
                    id: hold.id.to_string(),
                    cells: vec![
                        Cell::LinkTwo(href.clone(), ground.to_owned(), hold.article.clone()),
                        Cell::Tag(hold_tag(w, language, hold)),
                        Cell::Text(hold.notice.reason.clone()),
                        Cell::Text(timer(hold).map_or_else(|| "—".to_owned(), Timestamp::display)),
                        Cell::Text(hold.since.display()),
                        Cell::Actions(vec![Act::page(w.open, ground, href)]),
                    ],
                    current: false,
                }
            })
            .collect(),
        w.none_yet,
    )
}

async fn list_page(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Suspensions, &app, &actor, shell, &uri).await
}

fn read_id(text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|_| refuse(Refusal::NotFound))
}

async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, read_id(&id)?, None).await?))
}

/// A passkey asserted again leads back to a form's own address: the page it stands on is meant.
async fn back(Path(id): Path<String>) -> Result<Response> {
    Ok(see_other(&format!("/suspensions/{}", read_id(&id)?)))
}

async fn detail(app: &App, actor: &Actor, shell: Shell, id: Uuid, refused: Option<&Refused<'_>>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let found = desk::find(app, actor, id).await?;
    let hold = &found.hold;
    let dialogs = dialogs(app, actor, w, language, hold, found.detached, refused);
    let mut buttons: Vec<Button> = dialogs.iter().map(|dialog| Button::Dialog(dialog.id.clone(), dialog.title.clone())).collect();
    if actor.could(app, Action::SubscriberView) {
        buttons.push(Button::Page(format!("/persons/{}", hold.subscription), w.subscriber.to_owned()));
    }
    if let Some(case) = hold.case.filter(|_| hold.ground == Ground::RealName && actor.could(app, Action::RemediationView)) {
        buttons.push(Button::Page(format!("/remediation/cases/{case}"), w.remediation_case.to_owned()));
    }
    let mut measure = vec![
        fact(w.suspension_ground, said(language, hold.ground.words())),
        code(w.suspension_article, hold.article.clone()),
        status(w.status, hold_tag(w, language, hold)),
    ];
    if let Some(level) = hold.level {
        measure.push(fact(w.suspension_level, said(language, level.words())));
    }
    let word = |words: Option<(&'static str, &'static str)>| words.map(|words| said(language, words));
    measure.extend(word(hold.tier.map(Tier::words)).map(|tier| fact(w.suspension_tier, tier)));
    measure.extend(word(hold.method.map(super::Method::words)).map(|method| fact(w.suspension_method, method)));
    measure.extend(found.decided_by.as_ref().map(|number| code(w.suspension_decided_by, number.clone())));
    measure.extend(found.appeal_worker.as_ref().map(|number| code(w.suspension_appeal_worker, number.clone())));
    let at = |label: &str, at: Option<Timestamp>| at.map(|at| fact(label, at.display()));
    measure.extend(at(w.suspension_due, hold.due));
    measure.extend(at(w.suspension_term, hold.until));
    measure.extend(at(w.suspension_interrupted, hold.interrupted_until));
    measure.extend(at(w.suspension_since, Some(hold.since)));
    let mut told = vec![
        fact(w.suspension_reason, hold.notice.reason.clone()),
        fact(w.suspension_remedy, hold.notice.remedy.clone()),
        fact(w.suspension_documents, hold.notice.documents.clone()),
    ];
    if !hold.notice.reference.is_empty() {
        told.push(code(w.suspension_reference, hold.notice.reference.clone()));
    }
    let others: Vec<Hold> = found.standing.holds.iter().filter(|other| other.id != hold.id).cloned().collect();
    let mut sections = vec![
        Section::Facts(w.suspension_measure.to_owned(), Facts { facts: measure }),
        Section::Facts(w.suspension_told.to_owned(), Facts { facts: told }),
        Section::Facts(w.suspension_network.to_owned(), Facts { facts: network(w, language, found.standing.level, found.line.as_ref()) }),
    ];
    if !others.is_empty() {
        let mut table = table_of(w, language, &others);
        w.suspension_others.clone_into(&mut table.caption);
        sections.push(Section::Table(Box::new(table)));
    }
    let untold = refused.and_then(|refused| refused.untold(&dialogs));
    Ok(DetailPage {
        w,
        title: found.number.clone(),
        trail: vec![(w.menu_suspension.to_owned(), "/suspensions".to_owned())],
        tags: vec![hold_tag(w, language, hold)],
        lead: [said(language, hold.ground.words()), region_name(app, language, &found.region).as_str()].join(" · "),
        buttons,
        tabs: None,
        notice: untold.map(|problem| Notice { wrong: Wrong::of(problem, language) }),
        revealed: None,
        sections,
        dialogs,
        shell,
    })
}

/// What is wanted of the network, and what it confirmed.
pub fn network(w: &Words, language: Language, wanted: Option<Level>, line: Option<&Stand>) -> Vec<Fact> {
    let mut facts = vec![status(w.suspension_wanted, standing_tag(w, language, wanted))];
    if let Some(line) = line {
        facts.push(status(w.suspension_confirmed, standing_tag(w, language, line.confirmed)));
        facts.extend(line.confirmed_at.map(|at| fact(w.suspension_confirmed_at, at.display())));
        if !line.is_settled() {
            facts.push(status(
                w.suspension_network,
                Tag::new(if line.alarmed_at.is_some() { Tone::Bad } else { Tone::Active }, w.suspension_unconfirmed),
            ));
        }
    }
    facts
}

/// What may be done to a hold as it stands, each as a dialog that asks for what it needs.
fn dialogs(
    app: &App,
    actor: &Actor,
    w: &'static Words,
    language: Language,
    hold: &Hold,
    detached: bool,
    refused: Option<&Refused<'_>>,
) -> Vec<Dialog> {
    let words = |prefix: &'static str| Input::new("words", w.suspension_why, Field::Area).required().longest(200).wide().prefix(prefix);
    let mut dialogs = Vec::new();
    let mut add = |name: &'static str, title: &str, lead: &str, fields: Vec<Input>, danger: bool| {
        let target = if name == "interrupt" { "interruption" } else { "steps" };
        let form = FormPart::new(w, format!("/suspensions/{}/{target}", hold.id), title, fields).lead(lead).keep("version", hold.version);
        dialogs.push(Dialog::step(name, title, if danger { form.danger() } else { form }, refused));
    };
    let may = |action| actor.could(app, action);
    let measured = matches!(hold.state, State::Limited | State::StoppedOut | State::StoppedBoth);
    let passing = || {
        Input::select(
            "passed",
            w.suspension_result,
            vec![Choice::new("yes", w.suspension_passed), Choice::new("no", w.suspension_not_passed)],
        )
    };
    if may(Action::SuspensionAppeal) {
        if hold.state == State::VerifyRequested || (measured && hold.method.is_some()) {
            add("verify", w.suspension_verify, w.suspension_verify_lead, vec![passing().wide().prefix("verify"), words("verify")], false);
        }
        if measured {
            add("appeal", w.suspension_appeal, w.suspension_appeal_lead, vec![words("appeal")], false);
        }
        if hold.state == State::Appealing {
            add("decide", w.suspension_decide, w.suspension_decide_lead, vec![passing().wide().prefix("decide"), words("decide")], false);
        }
    }
    if may(Action::SuspensionLift) && !hold.state.is_final() {
        add("lift", w.suspension_lift, w.suspension_lift_lead, vec![words("lift")], false);
        if hold.ground == Ground::Dispute && hold.counts().is_some() && !detached {
            add("detach", w.suspension_detach, w.suspension_detach_lead, vec![words("detach")], true);
        }
    }
    // What ends for good stands last, and only where the law lets it end.
    let ends = match hold.ground {
        Ground::Arrears => hold.due.is_some_and(|due| due <= app.clock.now()),
        Ground::Dispute => detached,
        _ => false,
    };
    if may(Action::SuspensionEnd) && measured && ends && hold.interrupted_until.is_none() {
        add("end", w.suspension_end, w.suspension_end_lead, vec![words("end")], true);
    }
    if may(Action::SuspensionStop) && measured && hold.level < Some(Level::StoppedBoth) {
        let higher = Level::ALL.iter().copied().filter(|level| Some(*level) > hold.level);
        let levels = choices(language, higher, None, Level::as_str, Level::words);
        let fields = vec![Input::select("level", w.suspension_level, levels).required().wide().prefix("raise"), words("raise")];
        add("raise", w.suspension_raise, w.suspension_raise_lead, fields, true);
    }
    let stopped = measured || hold.state == State::Appealing;
    if may(Action::SuspensionInterrupt) && stopped && hold.interrupted_until.is_none() && hold.ground != Ground::Police {
        let hours = Input::text("hours", w.suspension_hours).required().inputmode("numeric").value("24").longest(2).prefix("interrupt");
        add("interrupt", w.suspension_emergency, w.suspension_emergency_lead, vec![hours, words("interrupt")], false);
    }
    dialogs
}

type Pairs = Vec<(String, String)>;

fn value<'f>(form: &'f Pairs, name: &str) -> &'f str {
    form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
}

fn asked(form: &Pairs) -> std::result::Result<Step, Refusal> {
    let passed = value(form, "passed") == "yes";
    Ok(match value(form, "step") {
        "raise" => Step::Raise { level: Level::parse(value(form, "level")).ok_or(Refusal::FieldInvalid("level"))? },
        "lift" => Step::Lift,
        "verify" => Step::Verify { passed },
        "appeal" => Step::Appeal,
        "decide" => Step::Decide { passed },
        "detach" => Step::Detach,
        "end" => Step::End,
        _ => return Err(Refusal::FieldInvalid("step")),
    })
}

fn version(form: &Pairs) -> Result<i64> {
    value(form, "version").parse().map_err(|_| refuse(Refusal::FieldInvalid("version")))
}

async fn step(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(form): Form<Pairs>) -> Result<Response> {
    let id = read_id(&id)?;
    let words = value(&form, "words").chars().take(200).collect::<String>();
    let done = match (asked(&form), version(&form)) {
        (Ok(asked), Ok(version)) => desk::step(&app, &actor, id, version, asked, words).await,
        (Err(refusal), _) => Err(refuse(refusal)),
        (_, Err(failure)) => Err(failure),
    };
    match done {
        Ok(_) => Ok(see_other(&format!("/suspensions/{id}?done=saved"))),
        Err(failure) => refused(&app, &actor, shell, id, &form, &shown(failure)?).await,
    }
}

async fn interrupt(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(form): Form<Pairs>) -> Result<Response> {
    let id = read_id(&id)?;
    let words = value(&form, "words").chars().take(200).collect::<String>();
    let done = match (value(&form, "hours").parse(), version(&form)) {
        (Ok(hours), Ok(version)) => desk::emergency(&app, &actor, id, version, hours, words).await,
        (Err(_), _) => Err(refuse(Refusal::FieldInvalid("hours"))),
        (_, Err(failure)) => Err(failure),
    };
    match done {
        Ok(Emergency::Restored) => Ok(see_other(&format!("/suspensions/{id}?done=saved"))),
        Ok(Emergency::Asked(request)) => Ok(see_other(&format!("/second/{request}?done=second-asked"))),
        Err(failure) => refused(&app, &actor, shell, id, &form, &shown(failure)?).await,
    }
}

async fn refused(app: &App, actor: &Actor, shell: Shell, id: Uuid, form: &Pairs, problem: &Problem) -> Result<Response> {
    let refused = Refused { step: value(form, "step"), typed: form, problem, language: shell.language };
    // Who may not see the hold at all gets the page that says so.
    let screen = detail(app, actor, shell, id, Some(&refused)).await?;
    Ok(page_refused(problem, &screen))
}

/// Where the form comes from.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct From {
    subscription: String,
    ground: String,
}

fn may_open(app: &App, actor: &Actor) -> Result<()> {
    if !actor.could(app, Action::SuspensionStop) {
        actor.reach(app, Action::SuspensionAppeal)?;
    }
    Ok(())
}

async fn new(Of(app): Of<App>, actor: Actor, shell: Shell, Query(from): Query<From>) -> Result<Response> {
    may_open(&app, &actor)?;
    let form = vec![("subscription".to_owned(), from.subscription), ("ground".to_owned(), from.ground)];
    Ok(page(&opening(&app, &actor, shell, &form, None)))
}

fn opening(app: &App, actor: &Actor, shell: Shell, form: &Pairs, problem: Option<&Problem>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let stops = actor.could(app, Action::SuspensionStop);
    let takes = actor.could(app, Action::SuspensionAppeal);
    let grounds = Ground::ALL.iter().copied().filter(|ground| match ground {
        Ground::RealName => false,
        Ground::Dispute => takes,
        _ => stops,
    });
    let known = Uuid::try_parse(value(form, "subscription")).ok();
    let mut fields = Vec::new();
    if known.is_none() {
        fields.push(Input::text("number", w.number).required().inputmode("numeric").longest(20).hint(w.suspension_number_hint).first());
    }
    fields.push(
        Input::select("ground", w.suspension_ground, choices(language, grounds, Some(w.choose), Ground::as_str, Ground::words)).required(),
    );
    if stops {
        let levels = choices(language, Level::ALL.iter().copied(), Some(w.suspension_usual), Level::as_str, Level::words);
        fields.push(Input::select("level", w.suspension_level, levels));
        let tiers = choices(language, Tier::ALL.iter().copied(), Some(w.suspension_no_tier), Tier::as_str, Tier::words);
        fields.push(Input::select("tier", w.suspension_tier, tiers).hint(w.suspension_tier_hint));
        fields.push(Input::text("reference", w.suspension_reference).longest(60).hint(w.suspension_reference_hint));
        fields.push(Input::new("due_on", w.suspension_due_on, Field::Line("date")).hint(w.suspension_due_on_hint));
        fields.push(Input::new("until", w.suspension_term, Field::Line("date")).hint(w.suspension_term_hint));
    }
    fields.push(Input::text("reason", w.suspension_reason).longest(60).wide().hint(w.suspension_reason_hint));
    for input in &mut fields {
        let filled = value(form, input.name).to_owned();
        *input = input.clone().value(filled).check(problem, language);
    }
    let notice = crate::platform::web::form::notice(problem, &fields, language);
    let mut part = FormPart::new(w, "/suspensions/new", w.suspension_new, fields).lead(w.suspension_new_lead).danger();
    if let Some(id) = known {
        part = part.keep("subscription", id);
    }
    part.cancel = Some(match known {
        Some(id) => (format!("/persons/{id}"), w.cancel.to_owned()),
        None => ("/suspensions".to_owned(), w.cancel.to_owned()),
    });
    DetailPage {
        w,
        title: w.suspension_new.to_owned(),
        trail: vec![(w.menu_suspension.to_owned(), "/suspensions".to_owned())],
        tags: Vec::new(),
        lead: String::new(),
        buttons: Vec::new(),
        tabs: None,
        notice,
        revealed: None,
        sections: vec![Section::Form(w.suspension_new.to_owned(), part)],
        dialogs: Vec::new(),
        shell,
    }
}

fn read(form: &Pairs) -> std::result::Result<Intake, Refusal> {
    let given = |name: &str| Some(value(form, name).to_owned()).filter(|text| !text.is_empty());
    let one = |name: &'static str| given(name).ok_or(Refusal::FieldInvalid(name));
    let subscription = Uuid::try_parse(value(form, "subscription")).ok();
    Ok(Intake {
        number: if subscription.is_some() { None } else { given("number").map(Zeroizing::new) },
        subscription,
        ground: Ground::parse(&one("ground")?).ok_or(Refusal::FieldInvalid("ground"))?,
        level: Level::parse(value(form, "level")),
        tier: Tier::parse(value(form, "tier")),
        reason: value(form, "reason").to_owned(),
        reference: value(form, "reference").to_owned(),
        due_on: given("due_on"),
        until: given("until"),
    })
}

async fn take(Of(app): Of<App>, actor: Actor, shell: Shell, Form(form): Form<Pairs>) -> Result<Response> {
    may_open(&app, &actor)?;
    let done = match read(&form) {
        Ok(input) => desk::take(&app, &actor, input).await,
        Err(refusal) => Err(refuse(refusal)),
    };
    match done {
        Ok(id) => Ok(see_other(&format!("/suspensions/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &opening(&app, &actor, shell, &form, Some(&problem))))
        }
    }
}

/// The form that opens a hold on one subscription.
pub fn new_for(subscription: Uuid, ground: Option<Ground>) -> String {
    let mut address = Address::new("/suspensions/new", [("subscription", subscription.to_string())]);
    if let Some(ground) = ground {
        address = address.with("ground", ground.as_str());
    }
    address.to_string()
}
