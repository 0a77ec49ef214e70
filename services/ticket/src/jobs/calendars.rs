//! Says of calendars that were made before the journal said so what they say, as others measure
//! working time by them.

use std::time::Duration;

use kefu_journal::Entry;
use kefu_service::{core::Deps, error::Fault, fields::name, host::Job};

use crate::store::calendars::{self, CALENDARS, told};

const EVERY: Duration = Duration::from_secs(10);

/// The job that looks.
pub(crate) fn job(deps: Deps) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "calendars cannot be told");
    Job::every("calendars told", clock, EVERY, trouble, move || {
        let deps = deps.clone();
        async move { tell(&deps).await }
    })
}

async fn tell(deps: &Deps) -> Result<(), Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    deps.db
        .transaction(move |connection| {
            Box::pin(async move {
                let untold = calendars::take_untold(connection).await?;
                let mut entries = Vec::new();
                for id in untold {
                    let found = calendars::find(connection, Some(&[id])).await?;
                    entries.extend(found.iter().map(|calendar| {
                        let (request, resource) = (request.to_string(), name(CALENDARS, id));
                        let event = told(id, calendar);
                        Entry::by_itself(now, request, "calendar.told", resource, None, event)
                    }));
                }
                if !entries.is_empty() {
                    kefu_journal::append(connection, &entries).await?;
                }
                Ok(())
            })
        })
        .await
}
