//! One step of a case, carried out: guarded state, audit entry, outbox, hold, finding and counts in ONE transaction (I5).

use chuangsha_kernel::{id::StaffId, time::Timestamp};
use chuangsha_store::{Tx, outbox};

use super::{
    case::{Case, Decision, Effect, Medium, Purpose},
    contact, kind, refund,
    table::{self, Contact, ContactResult, Counts, metric},
};
use crate::{
    App,
    platform::{
        audit::{By, Entry},
        failure::{Failure, Result},
    },
    registration::{ending, subscription},
    suspension::{self, Ground, Level, Notice, Stop},
};

/// Carries one step out by itself.
///
/// # Errors
/// The case moved on in the meantime: contended, and tried again.
pub fn one(app: &App, tx: &mut Tx, by: By<'_>, old: &Case, decision: Decision, why: &str, now: Timestamp) -> Result<Case> {
    let mut counts = Counts::default();
    let case = step(app, tx, by, old, decision, Because { why, approver: None }, &mut counts, now)?;
    counts.flush(&app.ids, tx, now)?;
    Ok(case)
}

/// What a person gave with a step.
#[derive(Debug, Clone, Copy, Default)]
pub struct Because<'a> {
    /// Words.
    pub why: &'a str,
    /// Who agreed, where two are needed.
    pub approver: Option<StaffId>,
}

/// Carries one step out among others of the same transaction; the caller writes the counts.
///
/// # Errors
/// As [`one`].
#[allow(clippy::too_many_arguments, reason = "one line per thing a step is carried out with")]
pub fn step(
    app: &App,
    tx: &mut Tx,
    by: By<'_>,
    old: &Case,
    decision: Decision,
    because: Because<'_>,
    counts: &mut Counts,
    now: Timestamp,
) -> Result<Case> {
    let Decision { case: mut new, effects, action, article } = decision;
    if action.is_empty() {
        if (new.due, new.wait) != (old.due, old.wait) {
            table::look_later(tx, old, new.due, new.wait)?;
        }
        return Ok(new);
    }
    let day = now.day().to_string();
    for effect in effects {
        perform(app, tx, by, old, &mut new, effect, because, now)?;
        match effect {
            Effect::Contact { .. } => counts.add(&new, &day, metric::CONTACTS, 1),
            Effect::Stop => counts.add(&new, &day, metric::STOPPED, 1),
            _ => {}
        }
    }
    if new.complaints > old.complaints {
        counts.add(&new, &day, metric::COMPLAINTS, 1);
    }
    table::advance(tx, old, &new)?;
    let arrow = format!("{}>{}", old.state.as_str(), new.state.as_str());
    let facts = format!("{{\"kind\":\"{}\",\"contacts\":{},\"due\":{}}}", new.kind.as_str(), new.contacts, new.due.0);
    let entry = Entry {
        action,
        case_kind: "remediation",
        case: Some(new.id),
        step: &arrow,
        why: because.why,
        article,
        pack: &app.rules.version,
        facts: &facts,
        subject: None,
    };
    app.audit(tx, by, &entry, now)?;
    counts.moved(Some(old.state), &new, &day);
    Ok(new)
}

/// What the person who is stopped is told (L-REM-8): why, where it is mended, what to bring.
fn notice(app: &App) -> Notice {
    Notice::new("存量用户尚未完成实名补登", &app.config.operator.remedy_zh, &app.config.operator.documents_zh)
}

#[allow(clippy::too_many_arguments, reason = "one line per thing an effect needs")]
fn perform(
    app: &App,
    tx: &mut Tx,
    by: By<'_>,
    old: &Case,
    new: &mut Case,
    effect: Effect,
    because: Because<'_>,
    now: Timestamp,
) -> Result<()> {
    match effect {
        Effect::Contact { medium, purpose, deadline } => reach(app, tx, new, medium, purpose, deadline, now),
        Effect::Stop => {
            let stop = Stop {
                subscription: new.subscription,
                ground: Ground::RealName,
                level: Level::StoppedOut,
                article: "L-REM-3",
                notice: notice(app),
                case: Some(new.id),
                until: None,
            };
            new.hold = Some(suspension::stop(app, tx, by, &stop, now)?);
            Ok(())
        }
        Effect::Raise => {
            let hold = new.hold.ok_or_else(|| Failure::internal("a stopped case without its hold"))?;
            suspension::raise(app, tx, by, hold, Level::StoppedBoth, now)
        }
        Effect::Lift => suspension::lift_ground(app, tx, by, old.subscription, Ground::RealName, because.why, now).map(drop),
        Effect::Interrupt { until } => {
            let hold = new.hold.ok_or_else(|| Failure::internal("a stopped case without its hold"))?;
            let approver = because.approver.ok_or_else(|| Failure::internal("an emergency restoration without a second person"))?;
            suspension::interrupt(app, tx, by, hold, until, because.why, approver, now)
        }
        Effect::Settled | Effect::CloseFinding => kind::close(tx, new.subscription, now).map(drop),
        Effect::Refund { amount } => {
            refund::compute(tx, new, amount, now)?;
            refund::owe(tx, new.id, now)
        }
        Effect::Unclaimed => refund::end(tx, new.id, refund::State::Unclaimed, "", now).map(drop),
        Effect::Terminate => {
            let Some(held) = subscription::find(tx, new.subscription)? else { return Ok(()) };
            suspension::ended(app, tx, by, new.subscription, now)?;
            new.hold = None;
            ending::end_line(app, tx, by, &held, ending::Rest::ByItsCase, "remediation", now)?;
            let key = format!("{}{}", contact::END, new.id);
            // Younger than every stop of this number that may still be on its way.
            let sequence = suspension::line::next_sequence(tx, held.number_id)?.to_string();
            let payload = sequence.as_bytes();
            outbox::post(tx, &outbox::Message { id: app.ids.next(now), topic: "network", key: &key, case: new.id, payload, due: now })?;
            Ok(())
        }
        Effect::Free => ending::free_number(app, tx, new.subscription, now),
    }
}

/// Writes the contact down and posts it: the worker sends it, and what is heard of it finds its way back by the same key.
fn reach(app: &App, tx: &mut Tx, case: &Case, medium: Medium, purpose: Purpose, deadline: Timestamp, now: Timestamp) -> Result<()> {
    let contact = Contact { n: case.contacts, at: now, medium, purpose, result: ContactResult::Waiting, result_at: None, receipt: None };
    table::add_contact(tx, case.id, &contact)?;
    let topic = match medium {
        Medium::Sms => "sms",
        _ => "call",
    };
    let key = contact::key(case.id, case.contacts);
    let payload = contact::Payload { purpose, deadline }.written();
    outbox::post(tx, &outbox::Message { id: app.ids.next(now), topic, key: &key, case: case.id, payload: payload.as_bytes(), due: now })?;
    Ok(())
}

/// A line enters a campaign; `false`: another has it.
///
/// # Errors
/// The record fails.
pub fn enter(app: &App, tx: &mut Tx, by: By<'_>, case: &Case, counts: &mut Counts, now: Timestamp) -> Result<bool> {
    if !table::insert(tx, case)? {
        return Ok(false);
    }
    let facts = format!("{{\"kind\":\"{}\",\"wave\":{}}}", case.kind.as_str(), case.wave);
    let entry = Entry {
        action: "remediation.identify",
        case_kind: "remediation",
        case: Some(case.id),
        step: ">identified",
        article: "R-REM-2",
        pack: &app.rules.version,
        facts: &facts,
        ..Entry::default()
    };
    app.audit(tx, by, &entry, now)?;
    counts.moved(None, case, &now.day().to_string());
    Ok(true)
}

/// A new case of a wave.
pub fn identified(app: &App, campaign: &super::Campaign, wave: i64, finding: &kind::Finding, now: Timestamp) -> Case {
    let (region, channel_kind) = (finding.region.clone(), finding.channel_kind);
    Case {
        campaign: campaign.id,
        wave,
        region,
        channel_kind,
        ..Case::identified(app.ids.next(now), finding.subscription, finding.kind, now)
    }
}
