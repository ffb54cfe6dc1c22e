// long: all SQL of the registration tables in one place, so that no other file holds any
//! All SQL of the registration tables.

use chuangsha_kernel::{
    document::DocumentKind,
    id::{OrderId, OrganisationId, StaffId, SubjectId},
    time::Timestamp,
};
use chuangsha_store::{Param, Row, StoreError, Tx, params};
use uuid::Uuid;

use super::{
    Refusal,
    order::{Check, Customer, Defect, Lease, Mode, Order, Product, RejectReason, Risk, RiskBounds, State, Vote, Who},
};
use crate::platform::failure::{Failure, Result};

/// Tables of this module. What the constraints forbid stays forbidden whoever writes.
pub const DDL: &str = "
CREATE TABLE person (
    person_key BYTEA PRIMARY KEY,
    subject BYTEA NOT NULL UNIQUE,
    listed_until BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);
CREATE TABLE person_link (
    from_key BYTEA PRIMARY KEY,
    to_key BYTEA NOT NULL
);
CREATE TABLE number_pool (
    id BYTEA PRIMARY KEY,
    number_index BYTEA NOT NULL UNIQUE,
    number_sealed BYTEA NOT NULL,
    region TEXT NOT NULL,
    product BIGINT NOT NULL,
    state BIGINT NOT NULL,
    holder BYTEA,
    CHECK (state IN (1, 2, 3, 4)),
    CHECK (state = 1 OR state = 4 OR holder IS NOT NULL)
);
CREATE INDEX number_pool_free ON number_pool (region, product, id) WHERE state = 1;
CREATE TABLE quota_slot (
    operator TEXT NOT NULL,
    person_key BYTEA NOT NULL,
    class TEXT NOT NULL,
    slot BIGINT NOT NULL,
    holder BYTEA NOT NULL UNIQUE,
    posted BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (operator, person_key, class, slot),
    CHECK (slot >= 1)
);
CREATE TABLE registration_order (
    id BYTEA PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    customer BIGINT NOT NULL,
    product BIGINT NOT NULL,
    mode BIGINT NOT NULL,
    region TEXT NOT NULL,
    channel_kind BIGINT NOT NULL,
    captured_by BYTEA NOT NULL,
    captured_organisation BYTEA NOT NULL,
    number_id BYTEA NOT NULL,
    subject BYTEA,
    person_key BYTEA,
    slot BIGINT,
    document TEXT,
    by_proxy BIGINT NOT NULL DEFAULT 0,
    entry BIGINT NOT NULL DEFAULT 0,
    face_declined BIGINT NOT NULL DEFAULT 0,
    check_result BIGINT NOT NULL DEFAULT 0,
    face_score BIGINT,
    risk BIGINT NOT NULL DEFAULT 0,
    lease_staff BYTEA,
    lease_organisation BYTEA,
    lease_until BIGINT,
    decided_staff BYTEA,
    decided_organisation BYTEA,
    vote_staff BYTEA,
    vote_organisation BYTEA,
    vote_approve BIGINT,
    defects TEXT NOT NULL DEFAULT '',
    reason TEXT,
    sampled BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    submitted_at BIGINT,
    decided_at BIGINT,
    activated_at BIGINT,
    updated_at BIGINT NOT NULL,
    CHECK (decided_staff IS NULL OR decided_staff <> captured_by),
    CHECK (decided_organisation IS NULL OR decided_organisation <> captured_organisation),
    CHECK (lease_organisation IS NULL OR lease_organisation <> captured_organisation),
    CHECK (state NOT IN (8, 9, 10, 11) OR decided_staff IS NOT NULL)
);
CREATE INDEX registration_order_queue ON registration_order (submitted_at, id) WHERE state IN (4, 5);
CREATE INDEX registration_order_returned ON registration_order (submitted_at, id) WHERE state = 6;
CREATE INDEX registration_order_escalated ON registration_order (submitted_at, id) WHERE state = 7;
CREATE INDEX registration_order_unfinished ON registration_order (submitted_at, id) WHERE state IN (4, 5, 6, 7);
CREATE INDEX registration_order_desk ON registration_order (captured_organisation, created_at, id, state);
CREATE INDEX registration_order_expiry ON registration_order (expires_at) WHERE state IN (1, 2, 3, 6, 9);
CREATE INDEX registration_order_drill ON registration_order (region, created_at, id, state, channel_kind);
CREATE INDEX registration_order_person ON registration_order (person_key) WHERE person_key IS NOT NULL;
CREATE INDEX registration_order_recent ON registration_order (created_at, id);
CREATE INDEX registration_order_lease ON registration_order (lease_staff) WHERE lease_staff IS NOT NULL;
CREATE TABLE registration_party (
    order_id BYTEA NOT NULL,
    role TEXT NOT NULL,
    subject BYTEA NOT NULL,
    document TEXT NOT NULL,
    number_index BYTEA NOT NULL,
    name BYTEA NOT NULL,
    number BYTEA NOT NULL,
    address BYTEA NOT NULL,
    phone BYTEA,
    valid_from TEXT,
    valid_until TEXT,
    PRIMARY KEY (order_id, role)
);
CREATE INDEX registration_party_number ON registration_party (number_index);
CREATE INDEX registration_party_subject ON registration_party (subject);
CREATE TABLE registration_image (
    id BYTEA PRIMARY KEY,
    order_id BYTEA NOT NULL,
    kind BIGINT NOT NULL,
    subject BYTEA NOT NULL,
    sha256 BYTEA NOT NULL,
    width BIGINT NOT NULL,
    height BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    at BIGINT NOT NULL,
    current BIGINT NOT NULL
);
CREATE UNIQUE INDEX registration_image_current ON registration_image (order_id, kind) WHERE current = 1;
CREATE TABLE registration_recheck (
    order_id BYTEA PRIMARY KEY,
    drawn_at BIGINT NOT NULL,
    done_at BIGINT,
    staff BYTEA,
    finding TEXT
);
CREATE INDEX registration_recheck_open ON registration_recheck (order_id) WHERE done_at IS NULL;
CREATE TABLE subscription (
    id BYTEA PRIMARY KEY,
    number_id BYTEA NOT NULL UNIQUE,
    number_index BYTEA NOT NULL UNIQUE,
    subject BYTEA,
    person_key BYTEA,
    region TEXT NOT NULL,
    channel_kind BIGINT NOT NULL,
    product BIGINT NOT NULL,
    real_name BIGINT NOT NULL,
    state BIGINT NOT NULL,
    since BIGINT NOT NULL
);
CREATE INDEX subscription_person ON subscription (person_key) WHERE person_key IS NOT NULL;
";

/// Fewer places to write for every number: a blind index falls anywhere in its tree, and each such tree costs a base of millions a page a row.
/// A number is found through the pool alone, a person's numbers are found by their subject, whose ids grow as they are made, and an identity
/// card by the person it stands for.
pub const DDL_2: &str = "
DROP INDEX subscription_person;
CREATE TABLE subscription_next (
    id BYTEA PRIMARY KEY,
    number_id BYTEA NOT NULL UNIQUE,
    number_index BYTEA NOT NULL,
    subject BYTEA,
    person_key BYTEA,
    region TEXT NOT NULL,
    channel_kind BIGINT NOT NULL,
    product BIGINT NOT NULL,
    real_name BIGINT NOT NULL,
    state BIGINT NOT NULL,
    since BIGINT NOT NULL
);
INSERT INTO subscription_next (id, number_id, number_index, subject, person_key, region, channel_kind, product, real_name, state, since)
    SELECT id, number_id, number_index, subject, person_key, region, channel_kind, product, real_name, state, since FROM subscription;
DROP TABLE subscription;
ALTER TABLE subscription_next RENAME TO subscription;
CREATE INDEX subscription_subject ON subscription (subject) WHERE subject IS NOT NULL;
DROP INDEX registration_party_number;
CREATE INDEX registration_party_number ON registration_party (number_index) WHERE document <> 'resident_id';
";

/// The blind index of a number stands in the pool and nowhere else; a line is kept in the order of its ids, without a second tree to find it by.
pub const DDL_3: &str = "
DROP INDEX subscription_subject;
CREATE TABLE subscription_next (
    id BYTEA NOT NULL PRIMARY KEY,
    number_id BYTEA NOT NULL UNIQUE,
    subject BYTEA,
    person_key BYTEA,
    region TEXT NOT NULL,
    channel_kind BIGINT NOT NULL,
    product BIGINT NOT NULL,
    real_name BIGINT NOT NULL,
    state BIGINT NOT NULL,
    since BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO subscription_next (id, number_id, subject, person_key, region, channel_kind, product, real_name, state, since)
    SELECT id, number_id, subject, person_key, region, channel_kind, product, real_name, state, since FROM subscription;
DROP TABLE subscription;
ALTER TABLE subscription_next RENAME TO subscription;
CREATE INDEX subscription_subject ON subscription (subject) WHERE subject IS NOT NULL;
";

/// Who has a number stands in the pool and nowhere else, also while it rests; a line keeps no second tree to be found by its number.
pub const DDL_4: &str = "
UPDATE number_pool SET holder = (SELECT s.id FROM subscription s WHERE s.number_id = number_pool.id) WHERE state = 4;
DROP INDEX subscription_subject;
CREATE TABLE subscription_next (
    id BYTEA NOT NULL PRIMARY KEY,
    number_id BYTEA NOT NULL,
    subject BYTEA,
    person_key BYTEA,
    region TEXT NOT NULL,
    channel_kind BIGINT NOT NULL,
    product BIGINT NOT NULL,
    real_name BIGINT NOT NULL,
    state BIGINT NOT NULL,
    since BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO subscription_next (id, number_id, subject, person_key, region, channel_kind, product, real_name, state, since)
    SELECT id, number_id, subject, person_key, region, channel_kind, product, real_name, state, since FROM subscription;
DROP TABLE subscription;
ALTER TABLE subscription_next RENAME TO subscription;
CREATE INDEX subscription_subject ON subscription (subject) WHERE subject IS NOT NULL;
";

/// State of a number in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberState {
    /// 空闲
    Free = 1,
    /// 预占
    Held = 2,
    /// 在用
    InUse = 3,
    /// 冷冻
    Quarantined = 4,
}

const ORDER_COLUMNS: &str = "id, code, state, version, customer, product, mode, region, captured_by, captured_organisation, subject, person_key, \
     slot, document, by_proxy, check_result, face_score, lease_staff, lease_organisation, lease_until, decided_staff, decided_organisation, \
     vote_staff, vote_organisation, vote_approve, defects, reason, created_at, expires_at, submitted_at, updated_at, existing";

fn broken(column: &str) -> Failure {
    Failure::internal(format!("registration_order.{column} holds a value this version does not know"))
}

fn staff(row: &Row, index: usize, column: &str) -> Result<StaffId> {
    StaffId::from_slice(&row.bytes(index)?).ok_or_else(|| broken(column))
}

fn who(row: &Row, index: usize) -> Result<Option<Who>> {
    Ok(match (row.opt_bytes(index)?, row.opt_bytes(index + 1)?) {
        (Some(staff), Some(organisation)) => Some(Who {
            staff: StaffId::from_slice(&staff).ok_or_else(|| broken("staff"))?,
            organisation: OrganisationId::from_slice(&organisation).ok_or_else(|| broken("organisation"))?,
        }),
        _ => None,
    })
}

fn order(row: &Row) -> Result<Order> {
    let lease = match (who(row, 17)?, row.opt_int(19)?) {
        (Some(by), Some(until)) => Some(Lease { by, until: Timestamp(until) }),
        _ => None,
    };
    let first_vote = match (who(row, 22)?, row.opt_int(24)?) {
        (Some(by), Some(approve)) => Some(Vote { by, approve: approve == 1 }),
        _ => None,
    };
    Ok(Order {
        id: OrderId::from_slice(&row.bytes(0)?).ok_or_else(|| broken("id"))?,
        code: row.text(1)?,
        state: State::from_i64(row.int(2)?).ok_or_else(|| broken("state"))?,
        version: row.int(3)?,
        customer: Customer::from_i64(row.int(4)?).ok_or_else(|| broken("customer"))?,
        product: Product::from_i64(row.int(5)?).ok_or_else(|| broken("product"))?,
        mode: Mode::from_i64(row.int(6)?).ok_or_else(|| broken("mode"))?,
        region: row.text(7)?,
        captured_by: Who {
            staff: staff(row, 8, "captured_by")?,
            organisation: OrganisationId::from_slice(&row.bytes(9)?).ok_or_else(|| broken("captured_organisation"))?,
        },
        subject: row.opt_bytes(10)?.and_then(|bytes| SubjectId::from_slice(&bytes)),
        person_key: row.opt_bytes(11)?.and_then(|bytes| bytes.try_into().ok()),
        slot: row.opt_int(12)?,
        document: row.opt_text(13)?.map(|code| DocumentKind::parse(&code).ok_or_else(|| broken("document"))).transpose()?,
        by_proxy: row.int(14)? == 1,
        check: Check::from_i64(row.int(15)?).ok_or_else(|| broken("check_result"))?,
        face_score: row.opt_int(16)?,
        lease,
        decided_by: who(row, 20)?,
        first_vote,
        defects: row.text(25)?.split(',').filter_map(Defect::parse).collect(),
        reason: row.opt_text(26)?.as_deref().and_then(RejectReason::parse),
        created_at: Timestamp(row.int(27)?),
        expires_at: Timestamp(row.int(28)?),
        submitted_at: row.opt_int(29)?.map(Timestamp),
        updated_at: Timestamp(row.int(30)?),
        existing: row.opt_uuid(31)?,
    })
}

/// The order, whoever asks: scope is the caller's guard.
pub fn find(tx: &mut Tx, id: OrderId) -> Result<Order> {
    let row = tx.query_opt(&format!("SELECT {ORDER_COLUMNS} FROM registration_order WHERE id = $1"), &params![id.as_bytes()])?;
    row.as_ref().map_or(Err(Refusal::NotFound.into()), order)
}

/// Id of the order with this code.
pub fn find_code(tx: &mut Tx, code: &str) -> Result<Option<OrderId>> {
    let row = tx.query_opt("SELECT id FROM registration_order WHERE code = $1", &params![code])?;
    Ok(row.and_then(|row| row.bytes(0).ok()).and_then(|bytes| OrderId::from_slice(&bytes)))
}

/// A new draft.
pub fn insert(tx: &mut Tx, order: &Order, number: Uuid, channel_kind: i64) -> Result<()> {
    tx.push(
        "INSERT INTO registration_order (id, code, state, version, customer, product, mode, region, channel_kind, captured_by, \
         captured_organisation, number_id, created_at, expires_at, updated_at, existing)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        &params![
            order.id.as_bytes(),
            &order.code,
            order.state as i64,
            order.version,
            order.customer as i64,
            order.product as i64,
            order.mode as i64,
            &order.region,
            channel_kind,
            order.captured_by.staff.as_bytes(),
            order.captured_by.organisation.as_bytes(),
            number.as_bytes().as_slice(),
            order.created_at.0,
            order.expires_at.0,
            order.updated_at.0,
            order.existing.as_ref()
        ],
    )?;
    Ok(())
}

/// Writes the order as decided, guarded by the version it was decided on: whoever came first wins, the other is contended and decides again.
pub fn advance(tx: &mut Tx, old: &Order, new: &Order) -> Result<()> {
    let decided_at = (new.decided_by != old.decided_by).then_some(new.updated_at.0);
    let activated_at = (new.state == State::Activated).then_some(new.updated_at.0);
    let defects = new.defects.iter().map(|defect| defect.as_str()).collect::<Vec<_>>().join(",");
    let split = |by: Option<Who>| (by.map(|by| by.staff), by.map(|by| by.organisation));
    let (lease_staff, lease_organisation) = split(new.lease.map(|lease| lease.by));
    let (decided_staff, decided_organisation) = split(new.decided_by);
    let (vote_staff, vote_organisation) = split(new.first_vote.map(|vote| vote.by));
    let text_of_reason = new.reason.map(RejectReason::as_str);
    let values: [Param; 27] = [
        Param::from(old.id.as_bytes()),
        Param::from(old.version),
        Param::from(old.state as i64),
        Param::from(new.state as i64),
        Param::from(new.version),
        Param::from(new.subject.as_ref().map(SubjectId::as_bytes)),
        Param::from(new.person_key.as_ref().map(<[u8; 16]>::as_slice)),
        Param::from(new.slot),
        Param::from(new.document.map(DocumentKind::as_str)),
        Param::from(i64::from(new.by_proxy)),
        Param::from(new.check as i64),
        Param::from(new.face_score),
        Param::from(lease_staff.as_ref().map(StaffId::as_bytes)),
        Param::from(lease_organisation.as_ref().map(OrganisationId::as_bytes)),
        Param::from(new.lease.map(|lease| lease.until.0)),
        Param::from(decided_staff.as_ref().map(StaffId::as_bytes)),
        Param::from(decided_organisation.as_ref().map(OrganisationId::as_bytes)),
        Param::from(vote_staff.as_ref().map(StaffId::as_bytes)),
        Param::from(vote_organisation.as_ref().map(OrganisationId::as_bytes)),
        Param::from(new.first_vote.map(|vote| i64::from(vote.approve))),
        Param::from(defects.as_str()),
        Param::from(text_of_reason),
        Param::from(new.expires_at.0),
        Param::from(new.submitted_at.map(|at| at.0)),
        Param::from(new.updated_at.0),
        Param::from(decided_at),
        Param::from(activated_at),
    ];
    tx.push_one(
        "UPDATE registration_order SET state = $4, version = $5, subject = $6, person_key = $7, slot = $8, document = $9, by_proxy = $10, \
         check_result = $11, face_score = $12, lease_staff = $13, lease_organisation = $14, lease_until = $15, decided_staff = $16, \
         decided_organisation = $17, vote_staff = $18, vote_organisation = $19, vote_approve = $20, defects = $21, reason = $22, \
         expires_at = $23, submitted_at = $24, updated_at = $25, decided_at = COALESCE($26, decided_at), \
         activated_at = COALESCE($27, activated_at) WHERE id = $1 AND version = $2 AND state = $3",
        &values,
    )?;
    Ok(())
}

/// The slots a person fills in one counter of one operator, ascending.
pub fn slots(tx: &mut Tx, operator: &str, person_key: &[u8; 16], class: &str) -> Result<Vec<i64>> {
    let rows = tx.query(
        "SELECT slot FROM quota_slot WHERE operator = $1 AND person_key = $2 AND class = $3 ORDER BY slot",
        &params![operator, person_key.as_slice(), class],
    )?;
    rows.iter().map(|row| row.int(0).map_err(Failure::from)).collect()
}

/// The lowest slot that is not used.
pub fn free_slot(used: &[i64]) -> i64 {
    (1..).find(|slot| !used.contains(slot)).unwrap_or(i64::MAX)
}

/// Takes one slot. Two who take the same one: the unique key lets one through, the other is contended.
pub fn take_slot(tx: &mut Tx, operator: &str, person_key: &[u8; 16], class: &str, slot: i64, holder: Uuid, posted: bool) -> Result<()> {
    tx.push_one(
        "INSERT INTO quota_slot (operator, person_key, class, slot, holder, posted) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        &params![operator, person_key.as_slice(), class, slot, holder.as_bytes().as_slice(), i64::from(posted)],
    )?;
    Ok(())
}

/// The slot is in use for good.
pub fn post_slot(tx: &mut Tx, holder: Uuid) -> Result<()> {
    tx.push_one("UPDATE quota_slot SET posted = 1 WHERE holder = $1 AND posted = 0", &params![holder.as_bytes().as_slice()])?;
    Ok(())
}

/// The slot is free again.
pub fn void_slot(tx: &mut Tx, holder: Uuid) -> Result<()> {
    tx.push_one("DELETE FROM quota_slot WHERE holder = $1 AND posted = 0", &params![holder.as_bytes().as_slice()])?;
    Ok(())
}

/// One number of the pool.
#[derive(Debug, Clone)]
pub struct PoolNumber {
    /// Id.
    pub id: Uuid,
    /// Blind index.
    pub index: Vec<u8>,
    /// Sealed digits.
    pub sealed: Vec<u8>,
    /// Region.
    pub region: String,
    /// Product.
    pub product: Product,
    /// State.
    pub state: i64,
    /// Order or subscription that holds it.
    pub holder: Option<Uuid>,
}

fn pool_number(row: &Row) -> Result<PoolNumber> {
    Ok(PoolNumber {
        id: uuid_at(row, 0)?,
        index: row.bytes(1)?,
        sealed: row.bytes(2)?,
        region: row.text(3)?,
        product: Product::from_i64(row.int(4)?).ok_or_else(|| broken("product"))?,
        state: row.int(5)?,
        holder: row.opt_bytes(6)?.and_then(|bytes| Uuid::from_slice(&bytes).ok()),
    })
}

/// Reads a UUID column.
pub fn uuid_at(row: &Row, index: usize) -> Result<Uuid> {
    Uuid::from_slice(&row.bytes(index)?).map_err(|_| broken("id"))
}

const POOL_COLUMNS: &str = "id, number_index, number_sealed, region, product, state, holder";

/// One number.
pub fn number(tx: &mut Tx, id: Uuid) -> Result<PoolNumber> {
    let row = tx.query_opt(&format!("SELECT {POOL_COLUMNS} FROM number_pool WHERE id = $1"), &params![id.as_bytes().as_slice()])?;
    row.as_ref().map_or(Err(Refusal::NumberUnknown.into()), pool_number)
}

/// The number of an order.
pub fn number_of(tx: &mut Tx, order: OrderId) -> Result<PoolNumber> {
    let row = tx.query_opt(
        "SELECT p.id, p.number_index, p.number_sealed, p.region, p.product, p.state, p.holder \
         FROM number_pool p JOIN registration_order o ON o.number_id = p.id WHERE o.id = $1",
        &params![order.as_bytes()],
    )?;
    row.as_ref().map_or(Err(Refusal::NumberUnknown.into()), pool_number)
}

/// Free numbers of a region, from the one after `after`.
pub fn free_numbers(tx: &mut Tx, region: &str, product: Product, after: Uuid, limit: i64) -> Result<Vec<PoolNumber>> {
    tx.query(
        &format!(
            "SELECT {POOL_COLUMNS} FROM number_pool WHERE state = 1 AND region = $1 AND product = $2 AND id > $3 ORDER BY id LIMIT $4"
        ),
        &params![region, product as i64, after.as_bytes().as_slice(), limit],
    )?
    .iter()
    .map(pool_number)
    .collect()
}

/// Adds a number to the pool.
pub fn add_number(tx: &mut Tx, number: &PoolNumber) -> Result<()> {
    tx.push(
        "INSERT INTO number_pool (id, number_index, number_sealed, region, product, state, holder) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &params![
            number.id.as_bytes().as_slice(),
            &number.index,
            &number.sealed,
            &number.region,
            number.product as i64,
            number.state,
            number.holder.as_ref().map(|holder| holder.as_bytes().as_slice())
        ],
    )?;
    Ok(())
}

/// Moves a number between states; contended when it is not where it was seen.
pub fn move_number(tx: &mut Tx, id: Uuid, from: NumberState, to: NumberState, holder: Option<Uuid>) -> Result<()> {
    tx.push_one(
        "UPDATE number_pool SET state = $3, holder = $4 WHERE id = $1 AND state = $2",
        &params![id.as_bytes().as_slice(), from as i64, to as i64, holder.as_ref().map(|holder| holder.as_bytes().as_slice())],
    )?;
    Ok(())
}

/// A person known by their key.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// Subject of data.
    pub subject: SubjectId,
    /// On a restriction list until (0: never was).
    pub listed_until: Timestamp,
}

/// The canonical key behind a key: documents linked to one person lead to one key.
pub fn canonical(tx: &mut Tx, key: [u8; 16]) -> Result<[u8; 16]> {
    let row = tx.query_opt("SELECT to_key FROM person_link WHERE from_key = $1", &params![key.as_slice()])?;
    match row {
        Some(row) => row.bytes(0)?.try_into().map_err(|_| broken("to_key")),
        None => Ok(key),
    }
}

/// The person with this key.
pub fn person(tx: &mut Tx, key: &[u8; 16]) -> Result<Option<Person>> {
    let row = tx.query_opt("SELECT subject, listed_until FROM person WHERE person_key = $1", &params![key.as_slice()])?;
    row.map(|row| {
        Ok(Person {
            subject: SubjectId::from_slice(&row.bytes(0)?).ok_or_else(|| broken("subject"))?,
            listed_until: Timestamp(row.int(1)?),
        })
    })
    .transpose()
}

/// A new person.
pub fn add_person(tx: &mut Tx, key: &[u8; 16], subject: SubjectId, now: Timestamp) -> Result<()> {
    tx.push_one(
        "INSERT INTO person (person_key, subject, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        &params![key.as_slice(), subject.as_bytes(), now.0],
    )?;
    Ok(())
}

/// A row of a list of orders: nothing personal in it but what is masked later.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The order.
    pub order: Order,
    /// Sealed name of the holder, with their subject.
    pub name: Option<(SubjectId, Vec<u8>)>,
    /// Sealed number.
    pub number_sealed: Vec<u8>,
    /// Id of the number in the pool.
    pub number_id: Uuid,
    /// Code of the outlet.
    pub channel_code: String,
    /// Kind of the outlet.
    pub channel_kind: i64,
    /// Risk: the higher the sooner.
    pub risk: i64,
}

/// What a list shows. Every field narrows; none widens.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Which of them.
    pub states: Vec<State>,
    /// Only those captured by this organisation.
    pub captured_by: Option<OrganisationId>,
    /// Only those not captured by this organisation (an auditor's queue).
    pub not_captured_by: Option<OrganisationId>,
    /// Only those this member of staff holds.
    pub held_by: Option<StaffId>,
    /// Only those somebody holds now.
    pub held_at: Option<Timestamp>,
    /// Only those nobody holds now.
    pub unheld_at: Option<Timestamp>,
    /// Only those the networked check has answered.
    pub checked: bool,
    /// Region or the start of one: `99` a province, `990100` a city.
    pub region: String,
    /// Kind of outlet.
    pub channel_kind: Option<i64>,
    /// Captured by this organisation, as somebody else asks: beside [`Filter::captured_by`], which is whose orders one may see.
    pub outlet: Option<OrganisationId>,
    /// What is asked for.
    pub product: Option<Product>,
    /// Grade of risk, and what it is measured by.
    pub risk: Option<(Risk, RiskBounds)>,
    /// Only those this member of staff has not voted on.
    pub not_voted_by: Option<StaffId>,
    /// Only those this member of staff did not decide.
    pub not_decided_by: Option<StaffId>,
    /// Only this code.
    pub code: String,
    /// Created from.
    pub from: Option<Timestamp>,
    /// Created before.
    pub before: Option<Timestamp>,
    /// Submitted before.
    pub submitted_before: Option<Timestamp>,
    /// Drawn for a second look and not yet looked at.
    pub recheck: bool,
    /// Oldest first by time of submission, or newest first.
    pub oldest_first: bool,
    /// Keyset: the last row of the page before.
    pub after: Option<(i64, Uuid)>,
    /// Rows.
    pub limit: i64,
    /// The total is not wanted.
    pub uncounted: bool,
}

/// Where-clause of a filter and its values.
fn conditions<'a>(filter: &'a Filter, values: &mut Vec<Param<'a>>) -> String {
    let mut sql = String::from("1 = 1");
    let mut add = |text: &str, value: Param<'a>, values: &mut Vec<Param<'a>>| {
        values.push(value);
        sql.push_str(" AND ");
        sql.push_str(&text.replace('?', &format!("${}", values.len())));
    };
    if let Some(organisation) = &filter.captured_by {
        add("o.captured_organisation = ?", Param::from(organisation.as_bytes()), values);
    }
    if let Some(organisation) = &filter.not_captured_by {
        add("o.captured_organisation <> ?", Param::from(organisation.as_bytes()), values);
    }
    if let Some(staff) = &filter.held_by {
        add("o.lease_staff = ?", Param::from(staff.as_bytes()), values);
    }
    if let Some(at) = filter.held_at {
        add("o.lease_until > ?", Param::from(at.0), values);
    }
    if let Some(at) = filter.unheld_at {
        add("(o.lease_until IS NULL OR o.lease_until <= ?)", Param::from(at.0), values);
    }
    if filter.checked {
        add("o.check_result <> ?", Param::from(0), values);
    }
    if let Some(kind) = filter.channel_kind {
        add("o.channel_kind = ?", Param::from(kind), values);
    }
    if let Some(outlet) = &filter.outlet {
        add("o.captured_organisation = ?", Param::from(outlet.as_bytes()), values);
    }
    if let Some(product) = filter.product {
        add("o.product = ?", Param::from(product as i64), values);
    }
    if let Some(staff) = &filter.not_voted_by {
        add("(o.vote_staff IS NULL OR o.vote_staff <> ?)", Param::from(staff.as_bytes()), values);
    }
    if let Some(staff) = &filter.not_decided_by {
        add("(o.decided_staff IS NULL OR o.decided_staff <> ?)", Param::from(staff.as_bytes()), values);
    }
    if !filter.code.is_empty() {
        add("o.code = ?", Param::from(filter.code.as_str()), values);
    }
    if let Some(from) = filter.from {
        add("o.created_at >= ?", Param::from(from.0), values);
    }
    if let Some(before) = filter.submitted_before {
        add("o.submitted_at < ?", Param::from(before.0), values);
    }
    if let Some(before) = filter.before {
        add("o.created_at < ?", Param::from(before.0), values);
    }
    if filter.region.len() == 6 {
        // A queue is read in the order of its own small index and stops after a page; the region's index would have all of it read and sorted.
        let region = if filter.oldest_first { "o.region || '' = ?" } else { "o.region = ?" };
        add(region, Param::from(filter.region.as_str()), values);
    } else if !filter.region.is_empty() {
        add("substr(o.region, 1, 2) = ?", Param::from(filter.region.as_str()), values);
    }
    if !filter.states.is_empty() {
        if let Some(queue) = queue_of(filter) {
            // The time is there in these states; asked for, it makes the planner start from the queue and not from a wider index of everything.
            sql.push_str(&format!(" AND o.{queue} AND o.submitted_at > 0"));
        }
        let states = filter.states.iter().map(|state| (*state as i64).to_string()).collect::<Vec<_>>().join(", ");
        sql.push_str(&format!(" AND o.state IN ({states})"));
    }
    if let Some((risk, bounds)) = filter.risk {
        sql.push_str(&of_risk(risk, bounds));
    }
    if filter.recheck {
        sql.push_str(" AND o.id IN (SELECT r.order_id FROM registration_recheck r WHERE r.done_at IS NULL)");
    }
    sql
}

/// [`Order::risk`] as a condition: the same three grades, for a list that is narrowed by one.
fn of_risk(risk: Risk, RiskBounds { face, mobile, iot }: RiskBounds) -> String {
    let high = format!("(o.check_result IN (2, 3) OR (o.check_result = 1 AND (o.face_score IS NULL OR o.face_score < {face})))");
    let medium =
        format!("(o.by_proxy = 1 OR o.customer = 2 OR (o.product = 3 AND o.slot >= {iot}) OR (o.product <> 3 AND o.slot >= {mobile}))");
    match risk {
        Risk::High => format!(" AND {high}"),
        Risk::Medium => format!(" AND NOT {high} AND {medium}"),
        // A slot that is not there is no number beyond a limit, and a comparison with nothing is not false.
        Risk::Low => format!(" AND NOT {high} AND ({medium}) IS NOT TRUE"),
    }
}

/// The condition of the partial index that holds the states of a queue, word for word: SQLite uses it for nothing else.
fn queue_of(filter: &Filter) -> Option<&'static str> {
    // Of a single state few orders are open: they are sooner read from its small index and sorted than found among everything ever registered.
    let within = |states: &[State]| (filter.oldest_first || states.len() == 1) && filter.states.iter().all(|state| states.contains(state));
    [
        ("state IN (4, 5)", [State::Submitted, State::Auditing].as_slice()),
        ("state = 6", &[State::Returned]),
        ("state = 7", &[State::Escalated]),
        ("state IN (4, 5, 6, 7)", &[State::Submitted, State::Auditing, State::Returned, State::Escalated]),
    ]
    .into_iter()
    .find_map(|(condition, states)| within(states).then_some(condition))
}

/// One page of a list.
pub fn list(tx: &mut Tx, filter: &Filter) -> Result<Vec<Listed>> {
    let mut values = Vec::new();
    let mut sql = conditions(filter, &mut values);
    let (key, compare, direction) = if filter.oldest_first { ("o.submitted_at", ">", "ASC") } else { ("o.created_at", "<", "DESC") };
    if let Some((at, id)) = &filter.after {
        values.push(Param::from(*at));
        values.push(Param::from(id.as_bytes().as_slice()));
        let (at, id) = (values.len() - 1, values.len());
        sql.push_str(&format!(" AND ({key}, o.id) {compare} (${at}, ${id})"));
    }
    values.push(Param::from(filter.limit));
    let sql = format!("{} WHERE {sql} ORDER BY {key} {direction}, o.id {direction} LIMIT ${}", select_listed(), values.len());
    tx.query(&sql, &values)?.iter().map(listed).collect()
}

/// Other orders of one person, newest first.
pub fn of_person(tx: &mut Tx, person: &[u8; 16], but: OrderId, limit: i64) -> Result<Vec<Listed>> {
    let sql = format!("{} WHERE o.person_key = $1 AND o.id <> $2 ORDER BY o.created_at DESC LIMIT $3", select_listed());
    tx.query(&sql, &params![person.as_slice(), but.as_bytes(), limit])?.iter().map(listed).collect()
}

fn select_listed() -> String {
    let columns = ORDER_COLUMNS.split(", ").map(|column| format!("o.{}", column.trim())).collect::<Vec<_>>().join(", ");
    format!(
        "SELECT {columns}, p.subject, p.name, n.number_sealed, n.id, c.code, o.channel_kind, o.risk FROM registration_order o \
         JOIN number_pool n ON n.id = o.number_id JOIN channel c ON c.organisation = o.captured_organisation \
         LEFT JOIN registration_party p ON p.order_id = o.id AND p.role = 'holder'"
    )
}

fn listed(row: &Row) -> Result<Listed> {
    Ok(Listed {
        order: order(row)?,
        name: match (row.opt_bytes(32)?, row.opt_bytes(33)?) {
            (Some(subject), Some(name)) => SubjectId::from_slice(&subject).map(|subject| (subject, name)),
            _ => None,
        },
        number_sealed: row.bytes(34)?,
        number_id: uuid_at(row, 35)?,
        channel_code: row.text(36)?,
        channel_kind: row.int(37)?,
        risk: row.int(38)?,
    })
}

/// How many rows a filter finds, counted up to `cap`: an exact count of millions is not worth its time.
pub fn count(tx: &mut Tx, filter: &Filter, cap: i64) -> Result<i64> {
    let mut values = Vec::new();
    let sql = conditions(filter, &mut values);
    values.push(Param::from(cap));
    let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM registration_order o WHERE {sql} LIMIT ${}) AS found", values.len());
    Ok(tx.query_one(&sql, &values)?.int(0)?)
}

/// The oldest order of a queue.
pub fn first(tx: &mut Tx, filter: &Filter) -> Result<Option<Order>> {
    let mut values = Vec::new();
    let sql = conditions(filter, &mut values);
    let sql = format!("SELECT {ORDER_COLUMNS} FROM registration_order o WHERE {sql} ORDER BY o.submitted_at, o.id LIMIT 1");
    tx.query_opt(&sql, &values)?.as_ref().map(order).transpose()
}

/// Drawn for a second look that nobody has taken yet.
pub fn recheck_due(tx: &mut Tx, id: OrderId) -> Result<bool> {
    let sql = "SELECT 1 FROM registration_recheck WHERE order_id = $1 AND done_at IS NULL";
    Ok(tx.query_opt(sql, &params![id.as_bytes()])?.is_some())
}

/// Orders whose reservation has run out.
pub fn expired(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<OrderId>> {
    tx.query(
        "SELECT id FROM registration_order WHERE state IN (1, 2, 3, 6, 9) AND expires_at <= $1 ORDER BY expires_at LIMIT $2",
        &params![now.0, limit],
    )?
    .iter()
    .map(|row| OrderId::from_slice(&row.bytes(0)?).ok_or_else(|| broken("id")))
    .collect()
}

/// A number that was never its holder's: it leaves their name and their quota. What was recorded with it stays on record.
pub fn detach(tx: &mut Tx, subscription: Uuid) -> Result<()> {
    tx.push("DELETE FROM quota_slot WHERE holder = $1", &params![&subscription])?;
    tx.push_one(
        "UPDATE subscription SET subject = NULL, person_key = NULL, real_name = 0 WHERE id = $1 AND state = 1",
        &params![&subscription],
    )?;
    Ok(())
}

/// One party of an order, sealed.
#[derive(Debug, Clone)]
pub struct Party {
    /// `holder`, `agent`, `handler`, `organisation`.
    pub role: String,
    /// Subject of data.
    pub subject: SubjectId,
    /// Kind of document.
    pub document: DocumentKind,
    /// Blind index of the document number.
    pub number_index: Vec<u8>,
    /// Sealed name.
    pub name: Vec<u8>,
    /// Sealed number.
    pub number: Vec<u8>,
    /// Sealed address.
    pub address: Vec<u8>,
    /// Sealed contact number.
    pub phone: Option<Vec<u8>>,
    /// Validity of the document.
    pub valid_from: Option<String>,
    /// Validity of the document; `None`: for life.
    pub valid_until: Option<String>,
}

/// Writes a party; a new reservation of the same order replaces it.
pub fn put_party(tx: &mut Tx, order: OrderId, party: &Party) -> Result<()> {
    tx.push(
        "INSERT INTO registration_party (order_id, role, subject, document, number_index, name, number, address, phone, valid_from, valid_until) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (order_id, role) DO UPDATE SET subject = excluded.subject, \
         document = excluded.document, number_index = excluded.number_index, name = excluded.name, number = excluded.number, \
         address = excluded.address, phone = excluded.phone, valid_from = excluded.valid_from, valid_until = excluded.valid_until",
        &params![
            order.as_bytes(),
            &party.role,
            party.subject.as_bytes(),
            party.document.as_str(),
            &party.number_index,
            &party.name,
            &party.number,
            &party.address,
            party.phone.as_deref(),
            party.valid_from.as_deref(),
            party.valid_until.as_deref()
        ],
    )?;
    Ok(())
}

/// The parties of an order.
pub fn parties(tx: &mut Tx, order: OrderId) -> Result<Vec<Party>> {
    tx.query(
        "SELECT role, subject, document, number_index, name, number, address, phone, valid_from, valid_until FROM registration_party \
         WHERE order_id = $1 ORDER BY role DESC",
        &params![order.as_bytes()],
    )?
    .iter()
    .map(|row| {
        Ok(Party {
            role: row.text(0)?,
            subject: SubjectId::from_slice(&row.bytes(1)?).ok_or_else(|| broken("subject"))?,
            document: DocumentKind::parse(&row.text(2)?).ok_or_else(|| broken("document"))?,
            number_index: row.bytes(3)?,
            name: row.bytes(4)?,
            number: row.bytes(5)?,
            address: row.bytes(6)?,
            phone: row.opt_bytes(7)?,
            valid_from: row.opt_text(8)?,
            valid_until: row.opt_text(9)?,
        })
    })
    .collect()
}

/// One stored picture.
#[derive(Debug, Clone)]
pub struct Image {
    /// Id, and key of the sealed file.
    pub id: Uuid,
    /// Kind.
    pub kind: super::order::ImageKind,
    /// Whose key seals it.
    pub subject: SubjectId,
    /// Hash of what the viewer shows.
    pub sha256: Vec<u8>,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
    /// When.
    pub at: Timestamp,
}

/// The current pictures of an order.
pub fn images(tx: &mut Tx, order: OrderId) -> Result<Vec<Image>> {
    tx.query(
        "SELECT id, kind, subject, sha256, width, height, at FROM registration_image WHERE order_id = $1 AND current = 1 ORDER BY kind",
        &params![order.as_bytes()],
    )?
    .iter()
    .map(|row| {
        Ok(Image {
            id: uuid_at(row, 0)?,
            kind: super::order::ImageKind::from_i64(row.int(1)?).ok_or_else(|| broken("kind"))?,
            subject: SubjectId::from_slice(&row.bytes(2)?).ok_or_else(|| broken("subject"))?,
            sha256: row.bytes(3)?,
            width: row.int(4)?,
            height: row.int(5)?,
            at: Timestamp(row.int(6)?),
        })
    })
    .collect()
}

/// Adds a picture; the one of the same kind before it stays on record, no longer current.
pub fn add_image(tx: &mut Tx, order: OrderId, image: &Image, bytes: i64) -> Result<()> {
    tx.push(
        "UPDATE registration_image SET current = 0 WHERE order_id = $1 AND kind = $2 AND current = 1",
        &params![order.as_bytes(), image.kind as i64],
    )?;
    tx.push(
        "INSERT INTO registration_image (id, order_id, kind, subject, sha256, width, height, bytes, at, current) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)",
        &params![
            image.id.as_bytes().as_slice(),
            order.as_bytes(),
            image.kind as i64,
            image.subject.as_bytes(),
            &image.sha256,
            image.width,
            image.height,
            bytes,
            image.at.0
        ],
    )?;
    Ok(())
}

/// Columns only the desk writes beside the rules.
pub fn set_capture(tx: &mut Tx, order: OrderId, entry: Option<i64>, face_declined: Option<bool>) -> Result<()> {
    tx.push(
        "UPDATE registration_order SET entry = COALESCE($2, entry), face_declined = COALESCE($3, face_declined) WHERE id = $1",
        &params![order.as_bytes(), entry, face_declined.map(i64::from)],
    )?;
    Ok(())
}

/// The holder declined the machine's comparison of faces.
pub fn face_declined(tx: &mut Tx, order: OrderId) -> Result<bool> {
    Ok(tx.query_one("SELECT face_declined FROM registration_order WHERE id = $1", &params![order.as_bytes()])?.int(0)? == 1)
}

/// A subscription begins.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Id.
    pub id: Uuid,
    /// Number.
    pub number: Uuid,
    /// Holder.
    pub subject: Option<SubjectId>,
    /// Person.
    pub person_key: Option<[u8; 16]>,
    /// City.
    pub region: String,
    /// Kind of outlet.
    pub channel_kind: i64,
    /// Product.
    pub product: Product,
    /// Registered under a true name.
    pub real_name: bool,
    /// Since.
    pub since: Timestamp,
}

/// Writes a subscription.
pub fn add_subscription(tx: &mut Tx, subscription: &Subscription) -> Result<()> {
    tx.push(
        "INSERT INTO subscription (id, number_id, subject, person_key, region, channel_kind, product, real_name, state, since) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9)",
        &params![
            subscription.id.as_bytes().as_slice(),
            subscription.number.as_bytes().as_slice(),
            subscription.subject.as_ref().map(SubjectId::as_bytes),
            subscription.person_key.as_ref().map(<[u8; 16]>::as_slice),
            &subscription.region,
            subscription.channel_kind,
            subscription.product as i64,
            i64::from(subscription.real_name),
            subscription.since.0
        ],
    )?;
    Ok(())
}

/// Named checks over a whole database: each counts the rows that break an invariant.
pub const CHECKS: &[(&str, &str)] = &[
    (
        "I1 an order past the audit was decided by another person of another organisation",
        "SELECT COUNT(*) FROM registration_order WHERE state IN (8, 9, 10, 11) AND (decided_staff IS NULL OR decided_staff = captured_by \
         OR decided_organisation = captured_organisation)",
    ),
    (
        "I2 every order that holds a slot has exactly one, and no slot is without its order or subscription",
        "SELECT (SELECT COUNT(*) FROM registration_order o WHERE o.state IN (2, 3, 4, 5, 6, 7, 8, 9, 10, 11) AND NOT EXISTS \
         (SELECT 1 FROM quota_slot q WHERE q.holder = o.id) AND o.existing IS NULL AND NOT EXISTS (SELECT 1 FROM subscription s WHERE s.id = o.id AND s.state = 2)) + (SELECT COUNT(*) FROM quota_slot q WHERE NOT EXISTS (SELECT 1 FROM \
         registration_order o WHERE o.id = q.holder AND o.state IN (2, 3, 4, 5, 6, 7, 8, 9, 10, 11)) AND NOT EXISTS (SELECT 1 FROM subscription s \
         WHERE s.id = q.holder))",
    ),
    (
        "a number in use or held names who holds it, and nobody else does",
        "SELECT COUNT(*) FROM number_pool WHERE state IN (2, 3) AND holder IS NULL",
    ),
    (
        "a line in service is the holder of its number",
        "SELECT COUNT(*) FROM subscription s WHERE s.state = 1 AND NOT EXISTS \
         (SELECT 1 FROM number_pool p WHERE p.id = s.number_id AND p.holder = s.id AND p.state = 3)",
    ),
    (
        "a number that rests is found with the line that had it",
        "SELECT COUNT(*) FROM subscription s JOIN number_pool p ON p.id = s.number_id \
         WHERE s.state = 2 AND p.state = 4 AND (p.holder IS NULL OR p.holder <> s.id)",
    ),
];

/// Contention a caller may retry.
pub fn contended() -> Failure {
    Failure::Store(StoreError::Contended)
}
