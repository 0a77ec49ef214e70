//! Erases drafts that were withdrawn, when their time is over: what somebody wrote of
//! themselves does not stay where no file was made of it.

use std::time::Duration;

use jiff::SignedDuration;
use kefu_contracts::journal::{DraftAct, DraftChanged, event};
use kefu_journal::Entry;
use kefu_service::{core::Deps, error::Fault, fields::name, host::Job};

use crate::store::{
    destruction,
    drafts::{self, Withdrawn},
};

const EVERY: Duration = Duration::from_secs(60);

/// The job that looks every minute.
pub(crate) fn job(deps: Deps, days: u16) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "withdrawn drafts cannot be erased");
    let kept = SignedDuration::from_hours(24 * i64::from(days));
    Job::every("withdrawn drafts", clock, EVERY, trouble, move || {
        let deps = deps.clone();
        async move { erase(&deps, kept).await }
    })
}

async fn erase(deps: &Deps, kept: SignedDuration) -> Result<(), Fault> {
    let now = deps.clock.now();
    let by = now.saturating_sub(kept).unwrap_or(now);
    let erased = deps
        .db
        .transaction(move |connection| {
            Box::pin(async move {
                let drafts = drafts::withdrawn(connection, by).await?;
                for draft in &drafts {
                    destruction::destroy(connection, draft.id, now).await?;
                }
                let entries: Vec<_> = drafts.iter().map(|draft| erased(draft, now)).collect();
                if !entries.is_empty() {
                    kefu_journal::append(connection, &entries).await?;
                }
                Ok(drafts.into_iter().map(|draft| draft.id).collect::<Vec<_>>())
            })
        })
        .await?;
    erased.into_iter().for_each(|id| deps.vault.forget(id));
    Ok(())
}

fn erased(draft: &Withdrawn, now: jiff::Timestamp) -> Entry {
    let event = event::Event::DraftChanged(DraftChanged {
        customer_id: draft.id.as_bytes().to_vec(),
        act: DraftAct::Erased as i32,
        intake_channel: draft.intake_channel.into(),
        department_id: draft.department_id.as_bytes().to_vec(),
        entry_due_at: None,
        changed_fields: Vec::new(),
        revision: draft.revision + 1,
    });
    let (request, resource) = (String::new(), name("customers", draft.id));
    Entry::by_itself(
        now,
        request,
        "draft.erased",
        resource,
        Some(draft.id),
        event,
    )
}
