//! What lapses soon (CF-8.1, CC-1.1).

use jiff::SignedDuration;
use kefu_contracts::access::{ListLapsingRequest, ListLapsingResponse};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
    present::Shown,
};

use super::{Register, VIEWED, clearance, messages};
use crate::{
    domain::lapse::lapses,
    store::{department, employee},
};

/// Days ahead when nothing is asked for.
const USUAL: i32 = 30;
/// Most days ahead.
const MOST: i32 = 366;

/// What of the caller's reach lapses within so many days, or has lapsed.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListLapsingRequest,
) -> Result<Answer<ListLapsingResponse>, Fault> {
    let days = match request.days {
        0 => USUAL,
        days => days,
    };
    let mut fields = Fields::new();
    let known = (1..=MOST).contains(&days);
    fields.ensure(known, "days", Violation::OutOfRange(1, MOST.into()));
    fields.finish()?;
    let until = call.now + SignedDuration::from_hours(i64::from(days) * 24);

    let (employees, departments) = register
        .core
        .deps
        .db
        .run(|connection| {
            Box::pin(async move {
                let employees = employee::list(connection, None).await?;
                Ok((employees, department::list(connection, None).await?))
            })
        })
        .await?;
    let (shown, lapses) = lapses(&employees, &departments, call.now, until)
        .into_iter()
        .filter_map(|one| {
            let shown = Shown {
                resource: one.resource.clone(),
                customer_id: None,
                clearance: clearance(&call, one.department, None)?,
            };
            Some((shown, messages::lapse(&one)))
        })
        .unzip::<_, _, Vec<_>, _>();
    register.core.views.record(&call, VIEWED, &shown).await?;
    Ok(Answer::read(ListLapsingResponse { lapses }))
}
