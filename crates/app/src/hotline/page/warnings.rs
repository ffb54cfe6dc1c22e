//! 预警页面

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

use super::{Pairs, Plain, filter, narrowing, read_id, said, words_of};
use crate::{
    App,
    hotline::{
        filed,
        ticket::Stage,
        warning::{self, Refusal, Warning, WarningKind as Kind, WarningState as State},
    },
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        web::{
            form::{Input, Kind as Field},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Section},
            parts::{Facts, Tag, Tone, fact},
            see_other,
            shell::Shell,
            table::{Act, Address, Cell, Column, Line},
        },
        words::{Words, fill},
    },
    registration::page::{channel_words, region_name},
};

/// 投诉预警, as a list.
pub struct Warnings;

impl Listing for Warnings {
    fn path(&self) -> &'static str {
        "/warnings"
    }

    fn id(&self) -> &'static str {
        "warnings"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.warning_list
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.warnings_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["state", "city"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("day", w.day),
            Column::keyed("kind", w.kind),
            Column::keyed("region", w.region),
            Column::keyed("cell", w.warning_cell),
            Column::keyed("observed", w.warning_observed).figures(),
            Column::keyed("expected", w.warning_expected).figures(),
            Column::keyed("state", w.status),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        narrowing(look, State::ALL, State::as_str, State::words).into_iter().map(|input| asked.fill(input)).collect()
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let state = State::parse(asked.get("state")).map(|state| state as i64);
            let rows = filed::list::<Warning>(&look.app, &look.actor, filter(asked, &window, state)).await?;
            Ok(Found::page(rows, window.limit, None, |(row, _)| line(look, row), |(row, _)| row.id.to_string()))
        })
    }
}

fn state_tag(language: Language, state: State) -> Tag {
    Tag::new(if state == State::Open { Tone::Bad } else { Tone::Good }, said(language, state.words()))
}

/// A stage and a kind of outlet, in words.
fn part(w: &'static Words, language: Language, stage: Stage, channel_kind: i64) -> [&'static str; 2] {
    [said(language, stage.words()), ChannelKind::from_i64(channel_kind).map_or("—", |kind| channel_words(w, kind))]
}

/// Stage and channel of a rate, topic and outlet of an incident.
fn cell(w: &'static Words, language: Language, one: &Warning) -> (String, String) {
    match one.kind {
        Kind::Rate => {
            let [stage, channel] = part(w, language, one.stage, one.channel_kind);
            (stage.to_owned(), channel.to_owned())
        }
        Kind::Group => (one.topic.map_or("—", |topic| said(language, topic.words())).to_owned(), one.place.clone()),
    }
}

/// Thousandths as `1.25`.
fn hundredths(milli: i64) -> String {
    format!("{}.{:02}", milli / 1_000, milli % 1_000 / 10)
}

fn expected(one: &Warning) -> String {
    match one.kind {
        Kind::Rate => hundredths(one.expected_milli),
        Kind::Group => "—".to_owned(),
    }
}

fn line(look: &Look, one: &Warning) -> Line {
    let (w, language) = (look.w, look.language);
    let href = format!("/warnings/{}", one.id);
    let (first, second) = cell(w, language, one);
    Line {
        id: one.id.to_string(),
        cells: vec![
            Cell::Link(href.clone(), one.day.clone()),
            Cell::Text(said(language, one.kind.words()).to_owned()),
            Cell::Text(region_name(&look.app, language, &one.region)),
            Cell::Two(first, second),
            Cell::Number(one.observed.to_string()),
            Cell::Number(expected(one)),
            Cell::Tag(state_tag(language, one.state)),
            Cell::Actions(vec![Act::page(w.open, &one.day, href)]),
        ],
        current: false,
    }
}

pub(super) async fn list(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Warnings, &app, &actor, shell, &uri).await
}

fn warning_id(text: &str) -> Result<Uuid> {
    read_id(text, || refuse(Refusal::NotFound))
}

pub(super) async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, warning_id(&id)?, None).await?))
}

async fn detail(app: &App, actor: &Actor, shell: Shell, id: Uuid, problem: Option<&Problem>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let (one, held) = warning::find(app, actor, id).await?;
    let now = app.clock.now();
    let (first, second) = cell(w, language, &one);
    let mut facts = vec![
        fact(w.day, one.day.clone()),
        fact(w.region, region_name(app, language, &one.region)),
        fact(
            if one.kind == Kind::Group { w.warning_about } else { w.warning_cell },
            [first, second].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · "),
        ),
        fact(if one.kind == Kind::Group { w.warning_people } else { w.warning_observed }, one.observed.to_string()),
    ];
    if one.kind == Kind::Rate {
        let promise = app.number_rule("hotline.warning_false_alarms", now, "")?.value;
        facts.push(fact(w.warning_expected, expected(&one)));
        if one.touched > 0 {
            facts.push(fact(w.warning_touched, one.touched.to_string()));
            facts.push(fact(w.warning_rate, hundredths(one.observed * 1_000_000 / one.touched)));
        }
        facts.push(fact(w.warning_chance, if one.chance_ppb == 0 { "<1 × 10⁻⁹".to_owned() } else { format!("{} × 10⁻⁹", one.chance_ppb) }));
        facts.push(fact(w.warning_promise, fill(w.warning_promise_lead, promise)));
    }
    let held: Vec<String> = held.into_iter().map(|(stage, kind)| part(w, language, stage, kind).join(" · ")).collect();
    facts.push(fact(w.warning_paused, if held.is_empty() { w.warning_paused_none.to_owned() } else { held.join(w.comma) }));
    facts.push(fact(w.warning_opened, one.opened_at.display()));
    if one.state == State::Acknowledged {
        facts.push(fact(w.by, one.ended_by.clone()));
    }
    let mut dialogs = Vec::new();
    if one.state == State::Open && actor.could(app, Action::TicketDecide) {
        let note = Input::new("words", w.warning_cause, Field::Area).required().longest(200).wide().prefix("end").check(problem, language);
        let form = FormPart::new(w, format!("/warnings/{id}/acknowledgement"), w.warning_end, vec![note]).lead(w.warning_end_lead);
        dialogs.push(Dialog { id: "end".to_owned(), title: w.warning_end.to_owned(), open: problem.is_some(), form });
    }
    let plain = Plain {
        title: said(language, one.kind.words()).to_owned(),
        list: (w.warning_list, "/warnings"),
        tag: state_tag(language, one.state),
        lead: if one.stage == Stage::None { String::new() } else { said(language, one.stage.words()).to_owned() },
        sections: vec![Section::Facts(w.warning.to_owned(), Facts { facts })],
        dialogs,
    };
    let mut screen = plain.page(shell, problem.filter(|problem| problem.field.is_none()));
    let tickets = Address::new("/tickets", [("state", "all"), ("city", one.region.as_str())])
        .with("topic", one.topic.map_or("", |topic| topic.as_str()));
    screen.buttons.push(Button::Page(tickets.to_string(), w.menu_hotline.to_owned()));
    Ok(screen)
}

pub(super) async fn acknowledge(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    Path(id): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response> {
    let id = warning_id(&id)?;
    match warning::acknowledge(&app, &actor, id, words_of(&form)).await {
        Ok(()) => Ok(see_other(&format!("/warnings/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &detail(&app, &actor, shell, id, Some(&problem)).await?))
        }
    }
}
