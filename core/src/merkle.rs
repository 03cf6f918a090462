//! A hash tree over lines: one root stands for all of them, and a short path shows that one of
//! them is below it, without the others.
//!
//! The tree is the one of Certificate Transparency (RFC 6962 section 2.1, RFC 9162 section 2.1)
//! over SHA-256: a leaf hashes behind a 0x00, a node behind a 0x01, so that no leaf passes for a
//! node. Invariant: what is held while lines arrive grows with the logarithm of their number.

use sha2::{Digest as _, Sha256};

/// SHA-256, as bytes.
pub type Hash = [u8; 32];

/// What a line hashes to.
pub fn leaf(line: &[u8]) -> Hash {
    let mut hash = Sha256::new_with_prefix([0x00]);
    hash.update(line);
    hash.finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let mut hash = Sha256::new_with_prefix([0x01]);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

/// A tree whose lines arrive one after the other.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Whole subtrees from left to right, each with how many lines it has: powers of two that
    /// become smaller.
    whole: Vec<(u64, Hash)>,
    lines: u64,
}

impl Tree {
    /// Takes in the next line.
    pub fn add(&mut self, line: &[u8]) {
        self.lines += 1;
        let (mut size, mut hash) = (1, leaf(line));
        while let Some((_, left)) = self.whole.pop_if(|(lines, _)| *lines == size) {
            hash = node(&left, &hash);
            size *= 2;
        }
        self.whole.push((size, hash));
    }

    /// How many lines there are.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The root; of no lines at all, SHA-256 of nothing.
    pub fn root(&self) -> Hash {
        let from_right = self.whole.iter().rev().map(|(_, hash)| *hash);
        from_right
            .reduce(|right, left| node(&left, &right))
            .unwrap_or_else(|| Sha256::digest([]).into())
    }
}

/// The hashes by which the leaf at `index` (0 is the first) leads to the root of `leaves`, the
/// nearest first. `None`: there is no such leaf.
pub fn path(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    let (mut part, mut index, mut out) = (leaves, index, Vec::new());
    while part.len() > 1 {
        let (left, right) = part.split_at(part.len().next_power_of_two() / 2);
        if index < left.len() {
            out.push(root_of(right));
            part = left;
        } else {
            out.push(root_of(left));
            index -= left.len();
            part = right;
        }
    }
    out.reverse();
    Some(out)
}

fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node(&root_of(left), &root_of(right))
        }
    }
}

/// The root that a path leads to, from the leaf at `index` of `lines` (RFC 9162 section 2.1.3.2).
/// `None`: the path is of no leaf there.
pub fn root_by(leaf: Hash, index: u64, lines: u64, path: &[Hash]) -> Option<Hash> {
    if index >= lines {
        return None;
    }
    let (mut here, mut last, mut hash) = (index, lines - 1, leaf);
    for beside in path {
        if last == 0 {
            return None;
        }
        if here % 2 == 1 || here == last {
            hash = node(beside, &hash);
            while here % 2 == 0 && here != 0 {
                here /= 2;
                last /= 2;
            }
        } else {
            hash = node(&hash, beside);
        }
        here /= 2;
        last /= 2;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::digest::hex;

    // Inputs, roots and paths of the Certificate Transparency project's own tests
    // (google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc).
    const INPUTS: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 9] = [
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
    const PATHS: [(usize, usize, &[&str]); 4] = [
        (0, 1, &[]),
        (
            0,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            3,
            &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
        ),
    ];

    fn tree(lines: &[Vec<u8>]) -> Tree {
        let mut tree = Tree::default();
        for line in lines {
            tree.add(line);
        }
        tree
    }

    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let mut tree = Tree::default();
        for (size, root) in ROOTS.iter().enumerate() {
            assert_eq!(hex(&tree.root()), *root, "of {size} leaves");
            assert_eq!(tree.lines(), size as u64);
            if let Some(input) = INPUTS.get(size) {
                tree.add(input);
            }
        }
    }

    #[test]
    fn paths_are_those_of_certificate_transparency() {
        for (index, size, expected) in PATHS {
            let leaves: Vec<Hash> = INPUTS[..size].iter().map(|it| leaf(it)).collect();
            let path = path(&leaves, index).unwrap();
            let found: Vec<String> = path.iter().map(|it| hex(it)).collect();
            assert_eq!(found, expected, "of leaf {index} of {size}");
            let root = root_by(leaves[index], index as u64, size as u64, &path);
            assert_eq!(root.map(|it| hex(&it)).as_deref(), Some(ROOTS[size]));
        }
        assert_eq!(path(&[], 0), None);
    }

    proptest! {
        /// A path leads from its own leaf to the root, and from no other place, size or line.
        #[test]
        fn a_path_proves_its_own_leaf_alone(
            lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 1..40),
            at in any::<prop::sample::Index>(),
            other in 0_u64..48,
            flip in any::<prop::sample::Index>(),
        ) {
            let (index, size) = (at.index(lines.len()), lines.len() as u64);
            let root = tree(&lines).root();
            let leaves: Vec<Hash> = lines.iter().map(|it| leaf(it)).collect();
            let here = index as u64;
            let mut path = path(&leaves, index).unwrap();
            prop_assert_eq!(root_by(leaves[index], here, size, &path), Some(root));
            let elsewhere = usize::try_from(other).ok().and_then(|it| leaves.get(it));
            if other != here && elsewhere != Some(&leaves[index]) {
                prop_assert_ne!(root_by(leaves[index], other, size, &path), Some(root));
            }
            prop_assert_ne!(root_by(leaf(b"longer than any"), here, size, &path), Some(root));
            let mut longer = path.clone();
            longer.push(root);
            prop_assert_ne!(root_by(leaves[index], here, size, &longer), Some(root));
            if !path.is_empty() {
                let step = flip.index(path.len());
                path[step][7] ^= 1;
                prop_assert_ne!(root_by(leaves[index], here, size, &path), Some(root));
                path.pop();
                prop_assert_ne!(root_by(leaves[index], here, size, &path), Some(root));
            }
        }
    }
}
