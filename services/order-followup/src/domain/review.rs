//! The customer's word on an order (OP-3.4.5, SG-4).

use jiff::Timestamp;
use kefu_contracts::order::Review;
use kefu_service::{error::Violation, fields::Fields, time};

/// Characters of what the customer says.
pub(crate) const LONGEST_COMMENT: usize = 2000;

/// How the customer came to say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// They were asked whether it arrived; an order that did not is not complete.
    Asked,
    /// On their own, at whatever stage.
    OnTheirOwn,
}

/// Checks a review and brings it to the form in which it is kept: with the time
/// of the answer, which is `now` when it is not told. `None` when there is none.
pub(crate) fn check(
    fields: &mut Fields,
    review: Option<Review>,
    occasion: Occasion,
    now: Timestamp,
) -> Option<(Review, Timestamp)> {
    let Some(mut review) = review else {
        fields.refuse("review", Violation::Required);
        return None;
    };
    match review.score {
        0 => fields.refuse("review.score", Violation::Required),
        score => fields.ensure(
            (1..=5).contains(&score),
            "review.score",
            Violation::OutOfRange(1, 5),
        ),
    }
    fields.text("review.comment", &review.comment, LONGEST_COMMENT);
    fields.text("review.external_ref", &review.external_ref, 120);
    let arrived = review.arrived || occasion == Occasion::OnTheirOwn;
    fields.ensure(arrived, "review.arrived", Violation::Required);
    let answered_at = fields
        .past("review.answered_time", review.answered_time.as_ref(), now)
        .unwrap_or(now);
    review.answered_time = Some(time::to_proto(answered_at));
    Some((review, answered_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

    fn violations(review: Option<Review>, occasion: Occasion) -> Vec<(String, Violation)> {
        let mut fields = Fields::new();
        check(&mut fields, review, occasion, NOW);
        fields
            .finish()
            .err()
            .map(|fault| fault.violations)
            .unwrap_or_default()
    }

    /// Clause OP-3.4.5.
    #[test]
    fn an_order_is_complete_when_it_arrived_and_the_customer_said_how_it_was() {
        let well = Review {
            score: 5,
            arrived: true,
            ..Default::default()
        };
        assert_eq!(violations(Some(well), Occasion::Asked), []);
        let required = |field: &str| (field.to_owned(), Violation::Required);
        let found = violations(Some(Review::default()), Occasion::Asked);
        assert_eq!(
            found,
            [required("review.score"), required("review.arrived")]
        );
        assert_eq!(violations(None, Occasion::Asked), [required("review")]);
    }

    /// Clause SG-4: a customer may complain of what never came.
    #[test]
    fn customers_speak_on_their_own_at_whatever_stage() {
        let lost = Review {
            score: 1,
            ..Default::default()
        };
        assert_eq!(violations(Some(lost), Occasion::OnTheirOwn), []);
    }

    /// Clause OP-3.4.5.
    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let wrong = Review {
            score: 6,
            comment: "长".repeat(2001),
            external_ref: "x".repeat(121),
            answered_time: Some(time::to_proto(NOW + jiff::SignedDuration::from_secs(1))),
            arrived: false,
        };
        let found = violations(Some(wrong), Occasion::Asked);
        let named: Vec<_> = found
            .iter()
            .map(|(field, what)| (field.as_str(), *what))
            .collect();
        assert_eq!(
            named,
            [
                ("review.score", Violation::OutOfRange(1, 5)),
                ("review.comment", Violation::TooLong(2000)),
                ("review.external_ref", Violation::TooLong(120)),
                ("review.arrived", Violation::Required),
                ("review.answered_time", Violation::InFuture),
            ]
        );
        assert_eq!(
            violations(
                Some(Review {
                    score: -1,
                    ..Default::default()
                }),
                Occasion::OnTheirOwn
            ),
            [("review.score".to_owned(), Violation::OutOfRange(1, 5))]
        );
    }

    #[test]
    fn an_answer_without_a_time_was_given_now() {
        let mut fields = Fields::new();
        let review = Some(Review {
            score: 3,
            ..Default::default()
        });
        let (kept, at) = check(&mut fields, review, Occasion::OnTheirOwn, NOW).unwrap();
        assert_eq!((kept.answered_time, at), (Some(time::to_proto(NOW)), NOW));
    }
}
