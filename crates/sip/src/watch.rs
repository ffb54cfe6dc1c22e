//! 计量: what the edge counts, and the stopwatch it measures itself with.

use std::sync::atomic::{AtomicU64, Ordering};

use chuangsha_kernel::Timestamp;

/// A stopwatch: microseconds since some moment, never backwards. The time of transactions runs on it, so that no jump of the wall clock ends one
/// early; the time of a call, which is evidence, comes from `kernel::Clock`.
pub trait Stopwatch: Send + Sync {
    /// Microseconds so far.
    fn micros(&self) -> u64;
}

/// 时刻: when something was received, by both clocks; read once for all that was received together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// By the stopwatch, microseconds: how long a call has waited, how long it is remembered.
    pub micros: u64,
    /// By the clock: evidence.
    pub at: Timestamp,
}

/// The machine's monotonic clock.
pub struct Monotonic(std::time::Instant);

impl Default for Monotonic {
    #[allow(clippy::disallowed_methods, reason = "protocol timers and latency, nothing that is decided or recorded")]
    fn default() -> Self {
        Self(std::time::Instant::now())
    }
}

impl Monotonic {
    /// Nanoseconds so far.
    pub fn nanos(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

impl Stopwatch for Monotonic {
    fn micros(&self) -> u64 {
        self.0.elapsed().as_micros() as u64
    }
}

/// A stopwatch that moves only when told to.
#[derive(Default)]
pub struct Settable(AtomicU64);

impl Settable {
    /// Moves forward.
    pub fn advance_ms(&self, ms: u64) {
        self.0.fetch_add(ms * 1_000, Ordering::SeqCst);
    }
}

impl Stopwatch for Settable {
    fn micros(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

macro_rules! counters {
    ($(#[doc = $help:literal] $name:ident;)*) => {
        /// 计数.
        #[derive(Debug, Default)]
        pub struct Counters {
            $(#[doc = $help] pub $name: Counter,)*
        }

        impl Counters {
            /// Each with its name and what it counts.
            pub fn all(&self) -> [(&'static str, &'static str, u64); [$($help),*].len()] {
                [$((stringify!($name), $help.trim_ascii(), self.$name.get())),*]
            }
        }
    };
}

/// One count; any worker may raise it.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// So many.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

counters! {
    /// Calls decided: retransmissions do not count.
    calls;
    /// Let through.
    passed;
    /// Labelled.
    labelled;
    /// Challenged.
    challenged;
    /// Blocked.
    blocked;
    /// Requests answered from memory.
    retransmissions;
    /// Let through because there was no time left to decide (I4).
    late;
    /// Let go on without an answer from elsewhere: too many waited for one.
    unasked;
    /// Let go on with an identity token nobody could check in time.
    unverified;
    /// Sent on with our token.
    signed;
    /// Sent on without our token: no time, no room to wait, or a Date that is wrong.
    unsigned;
    /// Transactions forgotten before their 32 seconds.
    forgotten;
    /// From a source that is in no trunk.
    unknown_source;
    /// Malformed requests, answered with what the standard asks for.
    malformed;
    /// Keep-alives and what is no SIP.
    noise;
    /// Responses nobody here asked for.
    strays;
    /// Calls taken back.
    cancelled;
    /// Outcomes seen in the path.
    outcomes;
}
