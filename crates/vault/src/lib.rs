//! 保险库: sealing, blind indexes, the key hierarchy and the Merkle log. Pure but for the key files of [`LocalAgent`]; two suites behind one byte.
//!
//! ```text
//! root (sealed file, 0600)                    never leaves the key agent
//!  +- KEK[tenant, domain, version]            wraps data keys of living services
//!  +- KEK[bucket YYYY-MM], KEK[hold]          wraps data keys of ended services; destroying a bucket reaches every backup
//!  +- IK[tenant, field, version]              blind indexes; never derived from a KEK
//!      DEK[subject, domain]                   random, stored wrapped, one per person and domain
//!       +- column key = HKDF(DEK, suite | table | column)
//!            sealed value = suite(1) | schema(4) | nonce(12) | ciphertext | tag(16); AAD = suite | schema | tenant | domain | subject | table | column
//! ```
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable))]

pub mod agent;
pub mod bench;
pub mod checkpoint;
pub mod error;
mod keys;
mod local;
pub mod log_export;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod sealed;
mod suite;
pub mod tile;
mod vault;
#[cfg(test)]
mod vectors;
pub mod witness;

pub use agent::{Destruction, KeyAgent, Month, Owner, Shelf, shelf};
pub use error::VaultError;
pub use local::LocalAgent;
pub use sealed::{Grant, Masked, Personal, RevealError, Revealed, Sealed};
pub use suite::{Algorithm, Suite, signature_is_good};
pub use vault::{DataKey, Draw, Vault};

/// 密钥域: what a data key protects. One person has one data key per domain, so that a domain is destroyed without the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// 身份信息: names, document numbers, addresses, phone numbers.
    Identity = 1,
    /// 证件影像: images and recordings.
    Documents = 2,
    /// 通话记录: calls and screening decisions.
    Calls = 3,
    /// 审计: the readable side of audit entries.
    Audit = 4,
    /// 导出: files made for a named recipient.
    Export = 5,
    /// 消息: texts and addresses of outgoing messages.
    Messages = 6,
    /// 工作人员: what is kept about staff.
    Staff = 7,
}

impl Domain {
    /// Every domain.
    pub const ALL: [Self; 7] = [Self::Identity, Self::Documents, Self::Calls, Self::Audit, Self::Export, Self::Messages, Self::Staff];

    /// The stored byte; never reused.
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Reads the stored byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|domain| domain.byte() == byte)
    }

    /// Stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Documents => "documents",
            Self::Calls => "calls",
            Self::Audit => "audit",
            Self::Export => "export",
            Self::Messages => "messages",
            Self::Staff => "staff",
        }
    }
}

/// 索引字段: what is looked up by exact value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// 手机号码, E.164 digits without `+`.
    Phone = 1,
    /// 证件号码, kind and normalised number.
    DocumentNumber = 2,
    /// 自然人: the canonical person text, so that one person behind two documents is one person.
    PersonKey = 3,
    /// 工号: a staff login.
    StaffLogin = 4,
    /// SIM 卡号.
    Iccid = 5,
    /// 审计主体: a subject of data as the audit log knows them.
    AuditSubject = 6,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 6] = [Self::Phone, Self::DocumentNumber, Self::PersonKey, Self::StaffLogin, Self::Iccid, Self::AuditSubject];

    /// The stored byte; never reused.
    pub const fn byte(self) -> u8 {
        self as u8
    }
}

/// 盲索引: 128 bits that say whether two values are equal, and nothing else to whoever lacks the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlindIndex(pub [u8; 16]);

impl BlindIndex {
    /// As the store keeps it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// 位置: the table and column a value is sealed for. A value moved to another place does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Table name.
    pub table: &'static str,
    /// Column name.
    pub column: &'static str,
}

impl Place {
    /// `const NAME: Place = Place::new("person", "name");`
    pub const fn new(table: &'static str, column: &'static str) -> Self {
        Self { table, column }
    }
}
