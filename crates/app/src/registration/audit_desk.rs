//! 审核台: what auditors and seniors do with an order.

use chuangsha_kernel::{id::OrderId, role::Action, time::Timestamp};
use chuangsha_store::{Tx, params};
use chuangsha_vault::Field;

use super::{
    Refusal,
    carry::{Because, carry},
    desk::words,
    gate,
    order::{ApproveFacts, Defect, Order, RejectReason, State, Step, Who},
    table,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
        people,
    },
};

/// The order, when this auditor may take the action on it. Same organisation is not "unknown": the auditor saw it and is told why not.
fn to_audit(app: &App, tx: &mut Tx, actor: &Actor, id: OrderId, action: Action, version: Option<i64>) -> Result<Order> {
    let order = table::find(tx, id)?;
    if order.captured_by.staff == actor.staff {
        return Err(Refusal::OwnOrder.into());
    }
    if order.captured_by.organisation == actor.organisation {
        return Err(Refusal::SameOrganisation.into());
    }
    actor.require(app, action, &app.resource(order.captured_by.organisation, &order.region, Some(order.captured_by.staff)))?;
    match version {
        Some(version) if version != order.version => Err(Refusal::Stale.into()),
        _ => Ok(order),
    }
}

/// Claims one order for ten minutes; claiming one's own again renews the lease.
pub async fn claim(app: &App, actor: &Actor, id: OrderId) -> Result<Order> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let order = to_audit(&app, tx, &actor, id, Action::OrderClaim, None)?;
            take_lease(&app, tx, &actor, &order, now)
        })
        .await
}

/// Claims the oldest order of a queue that nobody holds; an empty filter is the whole queue.
pub async fn claim_next(app: &App, actor: &Actor, within: table::Filter) -> Result<Order> {
    // An empty queue tells nobody that it is empty who may not work on it.
    actor.reach(app, Action::OrderClaim)?;
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store.write(move |tx| claim_oldest(&app, tx, &actor, &within, now)).await
}

fn claim_oldest(app: &App, tx: &mut Tx, actor: &Actor, within: &table::Filter, now: Timestamp) -> Result<Order> {
    let order = table::first(tx, &unclaimed(actor, within.clone(), now))?.ok_or(Refusal::QueueEmpty)?;
    let resource = app.resource(order.captured_by.organisation, &order.region, Some(order.captured_by.staff));
    actor.require(app, Action::OrderClaim, &resource)?;
    take_lease(app, tx, actor, &order, now)
}

/// The next case of an auditor: what they hold already, the oldest first and with its lease renewed, else the oldest nobody holds.
pub async fn next_case(app: &App, actor: &Actor, within: table::Filter) -> Result<Order> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| match table::first(tx, &held(&actor, now))? {
            Some(order) => {
                let order = to_audit(&app, tx, &actor, order.id, Action::OrderClaim, None)?;
                take_lease(&app, tx, &actor, &order, now)
            }
            None => claim_oldest(&app, tx, &actor, &within, now),
        })
        .await
}

/// The oldest case this auditor holds.
pub async fn first_held(app: &App, actor: &Actor) -> Result<Option<OrderId>> {
    let mine = held(actor, app.clock.now());
    Ok(app.read(move |tx| table::first(tx, &mine)).await?.map(|order| order.id))
}

/// What this auditor holds now.
pub fn held(actor: &Actor, now: Timestamp) -> table::Filter {
    let filter =
        table::Filter { states: vec![State::Auditing], held_by: Some(actor.staff), held_at: Some(now), ..table::Filter::default() };
    table::Filter { oldest_first: true, ..filter }
}

/// What anybody but its outlet may claim: checked, and held by nobody or no longer.
pub fn unclaimed(actor: &Actor, within: table::Filter, now: Timestamp) -> table::Filter {
    table::Filter { states: vec![State::Submitted, State::Auditing], unheld_at: Some(now), checked: true, ..queue_filter(actor, within) }
}

/// 转派: hands an order to an auditor by staff number, whoever holds it now.
///
/// # Errors
/// `registration.assignee_unfit` where nobody of that number may audit it; else as [`claim`].
pub async fn assign(app: &App, actor: &Actor, id: OrderId, number: &str) -> Result<Order> {
    actor.reach(app, Action::OrderAssign)?;
    let now = app.clock.now();
    let unfit = || Failure::from(Refusal::AssigneeUnfit);
    let number = people::staff::number(number).map_err(|_| unfit())?;
    let login = app.vault.blind(Field::StaffLogin, &number)?;
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let order = to_audit(&app, tx, &actor, id, Action::OrderAssign, None)?;
            let account = people::staff::account(tx, login.as_bytes())?;
            let auditor = account.filter(|account| app.matrix.could(account.roles, Action::OrderClaim)).ok_or_else(unfit)?;
            let to = Who { staff: auditor.id, organisation: auditor.organisation };
            let lease = app.clock_rule("registration.assignment_lease", now)?;
            let facts = serde_json::json!({ "to_staff": to.staff.0, "to_organisation": to.organisation.0 }).to_string();
            let step = Step::Assign { by: actor.who(), to, lease_ms: &lease };
            carry(&app, tx, By::Actor(&actor), &order, step, Because { action: "order.assign", why: "", facts: &facts }, now)
        })
        .await
}

fn take_lease(app: &App, tx: &mut Tx, actor: &Actor, order: &Order, now: Timestamp) -> Result<Order> {
    let lease = app.clock_rule("registration.audit_lease", now)?;
    let step = Step::Claim { by: actor.who(), lease_ms: &lease };
    carry(app, tx, By::Actor(actor), order, step, Because { action: "order.claim", why: "", facts: "{}" }, now)
}

/// Gives an order back to the queue.
pub async fn release(app: &App, actor: &Actor, id: OrderId) -> Result<Order> {
    let by = actor.who();
    step(app, actor, id, None, Action::OrderClaim, String::new(), move |order, _, _| {
        Ok(Plan { step: Step::Release { by }, facts: state_facts(order) })
    })
    .await
}

/// What a closure plans: the step, and the facts it was planned on.
struct Plan {
    step: Step<'static>,
    facts: String,
}

fn state_facts(order: &Order) -> String {
    serde_json::json!({ "check": order.check.as_str(), "face_score": order.face_score }).to_string()
}

async fn step(
    app: &App,
    actor: &Actor,
    id: OrderId,
    version: Option<i64>,
    action: Action,
    why: String,
    plan: impl Fn(&Order, &App, &mut Tx) -> Result<Plan> + Send + 'static,
) -> Result<Order> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let order = to_audit(&app, tx, &actor, id, action, version)?;
            let plan = plan(&order, &app, tx)?;
            carry(&app, tx, By::Actor(&actor), &order, plan.step, Because { action: action.as_str(), why: &why, facts: &plan.facts }, now)
        })
        .await
}

/// Approves; a counter order is commanded to the network in the same transaction.
pub async fn approve(app: &App, actor: &Actor, id: OrderId, version: i64) -> Result<Order> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let order = to_audit(&app, tx, &actor, id, Action::OrderApprove, Some(version))?;
            let rules = ApproveRules::of(&app, tx, &order, now)?;
            let step = Step::Approve { by: actor.who(), facts: rules.facts() };
            let facts = rules.text(&order);
            let approved =
                carry(&app, tx, By::Actor(&actor), &order, step, Because { action: "order.approve", why: "", facts: &facts }, now)?;
            after_approval(&app, tx, &actor, approved, now)
        })
        .await
}

/// Draws some approved orders for a second look, and sends a counter order on its way.
fn after_approval(app: &App, tx: &mut Tx, actor: &Actor, approved: Order, now: Timestamp) -> Result<Order> {
    let share = app.number_rule("registration.audit_sample_rate", now, &approved.region)?;
    let draw = approved.id.0.as_bytes().iter().rev().take(4).fold(0_i64, |sum, byte| (sum * 256 + i64::from(*byte)) % 100);
    if draw < share.value {
        tx.push(
            "INSERT INTO registration_recheck (order_id, drawn_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            &params![approved.id.as_bytes(), now.0],
        )?;
    }
    if approved.state == State::Approved { gate::activate(app, tx, By::Actor(actor), &approved, now) } else { Ok(approved) }
}

/// The rules an approval is judged by.
struct ApproveRules {
    slots_used: i64,
    limit: chuangsha_kernel::rulebook::Ruling<i64>,
    face_threshold: chuangsha_kernel::rulebook::Ruling<i64>,
    delivery_ms: chuangsha_kernel::rulebook::Ruling<i64>,
    audit_rule: chuangsha_kernel::rulebook::Ruling<()>,
}

impl ApproveRules {
    fn of(app: &App, tx: &mut Tx, order: &Order, now: Timestamp) -> Result<Self> {
        Ok(Self {
            slots_used: gate::slots_used(app, tx, order)?,
            limit: app.number_rule(order.product.limit_rule(), now, &order.region)?,
            face_threshold: app.number_rule("registration.face_match_threshold", now, &order.region)?.map(|percent| percent * 10),
            delivery_ms: app.clock_rule("registration.delivery_window", now)?,
            audit_rule: app.article("registration.central_audit", now)?,
        })
    }

    fn facts(&self) -> ApproveFacts<'_> {
        ApproveFacts {
            slots_used: self.slots_used,
            limit: &self.limit,
            face_threshold: &self.face_threshold,
            delivery_ms: &self.delivery_ms,
            audit_rule: &self.audit_rule,
        }
    }

    fn text(&self, order: &Order) -> String {
        self.value(order).to_string()
    }

    fn voted(&self, order: &Order, approve: bool) -> String {
        let mut value = self.value(order);
        value["approve"] = approve.into();
        value.to_string()
    }

    fn value(&self, order: &Order) -> serde_json::Value {
        serde_json::json!({
            "check": order.check.as_str(), "face_score": order.face_score, "face_threshold": self.face_threshold.value,
            "slots_used": self.slots_used, "limit": self.limit.value, "same_organisation": false,
            "rules": [self.limit.rule, self.face_threshold.rule, self.audit_rule.rule],
        })
    }
}

/// Returns the order for re-capture, the defects marked.
pub async fn send_back(app: &App, actor: &Actor, id: OrderId, version: i64, defects: Vec<Defect>, why: String) -> Result<Order> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let order = to_audit(&app, tx, &actor, id, Action::OrderReturn, Some(version))?;
            let facts = serde_json::json!({ "defects": defects.iter().map(|defect| defect.as_str()).collect::<Vec<_>>() }).to_string();
            // Time the clerk has to bring the customer back.
            let window = app.clock_rule("registration.return_window", now)?;
            let step = Step::Return { by: actor.who(), defects: &defects, window_ms: &window };
            carry(&app, tx, By::Actor(&actor), &order, step, Because { action: "order.return", why: &why, facts: &facts }, now)
        })
        .await
}

/// Rejects with a reason code; there is no way around it (L-REG-6).
pub async fn reject(app: &App, actor: &Actor, id: OrderId, version: i64, reason: RejectReason, why: String) -> Result<Order> {
    let by = actor.who();
    let why = if reason == RejectReason::Other { words(why)? } else { why };
    step(app, actor, id, Some(version), Action::OrderReject, why, move |order, _, _| {
        Ok(Plan {
            step: Step::Reject { by, reason },
            facts: format!("{{\"reason\":\"{}\",\"check\":\"{}\"}}", reason.as_str(), order.check.as_str()),
        })
    })
    .await
}

/// Hands a doubtful case to two seniors.
pub async fn escalate(app: &App, actor: &Actor, id: OrderId, version: i64, why: String) -> Result<Order> {
    let by = actor.who();
    let why = words(why)?;
    step(app, actor, id, Some(version), Action::OrderEscalate, why, move |order, _, _| {
        Ok(Plan { step: Step::Escalate { by }, facts: state_facts(order) })
    })
    .await
}

/// One senior's vote; the second, of another senior, decides.
pub async fn decide(app: &App, actor: &Actor, id: OrderId, version: i64, approve: bool, why: String) -> Result<Order> {
    let now = app.clock.now();
    let why = words(why)?;
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let order = to_audit(&app, tx, &actor, id, Action::OrderDecide, Some(version))?;
            let rules = ApproveRules::of(&app, tx, &order, now)?;
            let facts = rules.voted(&order, approve);
            let step = Step::Decide { by: actor.who(), approve, facts: rules.facts() };
            let decided =
                carry(&app, tx, By::Actor(&actor), &order, step, Because { action: "order.decide", why: &why, facts: &facts }, now)?;
            if matches!(decided.state, State::Approved | State::DeliveryPending) {
                after_approval(&app, tx, &actor, decided, now)
            } else {
                Ok(decided)
            }
        })
        .await
}

/// 抽检: the second look at an approved order, by somebody who did not approve it.
pub async fn recheck(app: &App, actor: &Actor, id: OrderId, sound: bool, why: String) -> Result<Order> {
    let now = app.clock.now();
    let why = if sound { why } else { words(why)? };
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let order = to_audit(&app, tx, &actor, id, Action::OrderSample, None)?;
            if order.decided_by.is_some_and(|by| by.staff == actor.staff) {
                return Err(Refusal::OwnOrder.into());
            }
            let finding = if sound { "sound" } else { "unsound" };
            let done = tx.execute(
                "UPDATE registration_recheck SET done_at = $2, staff = $3, finding = $4 WHERE order_id = $1 AND done_at IS NULL",
                &params![id.as_bytes(), now.0, actor.staff.as_bytes(), finding],
            )?;
            if done == 0 {
                return Err(Refusal::NotFound.into());
            }
            let facts = format!("{{\"finding\":\"{finding}\"}}");
            let entry = Entry {
                action: "order.sample",
                case_kind: "order",
                case: Some(id.0),
                step: finding,
                why: &why,
                article: "R-REG-3",
                pack: &app.rules.version,
                facts: &facts,
                subject: order.subject,
            };
            app.audit(tx, By::Actor(&actor), &entry, now)?;
            Ok::<_, Failure>(order)
        })
        .await
}

/// Narrows a filter to the queue of one auditor: waiting or held, checked, of other organisations, the longest waiting first.
pub fn queue_filter(actor: &Actor, mut filter: table::Filter) -> table::Filter {
    if filter.states.is_empty() {
        filter.states = vec![State::Submitted, State::Auditing];
    }
    // Nobody sees the orders of their own organisation here: what one may not audit is not offered.
    filter.not_captured_by = Some(actor.organisation);
    filter.oldest_first = true;
    filter
}
