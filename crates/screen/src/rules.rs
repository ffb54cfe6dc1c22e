//! 规则集: the dated thresholds of `rules/cn/screening.toml`, compiled for one day and one place into plain numbers.

use chuangsha_kernel::{
    rulebook::{Place, Rulebook, RulebookError},
    time::MINUTE_MS,
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::verdict::{Action, Effect, Redress, Rule};

/// 运行方式 of a rule: a matter of operation, chosen by the control plane with each snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It counts.
    #[default]
    On,
    /// 灰度: it counts on trunks marked as canary, elsewhere it is noted only.
    Canary,
    /// 观察: it is noted only.
    Shadow,
    /// 关停: not asked at all.
    Off,
}

/// 门限 of the rules of behaviour, in the units of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is explained in both languages in rules/cn/screening.toml, under its own name")]
pub struct Thresholds {
    pub bombing_calls_per_minute: u32,
    pub bombing_times_baseline: u32,
    pub bombing_strange_percent: u32,
    pub bombing_hold_s: u32,
    pub one_ring_ms: u32,
    pub one_ring_calls: u32,
    pub one_ring_block_calls: u32,
    pub one_ring_percent: u32,
    pub contract_calls_per_hour: u32,
    pub sequential_stride: u32,
    pub sequential_run: u32,
    pub sequential_sweep: u32,
    pub behaviour_calls_per_hour: u32,
    pub behaviour_block_calls_per_hour: u32,
    pub behaviour_block_answered_percent: u32,
    pub behaviour_distinct_percent: u32,
    pub behaviour_received_percent: u32,
    pub hold_s: u32,
    pub leave_percent: u32,
}

/// 条款 of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Action.
    pub action: Action,
    /// 0 to 100.
    pub score: u8,
    /// Article: `R-SCR-4`.
    pub article: String,
    /// Title and number of the text.
    pub source: String,
    /// 说明
    pub zh: String,
    /// Explanation.
    pub en: String,
}

/// 规则集 of one day.
#[derive(Debug, Clone)]
pub struct RuleSet {
    /// First eight bytes of the version of the packs the rulebook was built from.
    pub version: u64,
    /// The same, as the rulebook gives it.
    pub pack_version: String,
    /// Minutes of the day that are night, from and to (`quiet.default`).
    pub night: (u16, u16),
    /// Minutes of the day that are noon rest (`quiet.noon`).
    pub noon: (u16, u16),
    /// Thresholds.
    pub thresholds: Thresholds,
    clauses: Vec<Clause>,
    modes: [Mode; Rule::ALL.len()],
}

/// Why rules do not compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// The rulebook lacks something, or has it in another unit.
    #[error(transparent)]
    Rulebook(#[from] RulebookError),
    /// An action, a threshold or a window that is none.
    #[error("the value of {0} cannot be used")]
    Value(String),
    /// I3 and I4: these rules cannot be put in shadow or switched off.
    #[error("the rule {0} is always on")]
    AlwaysOn(&'static str),
}

impl RuleSet {
    /// Compiles the rules in force on a day at a place.
    pub fn compile(book: &Rulebook, on: Date, place: &Place) -> Result<Self, RulesError> {
        let wrong = |id: &str| RulesError::Value(id.to_owned());
        let number = |id: &str| {
            let id = format!("screen.{id}");
            let value = book.number(&id, on, place)?.value;
            u32::try_from(value).map_err(|_| wrong(&id))
        };
        let seconds = |id: &str| {
            let id = format!("screen.{id}");
            let ms = book.clock_ms(&id, on, place)?.value;
            u32::try_from(ms / 1_000).map_err(|_| wrong(&id))
        };
        let mut clauses = Vec::with_capacity(Rule::ALL.len());
        for rule in Rule::ALL {
            let id = format!("screen.{}", rule.as_str());
            let ruling = book.text(&id, on, place)?;
            let (zh, en) = book.explain(&id, on)?;
            let action = Action::parse(&ruling.value).ok_or_else(|| wrong(&id))?;
            // Rules that measure have a score of their own; for the others the law, the ledger or the callee has decided.
            let score = match number(&format!("{}.score", rule.as_str())) {
                Ok(score) => score.min(100) as u8,
                Err(RulesError::Rulebook(RulebookError::Unknown(_))) => 100,
                Err(error) => return Err(error),
            };
            clauses.push(Clause { action, score, article: ruling.article, source: ruling.source, zh, en });
        }
        let window = |id: &str| {
            let windows = book.windows(id, on, place)?.value;
            let window = windows.first().ok_or_else(|| wrong(id))?;
            let minute = |time: jiff::civil::Time| time.hour() as u16 * 60 + time.minute() as u16;
            Ok::<_, RulesError>((minute(window.from), minute(window.to)))
        };
        let thresholds = Thresholds {
            bombing_calls_per_minute: number("bombing.calls_per_minute")?,
            bombing_times_baseline: number("bombing.times_baseline")?,
            bombing_strange_percent: number("bombing.strange_percent")?,
            bombing_hold_s: seconds("bombing.hold")?,
            one_ring_ms: seconds("one_ring.ring")?.saturating_mul(1_000),
            one_ring_calls: number("one_ring.calls")?,
            one_ring_block_calls: number("one_ring.block_calls")?,
            one_ring_percent: number("one_ring.percent")?,
            contract_calls_per_hour: number("contract.calls_per_hour")?,
            sequential_stride: number("sequential.stride")?.min(100),
            sequential_run: number("sequential.run")?,
            sequential_sweep: number("sequential.sweep")?,
            behaviour_calls_per_hour: number("behaviour.calls_per_hour")?,
            behaviour_block_calls_per_hour: number("behaviour.block_calls_per_hour")?,
            behaviour_block_answered_percent: number("behaviour.block_answered_percent")?,
            behaviour_distinct_percent: number("behaviour.distinct_percent")?,
            behaviour_received_percent: number("behaviour.received_percent")?,
            hold_s: seconds("hold")?,
            leave_percent: number("leave_percent")?.min(100),
        };
        Ok(Self {
            version: u64::from_str_radix(book.version.get(..16).unwrap_or_default(), 16).unwrap_or_default(),
            pack_version: book.version.clone(),
            night: window("quiet.default")?,
            noon: window("quiet.noon")?,
            thresholds,
            clauses,
            modes: [Mode::On; Rule::ALL.len()],
        })
    }

    /// Puts a rule on, on the canary trunks, in shadow or off.
    ///
    /// What keeps I3 and I4 is always on: emergency calls, and the authentication of enterprise trunks.
    pub fn set_mode(&mut self, rule: Rule, mode: Mode) -> Result<(), RulesError> {
        let fixed =
            matches!(rule, Rule::Emergency | Rule::Trunk | Rule::NotAllowed | Rule::InboundOnly | Rule::Caller400 | Rule::SubscriberNumber);
        if fixed && mode != Mode::On {
            return Err(RulesError::AlwaysOn(rule.as_str()));
        }
        if let Some(place) = self.modes.get_mut(rule as usize) {
            *place = mode;
        }
        Ok(())
    }

    /// How a rule is run.
    pub fn mode(&self, rule: Rule) -> Mode {
        self.modes.get(rule as usize).copied().unwrap_or_default()
    }

    /// What a hit of the rule comes to on a trunk; none = the rule is off.
    pub fn effect(&self, rule: Rule, canary: bool) -> Option<Effect> {
        match self.mode(rule) {
            Mode::On => Some(Effect::Enforced),
            Mode::Canary if canary => Some(Effect::Enforced),
            Mode::Canary | Mode::Shadow => Some(Effect::Shadow),
            Mode::Off => None,
        }
    }

    /// Action, score and article of a rule.
    pub fn clause(&self, rule: Rule) -> Option<&Clause> {
        self.clauses.get(rule as usize)
    }

    /// The action of a rule.
    pub fn action(&self, rule: Rule) -> Action {
        self.clause(rule).map_or(Action::Pass, |clause| clause.action)
    }

    /// The score of a rule.
    pub fn score(&self, rule: Rule) -> u8 {
        self.clause(rule).map_or(0, |clause| clause.score)
    }

    /// Who can undo what the rule does.
    pub const fn redress(rule: Rule) -> Redress {
        match rule {
            Rule::Emergency | Rule::AllowList | Rule::Overseas => Redress::None,
            Rule::RefusedCategory | Rule::RefusedNumber | Rule::RefusedHours => Redress::Callee,
            Rule::Trunk
            | Rule::NotAllowed
            | Rule::InboundOnly
            | Rule::Caller400
            | Rule::SubscriberNumber
            | Rule::Hidden
            | Rule::Contract => Redress::Operator,
            _ => Redress::Appeal,
        }
    }
}

/// Whether a minute of the day is inside a window; to before from runs past midnight.
pub(crate) const fn inside((from, to): (u16, u16), minute: u16) -> bool {
    if from < to { from <= minute && minute < to } else { minute >= from || minute < to }
}

/// Minute of the day in China of a moment, without a calendar: China Standard Time has no summer time.
pub(crate) const fn minute_of_day(at: chuangsha_kernel::Timestamp) -> u16 {
    const DAY: i64 = 24 * 60;
    // Eight hours ahead of UTC, as `kernel::time` has it.
    (at.0.div_euclid(MINUTE_MS).wrapping_add(8 * 60)).rem_euclid(DAY) as u16
}

/// The packs this crate needs from `rules/`, for tests, benches and replays away from the application.
pub const PACKS: &[(&str, &str)] = &[
    ("cn/numbering", include_str!("../../../rules/cn/numbering.toml")),
    ("cn/quiet_hours", include_str!("../../../rules/cn/quiet_hours.toml")),
    ("cn/screening", include_str!("../../../rules/cn/screening.toml")),
];

#[cfg(test)]
mod tests {
    use chuangsha_kernel::Timestamp;
    use jiff::civil::date;

    use super::*;

    fn rules() -> RuleSet {
        RuleSet::compile(&Rulebook::embedded(PACKS).unwrap(), date(2026, 11, 22), &Place::china()).unwrap()
    }

    #[test]
    fn every_rule_has_a_clause_with_article_and_both_languages() {
        let rules = rules();
        for rule in Rule::ALL {
            let clause = rules.clause(*rule).unwrap();
            assert!(clause.article.starts_with("R-") || clause.article.starts_with("L-"), "{rule:?}");
            assert!(!clause.zh.is_empty() && !clause.en.is_empty() && !clause.source.is_empty());
        }
        assert_eq!((rules.action(Rule::Emergency), rules.action(Rule::NotAllowed)), (Action::Pass, Action::Block));
        assert_eq!((rules.score(Rule::BadList), rules.score(Rule::Behaviour), rules.score(Rule::Overseas)), (100, 60, 0));
        assert_eq!((rules.night, rules.noon, rules.thresholds.hold_s), ((1_260, 540), (720, 840), 21_600));
        assert_ne!(rules.version, 0);
    }

    #[test]
    fn what_keeps_the_invariants_cannot_be_switched_off() {
        let mut rules = rules();
        for rule in [Rule::Emergency, Rule::Trunk, Rule::NotAllowed] {
            for mode in [Mode::Canary, Mode::Shadow, Mode::Off] {
                assert_eq!(rules.set_mode(rule, mode), Err(RulesError::AlwaysOn(rule.as_str())));
            }
        }
        rules.set_mode(Rule::Behaviour, Mode::Canary).unwrap();
        assert_eq!(
            (rules.effect(Rule::Behaviour, true), rules.effect(Rule::Behaviour, false)),
            (Some(Effect::Enforced), Some(Effect::Shadow))
        );
        rules.set_mode(Rule::Behaviour, Mode::Off).unwrap();
        assert_eq!(rules.effect(Rule::Behaviour, true), None);
    }

    #[test]
    fn a_local_pack_may_only_harden_an_action() {
        let local = |id: &str, value: &str| {
            let text = format!(
                "[pack]\nzh = \"本地\"\nen = \"Local\"\n[[rule]]\nid = \"{id}\"\nvalue = {value}\narticle = \"R-SCR-3\"\nsource = \"Instruction 1\"\n\
                 in_force = 2026-01-01\nevidence = \"P\"\nzh = \"本地\"\nen = \"Ours\"\n"
            );
            let book = Rulebook::embedded(PACKS).unwrap().with_local(&[("ours", &text)])?;
            Ok::<_, RulebookError>(RuleSet::compile(&book, date(2026, 11, 22), &Place::china()).unwrap())
        };
        assert_eq!(local("screen.behaviour", "\"block\"").unwrap().action(Rule::Behaviour), Action::Block);
        assert!(local("screen.emergency", "\"block\"").is_err() && local("screen.not_allowed", "\"pass\"").is_err());
        assert!(local("screen.forged_home", "\"label\"").is_err() && local("screen.behaviour.calls_per_hour", "80").is_err());
        assert_eq!(local("screen.behaviour.calls_per_hour", "20").unwrap().thresholds.behaviour_calls_per_hour, 20);
    }

    #[test]
    fn the_minute_of_the_day_is_that_of_the_kernels_calendar() {
        for at in [0, 1_795_000_000_000, 1_795_050_000_000, -1, i64::from(u32::MAX) * 1_000, 1_700_000_012_345] {
            let civil = Timestamp(at).civil();
            assert_eq!(minute_of_day(Timestamp(at)), civil.hour() as u16 * 60 + civil.minute() as u16, "{at}");
        }
        assert_eq!((minute_of_day(Timestamp(i64::MAX)) < 1_440, minute_of_day(Timestamp(i64::MIN)) < 1_440), (true, true));
        assert!(inside((1_260, 540), 0) && inside((1_260, 540), 1_300) && !inside((1_260, 540), 540) && inside((720, 840), 720));
    }
}
