//! What hangs on a file and is entered once: a statement, the result of a check. One way in
//! for all: the file is locked under its scope, a request that comes again is answered with
//! what it led to, and what is shown again is a view.

use kefu_access::Clearance;
use kefu_contracts::Resource;
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    core::Core,
    error::Fault,
    fields::{Fields, name},
    idempotency::{self, Claim, Kept},
    listing::{self, Asked, ListSpec, Page},
    present::{Shown, disclose},
    sealed::Sealer,
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::{
    hanging::Hanging,
    records::{FILES, StoredCustomer},
};

/// A kind of what hangs on files, and the ways to look at it.
pub(super) struct Shelf<S: 'static> {
    pub(super) core: Core,
    pub(super) sealer: Sealer,
    kind: &'static Kind<S>,
}

impl<S> Clone for Shelf<S> {
    fn clone(&self) -> Self {
        Self {
            core: self.core.clone(),
            sealer: self.sealer.clone(),
            kind: self.kind,
        }
    }
}

/// What sets a kind apart.
pub(super) struct Kind<S: 'static> {
    /// Its table, which it is sealed to.
    pub(super) table: &'static str,
    /// `consents`
    pub(super) collection: &'static str,
    /// As the journal names that it was shown, or asked for and not.
    pub(super) viewed: &'static str,
    pub(super) refused: &'static str,
    pub(super) list: ListSpec<S>,
}

impl<S: Hanging> Shelf<S> {
    pub(super) fn new(core: &Core, kind: &'static Kind<S>) -> Self {
        Self {
            core: core.clone(),
            sealer: Sealer::new(core.deps.vault.clone(), kind.table),
            kind,
        }
    }

    /// One of them.
    pub(super) async fn get(&self, call: &Call, named: &str) -> Result<Answer<S::Record>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", named, self.kind.collection);
        fields.finish()?;
        let query = self.kind.list.record.get(call, id.unwrap_or_default());
        let db = &self.core.deps.db;
        let row = db.row(query).await?;
        let views = &self.core.views;
        let Some(row) = row.as_ref().map(S::read).transpose()? else {
            let fault = Fault::not_found(named);
            return Err(views.refuse(call, self.kind.refused, named, fault).await);
        };
        let (record, shown) = self.open(call, &row).await?;
        views.record(call, self.kind.viewed, &[shown]).await?;
        Ok(Answer::read(record))
    }

    /// A page of them.
    pub(super) async fn list(
        &self,
        call: &Call,
        asked: Asked<'_>,
    ) -> Result<Page<S::Record>, Fault> {
        let Kind { list, viewed, .. } = self.kind;
        listing::show(&self.core, call, list, asked, viewed, |row| {
            Box::pin(async move { self.open(call, &row).await })
        })
        .await
    }

    /// Opens what the call's rules clear of a row, and says how it is shown.
    pub(super) async fn open(&self, call: &Call, row: &S) -> Result<(S::Record, Shown), Fault> {
        let kept = row.kept();
        let clearance = call.context.clearance(kept.matched, call.now);
        let key = self.sealer.open_key(kept.customer, &kept.wrapped).await?;
        let (opened, account) = self
            .sealer
            .open(&key, kept.id, &kept.sealed, clearance.classes)?;
        let mut record = row.with_columns(opened);
        disclose(&mut record, &clearance, account);
        let shown = Shown {
            resource: S::name(&record).clone(),
            customer_id: Some(kept.customer),
            clearance,
        };
        Ok((record, shown))
    }

    /// Puts in what is entered once; that a file was meant which the caller may not know of
    /// is journaled.
    pub(super) async fn answer(
        &self,
        call: &Call,
        resource: &str,
        outcome: Result<Entered<S::Record>, Fault>,
    ) -> Result<Answer<S::Record>, Fault> {
        let views = &self.core.views;
        let refused = self.kind.refused;
        let entered = views.or_refused(call, refused, resource, outcome).await?;
        entered
            .answer(&self.core, call, self.kind.viewed, S::name)
            .await
    }
}

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
    async fn answer(
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
