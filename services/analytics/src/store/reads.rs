//! How often something was shown, and for what purpose.

use jiff_sqlx::{Timestamp, ToSqlx};
use kefu_service::error::Fault;
use sqlx::PgConnection;

use super::column;
use crate::domain::reads::Tally;

/// Adds what a stretch of a journal says, in the transaction that moves the place in it.
pub(crate) async fn add(
    connection: &mut PgConnection,
    generation: i32,
    source: &str,
    tallies: &[Tally],
) -> Result<(), Fault> {
    if tallies.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO analytics.read_count AS known (generation, source, at, purpose, personal, refused, count)
         SELECT $1, $2, at, purpose, personal, refused, count
         FROM unnest($3::timestamptz[], $4::int2[], $5::bool[], $6::bool[], $7::int8[])
              AS told (at, purpose, personal, refused, count)
         ON CONFLICT (generation, source, at, purpose, personal, refused)
         DO UPDATE SET count = known.count + EXCLUDED.count",
        generation,
        source,
        &column(tallies, |tally| tally.at.to_sqlx()) as &[Timestamp],
        &column(tallies, |tally| tally.purpose),
        &column(tallies, |tally| tally.personal),
        &column(tallies, |tally| tally.refused),
        &column(tallies, |tally| tally.count),
    )
    .execute(connection)
    .await?;
    Ok(())
}
