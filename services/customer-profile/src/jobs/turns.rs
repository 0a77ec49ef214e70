//! Files are looked at one after the other, each in a transaction of its own, until none is
//! due.

use std::time::Duration;

use jiff::Timestamp;
use kefu_service::{core::Deps, database::Use, error::Fault};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::due::DueList;

/// Files between two looks at which are due.
const AT_ONCE: i64 = 500;
/// When a file that could not be looked at is tried again.
const AGAIN: Duration = Duration::from_secs(3600);

/// What is done with one file.
pub(super) trait Turn: Clone + Send + Sync + 'static {
    fn take<'c>(&'c self, connection: &'c mut PgConnection) -> Use<'c, ()>;
}

/// Takes the turns of all that are due; tells when it looked last. Nobody else waits for a
/// file whose turn fails: it is put off, and `trouble` is logged.
pub(super) async fn take_all<T: Turn>(
    deps: &Deps,
    list: &'static DueList,
    trouble: &'static str,
    turn: impl Fn(Uuid, Timestamp) -> Result<T, Fault>,
) -> Result<Timestamp, Fault> {
    loop {
        let now = deps.clock.now();
        let due = deps
            .db
            .run(move |connection| {
                Box::pin(async move { list.due(connection, now, AT_ONCE).await })
            })
            .await?;
        for customer in &due {
            let (customer, turn) = (*customer, turn(*customer, now)?);
            let taken = deps
                .db
                .transaction(move |connection| {
                    let turn = turn.clone();
                    Box::pin(async move { turn.take(connection).await })
                })
                .await;
            if let Err(fault) = taken {
                tracing::warn!(%customer, detail = %fault.detail, "{trouble}");
                let until = now + AGAIN;
                deps.db
                    .run(move |connection| {
                        Box::pin(async move { list.put_off(connection, customer, until).await })
                    })
                    .await?;
            }
        }
        if due.is_empty() {
            return Ok(now);
        }
    }
}
