//! What time does to requests for approval: reminders, escalations, expiry, the begin
//! and end of a period. A request's state does not wait for this job (whoever acts first
//! advances it); the job writes down what happened and tells who may decide now.

use std::{sync::Arc, time::Duration};

use kefu_service::{
    clock::{Clock, sleep},
    database::Db,
    error::Fault,
    host::Job,
};

use crate::{
    api::approvals::{Desk, write},
    domain::approval::{Chart, Flows},
    store::{approval, chart, share::StoredShare},
};

/// Every how many looks it is told anew who may decide what is in review: that changes
/// with the organisation, and whoever is new to it need not know within the second.
const ANEW: u64 = 10;

/// The job that looks every so often.
pub(crate) fn job(db: Db, clock: Arc<dyn Clock>, flows: Arc<Flows>, every: Duration) -> Job {
    Job::new("approvals", move |stop| {
        let (db, clock, flows) = (db.clone(), clock.clone(), flows.clone());
        Box::pin(async move {
            for round in 0_u64.. {
                let anew = round % ANEW == 0;
                if let Err(fault) = look(&db, clock.as_ref(), &flows, anew).await {
                    tracing::warn!(detail = %fault.detail, "approvals cannot be looked at");
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(clock.as_ref(), every) => {}
                }
            }
        })
    })
}

/// Everything that is due, each in a transaction of its own: one that fails holds up no
/// other.
async fn look(db: &Db, clock: &dyn Clock, flows: &Arc<Flows>, anew: bool) -> Result<(), Fault> {
    let now = clock.now();
    let due = db
        .run(move |connection| Box::pin(approval::due(connection, now, anew)))
        .await?;
    if due.is_empty() {
        return Ok(());
    }
    let chart = db
        .run(move |connection| Box::pin(chart::at(connection, now)))
        .await?;
    let chart: Arc<Chart> = Arc::new(chart);
    for id in due {
        let (flows, chart) = (flows.clone(), chart.clone());
        db.transaction(move |connection| {
            let (flows, chart) = (flows.clone(), chart.clone());
            Box::pin(async move {
                let desk = Desk {
                    flow: &flows.share,
                    chart: &chart,
                    now,
                };
                write::by_time::<StoredShare>(connection, &desk, id).await?;
                Ok(())
            })
        })
        .await?;
    }
    Ok(())
}
