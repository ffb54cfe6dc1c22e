//! 默克尔树 (RFC 6962): leaf = H(0 | entry), node = H(1 | left | right). SHA-256 whatever the suite, so that anyone's verifier reads the log.

use ring::digest::{Context, SHA256};

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// SHA-256 over the parts, joined.
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    // SHA-256 gives thirty-two bytes: the default is never taken.
    context.finish().as_ref().try_into().unwrap_or_default()
}

/// Hash of one entry.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[0], entry])
}

/// Hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// Root of the empty tree: the hash of nothing.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// 承诺: stands for `data` in a leaf. Who has the salt can show what it stood for; without it, guessing does not help, and once the salt is destroyed nobody can.
pub fn commit(salt: &[u8; 32], data: &[u8]) -> Hash {
    sha256(&[b"chuangsha commitment v1", salt, data])
}

/// 前沿: the roots of the complete subtrees of a growing log, largest first. All that appending needs: at most 64 hashes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on from stored state; `None` when the number of peaks does not fit the size.
    pub fn resume(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// Entries so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends an entry and returns its index.
    pub fn append(&mut self, entry: &[u8]) -> u64 {
        self.append_hash(leaf_hash(entry))
    }

    /// Appends an entry by its leaf hash and returns its index.
    pub fn append_hash(&mut self, leaf: Hash) -> u64 {
        self.append_hash_with(leaf, |_, _, _| {})
    }

    /// As [`Self::append_hash`]; `complete` is told each inner node this leaf completes: its level, its index in the level, its hash.
    pub fn append_hash_with(&mut self, leaf: Hash, mut complete: impl FnMut(u32, u64, &Hash)) -> u64 {
        let index = self.size;
        let mut hash = leaf;
        // Each trailing one bit of the size is a complete subtree this leaf completes into the next larger one.
        for level in 1..=index.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
                complete(level, index >> level, &hash);
            }
        }
        self.peaks.push(hash);
        self.size = index.saturating_add(1);
        index
    }

    /// Root of the tree over everything appended.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => empty_root(),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// Where the hashes of complete subtrees are read: memory, tiles, a table.
pub trait Nodes {
    /// Hash of the complete subtree over the leaves `index << level .. (index + 1) << level`; `None` when it is not stored.
    fn node(&self, level: u32, index: u64) -> Option<Hash>;
}

/// Leaf hashes alone: every inner node is computed when asked for. For exports and tests; a served log keeps tiles.
impl Nodes for [Hash] {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        if level == 0 {
            return self.get(usize::try_from(index).ok()?).copied();
        }
        let left = index.checked_mul(2)?;
        Some(node_hash(&self.node(level.checked_sub(1)?, left)?, &self.node(level.checked_sub(1)?, left.checked_add(1)?)?))
    }
}

/// 树: every complete node in memory, level by level. Appending is the frontier's work plus one push; any proof is a walk without hashing a subtree.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Appends an entry by its leaf hash and returns its index.
    pub fn append_hash(&mut self, leaf: Hash) -> u64 {
        let index = self.size();
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let Some(row) = self.levels.get_mut(level) else { break };
            row.push(hash);
            let Some([left, right]) = row.last_chunk::<2>().filter(|_| row.len() % 2 == 0) else { break };
            hash = node_hash(left, right);
        }
        index
    }

    /// Entries so far.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }
}

impl Nodes for Tree {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        self.levels.get(usize::try_from(level).ok()?)?.get(usize::try_from(index).ok()?).copied()
    }
}

/// Largest power of two below `n`, for `n` above 1: where RFC 6962 splits a tree.
fn split(n: u64) -> u64 {
    1 << (63 - (n.saturating_sub(1)).leading_zeros())
}

/// MTH of the leaves `start..end`, where `start` is a multiple of the subtree the range begins with.
fn range_hash<N: Nodes + ?Sized>(nodes: &N, start: u64, end: u64) -> Option<Hash> {
    match end.checked_sub(start)? {
        0 => Some(empty_root()),
        n if n.is_power_of_two() => nodes.node(n.trailing_zeros(), start >> n.trailing_zeros()),
        n => {
            let middle = start.checked_add(split(n))?;
            Some(node_hash(&range_hash(nodes, start, middle)?, &range_hash(nodes, middle, end)?))
        }
    }
}

/// Root of the tree over the first `size` leaves.
pub fn root_at<N: Nodes + ?Sized>(nodes: &N, size: u64) -> Option<Hash> {
    range_hash(nodes, 0, size)
}

/// Peaks of the tree over the first `size` leaves, for [`Frontier::resume`].
pub fn peaks_at<N: Nodes + ?Sized>(nodes: &N, size: u64) -> Option<Vec<Hash>> {
    let mut start = 0_u64;
    let mut peaks = Vec::new();
    for level in (0..64_u32).rev().filter(|level| size >> level & 1 == 1) {
        peaks.push(nodes.node(level, start >> level)?);
        start = start.checked_add(1 << level)?;
    }
    Some(peaks)
}

/// 包含证明 (RFC 6962 section 2.1.1): the leaf at `index` is in the tree of `size` leaves. From the leaf's sibling up. `None` when the index is outside the tree or
/// a node is not stored.
pub fn inclusion_proof<N: Nodes + ?Sized>(nodes: &N, index: u64, size: u64) -> Option<Vec<Hash>> {
    if index >= size {
        return None;
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range_hash(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(range_hash(nodes, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// Whether `leaf` stands at `index` of the tree of `size` leaves with this root (RFC 9162 section 2.1.3.2).
pub fn inclusion_holds(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for step in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(step, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && same(&hash, root)
}

/// 一致性证明 (RFC 6962 section 2.1.2): the tree of `old` leaves is the beginning of the tree of `new` leaves. Empty when `old` is 0 or equals `new`.
pub fn consistency_proof<N: Nodes + ?Sized>(nodes: &N, old: u64, new: u64) -> Option<Vec<Hash>> {
    if old > new {
        return None;
    }
    let mut path = Vec::new();
    if old == 0 || old == new {
        return Some(path);
    }
    let (mut start, mut end) = (0, new);
    // The old root itself is known to the verifier only while the walk has kept left.
    let mut known = true;
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(range_hash(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(range_hash(nodes, start, middle)?);
            start = middle;
            known = false;
        }
    }
    if !known {
        path.push(range_hash(nodes, start, end)?);
    }
    path.reverse();
    Some(path)
}

/// Whether the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC 9162 section 2.1.4.2).
pub fn consistency_holds(old: u64, new: u64, old_root: &Hash, new_root: &Hash, proof: &[Hash]) -> bool {
    if old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && same(old_root, new_root);
    }
    if old == 0 {
        return proof.is_empty() && same(old_root, &empty_root());
    }
    let mut steps = proof.iter();
    let first = if old.is_power_of_two() { Some(old_root) } else { steps.next() };
    let Some(first) = first else { return false };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut from, mut to) = (*first, *first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            from = node_hash(step, &from);
            to = node_hash(step, &to);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            to = node_hash(&to, step);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && same(&from, old_root) && same(&to, new_root)
}

/// Roots are public, but an early exit would be the only comparison here that depends on where they differ.
fn same(left: &Hash, right: &Hash) -> bool {
    left.iter().zip(right).fold(0, |differs, (left, right)| differs | (left ^ right)) == 0
}
