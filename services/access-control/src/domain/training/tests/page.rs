//! The page about training, and what no order of events does.

use std::fmt::Write;

use kefu_contracts::access::EnrolmentState;
use proptest::prelude::*;

use super::*;
use crate::domain::training::{
    Enrolment,
    steps::{
        self, ENROLMENT, ENROLMENT_STATES, OBLIGATION, OBLIGATION_STATES, SESSION, SESSION_STATES,
        Table, next_in_line,
    },
};

/// `HELD`
fn short(name: &'static str) -> &'static str {
    let prefixes = [
        "TRAINING_SESSION_STATE_",
        "ENROLMENT_STATE_",
        "TRAINING_OBLIGATION_STATE_",
    ];
    let mut cut = prefixes
        .iter()
        .filter_map(|prefix| name.strip_prefix(prefix));
    cut.next().unwrap()
}

fn table<Step, State: Copy, const STATES: usize, const STEPS: usize>(
    states: &[State; STATES],
    table: &Table<Step, State, STATES, STEPS>,
    name: impl Fn(State) -> &'static str,
) -> String {
    let mut page = "| event |".to_owned();
    for state in states {
        write!(page, " {} |", short(name(*state))).unwrap();
    }
    write!(page, "\n|---|{}\n", "---|".repeat(STATES)).unwrap();
    for (_, step, ways) in table {
        write!(page, "| {step} |").unwrap();
        for to in ways {
            write!(page, " {} |", to.map_or("", |to| short(name(to)))).unwrap();
        }
        page += "\n";
    }
    page
}

/// Clause OP-4.1: the ways of training can be read, and are those that are taken.
#[test]
fn the_page_about_training_has_its_tables() {
    let written = include_str!("../../../../../../docs/training.md");
    let tables = [
        table(&SESSION_STATES, &SESSION, |one| one.as_str_name()),
        table(&ENROLMENT_STATES, &ENROLMENT, |one| one.as_str_name()),
        table(&OBLIGATION_STATES, &OBLIGATION, |one| one.as_str_name()),
    ];
    let found: Vec<&str> = written
        .split("\n\n")
        .filter(|block| block.starts_with("| event |"))
        .map(str::trim_end)
        .collect();
    let made: Vec<&str> = tables.iter().map(|table| table.trim_end()).collect();
    assert_eq!(
        found,
        made,
        "docs/training.md is to have:\n{}",
        tables.join("\n")
    );
}

proptest! {
    /// Clause OP-4.1: however events come, what is settled stays so, and nobody gets from a
    /// session that was not held to having been there.
    #[test]
    fn no_order_of_events_breaks_a_session(events in proptest::collection::vec(0..SESSION.len(), 0..30)) {
        use kefu_contracts::access::TrainingSessionState as S;
        let mut now = S::Open;
        let (mut held, mut attended) = (false, false);
        for at in events {
            let (step, name, _) = SESSION[at];
            let Ok(next) = steps::session(now, step) else { continue };
            prop_assert!(matches!(now, S::Open | S::Held));
            attended |= name == "attend" || name == "result";
            held |= next == S::Held;
            prop_assert!(!attended || held);
            prop_assert!(next != S::Cancelled || !held);
            now = next;
        }
    }

    /// Clause OP-4.1: however obligations are missed and fall due, what is overdue stays so until
    /// it is met or ended, and then nothing moves it.
    #[test]
    fn no_order_of_events_forgets_an_obligation(events in proptest::collection::vec(0..OBLIGATION.len(), 0..30)) {
        use kefu_contracts::access::TrainingObligationState as O;
        let (mut now, mut overdue) = (O::Due, false);
        for at in events {
            let (step, ..) = OBLIGATION[at];
            let Some(next) = steps::obligation(now, step) else { continue };
            prop_assert!(matches!(now, O::Due | O::Overdue));
            overdue |= next == O::Overdue;
            prop_assert!(!(overdue && next == O::Due));
            now = next;
        }
    }

    /// Clause OP-4.1: seats go to who came first, as a queue gives them; none is given twice and
    /// none stays empty while somebody waits.
    #[test]
    fn seats_go_to_who_came_first(
        seats in 1..5_usize,
        events in proptest::collection::vec((any::<bool>(), 0..12_u128), 0..60),
    ) {
        let mut all: Vec<Enrolment> = Vec::new();
        let mut queue: Vec<u128> = Vec::new();
        for (place, (enrols, who)) in events.into_iter().enumerate() {
            let id = Uuid::from_u128(who);
            let there = all.iter_mut().find(|one| one.employee == id && one.state != EnrolmentState::Withdrawn);
            match (enrols, there) {
                (true, None) => {
                    all.push(Enrolment {
                        id: Uuid::from_u128(place as u128),
                        session: Uuid::nil(),
                        employee: id,
                        state: EnrolmentState::Waiting,
                        by: id,
                        at: hour(place as i64),
                        reason: String::new(),
                        recorder: None,
                    });
                    queue.push(who);
                }
                (false, Some(one)) => {
                    one.state = steps::enrolment(one.state, steps::EnrolmentStep::Withdraw).unwrap();
                    queue.retain(|other| *other != who);
                }
                _ => {}
            }
            while let Some(next) = next_in_line(&all, seats as i32).map(|next| next.id) {
                let next = all.iter_mut().find(|one| one.id == next).unwrap();
                next.state = steps::enrolment(next.state, steps::EnrolmentStep::MoveUp).unwrap();
            }
            let mut seated: Vec<u128> = all.iter()
                .filter(|one| one.state == EnrolmentState::Enrolled)
                .map(|one| one.employee.as_u128())
                .collect();
            seated.sort_unstable();
            let mut first: Vec<u128> = queue.iter().take(seats).copied().collect();
            first.sort_unstable();
            prop_assert_eq!(seated, first);
        }
    }
}
