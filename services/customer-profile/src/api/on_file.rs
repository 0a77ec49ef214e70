//! What hangs on a file and is entered once: a statement, the result of a check. One way in
//! for all: the file is locked under its scope, a request that comes again is answered with
//! what it led to, and what is shown again is a view.

use kefu_access::Clearance;
use kefu_contracts::{Resource, common::Reason};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    core::Core,
    error::Fault,
    fields::name,
    idempotency::{self, Claim, Kept},
    present::{Shown, disclose},
    sealed::Sealer,
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::records::{FILES, StoredCustomer};

/// Whose it is, what of it is cleared, and the key it is sealed under.
pub(super) struct Held {
    pub(super) customer: Uuid,
    pub(super) clearance: Clearance,
    pub(super) key: CustomerKey,
}

/// A file, locked for a change of what hangs on it.
pub(super) struct OnFile {
    pub(super) row: StoredCustomer,
    pub(super) held: Held,
}

impl OnFile {
    /// The file of this customer.
    ///
    /// # Errors
    /// NOT_FOUND_OR_OUT_OF_SCOPE.
    pub(super) async fn lock(
        connection: &mut PgConnection,
        call: &Call,
        sealer: &Sealer,
        customer: Uuid,
    ) -> Result<Self, Fault> {
        let mut query = FILES.get(call, customer);
        query.push(" FOR UPDATE OF c");
        let row = query.build().fetch_optional(connection).await?;
        let row = row.ok_or_else(|| Fault::not_found(&name("customers", customer)))?;
        let row = StoredCustomer::read(&row)?;
        let held = Held {
            customer,
            clearance: call.context.clearance(row.matched, call.now),
            key: sealer.open_key(customer, &row.wrapped).await?,
        };
        Ok(Self { row, held })
    }
}

/// A record as it was entered.
pub(super) struct Entered<R> {
    pub(super) record: R,
    pub(super) customer: Uuid,
    pub(super) clearance: Clearance,
    pub(super) position: Cursor,
    /// It was entered before.
    pub(super) replayed: bool,
}

impl<R: Resource> Entered<R> {
    /// What this request led to before, if it comes again.
    pub(super) async fn before(
        connection: &mut PgConnection,
        sealer: &Sealer,
        claim: Option<&Claim>,
        held: &Held,
    ) -> Result<Option<Self>, Fault> {
        let Some(claim) = claim else { return Ok(None) };
        let Some(kept) = idempotency::find(connection, claim).await? else {
            return Ok(None);
        };
        Ok(Some(Self {
            record: sealer.open_answer(&held.key, kept.resource_id, &kept.answer)?,
            customer: held.customer,
            clearance: held.clearance.clone(),
            position: kept.position,
            replayed: true,
        }))
    }

    /// What was just entered and journaled here; kept for its request.
    pub(super) async fn now(
        connection: &mut PgConnection,
        call: &Call,
        (sealer, claim, held): (&Sealer, Option<&Claim>, &Held),
        (id, record): (Uuid, R),
        position: Cursor,
    ) -> Result<Self, Fault> {
        let customer = held.customer;
        if let Some(claim) = claim {
            let kept = Kept {
                resource_id: id,
                answer: sealer.seal_answer(&held.key, id, &record)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(customer), &kept).await?;
        }
        Ok(Self {
            record,
            customer,
            clearance: held.clearance.clone(),
            position,
            replayed: false,
        })
    }

    /// The answer. What a change shows is journaled with it; what is shown again is a view.
    pub(super) async fn answer(
        mut self,
        core: &Core,
        call: &Call,
        viewed: &'static str,
        named: fn(&R) -> &String,
    ) -> Result<Answer<R>, Fault> {
        disclose(&mut self.record, &self.clearance, Default::default());
        if self.replayed {
            let shown = Shown {
                resource: named(&self.record).clone(),
                customer_id: Some(self.customer),
                clearance: self.clearance,
            };
            core.views.record(call, viewed, &[shown]).await?;
        }
        Ok(Answer::written(self.record, self.position))
    }
}

/// Journals that a file was meant which the caller may not know of.
pub(super) async fn or_refused<T>(
    core: &Core,
    call: &Call,
    refused: &'static str,
    resource: &str,
    outcome: Result<T, Fault>,
) -> Result<T, Fault> {
    match outcome {
        Err(fault) if fault.reason == Reason::NotFoundOrOutOfScope => {
            Err(core.views.refuse(call, refused, resource, fault).await)
        }
        outcome => outcome,
    }
}
