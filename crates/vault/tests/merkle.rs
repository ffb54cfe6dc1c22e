//! RFC 6962 against its published vectors and against its own recursive definition.

use chuangsha_vault::merkle::{
    Frontier, Hash, Nodes, Tree, consistency_holds, consistency_proof, empty_root, inclusion_holds, inclusion_proof, leaf_hash, node_hash,
    peaks_at, root_at,
};
use chuangsha_vault::tile::{self, Tile, Tiles};

/// The definition, word for word.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let k = leaves.len().next_power_of_two() / 2;
            node_hash(&mth(&leaves[..k]), &mth(&leaves[k..]))
        }
    }
}

fn leaves(n: u64) -> Vec<Hash> {
    (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

#[test]
fn the_published_vectors() {
    let entries: Vec<Vec<u8>> = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
        .iter()
        .map(|entry| hex::decode(entry).unwrap())
        .collect();
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut log = Frontier::new();
    assert_eq!(hex::encode(log.root()), roots[0]);
    for (entry, root) in entries.iter().zip(&roots[1..]) {
        log.append(entry);
        assert_eq!(hex::encode(log.root()), *root);
    }
}

#[test]
fn frontier_tree_and_leaves_agree_with_the_definition() {
    let leaves = leaves(300);
    let (mut log, mut tree) = (Frontier::new(), Tree::default());
    for size in 0..=leaves.len() {
        let root = mth(&leaves[..size]);
        assert_eq!(log.root(), root);
        assert_eq!(root_at(&tree, size as u64), Some(root));
        assert_eq!(root_at(leaves.as_slice(), size as u64), Some(root));
        assert_eq!(Frontier::resume(log.size(), peaks_at(&tree, size as u64).unwrap()), Some(log.clone()));
        if let Some(leaf) = leaves.get(size) {
            assert_eq!((log.append_hash(*leaf), tree.append_hash(*leaf)), (size as u64, size as u64));
        }
    }
}

#[test]
fn every_inclusion_proof_holds_for_its_own_leaf_only() {
    let leaves = leaves(70);
    for size in 1..=70 {
        let root = mth(&leaves[..size as usize]);
        for index in 0..size {
            let proof = inclusion_proof(leaves.as_slice(), index, size).unwrap();
            for other in 0..size {
                assert_eq!(inclusion_holds(&leaves[other as usize], index, size, &proof, &root), other == index);
                assert_eq!(inclusion_holds(&leaves[index as usize], other, size, &proof, &root), other == index);
            }
            let mut longer = proof.clone();
            longer.push(root);
            assert!(!inclusion_holds(&leaves[index as usize], index, size, &longer, &root));
            for cut in 0..proof.len() {
                assert!(!inclusion_holds(&leaves[index as usize], index, size, &proof[..cut], &root));
                let mut flipped = proof.clone();
                flipped[cut][0] ^= 1;
                assert!(!inclusion_holds(&leaves[index as usize], index, size, &flipped, &root));
            }
        }
        assert_eq!(inclusion_proof(leaves.as_slice(), size, size), None);
    }
}

#[test]
fn every_consistency_proof_holds_for_its_own_sizes_only() {
    let leaves = leaves(70);
    let roots: Vec<Hash> = (0..=70).map(|size| mth(&leaves[..size])).collect();
    for new in 0..=70_u64 {
        for old in 0..=new {
            let proof = consistency_proof(leaves.as_slice(), old, new).unwrap();
            let (old_root, new_root) = (&roots[old as usize], &roots[new as usize]);
            assert!(consistency_holds(old, new, old_root, new_root, &proof), "{old} {new}");
            let mut wrong = *new_root;
            wrong[31] ^= 1;
            assert!(!consistency_holds(old, new, old_root, &wrong, &proof) || old == 0);
            let mut wrong = *old_root;
            wrong[31] ^= 1;
            assert!(!consistency_holds(old, new, &wrong, new_root, &proof));
            for cut in 0..proof.len() {
                assert!(!consistency_holds(old, new, old_root, new_root, &proof[..cut]));
            }
        }
    }
}

#[test]
fn a_forked_tree_has_no_consistency_proof() {
    let honest = leaves(40);
    for fork_at in 0..20 {
        let mut forked = honest.clone();
        forked[fork_at][5] ^= 4;
        let proof = consistency_proof(forked.as_slice(), 20, 40).unwrap();
        assert!(!consistency_holds(20, 40, &mth(&honest[..20]), &mth(&forked), &proof));
    }
}

#[test]
fn tiles_give_back_every_node_and_proof() {
    let size = 70_000;
    let mut tree = Tree::default();
    let mut stored = std::collections::BTreeMap::new();
    let mut old = 0;
    for leaf in leaves(size) {
        let index = tree.append_hash(leaf);
        if index % 9_973 == 0 || index + 1 == size {
            for tile in tile::grown(old, index + 1) {
                stored.insert((tile.level, tile.index), tile.bytes(&tree).unwrap());
            }
            old = index + 1;
        }
    }
    let tiles = Tiles(|level, index| stored.get(&(level, index)).cloned());
    assert_eq!(root_at(&tiles, size), root_at(&tree, size));
    for index in (0..size).step_by(7_001) {
        assert_eq!(tiles.node(0, index), tree.node(0, index));
        assert_eq!(inclusion_proof(&tiles, index, size), inclusion_proof(&tree, index, size));
        assert_eq!(consistency_proof(&tiles, index, size), consistency_proof(&tree, index, size));
    }
}

#[test]
fn tile_paths_are_those_of_the_specification() {
    assert_eq!(Tile { level: 0, index: 1_234_067, width: 256 }.path(), "tile/0/x001/x234/067");
    assert_eq!(Tile { level: 1, index: 0, width: 7 }.path(), "tile/1/000.p/7");
    assert_eq!(tile::entries_path(999, 256), "tile/entries/999");
    assert_eq!(tile::grown(70_000, 70_000), []);
    let grown: Vec<String> = tile::grown(255, 257).iter().map(Tile::path).collect();
    assert_eq!(grown, ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]);
}
