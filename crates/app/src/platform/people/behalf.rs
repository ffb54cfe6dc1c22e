//! 代办: the ground a job stands on while it works for somebody. It ends with the person, as their sessions do.

use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    problem::Problem,
    role::RoleSet,
    time::Timestamp,
};
use chuangsha_store::{Tx, params};

use super::{code, session};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
    },
};

/// On whose behalf, and under which epochs they asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behalf {
    /// Who asked.
    pub staff: StaffId,
    /// Epoch of the person.
    pub staff_epoch: i64,
    /// Epoch of their organisation.
    pub organisation_epoch: i64,
    /// Roles they held.
    pub roles: RoleSet,
    /// Second factor given at.
    pub mfa_at: Option<Timestamp>,
    /// That factor was a passkey.
    pub passkey: bool,
    /// Network they asked from.
    pub address: String,
}

impl App {
    /// What a job asked for now will stand on.
    ///
    /// # Errors
    /// `people.key_scope` for an API key: a key acts by itself, nothing acts for it; `people.staff_left`.
    pub fn behalf(&self, tx: &mut Tx<'_>, actor: &Actor) -> Result<Behalf> {
        if actor.key_actions.is_some() {
            return Err(Problem::new(&code::KEY_SCOPE).with("action", "job").into());
        }
        let row = tx.query_opt(
            "SELECT f.epoch, o.epoch, f.roles FROM staff f JOIN organisation o ON o.id = f.organisation
             WHERE f.id = $1 AND f.state = 'active' AND o.state = 'active'",
            &params![&actor.staff.0],
        )?;
        let row = row.ok_or_else(|| Failure::from(Problem::new(&code::STAFF_LEFT)))?;
        Ok(Behalf {
            staff: actor.staff,
            staff_epoch: row.int(0)?,
            organisation_epoch: row.int(1)?,
            roles: RoleSet::from_bits(row.int(2)?),
            mfa_at: actor.mfa_at,
            passkey: actor.passkey,
            address: actor.address.clone(),
        })
    }

    /// The one a job works for, as long as nothing they stood on has changed: `None` when they left, were given other roles, or their
    /// organisation ended. Signing out does not end a job; leaving does.
    pub fn on_behalf(&self, tx: &mut Tx<'_>, behalf: &Behalf) -> Result<Option<Actor>> {
        let row = tx.query_opt(
            "SELECT f.number, f.roles, f.organisation, f.training_passed_until, o.kind, o.region, o.carrier
             FROM staff f JOIN organisation o ON o.id = f.organisation
             WHERE f.id = $1 AND f.epoch = $2 AND o.epoch = $3 AND f.state = 'active' AND o.state = 'active'",
            &params![&behalf.staff.0, behalf.staff_epoch, behalf.organisation_epoch],
        )?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Actor {
            staff: behalf.staff,
            number: self.open_number(tx, behalf.staff, row.slice(0)?)?,
            organisation: OrganisationId(row.uuid(2)?),
            organisation_kind: session::kind(row.str(4)?)?,
            region: row.text(5)?,
            carrier: row.opt_uuid(6)?.map(OrganisationId),
            roles: RoleSet::from_bits(row.int(1)?),
            mfa_at: behalf.mfa_at,
            passkey: behalf.passkey,
            trained_until: row.opt_timestamp(3)?,
            address: behalf.address.clone(),
            session: None,
            key_actions: None,
            alive: tokio_util::sync::CancellationToken::new(),
        }))
    }
}
