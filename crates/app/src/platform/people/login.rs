//! 登录: password, then the second factor the role asks for, each step with a new token.

use std::sync::Arc;

use chuangsha_kernel::{problem::Problem, time::Timestamp};
use chuangsha_store::{Tx, params};
use chuangsha_vault::Field;
use tokio_util::sync::CancellationToken;

use super::{
    code,
    extract::Origin,
    password::Password,
    session::{self, Live, Presented, Standing, Step, Token, TokenHash},
    staff::{self, Account},
    throttle::{self, Gate},
    totp,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
    },
};

/// What the sign-in form sends.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// 工号
    pub number: String,
    /// 口令
    pub password: String,
    /// 动态口令, when one is at hand.
    #[serde(default)]
    pub code: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// A session just opened or stepped up: its new token, and what comes next.
#[derive(Debug)]
pub struct Opened {
    /// For the session cookie.
    pub token: Token,
    /// For the device cookie, when the device was not known before.
    pub device: Option<Token>,
    /// What comes next.
    pub standing: Standing,
    /// Who it is; not to be acted for before `standing` is done.
    pub actor: Actor,
}

impl App {
    fn wait(&self, until: Timestamp) -> Failure {
        let seconds = (until.0.saturating_sub(self.clock.now().0).max(0) + 999) / 1000;
        Problem::new(&code::THROTTLED).with("seconds", seconds).into()
    }

    /// Signs a person in with number and password, and the code where one was given.
    ///
    /// # Errors
    /// `people.credentials` alike for an unknown number, a leaver and a wrong password; `people.second_factor`; `people.throttled`;
    /// `people.busy`.
    pub async fn sign_in(&self, credentials: Credentials, origin: Origin) -> Result<Opened> {
        let now = self.clock.now();
        // A number of the wrong form cannot exist: it takes the same way as an unknown one.
        let number = staff::number(&credentials.number).unwrap_or_else(|_| "?".to_owned());
        let login = self.vault.blind(Field::StaffLogin, &number)?.as_bytes().to_vec();
        let (look, from) = (login.clone(), origin.clone());
        let (gate, account) =
            self.store.read(move |tx| -> Result<_> { Ok((throttle::gate(tx, &look, &from, now)?, staff::account(tx, &look)?)) }).await?;
        if let Some(until) = gate.wait_until {
            return Err(self.wait(until));
        }
        let password = Password::typed(&credentials.password);
        let hash = account.as_ref().map(|account| account.password.clone());
        let right = self.people.passwords.check(password, hash, gate.lane).await?;
        let Some(account) = account.filter(|_| right) else {
            self.count_failure(login, gate.place, "password", now).await?;
            return Err(Problem::new(&code::CREDENTIALS).into());
        };
        self.open_session(account, credentials.code, login, gate, origin, now).await
    }

    async fn count_failure(&self, login: Vec<u8>, place: String, kind: &'static str, now: Timestamp) -> Result<()> {
        let id = self.ids.next(now);
        self.store.write(move |tx| throttle::failed(tx, id, &login, &place, kind, now)).await
    }

    async fn open_session(
        &self,
        account: Account,
        code: Option<String>,
        login: Vec<u8>,
        gate: Gate,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Opened> {
        let app = self.clone();
        let token = Token::fresh(&self.ids);
        let device = (!gate.known_device).then(|| Token::fresh(&self.ids));
        let (hash, device_hash) = (token.hash(), device.as_ref().map(Token::hash));
        let (public, attempt) = (self.ids.next(now), self.ids.next(now));
        let code = code.filter(|code| !code.trim().is_empty());
        let live = self
            .store
            .write(move |tx| -> Result<Option<Live>> {
                let method = match &code {
                    None => "password",
                    Some(code) if app.spend_code(tx, account.id, code, now)? => "totp",
                    Some(_) => {
                        throttle::failed(tx, attempt, &login, &gate.place, "code", now)?;
                        return Ok(None);
                    }
                };
                session::open(tx, &account, public, &hash, method, &origin.address, now)?;
                throttle::succeeded(tx, &login, &gate.place)?;
                if let Some(device) = &device_hash {
                    tx.push("INSERT INTO known_device (id, login, created) VALUES ($1, $2, $3)", &params![device, &login, now])?;
                }
                let live = app.reload(tx, hash, now, &origin, CancellationToken::new())?;
                app.log_session(tx, &live.actor, "session.open", public, method, now)?;
                Ok(Some(live))
            })
            .await?;
        match live {
            Some(live) => Ok(Opened { token, device, standing: live.standing, actor: live.actor }),
            None => Err(Problem::new(&code::SECOND_FACTOR).into()),
        }
    }

    fn reload(&self, tx: &mut Tx<'_>, hash: TokenHash, now: Timestamp, origin: &Origin, alive: CancellationToken) -> Result<Live> {
        // Somebody whose account ended between the check and this transaction gets no session.
        let live = self.load_session(tx, hash, now, &origin.address, alive)?;
        live.ok_or_else(|| Problem::new(&code::CREDENTIALS).into())
    }

    pub(super) fn log_session(
        &self,
        tx: &mut Tx<'_>,
        actor: &Actor,
        action: &str,
        session: uuid::Uuid,
        step: &str,
        now: Timestamp,
    ) -> Result<()> {
        let entry = Entry { action, case_kind: "session", case: Some(session), step, ..Entry::default() };
        self.audit(tx, By::Actor(actor), &entry, now).map(drop)
    }

    /// Accepts a code of the person's generator, once.
    fn spend_code(&self, tx: &mut Tx<'_>, id: chuangsha_kernel::id::StaffId, code: &str, now: Timestamp) -> Result<bool> {
        let Some(secret) = self.totp_secret(tx, id)? else { return Ok(false) };
        match totp::step(&secret, code, now)? {
            Some(step) => staff::spend_step(tx, id, step),
            None => Ok(false),
        }
    }

    /// Gives a session its one-time code, at sign-in or to renew it.
    ///
    /// # Errors
    /// `people.second_factor`, `people.throttled`
    pub async fn give_code(&self, live: &Arc<Live>, code: String, origin: Origin) -> Result<Opened> {
        let now = self.clock.now();
        let staff = live.actor.staff;
        let from = origin.clone();
        let (login, gate) = self
            .store
            .read(move |tx| -> Result<_> {
                let login = tx.query_one("SELECT login FROM staff WHERE id = $1", &params![&staff.0])?.bytes(0)?;
                let gate = throttle::gate(tx, &login, &from, now)?;
                Ok((login, gate))
            })
            .await?;
        if let Some(until) = gate.wait_until {
            return Err(self.wait(until));
        }
        let app = self.clone();
        let accepted = self.store.write(move |tx| app.spend_code(tx, staff, &code, now)).await?;
        if !accepted {
            self.count_failure(login, gate.place, "code", now).await?;
            return Err(Problem::new(&code::SECOND_FACTOR).into());
        }
        self.step_up(live, "totp", origin, |_, _| Ok(())).await
    }

    /// Gives the session a new token under a new factor, in one transaction with whatever proved it.
    pub(super) async fn step_up(
        &self,
        live: &Arc<Live>,
        method: &'static str,
        origin: Origin,
        mut proof: impl FnMut(&App, &mut Tx<'_>) -> Result<()> + Send + 'static,
    ) -> Result<Opened> {
        let now = self.clock.now();
        let old = live.actor.session.ok_or_else(|| Failure::from(Problem::new(&code::FACTOR_REQUIRED)))?;
        let (app, public, alive) = (self.clone(), live.id, live.actor.alive.clone());
        let token = Token::fresh(&self.ids);
        let new = token.hash();
        // A passkey that was given is not forgotten because a code was given after it.
        let method = if live.actor.passkey && !self.people.config.demo { "passkey" } else { method };
        let stepped = self
            .store
            .write(move |tx| -> Result<Live> {
                proof(&app, tx)?;
                session::step_up(tx, &old, &new, method, now)?;
                let live = app.reload(tx, new, now, &origin, alive.clone())?;
                app.log_session(tx, &live.actor, "session.step_up", public, method, now)?;
                Ok(live)
            })
            .await?;
        // The session goes on under its new token, and its streams with it.
        self.people.cache.forget_token(&old);
        let stepped = Arc::new(stepped);
        self.people.cache.keep(Presented::Session(new), Arc::clone(&stepped));
        Ok(Opened { token, device: None, standing: stepped.standing, actor: stepped.actor.clone() })
    }

    /// Ends the session it is given.
    pub async fn sign_out(&self, live: &Arc<Live>) -> Result<()> {
        let (app, id, actor, now) = (self.clone(), live.id, live.actor.clone(), self.clock.now());
        self.store
            .write(move |tx| -> Result<()> {
                session::end(tx, id, now)?;
                app.log_session(tx, &actor, "session.close", id, "", now)
            })
            .await?;
        self.poll_epochs().await
    }

    /// Changes one's own password; the other sessions end.
    ///
    /// # Errors
    /// `people.credentials` when the old one is wrong; the refusals of [`Password::chosen`].
    pub async fn change_password(&self, live: &Arc<Live>, old: &str, new: &str, origin: Origin) -> Result<Opened> {
        if matches!(live.standing.step, Step::SecondFactor | Step::Enrol) {
            return Err(Problem::new(&code::FACTOR_REQUIRED).into());
        }
        let new = Password::chosen(new, &live.actor.number)?;
        let (staff, now) = (live.actor.staff, self.clock.now());
        let from = origin.clone();
        let (hash, login, gate) = self
            .store
            .read(move |tx| -> Result<_> {
                let row = tx.query_one("SELECT password, login FROM staff WHERE id = $1", &params![&staff.0])?;
                let login = row.bytes(1)?;
                let gate = throttle::gate(tx, &login, &from, now)?;
                Ok((row.text(0)?, login, gate))
            })
            .await?;
        if let Some(until) = gate.wait_until {
            return Err(self.wait(until));
        }
        if !self.people.passwords.check(Password::typed(old), Some(hash), gate.lane).await? {
            self.count_failure(login, gate.place, "password", now).await?;
            return Err(Problem::new(&code::CREDENTIALS).field("old").into());
        }
        let hash = self.people.passwords.hash(new, Arc::clone(&self.ids)).await?;
        let method: &'static str = match (live.actor.mfa_at.is_some(), live.actor.passkey) {
            (true, true) => "passkey",
            (true, false) => "totp",
            (false, _) => "password",
        };
        let own = live.actor.session;
        let opened = self
            .step_up(live, method, origin, move |_, tx| {
                staff::set_password(tx, staff, &hash, false)?;
                session::end_others(tx, staff, own.as_ref(), now)
            })
            .await?;
        self.poll_epochs().await?;
        Ok(opened)
    }

    /// Begins to enrol a code generator: the secret, to be proved by its first code.
    ///
    /// # Errors
    /// `people.enrol_needs_factor` when there is a factor that was not used in this session.
    pub async fn begin_totp(&self, live: &Arc<Live>) -> Result<zeroize::Zeroizing<[u8; totp::SECRET]>> {
        enrolling(live)?;
        let (app, staff) = (self.clone(), live.actor.staff);
        let secret = totp::fresh(&self.ids);
        let kept = secret.clone();
        self.store.write(move |tx| app.keep_totp_pending(tx, staff, kept.as_slice())).await?;
        Ok(secret)
    }

    /// [`enrolling`] on the record itself: what is remembered of a session may be seconds old.
    pub(super) fn recheck_enrolling(&self, tx: &mut Tx<'_>, session: Option<TokenHash>) -> Result<()> {
        let gone = || Failure::from(Problem::new(&code::CEREMONY_GONE));
        let live = self.load_session(tx, session.ok_or_else(gone)?, self.clock.now(), "", CancellationToken::new())?;
        enrolling(&live.ok_or_else(gone)?)
    }

    /// Proves the generator by its first code, which also counts as the session's second factor.
    ///
    /// # Errors
    /// `people.ceremony_gone` when none was begun; `people.second_factor`
    pub async fn confirm_totp(&self, live: &Arc<Live>, code: String, origin: Origin) -> Result<Opened> {
        let (staff, own) = (live.actor.staff, live.actor.session);
        self.step_up(live, "totp", origin, move |app, tx| {
            app.recheck_enrolling(tx, own)?;
            let secret = app.totp_pending(tx, staff)?.ok_or_else(|| Failure::from(Problem::new(&code::CEREMONY_GONE)))?;
            let step = totp::step(&secret, &code, app.clock.now())?.ok_or_else(|| Failure::from(Problem::new(&code::SECOND_FACTOR)))?;
            app.set_totp(tx, staff, &secret, step)
        })
        .await
    }
}

/// Enrolling needs the factor there is, or there must be none: else a stolen password would enrol a thief's.
pub(super) fn enrolling(live: &Live) -> Result<()> {
    let none_yet = live.standing.step == Step::Enrol;
    if none_yet || live.actor.mfa_at.is_some() {
        return Ok(());
    }
    match live.standing.step {
        // A role content with a password may still enrol its first factor.
        Step::Done if !live.standing.totp && !live.standing.passkey && live.actor.session.is_some() => Ok(()),
        _ => Err(Problem::new(&code::ENROL_NEEDS_FACTOR).into()),
    }
}
