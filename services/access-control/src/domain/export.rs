//! An export: one receiver's package of a share, from approval to the proof that it is
//! gone (CF-6.3).

use jiff::Timestamp;
use kefu_contracts::access::{ExportEvent, ExportState as Wire};
use uuid::Uuid;

use super::approval::ExportRule;

/// Collection of exports in resource names.
pub const EXPORTS: &str = "exports";
/// Most characters of a receiver's statement.
pub const MOST_STATEMENT: usize = 1000;

/// Where an export stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Approved; customer service is to carry it out.
    ToCarryOut,
    /// The package is being made.
    Packaging,
    /// It can be downloaded.
    Ready,
    /// Package and key are destroyed; the receiver is to confirm.
    Recalled,
    /// Not confirmed in time.
    Overdue,
    /// The receiver confirmed.
    Deleted,
    /// Over before anything of it left.
    Unused,
}

/// What moves an export on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Customer service gave the receiver's key.
    CarryOut,
    /// The package was not finished and the key is not kept, or a file in it was destroyed
    /// before anything of it left.
    Interrupt,
    /// The package is whole.
    Finish,
    /// The share is over or a file in it was destroyed, and something of the package left.
    Recall,
    /// The share is over, and nothing of it left.
    Lapse,
    /// The time to confirm is over.
    PassDue,
    /// The receiver confirmed.
    Confirm,
}

/// What leads where; whatever does not stand here cannot happen.
pub const TABLE: [(State, Event, State); 11] = {
    use Event as E;
    use State as S;
    [
        (S::ToCarryOut, E::CarryOut, S::Packaging),
        (S::ToCarryOut, E::Lapse, S::Unused),
        (S::Packaging, E::Interrupt, S::ToCarryOut),
        (S::Packaging, E::Finish, S::Ready),
        (S::Packaging, E::Lapse, S::Unused),
        (S::Ready, E::Interrupt, S::ToCarryOut),
        (S::Ready, E::Recall, S::Recalled),
        (S::Ready, E::Lapse, S::Unused),
        (S::Recalled, E::PassDue, S::Overdue),
        (S::Recalled, E::Confirm, S::Deleted),
        (S::Overdue, E::Confirm, S::Deleted),
    ]
};

impl State {
    /// Each of them.
    pub const EVERY: [Self; 7] = [
        Self::ToCarryOut,
        Self::Packaging,
        Self::Ready,
        Self::Recalled,
        Self::Overdue,
        Self::Deleted,
        Self::Unused,
    ];

    /// Where the event leads from here; `None` where it cannot happen.
    pub fn after(self, event: Event) -> Option<Self> {
        let row = |(from, what, _): &&(Self, Event, Self)| *from == self && *what == event;
        TABLE.iter().find(row).map(|(_, _, to)| *to)
    }

    /// What the end of the share does to it; `None` where it is over already.
    pub fn end(self, left: bool) -> Option<(Self, Event)> {
        let event = if left { Event::Recall } else { Event::Lapse };
        self.after(event).map(|state| (state, event))
    }

    /// What it does to it that a file in it is destroyed (CF-10.2); `None` where there is no
    /// package.
    pub fn lose(self, left: bool) -> Option<(Self, Event)> {
        let event = if left {
            Event::Recall
        } else {
            Event::Interrupt
        };
        self.after(event).map(|state| (state, event))
    }

    /// As the database keeps it: `to_carry_out`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToCarryOut => "to_carry_out",
            Self::Packaging => "packaging",
            Self::Ready => "ready",
            Self::Recalled => "recalled",
            Self::Overdue => "overdue",
            Self::Deleted => "deleted",
            Self::Unused => "unused",
        }
    }

    /// The state kept under this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|state| state.as_str() == name)
    }

    /// As messages carry it.
    pub fn to_proto(self) -> Wire {
        match self {
            Self::ToCarryOut => Wire::ToCarryOut,
            Self::Packaging => Wire::Packaging,
            Self::Ready => Wire::Ready,
            Self::Recalled => Wire::Recalled,
            Self::Overdue => Wire::Overdue,
            Self::Deleted => Wire::Deleted,
            Self::Unused => Wire::Unused,
        }
    }
}

impl Event {
    /// As journals carry it.
    pub fn to_proto(self) -> ExportEvent {
        match self {
            Self::CarryOut => ExportEvent::CarriedOut,
            Self::Interrupt => ExportEvent::Interrupted,
            Self::Finish => ExportEvent::Packaged,
            Self::Recall => ExportEvent::Recalled,
            Self::Lapse => ExportEvent::Lapsed,
            Self::PassDue => ExportEvent::Overdue,
            Self::Confirm => ExportEvent::Confirmed,
        }
    }
}

/// What time does to a recalled export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The receiver is reminded.
    Remind,
    /// The time to confirm is over; those who approved are told.
    PassDue,
}

impl ExportRule {
    /// What time does next; reminders go on until the receiver confirms.
    pub fn next(
        &self,
        state: State,
        recalled_at: Timestamp,
        reminders: i32,
    ) -> Option<(Timestamp, Due)> {
        let reminder = recalled_at.saturating_add(self.remind * (reminders + 1));
        let reminder = (reminder.ok()?, Due::Remind);
        match state {
            State::Recalled => {
                let overdue = recalled_at.saturating_add(self.confirm).ok()?;
                Some(if reminder.0 < overdue {
                    reminder
                } else {
                    (overdue, Due::PassDue)
                })
            }
            State::Overdue => Some(reminder),
            _ => None,
        }
    }

    /// Bytes of a package of this size that may still be sent.
    pub fn remaining(&self, size: i64, sent: i64) -> i64 {
        (size.saturating_mul(self.downloads.into()) - sent).max(0)
    }
}

/// The id of a receiver's export: there is one for each share and receiver.
pub fn id(share: Uuid, receiver: Uuid) -> Uuid {
    Uuid::new_v5(&share, receiver.as_bytes())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn every_state_can_be_reached_and_an_event_leads_to_one_state() {
        for state in State::EVERY {
            let reached = TABLE.iter().any(|(_, _, to)| *to == state);
            assert!(reached || state == State::ToCarryOut, "{state:?}");
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        for (at, (from, what, _)) in TABLE.iter().enumerate() {
            let again = TABLE[..at].iter();
            assert!(again.clone().all(|row| (row.0, row.1) != (*from, *what)));
        }
    }

    /// Clause CF-6.3: what left is confirmed or chased; it never just ends.
    #[test]
    fn whatever_left_is_over_only_once_it_is_confirmed() {
        let (after, _) = State::Ready.end(true).unwrap();
        assert_eq!(after, State::Recalled);
        for state in [State::Recalled, State::Overdue] {
            assert_eq!(state.end(true), None);
            assert_eq!(state.end(false), None);
            assert_eq!(state.after(Event::Confirm), Some(State::Deleted));
        }
        let leads_away = TABLE.iter().filter(|row| row.0 == State::Overdue);
        assert_eq!(leads_away.count(), 1);
    }

    /// Clause CF-10.2: no package outlives a file that is in it.
    #[test]
    fn a_package_with_a_destroyed_file_is_recalled_or_made_anew() {
        for state in State::EVERY {
            let expected = match state {
                State::Packaging => [Some(State::ToCarryOut), None],
                State::Ready => [Some(State::ToCarryOut), Some(State::Recalled)],
                _ => [None, None],
            };
            let found = [false, true].map(|left| state.lose(left).map(|(after, _)| after));
            assert_eq!(found, expected, "{state:?}");
        }
    }

    #[test]
    fn reminders_go_on_past_the_deadline() {
        let rule = ExportRule {
            downloads: 3,
            confirm: SignedDuration::from_hours(60),
            remind: SignedDuration::from_hours(24),
        };
        let hour = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
        let (mut state, mut reminders, mut seen) = (State::Recalled, 0, Vec::new());
        for _ in 0..5 {
            let (at, due) = rule.next(state, hour(0), reminders).unwrap();
            seen.push((at.as_second() / 3600, due));
            match due {
                Due::Remind => reminders += 1,
                Due::PassDue => state = State::Overdue,
            }
        }
        use Due::{PassDue, Remind};
        let wanted = [
            (24, Remind),
            (48, Remind),
            (60, PassDue),
            (72, Remind),
            (96, Remind),
        ];
        assert_eq!(seen, wanted);
        assert_eq!(rule.next(State::Deleted, hour(0), 0), None);
    }

    #[test]
    fn resuming_costs_what_is_sent() {
        let rule = ExportRule {
            downloads: 2,
            confirm: SignedDuration::ZERO,
            remind: SignedDuration::from_hours(1),
        };
        assert_eq!(rule.remaining(100, 0), 200);
        assert_eq!(rule.remaining(100, 130), 70);
        assert_eq!(rule.remaining(100, 230), 0);
    }
}
