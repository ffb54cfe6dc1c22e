//! 类型: what may leave the server and what may not. A [`Sealed`] value has no way to be serialised or shown; a [`Masked`] one carries only the mask; a
//! [`Revealed`] one is made from a [`Grant`] and nothing else.

use std::marker::PhantomData;

use chuangsha_kernel::{
    name::{Address, PersonName},
    phone::Phone,
    problem::{Problem, Refuse},
    time::Timestamp,
};
use serde::{Serialize, Serializer};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{DataKey, Place, VaultError};

/// Problem codes of a reveal.
pub mod codes {
    chuangsha_kernel::codes! {
        EXPIRED = "reveal.expired", 403,
            "查看许可已过期", "the grant to see this has expired",
            "重新说明用途并申请查看", "state the purpose and ask again";
        OTHER = "reveal.other", 403,
            "查看许可不是给这一项资料的", "the grant is for another value",
            "对需要查看的那一项重新申请", "ask for the very value you need to see";
    }
}

/// 个人信息: text about a person, with its mask. `text` is what is sealed, and what a grant shows.
pub trait Personal: Sized {
    /// The value.
    fn text(&self) -> &str;
    /// Reads what [`Personal::text`] gave.
    fn read(text: &str) -> Option<Self>;
    /// The mask everyone may see.
    fn mask(&self) -> String;
}

impl Personal for Phone {
    fn text(&self) -> &str {
        self.digits()
    }

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    fn mask(&self) -> String {
        self.masked()
    }
}

impl Personal for PersonName {
    fn text(&self) -> &str {
        self.as_str()
    }

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    fn mask(&self) -> String {
        self.masked()
    }
}

impl Personal for Address {
    fn text(&self) -> &str {
        self.as_str()
    }

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    fn mask(&self) -> String {
        self.masked()
    }
}

/// 密封值: one sealed value of type `T`. No Serialize, no Display, and a Debug that shows nothing.
pub struct Sealed<T> {
    bytes: Vec<u8>,
    of: PhantomData<fn() -> T>,
}

impl<T> Sealed<T> {
    /// As read from the store.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes, of: PhantomData }
    }

    /// As written to the store: ciphertext.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl<T: Personal> Sealed<T> {
    /// Seals a value for its place.
    pub fn seal(key: &DataKey, place: Place, value: &T) -> Result<Self, VaultError> {
        key.seal(place, value.text().as_bytes()).map(Self::from_bytes)
    }

    /// Opens for a computation inside the server: matching, validating, sending to the network. What is shown to a person goes through [`Masked`] or [`Revealed`].
    pub fn open(&self, key: &DataKey, place: Place) -> Result<T, VaultError> {
        let plain = key.open(place, &self.bytes)?;
        std::str::from_utf8(&plain).ok().and_then(T::read).ok_or(VaultError::Malformed("sealed text"))
    }

    /// The mask.
    pub fn mask(&self, key: &DataKey, place: Place) -> Result<Masked<T>, VaultError> {
        self.open(key, place).map(|value| Masked::of(&value))
    }
}

impl<T> Clone for Sealed<T> {
    fn clone(&self) -> Self {
        Self::from_bytes(self.bytes.clone())
    }
}

impl<T> std::fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed(..)")
    }
}

/// 掩码值: the mask of a value, and nothing of the value itself.
pub struct Masked<T> {
    mask: String,
    of: PhantomData<fn() -> T>,
}

impl<T: Personal> Masked<T> {
    /// Masks a value at hand.
    pub fn of(value: &T) -> Self {
        Self { mask: value.mask(), of: PhantomData }
    }
}

impl<T> Clone for Masked<T> {
    fn clone(&self) -> Self {
        Self { mask: self.mask.clone(), of: PhantomData }
    }
}

impl<T> std::fmt::Display for Masked<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.mask)
    }
}

impl<T> std::fmt::Debug for Masked<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.mask)
    }
}

impl<T> Serialize for Masked<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.mask)
    }
}

/// 查看许可: one person may see one value of one subject until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who may see.
    pub viewer: Uuid,
    /// Whose value.
    pub subject: Uuid,
    /// Which value.
    pub place: Place,
    /// The open case it serves.
    pub case: Uuid,
    /// The audit entry that was written before this grant: no entry, no grant.
    pub audited: Uuid,
    /// Not valid from here on.
    pub expires: Timestamp,
}

/// Why a grant does not open a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevealError {
    /// Too late.
    #[error("the grant has expired")]
    Expired,
    /// For another viewer, subject or place.
    #[error("the grant is for another value")]
    Other,
    /// The vault refused.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Refuse for RevealError {
    fn problem(&self) -> Problem {
        match self {
            Self::Expired => Problem::new(&codes::EXPIRED),
            Self::Other => Problem::new(&codes::OTHER),
            Self::Vault(error) => error.problem(),
        }
    }
}

/// 显示值: an opened value on its way to the one viewer it was granted to. Cleared when dropped.
pub struct Revealed<T> {
    text: Zeroizing<String>,
    of: PhantomData<fn() -> T>,
}

impl<T: Personal> Revealed<T> {
    /// Opens a sealed value under a grant.
    pub fn open(sealed: &Sealed<T>, key: &DataKey, place: Place, viewer: Uuid, grant: &Grant, now: Timestamp) -> Result<Self, RevealError> {
        if now >= grant.expires {
            return Err(RevealError::Expired);
        }
        if grant.viewer != viewer || grant.subject != key.subject() || grant.place != place {
            return Err(RevealError::Other);
        }
        let value = sealed.open(key, place)?;
        Ok(Self { text: Zeroizing::new(value.text().to_owned()), of: PhantomData })
    }
}

impl<T> Serialize for Revealed<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl<T> std::fmt::Debug for Revealed<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Revealed(..)")
    }
}
