//! How a change of a share is written: where it stands, what happened, whom it concerns,
//! its journal entry, and the policy that gateways hold, all in one transaction.

use jiff::Timestamp;
use kefu_contracts::{
    access::{self as wire, ApprovalEvent, ShareMode},
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

use super::{look, messages};
use crate::{
    api::{exports, write::Done},
    domain::{
        approval::{Case, Chart, Flow, Hat, Refusal, State, Timed},
        share::{KIND, SHARES, ShareTerms},
    },
    error::RegisterError,
    store::{
        approval::{self, Step},
        changes::{Record, Revision},
        share::{self, StoredShare},
    },
};

/// Which share, and as it was read.
pub(in crate::api) struct Wanted {
    pub(in crate::api) id: Uuid,
    /// Revision that was read, where that matters.
    pub(in crate::api) etag: Option<i64>,
}

/// What somebody did.
pub(in crate::api) struct Happened<'a> {
    pub(super) event: ApprovalEvent,
    /// The stage that was decided; by then the share may be in the next.
    pub(super) stage: Option<usize>,
    pub(super) hat: Option<Hat>,
    pub(super) comment: &'a str,
}

impl Happened<'_> {
    /// Outside of review, without a word.
    pub(in crate::api) fn plain(event: ApprovalEvent) -> Self {
        Self {
            event,
            stage: None,
            hat: None,
            comment: "",
        }
    }
}

/// The share within reach, locked for a change.
pub(in crate::api) async fn open(
    revision: &mut Revision<'_>,
    call: &Call,
    wanted: &Wanted,
) -> Result<StoredShare, Fault> {
    approval::lock(revision.connection, wanted.id).await?;
    let found = look::reached(revision.connection, call, wanted.id).await?;
    let not_found = || RegisterError::NotFound(fields::name(SHARES, wanted.id));
    let (_, stored) = found.ok_or_else(not_found)?;
    match wanted.etag {
        Some(read) if read != stored.approval.revision => Err(RegisterError::Stale.into()),
        _ => Ok(stored),
    }
}

/// Puts the share where it now stands. Where it is, or was, a grant, the policy changes.
pub(in crate::api) async fn save(
    revision: &mut Revision<'_>,
    flow: &Flow,
    stored: &StoredShare,
    before: &Case<ShareTerms>,
    case: &Case<ShareTerms>,
) -> Result<(), Fault> {
    let id = stored.approval.id;
    let granted = |state| matches!(state, State::Scheduled | State::Active);
    let of_policy =
        stored.share.mode == ShareMode::Access && (granted(before.state) || granted(case.state));
    let record = Record::Grant(id);
    let image = match of_policy {
        true => revision.image(&record).await?,
        false => None,
    };
    approval::update(revision.connection, id, stored.approval.purpose, case, flow).await?;
    share::put(revision.connection, id, &stored.share, &case.terms).await?;
    if of_policy {
        revision.note(&record, image).await?;
    }
    exports::follow(revision.connection, revision.at(), flow, id, before.state).await
}

/// Notes what happened, and answers with the share as it is now.
pub(in crate::api) async fn done(
    revision: &mut Revision<'_>,
    call: &Call,
    flow: &Flow,
    chart: &Chart,
    id: Uuid,
    happened: Happened<'_>,
) -> Result<Done<wire::Share>, Fault> {
    let before = reload(revision.connection, id).await?;
    let step = Step {
        event: happened.event,
        at: call.now,
        stage: happened.stage,
        actor: Some(call.context.subject.id),
        hat: happened.hat,
        comment: happened.comment.to_owned(),
        terms: Some(messages::terms_to_proto(&before.terms).encode_to_vec()),
    };
    approval::add_step(revision.connection, id, &step).await?;
    let stored = reload(revision.connection, id).await?;
    approval::set_parties(revision.connection, id, &concerned(&stored, flow, chart)).await?;
    let policy_revision = if revision.has_changed() {
        revision.number
    } else {
        0
    };
    revision.tell(changed(&stored, flow, chart, &step, policy_revision));
    let body = messages::share(&stored, flow, chart);
    Ok(Done {
        id,
        resource: body.name.clone(),
        body,
        kind: messages::kind(happened.event),
    })
}

async fn reload(connection: &mut PgConnection, id: Uuid) -> Result<StoredShare, Fault> {
    let stored = share::get(connection, id).await?;
    stored.ok_or_else(|| Fault::internal("a share that was just written"))
}

/// Whom a share concerns beside the applicant.
fn concerned(stored: &StoredShare, flow: &Flow, chart: &Chart) -> Vec<Uuid> {
    let case = stored.case();
    // A form that is not handed in is the applicant's alone.
    if case.state == State::Draft {
        return Vec::new();
    }
    let approvers = case.approvers(flow, chart).into_iter().map(|hat| hat.actor);
    let receivers = stored.terms.receivers.iter().copied();
    approvers
        .chain(receivers)
        .chain(stored.terms.companion)
        .collect()
}

fn changed(
    stored: &StoredShare,
    flow: &Flow,
    chart: &Chart,
    step: &Step,
    policy_revision: i64,
) -> event::Event {
    let case = stored.case();
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let stood_in = step.hat.filter(|hat| hat.actor != hat.principal);
    let stage = step.stage.and_then(|stage| flow.stages.get(stage));
    let approvers = case.approvers(flow, chart).into_iter();
    event::Event::ApprovalChanged(ApprovalChanged {
        approval_id: bytes(stored.approval.id),
        kind: KIND.to_owned(),
        event: step.event.into(),
        state: case.state.to_proto().into(),
        stage: stage.map(|rule| rule.id.clone()).unwrap_or_default(),
        principal_id: stood_in.map(|hat| bytes(hat.principal)).unwrap_or_default(),
        approver_ids: approvers.map(|hat| bytes(hat.actor)).collect(),
        purpose: stored.share.purpose.into(),
        terms: Some(messages::terms_to_proto(&stored.terms)),
        active_from: case.period.map(|(start, _)| to_proto(start)),
        active_until: case.period.map(|(_, end)| to_proto(end)),
        policy_revision,
        share_mode: stored.share.mode.into(),
    })
}

/// Brings a share to where time has brought it, and writes down what time did.
pub(in crate::api) async fn time_passed(
    connection: &mut PgConnection,
    now: Timestamp,
    flow: &Flow,
    chart: &Chart,
    stored: &StoredShare,
    case: &mut Case<ShareTerms>,
) -> Result<bool, Fault> {
    let id = stored.approval.id;
    let stage = (case.state == State::InReview).then_some(case.stage);
    let before = case.state;
    let happened = case.advance(flow, now);
    if happened.is_empty() {
        return Ok(false);
    }
    approval::update(connection, id, stored.approval.purpose, case, flow).await?;
    for (at, what) in happened {
        let step = Step {
            event: timed(what),
            at,
            stage,
            actor: None,
            hat: None,
            comment: String::new(),
            terms: None,
        };
        approval::add_step(connection, id, &step).await?;
        let after = reload(connection, id).await?;
        let entry = Entry {
            recorded_at: now,
            actor_id: None,
            purpose: Purpose::Administration,
            request_id: String::new(),
            kind: EntryKind::Change,
            resource: fields::name(SHARES, id),
            customer_id: None,
            r#type: messages::kind(step.event),
            event: changed(&after, flow, chart, &step, 0),
        };
        kefu_journal::append(connection, &[entry]).await?;
    }
    exports::follow(connection, now, flow, id, before).await?;
    Ok(true)
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

/// For the job: writes down what time did to one share, and who may decide it now.
pub(crate) async fn by_time(
    connection: &mut PgConnection,
    now: Timestamp,
    flow: &Flow,
    chart: &Chart,
    id: Uuid,
) -> Result<(), Fault> {
    approval::lock(connection, id).await?;
    let Some(stored) = share::get(connection, id).await? else {
        return Ok(());
    };
    let mut case = stored.case();
    time_passed(connection, now, flow, chart, &stored, &mut case).await?;
    let after = reload(connection, id).await?;
    approval::set_parties(connection, id, &concerned(&after, flow, chart)).await
}

/// Why somebody may not, as a fault.
pub(in crate::api) fn refused(refusal: Refusal) -> Fault {
    RegisterError::Approval(refusal).into()
}

/// Every field in which an approver asked for more than was left.
pub(super) fn wider(wider: Vec<&'static str>) -> Fault {
    let violation = |field: &str| (format!("terms.{field}"), Violation::Wider);
    Fault::fields(wider.into_iter().map(violation).collect())
}
