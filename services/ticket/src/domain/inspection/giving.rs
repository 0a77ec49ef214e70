//! Who is given a task: whoever has the fewest of those who had no hand in it.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use kefu_contracts::ticket::{InspectionDefinition, InspectionTaskKind};
use kefu_service::fields::parse_name;
use uuid::Uuid;

/// People for tasks of a kind, those who come first before the others.
pub(crate) fn pools(definition: &InspectionDefinition, kind: InspectionTaskKind) -> Vec<Vec<Uuid>> {
    let people = |names: &[String]| -> Vec<Uuid> {
        let ids = names
            .iter()
            .filter_map(|name| parse_name(name, "employees"));
        ids.collect()
    };
    let (inspectors, deciders) = (people(&definition.inspectors), people(&definition.deciders));
    match kind {
        InspectionTaskKind::Decide => vec![deciders],
        // Whoever is left: an appeal is never without somebody to decide on it.
        InspectionTaskKind::Appeal => vec![deciders, inspectors],
        InspectionTaskKind::Inspect | InspectionTaskKind::Unspecified => vec![inspectors],
    }
}

/// Somebody of the first pool that has anybody who is not among `never`; of these who has the
/// fewest tasks open, and of those by lot.
pub(crate) fn choose(
    pools: &[Vec<Uuid>],
    never: &BTreeSet<Uuid>,
    open: &BTreeMap<Uuid, i64>,
    task: Uuid,
) -> Option<Uuid> {
    let load = |id: &Uuid| open.get(id).copied().unwrap_or_default();
    pools.iter().find_map(|pool| {
        let free = pool.iter().filter(|id| !never.contains(id));
        free.min_by_key(|id| (load(id), lot(task, **id))).copied()
    })
}

fn lot(task: Uuid, person: Uuid) -> Vec<u8> {
    let both = [task.as_bytes().as_slice(), person.as_bytes()].concat();
    digest(&SHA256, &both).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    proptest! {
        /// Clause OP-5: nobody inspects what they had a hand in, nobody who has fewer is passed
        /// over, and a task waits only where nobody is left.
        #[test]
        fn a_task_is_for_who_had_no_hand_in_it(
            pools in proptest::collection::vec(proptest::collection::vec(0..8_u128, 0..6), 0..3),
            never in proptest::collection::btree_set(0..8_u128, 0..8),
            open in proptest::collection::btree_map(0..8_u128, 0..4_i64, 0..8),
            task in any::<u128>(),
        ) {
            let pools: Vec<Vec<Uuid>> =
                pools.into_iter().map(|pool| pool.into_iter().map(id).collect()).collect();
            let never: BTreeSet<Uuid> = never.into_iter().map(id).collect();
            let open: BTreeMap<Uuid, i64> = open.into_iter().map(|(one, open)| (id(one), open)).collect();
            let chosen = choose(&pools, &never, &open, id(task));
            let free: Vec<Vec<Uuid>> = pools
                .iter()
                .map(|pool| pool.iter().copied().filter(|one| !never.contains(one)).collect())
                .collect();
            match (chosen, free.iter().find(|pool| !pool.is_empty())) {
                (None, None) => {}
                (Some(chosen), Some(pool)) => {
                    prop_assert!(pool.contains(&chosen));
                    let load = |one: &Uuid| open.get(one).copied().unwrap_or(0);
                    prop_assert!(pool.iter().all(|one| load(one) >= load(&chosen)));
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
