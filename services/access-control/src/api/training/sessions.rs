//! Sessions: planned, held, closed or cancelled, each step as its table has it.

use kefu_contracts::{
    access::{
        self as wire, CancelTrainingSessionRequest, CloseTrainingSessionRequest,
        CreateTrainingSessionRequest, EnrolmentState, GetTrainingSessionRequest,
        HoldTrainingSessionRequest, ListTrainingSessionsRequest, ListTrainingSessionsResponse,
        TrainingEvent, TrainingSessionState,
    },
    journal::event,
};
use kefu_service::{
    asked,
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
    idempotency::Claim,
};
use uuid::Uuid;

use super::{
    look::{self, Kind},
    told::{about_session, kind},
};
use crate::{
    api::{
        Register, missing,
        write::{Asking, Done, claim},
    },
    domain::{
        register::EMPLOYEES,
        training::{
            COURSES, MOST_PLACE, MOST_REASON, MOST_SEATS, Refusal, SESSIONS, Session,
            steps::{self, EnrolmentStep, SessionStep},
        },
    },
    error::RegisterError,
    store::{
        changes::Revision,
        employee,
        training::{
            course, enrolment,
            result::{self, Which},
            session::{self, Seated},
        },
    },
};

/// One session.
pub(super) async fn get(
    register: &Register,
    call: Call,
    request: GetTrainingSessionRequest,
) -> Result<Answer<wire::TrainingSession>, Fault> {
    let session = look::get::<Seated>(register, &call, &request.name).await?;
    Ok(Answer::read(session.message()))
}

/// A page of them, the latest to begin first.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListTrainingSessionsRequest,
) -> Result<Answer<ListTrainingSessionsResponse>, Fault> {
    let page = look::list::<Seated>(register, &call, asked!(request)).await?;
    Ok(Answer::read(ListTrainingSessionsResponse {
        sessions: page.records,
        next_page_token: page.next_page_token,
        total_size: page.total_size,
        total_kind: page.total_kind,
    }))
}

/// A session of the course as it is now.
pub(super) async fn create(
    register: &Register,
    call: Call,
    request: CreateTrainingSessionRequest,
) -> Result<Answer<wire::TrainingSession>, Fault> {
    let id = register.core.deps.ids.next()?;
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(plan(revision, &asking.call, id, &asking.request))
        })
        .await
}

async fn plan(
    revision: &mut Revision<'_>,
    call: &Call,
    id: Uuid,
    request: &CreateTrainingSessionRequest,
) -> Result<Done<wire::TrainingSession>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.session else {
        return Err(missing(fields, "session"));
    };
    let course = fields.name("session.course", &wanted.course, COURSES);
    let trainer = fields.name("session.trainer", &wanted.trainer, EMPLOYEES);
    for (field, time) in [
        ("session.begin_time", &wanted.begin_time),
        ("session.end_time", &wanted.end_time),
    ] {
        fields.ensure(time.is_some(), field, Violation::Required);
    }
    let begins_at = fields.from_when("session.begin_time", wanted.begin_time.as_ref(), call.now);
    let ends_at = fields.time("session.end_time", wanted.end_time.as_ref());
    fields.ensure(
        ends_at.is_none_or(|end| end > begins_at),
        "session.end_time",
        Violation::Contradiction,
    );
    fields.required_text("session.place", &wanted.place, MOST_PLACE);
    fields.ensure(
        (1..=MOST_SEATS).contains(&wanted.seats),
        "session.seats",
        Violation::OutOfRange(1, MOST_SEATS.into()),
    );
    let course = match course {
        Some(id) => course::at(revision.connection, id, None).await?,
        None => None,
    };
    let named = |name: &str| !name.is_empty();
    if named(&wanted.course) {
        fields.ensure(course.is_some(), "session.course", Violation::Unknown);
    }
    let serving = match trainer {
        Some(id) => employee::get(revision.connection, id).await?,
        None => None,
    };
    let serving = serving.filter(|one| one.serves(call.now));
    if named(&wanted.trainer) {
        fields.ensure(serving.is_some(), "session.trainer", Violation::Unknown);
    }
    fields.finish()?;
    let course = course.ok_or_else(|| RegisterError::NotFound(wanted.course.clone()))?;
    if course.retired_at.is_some() {
        return Err(RegisterError::Training(Refusal::Retired).into());
    }
    let session = Session {
        id,
        course: course.id,
        course_revision: course.revision,
        trainer: trainer.unwrap_or_default(),
        begins_at,
        ends_at: ends_at.unwrap_or(begins_at),
        place: wanted.place.clone(),
        seats: wanted.seats,
        state: TrainingSessionState::Open,
        cancel_reason: String::new(),
    };
    session::insert(revision.connection, &session, call.now).await?;
    done(revision, TrainingEvent::SessionCreated, session).await
}

/// What is asked to be done with a session.
#[derive(Clone)]
struct Wanted {
    name: String,
    request_id: String,
    step: SessionStep,
    reason: String,
}

/// It takes place.
pub(super) async fn hold(
    register: &Register,
    call: Call,
    request: HoldTrainingSessionRequest,
) -> Result<Answer<wire::TrainingSession>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let wanted = Wanted {
        name: request.name,
        request_id: request.request_id,
        step: SessionStep::Hold,
        reason: String::new(),
    };
    change(register, call, claim, wanted).await
}

/// It is settled.
pub(super) async fn close(
    register: &Register,
    call: Call,
    request: CloseTrainingSessionRequest,
) -> Result<Answer<wire::TrainingSession>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let wanted = Wanted {
        name: request.name,
        request_id: request.request_id,
        step: SessionStep::Close,
        reason: String::new(),
    };
    change(register, call, claim, wanted).await
}

/// It does not take place.
pub(super) async fn cancel(
    register: &Register,
    call: Call,
    request: CancelTrainingSessionRequest,
) -> Result<Answer<wire::TrainingSession>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let wanted = Wanted {
        name: request.name,
        request_id: request.request_id,
        step: SessionStep::Cancel,
        reason: request.reason,
    };
    change(register, call, claim, wanted).await
}

async fn change(
    register: &Register,
    call: Call,
    claim: Option<Claim>,
    wanted: Wanted,
) -> Result<Answer<wire::TrainingSession>, Fault> {
    register
        .change(call, claim, wanted, |revision, asking| {
            Box::pin(take_step(revision, asking))
        })
        .await
}

async fn take_step(
    revision: &mut Revision<'_>,
    asking: &Asking<Wanted>,
) -> Result<Done<wire::TrainingSession>, Fault> {
    let (call, wanted) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&wanted.request_id);
    let id = fields.name("name", &wanted.name, SESSIONS);
    if wanted.step == SessionStep::Cancel {
        fields.required_text("reason", &wanted.reason, MOST_REASON);
    }
    fields.finish()?;
    let found: Seated = look::open(revision, call, id.unwrap_or_default()).await?;
    let mut session = found.session;
    session.state = steps::session(session.state, wanted.step).map_err(RegisterError::Training)?;
    session.cancel_reason.clone_from(&wanted.reason);
    let event = match wanted.step {
        SessionStep::Hold if session.begins_at > call.now => {
            return Err(RegisterError::Training(Refusal::NotYet(session.begins_at)).into());
        }
        SessionStep::Hold => TrainingEvent::SessionHeld,
        SessionStep::Cancel => {
            empty(revision, session.id).await?;
            TrainingEvent::SessionCancelled
        }
        _ => {
            settled(revision, session.id).await?;
            TrainingEvent::SessionClosed
        }
    };
    session::update(revision.connection, &session).await?;
    done(revision, event, session).await
}

/// Whoever was enrolled is no longer.
async fn empty(revision: &mut Revision<'_>, session: Uuid) -> Result<(), Fault> {
    for mut one in enrolment::of_session(revision.connection, session).await? {
        if let Ok(state) = steps::enrolment(one.state, EnrolmentStep::Withdraw) {
            one.state = state;
            enrolment::update(revision.connection, &one).await?;
        }
    }
    Ok(())
}

/// Of everybody with a seat it is known whether they came, and of who came how they did.
async fn settled(revision: &mut Revision<'_>, session: Uuid) -> Result<(), Fault> {
    let results = result::find(revision.connection, Which::OfSession(session)).await?;
    let told = |id| results.iter().any(|one| one.employee == id);
    let enrolments = enrolment::of_session(revision.connection, session).await?;
    let open = enrolments.iter().filter(|one| match one.state {
        EnrolmentState::Enrolled => true,
        EnrolmentState::Present | EnrolmentState::Part => !told(one.employee),
        _ => false,
    });
    let open: Vec<Uuid> = open.map(|one| one.id).collect();
    match open.is_empty() {
        true => Ok(()),
        false => Err(RegisterError::Training(Refusal::Unsettled(open)).into()),
    }
}

async fn done(
    revision: &mut Revision<'_>,
    event: TrainingEvent,
    session: Session,
) -> Result<Done<wire::TrainingSession>, Fault> {
    revision.tell(event::Event::TrainingChanged(about_session(
        event, &session,
    )));
    let id = session.id;
    let kept = crate::store::training::get::<Seated>(revision.connection, id).await?;
    let body = kept.ok_or_else(|| Fault::internal("a session was lost"))?;
    let body = body.message();
    Ok(Done {
        id,
        resource: body.name.clone(),
        body,
        kind: kind(event),
    })
}
