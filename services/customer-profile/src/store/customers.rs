//! Writing files.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::profile::{Customer, CustomerState, CustomerType, IntakeChannel, Tier};
use kefu_service::{error::Fault, time};
use sqlx::PgConnection;
use uuid::Uuid;

use super::keys::Marks;
use crate::error::from_insert;

/// A file about to be entered.
pub(crate) struct NewRow<'a> {
    pub(crate) id: Uuid,
    pub(crate) standing: Standing<'a>,
    pub(crate) marks: Marks,
    pub(crate) kind: CustomerType,
    pub(crate) channel: IntakeChannel,
    pub(crate) contact_at: Timestamp,
    pub(crate) entry_due_at: Option<Timestamp>,
    pub(crate) department_id: Uuid,
    pub(crate) external_ref: Option<&'a str>,
    pub(crate) now: Timestamp,
}

/// What of a file changes.
pub(crate) struct Standing<'a> {
    pub(crate) state: CustomerState,
    pub(crate) business_line: &'a str,
    /// Drafts have none.
    pub(crate) file_number: Option<&'a str>,
    pub(crate) owner_id: Option<Uuid>,
    /// When the file was complete.
    pub(crate) entered_at: Option<Timestamp>,
    pub(crate) sealed: &'a [u8],
}

impl<'a> Standing<'a> {
    /// Of a file as it shall be.
    pub(crate) fn of(customer: &'a Customer, owner_id: Option<Uuid>, sealed: &'a [u8]) -> Self {
        Self {
            state: customer.state(),
            business_line: &customer.business_line,
            file_number: Some(customer.file_number.as_str()).filter(|number| !number.is_empty()),
            owner_id,
            entered_at: customer.entered_time.as_ref().and_then(time::from_proto),
            sealed,
        }
    }
}

/// Enters a file at revision 1.
pub(crate) async fn insert(connection: &mut PgConnection, row: &NewRow<'_>) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.customer
             (id, file_number, type, state, business_line, department_id, owner_id, external_ref, tier, sealed,
              revision, created_at, updated_at, intake_channel, contact_at, entry_due_at, entered_at,
              name_marks, address_marks)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $11, $12, $13, $14, $15, $16, $17)",
        row.id,
        row.standing.file_number,
        row.kind as i16,
        row.standing.state as i16,
        row.standing.business_line,
        row.department_id,
        row.standing.owner_id,
        row.external_ref,
        Tier::Normal as i16,
        row.standing.sealed,
        row.now.to_sqlx() as _,
        row.channel as i16,
        row.contact_at.to_sqlx() as _,
        row.entry_due_at.map(|at| at.to_sqlx()) as _,
        row.standing.entered_at.map(|at| at.to_sqlx()) as _,
        &row.marks.name,
        &row.marks.address
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
    standing: &Standing<'_>,
    marks: &Marks,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.customer
         SET owner_id = $3, sealed = $4, revision = revision + 1, updated_at = $5, state = $6, business_line = $7,
             file_number = $8, entered_at = $9, name_marks = $10, address_marks = $11
         WHERE id = $1 AND revision = $2",
        id,
        revision,
        standing.owner_id,
        standing.sealed,
        now.to_sqlx() as _,
        standing.state as i16,
        standing.business_line,
        standing.file_number,
        standing.entered_at.map(|at| at.to_sqlx()) as _,
        &marks.name,
        &marks.address
    )
    .execute(connection)
    .await?;
    Ok(())
}
