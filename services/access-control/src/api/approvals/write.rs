//! How a change of a request is written: where it stands, what happened, whom it
//! concerns and its journal entry, all in one transaction.

use jiff::Timestamp;
use kefu_contracts::{
    access::ApprovalEvent,
    journal::{ApprovalChanged, EntryKind, event},
    policy::Purpose,
};
use kefu_journal::Entry;
use kefu_service::{
    call::Call,
    error::{Fault, Violation},
    fields,
    time::to_proto,
};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Desk, Kind, look};
use crate::{
    api::write::Done,
    domain::approval::{Case, Hat, Refusal, State, Timed},
    error::RegisterError,
    store::{
        approval::{self, New, Step},
        changes::Revision,
        employee,
    },
};

/// Which request, and as it was read.
pub(crate) struct Wanted {
    pub(crate) id: Uuid,
    /// Revision that was read, where that matters.
    pub(crate) etag: Option<i64>,
}

/// What somebody did.
pub(crate) struct Happened<'a> {
    pub(crate) event: ApprovalEvent,
    /// The stage that was decided; by then the request may be in the next.
    pub(crate) stage: Option<usize>,
    pub(crate) hat: Option<Hat>,
    pub(crate) comment: &'a str,
}

impl Happened<'_> {
    /// Outside of review, without a word.
    pub(crate) fn plain(event: ApprovalEvent) -> Self {
        Self {
            event,
            stage: None,
            hat: None,
            comment: "",
        }
    }
}

/// The request within reach, locked for a change.
pub(crate) async fn open<K: Kind>(
    revision: &mut Revision<'_>,
    call: &Call,
    wanted: &Wanted,
) -> Result<K, Fault> {
    approval::lock(revision.connection, wanted.id).await?;
    let found = look::reached::<K>(revision.connection, call, wanted.id).await?;
    let not_found = || RegisterError::NotFound(fields::name(K::COLLECTION, wanted.id));
    let (_, stored) = found.ok_or_else(not_found)?;
    match wanted.etag {
        Some(read) if read != stored.approval().revision => Err(RegisterError::Stale.into()),
        _ => Ok(stored),
    }
}

/// The form within reach, locked, where whoever calls may write it again.
pub(crate) async fn open_form<K: Kind>(
    revision: &mut Revision<'_>,
    call: &Call,
    wanted: &Wanted,
) -> Result<K, Fault> {
    let stored: K = open(revision, call, wanted).await?;
    if stored.approval().applicant != call.context.subject.id {
        return Err(refused(Refusal::NotTheApplicant));
    }
    match stored.approval().state {
        State::Draft | State::Returned => Ok(stored),
        state => Err(refused(Refusal::State(state))),
    }
}

/// Writes the form again; `put` puts what is its kind's own.
pub(in crate::api) async fn rewrite<K: Kind>(
    revision: &mut Revision<'_>,
    call: &Call,
    desk: &Desk<'_>,
    wanted: &Wanted,
    terms: K::Terms,
    put: impl FnOnce(&mut K) + Send,
) -> Result<Done<K::Message>, Fault> {
    let mut stored: K = open_form(revision, call, wanted).await?;
    let case = Case {
        terms,
        ..stored.case()
    };
    put(&mut stored);
    stored.keep(revision.connection, desk, &case).await?;
    let happened = Happened::plain(ApprovalEvent::Changed);
    done::<K>(revision, call, desk, wanted.id, happened).await
}

/// Adds a form to the requests; what is its kind's own is put by the caller.
pub(crate) async fn draft<K: Kind>(
    revision: &mut Revision<'_>,
    call: &Call,
    id: Uuid,
    purpose: Purpose,
    terms: &K::Terms,
) -> Result<(), Fault> {
    let applicant = call.context.subject.id;
    let department = department_of(revision.connection, applicant).await?;
    let new = New {
        id,
        kind: K::KIND,
        purpose,
        case: &Case::draft(applicant, department, terms.clone(), call.now),
    };
    approval::insert(revision.connection, &new, call.now).await
}

/// Where whoever asks belongs at this moment.
pub(super) async fn department_of(
    connection: &mut PgConnection,
    applicant: Uuid,
) -> Result<Uuid, Fault> {
    let found = employee::get(connection, applicant).await?;
    found
        .and_then(|one| one.department)
        .ok_or_else(|| Fault::internal("an applicant without a department"))
}

/// Notes what happened, and answers with the request as it is now.
pub(in crate::api) async fn done<K: Kind>(
    revision: &mut Revision<'_>,
    call: &Call,
    desk: &Desk<'_>,
    id: Uuid,
    happened: Happened<'_>,
) -> Result<Done<K::Message>, Fault> {
    let before: K = reload(revision.connection, id).await?;
    let step = Step {
        event: happened.event,
        at: call.now,
        stage: happened.stage,
        actor: Some(call.context.subject.id),
        hat: happened.hat,
        comment: happened.comment.to_owned(),
        terms: Some(K::terms_message(before.terms()).encode_to_vec()),
    };
    approval::add_step(revision.connection, id, &step).await?;
    let stored: K = reload(revision.connection, id).await?;
    approval::set_parties(revision.connection, id, &concerned(&stored, desk)).await?;
    let policy_revision = if revision.has_changed() {
        revision.number
    } else {
        0
    };
    revision.tell(changed(&stored, desk, &step, policy_revision));
    Ok(Done {
        id,
        resource: fields::name(K::COLLECTION, id),
        body: stored.message(desk),
        kind: K::journal_type(happened.event),
    })
}

async fn reload<K: Kind>(connection: &mut PgConnection, id: Uuid) -> Result<K, Fault> {
    let stored = K::list(connection, &[id]).await?.pop();
    stored.ok_or_else(|| Fault::internal("a request that was just written"))
}

/// Whom a request concerns beside the applicant.
fn concerned<K: Kind>(stored: &K, desk: &Desk<'_>) -> Vec<Uuid> {
    let case = stored.case();
    // A form that is not handed in is the applicant's alone.
    if case.state == State::Draft {
        return Vec::new();
    }
    let approvers = case.approvers(desk.flow, desk.chart).into_iter();
    let mut concerned = stored.concerned(desk);
    concerned.extend(approvers.map(|hat| hat.actor));
    concerned
}

fn changed<K: Kind>(
    stored: &K,
    desk: &Desk<'_>,
    step: &Step,
    policy_revision: i64,
) -> event::Event {
    let case = stored.case();
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let stood_in = step.hat.filter(|hat| hat.actor != hat.principal);
    let stage = step.stage.and_then(|stage| desk.flow.stages.get(stage));
    let approvers = case.approvers(desk.flow, desk.chart).into_iter();
    let mut changed = ApprovalChanged {
        approval_id: bytes(stored.approval().id),
        kind: K::KIND.to_owned(),
        event: step.event.into(),
        state: case.state.to_proto().into(),
        stage: stage.map(|rule| rule.id.clone()).unwrap_or_default(),
        principal_id: stood_in.map(|hat| bytes(hat.principal)).unwrap_or_default(),
        approver_ids: approvers.map(|hat| bytes(hat.actor)).collect(),
        purpose: stored.approval().purpose.into(),
        active_from: case.period.map(|(start, _)| to_proto(start)),
        active_until: case.period.map(|(_, end)| to_proto(end)),
        policy_revision,
        department_id: bytes(case.department),
        never_submitted: !stored.approval().was_submitted(),
        ..ApprovalChanged::default()
    };
    stored.describe(desk, &mut changed);
    event::Event::ApprovalChanged(changed)
}

/// Brings a request to where time has brought it, and writes down what time did.
pub(crate) async fn time_passed<K: Kind>(
    connection: &mut PgConnection,
    desk: &Desk<'_>,
    stored: &mut K,
    case: &mut Case<K::Terms>,
) -> Result<(), Fault> {
    let stage = (case.state == State::InReview).then_some(case.stage);
    let advanced = case.advance(desk.flow, desk.now).into_iter();
    let mut happened: Vec<_> = advanced.map(|(at, what)| (at, timed(what))).collect();
    happened.extend(stored.late(desk));
    if happened.is_empty() {
        return Ok(());
    }
    happened.sort_by_key(|(at, _)| *at);
    stored.keep(connection, desk, case).await?;
    for (at, event) in happened {
        let step = step_of_time(event, at, stage);
        note::<K>(connection, desk, stored.approval().id, &step).await?;
    }
    Ok(())
}

/// A step that nobody took.
pub(crate) fn step_of_time(event: ApprovalEvent, at: Timestamp, stage: Option<usize>) -> Step {
    Step {
        event,
        at,
        stage,
        actor: None,
        hat: None,
        comment: String::new(),
        terms: None,
    }
}

/// Adds to a request's history and to the journal what no call of its own did to it.
pub(crate) async fn note<K: Kind>(
    connection: &mut PgConnection,
    desk: &Desk<'_>,
    id: Uuid,
    step: &Step,
) -> Result<(), Fault> {
    approval::add_step(connection, id, step).await?;
    let after: K = reload(connection, id).await?;
    let entry = Entry {
        recorded_at: desk.now,
        actor_id: step.actor,
        purpose: Purpose::Administration,
        request_id: String::new(),
        kind: EntryKind::Change,
        resource: fields::name(K::COLLECTION, id),
        customer_id: None,
        r#type: K::journal_type(step.event),
        event: changed(&after, desk, step, 0),
    };
    kefu_journal::append(connection, &[entry]).await?;
    Ok(())
}

fn timed(what: Timed) -> ApprovalEvent {
    match what {
        Timed::Reminded => ApprovalEvent::Reminded,
        Timed::Escalated => ApprovalEvent::Escalated,
        Timed::Expired => ApprovalEvent::Expired,
        Timed::Begun => ApprovalEvent::Begun,
        Timed::Ended => ApprovalEvent::Ended,
    }
}

/// For the job: writes down what time did to one request, and who may decide it now.
pub(crate) async fn by_time<K: Kind>(
    connection: &mut PgConnection,
    desk: &Desk<'_>,
    id: Uuid,
) -> Result<(), Fault> {
    approval::lock(connection, id).await?;
    let Some(mut stored) = K::list(connection, &[id]).await?.pop() else {
        return Ok(());
    };
    let mut case = stored.case();
    time_passed(connection, desk, &mut stored, &mut case).await?;
    let after: K = reload(connection, id).await?;
    approval::set_parties(connection, id, &concerned(&after, desk)).await
}

/// Why somebody may not, as a fault.
pub(crate) fn refused(refusal: Refusal) -> Fault {
    RegisterError::Approval(refusal).into()
}

/// Every field in which an approver asked for more than was left.
pub(crate) fn wider(wider: Vec<&'static str>) -> Fault {
    let violation = |field: &str| (format!("terms.{field}"), Violation::Wider);
    Fault::fields(wider.into_iter().map(violation).collect())
}
