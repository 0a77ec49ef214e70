//! Which revision of the policy there is: told at once by the process that made
//! it, found by looking where another replica did.

use std::{sync::Arc, time::Duration};

use kefu_service::{clock::Clock, database::Db, host::Job};
use tokio::sync::watch;

use crate::store::changes;

/// The latest revision this process knows of. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Revisions(Arc<watch::Sender<i64>>);

impl Revisions {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// This revision is committed.
    pub(crate) fn reach(&self, revision: i64) {
        self.0.send_if_modified(|known| {
            let further = revision > *known;
            *known = revision.max(*known);
            further
        });
    }

    /// For [`beyond`].
    pub(crate) fn subscribe(&self) -> watch::Receiver<i64> {
        self.0.subscribe()
    }

    /// The job that looks every so often.
    pub(crate) fn job(&self, db: Db, clock: Arc<dyn Clock>, every: Duration) -> Job {
        let revisions = self.clone();
        let trouble = "policy revision cannot be read";
        Job::every("policy revisions", clock, every, trouble, move || {
            let (revisions, db) = (revisions.clone(), db.clone());
            async move {
                let revision = db
                    .run(|connection| Box::pin(changes::revision(connection)))
                    .await?;
                revisions.reach(revision);
                Ok(())
            }
        })
    }
}

/// Ends when there is a revision beyond this one; `false` when there will be none
/// because the service is going down.
pub(crate) async fn beyond(revisions: &mut watch::Receiver<i64>, held: i64) -> bool {
    while *revisions.borrow_and_update() <= held {
        if revisions.changed().await.is_err() {
            return false;
        }
    }
    true
}
