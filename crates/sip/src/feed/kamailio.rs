//! Kamailio 话单: lines the module acc writes to the log: `… ACC: transaction answered: key=value;…` and `… start_time=…; end_time=…; …`.
//!
//! Two kinds tell of a whole call: a call record (`cdr_log_enable`: start_time, end_time, duration) and a refused INVITE (`transaction answered`
//! or `call missed` with a code of 300 and more). Both need the extra fields that `docs/operate/signalling.md` sets: `src_user` and `dst_user`, and
//! `ring_ms` and `released` where the dialogue module keeps them. Other lines of the log are skipped, not rejected.

use std::io::BufRead;

use chuangsha_kernel::Timestamp;
use chuangsha_screen::Released;

use super::{Fault, Record, Reject, Row, number, seconds};

/// The longest line read; what is longer is rejected whole.
const LONGEST: u64 = 64 * 1_024;

/// The calls a log tells of.
pub fn read(mut input: impl BufRead) -> impl Iterator<Item = Row> {
    let mut row = 0;
    let mut line = Vec::new();
    std::iter::from_fn(move || {
        loop {
            line.clear();
            row += 1;
            let read = std::io::Read::take(&mut input, LONGEST).read_until(b'\n', &mut line);
            match read {
                Ok(0) => return None,
                Ok(_) => {}
                Err(_) => return Some(Err(Reject { row, fault: Fault::Unreadable })),
            }
            if line.last() != Some(&b'\n') && line.len() as u64 >= LONGEST {
                // Whatever this is, it is no record; its rest is no line of its own.
                if input.skip_until(b'\n').is_err() {
                    return None;
                }
                return Some(Err(Reject { row, fault: Fault::Unreadable }));
            }
            // A transaction is told after `ACC: `, a call record after the name of the function that writes it.
            let transaction = memchr::memmem::find(&line, b"ACC: ").map(|at| at + 5);
            let Some(told) = transaction.or_else(|| memchr::memmem::find(&line, b"start_time=")) else { continue };
            // A callee's reason phrase stands in the line as it came, in GBK too: it must not cost the line. What is read of it is ASCII.
            let text = String::from_utf8_lossy(line.get(told..).unwrap_or_default());
            match record(text.trim_end()) {
                Ok(Some(record)) => return Some(Ok(record)),
                Ok(None) => {}
                Err(fault) => return Some(Err(Reject { row, fault })),
            }
        }
    })
}

fn record(text: &str) -> Result<Option<Record>, Fault> {
    // `transaction answered: timestamp=…` has a heading, a call record has none.
    let fields = text.split_once(": ").filter(|(heading, _)| !heading.contains('=')).map_or(text, |(_, fields)| fields);
    let field = |name: &str| fields.split(';').find_map(|one| one.trim().strip_prefix(name)?.strip_prefix('='));
    let needed = |name: &'static str| field(name).ok_or(Fault::Missing(name));
    let released = match field("released") {
        None | Some("" | "<null>") => None,
        Some("caller") => Some(Released::Caller),
        Some("callee") => Some(Released::Callee),
        Some("network") => Some(Released::Network),
        Some(_) => return Err(Fault::Malformed("released")),
    };
    let ring_ms = match field("ring_ms") {
        None | Some("" | "<null>") => None,
        Some(text) => Some(text.parse().map_err(|_| Fault::Malformed("ring_ms"))?),
    };
    let parties = || Ok((number(needed("src_user")?, "src_user")?, number(needed("dst_user")?, "dst_user")?));
    let call = field("call_id").or_else(|| field("callid")).unwrap_or_default().to_owned();
    if let Some(end) = field("end_time") {
        // A refused call has such a record as well; its own line above tells more.
        let talk_ms = seconds(needed("duration")?, "duration")?;
        if talk_ms == 0 {
            return Ok(None);
        }
        let (caller, callee) = parties()?;
        let at = moment(end, "end_time")?;
        let start = moment(needed("start_time")?, "start_time")?;
        if start > at {
            return Err(Fault::Backwards);
        }
        return Ok(Some(Record { at, caller, callee, ring_ms, talk_ms, released, call }));
    }
    let (Some("INVITE"), Some(code)) = (field("method"), field("code")) else { return Ok(None) };
    let code: u16 = code.parse().map_err(|_| Fault::Malformed("code"))?;
    // An answered call has its own record when it ends.
    if code < 300 {
        return Ok(None);
    }
    let (caller, callee) = parties()?;
    let at = moment(needed("timestamp")?, "timestamp")?;
    let released = released.or(match code {
        487 => Some(Released::Caller),
        480 | 486 | 600 | 603 | 607 => Some(Released::Callee),
        _ => Some(Released::Network),
    });
    Ok(Some(Record { at, caller, callee, ring_ms, talk_ms: 0, released, call }))
}

/// Seconds since 1970 with or without a fraction.
fn moment(text: &str, field: &'static str) -> Result<Timestamp, Fault> {
    let value: f64 = text.trim().parse().map_err(|_| Fault::Malformed(field))?;
    if (0.0..=9_999_999_999.0).contains(&value) { Ok(Timestamp((value * 1_000.0).round() as i64)) } else { Err(Fault::Malformed(field)) }
}
