//! 线索: what real traffic says against the ledger: a line that brings many callers that are not its own was let on to somebody else (L-LED-8), a service
//! number that calls and calls and is hardly ever called serves another purpose (R-LED-5). The ledger takes it from there.

use chuangsha_kernel::time::Timestamp;
use chuangsha_screen::{Number, TrunkId, ledger::Trunk, lists::Category};

use super::watch::{BUCKET_S, BUCKETS};
use crate::{
    App,
    platform::failure::{Failure, Result},
    resources::{Defect, watch},
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

/// 用途变更 of a line: one of its numbers behaves like one that sells.
fn purpose_changed(app: &App, bars: &Bars, trunk: &Trunk) -> bool {
    // What sells is registered to sell; couriers, hospitals and the like call by nature.
    if !trunk.active || !trunk.outbound || trunk.purpose != Category::None {
        return false;
    }
    let numbers = trunk.allowed.iter().flat_map(|(first, last)| *first..=*last.min(&first.saturating_add(NUMBERS))).take(NUMBERS as usize);
    let behaviour = |number: u64| {
        let number = Number::new(number)?;
        let caller = app.engine.state.caller(number)?;
        let received = app.engine.state.callee(number).map_or(0, |callee| callee.calls_of_two_days());
        Some(Behaviour { calls: caller.calls_of_two_days(), distinct_percent: caller.distinct_percent(), received })
    };
    numbers.filter_map(behaviour).any(|seen| bars.sells(seen))
}

/// Looks through this node's traffic and reports what contradicts the ledger; said once, it stays one finding. And tells it which lines
/// had calls.
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
    let (found, calls) = {
        let node = app.watch.node.lock().await;
        let line = |trunk: u32| snapshot.ledger.trunk(TrunkId(trunk)).filter(|line| line.active).and_then(|_| node.resource_of(trunk));
        let many = strangers.iter().filter(|(_, callers)| *callers as i64 >= bars.strangers);
        let mut found: Vec<_> =
            many.filter_map(|(trunk, _)| Some((line(*trunk)?, Defect::SubjectNotRegistered, watch::Sign::SubLease))).collect();
        let changed = snapshot.ledger.trunks().filter(|trunk| purpose_changed(app, &bars, trunk));
        found.extend(changed.filter_map(|trunk| Some((line(trunk.id.0)?, Defect::ActualDiffers, watch::Sign::PurposeChange))));
        let calls: Vec<_> =
            app.watch.take_lines().into_iter().filter_map(|(trunk, calls, last)| Some((node.resource_of(trunk)?, calls, last))).collect();
        (found, calls)
    };
    let writer = app.clone();
    app.write(move |tx| {
        for (resource, calls, last) in &calls {
            watch::saw_calls(tx, *resource, i64::from(*calls), *last)?;
        }
        let mut news = 0;
        for (resource, defect, sign) in &found {
            match watch::report_finding(&writer, tx, *resource, *defect, sign.as_str(), now) {
                Ok(new) => news += usize::from(new),
                // Gone since the snapshot was made: nothing to report.
                Err(Failure::Problem(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(news)
    })
    .await
    .map(|_| 0)
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
