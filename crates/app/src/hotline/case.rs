//! 整治案件: what a complaint does to the remediation of its number. The one place where the hotline speaks with the remediation.

use chuangsha_kernel::{id::StaffId, time::Timestamp};
use chuangsha_store::Tx;
use uuid::Uuid;

use super::{table as tickets, ticket::Stage};
use crate::{
    App,
    platform::{audit::By, failure::Result},
    remediation::{self, Ladder, State, Step, carry, desk, table},
};

/// A complaint came in: nothing is done to the number until it is answered. A named owner of the ticket owns the case as well.
///
/// # Errors
/// The record failed.
pub fn complained(app: &App, tx: &mut Tx, subscription: Uuid, code: &str, owner: Option<StaffId>, now: Timestamp) -> Result<()> {
    let Some(case) = desk::complained(app, tx, By::System("hotline"), subscription, code, now)? else { return Ok(()) };
    let Some(owner) = owner.filter(|owner| case.owner != Some(*owner)) else { return Ok(()) };
    let ladder = Ladder::read(&app.rules, &case.region, now)?;
    match case.decide(Step::Own { owner }, &ladder, now) {
        Ok(decision) => carry::one(app, tx, By::System("hotline"), &case, decision, code, now).map(drop),
        Err(_) => Ok(()),
    }
}

/// The complaint was answered or taken back: the case goes on, unless another complaint holds it. A case that somebody else owns waits for them:
/// only they release it.
///
/// # Errors
/// The record failed.
pub fn released(app: &App, tx: &mut Tx, subscription: Uuid, code: &str, by: StaffId, now: Timestamp) -> Result<()> {
    if tickets::holds(tx, subscription)? {
        return Ok(());
    }
    let Some(case) = table::open_of(tx, subscription)?.filter(|case| case.state == State::Held) else { return Ok(()) };
    let ladder = Ladder::read(&app.rules, &case.region, now)?;
    match case.decide(Step::Release { by }, &ladder, now) {
        Ok(decision) => carry::one(app, tx, By::System("hotline"), &case, decision, code, now).map(drop),
        Err(_) => Ok(()),
    }
}

/// Stage of the remediation the number is in.
///
/// # Errors
/// The record failed.
pub fn stage_of(tx: &mut Tx, subscription: Uuid) -> Result<Stage> {
    let Some(case) = table::open_of(tx, subscription)? else { return Ok(Stage::None) };
    // What stands aside is in the stage it left.
    Ok(match case.before.unwrap_or(case.state).stage() {
        remediation::Stage::Remind => Stage::First,
        remediation::Stage::Suspend => Stage::Second,
        remediation::Stage::Reregister => Stage::Third,
        remediation::Stage::Cancel => Stage::Fourth,
    })
}
