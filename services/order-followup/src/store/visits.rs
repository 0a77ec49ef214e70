//! Visits, in the database (OP-3.3, IH-3.2).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{DutySql, ScopeColumns};
use kefu_contracts::order::{Visit, VisitMethod, VisitOrigin, VisitState};
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

/// Collection of the resource names.
pub(crate) const VISITS: &str = "visits";

/// Under which every look at visits is taken.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "v.id, v.customer_id, v.state, v.origin, v.method, v.department_id, v.owner_id, v.due_at, v.plan_version,
              v.moves, v.visited_at, v.feedback_department_id, v.next_visit_id, v.closer_id, v.closer_is_system,
              v.sealed, v.revision, v.created_at, k.kek_id, k.wrapped",
    from: "orders.visit v JOIN orders.customer_key k ON k.customer_id = v.customer_id",
    id: "v.id",
    scope: ScopeColumns {
        department: Some("v.department_id"),
        owner: Some("v.owner_id"),
        customer: Some("v.customer_id"),
        // Whose the follow-up is does it; kind VISIT, state OPEN.
        duty: Some(DutySql {
            before: "EXISTS (SELECT FROM orders.follow_up d
                     WHERE d.subject = 'visits/' || v.id AND d.kind = 10 AND d.state = 1 AND d.assignee_id = ",
            after: ")",
        }),
        consent: None,
    },
    fields: &[
        FilterField::system("customer", "v.customer_id", FilterKind::Name("customers")),
        FilterField::system(
            "state",
            "v.state",
            FilterKind::Enum {
                prefix: "VISIT_STATE_",
                parse: |name| VisitState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "origin",
            "v.origin",
            FilterKind::Enum {
                prefix: "VISIT_ORIGIN_",
                parse: |name| VisitOrigin::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "method",
            "v.method",
            FilterKind::Enum {
                prefix: "VISIT_METHOD_",
                parse: |name| VisitMethod::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("department", "v.department_id", FilterKind::Name("departments")),
        FilterField::system("owner", "v.owner_id", FilterKind::Person),
        FilterField::system("due_time", "v.due_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A row as it was read, its classified fields still sealed.
pub(crate) struct StoredVisit {
    pub(crate) id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) department_id: Uuid,
    pub(crate) owner_id: Option<Uuid>,
    pub(crate) due_at: Timestamp,
    pub(crate) moves: i32,
    pub(crate) revision: i64,
    pub(crate) sealed: Vec<u8>,
    pub(crate) wrapped: WrappedKey,
    /// Rules of the call that let the row through.
    pub(crate) matched: i64,
    columns: Visit,
}

impl StoredVisit {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let time = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| at.to_jiff()))
        };
        let named = |column, collection| {
            let id = row.try_get::<Option<Uuid>, _>(column);
            id.map(|id| id.map(|id| name(collection, id)).unwrap_or_default())
        };
        let small = |column| row.try_get::<i16, _>(column).map(i32::from);
        let (id, customer_id) = (row.try_get("id")?, row.try_get("customer_id")?);
        let department_id = row.try_get("department_id")?;
        let due_at = time("due_at")?.unwrap_or_default();
        let (moves, revision) = (row.try_get("moves")?, row.try_get("revision")?);
        let closer: Option<Uuid> = row.try_get("closer_id")?;
        let closer_is_system = row.try_get("closer_is_system")?;
        Ok(Self {
            id,
            customer_id,
            department_id,
            owner_id: row.try_get("owner_id")?,
            due_at,
            moves,
            revision,
            sealed: row.try_get("sealed")?,
            wrapped: WrappedKey {
                kek_id: row.try_get("kek_id")?,
                bytes: row.try_get("wrapped")?,
            },
            matched: row.try_get("matched")?,
            columns: Visit {
                name: name(VISITS, id),
                customer: name("customers", customer_id),
                state: small("state")?,
                origin: small("origin")?,
                method: small("method")?,
                department: name("departments", department_id),
                owner: named("owner_id", "employees")?,
                due_time: Some(to_proto(due_at)),
                plan_version: row.try_get("plan_version")?,
                move_count: moves,
                visit_time: time("visited_at")?.map(to_proto),
                feedback_department: named("feedback_department_id", "departments")?,
                next_visit: named("next_visit_id", VISITS)?,
                closer: closer
                    .map(|id| subject_name(id, closer_is_system))
                    .unwrap_or_default(),
                etag: etag(revision),
                create_time: time("created_at")?.map(to_proto),
                ..Visit::default()
            },
        })
    }

    pub(crate) fn state(&self) -> VisitState {
        self.columns.state()
    }

    pub(crate) fn origin(&self) -> VisitOrigin {
        self.columns.origin()
    }

    pub(crate) fn method(&self) -> VisitMethod {
        self.columns.method()
    }

    /// The record: its columns with the opened fields.
    pub(crate) fn with_opened(&self, opened: Visit) -> Visit {
        Visit {
            reason: opened.reason,
            reached: opened.reached,
            result: opened.result,
            satisfaction: opened.satisfaction,
            needs: opened.needs,
            feedback: opened.feedback,
            ..self.columns.clone()
        }
    }
}

/// A visit about to be planned.
pub(crate) struct NewVisit<'a> {
    pub(crate) id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) origin: VisitOrigin,
    pub(crate) method: VisitMethod,
    pub(crate) department_id: Uuid,
    pub(crate) owner_id: Option<Uuid>,
    pub(crate) due_at: Timestamp,
    pub(crate) plan_version: i32,
    pub(crate) period_from: Option<Timestamp>,
    pub(crate) sealed: &'a [u8],
    pub(crate) now: Timestamp,
}

/// Plans one; `false` when there is, or was, one by this version for this period.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &NewVisit<'_>,
) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "INSERT INTO orders.visit
             (id, customer_id, state, origin, method, department_id, owner_id, due_at, plan_version, period_from,
              sealed, revision, created_at)
         VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11)
         ON CONFLICT (customer_id, plan_version, period_from) DO NOTHING",
        new.id,
        new.customer_id,
        new.origin as i16,
        new.method as i16,
        new.department_id,
        new.owner_id,
        new.due_at.to_sqlx() as _,
        new.plan_version,
        new.period_from.map(ToSqlx::to_sqlx) as _,
        new.sealed,
        new.now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// A visit as a step leaves it.
pub(crate) struct Change<'a> {
    pub(crate) id: Uuid,
    pub(crate) state: VisitState,
    pub(crate) method: VisitMethod,
    pub(crate) due_at: Timestamp,
    pub(crate) moves: i32,
    pub(crate) visited_at: Option<Timestamp>,
    pub(crate) feedback_department: Option<Uuid>,
    pub(crate) next_visit: Option<Uuid>,
    /// Who closed it, and whether that is a system.
    pub(crate) closer: Option<(Uuid, bool)>,
    pub(crate) sealed: &'a [u8],
}

/// Writes what a step makes of a locked one.
pub(crate) async fn update(
    connection: &mut PgConnection,
    change: &Change<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.visit
         SET state = $2, method = $3, due_at = $4, moves = $5, visited_at = $6, feedback_department_id = $7,
             next_visit_id = $8, closer_id = $9, closer_is_system = $10, sealed = $11, revision = revision + 1
         WHERE id = $1",
        change.id,
        change.state as i16,
        change.method as i16,
        change.due_at.to_sqlx() as _,
        change.moves,
        change.visited_at.map(ToSqlx::to_sqlx) as _,
        change.feedback_department,
        change.next_visit,
        change.closer.map(|(id, _)| id),
        change.closer.is_some_and(|(_, is_system)| is_system),
        change.sealed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One, whatever the scope, for whoever changes it next.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<StoredVisit>, Fault> {
    let mut query = all();
    query.push("v.id = ").push_bind(id).push(" FOR UPDATE OF v");
    let row = query.build().fetch_optional(connection).await?;
    row.as_ref().map(StoredVisit::read).transpose()
}

/// Those to a customer that are planned, locked, in one order for everybody.
pub(crate) async fn planned(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Vec<StoredVisit>, Fault> {
    let mut query = all();
    query
        .push("v.state = 1 AND v.customer_id = ")
        .push_bind(customer)
        .push(" ORDER BY v.id FOR UPDATE OF v");
    let rows = query.build().fetch_all(connection).await?;
    rows.iter().map(StoredVisit::read).collect()
}

/// Whether one to the customer is planned.
pub(crate) async fn is_planned(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM orders.visit WHERE customer_id = $1 AND state = 1 LIMIT 1",
        customer
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
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
    use kefu_contracts::order::{FollowUpKind, FollowUpState};

    use super::*;

    /// Clause CF-9.1: duty by a visit ends with its follow-up.
    #[test]
    fn duty_is_by_the_open_follow_up() {
        let kind = FollowUpKind::Visit as i32;
        let open = FollowUpState::Open as i32;
        let before = RECORD.scope.duty.unwrap().before;
        assert!(before.contains(&format!("d.kind = {kind} AND d.state = {open} ")));
    }
}
