//! Has the company's connector tell customers: each notice under its own id, however often it
//! takes, for a day. What goes out is journaled before it does.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    ClassSet, Resource,
    common::Channel,
    ticket::{Notice, NoticeAct, NoticeState},
};
use kefu_journal::Entry;
use kefu_service::{core::Deps, error::Fault, fields::name, host::Job};
use sqlx::PgConnection;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    api::notices::{Notices, changed},
    domain::notice::next_attempt,
    ports::{Messenger, NotTaken, Taken, Word},
    store::notices::{self, NOTICES, Outcome, StoredNotice},
};

const EVERY: Duration = Duration::from_millis(500);
/// How long a notice is believed to be with the connector.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// Notices that are with it at one time.
const MOST: u8 = 20;

/// The job that looks twice a second.
pub(crate) fn job(deps: Deps, notices: Notices, messenger: Arc<dyn Messenger>) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "notices cannot be sent");
    Job::every("notices", clock, EVERY, trouble, move || {
        let (deps, notices, messenger) = (deps.clone(), notices.clone(), messenger.clone());
        async move {
            while send_some(&deps, &notices, &messenger).await? {}
            Ok(())
        }
    })
}

/// Sends some; whether there may be more.
async fn send_some(
    deps: &Deps,
    notices: &Notices,
    messenger: &Arc<dyn Messenger>,
) -> Result<bool, Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let taken = deps
        .db
        .transaction(move |connection| {
            Box::pin(async move { take(connection, now, request).await })
        })
        .await?;
    let more = taken.len() == usize::from(MOST);
    let mut sending = JoinSet::new();
    for row in taken {
        let (deps, notices) = (deps.clone(), notices.clone());
        let messenger = messenger.clone();
        sending.spawn(async move { send(&deps, &notices, messenger.as_ref(), row).await });
    }
    while let Some(sent) = sending.join_next().await {
        sent.map_err(|error| Fault::internal(format!("notice: {error}")))??;
    }
    Ok(more)
}

/// Takes some, and journals that they go out.
async fn take(
    connection: &mut PgConnection,
    now: Timestamp,
    request: Uuid,
) -> Result<Vec<StoredNotice>, Fault> {
    let far = |_| Fault::internal("a moment out of range");
    let until = now.saturating_add(LEASE).map_err(far)?;
    let taken = notices::take(connection, now, until, MOST.into()).await?;
    let state = (NoticeState::Pending, Channel::Unspecified);
    let entries: Vec<Entry> = taken
        .iter()
        .map(|row| {
            let event = changed(row, NoticeAct::Attempted, state, row.revision);
            let (request, resource) = (request.to_string(), name(NOTICES, row.id));
            let (kind, customer) = ("notice.attempted", Some(row.customer_id));
            Entry::by_itself(now, request, kind, resource, customer, event)
        })
        .collect();
    if !entries.is_empty() {
        kefu_journal::append(connection, &entries).await?;
    }
    Ok(taken)
}

async fn send(
    deps: &Deps,
    notices: &Notices,
    messenger: &dyn Messenger,
    row: StoredNotice,
) -> Result<(), Fault> {
    let opened = open(notices, &row).await?;
    let word = Word {
        id: row.id,
        customer: row.customer_id,
        ticket_number: row.number.clone(),
        event: row.columns.event(),
        language: row.columns.language(),
        channels: row.columns.channels().collect(),
        text: opened.text,
    };
    let answer = messenger.send(&word).await;
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let (notices, id) = (notices.clone(), row.id);
    deps.db
        .transaction(move |connection| {
            let (notices, answer) = (notices.clone(), answer.clone());
            Box::pin(async move {
                // Somebody said meanwhile what became of it, or its customer is gone.
                let Some(row) = notices::lock_pending(connection, id).await? else {
                    return Ok(());
                };
                keep(connection, &notices, &row, answer, (now, request)).await
            })
        })
        .await
}

async fn open(notices: &Notices, row: &StoredNotice) -> Result<Notice, Fault> {
    let sealer = &notices.sealer;
    let key = sealer.open_key(row.customer_id, &row.wrapped).await?;
    let everything = ClassSet::of(Notice::CLASSES);
    let (opened, _) = sealer.open::<Notice>(&key, row.id, &row.sealed, everything)?;
    Ok(row.with_opened(opened))
}

/// Keeps what the connector said.
async fn keep(
    connection: &mut PgConnection,
    notices: &Notices,
    row: &StoredNotice,
    answer: Result<Taken, NotTaken>,
    (now, request): (Timestamp, Uuid),
) -> Result<(), Fault> {
    let again = match answer {
        Err(NotTaken::Silent) => next_attempt(row.created_at, row.attempts, now),
        _ => None,
    };
    if let Some(at) = again {
        return notices::postpone(connection, row.id, at).await;
    }
    let mut notice = open(notices, row).await?;
    let (state, act, kind, channel) = match answer {
        Ok(taken) => {
            notice.reference = taken.reference;
            (
                NoticeState::Sent,
                NoticeAct::Sent,
                "notice.sent",
                taken.channel,
            )
        }
        Err(_) => (
            NoticeState::Undelivered,
            NoticeAct::GivenUp,
            "notice.given_up",
            Channel::Unspecified,
        ),
    };
    let key = notices
        .sealer
        .open_key(row.customer_id, &row.wrapped)
        .await?;
    let outcome = Outcome {
        state,
        at: now,
        channel,
        marked_by: "",
        sealed: &notices.seal(&key, row, &notice)?,
    };
    notices::end(connection, row.id, &outcome).await?;
    let event = changed(row, act, (state, channel), row.revision + 1);
    let (request, resource) = (request.to_string(), name(NOTICES, row.id));
    let entry = Entry::by_itself(now, request, kind, resource, Some(row.customer_id), event);
    kefu_journal::append(connection, &[entry]).await?;
    Ok(())
}
