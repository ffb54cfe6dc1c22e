//! 通行密钥: WebAuthn, with the ceremony's state on the server. The relying party is the configured host; user verification is always asked for.

use std::sync::Arc;

use chuangsha_kernel::{
    id::StaffId,
    problem::Problem,
    time::{MINUTE_MS, Timestamp},
};
use chuangsha_store::{Tx, params};
use uuid::Uuid;
use webauthn_rs::prelude::{
    CreationChallengeResponse, Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential,
    RequestChallengeResponse,
};

use super::{
    code,
    extract::Origin,
    login::{Opened, enrolling},
    session::Live,
};
use crate::{
    App,
    platform::failure::{Failure, Result},
};

/// How long a ceremony may take.
const CEREMONY_MS: i64 = 5 * MINUTE_MS;

fn keep_ceremony(tx: &mut Tx<'_>, session: Uuid, kind: &str, state: &str, at: Timestamp) -> Result<()> {
    tx.push(
        "INSERT INTO ceremony (session, kind, state, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (session, kind) DO UPDATE SET state = excluded.state, at = excluded.at",
        &params![&session, kind, state, at],
    )?;
    Ok(())
}

/// Takes a ceremony's state out: it serves once.
fn take_ceremony(tx: &mut Tx<'_>, session: Uuid, kind: &str, now: Timestamp) -> Result<String> {
    let row = tx.query_opt("DELETE FROM ceremony WHERE session = $1 AND kind = $2 RETURNING state, at", &params![&session, kind])?;
    match row {
        Some(row) if now < row.timestamp(1)?.plus_ms(CEREMONY_MS) => Ok(row.text(0)?),
        _ => Err(Problem::new(&code::CEREMONY_GONE).into()),
    }
}

fn credentials(tx: &mut Tx<'_>, staff: StaffId) -> Result<Vec<Passkey>> {
    let rows = tx.query("SELECT credential FROM passkey WHERE staff = $1 ORDER BY created", &params![&staff.0])?;
    rows.iter().map(|row| serde_json::from_str(row.str(0)?).map_err(Failure::internal)).collect()
}

fn refused(error: &webauthn_rs::prelude::WebauthnError) -> Failure {
    // The library's own words name the check that failed and nothing else.
    tracing::info!(reason = %error, "a passkey was refused");
    Problem::new(&code::PASSKEY).into()
}

/// One passkey in a list.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct PasskeyView {
    /// The credential's id, hexadecimal.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Enrolled, milliseconds UTC.
    pub created: i64,
    /// Last used.
    pub last_used: Option<i64>,
}

impl App {
    /// Begins to enrol a passkey: options for `navigator.credentials.create`.
    ///
    /// # Errors
    /// `people.enrol_needs_factor` when there is a factor that was not used in this session.
    pub async fn begin_passkey(&self, live: &Arc<Live>) -> Result<CreationChallengeResponse> {
        enrolling(live)?;
        let (app, actor, session, now) = (self.clone(), live.actor.clone(), live.id, self.clock.now());
        self.store
            .write(move |tx| -> Result<_> {
                let known = credentials(tx, actor.staff)?.iter().map(|passkey| passkey.cred_id().clone()).collect();
                let (options, state) = app
                    .people
                    .webauthn
                    .start_passkey_registration(actor.staff.0, &actor.number, &actor.number, Some(known))
                    .map_err(Failure::internal)?;
                keep_ceremony(tx, session, "create", &serde_json::to_string(&state).map_err(Failure::internal)?, now)?;
                Ok(options)
            })
            .await
    }

    /// Enrols the passkey the browser made. Making it proved it, so it is the session's second factor from now on.
    ///
    /// # Errors
    /// `people.ceremony_gone`, `people.passkey`
    pub async fn finish_passkey(&self, live: &Arc<Live>, name: &str, made: RegisterPublicKeyCredential, origin: Origin) -> Result<Opened> {
        let (staff, session, own) = (live.actor.staff, live.id, live.actor.session);
        let name: String = name.trim().chars().filter(|c| !c.is_control()).take(64).collect();
        self.step_up(live, "passkey", origin, move |app, tx| {
            let now = app.clock.now();
            app.recheck_enrolling(tx, own)?;
            let state: PasskeyRegistration =
                serde_json::from_str(&take_ceremony(tx, session, "create", now)?).map_err(Failure::internal)?;
            let passkey = app.people.webauthn.finish_passkey_registration(&made, &state).map_err(|error| refused(&error))?;
            let credential = serde_json::to_string(&passkey).map_err(Failure::internal)?;
            let id: &[u8] = passkey.cred_id().as_ref();
            if tx.query_opt("SELECT staff FROM passkey WHERE id = $1", &params![id])?.is_some() {
                return Err(Problem::new(&code::PASSKEY).into());
            }
            tx.push(
                "INSERT INTO passkey (id, staff, name, credential, created) VALUES ($1, $2, $3, $4, $5)",
                &params![id, &staff.0, &name, &credential, now],
            )?;
            Ok(())
        })
        .await
    }

    /// Begins to use a passkey: options for `navigator.credentials.get`.
    ///
    /// # Errors
    /// `people.passkey` when none is enrolled.
    pub async fn begin_assertion(&self, live: &Arc<Live>) -> Result<RequestChallengeResponse> {
        let (app, staff, session, now) = (self.clone(), live.actor.staff, live.id, self.clock.now());
        self.store
            .write(move |tx| -> Result<_> {
                let known = credentials(tx, staff)?;
                if known.is_empty() {
                    return Err(Problem::new(&code::PASSKEY).into());
                }
                let (options, state) = app.people.webauthn.start_passkey_authentication(&known).map_err(Failure::internal)?;
                keep_ceremony(tx, session, "get", &serde_json::to_string(&state).map_err(Failure::internal)?, now)?;
                Ok(options)
            })
            .await
    }

    /// Takes the passkey's answer as the session's second factor, at sign-in or to renew it.
    ///
    /// # Errors
    /// `people.ceremony_gone`, `people.passkey` (also when its counter ran backwards: a copy is about)
    pub async fn finish_assertion(&self, live: &Arc<Live>, answer: PublicKeyCredential, origin: Origin) -> Result<Opened> {
        let (staff, session) = (live.actor.staff, live.id);
        self.step_up(live, "passkey", origin, move |app, tx| {
            let now = app.clock.now();
            let state: PasskeyAuthentication = serde_json::from_str(&take_ceremony(tx, session, "get", now)?).map_err(Failure::internal)?;
            let result = app.people.webauthn.finish_passkey_authentication(&answer, &state).map_err(|error| refused(&error))?;
            let id: &[u8] = result.cred_id().as_ref();
            // Enrolled still: a passkey withdrawn during the ceremony does not count.
            let row = tx.query_opt("SELECT credential FROM passkey WHERE id = $1 AND staff = $2", &params![id, &staff.0])?;
            let row = row.ok_or_else(|| Failure::from(Problem::new(&code::PASSKEY)))?;
            let mut passkey: Passkey = serde_json::from_str(row.str(0)?).map_err(Failure::internal)?;
            passkey.update_credential(&result);
            let credential = serde_json::to_string(&passkey).map_err(Failure::internal)?;
            Ok(tx.push_one("UPDATE passkey SET credential = $2, last_used = $3 WHERE id = $1", &params![id, &credential, now])?)
        })
        .await
    }
}

/// Passkeys of a person.
pub fn list(tx: &mut Tx<'_>, staff: StaffId) -> Result<Vec<PasskeyView>> {
    let rows = tx.query("SELECT id, name, created, last_used FROM passkey WHERE staff = $1 ORDER BY created", &params![&staff.0])?;
    rows.iter()
        .map(|row| Ok(PasskeyView { id: hex::encode(row.slice(0)?), name: row.text(1)?, created: row.int(2)?, last_used: row.opt_int(3)? }))
        .collect()
}
