//! 存量补登: the old base, brought over and brought to true names in four stages (R-REM, L-REM).
//!
//! | file | what |
//! |---|---|
//! | case | one line on the ladder: states, guards, clock; pure |
//! | ladder | lengths and hours, from the rule packs |
//! | campaign | scope, targets, stages, waves |
//! | carry | one step, carried out: state, audit entry, messages, holds, counts in one transaction |
//! | clock | the leased jobs: what is due, what a wave takes in |
//! | contact | messages and calls on their way out, and what is heard of them |
//! | desk | what people do |
//! | pause | what an early warning holds |
//! | protected | who is never stopped |
//! | refund | what cancelled lines are owed |
//! | kind | what is wrong with a line |
//! | import | the base brought over from files |
//! | excess | persons with more numbers than allowed |

use chuangsha_kernel::{id::OrderId, time::Timestamp};
use chuangsha_store::Tx;
use uuid::Uuid;

use crate::{
    App,
    platform::{
        audit::By,
        failure::{Result, refuse},
    },
};

pub mod campaign;
pub mod carry;
pub mod case;
pub mod clock;
pub mod contact;
pub mod desk;
pub mod excess;
pub mod http;
pub mod import;
pub mod kind;
pub mod ladder;
pub mod page;
pub mod pause;
pub mod protected;
pub mod refund;
pub mod table;
#[cfg(test)]
mod tests;

pub use campaign::Campaign;
pub use case::{Case, Ladder, Medium, Purpose, Refusal, Stage, State, Step, Wait};
pub use refund::{Refund, refunds};

/// 补登完成: a subscription was re-registered by this order: its case is restored, its finding closed, the line opened again at once (R-REM-10).
/// A line without a case only has its finding closed.
///
/// # Errors
/// The record fails.
pub fn restored(app: &App, tx: &mut Tx, subscription: Uuid, order: OrderId, now: Timestamp) -> Result<()> {
    let Some(old) = table::open_of(tx, subscription)?.filter(|case| case.state.is_open()) else {
        kind::close(tx, subscription, now)?;
        return Ok(());
    };
    let ladder = Ladder::read(&app.rules, &old.region, now)?;
    let mut decision = old.decide(Step::Restore, &ladder, now).map_err(refuse)?;
    decision.case.order = Some(order.0);
    carry::one(app, tx, By::System("registration"), &old, decision, "", now).map(drop)
}

/// 到店补登: an order that re-registers this line is under way; until it ends, nothing is done against the line.
///
/// # Errors
/// The record fails.
pub fn came(app: &App, tx: &mut Tx, by: By<'_>, subscription: Uuid, order: OrderId, now: Timestamp) -> Result<()> {
    let Some(old) = table::open_of(tx, subscription)? else { return Ok(()) };
    let ladder = Ladder::read(&app.rules, &old.region, now)?;
    match old.decide(Step::Come { order: order.0 }, &ladder, now) {
        Ok(decision) => carry::one(app, tx, by, &old, decision, "", now).map(drop),
        // Too late for the case, not for the order.
        Err(_) => Ok(()),
    }
}
