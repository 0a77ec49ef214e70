//! Offers that nobody answered in time lapse, once, and are told in the journal; their tickets
//! stay where they are (SG-3).

use std::time::Duration;

use kefu_journal::Entry;
use kefu_service::{core::Deps, error::Fault, fields::name, host::Job};

use crate::{
    api::handover::changed,
    domain::handover::Step,
    store::offers::{self, OFFERS},
};

const EVERY: Duration = Duration::from_secs(1);
/// Offers of one transaction.
const MOST: i64 = 100;

/// The job that looks once a second.
pub(crate) fn job(deps: Deps) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "offers cannot lapse");
    Job::every("offers", clock, EVERY, trouble, move || {
        let deps = deps.clone();
        async move {
            while lapse(&deps).await? {}
            Ok(())
        }
    })
}

/// Lets some lapse; whether there may be more.
async fn lapse(deps: &Deps) -> Result<bool, Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    deps.db
        .transaction(move |connection| {
            Box::pin(async move {
                let overdue = offers::overdue(connection, now, MOST).await?;
                let step = Step::Lapse;
                let mut entries = Vec::with_capacity(overdue.len());
                for offer in &overdue {
                    let state = step.leads_from(offer.state())?;
                    offers::answer(connection, offer.id, state, None, None, now).await?;
                    entries.push(Entry::by_itself(
                        now,
                        request.to_string(),
                        step.journaled_as(),
                        name(OFFERS, offer.id),
                        Some(offer.customer_id),
                        changed(offer, state),
                    ));
                }
                if !entries.is_empty() {
                    kefu_journal::append(connection, &entries).await?;
                }
                Ok(i64::try_from(overdue.len()).unwrap_or(i64::MAX) == MOST)
            })
        })
        .await
}
