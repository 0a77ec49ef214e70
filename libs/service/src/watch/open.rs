//! How an open answer begins: what is asked for is read, what is held is looked at.

use std::{
    collections::{HashMap, HashSet},
    pin::Pin,
    time::Duration,
};

use kefu_contracts::common::Reason;
use kefu_journal::Cursor;
use sqlx::Row;
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Response, Status};
use uuid::Uuid;

use super::{
    AskedToWatch, ResumeTokens, Seats, Wake, Watchable,
    follow::{Follower, Watched},
};
use crate::{
    call::Call,
    core::Core,
    error::{Fault, Violation},
    fields::{Fields, parse_name},
    filter::Filter,
};

/// Most names that a caller holds.
const MOST_HELD: usize = 5_000;
/// Messages that a slow reader may be behind: from then on it is caught up by reading again
/// what is, never by what was kept for it.
const BEHIND: usize = 2;

/// An open answer.
pub type Answers<R> = Pin<Box<dyn Stream<Item = Result<R, Status>> + Send>>;

/// Opens answers that follow a list, and what these share.
#[derive(Clone)]
pub struct Watch<W> {
    core: Core,
    list: W,
    wake: Wake,
    seats: Seats,
    heartbeat: Duration,
}

/// What is watched, read and checked.
struct Wanted {
    filter: Filter,
    held: Vec<Uuid>,
    tokens: ResumeTokens,
    from: Option<Cursor>,
}

impl<W: Watchable> Watch<W> {
    /// Over this list, woken by that; with as many open answers as there are seats, and each
    /// told that it lives as often as the heartbeat.
    pub fn new(core: &Core, list: W, wake: Wake, seats: Seats, heartbeat: Duration) -> Self {
        Self {
            core: core.clone(),
            list,
            wake,
            seats,
            heartbeat,
        }
    }

    /// Opens one, as gRPC carries it.
    ///
    /// # Errors
    /// As [`open`](Self::open), in the caller's language.
    pub async fn answer(
        &self,
        call: Call,
        asked: AskedToWatch<'_>,
    ) -> Result<Response<Answers<W::Response>>, Status> {
        let language = call.language;
        let answers = self.open(call, asked).await;
        answers
            .map(Response::new)
            .map_err(|fault| fault.into_status(language))
    }

    /// Opens one.
    ///
    /// # Errors
    /// Every field of the request that is wrong, a token of another list or caller, more than
    /// there are seats for, or a journal that cannot be written.
    async fn open(
        &self,
        call: Call,
        asked: AskedToWatch<'_>,
    ) -> Result<Answers<W::Response>, Fault> {
        let wanted = self.read(&call, &asked)?;
        let seat = self.seats.take(call.context.subject.id)?;
        // Before the first look, so that what changes after it wakes this one.
        let woken = self.wake.subscribe();
        let (from, known) = self.look(&call, &wanted).await?;
        let gone = wanted.held.iter().filter(|id| !known.contains_key(id));
        let left: Vec<Uuid> = gone.copied().collect();
        let (sender, receiver) = mpsc::channel(BEHIND);
        let follower = Follower {
            core: self.core.clone(),
            list: self.list.clone(),
            watched: Watched {
                call,
                filter: wanted.filter,
                after: from,
                known,
            },
            tokens: wanted.tokens,
            heartbeat: self.heartbeat,
            sender,
            _seat: seat,
        };
        // Journaled before the answer begins, so that a watch that finds nothing is known of.
        let opening = follower.opening(&left).await?;
        tokio::spawn(follower.run(opening, woken));
        Ok(Box::pin(ReceiverStream::new(receiver)))
    }

    fn read(&self, call: &Call, asked: &AskedToWatch<'_>) -> Result<Wanted, Fault> {
        let mut fields = Fields::new();
        let key = self.core.deps.vault.index_key();
        let filter = Filter::parse(asked.filter, W::RECORD.fields, key);
        let filter = filter.unwrap_or_else(|what| {
            fields.refuse("filter", what);
            Filter::default()
        });
        let held = asked.held.iter();
        let held: Option<HashSet<Uuid>> =
            held.map(|name| parse_name(name, W::COLLECTION)).collect();
        fields.ensure(held.is_some(), "held", Violation::ResourceName);
        let count = asked.held.len();
        fields.ensure(count <= MOST_HELD, "held", Violation::TooMany(MOST_HELD));
        fields.finish()?;
        let written = filter.comparisons().join(" AND ");
        let tokens = ResumeTokens::of(call, &written, key, &self.core.deps.ids)?;
        Ok(Wanted {
            from: tokens.place(asked.resume_token, call.now)?,
            held: held.unwrap_or_default().into_iter().collect(),
            filter,
            tokens,
        })
    }

    /// Where the stream begins, and which of the records that are held are there, with their
    /// customers.
    async fn look(
        &self,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<(Cursor, HashMap<Uuid, Uuid>), Fault> {
        let mut query = W::RECORD.customers(call, &wanted.filter, &wanted.held);
        let any = !wanted.held.is_empty();
        let db = &self.core.deps.db;
        let (end, rows) = db
            .run(move |connection| {
                Box::pin(async move {
                    let end = kefu_journal::end(connection).await?;
                    let rows = match any {
                        true => query.build().fetch_all(connection).await?,
                        false => Vec::new(),
                    };
                    Ok((end, rows))
                })
            })
            .await?;
        let mut known = HashMap::with_capacity(rows.len());
        for row in &rows {
            known.insert(row.try_get(0)?, row.try_get(1)?);
        }
        let from = wanted.from.unwrap_or(end);
        // Of a database that was restored to a moment before: what it counts comes anew.
        match from > end {
            true => Err(Fault::new(Reason::InvalidPageToken)),
            false => Ok((from, known)),
        }
    }
}
