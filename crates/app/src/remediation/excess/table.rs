//! All SQL of the cases of too many numbers.

use chuangsha_kernel::Timestamp;
use chuangsha_store::{Row, Tx, params};
use uuid::Uuid;

use crate::platform::failure::{Failure, Result};

/// Tables of this module. A person has one open case a class of number.
pub const DDL: &str = "
CREATE TABLE excess_case (
    id BYTEA PRIMARY KEY,
    person_key BYTEA NOT NULL,
    class TEXT NOT NULL,
    region TEXT NOT NULL,
    numbers BIGINT NOT NULL,
    most BIGINT NOT NULL,
    state BIGINT NOT NULL CHECK (state IN (1, 2)),
    kept BIGINT NOT NULL,
    given_up BIGINT NOT NULL,
    not_mine BIGINT NOT NULL,
    found_at BIGINT NOT NULL,
    settled_at BIGINT,
    version BIGINT NOT NULL,
    CONSTRAINT what_is_settled_says_when CHECK ((state = 2) = (settled_at IS NOT NULL)),
    CONSTRAINT nobody_keeps_more_than_allowed CHECK (kept <= most OR state = 1)
);
CREATE UNIQUE INDEX excess_case_open ON excess_case (person_key, class) WHERE state = 1;
CREATE INDEX excess_case_region ON excess_case (region, state, id);
";

/// A person is asked once about the numbers they have: their settled cases are looked up with each pass.
pub const DDL_2: &str = "CREATE INDEX excess_case_person ON excess_case (person_key, class, settled_at);";

/// 核对状态
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExcessState)]
pub enum State {
    /// 待核对
    Open = 1,
    /// 已办结
    Settled = 2,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 2] = [Self::Open, Self::Settled];

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Settled => "settled",
        }
    }

    /// From its stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// 一证多号: one person beyond the limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Id.
    pub id: Uuid,
    /// The person, as a blind index.
    pub person_key: [u8; 16],
    /// What is counted: `mobile`, `iot`.
    pub class: String,
    /// City, six digits.
    pub region: String,
    /// Numbers when it was found.
    pub numbers: i64,
    /// How many the law let one have then.
    pub most: i64,
    /// State.
    pub state: State,
    /// Kept.
    pub kept: i64,
    /// Given up.
    pub given_up: i64,
    /// Never theirs.
    pub not_mine: i64,
    /// When it was found.
    pub found_at: Timestamp,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
    /// Guards every step.
    pub version: i64,
}

const COLUMNS: &str = "id, person_key, class, region, numbers, most, state, kept, given_up, not_mine, found_at, settled_at, version";

fn read(row: &Row) -> Result<Case> {
    let broken = |column: &str| Failure::internal(format!("excess_case.{column} holds a value this version does not know"));
    Ok(Case {
        id: row.uuid(0)?,
        person_key: row.slice(1)?.try_into().map_err(|_| broken("person_key"))?,
        class: row.text(2)?,
        region: row.text(3)?,
        numbers: row.int(4)?,
        most: row.int(5)?,
        state: State::ALL
            .into_iter()
            .find(|state| row.int(6).is_ok_and(|number| number == *state as i64))
            .ok_or_else(|| broken("state"))?,
        kept: row.int(7)?,
        given_up: row.int(8)?,
        not_mine: row.int(9)?,
        found_at: row.timestamp(10)?,
        settled_at: row.opt_timestamp(11)?,
        version: row.int(12)?,
    })
}

/// A person with many numbers of one class.
#[derive(Debug, Clone)]
pub struct Beyond {
    /// The person.
    pub person_key: [u8; 16],
    /// The class.
    pub class: String,
}

/// Persons with more than `least` slots, from the one behind `after`: in the order of the quota's own key, so that it is one pass.
pub fn beyond(tx: &mut Tx, operator: &str, after: &(Vec<u8>, String), least: i64, limit: i64) -> Result<Vec<Beyond>> {
    let sql = "SELECT person_key, class FROM quota_slot WHERE operator = $1 AND person_key >= $2 AND (person_key > $2 OR class > $3) \
               GROUP BY person_key, class HAVING COUNT(*) > $4 ORDER BY person_key, class LIMIT $5";
    tx.query(sql, &params![operator, &after.0, &after.1, least, limit])?
        .iter()
        .map(|row| {
            let person_key = row.slice(0)?.try_into().map_err(|_| Failure::internal("quota_slot.person_key has another length"))?;
            Ok(Beyond { person_key, class: row.text(1)? })
        })
        .collect()
}

/// Whether a person has an open case.
pub fn is_open(tx: &mut Tx, person_key: &[u8; 16], class: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM excess_case WHERE person_key = $1 AND class = $2 AND state = 1";
    Ok(tx.query_opt(sql, &params![person_key, class])?.is_some())
}

/// Whether a person was asked about the numbers they have: a case was settled after the newest of them came.
pub fn settled_since(tx: &mut Tx, person_key: &[u8; 16], class: &str, newest: Timestamp) -> Result<bool> {
    let sql = "SELECT 1 FROM excess_case WHERE person_key = $1 AND class = $2 AND state = 2 AND settled_at >= $3 LIMIT 1";
    Ok(tx.query_opt(sql, &params![person_key, class, newest])?.is_some())
}

/// Writes a new case.
pub fn insert(tx: &mut Tx, case: &Case) -> Result<()> {
    tx.push_one(
        &format!("INSERT INTO excess_case ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"),
        &params![
            &case.id,
            &case.person_key,
            &case.class,
            &case.region,
            case.numbers,
            case.most,
            case.state as i64,
            case.kept,
            case.given_up,
            case.not_mine,
            case.found_at,
            case.settled_at,
            case.version
        ],
    )?;
    Ok(())
}

/// Writes what became of a case, guarded by the version it was decided on.
pub fn advance(tx: &mut Tx, old: &Case, new: &Case) -> Result<()> {
    tx.push_one(
        "UPDATE excess_case SET state = $3, kept = $4, given_up = $5, not_mine = $6, settled_at = $7, version = $8 WHERE id = $1 AND version = $2",
        &params![&old.id, old.version, new.state as i64, new.kept, new.given_up, new.not_mine, new.settled_at, new.version],
    )?;
    Ok(())
}

/// One case.
pub fn find(tx: &mut Tx, id: Uuid) -> Result<Option<Case>> {
    tx.query_opt(&format!("SELECT {COLUMNS} FROM excess_case WHERE id = $1"), &params![&id])?.as_ref().map(read).transpose()
}

/// Which cases. Every field narrows; none widens.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Region or the start of one; empty: everywhere.
    pub region: String,
    /// State.
    pub state: Option<State>,
    /// Behind this one.
    pub after: Option<Uuid>,
    /// At most.
    pub limit: i64,
}

const WHERE: &str = "($1 = '' OR substr(region, 1, 2) = $1 OR region = $1) AND ($2 = 0 OR state = $2)";

/// Cases, the oldest first.
pub fn list(tx: &mut Tx, filter: &Filter) -> Result<Vec<Case>> {
    let after = filter.after.unwrap_or(Uuid::nil());
    let sql = format!("SELECT {COLUMNS} FROM excess_case WHERE {WHERE} AND id > $3 ORDER BY id LIMIT $4");
    let state = filter.state.map_or(0, |state| state as i64);
    tx.query(&sql, &params![&filter.region, state, &after, filter.limit])?.iter().map(read).collect()
}

/// How many there are.
pub fn count(tx: &mut Tx, filter: &Filter) -> Result<i64> {
    let state = filter.state.map_or(0, |state| state as i64);
    Ok(tx.query_one(&format!("SELECT COUNT(*) FROM excess_case WHERE {WHERE}"), &params![&filter.region, state])?.int(0)?)
}
