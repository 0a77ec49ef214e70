//! The closed loop of a complaint: how far it has come, and what is missing for a step
//! (OP-3.2, CC-2.3); and the same question for other kinds (SG-2.2).

use kefu_contracts::{
    common::Reason,
    ticket::{
        ComplaintStage, Gravity, Legitimacy, ResultAnswer, StepNeed, Ticket, TicketKind,
        TicketState,
    },
};
use kefu_service::error::Fault;

use super::state::{Event, needs};

/// How far it has come; nothing else has a stage.
pub(crate) fn stage(ticket: &Ticket) -> ComplaintStage {
    let satisfied = ticket.result_answer() == ResultAnswer::Satisfied;
    match ticket.state() {
        _ if ticket.kind() != TicketKind::Complaint => ComplaintStage::Unspecified,
        TicketState::Unspecified => ComplaintStage::Unspecified,
        TicketState::Closed => ComplaintStage::Closed,
        TicketState::Resolved if met(ticket, StepNeed::Summary) => ComplaintStage::Summarised,
        TicketState::Resolved if satisfied => ComplaintStage::Satisfied,
        TicketState::Resolved if met(ticket, StepNeed::Outcome) => ComplaintStage::ClosingApproved,
        TicketState::Resolved if met(ticket, StepNeed::ClosingAsked) => {
            ComplaintStage::ClosingAsked
        }
        TicketState::Resolved => ComplaintStage::ResultTold,
        _ if !met(ticket, StepNeed::Analysis) => ComplaintStage::Recorded,
        TicketState::New => ComplaintStage::Analysed,
        TicketState::Open | TicketState::Pending => ComplaintStage::InCoordination,
    }
}

/// Refuses a step before those that it needs.
///
/// # Errors
/// `STEP_MISSING`, with all that is missing.
pub(crate) fn ensure_ready(ticket: &Ticket, event: Event) -> Result<(), Fault> {
    let all = needs(ticket.kind(), event).iter();
    let missing: Vec<_> = all.filter(|need| !met(ticket, **need)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().map(|need| {
        let name = need.as_str_name();
        name.strip_prefix("STEP_NEED_").unwrap_or(name)
    });
    let names = names.collect::<Vec<_>>().join(",");
    Err(Fault::new(Reason::StepMissing).with("needs", names))
}

fn met(ticket: &Ticket, need: StepNeed) -> bool {
    let satisfied = ticket.result_answer() == ResultAnswer::Satisfied;
    let approved = !ticket.closing_approved_by.is_empty();
    match need {
        StepNeed::Unspecified => true,
        StepNeed::LegitimacyChecked => ticket.legitimacy() != Legitimacy::Unspecified,
        StepNeed::LegitimacyGranted => ticket.legitimacy() == Legitimacy::Granted,
        StepNeed::Analysis => ticket.gravity() != Gravity::Unspecified,
        StepNeed::Outcome => satisfied || approved,
        StepNeed::Summary => !ticket.cause.is_empty(),
        StepNeed::ClosingAsked => !ticket.closing_asked_by.is_empty() && !approved,
        StepNeed::NotSatisfied => !satisfied,
    }
}

/// What was judged by its kind stays of that kind: nobody steps out of the loop by calling a
/// complaint something else.
pub(crate) fn is_judged(ticket: &Ticket) -> bool {
    ticket.legitimacy() != Legitimacy::Unspecified
        || ticket.gravity() != Gravity::Unspecified
        || ticket.reopen_count > 0
        || matches!(ticket.state(), TicketState::Resolved | TicketState::Closed)
}
