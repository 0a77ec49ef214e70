//! How somebody did: recorded, corrected by a second person, and what either leads to.

use kefu_contracts::{
    access::{
        self as wire, CorrectTrainingResultRequest, EnrolmentState, ListTrainingResultsRequest,
        ListTrainingResultsResponse, QualificationKind, RecordTrainingResultRequest, TrainingEvent,
        TrainingObligationCause as Cause,
    },
    journal::event,
};
use kefu_service::{
    asked,
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{self, Fields},
};
use uuid::Uuid;

use super::{
    look::{self, Kind},
    messages::{about_result, kind},
    owed,
};
use crate::{
    api::{
        Register, qualifications,
        write::{Asking, Done, claim},
    },
    domain::{
        qualification::{MOST_EVIDENCE, Qualification},
        register::Employee,
        training::{
            COURSES, MOST_REASON, RESULTS, Refusal, SESSIONS, Session,
            course::Course,
            result::{Outcome, judge, may_correct, next_attempt, passed_since},
            steps::{self, SessionStep},
        },
    },
    error::RegisterError,
    store::{
        changes::Revision,
        employee,
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

/// Keys for what a result may bring about: the result, a qualification and an obligation.
#[derive(Debug, Clone, Copy)]
struct Ids([Uuid; 3]);

impl Ids {
    fn next(register: &Register) -> Result<Self, Fault> {
        let ids = &register.core.deps.ids;
        Ok(Self([ids.next()?, ids.next()?, ids.next()?]))
    }
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
    let candidate = look::person(revision, call, &mut fields, &request.employee).await?;
    let (session, course) = taken(revision, &mut fields, request).await?;
    let taken_at = fields.past("take_time", request.take_time.as_ref(), call.now);
    let taken_at = taken_at.unwrap_or(call.now);
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

fn mark(fields: &mut Fields, course: &Course, marks: i32) {
    let full = course.definition.full_marks;
    let range = Violation::OutOfRange(0, full.into());
    fields.ensure((0..=full).contains(&marks), "marks", range);
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

/// What a result should have been.
pub(super) async fn correct(
    register: &Register,
    call: Call,
    request: CorrectTrainingResultRequest,
) -> Result<Answer<wire::TrainingResult>, Fault> {
    let ids = Ids::next(register)?;
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(amend(revision, asking, ids))
        })
        .await
}

async fn amend(
    revision: &mut Revision<'_>,
    asking: &Asking<CorrectTrainingResultRequest>,
    ids: Ids,
) -> Result<Done<wire::TrainingResult>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, RESULTS);
    fields.required_text("reason", &request.reason, MOST_REASON);
    fields.ensure(
        request.marks >= 0,
        "marks",
        Violation::OutOfRange(0, i64::from(i32::MAX)),
    );
    fields.finish()?;
    let was: Outcome = look::open(revision, call, id.unwrap_or_default()).await?;
    let refuse = |refusal| -> Fault { RegisterError::Training(refusal).into() };
    may_correct(&was, call.context.subject.id).map_err(refuse)?;
    let course = course::at(revision.connection, was.course, Some(was.course_revision)).await?;
    let course = course.ok_or_else(|| Fault::internal("a result without a course"))?;
    let mut fields = Fields::new();
    mark(&mut fields, &course, request.marks);
    fields.finish()?;
    let candidate = employee::get(revision.connection, was.employee).await?;
    let candidate = candidate.ok_or_else(|| Fault::internal("a result of nobody"))?;

    let judged = judge(&course.definition, request.marks, was.taken_at);
    let counts = match (was.passed, judged.passed) {
        (false, true) => Counts::Pass,
        (true, false) => {
            if let Some(qualification) = was.qualification {
                qualifications::withdraw(revision, call, qualification, was.held_until).await?;
            }
            let counting = Which::Counting(was.employee, was.course);
            let counting = result::find(revision.connection, counting).await?;
            match passed_since(&counting, &was) {
                true => Counts::AsBefore,
                false => Counts::Fail,
            }
        }
        _ => Counts::AsBefore,
    };
    let stays = was.passed && judged.passed;
    let new = Outcome {
        id: ids.0[0],
        marks: request.marks,
        passed: judged.passed,
        valid_until: judged.valid_until,
        examiner: call.context.subject.id,
        recorded_at: call.now,
        corrects: Some(was.id),
        reason: request.reason.clone(),
        qualification: was.qualification.filter(|_| stays),
        held_until: was.held_until.filter(|_| stays),
        ..was
    };
    // Who has left takes nothing again.
    let counts = match counts {
        Counts::Fail if !candidate.serves(call.now) => Counts::AsBefore,
        counts => counts,
    };
    let told = (TrainingEvent::ResultCorrected, counts);
    keep(revision, call, ids, (new, &course), candidate, told).await
}

/// What a result leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    /// It is a pass that was none before.
    Pass,
    /// It is a failure.
    Fail,
    /// Nothing that was not so before.
    AsBefore,
}

async fn keep(
    revision: &mut Revision<'_>,
    call: &Call,
    ids: Ids,
    (mut new, course): (Outcome, &Course),
    mut candidate: Employee,
    (event, counts): (TrainingEvent, Counts),
) -> Result<Done<wire::TrainingResult>, Fault> {
    let secrecy = course.definition.secrecy;
    if let (Counts::Pass, true, Some(valid_until)) = (counts, secrecy, new.valid_until) {
        let qualification = Qualification {
            id: ids.0[1],
            employee: candidate.id,
            kind: QualificationKind::Training,
            obtained_at: new.taken_at,
            valid_until,
            evidence: fields::name(RESULTS, new.id),
            withdrawn_at: None,
        };
        new.qualification = Some(qualification.id);
        new.held_until = candidate.training_valid_until;
        qualifications::qualify(revision, call, &mut candidate, &qualification).await?;
    }
    result::insert(revision.connection, &new).await?;
    let mut met = None;
    match counts {
        Counts::Pass => met = owed::met(revision, call, &new).await?,
        Counts::Fail => {
            let id = ids.0[2];
            owed::missed(revision, call, id, course, new.employee, Cause::Failed).await?;
        }
        Counts::AsBefore => {}
    }
    let mut changed = about_result(event, &new, secrecy, met.as_ref());
    if revision.has_changed() {
        changed.policy_revision = revision.number;
    }
    revision.tell(event::Event::TrainingChanged(changed));
    let body = new.message();
    Ok(Done {
        id: new.id,
        resource: body.name.clone(),
        body,
        kind: kind(event),
    })
}
