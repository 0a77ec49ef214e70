//! Sends what is due: takes it up for a while, reads the record by its receiver's rights, signs it
//! for this attempt, and notes what came of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use kefu_contracts::{
    access::{WebhookAct, WebhookDeliveryState as State, WebhookOutcome as Outcome},
    journal::event,
};
use kefu_journal::Entry;
use kefu_service::{
    clock::sleep,
    core::Core,
    error::Fault,
    fields,
    host::{Beat, Job},
    telemetry::{
        Counter, KeyValue,
        instruments::{WEBHOOK_ATTEMPTS, WEBHOOK_OLDEST_DUE},
        meter,
    },
};
use tokio::task::JoinSet;

use super::{
    receiver::{Letter, Receiver},
    record::{Records, Seen},
};
use crate::{
    api::webhooks::{about, kind, open_secret, settled},
    domain::webhook::{
        Attempt, Delivery, WEBHOOKS, Webhook, body,
        event::PING,
        schedule::{Answer, Next, next},
        signature,
    },
    store::{
        stored,
        webhook::{
            self,
            delivery::Logged,
            queue::{self, Claimed, Settled},
            secret,
        },
    },
};

/// Most that is under way at a time in this process.
const MOST: usize = 64;
/// For how long something is taken up: longer than reading and sending can take.
const LEASE: Duration = Duration::from_secs(90);
/// When it is looked again, where a record could not be read.
const UNREAD: Duration = Duration::from_secs(30);
/// For how long it is: one that never can be is a dead letter.
const UNREADABLE: Duration = Duration::from_secs(7 * 24 * 3600);

/// How records are read and letters are sent.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) records: Records,
    pub(super) receiver: Receiver,
}

/// Sends. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sender {
    core: Core,
    way: Way,
    attempts: Counter<u64>,
    /// Since when the longest due waits, in microseconds since 1970; `i64::MAX`: none does.
    oldest: Arc<AtomicI64>,
}

impl Sender {
    pub(super) fn new(core: Core, way: Way) -> Self {
        let oldest = Arc::new(AtomicI64::new(i64::MAX));
        let attempts = WEBHOOK_ATTEMPTS.counter(&meter());
        for outcome in [
            "ACCEPTED",
            "REFUSED",
            "TIMED_OUT",
            "UNREACHABLE",
            "ADDRESS_REFUSED",
        ] {
            attempts.add(0, &[KeyValue::new("kefu.webhook.outcome", outcome)]);
        }
        let (seen, clock) = (oldest.clone(), core.deps.clock.clone());
        WEBHOOK_OLDEST_DUE.observe(&meter(), Vec::new(), move || {
            let now = clock.now().as_microsecond();
            let waits = now.saturating_sub(seen.load(Ordering::Relaxed)).max(0);
            Some(waits as f64 / 1e6)
        });
        Self {
            core,
            way,
            attempts,
            oldest,
        }
    }

    /// The job that takes up what is due, every so often and when there is room again.
    pub(super) fn job(self, every: Duration) -> Job {
        let name = "webhooks: sending";
        let beat = Beat::new(name, self.core.deps.clock.clone(), every);
        Job::new(name, move |stop| {
            let (sender, beat) = (self.clone(), beat.clone());
            Box::pin(async move {
                // Aborted when this run ends; what was taken up is taken up again then.
                let mut under_way = JoinSet::new();
                loop {
                    let outcome = sender.take_up(&mut under_way).await;
                    beat.looked(outcome.is_ok());
                    if let Err(fault) = outcome {
                        tracing::warn!(detail = %fault.detail, "what webhooks are sent cannot be taken up");
                    }
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = sleep(sender.core.deps.clock.as_ref(), every) => {}
                        // There is room again, for this webhook at least.
                        Some(_) = under_way.join_next() => {}
                    }
                    while under_way.try_join_next().is_some() {}
                }
                // What is under way may end, within the time that jobs have for it.
                while under_way.join_next().await.is_some() {}
            })
        })
    }

    async fn take_up(&self, under_way: &mut JoinSet<()>) -> Result<(), Fault> {
        let room = MOST.saturating_sub(under_way.len());
        let room = i64::try_from(room).unwrap_or_default();
        let now = self.core.deps.clock.now();
        let until = now.saturating_add(LEASE).unwrap_or(now);
        let db = &self.core.deps.db;
        let oldest = db.run(|connection| Box::pin(queue::oldest_due(connection)));
        let oldest = oldest.await?.map_or(i64::MAX, Timestamp::as_microsecond);
        self.oldest.store(oldest, Ordering::Relaxed);
        if room == 0 {
            return Ok(());
        }
        let claimed = db
            .transaction(move |connection| Box::pin(queue::claim(connection, (now, until), room)))
            .await?;
        for one in claimed {
            let sender = self.clone();
            under_way.spawn(async move {
                if let Err(fault) = sender.send(one).await {
                    tracing::warn!(delivery = %one.delivery, detail = %fault.detail, "a webhook was not sent");
                }
            });
        }
        Ok(())
    }

    async fn send(&self, claimed: Claimed) -> Result<(), Fault> {
        let deps = &self.core.deps;
        let now = deps.clock.now();
        let read = deps.db.run(move |connection| {
            Box::pin(async move {
                let webhook = stored::get::<Webhook>(connection, claimed.webhook).await?;
                let logged = stored::get::<Logged>(connection, claimed.delivery).await?;
                let secrets = secret::signing(connection, claimed.webhook, None, now).await?;
                Ok((webhook, logged, secrets))
            })
        });
        let (Some(webhook), Some(logged), kept) = read.await? else {
            return Ok(());
        };
        let delivery = logged.delivery;
        // It may have ended since this was taken up, and its secrets with it.
        if !webhook.is_active() || delivery.state != State::Pending || kept.is_empty() {
            return Ok(());
        }
        let mut secrets = Vec::with_capacity(kept.len());
        for one in &kept {
            secrets.push(open_secret(deps, one).await?);
        }
        let record = match delivery.event_type.as_str() {
            PING => None,
            _ => match self
                .way
                .records
                .see(&deps.db, &webhook, &delivery, now)
                .await?
            {
                Seen::Record(record) => Some(record),
                Seen::Nothing => {
                    let end = self.ended(State::Withheld, delivery.failures, None);
                    return self.note(claimed, webhook, delivery, end, 0, false).await;
                }
                Seen::NotNow => {
                    let waited = now.duration_since(delivery.begun_at);
                    let given_up =
                        Duration::try_from(waited).is_ok_and(|waited| waited > UNREADABLE);
                    let end = match given_up {
                        true => self.ended(State::Dead, delivery.failures, None),
                        false => self.again(UNREAD, delivery.failures, None),
                    };
                    return self.note(claimed, webhook, delivery, end, 0, false).await;
                }
            },
        };
        if !self.may_leave(claimed, webhook.url.clone()).await? {
            return Ok(());
        }
        let at = deps.clock.now();
        let body = body::body(&delivery, record);
        let (id, time) = (delivery.id.to_string(), at.as_second());
        let letter = Letter {
            url: webhook.url.clone(),
            signature: signature::signatures(&secrets, &id, time, &body),
            id,
            time,
            body,
        };
        let answer = self.way.receiver.send(letter).await;
        let latency = deps.clock.now().duration_since(at).as_millis();
        let latency = i32::try_from(latency.max(0)).unwrap_or(i32::MAX);
        let outcome = answer.outcome.as_str_name();
        let outcome = outcome.trim_start_matches("WEBHOOK_OUTCOME_");
        self.attempts
            .add(1, &[KeyValue::new("kefu.webhook.outcome", outcome)]);
        let attempt = Attempt {
            number: 0,
            at,
            outcome: answer.outcome,
            status_code: answer.status.into(),
            latency_ms: latency,
        };
        self.judge(claimed, webhook, delivery, &answer, attempt)
            .await
    }

    /// Whether it may be sent there, right before it is: its webhook can have ended while the record
    /// was read, or lead elsewhere. Where it may not, nothing has come of it.
    async fn may_leave(&self, claimed: Claimed, url: String) -> Result<bool, Fault> {
        self.core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move {
                    let stands = queue::stands(connection, &claimed, &url).await?;
                    if !stands {
                        queue::give_back(connection, &claimed).await?;
                    }
                    Ok(stands)
                })
            })
            .await
    }

    /// What comes after an attempt.
    async fn judge(
        &self,
        claimed: Claimed,
        webhook: Webhook,
        delivery: Delivery,
        answer: &Answer,
        attempt: Attempt,
    ) -> Result<(), Fault> {
        let is_ping = delivery.event_type == PING;
        let jitter = self.jitter()?;
        let failures = delivery.failures + i32::from(answer.outcome != Outcome::Accepted);
        let attempt = Some(attempt);
        let next = next(answer, delivery.failures, is_ping, jitter);
        let end = match next {
            Next::Delivered => self.ended(State::Delivered, failures, attempt),
            Next::Dead | Next::Gone => self.ended(State::Dead, failures, attempt),
            Next::Again(delay) => self.again(delay, failures, attempt),
        };
        let status = i32::from(answer.status);
        self.note(claimed, webhook, delivery, end, status, next == Next::Gone)
            .await
    }

    fn ended(&self, state: State, failures: i32, attempt: Option<Attempt>) -> Settled {
        let now = self.core.deps.clock.now();
        Settled {
            state,
            failures,
            due_at: now,
            settled_at: Some(now),
            attempt,
        }
    }

    fn again(&self, delay: Duration, failures: i32, attempt: Option<Attempt>) -> Settled {
        let now = self.core.deps.clock.now();
        Settled {
            due_at: now.saturating_add(delay).unwrap_or(now),
            settled_at: None,
            ..self.ended(State::Pending, failures, attempt)
        }
    }

    fn jitter(&self) -> Result<u16, Fault> {
        let random = self.core.deps.ids.secret()?;
        Ok(u16::from_be_bytes([random[0], random[1]]))
    }

    /// Notes what came of it, and tells the journal of the end.
    async fn note(
        &self,
        claimed: Claimed,
        webhook: Webhook,
        mut delivery: Delivery,
        end: Settled,
        status: i32,
        gone: bool,
    ) -> Result<(), Fault> {
        let now = self.core.deps.clock.now();
        delivery.state = end.state;
        delivery.attempts += i32::from(end.attempt.is_some());
        let ended = end
            .settled_at
            .map(|_| settled(&webhook, &delivery, status, now));
        let noted = Arc::new((end, ended));
        self.core
            .deps
            .db
            .transaction(move |connection| {
                let noted = noted.clone();
                Box::pin(async move {
                    let (end, ended) = noted.as_ref();
                    if !queue::settle(connection, &claimed, end).await? {
                        return Ok(());
                    }
                    if let Some(attempt) = end.attempt {
                        let failed = attempt.outcome != Outcome::Accepted;
                        let since = failed.then_some(attempt.at);
                        webhook::failing(connection, claimed.webhook, since).await?;
                    }
                    let mut entries: Vec<Entry> = ended.iter().cloned().collect();
                    if gone
                        && let Some(webhook) = webhook::gone(connection, claimed.webhook).await?
                    {
                        entries.push(is_gone(&webhook, now));
                    }
                    if !entries.is_empty() {
                        kefu_journal::append(connection, &entries).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

fn is_gone(webhook: &Webhook, now: Timestamp) -> Entry {
    let act = WebhookAct::Gone;
    let name = fields::name(WEBHOOKS, webhook.id);
    let changed = event::Event::WebhookChanged(about(act, webhook));
    Entry::by_itself(now, String::new(), kind(act), name, None, changed)
}
