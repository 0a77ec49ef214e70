//! Collects the journals of all services into the audit log, and signs what it has become.

use std::{sync::Arc, time::Duration};

use kefu_audit::{CheckpointKey, parts, range_root};
use kefu_contracts::journal::Entry;
use kefu_service::{
    clock::{Clock, sleep},
    consumer::Effect,
    database::{Db, Use},
    error::Fault,
    host::Job,
};
use sqlx::PgConnection;

use crate::store::audit;

/// Puts a service's entries into the log.
pub(crate) struct Collect {
    pub(crate) service: &'static str,
}

impl Effect for Collect {
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()> {
        Box::pin(audit::append(connection, self.service, entries))
    }
}

/// The job that signs the log every so often, when it has grown.
pub(crate) fn sign(db: Db, clock: Arc<dyn Clock>, key: Arc<CheckpointKey>, every: Duration) -> Job {
    Job::new("audit checkpoints", move |stop| {
        let (db, clock, key) = (db.clone(), clock.clone(), key.clone());
        Box::pin(async move {
            loop {
                if let Err(fault) = checkpoint(&db, clock.as_ref(), &key).await {
                    tracing::warn!(detail = %fault.detail, "audit log cannot be signed");
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(clock.as_ref(), every) => {}
                }
            }
        })
    })
}

/// Signs the log as it is now. The tree only grows, so that what was read of it stays true.
async fn checkpoint(db: &Db, clock: &dyn Clock, key: &Arc<CheckpointKey>) -> Result<(), Fault> {
    let (key, now) = (key.clone(), clock.now());
    db.run(move |connection| {
        Box::pin(async move {
            let size = audit::head(connection).await?;
            let signed = audit::latest_checkpoint(connection).await?;
            if size == 0 || signed.is_some_and(|(signed, _)| signed >= size) {
                return Ok(());
            }
            let root = range_root(&audit::hashes(connection, &parts(0, size)).await?);
            audit::put_checkpoint(connection, size, &key.sign(size, root), now).await
        })
    })
    .await
}
