//! Proofs that a leaf is in a log, and that a log is the beginning of another.
//!
//! A proof is made from ranges: each of its hashes is the root of one, made of complete
//! subtrees, so that whoever keeps those makes any proof from O(log n) of them.

use std::ops::Range;

use crate::tree::{Hash, node_hash};

/// The ranges whose roots prove that leaf `index` is in the log of `size` leaves, from
/// the leaf upwards (RFC 9162 §2.1.3.1); `None` where there is no such leaf.
pub fn inclusion(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let (mut begin, mut end) = (0, size);
    let mut path = Vec::new();
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            path.push(middle..end);
            end = middle;
        } else {
            path.push(begin..middle);
            begin = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// The ranges whose roots prove that the log of `old` leaves is the beginning of the
/// log of `new` leaves (RFC 9162 §2.1.4.1); `None` where it cannot be. Of nothing, and
/// of a log and itself, there is nothing to prove.
pub fn consistency(old: u64, new: u64) -> Option<Vec<Range<u64>>> {
    if old > new {
        return None;
    }
    if old == 0 || old == new {
        return Some(Vec::new());
    }
    let (mut begin, mut end) = (0, new);
    let mut path = Vec::new();
    // While the old log's end lies inside of a subtree, both halves matter.
    while old < end {
        let middle = begin + split(end - begin);
        if old <= middle {
            path.push(middle..end);
            end = middle;
        } else {
            path.push(begin..middle);
            begin = middle;
        }
    }
    if begin > 0 {
        path.push(begin..end);
    }
    path.reverse();
    Some(path)
}

/// The largest power of two smaller than this, which is more than one.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Whether the proof shows that the leaf of this hash is the one at `index` in the log
/// of `size` leaves and this root (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for other in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(other, &hash);
            if at & 1 == 0 {
                let up = at.trailing_zeros();
                at >>= up;
                last >>= up;
            }
        } else {
            hash = node_hash(&hash, other);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether the proof shows that the log of `old` leaves and root is the beginning of the
/// log of `new` leaves and root (RFC 9162 §2.1.4.2).
pub fn verify_consistency(
    (old, old_root): (u64, &Hash),
    (new, new_root): (u64, &Hash),
    proof: &[Hash],
) -> bool {
    if old == 0 || old == new {
        return proof.is_empty() && old <= new && (old == 0 || old_root == new_root);
    }
    if old > new {
        return false;
    }
    // A log whose size is a power of two is a subtree of the new one by itself.
    let whole = old.is_power_of_two().then_some(*old_root);
    let mut hashes = whole.iter().chain(proof);
    let Some(first) = hashes.next() else {
        return false;
    };
    let (mut at, mut last) = (old - 1, new - 1);
    let up = at.trailing_ones();
    at >>= up;
    last >>= up;
    let (mut of_old, mut of_new) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            of_old = node_hash(hash, &of_old);
            of_new = node_hash(hash, &of_new);
            if at & 1 == 0 {
                let up = at.trailing_zeros();
                at >>= up;
                last >>= up;
            }
        } else {
            of_new = node_hash(&of_new, hash);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && of_old == *old_root && of_new == *new_root
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        leaf_hash, parts, range_root,
        tree::tests::{any_leaves, mth, split as halves},
    };

    /// RFC 9162 §2.1.3.1, word for word.
    fn path(m: usize, leaves: &[Vec<u8>]) -> Vec<Hash> {
        if leaves.len() <= 1 {
            return vec![];
        }
        let k = halves(leaves.len());
        match m < k {
            true => [path(m, &leaves[..k]), vec![mth(&leaves[k..])]].concat(),
            false => [path(m - k, &leaves[k..]), vec![mth(&leaves[..k])]].concat(),
        }
    }

    /// RFC 9162 §2.1.4.1, word for word.
    fn subproof(m: usize, leaves: &[Vec<u8>], whole: bool) -> Vec<Hash> {
        if m == leaves.len() {
            return if whole { vec![] } else { vec![mth(leaves)] };
        }
        let k = halves(leaves.len());
        match m <= k {
            true => [subproof(m, &leaves[..k], whole), vec![mth(&leaves[k..])]].concat(),
            false => [
                subproof(m - k, &leaves[k..], false),
                vec![mth(&leaves[..k])],
            ]
            .concat(),
        }
    }

    /// As whoever keeps complete subtrees makes it.
    fn roots(ranges: Vec<Range<u64>>, leaves: &[Vec<u8>]) -> Vec<Hash> {
        let subtree = |part: &crate::NodeId| {
            let first = (part.index << part.level) as usize;
            mth(&leaves[first..first + (1 << part.level)])
        };
        let root = |range: Range<u64>| {
            let parts = parts(range.start, range.end);
            range_root(&parts.iter().map(subtree).collect::<Vec<_>>())
        };
        ranges.into_iter().map(root).collect()
    }

    fn spoil(proof: &[Hash], at: usize, bit: usize) -> Vec<Hash> {
        let mut spoilt = proof.to_vec();
        let place = at % spoilt.len();
        spoilt[place][bit / 8 % 32] ^= 1 << (bit % 8);
        spoilt
    }

    proptest! {
        #[test]
        fn an_inclusion_proof_is_the_definitions_and_proves(
            leaves in any_leaves(), index in any::<prop::sample::Index>(), at in 0..64_usize, bit in 0..256_usize,
        ) {
            prop_assume!(!leaves.is_empty());
            let (m, size) = (index.index(leaves.len()), leaves.len() as u64);
            let proof = roots(inclusion(m as u64, size).unwrap(), &leaves);
            prop_assert_eq!(&proof, &path(m, &leaves));
            let (leaf, root) = (leaf_hash(&leaves[m]), mth(&leaves));
            let holds = |leaf, at, proof: &[Hash], root| verify_inclusion(leaf, at, size, proof, root);
            prop_assert!(holds(&leaf, m as u64, &proof, &root));
            for other in 0..size {
                let same = leaves[other as usize] == leaves[m];
                prop_assert!(other == m as u64 || same || !holds(&leaf, other, &proof, &root));
            }
            let another = leaf_hash(b"another leaf");
            prop_assert!(!holds(&another, m as u64, &proof, &root));
            prop_assert!(!holds(&leaf, size, &proof, &root));
            prop_assert!(!holds(&leaf, m as u64, &[proof.clone(), vec![root]].concat(), &root));
            if !proof.is_empty() {
                prop_assert!(!holds(&leaf, m as u64, &spoil(&proof, at, bit), &root));
                prop_assert!(!holds(&leaf, m as u64, &proof[1..], &root));
            }
        }

        #[test]
        fn a_consistency_proof_is_the_definitions_and_proves(
            leaves in any_leaves(), index in any::<prop::sample::Index>(), at in 0..64_usize, bit in 0..256_usize,
        ) {
            prop_assume!(!leaves.is_empty());
            let (m, size) = (index.index(leaves.len()) + 1, leaves.len() as u64);
            let proof = roots(consistency(m as u64, size).unwrap(), &leaves);
            prop_assert_eq!(&proof, &subproof(m, &leaves, true));
            let (old, new) = ((m as u64, mth(&leaves[..m])), (size, mth(&leaves)));
            prop_assert!(verify_consistency((old.0, &old.1), (new.0, &new.1), &proof));
            let forged = leaf_hash(b"forged");
            prop_assert!(!verify_consistency((old.0, &forged), (new.0, &new.1), &proof));
            prop_assert!(!verify_consistency((old.0, &old.1), (new.0, &forged), &proof));
            prop_assert!(!verify_consistency((new.0 + 1, &old.1), (new.0, &new.1), &proof));
            if !proof.is_empty() {
                prop_assert!(!verify_consistency((old.0, &old.1), (new.0, &new.1), &spoil(&proof, at, bit)));
                prop_assert!(!verify_consistency((old.0, &old.1), (new.0, &new.1), &proof[1..]));
            }
        }
    }

    #[test]
    fn what_cannot_be_proved_has_no_proof() {
        assert_eq!(inclusion(3, 3), None);
        assert_eq!(consistency(4, 3), None);
        assert_eq!(consistency(0, 3), Some(vec![]));
        assert_eq!(inclusion(0, 1), Some(vec![]));
    }
}
