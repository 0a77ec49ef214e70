//! The tree of departments (CC-1.1): parents before children, and no loops.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

/// Departments that are above themselves, or below one that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("departments without a way up to a root: {0:?}")]
pub struct NoWayUp<K: std::fmt::Debug>(pub Vec<K>);

/// Brings nodes into an order in which each comes after its parent; siblings keep
/// the order they came in.
///
/// # Errors
/// The nodes from which no way leads up to a root: a loop, or an unknown parent.
pub fn parents_first<T, K>(
    nodes: Vec<T>,
    key: impl Fn(&T) -> K,
    parent: impl Fn(&T) -> Option<K>,
) -> Result<Vec<T>, NoWayUp<K>>
where
    K: Eq + Hash + Clone + std::fmt::Debug,
{
    let parents: HashMap<K, Option<K>> =
        nodes.iter().map(|node| (key(node), parent(node))).collect();
    let mut lost = Vec::new();
    let mut ranked = Vec::with_capacity(nodes.len());
    for node in nodes {
        match depth(&parents, &key(&node)) {
            Some(depth) => ranked.push((depth, node)),
            None => lost.push(key(&node)),
        }
    }
    if !lost.is_empty() {
        return Err(NoWayUp(lost));
    }
    ranked.sort_by_key(|(depth, _)| *depth);
    Ok(ranked.into_iter().map(|(_, node)| node).collect())
}

fn depth<K: Eq + Hash>(parents: &HashMap<K, Option<K>>, from: &K) -> Option<usize> {
    let mut seen = HashSet::new();
    let mut at = from;
    while let Some(above) = parents.get(at)? {
        if !seen.insert(at) {
            return None;
        }
        at = above;
    }
    Some(seen.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ordered(nodes: &[(u8, Option<u8>)]) -> Result<Vec<u8>, NoWayUp<u8>> {
        let nodes = parents_first(nodes.to_vec(), |node| node.0, |node| node.1)?;
        Ok(nodes.into_iter().map(|node| node.0).collect())
    }

    /// Clause CC-1.1.
    #[test]
    fn parents_come_first_and_siblings_keep_their_order() {
        assert_eq!(
            ordered(&[
                (3, Some(2)),
                (2, Some(1)),
                (5, None),
                (1, None),
                (4, Some(1))
            ])
            .unwrap(),
            [5, 1, 2, 4, 3]
        );
    }

    #[test]
    fn loops_and_unknown_parents_are_refused_with_all_who_hang_on_them() {
        assert_eq!(
            ordered(&[(1, Some(2)), (2, Some(1)), (3, Some(1)), (4, None)]),
            Err(NoWayUp(vec![1, 2, 3]))
        );
        assert_eq!(ordered(&[(1, Some(1))]), Err(NoWayUp(vec![1])));
        assert_eq!(ordered(&[(1, None), (2, Some(9))]), Err(NoWayUp(vec![2])));
    }

    proptest! {
        #[test]
        fn whatever_is_ordered_has_parents_first_and_nothing_is_lost(
            parents in proptest::collection::vec(proptest::option::of(0..12_u8), 1..12),
        ) {
            let nodes: Vec<_> = (0..).zip(parents).collect();
            if let Ok(order) = ordered(&nodes) {
                prop_assert_eq!(order.len(), nodes.len());
                let place = |id: u8| order.iter().position(|other| *other == id).unwrap();
                for (id, parent) in nodes {
                    prop_assert!(parent.is_none_or(|parent| place(parent) < place(id)));
                }
            }
        }
    }
}
