//! How somebody did.

use kefu_contracts::access::{
    self as wire, EnrolmentState, ListTrainingResultsRequest, ListTrainingResultsResponse,
    RecordTrainingResultRequest, TrainingEvent,
};
use kefu_service::{
    asked,
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};
use uuid::Uuid;

use super::{
    consequences::{Counts, Ids, keep, mark},
    look, person,
};
use crate::{
    api::{
        Register,
        write::{Asking, Done, claim},
    },
    domain::{
        qualification::MOST_EVIDENCE,
        training::{
            COURSES, Refusal, SESSIONS, Session,
            course::Course,
            result::{Outcome, judge, next_attempt},
            steps::{self, SessionStep},
        },
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

/// A page of them, the latest recorded first.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListTrainingResultsRequest,
) -> Result<Answer<ListTrainingResultsResponse>, Fault> {
    let page = look::list::<Outcome>(register, &call, asked!(request)).await?;
    Ok(Answer::read(ListTrainingResultsResponse {
        results: page.records,
        next_page_token: page.next_page_token,
        total_size: page.total_size,
        total_kind: page.total_kind,
    }))
}

/// How somebody did.
pub(super) async fn record(
    register: &Register,
    call: Call,
    request: RecordTrainingResultRequest,
) -> Result<Answer<wire::TrainingResult>, Fault> {
    let ids = Ids::next(register)?;
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(examine(revision, asking, ids))
        })
        .await
}

async fn examine(
    revision: &mut Revision<'_>,
    asking: &Asking<RecordTrainingResultRequest>,
    ids: Ids,
) -> Result<Done<wire::TrainingResult>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let taken_at = fields.past("take_time", request.take_time.as_ref(), call.now);
    let taken_at = taken_at.unwrap_or(call.now);
    // Who was in a session and has left since has a result of it all the same.
    let here_at = match request.session.is_empty() {
        true => call.now,
        false => taken_at,
    };
    let candidate = person::person(revision, call, &mut fields, &request.employee, here_at).await?;
    let (session, course) = taken(revision, &mut fields, request).await?;
    if let Some(course) = &course {
        mark(&mut fields, course, request.marks);
    }
    fields.required_text("evidence", &request.evidence, MOST_EVIDENCE);
    fields.finish()?;
    let (Some(candidate), Some(course)) = (candidate, course) else {
        return Err(RegisterError::NotFound(request.employee.clone()).into());
    };
    let refuse = |refusal| -> Fault { RegisterError::Training(refusal).into() };
    if candidate.id == call.context.subject.id {
        return Err(refuse(Refusal::TheirOwn));
    }
    let counting = Which::Counting(candidate.id, course.id);
    let counting = result::find(revision.connection, counting).await?;
    if let Some(session) = &session {
        was_there(revision, session, candidate.id, &counting).await?;
    } else if course.retired_at.is_some() {
        return Err(refuse(Refusal::Retired));
    }
    let attempt = next_attempt(&counting, session.is_none()).map_err(refuse)?;
    let begun = session.as_ref().map(|one| one.begins_at);
    let before = counting.iter().map(|one| one.taken_at);
    if before.chain(begun).any(|earlier| taken_at < earlier) {
        let wrong = ("take_time".to_owned(), Violation::Contradiction);
        return Err(Fault::fields(vec![wrong]));
    }
    let judged = judge(&course.definition, request.marks, taken_at);
    let new = Outcome {
        id: ids.0[0],
        employee: candidate.id,
        course: course.id,
        course_revision: course.revision,
        session: session.map(|one| one.id),
        attempt,
        marks: request.marks,
        passed: judged.passed,
        taken_at,
        valid_until: judged.valid_until,
        examiner: call.context.subject.id,
        recorded_at: call.now,
        evidence: request.evidence.clone(),
        corrects: None,
        reason: String::new(),
        qualification: None,
        held_until: None,
        superseded: false,
    };
    let event = match judged.passed {
        true => TrainingEvent::Passed,
        false => TrainingEvent::Failed,
    };
    let counts = if judged.passed {
        Counts::Pass
    } else {
        Counts::Fail
    };
    keep(
        revision,
        call,
        ids,
        (new, &course),
        candidate,
        (event, counts),
    )
    .await
}

/// The session they came to, or the course of which they take the exam alone; the course as it
/// is judged by.
async fn taken(
    revision: &mut Revision<'_>,
    fields: &mut Fields,
    request: &RecordTrainingResultRequest,
) -> Result<(Option<Session>, Option<Course>), Fault> {
    let both = !request.session.is_empty() && !request.course.is_empty();
    fields.ensure(!both, "course", Violation::Contradiction);
    if request.session.is_empty() {
        let Some(id) = fields.name("course", &request.course, COURSES) else {
            return Ok((None, None));
        };
        let course = course::at(revision.connection, id, None).await?;
        fields.ensure(course.is_some(), "course", Violation::Unknown);
        return Ok((None, course));
    }
    let Some(id) = fields.name("session", &request.session, SESSIONS) else {
        return Ok((None, None));
    };
    let found = training::get::<Seated>(revision.connection, id).await?;
    fields.ensure(found.is_some(), "session", Violation::Unknown);
    let Some(session) = found.map(|one| one.session) else {
        return Ok((None, None));
    };
    let of = Some(session.course_revision);
    let course = course::at(revision.connection, session.course, of).await?;
    Ok((Some(session), course))
}

/// Who was not there has no result, and who was has one.
async fn was_there(
    revision: &mut Revision<'_>,
    session: &Session,
    candidate: Uuid,
    counting: &[Outcome],
) -> Result<(), Fault> {
    let refuse = |refusal| -> Fault { RegisterError::Training(refusal).into() };
    steps::session(session.state, SessionStep::Result).map_err(refuse)?;
    let all = enrolment::of_session(revision.connection, session.id).await?;
    let own = all.iter().rev().find(|one| one.employee == candidate);
    let state = own.map_or(EnrolmentState::Unspecified, |one| one.state);
    if !matches!(state, EnrolmentState::Present | EnrolmentState::Part) {
        return Err(refuse(Refusal::NotAttended(state)));
    }
    let there = counting.iter().find(|one| one.session == Some(session.id));
    match there {
        Some(there) => Err(refuse(Refusal::ResultThere(there.id))),
        None => Ok(()),
    }
}
