//! How far the facts are true.

use jiff_sqlx::ToSqlx;
use kefu_contracts::{analytics::SourceFreshness, journal::Entry};
use kefu_service::{error::Fault, time};
use sqlx::PgConnection;

/// Notes that these entries of a journal have been taken in, in the transaction
/// that does so.
pub(crate) async fn report(
    connection: &mut PgConnection,
    source: &str,
    entries: &[Entry],
) -> Result<(), Fault> {
    let recorded = entries
        .iter()
        .filter_map(|entry| entry.recorded_at.as_ref().and_then(time::from_proto));
    let Some(last) = recorded.max() else {
        return Ok(());
    };
    sqlx::query!(
        "INSERT INTO analytics.source_freshness AS known (source, recorded_at) VALUES ($1, $2)
         ON CONFLICT (source) DO UPDATE SET recorded_at = greatest(known.recorded_at, EXCLUDED.recorded_at)",
        source,
        last.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How far each journal has been taken in. The time is that of the last entry: a
/// journal in which nothing happens is at least as fresh as it says.
pub(crate) async fn read(
    connection: &mut PgConnection,
    sources: &[String],
) -> Result<Vec<SourceFreshness>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT asked.source AS "source!", coalesce(c.position, 0) AS "position!", f.recorded_at AS "recorded_at?"
           FROM unnest($1::text[]) WITH ORDINALITY AS asked (source, number)
           LEFT JOIN analytics.consumer_cursor c ON c.source = asked.source
           LEFT JOIN analytics.source_freshness f ON f.source = asked.source
           ORDER BY asked.number"#,
        sources
    )
    .fetch_all(connection)
    .await?;
    let freshness = rows.into_iter().map(|row| SourceFreshness {
        source: row.source,
        position: row.position,
        caught_up_time: row.recorded_at.map(|at| time::to_proto(at.to_jiff())),
    });
    Ok(freshness.collect())
}
