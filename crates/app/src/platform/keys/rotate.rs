//! 换钥: a new version of a domain's key, every stored data key moved to it, the old version destroyed once nothing lies under it.
//!
//! The rows are their own cursor: what lies under the newest version is done. A rotation that was cut short goes on at the next call; it makes no
//! second version while an older one still wraps anything.

use std::collections::BTreeMap;

use chuangsha_store::params;
use chuangsha_vault::{Domain, Shelf, VaultError, agent::Target, shelf};

use super::put;
use crate::{
    App,
    platform::{
        audit::{By, Entry},
        failure::{Failure, Result},
    },
};

/// Where data keys lie: one line a domain, bucket and version.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Census {
    /// Domain.
    pub domain: Domain,
    /// `YYYY-MM`, `hold`, or empty for a living service.
    pub bucket: String,
    /// Version of the domain's key; 0 in a bucket.
    pub version: i64,
    /// Data keys.
    pub keys: i64,
}

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rotation {
    /// Domain.
    pub domain: Domain,
    /// The newest version; `None` when the domain was never used.
    pub version: Option<u32>,
    /// It goes on with a rotation that was cut short.
    pub resumed: bool,
    /// Data keys moved now.
    pub moved: u64,
    /// Data keys that would not open: they stay where they are, and so does their version.
    pub stuck: u64,
    /// Old versions destroyed.
    pub destroyed: Vec<u32>,
    /// Old versions still there.
    pub kept: Vec<u32>,
}

impl App {
    /// Counts the data keys by domain, bucket and version.
    pub async fn key_census(&self) -> Result<Vec<Census>> {
        self.read(|tx| {
            let sql = "SELECT domain, bucket, kek_version, COUNT(*) FROM data_key GROUP BY domain, bucket, kek_version ORDER BY 1, 2, 3";
            tx.query(sql, &[])?
                .iter()
                .map(|row| {
                    Ok(Census { domain: super::domain_of(row.int(0)?)?, bucket: row.text(1)?, version: row.int(2)?, keys: row.int(3)? })
                })
                .collect()
        })
        .await
    }

    /// Rotates the key of a domain, `batch` data keys a transaction. `each` is told how many of how many were moved. With `alone` the caller
    /// vouches that no other process works on this record: only then are old versions destroyed, for a server that has not yet heard of the new
    /// version still seals under the old one.
    ///
    /// # Errors
    /// What the store or the vault could not do; what was moved until then is moved.
    pub async fn rotate_domain(&self, domain: Domain, batch: i64, alone: bool, mut each: impl FnMut(u64, u64)) -> Result<Rotation> {
        let versions = self.vault.domain_versions(domain)?;
        let resumed = versions.len() > 1;
        let newest = match versions.first() {
            None => None,
            Some(_) if !resumed => Some(self.vault.rotate(domain)?),
            Some(newest) => Some(*newest),
        };
        let Some(newest) = newest else {
            return Ok(Rotation { domain, version: None, resumed, moved: 0, stuck: 0, destroyed: Vec::new(), kept: Vec::new() });
        };
        self.log_rotation(domain, "rotate", serde_json::json!({ "domain": domain, "version": newest, "resumed": resumed })).await?;
        let total = self
            .read(move |tx| {
                let sql = "SELECT COUNT(*) FROM data_key WHERE domain = $1 AND bucket = '' AND kek_version <> $2";
                Ok(tx.query_one(sql, &params![domain as i64, i64::from(newest)])?.int(0)?.max(0).unsigned_abs())
            })
            .await?;
        let (mut moved, mut stuck, mut after) = (0, 0, Vec::new());
        loop {
            let (app, from) = (self.clone(), after.clone());
            let (done, failed, last) = self.write(move |tx| app.rewrap_batch(tx, domain, newest, &from, batch)).await?;
            moved += done;
            stuck += failed;
            each(moved, total);
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        let (mut destroyed, mut kept) = (Vec::new(), Vec::new());
        let census = if alone { self.true_census(domain).await? } else { BTreeMap::new() };
        for old in self.vault.domain_versions(domain)?.into_iter().filter(|version| *version != newest) {
            let under = census.get(&old).copied().unwrap_or(0);
            if !alone || under > 0 || stuck > 0 {
                kept.push(old);
                continue;
            }
            self.vault.destroy_version(domain, old, under)?;
            destroyed.push(old);
        }
        let facts = serde_json::json!({ "domain": domain, "version": newest, "moved": moved, "stuck": stuck, "destroyed": destroyed, "kept": kept });
        self.log_rotation(domain, "rewrapped", facts).await?;
        Ok(Rotation { domain, version: Some(newest), resumed, moved, stuck, destroyed, kept })
    }

    fn rewrap_batch(
        &self,
        tx: &mut chuangsha_store::Tx,
        domain: Domain,
        newest: u32,
        after: &[u8],
        batch: i64,
    ) -> Result<(u64, u64, Option<Vec<u8>>)> {
        let rows = tx.query(
            "SELECT subject, wrapped FROM data_key WHERE domain = $1 AND bucket = '' AND kek_version <> $2 AND subject > $3
             ORDER BY subject LIMIT $4",
            &params![domain as i64, i64::from(newest), after, batch.max(1)],
        )?;
        let (mut moved, mut stuck) = (0, 0);
        for row in &rows {
            let (subject, wrapped) = (row.uuid(0)?, row.bytes(1)?);
            match self.vault.rewrap_to(Target::Newest, &wrapped, subject, domain) {
                Ok(next) => {
                    put(tx, subject, domain, &wrapped, next.as_ref().unwrap_or(&wrapped))?;
                    moved += 1;
                }
                // One damaged row must not keep the others under the old key.
                Err(VaultError::Refused | VaultError::Malformed(_)) => stuck += 1,
                Err(error) => return Err(error.into()),
            }
        }
        Ok((moved, stuck, rows.last().map(|row| row.bytes(0)).transpose()?))
    }

    /// How many data keys lie under each version, read from the keys themselves: a column may be wrong, and what is destroyed stays destroyed.
    async fn true_census(&self, domain: Domain) -> Result<BTreeMap<u32, u64>> {
        const PAGE: i64 = 10_000;
        let (mut census, mut after) = (BTreeMap::new(), Vec::new());
        loop {
            let from: Vec<u8> = after;
            let rows = self
                .read(move |tx| {
                    let sql = "SELECT subject, wrapped FROM data_key WHERE domain = $1 AND subject > $2 ORDER BY subject LIMIT $3";
                    Ok::<_, Failure>(tx.query(sql, &params![domain as i64, &from, PAGE])?)
                })
                .await?;
            for row in &rows {
                if let (_, Shelf::Service(version)) = shelf(row.slice(1)?)? {
                    *census.entry(version).or_default() += 1;
                }
            }
            match rows.last() {
                Some(row) => after = row.bytes(0)?,
                None => return Ok(census),
            }
        }
    }

    async fn log_rotation(&self, domain: Domain, step: &'static str, facts: serde_json::Value) -> Result<()> {
        let (app, now) = (self.clone(), self.clock.now());
        self.write(move |tx| {
            let facts = facts.to_string();
            let entry = Entry {
                action: "vault.rotate",
                case_kind: domain.name(),
                step,
                article: "L-PIP-6",
                pack: &app.rules.version,
                facts: &facts,
                ..Entry::default()
            };
            app.audit(tx, By::System("vault"), &entry, now).map(drop)
        })
        .await
    }
}
