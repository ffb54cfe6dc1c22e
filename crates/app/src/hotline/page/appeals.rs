//! 申诉页面

use axum::{
    Form,
    extract::{Path, State as Of},
    http::Uri,
    response::Response,
};
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action,
};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{Pairs, Plain, by, filter, narrowing, read_id, said, step_dialogs, value, words_of};
use crate::{
    App,
    hotline::{
        appeal::{self, Appeal, AppealState as State, AppealStep as Step, Refusal},
        filed,
    },
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        web::{
            form::Input,
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Section},
            parts::{Facts, Tag, Tone, code, fact, status},
            see_other,
            shell::Shell,
            table::{Act, Cell, Column, Line},
        },
        words::Words,
    },
    registration::page::region_name,
};

/// 申诉, as a list.
pub struct Appeals;

impl Listing for Appeals {
    fn path(&self) -> &'static str {
        "/appeals"
    }

    fn id(&self) -> &'static str {
        "appeals"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.appeals
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.appeals_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["state", "city"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("ticket", w.ticket_code),
            Column::keyed("about", w.appeal_about),
            Column::keyed("region", w.region),
            Column::keyed("received", w.appeal_received).moment(),
            Column::keyed("due", w.ticket_due).moment(),
            Column::keyed("state", w.status),
            Column::keyed("deductible", w.appeal_deductible),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        narrowing(look, State::ALL, State::as_str, State::words).into_iter().map(|input| asked.fill(input)).collect()
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let state = State::parse(asked.get("state")).map(|state| state as i64);
            let rows = filed::list::<Appeal>(&look.app, &look.actor, filter(asked, &window, state)).await?;
            Ok(Found::page(rows, window.limit, None, |row| line(look, row), |row| row.0.id.to_string()))
        })
    }
}

fn state_tag(language: Language, state: State) -> Tag {
    let tone = match state {
        State::Received => Tone::Warning,
        State::Accepted => Tone::Active,
        State::Passed | State::Settled => Tone::Good,
        State::NotAccepted | State::Rejected => Tone::Quiet,
    };
    Tag::new(tone, said(language, state.words()))
}

/// The end of the clock that runs now.
fn due(w: &Words, one: &Appeal) -> String {
    match one.state {
        State::Received => one.accept_by.map_or_else(|| w.ticket_clock_held.to_owned(), by),
        State::Accepted => one.settle_by.map_or_else(|| "—".to_owned(), by),
        _ => "—".to_owned(),
    }
}

fn line(look: &Look, (one, ticket): &(Appeal, String)) -> Line {
    let (w, language) = (look.w, look.language);
    let href = format!("/appeals/{}", one.id);
    Line {
        id: one.id.to_string(),
        cells: vec![
            Cell::LinkTwo(href.clone(), ticket.clone(), one.reference.clone()),
            Cell::Text(said(language, one.about.words()).to_owned()),
            Cell::Text(region_name(&look.app, language, &one.region)),
            Cell::Text(one.received_at.display()),
            Cell::Text(due(w, one)),
            Cell::Tag(state_tag(language, one.state)),
            Cell::Text(if one.deductible { w.appeal_deductible_yes } else { "—" }.to_owned()),
            Cell::Actions(vec![Act::page(w.open, ticket, href)]),
        ],
        current: false,
    }
}

pub(super) async fn list(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Appeals, &app, &actor, shell, &uri).await
}

fn appeal_id(text: &str) -> Result<Uuid> {
    read_id(text, || refuse(Refusal::NotFound))
}

pub(super) async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, appeal_id(&id)?, None).await?))
}

/// What a step leads to, said before it is taken.
const fn lead(w: &'static Words, step: Step) -> &'static str {
    match step {
        Step::Accept => w.appeal_accept_lead,
        Step::Decline | Step::Reject => w.appeal_over_lead,
        Step::Pass => w.appeal_pass_lead,
        Step::Settle => w.appeal_settle_lead,
        Step::Deduct => w.appeal_deduct_lead,
    }
}

async fn detail(app: &App, actor: &Actor, shell: Shell, id: Uuid, problem: Option<&Problem>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let (one, ticket) = filed::find::<Appeal>(app, actor, id).await?;
    let mut facts = vec![
        code(w.ticket_code, ticket.clone()),
        fact(w.appeal_about, said(language, one.about.words())),
        fact(w.appeal_happened, one.happened_on.to_string()),
        code(w.appeal_reference, if one.reference.is_empty() { "—".to_owned() } else { one.reference.clone() }),
        fact(w.appeal_received, one.received_at.display()),
        fact(w.appeal_accept_by, one.accept_by.map_or_else(|| w.ticket_clock_held.to_owned(), by)),
    ];
    facts.extend(one.settle_by.map(|at| fact(w.appeal_settle_by, by(at))));
    if one.hold.is_some() {
        facts.push(status(w.appeal_stop, Tag::new(Tone::Warning, w.appeal_stop_lead)));
    }
    facts.push(fact(w.appeal_deductible, if one.deductible { w.appeal_deductible_yes } else { "—" }));
    let steps: &[Step] = match one.state {
        _ if !actor.could(app, Action::TicketDecide) => &[],
        State::Received => &[Step::Accept, Step::Decline],
        State::Accepted => &[Step::Pass, Step::Reject, Step::Settle],
        _ => &[],
    };
    let deduct = (actor.could(app, Action::TicketDecide) && !one.deductible).then_some(Step::Deduct);
    let steps = steps.iter().copied().chain(deduct).map(|step| (step.as_str(), said(language, step.words()), lead(w, step)));
    let plain = Plain {
        title: format!("{} {ticket}", w.appeal),
        list: (w.appeals, "/appeals"),
        tag: state_tag(language, one.state),
        lead: region_name(app, language, &one.region),
        sections: vec![Section::Facts(w.appeal.to_owned(), Facts { facts })],
        dialogs: step_dialogs(w, &format!("/appeals/{id}"), one.version, steps).collect(),
    };
    let mut screen = plain.page(shell, problem);
    screen.buttons.push(Button::Page(format!("/tickets/{}", one.ticket), w.ticket.to_owned()));
    Ok(screen)
}

pub(super) async fn step(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    Path(id): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response> {
    let id = appeal_id(&id)?;
    let done = match (Step::parse(value(&form, "step")), value(&form, "version").parse()) {
        (Some(step), Ok(version)) => appeal::step(&app, &actor, id, version, step, words_of(&form)).await,
        _ => Err(refuse(Refusal::FieldInvalid("step"))),
    };
    match done {
        Ok(_) => Ok(see_other(&format!("/appeals/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &detail(&app, &actor, shell, id, Some(&problem)).await?))
        }
    }
}
