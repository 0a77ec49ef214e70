//! What can be done with a ticket, each with its event, its name in the journal
//! and its effect on the record.

use jiff::Timestamp;
use kefu_contracts::ticket::{
    AssignmentCause, Direction, Satisfaction, Ticket, TicketState, WaitingFor,
};
use kefu_service::{error::Fault, fields::name, time::to_proto};
use uuid::Uuid;

use super::{
    change::Change,
    priority::priority,
    state::{Event, Standing},
};

/// What somebody wants done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    Update(Change),
    Assign(Uuid),
    Start,
    Suspend(WaitingFor),
    Reply(Note),
    Resolve(String),
    /// Why; kept as an internal message.
    Reopen(String),
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

/// A message that an action adds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Note {
    pub(crate) direction: Direction,
    pub(crate) body: String,
}

impl Action {
    /// Its row in the table of states.
    fn event(&self) -> Event {
        match self {
            Self::Update(_) => Event::Update,
            Self::Assign(_) | Self::TakeOver { .. } | Self::Release(_) => Event::Assign,
            Self::Start => Event::Start,
            Self::Suspend(whom) => Event::Suspend(*whom),
            Self::Reply(_) => Event::Reply,
            Self::Resolve(_) => Event::Resolve,
            Self::Reopen(_) => Event::Reopen,
            Self::Rate { .. } => Event::Rate,
            Self::Close => Event::Close,
        }
    }

    /// Type of its journal entry.
    pub(crate) fn journaled_as(&self) -> &'static str {
        match self {
            Self::Update(_) => "ticket.updated",
            Self::Assign(_) => "ticket.assigned",
            Self::Start => "ticket.started",
            Self::Suspend(_) => "ticket.suspended",
            Self::Reply(_) => "ticket.replied",
            Self::Resolve(_) => "ticket.resolved",
            Self::Reopen(_) => "ticket.reopened",
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

    /// Whether it puts something in the place of classified text: what one may
    /// not see one may not overwrite.
    pub(crate) fn overwrites(&self, ticket: &Ticket) -> bool {
        match self {
            Self::Resolve(_) => !ticket.resolution.is_empty(),
            Self::Rate { .. } => ticket.satisfaction.is_some(),
            _ => false,
        }
    }

    /// Does it to the record, as of when it happened, and gives the message that
    /// it adds. A resolution and an opinion outlast a reopening, until there are
    /// others.
    ///
    /// # Errors
    /// `STATE_NOT_ALLOWED`; the record is then as it was.
    pub(crate) fn apply(&self, ticket: &mut Ticket, at: Timestamp) -> Result<Option<Note>, Fault> {
        let next = standing(ticket).after(self.event())?;
        self.moves(ticket)?;
        ticket.set_state(next.state);
        ticket.set_waiting_for(next.waiting_for);
        let at = Some(to_proto(at));
        match self {
            Self::Update(change) => {
                change.apply(ticket);
                ticket.set_priority(priority(ticket.impact(), ticket.urgency()));
            }
            Self::Assign(employee) => ticket.assignee = name("employees", *employee),
            Self::Start | Self::Suspend(_) => {}
            Self::Reply(note) => return Ok(Some(note.clone())),
            Self::Resolve(resolution) => {
                ticket.resolution.clone_from(resolution);
                ticket.resolved_time = at;
            }
            Self::Reopen(reason) => {
                ticket.resolved_time = None;
                ticket.reopen_count = ticket.reopen_count.saturating_add(1);
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

    /// Nobody takes over what is theirs, and nothing is given back that nobody has or that
    /// is solved.
    fn moves(&self, ticket: &Ticket) -> Result<(), Fault> {
        match self {
            Self::TakeOver { by, .. } if ticket.assignee == name("employees", *by) => {
                Err(Fault::state("ASSIGNED", "take over"))
            }
            Self::Release(_) if ticket.assignee.is_empty() => {
                Err(Fault::state("UNASSIGNED", "release"))
            }
            Self::Release(_) if ticket.state() == TicketState::Resolved => {
                Err(Fault::state("RESOLVED", "release"))
            }
            _ => Ok(()),
        }
    }
}

impl Note {
    fn internal(body: &str) -> Self {
        Self {
            direction: Direction::Internal,
            body: body.to_owned(),
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
mod tests {
    use kefu_contracts::ticket::{Level, Priority};
    use kefu_service::fields::Fields;
    use proptest::prelude::*;

    use super::*;

    const AT: Timestamp = Timestamp::constant(1_760_000_000, 0);

    fn new() -> Ticket {
        Ticket {
            state: TicketState::New as i32,
            ..Default::default()
        }
    }

    fn urgent() -> Change {
        let wanted = Ticket {
            impact: Level::High as i32,
            urgency: Level::High as i32,
            ..Default::default()
        };
        Change::parse(
            &mut Fields::new(),
            &["impact".into(), "urgency".into()],
            wanted,
        )
    }

    fn actions() -> Vec<Action> {
        vec![
            Action::Update(urgent()),
            Action::Assign(Uuid::from_u128(5)),
            Action::Start,
            Action::Suspend(WaitingFor::Customer),
            Action::Suspend(WaitingFor::Supplier),
            Action::Reply(Note {
                direction: Direction::Out,
                body: "在查".into(),
            }),
            Action::Resolve("补发".into()),
            Action::Reopen("还没到".into()),
            Action::Rate {
                score: 2,
                comment: String::new(),
            },
            Action::Close,
            Action::TakeOver {
                by: Uuid::from_u128(6),
                reason: "他在休假".into(),
            },
            Action::Release("不归我管".into()),
        ]
    }

    /// Clause SG-2.1.
    #[test]
    fn priority_follows_impact_and_urgency() {
        let mut ticket = new();
        Action::Update(urgent()).apply(&mut ticket, AT).unwrap();
        assert_eq!(ticket.priority(), Priority::Critical);
        assert_eq!(ticket.state(), TicketState::New);
    }

    /// Clause OP-3.2.
    #[test]
    fn a_solution_that_did_not_work_is_counted_and_its_reason_kept() {
        let mut ticket = new();
        Action::Resolve("补发".into())
            .apply(&mut ticket, AT)
            .unwrap();
        assert_eq!(ticket.resolved_time, Some(to_proto(AT)));
        let note = Action::Reopen("还没到".into())
            .apply(&mut ticket, AT)
            .unwrap()
            .unwrap();
        assert_eq!(
            (note.direction, note.body.as_str()),
            (Direction::Internal, "还没到")
        );
        assert_eq!((ticket.reopen_count, ticket.resolved_time), (1, None));
        assert!(Action::Resolve("退款".into()).overwrites(&ticket));
    }

    proptest! {
        /// However actions come: a refused one leaves no trace, times and counts
        /// agree with the state.
        #[test]
        fn no_order_of_actions_breaks_the_record(
            done in proptest::collection::vec(proptest::sample::select(actions()), 0..40),
        ) {
            let mut ticket = new();
            let mut reopened = 0;
            for action in done {
                let before = ticket.clone();
                match action.apply(&mut ticket, AT) {
                    Err(_) => prop_assert_eq!(&before, &ticket),
                    Ok(_) => reopened += i32::from(matches!(action, Action::Reopen(_))),
                }
                let over = matches!(ticket.state(), TicketState::Resolved | TicketState::Closed);
                prop_assert_eq!(ticket.resolved_time.is_some(), over);
                prop_assert_eq!(ticket.closed_time.is_some(), ticket.state() == TicketState::Closed);
                prop_assert_eq!(ticket.reopen_count, reopened);
                prop_assert!(ticket.messages.is_empty());
            }
        }
    }
}
