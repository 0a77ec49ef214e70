//! That a file was gone through is written down.

use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, FileReviewed, event},
    profile::{
        CompleteFileReviewRequest, FileReview, FileReviewEvidence, FileReviewOutcome,
        QualityFindingAct, QualityFindingKind,
    },
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, etag, name},
    idempotency::{self, Claim, Kept},
    present::entry,
};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Qualities, REFUSED, VIEWED, shown};
use crate::{
    api::ask::claim,
    domain::quality::problems::Problem,
    jobs::told,
    store::{
        duty,
        file_reviews::{self, NewReview, REVIEWS, StoredReview},
        quality_findings::{self as findings, COLLECTION},
        records::{FILES, StoredCustomer},
    },
};

const MOST_REFERENCE: usize = 200;

/// What is to be written down, if the file is as it was read.
#[derive(Clone)]
struct Wanted {
    review: NewReview,
    duty_id: Uuid,
    /// Resource name of the file, as it was given.
    name: String,
    claim: Option<Claim>,
}

/// A review as it was written down.
struct Outcome {
    review: FileReview,
    customer: Uuid,
    matched: i64,
    position: Cursor,
    /// It was before.
    replayed: bool,
}

impl Qualities {
    /// Clause CF-7.1.
    pub(super) async fn review(
        &self,
        call: Call,
        request: CompleteFileReviewRequest,
    ) -> Result<Answer<FileReview>, Fault> {
        let mut fields = Fields::new();
        let customer = fields.name("name", &request.name, "customers");
        let revision = fields.etag("etag", &request.etag);
        let outcome = fields.required_enum::<FileReviewOutcome>("outcome", request.outcome);
        let evidence = fields.required_enum::<FileReviewEvidence>("evidence", request.evidence);
        fields.required_text("reference", &request.reference, MOST_REFERENCE);
        let claim = claim(&call, &mut fields, &request.request_id, &request);
        fields.finish()?;
        let wanted = Wanted {
            review: NewReview {
                id: self.core.deps.ids.next()?,
                customer: customer.unwrap_or_default(),
                revision: revision.unwrap_or_default(),
                outcome: outcome.unwrap_or_default(),
                evidence: evidence.unwrap_or_default(),
                reference: request.reference,
            },
            duty_id: self.core.deps.ids.next()?,
            name: request.name,
            claim,
        };
        let resource = wanted.name.clone();
        let writing = (call.clone(), wanted);
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { attempt(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views.or_refused(&call, REFUSED, &resource, outcome).await?;
        if outcome.replayed {
            let customer = Some(outcome.customer);
            let shown = shown(&call, &outcome.review.name, customer, outcome.matched);
            views.record(&call, VIEWED, &[shown]).await?;
        }
        Ok(Answer::written(outcome.review, outcome.position))
    }
}

async fn attempt(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Outcome, Fault> {
    let new = &wanted.review;
    let mut query = FILES.get(call, new.customer);
    query.push(" FOR NO KEY UPDATE OF c");
    let row = query.build().fetch_optional(&mut *connection).await?;
    let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
    let row = StoredCustomer::read(&row)?;
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain::<FileReview>(connection, claim).await? {
        return Ok(Outcome {
            review: kept.body,
            customer: row.id,
            matched: row.matched,
            position: kept.position,
            replayed: true,
        });
    }
    if row.revision != new.revision {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
    }
    let (subject, now) = (call.context.subject.id, call.now);
    file_reviews::insert(connection, new, subject, now).await?;
    let review = written(connection, call, new.id).await?;
    let reviewed = event::Event::FileReviewed(FileReviewed {
        review_id: new.id.as_bytes().to_vec(),
        customer_id: row.id.as_bytes().to_vec(),
        customer_revision: new.revision,
        outcome: new.outcome.into(),
        evidence: new.evidence.into(),
    });
    let customer = Some(row.id);
    let change = EntryKind::Change;
    let resource = name("file-reviews", new.id);
    let mut entries = vec![entry(
        call,
        change,
        "file_review.completed",
        resource,
        customer,
        reviewed,
    )];
    let due = Problem {
        kind: QualityFindingKind::ReviewDue as i16,
        field: String::new(),
    };
    if let Some(one) = findings::resolve(connection, row.id, &due, now).await? {
        let resource = name(COLLECTION, one.id);
        duty::settle(connection, wanted.duty_id, &resource, row.id, None, now).await?;
        let (kind, event) = told(&one, QualityFindingAct::Resolved);
        entries.push(entry(call, change, kind, resource, customer, event));
    }
    let position = kefu_journal::append(connection, &entries).await?;
    if let Some(claim) = claim {
        let kept = Kept {
            resource_id: new.id,
            answer: review.encode_to_vec(),
            position,
        };
        idempotency::keep(connection, call, claim, customer, &kept).await?;
    }
    Ok(Outcome {
        review,
        customer: row.id,
        matched: row.matched,
        position,
        replayed: false,
    })
}

/// The review as it reads; asked before a duty ends by which the caller sees the file.
async fn written(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
) -> Result<FileReview, Fault> {
    let row = REVIEWS.get(call, id).build().fetch_one(connection).await?;
    Ok(StoredReview::read(&row)?.message)
}
