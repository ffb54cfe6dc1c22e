//! 动态口令: RFC 6238, six digits, thirty seconds, one step of skew. A step is accepted once.

use chuangsha_kernel::{id::Ids, time::Timestamp};
use ring::digest;
use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

use crate::platform::failure::{Failure, Result};

/// Bytes of a secret.
pub const SECRET: usize = 20;

fn generator(secret: &[u8]) -> Result<Totp> {
    Builder::new().with_secret(Secret::from(secret)).build().map_err(Failure::internal)
}

fn seconds(at: Timestamp) -> u64 {
    (at.0.max(0) / 1000).unsigned_abs()
}

/// A fresh secret.
pub fn fresh(ids: &Ids) -> Zeroizing<[u8; SECRET]> {
    let mut secret = Zeroizing::new([0_u8; SECRET]);
    ids.fill(secret.as_mut_slice());
    secret
}

/// The step a code belongs to; `None` when it is not a code of now or of one step beside.
pub fn step(secret: &[u8], code: &str, at: Timestamp) -> Result<Option<i64>> {
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).take(7).collect();
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let step = generator(secret)?.check(&digits, seconds(at));
    Ok(step.map(|step| i64::try_from(step).unwrap_or(i64::MAX)))
}

/// The code of a moment: for the demo's command line and for tests.
pub fn code(secret: &[u8], at: Timestamp) -> Result<String> {
    Ok(generator(secret)?.generate(seconds(at)).to_string())
}

/// The secret as an authenticator app takes it by hand.
pub fn base32(secret: &[u8]) -> String {
    Secret::from(secret).to_base32()
}

/// The address an authenticator app scans.
pub fn otpauth(secret: &[u8], number: &str) -> String {
    format!("otpauth://totp/Chuangsha:{number}?secret={}&issuer=Chuangsha&algorithm=SHA1&digits=6&period=30", base32(secret))
}

/// The secret of a demo account: known to everybody who reads this line, so that the demo's codes can be printed. Only the demo seeds it.
pub fn demo_secret(number: &str) -> [u8; SECRET] {
    let hash = digest::digest(&digest::SHA256, format!("chuangsha demo {number}").as_bytes());
    let mut secret = [0_u8; SECRET];
    secret.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    secret
}
