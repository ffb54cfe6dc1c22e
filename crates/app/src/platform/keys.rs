//! 数据密钥: one random key a person and domain, wrapped, in a small table of its own. Destroying the row's key destroys the person's data.

use chuangsha_store::{Tx, params};
use chuangsha_vault::{DataKey, Domain, Place};
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

impl App {
    /// The subject's key, made on first use.
    pub fn key_of(&self, tx: &mut Tx, subject: Uuid, domain: Domain) -> Result<DataKey> {
        if let Some(key) = self.key_if_any(tx, subject, domain)? {
            return Ok(key);
        }
        let (key, wrapped) = self.vault.new_key(subject, domain)?;
        tx.push(
            "INSERT INTO data_key (subject, domain, wrapped) VALUES ($1, $2, $3)",
            &params![subject.as_bytes().as_slice(), domain as i64, &wrapped],
        )?;
        Ok(key)
    }

    /// The subject's key; `None` when nothing was ever sealed for them, or it was destroyed.
    pub fn key_if_any(&self, tx: &mut Tx, subject: Uuid, domain: Domain) -> Result<Option<DataKey>> {
        let row = tx.query_opt(
            "SELECT wrapped FROM data_key WHERE subject = $1 AND domain = $2",
            &params![subject.as_bytes().as_slice(), domain as i64],
        )?;
        match row {
            Some(row) => Ok(Some(self.vault.open_key(subject, domain, &row.bytes(0)?)?)),
            None => Ok(None),
        }
    }
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
