//! 一证多号页面: the list of persons beyond the limit, and one of them with their numbers and what they say of each.

use axum::{
    Form, Router,
    extract::{Path, State as Of},
    http::Uri,
    response::Response,
    routing::{get, post},
};
use chuangsha_kernel::problem::Problem;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{Case, Refusal, Said, State, table};
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
            pages::{DetailPage, FormPart, Section},
            parts::{Facts, Tag, Tone, fact},
            see_other,
            shell::Shell,
            table::{Act, Cell, Column, Line},
        },
        words::{Words, fill},
    },
    registration::page::{city_choices, region_name},
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/excess", get(cases)).route("/excess/{id}", get(one)).route("/excess/{id}/settlement", post(settle))
}

/// 一证多号, as a list.
pub struct Excess;

impl Listing for Excess {
    fn path(&self) -> &'static str {
        "/excess"
    }

    fn id(&self) -> &'static str {
        "excess"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_excess
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.excess_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["state", "city"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("case", w.excess_case),
            Column::keyed("numbers", w.excess_numbers).figures(),
            Column::keyed("most", w.excess_most).figures(),
            Column::keyed("region", w.region),
            Column::keyed("state", w.status),
            Column::keyed("outcome", w.excess_outcome),
            Column::keyed("found", w.excess_found).moment(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let mut states = vec![Choice::new("", look.w.all)];
        states.extend(State::ALL.into_iter().map(|state| Choice::new(state.as_str(), words(look.w, state))));
        vec![
            asked.fill(Input::select("state", look.w.status, states)),
            asked.fill(Input::select("city", look.w.region, city_choices(&look.app, look.language, look.w, &look.actor.region))),
        ]
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let filter = table::Filter {
                region: asked.get("city").to_owned(),
                state: State::parse(asked.get("state")),
                after: window.after.as_deref().and_then(|after| Uuid::try_parse(after).ok()),
                limit: i64::from(window.limit) + 1,
            };
            let (rows, total) = super::list(&look.app, &look.actor, filter, window.count).await?;
            let total = total.map(|total| (total.max(0).unsigned_abs(), false));
            Ok(Found::page(rows, window.limit, total, |case| line(look, case), |case| case.id.to_string()))
        })
    }

    fn page_of(&self, id: &str) -> Option<String> {
        Some(format!("/excess/{id}"))
    }
}

fn words(w: &Words, state: State) -> &'static str {
    match state {
        State::Open => w.excess_open,
        State::Settled => w.excess_settled,
    }
}

fn said(w: &Words, said: Said) -> &'static str {
    match said {
        Said::Keep => w.excess_keep,
        Said::GiveUp => w.excess_give_up,
        Said::NotMine => w.excess_not_mine,
    }
}

fn tag(w: &Words, state: State) -> Tag {
    Tag::new(if state == State::Open { Tone::Active } else { Tone::Good }, words(w, state))
}

/// The person is nobody's business in a list: a case is known by the end of its number.
fn name(case: &Case) -> String {
    let id = case.id.simple().to_string();
    id.chars().skip(20).collect::<String>().to_uppercase()
}

fn outcome(w: &Words, case: &Case) -> String {
    match case.state {
        State::Open => "—".to_owned(),
        State::Settled => [(w.excess_keep, case.kept), (w.excess_give_up, case.given_up), (w.excess_not_mine, case.not_mine)]
            .map(|(word, count)| format!("{word} {count}"))
            .join(" · "),
    }
}

/// Beyond the limit somebody chooses; at it each number is verified again (L-LIM-2).
fn why(w: &Words, case: &Case) -> &'static str {
    if case.numbers > case.most { w.excess_beyond } else { w.excess_reverify }
}

fn line(look: &Look, case: &Case) -> Line {
    let (w, href, name) = (look.w, format!("/excess/{}", case.id), name(case));
    Line {
        id: case.id.to_string(),
        cells: vec![
            Cell::LinkTwo(href.clone(), name.clone(), why(w, case).to_owned()),
            Cell::Number(case.numbers.to_string()),
            Cell::Number(case.most.to_string()),
            Cell::Text(region_name(&look.app, look.language, &case.region)),
            Cell::Tag(tag(w, case.state)),
            Cell::Text(outcome(w, case)),
            Cell::Text(case.found_at.display()),
            Cell::Actions(vec![Act::page(w.open, name, href)]),
        ],
        current: false,
    }
}

async fn cases(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Excess, &app, &actor, shell, &uri).await
}

fn read_id(text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|_| refuse(Refusal::NotFound))
}

async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, read_id(&id)?, &Vec::new(), None).await?))
}

/// Names of the form's fields: nobody has more numbers than this; who has is worked off in the carrier's own system first.
#[rustfmt::skip]
const FIELDS: [&str; 100] = [
    "n00", "n01", "n02", "n03", "n04", "n05", "n06", "n07", "n08", "n09", "n10", "n11", "n12", "n13", "n14", "n15", "n16", "n17", "n18", "n19",
    "n20", "n21", "n22", "n23", "n24", "n25", "n26", "n27", "n28", "n29", "n30", "n31", "n32", "n33", "n34", "n35", "n36", "n37", "n38", "n39",
    "n40", "n41", "n42", "n43", "n44", "n45", "n46", "n47", "n48", "n49", "n50", "n51", "n52", "n53", "n54", "n55", "n56", "n57", "n58", "n59",
    "n60", "n61", "n62", "n63", "n64", "n65", "n66", "n67", "n68", "n69", "n70", "n71", "n72", "n73", "n74", "n75", "n76", "n77", "n78", "n79",
    "n80", "n81", "n82", "n83", "n84", "n85", "n86", "n87", "n88", "n89", "n90", "n91", "n92", "n93", "n94", "n95", "n96", "n97", "n98", "n99",
];

async fn detail(
    app: &App,
    actor: &Actor,
    shell: Shell,
    id: Uuid,
    form: &[(String, String)],
    problem: Option<&Problem>,
) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let seen = super::show(app, actor, id).await?;
    let case = &seen.case;
    let mut facts = vec![
        fact(w.excess_numbers, case.numbers.to_string()),
        fact(w.excess_most, seen.limit.to_string()),
        fact(w.reason, why(w, case)),
        fact(w.region, region_name(app, language, &case.region)),
        fact(w.excess_found, case.found_at.display()),
    ];
    if let Some(at) = case.settled_at {
        facts.push(fact(w.excess_outcome, outcome(w, case)));
        facts.push(fact(w.excess_settled, at.display()));
    }
    let mut sections = vec![Section::Facts(w.excess_case.to_owned(), Facts { facts })];
    if case.state == State::Open {
        let value = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        let mut fields = Vec::new();
        let mut part = FormPart::new(w, format!("/excess/{id}/settlement"), w.excess_settle, Vec::new())
            .lead(fill(if case.numbers > case.most { w.excess_form_lead } else { w.excess_reverify_lead }, seen.limit));
        for ((held, number), field) in seen.numbers.iter().zip(FIELDS) {
            let label = format!("{number} · {}", region_name(app, language, &held.region));
            let since = fill(w.excess_since, held.since.day());
            let answers = std::iter::once(Choice::new("", w.choose)).chain(Said::ALL.map(|one| Choice::new(one.as_str(), said(w, one))));
            fields.push(Input::select(field, label, answers.collect()).required().hint(since).value(value(field).to_owned()));
            part = part.keep(&format!("{field}.id"), held.id);
        }
        fields.push(
            Input::new("words", w.excess_words, Field::Area)
                .required()
                .longest(200)
                .wide()
                .value(value("words").to_owned())
                .check(problem, language),
        );
        part.fields = fields;
        sections.push(Section::Form(w.excess_settle.to_owned(), part));
    }
    Ok(DetailPage {
        w,
        title: format!("{} {}", w.excess_case, name(case)),
        trail: vec![(w.menu_excess.to_owned(), "/excess".to_owned())],
        tags: vec![tag(w, case.state)],
        lead: w.excess_lead.to_owned(),
        buttons: Vec::new(),
        tabs: None,
        notice: problem.map(|problem| Notice { wrong: Wrong::of(problem, language) }),
        revealed: None,
        sections,
        dialogs: Vec::new(),
        shell,
    })
}

async fn settle(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    Path(id): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let id = read_id(&id)?;
    let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim());
    let answers = FIELDS.iter().filter_map(|field| {
        let number = Uuid::try_parse(value(&format!("{field}.id"))?).ok()?;
        Some((number, Said::parse(value(field).unwrap_or_default())?))
    });
    let done = super::decide(&app, &actor, id, answers.collect(), value("words").unwrap_or_default().to_owned()).await;
    match done {
        Ok(_) => Ok(see_other(&format!("/excess/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &detail(&app, &actor, shell, id, &form, Some(&problem)).await?))
        }
    }
}
