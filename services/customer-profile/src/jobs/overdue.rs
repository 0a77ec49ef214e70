//! Writes down that a draft's time limit went by, once (CF-3.2): whoever follows the
//! journal can see to it.

use std::time::Duration;

use kefu_contracts::{
    journal::{DraftAct, DraftChanged, EntryKind, event},
    policy::Purpose,
};
use kefu_journal::Entry;
use kefu_service::{core::Deps, error::Fault, fields::name, host::Job, time};

use crate::store::drafts::{self, Overdue};

/// Limits are hours long.
const EVERY: Duration = Duration::from_secs(60);

/// The job that looks every minute.
pub(crate) fn job(deps: Deps) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "overdue drafts cannot be looked for");
    Job::every("overdue drafts", clock, EVERY, trouble, move || {
        let deps = deps.clone();
        async move { look(&deps).await }
    })
}

async fn look(deps: &Deps) -> Result<(), Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    deps.db
        .transaction(move |connection| {
            Box::pin(async move {
                let overdue = drafts::note_overdue(connection, now).await?;
                let entries: Vec<_> = overdue
                    .iter()
                    .map(|one| Entry {
                        recorded_at: now,
                        actor_id: None,
                        purpose: Purpose::Administration,
                        request_id: request.to_string(),
                        kind: EntryKind::Change,
                        resource: name("customers", one.id),
                        customer_id: Some(one.id),
                        r#type: "draft.overdue",
                        event: event(one),
                    })
                    .collect();
                if !entries.is_empty() {
                    kefu_journal::append(connection, &entries).await?;
                }
                Ok(())
            })
        })
        .await
}

fn event(draft: &Overdue) -> event::Event {
    event::Event::DraftChanged(DraftChanged {
        customer_id: draft.id.as_bytes().to_vec(),
        act: DraftAct::Overdue as i32,
        intake_channel: draft.intake_channel.into(),
        department_id: draft.department_id.as_bytes().to_vec(),
        entry_due_at: Some(time::to_proto(draft.entry_due_at)),
        changed_fields: Vec::new(),
        revision: draft.revision,
    })
}
