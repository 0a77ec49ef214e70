//! States of a file: which step leads from which state to which (CF-3.3).

use kefu_contracts::profile::CustomerState;
use kefu_service::error::Fault;

/// What can be done to a file once it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Update,
    Submit,
    Return,
    Approve,
    Withdraw,
    /// Another file becomes part of it.
    Merge,
    /// It becomes part of another.
    Absorb,
    /// It is by itself again.
    Separate,
}

type To = Option<CustomerState>;
const NO: To = None;
const DRAFT: To = Some(CustomerState::Draft);
const REVIEW: To = Some(CustomerState::InReview);
const BACK: To = Some(CustomerState::Returned);
const ARCHIVED: To = Some(CustomerState::Archived);
const GONE: To = Some(CustomerState::Withdrawn);
const PART: To = Some(CustomerState::Merged);

/// The states in the order of the table's columns.
const STATES: [CustomerState; 6] = [
    CustomerState::Draft,
    CustomerState::InReview,
    CustomerState::Returned,
    CustomerState::Archived,
    CustomerState::Withdrawn,
    CustomerState::Merged,
];

/// The whole of it. A change of an archived file is entered at once (CF-7.1) and needs
/// no second review; what is archived is destroyed, not withdrawn (CF-10). Only what was
/// reviewed is merged (IH-2.2).
#[rustfmt::skip]
const TABLE: [(&str, [To; 6]); 8] = [
    // from:        DRAFT   IN_REVIEW RETURNED ARCHIVED  WITHDRAWN MERGED
    ("update",   [  DRAFT,  REVIEW,   BACK,    ARCHIVED, NO,       NO       ]),
    ("submit",   [  REVIEW, NO,       REVIEW,  NO,       NO,       NO       ]),
    ("return",   [  NO,     BACK,     NO,      NO,       NO,       NO       ]),
    ("approve",  [  NO,     ARCHIVED, NO,      NO,       NO,       NO       ]),
    ("withdraw", [  GONE,   GONE,     GONE,    NO,       NO,       NO       ]),
    ("merge",    [  NO,     NO,       NO,      ARCHIVED, NO,       NO       ]),
    ("absorb",   [  NO,     NO,       NO,      PART,     NO,       NO       ]),
    ("separate", [  NO,     NO,       NO,      NO,       NO,       ARCHIVED ]),
];

/// Where the step leads from this state.
///
/// # Errors
/// `STATE_NOT_ALLOWED` with the states that allow it, when the table has no way.
pub(crate) fn after(state: CustomerState, step: Step) -> Result<CustomerState, Fault> {
    let (wanted, ways) = &TABLE[step as usize];
    let column = STATES.iter().position(|known| *known == state);
    column.and_then(|column| ways[column]).ok_or_else(|| {
        let allowed: Vec<_> = STATES
            .into_iter()
            .zip(ways)
            .filter(|(_, way)| way.is_some())
            .map(|(state, _)| name(state))
            .collect();
        Fault::state(name(state), wanted).with("allowed", allowed.join(","))
    })
}

/// `IN_REVIEW`: the enum value without its prefix, as filters have it.
fn name(state: CustomerState) -> &'static str {
    let name = state.as_str_name();
    name.strip_prefix("CUSTOMER_STATE_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use CustomerState::{Archived, Draft, InReview, Merged, Returned, Unspecified, Withdrawn};
    use kefu_contracts::common::Reason;

    use super::*;

    /// The policy in words, written apart from the table.
    fn expected(state: CustomerState, step: Step) -> Option<CustomerState> {
        match (step, state) {
            (Step::Separate, Merged) => Some(Archived),
            (_, Unspecified | Withdrawn | Merged) => None,
            (Step::Update, _) => Some(state),
            (Step::Submit, Draft | Returned) => Some(InReview),
            (Step::Return, InReview) => Some(Returned),
            (Step::Approve, InReview) => Some(Archived),
            (Step::Withdraw, Draft | InReview | Returned) => Some(Withdrawn),
            (Step::Merge, Archived) => Some(Archived),
            (Step::Absorb, Archived) => Some(Merged),
            _ => None,
        }
    }

    /// Clause CF-3.3: every state × every step, and what would have been allowed.
    #[test]
    fn a_file_goes_only_where_the_policy_lets_it() {
        let steps = [
            (Step::Update, "DRAFT,IN_REVIEW,RETURNED,ARCHIVED"),
            (Step::Submit, "DRAFT,RETURNED"),
            (Step::Return, "IN_REVIEW"),
            (Step::Approve, "IN_REVIEW"),
            (Step::Withdraw, "DRAFT,IN_REVIEW,RETURNED"),
            (Step::Merge, "ARCHIVED"),
            (Step::Absorb, "ARCHIVED"),
            (Step::Separate, "MERGED"),
        ];
        for (step, allowed) in steps {
            for state in STATES.into_iter().chain([Unspecified]) {
                let found = after(state, step);
                assert_eq!(
                    found.clone().ok(),
                    expected(state, step),
                    "{state:?} {step:?}"
                );
                if let Err(fault) = found {
                    assert_eq!(fault.reason, Reason::StateNotAllowed);
                    assert!(fault.metadata.contains(&("allowed", allowed.to_owned())));
                    assert!(fault.metadata.contains(&("state", name(state).to_owned())));
                }
            }
        }
    }
}
