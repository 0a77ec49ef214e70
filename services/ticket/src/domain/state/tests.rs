use std::fmt::Write;

use TicketState::{Closed, New, Open, Pending, Resolved, Unspecified};
use kefu_contracts::common::Reason;
use proptest::prelude::*;

use super::*;

const WHOM: [WaitingFor; 4] = [
    WaitingFor::Customer,
    WaitingFor::Supplier,
    WaitingFor::RootCause,
    WaitingFor::Evidence,
];
const KINDS: [TicketKind; 4] = [
    TicketKind::Consultation,
    TicketKind::Complaint,
    TicketKind::Suggestion,
    TicketKind::ServiceRequest,
];

fn events() -> Vec<Event> {
    let mut all = vec![
        Event::Update,
        Event::Tag,
        Event::Transfer,
        Event::Check,
        Event::Analyse,
        Event::Assign,
        Event::TakeOver,
        Event::Release,
        Event::Start,
        Event::Reply,
        Event::Resolve,
        Event::Satisfied,
        Event::Unsatisfied,
        Event::Reopen,
        Event::AskToClose,
        Event::AgreeToClose,
        Event::KeepOpen,
        Event::Summarise,
        Event::Compensate,
        Event::DecideOnCompensation,
        Event::Pay,
        Event::Rate,
        Event::Close,
        Event::Merge,
        Event::Absorb,
        Event::Split,
        Event::FollowUp,
    ];
    all.extend(WHOM.map(Event::Suspend));
    all
}

fn plain(state: TicketState) -> Standing {
    Standing {
        state,
        waiting_for: WaitingFor::Unspecified,
    }
}

fn standings() -> Vec<Standing> {
    let pending = |waiting_for| Standing {
        state: Pending,
        waiting_for,
    };
    let mut all: Vec<_> = [Unspecified, New, Open, Resolved, Closed].map(plain).into();
    all.extend(WHOM.map(pending));
    all
}

/// The policy in words, written apart from the tables.
fn expected(kind: TicketKind, from: Standing, event: Event) -> Option<Standing> {
    let complaint = kind == TicketKind::Complaint;
    let told = complaint && from.state == Resolved;
    match (event, from.state) {
        (_, Unspecified) => None,
        (Event::Rate, Resolved | Closed) | (Event::Tag, _) => Some(from),
        (Event::DecideOnCompensation | Event::Pay, _) => complaint.then_some(from),
        (Event::FollowUp, Closed) => Some(from),
        (Event::FollowUp, _) => None,
        (Event::Merge, New | Open | Pending) => Some(plain(Closed)),
        (Event::Merge, _) => None,
        (_, Closed) | (Event::Rate, _) => None,
        (Event::Compensate, _) => complaint.then_some(from),
        (Event::Check, New | Open | Pending) if kind == TicketKind::ServiceRequest => Some(from),
        (Event::Analyse, New | Open | Pending) if complaint => Some(from),
        (
            Event::Satisfied
            | Event::AskToClose
            | Event::AgreeToClose
            | Event::KeepOpen
            | Event::Summarise,
            _,
        ) if told => Some(from),
        (Event::Unsatisfied, _) if told => Some(plain(Open)),
        (Event::Update | Event::Transfer | Event::Assign | Event::TakeOver | Event::Reply, _) => {
            Some(from)
        }
        (Event::Absorb | Event::Split, _) => Some(from),
        (Event::Release, New | Open | Pending) => Some(from),
        (Event::Start, New | Pending) => Some(plain(Open)),
        (Event::Suspend(whom), New | Open | Pending) if whom != from.waiting_for => {
            Some(Standing {
                state: Pending,
                waiting_for: whom,
            })
        }
        (Event::Resolve, New | Open | Pending) => Some(plain(Resolved)),
        (Event::Reopen, Resolved) => Some(plain(Open)),
        (Event::Close, Resolved) => Some(plain(Closed)),
        _ => None,
    }
}

/// Clauses OP-3.1, OP-3.2, SG-2.2, SG-3: every kind × every state × every event.
#[test]
fn the_table_says_what_the_policy_says() {
    for kind in KINDS {
        for from in standings() {
            for event in events() {
                let found = from.after(kind, event);
                let wanted = expected(kind, from, event);
                assert_eq!(found.clone().ok(), wanted, "{kind:?} {from:?} {event:?}");
                if let Err(fault) = found {
                    assert_eq!(fault.reason, Reason::StateNotAllowed);
                    let wanted = event.name().to_owned();
                    assert!(fault.metadata.contains(&("wanted", wanted)), "{fault:?}");
                }
            }
        }
    }
}

/// Clauses OP-3.2, CC-2.3, SG-2.2: no complaint is closed without an outcome and a summary,
/// and nobody works on a request that nobody checked.
#[test]
fn steps_have_their_order() {
    use StepNeed::{Analysis, LegitimacyChecked, LegitimacyGranted, Outcome, Summary};
    let complaint = |event| needs(TicketKind::Complaint, event);
    assert_eq!(complaint(Event::Close), [Outcome, Summary]);
    assert_eq!(complaint(Event::Resolve), [Analysis]);
    let request = |event| needs(TicketKind::ServiceRequest, event);
    assert_eq!(request(Event::Assign), [LegitimacyGranted]);
    assert_eq!(request(Event::Start), [LegitimacyGranted]);
    assert_eq!(request(Event::Resolve), [LegitimacyChecked]);
    assert_eq!(needs(TicketKind::Consultation, Event::Close), []);
}

#[test]
fn every_row_is_of_an_event_and_stands_once() {
    let names: Vec<_> = events().into_iter().map(Event::name).collect();
    for (kind, rows) in TABLES {
        for (at, (name, ..)) in rows.iter().enumerate() {
            assert!(names.contains(name), "{kind:?} {name}");
            let again = rows[at + 1..].iter().any(|(other, ..)| other == name);
            assert!(!again, "{kind:?} {name}");
        }
    }
}

/// The page about the tables, from what the call answers.
fn page() -> String {
    let short = |name: &'static str, prefix| name.strip_prefix(prefix).unwrap();
    let mut page = "# What can be done with a ticket, and when\n\n\
        One table for each kind (ListStateTables gives the same). A cell says the state that the event leads to; empty:\n\
        it cannot happen there. `needs` is what has to come first; what a system transfers with its time has happened\n\
        and is not asked for it. `merge` makes a ticket part of another, which absorbs it; UnmergeTicket leads back to where it\n\
        stood for a day. Made of `services/ticket/src/domain/state/tables.rs`; a test holds both together.\n"
        .to_owned();
    for table in tables() {
        let kind = short(table.kind().as_str_name(), "TICKET_KIND_");
        write!(page, "\n## {kind}\n\n| event |").unwrap();
        for state in STATES {
            write!(page, " {} |", state_name(state)).unwrap();
        }
        page += " needs |\n|---|---|---|---|---|---|---|\n";
        let mut steps = table.steps.as_slice();
        while let Some(first) = steps.first() {
            let same = steps.iter().take_while(|step| step.event == first.event);
            let (row, rest) = steps.split_at(same.count());
            write!(page, "| {} |", first.event).unwrap();
            for state in STATES {
                let step = row.iter().find(|step| step.from() == state);
                let to = step.map_or("", |step| state_name(step.to()));
                write!(page, " {to} |").unwrap();
            }
            let needs = first
                .needs()
                .map(|need| short(need.as_str_name(), "STEP_NEED_"));
            writeln!(page, " {} |", needs.collect::<Vec<_>>().join(", ")).unwrap();
            steps = rest;
        }
    }
    page
}

/// Clause CC-1.2: the flows can be read, and are those that are carried out.
#[test]
fn the_page_about_the_tables_is_theirs() {
    let written = include_str!("../../../../../docs/states.md");
    assert_eq!(page(), written, "docs/states.md is to be:\n{}", page());
}

proptest! {
    /// However events come: only what is pending waits for somebody, nothing
    /// leaves CLOSED, and only what was resolved, or is part of another, gets there.
    #[test]
    fn no_order_of_events_breaks_the_states(
        kind in proptest::sample::select(KINDS.as_slice()),
        happened in proptest::collection::vec(proptest::sample::select(events()), 0..40),
    ) {
        let mut now = plain(New);
        for event in happened {
            let Ok(next) = now.after(kind, event) else { continue };
            prop_assert_eq!(next.state == Pending, next.waiting_for != WaitingFor::Unspecified);
            prop_assert!(now.state != Closed || next == now);
            prop_assert!(
                next.state != Closed || event == Event::Merge || matches!(now.state, Resolved | Closed)
            );
            prop_assert!(next.state != New || now.state == New);
            now = next;
        }
    }
}
