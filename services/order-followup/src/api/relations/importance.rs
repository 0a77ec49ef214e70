//! It is said how important a customer is.

use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, RelationChanged, event},
    order::{Importance, Relation, SetImportanceRequest},
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, etag, name},
    idempotency::{self, Claim, Kept},
    present::{Shown, entry},
    sealed::Sealer,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{REFUSED, Relations, VIEWED};
use crate::store::{
    customers,
    relations::{self, RECORD, RELATIONS, StoredRelation},
};

/// What is said, read and checked.
#[derive(Clone)]
struct Wanted {
    customer: Uuid,
    revision: i64,
    importance: Importance,
    claim: Option<Claim>,
}

impl Relations {
    /// Clause OP-3.3.
    pub(super) async fn set(
        &self,
        call: Call,
        request: SetImportanceRequest,
    ) -> Result<Answer<Relation>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let customer = fields.name("name", &request.name, RELATIONS);
        let revision = fields.etag("etag", &request.etag);
        let importance = fields.required_enum("importance", request.importance);
        fields.finish()?;
        let wanted = Wanted {
            customer: customer.unwrap_or_default(),
            revision: revision.unwrap_or_default(),
            importance: importance.unwrap_or_default(),
            claim,
        };
        let sealer = Sealer::new(self.core.deps.vault.clone(), "orders.customer_relation");
        let writing = (sealer, call.clone(), wanted);
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (sealer, call, wanted) = writing.clone();
                Box::pin(async move { write(connection, &sealer, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views.or_not_allowed(&call, REFUSED, &request.name, outcome);
        let written = outcome.await?.disclosed();
        written.into_answer(&self.core.views, &call, VIEWED).await
    }
}

async fn write(
    connection: &mut PgConnection,
    sealer: &Sealer,
    call: &Call,
    wanted: &Wanted,
) -> Result<Written<Relation>, Fault> {
    let customer = wanted.customer;
    let not_found = || Fault::not_found(&name(RELATIONS, customer));
    let mut query = RECORD.get(call, customer);
    query.push(" FOR UPDATE OF r");
    let row = query.build().fetch_optional(&mut *connection).await?;
    let row = StoredRelation::read(&row.ok_or_else(not_found)?)?;
    let clearance = call.context.clearance(row.matched, call.now);
    // Not destroyed until the transaction ends.
    if !customers::is_known(connection, customer).await? {
        return Err(not_found());
    }
    let (key, _) = sealer.key(connection, customer, call.now).await?;
    if let Some(claim) = &wanted.claim
        && let Some(kept) = idempotency::find(connection, claim).await?
    {
        let answer = kept.answer.as_slice();
        let record: Relation = sealer.open_answer(&key, kept.resource_id, answer)?;
        let shown = Shown::of_customer(&record.name, customer, clearance);
        return Ok(Written::before(record, shown, kept.position));
    }
    if row.revision != wanted.revision {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
    }
    relations::set_importance(connection, customer, wanted.importance, call.now).await?;
    let relation = Relation {
        importance: wanted.importance.into(),
        etag: etag(row.revision + 1),
        ..row.record
    };
    let event = event::Event::RelationChanged(RelationChanged {
        customer_id: customer.as_bytes().to_vec(),
        revision: row.revision + 1,
    });
    let (kind, resource) = ("relation.importance_set", relation.name.clone());
    let entry = entry(
        call,
        EntryKind::Change,
        kind,
        resource,
        Some(customer),
        event,
    );
    let position = kefu_journal::append(connection, &[entry]).await?;
    if let Some(claim) = &wanted.claim {
        let kept = Kept {
            resource_id: customer,
            answer: sealer.seal_answer(&key, customer, &relation)?,
            position,
        };
        idempotency::keep(connection, call, claim, Some(customer), &kept).await?;
    }
    let shown = Shown::of_customer(&relation.name, customer, clearance);
    Ok(Written::now(relation, shown, position))
}
