//! 工单表: all SQL of tickets.

use chuangsha_kernel::{
    id::StaffId,
    time::{DAY_MS, Timestamp},
};
use chuangsha_store::{Param, Row, Tx, params};
use uuid::Uuid;

use super::ticket::{Clocked, Kind, Outcome, Stage, State, Ticket, Topic};
use crate::platform::failure::{Failure, Result};

/// Tables of tickets. Words are sealed under the ticket's own key, so that they go with it.
pub const DDL: &str = "
CREATE TABLE ticket (
    id BYTEA PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    kind BIGINT NOT NULL,
    topic BIGINT NOT NULL,
    state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    region TEXT NOT NULL,
    channel_kind BIGINT NOT NULL,
    stage BIGINT NOT NULL,
    place TEXT NOT NULL,
    subscription BYTEA,
    opened_at BIGINT NOT NULL,
    base BIGINT,
    waited_ms BIGINT NOT NULL,
    rested_ms BIGINT NOT NULL,
    waiting_since BIGINT,
    due_at BIGINT NOT NULL,
    worker BYTEA,
    named BIGINT NOT NULL,
    outcome BIGINT,
    answered_at BIGINT,
    satisfied BIGINT,
    recontacted BIGINT NOT NULL,
    holds BIGINT NOT NULL,
    complaint BIGINT NOT NULL,
    CONSTRAINT an_answer_has_its_outcome CHECK ((answered_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT nobody_answers_but_a_worker CHECK (answered_at IS NULL OR worker IS NOT NULL),
    CONSTRAINT only_a_known_number_is_held CHECK (holds = 0 OR subscription IS NOT NULL),
    CONSTRAINT what_is_answered_holds_nothing CHECK (holds = 0 OR answered_at IS NULL)
);
CREATE INDEX ticket_queue ON ticket (due_at, id) WHERE state IN (1, 2, 3);
CREATE INDEX ticket_region ON ticket (region, id);
CREATE INDEX ticket_subscription ON ticket (subscription, opened_at) WHERE subscription IS NOT NULL;
CREATE INDEX ticket_complaint ON ticket (opened_at) WHERE complaint = 1;
CREATE INDEX ticket_answered ON ticket (answered_at) WHERE answered_at IS NOT NULL;
CREATE TABLE ticket_moment (
    ticket BYTEA NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    entry BYTEA NOT NULL,
    action TEXT NOT NULL,
    state BIGINT NOT NULL,
    staff TEXT NOT NULL,
    words BYTEA,
    PRIMARY KEY (ticket, version)
);
";

const COLUMNS: &str = "id, code, kind, topic, state, version, region, channel_kind, stage, place, subscription, opened_at, base, waited_ms, \
                       rested_ms, waiting_since, worker, named, outcome, answered_at, satisfied, recontacted, holds";

/// Where a ticket without a known end stands in the queue: behind all others.
const NO_END: i64 = i64::MAX;

fn broken(column: &str) -> Failure {
    Failure::internal(format!("ticket.{column} holds a value this version does not know"))
}

fn read(row: &Row) -> Result<Ticket> {
    Ok(Ticket {
        id: row.uuid(0)?,
        code: row.text(1)?,
        kind: Kind::from_i64(row.int(2)?).ok_or_else(|| broken("kind"))?,
        topic: Topic::from_i64(row.int(3)?).ok_or_else(|| broken("topic"))?,
        state: State::from_i64(row.int(4)?).ok_or_else(|| broken("state"))?,
        version: row.int(5)?,
        region: row.text(6)?,
        channel_kind: row.int(7)?,
        stage: Stage::from_i64(row.int(8)?).ok_or_else(|| broken("stage"))?,
        place: row.text(9)?,
        subscription: row.opt_uuid(10)?,
        opened_at: Timestamp(row.int(11)?),
        clock: Clocked {
            base: row.opt_int(12)?.map(Timestamp),
            waited_ms: row.int(13)?,
            rested_ms: row.int(14)?,
            waiting_since: row.opt_int(15)?.map(Timestamp),
        },
        worker: row.opt_uuid(16)?.map(StaffId),
        named: row.flag(17)?,
        outcome: row.opt_int(18)?.map(|value| Outcome::from_i64(value).ok_or_else(|| broken("outcome"))).transpose()?,
        answered_at: row.opt_int(19)?.map(Timestamp),
        satisfied: row.opt_int(20)?.map(|value| value == 1),
        recontacted: row.flag(21)?,
        holds: row.flag(22)?,
    })
}

/// One ticket.
pub fn find(tx: &mut Tx, id: Uuid) -> Result<Option<Ticket>> {
    let row = tx.query_opt(&format!("SELECT {COLUMNS} FROM ticket WHERE id = $1"), &params![&id])?;
    row.as_ref().map(read).transpose()
}

/// Writes a new ticket.
pub fn insert(tx: &mut Tx, one: &Ticket, longest_ms: i64) -> Result<()> {
    tx.push(
        "INSERT INTO ticket (id, code, kind, topic, state, version, region, channel_kind, stage, place, subscription, opened_at, base, \
         waited_ms, rested_ms, waiting_since, due_at, worker, named, outcome, answered_at, satisfied, recontacted, holds, complaint) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, NULL, NULL, NULL, 0, $20, $21)",
        &params![
            &one.id,
            &one.code,
            one.kind as i64,
            one.topic as i64,
            one.state as i64,
            one.version,
            &one.region,
            one.channel_kind,
            one.stage as i64,
            &one.place,
            one.subscription.as_ref().map(|id| id.as_bytes().as_slice()),
            one.opened_at.0,
            one.clock.base.map(|at| at.0),
            one.clock.waited_ms,
            one.clock.rested_ms,
            one.clock.waiting_since.map(|at| at.0),
            one.clock.due(one.opened_at, longest_ms).map_or(NO_END, |at| at.0),
            one.worker.as_ref().map(StaffId::as_bytes),
            i64::from(one.named),
            i64::from(one.holds),
            i64::from(one.kind.is_complaint())
        ],
    )?;
    Ok(())
}

/// Writes the next version of a ticket; whoever was first wins.
pub fn advance(tx: &mut Tx, old: &Ticket, new: &Ticket, now: Timestamp, longest_ms: i64) -> Result<()> {
    tx.push_one(
        "UPDATE ticket SET kind = $3, state = $4, version = $5, base = $6, waited_ms = $7, rested_ms = $8, waiting_since = $9, due_at = $10, \
         worker = $11, named = $12, outcome = $13, answered_at = $14, satisfied = $15, recontacted = $16, holds = $17, complaint = $18 \
         WHERE id = $1 AND version = $2",
        &params![
            &old.id,
            old.version,
            new.kind as i64,
            new.state as i64,
            new.version,
            new.clock.base.map(|at| at.0),
            new.clock.waited_ms,
            new.clock.rested_ms,
            new.clock.waiting_since.map(|at| at.0),
            new.clock.due(now, longest_ms).map_or(NO_END, |at| at.0),
            new.worker.as_ref().map(StaffId::as_bytes),
            i64::from(new.named),
            new.outcome.map(|one| one as i64),
            new.answered_at.map(|at| at.0),
            new.satisfied.map(i64::from),
            i64::from(new.recontacted),
            i64::from(new.holds),
            i64::from(new.kind.is_complaint())
        ],
    )?;
    Ok(())
}

/// Something that happened to a ticket.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Version it led to.
    pub version: i64,
    /// When.
    pub at: Timestamp,
    /// `ticket.answer`
    pub action: String,
    /// State it led to.
    pub state: State,
    /// 工号, or the job's name.
    pub staff: String,
    /// Words, sealed.
    pub words: Option<Vec<u8>>,
}

/// Remembers what happened. Only ever added to.
pub fn remember(tx: &mut Tx, ticket: Uuid, entry: Uuid, moment: &Moment) -> Result<()> {
    tx.push(
        "INSERT INTO ticket_moment (ticket, version, at, entry, action, state, staff, words) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &params![&ticket, moment.version, moment.at.0, &entry, &moment.action, moment.state as i64, &moment.staff, moment.words.as_deref()],
    )?;
    Ok(())
}

/// What happened to a ticket, newest first.
pub fn moments(tx: &mut Tx, ticket: Uuid) -> Result<Vec<Moment>> {
    tx.query(
        "SELECT version, at, action, state, staff, words FROM ticket_moment WHERE ticket = $1 ORDER BY version DESC",
        &params![&ticket],
    )?
    .iter()
    .map(|row| {
        Ok(Moment {
            version: row.int(0)?,
            at: Timestamp(row.int(1)?),
            action: row.text(2)?,
            state: State::from_i64(row.int(3)?).ok_or_else(|| broken("state"))?,
            staff: row.text(4)?,
            words: row.opt_bytes(5)?,
        })
    })
    .collect()
}

/// Complaints of one number since a moment, newest first; withdrawn ones left out.
pub fn complaints_of(tx: &mut Tx, subscription: Uuid, since: Timestamp) -> Result<Vec<Ticket>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM ticket WHERE subscription = $1 AND opened_at >= $2 AND complaint = 1 AND state <> 6 ORDER BY opened_at DESC, id DESC LIMIT 50"
    );
    tx.query(&sql, &params![&subscription, since.0])?.iter().map(read).collect()
}

/// Answers of one number about one topic since a moment that were not yet called unresolved.
pub fn answered_of(tx: &mut Tx, subscription: Uuid, topic: Topic, since: Timestamp) -> Result<Vec<Ticket>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM ticket WHERE subscription = $1 AND topic = $2 AND answered_at >= $3 AND recontacted = 0 ORDER BY id LIMIT 50"
    );
    tx.query(&sql, &params![&subscription, topic as i64, since.0])?.iter().map(read).collect()
}

/// Whether a ticket holds the remediation of this number now.
pub fn holds(tx: &mut Tx, subscription: Uuid) -> Result<bool> {
    Ok(tx.query_opt("SELECT 1 FROM ticket WHERE subscription = $1 AND holds = 1 LIMIT 1", &params![&subscription])?.is_some())
}

/// Tickets whose clock is held because the holidays of a year were not known.
pub fn held(tx: &mut Tx, limit: i64) -> Result<Vec<Ticket>> {
    let sql = format!("SELECT {COLUMNS} FROM ticket WHERE state IN (1, 2, 3) AND due_at = $1 ORDER BY id LIMIT $2");
    tx.query(&sql, &params![NO_END, limit])?.iter().map(read).collect()
}

/// Answers since a moment in a region, for the rates.
pub fn answered(tx: &mut Tx, since: Timestamp, until: Timestamp, region: &str) -> Result<Vec<Ticket>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM ticket WHERE answered_at >= $1 AND answered_at < $2 AND ($3 = '' OR substr(region, 1, 2) = $3 OR region = $3) \
         ORDER BY answered_at LIMIT 200000"
    );
    tx.query(&sql, &params![since.0, until.0, region])?.iter().map(read).collect()
}

/// City, stage, kind of outlet, day since 1970 in China, complaints.
pub type Complaints = (String, Stage, i64, i64, i64);

/// Complaints by day, city, stage and kind of outlet in `from..until`; days in China.
pub fn complaint_counts(tx: &mut Tx, from: Timestamp, until: Timestamp) -> Result<Vec<Complaints>> {
    // Milliseconds of China's day: eight hours ahead, no summer time.
    let sql = format!(
        "SELECT region, stage, channel_kind, (opened_at + 28800000) / {DAY_MS}, COUNT(*) FROM ticket \
         WHERE complaint = 1 AND state <> 6 AND opened_at >= $1 AND opened_at < $2 \
         GROUP BY region, stage, channel_kind, (opened_at + 28800000) / {DAY_MS}"
    );
    tx.query(&sql, &params![from.0, until.0])?
        .iter()
        .map(|row| {
            let stage = Stage::from_i64(row.int(1)?).ok_or_else(|| broken("stage"))?;
            Ok((row.text(0)?, stage, row.int(2)?, row.int(3)?, row.int(4)?))
        })
        .collect()
}

/// Complaints since a moment at one place about one topic: tickets, and how many different numbers they are of (anonymous ones count each).
pub fn gathered(tx: &mut Tx, region: &str, place: &str, topic: Topic, since: Timestamp) -> Result<(Vec<Uuid>, i64)> {
    let rows = tx.query(
        "SELECT id, subscription FROM ticket WHERE complaint = 1 AND state <> 6 AND opened_at >= $1 AND region = $2 AND place = $3 AND topic = $4 \
         ORDER BY id LIMIT 1000",
        &params![since.0, region, place, topic as i64],
    )?;
    let mut ids = Vec::new();
    let mut people = std::collections::BTreeSet::new();
    for row in &rows {
        let id = row.uuid(0)?;
        people.insert(row.opt_uuid(1)?.unwrap_or(id));
        ids.push(id);
    }
    Ok((ids, i64::try_from(people.len()).unwrap_or(i64::MAX)))
}

/// The stages those complaints are about, each with its kind of outlet.
pub fn gathered_in(tx: &mut Tx, region: &str, place: &str, topic: Topic, since: Timestamp) -> Result<Vec<(Stage, i64)>> {
    tx.query(
        "SELECT DISTINCT stage, channel_kind FROM ticket WHERE complaint = 1 AND state <> 6 AND opened_at >= $1 AND region = $2 AND place = $3 \
         AND topic = $4 ORDER BY stage, channel_kind",
        &params![since.0, region, place, topic as i64],
    )?
    .iter()
    .map(|row| Ok((Stage::from_i64(row.int(0)?).ok_or_else(|| broken("stage"))?, row.int(1)?)))
    .collect()
}

/// What a list of tickets shows. Every field narrows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Region or the start of one.
    pub region: String,
    /// State.
    pub state: Option<State>,
    /// Only what waits for an answer, the next end first; else newest first.
    pub queue: bool,
    /// Kind.
    pub kind: Option<Kind>,
    /// Topic.
    pub topic: Option<Topic>,
    /// Whose.
    pub worker: Option<StaffId>,
    /// Past its end at this moment, and still without an answer.
    pub late_at: Option<Timestamp>,
    /// Whole code.
    pub code: String,
    /// Of this number.
    pub subscription: Option<Uuid>,
    /// Keyset: end and id of the last row before.
    pub after: Option<(i64, Uuid)>,
    /// Rows.
    pub limit: i64,
    /// The total is not wanted.
    pub uncounted: bool,
}

fn conditions<'a>(filter: &'a Filter, values: &mut Vec<Param<'a>>) -> String {
    let mut sql = String::from("1 = 1");
    let mut add = |text: &str, value: Param<'a>, values: &mut Vec<Param<'a>>| {
        values.push(value);
        sql.push_str(" AND ");
        sql.push_str(&text.replace('?', &format!("${}", values.len())));
    };
    if filter.region.len() == 6 {
        add("region = ?", Param::from(filter.region.as_str()), values);
    } else if !filter.region.is_empty() {
        add("substr(region, 1, 2) = ?", Param::from(filter.region.as_str()), values);
    }
    if let Some(state) = filter.state {
        add("state = ?", Param::from(state as i64), values);
    }
    if let Some(kind) = filter.kind {
        add("kind = ?", Param::from(kind as i64), values);
    }
    if let Some(topic) = filter.topic {
        add("topic = ?", Param::from(topic as i64), values);
    }
    if let Some(worker) = &filter.worker {
        add("worker = ?", Param::from(worker.as_bytes()), values);
    }
    if let Some(at) = filter.late_at {
        add("due_at < ? AND state IN (1, 2)", Param::from(at.0), values);
    }
    if !filter.code.is_empty() {
        add("code = ?", Param::from(filter.code.as_str()), values);
    }
    if let Some(id) = &filter.subscription {
        add("subscription = ?", Param::from(id), values);
    }
    if filter.queue {
        sql.push_str(" AND state IN (1, 2, 3)");
    }
    sql
}

/// One page, each with where it stands in the order: its end in the queue, nothing otherwise.
pub fn list(tx: &mut Tx, filter: &Filter) -> Result<Vec<(Ticket, i64)>> {
    let mut values = Vec::new();
    let mut sql = conditions(filter, &mut values);
    let after = filter.after;
    if let Some((due, id)) = &after {
        if filter.queue {
            values.push(Param::from(*due));
            values.push(Param::from(id));
            let at = values.len();
            sql.push_str(&format!(" AND (due_at > ${} OR (due_at = ${} AND id > ${at}))", at - 1, at - 1));
        } else {
            values.push(Param::from(id));
            sql.push_str(&format!(" AND id < ${}", values.len()));
        }
    }
    values.push(Param::from(filter.limit.clamp(1, 1_001)));
    let order = if filter.queue { "due_at, id" } else { "id DESC" };
    let sql = format!("SELECT {COLUMNS}, due_at FROM ticket WHERE {sql} ORDER BY {order} LIMIT ${}", values.len());
    tx.query(&sql, &values)?.iter().map(|row| Ok((read(row)?, row.int(23)?))).collect()
}

/// Counted no further.
pub const COUNT_CAP: i64 = 10_000;

/// How many tickets a filter finds, up to [`COUNT_CAP`].
pub fn count(tx: &mut Tx, filter: &Filter) -> Result<i64> {
    let mut values = Vec::new();
    let sql = conditions(filter, &mut values);
    values.push(Param::from(COUNT_CAP));
    let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM ticket WHERE {sql} LIMIT ${}) AS found", values.len());
    Ok(tx.query_one(&sql, &values)?.int(0)?)
}
