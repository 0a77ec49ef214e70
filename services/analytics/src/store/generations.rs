//! Each time that all facts are counted from the journals.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;

use super::days;

/// Stands in the name of the place of a generation that is being counted: `ticket#7`.
const MARK: char = '#';

/// Under which name the place in a journal is kept up to which a generation is counted.
pub(crate) fn place(source: &str, generation: i32) -> String {
    format!("{source}{MARK}{generation}")
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Generation {
    pub(crate) number: i32,
    /// Answered from, now or before.
    pub(crate) live_at: Option<Timestamp>,
    pub(crate) asked_at: Timestamp,
    /// Another one has taken its place.
    pub(crate) retired: bool,
}

/// The one that is answered from.
pub(crate) async fn live(connection: &mut PgConnection) -> Result<i32, Fault> {
    let live = sqlx::query_scalar!("SELECT number FROM analytics.generation WHERE state = 2")
        .fetch_one(connection)
        .await?;
    Ok(live)
}

/// The one that is answered from, which stays so until the transaction ends.
pub(crate) async fn hold_live(connection: &mut PgConnection) -> Result<i32, Fault> {
    let live =
        sqlx::query_scalar!("SELECT number FROM analytics.generation WHERE state = 2 FOR SHARE")
            .fetch_one(connection)
            .await?;
    Ok(live)
}

/// Whether this one is being counted, which stays so until the transaction ends.
pub(crate) async fn hold_building(
    connection: &mut PgConnection,
    number: i32,
) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!(
        "SELECT number FROM analytics.generation WHERE state = 1 AND number = $1 FOR SHARE",
        number
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// The one that is being counted.
pub(crate) async fn building(connection: &mut PgConnection) -> Result<Option<i32>, Fault> {
    let found = sqlx::query_scalar!("SELECT number FROM analytics.generation WHERE state = 1")
        .fetch_optional(connection)
        .await?;
    Ok(found)
}

/// Begins another one; the one that is under way, where there is one, which is then not begun.
pub(crate) async fn begin(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<(i32, bool), Fault> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('kefu figures: rebuild'))")
        .execute(&mut *connection)
        .await?;
    if let Some(under_way) = building(connection).await? {
        return Ok((under_way, false));
    }
    let begun = sqlx::query_scalar!(
        r#"SELECT analytics.begin_generation($1) AS "number!""#,
        now.to_sqlx() as _
    )
    .fetch_one(connection)
    .await?;
    Ok((begun, true))
}

/// This one, or the newest.
pub(crate) async fn find(
    connection: &mut PgConnection,
    number: Option<i32>,
) -> Result<Option<Generation>, Fault> {
    let row = sqlx::query!(
        r#"SELECT number, state, asked_at AS "asked_at: jiff_sqlx::Timestamp",
                  live_at AS "live_at: jiff_sqlx::Timestamp"
           FROM analytics.generation WHERE $1::int4 IS NULL OR number = $1 ORDER BY number DESC LIMIT 1"#,
        number
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Generation {
        number: row.number,
        live_at: row.live_at.map(|at| at.to_jiff()),
        asked_at: row.asked_at.to_jiff(),
        retired: row.state == 3,
    }))
}

/// Up to where each journal is counted in what is answered from and, where it is under way, in
/// this generation.
pub(crate) async fn places(
    connection: &mut PgConnection,
    sources: &[String],
    generation: i32,
) -> Result<Vec<(String, i64, i64)>, Fault> {
    let counted: Vec<String> = sources.iter().map(|one| place(one, generation)).collect();
    let rows = sqlx::query!(
        r#"SELECT asked.source AS "source!", coalesce(l.position, 0) AS "live!", coalesce(c.position, 0) AS "counted!"
           FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (source, counted, number)
           LEFT JOIN analytics.consumer_cursor l ON l.source = asked.source
           LEFT JOIN analytics.consumer_cursor c ON c.source = asked.counted
           ORDER BY asked.number"#,
        sources,
        &counted,
    )
    .fetch_all(connection)
    .await?;
    let places = rows
        .into_iter()
        .map(|row| (row.source, row.live, row.counted));
    Ok(places.collect())
}

/// Keeps what is answered from where it stands in the journals until the transaction ends;
/// whether this generation is being counted.
pub(crate) async fn hold_places(
    connection: &mut PgConnection,
    sources: &[String],
    generation: i32,
) -> Result<bool, Fault> {
    // The order of whoever reads a journal: its place first, then the generation.
    sqlx::query!(
        "SELECT source FROM analytics.consumer_cursor WHERE source = ANY($1) ORDER BY source FOR UPDATE",
        sources,
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(building(connection).await? == Some(generation))
}

/// Answers from this generation from now on, if it has come as far in every journal as what is
/// answered from, which is [held](hold_places): nobody's own writes go away again. What reads the
/// journals goes on from where the generation stands.
pub(crate) async fn switch(
    connection: &mut PgConnection,
    sources: &[String],
    generation: i32,
    now: Timestamp,
) -> Result<bool, Fault> {
    let counted: Vec<String> = sources.iter().map(|one| place(one, generation)).collect();
    let rows = sqlx::query!(
        "SELECT source, transaction_id, position FROM analytics.consumer_cursor
         WHERE source = ANY($1) OR source = ANY($2) ORDER BY source FOR UPDATE",
        sources,
        &counted,
    )
    .fetch_all(&mut *connection)
    .await?;
    let of = |name: &str| {
        let found = rows.iter().find(|row| row.source == name);
        found.map(|row| (row.transaction_id, row.position))
    };
    let as_far =
        |(source, counted): (&String, &String)| of(counted) >= of(source).max(Some((0, 0)));
    if !sources.iter().zip(&counted).all(as_far) {
        return Ok(false);
    }
    let under_way = sqlx::query!(
        "UPDATE analytics.generation SET state = 3, retired_at = $2
         WHERE state = 2 AND EXISTS (SELECT FROM analytics.generation WHERE number = $1 AND state = 1)",
        generation,
        now.to_sqlx() as _,
    )
    .execute(&mut *connection)
    .await?;
    if under_way.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "UPDATE analytics.generation SET state = 2, live_at = $2 WHERE number = $1 AND state = 1",
        generation,
        now.to_sqlx() as _,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE analytics.consumer_cursor live
         SET transaction_id = counted.transaction_id, position = counted.position
         FROM analytics.consumer_cursor counted, unnest($1::text[], $2::text[]) AS both_of (source, counted)
         WHERE live.source = both_of.source AND counted.source = both_of.counted",
        sources,
        &counted,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM analytics.consumer_cursor WHERE source = ANY($1)",
        &counted,
    )
    .execute(connection)
    .await?;
    Ok(true)
}

/// Generations that nobody answers from since before this moment, and that are not cleared away.
pub(crate) async fn to_clear(
    connection: &mut PgConnection,
    before: Timestamp,
) -> Result<Vec<i32>, Fault> {
    let old = sqlx::query_scalar!(
        "SELECT number FROM analytics.generation
         WHERE state = 3 AND cleared_at IS NULL AND retired_at <= $1 ORDER BY number",
        before.to_sqlx() as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(old)
}

/// Clears some of it away; whether there is more.
pub(crate) async fn clear(
    connection: &mut PgConnection,
    generation: i32,
    most: i32,
    now: Timestamp,
) -> Result<bool, Fault> {
    let more = sqlx::query_scalar!(
        r#"SELECT analytics.clear_generation($1, $2) AS "more!""#,
        generation,
        most,
    )
    .fetch_one(&mut *connection)
    .await?;
    if !more {
        sqlx::query!(
            "DELETE FROM analytics.read_count WHERE generation = $1",
            generation
        )
        .execute(&mut *connection)
        .await?;
        days::clear(connection, generation).await?;
        // Whoever was just counting it when it was done may have noted a place once more.
        sqlx::query!(
            "DELETE FROM analytics.consumer_cursor WHERE source LIKE '%' || $1",
            place("", generation)
        )
        .execute(&mut *connection)
        .await?;
        sqlx::query!(
            "UPDATE analytics.generation SET cleared_at = $2 WHERE number = $1",
            generation,
            now.to_sqlx() as _,
        )
        .execute(connection)
        .await?;
    }
    Ok(more)
}
