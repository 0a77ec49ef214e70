//! What was changed of a record, from the rows before and after.

use jiff::Timestamp;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::changes::Record;
use crate::domain::history::UNTOLD;

/// One change of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) revision: i64,
    pub(crate) at: Timestamp,
    /// Who, and whether that is a system account; nobody where the suite did it.
    pub(crate) actor: Option<(Uuid, bool)>,
    /// Column, and its value before and after.
    pub(crate) columns: Vec<(String, Option<String>, Option<String>)>,
}

/// Changes of a record after a revision, the first first.
pub(crate) async fn of(
    connection: &mut PgConnection,
    record: &Record,
    after: i64,
    most: i64,
) -> Result<Vec<Changed>, Fault> {
    let untold = UNTOLD.map(str::to_owned);
    let rows = sqlx::query!(
        r#"SELECT c.revision, c.recorded_at, c.actor_id, COALESCE(e.system_account, FALSE) AS "machine!",
                  told.columns AS "columns!", told.befores AS "befores!: Vec<Option<String>>",
                  told.afters AS "afters!: Vec<Option<String>>"
           FROM access.policy_change c
           LEFT JOIN access.employee e ON e.id = c.actor_id
           CROSS JOIN LATERAL (
               SELECT COALESCE(array_agg(k ORDER BY k), '{}') AS columns,
                      COALESCE(array_agg(c.before->>k ORDER BY k), '{}') AS befores,
                      COALESCE(array_agg(c.after->>k ORDER BY k), '{}') AS afters
               FROM jsonb_object_keys(COALESCE(c.before, '{}') || c.after) k
               WHERE c.before->>k IS DISTINCT FROM c.after->>k AND k <> ALL($5)
           ) told
           WHERE c.kind = $1 AND c.key = $2 AND c.revision > $3
           ORDER BY c.revision
           LIMIT $4"#,
        record.kind(),
        record.key(),
        after,
        most,
        &untold[..],
    )
    .fetch_all(connection)
    .await?;
    let changes = rows.into_iter().map(|row| Changed {
        revision: row.revision,
        at: row.recorded_at.to_jiff(),
        actor: row.actor_id.map(|id| (id, row.machine)),
        columns: row
            .columns
            .into_iter()
            .zip(row.befores.into_iter().zip(row.afters))
            .map(|(column, (before, after))| (column, before, after))
            .collect(),
    });
    Ok(changes.collect())
}
