//! 数据密钥: one random key a person and domain, wrapped, in a small table of its own. Destroying the row's key destroys the person's data.

pub mod destroy;
pub mod rotate;

use chuangsha_kernel::id::SubjectId;
use chuangsha_store::{Tx, params};
use chuangsha_vault::{DataKey, Domain, Month, Place, VaultError, agent::Target, shelf};
use uuid::Uuid;

use super::failure::{Failure, Result};
use crate::App;

/// Tables of this module.
pub const DDL: &str = "
CREATE TABLE data_key (
    subject BYTEA NOT NULL,
    domain BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    bucket TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (subject, domain)
);
";

/// Which version a key lies under, for the census; before this step nothing was ever rotated, so all of them are under the first. The index
/// holds ended services only: taking a person in costs nothing more.
pub const DDL_2: &str = "
ALTER TABLE data_key ADD COLUMN kek_version BIGINT NOT NULL DEFAULT 1;
CREATE INDEX data_key_bucket ON data_key (bucket, subject) WHERE bucket <> '';
CREATE TABLE key_destruction (
    bucket TEXT PRIMARY KEY,
    begun_at BIGINT NOT NULL,
    ended_at BIGINT,
    keys BIGINT NOT NULL,
    images BIGINT NOT NULL,
    root BYTEA NOT NULL,
    approver_one BYTEA NOT NULL,
    approver_two BYTEA NOT NULL,
    statement TEXT,
    entry BYTEA,
    tried BIGINT NOT NULL DEFAULT 0,
    CHECK (approver_one <> approver_two),
    CHECK (ended_at IS NULL OR (statement IS NOT NULL AND entry IS NOT NULL))
);
CREATE TABLE key_destruction_subject (
    bucket TEXT NOT NULL,
    position BIGINT NOT NULL,
    subject BYTEA NOT NULL,
    salt BYTEA NOT NULL,
    PRIMARY KEY (bucket, position)
);
";

/// A key is kept in the order of its subject, without a second tree to find it by.
pub const DDL_3: &str = "
DROP INDEX data_key_bucket;
CREATE TABLE data_key_next (
    subject BYTEA NOT NULL,
    domain BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    bucket TEXT NOT NULL DEFAULT '',
    kek_version BIGINT NOT NULL DEFAULT 1,
    PRIMARY KEY (subject, domain)
) WITHOUT ROWID;
INSERT INTO data_key_next (subject, domain, wrapped, bucket, kek_version) SELECT subject, domain, wrapped, bucket, kek_version FROM data_key;
DROP TABLE data_key;
ALTER TABLE data_key_next RENAME TO data_key;
CREATE INDEX data_key_bucket ON data_key (bucket, subject) WHERE bucket <> '';
";

impl App {
    /// The subject's key, made on first use. A person who comes back while their data waits for its destruction is in service again: all their
    /// keys leave the bucket.
    ///
    /// # Errors
    /// [`VaultError::Destroyed`]: nothing is ever sealed again for a destroyed subject; a new person row has a new one.
    pub fn key_of(&self, tx: &mut Tx, subject: Uuid, domain: Domain) -> Result<DataKey> {
        let row = tx.query_opt(
            "SELECT wrapped, bucket FROM data_key WHERE subject = $1 AND domain = $2",
            &params![subject.as_bytes().as_slice(), domain as i64],
        )?;
        if let Some(row) = row {
            let key = self.vault.open_key(subject, domain, &row.bytes(0)?)?;
            let bucket = row.str(1)?;
            if !matches!(bucket, "" | "hold") {
                // What two people have begun to destroy does not come back.
                if tx.query_opt("SELECT 1 FROM key_destruction WHERE bucket = $1", &params![bucket])?.is_some() {
                    return Err(VaultError::Destroyed(Month::parse(bucket)?).into());
                }
                self.move_keys(tx, SubjectId(subject), Target::Service)?;
            }
            return Ok(key);
        }
        let (key, wrapped) = self.vault.new_key(subject, domain)?;
        let (_, shelf) = shelf(&wrapped)?;
        tx.push(
            "INSERT INTO data_key (subject, domain, wrapped, bucket, kek_version) VALUES ($1, $2, $3, $4, $5)",
            &params![
                subject.as_bytes().as_slice(),
                domain as i64,
                &wrapped,
                &shelf.bucket_text().unwrap_or_default(),
                i64::from(shelf.kek_version())
            ],
        )?;
        Ok(key)
    }

    /// The subject's key; `None` when nothing was ever sealed for them, or it was destroyed.
    pub fn key_if_any(&self, tx: &mut Tx, subject: Uuid, domain: Domain) -> Result<Option<DataKey>> {
        let row = tx.query_opt(
            "SELECT wrapped FROM data_key WHERE subject = $1 AND domain = $2",
            &params![subject.as_bytes().as_slice(), domain as i64],
        )?;
        let Some(row) = row else { return Ok(None) };
        match self.vault.open_key(subject, domain, &row.bytes(0)?) {
            Ok(key) => Ok(Some(key)),
            Err(VaultError::Destroyed(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Destroys a key that was made for one thing, with the thing: what was sealed under it never opens again.
    pub fn forget_key(&self, tx: &mut Tx, subject: Uuid, domain: Domain) -> Result<()> {
        Ok(tx.push("DELETE FROM data_key WHERE subject = $1 AND domain = $2", &params![subject.as_bytes().as_slice(), domain as i64])?)
    }

    /// Moves every key of a subject to another shelf; says how many moved.
    pub fn move_keys(&self, tx: &mut Tx, subject: SubjectId, to: Target) -> Result<u64> {
        let rows = tx.query("SELECT domain, wrapped FROM data_key WHERE subject = $1 ORDER BY domain", &params![subject.as_bytes()])?;
        let mut moved = 0;
        for row in rows {
            let (domain, wrapped) = (domain_of(row.int(0)?)?, row.bytes(1)?);
            if let Some(next) = self.vault.rewrap_to(to, &wrapped, subject.0, domain)? {
                put(tx, subject.0, domain, &wrapped, &next)?;
                moved += 1;
            }
        }
        Ok(moved)
    }
}

fn domain_of(number: i64) -> Result<Domain> {
    let domain = u8::try_from(number).ok().and_then(Domain::from_byte);
    domain.ok_or_else(|| Failure::internal("data_key.domain holds a value this version does not know"))
}

/// Replaces a wrapped key by the same key on another shelf. Whoever moved it in the meantime wins, and this transaction starts over.
fn put(tx: &mut Tx, subject: Uuid, domain: Domain, before: &[u8], after: &[u8]) -> Result<()> {
    let (_, shelf) = shelf(after)?;
    tx.push_one(
        "UPDATE data_key SET wrapped = $3, bucket = $4, kek_version = $5 WHERE subject = $1 AND domain = $2 AND wrapped = $6",
        &params![
            subject.as_bytes().as_slice(),
            domain as i64,
            after,
            &shelf.bucket_text().unwrap_or_default(),
            i64::from(shelf.kek_version()),
            before
        ],
    )?;
    Ok(())
}

/// Seals a text for one column.
pub fn seal(key: &DataKey, place: Place, text: &str) -> Result<Vec<u8>> {
    Ok(key.seal(place, text.as_bytes())?)
}

/// Opens a text of one column.
pub fn open(key: &DataKey, place: Place, sealed: &[u8]) -> Result<String> {
    let plain = key.open(place, sealed)?;
    String::from_utf8(plain.to_vec()).map_err(|_| Failure::internal("a sealed text is not UTF-8"))
}
