//! 整治案件: what a complaint does to the remediation of its number. The one place where the hotline speaks with the remediation.

use chuangsha_kernel::time::{DAY_MS, HOUR_MS, Timestamp};
use chuangsha_store::Tx;
use uuid::Uuid;

use super::ticket::{Stage, Ticket};
use crate::{
    App,
    platform::{actor::Actor, audit::By, failure::Result},
    remediation,
};

/// A complaint came in: nothing is done to the number until it is answered.
///
/// # Errors
/// The record failed.
pub fn complained(app: &App, tx: &mut Tx, by: By<'_>, subscription: Uuid, ticket: &Ticket, now: Timestamp) -> Result<()> {
    remediation::desk::complained(app, tx, by, subscription, &ticket.code, now).map(drop)
}

/// The complaint was answered or taken back: the case goes on, unless another complaint still holds it.
///
/// # Errors
/// The record failed.
pub fn released(app: &App, tx: &mut Tx, actor: &Actor, subscription: Uuid, ticket: &Ticket, now: Timestamp) -> Result<()> {
    if super::holds(tx, subscription)? {
        return Ok(());
    }
    remediation::desk::answered(app, tx, actor, subscription, &ticket.code, now)
}

/// Stage of the remediation the number is in.
///
/// # Errors
/// The record failed.
pub fn stage_of(tx: &mut Tx, subscription: Uuid) -> Result<Stage> {
    let Some(case) = remediation::table::open_of(tx, subscription)? else { return Ok(Stage::None) };
    // Put aside: the stage it was put aside in.
    Ok(stage(case.before.unwrap_or(case.state).stage()))
}

/// The remediation numbers its stages as bits.
const fn stage(stage: remediation::Stage) -> Stage {
    match stage {
        remediation::Stage::Remind => Stage::First,
        remediation::Stage::Suspend => Stage::Second,
        remediation::Stage::Reregister => Stage::Third,
        remediation::Stage::Cancel => Stage::Fourth,
    }
}

/// A city, a stage and a kind of outlet; a day since 1970 in China; customers.
pub type Touched = ((String, Stage, i64), i64, i64);

/// 触达用户: how many customers the ladder touched on each of the days: told, warned, stopped, given notice.
///
/// # Errors
/// The record failed.
pub fn touched(tx: &mut Tx, from: jiff::civil::Date, until: jiff::civil::Date) -> Result<Vec<Touched>> {
    let rows = remediation::table::touched(tx, from, until)?;
    Ok(rows
        .into_iter()
        .map(|(day, region, state, channel_kind, count)| {
            ((region, stage(state.stage()), channel_kind), (Timestamp::start_of(day).0 + 8 * HOUR_MS) / DAY_MS, count)
        })
        .collect())
}
