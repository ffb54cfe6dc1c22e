//! 存证 (C2SP tlog-proof): an entry, its place and a checkpoint in one text, verifiable offline with the log's public key alone.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    checkpoint::{Checkpoint, parse_decimal, parse_hash},
    merkle::{Hash, inclusion_holds, leaf_hash},
    note::{NoteError, VerifierKey},
};

/// First line of the text.
const MARK: &str = "c2sp.org/tlog-proof@v1";

/// 存证.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogProof {
    /// Not authenticated: hints for whoever reads it.
    pub extra: Option<Vec<u8>>,
    /// Place of the entry in the log.
    pub index: u64,
    /// Inclusion proof, the leaf's sibling first.
    pub hashes: Vec<Hash>,
    /// Signed checkpoint.
    pub checkpoint: String,
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Its checkpoint does not verify.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
    /// The entry is not at that place of the checkpointed log.
    #[error("the entry is not at index {0} of the log")]
    Absent(u64),
}

impl LogProof {
    /// Reads the text without believing it.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let form = NoteError::Form;
        let rest = text.strip_prefix(MARK).and_then(|rest| rest.strip_prefix('\n')).ok_or(form("not a log proof"))?;
        let (head, checkpoint) = rest.split_once("\n\n").ok_or(form("no blank line before the checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        let extra = lines
            .next_if(|line| line.starts_with("extra "))
            .map(|line| STANDARD.decode(line.trim_start_matches("extra ")).map_err(|_| form("extra is base64")))
            .transpose()?;
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(parse_decimal).ok_or(form("no index"))?;
        let hashes =
            lines.take(64).map(|line| parse_hash(line).ok_or(form("a proof line is 32 bytes in base64"))).collect::<Result<_, _>>()?;
        Ok(Self { extra, index, hashes, checkpoint: checkpoint.to_owned() })
    }

    /// The checkpoint is the log's and `entry` stands in it.
    pub fn verify(&self, entry: &[u8], known: &[VerifierKey]) -> Result<Checkpoint, ProofError> {
        let checkpoint = Checkpoint::verify(&self.checkpoint, known)?;
        if inclusion_holds(&leaf_hash(entry), self.index, checkpoint.size, &self.hashes, &checkpoint.root) {
            Ok(checkpoint)
        } else {
            Err(ProofError::Absent(self.index))
        }
    }
}

impl std::fmt::Display for LogProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{MARK}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{}", STANDARD.encode(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
