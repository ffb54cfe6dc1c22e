//! All SQL of requests for a second person.

use chuangsha_kernel::{
    id::{OrganisationId, StaffId, SubjectId},
    time::Timestamp,
};
use chuangsha_store::{Param, Row, Tx, params};
use uuid::Uuid;

use super::grant::{Cause, Kind, Refusal, Request, Signer, Standing, State};
use crate::platform::{
    failure::{Failure, Result, refuse},
    people::staff,
    purpose::Purpose,
};

/// Tables of this module. What the constraints forbid stays forbidden whoever writes.
pub const DDL: &str = "
CREATE TABLE second_request (
    id BYTEA PRIMARY KEY,
    kind TEXT NOT NULL,
    cause TEXT NOT NULL,
    state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    staff BYTEA NOT NULL,
    organisation BYTEA NOT NULL,
    staff_epoch BIGINT NOT NULL,
    organisation_epoch BIGINT NOT NULL,
    purpose TEXT NOT NULL,
    subject BYTEA,
    region TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_staff BYTEA,
    decided_organisation BYTEA,
    decided_staff_epoch BIGINT,
    decided_organisation_epoch BIGINT,
    decided_at BIGINT,
    good_until BIGINT,
    used_at BIGINT,
    CHECK (state IN (1, 2, 3, 4, 5)),
    CHECK (decided_staff IS NULL OR decided_staff <> staff),
    CHECK (decided_organisation IS NULL OR decided_organisation <> organisation),
    CHECK (state NOT IN (2, 3, 5) OR decided_staff IS NOT NULL),
    CHECK (used_at IS NULL OR (state = 5 AND good_until IS NOT NULL AND used_at < good_until))
);
CREATE INDEX second_request_pending ON second_request (id) WHERE state = 1;
CREATE INDEX second_request_staff ON second_request (staff, id);
CREATE INDEX second_request_decided ON second_request (decided_staff, id) WHERE decided_staff IS NOT NULL;
";

/// A request as it is stored: the rules' part, and what is sealed beside it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The request.
    pub request: Request,
    /// Whose data.
    pub subject: Option<SubjectId>,
    /// Where the thing lies.
    pub region: String,
    /// What exactly, with case and words, sealed.
    pub sealed: Vec<u8>,
}

const COLUMNS: &str = "id, kind, cause, state, version, staff, organisation, staff_epoch, organisation_epoch, purpose, subject, region, sealed, \
     made_at, expires_at, decided_staff, decided_organisation, decided_staff_epoch, decided_organisation_epoch, decided_at, good_until, used_at";

fn broken(column: &str) -> Failure {
    Failure::internal(format!("second_request.{column} holds a value this version does not know"))
}

fn stored(row: &Row) -> Result<Stored> {
    let decided = match (row.opt_uuid(15)?, row.opt_uuid(16)?, row.opt_int(17)?, row.opt_int(18)?) {
        (Some(staff), Some(organisation), Some(staff_epoch), Some(organisation_epoch)) => {
            Some(Signer { staff: StaffId(staff), organisation: OrganisationId(organisation), staff_epoch, organisation_epoch })
        }
        _ => None,
    };
    Ok(Stored {
        request: Request {
            id: row.uuid(0)?,
            kind: Kind::parse(row.str(1)?).ok_or_else(|| broken("kind"))?,
            cause: Cause::parse(row.str(2)?).ok_or_else(|| broken("cause"))?,
            state: State::from_i64(row.int(3)?).ok_or_else(|| broken("state"))?,
            version: row.int(4)?,
            by: Signer {
                staff: StaffId(row.uuid(5)?),
                organisation: OrganisationId(row.uuid(6)?),
                staff_epoch: row.int(7)?,
                organisation_epoch: row.int(8)?,
            },
            purpose: Purpose::parse(row.str(9)?).ok_or_else(|| broken("purpose"))?,
            made_at: row.timestamp(13)?,
            expires_at: row.timestamp(14)?,
            decided,
            decided_at: row.opt_timestamp(19)?,
            good_until: row.opt_timestamp(20)?,
            used_at: row.opt_timestamp(21)?,
        },
        subject: row.opt_uuid(10)?.map(SubjectId),
        region: row.text(11)?,
        sealed: row.bytes(12)?,
    })
}

/// A new request.
pub fn insert(tx: &mut Tx, stored: &Stored) -> Result<()> {
    let request = &stored.request;
    tx.push_one(
        "INSERT INTO second_request (id, kind, cause, state, version, staff, organisation, staff_epoch, organisation_epoch, purpose, subject, \
         region, sealed, made_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        &params![
            &request.id,
            request.kind.as_str(),
            request.cause.as_str(),
            request.state as i64,
            request.version,
            &request.by.staff.0,
            &request.by.organisation.0,
            request.by.staff_epoch,
            request.by.organisation_epoch,
            request.purpose.as_str(),
            stored.subject.as_ref().map(|subject| &subject.0),
            &stored.region,
            &stored.sealed,
            request.made_at,
            request.expires_at
        ],
    )?;
    Ok(())
}

/// One request, whoever asks: whose it is, is the caller's guard.
///
/// # Errors
/// `second.not_found`
pub fn find(tx: &mut Tx, id: Uuid) -> Result<Stored> {
    let row = tx.query_opt(&format!("SELECT {COLUMNS} FROM second_request WHERE id = $1"), &params![&id])?;
    row.as_ref().map_or(Err(refuse(Refusal::NotFound)), stored)
}

/// Writes the request as decided, guarded by the version it was decided on: of two approvers the second is contended and decides again.
pub fn advance(tx: &mut Tx, old: &Request, new: &Request) -> Result<()> {
    let decided = new.decided.as_ref();
    let values: [Param; 11] = [
        Param::from(&old.id),
        Param::from(old.version),
        Param::from(new.state as i64),
        Param::from(new.version),
        Param::from(decided.map(|by| &by.staff.0)),
        Param::from(decided.map(|by| &by.organisation.0)),
        Param::from(decided.map(|by| by.staff_epoch)),
        Param::from(decided.map(|by| by.organisation_epoch)),
        Param::from(new.decided_at),
        Param::from(new.good_until),
        Param::from(new.used_at),
    ];
    tx.push_one(
        "UPDATE second_request SET state = $3, version = $4, decided_staff = $5, decided_organisation = $6, decided_staff_epoch = $7, \
         decided_organisation_epoch = $8, decided_at = $9, good_until = $10, used_at = $11 WHERE id = $1 AND version = $2",
        &values,
    )?;
    Ok(())
}

/// A member of staff as they stand now; `None`: they left, or their organisation does not work.
pub fn signer(tx: &mut Tx, id: StaffId) -> Result<Option<Signer>> {
    Ok(staff::epochs(tx, id)?.map(|(organisation, staff_epoch, organisation_epoch)| Signer {
        staff: id,
        organisation,
        staff_epoch,
        organisation_epoch,
    }))
}

/// Who still stands behind a request.
pub fn standing(tx: &mut Tx, request: &Request) -> Result<Standing> {
    let requester = signer(tx, request.by.staff)? == Some(request.by);
    let approver = match request.decided {
        Some(by) => signer(tx, by.staff)? == Some(by),
        None => true,
    };
    Ok(Standing { requester, approver })
}

/// Which requests a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Queue {
    /// 待批: others', that somebody of this organisation may decide.
    #[default]
    Waiting,
    /// 我的申请
    Mine,
    /// 我审批的
    Decided,
}

impl Queue {
    /// Every list.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Mine, Self::Decided];

    /// As it stands in an address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Mine => "mine",
            Self::Decided => "decided",
        }
    }

    /// From an address.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.as_str() == text)
    }
}

/// Whose list.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// Who reads.
    pub staff: StaffId,
    /// Where they work.
    pub organisation: OrganisationId,
    /// When.
    pub now: Timestamp,
    /// Only requests for this kind of act.
    pub kind: Option<Kind>,
}

/// Condition of a list and its values; `$1…` are its own.
fn condition<'a>(queue: Queue, reader: &'a Reader) -> (String, Vec<Param<'a>>) {
    let staff = Param::from(reader.staff.as_bytes());
    let (condition, mut values) = match queue {
        Queue::Waiting => (
            "state = 1 AND staff <> $1 AND organisation <> $2 AND expires_at > $3",
            vec![staff, Param::from(reader.organisation.as_bytes()), Param::from(reader.now)],
        ),
        Queue::Mine => ("staff = $1", vec![staff]),
        Queue::Decided => ("decided_staff = $1", vec![staff]),
    };
    let mut condition = condition.to_owned();
    if let Some(kind) = reader.kind {
        values.push(Param::from(kind.as_str()));
        condition.push_str(&format!(" AND kind = ${}", values.len()));
    }
    (condition, values)
}

/// One page: waiting ones oldest first, the others newest first.
pub fn list(tx: &mut Tx, queue: Queue, reader: &Reader, after: Option<Uuid>, limit: i64) -> Result<Vec<Stored>> {
    let (condition, mut values) = condition(queue, reader);
    let (compare, direction) = if queue == Queue::Waiting { (">", "ASC") } else { ("<", "DESC") };
    let mut sql = format!("SELECT {COLUMNS} FROM second_request WHERE {condition}");
    if let Some(after) = &after {
        values.push(Param::from(after));
        sql.push_str(&format!(" AND id {compare} ${}", values.len()));
    }
    values.push(Param::from(limit));
    sql.push_str(&format!(" ORDER BY id {direction} LIMIT ${}", values.len()));
    tx.query(&sql, &values)?.iter().map(stored).collect()
}

/// How many a list holds, counted up to `cap`.
pub fn count(tx: &mut Tx, queue: Queue, reader: &Reader, cap: i64) -> Result<i64> {
    let (condition, mut values) = condition(queue, reader);
    values.push(Param::from(cap));
    let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM second_request WHERE {condition} LIMIT ${}) AS found", values.len());
    Ok(tx.query_one(&sql, &values)?.int(0)?)
}

/// A person's own requests for one kind of act that are not over: few.
pub fn open(tx: &mut Tx, staff: StaffId, kind: Kind, subject: Option<SubjectId>) -> Result<Vec<Stored>> {
    let found = tx
        .query(
            &format!("SELECT {COLUMNS} FROM second_request WHERE staff = $1 AND kind = $2 AND state IN (1, 2) ORDER BY id DESC LIMIT 100"),
            &params![staff.as_bytes(), kind.as_str()],
        )?
        .iter()
        .map(stored)
        .collect::<Result<Vec<_>>>()?;
    Ok(found.into_iter().filter(|one| one.subject == subject).collect())
}
