//! 停复机表: all SQL of holds and of what the network was told of a line.

use chuangsha_kernel::{id::StaffId, time::Timestamp};
use chuangsha_store::{Param, Row, Tx, params};
use uuid::Uuid;

use super::hold::{Ground, Hold, Level, Method, Notice, State, Tier};
use crate::platform::failure::{Failure, Result};

/// Tables of this module. What the constraints forbid stays forbidden whoever writes. `region` is the subscription's, for lists and scopes.
/// The sequence is the number's, not the subscription's: a command to the line's last holder stays older than any to the present one.
pub const DDL: &str = "
CREATE TABLE suspension_hold (
    id BYTEA PRIMARY KEY,
    subscription BYTEA NOT NULL,
    region TEXT NOT NULL,
    ground BIGINT NOT NULL,
    state BIGINT NOT NULL,
    level BIGINT,
    version BIGINT NOT NULL,
    tier BIGINT,
    method BIGINT,
    article TEXT NOT NULL,
    reason TEXT NOT NULL,
    remedy TEXT NOT NULL,
    documents TEXT NOT NULL,
    reference TEXT NOT NULL,
    case_id BYTEA,
    decided_by BYTEA,
    appeal_worker BYTEA,
    due BIGINT,
    until BIGINT,
    interrupted_until BIGINT,
    since BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT a_measure_has_its_basis_and_its_notice CHECK (article <> '' AND reason <> '' AND remedy <> '' AND documents <> ''),
    CONSTRAINT a_measure_has_a_level CHECK (state NOT IN (4, 5, 6, 7) OR level IS NOT NULL),
    CONSTRAINT the_state_says_the_level CHECK (state NOT IN (4, 5, 6) OR level = state - 3),
    CONSTRAINT police_needs_a_paper CHECK (ground <> 4 OR reference <> ''),
    CONSTRAINT no_one_handles_their_own_measure CHECK (appeal_worker IS NULL OR decided_by IS NULL OR appeal_worker <> decided_by)
);
CREATE UNIQUE INDEX suspension_hold_open ON suspension_hold (subscription, ground, reference) WHERE state < 8;
CREATE INDEX suspension_hold_subscription ON suspension_hold (subscription, id);
CREATE INDEX suspension_hold_recent ON suspension_hold (since, id);
CREATE INDEX suspension_hold_region ON suspension_hold (region, since, id);
CREATE INDEX suspension_hold_due ON suspension_hold (due) WHERE due IS NOT NULL;
CREATE INDEX suspension_hold_until ON suspension_hold (until) WHERE until IS NOT NULL AND state < 8;
CREATE INDEX suspension_hold_interrupted ON suspension_hold (interrupted_until) WHERE interrupted_until IS NOT NULL;
CREATE TABLE suspension_line (
    subscription BYTEA PRIMARY KEY,
    number_id BYTEA NOT NULL,
    wanted BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    wanted_at BIGINT NOT NULL,
    confirmed BIGINT NOT NULL,
    confirmed_sequence BIGINT NOT NULL,
    confirmed_at BIGINT,
    in_hand BIGINT NOT NULL,
    in_hand_until BIGINT NOT NULL,
    asked BIGINT NOT NULL,
    look_at BIGINT NOT NULL,
    alarmed_at BIGINT
);
CREATE INDEX suspension_line_open ON suspension_line (look_at, subscription) WHERE confirmed_sequence <> sequence;
CREATE TABLE number_sequence (
    number_id BYTEA PRIMARY KEY,
    sequence BIGINT NOT NULL
);
";

const COLUMNS: &str = "id, subscription, ground, state, level, version, tier, method, article, reason, remedy, documents, reference, case_id, \
                       decided_by, appeal_worker, due, until, interrupted_until, since, updated_at";

fn broken(column: &str) -> Failure {
    Failure::internal(format!("suspension_hold.{column} holds a value this version does not know"))
}

fn hold(row: &Row) -> Result<Hold> {
    let staff = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| StaffId::from_slice(&bytes));
    Ok(Hold {
        id: row.uuid(0)?,
        subscription: row.uuid(1)?,
        ground: Ground::from_i64(row.int(2)?).ok_or_else(|| broken("ground"))?,
        state: State::from_i64(row.int(3)?).ok_or_else(|| broken("state"))?,
        level: row.opt_int(4)?.map(|level| Level::from_i64(level).ok_or_else(|| broken("level"))).transpose()?,
        version: row.int(5)?,
        tier: row.opt_int(6)?.and_then(Tier::from_i64),
        method: row.opt_int(7)?.and_then(Method::from_i64),
        article: row.text(8)?,
        notice: Notice { reason: row.text(9)?, remedy: row.text(10)?, documents: row.text(11)?, reference: row.text(12)? },
        case: row.opt_uuid(13)?,
        decided_by: staff(row.opt_bytes(14)?),
        appeal_worker: staff(row.opt_bytes(15)?),
        due: row.opt_int(16)?.map(Timestamp),
        until: row.opt_int(17)?.map(Timestamp),
        interrupted_until: row.opt_int(18)?.map(Timestamp),
        since: Timestamp(row.int(19)?),
        updated_at: Timestamp(row.int(20)?),
    })
}

/// One hold.
pub fn find(tx: &mut Tx, id: Uuid) -> Result<Option<Hold>> {
    tx.query_opt(&format!("SELECT {COLUMNS} FROM suspension_hold WHERE id = $1"), &params![&id])?.as_ref().map(hold).transpose()
}

/// What is open against a subscription, the oldest first.
pub fn open_of(tx: &mut Tx, subscription: Uuid) -> Result<Vec<Hold>> {
    let sql = format!("SELECT {COLUMNS} FROM suspension_hold WHERE subscription = $1 AND state < 8 ORDER BY id");
    tx.query(&sql, &params![&subscription])?.iter().map(hold).collect()
}

/// Everything there ever was against a subscription, the newest first.
pub fn all_of(tx: &mut Tx, subscription: Uuid) -> Result<Vec<Hold>> {
    let sql = format!("SELECT {COLUMNS} FROM suspension_hold WHERE subscription = $1 ORDER BY state >= 8, id DESC LIMIT 100");
    tx.query(&sql, &params![&subscription])?.iter().map(hold).collect()
}

/// Writes a new hold.
pub fn insert(tx: &mut Tx, hold: &Hold, region: &str) -> Result<()> {
    let sql = format!(
        "INSERT INTO suspension_hold ({COLUMNS}, region) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
         $18, $19, $20, $21, $22)"
    );
    tx.push(
        &sql,
        &params![
            &hold.id,
            &hold.subscription,
            hold.ground as i64,
            hold.state as i64,
            hold.level.map(|level| level as i64),
            hold.version,
            hold.tier.map(|tier| tier as i64),
            hold.method.map(|method| method as i64),
            &hold.article,
            hold.notice.reason.trim(),
            hold.notice.remedy.trim(),
            hold.notice.documents.trim(),
            hold.notice.reference.trim(),
            hold.case.as_ref(),
            hold.decided_by.as_ref().map(StaffId::as_bytes),
            hold.appeal_worker.as_ref().map(StaffId::as_bytes),
            hold.due.map(|at| at.0),
            hold.until.map(|at| at.0),
            hold.interrupted_until.map(|at| at.0),
            hold.since.0,
            hold.updated_at.0,
            region
        ],
    )?;
    Ok(())
}

/// Moves a hold on from the version it was read at; contended when somebody else was first.
pub fn advance(tx: &mut Tx, old: &Hold, new: &Hold) -> Result<()> {
    tx.push_one(
        "UPDATE suspension_hold SET state = $3, level = $4, version = $5, tier = $6, method = $7, decided_by = $8, appeal_worker = $9, \
         due = $10, until = $11, interrupted_until = $12, updated_at = $13, article = $14, reason = $15, remedy = $16, documents = $17, \
         case_id = $18 WHERE id = $1 AND version = $2",
        &params![
            &old.id,
            old.version,
            new.state as i64,
            new.level.map(|level| level as i64),
            new.version,
            new.tier.map(|tier| tier as i64),
            new.method.map(|method| method as i64),
            new.decided_by.as_ref().map(StaffId::as_bytes),
            new.appeal_worker.as_ref().map(StaffId::as_bytes),
            new.due.map(|at| at.0),
            new.until.map(|at| at.0),
            new.interrupted_until.map(|at| at.0),
            new.updated_at.0,
            &new.article,
            new.notice.reason.trim(),
            new.notice.remedy.trim(),
            new.notice.documents.trim(),
            new.case.as_ref()
        ],
    )?;
    Ok(())
}

/// Which timer of a hold has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// Asked to verify, and did not come.
    Check,
    /// The measure's own term.
    Term,
    /// The emergency restoration.
    Interruption,
}

/// Holds whose timer ran out, the longest over first.
pub fn overdue(tx: &mut Tx, timer: Timer, now: Timestamp, limit: i64) -> Result<Vec<Uuid>> {
    let sql = match timer {
        Timer::Check => "SELECT id FROM suspension_hold WHERE due IS NOT NULL AND due <= $1 AND state = 3 ORDER BY due, id LIMIT $2",
        Timer::Term => {
            "SELECT id FROM suspension_hold WHERE until IS NOT NULL AND until <= $1 AND state < 8 AND state > 3 ORDER BY until, id LIMIT $2"
        }
        Timer::Interruption => {
            "SELECT id FROM suspension_hold WHERE interrupted_until IS NOT NULL AND interrupted_until <= $1 ORDER BY interrupted_until, id LIMIT $2"
        }
    };
    tx.query(sql, &params![now.0, limit])?.iter().map(|row| Ok(row.uuid(0)?)).collect()
}

/// 号码停复机状态: what the network was asked for, and what it confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Subscription.
    pub subscription: Uuid,
    /// Its number in the pool.
    pub number: Uuid,
    /// What is wanted; `None`: in full service.
    pub wanted: Option<Level>,
    /// Sequence of the command that asks for it, counted per number.
    pub sequence: i64,
    /// Wanted since.
    pub wanted_at: Timestamp,
    /// What the element confirmed last.
    pub confirmed: Option<Level>,
    /// Sequence of that.
    pub confirmed_sequence: i64,
    /// When.
    pub confirmed_at: Option<Timestamp>,
    /// Sequence a worker has in hand, until.
    pub in_hand: (i64, Timestamp),
    /// How often this sequence was posted: the first time and by the watchdog.
    pub asked: i64,
    /// When the watchdog looks at it next, while the element has not confirmed it.
    pub look_at: Timestamp,
    /// The watchdog said so.
    pub alarmed_at: Option<Timestamp>,
}

impl Line {
    /// The element did what is wanted.
    pub const fn is_settled(&self) -> bool {
        self.confirmed_sequence == self.sequence
    }
}

const LINE: &str = "subscription, number_id, wanted, sequence, wanted_at, confirmed, confirmed_sequence, confirmed_at, in_hand, in_hand_until, \
                    asked, look_at, alarmed_at";

fn line_of(row: &Row) -> Result<Line> {
    let level = |number: i64| if number == 0 { Ok(None) } else { Level::from_i64(number).map(Some).ok_or_else(|| broken("wanted")) };
    Ok(Line {
        subscription: row.uuid(0)?,
        number: row.uuid(1)?,
        wanted: level(row.int(2)?)?,
        sequence: row.int(3)?,
        wanted_at: Timestamp(row.int(4)?),
        confirmed: level(row.int(5)?)?,
        confirmed_sequence: row.int(6)?,
        confirmed_at: row.opt_int(7)?.map(Timestamp),
        in_hand: (row.int(8)?, Timestamp(row.int(9)?)),
        asked: row.int(10)?,
        look_at: Timestamp(row.int(11)?),
        alarmed_at: row.opt_int(12)?.map(Timestamp),
    })
}

/// What the network was told of a subscription; `None`: never anything.
pub fn line(tx: &mut Tx, subscription: Uuid) -> Result<Option<Line>> {
    tx.query_opt(&format!("SELECT {LINE} FROM suspension_line WHERE subscription = $1"), &params![&subscription])?
        .as_ref()
        .map(line_of)
        .transpose()
}

/// Writes what the network is asked for from now on.
pub fn put_line(tx: &mut Tx, line: &Line) -> Result<()> {
    let level = |level: Option<Level>| level.map_or(0, |level| level as i64);
    tx.push(
        "INSERT INTO suspension_line (subscription, number_id, wanted, sequence, wanted_at, confirmed, confirmed_sequence, confirmed_at, in_hand, \
         in_hand_until, asked, look_at, alarmed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (subscription) DO UPDATE SET wanted = excluded.wanted, sequence = excluded.sequence, wanted_at = excluded.wanted_at, \
         confirmed = excluded.confirmed, confirmed_sequence = excluded.confirmed_sequence, confirmed_at = excluded.confirmed_at, \
         in_hand = excluded.in_hand, in_hand_until = excluded.in_hand_until, asked = excluded.asked, look_at = excluded.look_at, \
         alarmed_at = excluded.alarmed_at",
        &params![
            &line.subscription,
            &line.number,
            level(line.wanted),
            line.sequence,
            line.wanted_at.0,
            level(line.confirmed),
            line.confirmed_sequence,
            line.confirmed_at.map(|at| at.0),
            line.in_hand.0,
            line.in_hand.1.0,
            line.asked,
            line.look_at.0,
            line.alarmed_at.map(|at| at.0)
        ],
    )?;
    Ok(())
}

/// Lines the element did not confirm by the time somebody was to look, the longest overdue first.
pub fn unsettled(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<Line>> {
    let sql = format!(
        "SELECT {LINE} FROM suspension_line WHERE confirmed_sequence <> sequence AND look_at <= $1 ORDER BY look_at, subscription LIMIT $2"
    );
    tx.query(&sql, &params![now.0, limit])?.iter().map(line_of).collect()
}

/// Lines that should be in full service and are not, alarmed of.
pub fn still_stopped(tx: &mut Tx) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM suspension_line WHERE confirmed_sequence <> sequence AND (wanted = 0 OR wanted < confirmed) \
               AND alarmed_at IS NOT NULL";
    Ok(tx.query_one(sql, &[])?.int(0)?)
}

/// The next sequence of a number: every command to it carries one, so that no older one overtakes a newer one.
pub fn next_sequence(tx: &mut Tx, number: Uuid) -> Result<i64> {
    let sql = "INSERT INTO number_sequence (number_id, sequence) VALUES ($1, 1) \
               ON CONFLICT (number_id) DO UPDATE SET sequence = number_sequence.sequence + 1 RETURNING sequence";
    Ok(tx.query_one(sql, &params![&number])?.int(0)?)
}

/// What a list shows. Every field narrows; none widens.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Region or the start of one.
    pub region: String,
    /// Ground.
    pub ground: Option<Ground>,
    /// State.
    pub state: Option<State>,
    /// Which of the queues.
    pub queue: Queue,
    /// Now, for queues that look at timers.
    pub now: Timestamp,
    /// Keyset: the last row of the page before.
    pub after: Option<(i64, Uuid)>,
    /// Rows.
    pub limit: i64,
    /// The total is not wanted.
    pub uncounted: bool,
}

/// 队列
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Queue {
    /// 全部未结
    #[default]
    Open,
    /// 申诉中
    Appeals,
    /// 紧急复机中
    Interrupted,
    /// 网络未确认
    Unconfirmed,
    /// 欠费停机期满，可终止 (L-REM-6)
    MayEnd,
    /// 全部
    All,
}

impl Queue {
    /// Every queue, in the order of the tabs.
    pub const ALL: [Self; 6] = [Self::Open, Self::Unconfirmed, Self::Appeals, Self::Interrupted, Self::MayEnd, Self::All];

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Appeals => "appeals",
            Self::Interrupted => "interrupted",
            Self::Unconfirmed => "unconfirmed",
            Self::MayEnd => "may_end",
            Self::All => "all",
        }
    }

    /// From the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.as_str() == text)
    }
}

/// A row of the list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The hold.
    pub hold: Hold,
    /// City of the subscription.
    pub region: String,
    /// Its number in the pool.
    pub number: Uuid,
    /// Sealed.
    pub sealed: Vec<u8>,
    /// The element has not confirmed what is wanted.
    pub unconfirmed: bool,
}

/// A count stops here: an exact count of millions is not worth its time.
pub const COUNT_CAP: i64 = 10_000;

fn conditions<'a>(filter: &'a Filter, values: &mut Vec<Param<'a>>) -> String {
    let mut sql = String::from("1 = 1");
    let mut add = |text: &str, value: Param<'a>, values: &mut Vec<Param<'a>>| {
        values.push(value);
        sql.push_str(" AND ");
        sql.push_str(&text.replace('?', &format!("${}", values.len())));
    };
    if filter.region.len() == 6 {
        add("h.region = ?", Param::from(filter.region.as_str()), values);
    } else if !filter.region.is_empty() {
        add("substr(h.region, 1, 2) = ?", Param::from(filter.region.as_str()), values);
    }
    if let Some(ground) = filter.ground {
        add("h.ground = ?", Param::from(ground as i64), values);
    }
    if let Some(state) = filter.state {
        add("h.state = ?", Param::from(state as i64), values);
    }
    if filter.queue == Queue::MayEnd {
        add("h.ground = 3 AND h.state IN (5, 6) AND h.due <= ?", Param::from(filter.now.0), values);
    }
    sql.push_str(match filter.queue {
        Queue::Open => " AND h.state < 8",
        Queue::Appeals => " AND h.state = 7",
        Queue::Interrupted => " AND h.interrupted_until IS NOT NULL",
        Queue::Unconfirmed => " AND l.confirmed_sequence <> l.sequence",
        Queue::MayEnd | Queue::All => "",
    });
    sql
}

/// From the unconfirmed lines where those are asked for: they are few, the holds are not.
const fn source(queue: Queue) -> &'static str {
    match queue {
        Queue::Unconfirmed => "suspension_line l JOIN suspension_hold h ON h.subscription = l.subscription",
        _ => "suspension_hold h LEFT JOIN suspension_line l ON l.subscription = h.subscription",
    }
}

/// One page, newest first.
pub fn list(tx: &mut Tx, filter: &Filter) -> Result<Vec<Listed>> {
    let mut values = Vec::new();
    let mut sql = conditions(filter, &mut values);
    if let Some((at, id)) = &filter.after {
        values.push(Param::from(*at));
        values.push(Param::from(id.as_bytes().as_slice()));
        sql.push_str(&format!(" AND (h.since, h.id) < (${}, ${})", values.len() - 1, values.len()));
    }
    values.push(Param::from(filter.limit));
    let columns = COLUMNS.split(", ").map(|column| format!("h.{}", column.trim())).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT {columns}, h.region, n.id, n.number_sealed, CASE WHEN l.confirmed_sequence <> l.sequence THEN 1 ELSE 0 END FROM {} \
         JOIN subscription s ON s.id = h.subscription JOIN number_pool n ON n.id = s.number_id \
         WHERE {sql} ORDER BY h.since DESC, h.id DESC LIMIT ${}",
        source(filter.queue),
        values.len()
    );
    tx.query(&sql, &values)?
        .iter()
        .map(|row| {
            Ok(Listed {
                hold: hold(row)?,
                region: row.text(21)?,
                number: row.uuid(22)?,
                sealed: row.bytes(23)?,
                unconfirmed: row.int(24)? == 1,
            })
        })
        .collect()
}

/// How many rows a filter finds, counted up to [`COUNT_CAP`].
pub fn count(tx: &mut Tx, filter: &Filter) -> Result<i64> {
    let mut values = Vec::new();
    let sql = conditions(filter, &mut values);
    let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM {} WHERE {sql} LIMIT {COUNT_CAP}) AS found", source(filter.queue));
    Ok(tx.query_one(&sql, &values)?.int(0)?)
}
