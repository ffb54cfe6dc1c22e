//! 在网用户: reading subscriptions and the persons behind them. What a subscriber's page needs of the registration tables.

use chuangsha_kernel::{
    document::DocumentKind,
    id::{OrderId, SubjectId},
    time::Timestamp,
};
use chuangsha_store::{Row, Tx, params};
use uuid::Uuid;

use super::{
    order::Product,
    table::{self, Party},
};
use crate::platform::failure::{Failure, Result};

/// 在网状态 of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// 在网
    InService,
    /// 已终止
    Ended,
}

/// One number of a person.
#[derive(Debug, Clone)]
pub struct Held {
    /// Subscription.
    pub id: Uuid,
    /// Holder; `None`: not registered.
    pub subject: Option<SubjectId>,
    /// The person behind it.
    pub person_key: Option<[u8; 16]>,
    /// Number in the pool.
    pub number_id: Uuid,
    /// Its digits, sealed.
    pub number_sealed: Vec<u8>,
    /// City.
    pub region: String,
    /// Kind of outlet.
    pub channel_kind: i64,
    /// Product.
    pub product: Product,
    /// Registered under a true name.
    pub real_name: bool,
    /// State.
    pub state: ServiceState,
    /// Since.
    pub since: Timestamp,
    /// Slot of the quota it fills.
    pub slot: Option<i64>,
}

/// A line that let go of its number is read with the number it had.
const COLUMNS: &str = "s.id, s.subject, s.person_key, n.id, n.number_sealed, s.region, s.channel_kind, s.product, s.real_name, s.state, \
     s.since, q.slot FROM subscription s LEFT JOIN number_tenure t ON t.subscription = s.id AND s.state = 2 \
     JOIN number_pool n ON n.id = COALESCE(t.number_id, s.number_id) LEFT JOIN quota_slot q ON q.holder = s.id";

fn held(row: &Row) -> Result<Held> {
    let broken = |column: &str| Failure::internal(format!("subscription.{column} holds a value this version does not know"));
    Ok(Held {
        id: row.uuid(0)?,
        subject: row.opt_uuid(1)?.map(SubjectId),
        person_key: row.opt_bytes(2)?.and_then(|bytes| bytes.try_into().ok()),
        number_id: row.uuid(3)?,
        number_sealed: row.bytes(4)?,
        region: row.text(5)?,
        channel_kind: row.int(6)?,
        product: Product::from_i64(row.int(7)?).ok_or_else(|| broken("product"))?,
        real_name: row.flag(8)?,
        state: if row.int(9)? == 1 { ServiceState::InService } else { ServiceState::Ended },
        since: row.timestamp(10)?,
        slot: row.opt_int(11)?,
    })
}

/// One subscription.
pub fn find(tx: &mut Tx, id: Uuid) -> Result<Option<Held>> {
    let row = tx.query_opt(&format!("SELECT {COLUMNS} WHERE s.id = $1"), &params![&id])?;
    row.as_ref().map(held).transpose()
}

/// Which of these lines stand, for a job that looks at many at once.
///
/// # Errors
/// The record fails.
pub fn in_service(tx: &mut Tx, ids: &[Uuid]) -> Result<std::collections::HashSet<Uuid>> {
    let mut standing = std::collections::HashSet::with_capacity(ids.len());
    // A statement with many placeholders is bound more slowly than several with few.
    for some in ids.chunks(64) {
        let places = (1..=some.len()).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
        let values: Vec<chuangsha_store::Param<'_>> = some.iter().map(chuangsha_store::Param::from).collect();
        for row in tx.query(&format!("SELECT id FROM subscription WHERE state = 1 AND id IN ({places})"), &values)? {
            standing.insert(row.uuid(0)?);
        }
    }
    Ok(standing)
}

/// The subscription with this number, by its blind index.
pub fn of_number(tx: &mut Tx, index: &[u8]) -> Result<Option<Held>> {
    // A number issued anew has its new holder in the pool; its former lines have let go of it.
    let sql = format!("SELECT {COLUMNS} WHERE s.id = (SELECT holder FROM number_pool WHERE number_index = $1)");
    let row = tx.query_opt(&sql, &params![index])?;
    row.as_ref().map(held).transpose()
}

/// 某日机主: the lines that had this number on a day, the latest first; two where one ended and another began on it.
///
/// # Errors
/// The record fails.
pub fn of_number_on(tx: &mut Tx, index: &[u8], day: jiff::civil::Date) -> Result<Vec<Held>> {
    let from = Timestamp::start_of(day);
    let until = from.plus_ms(chuangsha_kernel::time::DAY_MS);
    let sql = "SELECT subscription FROM number_tenure WHERE number_index = $1 AND since < $2 AND ended_at >= $3 ORDER BY ended_at DESC";
    let ended = tx.query(sql, &params![index, until.0, from.0])?;
    let standing = of_number(tx, index)?.filter(|held| held.state == ServiceState::InService && held.since < until);
    let mut found: Vec<Held> = standing.into_iter().collect();
    for row in ended {
        found.extend(find(tx, row.uuid(0)?)?);
    }
    Ok(found)
}

/// What the hotline's switch is told of a number: id, registered or not, and whether anything counts against it.
#[derive(Debug, Clone, Copy)]
pub struct NumberStanding {
    /// Subscription.
    pub id: Uuid,
    /// Registered under a true name.
    pub real_name: bool,
    /// Not in full service.
    pub stopped: bool,
}

/// Indexed reads, and none of what is sealed.
pub fn standing_of_number(tx: &mut Tx, index: &[u8]) -> Result<Option<NumberStanding>> {
    let row = tx.query_opt(
        "SELECT s.id, s.real_name, s.state FROM number_pool n JOIN subscription s ON s.id = n.holder WHERE n.number_index = $1",
        &params![index],
    )?;
    row.map(|row| {
        let id = row.uuid(0)?;
        let stopped = row.int(2)? != 1 || crate::suspension::standing(tx, id)?.level.is_some();
        Ok(NumberStanding { id, real_name: row.flag(1)?, stopped })
    })
    .transpose()
}

/// The holder of a document, by its blind indexes: that of the number, that of the person. An identity card is one person's, whoever wrote it
/// down; other documents are found by their number, which another country may have given out too.
pub fn of_document(tx: &mut Tx, kind: DocumentKind, index: &[u8], person: &[u8]) -> Result<Option<SubjectId>> {
    let row = if kind == DocumentKind::ResidentId {
        tx.query_opt(
            "SELECT p.subject FROM person p WHERE p.person_key = $1 AND EXISTS (SELECT 1 FROM registration_party r WHERE r.subject = p.subject \
             AND r.role = 'holder' AND r.document = 'resident_id')",
            &params![person],
        )?
    } else {
        tx.query_opt(
            "SELECT subject FROM registration_party WHERE number_index = $1 AND document = $2 AND document <> 'resident_id' \
             AND role = 'holder' ORDER BY order_id DESC LIMIT 1",
            &params![index, kind.as_str()],
        )?
    };
    Ok(row.map(|row| row.uuid(0)).transpose()?.map(SubjectId))
}

/// The canonical key of a person, by one of their subjects.
pub fn person_key(tx: &mut Tx, subject: SubjectId) -> Result<Option<[u8; 16]>> {
    let row = tx.query_opt("SELECT person_key FROM person WHERE subject = $1", &params![subject.as_bytes()])?;
    let key = row.map(|row| row.bytes(0)).transpose()?.and_then(|bytes| bytes.try_into().ok());
    key.map(|key| table::canonical(tx, key)).transpose()
}

/// Every subject of the person behind one, that one first: documents linked to one person (R-LIM-1) keep subjects of their own.
pub fn subjects_of(tx: &mut Tx, subject: SubjectId) -> Result<Vec<SubjectId>> {
    let mut all = vec![subject];
    let Some(key) = person_key(tx, subject)? else { return Ok(all) };
    let rows = tx.query(
        "SELECT subject FROM person WHERE person_key = $1 OR person_key IN (SELECT from_key FROM person_link WHERE to_key = $1) ORDER BY subject",
        &params![key.as_slice()],
    )?;
    for row in rows {
        let other = SubjectId(row.uuid(0)?);
        if !all.contains(&other) {
            all.push(other);
        }
    }
    Ok(all)
}

/// The numbers of a person, the longest held first.
pub fn of_person(tx: &mut Tx, key: &[u8; 16]) -> Result<Vec<Held>> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE s.person_key = $1 AND s.subject IN (SELECT p.subject FROM person p WHERE p.person_key = $1 OR p.person_key IN \
         (SELECT l.from_key FROM person_link l WHERE l.to_key = $1)) ORDER BY s.state, s.since, s.id LIMIT 500"
    );
    tx.query(&sql, &params![key.as_slice()])?.iter().map(held).collect()
}

/// What was last recorded of a holder: the party of their newest order, or the row a number of the base was taken over with.
pub fn holder(tx: &mut Tx, subjects: &[SubjectId]) -> Result<Option<(OrderId, Party)>> {
    let mut newest: Option<(OrderId, Party)> = None;
    for subject in subjects {
        let row = tx.query_opt(
            "SELECT order_id FROM registration_party WHERE subject = $1 AND role = 'holder' ORDER BY order_id DESC LIMIT 1",
            &params![subject.as_bytes()],
        )?;
        let Some(row) = row else { continue };
        let id = OrderId(row.uuid(0)?);
        if newest.as_ref().is_some_and(|(other, _)| other.0 > id.0) {
            continue;
        }
        newest = table::parties(tx, id)?.into_iter().find(|party| party.role == "holder").map(|party| (id, party)).or(newest);
    }
    Ok(newest)
}
