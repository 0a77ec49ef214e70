//! Offers of tickets to other departments (SG-3, CC-1.2).

use kefu_contracts::ticket::OfferState;
use kefu_service::error::Fault;

/// What can happen to an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Accept,
    Decline,
    Withdraw,
    /// Its time is over.
    Lapse,
}

/// The table: each step with its name, what it is in the journal, and where it leads from
/// PENDING. From any other state nothing leads anywhere.
const TABLE: [(Step, &str, &str, OfferState); 4] = [
    (
        Step::Accept,
        "accept",
        "offer.accepted",
        OfferState::Accepted,
    ),
    (
        Step::Decline,
        "decline",
        "offer.declined",
        OfferState::Declined,
    ),
    (
        Step::Withdraw,
        "withdraw",
        "offer.withdrawn",
        OfferState::Withdrawn,
    ),
    (Step::Lapse, "lapse", "offer.lapsed", OfferState::Lapsed),
];

impl Step {
    /// Where it leads from a state.
    ///
    /// # Errors
    /// `STATE_NOT_ALLOWED` when the table has no way.
    pub(crate) fn leads_from(self, state: OfferState) -> Result<OfferState, Fault> {
        let (_, name, _, to) = self.row();
        match state {
            OfferState::Pending => Ok(to),
            other => {
                let state = other.as_str_name();
                let state = state.strip_prefix("OFFER_STATE_").unwrap_or(state);
                Err(Fault::state(state, name).with("allowed", "PENDING"))
            }
        }
    }

    /// Type of its journal entry.
    pub(crate) fn journaled_as(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Self, &'static str, &'static str, OfferState) {
        let row = TABLE.into_iter().find(|(step, ..)| *step == self);
        row.unwrap_or(TABLE[3])
    }
}

#[cfg(test)]
mod tests {
    use kefu_contracts::common::Reason;

    use super::*;

    /// Clauses SG-3, CC-1.2: an offer is answered once, and each answer is a state of its own.
    #[test]
    fn an_offer_is_answered_once() {
        let steps = [Step::Accept, Step::Decline, Step::Withdraw, Step::Lapse];
        let mut reached = Vec::new();
        for step in steps {
            let to = step.leads_from(OfferState::Pending).unwrap();
            assert!(!reached.contains(&to));
            reached.push(to);
        }
        for state in reached.into_iter().chain([OfferState::Unspecified]) {
            for step in steps {
                let refused = step.leads_from(state).unwrap_err();
                assert_eq!(refused.reason, Reason::StateNotAllowed);
            }
        }
        let names: Vec<_> = steps.map(Step::journaled_as).into();
        let expected = [
            "offer.accepted",
            "offer.declined",
            "offer.withdrawn",
            "offer.lapsed",
        ];
        assert_eq!(names, expected);
    }
}
