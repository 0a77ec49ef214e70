//! States of a ticket: which event leads from which state to which.

use kefu_contracts::ticket::{TicketState, WaitingFor};
use kefu_service::error::Fault;

/// What can happen to a ticket once it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Update,
    Assign,
    Start,
    /// Waits for somebody, or for somebody else.
    Suspend(WaitingFor),
    Reply,
    Resolve,
    Reopen,
    Rate,
    Close,
}

type To = Option<TicketState>;
const NO: To = None;
const NEW: To = Some(TicketState::New);
const OPEN: To = Some(TicketState::Open);
const PENDING: To = Some(TicketState::Pending);
const RESOLVED: To = Some(TicketState::Resolved);
const CLOSED: To = Some(TicketState::Closed);

/// The whole of it. What a closed ticket still takes is the customer's opinion;
/// who comes back after that opens another ticket. Pending → pending stands for
/// waiting for somebody else.
#[rustfmt::skip]
const TABLE: [(&str, [To; 5]); 9] = [
    // from:        NEW       OPEN      PENDING   RESOLVED  CLOSED
    ("update",   [  NEW,      OPEN,     PENDING,  RESOLVED, NO     ]),
    ("assign",   [  NEW,      OPEN,     PENDING,  RESOLVED, NO     ]),
    ("start",    [  OPEN,     NO,       OPEN,     NO,       NO     ]),
    ("suspend",  [  PENDING,  PENDING,  PENDING,  NO,       NO     ]),
    ("reply",    [  NEW,      OPEN,     PENDING,  RESOLVED, NO     ]),
    ("resolve",  [  RESOLVED, RESOLVED, RESOLVED, NO,       NO     ]),
    ("reopen",   [  NO,       NO,       NO,       OPEN,     NO     ]),
    ("rate",     [  NO,       NO,       NO,       RESOLVED, CLOSED ]),
    ("close",    [  NO,       NO,       NO,       CLOSED,   NO     ]),
];

impl Event {
    /// Its row in the table.
    fn row(self) -> usize {
        match self {
            Self::Update => 0,
            Self::Assign => 1,
            Self::Start => 2,
            Self::Suspend(_) => 3,
            Self::Reply => 4,
            Self::Resolve => 5,
            Self::Reopen => 6,
            Self::Rate => 7,
            Self::Close => 8,
        }
    }
}

/// Where a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: TicketState,
    /// Unspecified unless it is pending.
    pub(crate) waiting_for: WaitingFor,
}

impl Standing {
    /// Where the event leads.
    ///
    /// # Errors
    /// `STATE_NOT_ALLOWED` when the table has no way.
    pub(crate) fn after(self, event: Event) -> Result<Self, Fault> {
        let (wanted, ways) = &TABLE[event.row()];
        let column = match self.state {
            TicketState::New => Some(0),
            TicketState::Open => Some(1),
            TicketState::Pending => Some(2),
            TicketState::Resolved => Some(3),
            TicketState::Closed => Some(4),
            TicketState::Unspecified => None,
        };
        let refused = || Fault::state(state_name(self.state), wanted);
        let state = column.and_then(|column| ways[column]).ok_or_else(refused)?;
        let waiting_for = match event {
            Event::Suspend(whom) => whom,
            _ if state == TicketState::Pending => self.waiting_for,
            _ => WaitingFor::Unspecified,
        };
        let next = Self { state, waiting_for };
        // To wait again for the same is no event.
        if matches!(event, Event::Suspend(_)) && next == self {
            return Err(refused());
        }
        Ok(next)
    }
}

/// `PENDING`: the enum value without its prefix, as filters have it.
fn state_name(state: TicketState) -> &'static str {
    let name = state.as_str_name();
    name.strip_prefix("TICKET_STATE_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use TicketState::{Closed, New, Open, Pending, Resolved, Unspecified};
    use kefu_contracts::common::Reason;
    use proptest::prelude::*;

    use super::*;

    const STATES: [TicketState; 6] = [Unspecified, New, Open, Pending, Resolved, Closed];
    const WHOM: [WaitingFor; 4] = [
        WaitingFor::Customer,
        WaitingFor::Supplier,
        WaitingFor::RootCause,
        WaitingFor::Evidence,
    ];

    fn events() -> Vec<Event> {
        let mut all = vec![
            Event::Update,
            Event::Assign,
            Event::Start,
            Event::Reply,
            Event::Resolve,
            Event::Reopen,
            Event::Rate,
            Event::Close,
        ];
        all.extend(WHOM.map(Event::Suspend));
        all
    }

    fn standings() -> Vec<Standing> {
        let plain = |state| Standing {
            state,
            waiting_for: WaitingFor::Unspecified,
        };
        let pending = |waiting_for| Standing {
            state: Pending,
            waiting_for,
        };
        let mut all: Vec<_> = STATES
            .into_iter()
            .filter(|one| *one != Pending)
            .map(plain)
            .collect();
        all.extend(WHOM.map(pending));
        all
    }

    /// The policy in words, written apart from the table.
    fn expected(from: Standing, event: Event) -> Option<Standing> {
        let plain = |state| {
            Some(Standing {
                state,
                waiting_for: WaitingFor::Unspecified,
            })
        };
        match (event, from.state) {
            (_, Unspecified) => None,
            (Event::Rate, Resolved | Closed) => Some(from),
            (_, Closed) | (Event::Rate, _) => None,
            (Event::Update | Event::Assign | Event::Reply, _) => Some(from),
            (Event::Start, New | Pending) => plain(Open),
            (Event::Suspend(whom), New | Open | Pending) if whom != from.waiting_for => {
                Some(Standing {
                    state: Pending,
                    waiting_for: whom,
                })
            }
            (Event::Resolve, New | Open | Pending) => plain(Resolved),
            (Event::Reopen, Resolved) => plain(Open),
            (Event::Close, Resolved) => plain(Closed),
            _ => None,
        }
    }

    /// Clauses OP-3.1, OP-3.2, SG-3: every state × every event.
    #[test]
    fn the_table_says_what_the_policy_says() {
        for from in standings() {
            for event in events() {
                let found = from.after(event);
                assert_eq!(
                    found.clone().ok(),
                    expected(from, event),
                    "{from:?} {event:?}"
                );
                if let Err(fault) = found {
                    assert_eq!(fault.reason, Reason::StateNotAllowed);
                    let wanted = TABLE[event.row()].0.to_owned();
                    assert!(fault.metadata.contains(&("wanted", wanted)), "{fault:?}");
                }
            }
        }
    }

    #[test]
    fn each_event_has_the_row_of_its_name() {
        for event in events() {
            let name = format!("{event:?}").to_lowercase();
            assert!(name.starts_with(TABLE[event.row()].0), "{name}");
        }
    }

    proptest! {
        /// However events come: only what is pending waits for somebody, nothing
        /// leaves CLOSED, and only what was resolved gets there.
        #[test]
        fn no_order_of_events_breaks_the_states(
            happened in proptest::collection::vec(proptest::sample::select(events()), 0..40),
        ) {
            let mut now = Standing { state: New, waiting_for: WaitingFor::Unspecified };
            for event in happened {
                let Ok(next) = now.after(event) else { continue };
                prop_assert_eq!(next.state == Pending, next.waiting_for != WaitingFor::Unspecified);
                prop_assert!(now.state != Closed || next == now);
                prop_assert!(next.state != Closed || matches!(now.state, Resolved | Closed));
                prop_assert!(next.state != New || now.state == New);
                now = next;
            }
        }
    }
}
