//! All SQL of jobs.

use chuangsha_kernel::{
    id::StaffId,
    problem::{Language, Problem},
    role::RoleSet,
    time::Timestamp,
};
use chuangsha_store::{Row, Tx, params};
use chuangsha_vault::Domain;
use uuid::Uuid;

use super::{ASKED, Asked, Job, Kind, State};
use crate::{
    App,
    platform::{
        failure::{Failure, Result, code::NOT_FOUND},
        keys,
        people::behalf::Behalf,
    },
};

const COLUMNS: &str = "id, kind, list, act, staff, staff_epoch, organisation_epoch, roles, mfa_at, passkey, network, language, asked, state, due, \
                       list_cursor, gathered, total, done, failed, progress, error, created, started, ended, version";

/// Writes a new job.
pub fn insert(app: &App, tx: &mut Tx<'_>, job: &Job) -> Result<()> {
    let key = app.key_of(tx, job.id, Domain::Export)?;
    let asked = serde_json::to_string(&job.asked).map_err(Failure::internal)?;
    let behalf = &job.behalf;
    tx.push(
        &format!("INSERT INTO job ({COLUMNS}, touched) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $23)"),
        &params![
            &job.id,
            job.kind.as_str(),
            &job.list,
            &job.act,
            behalf.staff.as_bytes(),
            behalf.staff_epoch,
            behalf.organisation_epoch,
            behalf.roles.bits(),
            behalf.mfa_at,
            behalf.passkey,
            &behalf.address,
            language_text(job.language),
            &keys::seal(&key, ASKED, &asked)?,
            job.state.as_str(),
            job.due,
            &job.cursor,
            job.gathered,
            job.total,
            job.done,
            job.failed,
            &job.progress,
            &job.error,
            job.created,
            job.started,
            job.ended,
            job.version
        ],
    )?;
    Ok(())
}

fn language_text(language: Language) -> &'static str {
    match language {
        Language::Chinese => "zh-CN",
        Language::English => "en",
    }
}

fn read(app: &App, tx: &mut Tx<'_>, row: &Row) -> Result<Job> {
    let id = row.uuid(0)?;
    // The key of a job whose file ran out was destroyed with it: what was asked is forgotten too.
    let asked = match app.key_if_any(tx, id, Domain::Export)? {
        Some(key) => serde_json::from_str(&keys::open(&key, ASKED, row.slice(12)?)?).map_err(Failure::internal)?,
        None => Asked::default(),
    };
    Ok(Job {
        id,
        kind: if row.str(1)? == "export" { Kind::Export } else { Kind::Batch },
        list: row.text(2)?,
        act: row.text(3)?,
        behalf: Behalf {
            staff: StaffId(row.uuid(4)?),
            staff_epoch: row.int(5)?,
            organisation_epoch: row.int(6)?,
            roles: RoleSet::from_bits(row.int(7)?),
            mfa_at: row.opt_timestamp(8)?,
            passkey: row.flag(9)?,
            address: row.text(10)?,
        },
        language: if row.str(11)? == "en" { Language::English } else { Language::Chinese },
        asked,
        state: State::parse(row.str(13)?).ok_or_else(|| Failure::internal("job.state holds a value this version does not know"))?,
        due: row.timestamp(14)?,
        cursor: row.text(15)?,
        gathered: row.flag(16)?,
        total: row.int(17)?,
        done: row.int(18)?,
        failed: row.int(19)?,
        progress: row.text(20)?,
        error: row.text(21)?,
        created: row.timestamp(22)?,
        started: row.opt_timestamp(23)?,
        ended: row.opt_timestamp(24)?,
        version: row.int(25)?,
    })
}

/// A job of this person; another's looks like none.
///
/// # Errors
/// `platform.not_found`
pub fn find_own(app: &App, tx: &mut Tx<'_>, staff: StaffId, id: Uuid) -> Result<Job> {
    let row = tx.query_opt(&format!("SELECT {COLUMNS} FROM job WHERE id = $1 AND staff = $2"), &params![&id, staff.as_bytes()])?;
    let row = row.ok_or_else(|| Failure::from(Problem::new(&NOT_FOUND)))?;
    read(app, tx, &row)
}

/// The jobs of a person, newest first; a page behind `after`.
pub fn list(app: &App, tx: &mut Tx<'_>, staff: StaffId, state: &str, after: Option<Uuid>, limit: i64) -> Result<Vec<Job>> {
    let after = after.unwrap_or(Uuid::max());
    let sql = format!("SELECT {COLUMNS} FROM job WHERE staff = $1 AND id < $2 AND ($3 = '' OR state = $3) ORDER BY id DESC LIMIT $4");
    let rows = tx.query(&sql, &params![staff.as_bytes(), &after, state, limit.clamp(1, 200)])?;
    rows.iter().map(|row| read(app, tx, row)).collect()
}

/// How many jobs of a person there are.
pub fn count(tx: &mut Tx<'_>, staff: StaffId, state: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM job WHERE staff = $1 AND ($2 = '' OR state = $2)";
    Ok(tx.query_one(sql, &params![staff.as_bytes(), state])?.int(0)?)
}

/// How many jobs of a person are not over.
pub fn live(tx: &mut Tx<'_>, staff: StaffId) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM job WHERE staff = $1 AND state IN ('waiting', 'running')";
    Ok(tx.query_one(sql, &params![staff.as_bytes()])?.int(0)?)
}

/// The job whose turn it is: due, and the longest untouched, so that a short one does not wait for a long one's end.
pub fn next(app: &App, tx: &mut Tx<'_>, now: Timestamp) -> Result<Option<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM job WHERE state IN ('waiting', 'running') AND due <= $1 ORDER BY touched, id LIMIT 1");
    let row = tx.query_opt(&sql, &params![now])?;
    row.map(|row| read(app, tx, &row)).transpose()
}

/// Puts a job behind the others.
pub fn touch(tx: &mut Tx<'_>, id: Uuid, now: Timestamp) -> Result<()> {
    Ok(tx.push("UPDATE job SET touched = $2 WHERE id = $1", &params![&id, now])?)
}

/// What changed in a turn.
#[derive(Debug, Clone, Default)]
pub struct Turn {
    /// Lines found.
    pub found: i64,
    /// Lines done.
    pub done: i64,
    /// Lines refused.
    pub failed: i64,
}

/// Writes a turn down; `job` carries what it is now. `false`: it was cancelled, or another worker was quicker; nothing changed, and the
/// transaction must not commit anything else of the turn.
pub fn advance(tx: &mut Tx<'_>, job: &Job, turn: &Turn, state: State, now: Timestamp) -> Result<bool> {
    let started = job.started.unwrap_or(now);
    let ended = (!state.live()).then_some(now);
    let changed = tx.execute(
        "UPDATE job SET state = $3, list_cursor = $4, gathered = $5, total = total + $6, done = done + $7, failed = failed + $8, progress = $9, \
         error = $10, started = $11, ended = $12, touched = $13, version = version + 1 \
         WHERE id = $1 AND version = $2 AND state IN ('waiting', 'running')",
        &params![
            &job.id,
            job.version,
            state.as_str(),
            &job.cursor,
            job.gathered,
            turn.found,
            turn.done,
            turn.failed,
            &job.progress,
            &job.error,
            started,
            ended,
            now
        ],
    )?;
    Ok(changed == 1)
}

impl Job {
    /// The same after a turn that was written down.
    pub fn after(mut self, turn: &Turn, state: State, now: Timestamp) -> Self {
        self.total += turn.found;
        self.done += turn.done;
        self.failed += turn.failed;
        self.state = state;
        self.started = self.started.or(Some(now));
        self.ended = (!state.live()).then_some(now);
        self.version += 1;
        self
    }
}

/// Cancels. `false`: it was over.
pub fn cancel(tx: &mut Tx<'_>, id: Uuid, staff: StaffId, now: Timestamp) -> Result<bool> {
    let sql = "UPDATE job SET state = 'cancelled', ended = $3, touched = $3, version = version + 1 \
               WHERE id = $1 AND staff = $2 AND state IN ('waiting', 'running')";
    Ok(tx.execute(sql, &params![&id, staff.as_bytes(), now])? == 1)
}

/// Adds lines behind those known; the same line twice is one. Says how many are new.
pub fn add_lines(tx: &mut Tx<'_>, job: Uuid, from: i64, lines: &[String]) -> Result<i64> {
    let mut added = 0;
    for line in lines {
        let sql = "INSERT INTO job_line (job, position, line, state, told) VALUES ($1, $2, $3, 0, '') ON CONFLICT (job, line) DO NOTHING";
        added += i64::try_from(tx.execute(sql, &params![&job, from + added, line])?).unwrap_or(0);
    }
    Ok(added)
}

/// Lines not tried yet.
pub fn open_lines(tx: &mut Tx<'_>, job: Uuid, limit: i64) -> Result<Vec<(i64, String)>> {
    let sql = "SELECT position, line FROM job_line WHERE job = $1 AND state = 0 ORDER BY position LIMIT $2";
    tx.query(sql, &params![&job, limit])?.iter().map(|row| Ok((row.int(0)?, row.text(1)?))).collect()
}

/// What came of one line: nothing told is done.
pub fn close_line(tx: &mut Tx<'_>, job: Uuid, position: i64, told: Option<&str>) -> Result<()> {
    let state = if told.is_some() { 2_i64 } else { 1 };
    let sql = "UPDATE job_line SET state = $3, told = $4 WHERE job = $1 AND position = $2 AND state = 0";
    tx.push_one(sql, &params![&job, position, state, told.unwrap_or_default()])?;
    Ok(())
}

/// Lines that were refused: position, line, what was told.
pub fn refused(tx: &mut Tx<'_>, job: Uuid, limit: i64) -> Result<Vec<(i64, String, String)>> {
    let sql = "SELECT position, line, told FROM job_line WHERE job = $1 AND state = 2 ORDER BY position LIMIT $2";
    tx.query(sql, &params![&job, limit])?.iter().map(|row| Ok((row.int(0)?, row.text(1)?, row.text(2)?))).collect()
}
