//! Time as an argument. This is the one file that may ask the machine what time it is.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{civil, tz::TimeZone};

/// Milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// Offset of China Standard Time, the clock of every rule in the packs.
const CHINA: jiff::tz::Offset = jiff::tz::offset(8);

impl Timestamp {
    /// This moment moved by whole milliseconds (negative: earlier).
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The calendar day in China.
    pub fn day(self) -> civil::Date {
        self.civil().date()
    }

    /// `2026-11-22 09:30:00`, China Standard Time.
    pub fn display(self) -> String {
        self.civil().strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// RFC 3339 in UTC with milliseconds, for JSON.
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }

    /// Date and time of day in China.
    pub fn civil(self) -> civil::DateTime {
        let instant = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        instant.to_zoned(TimeZone::fixed(CHINA)).datetime()
    }

    /// Midnight in China at the start of `day`.
    pub fn start_of(day: civil::Date) -> Self {
        day.to_zoned(TimeZone::fixed(CHINA)).map_or(Self(0), |zoned| Self(zoned.timestamp().as_millisecond()))
    }
}

/// One minute in milliseconds.
pub const MINUTE_MS: i64 = 60_000;
/// One hour in milliseconds.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// One day in milliseconds.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// What time it is, for whoever is told.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock, never running backwards within one process.
#[derive(Default)]
pub struct SystemClock(AtomicI64);

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        let wall = jiff::Timestamp::now().as_millisecond();
        // A clock set back must not date a case before its last step.
        let before = self.0.fetch_max(wall, Ordering::Relaxed);
        Timestamp(wall.max(before))
    }
}

/// A clock that moves only when told to.
pub struct SettableClock(AtomicI64);

impl SettableClock {
    /// Starts at the given moment.
    pub const fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves forward (or, negative, back).
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Jumps to a moment.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.0, Ordering::SeqCst);
    }
}

impl Clock for SettableClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
