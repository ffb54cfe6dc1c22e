//! 停复机: holds on a subscription, for whatever lawful ground, and their lifting (G3, L-REM-3 to L-REM-11, L-LIM-6).
//!
//! Other modules say what happened: [`stop`], [`raise`], [`lift`], [`lift_ground`], [`interrupt`]. Each writes, in the caller's transaction,
//! the hold, its audit entry, the message to the person, and — only where the subscription's standing changes — one command to the network.

use chuangsha_kernel::{id::StaffId, time::Timestamp};
use chuangsha_store::Tx;
use uuid::Uuid;

use crate::{
    App,
    platform::{
        audit::{By, Entry},
        failure::{Result, refuse},
    },
    registration::{
        ending, reregistration,
        subscription::{self, Held, ServiceState},
    },
};

pub mod desk;
pub mod hold;
pub mod http;
pub mod line;
pub mod notice;
pub mod page;
pub mod table;
pub mod watch;

#[cfg(test)]
mod tests;

pub use hold::{Ground, Hold, Level, Method, Notice, Refusal, State, Step, Tier};
pub use table::DDL;

/// 停机: what is asked for.
#[derive(Debug, Clone)]
pub struct Stop<'a> {
    /// Subscription.
    pub subscription: Uuid,
    /// Ground.
    pub ground: Ground,
    /// How far.
    pub level: Level,
    /// Article it rests on, `L-REM-1`.
    pub article: &'a str,
    /// What the person is told.
    pub notice: Notice,
    /// The case behind it.
    pub case: Option<Uuid>,
    /// Its term, where it has one.
    pub until: Option<Timestamp>,
}

/// 停复机现状 of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What counts: the highest of the open holds that are not interrupted; `None`: in full service.
    pub level: Option<Level>,
    /// What is open, the oldest first.
    pub holds: Vec<Hold>,
}

impl Standing {
    /// From the open holds.
    pub fn of(holds: Vec<Hold>) -> Self {
        Self { level: holds.iter().filter_map(Hold::counts).max(), holds }
    }
}

/// What counts against a subscription now.
///
/// # Errors
/// The record fails.
pub fn standing(tx: &mut Tx, subscription: Uuid) -> Result<Standing> {
    Ok(Standing::of(table::open_of(tx, subscription)?))
}

/// 停机: limits or stops a subscription on one ground. Asked for again at the same level or a lower one, it changes nothing and says the same hold.
///
/// # Errors
/// [`Refusal`]; the subscription is not in service.
pub fn stop(app: &App, tx: &mut Tx, by: By<'_>, stop: &Stop<'_>, now: Timestamp) -> Result<Uuid> {
    place(app, tx, by, stop, false, now)
}

/// [`stop`], with whether an unpaid bill is old enough.
fn place(app: &App, tx: &mut Tx, by: By<'_>, stop: &Stop<'_>, overdue: bool, now: Timestamp) -> Result<Uuid> {
    let held = in_service(tx, stop.subscription)?;
    let open = table::open_of(tx, stop.subscription)?;
    let same = |hold: &&Hold| hold.ground == stop.ground && hold.notice.reference.trim() == stop.notice.reference.trim();
    let basic = is_basic(tx, &held, stop.ground)?;
    let old = match open.iter().find(same) {
        Some(old) if old.level.is_some_and(|level| level >= stop.level) => return Ok(old.id),
        Some(old) if old.level.is_some() => {
            let step = Step::Raise { level: stop.level, by: staff(by), basic };
            return carry(app, tx, by, &held, old, step, "", now).map(|hold| hold.id);
        }
        // Flagged or asked to verify: the measure has a basis and a notice of its own.
        Some(old) => Hold { article: stop.article.to_owned(), notice: stop.notice.clone(), case: stop.case.or(old.case), ..old.clone() },
        None => Hold::new(app.ids.next(now), stop.subscription, stop.ground, stop.article, stop.notice.clone(), stop.case, now),
    };
    let due = match stop.ground {
        Ground::Arrears => Some(now.plus_ms(app.clock_rule("clock.arrears_termination", now)?.value)),
        _ => None,
    };
    let step = Step::Stop { level: stop.level, by: staff(by), basic, overdue, due, until: stop.until };
    carry(app, tx, by, &held, &old, step, "", now).map(|hold| hold.id)
}

/// 升级: the next level of the same hold.
///
/// # Errors
/// [`Refusal`]
pub fn raise(app: &App, tx: &mut Tx, by: By<'_>, hold: Uuid, level: Level, now: Timestamp) -> Result<()> {
    let (held, old) = on(tx, hold)?;
    let basic = is_basic(tx, &held, old.ground)?;
    carry(app, tx, by, &held, &old, Step::Raise { level, by: staff(by), basic }, "", now).map(drop)
}

/// 解除 one hold. No other is touched.
///
/// # Errors
/// [`Refusal`]
pub fn lift(app: &App, tx: &mut Tx, by: By<'_>, hold: Uuid, why: &str, now: Timestamp) -> Result<()> {
    let (held, old) = on(tx, hold)?;
    carry(app, tx, by, &held, &old, Step::Lift, why, now).map(drop)
}

/// 解除 every open hold of one ground; says how many.
///
/// # Errors
/// [`Refusal`]
pub fn lift_ground(app: &App, tx: &mut Tx, by: By<'_>, subscription: Uuid, ground: Ground, why: &str, now: Timestamp) -> Result<usize> {
    let Some(held) = subscription::find(tx, subscription)? else { return Ok(0) };
    let open: Vec<Hold> = table::open_of(tx, subscription)?.into_iter().filter(|hold| hold.ground == ground).collect();
    for old in &open {
        carry(app, tx, by, &held, old, Step::Lift, why, now)?;
    }
    Ok(open.len())
}

/// 补登完成: the person proved who they are at the counter. What was held for want of a true name is lifted, and what was held until such a
/// check; nothing else. Says how many.
///
/// # Errors
/// [`Refusal`]
pub fn verified(app: &App, tx: &mut Tx, by: By<'_>, subscription: Uuid, now: Timestamp) -> Result<usize> {
    let mut lifted = lift_ground(app, tx, by, subscription, Ground::RealName, "re-registered", now)?;
    let Some(held) = subscription::find(tx, subscription)? else { return Ok(lifted) };
    let asked: Vec<Hold> = table::open_of(tx, subscription)?.into_iter().filter(|hold| hold.method.is_some()).collect();
    for old in &asked {
        // Under appeal somebody decides; the check does not take that from them.
        if old.decide(Step::Pass, now).is_ok() {
            carry(app, tx, by, &held, old, Step::Pass, "re-registered", now)?;
            lifted += 1;
        }
    }
    Ok(lifted)
}

/// 紧急复机: one hold does not count until then, 72 hours at most; over, it counts again by itself (R-REM-8).
///
/// # Errors
/// [`Refusal`]: no reason, too long, approved by who asks, or ordered by the police.
#[allow(clippy::too_many_arguments, reason = "one line per thing an emergency restoration is decided on")]
pub fn interrupt(
    app: &App,
    tx: &mut Tx,
    by: By<'_>,
    hold: Uuid,
    until: Timestamp,
    reason: &str,
    approver: StaffId,
    now: Timestamp,
) -> Result<()> {
    let (held, old) = on(tx, hold)?;
    let most = app.clock_rule("clock.emergency_restore", now)?;
    let step = Step::Interrupt { by: staff(by), approver, until, most_ms: most.value, reason };
    carry(app, tx, by, &held, &old, step, reason, now).map(drop)
}

/// 服务终止: the subscription ended; every open hold ends with it. No command follows: there is no line any more.
///
/// # Errors
/// The record fails.
pub fn ended(app: &App, tx: &mut Tx, by: By<'_>, subscription: Uuid, now: Timestamp) -> Result<()> {
    let Some(held) = subscription::find(tx, subscription)? else { return Ok(()) };
    for old in table::open_of(tx, subscription)? {
        let next = old.decide(Step::End, now).map_err(refuse)?;
        table::advance(tx, &old, &next)?;
        record(app, tx, by, &held, (&old, &next), "suspension.end", "", now)?;
    }
    Ok(())
}

/// 销号: the service ends for this hold: the hold and all others with it, the line for good, the number into its rest, the network told to close it.
///
/// # Errors
/// [`Refusal`]
pub(crate) fn terminate(app: &App, tx: &mut Tx, by: By<'_>, (held, old): (&Held, &Hold), why: &str, now: Timestamp) -> Result<Hold> {
    if held.state != ServiceState::InService {
        return Err(refuse(Refusal::NotInService));
    }
    let detached = held.subject.is_none() && held.person_key.is_none();
    let ordered = reregistration::under_way(tx, held.id)?;
    let next = old.decide(Step::Terminate { detached, ordered }, now).map_err(refuse)?;
    table::advance(tx, old, &next)?;
    record(app, tx, by, held, (old, &next), "suspension.end", why, now)?;
    ended(app, tx, by, held.id, now)?;
    ending::end_line(app, tx, by, held, ending::Rest::Counted, why, now)?;
    line::close(app, tx, held, now)?;
    Ok(next)
}

/// The member of staff who acts; a job has none.
const fn staff(by: By<'_>) -> Option<StaffId> {
    match by {
        By::Actor(actor) => Some(actor.staff),
        By::System(_) => None,
    }
}

fn in_service(tx: &mut Tx, subscription: Uuid) -> Result<Held> {
    match subscription::find(tx, subscription)? {
        Some(held) if held.state == ServiceState::InService => Ok(held),
        _ => Err(refuse(Refusal::NotInService)),
    }
}

fn on(tx: &mut Tx, hold: Uuid) -> Result<(Held, Hold)> {
    let old = table::find(tx, hold)?.ok_or_else(|| refuse(Refusal::NotFound))?;
    // A number that was issued again lets go of what was held against its last holder (L-REM-10).
    let held = subscription::find(tx, old.subscription)?.ok_or_else(|| refuse(Refusal::NotFound))?;
    Ok((held, old))
}

/// 基本通信: the person is punished, or is to be, and every other line of theirs is stopped beyond a limit already (L-LIM-6).
fn is_basic(tx: &mut Tx, held: &Held, ground: Ground) -> Result<bool> {
    let Some(person) = &held.person_key else { return Ok(false) };
    let lines = subscription::of_person(tx, person)?;
    let mut punished = ground == Ground::Punishment;
    let mut another = false;
    for line in lines.iter().filter(|line| line.state == ServiceState::InService) {
        let standing = standing(tx, line.id)?;
        punished |= standing.holds.iter().any(|hold| hold.ground == Ground::Punishment && hold.level.is_some());
        another |= line.id != held.id && standing.level.is_none_or(|level| level <= Level::Limited);
    }
    Ok(punished && !another)
}

/// One step, carried out: state guard, audit entry, message and, where the standing changes, the command, in one transaction (I5).
#[allow(clippy::too_many_arguments, reason = "one line per thing a step is carried out with")]
fn carry(app: &App, tx: &mut Tx, by: By<'_>, held: &Held, old: &Hold, step: Step<'_>, why: &str, now: Timestamp) -> Result<Hold> {
    let next = old.decide(step, now).map_err(refuse)?;
    if old.version == 0 {
        table::insert(tx, &next, &held.region)?;
    } else {
        table::advance(tx, old, &next)?;
    }
    record(app, tx, by, held, (old, &next), action_of(step), why, now)?;
    if held.state == ServiceState::InService {
        notice::of_step(app, tx, &next, step, now)?;
        line::settle(app, tx, held, now)?;
    }
    Ok(next)
}

const fn action_of(step: Step<'_>) -> &'static str {
    match step {
        Step::Flag => "suspension.flag",
        Step::AskVerification { .. } => "suspension.ask",
        Step::Pass => "suspension.pass",
        Step::Fail { .. } => "suspension.fail",
        Step::Stop { .. } => "suspension.stop",
        Step::Raise { .. } => "suspension.raise",
        Step::Appeal { .. } => "suspension.appeal",
        Step::Decide { .. } => "suspension.decide",
        Step::Interrupt { .. } => "suspension.interrupt",
        Step::Resume => "suspension.resume",
        Step::Lift => "suspension.lift",
        Step::Expire => "suspension.expire",
        Step::End | Step::Terminate { .. } => "suspension.end",
    }
}

#[allow(clippy::too_many_arguments, reason = "one line per field of the entry")]
fn record(
    app: &App,
    tx: &mut Tx,
    by: By<'_>,
    held: &Held,
    (old, new): (&Hold, &Hold),
    action: &str,
    why: &str,
    now: Timestamp,
) -> Result<()> {
    let facts = serde_json::json!({
        "subscription": new.subscription, "ground": new.ground, "level": new.level, "tier": new.tier, "method": new.method,
        "reference": new.notice.reference, "case": new.case, "due": new.due.map(Timestamp::rfc3339), "until": new.until.map(Timestamp::rfc3339),
        "interrupted_until": new.interrupted_until.map(Timestamp::rfc3339),
    })
    .to_string();
    let entry = Entry {
        action,
        case_kind: "suspension",
        case: Some(new.id),
        step: &format!("{}>{}", old.state.as_str(), new.state.as_str()),
        why,
        article: &new.article,
        pack: &app.rules.version,
        facts: &facts,
        subject: held.subject,
    };
    app.audit(tx, by, &entry, now).map(drop)
}
