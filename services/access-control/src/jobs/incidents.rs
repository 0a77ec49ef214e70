//! What time does to incidents: what was not judged or reported by its deadline is told, once.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kefu_service::{
    clock::{Clock, sleep},
    database::Db,
    error::Fault,
    host::Job,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::incidents::overdue,
    domain::incident::Incident,
    store::{about::About, incident},
};

/// The job that looks every so often.
pub(crate) fn job(db: Db, clock: Arc<dyn Clock>, every: Duration) -> Job {
    Job::new("incidents", move |stop| {
        let (db, clock) = (db.clone(), clock.clone());
        Box::pin(async move {
            loop {
                if let Err(fault) = look(&db, clock.now()).await {
                    tracing::warn!(detail = %fault.detail, "incidents cannot be looked at");
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(clock.as_ref(), every) => {}
                }
            }
        })
    })
}

/// Everything that is due, each in a transaction of its own.
async fn look(db: &Db, now: Timestamp) -> Result<(), Fault> {
    let due = db
        .run(move |connection| Box::pin(incident::due(connection, now)))
        .await?;
    for id in due {
        db.transaction(move |connection| Box::pin(tell(connection, now, id)))
            .await?;
    }
    Ok(())
}

/// However late it is looked: each thing that fell due is written down.
async fn tell(connection: &mut PgConnection, now: Timestamp, id: Uuid) -> Result<(), Fault> {
    incident::lock(connection, id).await?;
    let Some(mut incident) = Incident::list(connection, &[id]).await?.pop() else {
        return Ok(());
    };
    while let Some((_, act)) = incident.next().filter(|(at, _)| *at <= now) {
        incident.told.push(act);
        incident::update(connection, &incident).await?;
        kefu_journal::append(connection, &[overdue(&incident, act, now)]).await?;
    }
    Ok(())
}
