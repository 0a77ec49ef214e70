//! What is due next in a case, and by when (IH-6): a plan, the work, the customer's word.

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::order::{AfterSalesDefinition, Case, CaseState, CaseStep};
use kefu_service::{fields::parse_name, time};
use uuid::Uuid;

use super::{action::open_steps, rules::deadline};

/// Something that somebody has to see to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: Timestamp,
    /// The customer's word is asked for; otherwise it is a step.
    pub(crate) closing: bool,
    /// Whose it is; none: the department's.
    pub(crate) assignee: Option<Uuid>,
    /// In words.
    pub(crate) what: String,
}

/// So many hours after; the end of time where that is beyond it.
pub(crate) fn hours_after(at: Timestamp, hours: i32) -> Timestamp {
    at.saturating_add(SignedDuration::from_hours(hours.into()))
        .unwrap_or(Timestamp::MAX)
}

/// By when a plan has to be there, or another.
pub(crate) fn plan_due(rules: &AfterSalesDefinition, case: &Case, now: Timestamp) -> Timestamp {
    hours_after(now, deadline(rules, case.kind()).plan_hours)
}

/// What is due next; the moment of what is none but a state is the case's `due_time`.
pub(crate) fn next(case: &Case) -> Option<Due> {
    let own = parse_name(&case.assignee, "employees");
    let due = case.due_time.as_ref().and_then(time::from_proto)?;
    let of_case = |what: &str| Due {
        at: due,
        closing: false,
        assignee: own,
        what: what.to_owned(),
    };
    Some(match case.state() {
        CaseState::Registered => of_case("核实是否在保并制定方案"),
        CaseState::Checked => of_case("制定方案"),
        CaseState::Planned => of_case("请客户确认方案"),
        CaseState::Agreed => of_case("安排实施"),
        CaseState::UnderWay => match first_step(case) {
            Some((at, step)) => Due {
                at,
                closing: false,
                assignee: parse_name(&step.assignee, "employees").or(own),
                what: step.task.clone(),
            },
            None => of_case("完成方案"),
        },
        CaseState::Done => Due {
            closing: true,
            ..of_case("询问客户是否满意")
        },
        CaseState::Closed
        | CaseState::Evaluated
        | CaseState::Cancelled
        | CaseState::Unspecified => return None,
    })
}

/// The step that has to be done first.
pub(super) fn first_step(case: &Case) -> Option<(Timestamp, &CaseStep)> {
    let timed = |step: &'_ CaseStep| step.due_time.as_ref().and_then(time::from_proto);
    let timed = open_steps(case).filter_map(|step| Some((timed(step)?, step)));
    timed.min_by_key(|(at, step)| (*at, step.number))
}
