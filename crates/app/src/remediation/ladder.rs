//! 规则取用: the lengths of the ladder and the hours of contacts and stops, from the rule packs, for one day and one place.

use chuangsha_kernel::{
    rulebook::{Place, Rulebook, Window},
    time::{DAY_MS, MINUTE_MS, Timestamp},
};

use super::case::Ladder;
use crate::platform::failure::{Failure, Result};

impl Ladder {
    /// As the packs say on this day in this region.
    ///
    /// # Errors
    /// A rule is missing: the case waits rather than being decided without it.
    pub fn read(rules: &Rulebook, region: &str, now: Timestamp) -> Result<Self> {
        let place = Place::region(region);
        let count = |id: &str| Ok::<_, Failure>(rules.number(id, now.day(), &place).map_err(Failure::internal)?.value);
        let clock = |id: &str| Ok::<_, Failure>(rules.clock_ms(id, now.day(), &place).map_err(Failure::internal)?.value);
        Ok(Self {
            sms_most: count("remediation.sms_most")?,
            sms_interval: clock("remediation.sms_interval")?,
            call_after: clock("remediation.call_after")?,
            call_most: count("remediation.call_most")?,
            retry_interval: clock("remediation.retry_interval")?,
            first_deadline: clock("remediation.first_deadline")?,
            warning: clock("remediation.warning")?,
            single_stop: clock("remediation.single_stop")?,
            second_reminder: clock("remediation.second_reminder")?,
            final_notice: clock("remediation.final_notice")?,
            delivered_contacts: count("remediation.delivered_contacts")?,
            delivered_media: count("remediation.delivered_media")?,
            complaints_owner: count("remediation.complaints_owner")?,
            exemption_most: clock("remediation.exemption_most")?,
            refund_unclaimed: clock("remediation.refund_unclaimed")?,
            window: clock("clock.double_stop_window")?,
            emergency: clock("clock.emergency_restore")?,
            quarantine: clock("clock.number_quarantine")?,
        })
    }

    /// The earliest a line can be stopped, counted from its first contact.
    pub const fn earliest_stop(&self) -> i64 {
        self.first_deadline + self.warning
    }
}

/// Days looked ahead for an open hour; a rule that leaves none within them closes the way.
const LOOK_AHEAD: i64 = 31;

/// When somebody may be contacted next: now, or the end of the quiet hours.
///
/// # Errors
/// A rule is missing.
pub fn contact_at(rules: &Rulebook, region: &str, now: Timestamp) -> Result<Timestamp> {
    let place = Place::region(region);
    let mut quiet = Vec::new();
    for id in ["quiet.default", "quiet.noon"] {
        quiet.extend(rules.windows(id, now.day(), &place).map_err(Failure::internal)?.value);
    }
    Ok(open_at(&quiet, now).unwrap_or(now.plus_ms(DAY_MS)))
}

/// When a line may be stopped next: now, or the next hour of a working day in which somebody can be asked; `None`: the year's holidays are missing.
///
/// # Errors
/// A rule is missing.
pub fn stop_at(rules: &Rulebook, region: &str, now: Timestamp) -> Result<Option<Timestamp>> {
    let closed = rules.windows("remediation.stop_hours", now.day(), &Place::region(region)).map_err(Failure::internal)?.value;
    let mut at = now;
    for _ in 0..LOOK_AHEAD {
        if !rules.knows_year(at.day().year()) {
            return Ok(None);
        }
        let Some(open) = open_at(&closed, at) else { return Ok(None) };
        if open.day() == at.day() && rules.is_working_day(open.day()) {
            return Ok(Some(open));
        }
        at = if open.day() == at.day() { next_day(at) } else { Timestamp::start_of(open.day()) };
    }
    Ok(None)
}

/// Midnight at the end of this day, in China.
pub fn next_day(now: Timestamp) -> Timestamp {
    Timestamp::start_of(now.day()).plus_ms(DAY_MS)
}

/// The first minute from now on that lies in none of the windows.
fn open_at(closed: &[Window], now: Timestamp) -> Option<Timestamp> {
    let shut = |at: Timestamp| closed.iter().any(|window| window.contains(at.civil().time()));
    if !shut(now) {
        return Some(now);
    }
    let first = Timestamp(now.0 - now.0.rem_euclid(MINUTE_MS));
    // A window ends at one of its own ends: only those minutes need a look.
    let midnight = Timestamp::start_of(now.day());
    let ends = closed.iter().flat_map(|window| {
        let minutes = i64::from(window.to.hour()) * 60 + i64::from(window.to.minute());
        [midnight.plus_ms(minutes * MINUTE_MS), midnight.plus_ms(DAY_MS + minutes * MINUTE_MS)]
    });
    ends.filter(|end| *end > first && !shut(*end)).min()
}
