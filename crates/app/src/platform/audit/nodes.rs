//! 树节点: the inner nodes of the audit tree that proofs are read from. Only every eighth level is kept, as in tiles; what lies between is
//! computed from at most 256 hashes.

use std::cell::RefCell;

use chuangsha_store::{Store, Tx, params};
use chuangsha_vault::{
    merkle::{Frontier, Hash, Nodes},
    tile::{HEIGHT, Tiles, WIDTH},
};

use super::integrate::{hash_of, pages};
use crate::platform::failure::{Failure, Result};

/// One kept node: tile level from 1, place in it, hash.
pub(super) type Node = (i64, i64, Hash);

/// Appends a leaf; the nodes it completes that are kept go to `kept`. Returns the leaf's index.
pub(super) fn append(frontier: &mut Frontier, leaf: Hash, kept: &mut Vec<Node>) -> u64 {
    frontier.append_hash_with(leaf, |level, index, hash| {
        if level.is_multiple_of(HEIGHT) {
            kept.push((i64::from(level / HEIGHT), i64::try_from(index).unwrap_or(i64::MAX), *hash));
        }
    })
}

/// Keeps nodes; one kept already is the same one.
pub(super) fn keep(tx: &mut Tx, nodes: &[Node]) -> Result<()> {
    for (level, place, hash) in nodes {
        let sql = "INSERT INTO audit_node (level, place, hash) VALUES ($1, $2, $3) ON CONFLICT (level, place) DO NOTHING";
        tx.push(sql, &params![*level, *place, hash.as_slice()])?;
    }
    Ok(())
}

/// Fills in the nodes of a log written before they were kept.
pub(super) async fn fill(store: &Store, size: u64) -> Result<()> {
    let kept = store.read(|tx| Ok::<_, Failure>(tx.query_one("SELECT COUNT(*) FROM audit_node WHERE level = 1", &[])?.int(0)?)).await?;
    if u64::try_from(kept).is_ok_and(|kept| kept == size / WIDTH) {
        return Ok(());
    }
    let (mut frontier, mut nodes) = (Frontier::new(), Vec::new());
    pages(store, "seq, leaf_hash", i64::try_from(size).map_err(Failure::internal)?, |rows| {
        rows.iter().try_for_each(|row| {
            append(&mut frontier, hash_of(&row.bytes(1)?)?, &mut nodes);
            Ok(())
        })
    })
    .await?;
    for part in nodes.chunks(1_000) {
        let part = part.to_vec();
        store.write(move |tx| keep(tx, &part)).await?;
    }
    Ok(())
}

/// Reads the tree from the record while `prove` walks it: one row of hashes for each tile it touches.
pub(super) fn walk<T>(tx: &mut Tx, prove: impl FnOnce(&dyn Nodes) -> T) -> T {
    let tx = RefCell::new(tx);
    // A fault of the store makes the whole transaction fail; here it is a tile that is not there.
    let tile = |level: u32, index: u64| {
        let from = i64::try_from(index.checked_mul(WIDTH)?).ok()?;
        let until = from.checked_add(i64::try_from(WIDTH).ok()?)?;
        let mut tx = tx.borrow_mut();
        let rows = match level {
            0 => tx.query(
                "SELECT leaf_hash FROM audit_entry WHERE seq IS NOT NULL AND seq >= $1 AND seq < $2 ORDER BY seq",
                &params![from, until],
            ),
            _ => tx.query(
                "SELECT hash FROM audit_node WHERE level = $3 AND place >= $1 AND place < $2 ORDER BY place",
                &params![from, until, i64::from(level)],
            ),
        };
        rows.ok()?.iter().map(|row| row.bytes(0)).collect::<std::result::Result<Vec<_>, _>>().ok().map(|hashes| hashes.concat())
    };
    prove(&Tiles(tile))
}
