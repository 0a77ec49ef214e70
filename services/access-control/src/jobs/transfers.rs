//! Carries transfers out when their time comes. Each is carried out once, however
//! many replicas wait for it: whoever gets the lock of the revision first finds it
//! still scheduled, and nobody after.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kefu_contracts::journal::{OrganisationChanged, event};
use kefu_journal::Entry;
use kefu_service::{
    clock::{Clock, sleep},
    database::Db,
    error::Fault,
    fields,
    host::Job,
    ids::Ids,
};
use uuid::Uuid;

use super::revisions::{Revisions, beyond};
use crate::{
    domain::transfer::{TRANSFERS, Transfer},
    store::{
        changes::{self, By, Record, Revision},
        employee, transfer,
    },
};

/// When it is looked again after the database could not be reached.
const AGAIN: Duration = Duration::from_secs(1);

/// What the job needs.
#[derive(Clone)]
pub(crate) struct Transfers {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Ids,
    pub(crate) revisions: Revisions,
}

impl Transfers {
    /// The job that waits for the next transfer.
    pub(crate) fn job(self) -> Job {
        Job::new("transfers", move |stop| {
            let transfers = self.clone();
            Box::pin(async move {
                let mut revisions = transfers.revisions.subscribe();
                loop {
                    let (held, wait) = match transfers.work().await {
                        Ok((held, Some(next))) => (held, transfers.clock.sleep_until(next)),
                        Ok((held, None)) => (held, Box::pin(std::future::pending()) as _),
                        Err(fault) => {
                            tracing::warn!(detail = %fault.detail, "transfers cannot be carried out");
                            (i64::MAX, sleep(transfers.clock.as_ref(), AGAIN))
                        }
                    };
                    // A new transfer, or one called off, is a further revision.
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = wait => {}
                        more = beyond(&mut revisions, held) => if !more { return },
                    }
                }
            })
        })
    }

    /// Carries out what is due; tells the revision it looked at, and when the next
    /// transfer is.
    async fn work(&self) -> Result<(i64, Option<Timestamp>), Fault> {
        loop {
            let (held, next) = self
                .db
                .run(|connection| {
                    Box::pin(async move {
                        let held = changes::revision(connection).await?;
                        Ok((held, transfer::next(connection).await?))
                    })
                })
                .await?;
            match next {
                Some((id, at)) if at <= self.clock.now() => self.carry_out(id).await?,
                next => return Ok((held, next.map(|(_, at)| at))),
            }
        }
    }

    async fn carry_out(&self, id: Uuid) -> Result<(), Fault> {
        let (at, request) = (self.clock.now(), self.ids.next()?);
        let revision = self
            .db
            .transaction(move |connection| {
                Box::pin(async move {
                    let by = By { actor: None, at };
                    let mut revision = Revision::begin(connection, by).await?;
                    let found = transfer::get(revision.connection, id).await?;
                    let open = |one: &Transfer| one.applied_at.or(one.cancelled_at).is_none();
                    let Some(mut moved) = found.filter(open) else {
                        return Ok(None);
                    };
                    let kind = apply(&mut revision, &mut moved, at).await?;
                    let entry = entry(&moved, kind, revision.number, at, request);
                    kefu_journal::append(revision.connection, &[entry]).await?;
                    revision.close().await
                })
            })
            .await?;
        if let Some(revision) = revision {
            self.revisions.reach(revision);
        }
        Ok(())
    }
}

/// Moves the employee, unless they have left meanwhile; tells what came of it.
pub(crate) async fn apply(
    revision: &mut Revision<'_>,
    transfer: &mut Transfer,
    at: Timestamp,
) -> Result<&'static str, Fault> {
    let record = Record::Transfer(transfer.id);
    let image = revision.image(&record).await?;
    let found = employee::get(revision.connection, transfer.employee).await?;
    let kind = match found.filter(|one| one.serves(at)) {
        Some(mut moved) => {
            transfer.applied_at = Some(at);
            let record = Record::Employee(moved.id);
            let image = revision.image(&record).await?;
            moved.department = Some(transfer.department);
            moved.revision += 1;
            employee::update(revision.connection, &moved).await?;
            revision.note(&record, image).await?;
            "employee.transferred"
        }
        None => {
            transfer.cancelled_at = Some(at);
            "transfer.cancelled"
        }
    };
    transfer::settle(revision.connection, transfer).await?;
    revision.note(&record, image).await?;
    Ok(kind)
}

fn entry(
    transfer: &Transfer,
    kind: &'static str,
    policy_revision: i64,
    at: Timestamp,
    request: Uuid,
) -> Entry {
    // Who ordered it stands in the transfer.
    let event = event::Event::OrganisationChanged(OrganisationChanged { policy_revision });
    let resource = fields::name(TRANSFERS, transfer.id);
    Entry::by_itself(at, request.to_string(), kind, resource, None, event)
}
