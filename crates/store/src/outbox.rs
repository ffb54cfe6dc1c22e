//! 发件箱: everything that must reach the world outside is first a row written with the change that causes it (I5), then delivered at
//! least once by a worker that leases it. The receiver tells repetitions by the idempotency key.

use chuangsha_kernel::time::Timestamp;
use uuid::Uuid;

use crate::{Row, Store, Tx, error::Result, params};

/// `due` is when a message may be taken: posting and retrying set it, and so does a lease, to its own end. A worker that dies holding a
/// message therefore needs no cleaning up after.
pub(crate) const SCHEMA: &str = "
CREATE TABLE outbox (
    id BYTEA NOT NULL PRIMARY KEY,
    topic TEXT NOT NULL,
    message_key TEXT NOT NULL,
    case_id BYTEA NOT NULL,
    payload BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'dead')),
    due BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    worker TEXT,
    error TEXT,
    settled_at BIGINT,
    UNIQUE (topic, message_key)
);
CREATE INDEX outbox_waiting ON outbox (topic, due) WHERE state = 'waiting';
CREATE INDEX outbox_dead ON outbox (topic, id) WHERE state = 'dead';
CREATE INDEX outbox_settled ON outbox (settled_at) WHERE state = 'done';
CREATE INDEX outbox_case ON outbox (case_id);
";

/// Characters kept of an error text.
const ERROR_LIMIT: usize = 500;

/// 待发消息: one message to the outside, written in the transaction of the change that causes it.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// UUIDv7.
    pub id: Uuid,
    /// The adapter that delivers it: `network`, `sms`, `webhook` …
    pub topic: &'a str,
    /// Idempotency key, unique in its topic.
    pub key: &'a str,
    /// The case it belongs to.
    pub case: Uuid,
    /// What the adapter needs; no personal data in clear.
    pub payload: &'a [u8],
    /// Not to be delivered earlier.
    pub due: Timestamp,
}

/// 已领取消息: a message a worker holds until its lease ends.
#[derive(Clone, PartialEq, Eq)]
pub struct Leased {
    /// As posted.
    pub id: Uuid,
    /// As posted.
    pub topic: String,
    /// As posted.
    pub key: String,
    /// As posted.
    pub case: Uuid,
    /// As posted.
    pub payload: Vec<u8>,
    /// How often it was taken up, this time included.
    pub attempts: i64,
    /// When the lease ends.
    pub until: Timestamp,
}

/// 死信: a message that people must look at.
#[derive(Clone, PartialEq, Eq)]
pub struct Dead {
    /// As posted.
    pub id: Uuid,
    /// As posted.
    pub topic: String,
    /// As posted.
    pub key: String,
    /// As posted.
    pub case: Uuid,
    /// How often delivery was tried.
    pub attempts: i64,
    /// What the last try said.
    pub error: String,
    /// When it was given up.
    pub buried_at: Timestamp,
}

impl std::fmt::Debug for Leased {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Leased {{ id: {}, topic: {}, attempts: {} }}", self.id, self.topic, self.attempts)
    }
}

impl std::fmt::Debug for Dead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dead {{ id: {}, topic: {}, attempts: {} }}", self.id, self.topic, self.attempts)
    }
}

/// Posts a message. The same key posted twice in one topic is [`StoreError::Duplicate`](crate::StoreError::Duplicate) at the commit.
pub fn post(tx: &mut Tx<'_>, message: &Message<'_>) -> Result<()> {
    tx.push(
        "INSERT INTO outbox (id, topic, message_key, case_id, payload, state, due, attempts) VALUES ($1, $2, $3, $4, $5, 'waiting', $6, 0)",
        &params![&message.id, message.topic, message.key, &message.case, message.payload, message.due],
    )
}

/// Posts a message unless its topic already has the key; `false` when it has.
pub fn post_once(tx: &mut Tx<'_>, message: &Message<'_>) -> Result<bool> {
    let posted = tx.execute(
        "INSERT INTO outbox (id, topic, message_key, case_id, payload, state, due, attempts) VALUES ($1, $2, $3, $4, $5, 'waiting', $6, 0)
         ON CONFLICT (topic, message_key) DO NOTHING",
        &params![&message.id, message.topic, message.key, &message.case, message.payload, message.due],
    )?;
    Ok(posted == 1)
}

/// Takes up to `limit` due messages for `worker`, the longest due first, for `lease_ms`; they come in the order they were posted. Nobody else gets them before that time is over.
pub async fn lease(store: &Store, topic: &str, worker: &str, now: Timestamp, lease_ms: i64, limit: i64) -> Result<Vec<Leased>> {
    let (topic, worker) = (topic.to_owned(), worker.to_owned());
    let sql = "UPDATE outbox SET due = $1, worker = $2, attempts = attempts + 1
               WHERE id IN (SELECT id FROM outbox WHERE topic = $3 AND state = 'waiting' AND due <= $4 ORDER BY due, id LIMIT $5)
               RETURNING id, topic, message_key, case_id, payload, attempts";
    let until = now.plus_ms(lease_ms);
    let rows = store.write(move |tx| tx.query(sql, &params![until, &worker, &topic, now, limit])).await?;
    let mut leased = rows.iter().map(|row| read_leased(until, row)).collect::<Result<Vec<_>>>()?;
    leased.sort_by_key(|message| message.id);
    Ok(leased)
}

fn read_leased(until: Timestamp, row: &Row) -> Result<Leased> {
    Ok(Leased {
        id: row.uuid(0)?,
        topic: row.text(1)?,
        key: row.text(2)?,
        case: row.uuid(3)?,
        payload: row.bytes(4)?,
        attempts: row.int(5)?,
        until,
    })
}

/// The message is delivered. `false`: the worker no longer holds it, nothing changed.
pub async fn done(store: &Store, id: Uuid, worker: &str, now: Timestamp) -> Result<bool> {
    let worker = worker.to_owned();
    store.write(move |tx| done_in(tx, id, &worker, now)).await
}

/// As [`done`], inside a transaction that also writes what the delivery means.
pub fn done_in(tx: &mut Tx<'_>, id: Uuid, worker: &str, now: Timestamp) -> Result<bool> {
    let sql = "UPDATE outbox SET state = 'done', settled_at = $3, worker = NULL, error = NULL WHERE id = $1 AND worker = $2 AND state = 'waiting'";
    Ok(tx.execute(sql, &params![&id, worker, now])? == 1)
}

/// Delivery failed for now: try again at `next`. `false`: the worker no longer holds it.
pub async fn retry(store: &Store, id: Uuid, worker: &str, next: Timestamp, error: &str) -> Result<bool> {
    let (worker, error) = (worker.to_owned(), bounded(error));
    let sql = "UPDATE outbox SET due = $3, error = $4, worker = NULL WHERE id = $1 AND worker = $2 AND state = 'waiting'";
    store.write(move |tx| Ok(tx.execute(sql, &params![&id, &worker, next, &error])? == 1)).await
}

/// Delivery is given up: the message becomes a dead letter. `false`: the worker no longer holds it.
pub async fn bury(store: &Store, id: Uuid, worker: &str, now: Timestamp, error: &str) -> Result<bool> {
    let (worker, error) = (worker.to_owned(), bounded(error));
    store.write(move |tx| bury_in(tx, id, &worker, now, &error)).await
}

/// As [`bury`], inside a transaction that also writes what the failure means.
pub fn bury_in(tx: &mut Tx<'_>, id: Uuid, worker: &str, now: Timestamp, error: &str) -> Result<bool> {
    let sql =
        "UPDATE outbox SET state = 'dead', settled_at = $3, error = $4, worker = NULL WHERE id = $1 AND worker = $2 AND state = 'waiting'";
    Ok(tx.execute(sql, &params![&id, worker, now, &bounded(error)])? == 1)
}

/// A person sends a dead letter out again. `false`: it is not a dead letter.
pub fn revive(tx: &mut Tx<'_>, id: Uuid, now: Timestamp) -> Result<bool> {
    let sql = "UPDATE outbox SET state = 'waiting', due = $2, attempts = 0, settled_at = NULL WHERE id = $1 AND state = 'dead'";
    Ok(tx.execute(sql, &params![&id, now])? == 1)
}

/// The case a message belongs to, whatever became of it; `None`: there is no such message.
pub fn case_of(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Uuid>> {
    tx.query_opt("SELECT case_id FROM outbox WHERE id = $1", &params![&id])?.map(|row| row.uuid(0)).transpose()
}

/// Dead letters of a topic in the order they were posted, from behind `after`.
pub fn list_dead(tx: &mut Tx<'_>, topic: &str, after: Option<Uuid>, limit: i64) -> Result<Vec<Dead>> {
    let sql = "SELECT id, topic, message_key, case_id, attempts, error, settled_at FROM outbox
               WHERE topic = $1 AND state = 'dead' AND id > $2 ORDER BY id LIMIT $3";
    let after = after.unwrap_or(Uuid::nil());
    tx.query(sql, &params![topic, &after, limit])?.iter().map(read_dead).collect()
}

fn read_dead(row: &Row) -> Result<Dead> {
    Ok(Dead {
        id: row.uuid(0)?,
        topic: row.text(1)?,
        key: row.text(2)?,
        case: row.uuid(3)?,
        attempts: row.int(4)?,
        error: row.opt_text(5)?.unwrap_or_default(),
        buried_at: row.timestamp(6)?,
    })
}

/// 队列概况: how a topic stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Not delivered yet, leased ones included.
    pub waiting: i64,
    /// Dead letters.
    pub dead: i64,
    /// When the longest-waiting message was due.
    pub oldest_due: Option<Timestamp>,
}

/// How a topic stands.
pub fn depth(tx: &mut Tx<'_>, topic: &str) -> Result<Depth> {
    let waiting = tx.query_one("SELECT COUNT(*), MIN(due) FROM outbox WHERE topic = $1 AND state = 'waiting'", &params![topic])?;
    let dead = tx.query_one("SELECT COUNT(*) FROM outbox WHERE topic = $1 AND state = 'dead'", &params![topic])?;
    Ok(Depth { waiting: waiting.int(0)?, dead: dead.int(0)?, oldest_due: waiting.opt_timestamp(1)? })
}

/// When the next message of a topic may be taken.
pub fn next_due(tx: &mut Tx<'_>, topic: &str) -> Result<Option<Timestamp>> {
    tx.query_one("SELECT MIN(due) FROM outbox WHERE topic = $1 AND state = 'waiting'", &params![topic])?.opt_timestamp(0)
}

/// Deletes messages delivered before `before`, up to `limit`; their keys may be used again afterwards. Dead letters stay.
pub async fn purge(store: &Store, before: Timestamp, limit: i64) -> Result<u64> {
    let sql = "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state = 'done' AND settled_at < $1 LIMIT $2)";
    store.write(move |tx| tx.execute(sql, &params![before, limit])).await
}

/// An adapter may echo a whole page; the row keeps the beginning.
fn bounded(error: &str) -> String {
    error.chars().filter(|c| *c != '\0').take(ERROR_LIMIT).collect()
}
