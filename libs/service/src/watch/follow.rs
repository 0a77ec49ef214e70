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
};
use kefu_journal::{Batch, Cursor};
use tokio::sync::{mpsc, watch};
use tonic::Status;
use uuid::Uuid;

use super::{ResumeTokens, Seat, Told, Watchable};
use crate::{call::Call, core::Core, error::Fault, fields::name, filter::Filter, present::Shown};

/// Entries read at once.
const STRETCH: u16 = 500;
/// Most records of one message.
const MOST: usize = 100;
/// Most records that one stream remembers to have shown.
const MOST_KNOWN: usize = 10_000;

/// What one stream is about, and how far it has come.
pub(super) struct Watched {
    pub(super) call: Call,
    pub(super) filter: Filter,
    /// What lies before was looked at.
    pub(super) after: Cursor,
    /// Records that were shown, or are held, and have not left; with their customers.
    pub(super) known: HashMap<Uuid, Uuid>,
}

/// Follows for one caller.
pub(super) struct Follower<W: Watchable> {
    pub(super) core: Core,
    pub(super) list: W,
    pub(super) watched: Watched,
    pub(super) tokens: ResumeTokens,
    pub(super) heartbeat: Duration,
    pub(super) sender: mpsc::Sender<Result<W::Response, Status>>,
    pub(super) _seat: Seat,
}

/// To be called again, which another instance answers.
fn going_down() -> Fault {
    Fault::new(Reason::UpstreamUnavailable).retry_after(Duration::from_secs(1))
}

impl<W: Watchable> Follower<W> {
    /// The first message: what is held and not there. Journaled even where it says nothing.
    pub(super) async fn opening(&self, left: &[Uuid]) -> Result<Told<W::Record>, Fault> {
        let left: Vec<String> = left.iter().map(|id| name(W::COLLECTION, *id)).collect();
        let shown: Vec<Shown> = left.iter().map(Shown::of_company).collect();
        let views = &self.core.views;
        views.record(&self.watched.call, W::VIEWED, &shown).await?;
        Ok(Told {
            left,
            ..Default::default()
        })
    }

    /// Goes on until the caller goes, the service ends or something fails.
    pub(super) async fn run(mut self, opening: Told<W::Record>, woken: watch::Receiver<()>) {
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
        opening: Told<W::Record>,
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
        mut waiting: Option<Told<W::Record>>,
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
            let named = self.named(&batch);
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

    /// Records of which the entries tell, each once: those that changed, whose place in
    /// the caller's own lists did, or of whose customer nothing is left.
    fn named(&self, batch: &Batch) -> Vec<Uuid> {
        let caller = self.watched.call.context.subject.id;
        let mut named = Vec::new();
        for recorded in &batch.entries {
            let event = recorded.entry.event.as_ref();
            match event.and_then(|event| event.event.as_ref()) {
                Some(Event::CustomerScrubbed(gone)) => {
                    let customer = Uuid::from_slice(&gone.customer_id).ok();
                    let theirs = self.watched.known.iter();
                    let theirs = theirs.filter(|(_, whose)| Some(**whose) == customer);
                    named.extend(theirs.map(|(id, _)| *id));
                }
                Some(event) => named.extend(W::named(event, caller)),
                None => {}
            }
        }
        let mut seen = HashSet::new();
        named.retain(|id| seen.insert(*id));
        named
    }

    /// What the caller sees of these records now, journaled; none where that is nothing.
    async fn page(&mut self, few: &[Uuid]) -> Result<Option<Told<W::Record>>, Fault> {
        let Watched { call, filter, .. } = &self.watched;
        let mut query = W::RECORD.select(call);
        filter.write(call, &W::RECORD.scope, &mut query);
        query.push(format_args!(" AND {} = ANY(", W::RECORD.id));
        query.push_bind(few.to_vec()).push(")");
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
            let (id, record, shown) = self.list.present(call, row).await?;
            there.insert(id, (record, shown));
        }
        let mut message = Told::default();
        let (mut shown, mut found) = (Vec::new(), HashMap::new());
        for id in few {
            if let Some((record, one)) = there.remove(id) {
                found.insert(*id, one.customer_id.unwrap_or_default());
                message.changed.push(record);
                shown.push(one);
            } else if self.watched.known.contains_key(id) {
                let left = name(W::COLLECTION, *id);
                shown.push(Shown::of_company(&left));
                message.left.push(left);
            }
        }
        if shown.is_empty() {
            return Ok(None);
        }
        let views = &self.core.views;
        views.record(call, W::VIEWED, &shown).await?;
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

    async fn send(&self, message: Told<W::Record>) -> Result<(), Fault> {
        let gone = |_| Fault::new(Reason::UpstreamUnavailable);
        self.sender
            .send(Ok(W::response(message)))
            .await
            .map_err(gone)
    }
}
