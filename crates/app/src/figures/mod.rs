//! 通报数字: counts by city, channel and day. A step writes deltas, one leased job folds them: no row that every transaction touches.

use std::collections::BTreeMap;

use chuangsha_store::{Tx, params};
use jiff::civil::Date;
use uuid::Uuid;

use crate::platform::failure::Result;

pub mod alerts;
pub mod bulletin;
pub mod http;
pub mod page;

/// Tables of this module.
pub const DDL: &str = "
CREATE TABLE figure_delta (
    id BYTEA PRIMARY KEY,
    day TEXT NOT NULL,
    region TEXT NOT NULL,
    channel_kind BIGINT NOT NULL,
    metric BIGINT NOT NULL,
    delta BIGINT NOT NULL
);
CREATE TABLE figure (
    day TEXT NOT NULL,
    region TEXT NOT NULL,
    channel_kind BIGINT NOT NULL,
    metric BIGINT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (day, region, channel_kind, metric)
);
";

/// 指标. The numbers are what the store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// 提交审核
    Submitted = 1,
    /// 审核通过
    Approved = 2,
    /// 退回重采
    Returned = 3,
    /// 驳回
    Rejected = 4,
    /// 新入网
    NewCustomers = 5,
    /// 新入网实名
    NewRealName = 6,
    /// 在网用户
    Base = 7,
    /// 在网实名用户
    BaseRealName = 8,
    /// 补登完成
    Remediated = 9,
    /// 停机: out of full service.
    Stopped = 10,
    /// 复机: back in full service.
    Restored = 11,
    /// 投诉
    Complaints = 12,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 12] = [
        Self::Submitted,
        Self::Approved,
        Self::Returned,
        Self::Rejected,
        Self::NewCustomers,
        Self::NewRealName,
        Self::Base,
        Self::BaseRealName,
        Self::Remediated,
        Self::Stopped,
        Self::Restored,
        Self::Complaints,
    ];

    /// From the number in the store.
    pub fn from_i64(value: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| *metric as i64 == value)
    }
}

/// Where a count belongs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Day in China.
    pub day: Date,
    /// City, six digits.
    pub region: String,
    /// Kind of outlet.
    pub channel_kind: i64,
}

/// Adds to a count, in the transaction of what is counted.
pub fn add(tx: &mut Tx, id: Uuid, cell: &Cell, metric: Metric, delta: i64) -> Result<()> {
    tx.push(
        "INSERT INTO figure_delta (id, day, region, channel_kind, metric, delta) VALUES ($1, $2, $3, $4, $5, $6)",
        &params![id.as_bytes().as_slice(), &cell.day.to_string(), &cell.region, cell.channel_kind, metric as i64, delta],
    )?;
    Ok(())
}

/// Folds up to `limit` deltas into the counts; says how many there were. One leased job calls it.
pub fn fold(tx: &mut Tx, limit: i64) -> Result<usize> {
    let rows = tx.query("SELECT id, day, region, channel_kind, metric, delta FROM figure_delta ORDER BY id LIMIT $1", &params![limit])?;
    let mut sums: BTreeMap<(String, String, i64, i64), i64> = BTreeMap::new();
    for row in &rows {
        *sums.entry((row.text(1)?, row.text(2)?, row.int(3)?, row.int(4)?)).or_default() += row.int(5)?;
    }
    for ((day, region, kind, metric), delta) in &sums {
        tx.push(
            "INSERT INTO figure (day, region, channel_kind, metric, value) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (day, region, channel_kind, metric) DO UPDATE SET value = figure.value + excluded.value",
            &params![day, region, *kind, *metric, *delta],
        )?;
    }
    for row in &rows {
        tx.push_one("DELETE FROM figure_delta WHERE id = $1", &params![&row.bytes(0)?])?;
    }
    Ok(rows.len())
}

/// Sums of one metric per city and kind of outlet.
pub type Table = BTreeMap<(String, i64), BTreeMap<Metric, i64>>;

/// Counts of the days `from ..= until` in a region (or all), the unfolded ones included.
pub fn table(tx: &mut Tx, from: Date, until: Date, region: &str) -> Result<Table> {
    let rows = tx.query(
        "SELECT region, channel_kind, metric, SUM(value) FROM (
            SELECT region, channel_kind, metric, value FROM figure WHERE day >= $1 AND day <= $2
            UNION ALL SELECT region, channel_kind, metric, delta FROM figure_delta WHERE day >= $1 AND day <= $2
         ) AS counts WHERE ($3 = '' OR substr(region, 1, 2) = $3 OR region = $3) GROUP BY region, channel_kind, metric",
        &params![&from.to_string(), &until.to_string(), region],
    )?;
    let mut table = Table::new();
    for row in &rows {
        if let Some(metric) = Metric::from_i64(row.int(2)?) {
            table.entry((row.text(0)?, row.int(1)?)).or_default().insert(metric, row.int(3)?);
        }
    }
    Ok(table)
}

/// One metric day by day, for a sparkline; of one kind of outlet, or of all.
pub fn series(tx: &mut Tx, metric: Metric, (from, until): (Date, Date), region: &str, channel: Option<i64>) -> Result<Vec<(String, i64)>> {
    tx.query(
        "SELECT day, SUM(value) FROM (
            SELECT day, region, channel_kind, metric, value FROM figure WHERE day >= $1 AND day <= $2
            UNION ALL SELECT day, region, channel_kind, metric, delta FROM figure_delta WHERE day >= $1 AND day <= $2
         ) AS counts WHERE metric = $4 AND ($5 = 0 OR channel_kind = $5) AND ($3 = '' OR substr(region, 1, 2) = $3 OR region = $3) GROUP BY day ORDER BY day",
        &params![&from.to_string(), &until.to_string(), region, metric as i64, channel.unwrap_or(0)],
    )?
    .iter()
    .map(|row| Ok((row.text(0)?, row.int(1)?)))
    .collect()
}

/// 实名率 in hundredths of a percent; `None` where nobody is counted. 100 % is said only when every single one is.
pub fn rate(real_name: i64, all: i64) -> Option<i64> {
    (all > 0).then(|| real_name * 10_000 / all)
}
