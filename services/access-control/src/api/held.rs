//! The policy as this process decides from it, by itself: for explaining, which must
//! say what a gateway says.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kefu_access::Snapshot;
use kefu_service::{database::Db, error::Fault};

use super::snapshot::message;
use crate::store::policy;

/// The latest policy that was asked for. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct HeldPolicy(Arc<Mutex<Arc<Snapshot>>>);

impl HeldPolicy {
    /// The policy of the newest revision: one statement where nothing has changed,
    /// what changed where something has. `lent`: what a grant lets do.
    ///
    /// # Errors
    /// When the database cannot be reached, or what it holds cannot be decided from.
    pub(crate) async fn current(
        &self,
        db: &Db,
        lent: &[String],
        now: Timestamp,
    ) -> Result<Arc<Snapshot>, Fault> {
        let held = self.lock().clone();
        let mut delta = match held.revision() {
            0 => message(policy::whole(db, now).await?, lent, true),
            revision => message(policy::since(db, revision, now).await?, lent, false),
        };
        if delta.revision == held.revision() {
            return Ok(held);
        }
        if delta.revision < held.revision() {
            // The database was restored to a moment before.
            delta = message(policy::whole(db, now).await?, lent, true);
        }
        let mut next = Snapshot::clone(&held);
        next.apply(&delta)
            .map_err(|error| Fault::internal(error.to_string()))?;
        let next = Arc::new(next);
        *self.lock() = next.clone();
        Ok(next)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Arc<Snapshot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
