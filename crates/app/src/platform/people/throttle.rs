//! 限次: wrong passwords slow down the place they come from, never the account itself: nobody can lock somebody else out.
//!
//! A place is a network, or a device that signed in to this account before; each keeps its own count for each account. Against an attack from
//! many places at once, strangers are checked one at a time ([`Lane::Slow`]) while known devices pass by.

use chuangsha_kernel::time::{MINUTE_MS, Timestamp};
use chuangsha_store::{Tx, params};
use uuid::Uuid;

use super::{extract::Origin, password::Lane};
use crate::platform::failure::Result;

/// Failures older than this are forgotten.
pub const WINDOW_MS: i64 = 15 * MINUTE_MS;
/// Failures a place has free.
const FREE: u32 = 5;
/// First wait after that, doubled with each failure.
const FIRST_WAIT_MS: i64 = 5_000;
/// Failures of an account from everywhere that put strangers into the slow lane.
const ACCOUNT_SLOW: i64 = 20;
/// Failures of one network over all accounts that put its strangers into the slow lane.
const PLACE_SLOW: i64 = 50;
/// Wrong codes after a right password that make strangers wait: only somebody who knows the password can cause this.
const CODES: i64 = 10;

/// What a login attempt meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Where it counts.
    pub place: String,
    /// It must wait until then.
    pub wait_until: Option<Timestamp>,
    /// Where it queues.
    pub lane: Lane,
    /// The device signed in to this account before.
    pub known_device: bool,
}

/// How long after the last of `failures` the next may come.
fn wait_ms(failures: i64) -> i64 {
    match u32::try_from(failures).unwrap_or(u32::MAX) {
        ..FREE => 0,
        over => FIRST_WAIT_MS.saturating_mul(1_i64.checked_shl(over - FREE).unwrap_or(i64::MAX)).clamp(0, WINDOW_MS),
    }
}

/// Looks at the counts before a password is checked.
pub fn gate(tx: &mut Tx<'_>, login: &[u8], origin: &Origin, now: Timestamp) -> Result<Gate> {
    let since = now.plus_ms(-WINDOW_MS);
    let known = match &origin.device {
        Some(device) => {
            tx.query_opt("SELECT login FROM known_device WHERE id = $1 AND login = $2", &params![device, login])?.map(|_| device)
        }
        None => None,
    };
    let place = match known {
        Some(device) => format!("device:{}", hex::encode(device)),
        None => format!("network:{}", origin.address),
    };
    let row = tx.query_one(
        "SELECT COUNT(*), COALESCE(MAX(at), 0) FROM login_attempt WHERE login = $1 AND place = $2 AND at > $3",
        &params![login, &place, since],
    )?;
    let wait = wait_ms(row.int(0)?);
    let mut wait_until = Some(row.timestamp(1)?.plus_ms(wait)).filter(|until| wait > 0 && now < *until);
    let mut lane = Lane::Fast;
    if known.is_none() {
        let row = tx.query_one(
            "SELECT COUNT(*), COALESCE(SUM(CASE WHEN kind = 'code' THEN 1 ELSE 0 END), 0), COALESCE(MAX(at), 0) FROM login_attempt WHERE login = $1 AND at > $2",
            &params![login, since],
        )?;
        let (account, codes, last) = (row.int(0)?, row.int(1)?, row.timestamp(2)?);
        let of_place = tx.query_one("SELECT COUNT(*) FROM login_attempt WHERE place = $1 AND at > $2", &params![&place, since])?.int(0)?;
        if account >= ACCOUNT_SLOW || of_place >= PLACE_SLOW {
            lane = Lane::Slow;
        }
        if codes >= CODES {
            let until = last.plus_ms(wait_ms(i64::from(FREE) + codes - CODES));
            wait_until = wait_until.max(Some(until).filter(|until| now < *until));
        }
    }
    Ok(Gate { place, wait_until, lane, known_device: known.is_some() })
}

/// Counts a failure.
pub fn failed(tx: &mut Tx<'_>, id: Uuid, login: &[u8], place: &str, kind: &str, now: Timestamp) -> Result<()> {
    tx.push("INSERT INTO login_attempt (id, login, place, kind, at) VALUES ($1, $2, $3, $4, $5)", &params![&id, login, place, kind, now])?;
    Ok(())
}

/// Forgets the failures of a place that signed in.
pub fn succeeded(tx: &mut Tx<'_>, login: &[u8], place: &str) -> Result<()> {
    tx.push("DELETE FROM login_attempt WHERE login = $1 AND place = $2", &params![login, place])?;
    Ok(())
}

/// Drops what no count looks at any more.
pub fn prune(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    tx.push("DELETE FROM login_attempt WHERE at <= $1", &params![now.plus_ms(-WINDOW_MS)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_are_free_and_then_each_costs_twice_the_last() {
        let waits: Vec<i64> = (0..12).map(wait_ms).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 320_000]);
        assert_eq!(wait_ms(1_000_000), WINDOW_MS);
        assert_eq!(wait_ms(69), WINDOW_MS);
    }
}
