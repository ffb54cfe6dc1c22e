//! Pages of people: sign-in with its second step, one's own sessions, staff.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form, Router,
    extract::{Path, Query, State},
    http::Uri,
    response::Response,
    routing::{get, post},
};
use chuangsha_kernel::{
    id::StaffId,
    problem::Problem,
    role::{Action, Role},
    time::Timestamp,
};
use futures_util::future::BoxFuture;
use uuid::Uuid;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::{
    code,
    extract::{Origin, SignedIn},
    http::{farewell, with_cookies},
    joining,
    login::{Credentials, Opened},
    passkey::{self, PasskeyView},
    session::{self, Live, SessionView, Step},
    staff::{self, StaffView},
    totp,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
        web::{
            form::{Choice, Input, Kind, Notice, Wrong},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Section},
            parts::{Empty, Facts, Tag, Tone, code as code_fact, fact, status},
            safe_path, see_other,
            shell::Shell,
            table::{Act, Address, Cell, Column, Line, Table, Tool},
        },
        words::Words,
    },
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/login", get(login).post(sign_in))
        .route("/login/second", get(second).post(give_code))
        .route("/login/again", get(again).post(give_code))
        .route("/login/passkey", post(give_passkey))
        .route("/login/enrol", get(enrol))
        .route("/login/enrol/code", post(enrol_code))
        .route("/login/enrol/passkey", post(enrol_passkey))
        .route("/logout", post(sign_out))
        .route("/me", get(me))
        .route("/me/password", get(password).post(change_password))
        .route("/me/factors", get(enrol))
        .route("/sessions/{id}/end", post(end_session))
        .route("/people", get(list))
        .route("/people/new", get(joining::blank).post(joining::take_in))
        .route("/people/{id}", get(person))
        .route("/people/{id}/departure", post(depart))
}

/// What the passkey dialog of the browser is started with.
pub struct PasskeyAsk {
    /// Posted here.
    pub action: String,
    /// Options as JSON, as the browser wants them with bytes in base64url.
    pub challenge: String,
    /// `get` or `create`
    pub kind: &'static str,
    /// Where to go afterwards.
    pub to: String,
    /// Words on the button.
    pub label: &'static str,
    /// Asks for a name of the device.
    pub named: bool,
}

/// 登录
#[derive(Template)]
#[template(path = "platform/people/login.html")]
pub struct Login {
    /// Frame.
    pub shell: Shell,
    /// Words.
    pub w: &'static Words,
    /// Which step.
    pub heading: String,
    /// Password, or code.
    pub form: Option<FormPart>,
    /// Passkey, where one is asked for.
    pub passkey: Option<PasskeyAsk>,
    /// What a generator is given.
    pub secret: Option<String>,
    /// Start again.
    pub leave: bool,
}

/// Where to go after sign-in.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct To {
    to: String,
}

fn login_screen(shell: Shell, number: &str, to: &str, problem: Option<&Problem>) -> Login {
    let (w, language) = (shell.w, shell.language);
    let fields = vec![
        Input::text("number", w.staff_login).required().autocomplete("username").longest(20).value(number).first(),
        Input::new("password", w.password, Kind::Line("password")).required().autocomplete("current-password").longest(256),
    ];
    let mut form = FormPart::new(w, "/login", w.log_in_next, fields).keep("to", safe_path(to));
    form.notice = problem.map(|problem| Notice { wrong: Wrong::of(problem, language) });
    // Before sign-in nobody is known: the frame must not show a menu on this page.
    let shell = Shell { user: None, menu: Vec::new(), ..shell };
    Login { w, heading: w.log_in_heading.into(), form: Some(form), passkey: None, secret: None, leave: false, shell }
}

async fn login(shell: Shell, Query(to): Query<To>) -> Response {
    if shell.user.is_some() {
        return see_other(safe_path(&to.to));
    }
    page(&login_screen(shell, "", &to.to, None))
}

/// The sign-in form.
#[derive(serde::Deserialize)]
struct SignIn {
    number: String,
    password: String,
    #[serde(default)]
    to: String,
}

async fn sign_in(State(app): State<App>, shell: Shell, origin: Origin, Form(form): Form<SignIn>) -> Result<Response> {
    let number = form.number.trim().to_owned();
    match app.sign_in(Credentials { number: number.clone(), password: form.password, code: None }, origin).await {
        Ok(opened) => Ok(with_cookies(&opened, see_other(&onward(&opened, &form.to)))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &login_screen(shell, &number, &form.to, Some(&problem))))
        }
    }
}

/// The next page of somebody who just proved something.
fn onward(opened: &Opened, to: &str) -> String {
    let to = safe_path(to);
    let with = |path: &str| Address::new(path, [("to", if to == "/" { "" } else { to })]).to_string();
    match opened.standing.step {
        Step::Done => to.to_owned(),
        Step::ChangePassword => with("/me/password"),
        Step::SecondFactor => with("/login/second"),
        Step::Enrol => with("/login/enrol"),
    }
}

async fn second(State(app): State<App>, shell: Shell, SignedIn(live): SignedIn, Query(to): Query<To>) -> Result<Response> {
    match live.standing.step {
        Step::Done => Ok(see_other(safe_path(&to.to))),
        Step::ChangePassword => Ok(see_other("/me/password")),
        Step::Enrol => Ok(see_other("/login/enrol")),
        Step::SecondFactor => Ok(page(&second_screen(&app, shell, &live, &to.to, false, None).await?)),
    }
}

/// A fresh second factor, for what needs one.
async fn again(State(app): State<App>, shell: Shell, SignedIn(live): SignedIn, Query(to): Query<To>) -> Result<Response> {
    Ok(page(&second_screen(&app, shell, &live, &to.to, true, None).await?))
}

async fn second_screen(app: &App, shell: Shell, live: &Arc<Live>, to: &str, again: bool, problem: Option<&Problem>) -> Result<Login> {
    let (w, language) = (shell.w, shell.language);
    let fields = vec![
        Input::text("code", w.totp).required().inputmode("numeric").autocomplete("one-time-code").longest(8).hint(w.totp_hint).first(),
    ];
    let action = if again { "/login/again" } else { "/login/second" };
    let form = live.standing.totp.then(|| {
        let mut form = FormPart::new(w, action, w.verify, fields).keep("to", safe_path(to));
        form.lead = if again { w.step_up_lead.to_owned() } else { String::new() };
        form.notice = problem.map(|problem| Notice { wrong: Wrong::of(problem, language) });
        form
    });
    let passkey = match live.standing.passkey {
        true => Some(PasskeyAsk {
            action: "/login/passkey".to_owned(),
            challenge: serde_json::to_string(&app.begin_assertion(live).await?).map_err(Failure::internal)?,
            kind: "get",
            to: safe_path(to).to_owned(),
            label: w.passkey_use,
            named: false,
        }),
        false => None,
    };
    let heading = if again { w.step_up_heading } else { w.second_step };
    Ok(Login { w, heading: heading.into(), form, passkey, secret: None, leave: !again, shell })
}

#[derive(serde::Deserialize)]
struct Code {
    code: String,
    #[serde(default)]
    to: String,
}

async fn give_code(
    State(app): State<App>,
    shell: Shell,
    SignedIn(live): SignedIn,
    origin: Origin,
    Form(form): Form<Code>,
) -> Result<Response> {
    match app.give_code(&live, form.code.trim().to_owned(), origin).await {
        Ok(opened) => Ok(with_cookies(&opened, see_other(&onward(&opened, &form.to)))),
        Err(failure) => {
            let problem = shown(failure)?;
            let again = live.standing.step == Step::Done;
            let screen = second_screen(&app, shell, &live, &form.to, again, Some(&problem)).await?;
            Ok(page_refused(&problem, &screen))
        }
    }
}

#[derive(serde::Deserialize)]
struct Answer {
    answer: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    to: String,
}

/// What a browser's authenticator said, or that it said nothing usable.
fn read_answer<T: serde::de::DeserializeOwned>(answer: &str) -> Result<T> {
    serde_json::from_str(answer).map_err(|_| Problem::new(&code::PASSKEY).into())
}

async fn give_passkey(State(app): State<App>, SignedIn(live): SignedIn, origin: Origin, Form(form): Form<Answer>) -> Result<Response> {
    let answer: PublicKeyCredential = read_answer(&form.answer)?;
    let opened = app.finish_assertion(&live, answer, origin).await?;
    Ok(with_cookies(&opened, see_other(&onward(&opened, &form.to))))
}

async fn enrol(State(app): State<App>, shell: Shell, SignedIn(live): SignedIn, Query(to): Query<To>) -> Result<Response> {
    Ok(page(&enrol_screen(&app, shell, &live, &to.to, None).await?))
}

/// Enrols a first or another factor: a passkey always, a code generator where a code is enough.
async fn enrol_screen(app: &App, shell: Shell, live: &Arc<Live>, to: &str, problem: Option<&Problem>) -> Result<Login> {
    let (w, language) = (shell.w, shell.language);
    let code_offered = live.standing.step != Step::Enrol || live.standing.totp;
    let (form, secret) = if code_offered {
        let secret = app.begin_totp(live).await?;
        let fields = vec![Input::text("code", w.totp).required().inputmode("numeric").autocomplete("one-time-code").longest(8)];
        let mut form = FormPart::new(w, "/login/enrol/code", w.verify, fields).lead(w.enrol_totp_lead).keep("to", safe_path(to));
        form.notice = problem.map(|problem| Notice { wrong: Wrong::of(problem, language) });
        (Some(form), Some(totp::base32(secret.as_slice())))
    } else {
        (None, None)
    };
    let passkey = PasskeyAsk {
        action: "/login/enrol/passkey".to_owned(),
        challenge: serde_json::to_string(&app.begin_passkey(live).await?).map_err(Failure::internal)?,
        kind: "create",
        to: safe_path(to).to_owned(),
        label: w.enrol_passkey,
        named: true,
    };
    Ok(Login { w, heading: w.enrol.into(), form, passkey: Some(passkey), secret, leave: shell.user.is_none(), shell })
}

async fn enrol_code(
    State(app): State<App>,
    shell: Shell,
    SignedIn(live): SignedIn,
    origin: Origin,
    Form(form): Form<Code>,
) -> Result<Response> {
    match app.confirm_totp(&live, form.code.trim().to_owned(), origin).await {
        Ok(opened) => Ok(with_cookies(&opened, see_other(&onward(&opened, &form.to)))),
        Err(failure) => {
            let problem = shown(failure)?;
            let screen = enrol_screen(&app, shell, &live, &form.to, Some(&problem)).await?;
            Ok(page_refused(&problem, &screen))
        }
    }
}

async fn enrol_passkey(State(app): State<App>, SignedIn(live): SignedIn, origin: Origin, Form(form): Form<Answer>) -> Result<Response> {
    let made: RegisterPublicKeyCredential = read_answer(&form.answer)?;
    let opened = app.finish_passkey(&live, form.name.trim(), made, origin).await?;
    Ok(with_cookies(&opened, see_other(&onward(&opened, &form.to))))
}

async fn sign_out(State(app): State<App>, signed_in: Result<SignedIn>) -> Result<Response> {
    // Signing out twice is not an error.
    if let Ok(SignedIn(live)) = signed_in {
        app.sign_out(&live).await?;
    }
    Ok(farewell(see_other("/login?done=out")))
}

async fn me(State(app): State<App>, actor: Actor, shell: Shell) -> Result<Response> {
    let w = shell.w;
    let (reading, staff, now) = (app.clone(), actor.staff, app.clock.now());
    let (own, sessions, passkeys) = app
        .store
        .read(move |tx| {
            Ok::<_, Failure>((reading.staff_one(tx, staff)?, session::list(tx, &reading.matrix, staff, now)?, passkey::list(tx, staff)?))
        })
        .await?;
    let about = vec![
        code_fact(w.staff_number, own.number.clone()),
        fact(w.roles, staff::role_names(&app, actor.roles, shell.language)),
        status(w.training, training_tag(w, &own, now)),
        status(w.factor, factor_tag(w, own.totp, &passkeys)),
    ];
    let title = shell.user.as_ref().map_or_else(|| own.number.clone(), |user| user.name.clone());
    let screen = DetailPage {
        w,
        title,
        trail: Vec::new(),
        tags: Vec::new(),
        lead: w.sessions_lead.to_owned(),
        buttons: vec![
            Button::Page("/me/password".into(), w.change_password.to_owned()),
            Button::Page("/me/factors".into(), w.enrol.to_owned()),
        ],
        tabs: None,
        notice: None,
        revealed: None,
        sections: vec![
            Section::Facts(w.tab_overview.to_owned(), Facts { facts: about }),
            Section::Table(Box::new(sessions_table(w, w.my_sessions, &sessions, true))),
        ],
        dialogs: Vec::new(),
        shell,
    };
    Ok(page(&screen))
}

fn training_tag(w: &'static Words, person: &StaffView, now: Timestamp) -> Tag {
    match person.trained_until {
        Some(until) if until > now => Tag::new(Tone::Good, crate::platform::words::fill(w.training_until, until.day())),
        _ => Tag::new(Tone::Warning, w.training_none),
    }
}

fn factor_tag(w: &'static Words, totp: bool, passkeys: &[PasskeyView]) -> Tag {
    let mut factors = Vec::new();
    if !passkeys.is_empty() {
        factors.push(w.factor_passkey);
    }
    if totp {
        factors.push(w.factor_totp);
    }
    if factors.is_empty() { Tag::new(Tone::Warning, w.factor_none) } else { Tag::new(Tone::Good, factors.join(" · ")) }
}

fn sessions_table(w: &'static Words, caption: &str, sessions: &[SessionView], may_end: bool) -> Table {
    let mut columns: Vec<Column> = [w.session_started, w.session_seen, w.session_from, w.factor].into_iter().map(Column::new).collect();
    if may_end {
        columns.push(Column::new(w.actions));
    }
    let method = |method: &str| match method {
        "passkey" => w.factor_passkey,
        "totp" => w.factor_totp,
        _ => w.password,
    };
    let lines = sessions
        .iter()
        .map(|one| {
            let mut cells = vec![
                Cell::Text(Timestamp(one.created).display()),
                Cell::Text(Timestamp(one.last_seen).display()),
                Cell::Code(one.address.clone()),
                Cell::Text(method(&one.method).to_owned()),
            ];
            if may_end {
                cells.push(Cell::Actions(vec![Act::step(
                    w.session_end,
                    Timestamp(one.created).display(),
                    format!("/sessions/{}/end", one.id),
                )]));
            }
            Line { id: one.id.to_string(), cells, current: false }
        })
        .collect::<Vec<_>>();
    Table::within(w, "sessions", caption, columns, lines, w.none_yet)
}

async fn end_session(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Response> {
    app.revoke_session(&actor, id).await?;
    Ok(see_other("/me?done=ended"))
}

async fn password(shell: Shell, SignedIn(_): SignedIn, Query(to): Query<To>) -> Response {
    page(&password_screen(shell, &to.to, None))
}

fn password_screen(shell: Shell, to: &str, problem: Option<&Problem>) -> Login {
    let (w, language) = (shell.w, shell.language);
    let fields = vec![
        Input::new("old", w.password_old, Kind::Line("password"))
            .required()
            .autocomplete("current-password")
            .longest(256)
            .check(problem, language),
        Input::new("new", w.password_new, Kind::Line("password"))
            .required()
            .autocomplete("new-password")
            .longest(256)
            .check(problem, language),
    ];
    let mut form = FormPart::new(w, "/me/password", w.save, fields).lead(w.change_password_lead).keep("to", safe_path(to));
    form.notice = crate::platform::web::form::notice(problem, &form.fields, language);
    Login { w, heading: w.change_password.into(), form: Some(form), passkey: None, secret: None, leave: shell.user.is_none(), shell }
}

#[derive(serde::Deserialize)]
struct PasswordChange {
    old: String,
    new: String,
    #[serde(default)]
    to: String,
}

async fn change_password(
    State(app): State<App>,
    shell: Shell,
    SignedIn(live): SignedIn,
    origin: Origin,
    Form(form): Form<PasswordChange>,
) -> Result<Response> {
    match app.change_password(&live, &form.old, &form.new, origin).await {
        Ok(opened) => Ok(with_cookies(&opened, see_other(if safe_path(&form.to) == "/" { "/?done=saved" } else { safe_path(&form.to) }))),
        Err(failure) => {
            let mut problem = shown(failure)?;
            if problem.code.id.starts_with("people.password") {
                problem = problem.field("new");
            }
            Ok(page_refused(&problem, &password_screen(shell, &form.to, Some(&problem))))
        }
    }
}

/// 人员, as a list.
pub struct People;

impl Listing for People {
    fn path(&self) -> &'static str {
        "/people"
    }

    fn id(&self) -> &'static str {
        "people"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_people
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.people_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["number", "role", "state"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("number", w.staff_number),
            Column::keyed("name", w.name),
            Column::keyed("roles", w.roles),
            Column::keyed("state", w.status),
            Column::keyed("training", w.training),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let w = look.w;
        let mut roles = vec![Choice::new("", w.all)];
        roles.extend(Role::ALL.iter().map(|role| Choice::new(role.as_str(), look.app.matrix.role_name(*role, look.language))));
        let states = vec![Choice::new("", w.all), Choice::new("active", w.staff_active), Choice::new("left", w.staff_left)];
        [
            Input::new("number", w.staff_number, Kind::Line("search")),
            Input::select("role", w.roles, roles),
            Input::select("state", w.status, states),
        ]
        .into_iter()
        .map(|input| asked.fill(input))
        .collect()
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let within = look.actor.within(look.actor.reach(&look.app, Action::PeopleView)?);
            let filter = staff::Filter {
                // A number is sealed: it is found whole, by its blind index, or not at all.
                number: asked.get("number").to_owned(),
                role: Role::parse(asked.get("role")),
                active: match asked.get("state") {
                    "active" => Some(true),
                    "left" => Some(false),
                    _ => None,
                },
            };
            let after = window.after.as_deref().and_then(|after| Uuid::try_parse(after).ok()).map(StaffId);
            let (reading, now) = (look.app.clone(), look.app.clock.now());
            let (rows, total) = look
                .app
                .read(move |tx| {
                    let total = if window.count { Some(reading.staff_count(tx, &within, &filter)?) } else { None };
                    Ok((reading.staff_page(tx, &within, &filter, after, i64::from(window.limit) + 1)?, total))
                })
                .await?;
            let total = list::capped(total, i64::MAX);
            Ok(Found::page(rows, window.limit, total, |person| line(look, person, now), |person| person.id.to_string()))
        })
    }

    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.nothing_found.into(), hint: String::new(), action: None }
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        if look.actor.could(&look.app, Action::PeopleManage) { vec![("/people/new".into(), look.w.joiner_new.into())] } else { Vec::new() }
    }

    fn page_of(&self, id: &str) -> Option<String> {
        Some(format!("/people/{id}"))
    }
}

async fn list(State(app): State<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&People, &app, &actor, shell, &uri).await
}

fn line(look: &Look, person: &StaffView, now: Timestamp) -> Line {
    let w = look.w;
    let roles = person.roles.iter().map(|role| look.app.matrix.role_name(*role, look.language).to_owned());
    Line {
        id: person.id.to_string(),
        cells: vec![
            Cell::Link(format!("/people/{}", person.id), person.number.clone()),
            Cell::Text(person.name.clone()),
            Cell::Text(roles.collect::<Vec<_>>().join(" · ")),
            Cell::Tag(active_tag(w, person.active)),
            Cell::Tag(training_tag(w, person, now)),
            Cell::Actions(vec![Act::page(w.open, &person.number, format!("/people/{}", person.id))]),
        ],
        current: false,
    }
}

fn active_tag(w: &'static Words, active: bool) -> Tag {
    if active { Tag::new(Tone::Good, w.staff_active) } else { Tag::new(Tone::Quiet, w.staff_left) }
}

async fn person(State(app): State<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let id: StaffId = id.parse().map_err(|_| Problem::new(&code::STAFF_NOT_FOUND))?;
    Ok(page(&person_screen(&app, &actor, shell, id, None).await?))
}

async fn person_screen(app: &App, actor: &Actor, shell: Shell, id: StaffId, problem: Option<&Problem>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let (reading, asker, now) = (app.clone(), actor.clone(), app.clock.now());
    let (found, organisation, sessions, passkeys, may_manage) = app
        .store
        .read(move |tx| {
            let (resource, _) = staff::resource(tx, id)?;
            // Somebody out of reach looks like nobody.
            asker.require(&reading, Action::PeopleView, &resource).map_err(|_| Failure::from(Problem::new(&code::STAFF_NOT_FOUND)))?;
            let may_manage = asker.may(&reading, Action::PeopleManage, &resource) && asker.staff != id;
            let may_end = asker.may(&reading, Action::SessionRevoke, &resource);
            let found = reading.staff_one(tx, id)?;
            let organisation = super::organisation::find(tx, found.organisation)?;
            let sessions = if may_end { session::list(tx, &reading.matrix, id, now)? } else { Vec::new() };
            Ok::<_, Failure>((found, organisation, sessions, passkey::list(tx, id)?, may_manage))
        })
        .await?;
    let roles = found.roles.iter().map(|role| app.matrix.role_name(*role, language).to_owned()).collect::<Vec<_>>().join(" · ");
    let about = vec![
        code_fact(w.staff_number, found.number.clone()),
        fact(w.name, found.name.clone()),
        fact(w.organisation, organisation.name(language)),
        fact(w.roles, roles.clone()),
        status(w.status, active_tag(w, found.active)),
        status(w.training, training_tag(w, &found, now)),
        status(w.factor, factor_tag(w, found.totp, &passkeys)),
    ];
    let mut buttons = Vec::new();
    let mut dialogs = Vec::new();
    if may_manage && found.active {
        buttons.push(Button::Dialog("leave".into(), w.staff_leave.to_owned()));
        let form = FormPart::new(w, format!("/people/{id}/departure"), w.staff_leave, Vec::new()).lead(w.staff_leave_lead).danger();
        dialogs.push(Dialog { id: "leave".into(), title: w.staff_leave.into(), open: false, form });
    }
    let mut sections = vec![Section::Facts(w.tab_overview.to_owned(), Facts { facts: about })];
    if !sessions.is_empty() {
        sections.push(Section::Table(Box::new(sessions_table(w, w.sessions, &sessions, true))));
    }
    Ok(DetailPage {
        w,
        title: format!("{} {}", found.number, found.name),
        trail: vec![(w.menu_people.to_owned(), "/people".to_owned())],
        tags: vec![active_tag(w, found.active)],
        lead: roles,
        buttons,
        tabs: None,
        notice: problem.map(|problem| Notice { wrong: Wrong::of(problem, language) }),
        revealed: None,
        sections,
        dialogs,
        shell,
    })
}

async fn depart(State(app): State<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let id: StaffId = id.parse().map_err(|_| Problem::new(&code::STAFF_NOT_FOUND))?;
    match app.let_go(&actor, id).await {
        Ok(()) => Ok(see_other(&format!("/people/{id}?done=left"))),
        Err(failure) => {
            let problem = shown(failure)?;
            let screen = person_screen(&app, &actor, shell, id, Some(&problem)).await?;
            Ok(page_refused(&problem, &screen))
        }
    }
}
