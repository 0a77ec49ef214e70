use kefu_contracts::order::{PromiseRulesVersion, StagePromiseRule, StageSilenceRule};
use kefu_service::{
    error::Violation,
    fields::{Fields, name},
    time::to_proto,
};
use proptest::prelude::*;

use super::{
    rules::{check, in_force, shipped},
    *,
};

const OWN: Uuid = Uuid::from_u128(1);
const LOGISTICS: Uuid = Uuid::from_u128(2);

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + hour * 3600).unwrap()
}

fn reached(stage: OrderStage, hour: i64) -> Reached {
    Reached {
        at: at(hour),
        stage,
    }
}

fn standing(told: &[Reached]) -> Standing {
    Standing {
        department: OWN,
        reached: told.to_vec(),
        promised: Vec::new(),
    }
}

fn late(stage: OrderStage, hour: i64) -> Option<Reached> {
    Some(reached(stage, hour))
}

fn found(judged: &Judged) -> (Option<Reached>, Option<Reached>) {
    (
        judged.late.map(|trouble| trouble.since),
        judged.stuck.map(|trouble| trouble.since),
    )
}

/// Clause OP-3.4.4.
#[test]
fn an_order_is_late_from_the_moment_that_was_promised_until_the_stage_is_reached() {
    let rules = shipped();
    let mut one = standing(&[reached(Submitted, 0)]);
    let early = judge(&one, &rules, at(23));
    assert_eq!(found(&early), (None, None));
    assert_eq!(early.next, Some(at(24)));
    let judged = judge(&one, &rules, at(24));
    assert_eq!(found(&judged), (late(Confirmed, 24), None));
    assert_eq!(judged.next, Some(at(48)));
    // What came after it has passed it.
    one.reached.push(reached(Paid, 30));
    let judged = judge(&one, &rules, at(31));
    assert_eq!((found(&judged), judged.next), ((None, None), Some(at(102))));
    let judged = judge(&one, &rules, at(102));
    assert_eq!(
        found(&judged),
        (late(Shipped, 102), Some(reached(Paid, 30)))
    );
    // News of before changes nothing, what moves the order on does.
    one.reached.push(reached(Confirmed, 2));
    assert_eq!(found(&judge(&one, &rules, at(102))), found(&judged));
    one.reached.push(reached(Shipped, 101));
    assert_eq!(found(&judge(&one, &rules, at(102))), (None, None));
}

/// Clause OP-3.4.4: what was promised to this customer counts before the rules.
#[test]
fn what_somebody_promised_counts_before_the_rules() {
    let mut one = standing(&[reached(Submitted, 0)]);
    one.promised = vec![reached(Confirmed, 40), reached(Delivered, 90)];
    assert_eq!(found(&judge(&one, &shipped(), at(39))), (None, None));
    assert_eq!(
        found(&judge(&one, &shipped(), at(40))),
        (late(Confirmed, 40), None)
    );
    // The first that is not kept is told; the others wait for it.
    assert_eq!(
        found(&judge(&one, &shipped(), at(95))).0,
        late(Confirmed, 40)
    );
    one.reached.push(reached(Shipped, 41));
    assert_eq!(
        found(&judge(&one, &shipped(), at(95))).0,
        late(Delivered, 90)
    );
}

/// Clause OP-3.4.4: an order that is over is never late or stuck, whatever was promised.
#[test]
fn what_is_over_is_never_late_or_stuck() {
    for end in [Completed, Cancelled] {
        let mut one = standing(&[reached(Submitted, 0), reached(end, 1)]);
        one.promised = vec![reached(Delivered, 2)];
        assert_eq!(judge(&one, &shipped(), at(100_000)), Judged::default());
    }
    assert_eq!(judge(&standing(&[]), &shipped(), at(9)), Judged::default());
    // What is short has reached nothing by it.
    let one = standing(&[reached(Submitted, 0), reached(Short, 1)]);
    assert_eq!(
        found(&judge(&one, &shipped(), at(24))).0,
        late(Confirmed, 24)
    );
}

/// Clause OP-3.4.4: trouble goes to the department concerned.
#[test]
fn the_department_that_a_rule_names_sees_to_it() {
    let mut rules = shipped();
    rules.promises[1].concerned = name("departments", LOGISTICS);
    rules.silences.insert(
        0,
        StageSilenceRule {
            stage: Paid.into(),
            hours: 1,
            department: name("departments", LOGISTICS),
            ..StageSilenceRule::default()
        },
    );
    let one = standing(&[reached(Submitted, 0), reached(Paid, 0)]);
    let judged = judge(&one, &rules, at(72));
    assert_eq!(judged.late.unwrap().concerned, LOGISTICS);
    assert_eq!(judged.stuck.unwrap().concerned, OWN);
    // Orders of another department have a rule of their own.
    assert_eq!(judge(&one, &rules, at(1)).stuck, None);
    let theirs = Standing {
        department: LOGISTICS,
        ..one
    };
    assert_eq!(
        judge(&theirs, &rules, at(1)).stuck.unwrap().concerned,
        LOGISTICS
    );
}

#[test]
fn an_occasion_has_one_name() {
    let order = Uuid::from_u128(7);
    let named = cause("late", order, reached(Shipped, 0));
    assert_eq!(named, format!("late:{order}:shipped:1700000000000000"));
    assert_ne!(named, cause("late", order, reached(Shipped, 1)));
}

fn told() -> impl Strategy<Value = Vec<Reached>> {
    let stage = prop::sample::select(vec![
        Submitted, Confirmed, Paid, Picking, Short, Shipped, Delivered, Completed, Cancelled,
    ]);
    prop::collection::vec((stage, 0..300_i64), 1..8).prop_map(|all| {
        all.into_iter()
            .map(|(stage, hour)| reached(stage, hour))
            .collect()
    })
}

proptest! {
    /// Clause OP-3.4.4: told twice and in any order, an order is judged alike.
    #[test]
    fn order_and_repetition_of_news_do_not_matter_to_judgement(
        (events, retold) in told().prop_flat_map(|events| {
            let twice = [events.clone(), events.clone()].concat();
            (Just(events), Just(twice).prop_shuffle())
        }),
        hour in -50..600_i64,
    ) {
        let (one, other) = (standing(&events), standing(&retold));
        prop_assert_eq!(judge(&one, &shipped(), at(hour)), judge(&other, &shipped(), at(hour)));
    }

    /// Clause OP-3.4.4: nothing is found before, and everything at, the moment that was said to be
    /// the next to look at.
    #[test]
    fn between_looks_there_is_nothing_to_see(events in told(), hour in -50..600_i64, later in 0..400_i64) {
        let one = standing(&events);
        let judged = judge(&one, &shipped(), at(hour));
        prop_assert!(judged.next.is_none_or(|next| next > at(hour)));
        let then = at(hour + later);
        if judged.next.is_none_or(|next| then < next) {
            prop_assert_eq!(found(&judge(&one, &shipped(), then)), found(&judged));
        }
    }
}

#[test]
fn every_fault_of_the_rules_is_told_at_once() {
    let faults = |rules: &PromiseDefinition| {
        let mut fields = Fields::new();
        check(&mut fields, rules);
        let faults = fields.finish().err().map(|fault| fault.violations);
        faults.unwrap_or_default()
    };
    assert_eq!(faults(&shipped()), []);
    let rules = PromiseDefinition {
        promises: vec![
            StagePromiseRule {
                stage: Completed.into(),
                after: Submitted.into(),
                hours: 0,
                ..StagePromiseRule::default()
            },
            StagePromiseRule {
                stage: Confirmed.into(),
                after: Shipped.into(),
                hours: 8_761,
                department: "departments/x".into(),
                ..StagePromiseRule::default()
            },
        ],
        silences: vec![StageSilenceRule::default(); 2],
        follow_up_hours: 0,
    };
    let hours = Violation::OutOfRange(1, 8_760);
    let expected = [
        ("promises[0].stage", Violation::NotApplicable),
        ("promises[0].hours", hours),
        ("promises[1].after", Violation::Contradiction),
        ("promises[1].hours", hours),
        ("promises[1].department", Violation::ResourceName),
        ("silences[0].stage", Violation::Required),
        ("silences[0].hours", hours),
        ("silences[1].stage", Violation::Required),
        ("silences[1].hours", hours),
        ("silences[1]", Violation::Duplicate),
        ("follow_up_hours", Violation::OutOfRange(1, 720)),
    ];
    let expected = expected.map(|(field, what)| (format!("definition.{field}"), what));
    assert_eq!(faults(&rules), expected);
}

#[test]
fn rules_count_from_when_they_are_in_force() {
    let version = |number, hour: Option<i64>, hours| PromiseRulesVersion {
        number,
        definition: Some(PromiseDefinition {
            follow_up_hours: hours,
            ..PromiseDefinition::default()
        }),
        effective_time: hour.map(|hour| to_proto(at(hour))),
        ..PromiseRulesVersion::default()
    };
    let mut versions = vec![
        version(0, None, 1),
        version(1, Some(5), 2),
        version(2, Some(9), 3),
    ];
    versions[2].withdrawn = true;
    let hours = |hour| in_force(&versions, at(hour)).follow_up_hours;
    assert_eq!((hours(4), hours(5), hours(50)), (1, 2, 2));
    assert_eq!(in_force(&[], at(0)), shipped());
}
