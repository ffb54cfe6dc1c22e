//! 断路器: stops asking a service that does not answer, and finds out by one careful question when it is back. Pure: the time is an argument.

use chuangsha_kernel::time::Timestamp;

/// When the breaker opens and how it tries again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open, milliseconds.
    pub open_ms: i64,
    /// A probe without an answer after this long is given up and another one let through, milliseconds.
    pub probe_ms: i64,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 5, open_ms: 30_000, probe_ms: 20_000 }
    }
}

/// State of the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Questions go through; so many failed in a row.
    Closed {
        /// Failures since the last success.
        failures: u32,
    },
    /// No question goes through before this moment.
    Open {
        /// When the first probe may go.
        until: Timestamp,
    },
    /// One probe is on its way.
    HalfOpen {
        /// When the probe is given up.
        until: Timestamp,
    },
}

/// 断路器.
#[derive(Debug, Clone, Copy)]
pub struct Breaker {
    pub(super) settings: BreakerSettings,
    pub(super) state: State,
}

impl Breaker {
    /// Closed.
    pub const fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: State::Closed { failures: 0 } }
    }

    /// Where it stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// May a question go now? `Err` says from when on.
    ///
    /// # Errors
    /// The moment at which asking again makes sense.
    pub fn admit(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        match self.state {
            State::Closed { .. } => Ok(()),
            State::Open { until } | State::HalfOpen { until } if now < until => Err(until),
            State::Open { .. } | State::HalfOpen { .. } => {
                self.state = State::HalfOpen { until: now.plus_ms(self.settings.probe_ms) };
                Ok(())
            }
        }
    }

    /// An answer came.
    pub fn succeeded(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    /// No usable answer came.
    pub fn failed(&mut self, now: Timestamp) {
        self.state = match self.state {
            State::Closed { failures } if failures + 1 < self.settings.failures => State::Closed { failures: failures + 1 },
            // A straggler from before it opened must not prolong the pause.
            State::Open { until } => State::Open { until },
            State::Closed { .. } | State::HalfOpen { .. } => State::Open { until: now.plus_ms(self.settings.open_ms) },
        };
    }
}
