//! What is drawn of a period: by lot, and by the same seed always the same.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use kefu_contracts::ticket::{InspectionDefinition, SamplingRule};
use uuid::Uuid;

/// A ticket that may be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) ticket: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) department: Uuid,
    /// Whose work it is.
    pub(crate) agent: Uuid,
    pub(crate) kind: i32,
    pub(crate) channel: i32,
    /// The lowest that the customer gave.
    pub(crate) mark: Option<i32>,
    /// A clock of it ran out.
    pub(crate) missed: bool,
    pub(crate) reopened: bool,
}

/// A ticket that was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample<'c> {
    pub(crate) of: &'c Candidate,
    /// Id of the sheet.
    pub(crate) sheet: &'c str,
    /// By two inspectors.
    pub(crate) two: bool,
}

/// Draws for each rule in turn, of each agent, those whose lot is the lowest.
pub(crate) fn draw<'c>(
    definition: &'c InspectionDefinition,
    candidates: &'c [Candidate],
    seed: &[u8],
) -> Vec<Sample<'c>> {
    let mut drawn = BTreeSet::new();
    let mut samples = Vec::new();
    for rule in &definition.sampling {
        let mut agents: BTreeMap<Uuid, Vec<&Candidate>> = BTreeMap::new();
        for one in candidates {
            if fits(rule, one) && !drawn.contains(&one.ticket) {
                agents.entry(one.agent).or_default().push(one);
            }
        }
        for (_, mut all) in agents {
            all.sort_by_key(|one| lot(seed, &rule.id, one.ticket));
            let count = usize::try_from(rule.count).unwrap_or_default();
            for one in all.into_iter().take(count) {
                drawn.insert(one.ticket);
                samples.push(Sample {
                    of: one,
                    sheet: &rule.sheet,
                    two: is_second(definition, seed, one.ticket),
                });
            }
        }
    }
    samples
}

fn fits(rule: &SamplingRule, one: &Candidate) -> bool {
    let among = |of: &[i32], value: i32| of.is_empty() || of.contains(&value);
    among(&rule.kinds, one.kind)
        && among(&rule.channels, one.channel)
        && (rule.mark_up_to == 0 || one.mark.is_some_and(|mark| mark <= rule.mark_up_to))
        && (one.missed || !rule.missed)
        && (one.reopened || !rule.reopened)
}

/// No rule has an id with a space in it.
fn is_second(definition: &InspectionDefinition, seed: &[u8], ticket: Uuid) -> bool {
    let lot = lot(seed, "a second", ticket);
    let few = lot
        .iter()
        .take(4)
        .fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
    i64::from(few % 100) < i64::from(definition.second_percent)
}

fn lot(seed: &[u8], rule: &str, ticket: Uuid) -> Vec<u8> {
    let all = [seed, rule.as_bytes(), &[0], ticket.as_bytes()].concat();
    digest(&SHA256, &all).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate() -> impl Strategy<Value = Candidate> {
        let facts = (
            0..4_u128,
            1..=4,
            1..=3,
            proptest::option::of(1..=5),
            any::<[bool; 2]>(),
        );
        facts.prop_map(
            |(agent, kind, channel, mark, [missed, reopened])| Candidate {
                ticket: Uuid::nil(),
                customer: Uuid::nil(),
                department: Uuid::nil(),
                agent: Uuid::from_u128(agent),
                kind,
                channel,
                mark,
                missed,
                reopened,
            },
        )
    }

    fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
        proptest::collection::vec(candidate(), 0..40).prop_map(|mut all| {
            for (at, one) in all.iter_mut().enumerate() {
                one.ticket = Uuid::from_u128(1000 + at as u128);
            }
            all
        })
    }

    fn rules() -> impl Strategy<Value = InspectionDefinition> {
        let kinds = proptest::collection::vec(1..=4, 0..3);
        let rule = (kinds, 0..=5, any::<[bool; 2]>(), 1..=4);
        let rule = rule.prop_map(
            |(kinds, mark_up_to, [missed, reopened], count)| SamplingRule {
                kinds,
                mark_up_to,
                missed,
                reopened,
                count,
                ..SamplingRule::default()
            },
        );
        proptest::collection::vec(rule, 0..4).prop_map(|mut sampling| {
            for (at, rule) in sampling.iter_mut().enumerate() {
                rule.id = format!("rule_{at}");
                rule.sheet = format!("sheet_{at}");
            }
            InspectionDefinition {
                sampling,
                second_percent: 30,
                ..InspectionDefinition::default()
            }
        })
    }

    proptest! {
        /// Clauses OP-5, SG-7: of each agent as many as the rules say, as far as there are any,
        /// none twice, in whatever order they come, and nobody whose lot was lower is passed over.
        #[test]
        fn so_many_of_each_agent_are_drawn_by_lot(
            definition in rules(),
            candidates in candidates(),
            seed in any::<[u8; 32]>(),
        ) {
            let drawn = draw(&definition, &candidates, &seed);
            let mut taken = BTreeSet::new();
            for rule in &definition.sampling {
                for agent in (0..4).map(Uuid::from_u128) {
                    // Obviously right: who is there, in the order of the lots.
                    let mut there: Vec<(Vec<u8>, Uuid)> = candidates
                        .iter()
                        .filter(|one| one.agent == agent && !taken.contains(&one.ticket))
                        .filter(|one| rule.kinds.is_empty() || rule.kinds.contains(&one.kind))
                        .filter(|one| rule.mark_up_to == 0 || one.mark.unwrap_or(9) <= rule.mark_up_to)
                        .filter(|one| one.missed || !rule.missed)
                        .filter(|one| one.reopened || !rule.reopened)
                        .map(|one| (lot(&seed, &rule.id, one.ticket), one.ticket))
                        .collect();
                    there.sort();
                    there.truncate(rule.count as usize);
                    let expected: BTreeSet<Uuid> = there.into_iter().map(|(_, ticket)| ticket).collect();
                    let found: BTreeSet<Uuid> = drawn
                        .iter()
                        .filter(|one| one.sheet == rule.sheet && one.of.agent == agent)
                        .map(|one| one.of.ticket)
                        .collect();
                    prop_assert_eq!(&found, &expected);
                    taken.extend(expected);
                }
            }
            prop_assert_eq!(taken.len(), drawn.len());
            let mut turned = candidates.clone();
            turned.reverse();
            let again: BTreeSet<(Uuid, bool)> =
                draw(&definition, &turned, &seed).iter().map(|one| (one.of.ticket, one.two)).collect();
            let first: BTreeSet<(Uuid, bool)> = drawn.iter().map(|one| (one.of.ticket, one.two)).collect();
            prop_assert_eq!(first, again);
        }
    }

    /// Clause OP-5: so many of a hundred are inspected by two, none by 0 % and all by 100 %.
    #[test]
    fn a_share_is_inspected_by_two() {
        let of = |second_percent| {
            let definition = InspectionDefinition {
                second_percent,
                ..InspectionDefinition::default()
            };
            let tickets = (0..10_000).map(Uuid::from_u128);
            tickets
                .filter(|one| is_second(&definition, b"seed", *one))
                .count()
        };
        assert_eq!((of(0), of(100)), (0, 10_000));
        assert!((1_300..1_700).contains(&of(15)), "{}", of(15));
    }
}
