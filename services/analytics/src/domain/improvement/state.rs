//! States of an improvement: which event leads from which to which. The page about it is
//! docs/improvement.md.

use kefu_contracts::analytics::{ImprovementEvent as Event, ImprovementState as State};
use kefu_service::error::Fault;

const STATES: [State; 7] = [
    State::Suggested,
    State::Agreed,
    State::UnderWay,
    State::CarriedOut,
    State::Judged,
    State::Declined,
    State::Abandoned,
];

type To = Option<State>;
const NO: To = None;
const AGREED: To = Some(State::Agreed);
const UNDER_WAY: To = Some(State::UnderWay);
const CARRIED_OUT: To = Some(State::CarriedOut);
const JUDGED: To = Some(State::Judged);
const DECLINED: To = Some(State::Declined);
const ABANDONED: To = Some(State::Abandoned);

/// What nobody answered for is not carried out, and what is over stays so.
#[rustfmt::skip]
const TABLE: [(Event, &str, [To; 7]); 8] = [
    // from:                               SUGGESTED  AGREED     UNDER_WAY    CARRIED_OUT  JUDGED DECLINED ABANDONED
    (Event::Agreed,    "agree to",       [ AGREED,    NO,        NO,          NO,          NO,    NO,      NO ]),
    (Event::Declined,  "decline",        [ DECLINED,  NO,        NO,          NO,          NO,    NO,      NO ]),
    (Event::Started,   "start",          [ NO,        UNDER_WAY, NO,          NO,          NO,    NO,      NO ]),
    (Event::Overdue,   "become overdue", [ NO,        AGREED,    UNDER_WAY,   NO,          NO,    NO,      NO ]),
    (Event::Completed, "complete",       [ NO,        NO,        CARRIED_OUT, NO,          NO,    NO,      NO ]),
    (Event::Abandoned, "abandon",        [ NO,        ABANDONED, ABANDONED,   NO,          NO,    NO,      NO ]),
    (Event::Measured,  "measure",        [ NO,        NO,        NO,          CARRIED_OUT, NO,    NO,      NO ]),
    (Event::Judged,    "judge",          [ NO,        NO,        NO,          JUDGED,      NO,    NO,      NO ]),
];

/// Where the event leads.
///
/// # Errors
/// `STATE_NOT_ALLOWED` when the table has no way.
pub(crate) fn after(state: State, event: Event) -> Result<State, Fault> {
    let column = STATES.iter().position(|one| *one == state);
    let row = TABLE.iter().find(|(of, ..)| *of == event);
    let to = column
        .zip(row)
        .and_then(|(column, (.., ways))| ways[column]);
    to.ok_or_else(|| {
        let wanted = row.map_or("", |(_, name, _)| *name);
        Fault::state(name(state), wanted)
    })
}

/// Type of its journal entry.
pub(crate) fn journaled_as(event: Event) -> &'static str {
    match event {
        Event::Agreed => "improvement.agreed",
        Event::Declined => "improvement.declined",
        Event::Started => "improvement.started",
        Event::Completed => "improvement.completed",
        Event::Abandoned => "improvement.abandoned",
        Event::Measured => "improvement.measured",
        Event::Judged => "improvement.judged",
        Event::Overdue => "improvement.overdue",
        Event::Suggested | Event::Unspecified => "improvement.suggested",
    }
}

/// `UNDER_WAY`: the enum value without its prefix, as filters have it.
fn name(state: State) -> &'static str {
    let name = state.as_str_name();
    name.strip_prefix("IMPROVEMENT_STATE_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    /// The table as it stands on the page.
    fn table() -> String {
        let mut table = "| event |".to_owned();
        for state in STATES {
            write!(table, " {} |", name(state)).unwrap();
        }
        table += "\n|---|---|---|---|---|---|---|---|\n";
        for (_, event, ways) in TABLE {
            write!(table, "| {event} |").unwrap();
            for to in ways {
                write!(table, " {} |", to.map_or("", name)).unwrap();
            }
            table += "\n";
        }
        table
    }

    /// Clause SG-8: the way of an improvement can be read, and is the one that is taken.
    #[test]
    fn the_page_about_improvement_has_its_table() {
        let written = include_str!("../../../../../docs/improvement.md");
        assert!(
            written.contains(&table()),
            "docs/improvement.md is to have:\n{}",
            table()
        );
    }

    #[test]
    fn every_event_has_an_entry_of_its_own() {
        let mut types: Vec<_> = TABLE.iter().map(|row| journaled_as(row.0)).collect();
        types.push(journaled_as(Event::Suggested));
        types.sort_unstable();
        types.dedup();
        assert_eq!(types.len(), TABLE.len() + 1);
    }

    proptest! {
        /// Clause SG-8: however events come, nothing is carried out that was not agreed to and
        /// begun, nothing is judged that was not carried out, and what is over stays so.
        #[test]
        fn no_order_of_events_breaks_an_improvement(
            events in proptest::collection::vec(0..TABLE.len(), 0..40),
        ) {
            let (mut now, mut taken) = (State::Suggested, Vec::new());
            for at in events {
                let event = TABLE[at].0;
                let over = matches!(now, State::Judged | State::Declined | State::Abandoned);
                let Ok(next) = after(now, event) else { continue };
                prop_assert!(!over);
                let came = |one| taken.contains(&one);
                match event {
                    Event::Started => prop_assert!(came(Event::Agreed)),
                    Event::Completed => prop_assert!(came(Event::Started)),
                    Event::Measured | Event::Judged => prop_assert!(came(Event::Completed)),
                    Event::Agreed => prop_assert!(!came(Event::Agreed)),
                    _ => {}
                }
                taken.push(event);
                now = next;
            }
        }
    }
}
