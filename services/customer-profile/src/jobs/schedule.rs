//! Puts the retention schedule of the configuration where statements see it (CF-5.2).

use std::{sync::Arc, time::Duration};

use kefu_service::{core::Deps, error::Fault, host::Job};

use crate::{domain::retention::RetentionRules, store::retention};

/// How soon it is tried again where the database was not there.
const EVERY: Duration = Duration::from_secs(60);

/// The job that does it when the service starts. Until then the schedule of the last start
/// counts; without any, nothing is due.
pub(crate) fn job(deps: Deps, rules: Arc<RetentionRules>) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "the retention schedule cannot be put");
    Job::every("retention schedule", clock, EVERY, trouble, move || {
        let (deps, rules) = (deps.clone(), rules.clone());
        async move { put(&deps, rules).await }
    })
}

async fn put(deps: &Deps, rules: Arc<RetentionRules>) -> Result<(), Fault> {
    deps.db
        .transaction(move |connection| {
            let rules = rules.clone();
            Box::pin(async move { retention::put_rules(connection, &rules).await })
        })
        .await
}
