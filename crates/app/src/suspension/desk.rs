//! 停复机台: what people and other systems ask for, with the right to ask for it. Each is one transaction.

use chuangsha_kernel::{
    phone::Phone,
    problem::Refuse,
    role::{Action, RegionCode, Resource},
    rulebook::Place,
    time::{HOUR_MS, Timestamp},
};
use chuangsha_store::{Tx, params};
use chuangsha_vault::Field;
use jiff::civil::Date;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Ground, Hold, Level, Method, Notice, Refusal, Standing, Step, Stop, Tier, carry, in_service, is_basic, lift_ground, on, place,
    table::{self, Filter, Line, Listed},
    watch,
};
use crate::{
    App, figures,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result, refuse},
        purpose::{Purpose, Reason},
        second,
    },
    registration::subscription::{self, Held},
};

/// 停机受理: what a person or another system asks for. Which fields a ground needs is said beside them. Wiped when dropped; no Debug.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SuspensionIntake)]
pub struct Intake {
    /// The full number, 11 digits; or `subscription`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub number: Option<Zeroizing<String>>,
    /// The subscription.
    #[serde(default)]
    pub subscription: Option<Uuid>,
    /// Ground; never `real_name`: those are stopped by a campaign, stage by stage.
    pub ground: Ground,
    /// How far. Absent: what the ground stands for; for a risk, a check is asked for first.
    #[serde(default)]
    pub level: Option<Level>,
    /// Risk: its tier.
    #[serde(default)]
    pub tier: Option<Tier>,
    /// 原因, as the person is told it, 2 to 60 characters. Absent: the ground's own words.
    #[serde(default)]
    pub reason: String,
    /// Police: number of the notice.
    #[serde(default)]
    pub reference: String,
    /// Arrears: the day the bill was due, `2026-10-01`.
    #[serde(default)]
    pub due_on: Option<String>,
    /// Punishment: its last day, `2028-10-01`.
    #[serde(default)]
    pub until: Option<String>,
}

impl Ground {
    /// The article a measure of this ground rests on.
    pub const fn article(self) -> &'static str {
        match self {
            Self::RealName => "L-REM-1",
            Self::Risk => "L-REM-7",
            Self::Arrears => "L-REM-6",
            // The authority's own paper is the basis; that there is one is L-REM-11.
            Self::Police => "L-REM-11",
            Self::Dispute => "L-LIM-4",
            Self::Punishment => "L-LIM-6",
            Self::ServiceLock => "L-REM-5",
        }
    }

    /// How far a measure of this ground goes where nobody says less.
    const fn usual(self) -> Level {
        match self {
            Self::Police => Level::StoppedBoth,
            Self::Punishment | Self::ServiceLock => Level::Limited,
            Self::RealName | Self::Risk | Self::Arrears | Self::Dispute => Level::StoppedOut,
        }
    }
}

/// A subscription as the role table sees it: of this carrier, where it lives.
fn resource(app: &App, region: &str) -> Resource {
    Resource { owner: None, organisation: None, carrier: app.people.carrier(), region: RegionCode::read(region) }
}

/// The hold and its subscription, when this person may see it and take the action on it; at the version they saw.
fn seen(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid, version: i64, action: Action) -> Result<(Held, Hold)> {
    let (held, old) = on(tx, id)?;
    let resource = resource(app, &held.region);
    actor.require(app, Action::SuspensionView, &resource).map_err(|_| refuse(Refusal::NotFound))?;
    actor.require(app, action, &resource)?;
    if old.version != version {
        return Err(refuse(Refusal::Changed));
    }
    Ok((held, old))
}

fn day(text: Option<&str>, field: &'static str) -> Result<Option<Date>> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => text.parse().map(Some).map_err(|_| refuse(Refusal::FieldInvalid(field))),
        None => Ok(None),
    }
}

/// Takes a ground in: a risk is asked to verify first, everything else is a measure. Said twice, it is one.
///
/// # Errors
/// [`Refusal`]; the right to stop, or for a dispute the right to take one.
pub async fn take(app: &App, actor: &Actor, input: Intake) -> Result<Uuid> {
    // The right first: who may not ask learns nothing of what was typed.
    let action = if input.ground == Ground::Dispute { Action::SuspensionAppeal } else { Action::SuspensionStop };
    actor.reach(app, action)?;
    let now = app.clock.now();
    let index = match &input.number {
        Some(number) => {
            let phone = Phone::parse(number).map_err(|error| Failure::from(error.problem().field("number")))?;
            Some(app.vault.blind(Field::Phone, &phone.e164())?.0)
        }
        None => None,
    };
    let due_on = day(input.due_on.as_deref(), "due_on")?;
    let until = day(input.until.as_deref(), "until")?.and_then(|day| day.tomorrow().ok()).map(Timestamp::start_of);
    if input.ground == Ground::RealName {
        return Err(refuse(Refusal::FieldInvalid("ground")));
    }
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let app = &writer;
        let found = match (&index, input.subscription) {
            (Some(index), _) => subscription::of_number(tx, index)?,
            (None, Some(id)) => subscription::find(tx, id)?,
            (None, None) => return Err(refuse(Refusal::FieldInvalid("number"))),
        };
        let held = found.ok_or_else(|| refuse(Refusal::NotInService))?;
        // Whose subscribers one does not reach are not told of.
        if !actor.may(app, action, &resource(app, &held.region)) {
            return Err(refuse(Refusal::NotInService));
        }
        let held = in_service(tx, held.id)?;
        let mut notice = Notice::standard(app, input.ground).with_reference(&input.reference);
        if !input.reason.trim().is_empty() {
            input.reason.trim().clone_into(&mut notice.reason);
        }
        let (ground, by) = (input.ground, By::Actor(&actor));
        if ground == Ground::Risk && input.level.is_none() {
            return ask(app, tx, by, &held, input.tier.unwrap_or(Tier::Low), notice, now);
        }
        let limit = app.clock_rule("clock.arrears_suspension", now)?;
        // The whole days since the day it was due, by the calendar of the record and not of the system that asks.
        let overdue = due_on.is_some_and(|due| Timestamp::start_of(due).plus_ms(limit.value) <= now);
        let level = input.level.unwrap_or(ground.usual());
        let asked = Stop { subscription: held.id, ground, level, article: ground.article(), notice, case: None, until };
        place(app, tx, by, &asked, overdue, now)
    })
    .await
}

/// 要求核验 (L-REM-7, L-REM-9): the check of the tier, within the law's hours. Asked already, or held for a risk already: nothing more.
fn ask(app: &App, tx: &mut Tx, by: By<'_>, held: &Held, tier: Tier, notice: Notice, now: Timestamp) -> Result<Uuid> {
    let same = |hold: &Hold| hold.ground == Ground::Risk && hold.notice.reference.trim() == notice.reference.trim();
    let open = table::open_of(tx, held.id)?.into_iter().find(same);
    let old = match open {
        Some(old) if old.state != super::State::Flagged => return Ok(old.id),
        Some(old) => old,
        None => Hold::new(app.ids.next(now), held.id, Ground::Risk, Ground::Risk.article(), notice, None, now),
    };
    let method = app
        .rules
        .text(&format!("suspension.method.{}", tier.as_str()), now.day(), &Place::region(&held.region))
        .map_err(Failure::internal)?;
    let method = Method::parse(&method.value).ok_or_else(|| Failure::internal("a tier's method is not one"))?;
    let clock = app.clock_rule("clock.secondary_verification", now)?;
    let step = Step::AskVerification { tier, method, due: now.plus_ms(clock.value) };
    carry(app, tx, by, held, &old, step, "", now).map(|hold| hold.id)
}

/// A step on a hold, as the request names it.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = SuspensionStepAsked)]
pub enum Asked {
    /// 升级
    Raise {
        /// How far.
        level: Level,
    },
    /// 解除
    Lift,
    /// 核验结果: of a check that was asked for.
    Verify {
        /// The person passed.
        passed: bool,
    },
    /// 申诉受理
    Appeal,
    /// 申诉结论
    Decide {
        /// Lifted at once.
        passed: bool,
    },
    /// 解绑: the disputed number is no longer this person's.
    Detach,
    /// 销号: unpaid for its time, or disputed and detached: the line ends for good.
    End,
}

/// Takes a step on a hold, at the version the person saw.
///
/// # Errors
/// [`Refusal`]; the right to take it.
pub async fn step(app: &App, actor: &Actor, id: Uuid, version: i64, asked: Asked, why: String) -> Result<Hold> {
    let now = app.clock.now();
    let why = why.trim().to_owned();
    let action = match asked {
        Asked::Raise { .. } => Action::SuspensionStop,
        Asked::Lift | Asked::Detach => Action::SuspensionLift,
        Asked::End => Action::SuspensionEnd,
        Asked::Verify { .. } | Asked::Appeal | Asked::Decide { .. } => Action::SuspensionAppeal,
    };
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let app = &writer;
        let (held, old) = seen(app, tx, &actor, id, version, action)?;
        if !(2..=200).contains(&why.chars().count()) {
            return Err(refuse(Refusal::NoReason));
        }
        let by = By::Actor(&actor);
        let step = match asked {
            Asked::Raise { level } => Step::Raise { level, by: Some(actor.staff), basic: is_basic(tx, &held, old.ground)? },
            Asked::Lift => Step::Lift,
            Asked::Verify { passed: true } => Step::Pass,
            Asked::Verify { passed: false } => {
                let level = watch::measure(app, &held.region, old.tier.unwrap_or(Tier::Low), now)?;
                Step::Fail { came: true, level, basic: is_basic(tx, &held, old.ground)? }
            }
            Asked::Appeal => Step::Appeal { worker: actor.staff },
            Asked::Decide { passed } => Step::Decide { by: actor.staff, passed, why: &why },
            Asked::Detach => return detach(app, tx, &actor, &held, &old, &why, now),
            Asked::End => return super::terminate(app, tx, by, (&held, &old), &why, now),
        };
        carry(app, tx, by, &held, &old, step, &why, now)
    })
    .await
}

/// 解绑 (L-LIM-4): a number the person denied and that is stopped for it is taken out of their name and their count. It stays stopped until it is
/// cancelled or registered anew by whoever has it.
fn detach(app: &App, tx: &mut Tx, actor: &Actor, held: &Held, hold: &Hold, why: &str, now: Timestamp) -> Result<Hold> {
    if hold.ground != Ground::Dispute || hold.counts().is_none() {
        return Err(refuse(Refusal::OutOfOrder(hold.state)));
    }
    tx.push_one(
        "UPDATE subscription SET subject = NULL, person_key = NULL, real_name = 0 WHERE id = $1 AND state = 1",
        &params![&held.id],
    )?;
    tx.push("DELETE FROM quota_slot WHERE holder = $1", &params![&held.id])?;
    if held.real_name {
        let place = figures::Cell { day: now.day(), region: held.region.clone(), channel_kind: held.channel_kind };
        figures::add(tx, app.ids.next(now), &place, figures::Metric::BaseRealName, -1)?;
    }
    let facts = serde_json::json!({ "hold": hold.id }).to_string();
    let entry = Entry {
        action: "suspension.detach",
        case_kind: "subscription",
        case: Some(held.id),
        step: "held>detached",
        why,
        article: Ground::Dispute.article(),
        pack: &app.rules.version,
        facts: &facts,
        subject: held.subject,
    };
    app.audit(tx, By::Actor(actor), &entry, now)?;
    Ok(hold.clone())
}

/// 已缴费: whatever stopped the subscription for want of money is lifted; says how many.
///
/// # Errors
/// [`Refusal`]; the right to lift.
pub async fn paid(app: &App, actor: &Actor, number: Zeroizing<String>) -> Result<usize> {
    actor.reach(app, Action::SuspensionLift)?;
    let now = app.clock.now();
    let phone = Phone::parse(&number).map_err(|error| Failure::from(error.problem().field("number")))?;
    let index = app.vault.blind(Field::Phone, &phone.e164())?.0;
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let held = subscription::of_number(tx, &index)?.ok_or_else(|| refuse(Refusal::NotInService))?;
        if !actor.may(&writer, Action::SuspensionLift, &resource(&writer, &held.region)) {
            return Err(refuse(Refusal::NotInService));
        }
        lift_ground(&writer, tx, By::Actor(&actor), held.id, Ground::Arrears, "paid", now)
    })
    .await
}

/// What became of a wish for an emergency restoration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emergency {
    /// A second person was asked; the id of the request.
    Asked(Uuid),
    /// Restored, as approved.
    Restored,
}

/// 紧急复机 (R-REM-8): the first time a second person is asked; with their approval at hand, asked again in the same words, it is done.
///
/// # Errors
/// [`Refusal`]; `second.needed` while nobody decided; the right to ask.
pub async fn emergency(app: &App, actor: &Actor, id: Uuid, version: i64, hours: i64, why: String) -> Result<Emergency> {
    let now = app.clock.now();
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let app = &writer;
        let (held, old) = seen(app, tx, &actor, id, version, Action::SuspensionInterrupt)?;
        let case: String = id.simple().to_string().chars().skip(24).collect();
        let reason = Reason::read(app, now, Purpose::Complaint.as_str(), &format!("H-{case}"), &why)?;
        let most = app.clock_rule("clock.emergency_restore", now)?;
        let digits = app.open_pool_number(tx, held.number_id, &held.number_sealed)?;
        let what = second::What {
            key: format!("suspension.interrupt {id} {hours}h"),
            object: format!("{} · {hours} h", chuangsha_kernel::mask::phone(&digits)),
            page: format!("/suspensions/{id}"),
            subject: held.subject,
            region: held.region.clone(),
            ..second::What::default()
        };
        let kind = second::Kind::EmergencyRestore;
        let step = |approver| Step::Interrupt {
            by: Some(actor.staff),
            approver,
            until: now.plus_ms(hours.saturating_mul(HOUR_MS)),
            most_ms: most.value,
            reason: &reason.words,
        };
        match second::find_open(app, tx, &actor, kind, &what, now)? {
            Some((request, second::Shown::Approved)) => {
                let approver = second::approver(tx, request)?.ok_or_else(|| refuse(Refusal::NotApproved))?;
                second::take(app, tx, &actor, request, kind, &what.key, now)?;
                carry(app, tx, By::Actor(&actor), &held, &old, step(approver), &reason.words, now)?;
                Ok(Emergency::Restored)
            }
            Some(_) => Err(second::needed(second::Cause::Emergency)),
            None => {
                // What could not be done with an approval either is refused now, not after somebody gave one.
                old.decide(step(chuangsha_kernel::id::StaffId(Uuid::nil())), now).map_err(refuse)?;
                let ask = second::Ask { kind, cause: second::Cause::Emergency, reason: reason.clone(), what };
                second::request_in(app, tx, &actor, &ask, now).map(Emergency::Asked)
            }
        }
    })
    .await
}

/// One hold with everything around it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The hold.
    pub hold: Hold,
    /// The number, masked.
    pub number: String,
    /// City.
    pub region: String,
    /// What the network was told.
    pub line: Option<Line>,
    /// Everything open against the subscription.
    pub standing: Standing,
    /// 工号 of who decided the measure.
    pub decided_by: Option<String>,
    /// 工号 of who looks after the appeal.
    pub appeal_worker: Option<String>,
    /// The line is in nobody's name any more.
    pub detached: bool,
}

fn around(app: &App, tx: &mut Tx, hold: Hold, held: &Held) -> Result<Found> {
    let digits = app.open_pool_number(tx, held.number_id, &held.number_sealed)?;
    let number = |tx: &mut Tx, staff: Option<chuangsha_kernel::id::StaffId>| staff.and_then(|staff| app.staff_number(tx, staff).ok());
    Ok(Found {
        number: chuangsha_kernel::mask::phone(&digits),
        region: held.region.clone(),
        line: table::line(tx, held.id)?,
        standing: super::standing(tx, held.id)?,
        decided_by: number(tx, hold.decided_by),
        appeal_worker: number(tx, hold.appeal_worker),
        detached: held.subject.is_none() && held.person_key.is_none(),
        hold,
    })
}

/// One hold.
///
/// # Errors
/// No such hold, or not this person's to see.
pub async fn find(app: &App, actor: &Actor, id: Uuid) -> Result<Found> {
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let (held, hold) = on(tx, id)?;
        actor.require(&reader, Action::SuspensionView, &resource(&reader, &held.region)).map_err(|_| refuse(Refusal::NotFound))?;
        around(&reader, tx, hold, &held)
    })
    .await
}

/// What there is and was against one subscription, for whoever may see it: the open ones first; nothing for anybody else.
///
/// # Errors
/// The record fails.
pub async fn of_subscription(app: &App, actor: &Actor, subscription: Uuid) -> Result<Option<(Option<Line>, Vec<Hold>)>> {
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let Some(held) = subscription::find(tx, subscription)? else { return Ok(None) };
        if !actor.may(&reader, Action::SuspensionView, &resource(&reader, &held.region)) {
            return Ok(None);
        }
        Ok(Some((table::line(tx, subscription)?, table::all_of(tx, subscription)?)))
    })
    .await
}

/// A row of the list.
#[derive(Debug, Clone)]
pub struct Row {
    /// The hold.
    pub hold: Hold,
    /// The number, masked.
    pub number: String,
    /// City.
    pub region: String,
    /// What the network is asked for and has not confirmed.
    pub unconfirmed: bool,
}

/// One page of the holds this person may see, newest first, and how many there are (counted up to 10,000).
///
/// # Errors
/// The person may not see them.
pub async fn list(app: &App, actor: &Actor, mut filter: Filter) -> Result<(Vec<Row>, i64)> {
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        filter.region = reader.visible_region(&actor, Action::SuspensionView, &filter.region)?;
        let total = if filter.uncounted { 0 } else { table::count(tx, &filter)? };
        let mut rows = Vec::new();
        for Listed { hold, region, number, sealed, unconfirmed } in table::list(tx, &filter)? {
            let digits = reader.open_pool_number(tx, number, &sealed)?;
            rows.push(Row { hold, number: chuangsha_kernel::mask::phone(&digits), region, unconfirmed });
        }
        Ok((rows, total))
    })
    .await
}

/// 惩戒 (L-LIM-6): every line of a punished person is limited as the decision says; the one they hold longest keeps its basic service. Says the
/// holds. For whoever takes in the list.
///
/// # Errors
/// [`Refusal`]
#[allow(clippy::too_many_arguments, reason = "one line per thing a decision says")]
pub fn punish(
    app: &App,
    tx: &mut Tx,
    by: By<'_>,
    person: &[u8; 16],
    level: Level,
    notice: &Notice,
    until: Timestamp,
    now: Timestamp,
) -> Result<Vec<Uuid>> {
    let lines: Vec<Held> =
        subscription::of_person(tx, person)?.into_iter().filter(|line| line.state == subscription::ServiceState::InService).collect();
    let mut holds = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        // The longest held first: it is limited at most, so that the others may be stopped.
        let level = if index == 0 { Level::Limited } else { level.min(Level::StoppedOut) };
        let ground = Ground::Punishment;
        let asked = Stop {
            subscription: line.id,
            ground,
            level,
            article: ground.article(),
            notice: notice.clone(),
            case: None,
            until: Some(until),
        };
        holds.push(super::stop(app, tx, by, &asked, now)?);
    }
    Ok(holds)
}
