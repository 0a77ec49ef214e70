//! Whose points are posted to another's account, whose part their file is (IH-2.2).

use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::customers;

/// An account that became part of another.
pub(crate) struct Merged {
    pub(crate) absorbed: Uuid,
    pub(crate) survivor: Uuid,
    /// What the absorbed one owed.
    pub(crate) owed: i64,
}

/// To whose account what is a customer's is posted: their own, or that of the file that theirs is
/// part of by now. None: one of them is destroyed. It stays so until the transaction ends.
pub(crate) async fn account_of(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Option<Uuid>, Fault> {
    if !customers::is_known(connection, customer).await? {
        return Ok(None);
    }
    let holder = holder(connection, customer).await?;
    let known = holder == customer || customers::is_known(connection, holder).await?;
    Ok(known.then_some(holder))
}

/// The same of a customer who is held.
pub(crate) async fn holder(connection: &mut PgConnection, customer: Uuid) -> Result<Uuid, Fault> {
    let holder = sqlx::query_scalar!(
        r#"WITH RECURSIVE up (id, depth) AS (
               SELECT $1::uuid, 0
               UNION ALL
               SELECT m.survivor_id, up.depth + 1 FROM orders.account_merge m JOIN up ON m.absorbed_id = up.id
           ) CYCLE id SET is_cycle USING path
           SELECT id AS "id!" FROM up WHERE NOT is_cycle ORDER BY depth DESC LIMIT 1"#,
        customer
    )
    .fetch_one(connection)
    .await?;
    Ok(holder)
}

/// Whether anything was ever posted to an account of this customer's own.
pub(crate) async fn has_account(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM orders.points_account WHERE customer_id = $1) AS "found!""#,
        customer
    )
    .fetch_one(connection)
    .await?;
    Ok(found)
}

/// Keeps that an account is part of another; `false` where it is already.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    merge: Uuid,
    merged: &Merged,
) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "INSERT INTO orders.account_merge (absorbed_id, survivor_id, merge_id, owed) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
        merged.absorbed,
        merged.survivor,
        merge,
        merged.owed
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Forgets a merge that was undone, and tells what it was.
pub(crate) async fn forget(
    connection: &mut PgConnection,
    merge: Uuid,
) -> Result<Option<Merged>, Fault> {
    let row = sqlx::query!(
        "DELETE FROM orders.account_merge WHERE merge_id = $1 RETURNING absorbed_id, survivor_id, owed",
        merge
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Merged {
        absorbed: row.absorbed_id,
        survivor: row.survivor_id,
        owed: row.owed,
    }))
}
