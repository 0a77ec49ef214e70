use kefu_contracts::order::OrderStage::{self, *};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::promise::{PROMISED, judge, rules::shipped};

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + hour * 3600).unwrap()
}

fn reached(stage: OrderStage, hour: i64) -> Reached {
    Reached {
        at: at(hour),
        stage,
    }
}

fn standing(told: &[Reached], promised: &[Reached]) -> Standing {
    Standing {
        department: Uuid::from_u128(1),
        reached: told.to_vec(),
        promised: promised.to_vec(),
    }
}

/// Clause OP-3.4.4: what was delivered late is late, also where all of it is told afterwards.
#[test]
fn what_is_transferred_as_delivered_late_was_late() {
    let promised = [reached(Delivered, 50)];
    for (delivered, late) in [(49, false), (50, false), (51, true)] {
        let told = [reached(Submitted, 0), reached(Delivered, delivered)];
        let found = once_late(&standing(&told, &promised), &[], at(1000));
        assert_eq!(found.is_some(), late, "{delivered}");
        let completed = [told.as_slice(), &[reached(Completed, 999)]].concat();
        let found = once_late(&standing(&completed, &promised), &[], at(1000));
        assert_eq!(found.is_some(), late, "{delivered}");
    }
}

/// Clause OP-3.4.4: what was called off before its time was late with nothing.
#[test]
fn nobody_waits_for_what_was_called_off() {
    let promised = [reached(Delivered, 50)];
    for (end, late) in [(49, None), (51, Some(promised[0]))] {
        let told = [reached(Submitted, 0), reached(Cancelled, end)];
        let found = once_late(&standing(&told, &promised), &[], at(1000));
        assert_eq!(found, late);
    }
}

/// Clause OP-3.4.4: the rules promise nothing to whoever's order was delivered elsewhere.
#[test]
fn rules_count_from_when_the_order_is_here() {
    let rule = reached(Confirmed, 24);
    assert!(counts(rule, at(0)) && counts(rule, at(24)) && !counts(rule, at(25)));
}

/// Clause OP-3.4.4: another promise does not undo that the first was not kept; that it was in
/// time after all does.
#[test]
fn another_promise_undoes_nothing_and_other_news_may() {
    let before = [reached(Delivered, 50)];
    let promised = [reached(Delivered, 90)];
    let mut told = vec![reached(Submitted, 0)];
    let found = |told: &[Reached]| once_late(&standing(told, &promised), &before, at(80));
    assert_eq!(found(&told), Some(before[0]));
    told.push(reached(Delivered, 70));
    assert_eq!(found(&told), Some(before[0]));
    told.push(reached(Delivered, 48));
    assert_eq!(found(&told), None);
}

fn stage() -> impl Strategy<Value = OrderStage> {
    prop::sample::select(PROMISED.to_vec())
}

/// Something happens to an order.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// It reached a stage so many hours ago, and that is told now.
    Told(OrderStage, i64),
    /// A stage is promised for so many hours from now.
    Promised(OrderStage, i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (stage(), 0..40_i64).prop_map(|(stage, ago)| Step::Told(stage, ago)),
        (stage(), 1..30_i64).prop_map(|(stage, hours)| Step::Promised(stage, hours)),
    ]
}

proptest! {
    /// Clause OP-3.4.4: whatever is told when, an order was late where one of the promises that
    /// stood when its moment came was not kept by the times that are known in the end.
    #[test]
    fn late_is_what_was_not_kept_of_what_stood(steps in prop::collection::vec((step(), 0..20_i64), 1..30)) {
        let mut hour = 0;
        let mut told = vec![reached(Submitted, 0)];
        let mut promised: Vec<Reached> = Vec::new();
        let mut before: Vec<Reached> = Vec::new();
        // Every promise, and until when it stood.
        let mut stood: Vec<(Reached, Option<i64>)> = Vec::new();
        for (step, later) in steps {
            hour += later;
            match step {
                Step::Told(stage, ago) => told.push(reached(stage, hour - ago)),
                Step::Promised(stage, hours) if passed_at(&told, stage).is_none() => {
                    // As the call does that promises: the first of each stage is kept.
                    let old = promised.iter().find(|one| one.stage == stage);
                    before.extend(old.filter(|old| missed(&told, **old, at(hour))));
                    before.sort_by_key(|one| (one.stage, one.at));
                    before.dedup_by_key(|one| one.stage);
                    for (_, until) in stood.iter_mut().filter(|(one, _)| one.stage == stage) {
                        *until = until.or(Some(hour));
                    }
                    promised.retain(|one| one.stage != stage);
                    promised.push(reached(stage, hour + hours));
                    stood.push((reached(stage, hour + hours), None));
                }
                Step::Promised(..) => {}
            }
        }
        let late = once_late(&standing(&told, &promised), &before, at(hour)).is_some();
        let stood = stood.iter().filter(|(one, until)| until.is_none_or(|until| at(until) >= one.at));
        let expected = stood.into_iter().any(|(one, _)| match passed_at(&told, one.stage) {
            Some(passed) => passed > one.at,
            None => one.at <= at(hour),
        });
        prop_assert_eq!(late, expected);
    }

    /// Clause OP-3.4.4: what is late now was late, of an order that is here in time.
    #[test]
    fn what_is_late_now_is_late_once(
        told in prop::collection::vec((stage(), 1..90_i64), 0..6),
        promised in prop::collection::btree_map(stage(), 1..90_i64, 0..5),
        hour in 90..200_i64,
    ) {
        let mut reached_at = vec![reached(Submitted, 0)];
        reached_at.extend(told.into_iter().map(|(stage, hour)| reached(stage, hour)));
        let promised: Vec<_> = promised.into_iter().map(|(stage, hour)| reached(stage, hour)).collect();
        let standing = standing(&reached_at, &promised);
        let late = judge(&standing, &shipped(), at(hour)).late.map(|trouble| trouble.since);
        let before: Vec<_> = late.filter(|late| counts(*late, at(0))).into_iter().collect();
        let once = once_late(&standing, &before, at(hour));
        prop_assert!(late.is_none() || once.is_some());
    }
}
