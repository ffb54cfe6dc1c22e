//! 误报计: what each rule did, and how often it was wrong. Counters only; no number, no name.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::verdict::{Action, Effect, Rule};

/// Counts of one rule since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Count {
    /// Calls it decided about.
    pub enforced: u64,
    /// Calls it would have decided about.
    pub shadow: u64,
    /// 误报: proven wrong by an upheld appeal.
    pub refuted: u64,
    /// 存疑: the two spoke for a minute or longer all the same.
    pub doubted: u64,
}

#[derive(Debug, Default)]
struct Cell {
    enforced: AtomicU64,
    shadow: AtomicU64,
    refuted: AtomicU64,
    doubted: AtomicU64,
}

/// So many cores count actions without waiting for each other: every call is counted, few meet a rule.
const STRIPES: usize = 16;

/// How many calls met which action, on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Stripe([AtomicU64; Action::ALL.len()]);

/// 误报计 of all rules, and how many calls met which action.
#[derive(Debug, Default)]
pub struct Meters {
    rules: [Cell; Rule::ALL.len()],
    stripes: [Stripe; STRIPES],
}

impl Meters {
    pub(crate) fn hit(&self, rule: Rule, effect: Effect) {
        if let Some(cell) = self.rules.get(rule as usize) {
            let counter = if effect == Effect::Enforced { &cell.enforced } else { &cell.shadow };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `id`: of the attempt; any spread of calls over the stripes will do.
    #[inline]
    pub(crate) fn decided(&self, action: Action, id: u64) {
        let stripe = self.stripes.get(id as usize % STRIPES);
        if let Some(counter) = stripe.and_then(|stripe| stripe.0.get(action as usize)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn doubted(&self, rule: Rule) {
        if let Some(cell) = self.rules.get(rule as usize) {
            cell.doubted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// An appeal against the rule was upheld.
    pub fn refuted(&self, rule: Rule) {
        if let Some(cell) = self.rules.get(rule as usize) {
            cell.refuted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts of a rule.
    pub fn of(&self, rule: Rule) -> Count {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        self.rules.get(rule as usize).map_or_else(Count::default, |cell| Count {
            enforced: read(&cell.enforced),
            shadow: read(&cell.shadow),
            refuted: read(&cell.refuted),
            doubted: read(&cell.doubted),
        })
    }

    /// How many calls met the action.
    pub fn decisions(&self, action: Action) -> u64 {
        self.stripes.iter().filter_map(|stripe| stripe.0.get(action as usize)).map(|counter| counter.load(Ordering::Relaxed)).sum()
    }
}
