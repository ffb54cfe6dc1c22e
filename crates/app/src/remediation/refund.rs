//! 退费台账: what a cancelled line is owed, until it is paid or stands in the unclaimed register (R-REM-11). Nothing in it is ever lost.

use chuangsha_kernel::time::Timestamp;
use chuangsha_store::{Row, Tx, params};
use uuid::Uuid;

use crate::platform::failure::{Failure, Result};

/// Table of this file.
pub const DDL: &str = "
CREATE TABLE remediation_refund (
    case_id BYTEA PRIMARY KEY,
    subscription BYTEA NOT NULL,
    region TEXT NOT NULL,
    amount BIGINT NOT NULL,
    state BIGINT NOT NULL,
    at BIGINT NOT NULL,
    settled_at BIGINT,
    reference TEXT NOT NULL,
    CHECK (amount >= 0)
);
CREATE INDEX remediation_refund_state ON remediation_refund (state, at, case_id);
";

crate::platform::listed::listed! {
    /// 退费状态
    #[schema(as = RemediationRefundState)]
    State {
        Computed = 1, "computed", "已核算", "Computed";
        Owed = 2, "owed", "待退", "Owed";
        Settled = 3, "settled", "已退", "Paid";
        Unclaimed = 4, "unclaimed", "未领登记", "Unclaimed";
        AccountClosed = 5, "account_closed", "账户已销，转未领登记", "The account is closed: unclaimed";
    }
}

impl State {
    /// Nobody has the money yet, and nobody is being paid: whoever comes for it gets it.
    pub const fn waits_for_somebody(self) -> bool {
        matches!(self, Self::Unclaimed | Self::AccountClosed)
    }
}

/// 退费
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Case.
    pub case: Uuid,
    /// The line.
    pub subscription: Uuid,
    /// City.
    pub region: String,
    /// Fen.
    pub amount: i64,
    /// State.
    pub state: State,
    /// When it was computed or owed.
    pub at: Timestamp,
    /// When it was paid or put into the register.
    pub settled_at: Option<Timestamp>,
    /// Number of the payment.
    pub reference: String,
}

const COLUMNS: &str = "case_id, subscription, region, amount, state, at, settled_at, reference";

fn read(row: &Row) -> Result<Refund> {
    Ok(Refund {
        case: row.uuid(0)?,
        subscription: row.uuid(1)?,
        region: row.text(2)?,
        amount: row.int(3)?,
        state: State::from_i64(row.int(4)?)
            .ok_or_else(|| Failure::internal("remediation_refund.state holds a value this version does not know"))?,
        at: row.timestamp(5)?,
        settled_at: row.opt_timestamp(6)?,
        reference: row.text(7)?,
    })
}

/// The refund of a case.
pub fn find(tx: &mut Tx, case: Uuid) -> Result<Option<Refund>> {
    tx.query_opt(&format!("SELECT {COLUMNS} FROM remediation_refund WHERE case_id = $1"), &params![&case])?.as_ref().map(read).transpose()
}

/// 核算余额: what the line would be owed if it were cancelled now. Computed anew until it is owed; then it stands.
pub fn compute(tx: &mut Tx, case: &super::Case, amount: i64, now: Timestamp) -> Result<()> {
    Ok(tx.push(
        "INSERT INTO remediation_refund (case_id, subscription, region, amount, state, at, reference) VALUES ($1, $2, $3, $4, 1, $5, '') \
         ON CONFLICT (case_id) DO UPDATE SET amount = excluded.amount, at = excluded.at WHERE remediation_refund.state = 1",
        &params![&case.id, &case.subscription, &case.region, amount, now.0],
    )?)
}

/// What is computed is owed from now on.
pub fn owe(tx: &mut Tx, case: Uuid, now: Timestamp) -> Result<()> {
    // Nothing owed is paid already.
    let sql = "UPDATE remediation_refund SET state = CASE WHEN amount = 0 THEN 3 ELSE 2 END, at = $2, \
               settled_at = CASE WHEN amount = 0 THEN CAST($2 AS BIGINT) ELSE NULL END WHERE case_id = $1 AND state = 1";
    Ok(tx.push_one(sql, &params![&case, now.0])?)
}

/// Paid, or put into the register of what nobody claimed. One that stands there already stays.
pub fn end(tx: &mut Tx, case: Uuid, state: State, reference: &str, now: Timestamp) -> Result<bool> {
    let sql = "UPDATE remediation_refund SET state = $2, settled_at = $3, reference = $4 WHERE case_id = $1 AND state IN (2, 4, 5) AND state <> $2";
    Ok(tx.execute(sql, &params![&case, state as i64, now.0, reference])? == 1)
}

/// Which refunds. Every field narrows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Region or the start of one.
    pub region: String,
    /// State.
    pub state: Option<State>,
    /// Case of the last row before.
    pub after: Option<(Timestamp, Uuid)>,
    /// Rows.
    pub limit: i64,
}

/// One page of the ledger, by the time they were owed.
///
/// # Errors
/// The record failed.
pub fn refunds(tx: &mut Tx, filter: &Filter) -> Result<Vec<Refund>> {
    let (at, case) = filter.after.unwrap_or((Timestamp(i64::MIN), Uuid::nil()));
    let length = filter.region.chars().count();
    let sql = format!(
        "SELECT {COLUMNS} FROM remediation_refund WHERE ($1 = 0 OR state = $1) AND (at > $2 OR (at = $2 AND case_id > $3)) \
         AND substr(region, 1, {length}) = $4 ORDER BY at, case_id LIMIT $5"
    );
    let state = filter.state.map_or(0, |state| state as i64);
    tx.query(&sql, &params![state, at.0, &case, &filter.region, filter.limit.clamp(1, 1_001)])?.iter().map(read).collect()
}

/// One page of the ledger in these states, the newest cases first.
///
/// # Errors
/// The record failed.
pub fn newest(tx: &mut Tx, region: &str, states: &[State], after: Option<Uuid>, limit: i64) -> Result<Vec<Refund>> {
    if states.is_empty() {
        return Ok(Vec::new());
    }
    let among = states.iter().map(|state| (*state as i64).to_string()).collect::<Vec<_>>().join(", ");
    let length = region.chars().count();
    let sql = format!(
        "SELECT {COLUMNS} FROM remediation_refund WHERE state IN ({among}) AND case_id < $1 AND substr(region, 1, {length}) = $2 \
         ORDER BY case_id DESC LIMIT $3"
    );
    tx.query(&sql, &params![&after.unwrap_or(Uuid::max()), region, limit.clamp(1, 1_001)])?.iter().map(read).collect()
}

/// How much is owed, paid and unclaimed: state, number, fen.
pub fn sums(tx: &mut Tx, region: &str) -> Result<Vec<(State, i64, i64)>> {
    let length = region.chars().count();
    let sql = format!(
        "SELECT state, COUNT(*), SUM(amount) FROM remediation_refund WHERE substr(region, 1, {length}) = $1 GROUP BY state ORDER BY state"
    );
    let rows = tx.query(&sql, &params![region])?;
    Ok(rows
        .iter()
        .map(|row| Ok((State::from_i64(row.int(0)?), row.int(1)?, row.int(2)?)))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .filter_map(|(state, count, sum)| Some((state?, count, sum)))
        .collect())
}
