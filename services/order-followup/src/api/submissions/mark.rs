//! Somebody says what came of a submission that they saw to by hand.

use kefu_contracts::{
    common::Reason,
    order::{MarkSubmissionRequest, Submission, SubmissionState},
};
use kefu_service::{
    call::{Answer, Call},
    connector::LONGEST_REFERENCE,
    error::{Fault, Violation},
    fields::{Fields, etag},
    idempotency::{self, Claim, Kept},
    present::Shown,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{REFUSED, Said, Submissions, VIEWED};
use crate::{
    desk::By,
    domain::submission::{Step, said},
    store::{
        orders,
        submissions::{self, RECORD, SUBMISSIONS, StoredSubmission},
    },
};

const LONGEST_NOTE: usize = 2000;

/// What is said, read and checked.
#[derive(Clone)]
struct Marked {
    id: Uuid,
    revision: i64,
    step: Step,
    reference: String,
    note: String,
    claim: Option<Claim>,
}

impl Submissions {
    /// Clause OP-3.4.3.
    pub(super) async fn mark(
        &self,
        call: Call,
        request: MarkSubmissionRequest,
    ) -> Result<Answer<Submission>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, SUBMISSIONS);
        let revision = fields.etag("etag", &request.etag);
        let state = fields.required_enum::<SubmissionState>("state", request.state);
        let step = state.and_then(said);
        let can_be = state.is_none() || step.is_some();
        fields.ensure(can_be, "state", Violation::NotApplicable);
        fields.text("reference", &request.reference, LONGEST_REFERENCE);
        match step {
            Some(Step::Refuse) => fields.required_text("note", &request.note, LONGEST_NOTE),
            _ => fields.text("note", &request.note, LONGEST_NOTE),
        }
        fields.finish()?;
        let claim = Claim::of(&call, request_id, &request);
        let marked = Marked {
            id: id.unwrap_or_default(),
            revision: revision.unwrap_or_default(),
            step: step.ok_or_else(|| Fault::internal("no violation was noted"))?,
            reference: request.reference,
            note: request.note,
            claim,
        };
        let (service, writing) = (self.clone(), (call.clone(), marked));
        let outcome = self
            .0
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, marked)) = (service.clone(), writing.clone());
                Box::pin(async move { service.write(connection, &call, &marked).await })
            })
            .await;
        let core = &self.0.core;
        let views = &core.views;
        let outcome = views.or_refused(&call, REFUSED, &request.name, outcome);
        let written = outcome.await?.disclosed();
        written.into_answer(&core.views, &call, VIEWED).await
    }

    async fn write(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        marked: &Marked,
    ) -> Result<Written<Submission>, Fault> {
        let not_found = || Fault::not_found(&kefu_service::fields::name(SUBMISSIONS, marked.id));
        let mut query = RECORD.get(call, marked.id);
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.as_ref().map(StoredSubmission::read).transpose()?;
        let seen = row.ok_or_else(not_found)?;
        let clearance = call.context.clearance(seen.matched, call.now);
        // The order first, as everybody does who changes one.
        orders::lock(connection, seen.order_id).await?;
        let row = submissions::lock(connection, marked.id).await?;
        let row = row.ok_or_else(not_found)?;
        let key = self
            .0
            .sealer
            .open_key(row.customer_id, &row.wrapped)
            .await?;
        let sealer = self.0.submission_sealer();
        if let Some(claim) = &marked.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            let record: Submission = sealer.open_answer(&key, row.id, &kept.answer)?;
            let shown = Shown::of_customer(&record.name, row.customer_id, clearance);
            return Ok(Written::before(record, shown, kept.position));
        }
        if row.revision != marked.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        let caller = call.caller();
        let said = Said {
            by: &caller,
            reference: &marked.reference,
            note: &marked.note,
        };
        let by = By::Call(call);
        let entries = self
            .0
            .step(connection, &by, &row, marked.step, said)
            .await?;
        let position = kefu_journal::append(connection, &entries).await?;
        let now = submissions::lock(connection, marked.id).await?;
        let submission = self.0.open_submission(&key, &now.ok_or_else(not_found)?)?;
        if let Some(claim) = &marked.claim {
            let kept = Kept {
                resource_id: row.id,
                answer: sealer.seal_answer(&key, row.id, &submission)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(row.customer_id), &kept).await?;
        }
        let shown = Shown::of_customer(&submission.name, row.customer_id, clearance);
        Ok(Written::now(submission, shown, position))
    }
}
