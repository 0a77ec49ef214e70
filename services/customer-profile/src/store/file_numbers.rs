//! File numbers (CF-4.3).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::due::TO_RATE;
use crate::domain::file_number::number;

/// Issues the next number of a series to a file. The series' row is locked
/// until the transaction ends: numbers have no gaps and are never given twice.
pub(crate) async fn issue(
    connection: &mut PgConnection,
    prefix: &str,
    customer: Uuid,
    now: Timestamp,
) -> Result<String, Fault> {
    let running = sqlx::query_scalar!(
        "INSERT INTO profile.file_number_series AS s (prefix, last) VALUES ($1, 1)
         ON CONFLICT (prefix) DO UPDATE SET last = s.last + 1
         RETURNING last",
        prefix
    )
    .fetch_one(&mut *connection)
    .await?;
    let number = number(prefix, running);
    sqlx::query!(
        "INSERT INTO profile.file_number (number, customer_id, issued_at) VALUES ($1, $2, $3)",
        number,
        customer,
        now.to_sqlx() as _
    )
    .execute(&mut *connection)
    .await?;
    // Whoever has a number has a file, and is rated.
    TO_RATE.look_at(connection, customer, now).await?;
    Ok(number)
}
