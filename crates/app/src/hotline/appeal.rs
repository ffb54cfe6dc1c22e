//! 申诉: what a customer brings before the authority, or against a stop. Five working days to accept, thirty days to settle (L-HOT-1); whoever
//! decided the stop does not handle the appeal against it; one that passes lifts the stop in the same transaction (L-REM-8).

use chuangsha_kernel::{
    id::StaffId,
    problem::{Problem, Refuse},
    role::Action,
    rulebook::Place as Where,
    time::Timestamp,
};
use chuangsha_store::{Row, Tx, params};
use jiff::civil::Date;
use uuid::Uuid;

use super::{
    filed::{self, Filed},
    table,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::By,
        failure::{Failure, Result, refuse},
        listed::listed,
    },
    suspension,
};

/// Tables of appeals.
pub const DDL: &str = "
CREATE TABLE appeal (
    id BYTEA PRIMARY KEY,
    ticket BYTEA NOT NULL,
    region TEXT NOT NULL,
    reference TEXT NOT NULL,
    about BIGINT NOT NULL,
    happened_on TEXT NOT NULL,
    hold BYTEA,
    hold_decided_by BYTEA,
    state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    deductible BIGINT NOT NULL,
    worker BYTEA,
    received_at BIGINT NOT NULL,
    accept_by BIGINT,
    settle_by BIGINT,
    updated_at BIGINT NOT NULL,
    CONSTRAINT nobody_judges_their_own_stop CHECK (worker IS NULL OR hold_decided_by IS NULL OR worker <> hold_decided_by)
);
CREATE INDEX appeal_region ON appeal (region, id);
CREATE INDEX appeal_ticket ON appeal (ticket);
";

listed! {
    /// 申诉事项
    AppealAbout {
        Fee = 1, "fee", "收费争议", "A fee";
        Stop = 2, "stop", "停机限制", "A stop";
        Other = 3, "other", "其他争议", "Another matter";
    }
}

listed! {
    /// 申诉状态
    AppealState {
        Received = 1, "received", "待决定是否受理", "Received";
        Accepted = 2, "accepted", "已受理，调解中", "Accepted";
        NotAccepted = 3, "not_accepted", "不予受理", "Not accepted";
        Passed = 4, "passed", "申诉成立", "Passed";
        Rejected = 5, "rejected", "申诉不成立", "Rejected";
        Settled = 6, "settled", "调解达成", "Settled";
    }
}

listed! {
    /// 申诉步骤
    AppealStep {
        Accept = 1, "accept", "受理", "Accept";
        Decline = 2, "decline", "不予受理", "Do not accept";
        Pass = 3, "pass", "认定成立", "Pass";
        Reject = 4, "reject", "认定不成立", "Reject";
        Settle = 5, "settle", "调解达成", "Settle";
        Deduct = 6, "deduct", "登记举报属实，可核减", "Record the report as proven: deductible";
    }
}

pub use self::AppealAbout as About;

/// 申诉
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appeal {
    /// Id.
    pub id: Uuid,
    /// Ticket it belongs to.
    pub ticket: Uuid,
    /// City.
    pub region: String,
    /// The authority's number, or empty.
    pub reference: String,
    /// About what.
    pub about: About,
    /// Day of what it is about.
    pub happened_on: Date,
    /// The stop it is against.
    pub hold: Option<Uuid>,
    /// Who decided that stop; `None`: a job, by a rule.
    pub hold_decided_by: Option<StaffId>,
    /// State.
    pub state: AppealState,
    /// Grows with every step.
    pub version: i64,
    /// 可核减: results from having disposed of a nuisance call whose report is proven (R-HOT-7).
    pub deductible: bool,
    /// Who handles it.
    pub worker: Option<StaffId>,
    /// Received.
    pub received_at: Timestamp,
    /// Until when it is decided whether it is accepted; `None`: held, the holidays are not known.
    pub accept_by: Option<Timestamp>,
    /// Until when it is settled, once accepted.
    pub settle_by: Option<Timestamp>,
}

/// Why a step is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence is its code's text below")]
pub enum Refusal {
    #[error("no such appeal")]
    NotFound,
    #[error("the appeal is {}: it does not take this step", .0.as_str())]
    OutOfOrder(AppealState),
    #[error("whoever decided the stop does not handle the appeal")]
    OwnDecision,
    #[error("the dispute is too old to be accepted")]
    TooOld(Date),
    #[error("there is no stop of this number to appeal against")]
    NoStop,
    #[error("it did not result from the disposal of a nuisance call")]
    NotDeductible,
    #[error("somebody changed it in the meantime")]
    Changed,
    #[error("the field is missing or not of its form")]
    FieldInvalid(&'static str),
}

/// Codes of appeals.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "appeal.not_found", 404, "没有这件申诉，或您无权查看", "There is no such appeal, or it is not yours to see", "请核对地址", "Check the address";
        OUT_OF_ORDER = "appeal.out_of_order", 409, "申诉当前为「{state_zh}」，不能执行此步骤", "The appeal is \"{state_en}\" and does not take this step", "请刷新页面查看最新状态", "Reload the page to see where it stands";
        OWN_DECISION = "appeal.own_decision", 409, "作出停机决定的人不得办理对该决定的申诉（L-REM-8）", "Whoever decided the stop does not handle the appeal against it (L-REM-8)", "请由另一人办理", "Have another person handle it";
        TOO_OLD = "appeal.too_old", 409, "争议发生在 {day} 以前，超过受理期限（L-HOT-1）", "The dispute is older than {day} and not accepted any more (L-HOT-1)", "选择“不予受理”，并告知用户", "Choose \"do not accept\" and tell the customer";
        NO_STOP = "appeal.no_stop", 409, "该号码没有可申诉的停机", "There is no stop of this number to appeal against", "核对工单的号码，或选择其他事项", "Check the ticket's number, or choose another matter";
        NOT_DEDUCTIBLE = "appeal.not_deductible", 409, "只有因处置骚扰电话引起的申诉可以核减（R-HOT-7）", "Only an appeal from the disposal of a nuisance call is deducted (R-HOT-7)", "工单事由须为骚扰电话", "The ticket's topic must be nuisance calls";
        CHANGED = "appeal.changed", 409, "该申诉刚被他人修改", "Somebody changed the appeal in the meantime", "请刷新后重试", "Reload and try again";
        FIELD_INVALID = "appeal.field_invalid", 422, "字段缺失或格式不对", "The field is missing or not of its form", "请按提示的格式填写该字段", "Fill the field in the form shown beside it";
    }
}

impl Refuse for Refusal {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::new(&code::NOT_FOUND),
            Self::OutOfOrder(state) => {
                Problem::new(&code::OUT_OF_ORDER).with("state_zh", state.words().0).with("state_en", state.words().1)
            }
            Self::OwnDecision => Problem::new(&code::OWN_DECISION),
            Self::TooOld(day) => Problem::new(&code::TOO_OLD).with("day", day),
            Self::NoStop => Problem::new(&code::NO_STOP).field("about"),
            Self::NotDeductible => Problem::new(&code::NOT_DEDUCTIBLE),
            Self::Changed => Problem::new(&code::CHANGED),
            Self::FieldInvalid(field) => Problem::new(&code::FIELD_INVALID).field(*field),
        }
    }
}

/// What a step is decided on.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Disputes from before this day are not accepted.
    pub oldest: Date,
    /// Until when an accepted one is settled.
    pub settle_by: Timestamp,
    /// The ticket is about nuisance calls.
    pub nuisance: bool,
}

impl Appeal {
    /// The only way an appeal changes. `by` acts.
    ///
    /// # Errors
    /// The refusal names the guard that held.
    pub fn decide(&self, step: AppealStep, by: StaffId, facts: &Facts) -> Result<Self, Refusal> {
        use AppealState::{Accepted, NotAccepted, Passed, Received, Rejected, Settled};
        if self.hold_decided_by == Some(by) {
            return Err(Refusal::OwnDecision);
        }
        let mut next = Self { version: self.version + 1, ..self.clone() };
        next.state = match (self.state, step) {
            (Received, AppealStep::Accept) => {
                if self.happened_on < facts.oldest {
                    return Err(Refusal::TooOld(facts.oldest));
                }
                next.settle_by = Some(facts.settle_by);
                Accepted
            }
            (Received, AppealStep::Decline) => NotAccepted,
            (Accepted, AppealStep::Pass) => Passed,
            (Accepted, AppealStep::Reject) => Rejected,
            (Accepted, AppealStep::Settle) => Settled,
            // Whether the report was true is often known only afterwards.
            (state, AppealStep::Deduct) if !self.deductible => {
                if !facts.nuisance {
                    return Err(Refusal::NotDeductible);
                }
                next.deductible = true;
                state
            }
            (state, _) => return Err(Refusal::OutOfOrder(state)),
        };
        next.worker = Some(by);
        Ok(next)
    }
}

impl Filed for Appeal {
    const TABLE: &'static str = "appeal";
    const COLUMNS: &'static str = "id, ticket, region, reference, about, happened_on, hold, hold_decided_by, state, version, deductible, worker, \
                       received_at, accept_by, settle_by";

    fn read(row: &Row) -> Result<Self> {
        let broken = |column: &str| Failure::internal(format!("appeal.{column} holds a value this version does not know"));
        Ok(Self {
            id: row.uuid(0)?,
            ticket: row.uuid(1)?,
            region: row.text(2)?,
            reference: row.text(3)?,
            about: About::from_i64(row.int(4)?).ok_or_else(|| broken("about"))?,
            happened_on: row.str(5)?.parse().map_err(|_| broken("happened_on"))?,
            hold: row.opt_uuid(6)?,
            hold_decided_by: row.opt_uuid(7)?.map(StaffId),
            state: AppealState::from_i64(row.int(8)?).ok_or_else(|| broken("state"))?,
            version: row.int(9)?,
            deductible: row.flag(10)?,
            worker: row.opt_uuid(11)?.map(StaffId),
            received_at: Timestamp(row.int(12)?),
            accept_by: row.opt_int(13)?.map(Timestamp),
            settle_by: row.opt_int(14)?.map(Timestamp),
        })
    }

    fn missing() -> Failure {
        refuse(Refusal::NotFound)
    }

    fn region(&self) -> &str {
        &self.region
    }

    fn ticket(&self) -> Option<Uuid> {
        Some(self.ticket)
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn changed() -> Failure {
        refuse(Refusal::Changed)
    }
}

/// What an appeal says.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAppeal {
    /// Ticket it belongs to.
    pub ticket: Uuid,
    /// About what.
    pub about: About,
    /// Day of what it is about, `2026-11-01`.
    pub happened_on: String,
    /// The authority's number, up to 40 characters.
    #[serde(default)]
    pub reference: String,
    /// What is appealed, in words.
    #[serde(default)]
    pub words: String,
}

/// Takes an appeal down.
///
/// # Errors
/// [`Refusal`]; the right to work the ticket.
pub async fn receive(app: &App, actor: &Actor, input: NewAppeal) -> Result<Appeal> {
    actor.reach(app, Action::TicketWork)?;
    let now = app.clock.now();
    let happened_on: Date = input.happened_on.trim().parse().map_err(|_| refuse(Refusal::FieldInvalid("happened_on")))?;
    let reference = input.reference.trim().to_owned();
    if happened_on > now.day() {
        return Err(refuse(Refusal::FieldInvalid("happened_on")));
    }
    if reference.chars().count() > 40 || reference.chars().any(char::is_control) {
        return Err(refuse(Refusal::FieldInvalid("reference")));
    }
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let ticket = filed::of_ticket(&writer, tx, &actor, input.ticket)?;
        // Against the newest measure that still stands.
        let hold = match (input.about, ticket.subscription) {
            (About::Stop, Some(id)) => {
                let open = suspension::standing(tx, id)?.holds;
                Some(open.into_iter().rev().find(|hold| hold.level.is_some()).ok_or_else(|| refuse(Refusal::NoStop))?)
            }
            (About::Stop, None) => return Err(refuse(Refusal::NoStop)),
            _ => None,
        };
        let accept = writer.number_rule("clock.appeal_acceptance", now, "")?.value;
        let one = Appeal {
            id: writer.ids.next(now),
            ticket: ticket.id,
            region: ticket.region,
            reference: reference.clone(),
            about: input.about,
            happened_on,
            hold: hold.as_ref().map(|hold| hold.id),
            hold_decided_by: hold.and_then(|hold| hold.decided_by),
            state: AppealState::Received,
            version: 1,
            deductible: false,
            worker: None,
            received_at: now,
            accept_by: writer.calendar().end_of_working_days(now, accept).ok(),
            settle_by: None,
        };
        tx.push(
            "INSERT INTO appeal (id, ticket, region, reference, about, happened_on, hold, hold_decided_by, state, version, deductible, \
             received_at, accept_by, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, 1, 0, $9, $10, $9)",
            &params![
                &one.id,
                &one.ticket,
                &one.region,
                &one.reference,
                one.about as i64,
                &one.happened_on.to_string(),
                one.hold.as_ref().map(|id| id.as_bytes().as_slice()),
                one.hold_decided_by.as_ref().map(StaffId::as_bytes),
                now.0,
                one.accept_by.map(|at| at.0)
            ],
        )?;
        record(&writer, tx, &actor, "", &one, ("appeal.receive", input.words.trim()), now)?;
        Ok(one)
    })
    .await
}

fn facts(app: &App, tx: &mut Tx, one: &Appeal, now: Timestamp) -> Result<Facts> {
    let rule = if one.about == About::Fee { "appeal.age_fee" } else { "appeal.age_other" };
    let age = app.number_rule(rule, now, "")?.value;
    let months = if one.about == About::Fee { age } else { age * 12 };
    let received = one.received_at.day();
    let oldest = received.checked_sub(jiff::Span::new().months(months)).unwrap_or(received);
    let settle = app.rules.deadline("clock.mediation", now, &Where::china()).map_err(Failure::internal)?.value;
    let nuisance = table::find(tx, one.ticket)?.is_some_and(|ticket| ticket.topic == super::Topic::Nuisance);
    Ok(Facts { oldest, settle_by: settle, nuisance })
}

/// Takes a step on an appeal. One that passes against a stop lifts it in the same transaction.
///
/// # Errors
/// [`Refusal`]; the right to decide there; what the suspension refuses.
pub async fn step(app: &App, actor: &Actor, id: Uuid, version: i64, step: AppealStep, words: String) -> Result<Appeal> {
    filed::change(app, actor, (id, version), Action::TicketDecide, move |app, tx, actor, old: &Appeal, now| {
        let facts = facts(app, tx, old, now)?;
        let next = old.decide(step, actor.staff, &facts).map_err(refuse)?;
        tx.push_one(
            "UPDATE appeal SET state = $3, version = $4, deductible = $5, worker = $6, settle_by = $7, updated_at = $8 \
             WHERE id = $1 AND version = $2",
            &params![
                &id,
                old.version,
                next.state as i64,
                next.version,
                i64::from(next.deductible),
                next.worker.as_ref().map(StaffId::as_bytes),
                next.settle_by.map(|at| at.0),
                now.0
            ],
        )?;
        record(app, tx, actor, old.state.as_str(), &next, (&format!("appeal.{}", step.as_str()), words.trim()), now)?;
        if let (AppealState::Passed, AppealState::Accepted, Some(hold)) = (next.state, old.state, next.hold) {
            // Another ground may have lifted it in the meantime: then there is nothing left to lift.
            let standing = table::find(tx, next.ticket)?.and_then(|ticket| ticket.subscription);
            let open = match standing {
                Some(id) => suspension::standing(tx, id)?.holds.iter().any(|one| one.id == hold),
                None => false,
            };
            if open {
                suspension::lift(app, tx, By::Actor(actor), hold, words.trim(), now)?;
            }
        }
        Ok(next)
    })
    .await
}

fn record(app: &App, tx: &mut Tx, actor: &Actor, before: &str, one: &Appeal, (action, why): (&str, &str), now: Timestamp) -> Result<()> {
    let facts = serde_json::json!({
        "ticket": one.ticket, "about": one.about, "happened_on": one.happened_on.to_string(), "hold": one.hold, "deductible": one.deductible,
        "accept_by": one.accept_by.map(Timestamp::rfc3339), "settle_by": one.settle_by.map(Timestamp::rfc3339), "version": one.version,
    });
    let article = if action == "appeal.deduct" { "R-HOT-7" } else { "L-HOT-1" };
    let step = format!("{before}>{}", one.state.as_str());
    filed::note(app, tx, By::Actor(actor), &filed::Noted { action, id: one.id, step: &step, why, article, facts }, now)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

    use jiff::civil::date;

    use super::*;

    fn appeal(state: AppealState) -> Appeal {
        Appeal {
            id: Uuid::nil(),
            ticket: Uuid::nil(),
            region: "990100".into(),
            reference: String::new(),
            about: About::Stop,
            happened_on: date(2026, 11, 1),
            hold: Some(Uuid::from_u128(3)),
            hold_decided_by: Some(StaffId(Uuid::from_u128(9))),
            state,
            version: 1,
            deductible: false,
            worker: None,
            received_at: Timestamp(0),
            accept_by: None,
            settle_by: None,
        }
    }

    #[test]
    fn every_state_takes_exactly_the_steps_of_the_table() {
        use AppealState::{Accepted, NotAccepted, Passed, Received, Rejected, Settled};
        // Columns: accept, decline, pass, reject, settle, deduct.
        let table: [(AppealState, [Option<AppealState>; 6]); 6] = [
            (Received, [Some(Accepted), Some(NotAccepted), None, None, None, Some(Received)]),
            (Accepted, [None, None, Some(Passed), Some(Rejected), Some(Settled), Some(Accepted)]),
            (NotAccepted, [None, None, None, None, None, Some(NotAccepted)]),
            (Passed, [None, None, None, None, None, Some(Passed)]),
            (Rejected, [None, None, None, None, None, Some(Rejected)]),
            (Settled, [None, None, None, None, None, Some(Settled)]),
        ];
        assert_eq!(table.map(|(state, _)| state).as_slice(), AppealState::ALL, "a new state has its row");
        let facts = Facts { oldest: date(2024, 11, 22), settle_by: Timestamp(7), nuisance: true };
        let (worker, decider) = (StaffId(Uuid::from_u128(8)), StaffId(Uuid::from_u128(9)));
        for (state, row) in table {
            for (step, wanted) in AppealStep::ALL.iter().zip(row) {
                match (appeal(state).decide(*step, worker, &facts), wanted) {
                    (Ok(next), Some(wanted)) => assert_eq!((next.state, next.worker), (wanted, Some(worker))),
                    (Err(Refusal::OutOfOrder(found)), None) => assert_eq!(found, state),
                    (result, wanted) => panic!("{state:?} {step:?}: {result:?}, wanted {wanted:?}"),
                }
                assert_eq!(appeal(state).decide(*step, decider, &facts), Err(Refusal::OwnDecision), "{state:?} {step:?}");
            }
        }
        let old = Appeal { happened_on: date(2024, 11, 21), ..appeal(Received) };
        assert_eq!(old.decide(AppealStep::Accept, worker, &facts), Err(Refusal::TooOld(facts.oldest)));
        assert!(old.decide(AppealStep::Decline, worker, &facts).is_ok());
        assert_eq!(appeal(Received).decide(AppealStep::Accept, worker, &facts).unwrap().settle_by, Some(Timestamp(7)));
        let quiet = Facts { nuisance: false, ..facts };
        assert_eq!(appeal(Passed).decide(AppealStep::Deduct, worker, &quiet), Err(Refusal::NotDeductible));
        let twice = Appeal { deductible: true, ..appeal(Passed) };
        assert_eq!(twice.decide(AppealStep::Deduct, worker, &facts), Err(Refusal::OutOfOrder(Passed)));
    }
}
