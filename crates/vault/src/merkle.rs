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
        let index = self.size;
        let mut hash = leaf;
        // Each trailing one bit of the size is a complete subtree this leaf completes into the next larger one.
        for _ in 0..index.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
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
