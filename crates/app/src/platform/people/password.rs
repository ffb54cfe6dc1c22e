//! 口令: Argon2id behind a queue. Two at once keep a small machine answering; people on known devices never wait behind strangers.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash};
use chuangsha_kernel::{id::Ids, problem::Problem};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::code;
use crate::platform::failure::{Failure, Result};

/// Fewest characters of a password.
pub const MIN: usize = 12;
/// Most characters of a password: far above any memorable sentence, low enough that hashing its text costs nothing.
pub const MAX: usize = 256;

/// At once, over all lanes.
const AT_ONCE: usize = 2;
/// How many may wait: beyond, a caller is told to come back rather than kept.
const WAITING: usize = 64;
/// How many strangers may wait in the slow lane.
const SLOW_WAITING: usize = 16;

/// 排队通道: which queue a login stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// The ordinary one.
    Fast,
    /// One at a time: for accounts and times under attack, from devices never seen before.
    Slow,
}

/// A password as typed, normalised: never printed, wiped when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password for checking, whatever its quality. The same text typed on another keyboard is the same password (NFC).
    pub fn typed(text: &str) -> Self {
        // Past the maximum nothing can match: cutting bounds the work.
        Self(Zeroizing::new(text.nfc().take(MAX + 1).collect()))
    }

    /// Takes a password for setting.
    ///
    /// # Errors
    /// Shorter than [`MIN`], longer than [`MAX`], one character repeated, or holding the staff number.
    pub fn chosen(text: &str, number: &str) -> Result<Self> {
        let limits = |problem: Problem| Failure::from(problem.field("password").with("min", MIN).with("max", MAX));
        let password = Self::typed(text);
        let count = password.0.chars().count();
        if count < MIN {
            return Err(limits(Problem::new(&code::PASSWORD_SHORT)));
        }
        if count > MAX {
            return Err(limits(Problem::new(&code::PASSWORD_LONG)));
        }
        let distinct = password.0.chars().collect::<std::collections::BTreeSet<_>>().len();
        if distinct < 4 || (number.len() >= 3 && password.0.to_lowercase().contains(&number.to_lowercase())) {
            return Err(limits(Problem::new(&code::PASSWORD_WEAK)));
        }
        Ok(password)
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// 口令队列: hashes and checks passwords.
pub struct Passwords {
    at_once: Arc<Semaphore>,
    waiting: Semaphore,
    slow: Semaphore,
    slow_waiting: Semaphore,
    /// What an unknown number is checked against, so that it takes as long as a known one.
    dummy: Arc<str>,
}

/// Argon2id, 19 MiB, two passes, one lane.
fn argon() -> Result<Argon2<'static>> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(Failure::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password for keeping. Takes tens of milliseconds: call it from [`Passwords::hash`] or a command line.
pub fn hash_now(password: &Password, ids: &Ids) -> Result<String> {
    let mut salt = [0_u8; 16];
    ids.fill(&mut salt);
    let hash = argon()?.hash_password_with_salt(password.0.as_bytes(), &salt).map_err(Failure::internal)?;
    Ok(hash.to_string())
}

fn matches(password: &Password, hash: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(hash) else { return false };
    argon().is_ok_and(|argon| argon.verify_password(password.0.as_bytes(), &parsed).is_ok())
}

impl Passwords {
    /// A queue.
    ///
    /// # Errors
    /// Never in practice: the parameters are constants.
    pub fn new(ids: &Ids) -> Result<Self> {
        let mut random = [0_u8; 24];
        ids.fill(&mut random);
        let dummy = hash_now(&Password::typed(&hex::encode(random)), ids)?;
        Ok(Self {
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Semaphore::new(WAITING),
            slow: Semaphore::new(1),
            slow_waiting: Semaphore::new(SLOW_WAITING),
            dummy: dummy.into(),
        })
    }

    /// Checks a password; `hash` is `None` for an unknown number, which takes just as long and is never right.
    ///
    /// # Errors
    /// `people.busy` when too many wait already.
    pub async fn check(&self, password: Password, hash: Option<String>, lane: Lane) -> Result<bool> {
        let busy = |_| Failure::from(Problem::new(&code::BUSY));
        let closed = Failure::internal;
        let _slow = match lane {
            Lane::Fast => None,
            Lane::Slow => {
                let _place = self.slow_waiting.try_acquire().map_err(busy)?;
                Some(self.slow.acquire().await.map_err(closed)?)
            }
        };
        let _place = self.waiting.try_acquire().map_err(busy)?;
        let permit = Arc::clone(&self.at_once).acquire_owned().await.map_err(closed)?;
        let dummy = Arc::clone(&self.dummy);
        tokio::task::spawn_blocking(move || {
            // The permit goes with the work: a caller who hangs up does not free a place that is still computing.
            let _permit = permit;
            let known = hash.is_some();
            matches(&password, hash.as_deref().unwrap_or(&dummy)) && known
        })
        .await
        .map_err(Failure::internal)
    }

    /// Hashes a password for keeping, in the ordinary lane.
    ///
    /// # Errors
    /// `people.busy` when too many wait already.
    pub async fn hash(&self, password: Password, ids: Arc<Ids>) -> Result<String> {
        let _place = self.waiting.try_acquire().map_err(|_| Failure::from(Problem::new(&code::BUSY)))?;
        let permit = Arc::clone(&self.at_once).acquire_owned().await.map_err(Failure::internal)?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            hash_now(&password, &ids)
        })
        .await
        .map_err(Failure::internal)?
    }
}
