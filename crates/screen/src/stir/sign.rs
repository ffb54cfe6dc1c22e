//! 签名: our own calls leave with a token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chuangsha_kernel::Timestamp;
use ring::{
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
        Ok(Self { key, address: address.to_owned() })
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
