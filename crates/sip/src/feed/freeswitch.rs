//! FreeSWITCH 话单: `Master.csv` of mod_cdr_csv with its `example` template, to which `docs/operate/signalling.md` adds one field.
//!
//! caller_id_name, caller_id_number, destination_number, context, start_stamp, answer_stamp, end_stamp, duration, billsec, hangup_cause, uuid,
//! bleg_uuid, accountcode, read_codec, write_codec, and, where the template has it, sip_hangup_disposition.

use chuangsha_screen::Released;
use jiff::tz::TimeZone;

use super::{Fault, Record, Row, apart, number, rows, time, time_or_never};

/// The rows of a file whose times are on the clock of `zone`.
pub fn read<'a>(input: impl std::io::Read + 'a, zone: TimeZone) -> impl Iterator<Item = Row> + 'a {
    rows(input, move |row| record(row, &zone))
}

fn record(row: &csv::StringRecord, zone: &TimeZone) -> Result<Record, Fault> {
    let field = |at: usize, name: &'static str| row.get(at).ok_or(Fault::Missing(name));
    let start = time(field(4, "start_stamp")?, zone, "start_stamp")?;
    let answer = time_or_never(field(5, "answer_stamp")?, zone, "answer_stamp")?;
    let end = time(field(6, "end_stamp")?, zone, "end_stamp")?;
    let whole = apart(start, end)?;
    let (ring_ms, talk_ms) = match answer {
        Some(answer) => (apart(start, answer)?, apart(answer, end)?.max(1)),
        None => (whole, 0),
    };
    let cause = field(9, "hangup_cause")?;
    if cause.is_empty() || !cause.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') {
        return Err(Fault::Malformed("hangup_cause"));
    }
    // The leg this record is of came from the caller: what was received on it, the caller sent.
    let told = match row.get(15).unwrap_or_default() {
        "recv_bye" | "recv_cancel" | "recv_refuse" => Some(Released::Caller),
        "send_bye" | "send_refuse" | "send_cancel" => Some(Released::Callee),
        _ => None,
    };
    let released = match cause {
        "ORIGINATOR_CANCEL" => Some(Released::Caller),
        "USER_BUSY" | "CALL_REJECTED" | "NO_USER_RESPONSE" => Some(Released::Callee),
        "NORMAL_CLEARING" | "NO_ANSWER" | "NONE" => told,
        _ => Some(Released::Network),
    };
    Ok(Record {
        at: end,
        caller: number(field(1, "caller_id_number")?, "caller_id_number")?,
        callee: number(field(2, "destination_number")?, "destination_number")?,
        ring_ms: Some(ring_ms),
        talk_ms,
        released,
        call: row.get(10).unwrap_or_default().to_owned(),
    })
}
