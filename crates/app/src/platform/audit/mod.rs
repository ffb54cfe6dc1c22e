//! 审计日志: every change of a case, every look at a datum, in one log that proves itself. Entries are written unsequenced in the
//! transaction they belong to; [`integrate`] orders them into the Merkle tree and signs a checkpoint.
//!
//! The leaf carries no personal datum, only salted commitments; words a person typed are sealed beside it.

use chuangsha_kernel::{
    id::{OrganisationId, StaffId, SubjectId},
    time::Timestamp,
};
use chuangsha_store::{Tx, params};
use chuangsha_vault::{Domain, Place};
use ring::digest;
use uuid::Uuid;

use super::{actor::Actor, failure::Result};
use crate::App;

pub mod check;
pub mod export;
pub mod http;
pub mod integrate;
pub mod nodes;
pub mod page;
pub mod query;

/// Tables of this module.
pub const DDL: &str = "
CREATE TABLE audit_entry (
    id BYTEA PRIMARY KEY,
    seq BIGINT,
    at BIGINT NOT NULL,
    action TEXT NOT NULL,
    case_kind TEXT NOT NULL,
    case_id BYTEA,
    staff BYTEA,
    organisation BYTEA,
    subject_mark BYTEA,
    leaf BYTEA NOT NULL,
    leaf_hash BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    facts TEXT NOT NULL
);
CREATE UNIQUE INDEX audit_entry_seq ON audit_entry (seq) WHERE seq IS NOT NULL;
CREATE INDEX audit_entry_unsequenced ON audit_entry (id) WHERE seq IS NULL;
CREATE INDEX audit_entry_case ON audit_entry (case_id, id);
CREATE INDEX audit_entry_subject ON audit_entry (subject_mark, at) WHERE subject_mark IS NOT NULL;
CREATE INDEX audit_entry_staff ON audit_entry (staff, at);
CREATE TABLE audit_checkpoint (
    size BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    root BYTEA NOT NULL,
    note TEXT NOT NULL
);
";

/// A list of one action reads its own entries and not the whole log: some actions are one in a hundred thousand.
pub const DDL_4: &str = "
CREATE INDEX audit_entry_action ON audit_entry (action, id);
";

/// The frontier is kept with the checkpoint: going on after a restart reads one row, not the log.
pub const DDL_2: &str = "
ALTER TABLE audit_checkpoint ADD COLUMN peaks BYTEA;
";

/// Roots of 256 leaves, of 65,536, and so on: a proof is read from one short row of hashes a level, not from the whole log.
pub const DDL_3: &str = "
CREATE TABLE audit_node (
    level BIGINT NOT NULL,
    place BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (level, place)
);
";

/// Where the words of an entry are sealed.
const PLACE: Place = Place::new("audit_entry", "sealed");

/// The subject whose data key seals the words of the log itself.
const LOG_SUBJECT: Uuid = Uuid::from_u128(0x6175_6469_7400_7000_8000_0000_0000_0001);

/// One thing done.
#[derive(Debug, Clone, Default)]
pub struct Entry<'a> {
    /// Stable dotted name of the action, the stem of its permission: `order.approve`.
    pub action: &'a str,
    /// `order`, `channel`, `staff`, …
    pub case_kind: &'a str,
    /// Which.
    pub case: Option<Uuid>,
    /// State before and after, `auditing>approved`, or the field revealed.
    pub step: &'a str,
    /// Words a person gave. Sealed: they may name somebody.
    pub why: &'a str,
    /// Article that decided.
    pub article: &'a str,
    /// Version of the rule packs.
    pub pack: &'a str,
    /// What it was decided on, as JSON without personal data: it can be replayed (I6).
    pub facts: &'a str,
    /// Whose data it is about.
    pub subject: Option<SubjectId>,
}

/// Who did it: a person, or the system by a named job.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// A member of staff or an API key.
    Actor(&'a Actor),
    /// A timed job or a worker.
    System(&'a str),
}

/// The leaf: canonical JSON, fields in this order.
#[derive(serde::Serialize)]
struct Leaf<'a> {
    v: u8,
    id: Uuid,
    at: i64,
    by: String,
    organisation: Option<OrganisationId>,
    from: &'a str,
    action: &'a str,
    case_kind: &'a str,
    case: Option<Uuid>,
    step: &'a str,
    article: &'a str,
    pack: &'a str,
    facts: String,
    why: String,
    subject: Option<String>,
}

/// What is sealed beside the leaf.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Words {
    pub(super) salt: String,
    pub(super) why: String,
    pub(super) number: String,
}

impl App {
    /// Writes one entry in the transaction it belongs to. When the transaction does not commit, nothing happened and nothing is logged.
    pub fn audit(&self, tx: &mut Tx, by: By<'_>, entry: &Entry<'_>, at: Timestamp) -> Result<Uuid> {
        let id = self.ids.next(at);
        let mut salt = [0_u8; 16];
        self.ids.fill(&mut salt);
        let (staff, organisation, number, from) = match by {
            By::Actor(actor) => (Some(actor.staff), Some(actor.organisation), actor.number.as_str(), actor.address.as_str()),
            By::System(job) => (None, None, job, ""),
        };
        let subject_mark = entry.subject.map(|subject| self.subject_mark(subject)).transpose()?;
        let leaf = serde_json::to_vec(&Leaf {
            v: 1,
            id,
            at: at.0,
            by: staff.map_or_else(|| format!("system:{number}"), |staff: StaffId| staff.to_string()),
            organisation,
            from,
            action: entry.action,
            case_kind: entry.case_kind,
            case: entry.case,
            step: entry.step,
            article: entry.article,
            pack: entry.pack,
            facts: commitment(&salt, entry.facts),
            why: commitment(&salt, entry.why),
            subject: subject_mark.map(hex::encode),
        })
        .map_err(super::failure::Failure::internal)?;
        let words = serde_json::to_vec(&Words { salt: hex::encode(salt), why: entry.why.to_owned(), number: number.to_owned() })
            .map_err(super::failure::Failure::internal)?;
        let sealed = self.audit_key(tx)?.seal(PLACE, &words)?;
        let hash = chuangsha_vault::merkle::leaf_hash(&leaf);
        tx.push(
            "INSERT INTO audit_entry (id, at, action, case_kind, case_id, staff, organisation, subject_mark, leaf, leaf_hash, sealed, facts)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            &params![
                id.as_bytes().as_slice(),
                at.0,
                entry.action,
                entry.case_kind,
                entry.case.as_ref().map(|case| case.as_bytes().as_slice()),
                staff.as_ref().map(StaffId::as_bytes),
                organisation.as_ref().map(OrganisationId::as_bytes),
                subject_mark.as_ref().map(<[u8; 16]>::as_slice),
                &leaf,
                hash.as_slice(),
                &sealed,
                entry.facts
            ],
        )?;
        Ok(id)
    }

    /// The subject as the log knows them: joinable inside the log, meaningless outside it.
    pub fn subject_mark(&self, subject: SubjectId) -> Result<[u8; 16]> {
        Ok(self.vault.blind(chuangsha_vault::Field::AuditSubject, &subject.to_string())?.0)
    }

    /// The log's own key, where anything was ever logged.
    pub(super) fn audit_key_if_any(&self, tx: &mut Tx) -> Result<Option<std::sync::Arc<chuangsha_vault::DataKey>>> {
        Ok(self.key_if_any(tx, LOG_SUBJECT, Domain::Audit)?.map(std::sync::Arc::new))
    }

    /// The log's own key, opened once and kept.
    fn audit_key(&self, tx: &mut Tx) -> Result<std::sync::Arc<chuangsha_vault::DataKey>> {
        if let Some(key) = self.audit_key.get() {
            return Ok(key.clone());
        }
        let known = self.key_if_any(tx, LOG_SUBJECT, Domain::Audit)?;
        let Some(key) = known else {
            // Not kept until some later transaction reads it back: this one may still roll back.
            return Ok(std::sync::Arc::new(self.key_of(tx, LOG_SUBJECT, Domain::Audit)?));
        };
        let key = std::sync::Arc::new(key);
        Ok(self.audit_key.get_or_init(|| key).clone())
    }
}

/// Commits to a text without showing it: SHA-256 over salt and text.
fn commitment(salt: &[u8; 16], text: &str) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(salt);
    context.update(text.as_bytes());
    hex::encode(context.finish())
}
