//! The company's rules after the sale, in versions: added, and never changed (IH-6).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::order::{AfterSalesDefinition, AfterSalesVersion};
use kefu_service::{error::Fault, time::to_proto};
use prost::Message;
use sqlx::PgConnection;

use crate::domain::case::rules::shipped;

/// All versions, oldest first, the one that is shipped before them.
pub(crate) async fn all(connection: &mut PgConnection) -> Result<Vec<AfterSalesVersion>, Fault> {
    let rows = sqlx::query!(
        "SELECT number, effective_at, withdrawn, author, recorded_at, reason, definition
         FROM orders.after_sales_version ORDER BY number"
    )
    .fetch_all(connection)
    .await?;
    let mut versions = vec![AfterSalesVersion {
        definition: Some(shipped()),
        ..AfterSalesVersion::default()
    }];
    for row in rows {
        let definition = AfterSalesDefinition::decode(row.definition.as_slice())
            .map_err(|_| Fault::internal("rules that are not of the contracts"))?;
        versions.push(AfterSalesVersion {
            number: row.number,
            definition: Some(definition),
            effective_time: Some(to_proto(row.effective_at.to_jiff())),
            withdrawn: row.withdrawn,
            author: row.author,
            record_time: Some(to_proto(row.recorded_at.to_jiff())),
            reason: row.reason,
        });
    }
    Ok(versions)
}

/// Lets nobody else add a version until the transaction ends; the number of the last one.
pub(crate) async fn lock(connection: &mut PgConnection) -> Result<i32, Fault> {
    sqlx::query!("LOCK TABLE orders.after_sales_version IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut *connection)
        .await?;
    let last = sqlx::query_scalar!("SELECT max(number) FROM orders.after_sales_version")
        .fetch_one(connection)
        .await?;
    Ok(last.unwrap_or_default())
}

/// A version about to be added.
pub(crate) struct NewVersion<'a> {
    pub(crate) number: i32,
    pub(crate) definition: &'a AfterSalesDefinition,
    pub(crate) effective_at: Timestamp,
    pub(crate) author: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) now: Timestamp,
}

/// Adds a version in the place of those that were to come into force then or later.
pub(crate) async fn add(connection: &mut PgConnection, new: &NewVersion<'_>) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.after_sales_version SET withdrawn = true WHERE effective_at >= $1 AND effective_at > $2",
        new.effective_at.to_sqlx() as _,
        new.now.to_sqlx() as _
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO orders.after_sales_version (number, effective_at, author, recorded_at, reason, definition)
         VALUES ($1, $2, $3, $4, $5, $6)",
        new.number,
        new.effective_at.to_sqlx() as _,
        new.author,
        new.now.to_sqlx() as _,
        new.reason,
        new.definition.encode_to_vec()
    )
    .execute(connection)
    .await?;
    Ok(())
}
