//! 接引擎: the engine of `screen` as the one who decides.

use std::sync::Arc;

use chuangsha_screen::{Attempt, Engine, Observe, Outcome, Roaming, RoamingPort, Verdict};

use crate::decide::Decide;

/// 甄别引擎 behind the edge, with the port for roaming where the operator has one.
pub struct Screening {
    engine: Arc<Engine>,
    roaming: Option<Arc<dyn RoamingPort>>,
    observer: Option<Arc<dyn Observe>>,
}

impl Screening {
    /// Without a roaming port.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, roaming: None, observer: None }
    }

    /// Asks that port where a decision needs it. The port keeps to its own time, which is part of the call's.
    #[must_use]
    pub fn roaming(mut self, port: Arc<dyn RoamingPort>) -> Self {
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
        let verdict = self.engine.decide(attempt);
        if let Some(observer) = &self.observer {
            observer.decided(attempt, &verdict);
        }
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
        self.engine.needs_roaming(attempt).map_or(Roaming::Unasked, |subscriber| port.locate(subscriber, attempt.at))
    }
}
