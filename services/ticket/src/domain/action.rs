//! What can be done with a ticket, each with its event, its name in the journal
//! and its effect on the record.

use jiff::Timestamp;
use kefu_contracts::{
    common::Channel,
    google::r#type::Money,
    ticket::{
        AssignmentCause, ComplaintNature, Direction, Gravity, HandlingDefinition, Legitimacy,
        ResultAnswer, Satisfaction, Ticket, WaitingFor,
    },
};
use kefu_service::{error::Fault, fields::name, time::to_proto};
use uuid::Uuid;

use super::{
    change::Change,
    compensation,
    complaint::{ensure_ready, stage},
    handling::escalates,
    state::{Event, Standing},
    tag::Tagging,
};

/// What somebody wants done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    Update(Change),
    Tag(Tagging),
    /// Another department is responsible; why is kept as an internal message.
    Transfer(Uuid, String),
    /// Whether the request is served; by what that is judged is kept as an internal message.
    Check(Legitimacy, String),
    Analyse(Analysis),
    Assign(Uuid),
    Start,
    Suspend(WaitingFor),
    Reply(Note),
    Resolve(String),
    /// Why; kept as an internal message.
    Reopen(String),
    /// What the customer says of the result, kept as a message of theirs.
    Answer(ResultAnswer, String),
    /// Why, kept as an internal message.
    AskToClose(String),
    /// Whether, and why; kept as an internal message.
    DecideOnClosing(bool, String),
    Summarise {
        cause: String,
        improvement: String,
    },
    /// How much, and for what.
    Compensate(Money, String),
    DecideOnCompensation {
        number: i32,
        approve: bool,
        reason: String,
    },
    Pay {
        number: i32,
        reference: String,
    },
    Rate {
        /// 1–5
        score: i32,
        comment: String,
    },
    Close,
    /// Takes it from whoever has it, or from its queue; why is kept as an internal message.
    TakeOver {
        by: Uuid,
        reason: String,
    },
    /// Back into its queue; why is kept as an internal message.
    Release(String),
}

/// What a complaint is about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Analysis {
    pub(crate) nature: ComplaintNature,
    pub(crate) gravity: Gravity,
    /// None: as it is.
    pub(crate) department: Option<Uuid>,
    /// Kept as an internal message.
    pub(crate) text: String,
}

/// What an action is done under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    /// When it happened.
    pub(crate) at: Timestamp,
    /// When it is entered.
    pub(crate) now: Timestamp,
    pub(crate) rules: &'a HandlingDefinition,
    pub(crate) rules_version: i32,
    /// `employees/…` or `system-accounts/…` who does it.
    pub(crate) actor: &'a str,
    /// A system brings what has happened: nothing can come first any more.
    pub(crate) transferred: bool,
}

/// A message that an action adds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Note {
    pub(crate) direction: Direction,
    pub(crate) body: String,
    pub(crate) said: Said,
}

/// How a message came about, as far as that is told.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Said {
    /// The macro that its body came from.
    pub(crate) used_macro: Option<Uuid>,
    /// Files that belong to it.
    pub(crate) attachments: Vec<Uuid>,
    /// By which it was said; `UNSPECIFIED`: nobody told.
    pub(crate) channel: Channel,
    /// The call in which it was said: from when, and until when.
    pub(crate) call: (Option<Timestamp>, Option<Timestamp>),
    /// Where the recording of it is found.
    pub(crate) recording: String,
    /// Employees who are mentioned in it.
    pub(crate) mentions: Vec<Uuid>,
}

impl Action {
    /// Its row in the table of states.
    pub(crate) fn event(&self) -> Event {
        match self {
            Self::Update(_) => Event::Update,
            Self::Tag(_) => Event::Tag,
            Self::Transfer(..) => Event::Transfer,
            Self::Check(..) => Event::Check,
            Self::Analyse(_) => Event::Analyse,
            Self::Assign(_) => Event::Assign,
            Self::TakeOver { .. } => Event::TakeOver,
            Self::Release(_) => Event::Release,
            Self::Start => Event::Start,
            Self::Suspend(whom) => Event::Suspend(*whom),
            Self::Reply(_) => Event::Reply,
            Self::Resolve(_) => Event::Resolve,
            Self::Reopen(_) => Event::Reopen,
            Self::Answer(ResultAnswer::Satisfied, _) => Event::Satisfied,
            Self::Answer(..) => Event::Unsatisfied,
            Self::AskToClose(_) => Event::AskToClose,
            Self::DecideOnClosing(true, _) => Event::AgreeToClose,
            Self::DecideOnClosing(false, _) => Event::KeepOpen,
            Self::Summarise { .. } => Event::Summarise,
            Self::Compensate(..) => Event::Compensate,
            Self::DecideOnCompensation { .. } => Event::DecideOnCompensation,
            Self::Pay { .. } => Event::Pay,
            Self::Rate { .. } => Event::Rate,
            Self::Close => Event::Close,
        }
    }

    /// Type of its journal entry.
    pub(crate) fn journaled_as(&self) -> &'static str {
        match self {
            Self::Update(_) => "ticket.updated",
            Self::Tag(_) => "ticket.tagged",
            Self::Transfer(..) => "ticket.transferred",
            Self::Assign(_) => "ticket.assigned",
            Self::Start => "ticket.started",
            Self::Suspend(_) => "ticket.suspended",
            Self::Reply(_) => "ticket.replied",
            Self::Resolve(_) => "ticket.resolved",
            Self::Reopen(_) => "ticket.reopened",
            Self::Check(..) => "ticket.legitimacy_checked",
            Self::Analyse(_) => "complaint.analysed",
            Self::Answer(..) => "complaint.answered",
            Self::AskToClose(_) => "complaint.closing_asked",
            Self::DecideOnClosing(true, _) => "complaint.closing_agreed",
            Self::DecideOnClosing(false, _) => "complaint.kept_open",
            Self::Summarise { .. } => "complaint.summarised",
            Self::Compensate(..) => "complaint.compensated",
            Self::DecideOnCompensation { .. } => "complaint.compensation_decided",
            Self::Pay { .. } => "complaint.compensation_paid",
            Self::Rate { .. } => "ticket.rated",
            Self::Close => "ticket.closed",
            Self::TakeOver { .. } => "ticket.taken_over",
            Self::Release(_) => "ticket.released",
        }
    }

    /// What it is in the history of whose the ticket was.
    pub(crate) fn assigns(&self) -> Option<AssignmentCause> {
        match self {
            Self::Assign(_) => Some(AssignmentCause::Given),
            Self::TakeOver { .. } => Some(AssignmentCause::TakenOver),
            Self::Release(_) => Some(AssignmentCause::Released),
            _ => None,
        }
    }

    /// Whether it tells that there are files.
    pub(crate) fn binds(&self) -> bool {
        matches!(self, Self::Reply(note) if !note.said.attachments.is_empty())
    }

    /// Whether it puts something in the place of classified text: what one may
    /// not see one may not overwrite.
    pub(crate) fn overwrites(&self, ticket: &Ticket) -> bool {
        match self {
            Self::Resolve(_) => !ticket.resolution.is_empty(),
            Self::Rate { .. } => ticket.satisfaction.is_some(),
            Self::Summarise { .. } => !ticket.cause.is_empty(),
            _ => false,
        }
    }

    /// Whether the company's rules have a say in it.
    pub(crate) fn by_rules(&self) -> bool {
        matches!(
            self,
            Self::Update(_) | Self::Reopen(_) | Self::Answer(..) | Self::Compensate(..)
        )
    }

    /// Whether it is done also with a ticket that is part of another: what the customer is owed
    /// is settled where it was promised.
    pub(crate) fn outlasts_merging(&self) -> bool {
        matches!(self, Self::DecideOnCompensation { .. } | Self::Pay { .. })
    }

    /// Whether only somebody may do it who had no hand in the ticket.
    pub(crate) fn by_a_second_person(&self) -> bool {
        matches!(
            self,
            Self::DecideOnClosing(..) | Self::DecideOnCompensation { .. }
        )
    }

    /// Number of the compensation that it is about; 0: a new one.
    pub(crate) fn compensates(&self) -> Option<i32> {
        match self {
            Self::Compensate(..) => Some(0),
            Self::DecideOnCompensation { number, .. } | Self::Pay { number, .. } => Some(*number),
            _ => None,
        }
    }

    /// Does it to the record, as of when it happened, and gives the message that
    /// it adds. A resolution and an opinion outlast a reopening, until there are
    /// others.
    ///
    /// # Errors
    /// `STATE_NOT_ALLOWED`, `STEP_MISSING` or a violation; the record is then worth nothing.
    pub(crate) fn apply(
        &self,
        ticket: &mut Ticket,
        around: Around<'_>,
    ) -> Result<Option<Note>, Fault> {
        let event = self.event();
        let next = standing(ticket).after(ticket.kind(), event)?;
        if !around.transferred {
            ensure_ready(ticket, event)?;
        }
        self.moves(ticket)?;
        ticket.set_state(next.state);
        ticket.set_waiting_for(next.waiting_for);
        let note = self.take(ticket, around)?;
        ticket.set_stage(stage(ticket));
        Ok(note)
    }

    fn take(&self, ticket: &mut Ticket, around: Around<'_>) -> Result<Option<Note>, Fault> {
        let at = Some(to_proto(around.at));
        match self {
            Self::Update(change) => change.take(ticket, around.rules, around.now)?,
            Self::Tag(tagging) => tagging.apply(&mut ticket.tags)?,
            Self::Transfer(department, reason) => {
                ticket.department = name("departments", *department);
                return Ok(Some(Note::internal(reason)));
            }
            Self::Check(legitimacy, reason) => {
                ticket.set_legitimacy(*legitimacy);
                return Ok(Some(Note::internal(reason)));
            }
            Self::Analyse(analysis) => {
                ticket.set_nature(analysis.nature);
                ticket.set_gravity(analysis.gravity);
                if let Some(department) = analysis.department {
                    ticket.department = name("departments", department);
                }
                return Ok(Some(Note::internal(&analysis.text)));
            }
            Self::Assign(employee) => ticket.assignee = name("employees", *employee),
            Self::Start | Self::Suspend(_) => {}
            Self::Reply(note) => return Ok(Some(note.clone())),
            Self::Resolve(resolution) => {
                ticket.resolution.clone_from(resolution);
                ticket.resolved_time = at;
                ticket.set_result_answer(ResultAnswer::Unspecified);
            }
            Self::Answer(answer, words) => {
                if *answer == ResultAnswer::Unsatisfied {
                    reopen(ticket, around);
                }
                ticket.set_result_answer(*answer);
                let direction = Direction::In;
                let body = words.clone();
                let said = Said::default();
                return Ok((!body.is_empty()).then_some(Note {
                    direction,
                    body,
                    said,
                }));
            }
            Self::AskToClose(reason) => {
                around.actor.clone_into(&mut ticket.closing_asked_by);
                return Ok(Some(Note::internal(reason)));
            }
            Self::DecideOnClosing(agreed, reason) => {
                match agreed {
                    true => around.actor.clone_into(&mut ticket.closing_approved_by),
                    false => ticket.closing_asked_by.clear(),
                }
                return Ok(Some(Note::internal(reason)));
            }
            Self::Summarise { cause, improvement } => {
                ticket.cause.clone_from(cause);
                ticket.improvement.clone_from(improvement);
            }
            Self::Compensate(amount, reason) => {
                compensation::offer(ticket, amount, reason, around)?;
            }
            Self::DecideOnCompensation {
                number,
                approve,
                reason,
            } => compensation::decide(ticket, *number, *approve, reason, around)?,
            Self::Pay { number, reference } => {
                compensation::pay(ticket, *number, reference, around)?;
            }
            Self::Reopen(reason) => {
                reopen(ticket, around);
                return Ok(Some(Note::internal(reason)));
            }
            Self::Rate { score, comment } => {
                let (score, comment) = (*score, comment.clone());
                ticket.satisfaction = Some(Satisfaction {
                    score,
                    comment,
                    time: at,
                });
            }
            Self::Close => ticket.closed_time = at,
            Self::TakeOver { by, reason } => {
                ticket.assignee = name("employees", *by);
                return Ok(Some(Note::internal(reason)));
            }
            Self::Release(reason) => {
                ticket.assignee.clear();
                return Ok(Some(Note::internal(reason)));
            }
        }
        Ok(None)
    }

    /// Nobody takes over what is theirs, nothing is given back that nobody has, and nobody asks for
    /// what was agreed to: whoever asked for it stays named as that.
    fn moves(&self, ticket: &Ticket) -> Result<(), Fault> {
        match self {
            Self::AskToClose(_) if !ticket.closing_approved_by.is_empty() => {
                Err(Fault::state("CLOSING_APPROVED", "ask to close"))
            }
            Self::TakeOver { by, .. } if ticket.assignee == name("employees", *by) => {
                Err(Fault::state("ASSIGNED", "take over"))
            }
            Self::Release(_) if ticket.assignee.is_empty() => {
                Err(Fault::state("UNASSIGNED", "release"))
            }
            _ => Ok(()),
        }
    }
}

/// A further attempt: what was said of the last one no longer counts.
fn reopen(ticket: &mut Ticket, around: Around<'_>) {
    ticket.resolved_time = None;
    ticket.reopen_count = ticket.reopen_count.saturating_add(1);
    ticket.attempt_count = ticket.reopen_count.saturating_add(1);
    ticket.set_result_answer(ResultAnswer::Unspecified);
    ticket.closing_asked_by.clear();
    ticket.closing_approved_by.clear();
    ticket.cause.clear();
    ticket.improvement.clear();
    if escalates(around.rules, ticket) {
        ticket.escalated_time = Some(to_proto(around.at));
    }
}

impl Note {
    pub(crate) fn internal(body: &str) -> Self {
        Self {
            direction: Direction::Internal,
            body: body.to_owned(),
            said: Said::default(),
        }
    }
}

/// Where a ticket stands.
pub(crate) fn standing(ticket: &Ticket) -> Standing {
    Standing {
        state: ticket.state(),
        waiting_for: ticket.waiting_for(),
    }
}

#[cfg(test)]
mod tests;
