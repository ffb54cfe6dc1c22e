//! 承诺: what is promised to everybody on the ladder, as the world outside sees it. One list, asked by the year that runs through the record and
//! by the lives that run through the rules alone.

use chuangsha_app::remediation::{Case, State};
use chuangsha_kernel::time::{DAY_MS, Timestamp};

/// People rest from 12 to 14 and from 21 to 9.
pub fn rest(now: Timestamp) -> bool {
    let hour = now.civil().hour();
    hour < 9 || (12..14).contains(&hour) || hour >= 21
}

/// Of a message or a call that reaches a number; `gone`: somebody else has the number by now.
pub fn contacted(now: Timestamp, gone: bool) -> Option<&'static str> {
    if rest(now) {
        Some("a contact came while people rest")
    } else if gone {
        Some("a contact went to whoever has the number now")
    } else {
        None
    }
}

/// What the world knows of a line that is being stopped.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    /// When.
    pub now: Timestamp,
    /// Bits of the media by which something truly reached the holder.
    pub reached: i64,
    /// Somebody else has the number.
    pub gone: bool,
    /// On the protected list.
    pub protected: bool,
    /// The end of an emergency restoration, which keeps no hours.
    pub returns: bool,
    /// A working day.
    pub working: bool,
}

/// Of a stop.
pub fn stopped(stop: &Stop) -> Option<&'static str> {
    let hour = stop.now.civil().hour();
    if stop.reached.count_ones() < 2 {
        Some("somebody was stopped whom two media never reached")
    } else if stop.gone {
        Some("somebody was stopped who only has the number now")
    } else if stop.protected {
        Some("somebody protected was stopped")
    } else if !stop.returns && (!(9..16).contains(&hour) || !stop.working) {
        Some("somebody was stopped outside the hours of stops")
    } else {
        None
    }
}

/// Of a case at rest: what the element does against what the case says.
pub fn stands(case: &Case, stopped: bool, gone: bool) -> Option<&'static str> {
    let may_be = case.state.is_stopped()
        || matches!(case.state, State::Cancelled | State::Refunding | State::Quarantined | State::Closed)
        || case.before.is_some_and(State::is_stopped);
    if stopped && !may_be && !gone {
        return Some("stopped at the element without a case that stops it: restored too late");
    }
    if case.state == State::EmergencyRestored && stopped {
        return Some("an emergency restoration did not open the line");
    }
    if case.state.is_stopped() && case.first_at.is_none_or(|first| case.since.0 - first.0 < 33 * DAY_MS) {
        return Some("stopped before its deadlines");
    }
    None
}
