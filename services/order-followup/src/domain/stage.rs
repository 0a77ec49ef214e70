//! The stages of an order (OP-3.4.4). Systems tell what happened late, twice and
//! in any order; so the stage is not moved from one to the next but read off
//! what was told: the event that is latest by its own time tells it.

use jiff::Timestamp;
use kefu_contracts::order::OrderStage::{self, *};
use kefu_service::error::Language;

/// What there is to know about a stage.
struct Rule {
    stage: OrderStage,
    /// Whether it is told by an event (RecordStage). The other comes about by a command.
    told: bool,
    /// What a person's command may put in its place.
    next: &'static [OrderStage],
}

const fn rule(stage: OrderStage, told: bool, next: &'static [OrderStage]) -> Rule {
    Rule { stage, told, next }
}

/// In stage order, which decides between events of the same moment.
const RULES: [Rule; 9] = [
    //   stage      told   by command
    rule(Submitted, true, &[]),
    rule(Confirmed, true, &[]),
    rule(Paid, true, &[]),
    rule(Picking, true, &[]),
    rule(Short, true, &[]),
    rule(Shipped, true, &[]),
    rule(Delivered, true, &[Completed]),
    rule(Completed, false, &[]),
    rule(Cancelled, true, &[]),
];

fn rule_of(stage: OrderStage) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.stage == stage)
}

/// Whether RecordStage may tell of it.
pub(crate) fn is_told(stage: OrderStage) -> bool {
    rule_of(stage).is_some_and(|rule| rule.told)
}

/// Whether only a system tells of it: people cancel an order as far as `amendment` lets them.
pub(crate) fn is_told_by_systems(stage: OrderStage) -> bool {
    stage == Cancelled
}

/// Whether a command may put `next` in its place.
pub(crate) fn may_become(stage: OrderStage, next: OrderStage) -> bool {
    rule_of(stage).is_some_and(|rule| rule.next.contains(&next))
}

/// Whether an order at this stage is over.
pub(crate) fn is_over(stage: OrderStage) -> bool {
    matches!(stage, Completed | Cancelled)
}

/// Whether the goods of an order at this stage have left.
pub(crate) fn has_left(stage: OrderStage) -> bool {
    matches!(stage, Shipped | Delivered | Completed)
}

/// An order reached a stage. Ordered by time, then by stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reached {
    pub(crate) at: Timestamp,
    pub(crate) stage: OrderStage,
}

/// What the events tell: the latest by its own time; a customer's word that all
/// is well is not taken back by an event that comes after it.
pub(crate) fn current(events: impl IntoIterator<Item = Reached>) -> Option<Reached> {
    events
        .into_iter()
        .max_by_key(|event| (event.stage == Completed, *event))
}

/// What people call it; nothing is said of no stage.
pub(crate) fn in_words(stage: OrderStage, language: Language) -> &'static str {
    let (chinese, english) = match stage {
        Submitted => ("提交", "submission"),
        Confirmed => ("确认", "confirmation"),
        Paid => ("付款", "payment"),
        Picking => ("配货", "picking"),
        Short => ("缺货", "restocking"),
        Shipped => ("发货", "shipment"),
        Delivered => ("送达", "delivery"),
        Completed => ("完成", "completion"),
        Cancelled => ("取消", "cancellation"),
        Unspecified => ("", ""),
    };
    match language {
        Language::Chinese => chinese,
        Language::English => english,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reached(stage: OrderStage, second: i64) -> Reached {
        Reached {
            at: Timestamp::from_second(second).unwrap(),
            stage,
        }
    }

    fn event() -> impl Strategy<Value = Reached> {
        // Few moments, so that many events share one.
        (1..=9_i32, 0..6_i64)
            .prop_map(|(stage, second)| reached(OrderStage::try_from(stage).unwrap(), second))
    }

    /// A journey, and the same told in another order with repetitions.
    fn told_twice() -> impl Strategy<Value = (Vec<Reached>, Vec<Reached>)> {
        prop::collection::vec(event(), 1..12).prop_flat_map(|events| {
            let again = prop::collection::vec(prop::sample::select(events.clone()), 0..12);
            let retold = again.prop_flat_map({
                let events = events.clone();
                move |again| Just([events.clone(), again].concat()).prop_shuffle()
            });
            (Just(events), retold)
        })
    }

    proptest! {
        /// Clause OP-3.4.4: any order and any repetition of events tells the same stage.
        #[test]
        fn order_and_repetition_do_not_matter((events, retold) in told_twice()) {
            prop_assert_eq!(current(retold), current(events));
        }

        /// Clause OP-3.4.4: told one by one, as they are recorded, nothing is lost either.
        #[test]
        fn the_stage_is_the_latest_of_all_that_was_told(events in prop::collection::vec(event(), 1..12)) {
            let told = current(events.clone()).unwrap();
            if events.iter().any(|event| event.stage == Completed) {
                prop_assert_eq!(told.stage, Completed);
            } else {
                for event in events {
                    prop_assert!((event.at, event.stage as i32) <= (told.at, told.stage as i32));
                }
            }
        }
    }

    /// Clause OP-3.4.4.
    #[test]
    fn late_news_is_kept_and_changes_nothing() {
        let journey = [
            reached(Submitted, 1),
            reached(Delivered, 9),
            reached(Shipped, 5),
        ];
        assert_eq!(current(journey), Some(reached(Delivered, 9)));
        assert_eq!(
            current([reached(Paid, 3), reached(Cancelled, 3), reached(Short, 3)]),
            Some(reached(Cancelled, 3))
        );
        // A cancelled order that was shipped afterwards is under way again.
        assert_eq!(
            current([reached(Cancelled, 3), reached(Shipped, 4)]),
            Some(reached(Shipped, 4))
        );
        // A completed one stays so.
        assert_eq!(
            current([reached(Completed, 3), reached(Cancelled, 4)]),
            Some(reached(Completed, 3))
        );
        assert_eq!(current([]), None);
    }

    /// Clause OP-3.4.5: only the customer's word completes, and only what was delivered.
    #[test]
    fn only_a_delivered_order_is_completed_and_only_by_command() {
        for rule in &RULES {
            let from = rule.stage;
            assert_eq!(may_become(from, Completed), from == Delivered, "{from:?}");
            assert_eq!(is_told(from), from != Completed, "{from:?}");
            for to in &RULES {
                assert!(
                    to.stage == Completed || !may_become(from, to.stage),
                    "{from:?} → {:?}",
                    to.stage
                );
            }
        }
        assert!(!is_told(Unspecified) && !may_become(Unspecified, Completed));
    }

    /// Clause OP-3.4.3: people cancel by commands, which ask for a reason and the stage.
    #[test]
    fn that_an_order_was_cancelled_is_told_by_systems() {
        for rule in &RULES {
            let cancelled = rule.stage == Cancelled;
            assert_eq!(is_told_by_systems(rule.stage), cancelled);
        }
        assert!(is_told(Cancelled));
    }

    #[test]
    fn every_stage_of_the_contract_has_its_rule_in_stage_order() {
        let numbers: Vec<_> = RULES.iter().map(|rule| rule.stage as i32).collect();
        assert_eq!(numbers, (1..=9).collect::<Vec<_>>());
        assert!(OrderStage::try_from(10).is_err());
    }
}
