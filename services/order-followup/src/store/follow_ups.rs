//! What is to be done for customers, in the database (OP-3.3, OP-3.4).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{DutySql, ScopeColumns};
use kefu_contracts::order::{FollowUp, FollowUpKind, FollowUpState};
use kefu_service::{
    error::Fault,
    fields::{etag, name, subject_name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use kefu_vault::WrappedKey;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use crate::domain::follow_up::Standing;

/// Collection of the resource names.
pub(crate) const FOLLOW_UPS: &str = "follow-ups";

/// Under which every look at follow-ups is taken.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "f.id, f.kind, f.state, f.customer_id, f.subject, f.department_id, f.assignee_id, f.due_at,
              f.postponements, f.escalation, f.sealed, f.closer_id, f.closer_is_system, f.closed_at, f.revision,
              f.created_at, k.kek_id, k.wrapped",
    from: "orders.follow_up f JOIN orders.customer_key k ON k.customer_id = f.customer_id",
    id: "f.id",
    scope: ScopeColumns {
        department: Some("f.department_id"),
        owner: Some("f.assignee_id"),
        customer: Some("f.customer_id"),
        // Whose it is has duty until it is closed (CF-9.1).
        duty: Some(DutySql {
            before: "f.state = 1 AND COALESCE(f.assignee_id = ",
            after: ", FALSE)",
        }),
        consent: None,
    },
    fields: &[
        FilterField::system("customer", "f.customer_id", FilterKind::Name("customers")),
        FilterField::system(
            "kind",
            "f.kind",
            FilterKind::Enum {
                prefix: "FOLLOW_UP_KIND_",
                parse: |name| FollowUpKind::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "state",
            "f.state",
            FilterKind::Enum {
                prefix: "FOLLOW_UP_STATE_",
                parse: |name| FollowUpState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("subject", "f.subject", FilterKind::Text),
        FilterField::system("department", "f.department_id", FilterKind::Name("departments")),
        FilterField::system("assignee", "f.assignee_id", FilterKind::Person),
        FilterField::system("due_time", "f.due_at", FilterKind::Time),
        FilterField::system("escalation", "f.escalation", FilterKind::Number),
    ],
    ..RecordSpec::PLAIN
};

/// A row as it was read, its classified fields still sealed.
pub(crate) struct StoredFollowUp {
    pub(crate) id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) department_id: Uuid,
    pub(crate) standing: Standing,
    pub(crate) postponements: i16,
    pub(crate) escalation: i16,
    pub(crate) revision: i64,
    pub(crate) sealed: Vec<u8>,
    pub(crate) wrapped: WrappedKey,
    /// Rules of the call that let the row through.
    pub(crate) matched: i64,
    columns: FollowUp,
}

impl StoredFollowUp {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let time = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| at.to_jiff()))
        };
        let (id, customer_id) = (row.try_get("id")?, row.try_get("customer_id")?);
        let department_id = row.try_get("department_id")?;
        let assignee: Option<Uuid> = row.try_get("assignee_id")?;
        let closer: Option<Uuid> = row.try_get("closer_id")?;
        let closer_is_system = row.try_get("closer_is_system")?;
        let due_at = time("due_at")?.unwrap_or_default();
        let (postponements, escalation) =
            (row.try_get("postponements")?, row.try_get("escalation")?);
        let revision = row.try_get("revision")?;
        let columns = FollowUp {
            name: name(FOLLOW_UPS, id),
            customer: name("customers", customer_id),
            kind: row.try_get::<i16, _>("kind")?.into(),
            state: row.try_get::<i16, _>("state")?.into(),
            subject: row.try_get("subject")?,
            department: name("departments", department_id),
            assignee: assignee.map(|id| name("employees", id)).unwrap_or_default(),
            due_time: Some(to_proto(due_at)),
            postponements: i16::into(postponements),
            escalation: i16::into(escalation),
            closer: closer
                .map(|id| subject_name(id, closer_is_system))
                .unwrap_or_default(),
            close_time: time("closed_at")?.map(to_proto),
            etag: etag(revision),
            create_time: time("created_at")?.map(to_proto),
            ..FollowUp::default()
        };
        Ok(Self {
            id,
            customer_id,
            department_id,
            standing: Standing {
                kind: columns.kind(),
                state: columns.state(),
                assignee,
                due_at,
            },
            postponements,
            escalation,
            revision,
            sealed: row.try_get("sealed")?,
            wrapped: WrappedKey {
                kek_id: row.try_get("kek_id")?,
                bytes: row.try_get("wrapped")?,
            },
            matched: row.try_get("matched")?,
            columns,
        })
    }

    pub(crate) fn subject(&self) -> &str {
        &self.columns.subject
    }

    /// The record: its columns with the opened fields.
    pub(crate) fn with_opened(&self, opened: FollowUp) -> FollowUp {
        FollowUp {
            reason: opened.reason,
            outcome: opened.outcome,
            ..self.columns.clone()
        }
    }
}

/// A follow-up about to be written.
pub(crate) struct NewRow<'a> {
    pub(crate) id: Uuid,
    pub(crate) cause: &'a str,
    pub(crate) customer_id: Uuid,
    pub(crate) subject: &'a str,
    pub(crate) department_id: Uuid,
    /// Open, of this kind, whose and due when.
    pub(crate) standing: Standing,
    pub(crate) escalates_at: Option<Timestamp>,
    pub(crate) sealed: &'a [u8],
    pub(crate) now: Timestamp,
}

/// Writes one; `false` when there is, or was, one for the same cause.
pub(crate) async fn insert(connection: &mut PgConnection, new: &NewRow<'_>) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "INSERT INTO orders.follow_up
             (id, cause, kind, state, customer_id, subject, department_id, assignee_id, due_at, escalates_at, sealed,
              revision, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12)
         ON CONFLICT (cause) DO NOTHING",
        new.id,
        new.cause,
        new.standing.kind as i16,
        new.standing.state as i16,
        new.customer_id,
        new.subject,
        new.department_id,
        new.standing.assignee,
        new.standing.due_at.to_sqlx() as _,
        new.escalates_at.map(ToSqlx::to_sqlx) as _,
        new.sealed,
        new.now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// A follow-up as a step leaves it.
pub(crate) struct Change<'a> {
    pub(crate) id: Uuid,
    pub(crate) standing: Standing,
    pub(crate) postponements: i16,
    pub(crate) escalation: i16,
    pub(crate) escalates_at: Option<Timestamp>,
    pub(crate) sealed: &'a [u8],
    /// Who closed it, and whether that is a system; of one that is closed.
    pub(crate) closer: Option<(Uuid, bool)>,
    pub(crate) now: Timestamp,
}

/// Writes what a step makes of a locked one.
pub(crate) async fn update(
    connection: &mut PgConnection,
    change: &Change<'_>,
) -> Result<(), Fault> {
    let closed_at = (change.standing.state != FollowUpState::Open).then(|| change.now.to_sqlx());
    sqlx::query!(
        "UPDATE orders.follow_up
         SET state = $2, assignee_id = $3, due_at = $4, postponements = $5, escalation = $6, escalates_at = $7,
             sealed = $8, closer_id = $9, closer_is_system = $10, closed_at = $11, revision = revision + 1
         WHERE id = $1",
        change.id,
        change.standing.state as i16,
        change.standing.assignee,
        change.standing.due_at.to_sqlx() as _,
        change.postponements,
        change.escalation,
        change.escalates_at.map(ToSqlx::to_sqlx) as _,
        change.sealed,
        change.closer.map(|(id, _)| id),
        change.closer.is_some_and(|(_, is_system)| is_system),
        closed_at as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One, whatever the scope, for whoever changes it next.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<StoredFollowUp>, Fault> {
    let mut query = all();
    query.push("f.id = ").push_bind(id).push(" FOR UPDATE OF f");
    let row = query.build().fetch_optional(connection).await?;
    row.as_ref().map(StoredFollowUp::read).transpose()
}

/// Those of a kind about this that are open, locked, in one order for everybody.
pub(crate) async fn open_about(
    connection: &mut PgConnection,
    subject: &str,
    kind: FollowUpKind,
) -> Result<Vec<StoredFollowUp>, Fault> {
    let mut query = all();
    query
        .push("f.state = 1 AND f.subject = ")
        .push_bind(subject.to_owned())
        .push(" AND f.kind = ")
        .push_bind(kind as i16)
        .push(" ORDER BY f.id FOR UPDATE OF f");
    let rows = query.build().fetch_all(connection).await?;
    rows.iter().map(StoredFollowUp::read).collect()
}

/// Those that are missed by their next step, for whoever notes it; those that somebody
/// changes are left out.
pub(crate) async fn missed(
    connection: &mut PgConnection,
    now: Timestamp,
    most: i64,
) -> Result<Vec<StoredFollowUp>, Fault> {
    let mut query = all();
    query
        .push("f.escalates_at <= ")
        .push_bind(now.to_sqlx())
        .push(" ORDER BY f.escalates_at LIMIT ")
        .push_bind(most)
        .push(" FOR UPDATE OF f SKIP LOCKED");
    let rows = query.build().fetch_all(connection).await?;
    rows.iter().map(StoredFollowUp::read).collect()
}

/// Notes that one has been missed by so much, and when the next step is.
pub(crate) async fn escalate(
    connection: &mut PgConnection,
    id: Uuid,
    level: i16,
    next: Option<Timestamp>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.follow_up SET escalation = $2, escalates_at = $3, revision = revision + 1 WHERE id = $1",
        id,
        level,
        next.map(ToSqlx::to_sqlx) as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn all() -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT ");
    query
        .push(RECORD.columns)
        .push(", 0::int8 AS matched FROM ")
        .push(RECORD.from)
        .push(" WHERE ");
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clause CF-9.1: duty by a follow-up ends with it.
    #[test]
    fn there_is_no_duty_by_a_closed_one() {
        let open = format!("f.state = {} ", FollowUpState::Open as i32);
        assert!(RECORD.scope.duty.unwrap().before.starts_with(&open));
    }

    /// The fields that the contract promises for filters (ListFollowUpsRequest.filter).
    #[test]
    fn every_promised_filter_is_there() {
        let names: Vec<_> = RECORD.fields.iter().map(|field| field.name).collect();
        let promised = [
            "customer",
            "kind",
            "state",
            "subject",
            "department",
            "assignee",
            "due_time",
            "escalation",
        ];
        assert_eq!(names, promised);
    }
}
