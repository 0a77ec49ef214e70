//! What is done to a file that is there: one way for changes, for the review and for
//! putting an earlier revision back.

use kefu_contracts::{
    common::Reason,
    profile::{Customer, CustomerAct, ReturnReason},
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::etag,
    idempotency::Claim,
    time,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Customers,
    outcome::Outcome,
    present::{Done, changed},
    write::Written,
};
use crate::{
    domain::{
        change::Change,
        state::{self, Step},
        verification::make_stale,
    },
    store::{
        customers::{self, Standing},
        keys::{self, Marks},
        records::{StoredCustomer, is_about_drafts, view},
        revisions,
    },
};

/// A step that can be read; whether it may be taken is told by the file.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) id: Uuid,
    /// Resource name, as it was given.
    pub(super) name: String,
    /// Of the file it was decided upon.
    pub(super) revision: i64,
    pub(super) deed: Deed,
    pub(super) claim: Option<Claim>,
}

/// What is done.
#[derive(Clone)]
pub(super) enum Deed {
    Update {
        change: Change,
        values: Box<Customer>,
        reason: String,
    },
    Submit,
    Return(Vec<ReturnReason>),
    Approve,
    Withdraw(String),
    Restore {
        revision: i64,
        reason: String,
    },
}

impl Deed {
    fn step(&self) -> Step {
        match self {
            Self::Update { .. } | Self::Restore { .. } => Step::Update,
            Self::Submit => Step::Submit,
            Self::Return(_) => Step::Return,
            Self::Approve => Step::Approve,
            Self::Withdraw(_) => Step::Withdraw,
        }
    }

    /// As revisions and as the journal name it.
    fn names(&self, of_draft: bool) -> (CustomerAct, &'static str) {
        match self {
            Self::Update { .. } if of_draft => (CustomerAct::Changed, "draft.updated"),
            Self::Withdraw(_) if of_draft => (CustomerAct::Withdrawn, "draft.withdrawn"),
            Self::Update { .. } => (CustomerAct::Changed, "customer.updated"),
            Self::Submit => (CustomerAct::Submitted, "customer.submitted"),
            Self::Return(_) => (CustomerAct::Returned, "customer.returned"),
            Self::Approve => (CustomerAct::Approved, "customer.approved"),
            Self::Withdraw(_) => (CustomerAct::Withdrawn, "customer.withdrawn"),
            Self::Restore { .. } => (CustomerAct::Restored, "customer.restored"),
        }
    }
}

impl Customers {
    /// Takes the step. That a file was meant which the caller may not know of is journaled.
    pub(super) async fn step(&self, call: Call, wanted: Wanted) -> Result<Answer<Customer>, Fault> {
        let resource = wanted.name.clone();
        let revision_id = self.core.deps.ids.next()?;
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.take(connection, &call, &wanted, revision_id).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views
            .or_refused(&call, "customer.refused", &resource, outcome)
            .await?;
        self.answer(&call, outcome).await
    }

    async fn take(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
        revision_id: Uuid,
    ) -> Result<Outcome, Fault> {
        if let Some(outcome) = self.replay(connection, call, wanted.claim.as_ref()).await? {
            return Ok(outcome);
        }
        let mut query = view(call).get(call, wanted.id);
        query.push(" FOR UPDATE OF c");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
        let row = StoredCustomer::read(&row)?;
        let clearance = call.context.clearance(row.matched, call.now);
        if row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        let next = state::after(row.state(), wanted.deed.step())?;
        if matches!(wanted.deed, Deed::Return(_) | Deed::Approve) {
            self.be_another(connection, call, row.id).await?;
        }
        let before = self.open_whole(&row).await?;
        let mut customer = before.clone();
        let change = self
            .apply(
                connection,
                call,
                &row,
                &clearance,
                &wanted.deed,
                &mut customer,
            )
            .await?;
        customer.state = next as i32;
        let paths = match &wanted.deed {
            Deed::Return(reasons) => reasons.iter().map(|one| one.field.clone()).collect(),
            _ => change.paths(),
        };
        make_stale(&mut customer.checks, &change.paths());
        let owner = self.check(call, &row, &wanted.deed, &mut customer)?;
        self.number(connection, call, &before, &mut customer, row.id)
            .await?;
        customer.etag = etag(row.revision + 1);
        customer.update_time = Some(time::to_proto(call.now));
        // What was bought is no part of the file's own data.
        let purchases = customer.purchases.take();
        let key = self.sealer.open_key(row.id, &row.wrapped).await?;
        let sealed = self.sealer.seal(&key, row.id, &customer)?;
        customer.purchases = purchases;
        let standing = Standing::of(&customer, owner, &sealed);
        let index = self.sealer.vault().index_key();
        let marks = Marks::of(index, &customer);
        customers::update(
            connection,
            row.id,
            row.revision,
            &standing,
            &marks,
            call.now,
        )
        .await?;
        if keys::FIELDS.iter().any(|field| change.names(field)) {
            keys::replace(connection, row.id, &keys::of(index, &customer)).await?;
        }
        let (act, kind) = wanted.deed.names(is_about_drafts(call));
        let done = Done {
            id: row.id,
            department: row.department_id,
            owner,
            paths,
            revision: row.revision + 1,
            kind,
        };
        let written = Written {
            act,
            revision_id,
            standing: &standing,
            entry: changed(call, &customer, act, &done),
            done,
            claim: wanted.claim.as_ref(),
        };
        let position = self
            .write_down(connection, call, &key, &customer, written)
            .await?;
        Ok(Outcome {
            customer,
            clearance,
            position,
            replayed: false,
        })
    }

    /// Clause CF-3.3: nobody reviews what they had a hand in.
    async fn be_another(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        customer: Uuid,
    ) -> Result<(), Fault> {
        if revisions::had_a_hand(connection, customer, call.context.subject.id).await? {
            return Err(Fault::new(Reason::NotTheCallersTurn)
                .with("rule", "who entered or changed a file does not review it"));
        }
        Ok(())
    }
}
