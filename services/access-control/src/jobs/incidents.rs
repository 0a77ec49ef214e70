//! What time does to incidents: what was not judged or reported by its deadline is told, once.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kefu_service::{clock::Clock, database::Db, error::Fault, host::Job};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::incidents::overdue,
    domain::incident::Incident,
    store::{about::About, incident},
};

/// The job that looks every so often.
pub(crate) fn job(db: Db, clock: Arc<dyn Clock>, every: Duration) -> Job {
    let trouble = "incidents cannot be looked at";
    Job::every("incidents", clock.clone(), every, trouble, move || {
        let (db, now) = (db.clone(), clock.now());
        async move { look(&db, now).await }
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
    Incident::lock(connection, id).await?;
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
