//! 来电甄别: one decision about one call, pure and replayable. No I/O, no clock, no database: the ledger, the lists and the rules come compiled into
//! an immutable snapshot that is swapped in one step, so that a slow store can never delay a call.
//!
//! Start at [`Engine`]; what an edge fills in is an [`Attempt`], what it gets is a [`Verdict`]. The order of the rules stands in [`mod@decide`].
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

pub mod attempt;
pub mod bench;
pub mod city;
pub mod decide;
mod foreign;
pub mod index;
pub mod ledger;
pub mod lists;
mod machine;
pub mod number;
mod observe;
pub mod plan;
pub mod replay;
pub mod rules;
pub mod snapshot;
pub mod state;
pub mod stir;
pub mod verdict;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use attempt::{Attempt, Identity, Ingress, Outcome, Released, Roaming, RoamingPort, TrunkId};
pub use decide::{Ahead, decide};
pub use machine::{Words, either, prefetch};
pub use number::Number;
pub use observe::Observe;
pub use snapshot::{InForce, Lists, Snapshot};
pub use state::{State, StateConfig};
pub use verdict::{Action, Effect, EvidenceId, Reason, Reasons, Redress, Rule, Verdict, Versions};

/// 持有: a snapshot in force, held for a moment.
pub type Held = arc_swap::Guard<Arc<InForce>>;

/// 甄别引擎: the state of a running node and the snapshot in force. Shared by all edges; every method takes `&self` and waits for nobody but, for a few
/// dozen nanoseconds, for another call of the same number.
pub struct Engine {
    snapshot: ArcSwap<InForce>,
    /// Callers and callees.
    pub state: State,
}

impl Engine {
    /// An engine with nothing counted yet.
    pub fn new(snapshot: Snapshot, config: StateConfig) -> Self {
        Self { snapshot: ArcSwap::from_pointee(InForce { turn: 1, snapshot: Arc::new(snapshot) }), state: State::new(config) }
    }

    /// Decides about a call and counts it. A retransmission must not come here twice: the edge answers it from memory.
    pub fn decide(&self, attempt: &Attempt<'_>) -> Verdict {
        decide(&self.snapshot.load(), &self.state, attempt)
    }

    /// What is in force now, held for several calls that came together: it stays as it is for them, whatever is put in force meanwhile.
    pub fn hold(&self) -> Held {
        self.snapshot.load()
    }

    /// Decides about a call that [`Self::foresee`] has read: the same verdict, sooner.
    pub fn decide_foreseen(&self, held: &InForce, attempt: &Attempt<'_>, ahead: &Ahead<'_>) -> Verdict {
        decide::decide_foreseen(held, &self.state, attempt, ahead)
    }

    /// First of two steps ahead of several decisions, for whoever has several calls at hand ([`decide::foresee`]). `caller`: what will be asserted, or
    /// else presented.
    pub fn foresee<'a>(&self, held: &InForce, caller: Option<&'a str>, callee: &'a str) -> Ahead<'a> {
        decide::foresee(held, &self.state, caller, callee)
    }

    /// Second step ([`decide::reach`]).
    pub fn reach(&self, held: &InForce, ahead: &Ahead<'_>) {
        decide::reach(held, &self.state, ahead);
    }

    /// The number to ask the roaming port about before [`Self::decide`], if any; the answer goes into [`Attempt::roaming`].
    pub fn needs_roaming(&self, attempt: &Attempt<'_>) -> Option<Number> {
        decide::needs_roaming(&self.snapshot.load(), attempt)
    }

    /// The number of the ledger's line of that name.
    pub fn line(&self, name: &str) -> Option<TrunkId> {
        self.snapshot.load().ledger.named(name).map(|trunk| trunk.id)
    }

    /// Takes in how a call ended.
    pub fn outcome(&self, outcome: &Outcome) {
        self.state.outcome(outcome, &self.snapshot.load().rules.thresholds);
    }

    /// The snapshot in force, for as long as the caller wants to look at it.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.load().snapshot)
    }

    /// Puts another snapshot in force; calls being decided finish under the old one.
    pub fn replace(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        self.snapshot.rcu(|before| InForce { turn: before.turn + 1, snapshot: Arc::clone(&snapshot) });
    }
}
