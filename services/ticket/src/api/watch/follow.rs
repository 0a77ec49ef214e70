//! One open answer: it reads the journal on, looks at what is named there as a list would,
//! and sends what the caller sees of it. Nothing that the caller does not see leaves a trace in
//! what is sent, nor in when it is.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    time::Duration,
};

use jiff::Timestamp;
use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, event::Event},
    ticket::WatchTicketsResponse,
};
use kefu_journal::{Batch, Cursor};
use kefu_service::{
    call::Call,
    core::Core,
    error::Fault,
    fields::name,
    filter::Filter,
    present::Shown,
    watch::{ResumeTokens, Seat},
};
use tokio::sync::{mpsc, watch};
use tonic::Status;
use uuid::Uuid;

use crate::{
    api::Tickets,
    store::{
        records::{RECORD, StoredTicket},
        watching,
    },
};

/// Entries read at once.
const STRETCH: u16 = 500;
/// Most tickets of one message.
const MOST: usize = 100;
/// Most tickets that one stream remembers to have shown.
const MOST_KNOWN: usize = 10_000;

/// What one stream is about, and how far it has come.
pub(super) struct Watched {
    pub(super) call: Call,
    pub(super) filter: Filter,
    /// What lies before was looked at.
    pub(super) after: Cursor,
    /// Tickets that were shown, or are held, and have not left.
    pub(super) known: HashSet<Uuid>,
}

/// Follows for one caller.
pub(super) struct Follower {
    pub(super) core: Core,
    pub(super) tickets: Tickets,
    pub(super) watched: Watched,
    pub(super) tokens: ResumeTokens,
    pub(super) heartbeat: Duration,
    pub(super) sender: mpsc::Sender<Result<WatchTicketsResponse, Status>>,
    pub(super) _seat: Seat,
}

/// To be called again, which another instance answers.
fn going_down() -> Fault {
    Fault::new(Reason::UpstreamUnavailable).retry_after(Duration::from_secs(1))
}

impl Follower {
    /// The first message: what is held and not there. Journaled even where it says nothing.
    pub(super) async fn opening(&self, left: &[Uuid]) -> Result<WatchTicketsResponse, Fault> {
        let left: Vec<String> = left.iter().map(|id| name("tickets", *id)).collect();
        let shown: Vec<Shown> = left.iter().map(Shown::of_company).collect();
        let views = &self.core.views;
        views
            .record(&self.watched.call, "ticket.viewed", &shown)
            .await?;
        Ok(WatchTicketsResponse {
            left,
            ..Default::default()
        })
    }

    /// Goes on until the caller goes, the service ends or something fails.
    pub(super) async fn run(mut self, opening: WatchTicketsResponse, woken: watch::Receiver<()>) {
        let (sender, ending) = (self.sender.clone(), self.core.ending.clone());
        let language = self.watched.call.language;
        let Err(fault) = tokio::select! {
            () = sender.closed() => return,
            () = ending.cancelled() => Err(going_down()),
            ended = self.follow(opening, woken) => ended,
        };
        // The caller has gone when this cannot be sent.
        let _ = sender.send(Err(fault.into_status(language))).await;
    }

    async fn follow(
        &mut self,
        opening: WatchTicketsResponse,
        mut woken: watch::Receiver<()>,
    ) -> Result<Infallible, Fault> {
        let clock = self.core.deps.clock.clone();
        let mut opening = Some(opening);
        let mut beat = clock.now();
        loop {
            // Before the look, so that what changes during it is looked at again.
            woken.borrow_and_update();
            let due = beat <= clock.now();
            let told = self.catch_up(opening.take(), due).await?;
            if told {
                beat = self.next_beat(clock.now());
            }
            tokio::select! {
                changed = woken.changed() => changed.map_err(|_| going_down())?,
                () = clock.sleep_until(beat) => {}
            }
        }
    }

    fn next_beat(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.heartbeat).unwrap_or(Timestamp::MAX)
    }

    /// Reads on to the end; whether the caller was told how far that is, which they are when
    /// there is something for them, or it is `due`.
    async fn catch_up(
        &mut self,
        mut waiting: Option<WatchTicketsResponse>,
        due: bool,
    ) -> Result<bool, Fault> {
        let mut told = false;
        loop {
            let (batch, end) = self.read_on().await?;
            let caught_up = batch.caught_up;
            let last = batch.entries.last().map(|last| last.cursor);
            let next = match caught_up {
                true => end.max(last.unwrap_or(end)),
                false => last.unwrap_or(self.watched.after),
            };
            let named = self.named(&batch).await?;
            self.watched.call.now = self.core.deps.clock.now();
            for few in named.chunks(MOST) {
                if let Some(message) = self.page(few).await?
                    && let Some(before) = waiting.replace(message)
                {
                    self.send(before).await?;
                }
            }
            self.watched.after = next;
            let silent = waiting.is_none() && !(due && caught_up && !told);
            if !silent {
                let mut message = waiting.take().unwrap_or_default();
                message.resume_token = self.tokens.token(next, self.watched.call.now)?;
                message.caught_up = caught_up;
                self.send(message).await?;
                told = caught_up;
            }
            if caught_up {
                return Ok(told);
            }
        }
    }

    async fn read_on(&self) -> Result<(Batch, Cursor), Fault> {
        let after = self.watched.after;
        self.core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move {
                    // First, so that what is read reaches at least as far.
                    let end = kefu_journal::end(connection).await?;
                    let change = [EntryKind::Change];
                    let batch = kefu_journal::read(connection, after, &change, STRETCH).await?;
                    Ok((batch, end))
                })
            })
            .await
    }

    /// Tickets of which the entries tell, each once: those that changed, whose place in
    /// the caller's own lists did, or of whose customer nothing is left.
    async fn named(&self, batch: &Batch) -> Result<Vec<Uuid>, Fault> {
        let caller = self.watched.call.context.subject.id;
        let (mut named, mut scrubbed) = (Vec::new(), Vec::new());
        for recorded in &batch.entries {
            let event = recorded.entry.event.as_ref();
            match event.and_then(|event| event.event.as_ref()) {
                Some(Event::TicketChanged(ticket)) => {
                    named.extend(Uuid::from_slice(&ticket.ticket_id).ok());
                }
                Some(Event::TicketWatched(watched)) if watched.employee_id == caller.as_bytes() => {
                    named.extend(Uuid::from_slice(&watched.ticket_id).ok());
                }
                Some(Event::CustomerScrubbed(customer)) => {
                    scrubbed.extend(Uuid::from_slice(&customer.customer_id).ok());
                }
                _ => {}
            }
        }
        if !scrubbed.is_empty() {
            let known: Vec<Uuid> = self.watched.known.iter().copied().collect();
            let db = &self.core.deps.db;
            let read = db.run(move |connection| {
                Box::pin(async move { watching::of_customers(connection, &scrubbed, &known).await })
            });
            named.extend(read.await?);
        }
        let mut seen = HashSet::new();
        named.retain(|id| seen.insert(*id));
        Ok(named)
    }

    /// What the caller sees of these tickets now, journaled; none where that is nothing.
    async fn page(&mut self, few: &[Uuid]) -> Result<Option<WatchTicketsResponse>, Fault> {
        let Watched { call, filter, .. } = &self.watched;
        let mut query = RECORD.select(call);
        filter.write(call, &RECORD.scope, &mut query);
        query.push(" AND t.id = ANY(").push_bind(few.to_vec());
        query.push(")");
        let rows = self
            .core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move { Ok(query.build().fetch_all(connection).await?) })
            })
            .await?;
        let mut there = HashMap::with_capacity(rows.len());
        for row in &rows {
            let row = StoredTicket::read(row)?;
            there.insert(row.id, row);
        }
        let mut message = WatchTicketsResponse::default();
        let (mut shown, mut found) = (Vec::new(), HashSet::new());
        for id in few {
            if let Some(row) = there.get(id) {
                let (ticket, one) = self.tickets.present(call, row, None).await?;
                found.insert(*id);
                message.changed.push(ticket);
                shown.push(one);
            } else if self.watched.known.contains(id) {
                let left = name("tickets", *id);
                shown.push(Shown::of_company(&left));
                message.left.push(left);
            }
        }
        if shown.is_empty() {
            return Ok(None);
        }
        let views = &self.core.views;
        views.record(call, "ticket.viewed", &shown).await?;
        let known = &mut self.watched.known;
        for id in few {
            known.remove(id);
        }
        message.relist = known.len() + found.len() > MOST_KNOWN;
        if message.relist {
            known.clear();
        }
        known.extend(found);
        Ok(Some(message))
    }

    async fn send(&self, message: WatchTicketsResponse) -> Result<(), Fault> {
        let gone = |_| Fault::new(Reason::UpstreamUnavailable);
        self.sender.send(Ok(message)).await.map_err(gone)
    }
}
