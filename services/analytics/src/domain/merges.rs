//! Files that became part of others (IH-2.2).

use std::collections::BTreeMap;

use uuid::Uuid;

/// Whose a file is now: each of these became part of the other, which may have become part of another in its turn.
/// Of merges in a circle, which nobody makes, a file stays its own.
pub(crate) fn survivor(merges: &BTreeMap<Uuid, Uuid>, file: Uuid) -> Uuid {
    let mut whose = file;
    for _ in 0..=merges.len() {
        let Some(next) = merges.get(&whose) else {
            return whose;
        };
        whose = *next;
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survivors<const N: usize>(merges: [(u128, u128); N]) -> [u128; N] {
        let each = |(one, other)| (Uuid::from_u128(one), Uuid::from_u128(other));
        let all: BTreeMap<Uuid, Uuid> = merges.into_iter().map(each).collect();
        merges.map(|(one, _)| survivor(&all, Uuid::from_u128(one)).as_u128())
    }

    /// Clause IH-2.2.
    #[test]
    fn a_chain_of_merged_files_leads_to_its_end() {
        assert_eq!(survivors([(1, 2)]), [2]);
        assert_eq!(survivors([(1, 2), (2, 3), (4, 2), (5, 6)]), [3, 3, 3, 6]);
        assert_eq!(survivors([(4, 3), (3, 2), (2, 1)]), [1, 1, 1]);
        let alone = Uuid::from_u128(9);
        assert_eq!(survivor(&BTreeMap::new(), alone), alone);
    }

    #[test]
    fn a_circle_of_merged_files_has_an_end() {
        let circle = [(1, 2), (2, 3), (3, 1), (4, 1), (5, 6)];
        assert_eq!(survivors(circle), [1, 2, 3, 4, 6]);
        assert_eq!(survivors([(1, 1)]), [1]);
    }
}
