//! 联网核验: asking the authority whether a document is genuine and whether the face belongs to it (L-REG-15, L-REG-16).
//!
//! Fail closed: no answer is [`VerifyDown`], an `Err`, and shares no value with any outcome. While it is down orders wait; nothing passes.

mod breaker;
mod http;
#[cfg(test)]
mod tests;

use chuangsha_kernel::{
    problem::{Problem, Refuse},
    time::Timestamp,
};
use futures_util::future::BoxFuture;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use breaker::{Breaker, BreakerSettings, State as BreakerState};
pub use http::{HttpVerifier, HttpVerifierSettings};

chuangsha_kernel::codes! {
    VERIFY_DOWN = "verify.down", 503, "联网核验暂时不可用，登记单等待核验", "networked verification is unavailable; the order waits for it", "无需重复提交；系统恢复后自动继续", "do not submit again; the order continues by itself once the service is back";
}

/// 核验请求: one document to be checked. No Serialize, no readable Debug.
#[derive(Clone)]
pub struct DocumentCheck {
    /// Identifies the question; asked again with the same id it is the same question.
    pub request: Uuid,
    /// Code of the document kind: `resident_id`.
    pub kind: String,
    /// Normalised document number.
    pub number: Zeroizing<String>,
    /// Name as printed.
    pub name: Zeroizing<String>,
}

impl std::fmt::Debug for DocumentCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DocumentCheck({}, {})", self.request, self.kind)
    }
}

/// 人脸比对请求: a live picture against the document's holder. No Serialize, no readable Debug.
#[derive(Clone)]
pub struct FaceMatch {
    /// Identifies the question.
    pub request: Uuid,
    /// Code of the document kind.
    pub kind: String,
    /// Normalised document number.
    pub number: Zeroizing<String>,
    /// Live picture, JPEG, at most [`FaceMatch::MAX_BYTES`].
    pub picture: Zeroizing<Vec<u8>>,
}

impl FaceMatch {
    /// Longest picture sent.
    pub const MAX_BYTES: usize = 4 << 20;
}

impl std::fmt::Debug for FaceMatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FaceMatch({}, {}, {} bytes)", self.request, self.kind, self.picture.len())
    }
}

/// 核验证据号: the authority's reference for an answer; 1..=128 printable ASCII characters, never personal.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Evidence(String);

impl Evidence {
    /// `None` for anything else than 1..=128 printable ASCII characters without spaces.
    pub fn parse(text: &str) -> Option<Self> {
        ((1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    /// As the authority gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// 核验结果: what the authority said about the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckOutcome {
    /// 一致: number and name belong together.
    Match(Evidence),
    /// 不一致: they do not.
    Mismatch(Evidence),
    /// 库中无此号: no such document.
    NotFound(Evidence),
}

/// 人脸比对结果: how alike, never a verdict. It is one piece of evidence for the auditor and never the only way to pass (L-REG-17).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaceOutcome {
    /// Similarity, 0..=1000.
    pub score: u16,
    /// The authority's reference.
    pub evidence: Evidence,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownReason {
    /// No connection.
    Unreachable,
    /// Connected, but too slow.
    Timeout,
    /// An HTTP status other than success.
    Status(u16),
    /// An answer that cannot be believed: not the format, not our question, an unknown word, a score out of range.
    Garbage,
    /// Not asked: too many failures just now.
    Open,
}

/// 核验不可用: there is no answer. Nothing may pass on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("verification is down: {reason:?}")]
pub struct VerifyDown {
    /// Why.
    pub reason: DownReason,
    /// When asking again makes sense, if known.
    pub retry_at: Option<Timestamp>,
}

impl Refuse for VerifyDown {
    fn problem(&self) -> Problem {
        Problem::new(&VERIFY_DOWN)
    }
}

/// 核验端口: whoever can check a document and compare a face. Further authorities (the national network identity service, L-REG-18) implement it.
pub trait Verifier: Send + Sync {
    /// Checks number and name of a document.
    fn check_document<'a>(&'a self, check: &'a DocumentCheck) -> BoxFuture<'a, Result<CheckOutcome, VerifyDown>>;

    /// Compares a live picture with the holder's.
    fn match_face<'a>(&'a self, check: &'a FaceMatch) -> BoxFuture<'a, Result<FaceOutcome, VerifyDown>>;
}
