//! 快照: everything a decision reads and nobody writes: plan, rules, ledger, lists, preferences. Compiled by the control plane, swapped in one step.

use std::{collections::HashMap, sync::Arc};

use crate::{
    index::Index,
    ledger::Ledger,
    lists::{Marks, Preference},
    number::Number,
    plan::{Operator, Plan},
    rules::RuleSet,
    verdict::Versions,
};

/// 名单: the big list, mapped from its file, and what changed since it was built.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    /// The whole list.
    pub base: Arc<Index>,
    /// Numbers whose marks are others now; no marks at all = taken off the list.
    pub delta: Arc<Index>,
}

impl Lists {
    /// The marks of a number.
    pub fn get(&self, number: Number) -> Marks {
        self.delta.get(number).or_else(|| self.base.get(number)).unwrap_or_default()
    }

    /// The marks of a caller and a callee, looked up together; `meanwhile` runs while their entries are on their way.
    #[inline]
    pub fn get_while(&self, numbers: [Number; 2], meanwhile: impl FnOnce()) -> [Marks; 2] {
        let base = self.base.get_while(numbers, meanwhile);
        if self.delta.is_empty() {
            return base.map(Option::unwrap_or_default);
        }
        let [one, two] = base;
        let [first, second] = self.delta.get_all(numbers);
        [first.or(one).unwrap_or_default(), second.or(two).unwrap_or_default()]
    }
}

/// 快照
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The control plane's counter: of ledger, lists, preferences and modes together.
    pub version: u64,
    /// Who we are: a number of ours that comes in from outside needs proof.
    pub home: Operator,
    /// Caller plan of the day.
    pub plan: Plan,
    /// Rules of the day, with their modes.
    pub rules: RuleSet,
    /// Ledger.
    pub ledger: Ledger,
    /// Lists.
    pub lists: Lists,
    /// Preferences that do not fit into the marks.
    pub preferences: HashMap<Number, Preference>,
}

impl Snapshot {
    /// A snapshot with a plan and rules and nothing listed.
    pub fn bare(version: u64, home: Operator, plan: Plan, rules: RuleSet) -> Self {
        Self { version, home, plan, rules, ledger: Ledger::default(), lists: Lists::default(), preferences: HashMap::new() }
    }

    /// What every verdict names.
    pub fn versions(&self) -> Versions {
        Versions { rules: self.rules.version ^ self.plan.version(), lists: self.version }
    }
}
