//! 清查表: all SQL of sweeps.

use chuangsha_kernel::time::Timestamp;
use chuangsha_store::{Param, Row, Tx, params};
use uuid::Uuid;

use super::{Outcome, Stage, Sweep, Work};
use crate::{
    platform::failure::{Failure, Result},
    resources::{Defect, Industry, Kind},
};

/// Tables of sweeps. A result is written once.
pub const DDL: &str = "
CREATE TABLE ledger_sweep (
    id BYTEA PRIMARY KEY,
    name TEXT NOT NULL,
    region TEXT NOT NULL,
    industries TEXT NOT NULL,
    kinds TEXT NOT NULL,
    starts TEXT NOT NULL,
    ends TEXT NOT NULL,
    lead TEXT NOT NULL,
    stage BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    closed_at BIGINT,
    CONSTRAINT what_is_closed_has_its_moment CHECK ((stage = 2) = (closed_at IS NOT NULL))
);
CREATE TABLE ledger_check (
    sweep BYTEA NOT NULL REFERENCES ledger_sweep (id),
    resource BYTEA NOT NULL REFERENCES ledger_resource (id),
    code TEXT NOT NULL,
    region TEXT NOT NULL,
    industry BIGINT NOT NULL,
    outcome BIGINT NOT NULL,
    defects TEXT NOT NULL,
    evidence TEXT NOT NULL,
    checked_by TEXT NOT NULL,
    checked_at BIGINT,
    PRIMARY KEY (sweep, resource),
    CONSTRAINT a_result_has_its_person_and_moment CHECK ((outcome = 0) = (checked_at IS NULL) AND (outcome = 0) = (checked_by = '')),
    CONSTRAINT a_defect_has_its_evidence CHECK ((outcome = 2) = (defects <> '') AND (outcome = 2) = (evidence <> ''))
);
CREATE INDEX ledger_check_code ON ledger_check (sweep, code);
CREATE INDEX ledger_check_resource ON ledger_check (resource, checked_at);
";

const COLUMNS: &str = "id, name, region, industries, kinds, starts, ends, lead, stage, created_at, closed_at";

fn broken(column: &str) -> Failure {
    Failure::internal(format!("ledger_sweep.{column} holds a value this version does not know"))
}

fn each<T>(text: &str, column: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>> {
    text.split(',').filter(|part| !part.is_empty()).map(|part| parse(part).ok_or_else(|| broken(column))).collect()
}

fn joined<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> String {
    all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(",")
}

fn read(row: &Row) -> Result<Sweep> {
    Ok(Sweep {
        id: row.uuid(0)?,
        name: row.text(1)?,
        region: row.text(2)?,
        industries: each(&row.text(3)?, "industries", Industry::parse)?,
        kinds: each(&row.text(4)?, "kinds", Kind::parse)?,
        starts: row.text(5)?.parse().map_err(|_| broken("starts"))?,
        ends: row.text(6)?.parse().map_err(|_| broken("ends"))?,
        lead: row.text(7)?,
        stage: Stage::from_i64(row.int(8)?).ok_or_else(|| broken("stage"))?,
        created_at: Timestamp(row.int(9)?),
        closed_at: row.opt_int(10)?.map(Timestamp),
    })
}

/// Writes a new sweep.
pub fn insert(tx: &mut Tx, sweep: &Sweep) -> Result<()> {
    let (industries, kinds) = (joined(&sweep.industries, Industry::as_str), joined(&sweep.kinds, Kind::as_str));
    tx.push(
        &format!("INSERT INTO ledger_sweep ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"),
        &params![
            &sweep.id,
            &sweep.name,
            &sweep.region,
            &industries,
            &kinds,
            &sweep.starts.to_string(),
            &sweep.ends.to_string(),
            &sweep.lead,
            sweep.stage as i64,
            sweep.created_at.0,
            sweep.closed_at.map(|at| at.0)
        ],
    )?;
    Ok(())
}

/// Puts every line in service that the sweep covers on its list; how many.
pub fn fill(tx: &mut Tx, sweep: &Sweep) -> Result<i64> {
    let list = |numbers: Vec<i64>| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let industries = list(sweep.industries.iter().map(|one| *one as i64).collect());
    let mut sql = format!(
        "INSERT INTO ledger_check (sweep, resource, code, region, industry, outcome, defects, evidence, checked_by, checked_at) \
         SELECT w.id, r.id, r.code, r.region, s.industry, 0, '', '', '', NULL FROM ledger_sweep w, ledger_resource r \
         JOIN ledger_subject s ON s.id = r.subject \
         WHERE w.id = $1 AND substr(r.region, 1, length(w.region)) = w.region AND r.state IN (3, 4) AND s.industry IN ({industries})"
    );
    if !sweep.kinds.is_empty() {
        sql.push_str(&format!(" AND r.kind IN ({})", list(sweep.kinds.iter().map(|one| *one as i64).collect())));
    }
    let lines = tx.execute(&sql, &params![&sweep.id])?;
    i64::try_from(lines).map_err(Failure::internal)
}

/// One sweep.
pub fn find(tx: &mut Tx, id: Uuid) -> Result<Option<Sweep>> {
    let row = tx.query_opt(&format!("SELECT {COLUMNS} FROM ledger_sweep WHERE id = $1"), &params![&id])?;
    row.as_ref().map(read).transpose()
}

/// Ends a sweep that runs.
pub fn close(tx: &mut Tx, sweep: &Sweep) -> Result<()> {
    tx.push_one(
        "UPDATE ledger_sweep SET stage = 2, closed_at = $2 WHERE id = $1 AND stage = 1",
        &params![&sweep.id, sweep.closed_at.map(|at| at.0)],
    )?;
    Ok(())
}

/// Sweeps that lie in, above or around a region, newest first: lines, and how many of them have a result.
pub fn list(tx: &mut Tx, region: &str, stage: Option<Stage>, after: Option<Uuid>, limit: i64) -> Result<Vec<(Sweep, i64, i64)>> {
    let mut values = vec![Param::from(region)];
    let mut sql = String::from("(w.region = '' OR substr($1, 1, length(w.region)) = w.region OR substr(w.region, 1, length($1)) = $1)");
    if let Some(stage) = stage {
        values.push(Param::from(stage as i64));
        sql.push_str(&format!(" AND w.stage = ${}", values.len()));
    }
    if let Some(after) = &after {
        values.push(Param::from(after));
        sql.push_str(&format!(" AND w.id < ${}", values.len()));
    }
    values.push(Param::from(limit.clamp(1, 1_001)));
    let columns = COLUMNS.split(", ").map(|column| format!("w.{column}")).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT {columns}, (SELECT COUNT(*) FROM ledger_check c WHERE c.sweep = w.id), \
         (SELECT COUNT(*) FROM ledger_check c WHERE c.sweep = w.id AND c.outcome <> 0) \
         FROM ledger_sweep w WHERE {sql} ORDER BY w.id DESC LIMIT ${}",
        values.len()
    );
    tx.query(&sql, &values)?.iter().map(|row| Ok((read(row)?, row.int(11)?, row.int(12)?))).collect()
}

/// 进度 of one industry in one city.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Progress {
    /// Industry.
    pub industry: Industry,
    /// City.
    pub region: String,
    /// Lines.
    pub lines: i64,
    /// Without fault.
    pub clean: i64,
    /// With defects.
    pub defective: i64,
    /// No longer in service.
    pub gone: i64,
}

impl Progress {
    /// Lines with a result.
    pub const fn done(&self) -> i64 {
        self.clean + self.defective + self.gone
    }
}

/// Progress by industry and city, within a region.
pub fn progress(tx: &mut Tx, id: Uuid, region: &str) -> Result<Vec<Progress>> {
    let sql = "SELECT industry, region, COUNT(*), SUM(CASE WHEN outcome = 1 THEN 1 ELSE 0 END), \
               SUM(CASE WHEN outcome = 2 THEN 1 ELSE 0 END), SUM(CASE WHEN outcome = 3 THEN 1 ELSE 0 END) FROM ledger_check \
               WHERE sweep = $1 AND substr(region, 1, length($2)) = $2 GROUP BY industry, region ORDER BY industry, region";
    tx.query(sql, &params![&id, region])?
        .iter()
        .map(|row| {
            Ok(Progress {
                industry: Industry::from_i64(row.int(0)?).ok_or_else(|| broken("industry"))?,
                region: row.text(1)?,
                lines: row.int(2)?,
                clean: row.int(3)?,
                defective: row.int(4)?,
                gone: row.int(5)?,
            })
        })
        .collect()
}

/// The result of a line so far; `None`: the line is not on the list.
pub fn outcome(tx: &mut Tx, sweep: Uuid, resource: Uuid) -> Result<Option<Outcome>> {
    let row = tx.query_opt("SELECT outcome FROM ledger_check WHERE sweep = $1 AND resource = $2", &params![&sweep, &resource])?;
    row.map(|row| Outcome::from_i64(row.int(0)?).ok_or_else(|| broken("outcome"))).transpose()
}

/// Writes the result of a line that has none.
#[allow(clippy::too_many_arguments, reason = "one line per column")]
pub fn settle(
    tx: &mut Tx,
    sweep: Uuid,
    resource: Uuid,
    outcome: Outcome,
    defects: &[Defect],
    evidence: &str,
    by: &str,
    now: Timestamp,
) -> Result<()> {
    tx.push_one(
        "UPDATE ledger_check SET outcome = $3, defects = $4, evidence = $5, checked_by = $6, checked_at = $7 \
         WHERE sweep = $1 AND resource = $2 AND outcome = 0",
        &params![&sweep, &resource, outcome as i64, &joined(defects, Defect::as_str), evidence, by, now.0],
    )?;
    Ok(())
}

/// One line of a work list.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The line.
    pub resource: Uuid,
    /// Its code.
    pub code: String,
    /// City.
    pub region: String,
    /// Industry of its subject.
    pub industry: Industry,
    /// Subject.
    pub subject: String,
    /// Result.
    pub outcome: Outcome,
    /// Defects found.
    pub defects: Vec<Defect>,
    /// What shows them.
    pub evidence: String,
    /// Staff number of who checked.
    pub by: String,
    /// When.
    pub at: Option<Timestamp>,
}

const LINE: &str = "SELECT c.resource, c.code, c.region, c.industry, s.name, c.outcome, c.defects, c.evidence, c.checked_by, c.checked_at \
                    FROM ledger_check c JOIN ledger_resource r ON r.id = c.resource JOIN ledger_subject s ON s.id = r.subject";

fn checked(row: &Row) -> Result<Checked> {
    Ok(Checked {
        resource: row.uuid(0)?,
        code: row.text(1)?,
        region: row.text(2)?,
        industry: Industry::from_i64(row.int(3)?).ok_or_else(|| broken("industry"))?,
        subject: row.text(4)?,
        outcome: Outcome::from_i64(row.int(5)?).ok_or_else(|| broken("outcome"))?,
        defects: each(&row.text(6)?, "defects", Defect::parse)?,
        evidence: row.text(7)?,
        by: row.text(8)?,
        at: row.opt_int(9)?.map(Timestamp),
    })
}

/// One line of one sweep.
pub fn one(tx: &mut Tx, sweep: Uuid, resource: Uuid) -> Result<Option<Checked>> {
    let row = tx.query_opt(&format!("{LINE} WHERE c.sweep = $1 AND c.resource = $2"), &params![&sweep, &resource])?;
    row.as_ref().map(checked).transpose()
}

fn conditions<'a>(work: &'a Work, id: &'a Uuid, values: &mut Vec<Param<'a>>) -> String {
    values.push(Param::from(id));
    values.push(Param::from(work.region.as_str()));
    let mut sql = String::from("c.sweep = $1 AND substr(c.region, 1, length($2)) = $2");
    for (column, value) in [("outcome", work.outcome.map(|one| one as i64)), ("industry", work.industry.map(|one| one as i64))] {
        if let Some(value) = value {
            values.push(Param::from(value));
            sql.push_str(&format!(" AND c.{column} = ${}", values.len()));
        }
    }
    sql
}

/// One page of a work list, by code.
pub fn work(tx: &mut Tx, id: Uuid, work: &Work) -> Result<Vec<Checked>> {
    let mut values = Vec::new();
    let sql = conditions(work, &id, &mut values);
    values.push(Param::from(work.after.as_str()));
    values.push(Param::from(work.limit.clamp(1, 1_001)));
    let sql = format!("{LINE} WHERE {sql} AND c.code > ${} ORDER BY c.code LIMIT ${}", values.len() - 1, values.len());
    tx.query(&sql, &values)?.iter().map(checked).collect()
}

/// How many lines a work list has.
pub fn count(tx: &mut Tx, id: Uuid, work: &Work) -> Result<i64> {
    let mut values = Vec::new();
    let sql = conditions(work, &id, &mut values);
    Ok(tx.query_one(&format!("SELECT COUNT(*) FROM ledger_check c WHERE {sql}"), &values)?.int(0)?)
}

/// When a line was last checked in a sweep.
pub fn last_check(tx: &mut Tx, resource: Uuid) -> Result<Option<Timestamp>> {
    let row = tx.query_one("SELECT MAX(checked_at) FROM ledger_check WHERE resource = $1", &params![&resource])?;
    Ok(row.opt_int(0)?.map(Timestamp))
}
