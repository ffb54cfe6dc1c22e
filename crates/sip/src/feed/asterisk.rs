//! Asterisk 话单: `cdr-csv/Master.csv` of cdr_csv, with its eighteen fields (`loguniqueid` and `loguserfield` are optional).
//!
//! accountcode, src, dst, dcontext, clid, channel, dstchannel, lastapp, lastdata, start, answer, end, duration, billsec, disposition, amaflags,
//! uniqueid, userfield. Times are local unless `usegmtime = yes`. Who gave up an unanswered call is only told where the dialplan puts its
//! DIALSTATUS into the userfield (`docs/operate/signalling.md`).

use chuangsha_screen::Released;
use jiff::tz::TimeZone;

use super::{Fault, Record, Row, apart, number, rows, time, time_or_never};

/// DIALSTATUS of a call the caller gave up. A uniqueid, which may stand before it or not, looks otherwise.
const GAVE_UP: &str = "CANCEL";

/// The rows of a file whose times are on the clock of `zone`.
pub fn read<'a>(input: impl std::io::Read + 'a, zone: TimeZone) -> impl Iterator<Item = Row> + 'a {
    rows(input, move |row| record(row, &zone))
}

fn record(row: &csv::StringRecord, zone: &TimeZone) -> Result<Record, Fault> {
    let field = |at: usize, name: &'static str| row.get(at).ok_or(Fault::Missing(name));
    let start = time(field(9, "start")?, zone, "start")?;
    let answer = time_or_never(field(10, "answer")?, zone, "answer")?;
    let end = time(field(11, "end")?, zone, "end")?;
    let whole = apart(start, end)?;
    let disposition = field(14, "disposition")?;
    let (ring_ms, talk_ms) = match answer {
        // Times are whole seconds: a call answered and ended within one was spoken in all the same.
        Some(answer) => (apart(start, answer)?, apart(answer, end)?.max(1)),
        None => (whole, 0),
    };
    let released = match disposition.to_ascii_uppercase().as_str() {
        "NO ANSWER" if row.iter().skip(16).any(|text| text == GAVE_UP) => Some(Released::Caller),
        "ANSWERED" | "NO ANSWER" => None,
        "BUSY" => Some(Released::Callee),
        "FAILED" | "CONGESTION" => Some(Released::Network),
        _ => return Err(Fault::Malformed("disposition")),
    };
    // Nobody rang where the line was busy or the network failed.
    let ring_ms = if matches!(released, None | Some(Released::Caller)) { Some(ring_ms) } else { None };
    Ok(Record {
        at: end,
        caller: number(field(1, "src")?, "src")?,
        callee: number(field(2, "dst")?, "dst")?,
        ring_ms,
        talk_ms,
        released,
        call: row.get(16).unwrap_or_default().to_owned(),
    })
}
