//! 日志校验: adds the whole stored log up anew and holds it against its signed checkpoints, its columns and its sealed words.

use std::collections::BTreeMap;

use chuangsha_store::{Finding, Store};
use chuangsha_vault::{
    DataKey, Domain, Vault,
    checkpoint::Checkpoint,
    merkle::{Frontier, leaf_hash},
};

use super::{LOG_SUBJECT, PLACE, Words, commitment, integrate::pages, nodes};
use crate::platform::failure::{Failure, Result};

/// What is counted. Each count is of rows that offend.
#[derive(Default)]
struct Counts {
    leaf_hash: i64,
    sequence: i64,
    columns: i64,
    words: i64,
    checkpoints: i64,
    tail: i64,
    nodes: i64,
}

/// Checks every entry and every checkpoint. `each` is told how many entries were read.
///
/// # Errors
/// Reading failed. What is wrong with the log is in the findings.
pub async fn verify(store: &Store, vault: &Vault, origin: &str, mut each: impl FnMut(u64)) -> Result<Vec<Finding>> {
    let known = vault.verifier_keys(origin)?;
    let (notes, wrapped, kept) = store
        .read(|tx| {
            let rows = tx.query("SELECT size, root, note, peaks FROM audit_checkpoint ORDER BY size", &[])?;
            let notes =
                rows.iter().map(|row| Ok((row.int(0)?, row.bytes(1)?, row.text(2)?, row.opt_bytes(3)?))).collect::<Result<Vec<_>>>()?;
            let sql = "SELECT wrapped FROM data_key WHERE subject = $1 AND domain = $2";
            let key = tx.query_opt(sql, &chuangsha_store::params![LOG_SUBJECT.as_bytes().as_slice(), Domain::Audit as i64])?;
            let kept = tx.query("SELECT level, place, hash FROM audit_node", &[])?;
            let kept = kept.iter().map(|row| Ok(((row.int(0)?, row.int(1)?), row.bytes(2)?))).collect::<Result<BTreeMap<_, _>>>()?;
            Ok::<_, Failure>((notes, key.map(|row| row.bytes(0)).transpose()?, kept))
        })
        .await?;
    let key = wrapped.map(|wrapped| vault.open_key(LOG_SUBJECT, Domain::Audit, &wrapped)).transpose()?;
    let covered = notes.last().map_or(0, |(size, ..)| *size);
    let mut counts = Counts::default();
    let (mut log, mut complete) = (Frontier::new(), Vec::new());
    let mut notes = notes.into_iter().peekable();
    let columns = "seq, leaf, leaf_hash, action, case_id, at, staff, sealed, facts";
    pages(store, columns, i64::MAX, |rows| {
        for row in rows {
            let (leaf, hash) = (row.bytes(1)?, row.bytes(2)?);
            let counted = leaf_hash(&leaf);
            counts.leaf_hash += i64::from(counted.as_slice() != hash);
            counts.sequence += i64::from(u64::try_from(row.int(0)?).ok() != Some(log.size()));
            let leaf: serde_json::Value = serde_json::from_slice(&leaf).unwrap_or_default();
            let text = |name: &str| leaf.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
            let case = row.opt_uuid(4)?.map(|case| case.to_string()).unwrap_or_default();
            let staff = row.opt_uuid(6)?.map(|staff| staff.to_string());
            let same = text("action") == row.text(3)?
                && text("case") == case
                && leaf.get("at").and_then(serde_json::Value::as_i64) == Some(row.int(5)?)
                && staff.map_or_else(|| text("by").starts_with("system:"), |staff| text("by") == staff);
            counts.columns += i64::from(!same);
            counts.words += i64::from(!words_hold(key.as_ref(), &row.bytes(7)?, &row.text(8)?, text("facts"), text("why")));
            nodes::append(&mut log, counted, &mut complete);
            while let Some((size, root, note, peaks)) =
                notes.next_if(|(size, ..)| u64::try_from(*size).is_ok_and(|size| size <= log.size()))
            {
                let good = Checkpoint::verify(&note, &known).is_ok_and(|signed| {
                    i64::try_from(signed.size) == Ok(size) && signed.root == log.root() && signed.root.as_slice() == root
                });
                counts.checkpoints += i64::from(!good || peaks.is_some_and(|peaks| peaks != log.peaks().concat()));
            }
        }
        each(log.size());
        Ok(())
    })
    .await?;
    counts.tail = i64::try_from(log.size()).map_err(Failure::internal)?.abs_diff(covered).try_into().unwrap_or(i64::MAX);
    // A node that is wrong, missing, or of leaves that are not there.
    let right = complete.iter().filter(|(level, place, hash)| kept.get(&(*level, *place)).is_some_and(|kept| kept == hash)).count();
    counts.nodes = i64::try_from(kept.len().max(complete.len()) - right).map_err(Failure::internal)?;
    let finding = |check: &str, offending| Finding { check: check.to_owned(), offending };
    Ok(vec![
        finding("audit.leaf_hash", counts.leaf_hash),
        finding("audit.sequence", counts.sequence),
        finding("audit.columns", counts.columns),
        finding("audit.words", counts.words),
        finding("audit.checkpoints", counts.checkpoints),
        finding("audit.tail", counts.tail),
        finding("audit.nodes", counts.nodes),
    ])
}

/// The words and facts beside the leaf are those the leaf is committed to.
fn words_hold(key: Option<&DataKey>, sealed: &[u8], facts: &str, facts_mark: &str, why_mark: &str) -> bool {
    let Some(key) = key else { return false };
    let Ok(plain) = key.open(PLACE, sealed) else { return false };
    let Ok(words) = serde_json::from_slice::<Words>(&plain) else { return false };
    let Some(salt) = hex::decode(&words.salt).ok().and_then(|salt| <[u8; 16]>::try_from(salt).ok()) else { return false };
    commitment(&salt, facts) == facts_mark && commitment(&salt, &words.why) == why_mark
}
