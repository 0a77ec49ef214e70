//! States of an assessment: which event leads from which to which. The page about it is
//! docs/assessments.md.

use kefu_contracts::analytics::AssessmentState;
use kefu_service::error::Fault;

/// What can happen to an assessment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Somebody scored, or scored otherwise.
    Rate,
    /// All who were asked have scored; or the time is over, and the one above has.
    Complete,
    Publish,
    Appeal,
    /// The appeal changes nothing.
    Uphold,
    /// Points are set otherwise.
    Change,
    /// Nobody objected in time.
    Lapse,
    /// What followed was done.
    CarryOut,
    Withdraw,
}

impl Event {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Complete => "complete",
            Self::Publish => "publish",
            Self::Appeal => "appeal",
            Self::Uphold => "uphold",
            Self::Change => "change",
            Self::Lapse => "lapse",
            Self::CarryOut => "carry out",
            Self::Withdraw => "withdraw",
        }
    }
}

const STATES: [AssessmentState; 6] = [
    AssessmentState::Collecting,
    AssessmentState::Ready,
    AssessmentState::Published,
    AssessmentState::Appealed,
    AssessmentState::Final,
    AssessmentState::Withdrawn,
];

type To = Option<AssessmentState>;
const NO: To = None;
const COLLECTING: To = Some(AssessmentState::Collecting);
const READY: To = Some(AssessmentState::Ready);
const PUBLISHED: To = Some(AssessmentState::Published);
const APPEALED: To = Some(AssessmentState::Appealed);
const FINAL: To = Some(AssessmentState::Final);
const WITHDRAWN: To = Some(AssessmentState::Withdrawn);

/// An appeal is possible once: nothing leads back from where one led.
#[rustfmt::skip]
const TABLE: [(Event, [To; 6]); 9] = [
    // from:            COLLECTING  READY      PUBLISHED  APPEALED  FINAL  WITHDRAWN
    (Event::Rate,     [ COLLECTING, READY,     NO,        NO,       NO,    NO ]),
    (Event::Complete, [ READY,      NO,        NO,        NO,       NO,    NO ]),
    (Event::Publish,  [ NO,         PUBLISHED, NO,        NO,       NO,    NO ]),
    (Event::Appeal,   [ NO,         NO,        APPEALED,  NO,       NO,    NO ]),
    (Event::Uphold,   [ NO,         NO,        NO,        FINAL,    NO,    NO ]),
    (Event::Change,   [ NO,         NO,        NO,        FINAL,    NO,    NO ]),
    (Event::Lapse,    [ NO,         NO,        FINAL,     NO,       NO,    NO ]),
    (Event::CarryOut, [ NO,         NO,        NO,        NO,       FINAL, NO ]),
    (Event::Withdraw, [ WITHDRAWN,  WITHDRAWN, NO,        NO,       NO,    NO ]),
];

/// Where the event leads.
///
/// # Errors
/// `STATE_NOT_ALLOWED` when the table has no way.
pub(crate) fn after(state: AssessmentState, event: Event) -> Result<AssessmentState, Fault> {
    let column = STATES.iter().position(|one| *one == state);
    let row = TABLE.iter().find(|(of, _)| *of == event);
    let to = column.zip(row).and_then(|(column, (_, ways))| ways[column]);
    to.ok_or_else(|| Fault::state(name(state), event.name()))
}

/// Whether colleagues can neither give nor give otherwise any more: the days for scoring are over,
/// or it is scored no more. What they gave is told from then on: two looks before, one before and
/// one after somebody gave, would tell what that one gave.
pub(crate) fn is_closed_to_colleagues(state: AssessmentState, is_over: bool) -> bool {
    is_over || after(state, Event::Rate).is_err()
}

/// `COLLECTING`: the enum value without its prefix, as filters have it.
pub(crate) fn name(state: AssessmentState) -> &'static str {
    let name = state.as_str_name();
    name.strip_prefix("ASSESSMENT_STATE_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    /// The table as it stands on the page.
    fn table() -> String {
        let mut page = "| event |".to_owned();
        for state in STATES {
            write!(page, " {} |", name(state)).unwrap();
        }
        page += "\n|---|---|---|---|---|---|---|\n";
        for (event, ways) in TABLE {
            write!(page, "| {} |", event.name()).unwrap();
            for to in ways {
                write!(page, " {} |", to.map_or("", name)).unwrap();
            }
            page += "\n";
        }
        page
    }

    /// Clause OP-4.2: the way of an assessment can be read, and is the one that is taken.
    #[test]
    fn the_page_about_assessments_has_their_table() {
        let written = include_str!("../../../../../docs/assessments.md");
        let rows = written
            .lines()
            .skip_while(|line| !line.starts_with("| event |"));
        let rows = rows.take_while(|line| line.starts_with('|'));
        let rows: String = rows.map(|line| format!("{line}\n")).collect();
        assert_eq!(
            rows,
            table(),
            "docs/assessments.md is to have:\n{}",
            table()
        );
    }

    /// Clause OP-4.2: also where all have given, as they can give otherwise until the days are over.
    #[test]
    fn colleagues_have_given_once_the_days_are_over_or_there_is_a_result() {
        let closed = STATES.map(|state| is_closed_to_colleagues(state, false));
        assert_eq!(closed, [false, false, true, true, true, true]);
        let over = STATES.map(|state| is_closed_to_colleagues(state, true));
        assert_eq!(over, [true; 6]);
    }

    proptest! {
        /// Clause OP-4.2: however events come, a result is published once, objected to once at
        /// most, and nothing leads back to before.
        #[test]
        fn no_order_of_events_breaks_an_assessment(events in prop::collection::vec(0..TABLE.len(), 0..60)) {
            let mut now = AssessmentState::Collecting;
            let (mut published, mut appealed, mut decided) = (0, 0, 0);
            for at in events {
                let event = TABLE[at].0;
                let Ok(next) = after(now, event) else { continue };
                prop_assert!(next >= now);
                prop_assert!(now != AssessmentState::Withdrawn);
                match event {
                    Event::Publish => published += 1,
                    Event::Appeal => appealed += 1,
                    Event::Uphold | Event::Change => decided += 1,
                    Event::Withdraw => prop_assert_eq!(published, 0),
                    Event::Rate => prop_assert_eq!(published, 0, "what is published is scored no more"),
                    _ => {}
                }
                prop_assert!(decided <= appealed && appealed <= published && published <= 1);
                now = next;
            }
            let has_result = matches!(now, AssessmentState::Published | AssessmentState::Appealed | AssessmentState::Final);
            prop_assert_eq!(has_result, published == 1);
        }
    }
}
