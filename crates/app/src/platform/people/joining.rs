//! 新建人员: taking somebody in on a page. The organisations offered are those the actor manages people of, the roles those that fit into one of
//! them; the first password is shown once, and whoever loads the page again is told that the number is taken.

use std::collections::{BTreeMap, BTreeSet};

use axum::{Form, extract::State, response::Response};
use chuangsha_kernel::{
    id::OrganisationId,
    problem::Problem,
    role::{Action, Role},
};
use uuid::Uuid;

use super::{
    code,
    http::{Joined, Joiner},
    organisation::{self, Organisation, OrganisationKind},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        web::{
            form::{Choice, Input, Kind, notice},
            frame::shown,
            page, page_refused,
            pages::{Button, DetailPage, FormPart, Section, for_seconds},
            parts::{Facts, code as code_fact, fact},
            shell::Shell,
        },
        words::Words,
    },
};

/// Organisations offered at a time; a search narrows them.
const OFFERED: i64 = 100;
/// How long a first password is shown.
const SHOWN_S: u32 = 120;

type Answers = BTreeMap<String, String>;

/// `GET /people/new`
pub(super) async fn blank(State(app): State<App>, actor: Actor, shell: Shell) -> Result<Response> {
    Ok(page(&screen(&app, &actor, shell, &Answers::new(), None).await?))
}

/// Active organisations the actor manages people of, whose name holds a part; one more than are offered tells that there are more.
async fn managed(app: &App, actor: &Actor, part: &str) -> Result<Vec<Organisation>> {
    // Asks for a fresh factor before anything is typed.
    let within = actor.within(actor.reach(app, Action::PeopleManage)?);
    let part: String = part.trim().chars().take(40).collect();
    app.store.read(move |tx| organisation::within(tx, &within, &part, OFFERED + 1)).await
}

fn too_many(found: &[Organisation]) -> bool {
    i64::try_from(found.len()).is_ok_and(|count| count > OFFERED)
}

/// The page. Where a person has more organisations than a list can offer, part of a name is asked for first and the list is offered then.
async fn screen(app: &App, actor: &Actor, shell: Shell, given: &Answers, problem: Option<&Problem>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let value = |name: &str| given.get(name).cloned().unwrap_or_default();
    let all = managed(app, actor, "").await?;
    let asks_name = too_many(&all);
    let offered = if asks_name && !value("organisation_name").trim().is_empty() {
        managed(app, actor, &value("organisation_name")).await?
    } else {
        all
    };
    let mut fields = vec![
        Input::text("number", w.staff_number)
            .required()
            .longest(20)
            .hint(w.joiner_number_hint)
            .value(value("number"))
            .check(problem, language),
        Input::text("name", w.name).required().longest(64).value(value("name")).check(problem, language),
    ];
    if asks_name {
        let name = Input::text("organisation_name", w.joiner_find).longest(40).wide().hint(w.joiner_find_hint);
        fields.push(name.value(value("organisation_name")).check(problem, language));
    }
    if !too_many(&offered) {
        let choices = offered.iter().map(|one| Choice::new(one.id.to_string(), one.name(language)));
        let list = Input::select("organisation", w.organisation, [Choice::new("", w.choose)].into_iter().chain(choices).collect());
        fields.push(list.required().wide().value(value("organisation")).check(problem, language));
    }
    let kinds: BTreeSet<_> =
        if too_many(&offered) { OrganisationKind::ALL.iter().collect() } else { offered.iter().map(|one| &one.kind).collect() };
    let fitting = Role::ALL.iter().copied().filter(|role| kinds.iter().any(|kind| app.matrix.fits(*role, **kind)));
    fields.extend(fitting.map(|role| {
        let ticked = if given.contains_key(role.as_str()) { "yes" } else { "" };
        Input::new(role.as_str(), app.matrix.role_name(role, language), Kind::Check).value(ticked).prefix("role")
    }));
    let mut form = FormPart::new(w, "/people/new", w.joiner_take_in, fields).lead(w.joiner_lead);
    form.notice = notice(problem, &form.fields, language);
    form.cancel = Some(("/people".to_owned(), w.cancel.to_owned()));
    Ok(detail(shell, w, String::new(), vec![Section::Form(w.joiner_new.to_owned(), form)]))
}

fn detail(shell: Shell, w: &'static Words, lead: String, sections: Vec<Section>) -> DetailPage {
    DetailPage {
        w,
        title: w.joiner_new.to_owned(),
        trail: vec![(w.menu_people.to_owned(), "/people".to_owned())],
        tags: Vec::new(),
        lead,
        buttons: Vec::new(),
        tabs: None,
        notice: None,
        revealed: None,
        sections,
        dialogs: Vec::new(),
        shell,
    }
}

/// The organisation that was chosen, or the only one of that name.
async fn chosen(app: &App, actor: &Actor, given: &Answers) -> Result<OrganisationId> {
    if let Some(id) = given.get("organisation").and_then(|text| Uuid::try_parse(text).ok()) {
        return Ok(OrganisationId(id));
    }
    let part = given.get("organisation_name").map_or("", |part| part.trim());
    let found = managed(app, actor, part).await?;
    match found.as_slice() {
        [one] if !part.is_empty() => Ok(one.id),
        _ => {
            Err(Problem::new(&code::ORGANISATION_CHOOSE).field(if too_many(&found) { "organisation_name" } else { "organisation" }).into())
        }
    }
}

/// `POST /people/new`
pub(super) async fn take_in(State(app): State<App>, actor: Actor, shell: Shell, Form(given): Form<Answers>) -> Result<Response> {
    let value = |name: &str| given.get(name).cloned().unwrap_or_default();
    let roles = Role::ALL.iter().copied().filter(|role| given.contains_key(role.as_str())).collect();
    let joined = match chosen(&app, &actor, &given).await {
        Ok(organisation) => app.take_in(&actor, Joiner { number: value("number"), name: value("name"), organisation, roles }).await,
        Err(failure) => Err(failure),
    };
    match joined {
        Ok(joined) => Ok(welcome(&app, shell, &given, &joined)),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &screen(&app, &actor, shell, &given, Some(&problem)).await?))
        }
    }
}

/// The first password, once.
fn welcome(app: &App, shell: Shell, given: &Answers, joined: &Joined) -> Response {
    let (w, language) = (shell.w, shell.language);
    let person = format!("/people/{}", joined.id);
    let roles = Role::ALL.iter().filter(|role| given.contains_key(role.as_str())).map(|role| app.matrix.role_name(*role, language));
    let about = vec![
        code_fact(w.staff_number, given.get("number").cloned().unwrap_or_default()),
        fact(w.roles, roles.collect::<Vec<_>>().join(" · ")),
    ];
    let mut screen =
        detail(shell, w, w.joiner_password_lead.to_owned(), vec![Section::Facts(w.tab_overview.to_owned(), Facts { facts: about })]);
    screen.buttons = vec![Button::Page(person.clone(), w.open.to_owned())];
    screen.revealed = Some((w.joiner_password.to_owned(), joined.first_password.clone(), SHOWN_S));
    for_seconds(page(&screen), SHOWN_S, &person)
}
