//! 密钥状态: what an agent holds in memory and seals into its key file.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::Zeroizing;

use crate::{
    Algorithm, Month, Suite, VaultError,
    suite::{AeadKey, Info, Kdf, MacKey, Secret, SigningKey, random},
};

/// Where new keys come from.
pub(crate) enum Source {
    System,
    /// Every key derived from a seed and its own name: tests only.
    Seeded(Kdf),
}

impl Source {
    pub fn fresh(&self, name: Info) -> Result<Secret, VaultError> {
        match self {
            Self::System => {
                let mut key = Secret::default();
                random(key.as_mut_slice())?;
                Ok(key)
            }
            Self::Seeded(kdf) => kdf.expand(name.bytes()),
        }
    }
}

/// A key that wraps keys, ready under both suites: what lies under it moves from one suite to the other without a second key.
pub(crate) struct Kek {
    secret: Secret,
    international: AeadKey,
    gm: AeadKey,
}

impl Kek {
    pub fn new(secret: Secret) -> Result<Self, VaultError> {
        let under = |suite: Suite| {
            let derived = Kdf::new(suite, &secret)?.expand(Info::new("chuangsha wrapping v1").part(&[suite.byte()]).bytes())?;
            AeadKey::new(suite, &derived)
        };
        Ok(Self { international: under(Suite::International)?, gm: under(Suite::Gm)?, secret })
    }

    pub fn under(&self, suite: Suite) -> &AeadKey {
        match suite {
            Suite::International => &self.international,
            Suite::Gm => &self.gm,
        }
    }
}

impl Serialize for Kek {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (*self.secret).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Kek {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(Zeroizing::new(<[u8; 32]>::deserialize(from)?)).map_err(D::Error::custom)
    }
}

/// A blind-index key: the suite belongs to the version, because an index has no room for a suite byte.
pub(crate) struct IndexKey {
    suite: Suite,
    secret: Secret,
    pub mac: MacKey,
}

impl IndexKey {
    pub fn new(suite: Suite, secret: Secret) -> Result<Self, VaultError> {
        Ok(Self { suite, mac: MacKey::new(suite, secret.as_slice())?, secret })
    }
}

impl Serialize for IndexKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.suite, *self.secret).serialize(to)
    }
}

impl<'de> Deserialize<'de> for IndexKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (suite, secret) = <(Suite, [u8; 32])>::deserialize(from)?;
        Self::new(suite, Zeroizing::new(secret)).map_err(D::Error::custom)
    }
}

/// A signing key.
pub(crate) struct Signer {
    secret: Secret,
    algorithm: Algorithm,
    pub key: SigningKey,
}

impl Signer {
    pub fn new(algorithm: Algorithm, secret: Secret) -> Result<Self, VaultError> {
        Ok(Self { key: SigningKey::new(algorithm, &secret)?, algorithm, secret })
    }

    fn fresh(algorithm: Algorithm, source: &Source) -> Result<Self, VaultError> {
        // A draw that is no SM2 scalar happens once in 2^32: the second try never fails in practice.
        let draw = |attempt: u8| Self::new(algorithm, source.fresh(Info::new("signing").part(&[algorithm as u8, attempt]))?);
        draw(0).or_else(|_| draw(1))
    }
}

impl Serialize for Signer {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.algorithm, *self.secret).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Signer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (algorithm, secret) = <(Algorithm, [u8; 32])>::deserialize(from)?;
        Self::new(algorithm, Zeroizing::new(secret)).map_err(D::Error::custom)
    }
}

/// Versions of one key; the highest is current.
#[derive(Serialize, Deserialize)]
#[serde(bound(serialize = "K: Serialize", deserialize = "K: Deserialize<'de>"))]
pub(crate) struct Versions<K>(BTreeMap<u32, Stored<K>>);

impl<K> Versions<K> {
    pub fn first(key: K) -> Self {
        Self(BTreeMap::from([(1, Stored(Arc::new(key)))]))
    }

    pub fn current(&self) -> Option<(u32, &K)> {
        self.0.last_key_value().map(|(version, key)| (*version, key.0.as_ref()))
    }

    pub fn get(&self, version: u32) -> Option<&K> {
        self.0.get(&version).map(|key| key.0.as_ref())
    }

    /// Version numbers are never used twice: only old versions are removed, so the highest number stays.
    pub fn add(&mut self, key: K) -> u32 {
        let next = self.0.last_key_value().map_or(1, |(version, _)| version.saturating_add(1));
        self.0.insert(next, Stored(Arc::new(key)));
        next
    }

    pub fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.keys().rev().copied()
    }

    pub fn destroy(&mut self, what: &'static str, version: u32, census: u64) -> Result<(), VaultError> {
        if self.0.last_key_value().is_some_and(|(current, _)| *current == version) {
            return Err(VaultError::Current(version));
        }
        if census > 0 {
            return Err(VaultError::InUse { version, census });
        }
        self.0.remove(&version).map(|_| ()).ok_or(VaultError::KeyUnknown { what, version })
    }
}

impl<K> Clone for Versions<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Shared, so that a change is made on a copy of the state and takes effect only once it is on disk.
pub(crate) struct Stored<K>(pub Arc<K>);

impl<K> Clone for Stored<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Serialize> Serialize for Stored<K> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de, K: Deserialize<'de>> Deserialize<'de> for Stored<K> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        K::deserialize(from).map(|key| Self(Arc::new(key)))
    }
}

/// The keys of one tenant, by domain byte and by field byte.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct TenantKeys {
    pub domains: BTreeMap<u8, Versions<Kek>>,
    pub fields: BTreeMap<u8, Versions<IndexKey>>,
}

/// A month's bucket.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bucket {
    Living(Stored<Kek>),
    /// The signed statement: kept, so that a repeated order gives the same answer.
    Destroyed(String),
}

/// Everything an agent holds.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// Counts changes: a restored older key file shows.
    pub generation: u64,
    pub tenants: BTreeMap<String, TenantKeys>,
    pub buckets: BTreeMap<Month, Bucket>,
    pub hold: Stored<Kek>,
    pub ed25519: Stored<Signer>,
    pub sm2: Stored<Signer>,
}

impl State {
    pub fn new(source: &Source) -> Result<Self, VaultError> {
        Ok(Self {
            generation: 1,
            tenants: BTreeMap::new(),
            buckets: BTreeMap::new(),
            hold: Stored(Arc::new(Kek::new(source.fresh(Info::new("hold"))?)?)),
            ed25519: Stored(Arc::new(Signer::fresh(Algorithm::Ed25519, source)?)),
            sm2: Stored(Arc::new(Signer::fresh(Algorithm::Sm2, source)?)),
        })
    }

    pub fn signer(&self, algorithm: Algorithm) -> &SigningKey {
        match algorithm {
            Algorithm::Ed25519 => &self.ed25519.0.key,
            Algorithm::Sm2 => &self.sm2.0.key,
        }
    }
}
