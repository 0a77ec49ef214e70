//! What journals of other services add to a customer's history (CF-2.3).

use jiff::Timestamp;
use kefu_contracts::journal::{self, Entry, event::Event};
use kefu_service::{error::Fault, time};
use sqlx::PgConnection;
use uuid::Uuid;

use super::id;
use crate::{
    domain::{grant, timeline::Happening},
    store::{destruction, timeline},
};

/// Whose journal an entry is in: the first group of the ids that are made of its place.
/// This service's own is 0.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Ticket = 1,
    OrderFollowup = 2,
    AccessControl = 3,
}

/// An id that the same entry always has.
pub(super) fn place(source: Source, entry: &Entry) -> Uuid {
    let position = entry.cursor.map_or(0, |cursor| cursor.position);
    // Version 8: of our own making (RFC 9562).
    Uuid::new_v8(place_bytes(source, position))
}

fn place_bytes(source: Source, position: i64) -> [u8; 16] {
    let place = (source as u128) << 96 | u128::from(position.unsigned_abs());
    place.to_be_bytes()
}

/// When what the entry says happened: then, or when it was recorded.
pub(super) fn moment(
    said: Option<prost_types::Timestamp>,
    entry: &Entry,
) -> Result<Timestamp, Fault> {
    let recorded = entry.recorded_at.as_ref();
    said.as_ref()
        .or(recorded)
        .and_then(time::from_proto)
        .ok_or_else(|| Fault::internal("an entry without a time"))
}

/// Keeps what the entry says happened with a customer, unless the file was destroyed; tells
/// whether it was not.
pub(super) async fn keep(
    connection: &mut PgConnection,
    source: Source,
    entry: &Entry,
) -> Result<bool, Fault> {
    let event = entry.event.as_ref().and_then(|event| event.event.as_ref());
    let Some(happening) = event.and_then(Happening::of) else {
        return Ok(true);
    };
    let Some(customer) = id(&happening.customer) else {
        return Ok(true);
    };
    if !destruction::stands(connection, customer).await? {
        return Ok(false);
    }
    let at = moment(happening.at, entry)?;
    timeline::keep(
        connection,
        place(source, entry),
        customer,
        entry,
        &happening,
        at,
    )
    .await?;
    Ok(true)
}

/// Keeps of each customer whom it is about that a grant began, or is over.
pub(super) async fn keep_grants(connection: &mut PgConnection, entry: &Entry) -> Result<(), Fault> {
    let event = entry.event.as_ref().and_then(|event| event.event.as_ref());
    let Some(Event::ApprovalChanged(changed)) = event else {
        return Ok(());
    };
    let grants = grant::given(changed, entry.recorded_at);
    if grants.is_empty() {
        return Ok(());
    }
    let entry = Entry {
        event: Some(journal::Event {
            event: Some(Event::ApprovalChanged(grant::without_others(changed))),
        }),
        ..entry.clone()
    };
    let own = place(Source::AccessControl, &entry);
    for happening in grants {
        let Some(customer) = id(&happening.customer) else {
            continue;
        };
        if destruction::stands(connection, customer).await? {
            let at = moment(happening.at, &entry)?;
            let id = Uuid::new_v5(&own, customer.as_bytes());
            timeline::keep(connection, id, customer, &entry, &happening, at).await?;
        }
    }
    Ok(())
}
