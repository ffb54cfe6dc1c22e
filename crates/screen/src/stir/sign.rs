//! 签名: our own calls leave with a token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chuangsha_kernel::Timestamp;
use ring::{
    hmac,
    rand::SecureRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde_json::json;

use crate::number::Number;

/// 证明级别
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attestation {
    /// We know the caller and the right to the number.
    Full,
    /// We know the caller.
    Partial,
    /// We know where the call came in.
    Gateway,
}

/// 签名口: signs calls beside them.
pub trait Sign: Send + Sync {
    /// The value of an Identity header for a call from the first to the second number, that came in by a trunk of that name; nothing when it cannot
    /// be made, and the call goes on without.
    fn sign(&self, attestation: Attestation, ends: (Number, Number), at: Timestamp, trunk: &str) -> Option<String>;
}

/// Why nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The key is no P-256 key in PKCS #8.
    #[error("the signing key is no P-256 key in PKCS #8")]
    Key,
    /// The address of the certificate is not `https://…`, or has characters a header cannot hold.
    #[error("the certificate address is no https address")]
    Address,
    /// Randomness failed.
    #[error("signing failed")]
    Failed,
}

/// 签名者: a key and the address where its certificate can be fetched.
pub struct Signer {
    key: EcdsaKeyPair,
    address: String,
    origins: hmac::Key,
}

impl Signer {
    /// From a private key in PKCS #8 (DER).
    ///
    /// # Errors
    /// The key or the address cannot be used.
    pub fn new(pkcs8: &[u8], address: &str, random: &dyn SecureRandom) -> Result<Self, SignError> {
        let plain = address.starts_with("https://") && address.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>;\"\\".contains(&byte));
        if !plain {
            return Err(SignError::Address);
        }
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, random).map_err(|_| SignError::Key)?;
        Ok(Self { key, address: address.to_owned(), origins: hmac::Key::new(hmac::HMAC_SHA256, pkcs8) })
    }

    /// 来源编号 of a trunk: a UUID, the same as long as the key is, that tells nobody without the key which trunk it is (RFC 8588, 7).
    pub fn origin(&self, trunk: &str) -> String {
        let tag = hmac::sign(&self.origins, trunk.as_bytes());
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(tag.as_ref()).for_each(|(byte, from)| *byte = *from);
        // Version 8 and the variant of RFC 9562.
        let value = u128::from_be_bytes(bytes) & !(0xF << 76 | 0x3 << 62) | 0x8 << 76 | 0x2 << 62;
        let part = |shift: u32, digits: usize| format!("{:0digits$x}", value >> shift & ((1 << (digits * 4)) - 1));
        [part(96, 8), part(80, 4), part(64, 4), part(48, 4), part(0, 12)].join("-")
    }

    /// The value of an Identity header for one call. `origin`: a UUID that means the same caller or gateway to us and nothing to others (RFC 8588).
    ///
    /// # Errors
    /// Randomness failed.
    pub fn sign(
        &self,
        attestation: Attestation,
        (caller, callee): (Number, Number),
        at: Timestamp,
        origin: &str,
        random: &dyn SecureRandom,
    ) -> Result<String, SignError> {
        let attest = match attestation {
            Attestation::Full => "A",
            Attestation::Partial => "B",
            Attestation::Gateway => "C",
        };
        // serde_json keeps keys sorted, without white space: the form RFC 8225 asks for.
        let head = json!({ "alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": self.address }).to_string();
        let body = json!({
            "attest": attest,
            "dest": { "tn": [callee.e164()] },
            "iat": at.0.div_euclid(1_000),
            "orig": { "tn": caller.e164() },
            "origid": origin,
        })
        .to_string();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(body));
        let signature = self.key.sign(random, signed.as_bytes()).map_err(|_| SignError::Failed)?;
        Ok(format!("{signed}.{};info=<{}>;alg=ES256;ppt=shaken", URL_SAFE_NO_PAD.encode(signature.as_ref()), self.address))
    }
}
