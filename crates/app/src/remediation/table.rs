//! 工单表: all SQL of cases and their contacts.

use std::collections::BTreeMap;

use chuangsha_kernel::{
    id::{Ids, StaffId},
    time::Timestamp,
};
use chuangsha_store::{Param, Row, Tx, params};
use jiff::civil::Date;
use uuid::Uuid;

use super::{
    case::{Case, Delivered, Medium, Purpose, State, Wait},
    kind::Kind,
};
use crate::platform::failure::{Failure, Result};

/// Tables of cases. One open case a line: a second campaign that claims it is refused by the index. The contact log holds no number and stays
/// under 200 bytes an entry. Counts are deltas, folded by one leased job.
pub const DDL: &str = "
CREATE TABLE remediation_case (
    id BYTEA PRIMARY KEY,
    campaign BYTEA NOT NULL,
    wave BIGINT NOT NULL,
    subscription BYTEA NOT NULL,
    kind BIGINT NOT NULL,
    region TEXT NOT NULL,
    channel_kind BIGINT NOT NULL,
    state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    before_state BIGINT,
    since BIGINT NOT NULL,
    due BIGINT NOT NULL,
    left_ms BIGINT NOT NULL,
    first_at BIGINT,
    window_ends BIGINT,
    contacts BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    complaints BIGINT NOT NULL,
    owner BYTEA,
    worker BYTEA,
    exempt_until BIGINT,
    hold BYTEA,
    registration BYTEA,
    wait BIGINT NOT NULL,
    CHECK (state >= 1 AND state <= 16),
    CONSTRAINT nobody_is_stopped_without_two_contacts CHECK (state NOT IN (6, 7, 11) OR contacts >= 2),
    CONSTRAINT what_is_put_aside_knows_where_it_returns CHECK (state NOT IN (8, 10, 16) OR before_state IS NOT NULL)
);
CREATE UNIQUE INDEX remediation_case_open ON remediation_case (subscription) WHERE state NOT IN (9, 15);
CREATE INDEX remediation_case_due ON remediation_case (campaign, due, id) WHERE state IN (1, 2, 3, 4, 5, 6, 7, 8, 11);
CREATE INDEX remediation_case_return ON remediation_case (due, id) WHERE state IN (10, 12, 13, 14);
CREATE INDEX remediation_case_list ON remediation_case (campaign, id, state);
CREATE INDEX remediation_case_line ON remediation_case (subscription, id);
CREATE INDEX remediation_case_worker ON remediation_case (worker, id) WHERE worker IS NOT NULL;
CREATE TABLE remediation_contact (
    case_id BYTEA NOT NULL,
    n BIGINT NOT NULL,
    at BIGINT NOT NULL,
    medium BIGINT NOT NULL,
    purpose BIGINT NOT NULL,
    result BIGINT NOT NULL,
    result_at BIGINT,
    receipt TEXT,
    PRIMARY KEY (case_id, n)
);
CREATE TABLE remediation_delta (
    id BYTEA PRIMARY KEY,
    campaign BYTEA NOT NULL,
    day TEXT NOT NULL,
    region TEXT NOT NULL,
    kind BIGINT NOT NULL,
    channel_kind BIGINT NOT NULL,
    metric BIGINT NOT NULL,
    delta BIGINT NOT NULL
);
CREATE TABLE remediation_count (
    campaign BYTEA NOT NULL,
    day TEXT NOT NULL,
    region TEXT NOT NULL,
    kind BIGINT NOT NULL,
    channel_kind BIGINT NOT NULL,
    metric BIGINT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (campaign, day, metric, region, kind, channel_kind)
);
";

/// Counts are read by day as well.
pub const DDL_2: &str = "
CREATE INDEX remediation_count_day ON remediation_count (day, metric);
";

const COLUMNS: [&str; 24] = [
    "id",
    "campaign",
    "wave",
    "subscription",
    "kind",
    "region",
    "channel_kind",
    "state",
    "version",
    "before_state",
    "since",
    "due",
    "left_ms",
    "first_at",
    "window_ends",
    "contacts",
    "tries",
    "complaints",
    "owner",
    "worker",
    "exempt_until",
    "hold",
    "registration",
    "wait",
];

fn columns(prefix: &str) -> String {
    COLUMNS.map(|column| format!("{prefix}{column}")).join(", ")
}

fn broken(column: &str) -> Failure {
    Failure::internal(format!("remediation_case.{column} holds a value this version does not know"))
}

fn read(row: &Row) -> Result<Case> {
    let state = |number: i64| State::from_i64(number).ok_or_else(|| broken("state"));
    Ok(Case {
        id: row.uuid(0)?,
        campaign: row.uuid(1)?,
        wave: row.int(2)?,
        subscription: row.uuid(3)?,
        kind: Kind::from_i64(row.int(4)?).ok_or_else(|| broken("kind"))?,
        region: row.text(5)?,
        channel_kind: row.int(6)?,
        state: state(row.int(7)?)?,
        version: row.int(8)?,
        before: row.opt_int(9)?.map(state).transpose()?,
        since: row.timestamp(10)?,
        due: row.timestamp(11)?,
        left_ms: row.int(12)?,
        first_at: row.opt_timestamp(13)?,
        window_ends: row.opt_timestamp(14)?,
        contacts: row.int(15)?,
        tries: row.int(16)?,
        complaints: row.int(17)?,
        owner: row.opt_uuid(18)?.map(StaffId),
        worker: row.opt_uuid(19)?.map(StaffId),
        exempt_until: row.opt_timestamp(20)?,
        hold: row.opt_uuid(21)?,
        order: row.opt_uuid(22)?,
        wait: Wait::from_i64(row.int(23)?).ok_or_else(|| broken("wait"))?,
    })
}

/// One case.
pub fn find(tx: &mut Tx, id: Uuid) -> Result<Option<Case>> {
    let row = tx.query_opt(&format!("SELECT {} FROM remediation_case WHERE id = $1", columns("")), &params![&id])?;
    row.as_ref().map(read).transpose()
}

/// The open case of a line.
pub fn open_of(tx: &mut Tx, subscription: Uuid) -> Result<Option<Case>> {
    let sql = format!("SELECT {} FROM remediation_case WHERE subscription = $1 AND state NOT IN (9, 15)", columns(""));
    tx.query_opt(&sql, &params![&subscription])?.as_ref().map(read).transpose()
}

/// The case of a line that was made last, open or not.
pub fn latest_of(tx: &mut Tx, subscription: Uuid) -> Result<Option<Case>> {
    let sql = format!("SELECT {} FROM remediation_case WHERE subscription = $1 ORDER BY id DESC LIMIT 1", columns(""));
    tx.query_opt(&sql, &params![&subscription])?.as_ref().map(read).transpose()
}

/// Writes a new case; `false`: the line is in another campaign.
pub fn insert(tx: &mut Tx, case: &Case) -> Result<bool> {
    let places = (1..=COLUMNS.len()).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
    let sql = format!("INSERT INTO remediation_case ({}) VALUES ({places}) ON CONFLICT DO NOTHING", columns(""));
    let written = tx.execute(
        &sql,
        &params![
            &case.id,
            &case.campaign,
            case.wave,
            &case.subscription,
            case.kind as i64,
            &case.region,
            case.channel_kind,
            case.state as i64,
            case.version,
            case.before.map(|state| state as i64),
            case.since.0,
            case.due.0,
            case.left_ms,
            case.first_at.map(|at| at.0),
            case.window_ends.map(|at| at.0),
            case.contacts,
            case.tries,
            case.complaints,
            case.owner.as_ref().map(StaffId::as_bytes),
            case.worker.as_ref().map(StaffId::as_bytes),
            case.exempt_until.map(|at| at.0),
            case.hold.as_ref(),
            case.order.as_ref(),
            case.wait as i64
        ],
    )?;
    Ok(written == 1)
}

/// Moves a case on from the version it was read at.
pub fn advance(tx: &mut Tx, old: &Case, new: &Case) -> Result<()> {
    tx.push_one(
        "UPDATE remediation_case SET state = $3, version = $4, before_state = $5, since = $6, due = $7, left_ms = $8, first_at = $9, \
         window_ends = $10, contacts = $11, tries = $12, complaints = $13, owner = $14, worker = $15, exempt_until = $16, hold = $17, \
         registration = $18, wait = $19 WHERE id = $1 AND version = $2",
        &params![
            &old.id,
            old.version,
            new.state as i64,
            new.version,
            new.before.map(|state| state as i64),
            new.since.0,
            new.due.0,
            new.left_ms,
            new.first_at.map(|at| at.0),
            new.window_ends.map(|at| at.0),
            new.contacts,
            new.tries,
            new.complaints,
            new.owner.as_ref().map(StaffId::as_bytes),
            new.worker.as_ref().map(StaffId::as_bytes),
            new.exempt_until.map(|at| at.0),
            new.hold.as_ref(),
            new.order.as_ref(),
            new.wait as i64
        ],
    )?;
    Ok(())
}

/// The clock looks later; nothing else changes.
pub fn look_later(tx: &mut Tx, old: &Case, due: Timestamp, wait: Wait) -> Result<()> {
    let sql = "UPDATE remediation_case SET due = $3, wait = $4 WHERE id = $1 AND version = $2";
    Ok(tx.push_one(sql, &params![&old.id, old.version, due.0, wait as i64])?)
}

/// A case that is due, with what the clock must know of it.
pub struct Due {
    /// The case.
    pub case: Case,
    /// On the protected list.
    pub protected: bool,
    /// Fen to be refunded, where computed.
    pub balance: Option<i64>,
    /// What arrived.
    pub delivered: Delivered,
}

/// Which cases the clock asks for.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    /// Of one running campaign.
    Of(Uuid),
    /// That go back or come to their end whatever the campaign does.
    Returning,
}

/// Cases whose time has come, the longest due first.
pub fn due(tx: &mut Tx, asked: Asked, now: Timestamp, limit: i64) -> Result<Vec<Due>> {
    let (which, campaign) = match asked {
        Asked::Of(campaign) => ("campaign = $3 AND state IN (1, 2, 3, 4, 5, 6, 7, 8, 11)", campaign),
        Asked::Returning => ("campaign <> $3 AND state IN (10, 12, 13, 14)", Uuid::nil()),
    };
    let found = format!("SELECT id FROM remediation_case WHERE {which} AND due <= $1 ORDER BY due, id LIMIT $2");
    let sql = format!(
        "SELECT {}, p.subscription, r.amount FROM remediation_case c LEFT JOIN remediation_protected p ON p.subscription = c.subscription \
         LEFT JOIN remediation_refund r ON r.case_id = c.id WHERE c.id IN ({found}) ORDER BY c.due, c.id",
        columns("c.")
    );
    let mut cases = Vec::new();
    for row in tx.query(&sql, &params![now.0, limit, &campaign])? {
        cases.push(Due {
            case: read(&row)?,
            protected: row.opt_bytes(24)?.is_some(),
            balance: row.opt_int(25)?,
            delivered: Delivered::default(),
        });
    }
    let sql = format!(
        "SELECT case_id, medium, purpose, COUNT(*), MAX(at), MAX(result_at) FROM remediation_contact WHERE result = 2 AND case_id IN ({found}) \
         GROUP BY case_id, medium, purpose"
    );
    let mut arrived: BTreeMap<Uuid, Delivered> = BTreeMap::new();
    for row in tx.query(&sql, &params![now.0, limit, &campaign])? {
        add_delivered(arrived.entry(row.uuid(0)?).or_default(), &row)?;
    }
    for one in &mut cases {
        one.delivered = arrived.remove(&one.case.id).unwrap_or_default();
    }
    Ok(cases)
}

fn add_delivered(delivered: &mut Delivered, row: &Row) -> Result<()> {
    delivered.contacts += row.int(3)?;
    delivered.media |= row.int(1)?;
    let told = (row.timestamp(4)?, row.timestamp(5)?);
    if let Some(kept) = usize::try_from(row.int(2)? - 1).ok().and_then(|place| delivered.told.get_mut(place)) {
        *kept = Some(kept.map_or(told, |known| (known.0.max(told.0), known.1.max(told.1))));
    }
    Ok(())
}

/// What arrived of one case.
pub fn delivered(tx: &mut Tx, case: Uuid) -> Result<Delivered> {
    let sql = "SELECT case_id, medium, purpose, COUNT(*), MAX(at), MAX(result_at) FROM remediation_contact WHERE result = 2 AND case_id = $1 \
               GROUP BY case_id, medium, purpose";
    let mut delivered = Delivered::default();
    for row in tx.query(sql, &params![&case])? {
        add_delivered(&mut delivered, &row)?;
    }
    Ok(delivered)
}

crate::platform::listed::listed! {
    /// 触达结果
    #[schema(as = RemediationContactResult)]
    ContactResult {
        Waiting = 0, "waiting", "待发", "Waiting";
        Handed = 1, "handed", "已交付运营方", "Handed over";
        Delivered = 2, "delivered", "已送达", "Delivered";
        Failed = 3, "failed", "未送达", "Not delivered";
        Dropped = 4, "dropped", "已撤销", "Withdrawn";
    }
}

/// 触达记录: one contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Its number within the case, from 1.
    pub n: i64,
    /// When it was made.
    pub at: Timestamp,
    /// By which medium.
    pub medium: Medium,
    /// Which notice.
    pub purpose: Purpose,
    /// What became of it.
    pub result: ContactResult,
    /// When that was known.
    pub result_at: Option<Timestamp>,
    /// The carrier's id of the message or call, or the number of the letter.
    pub receipt: Option<String>,
}

/// Writes a contact down.
pub fn add_contact(tx: &mut Tx, case: Uuid, contact: &Contact) -> Result<()> {
    Ok(tx.push(
        "INSERT INTO remediation_contact (case_id, n, at, medium, purpose, result, result_at, receipt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &params![
            &case,
            contact.n,
            contact.at.0,
            contact.medium as i64,
            contact.purpose as i64,
            contact.result as i64,
            contact.result_at.map(|at| at.0),
            contact.receipt.as_deref()
        ],
    )?)
}

/// What became of a contact. What arrived stays arrived, and the same news again changes nothing.
pub fn settle_contact(tx: &mut Tx, case: Uuid, n: i64, result: ContactResult, receipt: Option<&str>, now: Timestamp) -> Result<bool> {
    let moved = tx.execute(
        "UPDATE remediation_contact SET result = $3, result_at = $4, receipt = COALESCE($5, receipt) \
         WHERE case_id = $1 AND n = $2 AND result <> 2 AND result <> $3",
        &params![&case, n, result as i64, now.0, receipt],
    )?;
    Ok(moved == 1)
}

/// Whether a contact arrived.
pub fn has_arrived(tx: &mut Tx, case: Uuid, n: i64) -> Result<bool> {
    let sql = "SELECT 1 FROM remediation_contact WHERE case_id = $1 AND n = $2 AND result = 2";
    Ok(tx.query_opt(sql, &params![&case, n])?.is_some())
}

/// Contacts nothing was heard of yet: case, number, medium. It looks through the whole log: for small bases and tests.
pub fn unheard(tx: &mut Tx) -> Result<Vec<(Uuid, i64, Medium)>> {
    let sql = "SELECT case_id, n, medium FROM remediation_contact WHERE result IN (0, 1) ORDER BY case_id, n";
    let mut unheard = Vec::new();
    for row in tx.query(sql, &[])? {
        if let Some(medium) = Medium::from_i64(row.int(2)?) {
            unheard.push((row.uuid(0)?, row.int(1)?, medium));
        }
    }
    Ok(unheard)
}

/// The contacts of a case, newest first.
pub fn contacts(tx: &mut Tx, case: Uuid) -> Result<Vec<Contact>> {
    let unknown = || Failure::internal("remediation_contact holds a value this version does not know");
    let sql =
        "SELECT n, at, medium, purpose, result, result_at, receipt FROM remediation_contact WHERE case_id = $1 ORDER BY n DESC LIMIT 200";
    tx.query(sql, &params![&case])?
        .iter()
        .map(|row| {
            Ok(Contact {
                n: row.int(0)?,
                at: row.timestamp(1)?,
                medium: Medium::from_i64(row.int(2)?).ok_or_else(unknown)?,
                purpose: Purpose::from_i64(row.int(3)?).ok_or_else(unknown)?,
                result: ContactResult::from_i64(row.int(4)?).ok_or_else(unknown)?,
                result_at: row.opt_timestamp(5)?,
                receipt: row.opt_text(6)?,
            })
        })
        .collect()
}

/// What is counted. Numbers to 99 are cases standing in a state, from 101 cases that entered it on the day.
pub mod metric {
    /// Standing in a state.
    pub const STANDING: i64 = 0;
    /// Entered a state on the day.
    pub const ENTERED: i64 = 100;
    /// Complaints of the day.
    pub const COMPLAINTS: i64 = 201;
    /// Contacts made on the day.
    pub const CONTACTS: i64 = 202;
    /// Contacts that arrived on the day.
    pub const DELIVERED: i64 = 203;
    /// Lines stopped on the day.
    pub const STOPPED: i64 = 204;
}

/// Where a count belongs: campaign, day (empty: standing), region, kind, kind of outlet, metric.
type Cell = (Uuid, String, String, i64, i64, i64);

/// Counts of one transaction, written together.
#[derive(Debug, Default)]
pub struct Counts(BTreeMap<Cell, i64>);

impl Counts {
    /// One more of something on this day.
    pub fn add(&mut self, case: &Case, day: &str, metric: i64, delta: i64) {
        let cell = (case.campaign, day.to_owned(), case.region.clone(), case.kind as i64, case.channel_kind, metric);
        *self.0.entry(cell).or_default() += delta;
    }

    /// A case went from one state into another.
    pub fn moved(&mut self, old: Option<State>, new: &Case, day: &str) {
        if old == Some(new.state) {
            return;
        }
        if let Some(old) = old {
            self.add(new, "", metric::STANDING + old as i64, -1);
        }
        self.add(new, "", metric::STANDING + new.state as i64, 1);
        self.add(new, day, metric::ENTERED + new.state as i64, 1);
    }

    /// Writes them down.
    pub fn flush(self, ids: &Ids, tx: &mut Tx, now: Timestamp) -> Result<()> {
        for ((campaign, day, region, kind, channel_kind, metric), delta) in self.0.iter().filter(|(_, delta)| **delta != 0) {
            tx.push(
                "INSERT INTO remediation_delta (id, campaign, day, region, kind, channel_kind, metric, delta) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                &params![&ids.next(now), campaign, day, region, *kind, *channel_kind, *metric, *delta],
            )?;
        }
        Ok(())
    }
}

/// Folds up to `limit` deltas into the counts; says how many there were. One leased job calls it.
pub fn fold(tx: &mut Tx, limit: i64) -> Result<usize> {
    let rows = tx.query(
        "SELECT id, campaign, day, region, kind, channel_kind, metric, delta FROM remediation_delta ORDER BY id LIMIT $1",
        &params![limit],
    )?;
    let mut sums: BTreeMap<Cell, i64> = BTreeMap::new();
    for row in &rows {
        let cell = (row.uuid(1)?, row.text(2)?, row.text(3)?, row.int(4)?, row.int(5)?, row.int(6)?);
        *sums.entry(cell).or_default() += row.int(7)?;
    }
    for ((campaign, day, region, kind, channel_kind, metric), delta) in &sums {
        tx.push(
            "INSERT INTO remediation_count (campaign, day, region, kind, channel_kind, metric, value) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (campaign, day, metric, region, kind, channel_kind) DO UPDATE SET value = remediation_count.value + excluded.value",
            &params![campaign, day, region, *kind, *channel_kind, *metric, *delta],
        )?;
    }
    for row in &rows {
        tx.push_one("DELETE FROM remediation_delta WHERE id = $1", &params![&row.bytes(0)?])?;
    }
    Ok(rows.len())
}

/// One count as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// City.
    pub region: String,
    /// Kind, as stored.
    pub kind: i64,
    /// Kind of outlet.
    pub channel_kind: i64,
    /// Metric.
    pub metric: i64,
    /// How many.
    pub value: i64,
}

/// Counts of a campaign (or, with none, of all), the unfolded ones included: those standing (`days` = `None`), or of the days `from ..= until`.
pub fn counts(tx: &mut Tx, campaign: Option<Uuid>, days: Option<(&str, &str)>) -> Result<Vec<Count>> {
    let (from, until) = days.unwrap_or(("", ""));
    let which = if campaign.is_some() { "campaign = $3 AND" } else { "campaign <> $3 AND" };
    let sql = format!(
        "SELECT region, kind, channel_kind, metric, SUM(value) FROM (
            SELECT region, kind, channel_kind, metric, value FROM remediation_count WHERE {which} day >= $1 AND day <= $2
            UNION ALL SELECT region, kind, channel_kind, metric, delta FROM remediation_delta WHERE {which} day >= $1 AND day <= $2
         ) AS counts GROUP BY region, kind, channel_kind, metric"
    );
    let campaign = campaign.unwrap_or(Uuid::nil());
    tx.query(&sql, &params![from, until, &campaign])?
        .iter()
        .map(|row| {
            Ok(Count { region: row.text(0)?, kind: row.int(1)?, channel_kind: row.int(2)?, metric: row.int(3)?, value: row.int(4)? })
        })
        .collect()
}

/// Day, city, the state they came into, kind of outlet, customers.
pub type Touched = (Date, String, State, i64, i64);

/// Customers touched on the days `from ..= until`, the unfolded ones included.
pub fn touched(tx: &mut Tx, from: Date, until: Date) -> Result<Vec<Touched>> {
    let (from, until) = (from.to_string(), until.to_string());
    let states: Vec<String> =
        State::ALL.iter().filter(|one| one.touches()).map(|one| (metric::ENTERED + *one as i64).to_string()).collect();
    let which = format!("day >= $1 AND day <= $2 AND metric IN ({})", states.join(", "));
    let sql = format!(
        "SELECT day, region, metric, channel_kind, SUM(value) FROM (
            SELECT day, region, metric, channel_kind, value FROM remediation_count WHERE {which}
            UNION ALL SELECT day, region, metric, channel_kind, delta FROM remediation_delta WHERE {which}
         ) AS counts GROUP BY day, region, metric, channel_kind"
    );
    tx.query(&sql, &params![&from, &until])?
        .iter()
        .map(|row| {
            let day = row.text(0)?.parse().map_err(|_| broken("day"))?;
            let state = State::from_i64(row.int(2)? - metric::ENTERED).ok_or_else(|| broken("metric"))?;
            Ok((day, row.text(1)?, state, row.int(3)?, row.int(4)?))
        })
        .collect()
}

/// What a list of cases shows. Every field narrows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Region or the start of one.
    pub region: String,
    /// Campaign.
    pub campaign: Option<Uuid>,
    /// State.
    pub state: Option<State>,
    /// Kind.
    pub kind: Option<Kind>,
    /// What the clock waits for.
    pub wait: Option<Wait>,
    /// Parcelled out to, or owned by.
    pub worker: Option<StaffId>,
    /// Keyset: id of the last row before.
    pub after: Option<Uuid>,
    /// Rows.
    pub limit: i64,
}

fn conditions<'a>(filter: &'a Filter, values: &mut Vec<Param<'a>>) -> String {
    let mut sql = String::from("1 = 1");
    let mut add = |text: &str, value: Param<'a>, values: &mut Vec<Param<'a>>| {
        values.push(value);
        sql.push_str(" AND ");
        sql.push_str(&text.replace('?', &format!("${}", values.len())));
    };
    if let Some(campaign) = &filter.campaign {
        add("campaign = ?", Param::from(campaign), values);
    }
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
    if let Some(wait) = filter.wait {
        add("wait = ?", Param::from(wait as i64), values);
    }
    if let Some(worker) = &filter.worker {
        add("(worker = ? OR owner = ?)", Param::from(worker.as_bytes()), values);
    }
    sql
}

/// One page of cases, in the order they were made.
pub fn list(tx: &mut Tx, filter: &Filter) -> Result<Vec<Case>> {
    let mut values = Vec::new();
    let mut sql = conditions(filter, &mut values);
    let after = filter.after.unwrap_or(Uuid::nil());
    values.push(Param::from(&after));
    sql.push_str(&format!(" AND id > ${}", values.len()));
    values.push(Param::from(filter.limit.clamp(1, 1_001)));
    let sql = format!("SELECT {} FROM remediation_case WHERE {sql} ORDER BY id LIMIT ${}", columns(""), values.len());
    tx.query(&sql, &values)?.iter().map(read).collect()
}

/// Counted no further.
pub const COUNT_CAP: i64 = 10_000;

/// How many cases a filter finds, up to [`COUNT_CAP`].
pub fn count(tx: &mut Tx, filter: &Filter) -> Result<i64> {
    let mut values = Vec::new();
    let sql = conditions(filter, &mut values);
    values.push(Param::from(COUNT_CAP));
    let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM remediation_case WHERE {sql} LIMIT ${}) AS found", values.len());
    Ok(tx.query_one(&sql, &values)?.int(0)?)
}

/// Open cases of a campaign that nobody has, the oldest first.
pub fn unparcelled(tx: &mut Tx, campaign: Uuid, limit: i64) -> Result<Vec<Case>> {
    let sql = format!(
        "SELECT {} FROM remediation_case WHERE campaign = $1 AND worker IS NULL AND state IN (1, 2, 3, 4, 5, 6, 7, 11) ORDER BY id LIMIT $2",
        columns("")
    );
    tx.query(&sql, &params![&campaign, limit])?.iter().map(read).collect()
}

/// What each member of staff has of a campaign: lines, of them re-registered, of them stopped, complaints.
pub fn parcelled(tx: &mut Tx, campaign: Uuid) -> Result<Vec<(StaffId, [i64; 4])>> {
    let sql = "SELECT worker, COUNT(*), SUM(CASE WHEN state = 9 THEN 1 ELSE 0 END), SUM(CASE WHEN state IN (6, 7, 11) THEN 1 ELSE 0 END), \
               SUM(complaints) FROM remediation_case WHERE worker IS NOT NULL AND campaign = $1 GROUP BY worker";
    tx.query(sql, &params![&campaign])?
        .iter()
        .map(|row| Ok((StaffId(row.uuid(0)?), [row.int(1)?, row.int(2)?, row.int(3)?, row.int(4)?])))
        .collect()
}

/// Named checks over a whole database: each counts the rows that break an invariant.
pub const CHECKS: &[(&str, &str)] = &[
    (
        "nobody stands stopped without two delivered contacts by two media",
        "SELECT COUNT(*) FROM remediation_case c WHERE c.state IN (6, 7, 11, 12, 13, 14) AND (SELECT COUNT(DISTINCT k.medium) FROM \
         remediation_contact k WHERE k.case_id = c.id AND k.result = 2) < 2",
    ),
    (
        "nobody on the protected list stands stopped",
        "SELECT COUNT(*) FROM remediation_case c JOIN remediation_protected p ON p.subscription = c.subscription WHERE c.state IN (6, 7, 11)",
    ),
    ("a case restored or closed has no hold of its own", "SELECT COUNT(*) FROM remediation_case WHERE state IN (9) AND hold IS NOT NULL"),
    (
        "every cancelled line has its refund on record",
        "SELECT COUNT(*) FROM remediation_case c WHERE c.state IN (12, 13, 14) AND NOT EXISTS (SELECT 1 FROM remediation_refund r WHERE r.case_id = c.id)",
    ),
];
