//! What time does to exports: packages that nobody finished are taken up again, downloads that
//! nobody carries on are ended, and receivers who do not confirm are reminded, then reported to
//! those who approved.

mod packager;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kefu_contracts::access::ExportEvent;
use kefu_service::{clock::Clock, database::Db, error::Fault, host::Job};
use sqlx::PgConnection;
use uuid::Uuid;

use super::each::Each;
use crate::{
    api::{
        approvals::Kind,
        exports::{give_up, journal},
    },
    domain::{
        approval::Flows,
        export::{Due, Event},
    },
    store::{
        export,
        share::{self, StoredShare},
    },
};
pub(crate) use packager::{LEASE, Packager, Work, place};

/// The job that looks every so often.
pub(crate) fn job(packager: Packager, every: Duration) -> Job {
    let (clock, trouble) = (packager.clock().clone(), "exports cannot be looked at");
    Job::every("exports", clock, every, trouble, move || {
        let packager = packager.clone();
        async move { look(&packager).await }
    })
}

async fn look(packager: &Packager) -> Result<(), Fault> {
    let taken_up = packager.take_up().await;
    let ended = end_silent(packager.db(), packager.clock().as_ref()).await;
    let chased = chase(packager.db(), packager.clock().as_ref(), packager.flows()).await;
    taken_up.and(ended).and(chased)
}

/// Downloads of which nothing was heard for as long as they are believed in.
async fn end_silent(db: &Db, clock: &dyn Clock) -> Result<(), Fault> {
    let now = clock.now();
    let silent = db
        .run(move |connection| Box::pin(export::silent_downloads(connection, now)))
        .await?;
    let mut each = Each::new("a download cannot be ended");
    for id in silent {
        let ended = db.transaction(move |connection| Box::pin(give_up(connection, now, id)));
        each.became(id, ended.await)?;
    }
    each.end()
}

/// Everything that is due, each in a transaction of its own.
async fn chase(db: &Db, clock: &dyn Clock, flows: &Arc<Flows>) -> Result<(), Fault> {
    let now = clock.now();
    let due = db
        .run(move |connection| Box::pin(export::due(connection, now)))
        .await?;
    let mut each = Each::new("an export cannot be chased");
    for id in due {
        let flows = flows.clone();
        let chased = db.transaction(move |connection| {
            let flows = flows.clone();
            Box::pin(async move { chase_one(connection, now, &flows, id).await })
        });
        each.became(id, chased.await)?;
    }
    each.end()
}

/// However late it comes: each thing that fell due is written down.
async fn chase_one(
    connection: &mut PgConnection,
    now: Timestamp,
    flows: &Flows,
    id: Uuid,
) -> Result<(), Fault> {
    let rule = &flows.share.export;
    let Some(mut stored) = export::lock(connection, id).await? else {
        return Ok(());
    };
    let Some(recalled_at) = stored.recalled_at else {
        return Ok(());
    };
    while let Some((_, due)) = rule
        .next(stored.state, recalled_at, stored.reminders)
        .filter(|(at, _)| *at <= now)
    {
        let (event, told) = match due {
            Due::Remind => {
                stored.reminders += 1;
                (ExportEvent::Reminded, vec![stored.receiver])
            }
            Due::PassDue => {
                stored.state = stored.state.after(Event::PassDue).unwrap_or(stored.state);
                (
                    ExportEvent::Overdue,
                    approvers(connection, stored.share).await?,
                )
            }
        };
        export::update(connection, &stored, rule).await?;
        journal(connection, now, None, id, event, &told).await?;
    }
    Ok(())
}

/// Those who agreed to the share.
async fn approvers(connection: &mut PgConnection, share: Uuid) -> Result<Vec<Uuid>, Fault> {
    let stored: Option<StoredShare> = share::list(connection, &[share]).await?.pop();
    let decisions = stored.map(|stored| stored.case().decisions);
    let decisions = decisions.unwrap_or_default().into_iter();
    Ok(decisions.map(|decision| decision.hat.actor).collect())
}
