//! Surveys: who is asked, what an answer is, and what follows from it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::ticket::{AnswerSurveyRequest, ReturnVisit, SatisfactionRate, SurveyReason};
use kefu_service::{error::Violation, fields::Fields};

use super::entry::MEDIUM;

/// Marks from this on are satisfied (CC-1.4).
pub(crate) const SATISFIED: i32 = 4;

/// What the company decided about surveys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// From a resolution until nobody is asked about it any more.
    pub(crate) open: SignedDuration,
    /// From an answer until it stands.
    pub(crate) change: SignedDuration,
    /// A mark of this or less makes a return visit due.
    pub(crate) visit_up_to: i32,
}

impl Terms {
    /// Until when is asked about a resolution; none where that is over, as for records that
    /// are transferred long after.
    pub(crate) fn asked_until(&self, resolved: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let until = resolved.saturating_add(self.open).ok()?;
        (until > now).then_some(until)
    }

    /// Until when an answer is taken.
    pub(crate) fn taken_until(&self, expires: Timestamp, answered: Option<Timestamp>) -> Timestamp {
        let changed_until = |answered: Timestamp| answered.saturating_add(self.change).ok();
        answered.and_then(changed_until).unwrap_or(expires)
    }

    /// Whether somebody is to turn to the customer, after these marks.
    pub(crate) fn visit(&self, before: ReturnVisit, answer: &Given) -> ReturnVisit {
        match before {
            // They were turned to; a better mark does not undo that, nor does a worse one.
            ReturnVisit::Done => ReturnVisit::Done,
            _ if answer.service.min(answer.result) <= self.visit_up_to => ReturnVisit::Due,
            _ => ReturnVisit::Unspecified,
        }
    }
}

/// An answer that can be taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Given {
    /// 1–5.
    pub(crate) service: i32,
    /// 1–5.
    pub(crate) result: i32,
    pub(crate) reasons: Vec<SurveyReason>,
    pub(crate) comment: String,
}

impl Given {
    /// Reads an answer; whatever is wrong is noted.
    pub(crate) fn read(fields: &mut Fields, request: &AnswerSurveyRequest) -> Self {
        for (field, score) in [
            ("service_score", request.service_score),
            ("result_score", request.result_score),
        ] {
            let what = Violation::OutOfRange(1, 5);
            fields.ensure((1..=5).contains(&score), field, what);
        }
        fields.text("comment", &request.comment, MEDIUM);
        let mut reasons = BTreeSet::new();
        for (at, one) in request.reasons.iter().enumerate() {
            let place = format!("reasons[{at}]");
            let reason = fields.required_enum::<SurveyReason>(&place, *one);
            if let Some(reason) = reason
                && !reasons.insert(reason)
            {
                fields.refuse(place, Violation::Duplicate);
                break;
            }
        }
        Self {
            service: request.service_score,
            result: request.result_score,
            reasons: reasons.into_iter().collect(),
            comment: request.comment.clone(),
        }
    }
}

/// Satisfied answers of all answers (CC-1.4).
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of answers are far below 2^52"
)]
pub(crate) fn rate(satisfied: i64, answers: i64) -> SatisfactionRate {
    SatisfactionRate {
        satisfied_count: satisfied,
        answer_count: answers,
        rate: match answers {
            0 => 0.0,
            answers => satisfied as f64 / answers as f64,
        },
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_760_000_000, 0);
    const TERMS: Terms = Terms {
        open: SignedDuration::from_hours(48),
        change: SignedDuration::from_hours(24),
        visit_up_to: 2,
    };

    fn read(request: &AnswerSurveyRequest) -> (Given, Vec<String>) {
        let mut fields = Fields::new();
        let given = Given::read(&mut fields, request);
        let found = fields.finish().err().map(|fault| fault.violations);
        let named = found
            .unwrap_or_default()
            .into_iter()
            .map(|(field, _)| field);
        (given, named.collect())
    }

    /// Clause SG-4.
    #[test]
    fn every_fault_of_an_answer_is_told_at_once() {
        let wrong = AnswerSurveyRequest {
            token: String::new(),
            service_score: 0,
            result_score: 6,
            reasons: vec![99, 1, 1],
            comment: "x".repeat(MEDIUM + 1),
        };
        let (_, found) = read(&wrong);
        assert_eq!(
            found,
            [
                "service_score",
                "result_score",
                "comment",
                "reasons[0]",
                "reasons[2]"
            ]
        );
        let right = AnswerSurveyRequest {
            service_score: 1,
            result_score: 5,
            reasons: vec![4, 1],
            ..AnswerSurveyRequest::default()
        };
        let (given, found) = read(&right);
        assert_eq!(found, [""; 0]);
        assert_eq!(given.reasons, [SurveyReason::Speed, SurveyReason::Solution]);
    }

    /// Clause SG-4: what was resolved too long ago is not asked about, and an answer stands
    /// when the time for changes is over, however late it came.
    #[test]
    fn answers_have_their_time() {
        assert_eq!(TERMS.asked_until(NOW, NOW), Some(NOW + 48.hours()));
        assert_eq!(TERMS.asked_until(NOW - 48.hours(), NOW), None);
        let expires = NOW + 1.hour();
        assert_eq!(TERMS.taken_until(expires, None), expires);
        assert_eq!(TERMS.taken_until(expires, Some(NOW)), NOW + 24.hours());
    }

    proptest! {
        /// Clauses OP-3.2, SG-4: either mark being low makes a visit due, until it was made.
        #[test]
        fn low_marks_make_a_visit_due(service in 1..=5, result in 1..=5) {
            let given = Given { service, result, reasons: Vec::new(), comment: String::new() };
            let low = [1, 2].contains(&service) || [1, 2].contains(&result);
            for before in [ReturnVisit::Unspecified, ReturnVisit::Due] {
                prop_assert_eq!(TERMS.visit(before, &given) == ReturnVisit::Due, low);
            }
            prop_assert_eq!(TERMS.visit(ReturnVisit::Done, &given), ReturnVisit::Done);
        }
    }

    /// Clause CC-1.4.
    #[test]
    fn satisfaction_is_satisfied_answers_of_all_answers() {
        let of = |satisfied, answers| rate(satisfied, answers).rate;
        assert!((of(3, 4) - 0.75).abs() < f64::EPSILON);
        assert!(of(0, 0).abs() < f64::EPSILON);
    }
}
