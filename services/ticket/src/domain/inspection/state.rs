//! States of an inspection: which event leads from which to which. The page about it is
//! docs/inspections.md.

use kefu_contracts::ticket::InspectionState;
use kefu_service::error::Fault;

use super::score::Outcome;

/// What can happen to an inspection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A second inspector is asked for.
    AskSecond,
    /// One of two scored it.
    Score,
    /// All results are in, and alike.
    Agree,
    /// Both are in, and too far apart.
    Differ,
    /// A third scored it.
    Decide,
    Appeal,
    /// The appeal changes nothing.
    Uphold,
    /// Another result takes its place.
    Change,
    /// The customer's file is destroyed before the appeal is decided.
    Lapse,
}

impl Event {
    fn name(self) -> &'static str {
        match self {
            Self::AskSecond => "ask for a second",
            Self::Score => "score",
            Self::Agree => "agree",
            Self::Differ => "differ",
            Self::Decide => "decide",
            Self::Appeal => "appeal",
            Self::Uphold => "uphold",
            Self::Change => "change",
            Self::Lapse => "lapse",
        }
    }
}

const STATES: [InspectionState; 5] = [
    InspectionState::InHand,
    InspectionState::ToDecide,
    InspectionState::Final,
    InspectionState::Appealed,
    InspectionState::Closed,
];

type To = Option<InspectionState>;
const NO: To = None;
const IN_HAND: To = Some(InspectionState::InHand);
const TO_DECIDE: To = Some(InspectionState::ToDecide);
const FINAL: To = Some(InspectionState::Final);
const APPEALED: To = Some(InspectionState::Appealed);
const CLOSED: To = Some(InspectionState::Closed);

/// An appeal is possible once: nothing leaves CLOSED.
#[rustfmt::skip]
const TABLE: [(Event, [To; 5]); 9] = [
    // from:             IN_HAND    TO_DECIDE  FINAL      APPEALED  CLOSED
    (Event::AskSecond, [ IN_HAND,   NO,        NO,        NO,       NO ]),
    (Event::Score,     [ IN_HAND,   NO,        NO,        NO,       NO ]),
    (Event::Agree,     [ FINAL,     NO,        NO,        NO,       NO ]),
    (Event::Differ,    [ TO_DECIDE, NO,        NO,        NO,       NO ]),
    (Event::Decide,    [ NO,        FINAL,     NO,        NO,       NO ]),
    (Event::Appeal,    [ NO,        NO,        APPEALED,  NO,       NO ]),
    (Event::Uphold,    [ NO,        NO,        NO,        CLOSED,   NO ]),
    (Event::Change,    [ NO,        NO,        NO,        CLOSED,   NO ]),
    (Event::Lapse,     [ NO,        NO,        NO,        CLOSED,   NO ]),
];

/// Where the event leads.
///
/// # Errors
/// `STATE_NOT_ALLOWED` when the table has no way.
pub(crate) fn after(state: InspectionState, event: Event) -> Result<InspectionState, Fault> {
    let column = STATES.iter().position(|one| *one == state);
    let row = TABLE.iter().find(|(of, _)| *of == event);
    let to = column.zip(row).and_then(|(column, (_, ways))| ways[column]);
    to.ok_or_else(|| Fault::state(name(state), event.name()))
}

/// What it means that these results are in, of so many that are wanted: how far two of them may
/// be apart is in hundredths of a point.
pub(crate) fn scored(results: &[Outcome], wanted: usize, difference: i32) -> Event {
    if results.len() < wanted {
        return Event::Score;
    }
    let apart = results.iter().any(|one| {
        results
            .iter()
            .any(|other| one.passed != other.passed || (one.score - other.score).abs() > difference)
    });
    if apart { Event::Differ } else { Event::Agree }
}

/// `IN_HAND`: the enum value without its prefix, as filters have it.
fn name(state: InspectionState) -> &'static str {
    let name = state.as_str_name();
    name.strip_prefix("INSPECTION_STATE_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    /// The tables as a page.
    fn page() -> String {
        let mut page = "# What can happen to a quality inspection, and when\n\n\
            A cell says the state that the event leads to; empty: it cannot happen there. With a single inspector the\n\
            first result agrees. Two results are too far apart when they differ by more than the rules allow, or when one\n\
            passed and the other did not. Made of `services/ticket/src/domain/inspection/state.rs`; a test holds both\n\
            together.\n\n| event |"
            .to_owned();
        for state in STATES {
            write!(page, " {} |", name(state)).unwrap();
        }
        page += "\n|---|---|---|---|---|---|\n";
        for (event, ways) in TABLE {
            write!(page, "| {} |", event.name()).unwrap();
            for to in ways {
                write!(page, " {} |", to.map_or("", name)).unwrap();
            }
            page += "\n";
        }
        page
    }

    /// Clause OP-5: the way of an inspection can be read, and is the one that is taken.
    #[test]
    fn the_page_about_inspections_is_their_table() {
        let written = include_str!("../../../../../docs/inspections.md");
        assert_eq!(page(), written, "docs/inspections.md is to be:\n{}", page());
    }

    proptest! {
        /// Clause OP-5: however events come, there is one appeal at most, after a result, and
        /// nothing leads back to before there was one.
        #[test]
        fn no_order_of_events_breaks_an_inspection(events in proptest::collection::vec(0..TABLE.len(), 0..40)) {
            let mut now = InspectionState::InHand;
            let mut appeals = 0;
            for at in events {
                let event = TABLE[at].0;
                let Ok(next) = after(now, event) else { continue };
                prop_assert!(next >= now);
                if event == Event::Appeal {
                    prop_assert_eq!(now, InspectionState::Final);
                    appeals += 1;
                }
                prop_assert!(now != InspectionState::Closed);
                now = next;
            }
            prop_assert!(appeals <= 1);
        }

        /// Clause OP-5: two results stand together exactly when they are near and judge alike.
        #[test]
        fn results_that_are_far_apart_are_decided_upon(
            one in (0..=10_000, any::<bool>()),
            other in (0..=10_000, any::<bool>()),
            difference in 0..=10_000,
        ) {
            let outcome = |(score, passed)| Outcome { score, passed };
            let both = [outcome(one), outcome(other)];
            prop_assert_eq!(scored(&both[..1], 1, difference), Event::Agree);
            prop_assert_eq!(scored(&both[..1], 2, difference), Event::Score);
            let near = one.0.max(other.0) - one.0.min(other.0) <= difference;
            let expected = if near && one.1 == other.1 { Event::Agree } else { Event::Differ };
            prop_assert_eq!(scored(&both, 2, difference), expected);
        }
    }
}
