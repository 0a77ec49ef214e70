//! Has the company's connector tell customers: each notice under its own id, however often it
//! takes, for a day. What goes out is journaled before it does.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::common::Channel;
use kefu_journal::Entry;
use sqlx::PgConnection;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    Act, Change, Outbox, Outcome, State, Stored,
    kept::{all, lock_pending},
};
use crate::{
    connector::{NotTaken, Patience, is_reference},
    error::Fault,
    fields::name,
    host::Job,
};

const EVERY: Duration = Duration::from_millis(500);
/// How long a notice is believed to be with the connector.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// Notices that are with it at one time.
const MOST: u8 = 20;
/// How long a connector is asked for one.
const PATIENCE: Patience = Patience {
    first: SignedDuration::from_mins(1),
    longest: SignedDuration::from_hours(4),
    whole: SignedDuration::from_hours(24),
};

/// What a customer is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// The same however often it is sent.
    pub id: Uuid,
    /// Whom.
    pub customer: Uuid,
    /// What people call by what it is about.
    pub number: String,
    /// Number of what it tells of.
    pub event: i32,
    /// Number of the language.
    pub language: i32,
    /// One of these; any, where there is none.
    pub channels: Vec<Channel>,
    /// In words.
    pub text: String,
}

/// It was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// `UNSPECIFIED` where that is not said.
    pub channel: Channel,
    /// By which the connector finds it again.
    pub reference: String,
}

/// The company's way to its customers. Where there is none, a person tells them.
#[tonic::async_trait]
pub trait Messenger: Send + Sync {
    /// Has a customer told; once, however often it is asked for the same word.
    async fn send(&self, word: &Word) -> Result<Taken, NotTaken>;
}

/// What a connector answers.
pub struct Answered {
    /// That it takes it.
    pub accepted: bool,
    /// Number of the channel.
    pub channel: i32,
    /// By which it finds it again.
    pub reference: String,
}

/// Its answer, where it is one of those that there are.
///
/// # Errors
/// [`NotTaken::Refused`].
pub fn taken(word: &Word, answer: Answered) -> Result<Taken, NotTaken> {
    let channel = Channel::try_from(answer.channel).map_err(|_| NotTaken::Refused)?;
    let one_of =
        answer.channel == 0 || word.channels.is_empty() || word.channels.contains(&channel);
    let reference = answer.reference;
    match answer.accepted && one_of && is_reference(&reference) {
        true => Ok(Taken { channel, reference }),
        false => Err(NotTaken::Refused),
    }
}

/// The job that looks twice a second.
pub fn job<O: Outbox>(outbox: O, messenger: Arc<dyn Messenger>) -> Job {
    let clock = outbox.core().deps.clock.clone();
    Job::every(
        "notices",
        clock,
        EVERY,
        "notices cannot be sent",
        move || {
            let (outbox, messenger) = (outbox.clone(), messenger.clone());
            async move {
                while send_some(&outbox, &messenger).await? {}
                Ok(())
            }
        },
    )
}

/// Sends some; whether there may be more.
async fn send_some<O: Outbox>(outbox: &O, messenger: &Arc<dyn Messenger>) -> Result<bool, Fault> {
    let deps = &outbox.core().deps;
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let taken = deps
        .db
        .transaction(move |connection| {
            Box::pin(async move { take::<O>(connection, now, request).await })
        })
        .await?;
    let more = taken.len() == usize::from(MOST);
    let mut sending = JoinSet::new();
    for row in taken {
        let (outbox, messenger) = (outbox.clone(), messenger.clone());
        sending.spawn(async move { send(&outbox, messenger.as_ref(), row).await });
    }
    while let Some(sent) = sending.join_next().await {
        sent.map_err(|error| Fault::internal(format!("notice: {error}")))??;
    }
    Ok(more)
}

/// Takes some, and journals that they go out.
async fn take<O: Outbox>(
    connection: &mut PgConnection,
    now: Timestamp,
    request: Uuid,
) -> Result<Vec<Stored<O>>, Fault> {
    let far = |_| Fault::internal("a moment out of range");
    let until = now.saturating_add(LEASE).map_err(far)?;
    let ids = O::take(connection, now, until, MOST.into()).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let taken = all::<O>(connection, ids).await?;
    let goes_out = |row: &Stored<O>| {
        let change = Change {
            act: Act::Attempted,
            state: State::Pending,
            channel: Channel::Unspecified,
            revision: row.revision,
        };
        entry::<O>(row, &change, O::NAMES.attempted, (now, request))
    };
    let entries: Vec<Entry> = taken.iter().map(goes_out).collect();
    kefu_journal::append(connection, &entries).await?;
    Ok(taken)
}

fn entry<O: Outbox>(
    row: &Stored<O>,
    change: &Change,
    kind: &'static str,
    (now, request): (Timestamp, Uuid),
) -> Entry {
    let (request, resource) = (request.to_string(), name(O::COLLECTION, row.id));
    let (customer, event) = (Some(row.customer_id), O::changed(row, change));
    Entry::by_itself(now, request, kind, resource, customer, event)
}

async fn send<O: Outbox>(
    outbox: &O,
    messenger: &dyn Messenger,
    row: Stored<O>,
) -> Result<(), Fault> {
    let opened = open(outbox, &row).await?;
    let ((event, language), [text, ..]) = (O::of_what(&opened), O::words(&opened));
    let word = Word {
        id: row.id,
        customer: row.customer_id,
        number: row.number.clone(),
        event,
        language,
        channels: row.channels(),
        text: text.clone(),
    };
    let answer = messenger.send(&word).await;
    let deps = &outbox.core().deps;
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let (outbox, id) = (outbox.clone(), row.id);
    deps.db
        .transaction(move |connection| {
            let (outbox, answer) = (outbox.clone(), answer.clone());
            Box::pin(async move {
                // Somebody said meanwhile what became of it, or its customer is gone.
                let Some(row) = lock_pending::<O>(connection, id).await? else {
                    return Ok(());
                };
                keep(connection, &outbox, &row, answer, (now, request)).await
            })
        })
        .await
}

async fn open<O: Outbox>(outbox: &O, row: &Stored<O>) -> Result<O::Notice, Fault> {
    let sealer = outbox.sealer();
    let key = sealer.open_key(row.customer_id, &row.wrapped).await?;
    row.open(sealer, &key)
}

/// Keeps what the connector said.
async fn keep<O: Outbox>(
    connection: &mut PgConnection,
    outbox: &O,
    row: &Stored<O>,
    answer: Result<Taken, NotTaken>,
    (now, request): (Timestamp, Uuid),
) -> Result<(), Fault> {
    let again = match answer {
        Err(NotTaken::Silent) => PATIENCE.next(row.created_at, row.attempts, now),
        _ => None,
    };
    if let Some(at) = again {
        return O::postpone(connection, row.id, at).await;
    }
    let sealer = outbox.sealer();
    let key = sealer.open_key(row.customer_id, &row.wrapped).await?;
    let mut notice = row.open(sealer, &key)?;
    let (state, act, kind, channel) = match answer {
        Ok(taken) => {
            let [_, _, reference] = O::words_mut(&mut notice);
            *reference = taken.reference;
            (State::Sent, Act::Sent, O::NAMES.sent, taken.channel)
        }
        Err(_) => (
            State::Undelivered,
            Act::GivenUp,
            O::NAMES.given_up,
            Channel::Unspecified,
        ),
    };
    let outcome = Outcome {
        state,
        at: now,
        channel,
        marked_by: "",
        sealed: &row.seal(sealer, &key, &notice)?,
    };
    O::end(connection, row.id, &outcome).await?;
    let change = Change {
        act,
        state,
        channel,
        revision: row.revision + 1,
    };
    let entry = entry::<O>(row, &change, kind, (now, request));
    kefu_journal::append(connection, &[entry]).await?;
    Ok(())
}
