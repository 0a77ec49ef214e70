//! Reads a peer's journal and takes effect exactly once: the cursor is stored in
//! the transaction of the effect.

mod metrics;

use std::{borrow::Cow, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use kefu_contracts::journal::{
    Entry, EntryKind, FollowRequest, FollowResponse, journal_service_client::JournalServiceClient,
};
use kefu_journal::Cursor;
use sqlx::{PgConnection, Row};
use tracing::Instrument;

use self::metrics::Metrics;
use crate::{
    clock::{Clock, sleep},
    database::{Db, Use},
    error::Fault,
    host::Job,
    peer::PeerService,
    position::Progress,
    telemetry::effect_span,
    time::from_proto,
};

/// Definition of the cursor table, for the first migration of each service that follows others.
pub const TABLE: &str = include_str!("../sql/cursor.sql");

/// How long to wait before a feed that broke off is asked again.
const BREAK: Duration = Duration::from_millis(500);

/// What a journal's entries do to a service.
pub trait Effect: Send + Sync + 'static {
    /// Takes effect within the transaction that moves the cursor. Entries come
    /// in reading order, each exactly once.
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()>;
}

/// Follows one journal.
#[derive(Clone)]
pub struct Consumer {
    /// Whose journal: `ticket`.
    pub source: &'static str,
    /// Under which name its place in the journal is kept: `ticket`, unless the same service
    /// reads the journal twice.
    pub place: Cow<'static, str>,
    /// The service whose journal it is.
    pub peer: PeerService,
    /// Where the effect goes.
    pub db: Db,
    /// Which kinds of entries take effect; empty: all.
    pub kinds: Vec<EntryKind>,
    /// What it does.
    pub effect: Arc<dyn Effect>,
    /// Told how far it came.
    pub progress: Progress,
    /// For waiting between attempts.
    pub clock: Arc<dyn Clock>,
}

impl Consumer {
    /// The job that follows until it is stopped.
    pub fn job(self) -> Job {
        let metrics = Metrics::new(self.source, self.clock.clone());
        Job::new(format!("follow {}", self.source), move |stop| {
            let (consumer, metrics) = (self.clone(), metrics.clone());
            Box::pin(async move {
                while !stop.is_cancelled() {
                    let outcome = tokio::select! {
                        () = stop.cancelled() => return,
                        outcome = consumer.follow(false, Some(&metrics)) => outcome,
                    };
                    if let Err(fault) = outcome {
                        metrics.broke_off();
                        tracing::warn!(source = consumer.source, detail = %fault.detail, "journal feed broke off");
                    }
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = sleep(consumer.clock.as_ref(), BREAK) => {}
                    }
                }
            }) as BoxFuture<'static, ()>
        })
    }

    /// Reads on until everything that is safe to read has taken effect.
    ///
    /// # Errors
    /// When the feed breaks off, or something has no effect.
    pub async fn catch_up(&self) -> Result<(), Fault> {
        self.follow(true, None).await
    }

    async fn follow(&self, until_caught_up: bool, metrics: Option<&Metrics>) -> Result<(), Fault> {
        let mut cursor = self.cursor().await?;
        self.progress.report(self.source, cursor);
        let mut client = JournalServiceClient::new(self.peer.clone())
            .max_decoding_message_size(64 * 1024 * 1024);
        let request = FollowRequest {
            after: Some(cursor.into()),
            kinds: self.kinds.iter().map(|kind| *kind as i32).collect(),
            until_caught_up,
            damaged_too: false,
        };
        let broke = |status: tonic::Status| {
            Fault::internal(format!("{}: {}", status.code(), status.message()))
        };
        let mut feed = client.follow(request).await.map_err(broke)?.into_inner();
        while let Some(response) = feed.message().await.map_err(broke)? {
            let FollowResponse {
                entries,
                caught_up,
                trace_parents,
                look_time,
            } = response;
            let newer = has_newer(&entries);
            // Of what another replica has taken in meanwhile nothing is left to do.
            let mut entries = Arc::new(after(cursor, entries));
            while let Some((last, recorded_at)) = end_of(&entries) {
                if newer {
                    return Err(Fault::internal("an event of a newer version"));
                }
                let count = entries.len();
                let span = effect_span(self.source, count, &trace_parents);
                let taking = self.take_in(cursor, last, entries.clone());
                if taking.instrument(span).await? {
                    cursor = last;
                    entries = Arc::default();
                    if let Some(metrics) = metrics {
                        metrics.took_effect(count, recorded_at);
                    }
                } else {
                    let place = self.cursor().await?;
                    if place < cursor {
                        return Err(Fault::internal("the place in the journal was put back"));
                    }
                    cursor = place;
                    entries = Arc::new(after(cursor, entries.to_vec()));
                }
                self.progress.report(self.source, cursor);
            }
            // Not when it was heard: what was written on the way is not in it.
            let as_of = look_time.as_ref().and_then(from_proto);
            if let Some(as_of) = as_of.filter(|_| caught_up) {
                self.progress.caught_up(self.source, as_of);
                if let Some(metrics) = metrics {
                    metrics.current(as_of);
                }
            }
        }
        Ok(())
    }

    /// Applies a stretch and moves the cursor from `before` to `last`; false, and nothing is
    /// done, where another replica has moved it.
    async fn take_in(
        &self,
        before: Cursor,
        last: Cursor,
        entries: Arc<Vec<Entry>>,
    ) -> Result<bool, Fault> {
        let (effect, place) = (self.effect.clone(), self.place.clone());
        self.db
            .transaction(move |connection| {
                let (effect, place, entries) = (effect.clone(), place.clone(), entries.clone());
                Box::pin(async move {
                    let moved = move_cursor(connection, &place, before, last).await?;
                    if moved {
                        effect.apply(connection, &entries).await?;
                    }
                    Ok(moved)
                })
            })
            .await
    }

    async fn cursor(&self) -> Result<Cursor, Fault> {
        let place = self.place.clone().into_owned();
        self.db
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT INTO consumer_cursor (source, transaction_id, position) VALUES ($1, 0, 0)
                         ON CONFLICT DO NOTHING",
                    )
                    .bind(&place)
                    .execute(&mut *connection)
                    .await?;
                    let row = sqlx::query("SELECT transaction_id, position FROM consumer_cursor WHERE source = $1")
                        .bind(&place)
                        .fetch_one(connection)
                        .await?;
                    Ok(Cursor { transaction_id: row.try_get(0)?, position: row.try_get(1)? })
                })
            })
            .await
    }
}

/// Where a stretch ends, and when its last entry was written; none where there is none.
fn end_of(entries: &[Entry]) -> Option<(Cursor, Option<Timestamp>)> {
    let last = entries.last()?;
    let recorded_at = last.recorded_at.as_ref().and_then(from_proto);
    Some((last.cursor?.into(), recorded_at))
}

/// Whether some event is not known here, as a newer version of a service wrote it. Passed over, it
/// would never have the effect that it has in the newer version of this one.
fn has_newer(entries: &[Entry]) -> bool {
    let unknown = |entry: &Entry| entry.event.as_ref().is_some_and(|one| one.event.is_none());
    entries.iter().any(unknown)
}

/// Those that come after this place.
fn after(place: Cursor, mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.retain(|entry| entry.cursor.is_some_and(|at| Cursor::from(at) > place));
    entries
}

/// Moves the cursor, unless another replica has moved it meanwhile; whether it is moved.
async fn move_cursor(
    connection: &mut PgConnection,
    place: &str,
    before: Cursor,
    last: Cursor,
) -> Result<bool, Fault> {
    let moved = sqlx::query(
        "UPDATE consumer_cursor SET transaction_id = $4, position = $5
         WHERE source = $1 AND transaction_id = $2 AND position = $3",
    )
    .bind(place)
    .bind(before.transaction_id)
    .bind(before.position)
    .bind(last.transaction_id)
    .bind(last.position)
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use kefu_contracts::journal::{Event, Viewed, event};
    use prost::Message;

    use super::*;

    #[test]
    fn what_is_not_known_here_is_of_a_newer_version() {
        let entry = |event: Option<Event>| Entry {
            event,
            ..Entry::default()
        };
        let known = Event {
            event: Some(event::Event::Viewed(Viewed::default())),
        };
        // Field 4000, which no event has yet, with an empty message.
        let newer = Event::decode(b"\x82\xfa\x01\x00".as_slice()).unwrap();
        let damaged = entry(None);
        assert!(!has_newer(&[entry(Some(known)), damaged]));
        assert!(has_newer(&[entry(Some(newer))]));
    }
}
