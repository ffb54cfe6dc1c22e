//! 退费台账页面

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

use super::{Pairs, Plain, choices, filter, narrowing, read_id, said, step_dialogs, value, words_of};
use crate::{
    App,
    hotline::{
        filed,
        refund::{self, Entered, Refund, RefundOrigin as Origin, RefundState as State, RefundStep as Step, Refusal},
    },
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        money::yuan,
        web::{
            form::Input,
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Section},
            parts::{Facts, Tag, Tone, code, fact},
            see_other,
            shell::Shell,
            table::{Act, Cell, Column, Line},
        },
        words::Words,
    },
    registration::page::region_name,
    remediation::page::short,
};

/// 退费台账, as a list.
pub struct Refunds;

impl Listing for Refunds {
    fn path(&self) -> &'static str {
        "/refunds"
    }

    fn id(&self) -> &'static str {
        "refunds"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.refunds
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.refunds_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["state", "origin", "city"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("ticket", w.refund_of),
            Column::keyed("origin", w.refund_origin),
            Column::keyed("amount", w.refund_amount).figures(),
            Column::keyed("region", w.region),
            Column::keyed("computed", w.refund_computed_at).moment(),
            Column::keyed("state", w.status),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let (w, language) = (look.w, look.language);
        let origins = choices(Origin::ALL, Some(w.all), Origin::as_str, |one| said(language, one.words()));
        let mut fields = narrowing(look, State::ALL, State::as_str, State::words);
        fields.insert(1, Input::select("origin", w.refund_origin, origins));
        fields.into_iter().map(|input| asked.fill(input)).collect()
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let state = State::parse(asked.get("state")).map(|state| state as i64);
            let origin = Origin::parse(asked.get("origin"));
            let rows = refund::ledger(&look.app, &look.actor, filter(asked, &window, state), origin).await?;
            Ok(Found::page(rows, window.limit, None, |row| line(look, row), |row| row.id.to_string()))
        })
    }
}

fn state_tag(language: Language, state: State) -> Tag {
    let tone = match state {
        State::Computed => Tone::Warning,
        State::Approved => Tone::Active,
        State::Paid => Tone::Good,
        State::Unclaimed | State::AccountClosed => Tone::Warning,
        State::Refused => Tone::Quiet,
    };
    Tag::new(tone, said(language, state.words()))
}

fn line(look: &Look, one: &Entered) -> Line {
    let (w, language) = (look.w, look.language);
    let (name, href) = match one.origin {
        Origin::Complaint => (one.ticket.clone(), format!("/refunds/{}", one.id)),
        Origin::Closing => (format!("{} {}", w.remediation_case, short(one.id)), format!("/remediation/cases/{}", one.id)),
    };
    Line {
        id: one.id.to_string(),
        cells: vec![
            Cell::Link(href.clone(), name.clone()),
            Cell::Text(said(language, one.origin.words()).to_owned()),
            Cell::Number(yuan(one.amount_fen)),
            Cell::Text(region_name(&look.app, language, &one.region)),
            Cell::Text(one.at.display()),
            Cell::Tag(state_tag(language, one.state)),
            Cell::Actions(vec![Act::page(w.open, &name, href)]),
        ],
        current: false,
    }
}

pub(super) async fn list(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Refunds, &app, &actor, shell, &uri).await
}

fn refund_id(text: &str) -> Result<Uuid> {
    read_id(text, || refuse(Refusal::NotFound))
}

pub(super) async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, refund_id(&id)?, None).await?))
}

/// What a step leads to, said before it is taken.
const fn lead(w: &'static Words, step: Step) -> &'static str {
    match step {
        Step::Approve => w.refund_approve_lead,
        Step::Refuse => w.refund_refuse_lead,
        Step::Pay => w.refund_pay_lead,
        Step::Unclaim => w.refund_unclaim_lead,
        Step::CloseAccount => w.refund_close_account_lead,
    }
}

async fn detail(app: &App, actor: &Actor, shell: Shell, id: Uuid, problem: Option<&Problem>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let (one, ticket) = filed::find::<Refund>(app, actor, id).await?;
    let mut facts = vec![
        code(w.ticket_code, ticket.clone()),
        fact(w.refund_amount, format!("¥{}", yuan(one.amount_fen))),
        fact(w.refund_computed_at, one.computed_at.display()),
        fact(w.refund_second, if one.approved_by.is_some() { w.present } else { w.absent }),
    ];
    let (works, decides) = (actor.could(app, Action::TicketWork), actor.could(app, Action::TicketDecide));
    let steps: &[Step] = match one.state {
        State::Computed if decides && one.computed_by != actor.staff => &[Step::Approve, Step::Refuse],
        State::Approved if works => &[Step::Pay, Step::Unclaim, Step::CloseAccount],
        State::AccountClosed if works => &[Step::Pay, Step::Unclaim],
        State::Unclaimed if works => &[Step::Pay],
        _ => &[],
    };
    if one.state == State::AccountClosed {
        facts.push(fact(w.refund_next, w.refund_account_closed));
    }
    let steps = steps.iter().map(|step| (step.as_str(), said(language, step.words()), lead(w, *step)));
    let plain = Plain {
        title: format!("{} {ticket}", w.refund),
        list: (w.refunds, "/refunds"),
        tag: state_tag(language, one.state),
        lead: region_name(app, language, &one.region),
        sections: vec![Section::Facts(w.refund.to_owned(), Facts { facts })],
        dialogs: step_dialogs(w, &format!("/refunds/{id}"), one.version, steps).collect(),
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
    let id = refund_id(&id)?;
    let done = match (Step::parse(value(&form, "step")), value(&form, "version").parse()) {
        (Some(step), Ok(version)) => refund::step(&app, &actor, id, version, step, words_of(&form)).await,
        _ => Err(refuse(Refusal::Changed)),
    };
    match done {
        Ok(_) => Ok(see_other(&format!("/refunds/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &detail(&app, &actor, shell, id, Some(&problem)).await?))
        }
    }
}
