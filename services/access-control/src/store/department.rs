//! Departments.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::register::Department;

/// All departments, or only these.
pub(crate) async fn list(
    connection: &mut PgConnection,
    only: Option<&[Uuid]>,
) -> Result<Vec<Department>, Fault> {
    let departments = sqlx::query_as!(
        Department,
        "SELECT id, code, title, parent_id AS parent, head_id AS head, supervising_leader_id AS supervising_leader,
                revision
         FROM access.department
         WHERE $1::uuid[] IS NULL OR id = ANY($1)
         ORDER BY code",
        only as Option<&[Uuid]>
    )
    .fetch_all(connection)
    .await?;
    Ok(departments)
}

/// Which of these there are.
pub(crate) async fn known(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
    Ok(
        sqlx::query_scalar!("SELECT id FROM access.department WHERE id = ANY($1)", ids)
            .fetch_all(connection)
            .await?,
    )
}

/// The department of this code.
pub(crate) async fn find_code(
    connection: &mut PgConnection,
    code: &str,
) -> Result<Option<Uuid>, Fault> {
    Ok(
        sqlx::query_scalar!("SELECT id FROM access.department WHERE code = $1", code)
            .fetch_optional(connection)
            .await?,
    )
}

/// Adds a department.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    department: &Department,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.department (id, code, title, parent_id, head_id, supervising_leader_id, revision, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
        department.id,
        department.code,
        department.title,
        department.parent,
        department.head,
        department.supervising_leader,
        at.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The department of this id.
pub(crate) async fn get(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Department>, Fault> {
    Ok(list(connection, Some(&[id])).await?.pop())
}

/// Puts everything that may change as it shall be.
pub(crate) async fn update(
    connection: &mut PgConnection,
    department: &Department,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.department
         SET title = $2, parent_id = $3, head_id = $4, supervising_leader_id = $5, revision = $6
         WHERE id = $1",
        department.id,
        department.title,
        department.parent,
        department.head,
        department.supervising_leader,
        department.revision,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Says who heads and who oversees a department.
pub(crate) async fn set_leaders(
    connection: &mut PgConnection,
    id: Uuid,
    head: Option<Uuid>,
    supervising_leader: Option<Uuid>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.department SET head_id = $2, supervising_leader_id = $3, revision = revision + 1 WHERE id = $1",
        id,
        head,
        supervising_leader,
    )
    .execute(connection)
    .await?;
    Ok(())
}
