//! States of a case: what can be done in which state, and where it leads (IH-6).

use kefu_contracts::order::{CaseKind, CaseState};
use kefu_service::error::Fault;

/// What can happen to a case once it is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Assign,
    Check,
    Override,
    Plan,
    Agree,
    Decline,
    /// Something is to be done, and by whom.
    Step,
    /// It was.
    StepDone,
    Finish,
    Satisfied,
    Unsatisfied,
    Evaluate,
    Cancel,
    /// Money is proposed.
    Propose,
    Decide,
    Pay,
}

type To = Option<CaseState>;
const NO: To = None;
const REGD: To = Some(CaseState::Registered);
const CHKD: To = Some(CaseState::Checked);
const PLND: To = Some(CaseState::Planned);
const AGRD: To = Some(CaseState::Agreed);
const WORK: To = Some(CaseState::UnderWay);
const DONE: To = Some(CaseState::Done);
const CLSD: To = Some(CaseState::Closed);
const EVAL: To = Some(CaseState::Evaluated);
const CANC: To = Some(CaseState::Cancelled);

const STATES: [CaseState; 9] = [
    CaseState::Registered,
    CaseState::Checked,
    CaseState::Planned,
    CaseState::Agreed,
    CaseState::UnderWay,
    CaseState::Done,
    CaseState::Closed,
    CaseState::Evaluated,
    CaseState::Cancelled,
];

/// Each event with its name and where it leads from REGISTERED, CHECKED, PLANNED, AGREED,
/// UNDER_WAY, DONE, CLOSED, EVALUATED and CANCELLED. A plan that is declined, and a result that
/// does not satisfy, lead back to where a plan is due. What else has to hold (a cover that is not
/// refused, nothing left to do or to pay) stands with the action.
#[rustfmt::skip]
const TABLE: [(Event, &str, [To; 9]); 16] = [
    // from:                            REGD  CHKD  PLND  AGRD  WORK  DONE  CLSD  EVAL  CANC
    (Event::Assign,      "assign",    [ REGD, CHKD, PLND, AGRD, WORK, DONE, NO,   NO,   NO ]),
    (Event::Check,       "check",     [ CHKD, CHKD, NO,   NO,   NO,   NO,   NO,   NO,   NO ]),
    (Event::Override,    "override",  [ NO,   CHKD, NO,   NO,   NO,   NO,   NO,   NO,   NO ]),
    (Event::Plan,        "plan",      [ NO,   PLND, PLND, NO,   NO,   NO,   NO,   NO,   NO ]),
    (Event::Agree,       "agree",     [ NO,   NO,   AGRD, NO,   NO,   NO,   NO,   NO,   NO ]),
    (Event::Decline,     "decline",   [ NO,   NO,   CHKD, NO,   NO,   NO,   NO,   NO,   NO ]),
    (Event::Step,        "step",      [ NO,   NO,   NO,   WORK, WORK, NO,   NO,   NO,   NO ]),
    (Event::StepDone,    "step done", [ NO,   NO,   NO,   NO,   WORK, NO,   NO,   NO,   NO ]),
    (Event::Finish,      "finish",    [ NO,   NO,   NO,   NO,   DONE, NO,   NO,   NO,   NO ]),
    (Event::Satisfied,   "satisfied", [ NO,   NO,   NO,   NO,   NO,   CLSD, NO,   NO,   NO ]),
    (Event::Unsatisfied, "unsatisfied", [ NO, NO,   NO,   NO,   NO,   CHKD, CHKD, CHKD, NO ]),
    (Event::Evaluate,    "evaluate",  [ NO,   NO,   NO,   NO,   NO,   NO,   EVAL, NO,   NO ]),
    (Event::Cancel,      "cancel",    [ CANC, CANC, CANC, CANC, CANC, NO,   NO,   NO,   NO ]),
    (Event::Propose,     "propose",   [ NO,   CHKD, PLND, AGRD, WORK, DONE, NO,   NO,   NO ]),
    (Event::Decide,      "decide",    [ NO,   CHKD, PLND, AGRD, WORK, DONE, NO,   NO,   NO ]),
    (Event::Pay,         "pay",       [ NO,   NO,   NO,   WORK, WORK, DONE, NO,   NO,   NO ]),
];

/// The same for guidance, which is finished by giving it: there need be no plan.
const GUIDANCE_FINISH: [To; 9] = [DONE, DONE, DONE, DONE, DONE, NO, NO, NO, NO];

/// Where the event leads a case of this kind.
///
/// # Errors
/// `STATE_NOT_ALLOWED` when the table has no way.
pub(crate) fn after(kind: CaseKind, state: CaseState, event: Event) -> Result<CaseState, Fault> {
    let (_, name, ways) = row(event);
    let ways = match (kind, event) {
        (CaseKind::Guidance, Event::Finish) => &GUIDANCE_FINISH,
        _ => ways,
    };
    let column = STATES.iter().position(|one| *one == state);
    let to = column.and_then(|column| ways[column]);
    to.ok_or_else(|| Fault::state(short(state), name))
}

fn row(event: Event) -> &'static (Event, &'static str, [To; 9]) {
    let row = TABLE.iter().find(|(one, ..)| *one == event);
    row.unwrap_or(&TABLE[0])
}

/// Whether nothing more is done about it: it is nobody's duty.
pub(crate) fn is_over(state: CaseState) -> bool {
    matches!(
        state,
        CaseState::Closed | CaseState::Evaluated | CaseState::Cancelled
    )
}

/// `UNDER_WAY`: the enum value without its prefix, as filters have it.
pub(crate) fn short(state: CaseState) -> &'static str {
    let name = state.as_str_name();
    name.strip_prefix("CASE_STATE_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kefu_contracts::common::Reason;

    use super::*;

    fn reached(kind: CaseKind, from: CaseState) -> BTreeSet<i32> {
        let mut reached = BTreeSet::from([from as i32]);
        loop {
            let before = reached.len();
            for state in reached.clone() {
                let state = CaseState::try_from(state).unwrap();
                for (event, ..) in TABLE {
                    reached.extend(after(kind, state, event).map(|to| to as i32));
                }
            }
            if reached.len() == before {
                return reached;
            }
        }
    }

    #[test]
    fn every_event_has_its_row() {
        for (at, (event, name, _)) in TABLE.iter().enumerate() {
            assert_eq!((row(*event).0, row(*event).1), (*event, *name));
            assert!(TABLE[..at].iter().all(|(other, ..)| other != event));
        }
    }

    /// Clause IH-6: whatever the kind, each state is on the way from registration.
    #[test]
    fn every_state_is_reached_from_registration() {
        for kind in 1..=7 {
            let kind = CaseKind::try_from(kind).unwrap();
            assert_eq!(reached(kind, CaseState::Registered).len(), STATES.len());
        }
    }

    /// Clause IH-6: nothing is done that the customer did not agree to.
    #[test]
    fn nothing_is_carried_out_before_the_customer_agrees() {
        for kind in [CaseKind::Repair, CaseKind::Return, CaseKind::Refund] {
            for state in [
                CaseState::Registered,
                CaseState::Checked,
                CaseState::Planned,
            ] {
                for event in [Event::Step, Event::StepDone, Event::Finish, Event::Pay] {
                    let refused = after(kind, state, event).unwrap_err();
                    assert_eq!(refused.reason, Reason::StateNotAllowed);
                }
            }
        }
    }

    /// Clauses IH-6, SG-4: only the customer's word closes a case, and a case that is over comes
    /// back only by it.
    #[test]
    fn only_the_customers_word_closes_a_case() {
        for (event, _, ways) in TABLE {
            let closes = ways.contains(&CLSD);
            assert_eq!(closes, event == Event::Satisfied, "{event:?}");
            for over in STATES.into_iter().filter(|state| is_over(*state)) {
                if let Ok(to) = after(CaseKind::Repair, over, event) {
                    assert!(is_over(to) || event == Event::Unsatisfied, "{event:?}");
                }
            }
        }
        assert!(after(CaseKind::Repair, CaseState::Cancelled, Event::Unsatisfied).is_err());
    }

    /// Clause OP-3.4.6.
    #[test]
    fn guidance_is_finished_by_giving_it() {
        let finish = |kind| after(kind, CaseState::Registered, Event::Finish);
        assert_eq!(finish(CaseKind::Guidance).unwrap(), CaseState::Done);
        assert!(finish(CaseKind::Repair).is_err());
    }
}
