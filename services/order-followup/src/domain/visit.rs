//! What can become of a visit (OP-3.3, IH-3.2).

use kefu_contracts::{
    journal::VisitAct,
    order::{VisitMethod, VisitState},
};
use kefu_service::error::Fault;

/// Characters of what is said about one.
pub(crate) const MOST_WORDS: usize = 2000;

/// What happens to a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Record,
    Move,
    Drop,
    /// The customer is no longer served under this file.
    End,
}

/// The table: each step with its name, what it is in the journal, and where it leads from
/// PLANNED. From any other state nothing leads anywhere.
const TABLE: [(Step, &str, &str, VisitAct, VisitState); 4] = {
    use Step::*;
    [
        (
            Record,
            "record",
            "visit.recorded",
            VisitAct::Recorded,
            VisitState::Done,
        ),
        (
            Move,
            "move",
            "visit.moved",
            VisitAct::Moved,
            VisitState::Planned,
        ),
        (
            Drop,
            "drop",
            "visit.dropped",
            VisitAct::Dropped,
            VisitState::Dropped,
        ),
        (
            End,
            "end",
            "visit.ended",
            VisitAct::Ended,
            VisitState::Ended,
        ),
    ]
};

impl Step {
    /// Where it leads from a state.
    ///
    /// # Errors
    /// `STATE_NOT_ALLOWED` when the table has no way.
    pub(crate) fn leads_from(self, state: VisitState) -> Result<VisitState, Fault> {
        let (_, name, _, _, to) = self.row();
        match state {
            VisitState::Planned => Ok(to),
            other => {
                let state = other.as_str_name();
                let state = state.strip_prefix("VISIT_STATE_").unwrap_or(state);
                Err(Fault::state(state, name).with("allowed", "PLANNED"))
            }
        }
    }

    /// Type of its journal entry.
    pub(crate) fn journaled_as(self) -> &'static str {
        self.row().2
    }

    pub(crate) fn act(self) -> VisitAct {
        self.row().3
    }

    fn row(self) -> (Self, &'static str, &'static str, VisitAct, VisitState) {
        let row = TABLE.into_iter().find(|(step, ..)| *step == self);
        row.unwrap_or(TABLE[3])
    }
}

/// What its follow-up asks for.
pub(crate) fn words(method: VisitMethod) -> String {
    let how = match method {
        VisitMethod::Phone => "电话",
        VisitMethod::Mail => "邮件",
        VisitMethod::Questionnaire => "问卷",
        VisitMethod::OnSite | VisitMethod::Unspecified => "上门",
    };
    format!("客户回访：{how}")
}

#[cfg(test)]
mod tests {
    use kefu_contracts::common::Reason;

    use super::*;

    /// Clause OP-3.3: a visit is closed once, and can be moved until then.
    #[test]
    fn from_a_closed_visit_nothing_leads_anywhere() {
        let steps = [Step::Record, Step::Move, Step::Drop, Step::End];
        for step in steps {
            let to = step.leads_from(VisitState::Planned).unwrap();
            assert_eq!(to == VisitState::Planned, step == Step::Move);
            for closed in [VisitState::Done, VisitState::Dropped, VisitState::Ended] {
                let refused = step.leads_from(closed).unwrap_err();
                assert_eq!(refused.reason, Reason::StateNotAllowed);
            }
        }
    }
}
