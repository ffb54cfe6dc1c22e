//! 检查点 (C2SP tlog-checkpoint): origin, size and root of the log, as a signed note.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    KeyAgent, VaultError,
    merkle::Hash,
    note::{self, Kind, Note, NoteError, VerifierKey},
};

/// 检查点.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: a schema-less URL.
    pub origin: String,
    /// Entries in the tree.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
}

impl Checkpoint {
    /// The three lines that are signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads the text of a note; extension lines are passed over.
    pub fn parse_text(text: &str) -> Result<Self, NoteError> {
        let lines = text.strip_suffix('\n').ok_or(NoteError::Form("no newline at the end"))?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NoteError::Form("a checkpoint has origin, size and root"));
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(NoteError::Form("a checkpoint has no empty line"));
        }
        let size = parse_decimal(size).ok_or(NoteError::Form("the size is a decimal without leading zeroes"))?;
        let root = parse_hash(root).ok_or(NoteError::Form("the root is 32 bytes in base64"))?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// Reads a signed checkpoint without believing it.
    pub fn parse(note: &str) -> Result<(Self, Note), NoteError> {
        let note = Note::parse(note)?;
        Ok((Self::parse_text(&note.text)?, note))
    }

    /// Reads a checkpoint signed by its log: by at least one of `known` that bears the origin's name and is no witness, and by none of `known` wrongly.
    pub fn verify(note: &str, known: &[VerifierKey]) -> Result<Self, NoteError> {
        let (checkpoint, note) = Self::parse(note)?;
        checkpoint.signed_by_log(&note, known)?;
        Ok(checkpoint)
    }

    pub(crate) fn signed_by_log(&self, note: &Note, known: &[VerifierKey]) -> Result<(), NoteError> {
        let verified = note.verify(known)?;
        let by_log = verified.iter().any(|verified| verified.key.kind != Kind::Cosignature && verified.key.name == self.origin);
        if by_log { Ok(()) } else { Err(NoteError::Unsigned) }
    }

    /// The signed note, one line per algorithm of the agent, the key named after the origin.
    pub fn sign(&self, agent: &dyn KeyAgent) -> Result<String, VaultError> {
        if self.origin.is_empty() || self.origin.contains(char::is_whitespace) {
            return Err(VaultError::Malformed("origin"));
        }
        note::sign(&self.text(), &self.origin, agent.algorithms(), &|algorithm, message: &[u8]| {
            Ok((agent.public_key(algorithm)?, agent.sign(algorithm, message)?))
        })
    }
}

/// ASCII decimal without leading zeroes.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// Thirty-two bytes in base64.
pub(crate) fn parse_hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}
