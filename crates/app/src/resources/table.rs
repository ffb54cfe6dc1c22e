//! 台账表: all SQL of the ledger.

use chuangsha_kernel::time::Timestamp;
use chuangsha_store::{Param, Row, Tx, params};
use uuid::Uuid;

use super::{
    resource::{Caller, Defect, Direction, Industry, Kind, Paper, Purpose, Resource, State, Subject},
    watch::{Bounds, Found, Watch},
};
use crate::platform::failure::{Failure, Result};

/// Tables of this module. The history is only ever added to.
pub const DDL: &str = "
CREATE TABLE ledger_subject (
    id BYTEA PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    industry BIGINT NOT NULL,
    blacklisted BIGINT NOT NULL,
    papers TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE TABLE ledger_resource (
    id BYTEA PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    kind BIGINT NOT NULL,
    state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    subject BYTEA NOT NULL REFERENCES ledger_subject (id),
    region TEXT NOT NULL,
    access_point TEXT NOT NULL,
    purpose BIGINT NOT NULL,
    direction BIGINT NOT NULL,
    callers TEXT NOT NULL,
    calls_per_callee BIGINT NOT NULL,
    calls_per_day BIGINT NOT NULL,
    clauses BIGINT NOT NULL,
    unit TEXT NOT NULL,
    owner TEXT NOT NULL,
    defects TEXT NOT NULL,
    correct_by BIGINT,
    updated_at BIGINT NOT NULL,
    CONSTRAINT a_400_number_never_calls_out CHECK (kind <> 4 OR direction = 1),
    CONSTRAINT what_is_in_use_has_its_clauses CHECK (state NOT IN (3, 4) OR clauses = 7),
    CONSTRAINT what_calls_out_in_use_has_a_limit CHECK (state NOT IN (3, 4) OR direction = 1 OR (calls_per_callee > 0 AND calls_per_day > 0)),
    CONSTRAINT a_finding_has_a_deadline CHECK (state <> 4 OR correct_by IS NOT NULL)
);
CREATE INDEX ledger_resource_region ON ledger_resource (region, state, code);
CREATE INDEX ledger_resource_subject ON ledger_resource (subject);
CREATE INDEX ledger_resource_due ON ledger_resource (correct_by) WHERE state = 4;
CREATE TABLE ledger_history (
    resource BYTEA NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    entry BYTEA NOT NULL,
    action TEXT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (resource, version)
);
";

/// What traffic, the calendar and people found at a line, only ever added to; how long a line has been silent; when a subject's papers run out.
pub const DDL_2: &str = "
CREATE TABLE ledger_finding (
    id BYTEA PRIMARY KEY,
    resource BYTEA NOT NULL REFERENCES ledger_resource (id),
    at BIGINT NOT NULL,
    defect BIGINT NOT NULL,
    found_by TEXT NOT NULL,
    evidence TEXT NOT NULL,
    correct_by BIGINT NOT NULL
);
CREATE INDEX ledger_finding_resource ON ledger_finding (resource, at);
CREATE TABLE ledger_traffic (
    resource BYTEA PRIMARY KEY REFERENCES ledger_resource (id),
    calls BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);
ALTER TABLE ledger_subject ADD COLUMN papers_until BIGINT;
";

const COLUMNS: &str = "id, code, kind, state, version, subject, region, access_point, purpose, direction, callers, calls_per_callee, \
                       calls_per_day, clauses, unit, owner, defects, correct_by, updated_at";

fn broken(column: &str) -> Failure {
    Failure::internal(format!("ledger_resource.{column} holds a value this version does not know"))
}

fn read(row: &Row) -> Result<Resource> {
    let split = |text: String| text.split(',').filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect::<Vec<_>>();
    let callers = split(row.text(10)?).iter().map(|text| Caller::parse(text).map_err(|_| broken("callers"))).collect::<Result<Vec<_>>>()?;
    let defects =
        split(row.text(16)?).iter().map(|text| Defect::parse(text).ok_or_else(|| broken("defects"))).collect::<Result<Vec<_>>>()?;
    Ok(Resource {
        id: row.uuid(0)?,
        code: row.text(1)?,
        kind: Kind::from_i64(row.int(2)?).ok_or_else(|| broken("kind"))?,
        state: State::from_i64(row.int(3)?).ok_or_else(|| broken("state"))?,
        version: row.int(4)?,
        subject: row.uuid(5)?,
        region: row.text(6)?,
        access_point: row.text(7)?,
        purpose: Purpose::from_i64(row.int(8)?).ok_or_else(|| broken("purpose"))?,
        direction: Direction::from_i64(row.int(9)?).ok_or_else(|| broken("direction"))?,
        callers,
        calls_per_callee: row.int(11)?,
        calls_per_day: row.int(12)?,
        clauses: row.int(13)?,
        unit: row.text(14)?,
        owner: row.text(15)?,
        defects,
        correct_by: row.opt_int(17)?.map(Timestamp),
        updated_at: Timestamp(row.int(18)?),
    })
}

fn joined<T>(parts: &[T], text: impl Fn(&T) -> &str) -> String {
    parts.iter().map(text).collect::<Vec<_>>().join(",")
}

/// One line.
pub fn find(tx: &mut Tx, id: Uuid) -> Result<Option<Resource>> {
    let row = tx.query_opt(&format!("SELECT {COLUMNS} FROM ledger_resource WHERE id = $1"), &params![&id])?;
    row.as_ref().map(read).transpose()
}

/// Id of the line with this code.
pub fn id_of(tx: &mut Tx, code: &str) -> Result<Option<Uuid>> {
    Ok(tx.query_opt("SELECT id FROM ledger_resource WHERE code = $1", &params![code])?.map(|row| row.uuid(0)).transpose()?)
}

/// Writes a new line.
pub fn insert(tx: &mut Tx, line: &Resource) -> Result<()> {
    let sql = format!(
        "INSERT INTO ledger_resource ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"
    );
    let (callers, defects) = (joined(&line.callers, Caller::as_str), joined(&line.defects, |defect| defect.as_str()));
    tx.push(
        &sql,
        &params![
            &line.id,
            &line.code,
            line.kind as i64,
            line.state as i64,
            line.version,
            &line.subject,
            &line.region,
            &line.access_point,
            line.purpose as i64,
            line.direction as i64,
            &callers,
            line.calls_per_callee,
            line.calls_per_day,
            line.clauses,
            &line.unit,
            &line.owner,
            &defects,
            line.correct_by.map(|at| at.0),
            line.updated_at.0
        ],
    )?;
    Ok(())
}

/// Moves a line on from the version it was read at.
pub fn advance(tx: &mut Tx, old: &Resource, new: &Resource) -> Result<()> {
    let (callers, defects) = (joined(&new.callers, Caller::as_str), joined(&new.defects, |defect| defect.as_str()));
    tx.push_one(
        "UPDATE ledger_resource SET state = $3, version = $4, purpose = $5, direction = $6, callers = $7, calls_per_callee = $8, \
         calls_per_day = $9, clauses = $10, defects = $11, correct_by = $12, updated_at = $13 WHERE id = $1 AND version = $2",
        &params![
            &old.id,
            old.version,
            new.state as i64,
            new.version,
            new.purpose as i64,
            new.direction as i64,
            &callers,
            new.calls_per_callee,
            new.calls_per_day,
            new.clauses,
            &defects,
            new.correct_by.map(|at| at.0),
            new.updated_at.0
        ],
    )?;
    Ok(())
}

/// Adds a version to the history.
pub fn remember(tx: &mut Tx, entry: Uuid, line: &Resource, action: &str, now: Timestamp) -> Result<()> {
    let kept = serde_json::json!({
        "state": line.state, "purpose": line.purpose, "direction": line.direction,
        "callers": line.callers.iter().map(Caller::as_str).collect::<Vec<_>>(),
        "calls_per_callee": line.calls_per_callee, "calls_per_day": line.calls_per_day, "clauses": line.clauses,
        "unit": line.unit, "owner": line.owner, "defects": line.defects,
    })
    .to_string();
    tx.push(
        "INSERT INTO ledger_history (resource, version, at, entry, action, line) VALUES ($1, $2, $3, $4, $5, $6)",
        &params![&line.id, line.version, now.0, &entry, action, &kept],
    )?;
    Ok(())
}

/// 变更记录: one version of a line.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Version.
    pub version: i64,
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub action: String,
    /// The line as it stood from then on, JSON.
    pub line: String,
}

/// The versions of a line, newest first.
pub fn history(tx: &mut Tx, id: Uuid) -> Result<Vec<Moment>> {
    tx.query("SELECT version, at, action, line FROM ledger_history WHERE resource = $1 ORDER BY version DESC LIMIT 200", &params![&id])?
        .iter()
        .map(|row| Ok(Moment { version: row.int(0)?, at: Timestamp(row.int(1)?), action: row.text(2)?, line: row.text(3)? }))
        .collect()
}

fn read_subject(row: &Row) -> Result<Subject> {
    Ok(Subject {
        id: row.uuid(0)?,
        code: row.text(1)?,
        name: row.text(2)?,
        industry: Industry::from_i64(row.int(3)?).ok_or_else(|| broken("industry"))?,
        blacklisted: row.int(4)? == 1,
        papers: serde_json::from_str(&row.text(5)?).map_err(Failure::internal)?,
    })
}

/// The organisation behind a line.
pub fn subject(tx: &mut Tx, id: Uuid) -> Result<Option<Subject>> {
    let row = tx.query_opt("SELECT id, code, name, industry, blacklisted, papers FROM ledger_subject WHERE id = $1", &params![&id])?;
    row.as_ref().map(read_subject).transpose()
}

/// The organisation with this unified code.
pub fn subject_of_code(tx: &mut Tx, code: &str) -> Result<Option<Subject>> {
    let row = tx.query_opt("SELECT id, code, name, industry, blacklisted, papers FROM ledger_subject WHERE code = $1", &params![code])?;
    row.as_ref().map(read_subject).transpose()
}

/// Writes an organisation as it stands.
pub fn put_subject(tx: &mut Tx, subject: &Subject, now: Timestamp) -> Result<()> {
    let papers = serde_json::to_string(&subject.papers).map_err(Failure::internal)?;
    tx.push(
        "INSERT INTO ledger_subject (id, code, name, industry, blacklisted, papers, updated_at, papers_until) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, industry = excluded.industry, blacklisted = excluded.blacklisted, \
         papers = excluded.papers, updated_at = excluded.updated_at, papers_until = excluded.papers_until",
        &params![
            &subject.id,
            &subject.code,
            &subject.name,
            subject.industry as i64,
            i64::from(subject.blacklisted),
            &papers,
            now.0,
            subject.papers_until().map_or(WITHOUT_END, |day| Timestamp::start_of(day).0)
        ],
    )?;
    Ok(())
}

/// Lines in service of one organisation.
pub fn in_service_of(tx: &mut Tx, subject: Uuid) -> Result<Vec<Resource>> {
    tx.query(&format!("SELECT {COLUMNS} FROM ledger_resource WHERE subject = $1 AND state IN (3, 4)"), &params![&subject])?
        .iter()
        .map(read)
        .collect()
}

/// Lines and all their versions together: grows with every step, and with every subject that is written anew.
pub fn fingerprint(tx: &mut Tx) -> Result<String> {
    let row = tx.query_one("SELECT COUNT(*), CAST(COALESCE(SUM(version), 0) AS BIGINT) FROM ledger_resource", &[])?;
    let subjects = tx.query_one("SELECT COUNT(*), COALESCE(MAX(updated_at), 0) FROM ledger_subject", &[])?;
    Ok(format!("{}.{}.{}.{}", row.int(0)?, row.int(1)?, subjects.int(0)?, subjects.int(1)?))
}

/// Lines whose time to correct has run out.
pub fn overdue(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<Uuid>> {
    tx.query("SELECT id FROM ledger_resource WHERE state = 4 AND correct_by <= $1 ORDER BY correct_by LIMIT $2", &params![now.0, limit])?
        .iter()
        .map(|row| Ok(row.uuid(0)?))
        .collect()
}

/// `papers_until` of a subject none of whose papers runs out; absent: written before the column was there.
const WITHOUT_END: i64 = i64::MAX;

/// Subjects whose papers have not been looked at yet.
pub fn undated(tx: &mut Tx, limit: i64) -> Result<Vec<Subject>> {
    tx.query(
        "SELECT id, code, name, industry, blacklisted, papers FROM ledger_subject WHERE papers_until IS NULL LIMIT $1",
        &params![limit],
    )?
    .iter()
    .map(read_subject)
    .collect()
}

/// Lines in service, by code, with a paper whose last day is past and no finding of it yet.
pub fn expired(tx: &mut Tx, today: Timestamp, after: &str, limit: i64) -> Result<Vec<(Uuid, String)>> {
    tx.query(
        "SELECT r.id, r.code FROM ledger_resource r JOIN ledger_subject s ON s.id = r.subject WHERE r.state IN (3, 4) AND s.papers_until < $1 \
         AND r.defects NOT LIKE '%no_qualification%' AND r.code > $2 ORDER BY r.code LIMIT $3",
        &params![today.0, after, limit],
    )?
    .iter()
    .map(|row| Ok((row.uuid(0)?, row.text(1)?)))
    .collect()
}

/// Adds a finding.
pub fn note(tx: &mut Tx, id: Uuid, resource: Uuid, found: &Found) -> Result<()> {
    tx.push(
        "INSERT INTO ledger_finding (id, resource, at, defect, found_by, evidence, correct_by) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &params![&id, &resource, found.at.0, found.defect as i64, &found.by, &found.evidence, found.correct_by.0],
    )?;
    Ok(())
}

/// Findings at a line, newest first.
pub fn findings(tx: &mut Tx, resource: Uuid) -> Result<Vec<Found>> {
    tx.query(
        "SELECT at, defect, found_by, evidence, correct_by FROM ledger_finding WHERE resource = $1 ORDER BY at DESC, id DESC LIMIT 100",
        &params![&resource],
    )?
    .iter()
    .map(|row| {
        Ok(Found {
            at: Timestamp(row.int(0)?),
            defect: Defect::from_i64(row.int(1)?).ok_or_else(|| broken("defect"))?,
            by: row.text(2)?,
            evidence: row.text(3)?,
            correct_by: Timestamp(row.int(4)?),
        })
    })
    .collect()
}

/// Counts calls of a line; the last of them is kept.
pub fn saw_calls(tx: &mut Tx, resource: Uuid, calls: i64, last: Timestamp) -> Result<()> {
    tx.push(
        "INSERT INTO ledger_traffic (resource, calls, last_at) VALUES ($1, $2, $3) ON CONFLICT (resource) DO UPDATE SET \
         calls = ledger_traffic.calls + excluded.calls, \
         last_at = CASE WHEN excluded.last_at > ledger_traffic.last_at THEN excluded.last_at ELSE ledger_traffic.last_at END",
        &params![&resource, calls, last.0],
    )?;
    Ok(())
}

/// When the last call of a line was seen.
pub fn last_call(tx: &mut Tx, resource: Uuid) -> Result<Option<Timestamp>> {
    let row = tx.query_opt("SELECT last_at FROM ledger_traffic WHERE resource = $1", &params![&resource])?;
    Ok(row.map(|row| row.int(0)).transpose()?.map(Timestamp))
}

/// What a list of the ledger shows. Every field narrows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Region or the start of one.
    pub region: String,
    /// Kind.
    pub kind: Option<Kind>,
    /// State.
    pub state: Option<State>,
    /// Industry of the subject.
    pub industry: Option<Industry>,
    /// With this defect now.
    pub defect: Option<Defect>,
    /// Only what calls pass through.
    pub in_service: bool,
    /// Only what is watched: papers that run out, lines that are idle, lines of a subject on the black list.
    pub watch: Option<Watch>,
    /// What the rules of the day make of that; filled in by [`super::list`].
    pub bounds: Option<Bounds>,
    /// Code, from its start.
    pub code: String,
    /// Keyset: code of the last row before.
    pub after: String,
    /// Rows.
    pub limit: i64,
    /// The total is not wanted.
    pub uncounted: bool,
}

/// A row of the list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The line.
    pub resource: Resource,
    /// Name of the organisation.
    pub subject: String,
    /// Its unified code.
    pub subject_code: String,
    /// Its industry.
    pub industry: Industry,
    /// What it showed.
    pub papers: Vec<Paper>,
    /// Last call seen.
    pub called_at: Option<Timestamp>,
    /// In use, or allotted, since.
    pub since: Timestamp,
}

/// In use since it was opened; allotted and not opened, since the last step.
const SINCE: &str = "COALESCE((SELECT MAX(h.at) FROM ledger_history h WHERE h.resource = r.id AND h.action = 'ledger.open'), r.updated_at)";

fn conditions<'a>(filter: &'a Filter, values: &mut Vec<Param<'a>>) -> String {
    let mut sql = String::from("1 = 1");
    let mut add = |text: &str, value: Param<'a>, values: &mut Vec<Param<'a>>| {
        values.push(value);
        sql.push_str(" AND ");
        sql.push_str(&text.replace('?', &format!("${}", values.len())));
    };
    if filter.region.len() == 6 {
        add("r.region = ?", Param::from(filter.region.as_str()), values);
    } else if !filter.region.is_empty() {
        add("substr(r.region, 1, 2) = ?", Param::from(filter.region.as_str()), values);
    }
    if let Some(kind) = filter.kind {
        add("r.kind = ?", Param::from(kind as i64), values);
    }
    if let Some(state) = filter.state {
        add("r.state = ?", Param::from(state as i64), values);
    }
    if let Some(industry) = filter.industry {
        add("s.industry = ?", Param::from(industry as i64), values);
    }
    if let Some(defect) = filter.defect {
        add("r.defects LIKE '%' || ? || '%'", Param::from(defect.as_str()), values);
    }
    if !filter.code.is_empty() {
        add("substr(r.code, 1, length(?)) = ?", Param::from(filter.code.as_str()), values);
    }
    if let Some((watch, bounds)) = filter.watch.zip(filter.bounds) {
        match watch {
            Watch::Expiring => add("r.state IN (1, 2, 3, 4) AND s.papers_until < ?", Param::from(bounds.papers_before.0), values),
            Watch::Idle => {
                let silent = format!("r.state IN (2, 3, 4) AND COALESCE(t.last_at, {SINCE}) < ?");
                add(&silent, Param::from(bounds.silent_since.0), values);
            }
            // Shut down by then: of any state, so that who is listed can be seen.
            Watch::Blacklisted => add("s.blacklisted = ?", Param::from(1_i64), values),
        }
    }
    if filter.in_service {
        sql.push_str(" AND r.state IN (3, 4)");
    }
    sql
}

const FROM: &str = "FROM ledger_resource r JOIN ledger_subject s ON s.id = r.subject LEFT JOIN ledger_traffic t ON t.resource = r.id";

/// One page, by code.
pub fn list(tx: &mut Tx, filter: &Filter) -> Result<Vec<Listed>> {
    let mut values = Vec::new();
    let sql = conditions(filter, &mut values);
    values.push(Param::from(filter.after.as_str()));
    values.push(Param::from(filter.limit.clamp(1, 1_001)));
    let columns = COLUMNS.split(", ").map(|column| format!("r.{}", column.trim())).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT {columns}, s.name, s.code, s.industry, s.papers, t.last_at, {SINCE} {FROM} \
         WHERE {sql} AND r.code > ${} ORDER BY r.code LIMIT ${}",
        values.len() - 1,
        values.len()
    );
    tx.query(&sql, &values)?
        .iter()
        .map(|row| {
            Ok(Listed {
                resource: read(row)?,
                subject: row.text(19)?,
                subject_code: row.text(20)?,
                industry: Industry::from_i64(row.int(21)?).ok_or_else(|| broken("industry"))?,
                papers: serde_json::from_str(&row.text(22)?).map_err(Failure::internal)?,
                called_at: row.opt_int(23)?.map(Timestamp),
                since: Timestamp(row.int(24)?),
            })
        })
        .collect()
}

/// Counted no further.
pub const COUNT_CAP: i64 = 10_000;

/// How many lines a filter finds, up to [`COUNT_CAP`].
pub fn count(tx: &mut Tx, filter: &Filter) -> Result<i64> {
    let mut values = Vec::new();
    let sql = conditions(filter, &mut values);
    values.push(Param::from(COUNT_CAP));
    let sql = format!("SELECT COUNT(*) FROM (SELECT 1 {FROM} WHERE {sql} LIMIT ${}) AS found", values.len());
    Ok(tx.query_one(&sql, &values)?.int(0)?)
}
