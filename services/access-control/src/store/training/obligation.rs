//! Who has to take what.

use jiff_sqlx::ToSqlx;
use kefu_contracts::access::{
    TrainingObligationCause as Cause, TrainingObligationEnd as End,
    TrainingObligationState as State,
};
use kefu_service::{
    call::Call,
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{Listing, OF_EMPLOYEE, Stored, number};
use crate::domain::{
    register::{DEPARTMENTS, EMPLOYEES},
    training::{COURSES, obligation::Obligation},
};

/// An obligation is of whoever has it.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "o.id, o.due_at",
    from: "access.training_obligation o JOIN access.employee e ON e.id = o.employee_id",
    id: "o.id",
    scope: OF_EMPLOYEE,
    fields: &[
        FilterField::system("employee", "o.employee_id", FilterKind::Name(EMPLOYEES)),
        FilterField::system(
            "department",
            "e.department_id",
            FilterKind::Name(DEPARTMENTS),
        ),
        FilterField::system("course", "o.course_id", FilterKind::Name(COURSES)),
        FilterField::system(
            "cause",
            "o.cause",
            FilterKind::Enum {
                prefix: "TRAINING_OBLIGATION_CAUSE_",
                parse: |name| Cause::from_str_name(name).map(i32::from),
            },
        ),
        FilterField::system(
            "state",
            "o.state",
            FilterKind::Enum {
                prefix: "TRAINING_OBLIGATION_STATE_",
                parse: |name| State::from_str_name(name).map(i32::from),
            },
        ),
        FilterField::system("due_time", "o.due_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// Those that are neither met nor ended.
const OPEN: RecordSpec = RecordSpec {
    only: "o.state IN (1, 2)",
    fields: &[],
    ..RECORD
};

impl Stored for Obligation {
    fn id(&self) -> Uuid {
        self.id
    }

    fn list<'c>(connection: &'c mut PgConnection, ids: &'c [Uuid]) -> Listing<'c, Self> {
        Box::pin(find(connection, Some(ids), None))
    }
}

/// All that are open.
pub(crate) async fn open(connection: &mut PgConnection) -> Result<Vec<Obligation>, Fault> {
    find(connection, None, None).await
}

/// What somebody still has to take of a course.
pub(crate) async fn open_of(
    connection: &mut PgConnection,
    course: Uuid,
    employee: Uuid,
) -> Result<Option<Obligation>, Fault> {
    Ok(find(connection, None, Some((course, employee)))
        .await?
        .pop())
}

async fn find(
    connection: &mut PgConnection,
    ids: Option<&[Uuid]>,
    of: Option<(Uuid, Uuid)>,
) -> Result<Vec<Obligation>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, employee_id, course_id, cause, state, arose_at, due_at, settled_at, ended_by, result_id
         FROM access.training_obligation
         WHERE CASE WHEN $1::uuid[] IS NOT NULL THEN id = ANY($1)
                    WHEN $2::uuid IS NOT NULL THEN state IN (1, 2) AND course_id = $2 AND employee_id = $3
                    ELSE state IN (1, 2) END
         ORDER BY due_at, id",
        ids as Option<&[Uuid]>,
        of.map(|(course, _)| course),
        of.map(|(_, employee)| employee),
    )
    .fetch_all(connection)
    .await?;
    let obligations = rows.into_iter().map(|row| Obligation {
        id: row.id,
        employee: row.employee_id,
        course: row.course_id,
        cause: Cause::try_from(i32::from(row.cause)).unwrap_or_default(),
        state: State::try_from(i32::from(row.state)).unwrap_or_default(),
        arose_at: row.arose_at.to_jiff(),
        due_at: row.due_at.to_jiff(),
        settled_at: row.settled_at.map(jiff_sqlx::Timestamp::to_jiff),
        end: End::try_from(i32::from(row.ended_by)).unwrap_or_default(),
        result: row.result_id,
    });
    Ok(obligations.collect())
}

/// Keeps one, or puts it as it now is.
pub(crate) async fn put(
    connection: &mut PgConnection,
    obligation: &Obligation,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.training_obligation
             (id, employee_id, course_id, cause, state, arose_at, due_at, settled_at, ended_by, result_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (id) DO UPDATE
         SET cause = EXCLUDED.cause, state = EXCLUDED.state, due_at = EXCLUDED.due_at,
             settled_at = EXCLUDED.settled_at, ended_by = EXCLUDED.ended_by, result_id = EXCLUDED.result_id",
        obligation.id,
        obligation.employee,
        obligation.course,
        number(obligation.cause),
        number(obligation.state),
        obligation.arose_at.to_sqlx(),
        obligation.due_at.to_sqlx(),
        obligation.settled_at.map(ToSqlx::to_sqlx),
        number(obligation.end),
        obligation.result,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many people of a department have to take a course.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) department: Option<Uuid>,
    pub(crate) course: Uuid,
    pub(crate) due: i64,
    pub(crate) overdue: i64,
}

/// Open obligations within the call's scope, by department and course.
pub(crate) async fn count(connection: &mut PgConnection, call: &Call) -> Result<Vec<Count>, Fault> {
    let figures = "e.department_id, o.course_id, count(*) FILTER (WHERE o.state = 1), count(*) FILTER (WHERE o.state = 2)";
    let mut query = OPEN.figures(call, figures, "e.department_id, o.course_id");
    let rows = query.build().fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(Count {
                department: row.try_get(0)?,
                course: row.try_get(1)?,
                due: row.try_get(2)?,
                overdue: row.try_get(3)?,
            })
        })
        .collect()
}
