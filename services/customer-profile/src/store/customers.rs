//! Writing files.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::profile::{CustomerState, CustomerType, Tier};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::from_insert;

/// A file about to be entered.
pub(crate) struct NewRow<'a> {
    pub(crate) id: Uuid,
    pub(crate) file_number: &'a str,
    pub(crate) kind: CustomerType,
    pub(crate) business_line: &'a str,
    pub(crate) department_id: Uuid,
    pub(crate) owner_id: Option<Uuid>,
    pub(crate) external_ref: Option<&'a str>,
    pub(crate) sealed: &'a [u8],
    pub(crate) now: Timestamp,
}

/// Enters a file at revision 1.
pub(crate) async fn insert(connection: &mut PgConnection, row: &NewRow<'_>) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.customer
             (id, file_number, type, state, business_line, department_id, owner_id, external_ref, tier, sealed,
              revision, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $11)",
        row.id,
        row.file_number,
        row.kind as i16,
        CustomerState::Archived as i16,
        row.business_line,
        row.department_id,
        row.owner_id,
        row.external_ref,
        Tier::Normal as i16,
        row.sealed,
        row.now.to_sqlx() as _
    )
    .execute(connection)
    .await
    .map_err(from_insert)?;
    Ok(())
}

/// Puts a changed file in the place of the revision it was decided upon.
pub(crate) async fn update(
    connection: &mut PgConnection,
    id: Uuid,
    revision: i64,
    owner_id: Option<Uuid>,
    sealed: &[u8],
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.customer SET owner_id = $3, sealed = $4, revision = revision + 1, updated_at = $5
         WHERE id = $1 AND revision = $2",
        id,
        revision,
        owner_id,
        sealed,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}
