//! 回放: calls and outcomes as lines of JSON, and verdicts as lines of JSON. The same file gives the same bytes, on every machine and every day (I6).
//!
//! ```json
//! {"snapshot":{"version":41,"home":"china_mobile","on":"2026-11-22","trunks":[…],"numbers":[{"number":8619900001234,"bad":true}]}}
//! {"attempt":{"id":1,"at":1795309867000,"trunk":7,"ingress":"enterprise","from":"95588","callee":"19900001234"}}
//! {"outcome":{"at":1795309870000,"trunk":7,"caller":8695588,"callee":8619900001234,"ring_ms":2100,"talk_ms":0,"released":"caller"}}
//! {"lift":{"number":8695588,"at":1795309990000,"immune_s":86400}}
//! ```
//! A snapshot line puts another snapshot in force; the state stays. Before the first one nothing is decided.

use std::collections::BTreeMap;

use chuangsha_kernel::{
    Timestamp,
    rulebook::{Place, Rulebook},
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    attempt::{Attempt, Identity, Ingress, Outcome, Released, Roaming, TrunkId},
    index::{Builder, Index},
    ledger::{Ledger, Trunk},
    lists::{Category, Hours, Marks, Preference},
    number::Number,
    plan::{Operator, Plan},
    rules::{Mode, RuleSet},
    snapshot::{Lists, Snapshot},
    state::{State, StateConfig},
    verdict::{Action, Effect, Redress, Rule, Verdict},
};

/// One line of a replay.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// Another snapshot in force.
    Snapshot(Box<SnapshotSpec>),
    /// A call.
    Attempt(AttemptLine),
    /// Its end.
    Outcome(OutcomeLine),
    /// An upheld appeal.
    Lift {
        /// E.164 digits.
        number: u64,
        /// Milliseconds UTC.
        at: i64,
        /// How long the rules of behaviour keep silent.
        immune_s: u32,
    },
}

/// 快照 as written: what the control plane compiles.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotSpec {
    /// Counter of the control plane.
    pub version: u64,
    /// Who we are.
    pub home: Operator,
    /// Day whose rules and plan are used: `2026-11-22`.
    pub on: Date,
    /// Ledger.
    #[serde(default)]
    pub trunks: Vec<Trunk>,
    /// Lists and preferences.
    #[serde(default)]
    pub numbers: Vec<NumberSpec>,
    /// Rules that are not simply on.
    #[serde(default)]
    pub modes: BTreeMap<Rule, Mode>,
}

/// 名单条目 as written.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NumberSpec {
    /// E.164 digits.
    pub number: u64,
    /// 不良号码
    pub bad: bool,
    /// 疑似骚扰
    pub suspect: bool,
    /// Ported to.
    pub operator: Option<Operator>,
    /// What it is as a caller.
    pub category: Category,
    /// Categories it refuses as a callee.
    pub refuses: Vec<Category>,
    /// Hours as a callee.
    pub hours: Hours,
    /// Own windows, minutes of the day.
    pub quiet: Vec<(u16, u16)>,
    /// Numbers it refuses.
    pub refused: Vec<u64>,
}

/// 呼叫尝试 as written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the fields of Attempt, under the same names")]
pub struct AttemptLine {
    pub id: u64,
    pub at: i64,
    pub trunk: u32,
    pub ingress: Ingress,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pai: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ppi: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    pub callee: String,
    #[serde(default)]
    pub hidden: bool,
    #[serde(default)]
    pub diverted: bool,
    #[serde(default)]
    pub roaming: Roaming,
    #[serde(default)]
    pub identity: Identity,
}

impl AttemptLine {
    /// As the engine wants it.
    pub fn attempt(&self) -> Attempt<'_> {
        Attempt {
            id: self.id,
            at: Timestamp(self.at),
            trunk: TrunkId(self.trunk),
            ingress: self.ingress,
            from: self.from.as_deref(),
            pai: self.pai.as_deref(),
            ppi: self.ppi.as_deref(),
            line: self.line.as_deref(),
            callee: &self.callee,
            hidden: self.hidden,
            diverted: self.diverted,
            roaming: self.roaming,
            identity: self.identity,
        }
    }
}

/// 呼叫结果 as written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the fields of Outcome, under the same names")]
pub struct OutcomeLine {
    pub at: i64,
    pub trunk: u32,
    pub caller: u64,
    pub callee: u64,
    pub ring_ms: u32,
    pub talk_ms: u32,
    pub released: Released,
}

/// 判定 as written. No number stands in it: the evidence id leads to the call for those who may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerdictLine<'a> {
    /// Evidence id, 32 hexadecimal digits.
    pub evidence: String,
    /// Action.
    pub action: Action,
    /// 0 to 100.
    pub score: u8,
    /// Why.
    pub reasons: Vec<ReasonLine<'a>>,
    /// What the caller is.
    pub category: Category,
    /// Country code of a caller from abroad.
    pub country: u16,
    /// Version of the rules.
    pub rules: String,
    /// Version of ledger and lists.
    pub lists: u64,
    /// Until when, milliseconds UTC.
    pub expires: i64,
    /// Who can undo it.
    pub redress: Redress,
}

/// 理由 as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasonLine<'a> {
    /// Which rule.
    pub rule: Rule,
    /// Article.
    pub article: &'a str,
    /// Whether it counted.
    pub effect: Effect,
    /// What it asked for.
    pub action: Action,
    /// Measured.
    pub measured: u32,
    /// Against.
    pub limit: u32,
}

impl<'a> VerdictLine<'a> {
    /// With the articles of the rules it was made by.
    pub fn new(verdict: &Verdict, rules: &'a RuleSet) -> Self {
        let reason = |reason: &crate::Reason| ReasonLine {
            rule: reason.rule,
            article: rules.clause(reason.rule).map_or("", |clause| clause.article.as_str()),
            effect: reason.effect,
            action: reason.action,
            measured: reason.measured,
            limit: reason.limit,
        };
        Self {
            evidence: verdict.evidence.to_string(),
            action: verdict.action,
            score: verdict.score,
            reasons: verdict.reasons.iter().map(reason).collect(),
            category: Category::of(u16::from(verdict.category)),
            country: verdict.country,
            rules: format!("{:016x}", verdict.versions.rules),
            lists: verdict.versions.lists,
            expires: verdict.expires.0,
            redress: verdict.redress,
        }
    }
}

/// Why a replay stopped, or a snapshot was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A line that is no entry; from 1.
    #[error("line {line}: {reason}")]
    Line {
        /// From 1.
        line: usize,
        /// What serde says; never the line itself.
        reason: String,
    },
    /// A call before any snapshot.
    #[error("line {0}: a call before the first snapshot")]
    NoSnapshot(usize),
    /// A snapshot that does not compile.
    #[error("the snapshot does not compile: {0}")]
    Snapshot(String),
}

impl SnapshotSpec {
    /// Compiles it with the rules and plan of a rulebook.
    ///
    /// # Errors
    /// [`ReplayError::Snapshot`] names what does not fit.
    pub fn compile(&self, book: &Rulebook) -> Result<Snapshot, ReplayError> {
        let wrong = |error: &dyn std::fmt::Display| ReplayError::Snapshot(error.to_string());
        let plan = Plan::embedded(book.ranges(), self.on).map_err(|error| wrong(&error))?;
        let mut rules = RuleSet::compile(book, self.on, &Place::china()).map_err(|error| wrong(&error))?;
        for (rule, mode) in &self.modes {
            rules.set_mode(*rule, *mode).map_err(|error| wrong(&error))?;
        }
        let mut snapshot = Snapshot::bare(self.version, self.home, plan, rules);
        snapshot.ledger = Ledger::new(self.trunks.iter().cloned()).map_err(|error| wrong(&error))?;
        let mut list = Builder::with_capacity(self.numbers.len());
        for spec in &self.numbers {
            let number = Number::new(spec.number).ok_or_else(|| wrong(&"a listed number is none"))?;
            list.push(number, spec.marks());
            if spec.hours == Hours::Own {
                let mut refused: Vec<Number> = spec.refused.iter().copied().filter_map(Number::new).collect();
                refused.sort_unstable();
                snapshot.preferences.insert(number, Preference { quiet: spec.quiet.clone(), refused });
            }
        }
        let index = list.finish().and_then(Index::from_bytes).map_err(|error| wrong(&error))?;
        snapshot.lists = Lists { base: index.into(), ..Lists::default() };
        Ok(snapshot)
    }
}

impl NumberSpec {
    fn marks(&self) -> Marks {
        let mut marks = Marks::default().with_category(self.category).with_hours(self.hours);
        if self.bad {
            marks = marks.with_bad();
        }
        if self.suspect {
            marks = marks.with_suspect();
        }
        if let Some(operator) = self.operator {
            marks = marks.with_operator(operator);
        }
        self.refuses.iter().fold(marks, |marks, category| marks.with_refused(*category))
    }
}

/// 回放器: reads entries, gives the verdict line of each call.
pub struct Replay<'a> {
    book: &'a Rulebook,
    snapshot: Option<Snapshot>,
    state: State,
    line: usize,
}

impl<'a> Replay<'a> {
    /// A replay that begins with an empty state; the key of its hashes is fixed.
    pub fn new(book: &'a Rulebook, config: StateConfig) -> Self {
        Self { book, snapshot: None, state: State::new(config), line: 0 }
    }

    /// Begins with a snapshot that is compiled already, as if its line had come first.
    #[must_use]
    pub fn starting_with(mut self, snapshot: Snapshot) -> Self {
        self.snapshot = Some(snapshot);
        self
    }

    /// Takes one line; gives the verdict as a line of JSON when it was a call. Empty lines are overlooked.
    ///
    /// # Errors
    /// The line is no entry, or comes too early.
    pub fn feed(&mut self, line: &str) -> Result<Option<String>, ReplayError> {
        self.line += 1;
        if line.trim().is_empty() {
            return Ok(None);
        }
        let unreadable = |reason: String| ReplayError::Line { line: self.line, reason };
        // serde quotes what it did not expect, and that may be a number of somebody: only the place is told.
        let entry: Entry =
            serde_json::from_str(line).map_err(|error| unreadable(format!("{:?} error at column {}", error.classify(), error.column())))?;
        match entry {
            Entry::Snapshot(spec) => self.snapshot = Some(spec.compile(self.book)?),
            Entry::Attempt(attempt) => {
                let snapshot = self.snapshot.as_ref().ok_or(ReplayError::NoSnapshot(self.line))?;
                let verdict = crate::decide(snapshot, &self.state, &attempt.attempt());
                let line = VerdictLine::new(&verdict, &snapshot.rules);
                return serde_json::to_string(&line).map(Some).map_err(|error| unreadable(error.to_string()));
            }
            Entry::Outcome(line) => {
                let snapshot = self.snapshot.as_ref().ok_or(ReplayError::NoSnapshot(self.line))?;
                let number = |digits| Number::new(digits).ok_or_else(|| unreadable("a number that is none".to_owned()));
                let outcome = Outcome {
                    at: Timestamp(line.at),
                    trunk: TrunkId(line.trunk),
                    caller: number(line.caller)?,
                    callee: number(line.callee)?,
                    ring_ms: line.ring_ms,
                    talk_ms: line.talk_ms,
                    released: line.released,
                };
                self.state.outcome(&outcome, &snapshot.rules.thresholds);
            }
            Entry::Lift { number, at, immune_s } => {
                let number = Number::new(number).ok_or_else(|| unreadable("a number that is none".to_owned()))?;
                self.state.lift(number, Timestamp(at), immune_s);
            }
        }
        Ok(None)
    }

    /// The state so far.
    pub const fn state(&self) -> &State {
        &self.state
    }
}
