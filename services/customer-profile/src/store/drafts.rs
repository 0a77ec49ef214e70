//! Drafts whose time limit went by (CF-3.2).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

/// A draft that is overdue.
pub(crate) struct Overdue {
    pub(crate) id: Uuid,
    pub(crate) intake_channel: i16,
    pub(crate) department_id: Uuid,
    pub(crate) entry_due_at: Timestamp,
    pub(crate) revision: i64,
}

/// The drafts that became overdue and of which that was not noted yet; it is now. At most
/// a hundred at once.
pub(crate) async fn note_overdue(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<Vec<Overdue>, Fault> {
    // DRAFT, as the index of these has it.
    let rows = sqlx::query!(
        r#"UPDATE profile.customer SET overdue_noted = true
           WHERE id IN (SELECT id FROM profile.customer
                        WHERE state = 1 AND NOT overdue_noted AND entry_due_at < $1
                        ORDER BY entry_due_at LIMIT 100 FOR UPDATE SKIP LOCKED)
           RETURNING id, intake_channel, department_id, entry_due_at AS "entry_due_at!", revision"#,
        now.to_sqlx() as _
    )
    .fetch_all(connection)
    .await?;
    let overdue = rows.into_iter().map(|row| Overdue {
        id: row.id,
        intake_channel: row.intake_channel,
        department_id: row.department_id,
        entry_due_at: row.entry_due_at.to_jiff(),
        revision: row.revision,
    });
    Ok(overdue.collect())
}

/// A draft that was given up.
pub(crate) struct Withdrawn {
    pub(crate) id: Uuid,
    pub(crate) intake_channel: i16,
    pub(crate) department_id: Uuid,
    pub(crate) revision: i64,
}

/// Drafts that were withdrawn by then and that no hold keeps, locked; at most a hundred at
/// once.
pub(crate) async fn withdrawn(
    connection: &mut PgConnection,
    by: Timestamp,
) -> Result<Vec<Withdrawn>, Fault> {
    // WITHDRAWN, as the index of these has it.
    let drafts = sqlx::query_as!(
        Withdrawn,
        "SELECT id, intake_channel, department_id, revision FROM profile.customer c
         WHERE state = 5 AND updated_at <= $1
           AND NOT EXISTS (SELECT 1 FROM profile.hold_file f WHERE f.customer_id = c.id AND f.removed_at IS NULL)
         ORDER BY updated_at, id LIMIT 100 FOR UPDATE SKIP LOCKED",
        by.to_sqlx() as _
    )
    .fetch_all(connection)
    .await?;
    Ok(drafts)
}
