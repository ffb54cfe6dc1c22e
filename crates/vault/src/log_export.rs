//! 审计日志导出: a log in one file of lines, verifiable with the file and the log's public key alone. The form is described in `docs/api/audit-log.md`.

use std::io::{self, BufRead, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuangsha_kernel::{
    problem::{Problem, Refuse},
    time::Timestamp,
};

use crate::{
    KeyAgent, VaultError,
    checkpoint::{Checkpoint, parse_decimal, parse_hash},
    merkle::{Frontier, Hash, leaf_hash},
    note::{self, Note, NoteError, VerifierKey},
};

/// First line of an export.
const MARK: &str = "chuangsha-audit-export v1";
/// First line of the closing note.
const CLOSING: &str = "chuangsha audit export v1 closed";

/// Problem codes of a log that does not verify.
pub mod codes {
    chuangsha_kernel::codes! {
        BROKEN = "audit.log_broken", 422,
            "审计日志第 {index} 条起不可信：{what}", "the audit log cannot be trusted from entry {index} on: {what}",
            "保全本文件与数据库，向监管部门与见证方索取各自保存的检查点，按事件流程处置", "secure this file and the database, ask the regulator and the witnesses for the checkpoints they keep, and open an incident";
        UNREADABLE = "audit.export_unreadable", 422,
            "导出文件第 {line} 行读不懂：{what}", "line {line} of the export is unreadable: {what}",
            "核对文件是否完整传输，或重新导出", "check that the file was transferred whole, or export again";
    }
}

/// What is wrong with an exported log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The entry at this place carries another number: one was dropped, added or moved.
    #[error("entry {found} stands where entry {expected} belongs")]
    OutOfOrder {
        /// The number that belongs here.
        expected: u64,
        /// The number that stands here.
        found: u64,
    },
    /// The entry does not fit its hash.
    #[error("the entry was altered")]
    Altered,
    /// The entries up to here do not give the signed root: one of them was altered, added, dropped or moved, or the log was forked.
    #[error("the entries up to {size} do not give the signed root")]
    Root {
        /// Size of the checkpoint.
        size: u64,
    },
    /// A checkpoint is not signed by the log.
    #[error("checkpoint: {0}")]
    Checkpoint(NoteError),
    /// A checkpoint of another log.
    #[error("a checkpoint of another log")]
    Origin,
    /// A checkpoint stands before the entries it covers, or after ones it does not.
    #[error("a checkpoint of size {size} stands at the wrong place")]
    Misplaced {
        /// Its size.
        size: u64,
    },
    /// The file ends without its signed closing.
    #[error("the export is cut off")]
    CutOff,
    /// Something follows the closing.
    #[error("something follows the closing")]
    Trailing,
    /// The log shown here is not the one a witness saw.
    #[error("a witness saw another log at size {size}: the log was forked or rewritten")]
    Forked {
        /// Size the witness saw.
        size: u64,
    },
    /// The log shown here is shorter than one a witness saw.
    #[error("a witness saw {size} entries: the log was truncated")]
    Truncated {
        /// Size the witness saw.
        size: u64,
    },
    /// Not a line of an export.
    #[error("unreadable: {0}")]
    Unreadable(&'static str),
}

/// 导出不可信: what is wrong, and from where on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, entry {index}: {fault}")]
pub struct Broken {
    /// The first entry that cannot be trusted. For [`Fault::Root`] the first one after the last good checkpoint: the signed roots do not say more.
    pub index: u64,
    /// Line of the file, from 1.
    pub line: u64,
    /// What is wrong.
    pub fault: Fault,
}

impl Refuse for Broken {
    fn problem(&self) -> Problem {
        match &self.fault {
            Fault::Unreadable(what) => Problem::new(&codes::UNREADABLE).with("line", self.line).with("what", what),
            fault => Problem::new(&codes::BROKEN).with("index", self.index).with("what", fault),
        }
    }
}

/// Writes an export line by line.
pub struct Writer<W> {
    out: W,
    origin: String,
    log: Frontier,
}

impl<W: Write> Writer<W> {
    /// Starts an export of `origin` from where `before` ends; the empty frontier for a whole log. A later start is only as good as the checkpoint of that size,
    /// which must come next.
    pub fn start(mut out: W, origin: &str, before: Frontier) -> io::Result<Self> {
        writeln!(out, "{MARK}")?;
        writeln!(out, "origin {origin}")?;
        write!(out, "start {}", before.size())?;
        before.peaks().iter().try_for_each(|peak| write!(out, " {}", STANDARD.encode(peak)))?;
        writeln!(out)?;
        Ok(Self { out, origin: origin.to_owned(), log: before })
    }

    /// The next entry.
    pub fn entry(&mut self, entry: &[u8]) -> io::Result<()> {
        let hash = leaf_hash(entry);
        let index = self.log.append_hash(hash);
        writeln!(self.out, "entry {index} {} {}", STANDARD.encode(hash), STANDARD.encode(entry))
    }

    /// A signed checkpoint of exactly the entries so far.
    pub fn checkpoint(&mut self, note: &str) -> io::Result<()> {
        writeln!(self.out, "checkpoint {}", STANDARD.encode(note))
    }

    /// The signed closing: how many entries the log had when it was exported, and when that was.
    pub fn close(mut self, agent: &dyn KeyAgent, at: Timestamp) -> Result<W, CloseError> {
        let text = closing_text(&self.origin, self.log.size(), &self.log.root(), &at.rfc3339());
        let note = note::sign(&text, &self.origin, agent.algorithms(), &|algorithm, message: &[u8]| {
            Ok((agent.public_key(algorithm)?, agent.sign(algorithm, message)?))
        })?;
        writeln!(self.out, "close {}", STANDARD.encode(note))?;
        Ok(self.out)
    }
}

/// Why an export could not be closed.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// Signing failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn closing_text(origin: &str, size: u64, root: &Hash, at: &str) -> String {
    format!("{CLOSING}\n{origin}\n{size}\n{}\n{at}\n", STANDARD.encode(root))
}

/// What a good export holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Which log.
    pub origin: String,
    /// First entry in the file.
    pub start: u64,
    /// Entries in the log.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// Checkpoints in the file.
    pub checkpoints: u64,
    /// How many of the checkpoints a witness saw were found again here. One below the start of the file cannot be.
    pub witnessed: u64,
    /// When it was exported, RFC 3339, as signed.
    pub exported_at: String,
}

/// Verifies an export with nothing but the file and the log's public keys; with checkpoints a witness kept (`seen`, already verified) also that the log is the one
/// the witness saw. `each` is given every entry as it passes, before the whole is known to be good.
///
/// # Errors
/// The outer error is reading; the inner one says what is wrong and from which entry on.
pub fn verify(
    mut input: impl BufRead,
    known: &[VerifierKey],
    seen: &[Checkpoint],
    each: &mut dyn FnMut(u64, &[u8]),
) -> io::Result<Result<Verified, Broken>> {
    let mut check = Check::new(known, seen);
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(check.end());
        }
        check.line += 1;
        if let Err(fault) = check.take(&line, each) {
            return Ok(Err(check.broken(fault)));
        }
    }
}

/// What comes next in the file.
enum Expect {
    Mark,
    Origin,
    Start,
    /// The checkpoint of a start that is not 0.
    Anchor,
    Body,
    Nothing,
}

struct Check<'a> {
    known: &'a [VerifierKey],
    seen: &'a [Checkpoint],
    expect: Expect,
    line: u64,
    origin: String,
    start: u64,
    log: Frontier,
    /// Size of the last good checkpoint: everything below is proven.
    proven: u64,
    checkpoints: u64,
    closed: Option<String>,
    /// Set where a fault is of one entry alone.
    at: Option<u64>,
}

impl<'a> Check<'a> {
    fn new(known: &'a [VerifierKey], seen: &'a [Checkpoint]) -> Self {
        let (origin, log) = (String::new(), Frontier::new());
        Self { known, seen, expect: Expect::Mark, line: 0, origin, start: 0, log, proven: 0, checkpoints: 0, closed: None, at: None }
    }

    fn broken(&self, fault: Fault) -> Broken {
        Broken { index: self.at.unwrap_or(self.proven), line: self.line, fault }
    }

    fn take(&mut self, line: &[u8], each: &mut dyn FnMut(u64, &[u8])) -> Result<(), Fault> {
        let line = std::str::from_utf8(line).map_err(|_| Fault::Unreadable("not text"))?;
        // A line without its newline is the mark of a file cut off in the middle.
        let line = line.strip_suffix('\n').ok_or(Fault::CutOff)?;
        match self.expect {
            Expect::Mark if line == MARK => self.expect = Expect::Origin,
            Expect::Mark => return Err(Fault::Unreadable("not an audit export")),
            Expect::Origin => {
                line.strip_prefix("origin ").ok_or(Fault::Unreadable("no origin"))?.clone_into(&mut self.origin);
                self.expect = Expect::Start;
            }
            Expect::Start => self.take_start(line)?,
            Expect::Anchor | Expect::Body => {
                let (word, rest) = line.split_once(' ').ok_or(Fault::Unreadable("no such line"))?;
                match (word, &self.expect) {
                    ("entry", Expect::Body) => self.take_entry(rest, each)?,
                    ("checkpoint", _) => self.take_checkpoint(rest)?,
                    ("close", _) => self.take_close(rest)?,
                    _ => return Err(Fault::Unreadable("no such line")),
                }
            }
            Expect::Nothing => return Err(Fault::Trailing),
        }
        Ok(())
    }

    fn take_start(&mut self, line: &str) -> Result<(), Fault> {
        let unreadable = Fault::Unreadable("start: a size and its peaks");
        let mut parts = line.strip_prefix("start ").ok_or(unreadable.clone())?.split(' ');
        let size = parts.next().and_then(parse_decimal).ok_or(unreadable.clone())?;
        let peaks = parts.take(65).map(parse_hash).collect::<Option<Vec<_>>>().ok_or(unreadable.clone())?;
        self.log = Frontier::resume(size, peaks).ok_or(unreadable)?;
        self.start = size;
        self.proven = size;
        self.expect = if size == 0 { Expect::Body } else { Expect::Anchor };
        Ok(())
    }

    fn take_entry(&mut self, rest: &str, each: &mut dyn FnMut(u64, &[u8])) -> Result<(), Fault> {
        let expected = self.log.size();
        self.at = Some(expected);
        let unreadable = Fault::Unreadable("entry: number, hash and content");
        let mut parts = rest.splitn(3, ' ');
        let (Some(number), Some(hash), Some(content)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(unreadable);
        };
        let found = parse_decimal(number).ok_or(unreadable.clone())?;
        if found != expected {
            return Err(Fault::OutOfOrder { expected, found });
        }
        let hash = parse_hash(hash).ok_or(unreadable.clone())?;
        let content = STANDARD.decode(content).map_err(|_| unreadable)?;
        if leaf_hash(&content) != hash {
            return Err(Fault::Altered);
        }
        self.log.append_hash(hash);
        self.at = None;
        self.match_witnesses()?;
        each(expected, &content);
        Ok(())
    }

    fn take_checkpoint(&mut self, rest: &str) -> Result<(), Fault> {
        let note = decode_note(rest)?;
        let (checkpoint, note) = Checkpoint::parse(&note).map_err(Fault::Checkpoint)?;
        if checkpoint.origin != self.origin {
            return Err(Fault::Origin);
        }
        checkpoint.signed_by_log(&note, self.known).map_err(Fault::Checkpoint)?;
        if checkpoint.size != self.log.size() {
            return Err(Fault::Misplaced { size: checkpoint.size });
        }
        if checkpoint.root != self.log.root() {
            return Err(Fault::Root { size: checkpoint.size });
        }
        self.proven = checkpoint.size;
        self.checkpoints += 1;
        self.expect = Expect::Body;
        self.match_witnesses()
    }

    fn take_close(&mut self, rest: &str) -> Result<(), Fault> {
        let note = Note::parse(&decode_note(rest)?).map_err(Fault::Checkpoint)?;
        let by_log = note.verify(self.known).map_err(Fault::Checkpoint)?.iter().any(|verified| verified.key.name == self.origin);
        if !by_log {
            return Err(Fault::Checkpoint(NoteError::Unsigned));
        }
        let mut lines = note.text.lines();
        let (Some(CLOSING), Some(origin), Some(size), Some(root), Some(at)) =
            (lines.next(), lines.next(), lines.next().and_then(parse_decimal), lines.next().and_then(parse_hash), lines.next())
        else {
            return Err(Fault::Unreadable("closing"));
        };
        if origin != self.origin {
            return Err(Fault::Origin);
        }
        if size != self.log.size() {
            return Err(Fault::Misplaced { size });
        }
        if root != self.log.root() {
            return Err(Fault::Root { size });
        }
        self.proven = size;
        self.closed = Some(at.to_owned());
        self.expect = Expect::Nothing;
        Ok(())
    }

    fn match_witnesses(&self) -> Result<(), Fault> {
        let size = self.log.size();
        let other = |seen: &&Checkpoint| seen.size == size && (seen.origin != self.origin || seen.root != self.log.root());
        match self.seen.iter().find(other) {
            Some(seen) => Err(Fault::Forked { size: seen.size }),
            None => Ok(()),
        }
    }

    fn end(self) -> Result<Verified, Broken> {
        let Some(exported_at) = self.closed.clone() else {
            return Err(self.broken(Fault::CutOff));
        };
        let size = self.log.size();
        if let Some(seen) = self.seen.iter().find(|seen| seen.size > size) {
            return Err(Broken { index: size, ..self.broken(Fault::Truncated { size: seen.size }) });
        }
        let witnessed = self.seen.iter().filter(|seen| seen.size >= self.start).count() as u64;
        let root = self.log.root();
        Ok(Verified { origin: self.origin, start: self.start, size, root, checkpoints: self.checkpoints, witnessed, exported_at })
    }
}

fn decode_note(text: &str) -> Result<String, Fault> {
    let unreadable = Fault::Unreadable("a note in base64");
    String::from_utf8(STANDARD.decode(text).map_err(|_| unreadable.clone())?).map_err(|_| unreadable)
}
