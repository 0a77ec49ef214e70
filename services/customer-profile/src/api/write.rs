//! What every change of a file leaves behind: its revision, its journal entry and, for a
//! request that may come again, its answer.

use kefu_contracts::{
    access::SubjectKind,
    profile::{Customer, CustomerAct},
};
use kefu_journal::{Cursor, Entry};
use kefu_service::{
    call::Call,
    error::Fault,
    idempotency::{self, Claim, Kept},
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Customers, present::Done};
use crate::store::{
    customers::Standing,
    revisions::{self, NewRevision},
};

/// A change that has been made and is to be written down.
pub(super) struct Written<'a> {
    pub(super) act: CustomerAct,
    pub(super) revision_id: Uuid,
    pub(super) standing: &'a Standing<'a>,
    pub(super) entry: Entry,
    pub(super) done: Done,
    pub(super) claim: Option<&'a Claim>,
}

impl Customers {
    /// Writes a change down; tells the place of its journal entry.
    pub(super) async fn write_down(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        key: &CustomerKey,
        customer: &Customer,
        written: Written<'_>,
    ) -> Result<Cursor, Fault> {
        let id = written.done.id;
        let subject = &call.context.subject;
        let revision = NewRevision {
            id: written.revision_id,
            customer_id: id,
            revision: written.done.revision,
            act: written.act,
            actor_id: Some(subject.id),
            actor_is_system: subject.kind != SubjectKind::Employee,
            changed: &written.done.paths,
            tier: customer.tier,
            standing: written.standing,
            now: call.now,
        };
        revisions::insert(connection, &revision).await?;
        let position = kefu_journal::append(connection, &[written.entry]).await?;
        if let Some(claim) = written.claim {
            let kept = Kept {
                resource_id: id,
                answer: self.sealer.seal_answer(key, id, customer)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(id), &kept).await?;
        }
        Ok(position)
    }
}
