//! 接口密钥: how another system acts. A key acts as the person who made it, in that person's organisation, with the actions it was given and no
//! others; it never counts as a passkey, and it dies with the person, the organisation, or its date.

use chuangsha_kernel::{
    problem::Problem,
    role::{Action, ActionSet},
    time::{DAY_MS, Timestamp},
};
use chuangsha_store::{Tx, params};
use uuid::Uuid;

use super::{
    code, epoch,
    extract::KEY_PREFIX,
    session::{self, Token, hash},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
    },
};

/// What a new key is to be.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What the other system is called, 1 to 64 characters.
    pub name: String,
    /// Stable names of actions, at least one; each one the maker's roles could do.
    #[schema(value_type = Vec<String>)]
    pub actions: Vec<Action>,
    /// Days it lasts, 1 to 365.
    pub days: i64,
}

/// A key in a list.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct KeyView {
    /// Id, for revocation.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// Actions.
    pub actions: Vec<String>,
    /// Made, milliseconds UTC.
    pub created: i64,
    /// Ends.
    pub expires: i64,
    /// Last used, to the minute.
    pub last_used: Option<i64>,
    /// Revoked.
    pub revoked: bool,
}

/// A key just made: the only time its text is seen.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct MadeKey {
    /// Id.
    pub id: Uuid,
    /// `csk_…`; not stored, not shown again.
    pub key: String,
}

impl App {
    /// Makes a key.
    ///
    /// # Errors
    /// `people.denied`, `people.step_up`, `people.key_fields`
    pub async fn make_key(&self, actor: &Actor, new: NewKey) -> Result<MadeKey> {
        actor.require(self, Action::ApikeyManage, &actor.here())?;
        let actions = ActionSet::of(&new.actions);
        let name: String = new.name.trim().to_owned();
        let fits = (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control) && (1..=365).contains(&new.days);
        if !fits || new.actions.is_empty() || !session::holdable(&self.matrix, actor.roles, actions) {
            return Err(Problem::new(&code::KEY_FIELDS).into());
        }
        let now = self.clock.now();
        let text = format!("{KEY_PREFIX}{}", Token::fresh(&self.ids).as_str());
        let (app, actor, id, key_hash) = (self.clone(), actor.clone(), self.ids.next(now), hash(&text));
        let names = actions.iter().map(Action::as_str).collect::<Vec<_>>().join(",");
        self.store
            .write(move |tx| -> Result<()> {
                let row = tx.query_one(
                    "SELECT s.epoch, o.epoch FROM staff s JOIN organisation o ON o.id = s.organisation WHERE s.id = $1",
                    &params![&actor.staff.0],
                )?;
                tx.push(
                    "INSERT INTO api_key (id, hash, staff, organisation, staff_epoch, organisation_epoch, name, actions, created, expires)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                    &params![
                        &id,
                        &key_hash,
                        &actor.staff.0,
                        &actor.organisation.0,
                        row.int(0)?,
                        row.int(1)?,
                        &name,
                        &names,
                        now,
                        now.plus_ms(new.days.saturating_mul(DAY_MS))
                    ],
                )?;
                let entry = Entry {
                    action: Action::ApikeyManage.as_str(),
                    case_kind: "api_key",
                    case: Some(id),
                    step: "made",
                    facts: &names,
                    ..Entry::default()
                };
                app.audit(tx, By::Actor(&actor), &entry, now).map(drop)
            })
            .await?;
        Ok(MadeKey { id, key: text })
    }

    /// Revokes a key of the actor's organisation, at once and everywhere.
    ///
    /// # Errors
    /// `people.denied`, `people.step_up`, `people.key_not_found`
    pub async fn revoke_key(&self, actor: &Actor, id: Uuid) -> Result<()> {
        let (app, actor, now) = (self.clone(), actor.clone(), self.clock.now());
        self.store
            .write(move |tx| -> Result<()> {
                let row = tx.query_opt("SELECT organisation FROM api_key WHERE id = $1 AND revoked_at IS NULL", &params![&id])?;
                let row = row.ok_or_else(|| Failure::from(Problem::new(&code::KEY_NOT_FOUND)))?;
                let organisation = super::organisation::find(tx, chuangsha_kernel::id::OrganisationId(row.uuid(0)?))?;
                actor.require(&app, Action::ApikeyManage, &organisation.resource(None))?;
                tx.push_one("UPDATE api_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", &params![&id, now])?;
                epoch::bump(tx, id, 1, now)?;
                let entry = Entry {
                    action: Action::ApikeyManage.as_str(),
                    case_kind: "api_key",
                    case: Some(id),
                    step: "revoked",
                    ..Entry::default()
                };
                app.audit(tx, By::Actor(&actor), &entry, now).map(drop)
            })
            .await?;
        self.poll_epochs().await
    }
}

/// Keys of an organisation, newest first.
pub fn list(tx: &mut Tx<'_>, organisation: chuangsha_kernel::id::OrganisationId, now: Timestamp) -> Result<Vec<KeyView>> {
    let rows = tx.query(
        "SELECT id, name, actions, created, expires, last_used, revoked_at IS NOT NULL FROM api_key
         WHERE organisation = $1 AND expires > $2 ORDER BY created DESC LIMIT 500",
        &params![&organisation.0, now],
    )?;
    rows.iter()
        .map(|row| {
            Ok(KeyView {
                id: row.uuid(0)?,
                name: row.text(1)?,
                actions: row.str(2)?.split(',').map(str::to_owned).collect(),
                created: row.int(3)?,
                expires: row.int(4)?,
                last_used: row.opt_int(5)?,
                revoked: row.flag(6)?,
            })
        })
        .collect()
}
