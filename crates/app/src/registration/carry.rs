//! One step of an order, carried out: state guard, audit entry, outbox rows, slot, number and figures in ONE transaction (I5).

use chuangsha_kernel::{problem::Refuse, time::Timestamp};
use chuangsha_store::{Tx, outbox};
use uuid::Uuid;

use super::{
    order::{Effect, Message, Order, State, Step},
    reregistration,
    table::{self, NumberState},
};
use crate::{
    App, figures,
    platform::{
        audit::{By, Entry},
        failure::Result,
    },
    suspension,
};

/// What a step is called and why it is taken.
#[derive(Debug, Clone, Copy)]
pub struct Because<'a> {
    /// Stem of permission, audit name and route: `order.approve`.
    pub action: &'a str,
    /// Words a person gave.
    pub why: &'a str,
    /// The facts the rule saw, JSON without personal data.
    pub facts: &'a str,
}

/// Takes the step, or refuses and leaves everything as it was.
pub fn carry(app: &App, tx: &mut Tx, by: By<'_>, old: &Order, step: Step<'_>, because: Because<'_>, now: Timestamp) -> Result<Order> {
    let decision = old.decide(step, now).map_err(|refusal| crate::platform::failure::Failure::from(refusal.problem()))?;
    let new = decision.order;
    table::advance(tx, old, &new)?;
    app.audit(
        tx,
        by,
        &Entry {
            action: because.action,
            case_kind: "order",
            case: Some(new.id.0),
            step: &format!("{}>{}", old.state.as_str(), new.state.as_str()),
            why: because.why,
            article: &decision.article,
            pack: if decision.pack.is_empty() { &app.rules.version } else { &decision.pack },
            facts: because.facts,
            subject: new.subject,
        },
        now,
    )?;
    for effect in decision.effects {
        perform(app, tx, by, &new, effect, now)?;
    }
    count(app, tx, old, &new, now)?;
    Ok(new)
}

fn perform(app: &App, tx: &mut Tx, by: By<'_>, order: &Order, effect: Effect, now: Timestamp) -> Result<()> {
    let id = order.id.0;
    match effect {
        Effect::TakeSlot => {
            if let (Some(person), Some(slot)) = (&order.person_key, order.slot) {
                table::take_slot(tx, &app.config.operator.code, person, order.product.quota_class(), slot, id, false)?;
            }
            Ok(())
        }
        Effect::PostSlot => table::post_slot(tx, id),
        Effect::VoidSlot => table::void_slot(tx, id),
        Effect::FreeNumber => {
            let number = table::number_of(tx, order.id)?;
            table::move_number(tx, number.id, NumberState::Held, NumberState::Free, None)
        }
        Effect::AskVerification => post(app, tx, order, "verification", &format!("verify:{id}:{}", order.version), "", now),
        // One key for ever: however often the command is sent, the network carries it out once.
        Effect::CommandActivation => {
            let number = table::number_of(tx, order.id)?;
            let sequence = suspension::line::next_sequence(tx, number.id)?.to_string();
            post(app, tx, order, "network", &format!("activate:{id}"), &sequence, now)
        }
        Effect::Tell(message) => {
            let template = match message {
                Message::Received => "order_received",
                Message::Activated => "activated",
                Message::Reregistered => "reregistered",
                Message::Returned => "returned",
                Message::Rejected => "rejected",
            };
            post(app, tx, order, "sms", &format!("{template}:{id}:{}", order.version), template, now)
        }
        Effect::Reregister => reregistration::complete(app, tx, by, order, now),
        Effect::CreateSubscription => {
            let number = table::number_of(tx, order.id)?;
            table::move_number(tx, number.id, NumberState::Held, NumberState::InUse, Some(id))?;
            let kind = channel_kind(tx, order)?;
            table::add_subscription(
                tx,
                &table::Subscription {
                    id,
                    number: number.id,
                    subject: order.subject,
                    person_key: order.person_key,
                    region: order.region.clone(),
                    channel_kind: kind,
                    product: order.product,
                    real_name: true,
                    since: now,
                },
            )
        }
    }
}

fn post(app: &App, tx: &mut Tx, order: &Order, topic: &str, key: &str, payload: &str, now: Timestamp) -> Result<()> {
    outbox::post(tx, &outbox::Message { id: app.ids.next(now), topic, key, case: order.id.0, payload: payload.as_bytes(), due: now })?;
    Ok(())
}

/// Kind of the outlet that captured the order.
pub fn channel_kind(tx: &mut Tx, order: &Order) -> Result<i64> {
    Ok(tx.query_one("SELECT channel_kind FROM registration_order WHERE id = $1", &chuangsha_store::params![order.id.as_bytes()])?.int(0)?)
}

/// The figures a step moves.
fn count(app: &App, tx: &mut Tx, old: &Order, new: &Order, now: Timestamp) -> Result<()> {
    if old.state == new.state {
        return Ok(());
    }
    let metrics: &[figures::Metric] = match new.state {
        State::Submitted if old.state == State::Captured => &[figures::Metric::Submitted],
        State::Returned => &[figures::Metric::Returned],
        State::Rejected => &[figures::Metric::Rejected],
        State::Approved | State::DeliveryPending if old.decided_by.is_none() => &[figures::Metric::Approved],
        // Nobody new: what the base gains, the subscription's own cell counts.
        State::Activated if new.existing.is_some() => &[],
        State::Activated => {
            &[figures::Metric::NewCustomers, figures::Metric::NewRealName, figures::Metric::Base, figures::Metric::BaseRealName]
        }
        _ => &[],
    };
    if metrics.is_empty() {
        return Ok(());
    }
    let place = figures::Cell { day: now.day(), region: new.region.clone(), channel_kind: channel_kind(tx, new)? };
    for metric in metrics {
        figures::add(tx, app.ids.next(now), &place, *metric, 1)?;
    }
    Ok(())
}

/// Id of the subscription an order becomes: the order's own, so that the slot keeps its holder.
pub const fn subscription_id(order: &Order) -> Uuid {
    order.id.0
}
