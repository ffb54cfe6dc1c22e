//! 整治案件: what a complaint does to the remediation of its number. The one place where the hotline speaks with the remediation.

use chuangsha_kernel::time::{DAY_MS, HOUR_MS, Timestamp};
use chuangsha_store::Tx;
use uuid::Uuid;

use super::ticket::{Stage, Ticket};
use crate::{
    App,
    platform::{actor::Actor, audit::By, failure::Result},
    remediation::{
        self,
        pause::{self, Cell},
    },
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

/// As the remediation names the stage; nothing where the complaint is about none.
const fn its(stage: Stage) -> Option<remediation::Stage> {
    Some(match stage {
        Stage::None => return None,
        Stage::First => remediation::Stage::Remind,
        Stage::Second => remediation::Stage::Suspend,
        Stage::Third => remediation::Stage::Reregister,
        Stage::Fourth => remediation::Stage::Cancel,
    })
}

/// 预警暂停: the cells of a warning, stage and kind of outlet, stand still in every campaign of the city that lets a warning pause it. Complaints
/// about no stage hold nothing.
///
/// # Errors
/// The record failed.
pub fn pause(tx: &mut Tx, warning: Uuid, region: &str, cells: &[(Stage, i64)], now: Timestamp) -> Result<()> {
    let cells: Vec<Cell> = cells
        .iter()
        .filter_map(|(stage, channel_kind)| Some(Cell { region: region.to_owned(), stage: its(*stage)?, channel_kind: *channel_kind }))
        .collect();
    pause::set(tx, warning, &cells, now)
}

/// The warning is closed: what it held goes on.
///
/// # Errors
/// The record failed.
pub fn go_on(tx: &mut Tx, warning: Uuid, now: Timestamp) -> Result<()> {
    pause::release(tx, warning, now)
}

/// What a warning holds now: stage and kind of outlet.
///
/// # Errors
/// The record failed.
pub fn paused_by(tx: &mut Tx, warning: Uuid) -> Result<Vec<(Stage, i64)>> {
    let held = pause::standing(tx)?.into_iter().filter(|one| one.warning == warning);
    Ok(held.map(|one| (stage(one.cell.stage), one.cell.channel_kind)).collect())
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
