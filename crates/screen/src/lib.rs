//! 来电甄别: one decision about one call, pure and replayable. No I/O, no clock, no database: the ledger, the lists and the rules come compiled into
//! an immutable snapshot that is swapped in one step, so that a slow store can never delay a call.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

pub mod attempt;
pub mod index;
pub mod ledger;
pub mod lists;
pub mod number;
pub mod plan;
pub mod rules;
pub mod verdict;

pub use attempt::{Attempt, Identity, Ingress, Outcome, Released, Roaming, RoamingPort, TrunkId};
pub use number::Number;
pub use verdict::{Action, Effect, EvidenceId, Reason, Reasons, Redress, Rule, Verdict, Versions};
