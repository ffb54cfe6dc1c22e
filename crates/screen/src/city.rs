//! 演示城市: a simulated city with labelled campaigns and honest busy callers, from one seed, to measure how often the engine is wrong and how much it
//! catches. Called by `chuangsha bench screen --accuracy`; no number in it is anybody's.

use std::collections::BTreeMap;

use chuangsha_kernel::{Rulebook, Timestamp};
use serde::Serialize;

use crate::{
    Action, Attempt, Engine, Ingress, Number, Outcome, Released, Rule, StateConfig, TrunkId,
    replay::{ReplayError, SnapshotSpec},
    rules::PACKS,
    state::hash,
};

/// Who is calling, in truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it; what each does stands where it is made")]
pub enum Kind {
    Ordinary,
    Courier,
    RideHailing,
    Verification,
    School,
    Hospital,
    FlashCrowd,
    PhoneTree,
    Roaming,
    Telemarketing,
    OneRing,
    Sequential,
    Sweep,
    Bombing,
    ForgedHome,
    ForgedTrunk,
}

impl Kind {
    /// Whether the call should ring without anything being said about it.
    pub const fn is_honest(self) -> bool {
        (self as u8) < Kind::Telemarketing as u8
    }
}

/// What the engine did with the calls of one kind at one intensity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Kind.
    pub kind: Kind,
    /// Calls an hour and caller; for bombing calls a minute on the victim; 0 where it is no matter of rate.
    pub intensity: u32,
    /// Calls.
    pub calls: u64,
    /// Labelled or challenged, the country of a foreign caller not counted.
    pub labelled: u64,
    /// Blocked.
    pub blocked: u64,
}

/// 准确率报告
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// By kind and intensity.
    pub rows: Vec<Row>,
}

impl Report {
    /// Honest calls, of those labelled, of those blocked.
    pub fn honest(&self) -> (u64, u64, u64) {
        self.rows
            .iter()
            .filter(|row| row.kind.is_honest())
            .fold((0, 0, 0), |(calls, labelled, blocked), row| (calls + row.calls, labelled + row.labelled, blocked + row.blocked))
    }

    /// Blocked honest calls per honest call: at most 1e-5 is wanted.
    pub fn block_error(&self) -> f64 {
        let (calls, _, blocked) = self.honest();
        blocked as f64 / calls.max(1) as f64
    }

    /// Labelled honest calls per honest call: at most one in a hundred is wanted.
    pub fn label_error(&self) -> f64 {
        let (calls, labelled, _) = self.honest();
        labelled as f64 / calls.max(1) as f64
    }

    /// Calls of a kind, labelled or blocked, as a share.
    pub fn recall(&self, kind: Kind, from_intensity: u32) -> f64 {
        let rows = self.rows.iter().filter(|row| row.kind == kind && row.intensity >= from_intensity);
        let (calls, caught) = rows.fold((0, 0), |(calls, caught), row| (calls + row.calls, caught + row.labelled + row.blocked));
        caught as f64 / calls.max(1) as f64
    }
}

/// One call to come.
#[derive(Debug, Clone, Copy)]
struct Call {
    at_ms: u32,
    trunk: u32,
    caller: u64,
    callee: u64,
    kind: Kind,
    intensity: u32,
    ring_ms: u32,
    talk_ms: u32,
    released: Released,
    /// Written as from abroad.
    marked: bool,
}

const ABROAD: u32 = 1;
const TRANSIT: u32 = 2;
const OWN: u32 = 3;
const CODES: u32 = 4;
const OFFICES: u32 = 5;
/// 2026-11-23 00:00 in China, a Monday.
const START: i64 = 1_795_363_200_000;
const HOUR_MS: u32 = 3_600_000;
/// Ordinary people speak with the same few.
const CONTACTS: u64 = 14;

struct City {
    people: u64,
    seed: u64,
    draws: u64,
    calls: Vec<Call>,
}

impl City {
    fn draw(&mut self, below: u64) -> u64 {
        self.draws += 1;
        hash(self.draws, self.seed) % below.max(1)
    }

    /// A resident's number: nine in ten mobiles of ours, spread over the ranges.
    fn resident(&self, at: u64) -> u64 {
        13_500_000_000 + hash(at % self.people, self.seed ^ 0xC17) % 400_000_000
    }

    fn anybody(&mut self) -> u64 {
        let at = self.draw(self.people);
        self.resident(at)
    }

    /// A moment of the working day, between two hours.
    fn moment(&mut self, from: u32, to: u32) -> u32 {
        from * HOUR_MS + self.draw(u64::from((to - from) * HOUR_MS)) as u32
    }

    fn call(&mut self, kind: Kind, at_ms: u32, trunk: u32, caller: u64, callee: u64) -> &mut Call {
        let ring_ms = 4_000 + self.draw(14_000) as u32;
        let answered = self.draw(100) < 68;
        let talk_ms = if answered { 8_000 + self.draw(170_000) as u32 } else { 0 };
        let released = if self.draw(2) == 0 { Released::Caller } else { Released::Callee };
        self.calls.push(Call { at_ms, trunk, caller, callee, kind, intensity: 0, ring_ms, talk_ms, released, marked: false });
        let last = self.calls.len() - 1;
        #[allow(clippy::indexing_slicing, reason = "just pushed")]
        &mut self.calls[last]
    }

    /// A caller dialling strangers at a rate for some hours: how many pick up, and how long they bear it.
    fn dial(
        &mut self,
        kind: Kind,
        caller: u64,
        (from, hours, per_hour): (u32, u32, u32),
        (answered, talk_ms): (u64, u32),
        next: impl Fn(&mut Self, u64) -> u64,
    ) {
        for turn in 0..u64::from(hours * per_hour) {
            let gap = HOUR_MS / per_hour;
            let jitter = self.draw(u64::from(gap)) as u32 / 2;
            let callee = next(self, turn);
            let picks_up = self.draw(100) < answered;
            let talk = talk_ms / 2 + self.draw(u64::from(talk_ms)) as u32;
            let call = self.call(kind, from * HOUR_MS + turn as u32 * gap + jitter, OWN, caller, callee);
            call.intensity = per_hour;
            call.talk_ms = if picks_up { talk } else { 0 };
        }
    }

    fn people(&mut self) {
        for at in 0..self.people {
            let caller = self.resident(at);
            for _ in 0..4 + self.draw(5) {
                let contact = hash(at * CONTACTS + self.draw(CONTACTS), self.seed ^ 5);
                let callee = self.resident(contact);
                let moment = self.moment(7, 23);
                self.call(Kind::Ordinary, moment, OWN, caller, callee);
                // Some call back at once, some did not hear it.
                if self.draw(10) == 0 {
                    self.call(Kind::Ordinary, moment + 240_000, OWN, callee, caller);
                }
            }
        }
    }

    fn busy_and_honest(&mut self) {
        let share = |of: u64, people: u64| (people / of).max(1);
        for courier in 0..share(400, self.people) {
            let caller = 13_950_000_000 + courier;
            for _ in 0..130 + self.draw(60) {
                let (moment, callee) = (self.moment(8, 20), self.anybody());
                let call = self.call(Kind::Courier, moment, OWN, caller, callee);
                call.talk_ms = call.talk_ms.min(40_000);
                let unanswered = call.talk_ms == 0;
                if unanswered && self.draw(3) == 0 {
                    self.call(Kind::Ordinary, moment + 120_000, OWN, callee, caller);
                }
            }
        }
        for driver in 0..share(200, self.people) {
            let caller = 13_951_000_000 + driver;
            for _ in 0..30 + self.draw(30) {
                let (moment, callee) = (self.moment(6, 23), self.anybody());
                self.call(Kind::RideHailing, moment, OWN, caller, callee).talk_ms = 12_000;
                if self.draw(4) == 0 {
                    self.call(Kind::Ordinary, moment + 60_000, OWN, callee, caller);
                }
            }
        }
        for _ in 0..self.people / 4 {
            let (moment, callee) = (self.moment(7, 24), self.anybody());
            let caller = 3_517_100_000 + self.draw(200);
            let call = self.call(Kind::Verification, moment, CODES, caller, callee);
            (call.ring_ms, call.talk_ms, call.released) = (2_500, 0, Released::Caller);
        }
        // Half of the schools and hospitals are on the list, half are forgotten.
        for school in 0..share(5_000, self.people) {
            let (caller, hour) = (3_517_200_000 + school, 8 + self.draw(9) as u32);
            for pupil in 0..300 {
                let callee = self.anybody();
                let call = self.call(Kind::School, hour * HOUR_MS + pupil * 6_000, OFFICES, caller, callee);
                call.talk_ms = if call.talk_ms == 0 && pupil % 4 != 0 { 0 } else { 25_000 };
            }
        }
        for hospital in 0..share(10_000, self.people) {
            let caller = 3_517_300_000 + hospital;
            for turn in 0..8 * 55 {
                let callee = self.anybody();
                self.call(Kind::Hospital, 9 * HOUR_MS + turn * 65_000, OFFICES, caller, callee).talk_ms =
                    if turn % 7 == 0 { 0 } else { 45_000 };
            }
        }
        for crowd in 0..share(10_000, self.people) {
            let (callee, start) = (self.resident(crowd * 77 + 3), self.moment(12, 21));
            for _ in 0..600 {
                let (caller, second) = (self.anybody(), self.draw(600) as u32);
                let call = self.call(Kind::FlashCrowd, start + second * 1_000, OWN, caller, callee);
                call.talk_ms = if second % 20 == 0 { 30_000 } else { 0 };
            }
        }
        for office in 0..share(5_000, self.people) {
            let (caller, start) = (13_952_000_000 + office, self.moment(9, 18));
            for colleague in 0..6 {
                self.call(Kind::PhoneTree, start + colleague * 40_000, OWN, caller, 13_952_000_100 + office * 100 + u64::from(colleague));
            }
        }
        for _ in 0..self.people / 200 {
            let (moment, caller, callee) = (self.moment(6, 24), self.anybody(), self.anybody());
            self.call(Kind::Roaming, moment, ABROAD, caller, callee).marked = true;
        }
    }

    fn campaigns(&mut self) {
        let anybody = |city: &mut Self, _| city.anybody();
        let mut line = 0;
        let mut next_line = || {
            line += 1;
            13_960_000_000 + line * 101
        };
        for per_hour in [20, 30, 45, 60, 90, 150, 250, 400] {
            for _ in 0..4 {
                self.dial(Kind::Telemarketing, next_line(), (9, 6, per_hour), (30, 14_000), anybody);
            }
        }
        for per_hour in [10, 20, 40, 80, 160] {
            for _ in 0..4 {
                let (caller, first) = (next_line(), self.calls.len());
                self.dial(Kind::OneRing, caller, (10, 4, per_hour), (2, 5_000), anybody);
                for call in self.calls.iter_mut().skip(first).filter(|call| call.talk_ms == 0) {
                    (call.ring_ms, call.released) = (1_500 + call.ring_ms % 2_000, Released::Caller);
                }
            }
        }
        for per_hour in [10, 30, 60, 120] {
            for step in [1, 3] {
                let first = 13_700_000_000 + self.draw(90_000_000);
                self.dial(Kind::Sequential, next_line(), (9, 3, per_hour), (30, 14_000), move |_, turn| first + turn * step);
                let block = 13_600_000_000 + self.draw(9_000) * 10_000;
                self.dial(Kind::Sweep, next_line(), (9, 3, per_hour), (30, 14_000), move |city, _| block + city.draw(10_000));
            }
        }
        for per_minute in [4, 8, 16, 32, 64] {
            for siege in 0..6 {
                let (victim, start) = (self.anybody(), self.moment(9, 21));
                for turn in 0..per_minute * 10 {
                    let caller = 13_000_000_000 + self.draw(100_000_000);
                    let at = start + turn * 60_000 / per_minute;
                    let call = self.call(
                        Kind::Bombing,
                        at,
                        TRANSIT,
                        if siege % 2 == 0 { caller } else { 13_000_000_000 + u64::from(turn % 5) },
                        victim,
                    );
                    (call.intensity, call.ring_ms, call.talk_ms) = (per_minute, 6_000, 0);
                }
            }
        }
        for _ in 0..self.people / 100 {
            let (moment, caller, callee) = (self.moment(8, 22), self.anybody(), self.anybody());
            self.call(Kind::ForgedHome, moment, ABROAD, caller, callee).marked = true;
            self.call(Kind::ForgedTrunk, moment, OFFICES, 3_519_000_000 + caller % 1_000_000, callee);
        }
    }
}

fn snapshot() -> Result<crate::Snapshot, ReplayError> {
    let listed = |first: u64, category: &str, of: u64| {
        (0..of)
            .filter(|at| at % 2 == 0)
            .map(move |at| format!(r#"{{"number":86{},"category":"{category}"}}"#, first + at))
            .collect::<Vec<_>>()
    };
    let numbers =
        [listed(13_950_000_000, "courier", 2_000), listed(3_517_200_000, "school", 200), listed(3_517_300_000, "hospital", 200)].concat();
    let text = format!(
        r#"{{"version":1,"home":"china_mobile","on":"2026-11-23","numbers":[{}],"trunks":[
        {{"id":{ABROAD},"name":"abroad","ingress":"international"}},
        {{"id":{TRANSIT},"name":"transit","ingress":"interconnect","transit":true}},
        {{"id":{OWN},"name":"own","ingress":"retail"}},
        {{"id":{CODES},"name":"codes","ingress":"enterprise","outbound":true,"purpose":"verification","allowed":[[863517100000,863517100199]]}},
        {{"id":{OFFICES},"name":"offices","ingress":"enterprise","outbound":true,"calls_per_hour":2000,"allowed":[[863517200000,863517399999]]}}]}}"#,
        numbers.join(",")
    );
    let spec: SnapshotSpec = serde_json::from_str(&text).map_err(|error| ReplayError::Snapshot(error.to_string()))?;
    let book = Rulebook::embedded(PACKS).map_err(|error| ReplayError::Snapshot(error.to_string()))?;
    spec.compile(&book)
}

/// Lives one day of a city of so many people and reports what the engine did.
///
/// # Errors
/// The rules of the packs do not compile.
pub fn run(people: u64, seed: u64) -> Result<Report, ReplayError> {
    let mut city = City { people, seed, draws: 0, calls: Vec::new() };
    city.people();
    city.busy_and_honest();
    city.campaigns();
    let mut calls = city.calls;
    calls.sort_by_key(|call| (call.at_ms, call.caller, call.callee));
    let engine = Engine::new(snapshot()?, StateConfig { callers: people as usize * 2 + 100_000, callees: people as usize * 2, seed: 3 });
    let mut rows: BTreeMap<(Kind, u32), Row> = BTreeMap::new();
    // Ends of calls, by time: the feed arrives when a call is over, not when it begins.
    let mut ends: BTreeMap<(u32, usize), Outcome> = BTreeMap::new();
    for (id, call) in calls.iter().enumerate() {
        while let Some(end) = ends.first_entry().filter(|end| end.key().0 <= call.at_ms) {
            engine.outcome(&end.remove());
        }
        let written = |national: u64, marked: bool| {
            let fixed = national < 10_000_000_000;
            format!(
                "{}{national}",
                if marked {
                    "+86"
                } else if fixed {
                    "0"
                } else {
                    ""
                }
            )
        };
        let (from, callee) = (written(call.caller, call.marked), written(call.callee, false));
        let at = |ms: u32| Timestamp(START + i64::from(ms));
        let mut attempt = Attempt::new(id as u64, at(call.at_ms), TrunkId(call.trunk), Ingress::Interconnect, Some(&from), &callee);
        if call.kind == Kind::Roaming {
            attempt.roaming = crate::Roaming::Abroad;
        }
        let verdict = engine.decide(&attempt);
        let row = Row { kind: call.kind, intensity: call.intensity, calls: 0, labelled: 0, blocked: 0 };
        let row = rows.entry((call.kind, call.intensity)).or_insert(row);
        row.calls += 1;
        match verdict.action {
            Action::Block => row.blocked += 1,
            Action::Label | Action::Challenge if verdict.reasons.iter().any(|reason| reason.rule != Rule::Overseas) => row.labelled += 1,
            _ => {}
        }
        if verdict.action != Action::Block
            && let (Some(caller), Some(callee)) = (Number::china(call.caller), Number::china(call.callee))
        {
            let end = call.at_ms + call.ring_ms + call.talk_ms;
            let (ring_ms, talk_ms, released) = (call.ring_ms, call.talk_ms, call.released);
            ends.insert((end, id), Outcome { at: at(end), trunk: attempt.trunk, caller, callee, ring_ms, talk_ms, released });
        }
    }
    Ok(Report { rows: rows.into_values().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_the_city_meets_the_bars_and_is_the_same_every_time() {
        let report = run(12_000, 2_026).unwrap();
        let (calls, labelled, blocked) = report.honest();
        assert!(calls > 80_000, "{calls}");
        assert_eq!(blocked, 0, "honest calls blocked: {:#?}", report.rows);
        assert!(report.label_error() < 0.01, "{labelled} of {calls} honest calls labelled: {:#?}", report.rows);
        for (kind, from, least) in [
            (Kind::ForgedHome, 0, 1.0),
            (Kind::ForgedTrunk, 0, 1.0),
            (Kind::Telemarketing, 60, 0.8),
            (Kind::OneRing, 40, 0.8),
            (Kind::Sequential, 10, 0.7),
            (Kind::Sweep, 60, 0.6),
            (Kind::Bombing, 16, 0.7),
        ] {
            assert!(report.recall(kind, from) >= least, "{kind:?} from {from}: {} {:#?}", report.recall(kind, from), report.rows);
        }
        assert_eq!(run(12_000, 2_026).unwrap(), report);
    }
}
