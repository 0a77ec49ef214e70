//! What is due in a case, and by when (IH-6): a plan, the work, the customer's word.

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::order::{AfterSalesDefinition, Case, CaseState, CaseStep};
use kefu_service::{fields::parse_name, time};
use uuid::Uuid;

use super::{action::open_steps, rules::deadline, state::is_over};

/// Something that somebody has to see to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    /// Number of the step that it is; none: the case as a whole.
    pub(crate) step: Option<i32>,
    pub(crate) at: Timestamp,
    /// The customer's word is asked for; otherwise it is work.
    pub(crate) closing: bool,
    /// Whose it is; none: the department's.
    pub(crate) assignee: Option<Uuid>,
    /// In words; what the case says stays there.
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

/// What is due of a case: each step that is to be done, or else what its state asks for.
pub(crate) fn all(case: &Case) -> Vec<Due> {
    let own = parse_name(&case.assignee, "employees");
    let due = case.due_time.as_ref().and_then(time::from_proto);
    let of_case = |what: &str| {
        let one = |at| Due {
            step: None,
            at,
            closing: case.state() == CaseState::Done,
            assignee: own,
            what: what.to_owned(),
        };
        due.map(one).into_iter().collect()
    };
    match case.state() {
        CaseState::Registered => of_case("核实是否在保并制定方案"),
        CaseState::Checked => of_case("制定方案"),
        CaseState::Planned => of_case("请客户确认方案"),
        CaseState::Agreed => of_case("安排实施"),
        CaseState::UnderWay if first_step(case).is_none() => of_case("完成方案"),
        CaseState::UnderWay => open_steps(case)
            .filter_map(|step| of_step(step, own))
            .collect(),
        CaseState::Done => of_case("询问客户是否满意"),
        CaseState::Closed
        | CaseState::Evaluated
        | CaseState::Cancelled
        | CaseState::Unspecified => Vec::new(),
    }
}

fn of_step(step: &CaseStep, own: Option<Uuid>) -> Option<Due> {
    Some(Due {
        step: Some(step.number),
        at: step.due_time.as_ref().and_then(time::from_proto)?,
        closing: false,
        assignee: parse_name(&step.assignee, "employees").or(own),
        what: format!("实施第{}步", step.number),
    })
}

/// Who has something left to do in it.
pub(crate) fn workers(case: &Case) -> Vec<Uuid> {
    let steps = open_steps(case).filter(|_| !is_over(case.state()));
    let mut workers: Vec<Uuid> = steps
        .filter_map(|step| parse_name(&step.assignee, "employees"))
        .collect();
    workers.sort_unstable();
    workers.dedup();
    workers
}

/// The step that has to be done first.
pub(super) fn first_step(case: &Case) -> Option<(Timestamp, &CaseStep)> {
    let timed = |step: &'_ CaseStep| step.due_time.as_ref().and_then(time::from_proto);
    let timed = open_steps(case).filter_map(|step| Some((timed(step)?, step)));
    timed.min_by_key(|(at, step)| (*at, step.number))
}
