//! Collects the journals of all services into the audit log, and signs what it has become.

use std::{sync::Arc, time::Duration};

use kefu_audit::{CheckpointKey, Hash, parts, range_root};
use kefu_contracts::journal::Entry;
use kefu_service::{
    clock::{Clock, sleep},
    consumer::Effect,
    database::{Db, Use},
    error::Fault,
    host::{Beat, Job},
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
    let name = "audit checkpoints";
    let beat = Beat::new(name, clock.clone(), every);
    Job::new(name, move |stop| {
        let (db, clock, key) = (db.clone(), clock.clone(), key.clone());
        let beat = beat.clone();
        Box::pin(async move {
            let mut last = None;
            loop {
                let outcome = checkpoint(&db, clock.as_ref(), &key, last).await;
                beat.looked(outcome.is_ok());
                match outcome {
                    Ok(signed) => last = signed,
                    Err(fault) => {
                        tracing::error!(detail = %fault.detail, "audit log cannot be signed");
                    }
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(clock.as_ref(), every) => {}
                }
            }
        })
    })
}

/// What was signed: how many entries, and their root.
type Signed = Option<(u64, Hash)>;

/// Signs the log as it is now. The tree only grows, so that what was read of it stays true;
/// where it is not what was signed before, it was changed, and is not signed again: nobody
/// gets our signature under a log that they rewrote.
async fn checkpoint(
    db: &Db,
    clock: &dyn Clock,
    key: &Arc<CheckpointKey>,
    last: Signed,
) -> Result<Signed, Fault> {
    let (key, now) = (key.clone(), clock.now());
    db.run(move |connection| {
        let key = key.clone();
        Box::pin(async move {
            let size = audit::head(connection).await?;
            let latest = audit::latest_checkpoint(connection).await?;
            // A note of a key that was in use before says nothing here.
            let latest = latest.and_then(|(_, note)| key.verifier().open(&note).ok());
            let latest = latest.map(|checkpoint| (checkpoint.size, checkpoint.root));
            let signed = latest.max(last);
            for (size, root) in [latest, last].into_iter().flatten() {
                if root_at(connection, size).await? != root {
                    return Err(Fault::internal("the audit log is not what was signed"));
                }
            }
            if size <= signed.map_or(0, |(size, _)| size) {
                return Ok(signed);
            }
            let root = root_at(connection, size).await?;
            audit::put_checkpoint(connection, size, &key.sign(size, root), now).await?;
            Ok(Some((size, root)))
        })
    })
    .await
}

async fn root_at(connection: &mut PgConnection, size: u64) -> Result<Hash, Fault> {
    let parts = parts(0, size);
    Ok(range_root(&audit::hashes(connection, &parts).await?))
}
