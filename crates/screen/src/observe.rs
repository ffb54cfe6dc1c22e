//! 旁观: whoever keeps the record of what was decided.

use crate::{Attempt, Outcome, Verdict};

/// 旁观者: is told of every decision and every outcome. Called on the thread that decides: it waits for nobody, and what it cannot take it counts
/// and lets go.
pub trait Observe: Send + Sync {
    /// A call was decided.
    fn decided(&self, attempt: &Attempt<'_>, verdict: &Verdict);

    /// A call ended.
    fn ended(&self, outcome: &Outcome);

    /// How long a decision took, nanoseconds: of some decisions, so that the clock is not read for each.
    fn took(&self, ns: u64) {
        let _ = ns;
    }
}
