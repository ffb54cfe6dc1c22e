//! 组织: ministry, administrations, the carrier's tree, channels, call centres. A channel is an organisation of its own kind with a channel row beside it.

pub use chuangsha_kernel::role::OrganisationKind;
use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    problem::{Language, Problem},
    role::{RegionCode, Resource},
    time::Timestamp,
};
use chuangsha_store::{Row, Tx, params};

use super::{code, epoch, staff::Within};
use crate::platform::failure::{Failure, Result};

/// One organisation.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Organisation {
    /// Id.
    pub id: OrganisationId,
    /// Kind.
    pub kind: OrganisationKind,
    /// The organisation above.
    pub parent: Option<OrganisationId>,
    /// The carrier (or other independent company) at the top; `None` for ministry and administrations.
    pub carrier: Option<OrganisationId>,
    /// `""` for the whole country, two digits for a province, six for a city.
    pub region: String,
    /// Still works.
    pub active: bool,
    /// Name, Chinese.
    pub zh: String,
    /// Name, English.
    pub en: String,
}

impl Organisation {
    /// Its name.
    pub fn name(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.zh,
            Language::English => &self.en,
        }
    }

    /// Things that belong to this organisation, as the role table sees them.
    pub fn resource(&self, owner: Option<StaffId>) -> Resource {
        Resource { owner, organisation: Some(self.id), carrier: self.carrier, region: RegionCode::read(&self.region) }
    }
}

/// What is needed to found one.
#[derive(Debug, Clone)]
pub struct NewOrganisation<'a> {
    /// Id, made by the caller.
    pub id: OrganisationId,
    /// Kind.
    pub kind: OrganisationKind,
    /// The organisation above.
    pub parent: Option<OrganisationId>,
    /// `""`, two or six digits.
    pub region: &'a str,
    /// Name, Chinese.
    pub zh: &'a str,
    /// Name, English.
    pub en: &'a str,
}

const COLUMNS: &str = "id, kind, parent, carrier, region, state, name_zh, name_en";

fn read(row: &Row) -> Result<Organisation> {
    let kind = row.str(1)?;
    Ok(Organisation {
        id: OrganisationId(row.uuid(0)?),
        kind: OrganisationKind::parse(kind).ok_or_else(|| Failure::internal(format!("organisation of unknown kind {kind}")))?,
        parent: row.opt_uuid(2)?.map(OrganisationId),
        carrier: row.opt_uuid(3)?.map(OrganisationId),
        region: row.text(4)?,
        active: row.str(5)? == "active",
        zh: row.text(6)?,
        en: row.text(7)?,
    })
}

/// Founds an organisation. Whatever has no parent and is no regulator is its own carrier; everything else belongs to its parent's.
///
/// # Errors
/// The parent is unknown or has ended.
pub fn create(tx: &mut Tx<'_>, new: &NewOrganisation<'_>, at: Timestamp) -> Result<()> {
    let carrier = match (new.kind, new.parent) {
        (OrganisationKind::Ministry | OrganisationKind::Administration, _) => None,
        (_, None) => Some(new.id),
        (_, Some(parent)) => active(tx, parent)?.carrier,
    };
    tx.push(
        "INSERT INTO organisation (id, kind, parent, carrier, region, state, name_zh, name_en, epoch, created) VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, 1, $8)",
        &params![
            &new.id.0,
            new.kind.as_str(),
            new.parent.as_ref().map(|parent| &parent.0),
            carrier.as_ref().map(|carrier| &carrier.0),
            new.region,
            new.zh,
            new.en,
            at
        ],
    )?;
    Ok(())
}

/// An organisation, whatever its state.
pub fn find(tx: &mut Tx<'_>, id: OrganisationId) -> Result<Organisation> {
    let row = tx.query_opt(&format!("SELECT {COLUMNS} FROM organisation WHERE id = $1"), &params![&id.0])?;
    row.as_ref().map(read).transpose()?.ok_or_else(|| Problem::new(&code::ORGANISATION_NOT_FOUND).into())
}

/// An organisation that still works.
pub fn active(tx: &mut Tx<'_>, id: OrganisationId) -> Result<Organisation> {
    let organisation = find(tx, id)?;
    if organisation.active { Ok(organisation) } else { Err(Problem::new(&code::ORGANISATION_ENDED).into()) }
}

/// The carrier whose installation this is: the headquarters founded first.
pub fn first_carrier(tx: &mut Tx<'_>) -> Result<Option<OrganisationId>> {
    let row = tx.query_opt("SELECT id FROM organisation WHERE kind = 'carrier_hq' ORDER BY created, id LIMIT 1", &[])?;
    Ok(row.map(|row| row.uuid(0)).transpose()?.map(OrganisationId))
}

/// Organisations under a carrier, or all of them for a regulator; a page in id order after `after`.
pub fn list(tx: &mut Tx<'_>, carrier: Option<OrganisationId>, after: Option<OrganisationId>, limit: i64) -> Result<Vec<Organisation>> {
    let after = after.map_or(uuid::Uuid::nil(), |after| after.0);
    let rows = match carrier {
        Some(carrier) => tx.query(
            &format!("SELECT {COLUMNS} FROM organisation WHERE carrier = $1 AND id > $2 ORDER BY id LIMIT $3"),
            &params![&carrier.0, &after, limit],
        )?,
        None => tx.query(&format!("SELECT {COLUMNS} FROM organisation WHERE id > $1 ORDER BY id LIMIT $2"), &params![&after, limit])?,
    };
    rows.iter().map(read).collect()
}

/// Active organisations a reach covers whose name in either language holds a part; by name.
pub fn within(tx: &mut Tx<'_>, within: &Within, part: &str, limit: i64) -> Result<Vec<Organisation>> {
    let like = format!("%{}%", part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
    const FIND: &str = "state = 'active' AND (name_zh LIKE $1 ESCAPE '\\' OR name_en LIKE $1 ESCAPE '\\')";
    let rows = match within {
        Within::Organisation(id) => {
            tx.query(&format!("SELECT {COLUMNS} FROM organisation WHERE {FIND} AND id = $2 ORDER BY name_zh, id LIMIT $3"), &params![&like, &id.0, limit])?
        }
        Within::Region { carrier: Some(carrier), from, to } => tx.query(
            &format!("SELECT {COLUMNS} FROM organisation WHERE {FIND} AND carrier = $2 AND region >= $3 AND region < $4 ORDER BY name_zh, id LIMIT $5"),
            &params![&like, &carrier.0, from, to, limit],
        )?,
        Within::Region { carrier: None, from, to } => tx.query(
            &format!("SELECT {COLUMNS} FROM organisation WHERE {FIND} AND region >= $2 AND region < $3 ORDER BY name_zh, id LIMIT $4"),
            &params![&like, from, to, limit],
        )?,
    };
    rows.iter().map(read).collect()
}

/// Ends an organisation: in the same transaction every session, stream and API key of its people loses its ground.
///
/// # Errors
/// Unknown, or ended already.
pub fn terminate(tx: &mut Tx<'_>, id: OrganisationId, at: Timestamp) -> Result<()> {
    active(tx, id)?;
    let row = tx.query_one("UPDATE organisation SET state = 'ended', epoch = epoch + 1 WHERE id = $1 RETURNING epoch", &params![&id.0])?;
    epoch::bump(tx, id.0, row.int(0)?, at)
}

/// Bars the people of an organisation without ending it (a channel suspended for a violation); [`resume`] lets them sign in again.
pub fn suspend(tx: &mut Tx<'_>, id: OrganisationId, at: Timestamp) -> Result<()> {
    let row = tx.query_one(
        "UPDATE organisation SET state = 'suspended', epoch = epoch + 1 WHERE id = $1 AND state = 'active' RETURNING epoch",
        &params![&id.0],
    )?;
    epoch::bump(tx, id.0, row.int(0)?, at)
}

/// Lets the people of a suspended organisation sign in again.
pub fn resume(tx: &mut Tx<'_>, id: OrganisationId) -> Result<()> {
    Ok(tx.push_one("UPDATE organisation SET state = 'active' WHERE id = $1 AND state = 'suspended'", &params![&id.0])?)
}
