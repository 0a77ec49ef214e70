//! Takes away files that did not become whole, and objects that are to go. What is deleted is
//! crossed out only afterwards, so that a job that dies does it again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::ticket::AttachmentAct;
use kefu_journal::Entry;
use kefu_service::{core::Deps, database::Use, error::Fault, fields::name, host::Job};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::attachments::{MOST_TIME, changed},
    objects::Objects,
    store::attachments::{self, ATTACHMENTS},
};

const EVERY: Duration = Duration::from_secs(1);
/// When an object is tried again that could not be deleted.
const AGAIN: SignedDuration = SignedDuration::from_mins(1);
/// Attachments, or objects, of one transaction.
const MOST: u8 = 50;

/// The job that looks every second.
pub(crate) fn job(deps: Deps, objects: Objects) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "objects cannot be deleted");
    Job::every("attachments", clock, EVERY, trouble, move || {
        let (deps, objects) = (deps.clone(), objects.clone());
        async move {
            while sweep(&deps).await? {}
            while delete(&deps, &objects).await? {}
            Ok(())
        }
    })
}

async fn sweep(deps: &Deps) -> Result<bool, Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    deps.db
        .transaction(move |connection| take_away(connection, now, request))
        .await
}

fn take_away(connection: &mut PgConnection, now: Timestamp, request: Uuid) -> Use<'_, bool> {
    Box::pin(async move {
        let far = |_| Fault::internal("a moment out of range");
        let before = now.saturating_sub(MOST_TIME).map_err(far)?;
        let swept = attachments::sweep(connection, before, now, MOST.into()).await?;
        let entries: Vec<Entry> = swept
            .iter()
            .map(|one| {
                let whose = (one.id, one.ticket_id, one.customer_id);
                let event = changed(whose, AttachmentAct::Swept);
                let (request, resource) = (request.to_string(), name(ATTACHMENTS, one.id));
                let customer = Some(one.customer_id);
                let kind = "attachment.swept";
                Entry::by_itself(now, request, kind, resource, customer, event)
            })
            .collect();
        if !entries.is_empty() {
            kefu_journal::append(connection, &entries).await?;
        }
        Ok(swept.len() == usize::from(MOST))
    })
}

/// Outside of a transaction: a store that is slow holds nothing up, and what two delete is gone.
async fn delete(deps: &Deps, objects: &Objects) -> Result<bool, Fault> {
    let now = deps.clock.now();
    let far = |_| Fault::internal("a moment out of range");
    let later = now.saturating_add(AGAIN).map_err(far)?;
    let due = deps
        .db
        .run(move |connection| Box::pin(attachments::due(connection, now, MOST.into())))
        .await?;
    for object in &due {
        let deleted = objects.delete(object).await;
        if let Err(fault) = &deleted {
            tracing::warn!(detail = %fault.detail, "an object cannot be deleted");
        }
        let object = object.clone();
        deps.db
            .run(move |connection| {
                Box::pin(async move {
                    match deleted {
                        Ok(()) => attachments::gone(connection, &object).await,
                        // One that stays does not keep the others.
                        Err(_) => attachments::postpone(connection, &object, later).await,
                    }
                })
            })
            .await?;
    }
    Ok(due.len() == usize::from(MOST))
}
