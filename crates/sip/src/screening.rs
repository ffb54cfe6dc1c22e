//! 接引擎: the engine of `screen` as the one who decides.

use std::sync::Arc;

use chuangsha_screen::{Attempt, Engine, Outcome, Roaming, RoamingPort, Verdict};

use crate::decide::Decide;

/// 甄别引擎 behind the edge, with the port for roaming where the operator has one.
pub struct Screening {
    engine: Arc<Engine>,
    roaming: Option<Arc<dyn RoamingPort>>,
}

impl Screening {
    /// Without a roaming port.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, roaming: None }
    }

    /// Asks that port where a decision needs it. The port keeps to its own time, which is part of the call's.
    #[must_use]
    pub fn roaming(mut self, port: Arc<dyn RoamingPort>) -> Self {
        self.roaming = Some(port);
        self
    }
}

impl Decide for Screening {
    fn decide(&self, attempt: &Attempt<'_>) -> Verdict {
        self.engine.decide(attempt)
    }

    fn outcome(&self, outcome: &Outcome) {
        self.engine.outcome(outcome);
    }

    fn roaming(&self, attempt: &Attempt<'_>) -> Roaming {
        let Some(port) = &self.roaming else { return Roaming::Unasked };
        self.engine.needs_roaming(attempt).map_or(Roaming::Unasked, |subscriber| port.locate(subscriber, attempt.at))
    }
}
