//! 工单页面: the queue with its clocks, the intake, one ticket with its steps.

use axum::{
    Form,
    extract::{Path, State as Of},
    http::Uri,
    response::Response,
};
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action,
    rulebook::ChannelKind,
};
use futures_util::future::BoxFuture;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Pairs, choices, read_id, said, value, words_of};
use crate::{
    App,
    hotline::{
        self, Asked as Wanted, Filter, Kind, Outcome, Refusal, Stage, State, Topic,
        appeal::{self, About, NewAppeal},
        http::NewTicket,
        refund,
        view::{self, Detail, TicketView},
    },
    platform::{
        actor::Actor,
        failure::{Failure, Result, refuse},
        money::yuan,
        reveal::{self, Reveal, page::Tried},
        second::page::field_words,
        web::{
            form::{Choice, Input, Kind as Field, Notice, Wrong, notice},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Refused, Section},
            parts::{Card, Fact, Facts, Moment, Tag, Timeline, Tone, Value, code, duration, fact, status},
            see_other,
            shell::Shell,
            table::{Act, Cell, Column, Line, Tool},
        },
        words::Words,
    },
    registration::page::{channel_words, city_choices, moment, region_name},
};

/// 工单, as a list.
pub struct Tickets;

impl Listing for Tickets {
    fn path(&self) -> &'static str {
        "/tickets"
    }

    fn id(&self) -> &'static str {
        "tickets"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_hotline
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.tickets_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["code", "state", "kind", "topic", "city", "mine"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("code", w.ticket_code),
            Column::keyed("number", w.number),
            Column::keyed("topic", w.ticket_topic),
            Column::keyed("stage", w.ticket_stage).hidden(),
            Column::keyed("region", w.region),
            Column::keyed("state", w.status),
            Column::keyed("clock", w.ticket_clock),
            Column::keyed("worker", w.ticket_worker),
            Column::keyed("opened", w.ticket_opened).moment().hidden(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let (w, language) = (look.w, look.language);
        let mut states = vec![Choice::new("", w.tickets_queue), Choice::new("late", w.tickets_late), Choice::new("all", w.all)];
        states.extend(State::ALL.iter().map(|one| Choice::new(one.as_str(), said(language, one.words()))));
        vec![
            Input::new("code", w.ticket_code, Field::Line("search")),
            Input::select("state", w.status, states),
            Input::select("kind", w.kind, choices(Kind::ALL, Some(w.all), Kind::as_str, |one| said(language, one.words()))),
            Input::select("topic", w.ticket_topic, choices(Topic::ALL, Some(w.all), Topic::as_str, |one| said(language, one.words()))),
            Input::select("city", w.region, city_choices(&look.app, language, w, &look.actor.region)),
            Input::select("mine", w.ticket_worker, vec![Choice::new("", w.all), Choice::new("1", w.held_by_me)]),
        ]
        .into_iter()
        .map(|input| asked.fill(input))
        .collect()
    }

    fn cards<'a>(&'a self, look: &'a Look, asked: &'a Asked) -> BoxFuture<'a, Result<Vec<Card>>> {
        Box::pin(async move {
            let (app, w, now) = (&look.app, look.w, look.app.clock.now());
            let quality = hotline::quality(app, &look.actor, asked.get("city"), 30).await?;
            let target = |rule| Ok::<_, Failure>(app.number_rule(rule, now, "")?.value);
            let rate = |label: &str, found: Option<i64>, target: i64, of: i64| Card {
                label: label.to_owned(),
                value: found.map_or_else(|| "—".to_owned(), per_mille),
                unit: if found.is_some() { w.unit_percent.to_owned() } else { String::new() },
                change: None,
                note: w_fill(w.ticket_target, &[&per_mille(target), &of.to_string()]),
                href: "/tickets?state=closed".to_owned(),
                spark: None,
                tone: match found {
                    Some(found) if found < target => Tone::Bad,
                    Some(_) => Tone::Good,
                    None => Tone::Quiet,
                },
            };
            let late = Filter { late_at: Some(now), region: asked.get("city").to_owned(), limit: 1, ..Filter::default() };
            let (_, late) = view::list(app, &look.actor, late).await?;
            Ok(vec![
                Card {
                    label: w.tickets_late.to_owned(),
                    value: late.to_string(),
                    unit: String::new(),
                    change: None,
                    note: String::new(),
                    href: "/tickets?state=late".to_owned(),
                    spark: None,
                    tone: if late > 0 { Tone::Bad } else { Tone::Good },
                },
                rate(w.ticket_satisfaction, quality.satisfaction(), target("hotline.target_satisfaction")?, quality.surveyed),
                rate(w.ticket_resolution, quality.resolution(), target("hotline.target_resolution")?, quality.settled),
            ])
        })
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let state = asked.get("state");
            let filter = Filter {
                region: asked.get("city").to_owned(),
                queue: matches!(state, "" | "late"),
                late_at: (state == "late").then(|| look.app.clock.now()),
                state: State::parse(state),
                kind: Kind::parse(asked.get("kind")),
                topic: Topic::parse(asked.get("topic")),
                worker: (asked.get("mine") == "1").then_some(look.actor.staff),
                code: asked.get("code").to_owned(),
                after: window.after.as_deref().and_then(view::read_cursor),
                limit: i64::from(window.limit) + 1,
                uncounted: !window.count,
                ..Filter::default()
            };
            let (rows, total) = view::list(&look.app, &look.actor, filter).await?;
            let total = window.count.then_some((total.unsigned_abs(), total >= hotline::table::COUNT_CAP));
            Ok(Found::page(rows, window.limit, total, |(row, _)| line(look, row), |(_, cursor)| cursor.clone()))
        })
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        let w = look.w;
        let mut tools = Vec::new();
        if look.actor.could(&look.app, Action::TicketWork) {
            tools.push(("/tickets/new".to_owned(), w.ticket_new.to_owned()));
        }
        tools.extend([
            ("/appeals".to_owned(), w.appeals.to_owned()),
            ("/refunds".to_owned(), w.refunds.to_owned()),
            ("/warnings".to_owned(), w.warning_list.to_owned()),
        ]);
        tools
    }

    fn page_of(&self, id: &str) -> Option<String> {
        Some(format!("/tickets/{id}"))
    }
}

/// `966` → `96.6`
fn per_mille(rate: i64) -> String {
    format!("{}.{}", rate / 10, rate % 10)
}

/// Puts values into the `{}` of a sentence, one after the other.
fn w_fill(text: &str, values: &[&str]) -> String {
    values.iter().fold(text.to_owned(), |text, value| text.replacen("{}", value, 1))
}

pub(super) fn state_tag(language: Language, state: State) -> Tag {
    let tone = match state {
        State::Open => Tone::Warning,
        State::Working | State::Waiting => Tone::Active,
        State::Answered | State::Closed => Tone::Good,
        State::Withdrawn => Tone::Quiet,
    };
    Tag::new(tone, said(language, state.words()))
}

/// The clock of a ticket as one looks at it: what is left, or by how much it is over; a stop and a clock that is held are said in words.
fn clock(w: &Words, row: &TicketView) -> (String, Tone) {
    match (row.state, row.left_ms) {
        (State::Waiting, _) => (w.ticket_paused.to_owned(), Tone::Quiet),
        (State::Open | State::Working, None) => (w.ticket_clock_held.to_owned(), Tone::Warning),
        (_, Some(left)) if left < 0 => (w_fill(w.ticket_over, &[&duration(w, -left)]), Tone::Bad),
        (_, Some(left)) => (w_fill(w.ticket_left, &[&duration(w, left)]), if left < 86_400_000 { Tone::Warning } else { Tone::Quiet }),
        _ if row.late => (w.ticket_answered_late.to_owned(), Tone::Bad),
        _ => ("—".to_owned(), Tone::Quiet),
    }
}

fn line(look: &Look, row: &TicketView) -> Line {
    let (w, language) = (look.w, look.language);
    let href = format!("/tickets/{}", row.id);
    let (left, tone) = clock(w, row);
    let due = row.due_at.as_deref().map(moment).unwrap_or_default();
    let worker = row.worker.clone().unwrap_or_else(|| "—".to_owned());
    Line {
        id: row.id.to_string(),
        cells: vec![
            Cell::LinkTwo(href.clone(), row.code.clone(), said(language, row.kind.words()).to_owned()),
            Cell::Code(row.number.clone().unwrap_or_else(|| w.ticket_anonymous.to_owned())),
            Cell::Two(said(language, row.topic.words()).to_owned(), row.place.clone()),
            Cell::Text(said(language, row.stage.words()).to_owned()),
            Cell::Text(region_name(&look.app, language, &row.region)),
            Cell::Tag(state_tag(language, row.state)),
            if left == "—" { Cell::Text(left) } else { Cell::Age(left, tone, due) },
            if row.named { Cell::Two(worker, w.ticket_named.to_owned()) } else { Cell::Text(worker) },
            Cell::Text(moment(&row.opened_at)),
            Cell::Actions(vec![Act::page(w.open, &row.code, href)]),
        ],
        current: false,
    }
}

pub(super) async fn list(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Tickets, &app, &actor, shell, &uri).await
}

fn ticket_id(text: &str) -> Result<Uuid> {
    read_id(text, || refuse(Refusal::NotFound))
}

pub(super) async fn new(Of(app): Of<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.reach(&app, Action::TicketWork)?;
    Ok(page(&intake(&app, &actor, shell, &Vec::new(), None)))
}

/// The intake; what was typed comes back with what is wrong with it, the number never in an address.
fn intake(app: &App, actor: &Actor, shell: Shell, form: &Pairs, problem: Option<&Problem>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let of = |name: &str| value(form, name).to_owned();
    // A list is of all cities; a ticket is of one.
    let mut cities = city_choices(app, language, w, &actor.region);
    if let Some(first) = cities.first_mut() {
        *first = Choice::new("", w.choose);
    }
    let fields: Vec<Input> = [
        Input::new("number", w.number, Field::Line("tel")).longest(20).hint(w.ticket_number_hint).first().value(of("number")),
        Input::select("kind", w.kind, choices(Kind::ALL, Some(w.choose), Kind::as_str, |one| said(language, one.words())))
            .required()
            .value(of("kind")),
        Input::select("topic", w.ticket_topic, choices(Topic::ALL, Some(w.choose), Topic::as_str, |one| said(language, one.words())))
            .required()
            .value(of("topic")),
        Input::text("place", w.ticket_place).longest(20).hint(w.ticket_place_hint).value(of("place")),
        Input::select("region", w.region, cities).hint(w.ticket_region_hint).value(of("region")),
        Input::new("words", w.ticket_words, Field::Area).required().longest(500).wide().value(of("words")),
    ]
    .into_iter()
    .map(|input| input.check(problem, language))
    .collect();
    let above = notice(problem, &fields, language);
    let part = FormPart { notice: above, ..FormPart::new(w, "/tickets/new", w.ticket_open, fields).lead(w.ticket_new_lead) };
    let part = FormPart { cancel: Some(("/tickets".to_owned(), w.cancel.to_owned())), ..part };
    DetailPage {
        w,
        title: w.ticket_new.to_owned(),
        trail: vec![(w.menu_hotline.to_owned(), "/tickets".to_owned())],
        tags: Vec::new(),
        lead: String::new(),
        buttons: Vec::new(),
        tabs: None,
        notice: None,
        revealed: None,
        sections: vec![Section::Form(w.ticket_new.to_owned(), part)],
        dialogs: Vec::new(),
        shell,
    }
}

fn taken(form: &Pairs) -> std::result::Result<NewTicket, Refusal> {
    let invalid = |field: &'static str| Refusal::FieldInvalid(field);
    Ok(NewTicket {
        number: Zeroizing::new(value(form, "number").to_owned()),
        kind: Kind::parse(value(form, "kind")).ok_or(invalid("kind"))?,
        topic: Topic::parse(value(form, "topic")).ok_or(invalid("topic"))?,
        region: value(form, "region").to_owned(),
        place: value(form, "place").to_owned(),
        words: value(form, "words").to_owned(),
    })
}

pub(super) async fn open(Of(app): Of<App>, actor: Actor, shell: Shell, Form(form): Form<Pairs>) -> Result<Response> {
    actor.reach(&app, Action::TicketWork)?;
    let done = async {
        let input = taken(&form).map_err(refuse)?;
        hotline::open(&app, &actor, input.read(&app, &actor).await?).await
    };
    match done.await {
        Ok(ticket) => Ok(see_other(&format!("/tickets/{}?done=saved", ticket.id))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &intake(&app, &actor, shell, &form, Some(&problem))))
        }
    }
}

/// What was just tried on the page.
enum After<'a> {
    Nothing,
    Refused(Refused<'a>),
    Tried(&'a Tried),
}

impl After<'_> {
    const fn tried(&self) -> Option<&Tried> {
        if let Self::Tried(tried) = self { Some(tried) } else { None }
    }
}

pub(super) async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, ticket_id(&id)?, After::Nothing).await?))
}

/// A passkey asserted again leads back to a form's own address: the page it stands on is meant.
pub(super) async fn back(Path(id): Path<String>) -> Result<Response> {
    Ok(see_other(&format!("/tickets/{}", ticket_id(&id)?)))
}

async fn detail(app: &App, actor: &Actor, shell: Shell, id: Uuid, after: After<'_>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let found = view::find(app, actor, id).await?;
    let may_reveal = found.subscription.is_some() && actor.could(app, Action::RevealField);
    let refused = if let After::Refused(refused) = &after { Some(refused) } else { None };
    let mut dialogs = dialogs(app, actor, w, language, &found, refused);
    let untold = refused.and_then(|refused| refused.untold(&dialogs));
    if may_reveal {
        let budget = view::budget(app, actor, found.ticket.region.clone()).await?;
        let fields = view::FIELDS.into_iter().filter(|field| *field == "number" || found.holder.is_some());
        dialogs.push(Dialog {
            title: w.reveal.to_owned(),
            ..reveal::page::dialog(reveal::page::Form {
                w,
                language,
                page: &format!("/tickets/{id}"),
                parties: vec![Choice::new("holder", w.party_holder)],
                fields: fields.map(|field| Choice::new(field, field_words(w, field))).collect(),
                budget: &budget,
                once: app.ids.next(app.clock.now()),
                refused: after.tried().and_then(Tried::refused),
            })
        });
    }
    let ticket = &found.ticket;
    let mut tags = vec![state_tag(language, ticket.state)];
    if ticket.late {
        tags.push(Tag::new(Tone::Bad, w.ticket_late));
    }
    if ticket.named {
        tags.push(Tag::new(Tone::Warning, w.ticket_named));
    }
    if ticket.holds {
        tags.push(Tag::new(Tone::Active, w.ticket_holds));
    }
    let mut buttons: Vec<Button> = dialogs.iter().map(|dialog| Button::Dialog(dialog.id.clone(), dialog.title.clone())).collect();
    if let Some(subscription) = found.subscription.filter(|_| actor.could(app, Action::SubscriberView)) {
        buttons.push(Button::Page(format!("/persons/{subscription}"), w.subscriber.to_owned()));
    }
    Ok(DetailPage {
        w,
        title: ticket.code.clone(),
        trail: vec![(w.menu_hotline.to_owned(), "/tickets".to_owned())],
        tags,
        lead: [said(language, ticket.kind.words()), said(language, ticket.topic.words()), &region_name(app, language, &ticket.region)]
            .join(" · "),
        buttons,
        tabs: None,
        revealed: after.tried().and_then(Tried::shown),
        notice: untold.map(|problem| Notice { wrong: Wrong::of(problem, language) }),
        sections: vec![
            Section::Facts(w.ticket.to_owned(), Facts { facts: facts(w, language, &found, may_reveal) }),
            Section::Timeline(w.timeline.to_owned(), Timeline { empty: w.none_yet.to_owned(), moments: moments(w, language, &found) }),
        ],
        dialogs,
        shell,
    })
}

fn facts(w: &'static Words, language: Language, found: &Detail, may_reveal: bool) -> Vec<Fact> {
    let ticket = &found.ticket;
    let masked = |label: &str, text: String| Fact {
        label: label.to_owned(),
        value: if may_reveal { Value::Masked(text, "reveal".to_owned(), w.reveal.to_owned()) } else { Value::Code(text) },
    };
    let mut facts = match &ticket.number {
        Some(number) => vec![masked(w.number, number.clone())],
        None => vec![fact(w.number, w.ticket_anonymous)],
    };
    facts.extend(found.holder.clone().map(|name| masked(w.holder_name, name)));
    if let Some(kind) = ChannelKind::parse(&ticket.channel_kind) {
        facts.push(fact(w.channel, channel_words(w, kind)));
    }
    if !ticket.place.is_empty() {
        facts.push(code(w.ticket_place, ticket.place.clone()));
    }
    if ticket.stage != Stage::None {
        facts.push(fact(w.ticket_stage, said(language, ticket.stage.words())));
    }
    let (left, tone) = clock(w, ticket);
    facts.push(status(w.ticket_clock, Tag::new(tone, left)));
    facts.push(fact(w.ticket_due, ticket.due_at.as_deref().map_or_else(|| w.ticket_clock_held.to_owned(), moment)));
    facts.push(fact(w.ticket_opened, moment(&ticket.opened_at)));
    facts.push(code(w.ticket_worker, ticket.worker.clone().unwrap_or_else(|| "—".to_owned())));
    if found.complaints > 0 {
        facts.push(fact(w.ticket_complaints, found.complaints.to_string()));
    }
    if let Some(outcome) = ticket.outcome {
        facts.push(fact(w.ticket_outcome, said(language, outcome.words())));
    }
    if let Some(satisfied) = ticket.satisfied {
        let (tone, text) = if satisfied { (Tone::Good, w.ticket_satisfied) } else { (Tone::Bad, w.ticket_dissatisfied) };
        facts.push(status(w.ticket_survey, Tag::new(tone, text)));
    }
    if ticket.recontacted {
        facts.push(status(w.ticket_resolution, Tag::new(Tone::Bad, w.ticket_recontacted)));
    }
    for refund in &found.refunds {
        facts.push(fact(w.refund, format!("¥{} · {}", yuan(refund.amount_fen), said(language, refund.state.words()))));
    }
    facts
}

/// An action of the timeline, by its code, in words.
fn action_words(w: &'static Words, action: &str) -> String {
    let words = match action.strip_prefix("ticket.").unwrap_or(action) {
        "open" => w.ticket_open,
        "claim" => w.claim,
        "assign" => w.ticket_assign,
        "pause" => w.ticket_pause,
        "resume" => w.ticket_resume,
        "reclassify" => w.ticket_reclassify,
        "answer" => w.ticket_answer,
        "survey" => w.ticket_survey,
        "reopen" => w.ticket_reopen,
        "close" => w.ticket_close,
        "withdraw" => w.ticket_withdraw,
        "named_owner" => w.ticket_named,
        "recontacted" => w.ticket_recontacted,
        "clock_freed" => w.ticket_clock_freed,
        other => return other.to_owned(),
    };
    words.to_owned()
}

fn moments(w: &'static Words, language: Language, found: &Detail) -> Vec<Moment> {
    found
        .happened
        .iter()
        .map(|one| Moment {
            at: one.at.display(),
            title: format!("{} → {}", action_words(w, &one.action), said(language, one.state.words())),
            by: one.staff.clone(),
            note: one.words.clone(),
            tone: state_tag(language, one.state).tone,
        })
        .collect()
}

/// What a step leads to, said before it is taken.
fn lead(w: &'static Words, step: &str) -> &'static str {
    match step {
        "claim" => w.ticket_claim_lead,
        "assign" => w.ticket_assign_lead,
        "pause" => w.ticket_pause_lead,
        "resume" => w.ticket_resume_lead,
        "reclassify" => w.ticket_reclassify_lead,
        "answer" => w.ticket_answer_lead,
        "survey" => w.ticket_survey_lead,
        "reopen" => w.ticket_reopen_lead,
        "close" => w.ticket_close_lead,
        "withdraw" => w.ticket_withdraw_lead,
        "appeal" => w.ticket_appeal_lead,
        "refund" => w.refund_new_lead,
        _ => "",
    }
}

/// What may be done to a ticket as it stands, each as a dialog that asks for what it needs.
fn dialogs(app: &App, actor: &Actor, w: &'static Words, language: Language, found: &Detail, refused: Option<&Refused<'_>>) -> Vec<Dialog> {
    let ticket = &found.ticket;
    let note = || Input::new("words", w.note, Field::Area).longest(200).wide();
    let mut dialogs = Vec::new();
    let mut add = |name: &'static str, to: &str, title: &str, fields: Vec<Input>, danger: bool| {
        let form = FormPart::new(w, format!("/tickets/{}/{to}", ticket.id), title, fields).lead(lead(w, name));
        let form = form.keep("version", ticket.version);
        dialogs.push(Dialog::step(name, title, if danger { form.danger() } else { form }, refused));
    };
    let (works, decides) = (actor.could(app, Action::TicketWork), actor.could(app, Action::TicketDecide));
    let pending = matches!(ticket.state, State::Open | State::Working | State::Waiting);
    if works {
        match ticket.state {
            State::Open => add("claim", "steps", w.claim, Vec::new(), false),
            State::Working if found.mine => {
                let outcomes = choices(Outcome::ALL, Some(w.choose), Outcome::as_str, |one| said(language, one.words()));
                let fields = vec![
                    Input::select("outcome", w.ticket_outcome, outcomes).required().wide(),
                    Input::new("words", w.ticket_answer_words, Field::Area).required().longest(500).wide(),
                ];
                add("answer", "steps", w.ticket_answer, fields, false);
                add("pause", "steps", w.ticket_pause, vec![note()], false);
            }
            State::Waiting => add("resume", "steps", w.ticket_resume, vec![note()], false),
            State::Answered | State::Closed => {
                if ticket.satisfied.is_none() {
                    let said = vec![Choice::new("yes", w.ticket_satisfied), Choice::new("no", w.ticket_dissatisfied)];
                    let field = Input::new("satisfied", w.ticket_survey, Field::Radio(said)).required().wide();
                    add("survey", "steps", w.ticket_survey, vec![field], false);
                }
                if ticket.state == State::Answered {
                    add("close", "steps", w.ticket_close, vec![note()], false);
                }
                add("reopen", "steps", w.ticket_reopen, vec![note()], false);
            }
            _ => {}
        }
        if pending {
            let kinds = choices(Kind::ALL, None, Kind::as_str, |one| said(language, one.words()));
            let field = Input::select("kind", w.kind, kinds).value(ticket.kind.as_str()).wide();
            add("reclassify", "steps", w.ticket_reclassify, vec![field, note()], false);
        }
    }
    if decides && pending {
        let field = Input::text("to", w.staff_number).required().longest(20).wide();
        add("assign", "steps", w.ticket_assign, vec![field, note()], false);
    }
    if works {
        let abouts = choices(About::ALL, Some(w.choose), About::as_str, |one| said(language, one.words()));
        let fields = vec![
            Input::select("about", w.appeal_about, abouts).required(),
            Input::new("happened_on", w.appeal_happened, Field::Line("date")).required(),
            Input::text("reference", w.appeal_reference).longest(40),
            note(),
        ];
        add("appeal", "appeals", w.appeal_new, fields, false);
        let fields =
            vec![Input::text("amount", w.refund_amount).required().longest(8).inputmode("decimal").hint(w.refund_amount_hint), note()];
        add("refund", "refunds", w.refund_new, fields, false);
        if pending {
            add("withdraw", "steps", w.ticket_withdraw, vec![note().required()], true);
        }
    }
    dialogs
}

fn wanted(form: &Pairs) -> std::result::Result<Wanted, Refusal> {
    let invalid = |field: &'static str| Refusal::FieldInvalid(field);
    Ok(match value(form, "step") {
        "claim" => Wanted::Claim,
        "assign" => Wanted::Assign { to: value(form, "to").to_owned() },
        "pause" => Wanted::Pause,
        "resume" => Wanted::Resume,
        "reclassify" => Wanted::Reclassify { kind: Kind::parse(value(form, "kind")).ok_or(invalid("kind"))? },
        "answer" => Wanted::Answer { outcome: Outcome::parse(value(form, "outcome")).ok_or(invalid("outcome"))? },
        "survey" => match value(form, "satisfied") {
            "yes" => Wanted::Survey { satisfied: true },
            "no" => Wanted::Survey { satisfied: false },
            _ => return Err(invalid("satisfied")),
        },
        "reopen" => Wanted::Reopen,
        "close" => Wanted::Close,
        "withdraw" => Wanted::Withdraw,
        _ => return Err(invalid("step")),
    })
}

/// The page again with what was refused, or on to where the step leads.
async fn after<T>(
    app: &App,
    actor: &Actor,
    shell: Shell,
    (id, form): (Uuid, &Pairs),
    done: Result<T>,
    to: impl Fn(T) -> String,
) -> Result<Response> {
    match done {
        Ok(made) => Ok(see_other(&to(made))),
        Err(failure) => {
            let problem = shown(failure)?;
            let refused = Refused { step: value(form, "step"), typed: form, problem: &problem, language: shell.language };
            Ok(page_refused(&problem, &detail(app, actor, shell, id, After::Refused(refused)).await?))
        }
    }
}

pub(super) async fn step(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    Path(id): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response> {
    let id = ticket_id(&id)?;
    let done = match (wanted(&form), value(&form, "version").parse()) {
        (Ok(wanted), Ok(version)) => hotline::step(&app, &actor, id, version, wanted, words_of(&form)).await,
        (Err(refusal), _) => Err(refuse(refusal)),
        (_, Err(_)) => Err(refuse(Refusal::FieldInvalid("version"))),
    };
    after(&app, &actor, shell, (id, &form), done, |ticket| format!("/tickets/{}?done=saved", ticket.id)).await
}

pub(super) async fn appeal(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    Path(id): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response> {
    let id = ticket_id(&id)?;
    let done = match About::parse(value(&form, "about")) {
        Some(about) => {
            let input = NewAppeal {
                ticket: id,
                about,
                happened_on: value(&form, "happened_on").to_owned(),
                reference: value(&form, "reference").to_owned(),
                words: words_of(&form),
            };
            appeal::receive(&app, &actor, input).await
        }
        None => Err(refuse(appeal::Refusal::FieldInvalid("about"))),
    };
    after(&app, &actor, shell, (id, &form), done, |appeal| format!("/appeals/{}?done=saved", appeal.id)).await
}

pub(super) async fn refund(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    Path(id): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response> {
    let id = ticket_id(&id)?;
    let done = refund::compute(&app, &actor, id, value(&form, "amount").to_owned(), words_of(&form)).await;
    after(&app, &actor, shell, (id, &form), done, |refund| format!("/refunds/{}?done=saved", refund.id)).await
}

/// The ticket is the case of the look, unless another was named.
async fn with_case(app: &App, actor: &Actor, id: Uuid, mut asked: Reveal) -> Result<Reveal> {
    if asked.case.trim().is_empty() {
        asked.case = view::find(app, actor, id).await?.ticket.code;
    }
    Ok(asked)
}

pub(super) async fn reveal(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    Path(id): Path<String>,
    Form(asked): Form<Reveal>,
) -> Result<Response> {
    let id = ticket_id(&id)?;
    let asked = with_case(&app, &actor, id, asked).await?;
    let tried = Tried::reveal(shell.w, asked.clone(), view::reveal(&app, &actor, id, asked).await)?;
    answer(&app, &actor, shell, id, &tried).await
}

pub(super) async fn second(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    Path(id): Path<String>,
    Form(asked): Form<Reveal>,
) -> Result<Response> {
    let id = ticket_id(&id)?;
    let asked = with_case(&app, &actor, id, asked).await?;
    match Tried::second(asked.clone(), view::ask_second(&app, &actor, id, asked).await)? {
        Ok(gone) => Ok(gone),
        Err(tried) => answer(&app, &actor, shell, id, &tried).await,
    }
}

async fn answer(app: &App, actor: &Actor, shell: Shell, id: Uuid, tried: &Tried) -> Result<Response> {
    let screen = detail(app, actor, shell, id, After::Tried(tried)).await?;
    Ok(tried.answer(&screen, &format!("/tickets/{id}")))
}
