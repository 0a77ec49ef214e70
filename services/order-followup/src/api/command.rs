//! The one way in which a command on an existing order is carried out: lock →
//! the answer given before → scope → etag → write → journal → keep.

use jiff::Timestamp;
use kefu_contracts::{
    common::Reason,
    order::{Order, Review},
};
use kefu_journal::Entry;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{etag, name},
    idempotency::{self, Claim, Kept},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Orders,
    amendments::Changed,
    intake::Clearing,
    present::{Journaled, Outcome, Parties},
    stock::Chosen,
    write::AtHand,
};
use crate::{
    domain::{amendment::Wish, completion::Attempt, stage::Reached},
    store::{
        orders,
        records::{StoredOrder, WHOLE},
    },
};

/// What is to be done with an order; its fields are checked.
#[derive(Clone)]
pub(super) struct Command {
    pub(super) id: Uuid,
    /// The revision it was decided upon, where that matters.
    pub(super) revision: Option<i64>,
    pub(super) claim: Option<Claim>,
    pub(super) action: Action,
}

#[derive(Clone)]
pub(super) enum Action {
    /// It reached a stage.
    Stage(Reached),
    /// A stage is promised for a moment.
    Promise(Reached),
    /// Its customer said what is right of what was not plausible.
    ClearUp(Box<Clearing>),
    /// Its customer chose what to do about what is short.
    Choose(Box<Chosen>),
    /// Its customer wishes it otherwise.
    Change(Box<Changed>),
    /// Its customer wants none of it, and why.
    Cancel(Wish, String),
    /// Its customer said something at that time.
    Review(Review, Timestamp),
    /// Its customer said at that time that all is well.
    Complete(Review, Timestamp),
    /// Its customer was to be asked, and said nothing of how it was.
    Attempt(Attempt),
}

impl Orders {
    pub(super) async fn carry_out(
        &self,
        call: Call,
        command: Command,
    ) -> Result<Answer<Order>, Fault> {
        let resource = name("orders", command.id);
        let (service, shared) = (self.clone(), (call.clone(), command));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, command)) = (service.clone(), shared.clone());
                Box::pin(async move { service.attempt(connection, &call, &command).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views
            .or_refused(&call, "order.refused", &resource, outcome)
            .await?;
        self.answer(&call, outcome).await
    }

    async fn attempt(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        command: &Command,
    ) -> Result<Outcome, Fault> {
        let not_found = || Fault::not_found(&name("orders", command.id));
        let locked = orders::lock(connection, command.id)
            .await?
            .ok_or_else(not_found)?;
        if let Some(claim) = &command.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            // Who completed an order has no duty by it any more, and still gets the
            // answer they were given: the rules look at it as it was then.
            let parties = Parties {
                customer: locked.customer_id,
                department: locked.department_id,
                owner: locked.owner_id,
            };
            let clearance = call
                .context
                .clearance_of(&parties.facts(), call.now)
                .ok_or_else(not_found)?;
            let (key, _) = self
                .sealer
                .key(connection, locked.customer_id, call.now)
                .await?;
            return self.replay(&key, locked.customer_id, &kept, clearance);
        }
        let row = WHOLE
            .get(call, command.id)
            .build()
            .fetch_optional(&mut *connection)
            .await?;
        let row = StoredOrder::read_whole(&row.ok_or_else(not_found)?)?;
        let clearance = call.context.clearance(row.matched, call.now);
        if command
            .revision
            .is_some_and(|revision| revision != row.revision)
        {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        let (at_hand, entries) = self.apply(connection, call, row, &command.action).await?;
        let journaled = match entries.as_slice() {
            [] => Journaled::Nothing,
            entries => Journaled::Now(kefu_journal::append(connection, entries).await?),
        };
        let AtHand {
            row, key, order, ..
        } = at_hand;
        if let Some(claim) = &command.claim {
            let answer = self.sealer.seal_answer(&key, row.id, &order)?;
            let kept = Kept {
                resource_id: row.id,
                answer,
                position: journaled.position(),
            };
            idempotency::keep(connection, call, claim, Some(row.customer_id), &kept).await?;
        }
        Ok(Outcome {
            order,
            customer: row.customer_id,
            clearance,
            journaled,
        })
    }

    /// Carries an action out on a locked order, and tells what to journal; nothing where all of
    /// it was known.
    pub(super) async fn apply(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: StoredOrder,
        action: &Action,
    ) -> Result<(AtHand, Vec<Entry>), Fault> {
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let order = self.unseal_whole(&key, &row)?;
        let mut at_hand = AtHand {
            row,
            key,
            order,
            said: None,
        };
        let mut entries = self.write(connection, call, &mut at_hand, action).await?;
        entries.extend(self.ask(connection, call, &mut at_hand, action).await?);
        Ok((at_hand, entries))
    }
}
