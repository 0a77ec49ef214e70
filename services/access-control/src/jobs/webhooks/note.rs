//! Looks through the audit log for what webhooks are to be sent, each entry once, and through
//! journals that are sent anew.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kefu_contracts::access::WebhookDeliveryState as State;
use kefu_service::{clock::Clock, core::Core, database::Db, error::Fault, host::Job};
use sqlx::PgConnection;

use crate::{
    domain::webhook::{Delivery, Webhook, delivery_id, event::topics_of},
    store::{
        stored,
        webhook::{
            self, delivery,
            news::{self, News},
        },
    },
};

/// Most entries in one transaction.
const MOST: i64 = 1000;

/// The job that looks every so often.
pub(super) fn job(core: &Core, every: Duration) -> Job {
    let (db, clock) = (core.deps.db.clone(), core.deps.clock.clone());
    let trouble = "it cannot be looked what webhooks are to be sent";
    Job::every(
        "webhooks: noting",
        clock.clone(),
        every,
        trouble,
        move || {
            let (db, clock) = (db.clone(), clock.clone());
            async move { look(&db, &clock).await }
        },
    )
}

async fn look(db: &Db, clock: &Arc<dyn Clock>) -> Result<(), Fault> {
    let all_fresh = || async {
        while db
            .run(|connection| Box::pin(news::is_behind(connection)))
            .await?
        {
            let now = clock.now();
            db.transaction(move |connection| Box::pin(fresh(connection, now)))
                .await?;
        }
        Ok::<(), Fault>(())
    };
    let one_stretch = || async {
        let now = clock.now();
        db.transaction(move |connection| Box::pin(again(connection, now)))
            .await
    };
    in_turns(all_fresh, one_stretch).await
}

/// What is new before each stretch of what is sent anew, however many stretches there are: who
/// has a year sent anew holds up nobody.
async fn in_turns<F, A>(fresh: impl Fn() -> F, again: impl Fn() -> A) -> Result<(), Fault>
where
    F: Future<Output = Result<(), Fault>>,
    A: Future<Output = Result<bool, Fault>>,
{
    loop {
        fresh().await?;
        if !again().await? {
            return Ok(());
        }
    }
}

/// What is new, for those who want to be told of it.
async fn fresh(connection: &mut PgConnection, now: Timestamp) -> Result<(), Fault> {
    let next = news::lock_cursor(connection).await?;
    let (fresh, after) = news::from(connection, next, MOST).await?;
    let webhooks = webhook::list(connection, None).await?;
    let wanted = fresh.iter().flat_map(|news| {
        let told = webhooks.iter().filter(|one| one.since <= news.seq);
        told.filter_map(|webhook| wanted(webhook, news, now))
    });
    let wanted: Vec<Delivery> = wanted.collect();
    if !wanted.is_empty() {
        delivery::note(connection, &wanted, false).await?;
    }
    news::move_cursor(connection, after).await
}

/// A stretch of a journal that is sent anew; whether there may be more of any.
async fn again(connection: &mut PgConnection, now: Timestamp) -> Result<bool, Fault> {
    let Some(mut replay) = news::next_replay(connection).await? else {
        return Ok(false);
    };
    let stretch = news::again(connection, &replay, MOST).await?;
    let webhook = stored::get::<Webhook>(connection, replay.webhook).await?;
    let webhook = webhook.filter(Webhook::is_active);
    let (Some(last), Some(webhook)) = (stretch.last(), webhook) else {
        news::end(connection, replay.webhook, Some(&replay.service)).await?;
        return Ok(true);
    };
    replay.after = last.place;
    let from_then = |news: &&News| {
        replay
            .start_at
            .is_none_or(|start| start <= news.recorded_at)
    };
    let entries = stretch.iter().filter(from_then);
    let wanted: Vec<Delivery> = entries
        .filter_map(|news| wanted(&webhook, news, now))
        .collect();
    if !wanted.is_empty() {
        delivery::note(connection, &wanted, true).await?;
    }
    news::ask(connection, &replay).await?;
    Ok(true)
}

/// What a webhook is sent of an entry, where it wants to be told of it: of the first type it
/// wants, as an entry is of one type alone.
fn wanted(webhook: &Webhook, news: &News, now: Timestamp) -> Option<Delivery> {
    let service = news.leaf.service.as_str();
    let entry = &news.leaf.entry;
    let is_wanted = |event_type: &str| webhook.event_types.iter().any(|one| one == event_type);
    let (topic, record) = topics_of(service, entry).find(|(one, _)| is_wanted(one.event_type))?;
    let place = (news.place.transaction_id, news.place.position);
    Some(Delivery {
        id: delivery_id(webhook.id, service, place),
        webhook: webhook.id,
        seq: Some(news.seq),
        service: service.to_owned(),
        place,
        event_type: topic.event_type.to_owned(),
        change: entry.r#type.clone(),
        resource: record,
        event_at: news.recorded_at,
        state: State::Pending,
        failures: 0,
        attempts: 0,
        due_at: now,
        created_at: now,
        begun_at: now,
        settled_at: None,
    })
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    #[tokio::test]
    async fn what_is_new_comes_before_each_stretch_of_a_replay() {
        let (done, left) = (RefCell::new(Vec::new()), Cell::new(3));
        let fresh = || async {
            done.borrow_mut().push("fresh");
            Ok::<(), Fault>(())
        };
        let again = || async {
            done.borrow_mut().push("again");
            left.set(left.get() - 1);
            Ok::<bool, Fault>(left.get() > 0)
        };
        in_turns(fresh, again).await.unwrap();
        let expected = ["fresh", "again", "fresh", "again", "fresh", "again"];
        assert_eq!(*done.borrow(), expected);
    }
}
