//! Who is in which session.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::access::EnrolmentState;
use kefu_service::{
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Listing, OF_EMPLOYEE, Stored, number};
use crate::domain::{
    register::EMPLOYEES,
    training::{Enrolment, SESSIONS},
};

/// An enrolment is of whoever is enrolled.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "n.id, n.enrolled_at",
    from: "access.enrolment n JOIN access.employee e ON e.id = n.employee_id",
    id: "n.id",
    scope: OF_EMPLOYEE,
    fields: &[
        FilterField::system("session", "n.session_id", FilterKind::Name(SESSIONS)),
        FilterField::system("employee", "n.employee_id", FilterKind::Name(EMPLOYEES)),
        FilterField::system(
            "state",
            "n.state",
            FilterKind::Enum {
                prefix: "ENROLMENT_STATE_",
                parse: |name| EnrolmentState::from_str_name(name).map(i32::from),
            },
        ),
        FilterField::system("enrol_time", "n.enrolled_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

impl Stored for Enrolment {
    fn id(&self) -> Uuid {
        self.id
    }

    fn list<'c>(connection: &'c mut PgConnection, ids: &'c [Uuid]) -> Listing<'c, Self> {
        Box::pin(find(connection, Some(ids), None))
    }
}

/// All that were ever in a session, who came first first.
pub(crate) async fn of_session(
    connection: &mut PgConnection,
    session: Uuid,
) -> Result<Vec<Enrolment>, Fault> {
    find(connection, None, Some(session)).await
}

async fn find(
    connection: &mut PgConnection,
    ids: Option<&[Uuid]>,
    session: Option<Uuid>,
) -> Result<Vec<Enrolment>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, session_id, employee_id, state, enrolled_by, enrolled_at, reason, recorded_by
         FROM access.enrolment
         WHERE id = ANY($1) OR session_id = $2
         ORDER BY enrolled_at, id",
        ids as Option<&[Uuid]>,
        session,
    )
    .fetch_all(connection)
    .await?;
    let enrolments = rows.into_iter().map(|row| Enrolment {
        id: row.id,
        session: row.session_id,
        employee: row.employee_id,
        state: EnrolmentState::try_from(i32::from(row.state)).unwrap_or_default(),
        by: row.enrolled_by,
        at: row.enrolled_at.to_jiff(),
        reason: row.reason,
        recorder: row.recorded_by,
    });
    Ok(enrolments.collect())
}

/// Enrols somebody.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    enrolment: &Enrolment,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.enrolment (id, session_id, employee_id, state, enrolled_by, enrolled_at, reason)
         VALUES ($1, $2, $3, $4, $5, $6, '')",
        enrolment.id,
        enrolment.session,
        enrolment.employee,
        number(enrolment.state),
        enrolment.by,
        enrolment.at.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts where it stands.
pub(crate) async fn update(
    connection: &mut PgConnection,
    enrolment: &Enrolment,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.enrolment SET state = $2, reason = $3, recorded_by = $4 WHERE id = $1",
        enrolment.id,
        number(enrolment.state),
        enrolment.reason,
        enrolment.recorder,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Who has left and still is in a session that is open.
pub(crate) async fn of_departed(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<Vec<Uuid>, Fault> {
    Ok(sqlx::query_scalar!(
        "SELECT n.id FROM access.enrolment n
         JOIN access.training_session s ON s.id = n.session_id
         JOIN access.employee e ON e.id = n.employee_id
         WHERE s.state = 1 AND n.state IN (1, 2) AND e.leaves_at <= $1
         ORDER BY n.enrolled_at, n.id",
        now.to_sqlx(),
    )
    .fetch_all(connection)
    .await?)
}
