//! The question after delivery: did it arrive, are they satisfied (OP-3.4.5).

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::order::{AttemptOutcome, Confirmation, OrderStage, Review};
use kefu_service::error::Fault;

use super::stage::Reached;
use crate::config::ConfirmationConfig;

/// A score up to this says that somebody is not satisfied.
const LOW: i32 = 2;

/// What came of asking, where it is no review.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) outcome: AttemptOutcome,
    pub(crate) words: String,
    /// When they want to be asked.
    pub(crate) retry: Option<Timestamp>,
}

/// When the customer is asked about an order that is at this stage now; none: it is not asked. What
/// came here long after it was delivered is not chased.
pub(crate) fn due(
    rules: &ConfirmationConfig,
    current: Reached,
    now: Timestamp,
) -> Option<Timestamp> {
    let fresh = !is_past(rules, current.at, now);
    let asked = current.stage == OrderStage::Delivered && fresh;
    asked.then(|| later(current.at, hours(rules.after_days)).max(now))
}

/// Whether it happened too long ago to be looked after.
pub(crate) fn is_past(rules: &ConfirmationConfig, at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) > SignedDuration::from_hours(24 * i64::from(rules.within_days))
}

/// Whether who said so has to be looked after.
pub(crate) fn is_dissatisfied(review: &Review) -> bool {
    review.score <= LOW
}

/// How the question stands after an attempt, of which so many before did not reach anybody.
///
/// # Errors
/// `STATE_NOT_ALLOWED` where nothing is to be asked.
pub(crate) fn after(
    rules: &ConfirmationConfig,
    standing: Confirmation,
    outcome: AttemptOutcome,
    missed: usize,
) -> Result<Confirmation, Fault> {
    if standing != Confirmation::Due {
        let name = standing.as_str_name();
        let name = name.strip_prefix("CONFIRMATION_").unwrap_or(name);
        return Err(Fault::state(name, "attempt").with("allowed", "DUE"));
    }
    Ok(match outcome {
        AttemptOutcome::NotArrived => Confirmation::NotArrived,
        AttemptOutcome::NotReached if missed + 1 >= usize::from(rules.attempts) => {
            Confirmation::NotReached
        }
        _ => Confirmation::Due,
    })
}

/// When it is tried again.
pub(crate) fn again(rules: &ConfirmationConfig, attempt: &Attempt, now: Timestamp) -> Timestamp {
    let rest = SignedDuration::from_hours(rules.retry_hours.into());
    attempt.retry.unwrap_or_else(|| later(now, rest))
}

/// By when somebody sees to who is not satisfied.
pub(crate) fn see_to(rules: &ConfirmationConfig, now: Timestamp) -> Timestamp {
    later(
        now,
        SignedDuration::from_hours(rules.dissatisfied_hours.into()),
    )
}

fn hours(days: u8) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use kefu_contracts::common::Reason;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

    fn rules() -> ConfirmationConfig {
        ConfirmationConfig::default()
    }

    fn days_ago(days: i64, stage: OrderStage) -> Reached {
        Reached {
            at: NOW - SignedDuration::from_hours(24 * days),
            stage,
        }
    }

    /// Clause OP-3.4.5: three days after delivery; what is late is asked now, what is long past never.
    #[test]
    fn who_got_their_order_is_asked_a_few_days_later() {
        let asked = |days| due(&rules(), days_ago(days, OrderStage::Delivered), NOW);
        assert_eq!(asked(0), Some(NOW + SignedDuration::from_hours(72)));
        assert_eq!(asked(2), Some(NOW + SignedDuration::from_hours(24)));
        assert_eq!(
            [asked(9), asked(30), asked(31)],
            [Some(NOW), Some(NOW), None]
        );
        for stage in [
            OrderStage::Shipped,
            OrderStage::Completed,
            OrderStage::Cancelled,
        ] {
            assert_eq!(due(&rules(), days_ago(0, stage), NOW), None, "{stage:?}");
        }
    }

    /// Clause OP-3.4.5: tried as often as the company does, and closed then.
    #[test]
    fn who_is_not_reached_is_tried_again_and_not_for_ever() {
        let tried = |outcome, missed| after(&rules(), Confirmation::Due, outcome, missed).unwrap();
        assert_eq!(tried(AttemptOutcome::NotReached, 0), Confirmation::Due);
        assert_eq!(tried(AttemptOutcome::NotReached, 1), Confirmation::Due);
        assert_eq!(
            tried(AttemptOutcome::NotReached, 2),
            Confirmation::NotReached
        );
        assert_eq!(tried(AttemptOutcome::Later, 9), Confirmation::Due);
        assert_eq!(
            tried(AttemptOutcome::NotArrived, 0),
            Confirmation::NotArrived
        );
    }

    #[test]
    fn nothing_is_tried_that_is_not_asked() {
        for standing in [
            Confirmation::Unspecified,
            Confirmation::Answered,
            Confirmation::NotReached,
            Confirmation::NotArrived,
        ] {
            let refused = after(&rules(), standing, AttemptOutcome::Later, 0).unwrap_err();
            assert_eq!(refused.reason, Reason::StateNotAllowed);
        }
    }

    #[test]
    fn two_and_less_is_not_satisfied() {
        let said = |score| {
            is_dissatisfied(&Review {
                score,
                ..Review::default()
            })
        };
        assert_eq!([1, 2, 3, 5].map(said), [true, true, false, false]);
    }
}
