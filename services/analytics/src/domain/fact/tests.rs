use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn changed(revision: i64, state: TicketState, reopen_count: i32) -> TicketChanged {
    TicketChanged {
        ticket_id: Uuid::from_u128(1).as_bytes().to_vec(),
        state: state as i32,
        received_at: Some(time::to_proto(at(0))),
        occurred_at: Some(time::to_proto(at(revision * 100))),
        reopen_count,
        revision,
        ..Default::default()
    }
}

fn told(events: &[TicketChanged]) -> TicketFact {
    let mut known = latest(events.iter().filter_map(TicketFact::read));
    assert_eq!(known.len(), 1);
    known.remove(0)
}

/// Clause CC-1.4: closing and rating do not move the moment of the solution.
#[test]
fn a_ticket_is_resolved_when_the_solution_was_given() {
    let rated = TicketChanged {
        satisfaction_score: 5,
        ..changed(3, TicketState::Resolved, 0)
    };
    let fact = told(&[
        changed(1, TicketState::New, 0),
        changed(2, TicketState::Resolved, 0),
        rated,
        TicketChanged {
            satisfaction_score: 5,
            ..changed(4, TicketState::Closed, 0)
        },
    ]);
    assert_eq!(fact.resolved_at, Some(at(200)));
    assert_eq!((fact.score, fact.revision), (Some(5), 4));
}

/// Clause CC-1.4.
#[test]
fn a_reopened_ticket_is_not_resolved_until_it_is_again() {
    let resolved = changed(2, TicketState::Resolved, 0);
    let reopened = changed(3, TicketState::Open, 1);
    assert_eq!(
        told(&[resolved.clone(), reopened.clone()]).resolved_at,
        None
    );
    let again = changed(4, TicketState::Resolved, 1);
    assert_eq!(
        told(&[resolved.clone(), reopened, again.clone()]).resolved_at,
        Some(at(400))
    );
    assert_eq!(
        told(&[resolved, again]).resolved_at,
        Some(at(400)),
        "also when the way there was not told"
    );
}

/// Clause CC-1.4: merging solves nothing, and undoing it leaves nothing behind.
#[test]
fn a_merged_ticket_is_not_resolved() {
    let merged = TicketChanged {
        merged: true,
        ..changed(2, TicketState::Closed, 0)
    };
    let (new, again) = (
        changed(1, TicketState::New, 0),
        changed(3, TicketState::New, 0),
    );
    let fact = told(&[new.clone(), merged.clone()]);
    assert!(fact.merged && fact.resolved_at.is_none());
    let resolved = changed(4, TicketState::Resolved, 0);
    let fact = told(&[new, merged, again, resolved]);
    assert_eq!((fact.merged, fact.resolved_at), (false, Some(at(400))));
}

/// Clause CC-1.4: an unrated ticket has no score rather than one of 0, which would
/// pull the mean down.
#[test]
fn what_is_not_a_score_is_not_counted_as_one() {
    assert_eq!(told(&[changed(1, TicketState::Closed, 0)]).score, None);
    let review = OrderReviewed {
        review_id: Uuid::from_u128(2).as_bytes().to_vec(),
        answered_at: Some(time::to_proto(at(5))),
        ..Default::default()
    };
    assert_eq!(ReviewFact::read(&review), None);
    assert!(
        ReviewFact::read(&OrderReviewed {
            score: 5,
            ..review.clone()
        })
        .is_some()
    );
    assert_eq!(
        ReviewFact::read(&OrderReviewed { score: 6, ..review }),
        None
    );
}

#[test]
fn an_event_that_names_no_record_or_no_time_is_no_fact() {
    let event = changed(1, TicketState::New, 0);
    assert_eq!(
        TicketFact::read(&TicketChanged {
            ticket_id: vec![1],
            ..event.clone()
        }),
        None
    );
    assert_eq!(
        TicketFact::read(&TicketChanged {
            received_at: None,
            ..event
        }),
        None
    );
}

proptest! {
    /// In whatever order the revisions of an order are told, the newest is known after.
    #[test]
    fn an_older_revision_never_overwrites_a_newer(
        revisions in prop::collection::vec((1_u128..5, 1_i64..50), 1..40),
    ) {
        let facts = revisions.iter().map(|(order, revision)| OrderFact {
            order: Uuid::from_u128(*order),
            customer: None,
            department: None,
            stage: 1,
            placed_at: at(0),
            total: None,
            revision: *revision,
        });
        for fact in latest(facts) {
            let newest = revisions.iter().filter(|(order, _)| Uuid::from_u128(*order) == fact.order).map(|(_, revision)| *revision).max();
            prop_assert_eq!(Some(fact.revision), newest);
        }
    }
}
