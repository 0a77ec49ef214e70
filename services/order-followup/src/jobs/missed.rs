//! Follow-ups that nobody saw to escalate, a level for each step they are missed by, each
//! told in the journal once (OP-3.3).

use std::time::Duration;

use kefu_service::{core::Deps, error::Fault, host::Job};

use crate::{
    desk::{By, Desk, changed},
    store::follow_ups,
};

const EVERY: Duration = Duration::from_secs(1);
/// Follow-ups of one transaction.
const MOST: i64 = 100;

/// The job that looks once a second.
pub(crate) fn job(deps: Deps, desk: Desk) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "follow-ups cannot escalate");
    Job::every("missed", clock, EVERY, trouble, move || {
        let (deps, desk) = (deps.clone(), desk.clone());
        async move {
            while escalate(&deps, &desk).await? {}
            Ok(())
        }
    })
}

/// Lets some escalate; whether there may be more.
async fn escalate(deps: &Deps, desk: &Desk) -> Result<bool, Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let desk = desk.clone();
    deps.db
        .transaction(move |connection| {
            let desk = desk.clone();
            Box::pin(async move {
                let missed = follow_ups::missed(connection, now, MOST).await?;
                let by = By::Itself { now, request };
                let mut entries = Vec::with_capacity(missed.len());
                for one in &missed {
                    let due_at = one.standing.due_at;
                    // A clock that jumped reaches several levels at once, and tells the last.
                    let level = desk.escalation().level(due_at, now);
                    let next = desk.escalation().next(due_at, level);
                    follow_ups::escalate(connection, one.id, level, next).await?;
                    let event = changed(one, one.standing, level, one.revision + 1);
                    entries.push(by.entry("follow_up.escalated", one, event));
                }
                if !entries.is_empty() {
                    kefu_journal::append(connection, &entries).await?;
                }
                Ok(i64::try_from(missed.len()).unwrap_or(i64::MAX) == MOST)
            })
        })
        .await
}
