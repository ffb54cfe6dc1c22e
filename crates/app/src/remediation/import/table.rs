//! All SQL of imports.

use std::collections::BTreeMap;

use chuangsha_kernel::{
    Problem, Timestamp,
    id::{OrganisationId, StaffId},
};
use chuangsha_store::{Row, Tx, params};
use uuid::Uuid;

use super::{row::Reject, write::Landed};
use crate::platform::failure::{Failure, Result};

/// Tables of this module. `through` is committed with the rows it stands for: whenever a process dies, the next goes on behind it. A reject
/// names row, field and reason, never the value.
pub const DDL: &str = "
CREATE TABLE import_run (
    id BYTEA PRIMARY KEY,
    file_hash BYTEA NOT NULL,
    mapping_hash BYTEA NOT NULL,
    file_name TEXT NOT NULL,
    mapping TEXT NOT NULL,
    format TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    uploaded BIGINT NOT NULL,
    staff BYTEA,
    organisation BYTEA,
    region TEXT NOT NULL,
    through BIGINT NOT NULL,
    place BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    landed BIGINT NOT NULL,
    known BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    found_unverified BIGINT NOT NULL,
    found_incomplete BIGINT NOT NULL,
    found_holder_differs BIGINT NOT NULL,
    found_group_card BIGINT NOT NULL,
    error TEXT NOT NULL,
    created BIGINT NOT NULL,
    touched BIGINT NOT NULL,
    ended BIGINT,
    version BIGINT NOT NULL,
    UNIQUE (file_hash, mapping_hash),
    CHECK ((ended IS NULL) = (state IN ('waiting', 'running')))
);
CREATE INDEX import_run_live ON import_run (touched, id) WHERE state IN ('waiting', 'running') AND uploaded = 1;
CREATE TABLE import_reject (
    run BYTEA NOT NULL,
    line BIGINT NOT NULL,
    field TEXT NOT NULL,
    code TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (run, line)
);
";

/// What fills the words of the code that ended an import.
pub const DDL_2: &str = "
ALTER TABLE import_run ADD COLUMN error_data TEXT NOT NULL DEFAULT '{}';
";

/// 导入状态
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ImportState)]
pub enum State {
    /// 待执行
    Waiting,
    /// 执行中
    Running,
    /// 已完成
    Done,
    /// 失败
    Failed,
    /// 已取消
    Cancelled,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// From its stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether there is more to do.
    pub const fn live(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }
}

/// 导入: one file under one mapping.
#[derive(Debug, Clone)]
pub struct Run {
    /// Id; also of the sealed file, when it was sent.
    pub id: Uuid,
    /// SHA-256 of the file.
    pub file_hash: Vec<u8>,
    /// SHA-256 of the mapping.
    pub mapping_hash: Vec<u8>,
    /// Name of the file, without its folder.
    pub file_name: String,
    /// The mapping, as given.
    pub mapping: String,
    /// Format in words.
    pub format: String,
    /// Bytes of the file.
    pub bytes: i64,
    /// State.
    pub state: State,
    /// Sent through the console: the server works on it.
    pub uploaded: bool,
    /// Who asked; none at the terminal.
    pub staff: Option<StaffId>,
    /// Their organisation.
    pub organisation: Option<OrganisationId>,
    /// Where they may see it: region or the start of one.
    pub region: String,
    /// Last row that is done.
    pub through: i64,
    /// How far in the file that is.
    pub place: i64,
    /// Rows read.
    pub rows: i64,
    /// Numbers landed.
    pub landed: i64,
    /// Numbers that were there.
    pub known: i64,
    /// Rows refused.
    pub rejected: i64,
    /// Findings, a to d.
    pub findings: [i64; 4],
    /// Code of what ended it.
    pub error: String,
    /// What fills the words of that code: fields, formats, places; never personal data.
    pub error_data: BTreeMap<String, String>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it last went on.
    pub touched: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Guards every step.
    pub version: i64,
}

const COLUMNS: &str = "id, file_hash, mapping_hash, file_name, mapping, format, bytes, state, uploaded, staff, organisation, region, through, \
     place, taken, landed, known, rejected, found_unverified, found_incomplete, found_holder_differs, found_group_card, error, created, touched, \
     ended, version, error_data";

fn read(row: &Row) -> Result<Run> {
    Ok(Run {
        id: row.uuid(0)?,
        file_hash: row.bytes(1)?,
        mapping_hash: row.bytes(2)?,
        file_name: row.text(3)?,
        mapping: row.text(4)?,
        format: row.text(5)?,
        bytes: row.int(6)?,
        state: State::parse(row.str(7)?).ok_or_else(|| Failure::internal("import_run.state holds a value this version does not know"))?,
        uploaded: row.flag(8)?,
        staff: row.opt_uuid(9)?.map(StaffId),
        organisation: row.opt_uuid(10)?.map(OrganisationId),
        region: row.text(11)?,
        through: row.int(12)?,
        place: row.int(13)?,
        rows: row.int(14)?,
        landed: row.int(15)?,
        known: row.int(16)?,
        rejected: row.int(17)?,
        findings: [row.int(18)?, row.int(19)?, row.int(20)?, row.int(21)?],
        error: row.text(22)?,
        created: row.timestamp(23)?,
        touched: row.timestamp(24)?,
        ended: row.opt_timestamp(25)?,
        version: row.int(26)?,
        error_data: serde_json::from_str(row.str(27)?).map_err(Failure::internal)?,
    })
}

/// Writes a new run.
pub fn insert(tx: &mut Tx, run: &Run) -> Result<()> {
    let places: Vec<String> = (1..=28).map(|number| format!("${number}")).collect();
    let error_data = serde_json::to_string(&run.error_data).map_err(Failure::internal)?;
    let [a, b, c, d] = run.findings;
    tx.push(
        &format!("INSERT INTO import_run ({COLUMNS}) VALUES ({})", places.join(", ")),
        &params![
            &run.id,
            &run.file_hash,
            &run.mapping_hash,
            &run.file_name,
            &run.mapping,
            &run.format,
            run.bytes,
            run.state.as_str(),
            run.uploaded,
            run.staff.as_ref().map(StaffId::as_bytes),
            run.organisation.as_ref().map(OrganisationId::as_bytes),
            &run.region,
            run.through,
            run.place,
            run.rows,
            run.landed,
            run.known,
            run.rejected,
            a,
            b,
            c,
            d,
            &run.error,
            run.created,
            run.touched,
            run.ended,
            run.version,
            &error_data
        ],
    )?;
    Ok(())
}

/// The run of a file under a mapping.
pub fn of_file(tx: &mut Tx, file_hash: &[u8], mapping_hash: &[u8]) -> Result<Option<Run>> {
    let sql = format!("SELECT {COLUMNS} FROM import_run WHERE file_hash = $1 AND mapping_hash = $2");
    tx.query_opt(&sql, &params![file_hash, mapping_hash])?.as_ref().map(read).transpose()
}

/// One run.
pub fn find(tx: &mut Tx, id: Uuid) -> Result<Option<Run>> {
    tx.query_opt(&format!("SELECT {COLUMNS} FROM import_run WHERE id = $1"), &params![&id])?.as_ref().map(read).transpose()
}

/// The sent file whose turn it is: the longest untouched.
pub fn next(tx: &mut Tx) -> Result<Option<Run>> {
    let sql =
        format!("SELECT {COLUMNS} FROM import_run WHERE state IN ('waiting', 'running') AND uploaded = 1 ORDER BY touched, id LIMIT 1");
    tx.query_opt(&sql, &[])?.as_ref().map(read).transpose()
}

/// Runs newest first, behind `after`; of a region or the start of one, in a state or in any.
pub fn list(tx: &mut Tx, region: &str, state: &str, after: Option<Uuid>, limit: i64) -> Result<Vec<Run>> {
    let after = after.unwrap_or(Uuid::max());
    let sql = format!(
        "SELECT {COLUMNS} FROM import_run WHERE id < $1 AND ($2 = '' OR substr(region, 1, 2) = $2 OR region = $2) AND ($3 = '' OR state = $3) \
         ORDER BY id DESC LIMIT $4"
    );
    tx.query(&sql, &params![&after, region, state, limit])?.iter().map(read).collect()
}

/// How many there are.
pub fn count(tx: &mut Tx, region: &str, state: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM import_run WHERE ($1 = '' OR substr(region, 1, 2) = $1 OR region = $1) AND ($2 = '' OR state = $2)";
    Ok(tx.query_one(sql, &params![region, state])?.int(0)?)
}

impl Run {
    /// What ended it before its end, in words.
    pub fn stopped(&self) -> Option<Problem> {
        super::rejects::problem(&self.error, &self.error_data)
    }

    /// The same behind a batch.
    #[must_use]
    pub fn after(&self, batch: &super::run::Step, landed: &Landed, now: Timestamp) -> Self {
        let more = |count: i64, by: u64| count.saturating_add(i64::try_from(by).unwrap_or(i64::MAX));
        let mut next = self.clone();
        next.state = State::Running;
        next.through = i64::try_from(batch.through).unwrap_or(i64::MAX);
        next.place = i64::try_from(batch.position).unwrap_or(i64::MAX);
        next.rows = more(next.rows, batch.rows);
        next.landed = more(next.landed, landed.landed);
        next.known = more(next.known, landed.known);
        next.rejected = more(next.rejected, landed.rejects.len() as u64);
        for (count, by) in next.findings.iter_mut().zip(landed.findings) {
            *count = more(*count, by);
        }
        next.touched = now;
        next.version += 1;
        next
    }
}

/// Writes how far a run is, guarded by the version it went on from: of two that work on one file the second is contended.
pub fn advance(tx: &mut Tx, old: &Run, new: &Run) -> Result<()> {
    let [a, b, c, d] = new.findings;
    let error_data = serde_json::to_string(&new.error_data).map_err(Failure::internal)?;
    tx.push_one(
        "UPDATE import_run SET state = $3, through = $4, place = $5, taken = $6, landed = $7, known = $8, rejected = $9, found_unverified = $10, \
         found_incomplete = $11, found_holder_differs = $12, found_group_card = $13, error = $14, touched = $15, ended = $16, version = $17, \
         error_data = $18 WHERE id = $1 AND version = $2",
        &params![
            &new.id,
            old.version,
            new.state.as_str(),
            new.through,
            new.place,
            new.rows,
            new.landed,
            new.known,
            new.rejected,
            a,
            b,
            c,
            d,
            &new.error,
            new.touched,
            new.ended,
            new.version,
            &error_data
        ],
    )?;
    Ok(())
}

/// Puts rejects on record.
pub fn put_rejects(tx: &mut Tx, run: Uuid, rejects: &[Reject]) -> Result<()> {
    let data: Vec<String> = rejects.iter().map(|reject| serde_json::to_string(&reject.data).unwrap_or_default()).collect();
    let rows = rejects
        .iter()
        .zip(&data)
        .map(|(reject, data)| params![&run, i64::try_from(reject.row).unwrap_or(i64::MAX), reject.field, reject.code.id, data]);
    Ok(tx.bulk("import_reject", "run, line, field, code, data", rows)?)
}

/// Rejects of a run by row, behind `after`: row, field, code, data.
pub fn rejects(tx: &mut Tx, run: Uuid, after: i64, limit: i64) -> Result<Vec<(i64, String, String, String)>> {
    let sql = "SELECT line, field, code, data FROM import_reject WHERE run = $1 AND line > $2 ORDER BY line LIMIT $3";
    tx.query(sql, &params![&run, after, limit])?.iter().map(|row| Ok((row.int(0)?, row.text(1)?, row.text(2)?, row.text(3)?))).collect()
}
