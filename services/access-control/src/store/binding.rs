//! Who holds which role.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_service::{call::Call, error::Fault, scope::RecordSpec};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::domain::binding::Binding;

/// A binding is within reach when its holder is.
const SPEC: RecordSpec = RecordSpec {
    columns: "b.id, e.system_account",
    from: "access.binding b JOIN access.employee e ON e.id = b.subject_id",
    id: "b.id",
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

/// A binding within reach: whether its holder is a system account, and the rules
/// that let it through.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) id: Uuid,
    pub(crate) system_account: bool,
    pub(crate) matched: i64,
}

/// Bindings within the call's scope that count or will count, of everybody or of
/// one subject.
pub(crate) async fn within(
    connection: &mut PgConnection,
    call: &Call,
    subject: Option<Uuid>,
) -> Result<Vec<Listed>, Fault> {
    let mut query = SPEC.select(call);
    query.push(" AND b.revoked_at IS NULL AND (b.ends_at IS NULL OR b.ends_at > ");
    query.push_bind(call.now.to_sqlx()).push(")");
    if let Some(subject) = subject {
        query.push(" AND b.subject_id = ").push_bind(subject);
    }
    query.push(" ORDER BY b.created_at, b.id");
    let rows = query.build().fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(Listed {
                id: row.try_get(0)?,
                system_account: row.try_get(1)?,
                matched: row.try_get(2)?,
            })
        })
        .collect()
}

/// Which bindings.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which<'a> {
    /// All that were not revoked.
    Unrevoked,
    /// These, revoked or not.
    These(&'a [Uuid]),
    /// All of one subject, revoked or not.
    Of(Uuid),
}

/// Bindings in the order they were given.
pub(crate) async fn list(
    connection: &mut PgConnection,
    which: Which<'_>,
) -> Result<Vec<Binding>, Fault> {
    let (ids, subject) = match which {
        Which::Unrevoked => (None, None),
        Which::These(ids) => (Some(ids), None),
        Which::Of(subject) => (None, Some(subject)),
    };
    let rows = sqlx::query!(
        "SELECT id, subject_id, role_id, department_ids, starts_at, ends_at, revoked_at
         FROM access.binding
         WHERE CASE WHEN $1::uuid[] IS NOT NULL THEN id = ANY($1)
                    WHEN $2::uuid IS NOT NULL THEN subject_id = $2
                    ELSE revoked_at IS NULL END
         ORDER BY created_at, id",
        ids as Option<&[Uuid]>,
        subject,
    )
    .fetch_all(connection)
    .await?;
    let bindings = rows.into_iter().map(|row| Binding {
        id: row.id,
        subject: row.subject_id,
        role: row.role_id,
        departments: row.department_ids,
        starts_at: row.starts_at.to_jiff(),
        ends_at: row.ends_at.map(jiff_sqlx::Timestamp::to_jiff),
        revoked_at: row.revoked_at.map(jiff_sqlx::Timestamp::to_jiff),
    });
    Ok(bindings.collect())
}

/// The binding of this id.
pub(crate) async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Binding>, Fault> {
    Ok(list(connection, Which::These(&[id])).await?.pop())
}

/// Gives a role.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    binding: &Binding,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.binding (id, subject_id, role_id, department_ids, starts_at, ends_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        binding.id,
        binding.subject,
        binding.role,
        &binding.departments,
        binding.starts_at.to_sqlx(),
        binding.ends_at.map(ToSqlx::to_sqlx),
        at.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes a role away.
pub(crate) async fn revoke(
    connection: &mut PgConnection,
    id: Uuid,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.binding SET revoked_at = $2 WHERE id = $1",
        id,
        at.to_sqlx()
    )
    .execute(connection)
    .await?;
    Ok(())
}
