//! Gives tickets that wait to agents who are there (SG-2.2): one instance at a time, each
//! ticket once, in the transaction that journals it.

use std::time::Duration;

use jiff::Timestamp;
use kefu_service::{core::Deps, database::Use, error::Fault, host::Job};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::{Tickets, queues::Given},
    domain::routing::choose,
    store::routing,
};

const EVERY: Duration = Duration::from_millis(250);
/// Tickets of one transaction.
const MOST: u16 = 100;

/// The job that looks four times a second.
pub(crate) fn job(deps: Deps, tickets: Tickets) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "tickets cannot be given out");
    Job::every("routing", clock, EVERY, trouble, move || {
        let (deps, tickets) = (deps.clone(), tickets.clone());
        async move {
            while step(&deps, &tickets).await? {}
            Ok(())
        }
    })
}

/// Gives some out; whether there may be more.
async fn step(deps: &Deps, tickets: &Tickets) -> Result<bool, Fault> {
    let now = deps.clock.now();
    // No turn is taken where nobody is there to be given anything.
    let free = deps
        .db
        .run(move |connection| Box::pin(async move { routing::free(connection, now).await }));
    if free.await?.is_empty() {
        return Ok(false);
    }
    let request = deps.ids.next()?;
    let tickets = tickets.clone();
    deps.db
        .transaction(move |connection| give_out(connection, tickets.clone(), now, request))
        .await
}

fn give_out(
    connection: &mut PgConnection,
    tickets: Tickets,
    now: Timestamp,
    request: Uuid,
) -> Use<'_, bool> {
    Box::pin(async move {
        if !routing::take_turn(connection).await? {
            return Ok(false);
        }
        let mut servers = routing::free(connection, now).await?;
        let ids: Vec<Uuid> = servers.iter().map(|one| one.id).collect();
        let waiting = routing::waiting(connection, &ids, MOST.into()).await?;
        let mut seq = routing::last(connection).await?;
        let mut given = 0;
        for one in &waiting {
            let Some(server) = choose(&one.demand, &mut servers) else {
                continue;
            };
            let Some(row) = routing::lock(connection, one).await? else {
                continue;
            };
            let to = Given {
                employee: server.id,
                queue: one.queue_id,
                now,
                request,
            };
            tickets.give(connection, row, &to).await?;
            seq += 1;
            (server.open, server.routed_seq) = (server.open + 1, seq);
            routing::routed(connection, server.id, seq).await?;
            given += 1;
        }
        Ok(given > 0 && waiting.len() == usize::from(MOST))
    })
}
