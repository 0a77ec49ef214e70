//! The one way in which the register changes: a revision, the change, its entry
//! in the journal and the kept answer, in one transaction; then gateways are told. That
//! somebody wanted to change what is not within their reach is journaled as well, and so is
//! an answer that is shown again.

use std::sync::Arc;

use kefu_access::Clearance;
use kefu_contracts::{common::Reason, journal::EntryKind};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    database::Use,
    error::Fault,
    idempotency::{self, Claim},
    present::{self, Shown},
};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Register;
use crate::{
    domain::{
        alert::ALERTS,
        borrowing::BORROWINGS,
        destruction::DESTRUCTIONS,
        export::EXPORTS,
        incident::INCIDENTS,
        share::SHARES,
        training::{COURSES, ENROLMENTS, OBLIGATIONS, RESULTS, SESSIONS},
        webhook::{DELIVERIES, WEBHOOKS},
    },
    store::changes::{By, Revision},
};

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
    /// What the answer is about, where it was given before.
    again: Option<String>,
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
        let caller = call.clone();
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
            .await;
        let outcome = match outcome {
            Err(fault) => return Err(self.refused(&caller, fault).await),
            Ok(outcome) => outcome,
        };
        if let Some(revision) = outcome.revision {
            self.revisions.reach(revision);
        }
        if let Some(resource) = outcome.again {
            let (kind, _) = journaled_as(&resource);
            let shown = Shown {
                resource,
                customer_id: None,
                clearance: Clearance::default(),
            };
            self.core.views.record(&caller, kind, &[shown]).await?;
        }
        Ok(Answer::written(outcome.body, outcome.position))
    }

    /// Journals what was not within the caller's reach, which is named by the fault.
    async fn refused(&self, call: &Call, fault: Fault) -> Fault {
        if fault.reason != Reason::NotFoundOrOutOfScope {
            return fault;
        }
        let named = fault.metadata.iter().find(|(key, _)| *key == "resource");
        let resource = named.map(|(_, name)| name.clone()).unwrap_or_default();
        let (_, kind) = journaled_as(&resource);
        self.core.views.refuse(call, kind, &resource, fault).await
    }
}

/// As what a record of this collection is journaled where it is shown, and where it is refused.
fn journaled_as(resource: &str) -> (&'static str, &'static str) {
    let collection = resource.split('/').next().unwrap_or_default();
    match collection {
        SHARES => ("share.viewed", "share.refused"),
        BORROWINGS => ("borrowing.viewed", "borrowing.refused"),
        DESTRUCTIONS => ("destruction.viewed", "destruction.refused"),
        EXPORTS => ("export.viewed", "export.refused"),
        ALERTS => ("alert.viewed", "alert.refused"),
        INCIDENTS => ("incident.viewed", "incident.refused"),
        WEBHOOKS | DELIVERIES => ("webhook.viewed", "webhook.refused"),
        COURSES | SESSIONS | ENROLMENTS | RESULTS | OBLIGATIONS => {
            ("training.viewed", "training.refused")
        }
        _ => ("organisation.viewed", "organisation.refused"),
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
        let resource = kefu_journal::resource(revision.connection, kept.position).await?;
        return Ok(Outcome {
            body: kept.body,
            position: kept.position,
            revision: None,
            again: Some(resource.unwrap_or_default()),
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
        again: None,
    })
}
