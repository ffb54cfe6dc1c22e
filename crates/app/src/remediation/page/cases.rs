//! 工单列表: cases, and what may be done to many of them.

use axum::{Form, extract::State as Of, http::Uri, response::Response};
use chuangsha_kernel::{problem::Problem, role::Action};
use futures_util::future::BoxFuture;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Pairs, choices, detail, kind_words, read_id, said, short, state_tag, value};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
        web::{
            form::{Input, Kind as Field},
            frame::shown,
            list::{self, Asked, Fields, Found, Listing, Look, Window},
            page, page_refused,
            pages::{DetailPage, FormPart, Section},
            parts::{Tab, Tabs},
            see_other,
            shell::Shell,
            table::{Act, BatchAct, Cell, Column, Line, Tool},
        },
        words::Words,
    },
    registration::page::{city_choices, region_name},
    remediation::{
        Case,
        case::{State, Wait},
        desk::{self, Asked as Step},
        kind::Kind,
        protected::Category,
        table::{COUNT_CAP, Filter},
    },
};

/// Campaigns that are one press away, the newest.
const TABS: i64 = 6;

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
        &["campaign", "state", "kind", "wait", "city", "mine"]
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
            Input::select("wait", w.remediation_wait, choices(Wait::ALL, Some(w.all), Wait::as_str, |one| said(language, one.words()))),
            Input::select("city", w.region, city_choices(&look.app, language, w, &look.actor.region)),
            Input::new("mine", w.remediation_mine, Field::Check),
        ]
        .into_iter()
        .map(|input| asked.fill(input))
        .collect()
    }

    fn tabs<'a>(&'a self, look: &'a Look, asked: &'a Asked) -> BoxFuture<'a, Result<Option<Tabs>>> {
        Box::pin(async move {
            let current = asked.get("campaign");
            let tab = |label: &str, id: &str| Tab {
                label: label.to_owned(),
                href: asked.address(self).with("campaign", id).to_string(),
                count: None,
                current: current == id,
            };
            let mut tabs = vec![tab(look.w.all, "")];
            for (id, name) in desk::campaign_names(&look.app, &look.actor, TABS).await? {
                tabs.push(tab(&name, &id.to_string()));
            }
            Ok(Some(Tabs { label: look.w.remediation_campaign.to_owned(), tabs }))
        })
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
                wait: Wait::parse(asked.get("wait")),
                worker: (!asked.get("mine").is_empty()).then_some(look.actor.staff),
                after: window.after.as_deref().and_then(|text| text.parse().ok()),
                limit: i64::from(window.limit) + 1,
            };
            let (mut rows, total) = desk::cases(&look.app, &look.actor, filter, window.count).await?;
            let more = rows.len() > window.limit as usize;
            rows.truncate(window.limit as usize);
            Ok(Found {
                next: rows.last().filter(|_| more).map(|last| last.id.to_string()),
                total: Some((total.unsigned_abs(), total >= COUNT_CAP)),
                lines: rows.iter().map(|row| case_line(look, row)).collect(),
            })
        })
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        let w = look.w;
        vec![
            ("/remediation/cases/search".to_owned(), w.remediation_by_number.to_owned()),
            ("/remediation/protected".to_owned(), w.remediation_protected.to_owned()),
        ]
    }

    fn acts(&self, look: &Look) -> Vec<BatchAct> {
        let (w, language, could) = (look.w, look.language, |action| look.actor.could(&look.app, action));
        if !could(Action::RemediationWork) {
            return Vec::new();
        }
        // One form holds them all: each field stands once, before the first act that needs it.
        let staff = Input::text("staff", w.remediation_staff).longest(20).prefix("b");
        let words = Input::text("words", w.remediation_batch_words).longest(200).prefix("b");
        let until = Input::new("until", w.remediation_exempt_until, Field::Line("date")).prefix("b");
        let category = Input::select(
            "category",
            w.remediation_category,
            choices(Category::ALL, None, Category::as_str, |one| said(language, one.words())),
        )
        .prefix("b");
        let own = BatchAct::new("own", w.remediation_own);
        let mut acts = if could(Action::RemediationManage) {
            vec![BatchAct { fields: vec![staff], ..BatchAct::new("parcel", w.remediation_parcel) }, own]
        } else {
            vec![BatchAct { fields: vec![staff], ..own }]
        };
        acts.push(BatchAct { fields: vec![words], ..BatchAct::new("release", w.remediation_release_hold) });
        acts.push(BatchAct { fields: vec![until], ..BatchAct::new("exempt", w.remediation_exempt) });
        acts.push(BatchAct { fields: vec![category], ..BatchAct::new("protect", w.remediation_protect) });
        acts
    }

    fn ready(&self, look: &Look, act: &str, form: &Fields) -> Result<()> {
        many(act, form)?.check(given(form, "words"), look.app.clock.now())
    }

    fn apply<'a>(&'a self, look: &'a Look, act: &'a str, form: &'a Fields, id: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let words = given(form, "words").to_owned();
            desk::among_many(&look.app, &look.actor, read_id(id)?, many(act, form)?, words).await
        })
    }

    fn page_of(&self, id: &str) -> Option<String> {
        Some(format!("/remediation/cases/{id}"))
    }
}

fn given<'f>(form: &'f Fields, name: &str) -> &'f str {
    form.get(name).map_or("", |value| value.trim())
}

/// An act to many cases as the step it is for each.
fn many(act: &str, form: &Fields) -> Result<Step> {
    let given = |name: &str| given(form, name).to_owned();
    Ok(match act {
        "parcel" => Step::Parcel { staff: given("staff") },
        "own" => Step::Own { staff: given("staff") },
        "release" => Step::Release,
        "exempt" => Step::Exempt { until: given("until") },
        "protect" => Step::Protect { category: given("category"), until: given("until") },
        _ => return Err(Failure::from(Problem::new(&crate::platform::failure::code::NOT_FOUND))),
    })
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
            Cell::Text(one.since.display()),
            Cell::Text(if one.state.is_over() { "—".to_owned() } else { one.due.display() }),
            Cell::Text(wait),
            Cell::Number(one.contacts.to_string()),
            Cell::Number(one.complaints.to_string()),
            Cell::Actions(vec![Act::page(w.open, name, href)]),
        ],
        current: false,
    }
}

pub(super) async fn list(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Cases, &app, &actor, shell, &uri).await
}

/// A number never stands in an address: whoever presses "back" finds the form.
pub(super) async fn back(Of(app): Of<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.reach(&app, Action::RemediationView)?;
    Ok(page(&searching(shell, None)))
}

fn searching(shell: Shell, problem: Option<&Problem>) -> DetailPage {
    let w = shell.w;
    let input = Input::text("number", w.number).required().inputmode("numeric").longest(20).hint(w.suspension_number_hint).first();
    let input = input.check(problem, shell.language);
    let mut part = FormPart::new(w, "/remediation/cases/search", w.open, vec![input]).lead(w.remediation_by_number_lead);
    part.cancel = Some(("/remediation/cases".to_owned(), w.cancel.to_owned()));
    detail(shell, w.remediation_by_number.to_owned(), vec![Section::Form(w.remediation_by_number.to_owned(), part)], problem)
}

pub(super) async fn search(Of(app): Of<App>, actor: Actor, shell: Shell, Form(form): Form<Pairs>) -> Result<Response> {
    match desk::of_number(&app, &actor, Zeroizing::new(value(&form, "number").to_owned())).await {
        Ok(id) => Ok(see_other(&format!("/remediation/cases/{id}"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &searching(shell, Some(&problem))))
        }
    }
}
