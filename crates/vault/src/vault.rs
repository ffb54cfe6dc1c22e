//! 保险库: one tenant's view of the key agent, and the data keys that seal values.

use std::sync::Arc;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    Algorithm, BlindIndex, Destruction, Domain, Field, KeyAgent, Month, Owner, Place, Suite, VaultError,
    agent::Target,
    checkpoint::Checkpoint,
    note::VerifierKey,
    suite::{AeadKey, Info, Kdf, NONCE, Secret, TAG, random},
};

/// 保险库. Clones share the agent.
#[derive(Clone)]
pub struct Vault {
    agent: Arc<dyn KeyAgent>,
    tenant: Arc<str>,
    suite: Suite,
}

impl Vault {
    /// New values are sealed under `suite`; values open under whichever suite they carry.
    pub fn new(agent: Arc<dyn KeyAgent>, tenant: &str, suite: Suite) -> Self {
        Self { agent, tenant: tenant.into(), suite }
    }

    /// The suite new values are sealed under.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The agent, for what is not of one tenant.
    pub fn agent(&self) -> &dyn KeyAgent {
        self.agent.as_ref()
    }

    fn owner(&self, subject: Uuid, domain: Domain) -> Owner<'_> {
        Owner { tenant: &self.tenant, domain, subject }
    }

    fn data_key(&self, subject: Uuid, domain: Domain, secret: Secret) -> Result<DataKey, VaultError> {
        let kdf = Kdf::new(self.suite, &secret)?;
        Ok(DataKey { secret, kdf, suite: self.suite, tenant: Arc::clone(&self.tenant), subject, domain })
    }

    /// A new random data key for a person's data of one domain, and its wrapped form for the store.
    pub fn new_key(&self, subject: Uuid, domain: Domain) -> Result<(DataKey, Vec<u8>), VaultError> {
        self.new_key_of(subject, domain, &mut Draw::single())
    }

    /// The same for one of many: its randomness is part of the batch's.
    pub fn new_key_of(&self, subject: Uuid, domain: Domain, draw: &mut Draw) -> Result<(DataKey, Vec<u8>), VaultError> {
        let mut secret = Secret::default();
        draw.fill(secret.as_mut_slice())?;
        let wrapped = self.agent.wrap(&self.owner(subject, domain), &secret)?;
        Ok((self.data_key(subject, domain, secret)?, wrapped))
    }

    /// Opens a wrapped data key.
    ///
    /// # Errors
    /// [`VaultError::Refused`] when it belongs to another tenant, subject or domain; [`VaultError::Destroyed`] when its bucket is gone.
    pub fn open_key(&self, subject: Uuid, domain: Domain, wrapped: &[u8]) -> Result<DataKey, VaultError> {
        let secret = self.agent.unwrap(&self.owner(subject, domain), wrapped)?;
        self.data_key(subject, domain, secret)
    }

    /// Moves a data key to the newest version of its domain's key; `None` when it lies there, in a bucket or on hold. Meant for a cursor over the stored keys:
    /// repeating it is harmless.
    pub fn rewrap(&self, wrapped: &[u8], subject: Uuid, domain: Domain) -> Result<Option<Vec<u8>>, VaultError> {
        self.agent.rewrap(&self.owner(subject, domain), wrapped, Target::Newest)
    }

    /// Moves a data key of an ended service into the bucket of the month it is to be destroyed with (`L-REG-8`).
    pub fn rewrap_to_bucket(&self, month: Month, wrapped: &[u8], subject: Uuid, domain: Domain) -> Result<Option<Vec<u8>>, VaultError> {
        self.agent.rewrap(&self.owner(subject, domain), wrapped, Target::Bucket(month))
    }

    /// Any other move: on hold, released from hold, back to service.
    pub fn rewrap_to(&self, to: Target, wrapped: &[u8], subject: Uuid, domain: Domain) -> Result<Option<Vec<u8>>, VaultError> {
        self.agent.rewrap(&self.owner(subject, domain), wrapped, to)
    }

    /// Blind index under the current key of the field. Normalising is the caller's: equal values must arrive as equal text.
    pub fn blind(&self, field: Field, normalised: &str) -> Result<BlindIndex, VaultError> {
        self.agent.index(&self.tenant, field, None, normalised)
    }

    /// Blind index under a given version, while rows of two versions stand side by side.
    pub fn blind_version(&self, field: Field, version: u32, normalised: &str) -> Result<BlindIndex, VaultError> {
        self.agent.index(&self.tenant, field, Some(version), normalised)
    }

    /// Versions of the index key of a field, newest first.
    pub fn blind_versions(&self, field: Field) -> Result<Vec<u32>, VaultError> {
        self.agent.index_versions(&self.tenant, field)
    }

    /// A new version of the domain's key.
    pub fn rotate(&self, domain: Domain) -> Result<u32, VaultError> {
        self.agent.rotate(&self.tenant, domain)
    }

    /// Versions of the domain's key, newest first: more than one while a rotation is under way.
    pub fn domain_versions(&self, domain: Domain) -> Result<Vec<u32>, VaultError> {
        self.agent.domain_versions(&self.tenant, domain)
    }

    /// A new version of the field's index key.
    pub fn rotate_index(&self, field: Field) -> Result<u32, VaultError> {
        self.agent.rotate_index(&self.tenant, field)
    }

    /// Destroys an old version of a domain's key once `census`, the stored keys under it, is 0.
    pub fn destroy_version(&self, domain: Domain, version: u32, census: u64) -> Result<(), VaultError> {
        self.agent.destroy_version(&self.tenant, domain, version, census)
    }

    /// Destroys an old version of an index key once `census`, the rows that carry it, is 0.
    pub fn destroy_index_version(&self, field: Field, version: u32, census: u64) -> Result<(), VaultError> {
        self.agent.destroy_index_version(&self.tenant, field, version, census)
    }

    /// Destroys a bucket: everything in it, in every copy, stays shut from here on. Returns the signed statement for the certificate.
    pub fn destroy_bucket(&self, order: &Destruction, signer: &str) -> Result<String, VaultError> {
        self.agent.destroy_bucket(order, signer)
    }

    fn algorithm(&self) -> Algorithm {
        match self.suite {
            Suite::International => Algorithm::Ed25519,
            Suite::Gm => Algorithm::Sm2,
        }
    }

    /// Signs under the suite's algorithm: Ed25519, or SM2 under GM.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.agent.sign(self.algorithm(), message)
    }

    /// The key [`Vault::sign`] signs with.
    pub fn public_key(&self) -> Result<(Algorithm, Vec<u8>), VaultError> {
        Ok((self.algorithm(), self.agent.public_key(self.algorithm())?))
    }

    /// Signs a checkpoint with every algorithm of the agent.
    pub fn sign_checkpoint(&self, checkpoint: &Checkpoint) -> Result<String, VaultError> {
        checkpoint.sign(self.agent.as_ref())
    }

    /// The keys a verifier of notes signed in `name` needs, one per algorithm.
    pub fn verifier_keys(&self, name: &str) -> Result<Vec<VerifierKey>, VaultError> {
        let key = |algorithm: &Algorithm| {
            Ok(VerifierKey { name: name.to_owned(), kind: (*algorithm).into(), public: self.agent.public_key(*algorithm)? })
        };
        self.agent.algorithms().iter().map(key).collect()
    }
}

/// Version of the sealed form, in its header and its associated data.
const SCHEMA: u32 = 1;
/// suite(1) | schema(4).
const HEADER: usize = 5;
/// How much longer a sealed value is than its plaintext.
pub const OVERHEAD: usize = HEADER + NONCE + TAG;

/// 数据密钥: seals the values of one person in one domain. Cleared when dropped.
pub struct DataKey {
    secret: Secret,
    kdf: Kdf,
    suite: Suite,
    tenant: Arc<str>,
    subject: Uuid,
    domain: Domain,
}

impl DataKey {
    /// Whose key it is.
    pub fn subject(&self) -> Uuid {
        self.subject
    }

    /// Seals a value for one column: suite(1) | schema(4) | nonce(12) | ciphertext | tag(16).
    pub fn seal(&self, place: Place, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.seal_of(place, plain, &mut Draw::single())
    }

    /// The same for one value of many: its nonce is part of the batch's randomness.
    pub fn seal_of(&self, place: Place, plain: &[u8], draw: &mut Draw) -> Result<Vec<u8>, VaultError> {
        let mut sealed = Vec::with_capacity(plain.len().saturating_add(OVERHEAD));
        sealed.push(self.suite.byte());
        sealed.extend_from_slice(&SCHEMA.to_be_bytes());
        let aad = self.associated(place, &sealed);
        let key = column_key(&self.kdf, self.suite, place)?;
        let mut nonce = [0; NONCE];
        draw.fill(&mut nonce)?;
        sealed.extend_from_slice(&nonce);
        let start = sealed.len();
        sealed.extend_from_slice(plain);
        let text = sealed.get_mut(start..).ok_or(VaultError::Malformed("sealed value"))?;
        let tag = key.seal(&nonce, aad.bytes(), text)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens a value sealed by this person's key for this column, under whichever suite it carries.
    ///
    /// # Errors
    /// [`VaultError::Refused`] when it was altered or sealed for another tenant, domain, subject, table or column; [`VaultError::Malformed`] when it is no sealed
    /// value at all.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let short = VaultError::Malformed("sealed value");
        let (header, rest) = sealed.split_first_chunk::<HEADER>().ok_or(short.clone())?;
        let [suite, schema @ ..] = header;
        let suite = Suite::from_byte(*suite).ok_or(VaultError::Malformed("suite"))?;
        if u32::from_be_bytes(*schema) != SCHEMA {
            return Err(VaultError::Malformed("schema"));
        }
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(short)?;
        let key = if suite == self.suite {
            column_key(&self.kdf, suite, place)?
        } else {
            column_key(&Kdf::new(suite, &self.secret)?, suite, place)?
        };
        let mut data = Zeroizing::new(rest.to_vec());
        key.open(nonce, self.associated(place, header).bytes(), &mut data)?;
        Ok(data)
    }

    fn associated(&self, place: Place, header: &[u8]) -> Info {
        Info::new("chuangsha sealed value v1")
            .part(header)
            .part(self.tenant.as_bytes())
            .part(&[self.domain.byte()])
            .part(self.subject.as_bytes())
            .part(place.table.as_bytes())
            .part(place.column.as_bytes())
    }
}

/// Bytes asked of the operating system at a time for a batch.
const DRAWN: usize = 4_096;

/// 随机批: randomness of one batch of values, asked of the operating system in few calls, each byte given out once. It belongs to whoever seals
/// the batch, lives no longer than that, and is cleared as it goes.
pub struct Draw {
    bytes: Zeroizing<Vec<u8>>,
    at: usize,
    most: usize,
}

impl Draw {
    /// For many values.
    #[must_use]
    pub fn batch() -> Self {
        Self { bytes: Zeroizing::new(Vec::new()), at: 0, most: DRAWN }
    }

    /// For one: nothing is kept.
    fn single() -> Self {
        Self { bytes: Zeroizing::new(Vec::new()), at: 0, most: 0 }
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<(), VaultError> {
        if self.most < out.len() {
            return random(out);
        }
        if self.bytes.len() - self.at < out.len() {
            self.bytes.resize(self.most, 0);
            random(&mut self.bytes)?;
            self.at = 0;
        }
        let end = self.at + out.len();
        let drawn = self.bytes.get_mut(self.at..end).ok_or(VaultError::Random)?;
        out.copy_from_slice(drawn);
        drawn.fill(0);
        self.at = end;
        Ok(())
    }
}

fn column_key(kdf: &Kdf, suite: Suite, place: Place) -> Result<AeadKey, VaultError> {
    let info = Info::new("chuangsha column v1").part(&[suite.byte()]).part(place.table.as_bytes()).part(place.column.as_bytes());
    let derived = kdf.expand(info.bytes())?;
    AeadKey::new(suite, &derived)
}
