//! 签名文书 (C2SP signed note): text, a blank line, and signature lines of which a reader needs to know only its own.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{Algorithm, VaultError, merkle, signature_is_good};

/// 签名种类: what a key of a note does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Signs the text with Ed25519.
    Ed25519,
    /// Signs the text with SM2. The format assigns no byte to it: 0xff and a longer identifier stand for it.
    Sm2,
    /// A witness: signs the text and the time it saw it (C2SP tlog-cosignature, Ed25519).
    Cosignature,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Ed25519, Self::Sm2, Self::Cosignature];

    fn identifier(self) -> &'static [u8] {
        match self {
            Self::Ed25519 => &[0x01],
            Self::Cosignature => &[0x04],
            Self::Sm2 => b"\xffchuangsha SM2 with SM3",
        }
    }

    fn key_length(self) -> usize {
        match self {
            Self::Ed25519 | Self::Cosignature => 32,
            Self::Sm2 => 65,
        }
    }
}

impl From<Algorithm> for Kind {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Ed25519 => Self::Ed25519,
            Algorithm::Sm2 => Self::Sm2,
        }
    }
}

/// The most signature lines read; the format asks readers for at least sixteen.
const MOST_SIGNATURES: usize = 64;

/// 验签公钥: a name, a kind and a key. Text form `name+<key id, hex>+<base64 of type and key>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    /// Key name: the origin for a log, a name of its own for a witness.
    pub name: String,
    /// What it signs, and how.
    pub kind: Kind,
    /// Public key bytes.
    pub public: Vec<u8>,
}

/// What is wrong with a note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a note: what is wrong with its form.
    #[error("not a signed note: {0}")]
    Form(&'static str),
    /// A signature of a key we know does not fit the text.
    #[error("the signature of {0} does not fit the text")]
    Forged(String),
    /// No signature of any key we know.
    #[error("no signature of a known key")]
    Unsigned,
    /// Not a verifier key.
    #[error("not a verifier key: name+id+key")]
    Key,
}

impl VerifierKey {
    /// Key id: the first four bytes of SHA-256(name, newline, type, key).
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, self.kind, &self.public)
    }

    /// Reads the text form; the id must fit name and key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        let key = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let known = Kind::ALL.into_iter().find_map(|kind| Some((kind, key.strip_prefix(kind.identifier())?)));
        let (kind, public) = known.ok_or(NoteError::Key)?;
        let key = Self { name: name.to_owned(), kind, public: public.to_vec() };
        if public.len() != kind.key_length() || !name_is_good(name) || hex::encode(key.id()) != id {
            return Err(NoteError::Key);
        }
        Ok(key)
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = [self.kind.identifier(), &self.public].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(key))
    }
}

fn key_id(name: &str, kind: Kind, public: &[u8]) -> [u8; 4] {
    let hash = merkle::sha256(&[name.as_bytes(), b"\n", kind.identifier(), public]);
    hash.first_chunk::<4>().copied().unwrap_or_default()
}

fn name_is_good(name: &str) -> bool {
    !name.is_empty() && !name.contains('+') && !name.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Key name.
    pub name: String,
    /// Key id.
    pub id: [u8; 4],
    /// What follows the id.
    pub bytes: Vec<u8>,
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "— {} {}", self.name, STANDARD.encode([self.id.as_slice(), &self.bytes].concat()))
    }
}

/// 签名文书.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The text, ending in a newline.
    pub text: String,
    /// The signatures, as they stand: none of them is checked yet.
    pub signatures: Vec<Signature>,
}

impl Note {
    /// Reads a note without believing it.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(NoteError::Form("control characters"));
        }
        let split = note.rfind("\n\n").ok_or(NoteError::Form("no blank line before the signatures"))?;
        let (text, lines) = note.split_at_checked(split + 1).ok_or(NoteError::Form("no text"))?;
        let lines = lines.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n')).ok_or(NoteError::Form("no newline at the end"))?;
        let signatures = lines.split('\n').map(parse_signature).take(MOST_SIGNATURES + 1).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MOST_SIGNATURES {
            return Err(NoteError::Form("too many signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// Which of the known keys signed the text, and when for a witness. Unknown signatures are passed over.
    ///
    /// # Errors
    /// [`NoteError::Forged`] when the signature of a known key does not fit; [`NoteError::Unsigned`] when no known key signed.
    pub fn verify<'k>(&self, known: &'k [VerifierKey]) -> Result<Vec<Verified<'k>>, NoteError> {
        let mut verified = Vec::new();
        for key in known {
            let id = key.id();
            for signature in self.signatures.iter().filter(|signature| signature.name == key.name && signature.id == id) {
                let forged = || NoteError::Forged(key.name.clone());
                let (good, seen_s) = match key.kind {
                    Kind::Ed25519 => (signature_is_good(Algorithm::Ed25519, &key.public, self.text.as_bytes(), &signature.bytes), None),
                    Kind::Sm2 => (signature_is_good(Algorithm::Sm2, &key.public, self.text.as_bytes(), &signature.bytes), None),
                    Kind::Cosignature => {
                        let (time, bytes) = signature.bytes.split_first_chunk::<8>().ok_or_else(forged)?;
                        let time = u64::from_be_bytes(*time);
                        let message = cosigned_message(&self.text, time);
                        (signature_is_good(Algorithm::Ed25519, &key.public, message.as_bytes(), bytes), Some(time))
                    }
                };
                if !good {
                    return Err(forged());
                }
                verified.push(Verified { key, seen_s });
            }
        }
        if verified.is_empty() { Err(NoteError::Unsigned) } else { Ok(verified) }
    }
}

/// A signature found good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified<'k> {
    /// Whose.
    pub key: &'k VerifierKey,
    /// For a witness: when it saw the text, seconds since 1970-01-01 UTC.
    pub seen_s: Option<u64>,
}

/// What a witness signs.
pub(crate) fn cosigned_message(text: &str, seen_s: u64) -> String {
    format!("cosignature/v1\ntime {seen_s}\n{text}")
}

/// The signature line of a witness.
pub(crate) fn cosignature(name: &str, public: &[u8], seen_s: u64, bytes: &[u8]) -> Signature {
    let bytes = [seen_s.to_be_bytes().as_slice(), bytes].concat();
    Signature { name: name.to_owned(), id: key_id(name, Kind::Cosignature, public), bytes }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| write!(f, "{signature}"))
    }
}

fn parse_signature(line: &str) -> Result<Signature, NoteError> {
    let (name, encoded) = line
        .strip_prefix("— ")
        .and_then(|line| line.split_once(' '))
        .ok_or(NoteError::Form("a signature line starts with — and a name"))?;
    let bytes = STANDARD.decode(encoded).map_err(|_| NoteError::Form("a signature is base64"))?;
    let (id, bytes) = bytes.split_first_chunk::<4>().ok_or(NoteError::Form("a signature starts with a key id"))?;
    if !name_is_good(name) || bytes.is_empty() {
        return Err(NoteError::Form("a signature has a name and a value"));
    }
    Ok(Signature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
}

/// Gives the public key and the signature of one algorithm over a message.
pub(crate) type SignWith<'a> = dyn Fn(Algorithm, &[u8]) -> Result<(Vec<u8>, Vec<u8>), VaultError> + 'a;

/// Signs `text` (ending in a newline) with every algorithm, one line each.
pub(crate) fn sign(text: &str, name: &str, algorithms: &[Algorithm], with: &SignWith<'_>) -> Result<String, VaultError> {
    if !text.ends_with('\n') || !name_is_good(name) {
        return Err(VaultError::Malformed("note"));
    }
    let mut note = Note { text: text.to_owned(), signatures: Vec::new() };
    for algorithm in algorithms {
        let (public, bytes) = with(*algorithm, text.as_bytes())?;
        let id = key_id(name, Kind::from(*algorithm), &public);
        note.signatures.push(Signature { name: name.to_owned(), id, bytes });
    }
    Ok(note.to_string())
}
