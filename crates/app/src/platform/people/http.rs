//! 人员接口: the JSON of sign-in, factors, people, sessions and keys. The pages call the same functions.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequest, Path, Query, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    problem::Problem,
    role::{Action, Role, RoleSet},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::{
    apikey::{self, KeyView, MadeKey, NewKey},
    code,
    extract::{DEVICE_COOKIE, Origin, SESSION_COOKIE, SignedIn},
    login::{Credentials, Opened},
    passkey::{self, PasskeyView},
    password::Password,
    session::{self, SessionView, Standing, Token},
    staff::{self, NewStaff, StaffView},
    totp,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        edge::{
            self,
            cursor::{Cursor, Page},
            headers,
        },
        failure::{self, Failure, Result},
    },
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sign_in, me, sign_out))
        .routes(routes!(give_code))
        .routes(routes!(change_password))
        .routes(routes!(begin_assertion))
        .routes(routes!(finish_assertion))
        .routes(routes!(list_passkeys))
        .routes(routes!(begin_passkey))
        .routes(routes!(finish_passkey))
        .routes(routes!(begin_totp))
        .routes(routes!(confirm_totp))
        .routes(routes!(list_people, join))
        .routes(routes!(leave))
        .routes(routes!(change_roles))
        .routes(routes!(reset_password))
        .routes(routes!(reset_factors))
        .routes(routes!(list_sessions))
        .routes(routes!(revoke_session))
        .routes(routes!(list_keys, make_key))
        .routes(routes!(revoke_key))
}

/// A JSON body whose faults are told in the house's own words.
pub struct Body<T>(pub T);

impl<T: serde::de::DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Problem::new(&edge::code::BODY_LARGE).into()),
            // The library's text may quote the body: only the field it names is passed on.
            Err(error) => {
                let problem = Problem::new(&failure::code::BODY_INVALID);
                let field = error.body_text();
                Err(match failure::named_field(&field) {
                    Some(field) => problem.field(field),
                    None => problem,
                }
                .into())
            }
        }
    }
}

/// The session cookie.
pub fn session_cookie(token: &Token) -> String {
    format!("{SESSION_COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict", token.as_str())
}

/// The cookie a device is known by, for ninety days.
pub fn device_cookie(token: &Token) -> String {
    format!("{DEVICE_COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=7776000", token.as_str())
}

/// Puts the cookies of a session just opened or stepped up into an answer: for pages as for programs.
pub fn with_cookies(opened: &Opened, mut response: Response) -> Response {
    let headers = response.headers_mut();
    let mut put = |cookie: String| {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, value);
        }
    };
    put(session_cookie(&opened.token));
    if let Some(device) = &opened.device {
        put(device_cookie(device));
    }
    response
}

/// Makes an answer end the browser's memory of the session: cookie gone, cache and storage cleared.
pub fn farewell(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let gone = format!("{SESSION_COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    if let Ok(value) = HeaderValue::from_str(&gone) {
        headers.append(header::SET_COOKIE, value);
    }
    response.extensions_mut().insert(headers::Farewell);
    response
}

/// Who one is.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Me {
    /// 工号
    pub number: String,
    /// Roles, by stable name.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<Role>,
    /// Organisation.
    #[schema(value_type = String)]
    pub organisation: OrganisationId,
    /// Its kind.
    #[schema(value_type = String)]
    pub organisation_kind: super::OrganisationKind,
    /// Its region.
    pub region: String,
    /// What comes next.
    pub standing: Standing,
}

fn me_of(actor: &Actor, standing: Standing) -> Me {
    Me {
        number: actor.number.clone(),
        roles: actor.roles.iter().collect(),
        organisation: actor.organisation,
        organisation_kind: actor.organisation_kind,
        region: actor.region.clone(),
        standing,
    }
}

fn opened(opened: &Opened, status: StatusCode) -> Response {
    with_cookies(opened, (status, Json(me_of(&opened.actor, opened.standing))).into_response())
}

/// Sign in with number and password, and the one-time code where there is one.
#[utoipa::path(post, path = "/session", tag = "people", request_body = Credentials, responses((status = 201, body = Me)))]
async fn sign_in(State(app): State<App>, origin: Origin, Body(credentials): Body<Credentials>) -> Result<Response> {
    Ok(opened(&app.sign_in(credentials, origin).await?, StatusCode::CREATED))
}

/// Who am I, and what do I still owe?
#[utoipa::path(get, path = "/session", tag = "people", responses((status = 200, body = Me)))]
async fn me(SignedIn(live): SignedIn) -> Json<Me> {
    Json(me_of(&live.actor, live.standing))
}

/// Sign out.
#[utoipa::path(delete, path = "/session", tag = "people", responses((status = 204)))]
async fn sign_out(State(app): State<App>, SignedIn(live): SignedIn) -> Result<Response> {
    app.sign_out(&live).await?;
    Ok(farewell(StatusCode::NO_CONTENT.into_response()))
}

/// A one-time code.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Code {
    /// Six digits.
    code: String,
}

/// Give the one-time code.
#[utoipa::path(post, path = "/session/totp", tag = "people", request_body = Code, responses((status = 200, body = Me)))]
async fn give_code(State(app): State<App>, SignedIn(live): SignedIn, origin: Origin, Body(body): Body<Code>) -> Result<Response> {
    Ok(opened(&app.give_code(&live, body.code, origin).await?, StatusCode::OK))
}

/// A change of password.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// The one in use.
    old: String,
    /// The new one: 12 to 256 characters.
    new: String,
}

/// Change one's own password. Other sessions end.
#[utoipa::path(post, path = "/session/password", tag = "people", request_body = PasswordChange, responses((status = 200, body = Me)))]
async fn change_password(
    State(app): State<App>,
    SignedIn(live): SignedIn,
    origin: Origin,
    Body(body): Body<PasswordChange>,
) -> Result<Response> {
    Ok(opened(&app.change_password(&live, &body.old, &body.new, origin).await?, StatusCode::OK))
}

/// Begin to use a passkey: options for `navigator.credentials.get`.
#[utoipa::path(post, path = "/session/passkey/begin", tag = "people", responses((status = 200, body = Object)))]
async fn begin_assertion(State(app): State<App>, SignedIn(live): SignedIn) -> Result<Response> {
    Ok(Json(app.begin_assertion(&live).await?).into_response())
}

/// The passkey's answer.
#[utoipa::path(post, path = "/session/passkey/finish", tag = "people", request_body = Object, responses((status = 200, body = Me)))]
async fn finish_assertion(
    State(app): State<App>,
    SignedIn(live): SignedIn,
    origin: Origin,
    Body(answer): Body<PublicKeyCredential>,
) -> Result<Response> {
    Ok(opened(&app.finish_assertion(&live, answer, origin).await?, StatusCode::OK))
}

/// One's own passkeys.
#[utoipa::path(get, path = "/passkeys", tag = "people", responses((status = 200, body = Vec<PasskeyView>)))]
async fn list_passkeys(State(app): State<App>, SignedIn(live): SignedIn) -> Result<Json<Vec<PasskeyView>>> {
    let staff = live.actor.staff;
    Ok(Json(app.store.read(move |tx| passkey::list(tx, staff)).await?))
}

/// Begin to enrol a passkey: options for `navigator.credentials.create`.
#[utoipa::path(post, path = "/passkeys/begin", tag = "people", responses((status = 200, body = Object)))]
async fn begin_passkey(State(app): State<App>, SignedIn(live): SignedIn) -> Result<Response> {
    Ok(Json(app.begin_passkey(&live).await?).into_response())
}

/// A passkey the browser made.
#[derive(serde::Deserialize, utoipa::ToSchema)]
struct MadePasskey {
    /// What its owner calls it.
    #[serde(default)]
    name: String,
    /// What `navigator.credentials.create` gave.
    #[schema(value_type = Object)]
    credential: RegisterPublicKeyCredential,
}

/// Enrol the passkey. It counts as this session's second factor.
#[utoipa::path(post, path = "/passkeys/finish", tag = "people", request_body = MadePasskey, responses((status = 201, body = Me)))]
async fn finish_passkey(
    State(app): State<App>,
    SignedIn(live): SignedIn,
    origin: Origin,
    Body(made): Body<MadePasskey>,
) -> Result<Response> {
    Ok(opened(&app.finish_passkey(&live, &made.name, made.credential, origin).await?, StatusCode::CREATED))
}

/// A secret for an authenticator app.
#[derive(serde::Serialize, utoipa::ToSchema)]
struct TotpSecret {
    /// Base32.
    secret: String,
    /// For a QR picture.
    otpauth: String,
}

/// Begin to enrol a one-time code generator.
#[utoipa::path(post, path = "/totp/begin", tag = "people", responses((status = 200, body = TotpSecret)))]
async fn begin_totp(State(app): State<App>, SignedIn(live): SignedIn) -> Result<Response> {
    let secret = app.begin_totp(&live).await?;
    let body = TotpSecret { secret: totp::base32(secret.as_slice()), otpauth: totp::otpauth(secret.as_slice(), &live.actor.number) };
    Ok(Json(body).into_response())
}

/// Prove the generator by its first code.
#[utoipa::path(post, path = "/totp/confirm", tag = "people", request_body = Code, responses((status = 201, body = Me)))]
async fn confirm_totp(State(app): State<App>, SignedIn(live): SignedIn, origin: Origin, Body(body): Body<Code>) -> Result<Response> {
    Ok(opened(&app.confirm_totp(&live, body.code, origin).await?, StatusCode::CREATED))
}

/// Where a page of a list begins and how long it is.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
    /// Rows, 1 to 100.
    #[serde(default)]
    pub limit: Option<i64>,
}

/// The people one may see, by pages.
#[utoipa::path(get, path = "/people", tag = "people", params(PageQuery), responses((status = 200, body = Page<StaffView>)))]
async fn list_people(State(app): State<App>, actor: Actor, Query(query): Query<PageQuery>) -> Result<Json<Page<StaffView>>> {
    let within = actor.within(actor.reach(&app, Action::PeopleView)?);
    let limit = query.limit.unwrap_or(50).clamp(1, 100);
    let after = query.after.as_deref().map(|text| Cursor::read("people", text)).transpose()?.map(|cursor| cursor.id).map(StaffId);
    let reading = app.clone();
    let rows = app.store.read(move |tx| reading.staff_list(tx, &within, after, limit + 1)).await?;
    Ok(Json(Page::cut("people", rows, limit, |row| Cursor { at: 0, id: row.id.0 })))
}

/// A joiner.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Joiner {
    /// 工号: 1 to 20 letters, digits or hyphens.
    pub number: String,
    /// 姓名: 1 to 64 characters.
    pub name: String,
    /// Organisation.
    #[schema(value_type = String)]
    pub organisation: OrganisationId,
    /// Roles, by stable name.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<Role>,
}

/// A person taken in: the only time the first password is seen.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Joined {
    /// Id.
    #[schema(value_type = String)]
    pub id: StaffId,
    /// Must be changed at first sign-in.
    pub first_password: String,
}

/// Take a person in.
#[utoipa::path(post, path = "/people", tag = "people", request_body = Joiner, responses((status = 201, body = Joined)))]
async fn join(State(app): State<App>, actor: Actor, Body(joiner): Body<Joiner>) -> Result<Response> {
    Ok((StatusCode::CREATED, Json(app.take_in(&actor, joiner).await?)).into_response())
}

/// Let a person go: every session, stream and key of theirs ends.
#[utoipa::path(put, path = "/people/{id}/departure", tag = "people", params(("id" = String, Path)), responses((status = 204)))]
async fn leave(State(app): State<App>, actor: Actor, Path(id): Path<StaffId>) -> Result<StatusCode> {
    app.let_go(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Roles, all of them.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Roles {
    /// By stable name.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
}

/// Give a person other roles. Their sessions end.
#[utoipa::path(put, path = "/people/{id}/roles", tag = "people", params(("id" = String, Path)), request_body = Roles, responses((status = 204)))]
async fn change_roles(State(app): State<App>, actor: Actor, Path(id): Path<StaffId>, Body(body): Body<Roles>) -> Result<StatusCode> {
    app.move_to(&actor, id, RoleSet::of(&body.roles)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a person a new first password, for one forgotten. Their sessions end.
#[utoipa::path(put, path = "/people/{id}/password", tag = "people", params(("id" = String, Path)), responses((status = 200, body = Joined)))]
async fn reset_password(State(app): State<App>, actor: Actor, Path(id): Path<StaffId>) -> Result<Response> {
    Ok(Json(app.reset_password(&actor, id).await?).into_response())
}

/// Forget a person's passkeys and code generator, for a device lost. Their sessions end; they enrol anew at the next sign-in.
#[utoipa::path(delete, path = "/people/{id}/factors", tag = "people", params(("id" = String, Path)), responses((status = 204)))]
async fn reset_factors(State(app): State<App>, actor: Actor, Path(id): Path<StaffId>) -> Result<StatusCode> {
    app.reset_factors(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One's own sessions.
#[utoipa::path(get, path = "/sessions", tag = "people", responses((status = 200, body = Vec<SessionView>)))]
async fn list_sessions(State(app): State<App>, actor: Actor) -> Result<Json<Vec<SessionView>>> {
    let (reading, now) = (app.clone(), app.clock.now());
    Ok(Json(app.store.read(move |tx| session::list(tx, &reading.matrix, actor.staff, now)).await?))
}

/// End a session: one's own, or one of people one may manage.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "people", params(("id" = String, Path)), responses((status = 204)))]
async fn revoke_session(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.revoke_session(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keys of one's organisation.
#[utoipa::path(get, path = "/api-keys", tag = "people", responses((status = 200, body = Vec<KeyView>)))]
async fn list_keys(State(app): State<App>, actor: Actor) -> Result<Json<Vec<KeyView>>> {
    actor.require(&app, Action::ApikeyManage, &actor.here())?;
    let now = app.clock.now();
    Ok(Json(app.store.read(move |tx| apikey::list(tx, actor.organisation, now)).await?))
}

/// Make a key.
#[utoipa::path(post, path = "/api-keys", tag = "people", request_body = NewKey, responses((status = 201, body = MadeKey)))]
async fn make_key(State(app): State<App>, actor: Actor, Body(new): Body<NewKey>) -> Result<Response> {
    Ok((StatusCode::CREATED, Json(app.make_key(&actor, new).await?)).into_response())
}

/// Revoke a key.
#[utoipa::path(delete, path = "/api-keys/{id}", tag = "people", params(("id" = String, Path)), responses((status = 204)))]
async fn revoke_key(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.revoke_key(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl App {
    /// A first password to be read out once: five groups of four letters and digits that cannot be mistaken for each other.
    fn first_password(&self) -> String {
        const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789-";
        let mut random = [0_u8; 20];
        self.ids.fill(&mut random);
        let pick = |byte: &u8| LETTERS.get(usize::from(byte % 31)).copied().map_or('x', char::from);
        random.chunks(4).map(|group| group.iter().map(pick).collect::<String>()).collect::<Vec<_>>().join("-")
    }

    /// Takes a person in under a first password.
    ///
    /// # Errors
    /// `people.denied`, `people.step_up`, and those of [`App::join`].
    pub async fn take_in(&self, actor: &Actor, joiner: Joiner) -> Result<Joined> {
        let now = self.clock.now();
        let id = StaffId(self.ids.next(now));
        let password = self.first_password();
        let hash = self.people.passwords.hash(Password::typed(&password), Arc::clone(&self.ids)).await?;
        let (app, actor) = (self.clone(), actor.clone());
        self.store
            .write(move |tx| -> Result<()> {
                let organisation = super::organisation::active(tx, joiner.organisation)?;
                actor.require(&app, Action::PeopleManage, &organisation.resource(None))?;
                let roles = RoleSet::of(&joiner.roles);
                let new = NewStaff {
                    id,
                    number: &joiner.number,
                    name: &joiner.name,
                    organisation: joiner.organisation,
                    roles,
                    password: &hash,
                    must_change: true,
                    trained_until: None,
                };
                app.join(tx, &new, now)?;
                app.log_staff(tx, &actor, id, "joined", &roles.names(), now)
            })
            .await?;
        Ok(Joined { id, first_password: password })
    }

    /// Lets a person go. When this returns, this node knows; the others within a second.
    ///
    /// # Errors
    /// `people.denied`, `people.step_up`, `people.own_record`, `people.staff_left`
    pub async fn let_go(&self, actor: &Actor, id: StaffId) -> Result<()> {
        self.manage(actor, id, "left", "", move |_, tx, now| staff::leave(tx, id, now)).await
    }

    /// Gives a person other roles.
    ///
    /// # Errors
    /// `people.denied`, `people.step_up`, `people.own_record`, and those of [`staff::check_roles`].
    pub async fn move_to(&self, actor: &Actor, id: StaffId, roles: RoleSet) -> Result<()> {
        self.manage(actor, id, "roles", &roles.names(), move |app, tx, now| staff::change_roles(app, tx, id, roles, now)).await
    }

    /// Gives a person a new first password and ends their sessions.
    ///
    /// # Errors
    /// `people.denied`, `people.step_up`, `people.own_record`
    pub async fn reset_password(&self, actor: &Actor, id: StaffId) -> Result<Joined> {
        let password = self.first_password();
        let hash = self.people.passwords.hash(Password::typed(&password), Arc::clone(&self.ids)).await?;
        self.manage(actor, id, "password", "", move |_, tx, now| {
            staff::set_password(tx, id, &hash, true)?;
            session::end_others(tx, id, None, now)
        })
        .await?;
        Ok(Joined { id, first_password: password })
    }

    /// Forgets a person's second factors and ends their sessions.
    ///
    /// # Errors
    /// `people.denied`, `people.step_up`, `people.own_record`
    pub async fn reset_factors(&self, actor: &Actor, id: StaffId) -> Result<()> {
        self.manage(actor, id, "factors", "", move |_, tx, now| {
            staff::forget_factors(tx, id)?;
            session::end_others(tx, id, None, now)
        })
        .await
    }

    async fn manage(
        &self,
        actor: &Actor,
        id: StaffId,
        step: &'static str,
        facts: &str,
        mut change: impl FnMut(&App, &mut chuangsha_store::Tx<'_>, chuangsha_kernel::time::Timestamp) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        if actor.staff == id {
            return Err(Problem::new(&code::OWN_RECORD).into());
        }
        let (app, actor, facts, now) = (self.clone(), actor.clone(), facts.to_owned(), self.clock.now());
        self.store
            .write(move |tx| -> Result<()> {
                let (resource, active) = staff::resource(tx, id)?;
                actor.require(&app, Action::PeopleManage, &resource)?;
                if !active {
                    return Err(Problem::new(&code::STAFF_LEFT).into());
                }
                change(&app, tx, now)?;
                app.log_staff(tx, &actor, id, step, &facts, now)
            })
            .await?;
        self.poll_epochs().await
    }

    fn log_staff(
        &self,
        tx: &mut chuangsha_store::Tx<'_>,
        actor: &Actor,
        id: StaffId,
        step: &str,
        facts: &str,
        now: chuangsha_kernel::time::Timestamp,
    ) -> Result<()> {
        let entry = Entry { action: Action::PeopleManage.as_str(), case_kind: "staff", case: Some(id.0), step, facts, ..Entry::default() };
        self.audit(tx, By::Actor(actor), &entry, now).map(drop)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// `people.session_not_found` also when it is somebody's one may not manage.
    pub async fn revoke_session(&self, actor: &Actor, id: Uuid) -> Result<()> {
        let (app, actor, now) = (self.clone(), actor.clone(), self.clock.now());
        self.store
            .write(move |tx| -> Result<()> {
                let missing = || Failure::from(Problem::new(&code::SESSION_NOT_FOUND));
                let owner = session::owner(tx, id)?.ok_or_else(missing)?;
                let (resource, _) = staff::resource(tx, owner)?;
                actor.require(&app, Action::SessionRevoke, &resource).map_err(|_| missing())?;
                session::end(tx, id, now)?;
                app.log_session(tx, &actor, Action::SessionRevoke.as_str(), id, "revoked", now)
            })
            .await?;
        self.poll_epochs().await
    }
}
