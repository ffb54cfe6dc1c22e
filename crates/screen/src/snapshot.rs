//! 快照: everything a decision reads and nobody writes: plan, rules, ledger, lists, preferences. Compiled by the control plane, swapped in one step.

use std::{collections::HashMap, sync::Arc};

use crate::{
    index::{self, Index},
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

    /// First of three steps to the marks of a number, each of which asks for the memory of the next: whoever has several numbers, or something else
    /// to do, does it in between.
    #[inline]
    pub(crate) fn expect(&self, number: Number) -> Expected {
        Expected { number, page: self.base.expect(number) }
    }

    /// Second step.
    #[inline]
    pub(crate) fn reach(&self, expected: &Expected) -> Reached {
        Reached { number: expected.number, block: self.base.reach(&expected.page) }
    }

    /// Third step.
    #[inline]
    pub(crate) fn marks(&self, reached: &Reached) -> Marks {
        let base = self.base.search(&reached.block);
        if self.delta.is_empty() {
            return base.unwrap_or_default();
        }
        // The delta is small: it is in the cache, or soon built into the base.
        self.delta.get(reached.number).or(base).unwrap_or_default()
    }
}

/// A number on its way to its marks.
#[derive(Clone, Copy)]
pub(crate) struct Expected {
    number: Number,
    page: index::Page,
}

/// The same, one step further.
#[derive(Clone, Copy)]
pub(crate) struct Reached {
    number: Number,
    block: index::Block,
}

/// 被叫偏好 that do not fit into the marks: those of the base, shared by every snapshot on it, and what changed since it was built.
#[derive(Debug, Clone, Default)]
pub struct Preferences {
    /// Of the base.
    pub base: Arc<HashMap<Number, Preference>>,
    /// Callees who wish something else now; none = nothing of their own any more.
    pub delta: HashMap<Number, Option<Preference>>,
}

impl Preferences {
    /// What a callee wishes.
    pub fn get(&self, number: &Number) -> Option<&Preference> {
        match self.delta.get(number) {
            Some(own) => own.as_ref(),
            None => self.base.get(number),
        }
    }

    /// Gives a callee wishes.
    pub fn insert(&mut self, number: Number, own: Preference) {
        self.delta.insert(number, Some(own));
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
    pub preferences: Preferences,
}

/// 在用快照: a snapshot an engine decides by, and its turn: no two an engine ever had in force have the same.
#[derive(Debug, Clone)]
pub struct InForce {
    /// From 1.
    pub turn: u64,
    /// What is decided by.
    pub snapshot: Arc<Snapshot>,
}

impl std::ops::Deref for InForce {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

impl Snapshot {
    /// A snapshot with a plan and rules and nothing listed.
    pub fn bare(version: u64, home: Operator, plan: Plan, rules: RuleSet) -> Self {
        Self { version, home, plan, rules, ledger: Ledger::default(), lists: Lists::default(), preferences: Preferences::default() }
    }

    /// What every verdict names.
    pub fn versions(&self) -> Versions {
        Versions { rules: self.rules.version ^ self.plan.version(), lists: self.version }
    }
}
