use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::ticket::{Direction, TargetRule, TargetsDefinition, TicketState, WaitingFor};
use kefu_service::time::to_proto;
use proptest::prelude::*;

use super::*;
use crate::domain::clock::What;

fn minute(minute: i64) -> Timestamp {
    let first: Timestamp = "2026-03-23T00:00:00Z".parse().unwrap();
    first + SignedDuration::from_mins(minute)
}

fn happened() -> impl Strategy<Value = Vec<Happened>> {
    let came = |state| What::Came(state, WaitingFor::Unspecified);
    let what = proptest::sample::select(vec![
        What::Said(Direction::In),
        What::Said(Direction::Out),
        came(TicketState::Open),
        came(TicketState::Resolved),
    ]);
    proptest::collection::btree_map(1..2_000_i64, what, 0..15).prop_map(|all| {
        let all = all.into_iter();
        all.map(|(at, what)| Happened {
            at: minute(at),
            what,
        })
        .collect()
    })
}

/// Rules for some of the tiers, channels and kinds, each with a target of its own.
fn rules() -> impl Strategy<Value = Vec<TargetRule>> {
    let some = |of| proptest::collection::vec(1..=of, 0..2);
    let rule = (some(4), some(2), some(2));
    proptest::collection::vec(rule, 0..5).prop_map(|all| {
        let all = all.into_iter().enumerate();
        all.map(|(at, (tiers, channels, kinds))| TargetRule {
            tiers,
            channels,
            kinds,
            first_response_seconds: 60 * (at as i64 + 1),
            next_response_seconds: 60 * (at as i64 + 1),
            resolution_seconds: 60 * (at as i64 + 1),
            closing_seconds: 60 * (at as i64 + 1),
            ..TargetRule::default()
        })
        .collect()
    })
}

fn timing(first: &[TargetRule], then: &[TargetRule], changed: i64) -> Timing {
    let version = |number, rules: &[TargetRule], from: Option<Timestamp>| TargetsVersion {
        number,
        definition: Some(TargetsDefinition {
            rules: rules.to_vec(),
        }),
        effective_time: from.map(to_proto),
        ..TargetsVersion::default()
    };
    Timing {
        targets: vec![
            version(0, first, None),
            version(1, then, Some(minute(changed))),
        ],
        calendars: BTreeMap::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Clause IH-4: an attempt goes by the targets and by the tier of its beginning, and by what
    /// the ticket is; another tier changes nothing of what had begun before.
    #[test]
    fn a_tier_counts_for_what_begins_in_it(
        happened in happened(),
        tiers in proptest::collection::btree_map(-500..2_000_i64, 1..=4_i32, 0..5),
        (first, then, changed) in (rules(), rules(), 0..2_000_i64),
        (kind, channel) in (1..=2_i32, 1..=2_i32),
        later in 0..2_000_i64,
    ) {
        let timing = timing(&first, &then, changed);
        let record = |until: i64| Record {
            received_at: minute(0),
            classification: Classification { kind, priority: 1, channel, tier: 0 },
            tiers: tiers
                .iter()
                .filter(|(at, _)| **at <= until)
                .map(|(at, tier)| (minute(*at), *tier))
                .collect(),
            happened: happened.clone(),
        };
        let all = record(i64::MAX);
        let clocks = timing.clocks(&all);
        let mut expected = Vec::new();
        for attempt in attempts(all.received_at, &all.happened, &[]) {
            // Obviously right: goes through the minutes with what then is.
            let (mut tier, mut version, mut at) = (0, 0, -501);
            while minute(at) <= attempt.started_at {
                tier = tiers.get(&at).copied().unwrap_or(tier);
                version = if at >= changed { 1 } else { version };
                at += 1;
            }
            let of = |list: &[i32], one: i32| list.is_empty() || list.contains(&one);
            let rules = if version == 0 { &first } else { &then };
            let found = rules.iter().find(|rule| {
                of(&rule.tiers, tier) && of(&rule.channels, channel) && of(&rule.kinds, kind)
            });
            if let Some(rule) = found {
                let (metric, number) = (attempt.metric, attempt.number);
                expected.push((metric, number, tier, version, rule.resolution_seconds));
            }
        }
        let told = |timed: &Timed<'_>| {
            let attempt = &timed.attempt;
            let target = timed.target.as_secs();
            (attempt.metric, attempt.number, timed.tier, timed.targets_version, target)
        };
        let found: Vec<_> = clocks.iter().map(told).collect();
        prop_assert_eq!(found, expected);
        // As it was known then, what had begun reads the same.
        let known = record(later);
        let before = |timed: &&Timed<'_>| timed.attempt.started_at <= minute(later);
        let then: Vec<_> = timing.clocks(&known).iter().filter(before).map(told).collect();
        let now: Vec<_> = clocks.iter().filter(before).map(told).collect();
        prop_assert_eq!(then, now);
    }

    /// What is told where the tier is not cleared is what there would be in any: no more of it,
    /// and no less.
    #[test]
    fn whose_tier_it_is_does_not_tell_which_clocks_there_are(
        happened in happened(),
        (first, then, changed) in (rules(), rules(), 0..2_000_i64),
        (kind, channel) in (1..=2_i32, 1..=2_i32),
    ) {
        let timing = timing(&first, &then, changed);
        let all = (0..=4).map(|tier| Record {
            received_at: minute(0),
            classification: Classification { kind, priority: 1, channel, tier: 0 },
            tiers: vec![(minute(-1), tier)],
            happened: happened.clone(),
        });
        let all: Vec<Record> = all.collect();
        let any: BTreeSet<_> = all
            .iter()
            .flat_map(|record| timing.clocks(record))
            .filter(|timed| timing.go_by_tier(timed.targets_version))
            .map(|timed| {
                let attempt = &timed.attempt;
                (attempt.metric as i32, attempt.number, timed.targets_version)
            })
            .collect();
        for record in &all {
            let told = timing.whatever_the_tier(record);
            let told: BTreeSet<_> = told
                .iter()
                .map(|(attempt, version)| (attempt.metric as i32, attempt.number, *version))
                .collect();
            prop_assert_eq!(&told, &any);
            let promise = |record, cleared| timing.promise(record, minute(0), cleared).0;
            prop_assert_eq!(promise(record, false), promise(&all[0], false));
            let due = timing.clocks(record);
            let due = due.iter().rfind(|one| one.attempt.metric == ClockMetric::Resolution);
            prop_assert_eq!(promise(record, true), due.and_then(|one| one.due_at));
        }
    }
}
