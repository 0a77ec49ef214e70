//! What ticket tells: tickets, their clocks, customers' answers and inspections.

use kefu_contracts::{
    journal::{ChangedClock, ClocksChanged, InspectionChanged, SurveyChanged, TicketChanged},
    ticket::{InspectionState, TicketState},
};

use super::{Fact, Key, Kind, Place, Values, id, moment, number, score};

/// How a ticket ended.
const SOLVED: i16 = 1;
const WITHOUT: i16 = 2;

/// A ticket, and the later call that was told with it.
pub(super) fn ticket(told: &TicketChanged, place: Place) -> Option<Vec<Fact>> {
    let ticket = itself(told, place)?;
    let call = later_call(told, place);
    Some(std::iter::once(ticket).chain(call).collect())
}

/// A call after the one that a ticket came by; each change tells of one at most. Whose it is, its
/// ticket says, which goes on.
fn later_call(told: &TicketChanged, place: Place) -> Option<Fact> {
    let seconds = Some(told.later_call_seconds).filter(|one| *one > 0)?;
    let key = Key {
        kind: Kind::Call,
        id: id(&told.ticket_id)?,
        part: i32::try_from(told.revision).ok()?,
    };
    Some(Fact {
        key,
        told: place.told(told.revision),
        at: moment(told.later_call_started_at.as_ref())?,
        gone: false,
        values: Values {
            customer: id(&told.customer_id),
            seconds: Some(seconds),
            ..Values::default()
        },
    })
}

/// The ticket itself. It is over when the solution was given that stands, or when it was closed
/// without; one that is part of another never is, as the work is done there.
fn itself(told: &TicketChanged, place: Place) -> Option<Fact> {
    let over = matches!(told.state(), TicketState::Resolved | TicketState::Closed) && !told.merged;
    let solved_at = moment(told.resolved_at.as_ref());
    let closed_at = moment(told.closed_at.as_ref());
    let without = solved_at.is_none() && closed_at.is_some();
    let values = Values {
        customer: id(&told.customer_id),
        department: id(&told.department_id),
        employee: id(&told.assignee_id),
        subject: id(&told.order_id),
        ended_at: solved_at
            .or(closed_at)
            .or(moment(told.occurred_at.as_ref()))
            .filter(|_| over),
        outcome: over.then_some(if without { WITHOUT } else { SOLVED }),
        seconds: Some(told.call_seconds).filter(|seconds| *seconds > 0),
        repeats: Some(told.reopen_count),
        messages: told.inbound_messages,
        sort: number(told.kind),
        state: number(told.state),
        channel: number(told.channel),
        priority: number(told.priority),
        score: score(told.satisfaction_score),
        merged: told.merged,
        category: Some(told.category.clone()).filter(|category| !category.is_empty()),
        ..Values::default()
    };
    let at = moment(told.received_at.as_ref())?;
    Some(place.fact(
        Kind::Ticket,
        id(&told.ticket_id)?,
        told.revision,
        at,
        values,
    ))
}

/// Attempts of one clock that are told apart; no ticket comes near it.
const MOST_ATTEMPTS: i32 = 1_000_000;

/// The clocks that changed.
pub(super) fn clocks(told: &ClocksChanged, place: Place) -> Option<Vec<Fact>> {
    told.clocks
        .iter()
        .map(|clock| self::clock(told, clock, place))
        .collect()
}

fn clock(told: &ClocksChanged, clock: &ChangedClock, place: Place) -> Option<Fact> {
    let values = Values {
        customer: id(&told.customer_id),
        department: id(&told.department_id),
        // One that was missed stays a matter of who had the ticket then.
        employee: match &clock.holder_id {
            Some(holder) => id(holder),
            None => id(&told.assignee_id),
        },
        ended_at: moment(clock.stop_time.as_ref()),
        seconds: clock.stop_time.map(|_| clock.used_seconds),
        attempt: Some(clock.attempt),
        sort: number(told.kind),
        channel: number(told.channel),
        priority: number(told.priority),
        outcome: number(clock.state),
        metric: number(clock.metric),
        ..Values::default()
    };
    // One that is dropped has no time any more; its fact goes wherever it is.
    let at = moment(clock.start_time.as_ref()).or(place.recorded_at)?;
    let key = Key {
        kind: Kind::Clock,
        id: id(&told.ticket_id)?,
        part: clock.metric * MOST_ATTEMPTS + clock.attempt.min(MOST_ATTEMPTS - 1),
    };
    Some(Fact {
        key,
        // They are kept under the lock of their ticket, so that the later entry knows better.
        told: place.told(0),
        at,
        gone: clock.dropped,
        values,
    })
}

/// An answer, once there is one; the employee is who gave the resolution.
pub(super) fn answer(told: &SurveyChanged, place: Place) -> Option<Vec<Fact>> {
    let Some(at) = moment(told.answered_at.as_ref()) else {
        return Some(Vec::new());
    };
    let values = Values {
        customer: id(&told.customer_id),
        department: id(&told.department_id),
        employee: id(&told.agent_id),
        subject: id(&told.ticket_id),
        attempt: Some(told.attempt),
        channel: number(told.channel),
        score: Some(score(told.service_score)?),
        second_score: Some(score(told.result_score)?),
        ..Values::default()
    };
    let survey = id(&told.survey_id)?;
    Some(vec![place.fact(
        Kind::Answer,
        survey,
        told.revision,
        at,
        values,
    )])
}

/// An inspection, once it has a result; the employee is who was inspected.
pub(super) fn inspection(told: &InspectionChanged, place: Place) -> Option<Fact> {
    let values = Values {
        customer: id(&told.customer_id),
        department: id(&told.department_id),
        employee: id(&told.agent_id),
        subject: id(&told.ticket_id),
        state: number(told.state),
        outcome: Some(if told.passed { 1 } else { 2 }),
        score: number(told.score),
        ..Values::default()
    };
    let open = matches!(
        told.state(),
        InspectionState::Unspecified | InspectionState::InHand | InspectionState::ToDecide
    );
    let inspection = id(&told.inspection_id)?;
    let at = place.made(inspection)?;
    let fact = place.fact(Kind::Inspection, inspection, told.revision, at, values);
    Some(Fact { gone: open, ..fact })
}
