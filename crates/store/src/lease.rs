//! 租约: a timed job runs on one node at a time, whoever holds its lease; a dead holder's lease simply ends.

use chuangsha_kernel::time::Timestamp;

use crate::{Store, error::Result, params};

pub(crate) const SCHEMA: &str = "
CREATE TABLE job_lease (
    name TEXT NOT NULL PRIMARY KEY,
    worker TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);
";

/// Takes the lease `name` for `ms` milliseconds if it is free, ended, or already this worker's. `true`: held.
pub async fn acquire(store: &Store, name: &str, worker: &str, now: Timestamp, ms: i64) -> Result<bool> {
    let (name, worker) = (name.to_owned(), worker.to_owned());
    let sql = "INSERT INTO job_lease (name, worker, lease_until) VALUES ($1, $2, $3)
               ON CONFLICT (name) DO UPDATE SET worker = excluded.worker, lease_until = excluded.lease_until
               WHERE job_lease.lease_until <= $4 OR job_lease.worker = excluded.worker";
    store.write(move |tx| Ok(tx.execute(sql, &params![&name, &worker, now.plus_ms(ms), now])? == 1)).await
}

/// Prolongs a lease this worker holds and that has not ended. `false`: it is lost, stop the work.
pub async fn renew(store: &Store, name: &str, worker: &str, now: Timestamp, ms: i64) -> Result<bool> {
    let (name, worker) = (name.to_owned(), worker.to_owned());
    let sql = "UPDATE job_lease SET lease_until = $3 WHERE name = $1 AND worker = $2 AND lease_until > $4";
    store.write(move |tx| Ok(tx.execute(sql, &params![&name, &worker, now.plus_ms(ms), now])? == 1)).await
}

/// Gives a lease back. `false`: it was another's by then.
pub async fn release(store: &Store, name: &str, worker: &str) -> Result<bool> {
    let (name, worker) = (name.to_owned(), worker.to_owned());
    store.write(move |tx| Ok(tx.execute("DELETE FROM job_lease WHERE name = $1 AND worker = $2", &params![&name, &worker])? == 1)).await
}
