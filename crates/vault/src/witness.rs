//! 见证方: keeps the last checkpoint it saw and cosigns a newer one only when it goes on from that one. A log that is rewritten then needs its witnesses to agree.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuangsha_kernel::{
    problem::{Problem, Refuse},
    time::Timestamp,
};

use crate::{
    Algorithm, KeyAgent, VaultError,
    checkpoint::{Checkpoint, parse_decimal, parse_hash},
    local::replace_file,
    merkle::{Hash, consistency_holds, empty_root},
    note::{self, Kind, NoteError, VerifierKey},
};

/// Problem codes of a witness. The statuses are those of the C2SP tlog-witness protocol.
pub mod codes {
    chuangsha_kernel::codes! {
        REQUEST = "witness.request", 400,
            "请求格式不对：{what}", "the request is malformed: {what}",
            "按 tlog-witness 的 add-checkpoint 格式重发", "send it again in the add-checkpoint form of tlog-witness";
        ORIGIN = "witness.origin", 404,
            "本见证方不认识这个日志", "this witness does not know that log",
            "在见证方登记该日志的公钥", "register the public key of the log with the witness";
        UNSIGNED = "witness.unsigned", 403,
            "检查点不是由该日志签名的", "the checkpoint is not signed by the log",
            "核对日志公钥", "check the public key of the log";
        STALE = "witness.stale", 409,
            "见证方已见到第 {size} 条，请从该处证明", "the witness has seen {size} entries: prove from there",
            "以该大小重新生成一致性证明", "make the consistency proof from that size";
        INCONSISTENT = "witness.inconsistent", 422,
            "与已见证的第 {size} 条不一致：日志被改写或分叉", "not consistent with the {size} entries seen: the log was rewritten or forked",
            "保全双方的检查点并上报", "secure both checkpoints and report it";
    }
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Malformed.
    #[error("malformed: {0}")]
    Request(&'static str),
    /// Another log.
    #[error("unknown log")]
    Origin,
    /// Not signed by the log.
    #[error("not signed by the log: {0}")]
    Unsigned(NoteError),
    /// The proof starts elsewhere than at the last checkpoint.
    #[error("the last checkpoint seen has size {0}")]
    Stale(u64),
    /// The log was rewritten or forked.
    #[error("not consistent with the checkpoint of size {0}")]
    Inconsistent(u64),
    /// The witness itself failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Refuse for Refusal {
    fn problem(&self) -> Problem {
        match self {
            Self::Request(what) => Problem::new(&codes::REQUEST).with("what", what),
            Self::Origin => Problem::new(&codes::ORIGIN),
            Self::Unsigned(_) => Problem::new(&codes::UNSIGNED),
            Self::Stale(size) => Problem::new(&codes::STALE).with("size", size),
            Self::Inconsistent(size) => Problem::new(&codes::INCONSISTENT).with("size", size),
            Self::Vault(error) => error.problem(),
        }
    }
}

/// 见证请求 (C2SP tlog-witness add-checkpoint): `old <size>`, the consistency proof, an empty line, the signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Size the proof starts at.
    pub old: u64,
    /// Consistency proof from `old` to the checkpoint.
    pub proof: Vec<Hash>,
    /// Signed checkpoint.
    pub checkpoint: String,
}

impl Request {
    /// Reads a request without believing it.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(Refusal::Request("no empty line before the checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(parse_decimal).ok_or(Refusal::Request("no old size"))?;
        let proof =
            lines.map(parse_hash).take(64).collect::<Option<Vec<_>>>().ok_or(Refusal::Request("a proof line is 32 bytes in base64"))?;
        if proof.len() > 63 {
            return Err(Refusal::Request("more than 63 proof lines"));
        }
        Ok(Self { old, proof, checkpoint: checkpoint.to_owned() })
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", STANDARD.encode(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// 见证方 of one log.
pub struct Witness {
    agent: Arc<dyn KeyAgent>,
    name: String,
    log: Vec<VerifierKey>,
    file: PathBuf,
    /// One request at a time: two of them checked against the same last checkpoint could roll it back.
    turn: std::sync::Mutex<()>,
}

impl Witness {
    /// `name` signs; `log` are the keys of the one log watched; `file` keeps its last checkpoint. The agent must serve this witness alone: the cosignature does not
    /// name the witness.
    pub fn new(agent: Arc<dyn KeyAgent>, name: &str, log: Vec<VerifierKey>, file: impl AsRef<Path>) -> Self {
        Self { agent, name: name.to_owned(), log, file: file.as_ref().to_owned(), turn: std::sync::Mutex::new(()) }
    }

    /// The key others verify the cosignatures with.
    pub fn verifier_key(&self) -> Result<VerifierKey, VaultError> {
        Ok(VerifierKey { name: self.name.clone(), kind: Kind::Cosignature, public: self.agent.public_key(Algorithm::Ed25519)? })
    }

    /// The last checkpoint seen; `None` before the first.
    pub fn last(&self) -> Result<Option<Checkpoint>, Refusal> {
        let failed = |error: &std::io::Error| VaultError::File { path: self.file.display().to_string(), reason: error.to_string() };
        match fs::read_to_string(&self.file) {
            Ok(note) => Checkpoint::verify(&note, &self.log).map(Some).map_err(Refusal::Unsigned),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&error).into()),
        }
    }

    /// Checks a request, keeps its checkpoint, and returns the signature line to put under it. The checkpoint is on disk before the line is given.
    pub fn add_checkpoint(&self, request: &Request, now: Timestamp) -> Result<String, Refusal> {
        let _turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (checkpoint, note) = Checkpoint::parse(&request.checkpoint).map_err(|_| Refusal::Request("checkpoint"))?;
        if !self.log.iter().any(|key| key.name == checkpoint.origin) {
            return Err(Refusal::Origin);
        }
        checkpoint.signed_by_log(&note, &self.log).map_err(Refusal::Unsigned)?;
        if request.old > checkpoint.size {
            return Err(Refusal::Request("the old size is above the new one"));
        }
        let (size, root) = self.last()?.map_or((0, empty_root()), |last| (last.size, last.root));
        if request.old != size {
            return Err(Refusal::Stale(size));
        }
        if !consistency_holds(size, checkpoint.size, &root, &checkpoint.root, &request.proof) {
            return Err(Refusal::Inconsistent(size));
        }
        replace_file(&self.file, request.checkpoint.as_bytes())?;
        let seen_s = u64::try_from(now.0.div_euclid(1000)).unwrap_or(0);
        let message = note::cosigned_message(&note.text, seen_s);
        let bytes = self.agent.sign(Algorithm::Ed25519, message.as_bytes())?;
        Ok(note::cosignature(&self.name, &self.agent.public_key(Algorithm::Ed25519)?, seen_s, &bytes).to_string())
    }
}
