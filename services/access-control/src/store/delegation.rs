//! Who acts for whom.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{DutySql, ScopeColumns};
use kefu_service::{
    call::Call,
    error::Fault,
    scope::{After, RecordSpec},
};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::domain::delegation::Delegation;

/// A delegation belongs to who made it; who acts by it has duty by it.
const SPEC: RecordSpec = RecordSpec {
    columns: "d.id, d.created_at",
    from: "access.delegation d
           JOIN access.employee p ON p.id = d.delegator_id
           JOIN access.employee s ON s.id = d.delegate_id",
    id: "d.id",
    scope: ScopeColumns {
        department: Some("p.department_id"),
        owner: Some("d.delegator_id"),
        customer: None,
        duty: Some(DutySql {
            before: "d.delegate_id = ",
            after: "",
        }),
        consent: None,
    },
    fields: &[],
    ..RecordSpec::PLAIN
};

/// A delegation with what the register keeps besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lent {
    pub(crate) delegation: Delegation,
    pub(crate) reason: String,
    /// When the first of the two leaves the company.
    pub(crate) left_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
}

/// One place of a page, and the rules that let it through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed {
    pub(crate) at: After,
    pub(crate) matched: i64,
}

/// One page within the call's scope, in the order they were made; one more than
/// `size` where there is a next page.
pub(crate) async fn page(
    connection: &mut PgConnection,
    call: &Call,
    unended: bool,
    after: Option<After>,
    size: usize,
) -> Result<Vec<Listed>, Fault> {
    let mut query = SPEC.select(call);
    if unended {
        query
            .push(" AND d.revoked_at IS NULL AND LEAST(d.ends_at, p.leaves_at, s.leaves_at) > ")
            .push_bind(call.now.to_sqlx());
    }
    if let Some(after) = after {
        query
            .push(" AND (d.created_at, d.id) > (")
            .push_bind(after.at.to_sqlx())
            .push(", ")
            .push_bind(after.id)
            .push(")");
    }
    query.push(format_args!(
        " ORDER BY d.created_at, d.id LIMIT {}",
        size + 1
    ));
    let rows = query.build().fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let at = row.try_get::<jiff_sqlx::Timestamp, _>(1)?.to_jiff();
            let id = row.try_get(0)?;
            Ok(Listed {
                at: After { at, id },
                matched: row.try_get(2)?,
            })
        })
        .collect()
}

/// Which delegations.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which<'a> {
    /// These.
    These(&'a [Uuid]),
    /// All that somebody made.
    Of(Uuid),
    /// All that count at a moment.
    Standing(Timestamp),
}

/// Delegations in the order they were made.
pub(crate) async fn list(
    connection: &mut PgConnection,
    which: Which<'_>,
) -> Result<Vec<Lent>, Fault> {
    let (ids, delegator, at) = match which {
        Which::These(ids) => (Some(ids), None, None),
        Which::Of(delegator) => (None, Some(delegator), None),
        Which::Standing(at) => (None, None, Some(at)),
    };
    let rows = sqlx::query!(
        r#"SELECT d.id, delegator_id, delegate_id, d.department_id, starts_at, ends_at, reason, revoked_at,
                  d.created_at, LEAST(p.leaves_at, s.leaves_at) AS left_at
           FROM access.delegation d
           JOIN access.employee p ON p.id = d.delegator_id
           JOIN access.employee s ON s.id = d.delegate_id
           WHERE CASE WHEN $1::uuid[] IS NOT NULL THEN d.id = ANY($1)
                      WHEN $2::uuid IS NOT NULL THEN delegator_id = $2
                      ELSE revoked_at IS NULL AND starts_at <= $3::timestamptz
                           AND LEAST(ends_at, p.leaves_at, s.leaves_at) > $3 END
           ORDER BY d.created_at, d.id"#,
        ids as Option<&[Uuid]>,
        delegator,
        at.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
    )
    .fetch_all(connection)
    .await?;
    let all = rows.into_iter().map(|row| Lent {
        delegation: Delegation {
            id: row.id,
            from: row.delegator_id,
            to: row.delegate_id,
            department: row.department_id,
            starts_at: row.starts_at.to_jiff(),
            ends_at: row.ends_at.to_jiff(),
            revoked_at: row.revoked_at.map(jiff_sqlx::Timestamp::to_jiff),
        },
        reason: row.reason,
        left_at: row.left_at.map(jiff_sqlx::Timestamp::to_jiff),
        created_at: row.created_at.to_jiff(),
    });
    Ok(all.collect())
}

/// All that count at a moment: begun, neither over nor taken back, and both people
/// still with the company.
pub(crate) async fn standing(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<Vec<Delegation>, Fault> {
    let lent = list(connection, Which::Standing(now)).await?;
    Ok(lent.into_iter().map(|one| one.delegation).collect())
}

/// The delegation of this id.
pub(crate) async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Lent>, Fault> {
    Ok(list(connection, Which::These(&[id])).await?.pop())
}

/// Makes one.
pub(crate) async fn insert(connection: &mut PgConnection, lent: &Lent) -> Result<(), Fault> {
    let delegation = &lent.delegation;
    sqlx::query!(
        "INSERT INTO access.delegation (id, delegator_id, delegate_id, department_id, starts_at, ends_at, reason, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        delegation.id,
        delegation.from,
        delegation.to,
        delegation.department,
        delegation.starts_at.to_sqlx(),
        delegation.ends_at.to_sqlx(),
        lent.reason,
        lent.created_at.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes one back.
pub(crate) async fn revoke(
    connection: &mut PgConnection,
    id: Uuid,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.delegation SET revoked_at = $2 WHERE id = $1",
        id,
        at.to_sqlx()
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
