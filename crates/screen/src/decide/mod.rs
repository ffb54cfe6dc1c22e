//! 判定: the rules in their order. Emergency; authentication by ingress class, ledger and token; lists; the callee's wishes; behaviour; label.
//!
//! Pure: the answer depends on the snapshot, the state and the attempt and on nothing else, so the same calls in the same order give the same verdicts,
//! byte for byte (I6). It allocates nothing, waits for nobody and never looks at content (I10).

mod authenticate;
mod behaviour;

use crate::{
    attempt::{Attempt, Ingress, Roaming},
    ledger::Trunk,
    lists::{Category, Hours, Marks},
    number::Number,
    plan::{Kind, Line, Written},
    rules::{RuleSet, inside, minute_of_day},
    snapshot::{Expected, InForce, Snapshot},
    state::{Party, State, hash},
    verdict::{Action, Effect, EvidenceId, Reason, Reasons, Redress, Rule, Verdict},
};

/// Decides about one call and counts it.
///
/// A call that fails authentication, or is refused for what stands in a list, is not counted as the caller's: nobody can spoil another's record by
/// showing the other's number.
pub fn decide(snapshot: &Snapshot, state: &State, attempt: &Attempt<'_>) -> Verdict {
    hear(snapshot, state, attempt, 0, &Ahead::NONE)
}

/// The same verdict about a call that [`foresee`] has read.
pub fn decide_foreseen(snapshot: &InForce, state: &State, attempt: &Attempt<'_>, ahead: &Ahead<'_>) -> Verdict {
    hear(snapshot, state, attempt, snapshot.turn, ahead)
}

fn hear(snapshot: &Snapshot, state: &State, attempt: &Attempt<'_>, turn: u64, ahead: &Ahead<'_>) -> Verdict {
    let trunk = snapshot.ledger.trunk(attempt.trunk);
    let mut hearing = Hearing::new(snapshot, attempt, trunk);
    hearing.run(state, turn, ahead);
    let verdict = hearing.verdict();
    for reason in verdict.reasons.iter() {
        state.meters.hit(reason.rule, reason.effect);
    }
    state.meters.decided(verdict.action, attempt.id);
    verdict
}

/// 预读: a call whose decision is near, read and on its way from memory. It never changes a verdict: what was read under another snapshot, or from
/// another text, is read again.
#[derive(Clone, Copy)]
pub struct Ahead<'a> {
    /// Which snapshot it was read under.
    snapshot: u64,
    sides: [Option<Side<'a>>; 2],
}

/// One side of a call, read.
#[derive(Clone, Copy)]
struct Side<'a> {
    text: &'a str,
    line: Line,
    listed: Expected,
    party: Party,
}

impl<'a> Ahead<'a> {
    /// Of a call nobody has looked at yet.
    pub const NONE: Self = Self { snapshot: 0, sides: [None, None] };

    fn caller(snapshot: &Snapshot, state: &State, text: &'a str) -> Option<Side<'a>> {
        let line = snapshot.plan.read(text).ok()?;
        Some(Side { text, line, listed: snapshot.lists.expect(line.number), party: state.expect_caller(line.number) })
    }

    fn callee(snapshot: &Snapshot, state: &State, text: &'a str) -> Option<Side<'a>> {
        let line = snapshot.plan.read(text).ok()?;
        Some(Side { text, line, listed: snapshot.lists.expect(line.number), party: state.expect_callee(line.number) })
    }

    /// What was read of that very text, under that snapshot.
    fn of(&self, side: usize, snapshot: u64, text: &str) -> Option<Side<'a>> {
        let side = (*self.sides.get(side)?)?;
        (self.snapshot == snapshot && std::ptr::eq(side.text, text)).then_some(side)
    }
}

/// First of two steps ahead of a decision: an edge that has several calls at hand takes it for each of them, then [`reach`] for each, and then decides
/// about them one after the other. What lies far away in memory arrives meanwhile.
pub fn foresee<'a>(snapshot: &InForce, state: &State, caller: Option<&'a str>, callee: &'a str) -> Ahead<'a> {
    let to = Ahead::callee(snapshot, state, callee);
    let from = caller.and_then(|caller| Ahead::caller(snapshot, state, caller));
    Ahead { snapshot: snapshot.turn, sides: [from, to] }
}

/// Second step: what arrived says where the records and the entries of the lists are.
pub fn reach(snapshot: &InForce, state: &State, ahead: &Ahead<'_>) {
    if ahead.snapshot != snapshot.turn {
        return;
    }
    for side in ahead.sides.iter().flatten() {
        snapshot.lists.reach(&side.listed);
    }
    if let [Some(caller), Some(callee)] = &ahead.sides {
        state.prefetch_records(caller.party, callee.party);
    }
}

/// Whether the edge should ask the roaming port before it asks for a decision: a Chinese subscriber's number on an international trunk.
pub fn needs_roaming(snapshot: &Snapshot, attempt: &Attempt<'_>) -> Option<Number> {
    let ingress = snapshot.ledger.trunk(attempt.trunk).map_or(attempt.ingress, |trunk| trunk.ingress);
    let line = snapshot.plan.read(attempt.pai.or(attempt.from)?).ok()?;
    let subscriber = matches!(line.kind, Kind::Mobile | Kind::Satellite | Kind::Machine) && line.written.is_international();
    (ingress == Ingress::International && subscriber && attempt.roaming == Roaming::Unasked).then_some(line.number)
}

/// One call while it is being decided.
struct Hearing<'a> {
    snapshot: &'a Snapshot,
    attempt: &'a Attempt<'a>,
    trunk: Option<&'a Trunk>,
    ingress: Ingress,
    caller: Option<Line>,
    callee: Option<Line>,
    /// What the lists know of the caller, and of the callee.
    marks: [Marks; 2],
    category: Category,
    action: Action,
    score: u8,
    redress: Redress,
    reasons: Reasons,
    expires_s: Option<u32>,
}

impl<'a> Hearing<'a> {
    fn new(snapshot: &'a Snapshot, attempt: &'a Attempt<'a>, trunk: Option<&'a Trunk>) -> Self {
        Self {
            snapshot,
            attempt,
            trunk,
            ingress: trunk.map_or(attempt.ingress, |trunk| trunk.ingress),
            caller: None,
            callee: None,
            marks: [Marks::default(); 2],
            category: Category::None,
            action: Action::Pass,
            score: 0,
            redress: Redress::None,
            reasons: Reasons::default(),
            expires_s: None,
        }
    }

    /// A rule speaks. True when it ends the hearing: it counts, and it stops the call.
    fn say(&mut self, rule: Rule, action: Action, measured: u32, limit: u32) -> bool {
        let rules = &self.snapshot.rules;
        let Some(effect) = rules.effect(rule, self.trunk.is_some_and(|trunk| trunk.canary)) else { return false };
        self.reasons.push(Reason { rule, effect, action, measured, limit });
        if effect == Effect::Shadow {
            return false;
        }
        // How sure: the surest of the rules, the others adding a quarter each.
        let score = rules.score(rule);
        self.score = (self.score.max(score)).saturating_add(self.score.min(score) / 4).min(100);
        if action > self.action || (self.redress == Redress::None && action == self.action) {
            self.action = self.action.max(action);
            self.redress = RuleSet::redress(rule);
        }
        action == Action::Block
    }

    /// A rule speaks with the action of the packs.
    fn hit(&mut self, rule: Rule) -> bool {
        self.say(rule, self.snapshot.rules.action(rule), 0, 0)
    }

    fn run(&mut self, state: &State, turn: u64, ahead: &Ahead<'_>) {
        let snapshot = self.snapshot;
        // What lies far away in memory is asked for as early as it is known, and read as late as it is needed.
        let to = ahead.of(1, turn, self.attempt.callee).or_else(|| Ahead::callee(snapshot, state, self.attempt.callee));
        // A number of ten digits or more that the plan knows is no emergency number in any form; the others are looked at in every form (I3).
        let plain = to.is_some_and(|to| matches!(to.line.kind, Kind::Mobile | Kind::Satellite | Kind::Machine));
        self.callee = to.map(|to| to.line);
        if !plain && snapshot.plan.is_emergency(self.attempt.callee) {
            self.hit(Rule::Emergency);
            return;
        }
        let text = self.attempt.pai.or(self.attempt.from);
        let from = text.and_then(|text| ahead.of(0, turn, text).or_else(|| Ahead::caller(snapshot, state, text)));
        self.caller = from.map(|from| from.line);
        if let Some(from) = from {
            let lists = &snapshot.lists;
            let called = to.map(|to| (lists.reach(&to.listed), to.party));
            let listed = lists.reach(&from.listed);
            if let Some((_, callee)) = called {
                state.prefetch_records(from.party, callee);
            }
            self.marks = [lists.marks(&listed), called.map_or_else(Marks::default, |(listed, _)| lists.marks(&listed))];
        }
        if self.authenticate() {
            return;
        }
        let Some(caller) = self.caller else {
            // A rule let a call without a readable caller pass, by shadow or switch: there is nobody to look up or to count.
            return;
        };
        let [marks, wishes] = self.marks;
        self.category = self.category_of(marks);
        if self.is_allow_listed(caller) {
            self.hit(Rule::AllowList);
            return;
        }
        if (marks.bad() && self.hit(Rule::BadList)) || (marks.suspect() && self.hit(Rule::Suspect)) {
            return;
        }
        if let Some(callee) = self.callee
            && self.callee_refuses(caller.number, callee.number, wishes)
        {
            return;
        }
        if let (Some(from), Some(to)) = (from, to) {
            self.behave(state, from.party, to.party);
        }
        if caller.kind == Kind::Foreign && self.snapshot.rules.action(Rule::Overseas) != Action::Pass {
            self.say(Rule::Overseas, self.snapshot.rules.action(Rule::Overseas), u32::from(caller.country), 0);
        }
    }

    /// What the caller is: by the list, else by the registered purpose of the trunk.
    fn category_of(&self, marks: Marks) -> Category {
        match (marks.category(), self.trunk) {
            (Category::None, Some(trunk)) if self.ingress == Ingress::Enterprise => trunk.purpose,
            (category, _) => category,
        }
    }

    /// Emergency services and justice, calling on a line within the country. From abroad the same number is a forgery.
    fn is_allow_listed(&self, _caller: Line) -> bool {
        self.category == Category::Emergency && self.ingress != Ingress::International && self.action < Action::Block
    }

    fn callee_refuses(&mut self, caller: Number, callee: Number, marks: Marks) -> bool {
        if marks.refuses(self.category) && self.hit(Rule::RefusedCategory) {
            return true;
        }
        if marks.hours() == Hours::Any {
            return false;
        }
        let minute = minute_of_day(self.attempt.at);
        let rules = &self.snapshot.rules;
        let own = if marks.hours() == Hours::Own { self.snapshot.preferences.get(&callee) } else { None };
        if own.is_some_and(|own| own.refused.binary_search(&caller).is_ok()) && self.hit(Rule::RefusedNumber) {
            return true;
        }
        let quiet = match marks.hours() {
            Hours::Any => false,
            Hours::Night => inside(rules.night, minute),
            Hours::NightAndNoon => inside(rules.night, minute) || inside(rules.noon, minute),
            Hours::Own => own.is_some_and(|own| own.quiet.iter().any(|window| inside(*window, minute))),
        };
        quiet && self.category.is_commercial() && self.hit(Rule::RefusedHours)
    }

    fn verdict(&self) -> Verdict {
        let expires = match self.expires_s {
            Some(seconds) => self.attempt.at.plus_ms(i64::from(seconds) * 1_000),
            None => self.attempt.at,
        };
        let country = self.caller.filter(|caller| caller.kind == Kind::Foreign).map_or(0, |caller| caller.country);
        let mut verdict = Verdict {
            action: self.action,
            score: self.score,
            reasons: self.reasons,
            caller: self.caller.map(|caller| caller.number),
            callee: self.callee.map(|callee| callee.number),
            category: self.category as u8,
            country,
            versions: self.snapshot.versions(),
            evidence: EvidenceId(0),
            expires,
            redress: if self.action == Action::Pass { Redress::None } else { self.redress },
        };
        verdict.evidence = evidence(self.attempt, &verdict);
        verdict
    }
}

/// A hash over what was known and what was said, 128 bits wide so that it is unique among the verdicts of an installation.
fn evidence(attempt: &Attempt<'_>, verdict: &Verdict) -> EvidenceId {
    let said = verdict.reasons.iter().fold(
        u64::from(attempt.trunk.0) | (verdict.action as u64) << 32 | u64::from(verdict.score) << 40,
        |sum, reason| {
            let word = reason.rule as u64 | (reason.effect as u64) << 8 | (reason.action as u64) << 16 | u64::from(reason.measured) << 32;
            hash(sum ^ word, 3)
        },
    );
    let call = hash(attempt.id, 4) ^ hash(attempt.at.0.cast_unsigned(), 5);
    let sides = hash(verdict.caller.map_or(0, Number::value), 6) ^ hash(verdict.callee.map_or(0, Number::value), 7);
    let book = hash(verdict.versions.rules, 8) ^ hash(verdict.versions.lists, 9);
    let (one, two) = (hash(call ^ said, 10), hash(sides ^ book, 11));
    EvidenceId(u128::from(hash(one ^ two.rotate_left(32), 12)) << 64 | u128::from(hash(one.rotate_left(17) ^ two, 13)))
}

/// Whether a form is one that part D takes for a country mark.
const fn marked(line: &Line) -> bool {
    matches!(line.written, Written::Plus | Written::DoubleZero)
}

#[cfg(test)]
mod tests;
