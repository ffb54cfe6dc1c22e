//! 主叫签名 (STIR/SHAKEN): the identity token of a call (RFC 8224, 8225, 8588), checked and made. Off the hot path: an edge has it checked beside the
//! other calls ([`Vouch`]) and hands the answer over as [`Identity`]; a certificate that is not in the cache yet is asked for by its address, and a call
//! that would have to wait for it longer than it may goes on as [`Identity::Unchecked`] (I4).
//!
//! Accepted: ES256, no `ppt` (RFC 8225) or `ppt=shaken` (RFC 8588), certificates on P-256 with a TNAuthList (RFC 8226) below one of our anchors. Of
//! tokens with another `ppt` nothing is concluded (RFC 8224, 6.2).

mod attest;
mod certificate;
mod replays;
mod revocation;
mod sign;

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chuangsha_kernel::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Deserialize;

pub use attest::attest;
pub use certificate::{Anchor, CertificateError};
pub use revocation::{RevocationError, RevocationList, Revocations};
pub use sign::{Attestation, Sign, SignError, Signer};

use crate::{attempt::Identity, number::Number};
use certificate::Certificate;
use replays::Replays;

/// 呼叫的自述: what a call says of itself outside its token; the token is held against it. No Debug: numbers are personal.
#[derive(Clone, PartialEq, Eq)]
pub struct Told {
    /// Its name, the same when it is sent again: the Call-ID.
    pub call: Vec<u8>,
    /// P-Asserted-Identity, or else From.
    pub caller: Number,
    /// Where it goes now: the Request-URI.
    pub callee: Number,
    /// Whom it was first meant for: To.
    pub dialled: Option<Number>,
    /// It carries proof of forwarding.
    pub diverted: bool,
    /// When it came.
    pub at: Timestamp,
}

/// 验签口: has tokens checked beside the calls.
pub trait Vouch: Send + Sync {
    /// What the tokens of a call, the values of its Identity headers, come to. Within a few milliseconds: what nobody can tell by then is
    /// [`Identity::Unchecked`], and known the next time.
    fn vouch(&self, tokens: Vec<String>, told: Told) -> Pin<Box<dyn Future<Output = Identity> + Send + '_>>;
}

/// What verification came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// The answer for [`crate::Attempt::identity`].
    Known(Identity),
    /// The certificate at this address is wanted: fetch it, give it to [`Verifier::keep`], and ask again.
    Wants(String),
}

/// Most Identity headers of a call that are looked at.
pub const MOST_TOKENS: usize = 8;

/// Longer headers are not looked at.
const LONGEST_HEADER: usize = 8_192;
/// 新鲜度: a token older or younger than a minute is refused (RFC 8224, 4.4).
const FRESH_S: u64 = 60;
/// Certificates kept; the one used longest ago goes.
const MOST_CERTIFICATES: usize = 1_024;
/// A certificate is fetched anew after a day: by then a revoked one has been taken away or replaced.
const KEPT_MS: u64 = 86_400_000;

/// 验证器: anchors, the cache of certificates, and the tokens of the last minutes.
#[derive(Default)]
pub struct Verifier {
    anchors: Vec<Anchor>,
    cache: Mutex<Cache>,
    replays: Mutex<Replays>,
}

#[derive(Default)]
struct Cache {
    kept: HashMap<String, Kept>,
    uses: u64,
    revocations: Revocations,
}

struct Kept {
    certificate: Certificate,
    since: Timestamp,
    used: u64,
    revoked: bool,
}

/// Where a check stops.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// The token is false.
    False,
    /// It is of a kind nothing is known of.
    Foreign,
    /// It holds, and its certificate was taken back.
    Revoked,
    /// Nobody can tell without that certificate.
    Wants(String),
}

/// What is used of a certificate to check one token.
struct Key {
    bytes: Vec<u8>,
    /// It may vouch for the caller.
    entitled: bool,
    revoked: bool,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    ppt: Option<String>,
    typ: String,
    x5u: String,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    attest: Option<String>,
    dest: Dest,
    iat: i64,
    orig: Orig,
}

#[derive(Deserialize)]
struct Dest {
    #[serde(default)]
    tn: Vec<String>,
}

#[derive(Deserialize)]
struct Orig {
    #[serde(default)]
    tn: Option<String>,
}

/// A token taken apart, nothing of it believed yet.
struct Parts<'a> {
    head: &'a str,
    body: &'a str,
    signature: &'a str,
    parameters: &'a str,
}

impl<'a> Parts<'a> {
    fn read(value: &'a str) -> Option<Self> {
        let (token, parameters) = value.trim().split_once(';').filter(|_| value.len() <= LONGEST_HEADER)?;
        let mut parts = token.trim().splitn(3, '.');
        Some(Self { head: parts.next()?, body: parts.next()?, signature: parts.next()?, parameters })
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        let mut all = self.parameters.split(';').filter_map(|part| part.trim().split_once('='));
        all.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().trim_matches('"'))
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, Stop> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Stop::False)
}

impl Verifier {
    /// A verifier that trusts these anchors.
    pub fn new(anchors: Vec<Anchor>) -> Self {
        Self { anchors, ..Self::default() }
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
        // Whether a list is its issuer's is found out here, not while calls wait for the cache.
        let lists = self.cache().revocations.clone();
        let _ = lists.names(&certificate.links);
        let mut cache = self.cache();
        cache.uses += 1;
        let used = cache.uses;
        if cache.kept.len() >= MOST_CERTIFICATES && !cache.kept.contains_key(address) {
            let oldest = cache.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(address, _)| address.clone());
            oldest.and_then(|oldest| cache.kept.remove(&oldest));
        }
        let revoked = cache.revocations.names(&certificate.links);
        cache.kept.insert(address.to_owned(), Kept { certificate, since: at, used, revoked });
        Ok(())
    }

    /// The anchors it trusts.
    pub fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    /// Puts these lists of revoked certificates in force, in the place of those before; certificates in the cache are held against them too.
    pub fn revoke(&self, lists: &Revocations) {
        let chains: Vec<_> = self.cache().kept.values().map(|kept| kept.certificate.links.clone()).collect();
        // As above.
        chains.iter().for_each(|links| _ = lists.names(links));
        let mut cache = self.cache();
        cache.revocations = lists.clone();
        cache.kept.values_mut().for_each(|kept| kept.revoked = lists.names(&kept.certificate.links));
    }

    /// Checks the values of the Identity headers of one call against the call they came with. The first of a kind that is known here counts.
    pub fn verify(&self, tokens: &[impl AsRef<str>], told: &Told) -> Verified {
        for token in tokens.iter().take(MOST_TOKENS) {
            match self.check(token.as_ref(), told) {
                Ok(identity) => return Verified::Known(identity),
                Err(Stop::False) => return Verified::Known(Identity::Invalid),
                Err(Stop::Revoked) => return Verified::Known(Identity::Revoked),
                Err(Stop::Wants(address)) => return Verified::Wants(address),
                Err(Stop::Foreign) => {}
            }
        }
        Verified::Known(Identity::Unchecked)
    }

    fn check(&self, value: &str, told: &Told) -> Result<Identity, Stop> {
        let parts = Parts::read(value).ok_or(Stop::False)?;
        let parameter = |name| parts.parameter(name);
        // Another kind of token, or the compact form that leaves head and body out: SHAKEN has none.
        if parameter("ppt").is_some_and(|ppt| ppt != "shaken") || (parts.head.is_empty() && parts.body.is_empty()) {
            return Err(Stop::Foreign);
        }
        let stated: Header = serde_json::from_slice(&decoded(parts.head)?).map_err(|_| Stop::False)?;
        let shaken = match stated.ppt.as_deref() {
            Some("shaken") => true,
            None if parameter("ppt").is_none() => false,
            None => return Err(Stop::False),
            Some(_) if parameter("ppt").is_none() => return Err(Stop::Foreign),
            Some(_) => return Err(Stop::False),
        };
        let claims: Claims = serde_json::from_slice(&decoded(parts.body)?).map_err(|_| Stop::False)?;
        let info = parameter("info").and_then(|info| info.strip_prefix('<')?.strip_suffix('>')).ok_or(Stop::False)?;
        let sound = stated.alg == "ES256" && stated.typ == "passport" && stated.x5u == info && info.starts_with("https://");
        if !sound || parameter("alg").is_some_and(|alg| alg != "ES256") {
            return Err(Stop::False);
        }
        let fresh = claims.iat.abs_diff(told.at.0.div_euclid(1_000)) <= FRESH_S;
        if !fresh || claims.orig.tn.as_deref().and_then(digits) != Some(told.caller) {
            return Err(Stop::False);
        }
        let meant = |number| claims.dest.tn.iter().any(|tn| digits(tn) == Some(number));
        // A forwarded call keeps the token that was made for whom it was first meant for. Where nothing proves the forwarding the token may be
        // another call's: it counts for nothing, and not against the caller.
        let forwarded = !meant(told.callee) && told.dialled.is_some_and(meant);
        if !forwarded && !meant(told.callee) {
            return Err(Stop::False);
        }
        let Key { bytes: key, entitled, revoked } = self.key(info, told)?;
        let signed = value.trim().get(..parts.head.len() + 1 + parts.body.len()).ok_or(Stop::False)?;
        let signature = decoded(parts.signature.trim())?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(signed.as_bytes(), &signature).map_err(|_| Stop::False)?;
        if revoked {
            return Err(Stop::Revoked);
        }
        let identity = match claims.attest.as_deref() {
            // A certificate for single numbers vouches for those alone; one for a provider vouches for what the provider says.
            Some("A") if shaken && entitled => Identity::Full,
            Some("B") if shaken => Identity::Partial,
            Some("C") if shaken => Identity::Gateway,
            // RFC 8225 without an extension: who may sign for the number signs for the caller.
            _ if !shaken && entitled => Identity::Full,
            _ => return Err(Stop::False),
        };
        if !self.replays.lock().unwrap_or_else(PoisonError::into_inner).fits(&signature, &told.call, told.at) {
            return Err(Stop::False);
        }
        Ok(if forwarded && !told.diverted { Identity::Unchecked } else { identity })
    }

    /// The key a certificate has, and whether it may vouch for the caller.
    fn key(&self, address: &str, told: &Told) -> Result<Key, Stop> {
        let mut cache = self.cache();
        cache.uses += 1;
        let uses = cache.uses;
        let Some(kept) = cache.kept.get_mut(address) else { return Err(Stop::Wants(address.to_owned())) };
        kept.used = uses;
        if !kept.certificate.is_valid(told.at) || kept.since.0.abs_diff(told.at.0) > KEPT_MS {
            // Renewed under the same address, perhaps.
            cache.kept.remove(address);
            return Err(Stop::Wants(address.to_owned()));
        }
        Ok(Key { bytes: kept.certificate.key.clone(), entitled: kept.certificate.covers(told.caller), revoked: kept.revoked })
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
