//! The agent concerned objects, and somebody else decides.

use kefu_contracts::{
    ClassSet, Resource,
    common::Reason,
    journal::{EntryKind, InspectionAct},
    ticket::{
        AppealInspectionRequest, AppealOutcome, DecideInspectionAppealRequest, Inspection,
        InspectionResult, InspectionState, InspectionTask, InspectionTaskKind,
    },
};
use kefu_journal::Entry;
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag},
    idempotency::{self, Claim, Kept},
    present::{Shown, entry},
    time::to_proto,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Inspections, REFUSED, changed,
    complete::{Hand, Wanted, days_from, result, without_comments},
    ensure_cleared,
    results::VIEWED,
};
use crate::{
    domain::{
        entry::MEDIUM,
        inspection::{
            rules::of_number,
            score::{Filled, Outcome},
            state::{self, Event},
        },
    },
    store::{
        inspection_tasks::{self, NewTask, TASKS},
        inspections::{self, Counted, INSPECTIONS, RECORD, StoredInspection},
        versions,
    },
};

/// An objection, read and checked.
#[derive(Clone)]
struct Objection {
    id: Uuid,
    name: String,
    revision: i64,
    reason: String,
    /// Of the task to decide on it.
    task: Uuid,
    claim: Option<Claim>,
}

impl Inspections {
    /// Clause OP-5.
    pub(super) async fn appeal(
        &self,
        call: Call,
        request: AppealInspectionRequest,
    ) -> Result<Answer<Inspection>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, INSPECTIONS);
        let revision = fields.etag("etag", &request.etag);
        fields.required_text("reason", &request.reason, MEDIUM);
        fields.finish()?;
        let objection = Objection {
            claim: Claim::of(&call, request_id, &request),
            id: id.unwrap_or_default(),
            name: request.name.clone(),
            revision: revision.unwrap_or_default(),
            reason: request.reason,
            task: self.core.deps.ids.next()?,
        };
        let (service, writing) = (self.clone(), (call.clone(), objection));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.object(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let written = views.or_not_allowed(&call, REFUSED, &request.name, outcome);
        let written = written.await?.disclosed();
        written.into_answer(views, &call, VIEWED).await
    }

    async fn object(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Objection,
    ) -> Result<Written<Inspection>, Fault> {
        let mut query = RECORD.get(call, wanted.id);
        query.push(" FOR UPDATE OF i");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.as_ref().map(StoredInspection::read).transpose()?;
        let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
        let shown = Shown {
            resource: wanted.name.clone(),
            customer_id: Some(row.customer_id),
            clearance: call.context.clearance(row.matched, call.now),
        };
        let destroyed = || Fault::new(Reason::CustomerDestroyed);
        let wrapped = row.wrapped.as_ref().ok_or_else(destroyed)?;
        let key = self.results.open_key(row.customer_id, wrapped).await?;
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            let inspection = self.results.open_answer(&key, row.id, &kept.answer)?;
            return Ok(Written::before(inspection, shown, kept.position));
        }
        if row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        ensure_cleared(&shown.clearance)?;
        // Whoever else sees it: it is about one person.
        if call.context.subject.id != row.agent_id {
            let rule = "only the agent concerned objects to a result";
            return Err(Fault::new(Reason::PermissionMissing).with("rule", rule));
        }
        let state = state::after(row.state, Event::Appeal)?;
        if row.appeal_until.is_none_or(|until| until < call.now) {
            return Err(Fault::state("APPEAL_OVER", "appeal"));
        }
        let everything = ClassSet::of(Inspection::CLASSES);
        let (opened, _) = self.results.open(&key, row.id, &row.sealed, everything)?;
        let mut inspection = row.with_opened(opened);
        inspection.set_state(state);
        inspection.appeal_time = Some(to_proto(call.now));
        inspection.appeal_reason.clone_from(&wanted.reason);
        inspection.etag = etag(row.revision + 1);
        let sealed = self.results.seal(&key, row.id, &inspection)?;
        inspections::appeal(connection, row.id, &sealed, call.now).await?;
        let to_see = InspectionTask {
            results: vec![as_result(&inspection)],
            appeal_reason: wanted.reason.clone(),
            ..InspectionTask::default()
        };
        let all = versions::all(connection).await?;
        let definition = of_number(&all, row.rules_version);
        let days = definition.map_or(1, |definition| definition.due_days);
        let task = NewTask {
            id: wanted.task,
            inspection: row.id,
            customer: row.customer_id,
            kind: InspectionTaskKind::Appeal,
            due_at: days_from(call.now, days)?,
            sealed: &self.tasks.seal(&key, wanted.task, &to_see)?,
            now: call.now,
        };
        inspection_tasks::insert(connection, &task).await?;
        let act = InspectionAct::Appealed;
        let (resource, event) = changed(&row, &inspection, act, row.revision + 1);
        let (kind, customer) = ("inspection.appealed", Some(row.customer_id));
        let entry = entry(call, EntryKind::Change, kind, resource, customer, event);
        let position = kefu_journal::append(connection, &[entry]).await?;
        if let Some(claim) = &wanted.claim {
            let kept = Kept {
                resource_id: row.id,
                answer: self.results.seal_answer(&key, row.id, &inspection)?,
                position,
            };
            idempotency::keep(connection, call, claim, customer, &kept).await?;
        }
        Ok(Written::now(inspection, shown, position))
    }

    /// Clause OP-5.
    pub(super) async fn decide(
        &self,
        call: Call,
        request: DecideInspectionAppealRequest,
    ) -> Result<Answer<InspectionTask>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, TASKS);
        let revision = fields.etag("etag", &request.etag);
        let outcome = fields.required_enum("outcome", request.outcome);
        fields.required_text("reason", &request.reason, MEDIUM);
        fields.finish()?;
        let wanted = Wanted {
            claim: Claim::of(&call, request_id, &request),
            id: id.unwrap_or_default(),
            name: request.name,
            revision: revision.unwrap_or_default(),
            filled: Filled {
                scores: request.scores,
                knock_outs: request.knock_outs,
                comments: request.comments,
            },
            appeal: Some((outcome.unwrap_or_default(), request.reason)),
            next: Uuid::nil(),
        };
        self.work(call, wanted).await
    }

    /// What an appeal came to: the result stays, or another takes its place.
    pub(super) async fn closed(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        hand: &Hand,
        task: &InspectionTask,
        (outcome, reason): (AppealOutcome, &str),
    ) -> Result<Vec<Entry>, Fault> {
        let row = &hand.inspection;
        let event = match outcome {
            AppealOutcome::Changed => Event::Change,
            _ => Event::Uphold,
        };
        let state: InspectionState = state::after(row.state, event)?;
        let everything = ClassSet::of(Inspection::CLASSES);
        let (opened, _) = self
            .results
            .open(&hand.key, row.id, &row.sealed, everything)?;
        let mut now = row.with_opened(opened);
        let counts = match outcome {
            AppealOutcome::Changed => result(task),
            _ => as_result(&now),
        };
        now.set_state(state);
        now.set_appeal_outcome(outcome);
        (now.score, now.passed) = (counts.score, counts.passed);
        now.comments.clone_from(&counts.comments);
        reason.clone_into(&mut now.decision_reason);
        let sealed = self.results.seal(&hand.key, row.id, &now)?;
        let counted = Counted {
            outcome: Outcome {
                score: counts.score,
                passed: counts.passed,
            },
            answers: &without_comments(counts),
            sealed: &sealed,
        };
        inspections::close(connection, row.id, &counted, outcome).await?;
        let act = InspectionAct::AppealDecided;
        let (resource, event) = changed(row, &now, act, row.revision + 1);
        let (kind, customer) = ("inspection.appeal_decided", Some(row.customer_id));
        let entry = entry(call, EntryKind::Change, kind, resource, customer, event);
        Ok(vec![entry])
    }
}

/// Who upholds a result gives no other.
pub(super) fn check_empty(fields: &mut Fields, filled: &Filled) {
    for (field, empty) in [
        ("scores", filled.scores.is_empty()),
        ("knock_outs", filled.knock_outs.is_empty()),
        ("comments", filled.comments.is_empty()),
    ] {
        fields.ensure(empty, field, Violation::NotApplicable);
    }
}

fn as_result(inspection: &Inspection) -> InspectionResult {
    InspectionResult {
        score: inspection.score,
        passed: inspection.passed,
        scores: inspection.scores.clone(),
        knock_outs: inspection.knock_outs.clone(),
        comments: inspection.comments.clone(),
    }
}
