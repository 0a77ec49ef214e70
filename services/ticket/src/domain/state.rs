//! States of a ticket: which event leads from which state to which, by the table of its kind.

mod tables;
#[cfg(test)]
mod tests;

use kefu_contracts::ticket::{
    StateStep, StateTable, StepNeed, TicketKind, TicketState, WaitingFor,
};
use kefu_service::error::Fault;

use tables::{Row, TABLES};

/// What can happen to a ticket once it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Update,
    /// Also of what is closed: it is filed and found again.
    Tag,
    /// Another department is responsible.
    Transfer,
    /// Its legitimacy is judged.
    Check,
    Analyse,
    Assign,
    TakeOver,
    Release,
    Start,
    /// Waits for somebody, or for somebody else.
    Suspend(WaitingFor),
    Reply,
    Resolve,
    Satisfied,
    Unsatisfied,
    Reopen,
    AskToClose,
    AgreeToClose,
    KeepOpen,
    Summarise,
    Compensate,
    DecideOnCompensation,
    Pay,
    Rate,
    Close,
    /// Becomes part of another.
    Merge,
    /// Another becomes part of it.
    Absorb,
    /// Some of its messages become another.
    Split,
    /// Another one comes after it.
    FollowUp,
}

impl Event {
    /// Its row in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Tag => "tag",
            Self::Transfer => "transfer",
            Self::Check => "check",
            Self::Analyse => "analyse",
            Self::Assign => "assign",
            Self::TakeOver => "take over",
            Self::Release => "release",
            Self::Start => "start",
            Self::Suspend(_) => "suspend",
            Self::Reply => "reply",
            Self::Resolve => "resolve",
            Self::Satisfied => "satisfied",
            Self::Unsatisfied => "unsatisfied",
            Self::Reopen => "reopen",
            Self::AskToClose => "ask to close",
            Self::AgreeToClose => "agree to close",
            Self::KeepOpen => "keep open",
            Self::Summarise => "summarise",
            Self::Compensate => "compensate",
            Self::DecideOnCompensation => "decide on compensation",
            Self::Pay => "pay",
            Self::Rate => "rate",
            Self::Close => "close",
            Self::Merge => "merge",
            Self::Absorb => "absorb",
            Self::Split => "split",
            Self::FollowUp => "follow up",
        }
    }
}

const STATES: [TicketState; 5] = [
    TicketState::New,
    TicketState::Open,
    TicketState::Pending,
    TicketState::Resolved,
    TicketState::Closed,
];

/// Where a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: TicketState,
    /// Unspecified unless it is pending.
    pub(crate) waiting_for: WaitingFor,
}

impl Standing {
    /// Where the event leads a ticket of this kind.
    ///
    /// # Errors
    /// `STATE_NOT_ALLOWED` when its table has no way.
    pub(crate) fn after(self, kind: TicketKind, event: Event) -> Result<Self, Fault> {
        let refused = || Fault::state(state_name(self.state), event.name());
        let column = STATES.iter().position(|state| *state == self.state);
        let state = column
            .zip(row(kind, event))
            .and_then(|(column, (_, ways, _))| ways[column])
            .ok_or_else(refused)?;
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

/// What has to come first.
pub(crate) fn needs(kind: TicketKind, event: Event) -> &'static [StepNeed] {
    row(kind, event).map_or(&[], |(_, _, needs)| needs)
}

fn row(kind: TicketKind, event: Event) -> Option<&'static Row> {
    let (_, table) = TABLES.iter().find(|(of, _)| *of == kind)?;
    table.iter().find(|(name, ..)| *name == event.name())
}

/// The tables, as everybody may read them.
pub(crate) fn tables() -> Vec<StateTable> {
    let steps = |(event, ways, needs): &Row| {
        let from = STATES.iter().zip(ways);
        let steps = from.filter_map(|(from, to)| {
            Some(StateStep {
                event: (*event).to_owned(),
                from: (*from).into(),
                to: (*to)?.into(),
                needs: needs.iter().map(|need| (*need).into()).collect(),
            })
        });
        steps.collect::<Vec<_>>()
    };
    let table = |(kind, rows): &(TicketKind, &[Row])| StateTable {
        kind: (*kind).into(),
        steps: rows.iter().flat_map(steps).collect(),
    };
    TABLES.iter().map(table).collect()
}

/// `PENDING`: the enum value without its prefix, as filters have it.
fn state_name(state: TicketState) -> &'static str {
    let name = state.as_str_name();
    name.strip_prefix("TICKET_STATE_").unwrap_or(name)
}
