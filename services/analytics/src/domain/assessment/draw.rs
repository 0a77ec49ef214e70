//! Which colleagues are asked, where nobody named them.

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

/// So many of them, by lot: those with the lowest hash of a seed and themselves. The same seed
/// draws the same, so that it can be looked over.
pub(crate) fn draw(seed: Uuid, from: &[Uuid], count: usize) -> Vec<Uuid> {
    let mut lots: Vec<(Vec<u8>, Uuid)> = from
        .iter()
        .map(|one| {
            let both = [seed.as_bytes().as_slice(), one.as_bytes()].concat();
            (digest(&SHA256, &both).as_ref().to_vec(), *one)
        })
        .collect();
    lots.sort_unstable();
    lots.dedup();
    lots.into_iter().take(count).map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Clause OP-4.2: whom the lot falls on is not in anybody's hand, and each is as likely.
    #[test]
    fn colleagues_are_drawn_by_lot() {
        let all: Vec<Uuid> = (1..=10).map(Uuid::from_u128).collect();
        let seed = Uuid::from_u128(77);
        let mut turned = all.clone();
        turned.reverse();
        assert_eq!(draw(seed, &all, 3), draw(seed, &turned, 3));
        assert_eq!(draw(seed, &all[..2], 3).len(), 2);
        let mut times = BTreeMap::new();
        for seed in 0..1_000 {
            let drawn = draw(Uuid::from_u128(seed), &all, 3);
            assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 3);
            for one in drawn {
                *times.entry(one).or_insert(0) += 1;
            }
        }
        assert_eq!(times.len(), 10);
        assert!(
            times.values().all(|times| (220..380).contains(times)),
            "{times:?}"
        );
    }
}
