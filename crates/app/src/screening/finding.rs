//! 线索: what real traffic says against the ledger: a line that brings many callers that are not its own was let on to somebody else (L-LED-8), a service
//! number that calls and calls and is hardly ever called serves another purpose (R-LED-5). The ledger takes it from there.

use chuangsha_kernel::time::Timestamp;
use chuangsha_screen::{Number, ledger::Trunk, lists::Category};

use super::watch::{BUCKET_S, BUCKETS};
use crate::{
    App,
    platform::failure::{Failure, Result},
    resources::{self, Defect},
};

/// Numbers of one line that are looked at: whoever was let more than these is looked at by the line's own calls.
const NUMBERS: u64 = 1_000;

/// How a caller has behaved, as the engine saw it in two days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behaviour {
    /// Calls made.
    pub calls: u32,
    /// Different callees among them, percent.
    pub distinct_percent: u32,
    /// Calls received.
    pub received: u32,
}

/// Thresholds of the rulebook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bars {
    /// Callers outside the set within a quarter of an hour.
    pub strangers: i64,
    /// Calls of two days before anything is said.
    pub calls: i64,
    /// Different callees, percent.
    pub distinct: i64,
    /// Share of calls received, percent.
    pub received: i64,
}

impl Bars {
    fn of(app: &App, now: Timestamp) -> Result<Self> {
        let number = |rule: &str| Ok::<_, Failure>(app.number_rule(rule, now, "")?.value);
        Ok(Self {
            strangers: number("screen.finding.strange_callers")?,
            calls: number("screen.finding.calls")?,
            distinct: number("screen.finding.distinct")?,
            received: number("screen.finding.received")?,
        })
    }

    /// 用途变更: a number registered to serve behaves like one that sells.
    pub fn sells(&self, seen: Behaviour) -> bool {
        let (calls, received) = (i64::from(seen.calls), i64::from(seen.received));
        calls >= self.calls && i64::from(seen.distinct_percent) >= self.distinct && received * 100 <= (calls + received) * self.received
    }
}

/// What was found about one line.
struct Found {
    code: String,
    defect: Defect,
    evidence: String,
}

fn purpose_changed(app: &App, bars: &Bars, trunk: &Trunk) -> Option<Found> {
    // What sells is registered to sell; couriers, hospitals and the like call by nature.
    if !trunk.active || !trunk.outbound || trunk.purpose != Category::None {
        return None;
    }
    let numbers = trunk.allowed.iter().flat_map(|(first, last)| *first..=*last.min(&first.saturating_add(NUMBERS))).take(NUMBERS as usize);
    let behaviour = |number: u64| {
        let number = Number::new(number)?;
        let caller = app.engine.state.caller(number)?;
        let received = app.engine.state.callee(number).map_or(0, |callee| callee.calls_of_two_days());
        Some(Behaviour { calls: caller.calls_of_two_days(), distinct_percent: caller.distinct_percent(), received })
    };
    let seen = numbers.filter_map(behaviour).find(|seen| bars.sells(*seen))?;
    let evidence = format!(
        "purpose change: {} calls in two days, {} % different callees, {} received / 疑似变更用途：两日呼出 {}，不重复被叫 {}%，来话 {}",
        seen.calls, seen.distinct_percent, seen.received, seen.calls, seen.distinct_percent, seen.received
    );
    Some(Found { code: trunk.name.clone(), defect: Defect::ActualDiffers, evidence })
}

/// Looks through this node's traffic and reports what contradicts the ledger; said once, it stays one finding. Says how much was found.
///
/// # Errors
/// The record failed.
pub async fn turn(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let bars = Bars::of(app, now)?;
    let snapshot = app.engine.snapshot();
    let window = now.0.div_euclid(BUCKET_S * 1_000 * BUCKETS as i64);
    let strangers: Vec<(u32, usize)> = {
        let shown = app.watch.shown();
        shown.strangers.iter().filter(|(_, (at, _))| window - at <= 1).map(|(trunk, (_, callers))| (*trunk, callers.len())).collect()
    };
    let mut found = Vec::new();
    for (trunk, callers) in strangers {
        let line = snapshot.ledger.trunk(chuangsha_screen::TrunkId(trunk)).filter(|line| line.active);
        if let Some(line) = line.filter(|_| callers as i64 >= bars.strangers) {
            let evidence = format!(
                "sub-lease: {callers} callers outside the set in a quarter of an hour / 疑似转租：一刻钟内出现 {callers} 个许可范围以外的主叫"
            );
            found.push(Found { code: line.name.clone(), defect: Defect::SubjectNotRegistered, evidence });
        }
    }
    found.extend(snapshot.ledger.trunks().filter_map(|trunk| purpose_changed(app, &bars, trunk)));
    let count = found.len();
    for Found { code, defect, evidence } in found {
        let writer = app.clone();
        let reported = app.write(move |tx| resources::report(&writer, tx, &code, defect, &evidence, now)).await;
        match reported {
            // Closed, shut down or gone since the snapshot was made: nothing to report.
            Ok(()) | Err(Failure::Problem(_)) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_calls_and_calls_everybody_once_sells() {
        let bars = Bars { strangers: 10, calls: 200, distinct: 90, received: 5 };
        let seen = Behaviour { calls: 400, distinct_percent: 96, received: 3 };
        assert!(bars.sells(seen));
        for other in [Behaviour { calls: 199, ..seen }, Behaviour { distinct_percent: 60, ..seen }, Behaviour { received: 80, ..seen }] {
            assert!(!bars.sells(other), "{other:?}");
        }
    }
}
