use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kefu_contracts::journal::EntryKind;
use kefu_journal::Cursor;
use tokio::sync::watch;

use crate::{clock::Clock, database::Db, error::Fault, host::Job};

/// How often a process looks whether its service's journal went on. It looks once for all
/// that wait, and not at all while nobody does. Notices of PostgreSQL would come sooner, and
/// make all commits that send one wait for each other.
const EVERY: Duration = Duration::from_millis(200);

/// Wakes whoever waits for changes in the service's own journal, whichever instance made them.
#[derive(Clone, Default)]
pub struct Wake(Arc<Shared>);

#[derive(Default)]
struct Shared {
    changed: watch::Sender<()>,
    /// What lies before was looked at; none while nobody waits.
    seen: Mutex<Option<Cursor>>,
}

impl Wake {
    /// Marked as changed whenever something has.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// The job that looks.
    pub fn job(&self, db: Db, clock: Arc<dyn Clock>) -> Job {
        let (wake, trouble) = (self.clone(), "whoever watches cannot be woken");
        Job::every("wake", clock, EVERY, trouble, move || {
            let (wake, db) = (wake.clone(), db.clone());
            async move { wake.look(&db).await }
        })
    }

    async fn look(&self, db: &Db) -> Result<(), Fault> {
        let waited_for = self.0.changed.receiver_count() > 0;
        let seen = self.seen().take().filter(|_| waited_for);
        if !waited_for {
            return Ok(());
        }
        let (end, changed) = db
            .run(move |connection| {
                Box::pin(async move {
                    let end = kefu_journal::end(connection).await?;
                    // Who came when nobody waited may have looked before this.
                    let Some(seen) = seen else {
                        return Ok((end, true));
                    };
                    let change = [EntryKind::Change];
                    let batch = kefu_journal::read(connection, seen, &change, 1).await?;
                    Ok((end, !batch.entries.is_empty()))
                })
            })
            .await?;
        *self.seen() = Some(end);
        if changed {
            self.0.changed.send_replace(());
        }
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Option<Cursor>> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
