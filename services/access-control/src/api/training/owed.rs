//! What a result or an absence does to what somebody has to take.

use kefu_contracts::access::{
    TrainingEvent, TrainingObligationCause as Cause, TrainingObligationEnd as End,
    TrainingObligationState as State,
};
use kefu_service::{call::Call, error::Fault, fields};
use uuid::Uuid;

use super::told::{about_obligation, also};
use crate::{
    domain::training::{
        OBLIGATIONS,
        course::Course,
        obligation::{Obligation, retake_due},
        result::Outcome,
        steps::{self, ObligationStep},
    },
    store::{changes::Revision, employee, training::obligation},
};

/// They passed: what they had to take is met, if they had to.
pub(super) async fn met(
    revision: &mut Revision<'_>,
    call: &Call,
    result: &Outcome,
) -> Result<Option<Obligation>, Fault> {
    let open = obligation::open_of(revision.connection, result.course, result.employee).await?;
    let Some(mut met) = open else { return Ok(None) };
    met.state = step(&met, ObligationStep::Pass)?;
    met.settled_at = Some(call.now);
    met.result = Some(result.id);
    obligation::put(revision.connection, &met).await?;
    Ok(Some(met))
}

/// They failed or were absent: they take it again, whether they had to before or not; who has left
/// takes nothing again. `id` is for an obligation that has to be made.
pub(super) async fn missed(
    revision: &mut Revision<'_>,
    call: &Call,
    id: Uuid,
    course: &Course,
    employee: Uuid,
    cause: Cause,
) -> Result<(), Fault> {
    let found = employee::get(revision.connection, employee).await?;
    if !found.is_some_and(|one| one.serves(call.now)) {
        return Ok(());
    }
    let open = obligation::open_of(revision.connection, course.id, employee).await?;
    let due_at = retake_due(open.as_ref(), call.now, course.definition.retake_days);
    let missed = match open {
        Some(open) => Obligation {
            cause,
            state: step(&open, ObligationStep::Miss)?,
            due_at,
            ..open
        },
        None => Obligation {
            id,
            employee,
            course: course.id,
            cause,
            state: State::Due,
            arose_at: call.now,
            due_at,
            settled_at: None,
            end: End::Unspecified,
            result: None,
        },
    };
    obligation::put(revision.connection, &missed).await?;
    let event = TrainingEvent::Obliged;
    let changed = about_obligation(event, &missed);
    let resource = fields::name(OBLIGATIONS, missed.id);
    also(revision, call, event, resource, changed).await
}

fn step(obligation: &Obligation, step: ObligationStep) -> Result<State, Fault> {
    steps::obligation(obligation.state, step)
        .ok_or_else(|| Fault::internal("an open obligation that is settled"))
}
