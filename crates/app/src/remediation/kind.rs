//! 存量四类: what is wrong with a number of the old base, found when it was brought over or later. One finding a subscription; a finding is
//! closed, never deleted.

use chuangsha_kernel::time::Timestamp;
use chuangsha_store::{Param, Row, Tx, params};
use uuid::Uuid;

use crate::platform::failure::{Failure, Result};

/// Tables of this file. The index holds open findings only and answers the lists and counts of a campaign by itself.
pub const DDL: &str = "
CREATE TABLE base_finding (
    subscription BYTEA PRIMARY KEY,
    kind BIGINT NOT NULL,
    reason TEXT NOT NULL,
    found_at BIGINT NOT NULL,
    closed_at BIGINT,
    region TEXT NOT NULL,
    channel_kind BIGINT NOT NULL,
    batch BYTEA,
    CHECK (kind IN (1, 2, 3, 4))
);
CREATE INDEX base_finding_open ON base_finding (subscription, region, kind, channel_kind) WHERE closed_at IS NULL;
";

/// 非实名四类 (`R-REM-2`). The numbers are what the store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 未认证: never verified.
    Unverified = 1,
    /// 信息不完整: a field the register needs is missing or cannot be right.
    Incomplete = 2,
    /// 人机不符: the name on record is not the user's.
    HolderDiffers = 3,
    /// 集团卡: held in the name of an organisation or its agent, without the actual user.
    GroupCard = 4,
}

impl Kind {
    /// Every kind, a to d.
    pub const ALL: [Self; 4] = [Self::Unverified, Self::Incomplete, Self::HolderDiffers, Self::GroupCard];

    /// From the number in the store.
    pub fn from_i64(value: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i64 == value)
    }

    /// From its stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Incomplete => "incomplete",
            Self::HolderDiffers => "holder_differs",
            Self::GroupCard => "group_card",
        }
    }
}

/// 存量问题: what is wrong with one subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Subscription.
    pub subscription: Uuid,
    /// Kind.
    pub kind: Kind,
    /// Stable code of the reason: `import.no_name`.
    pub reason: String,
    /// When it was found.
    pub found_at: Timestamp,
    /// When it was put right; `None`: open.
    pub closed_at: Option<Timestamp>,
    /// City, six digits.
    pub region: String,
    /// Kind of outlet.
    pub channel_kind: i64,
    /// Batch of the import that found it.
    pub batch: Option<Uuid>,
}

/// Which findings. Every field narrows; none widens.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Region or the start of one: `99` a province, `990100` a city; empty: everywhere.
    pub region: String,
    /// Kinds; empty: every kind.
    pub kinds: Vec<Kind>,
    /// Kinds of outlet as stored; empty: every one.
    pub channel_kinds: Vec<i64>,
}

const COLUMNS: &str = "subscription, kind, reason, found_at, closed_at, region, channel_kind, batch";

fn read(row: &Row) -> Result<Finding> {
    Ok(Finding {
        subscription: row.uuid(0)?,
        kind: Kind::from_i64(row.int(1)?).ok_or_else(|| Failure::internal("base_finding.kind holds a value this version does not know"))?,
        reason: row.text(2)?,
        found_at: row.timestamp(3)?,
        closed_at: row.opt_timestamp(4)?,
        region: row.text(5)?,
        channel_kind: row.int(6)?,
        batch: row.opt_uuid(7)?,
    })
}

impl Filter {
    fn conditions<'a>(&'a self, values: &mut Vec<Param<'a>>) -> String {
        let mut sql = String::from("closed_at IS NULL");
        if !self.region.is_empty() {
            values.push(Param::from(self.region.as_str()));
            let length = self.region.chars().count();
            sql.push_str(&format!(" AND substr(region, 1, {length}) = ${}", values.len()));
        }
        let list = |numbers: Vec<i64>| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if !self.kinds.is_empty() {
            sql.push_str(&format!(" AND kind IN ({})", list(self.kinds.iter().map(|kind| *kind as i64).collect())));
        }
        if !self.channel_kinds.is_empty() {
            sql.push_str(&format!(" AND channel_kind IN ({})", list(self.channel_kinds.clone())));
        }
        sql
    }
}

/// The finding on a subscription, open or closed.
pub fn find(tx: &mut Tx, subscription: Uuid) -> Result<Option<Finding>> {
    let row = tx.query_opt(&format!("SELECT {COLUMNS} FROM base_finding WHERE subscription = $1"), &params![&subscription])?;
    row.as_ref().map(read).transpose()
}

/// Open findings by subscription, from the one after `after`; up to `limit`.
pub fn open_findings(tx: &mut Tx, filter: &Filter, after: Option<Uuid>, limit: i64) -> Result<Vec<Finding>> {
    let after = after.unwrap_or(Uuid::nil());
    let mut values = Vec::new();
    let mut sql = filter.conditions(&mut values);
    values.push(Param::from(&after));
    sql.push_str(&format!(" AND subscription > ${}", values.len()));
    values.push(Param::from(limit));
    let sql = format!("SELECT {COLUMNS} FROM base_finding WHERE {sql} ORDER BY subscription LIMIT ${}", values.len());
    tx.query(&sql, &values)?.iter().map(read).collect()
}

/// How many are open.
pub fn count(tx: &mut Tx, filter: &Filter) -> Result<i64> {
    let mut values = Vec::new();
    let sql = filter.conditions(&mut values);
    Ok(tx.query_one(&format!("SELECT COUNT(*) FROM base_finding WHERE {sql}"), &values)?.int(0)?)
}

/// Puts a finding on record. One that was closed is open again with the new reason; an open one stays what it is. Says whether it is new.
pub fn open(tx: &mut Tx, finding: &Finding) -> Result<bool> {
    let opened = tx.execute(
        &format!(
            "INSERT INTO base_finding ({COLUMNS}) VALUES ($1, $2, $3, $4, NULL, $5, $6, $7) ON CONFLICT (subscription) DO UPDATE \
             SET kind = excluded.kind, reason = excluded.reason, found_at = excluded.found_at, closed_at = NULL, region = excluded.region, \
             channel_kind = excluded.channel_kind, batch = excluded.batch WHERE base_finding.closed_at IS NOT NULL"
        ),
        &params![
            &finding.subscription,
            finding.kind as i64,
            &finding.reason,
            finding.found_at,
            &finding.region,
            finding.channel_kind,
            finding.batch.as_ref()
        ],
    )?;
    Ok(opened == 1)
}

/// Puts a finding right; one that is closed already, or was never there, is left alone. Says whether it was open.
pub fn close(tx: &mut Tx, subscription: Uuid, now: Timestamp) -> Result<bool> {
    let sql = "UPDATE base_finding SET closed_at = $2 WHERE subscription = $1 AND closed_at IS NULL";
    Ok(tx.execute(sql, &params![&subscription, now])? == 1)
}
