//! Whose files are that became part of others: kept with the merge of each, so that who asks looks for nothing more.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::column;
use crate::domain::merges::survivor;

/// Keeps it of all merges that stand in a generation: one that came or went may be between others.
pub(crate) async fn follow(connection: &mut PgConnection, generation: i32) -> Result<(), Fault> {
    let rows = sqlx::query!(
        r#"SELECT id, at AS "at: jiff_sqlx::Timestamp", subject_id AS "survivor!", customer_id
           FROM analytics.fact WHERE generation = $1 AND kind = 11 AND merged AND subject_id IS NOT NULL"#,
        generation,
    )
    .fetch_all(&mut *connection)
    .await?;
    let merges: BTreeMap<Uuid, Uuid> = rows.iter().map(|row| (row.id, row.survivor)).collect();
    let others = rows.into_iter().filter_map(|row| {
        let whose = survivor(&merges, row.id);
        let other = row.customer_id != Some(whose);
        other.then(|| (row.id, row.at.to_jiff(), whose))
    });
    let others: Vec<(Uuid, Timestamp, Uuid)> = others.collect();
    if others.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE analytics.fact f SET customer_id = told.whose
         FROM unnest($2::uuid[], $3::timestamptz[], $4::uuid[]) AS told (id, at, whose)
         WHERE f.generation = $1 AND f.kind = 11 AND f.at = told.at AND f.id = told.id AND f.part = 0",
        generation,
        &column(&others, |(id, ..)| *id),
        &column(&others, |(_, at, _)| at.to_sqlx()) as &[SqlTimestamp],
        &column(&others, |(.., whose)| *whose),
    )
    .execute(connection)
    .await?;
    Ok(())
}
