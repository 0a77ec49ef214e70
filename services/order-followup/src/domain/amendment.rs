//! Until which stage an order is changed or cancelled on its customer's wish, and by whom (OP-3.4.3).

use kefu_contracts::order::OrderStage::{self, *};
use kefu_service::error::Fault;

use super::stage::{has_left, is_over};

/// What a customer may wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Other lines, or another contact.
    Change,
    /// None of it any more, told to whoever follows the order up.
    Cancel,
    /// The same, by whoever leads and can have the warehouse stop.
    Stop,
}

/// What can be done with an order at a stage.
struct Rule {
    stage: OrderStage,
    change: bool,
    cancel: bool,
    stop: bool,
}

const fn rule(stage: OrderStage, change: bool, cancel: bool, stop: bool) -> Rule {
    Rule {
        stage,
        change,
        cancel,
        stop,
    }
}

const RULES: [Rule; 9] = [
    //   stage      change  cancel  stop
    rule(Submitted, true, true, true),
    rule(Confirmed, false, true, true),
    rule(Paid, false, true, true),
    rule(Picking, false, false, true),
    rule(Short, true, true, true),
    // What has left is returned (OP-3.4.6).
    rule(Shipped, false, false, false),
    rule(Delivered, false, false, false),
    rule(Completed, false, false, false),
    rule(Cancelled, false, false, false),
];

/// Refuses what comes too late, or is not for whoever asks, of an order that is at a stage and was
/// told to have reached these. What has left has left, whatever somebody tells of it later.
///
/// # Errors
/// `STATE_NOT_ALLOWED`.
pub(crate) fn ensure(
    wish: Wish,
    stage: OrderStage,
    told: impl IntoIterator<Item = OrderStage>,
) -> Result<(), Fault> {
    let left = told.into_iter().filter(|stage| has_left(*stage)).max();
    let stage = left.filter(|_| !is_over(stage)).unwrap_or(stage);
    let rule = RULES.iter().find(|rule| rule.stage == stage);
    let may = rule.is_some_and(|rule| match wish {
        Wish::Change => rule.change,
        Wish::Cancel => rule.cancel,
        Wish::Stop => rule.stop,
    });
    match may {
        true => Ok(()),
        false => Err(Fault::state(stage.as_str_name(), wish.name())),
    }
}

impl Wish {
    fn name(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Cancel => "cancel",
            Self::Stop => "stop",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clause OP-3.4.3: who leads may do all that whoever follows an order up may, and what has
    /// left is nobody's to cancel.
    #[test]
    fn the_table_of_amendments_says_what_the_policy_says() {
        let numbers: Vec<_> = RULES.iter().map(|rule| rule.stage as i32).collect();
        assert_eq!(numbers, (1..=9).collect::<Vec<_>>());
        for rule in &RULES {
            assert!(rule.stop || !rule.cancel, "{:?}", rule.stage);
            assert!(rule.cancel || !rule.change, "{:?}", rule.stage);
            for wish in [Wish::Change, Wish::Cancel, Wish::Stop] {
                let told = [Submitted, Shipped, Picking, rule.stage];
                assert!(ensure(wish, rule.stage, told).is_err(), "{:?}", rule.stage);
            }
            let has_left = matches!(rule.stage, Shipped | Delivered | Completed | Cancelled);
            assert_eq!(ensure(Wish::Stop, rule.stage, []).is_ok(), !has_left);
        }
        assert!(ensure(Wish::Cancel, Picking, []).is_err());
        assert!(ensure(Wish::Change, Confirmed, []).is_err());
        assert!(ensure(Wish::Change, Unspecified, []).is_err());
    }
}
