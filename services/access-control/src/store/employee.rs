//! Employees and system accounts.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_service::{
    call::Call,
    error::Fault,
    filter::Filter,
    scope::{After, Order, RecordSpec},
};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::domain::register::Employee;

const SPEC: RecordSpec = RecordSpec {
    columns: "e.id, e.created_at",
    from: "access.employee e",
    id: "e.id",
    scope: ScopeColumns {
        department: Some("e.department_id"),
        owner: Some("e.id"),
        customer: None,
        duty: None,
        consent: None,
    },
    fields: &[],
    ..RecordSpec::PLAIN
};

const ORDER: Order = Order {
    column: "e.created_at",
    descending: false,
};

/// One place of a page: who, entered when, let through by which rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed {
    pub(crate) at: After,
    pub(crate) matched: i64,
}

/// One page within the call's scope, in the order they were entered; one more
/// than `size` where there is a next page.
pub(crate) async fn page(
    connection: &mut PgConnection,
    call: &Call,
    after: Option<After>,
    size: usize,
) -> Result<Vec<Listed>, Fault> {
    let mut query = SPEC.page(call, &Filter::default(), ORDER, after, (size, false));
    let rows = query.build().fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let at = row.try_get::<jiff_sqlx::Timestamp, _>(1)?.to_jiff();
            Ok(Listed {
                at: After {
                    at,
                    id: row.try_get(0)?,
                },
                matched: row.try_get(2)?,
            })
        })
        .collect()
}

/// All, or only these; in the order they were entered.
pub(crate) async fn list(
    connection: &mut PgConnection,
    only: Option<&[Uuid]>,
) -> Result<Vec<Employee>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, login, title, department_id, system_account, agreement_valid_until, training_valid_until,
                joins_at, leaves_at, responsible_id, revision
         FROM access.employee
         WHERE $1::uuid[] IS NULL OR id = ANY($1)
         ORDER BY created_at, id",
        only as Option<&[Uuid]>
    )
    .fetch_all(connection)
    .await?;
    let employees = rows.into_iter().map(|row| Employee {
        id: row.id,
        login: row.login,
        title: row.title,
        department: row.department_id,
        system_account: row.system_account,
        agreement_valid_until: row.agreement_valid_until.map(jiff_sqlx::Timestamp::to_jiff),
        training_valid_until: row.training_valid_until.map(jiff_sqlx::Timestamp::to_jiff),
        joins_at: row.joins_at.map(jiff_sqlx::Timestamp::to_jiff),
        leaves_at: row.leaves_at.map(jiff_sqlx::Timestamp::to_jiff),
        responsible: row.responsible_id,
        revision: row.revision,
    });
    Ok(employees.collect())
}

/// The employee or system account of this id.
pub(crate) async fn get(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Employee>, Fault> {
    Ok(list(connection, Some(&[id])).await?.pop())
}

/// Whose login this is.
pub(crate) async fn find_login(
    connection: &mut PgConnection,
    login: &str,
) -> Result<Option<Uuid>, Fault> {
    Ok(
        sqlx::query_scalar!("SELECT id FROM access.employee WHERE login = $1", login)
            .fetch_optional(connection)
            .await?,
    )
}

/// Adds somebody.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    employee: &Employee,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.employee (id, login, title, department_id, system_account, agreement_valid_until,
                                      training_valid_until, joins_at, leaves_at, responsible_id, revision,
                                      created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        employee.id,
        employee.login,
        employee.title,
        employee.department,
        employee.system_account,
        employee.agreement_valid_until.map(ToSqlx::to_sqlx),
        employee.training_valid_until.map(ToSqlx::to_sqlx),
        employee.joins_at.map(ToSqlx::to_sqlx),
        employee.leaves_at.map(ToSqlx::to_sqlx),
        employee.responsible,
        employee.revision,
        at.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts everything that may change as it shall be.
pub(crate) async fn update(
    connection: &mut PgConnection,
    employee: &Employee,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.employee
         SET title = $2, department_id = $3, agreement_valid_until = $4, training_valid_until = $5,
             joins_at = $6, leaves_at = $7, responsible_id = $8, revision = $9
         WHERE id = $1",
        employee.id,
        employee.title,
        employee.department,
        employee.agreement_valid_until.map(ToSqlx::to_sqlx),
        employee.training_valid_until.map(ToSqlx::to_sqlx),
        employee.joins_at.map(ToSqlx::to_sqlx),
        employee.leaves_at.map(ToSqlx::to_sqlx),
        employee.responsible,
        employee.revision,
    )
    .execute(connection)
    .await?;
    Ok(())
}
