//! Who is given a ticket that waits (SG-2.2). The same state gives the same answer.

use kefu_contracts::ticket::RoutingStrategy;
use uuid::Uuid;

/// An agent who is there, as the ones before left them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) id: Uuid,
    pub(crate) skills: Vec<String>,
    pub(crate) languages: Vec<String>,
    /// Departments in which they may serve.
    pub(crate) serves: Vec<Uuid>,
    /// Tickets without a solution up to which they are given more.
    pub(crate) capacity: i64,
    /// Those that they have.
    pub(crate) open: i64,
    /// Place, among all that were given, of the last one given to them; 0: none.
    pub(crate) routed_seq: i64,
}

/// What a ticket that waits asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) department: Uuid,
    pub(crate) skills: Vec<String>,
    pub(crate) languages: Vec<String>,
    pub(crate) strategy: RoutingStrategy,
    /// Who gave it back.
    pub(crate) released_by: Vec<Uuid>,
}

impl Server {
    fn can_take(&self, demand: &Demand) -> bool {
        self.open < self.capacity
            && self.serves.contains(&demand.department)
            && demand.skills.iter().all(|one| self.skills.contains(one))
            && demand
                .languages
                .iter()
                .all(|one| self.languages.contains(one))
            && !demand.released_by.contains(&self.id)
    }
}

/// The agent who is given it; nobody when no one can take it.
pub(crate) fn choose<'s>(demand: &Demand, servers: &'s mut [Server]) -> Option<&'s mut Server> {
    let able = servers.iter_mut().filter(|one| one.can_take(demand));
    able.min_by_key(|one| {
        let load = match demand.strategy {
            RoutingStrategy::RoundRobin => 0,
            RoutingStrategy::LeastLoaded | RoutingStrategy::Unspecified => one.open,
        };
        (load, one.routed_seq, one.id)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DESK: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn server(id: u128) -> impl Strategy<Value = Server> {
        let words = proptest::sample::subsequence(vec!["a".to_owned(), "b".to_owned()], 0..=2);
        let places = proptest::sample::subsequence(vec![DESK, OTHER], 0..=2);
        (words.clone(), words, places, 0..4_i64, 0..4_i64, 0..4_i64).prop_map(
            move |(skills, languages, serves, capacity, open, routed_seq)| Server {
                id: Uuid::from_u128(id),
                skills,
                languages,
                serves,
                capacity,
                open,
                routed_seq,
            },
        )
    }

    fn servers() -> impl Strategy<Value = Vec<Server>> {
        [server(11), server(12), server(13), server(14)].prop_map(Vec::from)
    }

    fn demand() -> impl Strategy<Value = Demand> {
        let words = proptest::sample::subsequence(vec!["a".to_owned(), "b".to_owned()], 0..=2);
        (words.clone(), words, any::<bool>(), any::<bool>()).prop_map(
            |(skills, languages, turns, released)| Demand {
                department: DESK,
                skills,
                languages,
                strategy: if turns {
                    RoutingStrategy::RoundRobin
                } else {
                    RoutingStrategy::LeastLoaded
                },
                released_by: released.then(|| Uuid::from_u128(12)).into_iter().collect(),
            },
        )
    }

    proptest! {
        /// Clause SG-2.2.
        #[test]
        fn the_chosen_can_take_it_and_nobody_goes_before_them(
            demand in demand(), mut servers in servers(), turned in 0..4_usize,
        ) {
            let before = servers.clone();
            let chosen = choose(&demand, &mut servers).map(|one| one.clone());
            // The order in which they are told changes nothing.
            servers.rotate_left(turned);
            prop_assert_eq!(&choose(&demand, &mut servers).map(|one| one.clone()), &chosen);
            for one in &before {
                let has = |asked: &[String], had: &[String]| asked.iter().all(|word| had.contains(word));
                let able = one.serves.contains(&DESK)
                    && one.capacity > one.open
                    && has(&demand.skills, &one.skills)
                    && has(&demand.languages, &one.languages)
                    && !demand.released_by.contains(&one.id);
                match &chosen {
                    None => prop_assert!(!able),
                    Some(chosen) if chosen.id == one.id => prop_assert!(able),
                    Some(chosen) if able && demand.strategy == RoutingStrategy::RoundRobin => {
                        prop_assert!(chosen.routed_seq <= one.routed_seq);
                    }
                    Some(chosen) if able => {
                        prop_assert!(chosen.open < one.open
                            || chosen.open == one.open && chosen.routed_seq <= one.routed_seq);
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// Clause SG-2.2.
    #[test]
    fn in_turns_everybody_is_given_as_many() {
        let one = |id| Server {
            id: Uuid::from_u128(id),
            skills: Vec::new(),
            languages: Vec::new(),
            serves: vec![DESK],
            capacity: 100,
            open: 0,
            routed_seq: 0,
        };
        let mut servers = [one(1), one(2), one(3)];
        let demand = Demand {
            department: DESK,
            skills: Vec::new(),
            languages: Vec::new(),
            strategy: RoutingStrategy::RoundRobin,
            released_by: Vec::new(),
        };
        let mut given = Vec::new();
        for turn in 1..=7 {
            let chosen = choose(&demand, &mut servers).unwrap();
            (chosen.open, chosen.routed_seq) = (chosen.open + 1, turn);
            given.push(chosen.id.as_u128());
        }
        assert_eq!(given, [1, 2, 3, 1, 2, 3, 1]);
    }
}
