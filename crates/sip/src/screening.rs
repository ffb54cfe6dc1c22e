//! 接引擎: the engine of `screen` as the one who decides.

use std::sync::Arc;

use chuangsha_screen::{
    Ahead, Attempt, Engine, Held, InForce, Number, Observe, Outcome, Roaming, TrunkId, Verdict,
    stir::{self, Attestation},
};

use crate::{
    aside::Locate,
    decide::{Decide, UNLISTED},
    trunk::Trunk,
    watch::Monotonic,
};

/// 甄别引擎 behind the edge, with the port for roaming where the operator has one.
pub struct Screening {
    engine: Arc<Engine>,
    roaming: Option<Arc<dyn Locate>>,
    observer: Option<Arc<dyn Observe>>,
    stopwatch: Monotonic,
}

/// Of so many decisions one is timed.
const MEASURED: u64 = 64;

impl Screening {
    /// Without a roaming port.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, roaming: None, observer: None, stopwatch: Monotonic::default() }
    }

    /// Asks that port where a decision needs it: what it knows at once here, all else through [`crate::Edge::aside`].
    #[must_use]
    pub fn roaming(mut self, port: Arc<dyn Locate>) -> Self {
        self.roaming = Some(port);
        self
    }

    /// Tells that observer of every decision and outcome.
    #[must_use]
    pub fn observed(mut self, observer: Arc<dyn Observe>) -> Self {
        self.observer = Some(observer);
        self
    }
}

impl Decide for Screening {
    fn decide(&self, attempt: &Attempt<'_>) -> Verdict {
        self.decide_foreseen(&self.engine.hold(), attempt, &Ahead::NONE)
    }

    fn hold(&self) -> Option<Held> {
        Some(self.engine.hold())
    }

    fn foresee<'a>(&self, held: &InForce, caller: Option<&'a str>, callee: &'a str) -> Ahead<'a> {
        self.engine.foresee(held, caller, callee)
    }

    fn reach(&self, held: &InForce, ahead: &Ahead<'_>) {
        self.engine.reach(held, ahead);
    }

    fn decide_foreseen(&self, held: &InForce, attempt: &Attempt<'_>, ahead: &Ahead<'_>) -> Verdict {
        let Some(observer) = &self.observer else { return self.engine.decide_foreseen(held, attempt, ahead) };
        if attempt.id.is_multiple_of(MEASURED) {
            let started = self.stopwatch.nanos();
            let verdict = self.engine.decide_foreseen(held, attempt, ahead);
            observer.took(self.stopwatch.nanos().saturating_sub(started));
            observer.decided(attempt, &verdict);
            return verdict;
        }
        let verdict = self.engine.decide_foreseen(held, attempt, ahead);
        observer.decided(attempt, &verdict);
        verdict
    }

    fn outcome(&self, outcome: &Outcome) {
        self.engine.outcome(outcome);
        if let Some(observer) = &self.observer {
            observer.ended(outcome);
        }
    }

    fn roaming(&self, attempt: &Attempt<'_>) -> Roaming {
        let Some(port) = &self.roaming else { return Roaming::Unasked };
        let known = |subscriber| port.known(subscriber, attempt.at).unwrap_or(Roaming::Unreachable);
        self.engine.needs_roaming(attempt).map_or(Roaming::Unasked, known)
    }

    fn ask(&self, attempt: &Attempt<'_>) -> Option<Number> {
        let port = self.roaming.as_ref()?;
        self.engine.needs_roaming(attempt).filter(|subscriber| port.known(*subscriber, attempt.at).is_none())
    }

    fn number(&self, text: &str) -> Option<Number> {
        self.engine.snapshot().plan.read(text).ok().map(|line| line.number)
    }

    fn attest(&self, attempt: &Attempt<'_>, verdict: &Verdict) -> Option<Attestation> {
        stir::attest(&self.engine.snapshot(), attempt, verdict)
    }

    fn line(&self, trunk: &Trunk) -> TrunkId {
        trunk.id.or_else(|| self.engine.line(&trunk.name)).unwrap_or(UNLISTED)
    }
}
