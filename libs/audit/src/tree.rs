//! The tree: hashes, growing it by one leaf, and the complete subtrees of a range.

use aws_lc_rs::digest::{Context, SHA256};

/// SHA-256.
pub type Hash = [u8; 32];

/// A complete subtree: the leaves from `index << level` on, `1 << level` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId {
    /// 0 for a leaf.
    pub level: u8,
    /// Place among those of its level, from 0.
    pub index: u64,
}

/// A complete subtree and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Which.
    pub id: NodeId,
    /// Its hash.
    pub hash: Hash,
}

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Hash of a leaf (RFC 9162 §2.1.1): a leaf can never pass for a node.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256(&[&[0], leaf])
}

/// Hash of two subtrees side by side (RFC 9162 §2.1.1).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// Root of a log without entries: the hash of nothing.
pub fn root_of_nothing() -> Hash {
    sha256(&[])
}

/// The complete subtrees that leaves `begin..end` are made of, from the left; `begin`
/// must be where a subtree of that size can begin, as in every range of a proof.
pub fn parts(begin: u64, end: u64) -> Vec<NodeId> {
    let mut parts = Vec::new();
    let mut at = begin;
    while at < end {
        let largest = (end - at).ilog2();
        let level = largest.min(at.trailing_zeros());
        parts.push(NodeId {
            level: u8::try_from(level).unwrap_or(63),
            index: at >> level,
        });
        at += 1 << level;
    }
    parts
}

/// Root of a range from the hashes of its [`parts`]; nothing hashes to nothing.
pub fn range_root(parts: &[Hash]) -> Hash {
    let mut from_right = parts.iter().rev();
    let Some(last) = from_right.next() else {
        return root_of_nothing();
    };
    from_right.fold(*last, |right, left| node_hash(left, &right))
}

/// The right edge of a log: all that is needed to make it longer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Hashes of [`parts`] of the whole log.
    edge: Vec<Hash>,
}

impl Frontier {
    /// The edge of a log of this size, from the hashes of `parts(0, size)`; `None` when
    /// there are too few or too many of them.
    pub fn of(size: u64, edge: Vec<Hash>) -> Option<Self> {
        (edge.len() == size.count_ones() as usize).then_some(Self { size, edge })
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the whole log.
    pub fn root(&self) -> Hash {
        range_root(&self.edge)
    }

    /// Adds a leaf by its hash; the subtrees above it that it completes come back, from
    /// the bottom.
    pub fn push(&mut self, leaf: Hash) -> Vec<Node> {
        let mut completed = Vec::new();
        let mut hash = leaf;
        let at = self.size;
        for level in 1..=at.trailing_ones() {
            let Some(left) = self.edge.pop() else { break };
            hash = node_hash(&left, &hash);
            completed.push(Node {
                id: NodeId {
                    level: u8::try_from(level).unwrap_or(63),
                    index: at >> level,
                },
                hash,
            });
        }
        self.edge.push(hash);
        self.size += 1;
        completed
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 9162 §2.1.1, word for word.
    pub(crate) fn mth(leaves: &[Vec<u8>]) -> Hash {
        match leaves {
            [] => sha256(&[]),
            [one] => sha256(&[&[0], one]),
            many => {
                let k = split(many.len());
                sha256(&[&[1], &mth(&many[..k]), &mth(&many[k..])])
            }
        }
    }

    /// The largest power of two smaller than this.
    pub(crate) fn split(size: usize) -> usize {
        1 << (size - 1).ilog2()
    }

    pub(crate) fn any_leaves() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..70)
    }

    pub(crate) fn hex(hash: &[u8]) -> String {
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    proptest! {
        #[test]
        fn a_log_that_grows_has_the_root_of_the_definition(leaves in any_leaves()) {
            let mut frontier = Frontier::default();
            for (size, leaf) in leaves.iter().enumerate() {
                prop_assert_eq!(frontier.root(), mth(&leaves[..size]));
                for node in frontier.push(leaf_hash(leaf)) {
                    let first = (node.id.index << node.id.level) as usize;
                    let last = first + (1 << node.id.level);
                    prop_assert_eq!(node.hash, mth(&leaves[first..last]));
                }
            }
            prop_assert_eq!(frontier.root(), mth(&leaves));
            let again = Frontier::of(frontier.size(), frontier.edge.clone());
            prop_assert_eq!(again, Some(frontier));
        }

        #[test]
        fn parts_cover_a_range_without_gap(size in 0..2000_u64) {
            let mut at = 0;
            for part in parts(0, size) {
                prop_assert_eq!(part.index << part.level, at);
                at += 1 << part.level;
            }
            prop_assert_eq!(at, size);
            prop_assert_eq!(parts(0, size).len(), size.count_ones() as usize);
        }
    }

    /// The test vectors of Certificate Transparency (RFC 6962 reference implementation).
    #[test]
    fn known_logs_have_known_roots() {
        let leaves: Vec<Vec<u8>> = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ]
        .map(|text| {
            let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            (0..text.len()).step_by(2).map(byte).collect()
        })
        .to_vec();
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
        let mut frontier = Frontier::default();
        for (size, root) in roots.iter().enumerate() {
            assert_eq!(hex(&frontier.root()), *root, "{size}");
            if let Some(leaf) = leaves.get(size) {
                frontier.push(leaf_hash(leaf));
            }
        }
    }
}
