//! Who comes to a session, who waits for a seat, and who was there.

use kefu_contracts::{
    access::{
        self as wire, CreateEnrolmentRequest, EnrolmentState, ListEnrolmentsRequest,
        ListEnrolmentsResponse, RecordAttendanceRequest, TrainingEvent, TrainingObligationCause,
        WithdrawEnrolmentRequest,
    },
    journal::event,
};
use kefu_service::{
    asked,
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{self, Fields},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    look::{self, Kind},
    owed, person,
    told::{about_enrolment, also, kind},
};
use crate::{
    api::{
        Register, clearance,
        write::{Asking, Done, claim},
    },
    domain::training::{
        ENROLMENTS, Enrolment, MOST_REASON, Refusal, SESSIONS, Session,
        steps::{self, EnrolmentStep, SessionStep},
    },
    error::RegisterError,
    store::{
        changes::Revision,
        training::{
            self, course, enrolment,
            result::{self, Which},
            session::Seated,
        },
    },
};

/// A page of them, the latest first.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListEnrolmentsRequest,
) -> Result<Answer<ListEnrolmentsResponse>, Fault> {
    let page = look::list::<Enrolment>(register, &call, asked!(request)).await?;
    Ok(Answer::read(ListEnrolmentsResponse {
        enrolments: page.records,
        next_page_token: page.next_page_token,
        total_size: page.total_size,
        total_kind: page.total_kind,
    }))
}

/// Somebody will come.
pub(super) async fn create(
    register: &Register,
    call: Call,
    request: CreateEnrolmentRequest,
) -> Result<Answer<wire::Enrolment>, Fault> {
    let id = register.core.deps.ids.next()?;
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(enrol(revision, &asking.call, id, &asking.request))
        })
        .await
}

async fn enrol(
    revision: &mut Revision<'_>,
    call: &Call,
    id: Uuid,
    request: &CreateEnrolmentRequest,
) -> Result<Done<wire::Enrolment>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let wanted = fields.name("session", &request.session, SESSIONS);
    let found = match wanted {
        Some(id) => training::get::<Seated>(revision.connection, id).await?,
        None => None,
    };
    if wanted.is_some() {
        fields.ensure(found.is_some(), "session", Violation::Unknown);
    }
    let employee = person::person(revision, call, &mut fields, &request.employee, call.now).await?;
    if let Some((employee, found)) = employee.as_ref().zip(found.as_ref()) {
        // Whoever holds it does not take it.
        let trains = employee.id == found.session.trainer;
        fields.ensure(!trains, "employee", Violation::NotApplicable);
    }
    fields.finish()?;
    let (Some(found), Some(employee)) = (found, employee) else {
        return Err(RegisterError::NotFound(request.session.clone()).into());
    };
    let session = found.session;
    steps::session(session.state, SessionStep::Enrol).map_err(RegisterError::Training)?;
    let mut all = enrolment::of_session(revision.connection, session.id).await?;
    let twice = all
        .iter()
        .find(|one| one.employee == employee.id && one.state != EnrolmentState::Withdrawn);
    if let Some(twice) = twice {
        return Err(RegisterError::Training(Refusal::EnrolledTwice(twice.id)).into());
    }
    let mut enrolment = Enrolment {
        id,
        session: session.id,
        employee: employee.id,
        state: EnrolmentState::Waiting,
        by: call.context.subject.id,
        at: call.now,
        reason: String::new(),
        recorder: None,
    };
    all.push(enrolment.clone());
    if steps::next_in_line(&all, session.seats).is_some_and(|next| next.id == id) {
        enrolment.state = EnrolmentState::Enrolled;
    }
    enrolment::insert(revision.connection, &enrolment).await?;
    Ok(done(
        revision,
        TrainingEvent::Enrolled,
        &enrolment,
        &session,
    ))
}

/// They will not come after all.
pub(super) async fn withdraw(
    register: &Register,
    call: Call,
    request: WithdrawEnrolmentRequest,
) -> Result<Answer<wire::Enrolment>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, |revision, asking| {
            Box::pin(give_up(revision, asking))
        })
        .await
}

async fn give_up(
    revision: &mut Revision<'_>,
    asking: &Asking<WithdrawEnrolmentRequest>,
) -> Result<Done<wire::Enrolment>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, ENROLMENTS);
    fields.finish()?;
    let mut enrolment: Enrolment = look::open(revision, call, id.unwrap_or_default()).await?;
    let session = session_of(revision, &enrolment).await?;
    let moved = leave(revision.connection, &mut enrolment, &session).await?;
    if let Some(moved) = moved {
        let event = TrainingEvent::MovedUp;
        let changed = about_enrolment(event, &moved, &session);
        let resource = fields::name(ENROLMENTS, moved.id);
        also(revision, call, event, resource, changed).await?;
    }
    Ok(done(
        revision,
        TrainingEvent::Withdrawn,
        &enrolment,
        &session,
    ))
}

async fn session_of(revision: &mut Revision<'_>, enrolment: &Enrolment) -> Result<Session, Fault> {
    let found = training::get::<Seated>(revision.connection, enrolment.session).await?;
    let found = found.ok_or_else(|| Fault::internal("an enrolment without a session"))?;
    Ok(found.session)
}

/// Takes somebody out of a session that is open; tells who gets their seat.
pub(crate) async fn leave(
    connection: &mut PgConnection,
    enrolment: &mut Enrolment,
    session: &Session,
) -> Result<Option<Enrolment>, Fault> {
    steps::session(session.state, SessionStep::Withdraw).map_err(RegisterError::Training)?;
    let state = steps::enrolment(enrolment.state, EnrolmentStep::Withdraw);
    enrolment.state = state.map_err(RegisterError::Training)?;
    enrolment::update(connection, enrolment).await?;
    let all = enrolment::of_session(connection, session.id).await?;
    let Some(next) = steps::next_in_line(&all, session.seats) else {
        return Ok(None);
    };
    let mut next = next.clone();
    let state = steps::enrolment(next.state, EnrolmentStep::MoveUp);
    next.state = state.map_err(RegisterError::Training)?;
    enrolment::update(connection, &next).await?;
    Ok(Some(next))
}

/// Whether somebody came.
pub(super) async fn attend(
    register: &Register,
    call: Call,
    request: RecordAttendanceRequest,
) -> Result<Answer<wire::Enrolment>, Fault> {
    let obligation = register.core.deps.ids.next()?;
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(note(revision, asking, obligation))
        })
        .await
}

async fn note(
    revision: &mut Revision<'_>,
    asking: &Asking<RecordAttendanceRequest>,
    obligation: Uuid,
) -> Result<Done<wire::Enrolment>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, ENROLMENTS);
    let attendance: Option<EnrolmentState> = fields.required_enum("attendance", request.attendance);
    let step = attendance.and_then(steps::attendance);
    if attendance.is_some() {
        fields.ensure(step.is_some(), "attendance", Violation::NotApplicable);
    }
    match attendance {
        Some(EnrolmentState::Part | EnrolmentState::Absent) => {
            fields.required_text("reason", &request.reason, MOST_REASON);
        }
        _ => fields.text("reason", &request.reason, MOST_REASON),
    }
    fields.finish()?;
    let not_found = || RegisterError::NotFound(request.name.clone());
    let found = training::get::<Enrolment>(revision.connection, id.unwrap_or_default()).await?;
    let mut enrolment = found.ok_or_else(not_found)?;
    let session = session_of(revision, &enrolment).await?;
    // Whose session it is, not whose attendance.
    clearance(call, None, Some(session.trainer)).ok_or_else(not_found)?;
    let refuse = |refusal| Err(RegisterError::Training(refusal).into());
    if enrolment.employee == call.context.subject.id {
        return refuse(Refusal::TheirOwn);
    }
    steps::session(session.state, SessionStep::Attend).map_err(RegisterError::Training)?;
    let step = step.unwrap_or(EnrolmentStep::Absent);
    let before = enrolment.state;
    enrolment.state = steps::enrolment(enrolment.state, step).map_err(RegisterError::Training)?;
    enrolment.reason.clone_from(&request.reason);
    enrolment.recorder = Some(call.context.subject.id);
    // An absence that is recorded again is the same one.
    if step == EnrolmentStep::Absent && before != EnrolmentState::Absent {
        let results = result::find(revision.connection, Which::OfSession(session.id)).await?;
        let there = results
            .iter()
            .find(|one| one.employee == enrolment.employee);
        if let Some(there) = there {
            return refuse(Refusal::ResultThere(there.id));
        }
        let of = Some(session.course_revision);
        let course = course::at(revision.connection, session.course, of).await?;
        let course = course.ok_or_else(|| Fault::internal("a session without a course"))?;
        let cause = TrainingObligationCause::Missed;
        owed::missed(
            revision,
            call,
            obligation,
            &course,
            enrolment.employee,
            cause,
        )
        .await?;
    }
    enrolment::update(revision.connection, &enrolment).await?;
    Ok(done(
        revision,
        TrainingEvent::Attended,
        &enrolment,
        &session,
    ))
}

fn done(
    revision: &mut Revision<'_>,
    event: TrainingEvent,
    enrolment: &Enrolment,
    session: &Session,
) -> Done<wire::Enrolment> {
    let changed = about_enrolment(event, enrolment, session);
    revision.tell(event::Event::TrainingChanged(changed));
    let body = enrolment.message();
    Done {
        id: enrolment.id,
        resource: body.name.clone(),
        body,
        kind: kind(event),
    }
}
