//! 会话: kept on the server under the hash of its token; remembered in memory and struck dead there by the epoch feed.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::http::HeaderMap;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chuangsha_kernel::{
    id::{Ids, OrganisationId, StaffId},
    role::{Action, ActionSet, Factor, Matrix, OrganisationKind, RoleSet},
    time::{MINUTE_MS, Timestamp},
};
use chuangsha_store::{Tx, params};
use ring::digest;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    epoch::{self, Epochs, Stakes},
    extract::presented,
    organisation,
    staff::Account,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
    },
};

/// How long a remembered session is used before it is read again: bounds whatever the feed might have missed.
const RELOAD_MS: i64 = 10_000;
/// How often the last use of a session is written down.
const TOUCH_MS: i64 = MINUTE_MS;

/// 令牌: 256 random bits, shown once to the browser or the program, kept only as a hash.
pub struct Token(String);

impl Token {
    /// A fresh one.
    pub fn fresh(ids: &Ids) -> Self {
        let mut random = [0_u8; 32];
        ids.fill(&mut random);
        Self(URL_SAFE_NO_PAD.encode(random))
    }

    /// What the browser keeps.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the server keeps.
    pub fn hash(&self) -> TokenHash {
        hash(&self.0)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// SHA-256 of a token. Tokens are random, so no salt and no stretching is needed.
pub type TokenHash = [u8; 32];

/// Hashes what a client presented.
pub fn hash(token: &str) -> TokenHash {
    let mut hash = [0_u8; 32];
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    hash.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

/// 待办步骤: what stands between a signed-in person and their work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Nothing.
    Done,
    /// Change the first password.
    ChangePassword,
    /// Give a second factor that is enrolled.
    SecondFactor,
    /// Enrol a second factor.
    Enrol,
}

/// What stands between, and which factors there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Standing {
    /// The next step.
    pub step: Step,
    /// A code generator can be used (or, when enrolling, enrolled).
    pub totp: bool,
    /// A passkey can be used (or, when enrolling, enrolled).
    pub passkey: bool,
}

/// Works out the next step. `demo`: a code counts as a passkey, so that the demo needs no authenticator.
fn standing(required: Factor, method: &str, has_totp: bool, has_passkey: bool, must_change: bool, demo: bool) -> Standing {
    let strength = match method {
        "passkey" => Factor::Passkey,
        "totp" if demo => Factor::Passkey,
        "totp" => Factor::Totp,
        _ => Factor::Password,
    };
    let step = |step, totp, passkey| Standing { step, totp, passkey };
    if strength < required {
        // A code is worth giving when it is enough, or when it is the way to enrol the passkey that is.
        let code_helps = has_totp && strength == Factor::Password && (required == Factor::Totp || demo || !has_passkey);
        if has_passkey || code_helps {
            return step(Step::SecondFactor, code_helps, has_passkey);
        }
        return step(Step::Enrol, required == Factor::Totp || demo, true);
    }
    if must_change {
        return step(Step::ChangePassword, false, false);
    }
    step(Step::Done, has_totp, has_passkey)
}

/// A credential in use: a session or an API key, with its actor.
pub struct Live {
    /// Its public id, for lists and revocation.
    pub id: Uuid,
    /// Who acts.
    pub actor: Actor,
    /// What stands between them and their work.
    pub standing: Standing,
    stakes: Stakes,
    created: Timestamp,
    expires: Timestamp,
    idle_ms: i64,
    last_seen: AtomicI64,
    written: AtomicI64,
    loaded: AtomicI64,
}

impl Live {
    fn usable(&self, now: Timestamp, epochs: &Epochs) -> bool {
        let fresh = now.0.saturating_sub(self.loaded.load(Ordering::Relaxed)) < RELOAD_MS;
        let idle = now.0.saturating_sub(self.last_seen.load(Ordering::Relaxed)) >= self.idle_ms;
        fresh && !idle && now < self.expires && epochs.hold(&self.stakes)
    }
}

/// What this node remembers.
#[derive(Default)]
pub struct Cache {
    live: RwLock<HashMap<Presented, Arc<Live>>>,
    /// Epochs raised lately.
    pub epochs: Epochs,
}

impl Cache {
    fn get(&self, presented: &Presented) -> Option<Arc<Live>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).get(presented).cloned()
    }

    pub(super) fn keep(&self, presented: Presented, live: Arc<Live>) {
        let mut all = self.live.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= 100_000 {
            // Nothing is lost but a read and a reconnection: whoever is still at work is loaded again.
            all.drain().for_each(|(_, live)| live.actor.alive.cancel());
        }
        all.insert(presented, live);
    }

    /// Forgets a token whose session goes on under another: its streams go on too.
    pub(super) fn forget_token(&self, hash: &TokenHash) {
        self.live.write().unwrap_or_else(PoisonError::into_inner).remove(&Presented::Session(*hash));
    }

    fn forget(&self, presented: &Presented) {
        let gone = self.live.write().unwrap_or_else(PoisonError::into_inner).remove(presented);
        if let Some(live) = gone {
            live.actor.alive.cancel();
        }
    }

    /// Takes the feed's entries in: whoever lost their ground is struck dead, streams and all; whoever merely changed is read again.
    pub fn apply(&self, entries: &[epoch::Entry]) {
        if entries.is_empty() {
            return;
        }
        self.epochs.apply(entries);
        self.live.write().unwrap_or_else(PoisonError::into_inner).retain(|_, live| {
            if !self.epochs.hold(&live.stakes) {
                live.actor.alive.cancel();
                return false;
            }
            if entries.iter().any(|entry| live.stakes.on(entry.subject)) {
                live.loaded.store(i64::MIN, Ordering::Relaxed);
            }
            true
        });
    }

    /// Strikes dead what has run out: a stream without requests does not outlive its session.
    pub fn sweep(&self, now: Timestamp) {
        self.live.write().unwrap_or_else(PoisonError::into_inner).retain(|_, live| {
            let over = now >= live.expires || now.0.saturating_sub(live.last_seen.load(Ordering::Relaxed)) >= live.idle_ms;
            if over {
                live.actor.alive.cancel();
            }
            !over
        });
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.live.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a client presented.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Presented {
    /// The session cookie.
    Session(TokenHash),
    /// An API key.
    Key(TokenHash),
}

impl App {
    /// Who presented this; `None` when it is unknown, expired, or lost its ground.
    pub async fn live(&self, presented: Presented, address: &str) -> Result<Option<Arc<Live>>> {
        let now = self.clock.now();
        let remembered = self.people.cache.get(&presented);
        if let Some(live) = remembered.as_ref().filter(|live| live.usable(now, &self.people.cache.epochs)) {
            self.touch(presented, live, now).await?;
            return Ok(Some(Arc::clone(live)));
        }
        let app = self.clone();
        let (place, alive) = (address.to_owned(), remembered.as_ref().map(|live| live.actor.alive.clone()).unwrap_or_default());
        let loaded = self
            .store
            .read(move |tx| match presented {
                Presented::Session(hash) => app.load_session(tx, hash, now, &place, alive.clone()),
                Presented::Key(hash) => app.load_key(tx, hash, now, &place, alive.clone()),
            })
            .await?;
        let Some(live) = loaded.map(Arc::new).filter(|live| self.people.cache.epochs.hold(&live.stakes)) else {
            self.people.cache.forget(&presented);
            return Ok(None);
        };
        self.people.cache.keep(presented, Arc::clone(&live));
        self.touch(presented, &live, now).await?;
        Ok(Some(live))
    }

    /// Whose session a request presents that is over: only to keep what they were typing for them.
    ///
    /// # Errors
    /// The store's.
    pub async fn whose_session_ended(&self, headers: &HeaderMap) -> Result<Option<StaffId>> {
        let Some(Presented::Session(hash)) = presented(headers) else { return Ok(None) };
        self.store
            .read(move |tx| {
                let row = tx.query_opt(
                    "SELECT f.id FROM session s JOIN staff f ON f.id = s.staff WHERE s.id = $1 AND f.state = 'active'",
                    &params![&hash],
                )?;
                row.map(|row| Ok(StaffId(row.uuid(0)?))).transpose()
            })
            .await
    }

    async fn touch(&self, presented: Presented, live: &Live, now: Timestamp) -> Result<()> {
        live.last_seen.fetch_max(now.0, Ordering::Relaxed);
        if now.0.saturating_sub(live.written.load(Ordering::Relaxed)) < TOUCH_MS {
            return Ok(());
        }
        live.written.store(now.0, Ordering::Relaxed);
        self.store
            .write(move |tx| -> Result<()> {
                match presented {
                    Presented::Session(hash) => {
                        tx.push("UPDATE session SET last_seen = $2 WHERE id = $1 AND last_seen < $2", &params![&hash, now])?
                    }
                    Presented::Key(hash) => tx.push("UPDATE api_key SET last_used = $2 WHERE hash = $1", &params![&hash, now])?,
                }
                Ok(())
            })
            .await
    }

    pub(super) fn load_session(
        &self,
        tx: &mut Tx<'_>,
        hash: TokenHash,
        now: Timestamp,
        address: &str,
        alive: CancellationToken,
    ) -> Result<Option<Live>> {
        let row = tx.query_opt(
            "SELECT s.public, s.staff, s.staff_epoch, s.organisation_epoch, s.created, s.last_seen, s.method, s.mfa_at,
                    f.number, f.roles, f.organisation, f.training_passed_until, f.must_change, f.totp IS NOT NULL, o.kind, o.region, o.carrier,
                    (SELECT COUNT(*) FROM passkey p WHERE p.staff = f.id)
             FROM session s JOIN staff f ON f.id = s.staff JOIN organisation o ON o.id = f.organisation
             WHERE s.id = $1 AND f.epoch = s.staff_epoch AND o.epoch = s.organisation_epoch AND f.state = 'active' AND o.state = 'active'",
            &params![&hash],
        )?;
        let Some(row) = row else { return Ok(None) };
        let clocks = &self.matrix.session;
        let (created, last_seen) = (row.timestamp(4)?, row.timestamp(5)?);
        let idle_ms = i64::from(clocks.idle_minutes) * MINUTE_MS;
        let expires = created.plus_ms(i64::from(clocks.absolute_minutes) * MINUTE_MS);
        if now >= expires || now.0.saturating_sub(last_seen.0) >= idle_ms {
            return Ok(None);
        }
        let staff = StaffId(row.uuid(1)?);
        let organisation = OrganisationId(row.uuid(10)?);
        let (roles, method, demo) = (RoleSet::from_bits(row.int(9)?), row.text(6)?, self.people.config.demo);
        let actor = Actor {
            staff,
            number: self.open_number(tx, staff, row.slice(8)?)?,
            organisation,
            organisation_kind: kind(row.str(14)?)?,
            region: row.text(15)?,
            carrier: row.opt_uuid(16)?.map(OrganisationId),
            roles,
            mfa_at: row.opt_timestamp(7)?,
            passkey: method == "passkey" || (demo && method == "totp"),
            trained_until: row.opt_timestamp(11)?,
            address: address.to_owned(),
            session: Some(hash),
            key_actions: None,
            alive,
        };
        Ok(Some(Live {
            id: row.uuid(0)?,
            standing: standing(self.matrix.factor(roles), &method, row.flag(13)?, row.int(17)? > 0, row.flag(12)?, demo),
            stakes: Stakes([(row.uuid(0)?, 0), (staff.0, row.int(2)?), (organisation.0, row.int(3)?)]),
            actor,
            created,
            expires,
            idle_ms,
            last_seen: AtomicI64::new(last_seen.0),
            written: AtomicI64::new(last_seen.0),
            loaded: AtomicI64::new(now.0),
        }))
    }

    fn load_key(&self, tx: &mut Tx<'_>, hash: TokenHash, now: Timestamp, address: &str, alive: CancellationToken) -> Result<Option<Live>> {
        let row = tx.query_opt(
            "SELECT k.id, k.staff, k.staff_epoch, k.organisation_epoch, k.created, k.expires, k.actions, k.last_used,
                    f.number, f.roles, f.training_passed_until, o.id, o.kind, o.region, o.carrier
             FROM api_key k JOIN staff f ON f.id = k.staff JOIN organisation o ON o.id = f.organisation
             WHERE k.hash = $1 AND k.revoked_at IS NULL AND k.expires > $2
               AND f.epoch = k.staff_epoch AND o.epoch = k.organisation_epoch AND f.state = 'active' AND o.state = 'active'",
            &params![&hash, now],
        )?;
        let Some(row) = row else { return Ok(None) };
        let (staff, organisation, id) = (StaffId(row.uuid(1)?), OrganisationId(row.uuid(11)?), row.uuid(0)?);
        let actions: Vec<Action> = row.str(6)?.split(',').filter_map(Action::parse).collect();
        let number = self.open_number(tx, staff, row.slice(8)?)?;
        let actor = Actor {
            staff,
            number: format!("{number}#{}", id.simple().to_string().chars().skip(24).collect::<String>()),
            organisation,
            organisation_kind: kind(row.str(12)?)?,
            region: row.text(13)?,
            carrier: row.opt_uuid(14)?.map(OrganisationId),
            roles: RoleSet::from_bits(row.int(9)?),
            mfa_at: None,
            passkey: false,
            trained_until: row.opt_timestamp(10)?,
            address: address.to_owned(),
            session: None,
            key_actions: Some(ActionSet::of(&actions)),
            alive,
        };
        let used = row.opt_timestamp(7)?.unwrap_or_default();
        Ok(Some(Live {
            id,
            standing: Standing { step: Step::Done, totp: false, passkey: false },
            stakes: Stakes([(id, 0), (staff.0, row.int(2)?), (organisation.0, row.int(3)?)]),
            actor,
            created: row.timestamp(4)?,
            expires: row.timestamp(5)?,
            idle_ms: i64::MAX,
            last_seen: AtomicI64::new(now.0),
            written: AtomicI64::new(used.0),
            loaded: AtomicI64::new(now.0),
        }))
    }

    /// Reads the epoch feed once: what another node ended, and what this one just did, ends here. Called every half second by
    /// [`App::watch_epochs`], and after each write that raises an epoch.
    pub async fn poll_epochs(&self) -> Result<()> {
        self.people.cache.sweep(self.clock.now());
        if self.people.carrier().is_none()
            && let Some(carrier) = self.store.read(organisation::first_carrier).await?
        {
            self.people.found(carrier);
        }
        loop {
            let seen = self.people.cache.epochs.seen();
            let entries = self.store.read(move |tx| epoch::after(tx, seen)).await?;
            self.people.cache.apply(&entries);
            if entries.len() < 5000 {
                return Ok(());
            }
        }
    }

    /// Follows the epoch feed until told to stop.
    pub async fn watch_epochs(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(500));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            if let Err(failure) = self.poll_epochs().await {
                tracing::warn!(error = %failure, "the epoch feed could not be read");
            }
        }
    }
}

pub(super) fn kind(text: &str) -> Result<OrganisationKind> {
    OrganisationKind::parse(text).ok_or_else(|| Failure::internal(format!("organisation of unknown kind {text}")))
}

/// Writes a new session.
pub(super) fn open(
    tx: &mut Tx<'_>,
    account: &Account,
    public: Uuid,
    hash: &TokenHash,
    method: &str,
    address: &str,
    at: Timestamp,
) -> Result<()> {
    let mfa_at = (method != "password").then_some(at);
    tx.push(
        "INSERT INTO session (id, public, staff, staff_epoch, organisation_epoch, created, last_seen, method, mfa_at, address)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9)",
        &params![hash, &public, &account.id.0, account.epoch, account.organisation_epoch, at, method, mfa_at, address],
    )?;
    Ok(())
}

/// Gives a session a new token and a second factor: what was known before the step-up is worth nothing after it.
pub(super) fn step_up(tx: &mut Tx<'_>, old: &TokenHash, new: &TokenHash, method: &str, at: Timestamp) -> Result<()> {
    Ok(tx.push_one("UPDATE session SET id = $2, method = $3, mfa_at = $4, last_seen = $4 WHERE id = $1", &params![old, new, method, at])?)
}

/// Ends one session, on every node.
pub(super) fn end(tx: &mut Tx<'_>, public: Uuid, at: Timestamp) -> Result<()> {
    tx.push("DELETE FROM session WHERE public = $1", &params![&public])?;
    tx.push("DELETE FROM ceremony WHERE session = $1", &params![&public])?;
    epoch::bump(tx, public, 1, at)
}

/// Ends every session of a person but one, on every node.
pub(super) fn end_others(tx: &mut Tx<'_>, staff: StaffId, except: Option<&TokenHash>, at: Timestamp) -> Result<()> {
    let rows = tx.query("SELECT public, id FROM session WHERE staff = $1", &params![&staff.0])?;
    for row in rows {
        if except.map(TokenHash::as_slice) != Some(row.slice(1)?) {
            end(tx, row.uuid(0)?, at)?;
        }
    }
    Ok(())
}

/// One session in a list.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct SessionView {
    /// Public id.
    pub id: Uuid,
    /// Begun, milliseconds UTC.
    pub created: i64,
    /// Last used, to the minute.
    pub last_seen: i64,
    /// `password`, `totp` or `passkey`.
    pub method: String,
    /// Network it was begun from.
    pub address: String,
}

/// Sessions of a person that may still be used.
pub fn list(tx: &mut Tx<'_>, matrix: &Matrix, staff: StaffId, now: Timestamp) -> Result<Vec<SessionView>> {
    let begun = now.plus_ms(-i64::from(matrix.session.absolute_minutes) * MINUTE_MS);
    let used = now.plus_ms(-i64::from(matrix.session.idle_minutes) * MINUTE_MS);
    let rows = tx.query(
        "SELECT s.public, s.created, s.last_seen, s.method, s.address FROM session s JOIN staff f ON f.id = s.staff
         WHERE s.staff = $1 AND s.staff_epoch = f.epoch AND s.created > $2 AND s.last_seen > $3 ORDER BY s.created DESC",
        &params![&staff.0, begun, used],
    )?;
    rows.iter()
        .map(|row| {
            Ok(SessionView { id: row.uuid(0)?, created: row.int(1)?, last_seen: row.int(2)?, method: row.text(3)?, address: row.text(4)? })
        })
        .collect()
}

/// Whose session this is.
pub(super) fn owner(tx: &mut Tx<'_>, public: Uuid) -> Result<Option<StaffId>> {
    Ok(tx.query_opt("SELECT staff FROM session WHERE public = $1", &params![&public])?.map(|row| row.uuid(0)).transpose()?.map(StaffId))
}

/// Actions a key may hold: no more than its maker's roles could ever do.
pub(super) fn holdable(matrix: &Matrix, roles: RoleSet, actions: ActionSet) -> bool {
    actions.iter().all(|action| matrix.could(roles, action))
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("id", &self.id).field("standing", &self.standing).field("created", &self.created).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_alone_never_completes_a_role_that_needs_more() {
        use Factor::{Passkey, Password, Totp};
        let next = |required, method, totp, passkey| standing(required, method, totp, passkey, false, false).step;
        assert_eq!(next(Password, "password", false, false), Step::Done);
        assert_eq!(next(Totp, "password", false, false), Step::Enrol);
        assert_eq!(next(Totp, "password", true, false), Step::SecondFactor);
        assert_eq!(next(Totp, "password", false, true), Step::SecondFactor);
        assert_eq!(next(Totp, "totp", true, false), Step::Done);
        assert_eq!(next(Totp, "passkey", true, true), Step::Done);
        assert_eq!(next(Passkey, "password", false, false), Step::Enrol);
        assert_eq!(next(Passkey, "password", true, false), Step::SecondFactor, "the code is the way to the passkey");
        assert_eq!(next(Passkey, "totp", true, false), Step::Enrol);
        assert_eq!(next(Passkey, "totp", true, true), Step::SecondFactor);
        assert_eq!(next(Passkey, "passkey", true, true), Step::Done);
        assert_eq!(next(Passkey, "anything", false, false), Step::Enrol);
        assert_eq!(standing(Passkey, "totp", true, false, false, true).step, Step::Done, "the demo");
        assert_eq!(standing(Totp, "totp", true, false, true, false).step, Step::ChangePassword);
        let with_passkey = standing(Passkey, "password", true, true, false, false);
        assert!(with_passkey.passkey && !with_passkey.totp, "a code does not stand in for a passkey that exists");
    }
}
