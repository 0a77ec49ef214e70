//! Records that are read by their keys, whoever asks.

use kefu_service::{database::Use, error::Fault};
use sqlx::PgConnection;
use uuid::Uuid;

/// What is read of these tables for a change needs no lock of its own: every change is made under
/// that of the policy's revision ([`super::changes::Revision`]).
pub(crate) type Listing<'c, T> = Use<'c, Vec<T>>;

/// Reads those of these ids, whoever asks.
pub(crate) trait Stored: Sized + Send + 'static {
    /// Their key.
    fn id(&self) -> Uuid;
    /// Those of these ids.
    fn list<'c>(connection: &'c mut PgConnection, ids: &'c [Uuid]) -> Listing<'c, Self>;
}

/// The one of this id.
pub(crate) async fn get<T: Stored>(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<T>, Fault> {
    Ok(T::list(connection, &[id]).await?.pop())
}

/// An enum's number as it is kept.
pub(super) fn number<E: Into<i32>>(value: E) -> i16 {
    i16::try_from(value.into()).unwrap_or_default()
}
