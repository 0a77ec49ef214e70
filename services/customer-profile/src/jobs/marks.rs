//! Marks the words of files that were entered before files were found by them (CF-4.2).

use std::{sync::Arc, time::Duration};

use kefu_contracts::{ClassSet, policy::DataClass, profile::Customer};
use kefu_service::{core::Deps, error::Fault, host::Job, sealed::Sealer};
use kefu_vault::WrappedKey;
use sqlx::PgConnection;

use crate::{
    api::TABLE,
    store::keys::{self, Marks},
};

/// Files marked in one transaction.
const BATCH: i64 = 500;
/// How soon it is tried again where it failed.
const EVERY: Duration = Duration::from_secs(60);
const CLASSES: ClassSet = ClassSet::of(&[DataClass::Basic, DataClass::Contact]);

/// The job that does it when the service starts, and then finds nothing to do.
pub(crate) fn job(deps: &Deps) -> Job {
    let (db, sealer) = (
        deps.db.clone(),
        Arc::new(Sealer::new(deps.vault.clone(), TABLE)),
    );
    let trouble = "files cannot be marked";
    Job::every("marks", deps.clock.clone(), EVERY, trouble, move || {
        let (db, sealer) = (db.clone(), sealer.clone());
        async move {
            loop {
                let sealer = sealer.clone();
                let marked = db
                    .transaction(move |connection| {
                        let sealer = sealer.clone();
                        Box::pin(async move { some(connection, &sealer).await })
                    })
                    .await?;
                if marked == 0 {
                    return Ok(());
                }
                tracing::info!(files = marked, "files were marked");
            }
        }
    })
}

async fn some(connection: &mut PgConnection, sealer: &Sealer) -> Result<usize, Fault> {
    let files = keys::unmarked(connection, BATCH).await?;
    for file in &files {
        let wrapped = WrappedKey {
            kek_id: file.kek_id.clone(),
            bytes: file.wrapped.clone(),
        };
        let key = sealer.open_key(file.id, &wrapped).await?;
        let (customer, _) = sealer.open::<Customer>(&key, file.id, &file.sealed, CLASSES)?;
        let marks = Marks::of(sealer.vault().index_key(), &customer);
        keys::mark(connection, file.id, &marks).await?;
    }
    Ok(files.len())
}
