//! The one way in which the register changes: a revision, the change, its entry
//! in the journal and the kept answer, in one transaction; then gateways are told.

use std::sync::Arc;

use kefu_contracts::journal::EntryKind;
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    database::Use,
    error::Fault,
    idempotency::{self, Claim},
    present,
};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Register;
use crate::store::changes::{By, Revision};

/// What a change did.
pub(super) struct Done<M> {
    /// The answer.
    pub(super) body: M,
    /// The record it carries.
    pub(super) id: Uuid,
    /// Its resource name.
    pub(super) resource: String,
    /// Type of the journal entry: `employee.created`.
    pub(super) kind: &'static str,
}

/// The claim of a request. An id that is no UUID claims nothing: the handler
/// refuses it together with whatever else is wrong.
pub(super) fn claim<M: Message>(call: &Call, request_id: &str, request: &M) -> Option<Claim> {
    Claim::of(call, Uuid::try_parse(request_id).ok(), request)
}

struct Outcome<M> {
    body: M,
    position: Cursor,
    revision: Option<i64>,
}

/// What a change is made from: kept for as long as it may have to be tried again.
pub(super) struct Asking<R> {
    pub(super) register: Register,
    pub(super) call: Call,
    pub(super) request: R,
}

impl Register {
    /// Changes the register, once for each request id.
    pub(super) async fn change<R, M, W>(
        &self,
        call: Call,
        claim: Option<Claim>,
        request: R,
        work: W,
    ) -> Result<Answer<M>, Fault>
    where
        R: Send + Sync + 'static,
        M: Message + Default + 'static,
        W: for<'w> Fn(&'w mut Revision<'_>, &'w Asking<R>) -> Use<'w, Done<M>>
            + Send
            + Sync
            + 'static,
    {
        let asking = Asking {
            register: self.clone(),
            call,
            request,
        };
        let tried = Arc::new((asking, claim, work));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let tried = tried.clone();
                Box::pin(async move {
                    let (asking, claim, work) = tried.as_ref();
                    attempt(connection, asking, claim.as_ref(), work).await
                })
            })
            .await?;
        if let Some(revision) = outcome.revision {
            self.revisions.reach(revision);
        }
        Ok(Answer::written(outcome.body, outcome.position))
    }
}

async fn attempt<R, M, W>(
    connection: &mut PgConnection,
    asking: &Asking<R>,
    claim: Option<&Claim>,
    work: &W,
) -> Result<Outcome<M>, Fault>
where
    R: Send + Sync,
    M: Message + Default,
    W: for<'w> Fn(&'w mut Revision<'_>, &'w Asking<R>) -> Use<'w, Done<M>> + Send + Sync,
{
    let call = &asking.call;
    let by = By {
        actor: Some(call.context.subject.id),
        at: call.now,
    };
    // The lock comes first: whoever sent the same request meanwhile has then
    // either kept their answer or will wait for ours.
    let mut revision = Revision::begin(connection, by).await?;
    if let Some(kept) = idempotency::find_plain(revision.connection, claim).await? {
        return Ok(Outcome {
            body: kept.body,
            position: kept.position,
            revision: None,
        });
    }
    let Done {
        body,
        id,
        resource,
        kind,
    } = work(&mut revision, asking).await?;
    let event = revision.told();
    let entry = present::entry(call, EntryKind::Change, kind, resource, None, event);
    let position = kefu_journal::append(revision.connection, &[entry]).await?;
    // The register is the company's own data.
    idempotency::keep_plain(revision.connection, call, claim, id, &body, position).await?;
    let number = revision.close().await?;
    Ok(Outcome {
        body,
        position,
        revision: number,
    })
}
