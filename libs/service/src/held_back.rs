//! Readers of a journal stay below the oldest transaction that still writes. Whoever keeps
//! one open, an administrator's session as well, holds back all that was written since. Here it
//! shows.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    core::Deps,
    host::Job,
    telemetry::{instruments::HELD_BACK, meter},
};

/// As often as metrics are sent.
const EVERY: Duration = Duration::from_secs(15);

/// The job that looks how long the oldest entry has been held back.
pub(crate) fn job(deps: &Deps) -> Job {
    let (db, clock) = (deps.db.clone(), deps.clock.clone());
    let millis = Arc::new(AtomicU64::new(0));
    let seen = millis.clone();
    HELD_BACK.observe(&meter(), Vec::new(), move || {
        Some(seen.load(Ordering::Relaxed) as f64 / 1e3)
    });
    let trouble = "what is held back of the journal cannot be seen";
    Job::every("held back", deps.clock.clone(), EVERY, trouble, move || {
        let (db, clock, millis) = (db.clone(), clock.clone(), millis.clone());
        async move {
            let oldest = db
                .run(|connection| {
                    Box::pin(async move { Ok(kefu_journal::held_back(connection).await?) })
                })
                .await?;
            let age = oldest.map_or(0, |at| clock.now().duration_since(at).as_millis());
            millis.store(u64::try_from(age).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }
    })
}
