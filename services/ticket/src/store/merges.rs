//! Which tickets are part of which.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::ticket::{TicketState, WaitingFor};
use kefu_service::{error::Fault, scope::RecordSpec};
use sqlx::PgConnection;
use uuid::Uuid;

use super::records;
use crate::domain::state::Standing;

/// Under which merges are undone: whoever merged a ticket owns that, whoever answers for its
/// department has it in their scope.
pub(crate) const UNDOING: RecordSpec = RecordSpec {
    from: "ticket.ticket t JOIN ticket.customer_key k ON k.customer_id = t.customer_id
           LEFT JOIN ticket.merge m ON m.source_id = t.id AND m.undone_at IS NULL",
    scope: ScopeColumns {
        owner: Some("m.merged_by"),
        duty: None,
        ..records::RECORD.scope
    },
    ..records::RECORD
};

/// A merge about to be written.
pub(crate) struct NewMerge {
    pub(crate) id: Uuid,
    pub(crate) source: Uuid,
    pub(crate) target: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) by: Uuid,
    pub(crate) at: Timestamp,
    /// Revisions that it makes.
    pub(crate) source_revision: i64,
    pub(crate) target_revision: i64,
    /// Where the source stood.
    pub(crate) stood: Standing,
    /// The customer waits for an answer to it.
    pub(crate) waited: bool,
}

/// A merge that stands.
pub(crate) struct Merge {
    pub(crate) id: Uuid,
    pub(crate) target: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) stood: Standing,
}

pub(crate) async fn insert(connection: &mut PgConnection, new: &NewMerge) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.merge (id, source_id, target_id, customer_id, merged_by, merged_at, source_revision,
                                   target_revision, from_state, waiting_for, waited)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        new.id,
        new.source,
        new.target,
        new.customer,
        new.by,
        new.at.to_sqlx() as _,
        new.source_revision,
        new.target_revision,
        new.stood.state as i16,
        new.stood.waiting_for as i16,
        new.waited
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The merge by which a ticket is part of another.
pub(crate) async fn standing(
    connection: &mut PgConnection,
    source: Uuid,
) -> Result<Option<Merge>, Fault> {
    let row = sqlx::query!(
        r#"SELECT id, target_id, merged_at AS "merged_at: jiff_sqlx::Timestamp", from_state, waiting_for
           FROM ticket.merge WHERE source_id = $1 AND undone_at IS NULL"#,
        source
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Merge {
        id: row.id,
        target: row.target_id,
        at: row.merged_at.to_jiff(),
        stood: Standing {
            state: TicketState::try_from(i32::from(row.from_state)).unwrap_or_default(),
            waiting_for: WaitingFor::try_from(i32::from(row.waiting_for)).unwrap_or_default(),
        },
    }))
}

/// Undoes a merge. The clocks that it ended are read anew, as if it had never been.
pub(crate) async fn undo(
    connection: &mut PgConnection,
    source: Uuid,
    merge: &Merge,
    revision: i64,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.merge SET undone_at = $2, undone_revision = $3 WHERE id = $1",
        merge.id,
        now.to_sqlx() as _,
        revision
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE ticket.clock SET stopped_at = NULL WHERE ticket_id = $1 AND stopped_at = $2",
        source,
        merge.at.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The ticket that one is part of in the end, where there is a chain.
pub(crate) async fn whole(
    connection: &mut PgConnection,
    source: Uuid,
) -> Result<Option<Uuid>, Fault> {
    let whole = sqlx::query_scalar!(
        r#"WITH RECURSIVE onward (id, step) AS (
               SELECT m.target_id, 1 FROM ticket.merge m WHERE m.source_id = $1 AND m.undone_at IS NULL
               UNION ALL
               SELECT m.target_id, o.step + 1
               FROM onward o JOIN ticket.merge m ON m.source_id = o.id AND m.undone_at IS NULL
           )
           SELECT id AS "id!" FROM onward ORDER BY step DESC LIMIT 1"#,
        source
    )
    .fetch_optional(connection)
    .await?;
    Ok(whole)
}

/// A ticket that is part of another.
pub(crate) struct Part {
    pub(crate) id: Uuid,
    pub(crate) received_at: Timestamp,
    /// As a whole; the customer's key is that of the other.
    pub(crate) sealed: Vec<u8>,
}

/// The tickets that are part of one as of a revision of it, those of these included.
pub(crate) async fn parts(
    connection: &mut PgConnection,
    ticket: Uuid,
    revision: i64,
) -> Result<Vec<Part>, Fault> {
    let rows = sqlx::query!(
        r#"WITH RECURSIVE part (id) AS (
               SELECT m.source_id FROM ticket.merge m
               WHERE m.target_id = $1 AND m.undone_at IS NULL AND m.target_revision <= $2
               UNION
               SELECT m.source_id FROM part p JOIN ticket.merge m ON m.target_id = p.id AND m.undone_at IS NULL
           )
           SELECT t.id, t.received_at AS "received_at: jiff_sqlx::Timestamp", t.sealed
           FROM part p JOIN ticket.ticket t ON t.id = p.id ORDER BY t.received_at, t.id"#,
        ticket,
        revision
    )
    .fetch_all(connection)
    .await?;
    let parts = rows.into_iter().map(|row| Part {
        id: row.id,
        received_at: row.received_at.to_jiff(),
        sealed: row.sealed,
    });
    Ok(parts.collect())
}
