//! What journals of other services add to a customer's history (CF-2.3).

use jiff::Timestamp;
use kefu_contracts::journal::Entry;
use kefu_service::{error::Fault, time};
use sqlx::PgConnection;
use uuid::Uuid;

use super::id;
use crate::{
    domain::timeline::Happening,
    store::{destruction, timeline},
};

/// Whose journal an entry is in: the first group of the ids that are made of its place.
/// This service's own is 0.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Ticket = 1,
    OrderFollowup = 2,
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

/// Keeps what the entry says happened with a customer.
pub(super) async fn keep(
    connection: &mut PgConnection,
    source: Source,
    entry: &Entry,
) -> Result<(), Fault> {
    let event = entry.event.as_ref().and_then(|event| event.event.as_ref());
    let Some(happening) = event.and_then(Happening::of) else {
        return Ok(());
    };
    let Some(customer) = id(&happening.customer) else {
        return Ok(());
    };
    if !destruction::stands(connection, customer).await? {
        return Ok(());
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
    .await
}
