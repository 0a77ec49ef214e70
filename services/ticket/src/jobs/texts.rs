//! Marks what was written of tickets before they were found by it (SG-5, CC-2.4). What is written since is marked as
//! it is written.

use std::time::Duration;

use kefu_service::{core::Deps, error::Fault, host::Job};
use sqlx::PgConnection;

use crate::{api::Tickets, store::texts};

/// Tickets of one transaction, each with what was said of it.
const BATCH: i64 = 50;
/// How soon it is looked again, and tried where it failed.
const EVERY: Duration = Duration::from_secs(60);

/// The job that does it when the service starts, and then finds nothing to do.
pub(crate) fn job(deps: &Deps, tickets: Tickets) -> Job {
    let (db, clock) = (deps.db.clone(), deps.clock.clone());
    let trouble = "tickets cannot be marked";
    Job::every("texts", clock, EVERY, trouble, move || {
        let (db, tickets) = (db.clone(), tickets.clone());
        async move {
            loop {
                let tickets = tickets.clone();
                let marked = db
                    .transaction(move |connection| {
                        let tickets = tickets.clone();
                        Box::pin(async move { some(connection, &tickets).await })
                    })
                    .await?;
                if marked == 0 {
                    return Ok(());
                }
                tracing::info!(tickets = marked, "tickets were marked");
            }
        }
    })
}

async fn some(connection: &mut PgConnection, tickets: &Tickets) -> Result<usize, Fault> {
    let mut taken = texts::to_mark(connection, BATCH).await?;
    if taken.is_empty() && texts::wait_for_one(connection).await? {
        taken = texts::to_mark(connection, BATCH).await?;
    }
    for ticket in &taken {
        let marks = tickets.marks_of(connection, ticket).await?;
        texts::clear(connection, ticket.ticket_id).await?;
        for (part, marks) in &marks {
            let ids = (ticket.ticket_id, ticket.customer_id);
            texts::add(connection, ids, *part, marks).await?;
        }
    }
    Ok(taken.len())
}
