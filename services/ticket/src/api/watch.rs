//! `kefu.ticket.v1.WatchService`: the tickets of a list as they change.

mod follow;

use std::{collections::HashSet, pin::Pin, time::Duration};

use kefu_contracts::{
    common::Reason,
    ticket::{WatchTicketsRequest, WatchTicketsResponse, watch_service_server::WatchService},
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{self, Call},
    core::Core,
    error::{Fault, Violation},
    fields::{Fields, parse_name},
    filter::Filter,
    watch::{ResumeTokens, Seats, Wake},
};
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use self::follow::{Follower, Watched};
use super::Tickets;
use crate::{
    config::TicketConfig,
    store::{
        records::RECORD,
        watching::{self, HELD},
    },
};

/// Most names that a caller holds.
const MOST_HELD: usize = 5_000;
/// Messages that a slow reader may be behind: from then on it is caught up by reading again
/// what is, never by what was kept for it.
const BEHIND: usize = 2;

type Answers = Pin<Box<dyn Stream<Item = Result<WatchTicketsResponse, Status>> + Send>>;

/// The handler and what its streams share.
#[derive(Clone)]
pub(crate) struct Watch {
    core: Core,
    tickets: Tickets,
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

impl Watch {
    pub(crate) fn new(core: &Core, tickets: Tickets, wake: Wake, config: &TicketConfig) -> Self {
        Self {
            core: core.clone(),
            tickets,
            wake,
            seats: Seats::new(config.watch_streams),
            heartbeat: Duration::from_secs(config.watch_heartbeat_seconds.into()),
        }
    }

    /// Clauses SG-3, SG-5.
    async fn open(&self, call: Call, request: WatchTicketsRequest) -> Result<Answers, Fault> {
        let wanted = self.read(&call, &request)?;
        let seat = self.seats.take(call.context.subject.id)?;
        // Before the first look, so that what changes after it wakes this one.
        let woken = self.wake.subscribe();
        let (from, known) = self.look(&call, &wanted).await?;
        let gone = wanted.held.iter().filter(|id| !known.contains(id));
        let left: Vec<Uuid> = gone.copied().collect();
        let (sender, receiver) = mpsc::channel(BEHIND);
        let follower = Follower {
            core: self.core.clone(),
            tickets: self.tickets.clone(),
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

    fn read(&self, call: &Call, request: &WatchTicketsRequest) -> Result<Wanted, Fault> {
        let mut fields = Fields::new();
        let key = self.core.deps.vault.index_key();
        let filter = Filter::parse(&request.filter, RECORD.fields, key);
        let filter = filter.unwrap_or_else(|what| {
            fields.refuse("filter", what);
            Filter::default()
        });
        let held = request.held.iter();
        let held: Option<HashSet<Uuid>> = held.map(|name| parse_name(name, "tickets")).collect();
        fields.ensure(held.is_some(), "held", Violation::ResourceName);
        let count = request.held.len();
        fields.ensure(count <= MOST_HELD, "held", Violation::TooMany(MOST_HELD));
        fields.finish()?;
        let written = filter.comparisons().join(" AND ");
        let tokens = ResumeTokens::of(call, &written, key, &self.core.deps.ids)?;
        Ok(Wanted {
            from: tokens.place(&request.resume_token, call.now)?,
            held: held.unwrap_or_default().into_iter().collect(),
            filter,
            tokens,
        })
    }

    /// Where the stream begins, and which of the tickets that are held are there.
    async fn look(&self, call: &Call, wanted: &Wanted) -> Result<(Cursor, HashSet<Uuid>), Fault> {
        let mut query = HELD.select(call);
        wanted.filter.write(call, &HELD.scope, &mut query);
        query
            .push(" AND t.id = ANY(")
            .push_bind(wanted.held.clone());
        query.push(")");
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
        let known = rows.iter().map(watching::id).collect::<Result<_, _>>()?;
        let from = wanted.from.unwrap_or(end);
        // Of a database that was restored to a moment before: what it counts comes anew.
        match from > end {
            true => Err(Fault::new(Reason::InvalidPageToken)),
            false => Ok((from, known)),
        }
    }
}

#[tonic::async_trait]
impl WatchService for Watch {
    type WatchTicketsStream = Answers;

    async fn watch_tickets(
        &self,
        request: Request<WatchTicketsRequest>,
    ) -> Result<Response<Answers>, Status> {
        let call = call::of(&request)?;
        let language = call.language;
        let answers = self.open(call, request.into_inner()).await;
        answers
            .map(Response::new)
            .map_err(|fault| fault.into_status(language))
    }
}
