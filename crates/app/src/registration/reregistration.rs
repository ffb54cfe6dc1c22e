//! 补登: an existing number under its true name (R-REM-1, L-REM-1). An ordinary order, captured, checked and audited like any other, for a
//! subscription that is there already: same number, no tariff change, at any point, stopped or not.

use chuangsha_kernel::{id::OrderId, phone::Phone, problem::Refuse, role::Action, time::Timestamp};
use chuangsha_store::{Tx, params};
use chuangsha_vault::Field;
use zeroize::Zeroizing;

use super::{
    Refusal, desk, ending,
    order::{Customer, Mode, Order},
    subscription::{self, Held, ServiceState},
    table,
};
use crate::{
    App, figures,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
    },
    remediation, suspension,
};

/// What an order of this kind adds to the tables: which subscription it is for. At most one is open for each.
pub const DDL: &str = "
ALTER TABLE registration_order ADD COLUMN existing BYTEA;
CREATE UNIQUE INDEX registration_order_existing ON registration_order (existing) WHERE existing IS NOT NULL AND state NOT IN (11, 12, 13, 14);
";

/// What starts it. Wiped when dropped; no Debug.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reregistration {
    /// The full number, 11 digits.
    #[schema(value_type = String)]
    pub number: Zeroizing<String>,
    /// 个人 or 集团.
    pub customer: Customer,
}

/// Opens a draft for the subscription with this number. Nothing is held: the number is in use and stays it.
///
/// # Errors
/// `registration.not_in_service_here`: no subscriber of this carrier has it. `registration.already_reregistering`. The guards of any order.
pub async fn open(app: &App, actor: &Actor, input: Reregistration) -> Result<OrderId> {
    // The right first: who may not capture learns nothing of what was typed.
    actor.reach(app, Action::OrderReserve)?;
    let now = app.clock.now();
    let phone = Phone::parse(&input.number).map_err(|error| Failure::from(error.problem().field("number")))?;
    let index = app.vault.blind(Field::Phone, &phone.e164())?.0;
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let channel = desk::open_channel(&writer, tx, &actor, Mode::Counter, now)?;
        let held = subscription::of_number(tx, &index)?.filter(|held| held.state == ServiceState::InService);
        let held = held.ok_or(Refusal::NotInServiceHere)?;
        if under_way(tx, held.id)? {
            return Err(Refusal::AlreadyReregistering.into());
        }
        let hold = writer.clock_rule("registration.reservation", now)?;
        let draft = desk::draft(&writer, &actor, &channel, (Mode::Counter, held.product, input.customer), hold.value, now);
        let order = Order { existing: Some(held.id), ..draft };
        table::insert(tx, &order, held.number_id, channel.kind as i64)?;
        let facts = serde_json::json!({ "existing": held.id, "real_name": held.real_name }).to_string();
        let entry = Entry {
            action: "order.reregister",
            case_kind: "order",
            case: Some(order.id.0),
            step: ">draft",
            article: "R-REM-1",
            pack: &hold.pack_version,
            facts: &facts,
            subject: held.subject,
            ..Entry::default()
        };
        writer.audit(tx, By::Actor(&actor), &entry, now)?;
        // Nothing more is done against the line while its holder stands at the counter.
        remediation::came(&writer, tx, By::Actor(&actor), held.id, order.id, now)?;
        Ok(order.id)
    })
    .await
}

/// Whether an order to register this line anew is open.
///
/// # Errors
/// The record fails.
pub fn under_way(tx: &mut Tx, subscription: uuid::Uuid) -> Result<bool> {
    let sql = "SELECT 1 FROM registration_order WHERE existing = $1 AND state NOT IN (11, 12, 13, 14)";
    Ok(tx.query_opt(sql, &params![&subscription])?.is_some())
}

/// Whether an order verified whoever holds this line: the one that opened it, or one that registered it anew.
///
/// # Errors
/// The record fails.
pub fn was_verified(tx: &mut Tx, subscription: uuid::Uuid) -> Result<bool> {
    // A line opened here keeps its order's id.
    let sql = "SELECT 1 FROM registration_order WHERE id = $1 AND state = 11 UNION ALL \
               SELECT 1 FROM registration_order WHERE existing = $1 AND state = 11 LIMIT 1";
    Ok(tx.query_opt(sql, &params![&subscription])?.is_some())
}

/// The subscription an order is for, while it is in service.
pub(super) fn line(tx: &mut Tx, order: &Order) -> Result<Option<Held>> {
    match order.existing {
        Some(id) => Ok(subscription::find(tx, id)?.filter(|held| held.state == ServiceState::InService)),
        None => Ok(None),
    }
}

/// The approved order becomes the subscription's: holder, slot and true name; what was held for want of it is lifted, its case closed, all in
/// the transaction of the approval.
pub(super) fn complete(app: &App, tx: &mut Tx, by: By<'_>, order: &Order, now: Timestamp) -> Result<()> {
    let held = line(tx, order)?.ok_or(Refusal::NotInServiceHere)?;
    let id = held.id;
    tx.push_one(
        "UPDATE subscription SET subject = $2, person_key = $3, real_name = 1 WHERE id = $1 AND state = 1",
        &params![
            &id,
            order.subject.as_ref().map(chuangsha_kernel::id::SubjectId::as_bytes),
            order.person_key.as_ref().map(<[u8; 16]>::as_slice)
        ],
    )?;
    if order.slot.is_some() {
        // The last holder's count falls in the moment the new one's is posted, under the subscription as ever.
        tx.push("DELETE FROM quota_slot WHERE holder = $1", &params![&id])?;
        tx.push_one("UPDATE quota_slot SET holder = $2, posted = 1 WHERE holder = $1 AND posted = 0", &params![order.id.as_bytes(), &id])?;
    }
    if !held.real_name {
        // Where the base counts it: the subscription's own cell, not the outlet's that registered it anew.
        let place = figures::Cell { day: now.day(), region: held.region.clone(), channel_kind: held.channel_kind };
        figures::add(tx, app.ids.next(now), &place, figures::Metric::BaseRealName, 1)?;
        figures::add(tx, app.ids.next(now), &place, figures::Metric::Remediated, 1)?;
    }
    suspension::verified(app, tx, by, id, now)?;
    if held.subject.is_none() && held.person_key.is_none() {
        // Denied by whoever it stood under and taken out of their name: it has its holder now, and that dispute is over (L-LIM-4).
        suspension::lift_ground(app, tx, by, id, suspension::Ground::Dispute, "registered anew", now)?;
    }
    remediation::restored(app, tx, id, order.id, now)?;
    match held.subject {
        // Whoever stood there before holds nothing any more: their data waits for its month, like any leaver's.
        Some(before) if Some(before) != order.subject && ending::living(tx, before)? == 0 => app.end_service(tx, by, before, now).map(drop),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::Reregistration;

    #[test]
    fn a_request_with_anything_else_in_it_is_not_read() {
        let read = |text: &str| serde_json::from_str::<Reregistration>(text).is_ok();
        assert!(read(r#"{"number":"19900000001","customer":"individual"}"#));
        assert!(!read(r#"{"number":"19900000001","customer":"individual","slot":1}"#));
    }
}
