//! Training as the journal tells it.

use kefu_contracts::{
    access::TrainingEvent,
    journal::{EntryKind, TrainingChanged, event},
};
use kefu_service::{call::Call, error::Fault, present, time::to_proto};
use uuid::Uuid;

use crate::{
    domain::training::{
        Enrolment, Session, course::Course, obligation::Obligation, result::Outcome,
    },
    store::changes::Revision,
};

fn bytes(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// The facts of a change of a course.
pub(super) fn about_course(event: TrainingEvent, course: &Course) -> TrainingChanged {
    TrainingChanged {
        event: event.into(),
        course_id: bytes(course.id),
        course_revision: course.revision,
        secrecy: course.definition.secrecy,
        ..TrainingChanged::default()
    }
}

/// Of a session.
pub(super) fn about_session(event: TrainingEvent, session: &Session) -> TrainingChanged {
    TrainingChanged {
        event: event.into(),
        course_id: bytes(session.course),
        course_revision: session.course_revision,
        session_id: bytes(session.id),
        ..TrainingChanged::default()
    }
}

/// Of an enrolment.
pub(crate) fn about_enrolment(
    event: TrainingEvent,
    enrolment: &Enrolment,
    session: &Session,
) -> TrainingChanged {
    TrainingChanged {
        employee_id: bytes(enrolment.employee),
        attendance: enrolment.state.into(),
        ..about_session(event, session)
    }
}

/// Of a result, and which obligation it met.
pub(super) fn about_result(
    event: TrainingEvent,
    result: &Outcome,
    secrecy: bool,
    met: Option<&Obligation>,
) -> TrainingChanged {
    TrainingChanged {
        event: event.into(),
        course_id: bytes(result.course),
        course_revision: result.course_revision,
        session_id: result.session.map(bytes).unwrap_or_default(),
        employee_id: bytes(result.employee),
        obligation_id: met.map(|met| bytes(met.id)).unwrap_or_default(),
        result_id: bytes(result.id),
        attempt: result.attempt,
        passed: result.passed,
        secrecy,
        valid_until: result.valid_until.map(to_proto),
        ..TrainingChanged::default()
    }
}

/// Of an obligation.
pub(crate) fn about_obligation(event: TrainingEvent, obligation: &Obligation) -> TrainingChanged {
    TrainingChanged {
        event: event.into(),
        course_id: bytes(obligation.course),
        employee_id: bytes(obligation.employee),
        obligation_id: bytes(obligation.id),
        cause: obligation.cause.into(),
        due_time: Some(to_proto(obligation.due_at)),
        end: obligation.end.into(),
        ..TrainingChanged::default()
    }
}

/// Type of the journal entry of this event: `training.passed`.
pub(crate) fn kind(event: TrainingEvent) -> &'static str {
    match event {
        TrainingEvent::Unspecified | TrainingEvent::CourseCreated => "course.created",
        TrainingEvent::CourseRevised => "course.revised",
        TrainingEvent::CourseRetired => "course.retired",
        TrainingEvent::SessionCreated => "training_session.created",
        TrainingEvent::SessionHeld => "training_session.held",
        TrainingEvent::SessionClosed => "training_session.closed",
        TrainingEvent::SessionCancelled => "training_session.cancelled",
        TrainingEvent::Enrolled => "training.enrolled",
        TrainingEvent::MovedUp => "training.moved_up",
        TrainingEvent::Withdrawn => "training.withdrawn",
        TrainingEvent::Attended => "training.attended",
        TrainingEvent::Passed => "training.passed",
        TrainingEvent::Failed => "training.failed",
        TrainingEvent::ResultCorrected => "training.result_corrected",
        TrainingEvent::Obliged => "training_obligation.arose",
        TrainingEvent::Overdue => "training_obligation.overdue",
        TrainingEvent::ObligationEnded => "training_obligation.ended",
    }
}

/// Journals a further thing that a change brings about.
pub(super) async fn also(
    revision: &mut Revision<'_>,
    call: &Call,
    event: TrainingEvent,
    resource: String,
    changed: TrainingChanged,
) -> Result<(), Fault> {
    let changed = event::Event::TrainingChanged(changed);
    let entry = present::entry(
        call,
        EntryKind::Change,
        kind(event),
        resource,
        None,
        changed,
    );
    kefu_journal::append(revision.connection, &[entry]).await?;
    Ok(())
}
