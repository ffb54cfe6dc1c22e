//! 主叫签名 (STIR/SHAKEN): the identity token of a call (RFC 8224, 8225, 8588), checked and made. Off the hot path: an edge verifies while or before the
//! call is decided and hands the answer over as [`Identity`]; a certificate that is not in the cache yet is asked for by its address, and the call goes
//! on as [`Identity::Unchecked`] (I4).
//!
//! Only what SHAKEN allows is accepted: ES256, `ppt=shaken`, certificates on P-256 with a TNAuthList (RFC 8226) below one of our anchors.

mod certificate;
mod sign;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chuangsha_kernel::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Deserialize;

pub use certificate::{Anchor, CertificateError};
pub use sign::{Attestation, SignError, Signer};

use crate::{attempt::Identity, number::Number};
use certificate::Certificate;

/// What verification came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// The answer for [`crate::Attempt::identity`].
    Known(Identity),
    /// The certificate at this address is wanted: fetch it, give it to [`Verifier::keep`]; the next call will profit. This one is unchecked.
    Wants(String),
}

/// Longer headers are not looked at.
const LONGEST_HEADER: usize = 8_192;
/// 新鲜度: a token older or younger than a minute is refused (RFC 8224, 4.4).
const FRESH_S: u64 = 60;
/// Certificates kept; the one used longest ago goes.
const MOST_CERTIFICATES: usize = 1_024;

/// 验证器: anchors and the cache of certificates.
#[derive(Default)]
pub struct Verifier {
    anchors: Vec<Anchor>,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    kept: HashMap<String, (Certificate, u64)>,
    uses: u64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    ppt: String,
    typ: String,
    x5u: String,
}

#[derive(Deserialize)]
struct Claims {
    attest: String,
    dest: Dest,
    iat: i64,
    orig: Orig,
}

#[derive(Deserialize)]
struct Dest {
    tn: Vec<String>,
}

#[derive(Deserialize)]
struct Orig {
    tn: String,
}

impl Verifier {
    /// A verifier that trusts these anchors.
    pub fn new(anchors: Vec<Anchor>) -> Self {
        Self { anchors, cache: Mutex::default() }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a fetched chain (PEM, leaf first) into the cache, when it leads to an anchor.
    ///
    /// # Errors
    /// The chain is not to be trusted, and why; an older one of the same address stays.
    pub fn keep(&self, address: &str, pem: &[u8], at: Timestamp) -> Result<(), CertificateError> {
        let certificate = Certificate::read(pem, &self.anchors, at)?;
        let mut cache = self.cache();
        cache.uses += 1;
        let uses = cache.uses;
        if cache.kept.len() >= MOST_CERTIFICATES && !cache.kept.contains_key(address) {
            let oldest = cache.kept.iter().min_by_key(|(_, (_, used))| *used).map(|(address, _)| address.clone());
            oldest.and_then(|oldest| cache.kept.remove(&oldest));
        }
        cache.kept.insert(address.to_owned(), (certificate, uses));
        Ok(())
    }

    /// Checks the value of one Identity header against the call it came with.
    pub fn verify(&self, header: &str, caller: Number, callee: Number, at: Timestamp) -> Verified {
        match self.check(header, caller, callee, at) {
            Ok(identity) => Verified::Known(identity),
            Err(None) => Verified::Known(Identity::Invalid),
            Err(Some(address)) => Verified::Wants(address),
        }
    }

    /// `Err(None)`: false; `Err(Some(address))`: nobody can tell yet.
    fn check(&self, header: &str, caller: Number, callee: Number, at: Timestamp) -> Result<Identity, Option<String>> {
        let (token, parameters) = header.trim().split_once(';').filter(|_| header.len() <= LONGEST_HEADER).ok_or(None)?;
        let parameter = |name: &str| {
            let found =
                parameters.split(';').filter_map(|part| part.trim().split_once('=')).find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim().trim_matches('"'))
        };
        let mut parts = token.trim().splitn(3, '.');
        let (head, body, signature) = (parts.next().ok_or(None)?, parts.next().ok_or(None)?, parts.next().ok_or(None)?);
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| None);
        let stated: Header = serde_json::from_slice(&decoded(head)?).map_err(|_| None)?;
        let claims: Claims = serde_json::from_slice(&decoded(body)?).map_err(|_| None)?;
        let info = parameter("info").and_then(|info| info.strip_prefix('<')?.strip_suffix('>')).ok_or(None)?;
        let shaken = stated.alg == "ES256" && stated.ppt == "shaken" && stated.typ == "passport" && stated.x5u == info;
        let repeated = parameter("alg").is_none_or(|alg| alg == "ES256") && parameter("ppt").is_none_or(|ppt| ppt == "shaken");
        if !shaken || !repeated || !info.starts_with("https://") {
            return Err(None);
        }
        let about_this_call = digits(&claims.orig.tn) == Some(caller) && claims.dest.tn.iter().any(|tn| digits(tn) == Some(callee));
        let fresh = claims.iat.abs_diff(at.0.div_euclid(1_000)) <= FRESH_S;
        if !about_this_call || !fresh {
            return Err(None);
        }
        let mut cache = self.cache();
        cache.uses += 1;
        let uses = cache.uses;
        let Some((certificate, used)) = cache.kept.get_mut(info) else { return Err(Some(info.to_owned())) };
        *used = uses;
        let valid = certificate.is_valid(at);
        let entitled = certificate.covers(caller);
        let key = certificate.key.clone();
        if !valid {
            // Renewed under the same address, perhaps: fetched again, and this call unchecked.
            cache.kept.remove(info);
            return Err(Some(info.to_owned()));
        }
        drop(cache);
        let signed = token.trim().rsplit_once('.').map(|(signed, _)| signed).ok_or(None)?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(signed.as_bytes(), &decoded(signature)?).map_err(|_| None)?;
        match claims.attest.as_str() {
            // A certificate for single numbers vouches for those alone; one for a provider vouches for what the provider says.
            "A" if entitled => Ok(Identity::Full),
            "B" => Ok(Identity::Partial),
            "C" => Ok(Identity::Gateway),
            _ => Err(None),
        }
    }
}

/// A `tn` claim: digits, perhaps with a plus sign.
fn digits(text: &str) -> Option<Number> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let all = !text.is_empty() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    if all { Number::new(text.parse().ok()?) } else { None }
}

#[cfg(test)]
mod tests;
