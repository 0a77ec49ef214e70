//! Moves to another department.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::transfer::Transfer;

/// Which transfers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    /// This one.
    One(Uuid),
    /// All of one employee.
    Of(Uuid),
}

/// Transfers in the order they were ordered.
pub(crate) async fn list(
    connection: &mut PgConnection,
    which: Which,
) -> Result<Vec<Transfer>, Fault> {
    let (id, employee) = match which {
        Which::One(id) => (Some(id), None),
        Which::Of(employee) => (None, Some(employee)),
    };
    let rows = sqlx::query!(
        "SELECT id, employee_id, department_id, effective_at, applied_at, cancelled_at
         FROM access.transfer
         WHERE id = $1 OR employee_id = $2
         ORDER BY created_at, id",
        id,
        employee,
    )
    .fetch_all(connection)
    .await?;
    let transfers = rows.into_iter().map(|row| Transfer {
        id: row.id,
        employee: row.employee_id,
        department: row.department_id,
        effective_at: row.effective_at.to_jiff(),
        applied_at: row.applied_at.map(jiff_sqlx::Timestamp::to_jiff),
        cancelled_at: row.cancelled_at.map(jiff_sqlx::Timestamp::to_jiff),
    });
    Ok(transfers.collect())
}

/// The transfer of this id.
pub(crate) async fn get(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Transfer>, Fault> {
    Ok(list(connection, Which::One(id)).await?.pop())
}

/// The next one that is neither carried out nor called off.
pub(crate) async fn next(
    connection: &mut PgConnection,
) -> Result<Option<(Uuid, Timestamp)>, Fault> {
    let row = sqlx::query!(
        "SELECT id, effective_at FROM access.transfer
         WHERE applied_at IS NULL AND cancelled_at IS NULL
         ORDER BY effective_at, id
         LIMIT 1"
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.id, row.effective_at.to_jiff())))
}

/// Orders one.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    transfer: &Transfer,
    ordered_by: Uuid,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.transfer (id, employee_id, department_id, effective_at, ordered_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        transfer.id,
        transfer.employee,
        transfer.department,
        transfer.effective_at.to_sqlx(),
        ordered_by,
        at.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Says that it was carried out or called off.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    transfer: &Transfer,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.transfer SET applied_at = $2, cancelled_at = $3 WHERE id = $1",
        transfer.id,
        transfer.applied_at.map(ToSqlx::to_sqlx),
        transfer.cancelled_at.map(ToSqlx::to_sqlx),
    )
    .execute(connection)
    .await?;
    Ok(())
}
