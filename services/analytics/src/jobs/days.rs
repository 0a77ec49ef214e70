//! Begins to keep the days of orders: of facts that were there before, of a generation that has
//! just been counted, in another zone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kefu_service::{core::Deps, host::Job};

use crate::{domain::period::Zone, store::days};

const EVERY: Duration = Duration::from_secs(10);
/// To go once over every order that there ever was.
const BOUND: Duration = Duration::from_secs(120);

/// What this process is configured with counts once, when it starts: where two have different
/// zones for a while, the later one's stays.
pub(crate) fn keep_days(deps: Deps, zone: &Zone) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "days of orders cannot be counted");
    let (zone, anew) = (zone.name().to_owned(), Arc::new(AtomicBool::new(true)));
    Job::every("days of orders", clock, EVERY, trouble, move || {
        let (deps, zone, anew) = (deps.clone(), zone.clone(), anew.clone());
        async move {
            let first = anew.load(Ordering::Relaxed);
            let db = deps.db.within(BOUND);
            let begin = db.transaction(move |connection| {
                let zone = zone.clone();
                Box::pin(async move { days::begin(connection, &zone, first).await })
            });
            begin.await?;
            anew.store(false, Ordering::Relaxed);
            Ok(())
        }
    })
}
