//! 话单馈送: what became of calls, from the call records of softswitches and from a probe. Each row is taken or rejected with its reason; no row
//! stops the file, and no reason quotes what stood in it.

pub mod asterisk;
pub mod freeswitch;
pub mod hep;
pub mod kamailio;

use chuangsha_kernel::{
    Timestamp, codes,
    problem::{Problem, Refuse},
};
use chuangsha_screen::{Outcome, Released, plan::Plan};
use jiff::{civil::DateTime, tz::TimeZone};

use crate::decide::UNLISTED;

/// 一条话单: what a record tells of one call. Numbers as they were written: the number plan reads them.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// When the call ended.
    pub at: Timestamp,
    /// As written.
    pub caller: String,
    /// As written.
    pub callee: String,
    /// How long it rang, milliseconds, where the record tells.
    pub ring_ms: Option<u32>,
    /// How long they spoke, milliseconds; 0 = never answered.
    pub talk_ms: u32,
    /// Who ended it, where the record tells.
    pub released: Option<Released>,
    /// Call-ID or the switch's own number for the call, for finding doubles.
    pub call: String,
}

impl Record {
    /// The outcome as the engine takes it; nothing when one of the numbers is in no plan. What the record does not tell accuses nobody: a ring
    /// nobody measured was no short one, a call nobody is known to have ended was ended by the network.
    pub fn outcome(&self, plan: &Plan) -> Option<Outcome> {
        let number = |text: &str| plan.read(text).ok().map(|line| line.number);
        Some(Outcome {
            at: self.at,
            trunk: UNLISTED,
            caller: number(&self.caller)?,
            callee: number(&self.callee)?,
            ring_ms: self.ring_ms.unwrap_or(u32::MAX),
            talk_ms: self.talk_ms,
            released: self.released.unwrap_or(Released::Network),
        })
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Numbers are personal: the shape only.
        f.debug_struct("Record")
            .field("at", &self.at)
            .field("ring_ms", &self.ring_ms)
            .field("talk_ms", &self.talk_ms)
            .finish_non_exhaustive()
    }
}

/// 拒收行: a row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {row}: {fault}")]
pub struct Reject {
    /// From 1.
    pub row: u64,
    /// Why.
    pub fault: Fault,
}

/// Why a row was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not text, or quotes that do not match.
    #[error("not readable")]
    Unreadable,
    /// A field is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field is not what it has to be.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// The end lies before the beginning.
    #[error("it ends before it begins")]
    Backwards,
}

/// What is said about them.
pub mod code {
    super::codes! {
        UNREADABLE = "feed.unreadable", 422, "第 {row} 行无法读取", "row {row} cannot be read",
            "检查该行的编码(UTF-8)与引号", "check encoding (UTF-8) and quotes of that row";
        MISSING = "feed.missing", 422, "第 {row} 行缺少字段 {field}", "row {row} lacks the field {field}",
            "按操作手册设置话单模板", "set the template of the records as in the operator's manual";
        MALFORMED = "feed.malformed", 422, "第 {row} 行字段 {field} 的格式不对", "the field {field} of row {row} is malformed",
            "核对话单模板与时区设置", "check template and time zone of the records";
        BACKWARDS = "feed.backwards", 422, "第 {row} 行的结束时间早于开始时间", "row {row} ends before it begins",
            "核对交换机的时钟与时区", "check clock and time zone of the switch";
    }
}

impl Refuse for Reject {
    fn problem(&self) -> Problem {
        match self.fault {
            Fault::Unreadable => Problem::new(&code::UNREADABLE),
            Fault::Missing(field) => Problem::new(&code::MISSING).with("field", field),
            Fault::Malformed(field) => Problem::new(&code::MALFORMED).with("field", field),
            Fault::Backwards => Problem::new(&code::BACKWARDS),
        }
        .with("row", self.row)
    }
}

/// One row after the other.
pub type Row = Result<Record, Reject>;

/// A time as switches write it: `2026-11-22 09:30:00`, with or without a fraction, on the clock of `zone`.
fn time(text: &str, zone: &TimeZone, field: &'static str) -> Result<Timestamp, Fault> {
    let civil: DateTime = text.trim().parse().map_err(|_| Fault::Malformed(field))?;
    let zoned = civil.to_zoned(zone.clone()).map_err(|_| Fault::Malformed(field))?;
    Ok(Timestamp(zoned.timestamp().as_millisecond()))
}

/// The same, where an empty field stands for "never".
fn time_or_never(text: &str, zone: &TimeZone, field: &'static str) -> Result<Option<Timestamp>, Fault> {
    if text.trim().is_empty() { Ok(None) } else { time(text, zone, field).map(Some) }
}

/// Seconds with or without a fraction, as milliseconds. More than a day is no call.
fn seconds(text: &str, field: &'static str) -> Result<u32, Fault> {
    let value: f64 = text.trim().parse().map_err(|_| Fault::Malformed(field))?;
    if (0.0..=86_400.0).contains(&value) { Ok((value * 1_000.0) as u32) } else { Err(Fault::Malformed(field)) }
}

/// A number as records write it: something, and no longer than any number.
fn number(text: &str, field: &'static str) -> Result<String, Fault> {
    let text = text.trim();
    match text.len() {
        0 => Err(Fault::Missing(field)),
        1..=64 if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err(Fault::Malformed(field)),
    }
}

fn apart(from: Timestamp, to: Timestamp) -> Result<u32, Fault> {
    u32::try_from(to.0 - from.0).map_err(|_| Fault::Backwards)
}

/// The rows of a CSV file without a heading; `read` takes one.
fn rows<'a>(
    input: impl std::io::Read + 'a,
    read: impl Fn(&csv::StringRecord) -> Result<Record, Fault> + 'a,
) -> impl Iterator<Item = Row> + 'a {
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(input);
    reader.into_byte_records().zip(1..).map(move |(record, row)| match record {
        // A caller's name stands in the row as it came, in GBK too: it must not cost the row. What is read of it is ASCII.
        Ok(record) => read(&csv::StringRecord::from_byte_record_lossy(record)).map_err(|fault| Reject { row, fault }),
        Err(_) => Err(Reject { row, fault: Fault::Unreadable }),
    })
}
