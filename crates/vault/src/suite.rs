//! 密码套件: two suites of primitives behind one byte. Everything above this file says *what* is sealed; only this file knows *with what*.

use aes_gcm::{AeadInOut, AesGcm, aead::consts::U12};
use hmac::{Hmac, KeyInit, Mac as _};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sm2::dsa::signature::{Signer as _, Verifier as _};
use sm3::Sm3;
use zeroize::Zeroizing;

use crate::VaultError;

/// 密码套件. The byte stands first in everything sealed, so that values of both suites live side by side while one replaces the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Suite {
    /// AES-256-GCM, HMAC-SHA-256, HKDF-SHA-256, Ed25519.
    International = 1,
    /// 国密: SM4-GCM, HMAC-SM3, HKDF-SM3, SM2 with SM3.
    Gm = 2,
}

impl Suite {
    /// The stored byte.
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Reads the stored byte.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::International),
            2 => Some(Self::Gm),
            _ => None,
        }
    }
}

/// Thirty-two secret bytes that clear themselves.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// Bytes of a nonce; always random, from the operating system, one per sealing.
pub(crate) const NONCE: usize = 12;
/// Bytes of an authentication tag.
pub(crate) const TAG: usize = 16;

type Sm4Gcm = AesGcm<sm4::Sm4, U12>;

/// An AEAD key with its schedule expanded. Not boxed: one is made on the stack for every value.
#[allow(clippy::large_enum_variant, reason = "a box costs an allocation for every value sealed")]
pub(crate) enum AeadKey {
    Aes(LessSafeKey),
    Sm4(Sm4Gcm),
}

impl AeadKey {
    /// SM4 has 128-bit keys: the suite takes the first sixteen bytes of a derived key.
    pub fn new(suite: Suite, key: &[u8; 32]) -> Result<Self, VaultError> {
        Ok(match suite {
            Suite::International => {
                Self::Aes(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).map_err(|_| VaultError::Malformed("key length"))?))
            }
            Suite::Gm => {
                let (half, _) = key.split_at(16);
                Self::Sm4(Sm4Gcm::new_from_slice(half).map_err(|_| VaultError::Malformed("key length"))?)
            }
        })
    }

    /// Encrypts `data` where it stands; the tag is returned.
    pub fn seal(&self, nonce: &[u8; NONCE], aad: &[u8], data: &mut [u8]) -> Result<[u8; TAG], VaultError> {
        match self {
            Self::Aes(key) => {
                let tag = key
                    .seal_in_place_separate_tag(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), data)
                    .map_err(|_| VaultError::Malformed("too long"))?;
                tag.as_ref().try_into().map_err(|_| VaultError::Malformed("tag length"))
            }
            Self::Sm4(key) => {
                let tag = key.encrypt_inout_detached(&(*nonce).into(), aad, data.into()).map_err(|_| VaultError::Malformed("too long"))?;
                Ok(tag.into())
            }
        }
    }

    /// Opens `data` (ciphertext, then tag) where it stands and cuts it to the plaintext. On refusal the buffer is cleared.
    pub fn open(&self, nonce: &[u8; NONCE], aad: &[u8], data: &mut Zeroizing<Vec<u8>>) -> Result<(), VaultError> {
        let length = data.len().checked_sub(TAG).ok_or(VaultError::Malformed("shorter than a tag"))?;
        let opened = match self {
            Self::Aes(key) => key
                .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), data.as_mut_slice())
                .map(|_| ())
                .map_err(|_| VaultError::Refused),
            Self::Sm4(key) => match data.split_last_chunk_mut::<TAG>() {
                Some((text, tag)) => {
                    let tag = (*tag).into();
                    key.decrypt_inout_detached(&(*nonce).into(), aad, text.into(), &tag).map_err(|_| VaultError::Refused)
                }
                None => Err(VaultError::Malformed("shorter than a tag")),
            },
        };
        data.truncate(if opened.is_ok() { length } else { 0 });
        opened
    }
}

/// HKDF-Expand from a uniformly random key (RFC 5869 section 3.3: such a key needs no extract step).
#[derive(Clone)]
pub(crate) enum Kdf {
    Sha256(ring::hkdf::Prk),
    Sm3(hkdf::Hkdf<Sm3>),
}

impl Kdf {
    pub fn new(suite: Suite, key: &[u8; 32]) -> Result<Self, VaultError> {
        Ok(match suite {
            Suite::International => Self::Sha256(ring::hkdf::Prk::new_less_safe(ring::hkdf::HKDF_SHA256, key)),
            Suite::Gm => Self::Sm3(hkdf::Hkdf::from_prk(key).map_err(|_| VaultError::Malformed("key length"))?),
        })
    }

    /// Thirty-two bytes for a purpose. The parts are joined as they are: callers pass them length-prefixed (see [`Info`]).
    pub fn expand(&self, info: &[u8]) -> Result<Secret, VaultError> {
        let mut out = Secret::default();
        match self {
            Self::Sha256(prk) => {
                let info = [info];
                prk.expand(&info, ring::hkdf::HKDF_SHA256)
                    .and_then(|okm| okm.fill(out.as_mut_slice()))
                    .map_err(|_| VaultError::Malformed("key length"))?;
            }
            Self::Sm3(hkdf) => hkdf.expand(info, out.as_mut_slice()).map_err(|_| VaultError::Malformed("key length"))?,
        }
        Ok(out)
    }
}

/// A keyed hash with its key state prepared.
#[derive(Clone)]
pub(crate) enum MacKey {
    Sha256(ring::hmac::Key),
    Sm3(Box<Hmac<Sm3>>),
}

impl MacKey {
    pub fn new(suite: Suite, key: &[u8]) -> Result<Self, VaultError> {
        Ok(match suite {
            Suite::International => Self::Sha256(ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key)),
            Suite::Gm => Self::Sm3(Box::new(Hmac::new_from_slice(key).map_err(|_| VaultError::Malformed("key length"))?)),
        })
    }

    /// The 256-bit tag over the parts, joined.
    pub fn tag(&self, parts: &[&[u8]]) -> Result<[u8; 32], VaultError> {
        match self {
            Self::Sha256(key) => {
                let mut context = ring::hmac::Context::with_key(key);
                for part in parts {
                    context.update(part);
                }
                context.sign().as_ref().try_into().map_err(|_| VaultError::Malformed("tag length"))
            }
            Self::Sm3(key) => {
                let mut state = key.as_ref().clone();
                for part in parts {
                    state.update(part);
                }
                Ok(state.finalize().into_bytes().into())
            }
        }
    }
}

/// 签名算法.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// RFC 8032; public key 32 bytes, signature 64.
    Ed25519,
    /// GB/T 32918.2 with SM3 and the default signer identity; public key 65 bytes (uncompressed point), signature 64 (r, s).
    Sm2,
}

/// The signer identity GM/T 0009 prescribes when none is agreed.
const SM2_IDENTITY: &str = "1234567812345678";

/// A private signing key.
pub(crate) enum SigningKey {
    Ed25519(Box<ring::signature::Ed25519KeyPair>),
    Sm2(Box<sm2::dsa::SigningKey>),
}

impl SigningKey {
    /// From thirty-two secret bytes. One in 2^32 values is no SM2 scalar and is refused.
    pub fn new(algorithm: Algorithm, secret: &[u8; 32]) -> Result<Self, VaultError> {
        Ok(match algorithm {
            Algorithm::Ed25519 => {
                let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(secret).map_err(|_| VaultError::Signing)?;
                Self::Ed25519(Box::new(pair))
            }
            Algorithm::Sm2 => {
                let key = sm2::dsa::SigningKey::from_slice(SM2_IDENTITY, secret).map_err(|_| VaultError::Signing)?;
                Self::Sm2(Box::new(key))
            }
        })
    }

    pub fn public(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(pair) => ring::signature::KeyPair::public_key(pair.as_ref()).as_ref().to_vec(),
            Self::Sm2(key) => key.verifying_key().to_sec1_bytes().to_vec(),
        }
    }

    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, VaultError> {
        match self {
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Sm2(key) => {
                let signature: sm2::dsa::Signature = key.try_sign(message).map_err(|_| VaultError::Signing)?;
                Ok(signature.to_bytes().to_vec())
            }
        }
    }
}

/// Whether `signature` over `message` is good under `public`; any malformed input is simply not good.
pub fn signature_is_good(algorithm: Algorithm, public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match algorithm {
        Algorithm::Ed25519 => ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, public).verify(message, signature).is_ok(),
        Algorithm::Sm2 => {
            let (Ok(key), Ok(signature)) =
                (sm2::dsa::VerifyingKey::from_sec1_bytes(SM2_IDENTITY, public), sm2::dsa::Signature::from_slice(signature))
            else {
                return false;
            };
            key.verify(message, &signature).is_ok()
        }
    }
}

/// Randomness of the operating system. No pool of our own: a copied machine must never repeat a nonce.
pub(crate) fn random(buffer: &mut [u8]) -> Result<(), VaultError> {
    getrandom::fill(buffer).map_err(|_| VaultError::Random)
}

/// Builds associated data and derivation labels: every part behind its length, so that no two lists of parts give the same bytes.
pub(crate) struct Info(Vec<u8>);

impl Info {
    pub fn new(purpose: &str) -> Self {
        Self(Vec::with_capacity(160)).part(purpose.as_bytes())
    }

    pub fn part(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
