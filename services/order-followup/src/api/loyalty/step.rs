//! The one way in which something is done to an account: reach → lock → the answer given
//! before → etag → post → journal → keep.

use kefu_contracts::{common::Reason, order::PointsAccount};
use kefu_journal::Entry;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{etag, name},
    idempotency::{self, Claim, Kept},
    present::Shown,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Loyalty,
    look::{ACCOUNT_VIEWED, REFUSED},
};
use crate::store::{
    customers,
    points::{
        accounts::{self, ACCOUNTS, Locked, StoredAccount},
        merges,
    },
};

/// What is to be done to an account; its fields are checked.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) customer: Uuid,
    pub(super) revision: i64,
    pub(super) claim: Option<Claim>,
    pub(super) deed: Deed,
}

#[derive(Clone)]
pub(super) enum Deed {
    /// The customer takes this reward.
    Spend(String),
    /// Somebody asks for so many, and says why.
    Correct(i64, String),
    /// Somebody agrees to what was asked for, or does not, and says why.
    Decide(bool, String),
}

/// An account at hand: as it is shown, and locked.
pub(super) struct AtHand {
    pub(super) row: StoredAccount,
    pub(super) locked: Locked,
}

impl Loyalty {
    pub(super) async fn carry_out(
        &self,
        call: Call,
        step: Step,
    ) -> Result<Answer<PointsAccount>, Fault> {
        let resource = name(ACCOUNTS, step.customer);
        let (service, writing) = (self.clone(), (call.clone(), step));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, step)) = (service.clone(), writing.clone());
                Box::pin(async move { service.attempt(connection, &call, &step).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views.or_not_allowed(&call, REFUSED, &resource, outcome);
        let written = outcome.await?.disclosed();
        written
            .into_answer(&self.core.views, &call, ACCOUNT_VIEWED)
            .await
    }

    async fn attempt(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        step: &Step,
    ) -> Result<Written<PointsAccount>, Fault> {
        let customer = step.customer;
        reached(connection, call, customer).await?;
        // Not destroyed until the transaction ends.
        if !customers::is_known(connection, customer).await? {
            return Err(not_found(customer));
        }
        if merges::holder(connection, customer).await? != customer {
            // What is theirs is posted to the account of the file that theirs is part of.
            return Err(Fault::state("MERGED", "post"));
        }
        let (key, _) = self.sealer.key(connection, customer, call.now).await?;
        let locked = accounts::lock(connection, customer, call.now).await?;
        // Whoever had it until now may have changed it, and where it is.
        let row = reached(connection, call, customer).await?;
        let clearance = call.context.clearance(row.matched, call.now);
        if let Some(claim) = &step.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            let answer = kept.answer.as_slice();
            let record: PointsAccount = self.sealer.open_answer(&key, kept.resource_id, answer)?;
            let shown = Shown::of_customer(&record.name, customer, clearance);
            return Ok(Written::before(record, shown, kept.position));
        }
        if row.revision != step.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        let at_hand = AtHand { row, locked };
        let entries: Vec<Entry> = match &step.deed {
            Deed::Spend(reward) => self.take(connection, call, at_hand, reward).await?,
            Deed::Correct(points, reason) => {
                self.ask(connection, call, &key, at_hand, (*points, reason))
                    .await?
            }
            Deed::Decide(approve, reason) => {
                self.settle(connection, call, &key, at_hand, (*approve, reason))
                    .await?
            }
        };
        let position = kefu_journal::append(connection, &entries).await?;
        let after = reached(connection, call, customer).await?;
        let account = self.open_whole(&after).await?;
        if let Some(claim) = &step.claim {
            let kept = Kept {
                resource_id: customer,
                answer: self.sealer.seal_answer(&key, customer, &account)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(customer), &kept).await?;
        }
        let shown = Shown::of_customer(&account.name, customer, clearance);
        Ok(Written::now(account, shown, position))
    }
}

/// The account within reach.
async fn reached(
    connection: &mut PgConnection,
    call: &Call,
    customer: Uuid,
) -> Result<StoredAccount, Fault> {
    let mut query = accounts::RECORD.get(call, customer);
    let row = query.build().fetch_optional(connection).await?;
    let row = row.ok_or_else(|| not_found(customer))?;
    StoredAccount::read(&row)
}

fn not_found(customer: Uuid) -> Fault {
    Fault::not_found(&name(ACCOUNTS, customer))
}
