//! 服务终止: when a subscription ends its number cools down and its slot is free; when a person's last one ends, their data waits for its month
//! (L-REG-8) and is forgotten with it (L-PIP-4).

use chuangsha_kernel::{
    codes,
    id::{OrderId, SubjectId},
    problem::Problem,
    rulebook::Place,
    time::Timestamp,
};
use chuangsha_store::{Tx, params};
use chuangsha_vault::{Month, agent::Target};
use uuid::Uuid;

use super::{
    carry::channel_kind,
    order::State,
    subscription::Held,
    table::{self, NumberState},
};
use crate::{
    App, figures,
    platform::{
        audit::{By, Entry},
        failure::{Failure, Result},
    },
    suspension,
};

codes! {
    LIVES = "registration.service_lives", 409,
        "该客户还有 {count} 项在用业务或在途登记单", "this customer still has {count} living services or open orders",
        "先终止其余业务", "end the other services first";
    NOT_IN_SERVICE = "registration.not_in_service", 409,
        "登记单 {order} 的业务未开通或已终止", "the service of order {order} is not open, or has ended",
        "核对单号", "check the order number";
}

/// What the end of a service did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Ended {
    /// The month the person's data is destroyed with; `None` while they have other services.
    pub bucket: Option<Month>,
    /// Data keys moved into it.
    pub keys: u64,
}

/// Services and open orders of a person.
pub(super) fn living(tx: &mut Tx, subject: SubjectId) -> Result<i64> {
    let sql = "SELECT (SELECT COUNT(*) FROM subscription WHERE subject = $1 AND state = 1) + (SELECT COUNT(*) FROM registration_order
               WHERE subject = $1 AND state < 11)";
    Ok(tx.query_one(sql, &params![subject.as_bytes()])?.int(0)?)
}

/// Ends the subscription of an order. What the network has to be told is told by whoever closes the line; this is the record of it.
///
/// # Errors
/// `registration.not_in_service`
pub async fn end(app: &App, job: &'static str, id: OrderId, ended: Timestamp, why: String) -> Result<Ended> {
    let (writer, now) = (app.clone(), app.clock.now());
    app.write(move |tx| {
        let order = table::find(tx, id)?;
        let open = tx.query_opt("SELECT real_name FROM subscription WHERE id = $1 AND state = 1", &params![id.as_bytes()])?;
        let (State::Activated, Some(open), Some(subject)) = (order.state, open, order.subject) else {
            return Err(Problem::new(&NOT_IN_SERVICE).with("order", &order.code).into());
        };
        tx.push_one("UPDATE subscription SET state = 2 WHERE id = $1 AND state = 1", &params![id.as_bytes()])?;
        tx.push_one("DELETE FROM quota_slot WHERE holder = $1", &params![id.as_bytes()])?;
        let number = table::number_of(tx, id)?;
        table::move_number(tx, number.id, NumberState::InUse, NumberState::Quarantined, None)?;
        let place = figures::Cell { day: now.day(), region: order.region.clone(), channel_kind: channel_kind(tx, &order)? };
        figures::add(tx, writer.ids.next(now), &place, figures::Metric::Base, -1)?;
        if open.int(0)? == 1 {
            figures::add(tx, writer.ids.next(now), &place, figures::Metric::BaseRealName, -1)?;
        }
        suspension::ended(&writer, tx, By::System(job), id.0, now)?;
        let facts = serde_json::json!({ "ended_at": ended.rfc3339() }).to_string();
        let entry = Entry {
            action: "subscription.end",
            case_kind: "order",
            case: Some(id.0),
            step: "in_service>ended",
            why: &why,
            article: "L-REG-8",
            pack: &writer.rules.version,
            facts: &facts,
            subject: Some(subject),
        };
        writer.audit(tx, By::System(job), &entry, now)?;
        if living(tx, subject)? > 0 {
            return Ok(Ended { bucket: None, keys: 0 });
        }
        writer.end_service(tx, By::System(job), subject, ended)
    })
    .await
}

/// 销号: ends a line of the base for good, in the caller's transaction: its slot is free, its number cools down. A line that has ended stays so.
///
/// # Errors
/// The record fails.
pub fn end_line(app: &App, tx: &mut Tx, by: By<'_>, held: &Held, why: &str, now: Timestamp) -> Result<()> {
    let ended = tx.execute("UPDATE subscription SET state = 2 WHERE id = $1 AND state = 1", &params![&held.id])?;
    if ended == 0 {
        return Ok(());
    }
    tx.push("DELETE FROM quota_slot WHERE holder = $1", &params![&held.id])?;
    table::move_number(tx, held.number_id, NumberState::InUse, NumberState::Quarantined, None)?;
    let place = figures::Cell { day: now.day(), region: held.region.clone(), channel_kind: held.channel_kind };
    figures::add(tx, app.ids.next(now), &place, figures::Metric::Base, -1)?;
    if held.real_name {
        figures::add(tx, app.ids.next(now), &place, figures::Metric::BaseRealName, -1)?;
    }
    let entry = Entry {
        action: "subscription.end",
        case_kind: "subscription",
        case: Some(held.id),
        step: "in_service>ended",
        why,
        article: "L-REG-8",
        pack: &app.rules.version,
        facts: "{}",
        subject: held.subject,
    };
    app.audit(tx, by, &entry, now)?;
    match held.subject {
        Some(subject) if living(tx, subject)? == 0 => app.end_service(tx, by, subject, now).map(drop),
        _ => Ok(()),
    }
}

/// 冷冻期满: the number may be issued again. The ended line lets go of it: nothing of its former holder is found by the number from now on (L-REM-10).
///
/// # Errors
/// The record fails.
pub fn free_number(tx: &mut Tx, subscription: Uuid) -> Result<()> {
    let Some(row) = tx.query_opt("SELECT number_id FROM subscription WHERE id = $1 AND state = 2", &params![&subscription])? else {
        return Ok(());
    };
    let number = row.uuid(0)?;
    // The row's own id is no number and no index of one.
    tx.push_one("UPDATE subscription SET number_id = $1, number_index = $1 WHERE id = $1 AND state = 2", &params![&subscription])?;
    tx.push("UPDATE number_pool SET state = 1, holder = NULL WHERE id = $1 AND state = 4", &params![&number])?;
    Ok(())
}

impl App {
    /// Starts the retention clock of a person: their data keys move into the bucket of the month the floor ends in (`retention.registration.floor`).
    ///
    /// # Errors
    /// `registration.service_lives`
    pub fn end_service(&self, tx: &mut Tx, by: By<'_>, subject: SubjectId, ended: Timestamp) -> Result<Ended> {
        let count = living(tx, subject)?;
        if count > 0 {
            return Err(Problem::new(&LIVES).with("count", count).into());
        }
        let floor = self.rules.deadline("retention.registration.floor", ended, &Place::china()).map_err(Failure::internal)?;
        let day = floor.value.day();
        let bucket = Month::new(day.year(), day.month())?;
        let keys = self.move_keys(tx, subject, Target::Bucket(bucket))?;
        let facts =
            serde_json::json!({ "bucket": bucket, "keys": keys, "floor": floor.value.rfc3339(), "rules": [floor.rule] }).to_string();
        let entry = Entry {
            action: "vault.end_service",
            case_kind: "bucket",
            step: "service>bucket",
            article: &floor.article,
            pack: &floor.pack_version,
            facts: &facts,
            subject: Some(subject),
            ..Entry::default()
        };
        self.audit(tx, by, &entry, self.clock.now())?;
        Ok(Ended { bucket: Some(bucket), keys })
    }
}

/// Pictures of a person.
pub fn images_of(tx: &mut Tx, subject: SubjectId) -> Result<Vec<Uuid>> {
    let rows = tx.query("SELECT id FROM registration_image WHERE subject = $1", &params![subject.as_bytes()])?;
    rows.iter().map(|row| Ok(row.uuid(0)?)).collect()
}

/// Removes what no key covers: indexes by which a destroyed person could be found again, and the list of their pictures. Who is on a punishment
/// list stays known there, as somebody new.
pub fn forget(app: &App, tx: &mut Tx, subject: SubjectId, now: Timestamp) -> Result<()> {
    if let Some(row) = tx.query_opt("SELECT person_key, listed_until FROM person WHERE subject = $1", &params![subject.as_bytes()])? {
        let key = row.bytes(0)?;
        if row.int(1)? > now.0 {
            let fresh = app.ids.next(now);
            tx.push_one("UPDATE person SET subject = $2 WHERE person_key = $1", &params![&key, &fresh])?;
        } else {
            tx.push("DELETE FROM person_link WHERE from_key = $1 OR to_key = $1", &params![&key])?;
            tx.push_one("DELETE FROM person WHERE person_key = $1", &params![&key])?;
        }
    }
    let nothing: &[u8] = &[];
    tx.push("UPDATE registration_order SET person_key = NULL WHERE subject = $1", &params![subject.as_bytes()])?;
    tx.push("UPDATE subscription SET person_key = NULL WHERE subject = $1", &params![subject.as_bytes()])?;
    tx.push("UPDATE registration_party SET number_index = $2 WHERE subject = $1", &params![subject.as_bytes(), nothing])?;
    tx.push("DELETE FROM registration_image WHERE subject = $1", &params![subject.as_bytes()])?;
    Ok(())
}
