//! What a write leads to, the first time and when its request comes again.

use kefu_access::Clearance;
use kefu_contracts::profile::Customer;
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    idempotency::{self, Claim, Kept},
    present::disclose,
};
use sqlx::PgConnection;

use super::{Customers, present::shown};
use crate::store::records::{ALL, StoredCustomer};

/// A file as a write left it.
pub(super) struct Outcome {
    pub(super) customer: Customer,
    pub(super) clearance: Clearance,
    pub(super) position: Cursor,
    /// The answer was given before; nothing was changed now.
    pub(super) replayed: bool,
}

impl Customers {
    /// What this request led to before, if it comes again. Answered before anything
    /// else is looked at, but with what the caller may see of the file now.
    pub(super) async fn replay(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        claim: Option<&Claim>,
    ) -> Result<Option<Outcome>, Fault> {
        let Some(claim) = claim else { return Ok(None) };
        let Some(Kept {
            resource_id,
            answer,
            position,
        }) = idempotency::find(connection, claim).await?
        else {
            return Ok(None);
        };
        let row = ALL
            .get(call, resource_id)
            .build()
            .fetch_optional(&mut *connection)
            .await?;
        let row = row.as_ref().map(StoredCustomer::read).transpose()?;
        let clearance = row
            .map(|row| call.context.clearance(row.matched, call.now))
            .unwrap_or_default();
        let key = self.sealer.standing_key(connection, resource_id).await?;
        let customer = self
            .sealer
            .open_answer::<Customer>(&key, resource_id, &answer)?;
        Ok(Some(Outcome {
            customer,
            clearance,
            position,
            replayed: true,
        }))
    }

    /// The answer. What a change shows is journaled with it; what is shown again is a view.
    pub(super) async fn answer(
        &self,
        call: &Call,
        outcome: Outcome,
    ) -> Result<Answer<Customer>, Fault> {
        let Outcome {
            mut customer,
            clearance,
            position,
            replayed,
        } = outcome;
        disclose(&mut customer, &clearance, Default::default());
        if replayed {
            let id =
                kefu_service::fields::parse_name(&customer.name, "customers").unwrap_or_default();
            self.core
                .views
                .record(call, "customer.viewed", &[shown(&customer, id, clearance)])
                .await?;
        }
        Ok(Answer::written(customer, position))
    }
}
