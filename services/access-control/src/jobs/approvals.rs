//! What time does to requests for approval: reminders, escalations, expiry, the begin
//! and end of a period, and what is overdue. A request's state does not wait for this job
//! (whoever acts first advances it); the job writes down what happened and tells who may
//! decide now.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kefu_service::{
    clock::{Clock, sleep},
    database::Db,
    error::Fault,
    host::{Beat, Job},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::each::Each;
use crate::{
    api::approvals::{Desk, Kind, write},
    domain::approval::{Chart, Flows},
    store::{
        approval,
        borrowing::{self, StoredBorrowing},
        chart,
        destruction::StoredDestruction,
        share::StoredShare,
    },
};

/// Every how many looks it is told anew who may decide what is in review: that changes
/// with the organisation, and whoever is new to it need not know within the second.
const ANEW: u64 = 10;

/// The job that looks every so often.
pub(crate) fn job(db: Db, clock: Arc<dyn Clock>, flows: Arc<Flows>, every: Duration) -> Job {
    let beat = Beat::new("approvals", clock.clone(), every);
    Job::new("approvals", move |stop| {
        let (db, clock, flows) = (db.clone(), clock.clone(), flows.clone());
        let beat = beat.clone();
        Box::pin(async move {
            for round in 0_u64.. {
                let anew = round % ANEW == 0;
                let outcome = look(&db, clock.as_ref(), &flows, anew).await;
                beat.looked(outcome.is_ok());
                if let Err(fault) = outcome {
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
        .run(move |connection| {
            Box::pin(async move {
                let mut due = approval::due(connection, now, anew).await?;
                let late = borrowing::to_chase(connection, now).await?.into_iter();
                due.extend(late.map(|id| (id, StoredBorrowing::KIND.to_owned())));
                Ok(due)
            })
        })
        .await?;
    if due.is_empty() {
        return Ok(());
    }
    let chart = db
        .run(move |connection| Box::pin(chart::at(connection, now)))
        .await?;
    let chart: Arc<Chart> = Arc::new(chart);
    let mut each = Each::new("an approval cannot be looked at");
    for (id, kind) in due {
        let (flows, chart) = (flows.clone(), chart.clone());
        let looked = db.transaction(move |connection| {
            let (flows, chart, kind) = (flows.clone(), chart.clone(), kind.clone());
            Box::pin(async move {
                match kind.as_str() {
                    StoredShare::KIND => {
                        one::<StoredShare>(connection, &flows, &chart, now, id).await
                    }
                    StoredDestruction::KIND => {
                        one::<StoredDestruction>(connection, &flows, &chart, now, id).await
                    }
                    _ => one::<StoredBorrowing>(connection, &flows, &chart, now, id).await,
                }
            })
        });
        each.became(id, looked.await)?;
    }
    each.end()
}

async fn one<K: Kind>(
    connection: &mut PgConnection,
    flows: &Flows,
    chart: &Chart,
    now: Timestamp,
    id: Uuid,
) -> Result<(), Fault> {
    let flow = K::flow(flows);
    write::by_time::<K>(connection, &Desk { flow, chart, now }, id).await
}
