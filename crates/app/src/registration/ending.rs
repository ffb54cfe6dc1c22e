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

/// 号码使用记录: who had a number from when to when, kept as long as the person's data (L-REG-8). A number issued anew lets go of its former
/// line, and an authority that asks who had it on a day still finds the right person.
pub const DDL: &str = "
CREATE TABLE number_tenure (
    subscription BYTEA PRIMARY KEY,
    number_id BYTEA NOT NULL,
    number_index BYTEA NOT NULL,
    since BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    rests_until BIGINT,
    freed_at BIGINT,
    kept_until BIGINT NOT NULL
);
CREATE INDEX number_tenure_number ON number_tenure (number_index, ended_at);
CREATE INDEX number_tenure_rests ON number_tenure (rests_until, subscription) WHERE rests_until IS NOT NULL;
CREATE INDEX number_tenure_kept ON number_tenure (kept_until, subscription);
";

/// Numbers freed, and records forgotten, in one transaction.
const BATCH: i64 = 500;

/// 冷冻: who counts the rest of an ended line's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The hourly job, from now on.
    Counted,
    /// The case that ended it: its refund comes first.
    ByItsCase,
}

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
        table::move_number(tx, number.id, NumberState::InUse, NumberState::Quarantined, Some(id.0))?;
        remember(&writer, tx, id.0, Rest::Counted, ended)?;
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
pub fn end_line(app: &App, tx: &mut Tx, by: By<'_>, held: &Held, rest: Rest, why: &str, now: Timestamp) -> Result<()> {
    let ended = tx.execute("UPDATE subscription SET state = 2 WHERE id = $1 AND state = 1", &params![&held.id])?;
    if ended == 0 {
        return Ok(());
    }
    tx.push("DELETE FROM quota_slot WHERE holder = $1", &params![&held.id])?;
    table::move_number(tx, held.number_id, NumberState::InUse, NumberState::Quarantined, Some(held.id))?;
    remember(app, tx, held.id, rest, now)?;
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

/// Writes down who had the number until now.
fn remember(app: &App, tx: &mut Tx, subscription: Uuid, rest: Rest, ended: Timestamp) -> Result<()> {
    let quarantine = app.clock_rule("clock.number_quarantine", ended)?.value;
    let rests = (rest == Rest::Counted).then(|| ended.plus_ms(quarantine).0);
    let kept = app.rules.deadline("retention.registration.floor", ended, &Place::china()).map_err(Failure::internal)?.value;
    tx.push(
        "INSERT INTO number_tenure (subscription, number_id, number_index, since, ended_at, rests_until, kept_until) \
         SELECT s.id, n.id, n.number_index, s.since, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT) \
         FROM subscription s JOIN number_pool n ON n.id = s.number_id WHERE s.id = $1 \
         ON CONFLICT (subscription) DO NOTHING",
        &params![&subscription, ended.0, rests, kept.0],
    )?;
    Ok(())
}

/// 冷冻期满: the number may be issued again. The ended line lets go of it: whoever looks the number up finds its new holder alone (L-REM-10), and
/// whoever asks for a day before finds the one who had it then, until their data is forgotten (L-REG-8).
///
/// # Errors
/// The record fails.
pub fn free_number(app: &App, tx: &mut Tx, subscription: Uuid, now: Timestamp) -> Result<()> {
    let Some(row) = tx.query_opt("SELECT number_id FROM subscription WHERE id = $1 AND state = 2", &params![&subscription])? else {
        return Ok(());
    };
    let number = row.uuid(0)?;
    // Ended before such records were kept: the day it is freed is the last that is known.
    remember(app, tx, subscription, Rest::ByItsCase, now)?;
    tx.push_one("UPDATE number_tenure SET freed_at = $2, rests_until = NULL WHERE subscription = $1", &params![&subscription, now.0])?;
    // The row's own id is no number.
    tx.push_one("UPDATE subscription SET number_id = $1 WHERE id = $1 AND state = 2", &params![&subscription])?;
    tx.push(
        "UPDATE number_pool SET state = 1, holder = NULL WHERE id = $1 AND state = 4 AND holder = $2",
        &params![&number, &subscription],
    )?;
    Ok(())
}

/// Whether an ended line has let go of its number.
///
/// # Errors
/// The record fails.
pub fn is_freed(tx: &mut Tx, subscription: Uuid) -> Result<bool> {
    let sql = "SELECT 1 FROM number_tenure WHERE subscription = $1 AND freed_at IS NOT NULL";
    Ok(tx.query_opt(sql, &params![&subscription])?.is_some())
}

/// 到期放号: numbers whose rest is over are free again, each with an entry; what was kept of lines ended long enough is forgotten. The hourly job
/// calls it; says how many.
///
/// # Errors
/// The record fails.
pub async fn sweep(app: &App) -> Result<usize> {
    let (writer, now) = (app.clone(), app.clock.now());
    app.write(move |tx| {
        let sql = "SELECT subscription FROM number_tenure WHERE rests_until <= $1 ORDER BY rests_until, subscription LIMIT $2";
        let rested = tx.query(sql, &params![now.0, BATCH])?.iter().map(|row| Ok(row.uuid(0)?)).collect::<Result<Vec<_>>>()?;
        for subscription in &rested {
            free_number(&writer, tx, *subscription, now)?;
            let entry = Entry {
                action: "number.free",
                case_kind: "subscription",
                case: Some(*subscription),
                step: "quarantined>free",
                article: "L-REM-10",
                pack: &writer.rules.version,
                facts: "{}",
                ..Entry::default()
            };
            writer.audit(tx, By::System("sweep"), &entry, now)?;
        }
        let sql = "DELETE FROM number_tenure WHERE subscription IN (SELECT subscription FROM number_tenure WHERE kept_until <= $1 \
                   AND freed_at IS NOT NULL ORDER BY kept_until, subscription LIMIT $2)";
        let forgotten = tx.execute(sql, &params![now.0, BATCH])?;
        Ok(rested.len() + usize::try_from(forgotten).unwrap_or(0))
    })
    .await
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
    // Nobody is found any more by a number they had.
    tx.push(
        "DELETE FROM number_tenure WHERE freed_at IS NOT NULL AND subscription IN (SELECT id FROM subscription WHERE subject = $1)",
        &params![subject.as_bytes()],
    )?;
    tx.push("UPDATE registration_party SET number_index = $2 WHERE subject = $1", &params![subject.as_bytes(), nothing])?;
    tx.push("DELETE FROM registration_image WHERE subject = $1", &params![subject.as_bytes()])?;
    Ok(())
}
