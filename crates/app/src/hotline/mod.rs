//! 热线与投诉: tickets with clocks, appeals, refunds, early warning, the tag the hotline's switch asks for (R-HOT, L-HOT).

use chuangsha_kernel::{
    id::{StaffId, SubjectId},
    mask,
    role::{Action, Resource},
    rulebook::Place as Where,
    time::{DAY_MS, Timestamp},
};
use chuangsha_store::Tx;
use chuangsha_vault::{Domain, Field, Place};
use uuid::Uuid;

use crate::{
    App, figures,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result, refuse},
        keys,
        people::staff,
    },
    registration::subscription::{self, Held},
};

pub mod appeal;
pub mod bench;
pub mod case;
pub mod filed;
pub mod http;
pub mod ivr;
pub mod page;
pub mod rate;
pub mod refund;
pub mod table;
#[cfg(test)]
mod tests;
pub mod ticket;
pub mod view;
pub mod warning;

pub use table::Filter;
pub use ticket::{Kind, Outcome, Quality, Refusal, Stage, State, Step, Ticket, Topic};

/// Where the words of a ticket are sealed.
const WORDS: Place = Place::new("ticket_moment", "words");

/// 受理: what somebody turns to the hotline with. Whose number it is was looked up before, and counted.
#[derive(Debug, Clone)]
pub struct Intake {
    /// Whose number; `None`: anonymous.
    pub subscription: Option<Uuid>,
    /// Kind.
    pub kind: Kind,
    /// Topic.
    pub topic: Topic,
    /// City, six digits; of an anonymous one only, else the number's own.
    pub region: String,
    /// Code of the outlet it is about, or empty.
    pub place: String,
    /// What they said, 2 to 500 characters.
    pub words: String,
}

/// `T-20261122-7K3QX2A`: the day and seven characters of the id, without the ones people confuse.
fn code_of(id: Uuid, now: Timestamp) -> String {
    const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let tail: String = id.as_bytes().iter().rev().take(7).map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect();
    format!("T-{}-{tail}", now.day().strftime("%Y%m%d"))
}

/// Up to how long a ticket may wait for its customer, milliseconds.
pub(crate) fn longest_ms(app: &App, now: Timestamp) -> Result<i64> {
    Ok(app.clock_rule("hotline.pause_longest", now)?.value)
}

/// End of a kind's clock from the opening; `None`: it counts working days of a year whose holidays nobody knows, and is held.
fn base_of(app: &App, kind: Kind, opened: Timestamp) -> Result<Option<Timestamp>> {
    let rule = kind.clock_rule();
    if let Ok(ms) = app.rules.clock_ms(rule, opened.day(), &Where::china()) {
        return Ok(Some(opened.plus_ms(ms.value)));
    }
    let days = app.number_rule(rule, opened, "")?.value;
    Ok(app.calendar().end_of_working_days(opened, days).ok())
}

/// A ticket as the role table sees it: of this carrier, in its city.
pub(crate) fn place(app: &App, region: &str) -> Resource {
    Resource { owner: None, organisation: None, carrier: app.people.carrier(), region: chuangsha_kernel::role::RegionCode::read(region) }
}

/// Opens a ticket.
///
/// # Errors
/// [`Refusal::FieldInvalid`], [`Refusal::WordsMissing`]; the right to work tickets there.
pub async fn open(app: &App, actor: &Actor, input: Intake) -> Result<Ticket> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            actor.reach(&app, Action::TicketWork)?;
            let held = match input.subscription {
                Some(id) => Some(subscription::find(tx, id)?.ok_or_else(|| refuse(Refusal::FieldInvalid("number")))?),
                None => None,
            };
            let region = held.as_ref().map_or(input.region.as_str(), |held| held.region.as_str());
            actor.require(&app, Action::TicketWork, &place(&app, region))?;
            enter(&app, tx, By::Actor(&actor), actor.staff, &input, held.as_ref(), now)
        })
        .await
}

/// Writes a new ticket with everything that follows from it in the same transaction: who owns it, what it says of earlier answers, what it holds,
/// and whether it is one of many. The caller has the right to.
///
/// # Errors
/// As [`open`].
#[allow(clippy::too_many_arguments, reason = "one line per thing an intake is made of")]
pub fn enter(app: &App, tx: &mut Tx, by: By<'_>, taken_by: StaffId, input: &Intake, held: Option<&Held>, now: Timestamp) -> Result<Ticket> {
    let words = input.words.trim();
    if !(2..=500).contains(&words.chars().count()) {
        return Err(refuse(Refusal::WordsMissing));
    }
    let outlet = input.place.trim();
    if outlet.chars().count() > 20 || outlet.chars().any(char::is_control) {
        return Err(refuse(Refusal::FieldInvalid("place")));
    }
    let region = held.map_or(input.region.trim(), |held| held.region.as_str());
    if app.rules.provinces().city(region).is_none() {
        return Err(refuse(Refusal::FieldInvalid("region")));
    }
    let (id, longest) = (app.ids.next(now), longest_ms(app, now)?);
    let stage = match held {
        Some(held) => case::stage_of(tx, held.id)?,
        None => Stage::None,
    };
    let mut one = Ticket {
        id,
        code: code_of(id, now),
        kind: input.kind,
        topic: input.topic,
        state: State::Open,
        version: 1,
        region: region.to_owned(),
        channel_kind: held.map_or(0, |held| held.channel_kind),
        stage,
        place: outlet.to_owned(),
        subscription: held.map(|held| held.id),
        opened_at: now,
        clock: ticket::Clocked { base: base_of(app, input.kind, now)?, ..ticket::Clocked::default() },
        worker: None,
        named: false,
        outcome: None,
        answered_at: None,
        satisfied: None,
        recontacted: false,
        holds: input.kind.is_complaint() && held.is_some(),
    };
    if let Some(held) = held {
        again(app, tx, held.id, input.topic, longest, now)?;
        own(app, tx, &mut one, held, taken_by, longest, now)?;
    }
    table::insert(tx, &one, longest)?;
    record(app, tx, by, None, &one, "open", words, subject_of(held), now)?;
    if let Some(held) = held.filter(|_| one.holds) {
        case::complained(app, tx, by, held.id, &one, now)?;
    }
    if one.kind.is_complaint() {
        let cell = figures::Cell { day: now.day(), region: one.region.clone(), channel_kind: one.channel_kind };
        figures::add(tx, app.ids.next(now), &cell, figures::Metric::Complaints, 1)?;
        warning::detect(app, tx, &one, now)?;
    }
    Ok(one)
}

/// Whoever comes again within the days was not helped by the answer before (R-HOT-2).
fn again(app: &App, tx: &mut Tx, subscription: Uuid, topic: Topic, longest: i64, now: Timestamp) -> Result<()> {
    let days = app.number_rule("hotline.recontact", now, "")?.value;
    for old in table::answered_of(tx, subscription, topic, now.plus_ms(-days * DAY_MS))? {
        let next = Ticket { recontacted: true, version: old.version + 1, ..old.clone() };
        table::advance(tx, &old, &next, now, longest)?;
        record(app, tx, By::System("hotline"), Some(&old), &next, "recontacted", "", None, now)?;
    }
    Ok(())
}

/// 专人: the third complaint gives everything of this number that is not answered yet to one person (R-REM-9).
fn own(app: &App, tx: &mut Tx, one: &mut Ticket, held: &Held, taken_by: StaffId, longest: i64, now: Timestamp) -> Result<()> {
    if !one.kind.is_complaint() {
        return Ok(());
    }
    let days = app.number_rule("hotline.frequent_days", now, &held.region)?.value;
    let many = app.number_rule("hotline.frequent_complaints", now, &held.region)?.value;
    let before = table::complaints_of(tx, held.id, now.plus_ms(-days * DAY_MS))?;
    if i64::try_from(before.len()).unwrap_or(i64::MAX) + 1 < many {
        return Ok(());
    }
    let owner = before.iter().find(|ticket| ticket.named).and_then(|ticket| ticket.worker);
    let owner = match owner {
        // Who left follows nothing through any more.
        Some(owner) if staff::epochs(tx, owner)?.is_some() => owner,
        _ => taken_by,
    };
    (one.named, one.worker) = (true, Some(owner));
    for old in before.iter().filter(|old| old.pending() && (!old.named || old.worker != Some(owner))) {
        let next = Ticket { named: true, worker: Some(owner), version: old.version + 1, ..old.clone() };
        table::advance(tx, old, &next, now, longest)?;
        record(app, tx, By::System("hotline"), Some(old), &next, "named_owner", "", None, now)?;
    }
    Ok(())
}

fn subject_of(held: Option<&Held>) -> Option<SubjectId> {
    held.and_then(|held| held.subject)
}

/// A step asked for, as the request names it.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = TicketAsked)]
pub enum Asked {
    /// 领取
    Claim,
    /// 指派
    Assign {
        /// 工号
        to: String,
    },
    /// 待用户补充
    Pause,
    /// 用户已补充
    Resume,
    /// 变更种类
    Reclassify {
        /// What it is.
        kind: Kind,
    },
    /// 答复; the words are the answer.
    Answer {
        /// Conclusion.
        outcome: Outcome,
    },
    /// 回访
    Survey {
        /// What they said.
        satisfied: bool,
    },
    /// 重办
    Reopen,
    /// 办结
    Close,
    /// 撤回
    Withdraw,
}

impl Asked {
    const fn action(&self) -> Action {
        match self {
            Self::Assign { .. } => Action::TicketDecide,
            _ => Action::TicketWork,
        }
    }

    const fn article(&self) -> &'static str {
        match self {
            Self::Assign { .. } => "R-REM-9",
            Self::Survey { .. } | Self::Reopen => "R-HOT-2",
            _ => "L-HOT-1",
        }
    }
}

/// Takes a step on a ticket, at the version the person saw.
///
/// # Errors
/// [`Refusal`]; the right to take it.
pub async fn step(app: &App, actor: &Actor, id: Uuid, version: i64, asked: Asked, words: String) -> Result<Ticket> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let old = seen(&app, tx, &actor, id)?;
            actor.require(&app, asked.action(), &place(&app, &old.region))?;
            if old.version != version {
                return Err(refuse(Refusal::Changed));
            }
            let step = match &asked {
                Asked::Claim => Step::Claim,
                Asked::Assign { to } => Step::Assign { to: agent(&app, tx, to)? },
                Asked::Pause => Step::Pause,
                Asked::Resume => Step::Resume,
                Asked::Reclassify { kind } => Step::Reclassify { kind: *kind, base: base_of(&app, *kind, old.opened_at)? },
                Asked::Answer { outcome } => Step::Answer { outcome: *outcome, words: words.clone() },
                Asked::Survey { satisfied } => Step::Survey { satisfied: *satisfied },
                Asked::Reopen => Step::Reopen,
                Asked::Close => Step::Close,
                Asked::Withdraw => Step::Withdraw,
            };
            carry(&app, tx, &actor, &old, &step, words.trim(), asked.article(), now)
        })
        .await
}

/// Whoever works tickets under this staff number.
fn agent(app: &App, tx: &mut Tx, number: &str) -> Result<StaffId> {
    let missing = || refuse(Refusal::NotAnAgent);
    let number = staff::number(number).map_err(|_| missing())?;
    let login = app.vault.blind(Field::StaffLogin, &number)?;
    let account = staff::account(tx, login.as_bytes())?.ok_or_else(missing)?;
    let works = app.matrix.could(account.roles, Action::TicketWork);
    if works { Ok(account.id) } else { Err(missing()) }
}

/// One step, carried out with what follows from it. The caller has the right to.
///
/// # Errors
/// [`Refusal`]
#[allow(clippy::too_many_arguments, reason = "one line per thing a step is carried out with")]
pub fn carry(
    app: &App,
    tx: &mut Tx,
    actor: &Actor,
    old: &Ticket,
    step: &Step,
    words: &str,
    article: &'static str,
    now: Timestamp,
) -> Result<Ticket> {
    let next = old.decide(step, actor.staff, now).map_err(refuse)?;
    table::advance(tx, old, &next, now, longest_ms(app, now)?)?;
    let held = match old.subscription {
        Some(id) => subscription::find(tx, id)?,
        None => None,
    };
    write_down(app, tx, By::Actor(actor), Some(old), &next, step.as_str(), words, subject_of(held.as_ref()), article, now)?;
    if let Some(subscription) = old.subscription {
        match (old.holds, next.holds) {
            (false, true) => case::complained(app, tx, By::Actor(actor), subscription, &next, now)?,
            (true, false) => case::released(app, tx, actor, subscription, &next, now)?,
            _ => {}
        }
    }
    Ok(next)
}

#[allow(clippy::too_many_arguments, reason = "one line per field of the entry")]
fn record(
    app: &App,
    tx: &mut Tx,
    by: By<'_>,
    old: Option<&Ticket>,
    new: &Ticket,
    what: &str,
    words: &str,
    subject: Option<SubjectId>,
    now: Timestamp,
) -> Result<()> {
    let article = match what {
        "named_owner" => "R-REM-9",
        "recontacted" => "R-HOT-2",
        _ => "L-HOT-1",
    };
    write_down(app, tx, by, old, new, what, words, subject, article, now)
}

/// The audit entry and the line of the append-only history.
#[allow(clippy::too_many_arguments, reason = "one line per field of the entry")]
fn write_down(
    app: &App,
    tx: &mut Tx,
    by: By<'_>,
    old: Option<&Ticket>,
    new: &Ticket,
    what: &str,
    words: &str,
    subject: Option<SubjectId>,
    article: &str,
    now: Timestamp,
) -> Result<()> {
    let step = format!("{}>{}", old.map_or("", |old| old.state.as_str()), new.state.as_str());
    let facts = serde_json::json!({
        "version": new.version, "kind": new.kind, "topic": new.topic, "stage": new.stage, "named": new.named, "holds": new.holds,
        "outcome": new.outcome, "due": new.clock.due(now, longest_ms(app, now)?).map(Timestamp::rfc3339),
    })
    .to_string();
    let action = format!("ticket.{what}");
    let entry = Entry {
        action: &action,
        case_kind: "ticket",
        case: Some(new.id),
        step: &step,
        why: words,
        article,
        pack: &app.rules.version,
        facts: &facts,
        subject,
    };
    let entry = app.audit(tx, by, &entry, now)?;
    let sealed = match words {
        "" => None,
        words => Some(keys::seal(&app.key_of(tx, new.id, Domain::Messages)?, WORDS, words)?),
    };
    let staff = match by {
        By::Actor(actor) => actor.number.clone(),
        By::System(job) => job.to_owned(),
    };
    table::remember(tx, new.id, entry, &table::Moment { version: new.version, at: now, action, state: new.state, staff, words: sealed })
}

/// The ticket, when this person may see it; else as if it were not there.
fn seen(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid) -> Result<Ticket> {
    actor.reach(app, Action::TicketView)?;
    let found = table::find(tx, id)?.ok_or_else(|| refuse(Refusal::NotFound))?;
    actor.require(app, Action::TicketView, &place(app, &found.region)).map_err(|_| refuse(Refusal::NotFound))?;
    Ok(found)
}

/// The number a ticket is of, masked, and whose.
fn masked_number(app: &App, tx: &mut Tx, held: &Held) -> Result<String> {
    Ok(mask::phone(&app.open_pool_number(tx, held.number_id, &held.number_sealed)?))
}

/// Whether a complaint holds the remediation of this number: no stage goes on while somebody is owed an answer.
///
/// # Errors
/// The record failed.
pub fn holds(tx: &mut Tx, subscription: Uuid) -> Result<bool> {
    table::holds(tx, subscription)
}

/// 热线指标 of the days before now, in a region.
///
/// # Errors
/// The person may not see tickets there; the record failed.
pub async fn quality(app: &App, actor: &Actor, region: &str, days: i64) -> Result<Quality> {
    let now = app.clock.now();
    let region = app.visible_region(actor, Action::TicketView, region)?;
    let recontact = app.number_rule("hotline.recontact", now, "")?.value;
    app.read(move |tx| {
        let mut quality = Quality::default();
        for ticket in table::answered(tx, now.plus_ms(-days * DAY_MS), now.plus_ms(1), &region)? {
            quality.count(&ticket, now, recontact);
        }
        Ok(quality)
    })
    .await
}

/// One turn of the hotline's timed work: clocks that were held are tried again, and today's complaints are weighed. Says how much was done.
///
/// # Errors
/// The record failed.
pub async fn turn(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let writer = app.clone();
    let freed = app
        .write(move |tx| {
            let longest = longest_ms(&writer, now)?;
            let mut freed = 0;
            for old in table::held(tx, 200)? {
                if let Some(base) = base_of(&writer, old.kind, old.opened_at)? {
                    let mut next = Ticket { version: old.version + 1, ..old.clone() };
                    next.clock.base = Some(base);
                    table::advance(tx, &old, &next, now, longest)?;
                    record(&writer, tx, By::System("hotline"), Some(&old), &next, "clock_freed", "", None, now)?;
                    freed += 1;
                }
            }
            Ok::<_, Failure>(freed)
        })
        .await?;
    Ok(freed + warning::weigh(app).await?)
}
