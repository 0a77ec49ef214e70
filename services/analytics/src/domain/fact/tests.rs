use kefu_contracts::{
    access::ApprovalState,
    journal::{self, ChangedClock, Cursor, event::Event},
    profile::MergeState,
    ticket::{ClockMetric, ClockState, TicketState},
};
use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn entry(position: i64, event: Event) -> Entry {
    Entry {
        cursor: Some(Cursor {
            transaction_id: 1,
            position,
        }),
        recorded_at: Some(time::to_proto(at(position))),
        event: Some(journal::Event { event: Some(event) }),
        ..Entry::default()
    }
}

fn changed(revision: i64, state: TicketState) -> journal::TicketChanged {
    journal::TicketChanged {
        ticket_id: Uuid::from_u128(1).as_bytes().to_vec(),
        state: state as i32,
        received_at: Some(time::to_proto(at(0))),
        occurred_at: Some(time::to_proto(at(revision * 100))),
        revision,
        ..Default::default()
    }
}

fn told(events: Vec<Event>) -> Vec<Fact> {
    let entries = events.into_iter().enumerate();
    let entries = entries.map(|(index, event)| entry(i64::try_from(index).unwrap(), event));
    latest(entries.flat_map(|entry| read(&entry).facts))
}

fn ticket(events: Vec<journal::TicketChanged>) -> Fact {
    let mut facts = told(events.into_iter().map(Event::TicketChanged).collect());
    assert_eq!(facts.len(), 1);
    facts.remove(0)
}

/// Clause CC-1.4: closing and rating do not move the moment of the solution.
#[test]
fn a_ticket_is_resolved_when_the_solution_was_given() {
    let resolved = journal::TicketChanged {
        resolved_at: Some(time::to_proto(at(200))),
        ..changed(2, TicketState::Resolved)
    };
    let rated = journal::TicketChanged {
        satisfaction_score: 5,
        revision: 3,
        occurred_at: Some(time::to_proto(at(300))),
        ..resolved.clone()
    };
    let closed = journal::TicketChanged {
        state: TicketState::Closed as i32,
        closed_at: Some(time::to_proto(at(400))),
        revision: 4,
        ..rated.clone()
    };
    let fact = ticket(vec![changed(1, TicketState::New), resolved, rated, closed]);
    assert_eq!(fact.values.ended_at, Some(at(200)));
    assert_eq!(fact.values.outcome, Some(1));
    assert_eq!((fact.values.score, fact.told.revision), (Some(5), 4));
}

/// Clause CC-1.4.
#[test]
fn a_reopened_ticket_is_not_resolved_until_it_is_again() {
    let resolved = journal::TicketChanged {
        resolved_at: Some(time::to_proto(at(200))),
        ..changed(2, TicketState::Resolved)
    };
    let reopened = journal::TicketChanged {
        reopen_count: 1,
        ..changed(3, TicketState::Open)
    };
    let fact = ticket(vec![resolved.clone(), reopened.clone()]);
    assert_eq!((fact.values.ended_at, fact.values.outcome), (None, None));
    let again = journal::TicketChanged {
        resolved_at: Some(time::to_proto(at(400))),
        reopen_count: 1,
        ..changed(4, TicketState::Resolved)
    };
    let fact = ticket(vec![resolved, reopened, again]);
    assert_eq!(fact.values.ended_at, Some(at(400)));
    assert_eq!(fact.values.repeats, Some(1));
}

/// Clause CC-1.4: how often the customer wrote is as the last entry says it; one of before it was
/// said does not say that they never did.
#[test]
fn what_the_customer_wrote_is_known_where_it_was_said() {
    let resolved = journal::TicketChanged {
        resolved_at: Some(time::to_proto(at(200))),
        ..changed(2, TicketState::Resolved)
    };
    let of = |events: Vec<journal::TicketChanged>| ticket(events).values.messages;
    assert_eq!(of(vec![resolved.clone()]), None);
    let said = |revision, inbound_messages| journal::TicketChanged {
        inbound_messages: Some(inbound_messages),
        revision,
        ..resolved.clone()
    };
    assert_eq!(of(vec![resolved.clone(), said(3, 0)]), Some(0));
    assert_eq!(of(vec![said(3, 0), said(4, 2)]), Some(2));
    assert_eq!(of(vec![said(4, 2), said(3, 0)]), Some(2), "told late");
}

/// Clause CC-1.4: each later call is a fact of its own, however often it is told; what is told of
/// the ticket afterwards leaves it.
#[test]
fn each_later_call_is_a_fact_of_its_own() {
    let called = |revision, began, seconds| journal::TicketChanged {
        later_call_started_at: Some(time::to_proto(at(began))),
        later_call_seconds: seconds,
        ..changed(revision, TicketState::Open)
    };
    let events = vec![
        called(2, 150, 120),
        called(3, 250, 30),
        called(2, 150, 120),
        changed(4, TicketState::Resolved),
    ];
    let facts = told(events.into_iter().map(Event::TicketChanged).collect());
    let calls = facts.iter().filter(|fact| fact.key.kind == Kind::Call);
    let calls: Vec<_> = calls
        .map(|fact| (fact.at, fact.values.seconds, fact.gone))
        .collect();
    let expected = [(at(150), Some(120), false), (at(250), Some(30), false)];
    assert_eq!(calls, expected);
    assert_eq!(facts.len(), 3, "and the ticket");
}

/// Clause CC-1.4: what is closed without a solution is over, and not resolved.
#[test]
fn a_ticket_that_is_closed_without_a_solution_is_not_resolved() {
    let closed = journal::TicketChanged {
        closed_at: Some(time::to_proto(at(300))),
        ..changed(2, TicketState::Closed)
    };
    let fact = ticket(vec![closed]);
    assert_eq!(fact.values.ended_at, Some(at(300)));
    assert_eq!(fact.values.outcome, Some(2));
}

/// Clause CC-1.4: merging solves nothing, and undoing it leaves nothing behind.
#[test]
fn a_merged_ticket_is_not_resolved() {
    let merged = journal::TicketChanged {
        merged: true,
        closed_at: Some(time::to_proto(at(200))),
        ..changed(2, TicketState::Closed)
    };
    let fact = ticket(vec![changed(1, TicketState::New), merged.clone()]);
    assert!(fact.values.merged && fact.values.ended_at.is_none());
    let fact = ticket(vec![merged, changed(3, TicketState::New)]);
    assert!(!fact.values.merged && fact.values.ended_at.is_none());
}

/// Clause CC-1.4: what is no score is no answer rather than one of 0, which would pull the mean
/// down.
#[test]
fn what_is_not_a_score_is_not_counted_as_one() {
    let fact = ticket(vec![changed(1, TicketState::Closed)]);
    assert_eq!(fact.values.score, None);
    let review = |score| journal::OrderReviewed {
        review_id: Uuid::from_u128(2).as_bytes().to_vec(),
        answered_at: Some(time::to_proto(at(5))),
        score,
        ..Default::default()
    };
    for (score, counted) in [(0, false), (5, true), (6, false)] {
        let read = read(&entry(1, Event::OrderReviewed(review(score))));
        assert_eq!(
            (read.facts.len() == 1, read.incomplete),
            (counted, !counted)
        );
    }
    let asked = journal::SurveyChanged {
        survey_id: Uuid::from_u128(3).as_bytes().to_vec(),
        ..Default::default()
    };
    let read = read(&entry(1, Event::SurveyChanged(asked)));
    assert!(
        read.facts.is_empty() && !read.incomplete,
        "not answered yet"
    );
}

/// Clause OP-4.2: an answer is about who gave the resolution; of before that was told it says of nobody.
#[test]
fn an_answer_is_about_who_gave_the_resolution() {
    let agent = Uuid::from_u128(9);
    let answered = |agent_id| journal::SurveyChanged {
        survey_id: Uuid::from_u128(3).as_bytes().to_vec(),
        service_score: 5,
        result_score: 4,
        answered_at: Some(time::to_proto(at(5))),
        agent_id,
        ..Default::default()
    };
    let whose = [agent.as_bytes().to_vec(), Vec::new()].map(|agent_id| {
        let read = read(&entry(1, Event::SurveyChanged(answered(agent_id))));
        read.facts[0].values.employee
    });
    assert_eq!(whose, [Some(agent), None]);
}

#[test]
fn an_event_that_names_no_record_or_no_time_is_no_fact() {
    let nameless = journal::TicketChanged {
        ticket_id: vec![1],
        ..changed(1, TicketState::New)
    };
    let timeless = journal::TicketChanged {
        received_at: None,
        ..changed(1, TicketState::New)
    };
    for event in [nameless, timeless] {
        let read = read(&entry(1, Event::TicketChanged(event)));
        assert!(read.facts.is_empty() && read.incomplete);
    }
}

/// Clauses SG-2.1, IH-4: each attempt of each clock is a fact of its own; one without a target is
/// none any more.
#[test]
fn clocks_are_counted_attempt_by_attempt() {
    let clock = |metric: ClockMetric, attempt, state: ClockState| ChangedClock {
        metric: metric as i32,
        attempt,
        start_time: Some(time::to_proto(at(10))),
        stop_time: Some(time::to_proto(at(70))),
        used_seconds: 60,
        state: state as i32,
        ..Default::default()
    };
    let of = |clocks| {
        Event::ClocksChanged(journal::ClocksChanged {
            ticket_id: Uuid::from_u128(1).as_bytes().to_vec(),
            clocks,
            ..Default::default()
        })
    };
    let met = clock(ClockMetric::Resolution, 1, ClockState::Met);
    let missed = clock(ClockMetric::Resolution, 2, ClockState::Missed);
    let first = clock(ClockMetric::FirstResponse, 1, ClockState::Met);
    let dropped = ChangedClock {
        dropped: true,
        ..first.clone()
    };
    let facts = told(vec![of(vec![first, met, missed]), of(vec![dropped])]);
    let seen: Vec<_> = facts
        .iter()
        .map(|fact| (fact.values.metric, fact.values.attempt, fact.gone))
        .collect();
    assert_eq!(
        seen,
        [
            (Some(1), Some(1), true),
            (Some(3), Some(1), false),
            (Some(3), Some(2), false)
        ]
    );
}

/// Clause OP-4.2: a clock that was missed stays a matter of who had the ticket then, or of nobody, whoever answers
/// afterwards; of before that was told it is whose the ticket was when it was told.
#[test]
fn a_miss_is_whose_the_ticket_was_then() {
    let id = |number| Uuid::from_u128(number).as_bytes().to_vec();
    let whose = [Some(id(9)), Some(Vec::new()), None].map(|holder_id| {
        let clock = ChangedClock {
            metric: ClockMetric::FirstResponse.into(),
            attempt: 1,
            start_time: Some(time::to_proto(at(10))),
            state: ClockState::Missed.into(),
            holder_id,
            ..Default::default()
        };
        let facts = told(vec![Event::ClocksChanged(journal::ClocksChanged {
            ticket_id: id(1),
            assignee_id: id(8),
            clocks: vec![clock],
            ..Default::default()
        })]);
        facts[0].values.employee
    });
    let [then, now] = [9, 8].map(|number| Some(Uuid::from_u128(number)));
    assert_eq!(whose, [then, None, now]);
}

/// Clause OP-3.4.4: each silence counts by itself until it is over, an order that was late once.
#[test]
fn silences_are_counted_each_and_late_orders_once() {
    // As order-followup says it: of a silence that is over it knows no stage any more.
    let trouble = |trouble: journal::OrderTrouble, since, stage| {
        Event::OrderTroubled(journal::OrderTroubled {
            order_id: Uuid::from_u128(1).as_bytes().to_vec(),
            trouble: trouble.into(),
            stage,
            since: Some(time::to_proto(at(since))),
            over: stage == 0,
            ..Default::default()
        })
    };
    use journal::OrderTrouble::{Late, Stuck};
    let late = told(vec![
        trouble(Late, 1000, 6),
        trouble(Late, 1000, 0),
        trouble(Late, 9000, 6),
    ]);
    assert_eq!(late.len(), 1);
    assert_eq!((late[0].at, late[0].gone), (at(9000), false));

    let stuck = |events: Vec<Event>| -> Vec<_> {
        let there = told(events).into_iter().filter(|fact| !fact.gone);
        there
            .map(|fact| (fact.at, fact.values.sort, fact.values.state))
            .collect()
    };
    let first = trouble(Stuck, 1000, 2);
    let over = trouble(Stuck, 1000, 0);
    let second = trouble(Stuck, 9000, 6);
    let both = [(at(1000), Some(2), Some(2)), (at(9000), Some(2), Some(6))];
    assert_eq!(stuck(vec![first.clone(), second.clone()]), both);
    assert_eq!(
        stuck(vec![first.clone(), over.clone(), second.clone()]),
        both[1..]
    );
    assert_eq!(
        stuck(vec![first.clone(), over.clone(), first, second]),
        both,
        "found anew"
    );
    // News of the same minute, told afterwards: that silence is over, and another stage's begins.
    let third = trouble(Stuck, 1010, 3);
    let last = [(at(1010), Some(2), Some(3))];
    assert_eq!(stuck(vec![trouble(Stuck, 1000, 2), over, third]), last);
}

/// Clause OP-3.4.4: what an order says by its own times counts before what was found of it while
/// it was late, whichever is told last.
#[test]
fn an_order_knows_best_whether_it_was_late() {
    let bytes = Uuid::from_u128(1).as_bytes().to_vec();
    let found = |over| {
        Event::OrderTroubled(journal::OrderTroubled {
            order_id: bytes.clone(),
            trouble: journal::OrderTrouble::Late.into(),
            since: Some(time::to_proto(at(1000))),
            over,
            ..Default::default()
        })
    };
    let said = |late: bool| {
        Event::OrderLateness(journal::OrderLateness {
            order_id: bytes.clone(),
            late,
            promised_at: late.then(|| time::to_proto(at(500))),
            ..Default::default()
        })
    };
    let known = |told_of: Vec<Event>| {
        let facts = told(told_of);
        assert_eq!(facts.len(), 1);
        (!facts[0].gone).then_some(facts[0].at)
    };
    assert_eq!(known(vec![found(false), found(true)]), Some(at(1000)));
    assert_eq!(known(vec![found(false), said(false), found(true)]), None);
    assert_eq!(known(vec![said(true), found(false)]), Some(at(500)));
    assert_eq!(
        known(vec![said(true), said(false), said(true)]),
        Some(at(500))
    );
}

/// Clauses CF-6.2, CF-6.3: what was never handed in is no request, also when it is given up.
#[test]
fn a_form_that_was_not_handed_in_is_no_request() {
    let changed = |state: ApprovalState, never_submitted| {
        Event::ApprovalChanged(journal::ApprovalChanged {
            approval_id: Uuid::from_u128(1).as_bytes().to_vec(),
            kind: "share".into(),
            state: state.into(),
            never_submitted,
            ..Default::default()
        })
    };
    use ApprovalState::{Draft, InReview, Withdrawn};
    let counts = |events: Vec<Event>| told(events).iter().any(|fact| !fact.gone);
    assert!(!counts(vec![changed(Draft, true)]));
    assert!(!counts(vec![
        changed(Draft, true),
        changed(Withdrawn, true)
    ]));
    assert!(counts(vec![
        changed(Draft, true),
        changed(InReview, false),
        changed(Withdrawn, false)
    ]));
    // An entry of before that was said.
    assert!(!counts(vec![changed(Draft, false)]));
}

/// An id that tells no time leaves that to the entry.
#[test]
fn a_record_was_made_when_its_id_says() {
    let place = Place {
        position: 1,
        recorded_at: Some(at(7)),
    };
    assert_eq!(place.made(Uuid::from_u128(5)), Some(at(7)));
    let stamp = uuid::Timestamp::from_unix(uuid::NoContext, 1_500_000_000, 0);
    let made = place.made(Uuid::new_v7(stamp)).unwrap();
    assert_eq!(made, at(1_500_000_000));
}

fn merge(survivor: u128, state: MergeState) -> Event {
    Event::FilesMerged(journal::FilesMerged {
        survivor_id: Uuid::from_u128(survivor).as_bytes().to_vec(),
        absorbed_id: Uuid::from_u128(1).as_bytes().to_vec(),
        state: state.into(),
        ..Default::default()
    })
}

/// Clauses IH-2.2, CC-1.4: what a file that became part of another has is the other's, the last one's that it became
/// part of, and after both are destroyed; undone, it is its own.
#[test]
fn what_a_merged_file_has_is_the_survivors() {
    let destroyed = Event::FileDestroyed(journal::FileDestroyed {
        customer_id: Uuid::from_u128(1).as_bytes().to_vec(),
        ..Default::default()
    });
    let (standing, undone) = (MergeState::Standing, MergeState::Undone);
    let whose = |events: Vec<Event>| -> Vec<Option<Uuid>> {
        let facts = told(events).into_iter();
        let merges = facts.filter(|fact| fact.values.merged && !fact.gone);
        merges.map(|fact| fact.values.customer).collect()
    };
    let of = |survivor: u128| vec![Some(Uuid::from_u128(survivor))];
    assert_eq!(whose(vec![merge(2, standing)]), of(2));
    let again = vec![merge(2, standing), merge(2, undone), merge(3, standing)];
    assert_eq!(whose(again), of(3));
    assert!(whose(vec![merge(2, standing), merge(2, undone)]).is_empty());
    let facts = told(vec![merge(2, standing), destroyed.clone()]);
    assert_eq!(facts.len(), 2, "both are told");
    assert_eq!(whose(vec![merge(2, standing), destroyed]), of(2));
}

proptest! {
    /// Clause CC-1.4: in whatever order and stretches the entries of records are told, the last
    /// revision is known in the end, and of one revision what was written later.
    #[test]
    fn an_older_entry_never_overwrites_a_newer(
        told in prop::collection::vec((1_u128..5, 1_i64..8), 1..40),
        cut in 0_usize..40,
    ) {
        let facts: Vec<Fact> = told.iter().enumerate().map(|(position, (id, revision))| Fact {
            key: Key { kind: Kind::Order, id: Uuid::from_u128(*id), part: 0 },
            told: Told { revision: *revision, position: i64::try_from(position).unwrap() },
            at: at(0),
            gone: false,
            values: Values::default(),
        }).collect();
        let (first, second) = facts.split_at(cut.min(facts.len()));
        // The second stretch settles upon the first.
        let known = latest(latest(first.to_vec()).into_iter().chain(latest(second.to_vec())));
        for fact in known {
            let all = facts.iter().filter(|one| one.key == fact.key);
            prop_assert_eq!(Some(fact.told), all.map(|one| one.told).max());
        }
    }
}
