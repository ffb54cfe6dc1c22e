//! 认证码: MD5 over what both sides know. Weak by today's measure and fixed by the standard: the line to a gateway is to be a private one, or a tunnel.

use md5::{Digest, Md5};

use crate::Version;

/// `AuthenticatorSource` of `CMPP_CONNECT`: account, nine zeros, shared secret, timestamp as ten digits.
pub fn source_sign(account: &str, secret: &str, timestamp: u32) -> [u8; 16] {
    let mut md5 = Md5::new();
    md5.update(account.as_bytes());
    md5.update([0; 9]);
    md5.update(secret.as_bytes());
    md5.update(format!("{timestamp:010}"));
    md5.finalize().into()
}

/// `AuthenticatorISMG` of the answer: status as it stands in the message, the authenticator that was asked with, shared secret.
pub fn gateway_sign(version: Version, status: u32, source: &[u8; 16], secret: &str) -> [u8; 16] {
    let mut md5 = Md5::new();
    match version {
        Version::V20 => md5.update([status as u8]),
        Version::V30 => md5.update(status.to_be_bytes()),
    }
    md5.update(source);
    md5.update(secret.as_bytes());
    md5.finalize().into()
}
