//! 密钥代理: whoever holds the root. It wraps data keys, computes blind indexes and signs; KEK, IK and signing keys never come out of it.
//! In process it is [`crate::LocalAgent`]; the trait is what a process of its own, or a hardware module, has to offer.

use chuangsha_kernel::time::Timestamp;
use uuid::Uuid;

use crate::{
    Algorithm, BlindIndex, Domain, Field, Suite, VaultError,
    checkpoint::{parse_decimal, parse_hash},
    merkle::Hash,
    note::{Note, NoteError, VerifierKey},
    suite::{AeadKey, Info, NONCE, Secret, TAG, random},
};

/// Whose data key it is; goes into the associated data of the wrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    /// Tenant (operator or reseller).
    pub tenant: &'a str,
    /// Domain.
    pub domain: Domain,
    /// The subject.
    pub subject: Uuid,
}

/// 年月: the month whose bucket a data key lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month(u32);

impl Month {
    /// Year 2000..=9999, month 1..=12.
    pub fn new(year: i16, month: i8) -> Result<Self, VaultError> {
        match (u32::try_from(year), u32::try_from(month)) {
            (Ok(year @ 2000..=9999), Ok(month @ 1..=12)) => Ok(Self(year * 100 + month)),
            _ => Err(VaultError::BadMonth),
        }
    }

    /// `YYYY-MM`.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let (year, month) = text.split_once('-').ok_or(VaultError::BadMonth)?;
        let digits = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(VaultError::BadMonth);
        }
        Self::new(year.parse().map_err(|_| VaultError::BadMonth)?, month.parse().map_err(|_| VaultError::BadMonth)?)
    }

    fn from_reference(reference: u32) -> Result<Self, VaultError> {
        let part = |value: u32| i16::try_from(value).unwrap_or(0);
        Self::new(part(reference / 100), i8::try_from(reference % 100).unwrap_or(0))
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 100, self.0 % 100)
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

impl TryFrom<String> for Month {
    type Error = VaultError;
    fn try_from(text: String) -> Result<Self, VaultError> {
        Self::parse(&text)
    }
}

/// 密钥所在: which key a data key is wrapped under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shelf {
    /// A living service, under this version of the tenant's key of the domain.
    Service(u32),
    /// An ended service, to be destroyed with its month.
    Bucket(Month),
    /// 法定保留: kept until the hold is released.
    Hold,
}

impl Shelf {
    /// For the column `bucket`: `YYYY-MM`, `hold` or `None`.
    pub fn bucket_text(self) -> Option<String> {
        match self {
            Self::Service(_) => None,
            Self::Bucket(month) => Some(month.to_string()),
            Self::Hold => Some("hold".to_owned()),
        }
    }

    /// For the column `kek_version`; 0 in a bucket.
    pub fn kek_version(self) -> u32 {
        match self {
            Self::Service(version) => version,
            Self::Bucket(_) | Self::Hold => 0,
        }
    }

    fn header(self) -> (u8, u32) {
        match self {
            Self::Service(version) => (1, version),
            Self::Bucket(month) => (2, month.0),
            Self::Hold => (3, 0),
        }
    }
}

/// A destruction to be carried out: what the agent signs for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destruction {
    /// The bucket.
    pub bucket: Month,
    /// How many data keys lay in it.
    pub keys: u64,
    /// Merkle root over the commitments of its subjects ([`crate::merkle::commit`]).
    pub subjects: Hash,
    /// When.
    pub at: Timestamp,
}

/// What the holder of the root offers. Every method is safe to repeat.
pub trait KeyAgent: Send + Sync {
    /// Wraps a data key under the current key of its tenant and domain, made at first use.
    fn wrap(&self, owner: &Owner<'_>, key: &[u8; 32]) -> Result<Vec<u8>, VaultError>;
    /// Unwraps wherever it lies. [`VaultError::Destroyed`] when its bucket is gone.
    fn unwrap(&self, owner: &Owner<'_>, wrapped: &[u8]) -> Result<Secret, VaultError>;
    /// Moves a data key to another shelf without showing it; `None` when it lies there already under the agent's own suite.
    fn rewrap(&self, owner: &Owner<'_>, wrapped: &[u8], to: Target) -> Result<Option<Vec<u8>>, VaultError>;
    /// Blind index of a normalised value; `None` = current version.
    fn index(&self, tenant: &str, field: Field, version: Option<u32>, normalised: &str) -> Result<BlindIndex, VaultError>;
    /// Versions of an index key, newest first.
    fn index_versions(&self, tenant: &str, field: Field) -> Result<Vec<u32>, VaultError>;
    /// A new version of the key of a domain; data keys move over by `rewrap`. Returns the version.
    fn rotate(&self, tenant: &str, domain: Domain) -> Result<u32, VaultError>;
    /// Versions of the key of a domain, newest first; empty before the first use.
    fn domain_versions(&self, tenant: &str, domain: Domain) -> Result<Vec<u32>, VaultError>;
    /// A new version of an index key, under the agent's suite. Returns the version.
    fn rotate_index(&self, tenant: &str, field: Field) -> Result<u32, VaultError>;
    /// Destroys an old version of a domain's key. `census`: how many stored data keys still lie under it; refused while above 0.
    fn destroy_version(&self, tenant: &str, domain: Domain, version: u32, census: u64) -> Result<(), VaultError>;
    /// Destroys an old version of an index key once no row carries it.
    fn destroy_index_version(&self, tenant: &str, field: Field, version: u32, census: u64) -> Result<(), VaultError>;
    /// Destroys a bucket and returns the signed statement, a note. A repeat returns the statement of the first time.
    fn destroy_bucket(&self, order: &Destruction, signer: &str) -> Result<String, VaultError>;
    /// Months with a living bucket key, oldest first.
    fn buckets(&self) -> Result<Vec<Month>, VaultError>;
    /// How often the keys were changed: lower than in the last destroy statement means that an older key file was restored.
    fn generation(&self) -> u64;
    /// The algorithms this agent signs with, the interoperable one first.
    fn algorithms(&self) -> &'static [Algorithm];
    /// Public key of one algorithm.
    fn public_key(&self, algorithm: Algorithm) -> Result<Vec<u8>, VaultError>;
    /// Signs.
    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, VaultError>;
}

/// Where a data key is to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The newest version of the domain's key; leaves keys in buckets and on hold where they are.
    Newest,
    /// Back to a living service, also out of a bucket.
    Service,
    /// The bucket of a month; refused for a key on hold.
    Bucket(Month),
    /// On hold.
    Hold,
    /// From hold to the bucket of a month.
    Release(Month),
}

/// Bytes of a wrapped data key: suite(1) | shelf(1) | reference(4) | nonce(12) | key(32) | tag(16).
pub const WRAPPED: usize = 2 + 4 + NONCE + 32 + TAG;

/// Where a wrapped data key says it lies; true only once it has been unwrapped.
pub fn shelf(wrapped: &[u8]) -> Result<(Suite, Shelf), VaultError> {
    let malformed = VaultError::Malformed("wrapped key");
    let Some(([suite, kind, reference @ ..], _)) = wrapped.split_first_chunk::<6>() else {
        return Err(malformed);
    };
    let suite = Suite::from_byte(*suite).ok_or(VaultError::Malformed("suite"))?;
    let reference = u32::from_be_bytes(*reference);
    match kind {
        1 => Ok((suite, Shelf::Service(reference))),
        2 => Ok((suite, Shelf::Bucket(Month::from_reference(reference)?))),
        3 => Ok((suite, Shelf::Hold)),
        _ => Err(malformed),
    }
}

fn associated(owner: &Owner<'_>, header: &[u8]) -> Info {
    Info::new("chuangsha wrapped key v1")
        .part(header)
        .part(owner.tenant.as_bytes())
        .part(&[owner.domain.byte()])
        .part(owner.subject.as_bytes())
}

/// Wraps `key` under `kek`, for an agent that has chosen both.
pub(crate) fn wrap_under(kek: &AeadKey, suite: Suite, shelf: Shelf, owner: &Owner<'_>, key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
    let (kind, reference) = shelf.header();
    let mut wrapped = Vec::with_capacity(WRAPPED);
    wrapped.extend_from_slice(&[suite.byte(), kind]);
    wrapped.extend_from_slice(&reference.to_be_bytes());
    let aad = associated(owner, &wrapped);
    let mut nonce = [0; NONCE];
    random(&mut nonce)?;
    let mut sealed = Secret::new(*key);
    let tag = kek.seal(&nonce, aad.bytes(), sealed.as_mut_slice())?;
    wrapped.extend_from_slice(&nonce);
    wrapped.extend_from_slice(sealed.as_slice());
    wrapped.extend_from_slice(&tag);
    Ok(wrapped)
}

/// The other way.
pub(crate) fn unwrap_under(kek: &AeadKey, owner: &Owner<'_>, wrapped: &[u8]) -> Result<Secret, VaultError> {
    let malformed = VaultError::Malformed("wrapped key");
    if wrapped.len() != WRAPPED {
        return Err(malformed);
    }
    let (header, rest) = wrapped.split_at_checked(6).ok_or(malformed.clone())?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(malformed.clone())?;
    let aad = associated(owner, header);
    let mut data = zeroize::Zeroizing::new(sealed.to_vec());
    kek.open(nonce, aad.bytes(), &mut data)?;
    let key: &[u8; 32] = data.as_slice().try_into().map_err(|_| malformed)?;
    Ok(Secret::new(*key))
}

impl Destruction {
    /// The text the agent signs; `generation` is that of its keys after the destruction.
    pub fn statement(&self, generation: u64) -> String {
        use base64::Engine as _;
        format!(
            "chuangsha destroy statement v1\nbucket {}\nkeys {}\nsubjects {}\nat {}\ngeneration {generation}\n",
            self.bucket,
            self.keys,
            base64::engine::general_purpose::STANDARD.encode(self.subjects),
            self.at.rfc3339(),
        )
    }
}

/// 销毁声明: what a signed destroy statement says, for whoever checks a destruction certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The bucket.
    pub bucket: Month,
    /// How many data keys lay in it.
    pub keys: u64,
    /// Merkle root over the commitments of its subjects.
    pub subjects: Hash,
    /// When, RFC 3339, as signed.
    pub at: String,
    /// Change count of the agent's keys after the destruction.
    pub generation: u64,
}

impl Statement {
    /// Reads a statement signed by one of `known`.
    pub fn verify(note: &str, known: &[VerifierKey]) -> Result<Self, NoteError> {
        let note = Note::parse(note)?;
        note.verify(known)?;
        Self::read(&note.text).ok_or(NoteError::Form("not a destroy statement"))
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.strip_prefix("chuangsha destroy statement v1\n")?.lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        Some(Self {
            bucket: Month::parse(field("bucket")?).ok()?,
            keys: parse_decimal(field("keys")?)?,
            subjects: parse_hash(field("subjects")?)?,
            at: field("at")?.to_owned(),
            generation: parse_decimal(field("generation")?)?,
        })
    }
}
