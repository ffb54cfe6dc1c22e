//! 行为规则: what a caller does over minutes and hours. Each has an entry threshold and, once it has spoken, a lower one to leave by, so that nobody
//! flickers between ringing and not.

use super::Hearing;
use crate::{
    attempt::Ingress,
    lists::Category,
    number::Number,
    rules::{Mode, Thresholds},
    state::{Party, State, callee::Callee, caller::Caller, seconds},
    verdict::{Action, Rule},
};

/// From this many calls a minute on a callee's callers are looked at one by one.
const LOOK_FROM: u32 = 3;
/// A caller that called more than this in two days is no stranger to us.
const FEW_CALLS: u32 = 3;
/// Hammering: this many calls an hour to hardly anybody, or to so few of different callees, percent, that each is called again and again.
const HAMMER_CALLS: u32 = 5;
const HAMMER_CALLEES: u32 = 2;
const HAMMER_PERCENT: u32 = 20;

/// What a rule of behaviour found.
struct Finding {
    rule: Rule,
    action: Action,
    measured: u32,
    limit: u32,
}

impl Hearing<'_> {
    pub(super) fn behave(&mut self, state: &State, from: Party, to: Party) {
        let caller = from.number;
        let now = seconds(self.attempt.at);
        let (called, record) = state.calls(from, to, now, self.snapshot.rules.thresholds.sequential_stride);
        let immune = record.immune && record.until > now;
        if self.contract(&record) {
            return;
        }
        if immune {
            return;
        }
        // Calls with a code are what bombers order from honest services: against a siege their trust does not count.
        let trusted = self.category.is_trusted();
        if let Some(called) = called
            && (!trusted || self.category == Category::Verification)
            && self.bombing(state, &called, &record, caller, now)
        {
            return;
        }
        if trusted {
            return;
        }
        self.tiers(state, &record, caller, now);
    }

    /// 合同频次: as agreed, also for the trusted; where nothing was agreed the default of the rules, not for the trusted.
    fn contract(&mut self, record: &Caller) -> bool {
        let Some(trunk) = self.trunk.filter(|_| self.ingress == Ingress::Enterprise) else { return false };
        let limit = match trunk.calls_per_hour {
            Some(limit) => limit,
            None if self.category.is_trusted() => return false,
            None => self.snapshot.rules.thresholds.contract_calls_per_hour,
        };
        let calls = record.calls_per_hour();
        calls > limit && self.say(Rule::Contract, self.snapshot.rules.action(Rule::Contract), calls, limit)
    }

    /// 呼死你: far more calls than the callee is used to, mostly from callers nobody knows or that hammer. Only those are stopped: a flash crowd is
    /// made of people who are called themselves, and whom the callee spoke with comes through.
    fn bombing(&mut self, state: &State, called: &Callee, record: &Caller, caller: Number, now: u32) -> bool {
        let thresholds = &self.snapshot.rules.thresholds;
        let hold = thresholds.bombing_hold_s;
        let rate = called.calls_per_minute();
        let protected = called.under_attack(now, hold);
        if rate <= LOOK_FROM && !protected {
            return false;
        }
        // By the last hour, not by that of the clock, and by how often rather than by how many: who hammers several at once, or over the turn of an
        // hour, hammers all the same.
        let few = u32::from(record.hour.0) >= HAMMER_CALLS && record.distinct() <= HAMMER_CALLEES;
        let hammers = few || (record.calls_per_hour() >= HAMMER_CALLS && record.distinct_percent() <= HAMMER_PERCENT);
        let stranger = record.calls_of_two_days() <= FEW_CALLS && state.callee(caller).is_none_or(|own| own.calls_of_two_days() == 0);
        let strange = (hammers || stranger) && !called.knows(caller.value());
        let usual = called.baseline.saturating_mul(thresholds.bombing_times_baseline) / (16 * 60);
        let limit = thresholds.bombing_calls_per_minute.max(usual);
        // Only now it shows that the caller hammers: its calls of this hour that were taken for somebody's are counted after.
        let shows = strange && few && u32::from(record.hour.0) == HAMMER_CALLS;
        let new_to_us = record.calls_of_two_days() == HAMMER_CALLS;
        let after = match (shows, new_to_us) {
            (false, _) => 0,
            (true, true) => HAMMER_CALLS - 1 - FEW_CALLS,
            (true, false) => HAMMER_CALLS - 1,
        };
        let more = u16::from(strange) + after as u16;
        let mut looked = *called;
        looked.look(more);
        let attacked =
            rate >= limit && u32::from(looked.looked) >= limit / 2 && looked.percent_strange() >= thresholds.bombing_strange_percent;
        state.with_callee(called_number(called), |held| {
            held.look(more);
            if attacked {
                held.attack_until = now.saturating_add(hold);
            }
        });
        if !(strange && (attacked || protected)) {
            return false;
        }
        self.expires_s = Some(if attacked { hold } else { called.attack_until - now });
        self.say(Rule::Bombing, self.snapshot.rules.action(Rule::Bombing), rate, limit)
    }

    /// The tiers: a caller keeps what it earned until the time is over, then it is looked at with the lower threshold.
    fn tiers(&mut self, state: &State, record: &Caller, caller: Number, now: u32) {
        let thresholds = &self.snapshot.rules.thresholds;
        let standing = record.standing(now, thresholds.hold_s);
        let found = self.worst(state, record, caller, thresholds);
        let earned = found.as_ref().map_or(Action::Pass, |found| found.action);
        match (standing, found) {
            (Some(tier), found) if tier >= earned => {
                let rule = *Rule::ALL.get(usize::from(record.tier_rule)).unwrap_or(&Rule::Behaviour);
                self.expires_s = Some(record.until - now);
                let (measured, limit) = found.filter(|found| found.rule == rule).map_or((0, 0), |found| (found.measured, found.limit));
                self.say(rule, tier, measured, limit);
            }
            (_, Some(found)) => {
                state.with_caller(caller, |held| {
                    held.tier = found.action;
                    held.tier_rule = found.rule as u8;
                    held.until = now.saturating_add(thresholds.hold_s);
                    held.immune = false;
                });
                self.expires_s = Some(thresholds.hold_s);
                self.say(found.rule, found.action, found.measured, found.limit);
            }
            (None, None) if record.tier != Action::Pass => state.with_caller(caller, |held| {
                held.tier = Action::Pass;
                held.tier_rule = 0;
            }),
            _ => {}
        }
    }

    /// The hardest finding; of equal ones the first asked.
    fn worst(&self, state: &State, record: &Caller, caller: Number, thresholds: &Thresholds) -> Option<Finding> {
        let asked = [Rule::OneRing, Rule::Sequential, Rule::Behaviour];
        let mut worst: Option<Finding> = None;
        for rule in asked {
            if self.snapshot.rules.mode(rule) == Mode::Off {
                continue;
            }
            // Whoever holds a tier of this rule leaves it by the lower threshold; a higher tier still has to be earned in full.
            let held = if record.tier_rule == rule as u8 { record.tier } else { Action::Pass };
            let lowered = |limit: u32, action: Action| {
                let percent = if held != Action::Pass && held >= action { thresholds.leave_percent } else { 100 };
                (limit.saturating_mul(percent) / 100).max(1)
            };
            let found = match rule {
                Rule::OneRing => self.one_ring(record, thresholds, lowered),
                Rule::Sequential => self.sequential(record, thresholds, lowered),
                _ => self.machine(state, record, caller, thresholds, lowered),
            };
            if let Some(found) = found
                && worst.as_ref().is_none_or(|worst| found.action > worst.action)
            {
                worst = Some(found);
            }
        }
        worst
    }

    fn one_ring(&self, record: &Caller, thresholds: &Thresholds, lowered: impl Fn(u32, Action) -> u32) -> Option<Finding> {
        let calls = record.short_per_hour();
        let action = self.snapshot.rules.action(Rule::OneRing);
        let (label, block) = (lowered(thresholds.one_ring_calls, action), lowered(thresholds.one_ring_block_calls, Action::Block));
        if calls < label || record.percent_short() < thresholds.one_ring_percent {
            return None;
        }
        let hard = calls >= block;
        Some(Finding {
            rule: Rule::OneRing,
            action: if hard { Action::Block } else { action },
            measured: calls,
            limit: if hard { block } else { label },
        })
    }

    fn sequential(&self, record: &Caller, thresholds: &Thresholds, lowered: impl Fn(u32, Action) -> u32) -> Option<Finding> {
        let action = self.snapshot.rules.action(Rule::Sequential);
        let (run, sweep) = (lowered(thresholds.sequential_run, action), lowered(thresholds.sequential_sweep, action));
        if u32::from(record.run) >= run {
            return Some(Finding { rule: Rule::Sequential, action, measured: u32::from(record.run), limit: run });
        }
        (u32::from(record.sweep) >= sweep).then(|| Finding {
            rule: Rule::Sequential,
            action,
            measured: u32::from(record.sweep),
            limit: sweep,
        })
    }

    fn machine(
        &self,
        state: &State,
        record: &Caller,
        caller: Number,
        thresholds: &Thresholds,
        lowered: impl Fn(u32, Action) -> u32,
    ) -> Option<Finding> {
        let calls = record.calls_per_hour();
        let action = self.snapshot.rules.action(Rule::Behaviour);
        let (label, block) =
            (lowered(thresholds.behaviour_calls_per_hour, action), lowered(thresholds.behaviour_block_calls_per_hour, Action::Block));
        if calls < label || record.distinct_percent() < lowered(thresholds.behaviour_distinct_percent, action) {
            return None;
        }
        // Only now: a second record costs a second cache line, and few callers come this far.
        let received = state.callee(caller).map_or(0, |own| own.calls_of_two_days());
        let made = record.calls_of_two_days().max(1);
        if received * 100 / made > thresholds.behaviour_received_percent {
            return None;
        }
        // A school that tells three hundred parents is picked up and heard; what nobody wants to hear is not.
        let unwanted = record.percent_answered().is_some_and(|answered| answered <= thresholds.behaviour_block_answered_percent);
        let hard = calls >= block && unwanted;
        Some(Finding {
            rule: Rule::Behaviour,
            action: if hard { Action::Block } else { action },
            measured: calls,
            limit: if hard { block } else { label },
        })
    }
}

fn called_number(called: &Callee) -> Number {
    Number::new(called.number).unwrap_or_default()
}
