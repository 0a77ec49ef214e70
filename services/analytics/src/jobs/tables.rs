//! Partitions ahead of their month, and those away that nobody answers from.

use std::time::Duration;

use jiff::{SignedDuration, ToSpan, tz::TimeZone};
use kefu_service::{core::Deps, error::Fault, host::Job};

use crate::store::{generations, tables};

const HOUR: Duration = Duration::from_secs(3600);
const EVERY: Duration = Duration::from_secs(10);
/// Longer than any statement that might still read of them.
const UNREAD: SignedDuration = SignedDuration::from_secs(60);
/// Partitions dropped in one transaction: each is locked until its end.
const MOST: i32 = 16;

/// Makes the next month's partition of each kind that has this month's, so that nobody who writes
/// has to; what is needed before is made by whoever writes it.
pub(crate) fn make_ahead(deps: Deps) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "partitions cannot be made ahead");
    Job::every("partitions of figures", clock, HOUR, trouble, move || {
        let deps = deps.clone();
        async move {
            let month = deps.clock.now().to_zoned(TimeZone::UTC).date();
            let month = month.first_of_month();
            let next = month.saturating_add(1.month());
            deps.db
                .transaction(move |connection| {
                    Box::pin(tables::make_ahead(connection, month, next))
                })
                .await
        }
    })
}

/// Clears away what is not answered from any more.
pub(crate) fn clear(deps: Deps) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "old figures cannot be cleared away");
    Job::every("old figures", clock, EVERY, trouble, move || {
        let deps = deps.clone();
        async move { look(&deps).await }
    })
}

async fn look(deps: &Deps) -> Result<(), Fault> {
    let now = deps.clock.now();
    let Ok(before) = now.checked_sub(UNREAD) else {
        return Ok(());
    };
    let old = deps
        .db
        .run(move |connection| Box::pin(generations::to_clear(connection, before)))
        .await?;
    for generation in old {
        let clear = || {
            deps.db.transaction(move |connection| {
                Box::pin(generations::clear(connection, generation, MOST, now))
            })
        };
        while clear().await? {}
    }
    Ok(())
}
