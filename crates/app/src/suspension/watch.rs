//! 停复机值守: the timers of holds, and the watchdog over what the network did not confirm (R-REM-10). One leased job runs it.

use chuangsha_kernel::time::Timestamp;
use chuangsha_store::Tx;
use uuid::Uuid;

use super::{
    Hold, Level, Step, Tier, carry, is_basic, line, on,
    table::{self, Line, Timer},
};
use crate::{
    App,
    platform::{
        audit::{By, Entry},
        failure::{Failure, Result},
    },
    registration::subscription,
};

/// Holds and lines a turn takes at a time.
const BATCH: i64 = 200;

/// Longest wait between two repetitions, as doublings of the first: 32 minutes for 30 seconds.
const DOUBLINGS: u32 = 6;

/// Everything that is due; says how many timers ran out.
///
/// # Errors
/// The record fails; what was done is done, the rest comes with the next turn.
pub async fn turn(app: &App) -> Result<usize> {
    let mut moved = 0;
    for timer in [Timer::Interruption, Timer::Term, Timer::Check] {
        let now = app.clock.now();
        let due = app.read(move |tx| table::overdue(tx, timer, now, BATCH)).await?;
        for id in due {
            let writer = app.clone();
            moved += usize::from(app.write(move |tx| run_out(&writer, tx, id, timer, now)).await?);
        }
    }
    Ok(moved + look(app).await?)
}

/// One timer has run out; moved on in the meantime, nothing happens.
fn run_out(app: &App, tx: &mut Tx, id: Uuid, timer: Timer, now: Timestamp) -> Result<bool> {
    let (held, old) = on(tx, id)?;
    let step = match timer {
        Timer::Interruption => Step::Resume,
        Timer::Term => Step::Expire,
        Timer::Check => {
            let level = measure(app, &held.region, old.tier.unwrap_or(Tier::Low), now)?;
            Step::Fail { came: false, level, basic: is_basic(tx, &held, old.ground)? }
        }
    };
    if old.decide(step, now).is_err() {
        return Ok(false);
    }
    carry(app, tx, By::System("suspension"), &held, &old, step, "", now).map(|_: Hold| true)
}

/// The measure of a tier (L-REM-7).
pub(super) fn measure(app: &App, region: &str, tier: Tier, now: Timestamp) -> Result<Level> {
    let place = chuangsha_kernel::rulebook::Place::region(region);
    let rule = app.rules.text(&format!("suspension.measure.{}", tier.as_str()), now.day(), &place).map_err(Failure::internal)?;
    Level::parse(&rule.value).ok_or_else(|| Failure::internal("a tier's measure is not a level"))
}

/// 守望: what the element did not confirm in time is alarmed of and asked for again, the longer it takes the less often. Says how many.
async fn look(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let patience = app.clock_rule("suspension.watchdog", now)?;
    let late = app.read(move |tx| table::unsettled(tx, now, BATCH)).await?;
    let count = late.len();
    for seen in late {
        let (writer, article) = (app.clone(), patience.article.clone());
        let look_at = now.plus_ms(wait(patience.value, seen.asked));
        app.write(move |tx| {
            let Some(line) = table::line(tx, seen.subscription)?.filter(|line| *line == seen) else { return Ok(()) };
            let Some(held) = subscription::find(tx, line.subscription)?.filter(|held| held.state == subscription::ServiceState::InService)
            else {
                // The service ended: nobody is left to restore, and nothing to ask.
                return table::put_line(tx, &Line { confirmed_sequence: line.sequence, ..line });
            };
            line::ask_again(&writer, tx, &line, look_at, now)?;
            if line.alarmed_at.is_some() {
                return Ok(());
            }
            let facts = serde_json::json!({ "sequence": line.sequence, "wanted": line.wanted, "since": line.wanted_at.rfc3339() }).to_string();
            let entry = Entry {
                action: "suspension.alarm",
                case_kind: "subscription",
                case: Some(line.subscription),
                step: if line.wanted.is_none() { "still_stopped" } else { "not_confirmed" },
                article: &article,
                pack: &writer.rules.version,
                facts: &facts,
                subject: held.subject,
                ..Entry::default()
            };
            writer.audit(tx, By::System("suspension"), &entry, now)?;
            tracing::warn!(subscription = %line.subscription, sequence = line.sequence, "the network did not confirm a line's standing in time");
            Ok(())
        })
        .await?;
    }
    Ok(count)
}

/// Twice as long after each repetition, up to a bound.
fn wait(patience_ms: i64, asked: i64) -> i64 {
    patience_ms << u32::try_from(asked).unwrap_or(0).min(DOUBLINGS)
}

#[cfg(test)]
mod tests {
    use super::wait;

    #[test]
    fn it_asks_ever_less_often_and_never_stops() {
        assert_eq!([1, 2, 3].map(|asked| wait(30_000, asked)), [60_000, 120_000, 240_000]);
        assert_eq!(wait(30_000, 500), 32 * 60_000);
    }
}
