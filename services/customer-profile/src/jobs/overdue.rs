//! Writes down that a time limit went by, once, of drafts (CF-3.2) and of customers' own
//! requests (IH-2.4): whoever follows the journal can see to it.

use std::time::Duration;

use jiff::Timestamp;
use kefu_contracts::{
    journal::{DataRequestChanged, DraftAct, DraftChanged, event},
    profile::DataRequestAct,
};
use kefu_journal::Entry;
use kefu_service::{core::Deps, error::Fault, fields::name, host::Job, time};
use uuid::Uuid;

use crate::store::{data_requests, drafts};

/// Limits are hours long.
const EVERY: Duration = Duration::from_secs(60);

/// The job that looks every minute.
pub(crate) fn job(deps: Deps) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "what is overdue cannot be looked for");
    Job::every("overdue", clock, EVERY, trouble, move || {
        let deps = deps.clone();
        async move { look(&deps).await }
    })
}

async fn look(deps: &Deps) -> Result<(), Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    deps.db
        .transaction(move |connection| {
            Box::pin(async move {
                let drafts = drafts::note_overdue(connection, now).await?;
                let requests = data_requests::note_overdue(connection, now).await?;
                let drafts = drafts.iter().map(of_draft);
                let found = drafts.chain(requests.iter().map(of_request));
                let entries: Vec<_> = found.map(|one| one.entry(now, request)).collect();
                if !entries.is_empty() {
                    kefu_journal::append(connection, &entries).await?;
                }
                Ok(())
            })
        })
        .await
}

/// What to write down.
struct Noted {
    resource: String,
    customer: Uuid,
    kind: &'static str,
    event: event::Event,
}

impl Noted {
    fn entry(self, now: Timestamp, request: Uuid) -> Entry {
        let (request, customer) = (request.to_string(), Some(self.customer));
        Entry::by_itself(now, request, self.kind, self.resource, customer, self.event)
    }
}

fn of_draft(draft: &drafts::Overdue) -> Noted {
    Noted {
        resource: name("customers", draft.id),
        customer: draft.id,
        kind: "draft.overdue",
        event: event::Event::DraftChanged(DraftChanged {
            customer_id: draft.id.as_bytes().to_vec(),
            act: DraftAct::Overdue as i32,
            intake_channel: draft.intake_channel.into(),
            department_id: draft.department_id.as_bytes().to_vec(),
            entry_due_at: Some(time::to_proto(draft.entry_due_at)),
            changed_fields: Vec::new(),
            revision: draft.revision,
        }),
    }
}

fn of_request(request: &data_requests::Overdue) -> Noted {
    let assignee = request.assignee.map(|id| id.as_bytes().to_vec());
    Noted {
        resource: name("data-requests", request.id),
        customer: request.customer,
        kind: "data_request.overdue",
        event: event::Event::DataRequestChanged(DataRequestChanged {
            data_request_id: request.id.as_bytes().to_vec(),
            customer_id: request.customer.as_bytes().to_vec(),
            kind: request.kind.into(),
            act: DataRequestAct::Overdue as i32,
            state: request.state.into(),
            assignee_id: assignee.unwrap_or_default(),
            due_time: Some(time::to_proto(request.due_at)),
            revision: request.revision,
        }),
    }
}
