//! Findings are handed to somebody, or left as they are.

use jiff::Timestamp;
use kefu_contracts::{
    common::Reason,
    journal::EntryKind,
    profile::{QualityFinding, QualityFindingAct, QualityFindingKind, QualityFindingState},
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    idempotency::{self, Claim, Kept, Plain},
    present::entry,
};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Qualities, REFUSED, VIEWED, shown};
use crate::{
    jobs::told,
    store::{
        due::TO_MEASURE,
        duty,
        quality_findings::{self as findings, FINDINGS, StoredFinding},
    },
};

/// Longest reason, in characters.
pub(super) const MOST_REASON: usize = 500;

/// A change of a finding that can be made, if the finding allows it.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) id: Uuid,
    /// Resource name, as it was given.
    pub(super) name: String,
    /// Of the finding that was decided upon.
    pub(super) revision: i64,
    pub(super) deed: Deed,
    pub(super) claim: Option<Claim>,
}

/// What is done.
#[derive(Clone)]
pub(super) enum Deed {
    Assign(Uuid),
    /// Why, and until when.
    Dismiss(String, Timestamp),
}

/// A finding as a change left it.
struct Outcome {
    finding: QualityFinding,
    customer: Uuid,
    matched: i64,
    position: Cursor,
    /// It was made before.
    replayed: bool,
}

impl Qualities {
    /// Makes a change, once for each request id.
    pub(super) async fn change(
        &self,
        call: Call,
        wanted: Wanted,
    ) -> Result<Answer<QualityFinding>, Fault> {
        let resource = wanted.name.clone();
        let writing = (call.clone(), wanted, self.core.deps.ids.next()?);
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, wanted, duty) = writing.clone();
                Box::pin(async move { attempt(connection, &call, &wanted, duty).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views.or_refused(&call, REFUSED, &resource, outcome).await?;
        if outcome.replayed {
            let customer = Some(outcome.customer);
            let shown = shown(&call, &outcome.finding.name, customer, outcome.matched);
            views.record(&call, VIEWED, &[shown]).await?;
        }
        Ok(Answer::written(outcome.finding, outcome.position))
    }
}

async fn attempt(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
    duty_id: Uuid,
) -> Result<Outcome, Fault> {
    let row = reached(connection, call, wanted).await?;
    let claim = wanted.claim.as_ref();
    if let Some(Plain { body, position, .. }) =
        idempotency::find_plain::<QualityFinding>(connection, claim).await?
    {
        return Ok(Outcome {
            finding: QualityFinding {
                field: row.message.field,
                ..body
            },
            customer: row.customer,
            matched: row.matched,
            position,
            replayed: true,
        });
    }
    if row.revision != wanted.revision {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", row.message.etag));
    }
    ensure_may(&row, &wanted.deed)?;
    let (subject, now) = (call.context.subject.id, call.now);
    let (changed, act, holder) = match &wanted.deed {
        Deed::Assign(assignee) => {
            let changed = findings::assign(connection, row.id, *assignee, subject).await?;
            (changed, QualityFindingAct::Assigned, Some(*assignee))
        }
        Deed::Dismiss(reason, until) => {
            let by = (subject, reason.as_str());
            let changed = findings::dismiss(connection, row.id, by, (now, *until)).await?;
            (changed, QualityFindingAct::Dismissed, None)
        }
    };
    // Before a duty ends by which the caller sees it.
    let after = reached(connection, call, wanted).await?;
    // Whoever has to mend a file has to see it.
    duty::settle(connection, duty_id, &wanted.name, row.customer, holder, now).await?;
    if let Deed::Dismiss(_, until) = &wanted.deed {
        TO_MEASURE.look_at(connection, row.customer, *until).await?;
    }
    let (kind, event) = told(&changed, act);
    let entry = entry(
        call,
        EntryKind::Change,
        kind,
        wanted.name.clone(),
        Some(row.customer),
        event,
    );
    let position = kefu_journal::append(connection, &[entry]).await?;
    if let Some(claim) = claim {
        // What is kept longer than the file does not say what it lacked.
        let kept = QualityFinding {
            field: String::new(),
            ..after.message.clone()
        };
        let kept = Kept {
            resource_id: row.id,
            answer: kept.encode_to_vec(),
            position,
        };
        idempotency::keep(connection, call, claim, Some(row.customer), &kept).await?;
    }
    Ok(Outcome {
        finding: after.message,
        customer: after.customer,
        matched: after.matched,
        position,
        replayed: false,
    })
}

/// Only what is open, and a review that is due is completed.
fn ensure_may(row: &StoredFinding, deed: &Deed) -> Result<(), Fault> {
    let verb = match deed {
        Deed::Assign(_) => "assign",
        Deed::Dismiss(..) => "dismiss",
    };
    let state = row.message.state();
    if state != QualityFindingState::Open {
        let name = state.as_str_name();
        let name = name.strip_prefix("QUALITY_FINDING_STATE_").unwrap_or(name);
        return Err(Fault::state(name, verb));
    }
    let is_review = row.message.kind() == QualityFindingKind::ReviewDue;
    if is_review && matches!(deed, Deed::Dismiss(..)) {
        let rule = "a review that is due is completed, not dismissed";
        return Err(Fault::state("OPEN", verb).with("rule", rule));
    }
    Ok(())
}

/// The finding within reach, locked with its file.
async fn reached(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<StoredFinding, Fault> {
    let mut query = FINDINGS.get(call, wanted.id);
    query.push(" FOR NO KEY UPDATE OF c, f");
    let row = query.build().fetch_optional(connection).await?;
    let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
    StoredFinding::read(&row)
}
