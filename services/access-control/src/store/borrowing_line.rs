//! The register: what was handed out, and what became of it.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::access::{CopyCondition, CopyMedium};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::borrowing::{BorrowedCopy, ItemState, Line, Mark, Medium};

/// Lines of these borrowings, each with its borrowing.
pub(super) async fn list(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Line)>, Fault> {
    let rows = sqlx::query!(
        "SELECT approval_id, customer_id, medium, label, state, out_by, out_at, due_at, inspected_by, inspected_at, condition,
                note, lost_by, lost_at, follow_up, follow_up_by, follow_up_at
         FROM access.borrowing_line WHERE approval_id = ANY($1)
         ORDER BY approval_id, out_at, customer_id, medium, label_key",
        ids
    )
    .fetch_all(connection)
    .await?;
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let state = ItemState::parse(&row.state);
        let copy = BorrowedCopy {
            customer: row.customer_id,
            medium: CopyMedium::try_from(i32::from(row.medium)).unwrap_or_default(),
            label: row.label,
        };
        let condition = row.condition.map(i32::from);
        let line = Line {
            copy,
            state: state.ok_or_else(|| Fault::internal("state of a stored line"))?,
            out: (row.out_by, row.out_at.to_jiff()),
            due_at: row.due_at.to_jiff(),
            inspected: mark(row.inspected_by, row.inspected_at),
            condition: condition.and_then(|number| CopyCondition::try_from(number).ok()),
            note: row.note,
            lost: mark(row.lost_by, row.lost_at),
            follow_up: row.follow_up,
            followed_up: mark(row.follow_up_by, row.follow_up_at),
        };
        lines.push((row.approval_id, line));
    }
    Ok(lines)
}

fn mark(by: Option<Uuid>, at: Option<jiff_sqlx::Timestamp>) -> Option<Mark> {
    by.zip(at.map(jiff_sqlx::Timestamp::to_jiff))
}

fn halves(mark: Option<Mark>) -> (Option<Uuid>, Option<jiff_sqlx::Timestamp>) {
    let at = mark.map(|(_, at): (Uuid, Timestamp)| at.to_sqlx());
    (mark.map(|(by, _)| by), at)
}

/// Puts a line as it is.
pub(super) async fn put(connection: &mut PgConnection, id: Uuid, line: &Line) -> Result<(), Fault> {
    let (inspected_by, inspected_at) = halves(line.inspected);
    let (lost_by, lost_at) = halves(line.lost);
    let (follow_up_by, follow_up_at) = halves(line.followed_up);
    sqlx::query!(
        "INSERT INTO access.borrowing_line (approval_id, customer_id, medium, label, label_key, state, out_by, out_at,
                                            due_at, inspected_by, inspected_at, condition, note, lost_by, lost_at, follow_up,
                                            follow_up_by, follow_up_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         ON CONFLICT (approval_id, customer_id, medium, label_key) DO UPDATE
         SET state = EXCLUDED.state, due_at = EXCLUDED.due_at, inspected_by = EXCLUDED.inspected_by, inspected_at = EXCLUDED.inspected_at,
             condition = EXCLUDED.condition, note = EXCLUDED.note, lost_by = EXCLUDED.lost_by,
             lost_at = EXCLUDED.lost_at, follow_up = EXCLUDED.follow_up, follow_up_by = EXCLUDED.follow_up_by,
             follow_up_at = EXCLUDED.follow_up_at",
        id,
        line.copy.customer,
        line.copy.medium as i16,
        line.copy.label,
        line.copy.label_key(),
        line.state.as_str(),
        line.out.0,
        line.out.1.to_sqlx(),
        line.due_at.to_sqlx(),
        inspected_by,
        inspected_at,
        line.condition.map(|condition| condition as i16),
        line.note,
        lost_by,
        lost_at,
        line.follow_up,
        follow_up_by,
        follow_up_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Where else this copy on paper is out, or lost and not settled; there is one of it.
pub(crate) async fn elsewhere(
    connection: &mut PgConnection,
    copy: &BorrowedCopy,
) -> Result<Option<ItemState>, Fault> {
    if copy.medium != Medium::Physical {
        return Ok(None);
    }
    let state = sqlx::query_scalar!(
        "SELECT state FROM access.borrowing_line
         WHERE customer_id = $1 AND label_key = $2 AND medium = 1 AND state IN ('out', 'lost')",
        copy.customer,
        copy.label_key(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(state.as_deref().and_then(ItemState::parse))
}
