//! Marks the birthdays of files that were entered before files were found by them (OP-3.3).

use std::{sync::Arc, time::Duration};

use kefu_contracts::{ClassSet, policy::DataClass, profile::Customer};
use kefu_service::{core::Deps, error::Fault, host::Job, sealed::Sealer};
use kefu_vault::WrappedKey;
use sqlx::PgConnection;

use crate::{
    api::TABLE,
    store::{birthdays, keys},
};

/// Files marked in one transaction.
const BATCH: i64 = 500;
/// How soon it is tried again where it failed.
const EVERY: Duration = Duration::from_secs(60);

/// The job that does it when the service starts, and then finds nothing to do.
pub(crate) fn job(deps: &Deps) -> Job {
    let (db, sealer) = (
        deps.db.clone(),
        Arc::new(Sealer::new(deps.vault.clone(), TABLE)),
    );
    let trouble = "birthdays cannot be marked";
    Job::every("birthdays", deps.clock.clone(), EVERY, trouble, move || {
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
            }
        }
    })
}

async fn some(connection: &mut PgConnection, sealer: &Sealer) -> Result<usize, Fault> {
    let files = birthdays::unmarked(connection, BATCH).await?;
    for file in &files {
        let wrapped = WrappedKey {
            kek_id: file.kek_id.clone(),
            bytes: file.wrapped.clone(),
        };
        let key = sealer.open_key(file.id, &wrapped).await?;
        let basic = ClassSet::of(&[DataClass::Basic]);
        let (customer, _) = sealer.open::<Customer>(&key, file.id, &file.sealed, basic)?;
        let blinds = keys::of_birthday(sealer.vault().index_key(), &customer);
        birthdays::mark(connection, file.id, &blinds).await?;
    }
    Ok(files.len())
}
