//! Versions of the rules of handling.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::ticket::{HandlingDefinition, HandlingVersion};
use kefu_service::{error::Fault, time};
use prost::Message;
use sqlx::PgConnection;

use crate::domain::handling::shipped;

/// All versions, oldest first, the one that is shipped before them. Whoever opens tickets compares their last number.
pub(crate) async fn versions(connection: &mut PgConnection) -> Result<Vec<HandlingVersion>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT number, effective_at AS "effective_at: jiff_sqlx::Timestamp", withdrawn, author,
                  recorded_at AS "recorded_at: jiff_sqlx::Timestamp", reason, definition
           FROM ticket.handling_version ORDER BY number"#
    )
    .fetch_all(connection)
    .await?;
    let mut versions = vec![HandlingVersion {
        definition: Some(shipped()),
        ..HandlingVersion::default()
    }];
    for row in rows {
        let definition = HandlingDefinition::decode(row.definition.as_slice())
            .map_err(|_| Fault::internal("rules that are not of the contracts"))?;
        versions.push(HandlingVersion {
            number: row.number,
            definition: Some(definition),
            effective_time: Some(time::to_proto(row.effective_at.to_jiff())),
            withdrawn: row.withdrawn,
            author: row.author,
            record_time: Some(time::to_proto(row.recorded_at.to_jiff())),
            reason: row.reason,
        });
    }
    Ok(versions)
}

/// Lets nobody else add a version until the transaction ends; the number of the last one.
pub(crate) async fn lock(connection: &mut PgConnection) -> Result<i32, Fault> {
    sqlx::query!("LOCK TABLE ticket.handling_version IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut *connection)
        .await?;
    let last = sqlx::query_scalar!("SELECT max(number) FROM ticket.handling_version")
        .fetch_one(connection)
        .await?;
    Ok(last.unwrap_or_default())
}

/// Adds a version in the place of those that were to come into force then or later.
pub(crate) async fn add_version(
    connection: &mut PgConnection,
    version: &HandlingVersion,
    effective_at: Timestamp,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.handling_version SET withdrawn = true WHERE effective_at >= $1 AND effective_at > $2",
        effective_at.to_sqlx() as _,
        now.to_sqlx() as _,
    )
    .execute(&mut *connection)
    .await?;
    let definition = version.definition.as_ref().map(Message::encode_to_vec);
    sqlx::query!(
        "INSERT INTO ticket.handling_version (number, effective_at, author, recorded_at, reason, definition)
         VALUES ($1, $2, $3, $4, $5, $6)",
        version.number,
        effective_at.to_sqlx() as _,
        version.author,
        now.to_sqlx() as _,
        version.reason,
        definition.unwrap_or_default(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
