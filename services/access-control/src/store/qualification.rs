//! Agreements signed and trainings passed.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::access::QualificationKind;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::qualification::Qualification;

/// All of one employee, in the order they were obtained.
pub(crate) async fn of(
    connection: &mut PgConnection,
    employee: Uuid,
) -> Result<Vec<Qualification>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, employee_id, kind, obtained_at, valid_until, evidence, withdrawn_at
         FROM access.qualification
         WHERE employee_id = $1
         ORDER BY obtained_at, created_at, id",
        employee,
    )
    .fetch_all(connection)
    .await?;
    let all = rows.into_iter().map(|row| Qualification {
        id: row.id,
        employee: row.employee_id,
        kind: QualificationKind::try_from(i32::from(row.kind)).unwrap_or_default(),
        obtained_at: row.obtained_at.to_jiff(),
        valid_until: row.valid_until.to_jiff(),
        evidence: row.evidence,
        withdrawn_at: row.withdrawn_at.map(jiff_sqlx::Timestamp::to_jiff),
    });
    Ok(all.collect())
}

/// Whose it is.
pub(crate) async fn whose(connection: &mut PgConnection, id: Uuid) -> Result<Option<Uuid>, Fault> {
    Ok(sqlx::query_scalar!(
        "SELECT employee_id FROM access.qualification WHERE id = $1",
        id
    )
    .fetch_optional(connection)
    .await?)
}

/// Adds one.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    qualification: &Qualification,
    at: Timestamp,
) -> Result<(), Fault> {
    let kind: i16 = match qualification.kind {
        QualificationKind::Training => 2,
        _ => 1,
    };
    sqlx::query!(
        "INSERT INTO access.qualification (id, employee_id, kind, obtained_at, valid_until, evidence, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        qualification.id,
        qualification.employee,
        kind,
        qualification.obtained_at.to_sqlx(),
        qualification.valid_until.to_sqlx(),
        qualification.evidence,
        at.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// It counts no more.
pub(crate) async fn withdraw(
    connection: &mut PgConnection,
    id: Uuid,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.qualification SET withdrawn_at = $2 WHERE id = $1",
        id,
        at.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
