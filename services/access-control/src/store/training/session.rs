//! Sessions of courses.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::access::TrainingSessionState;
use kefu_service::{
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Listing, Stored, number};
use crate::domain::{
    register::EMPLOYEES,
    training::{COURSES, Session},
};

/// A session is the company's, and its trainer's.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "s.id, s.begins_at",
    from: "access.training_session s",
    id: "s.id",
    scope: ScopeColumns {
        department: None,
        owner: Some("s.trainer_id"),
        customer: None,
        duty: None,
        consent: None,
    },
    fields: &[
        FilterField::system("course", "s.course_id", FilterKind::Name(COURSES)),
        FilterField::system("trainer", "s.trainer_id", FilterKind::Name(EMPLOYEES)),
        FilterField::system(
            "state",
            "s.state",
            FilterKind::Enum {
                prefix: "TRAINING_SESSION_STATE_",
                parse: |name| TrainingSessionState::from_str_name(name).map(i32::from),
            },
        ),
        FilterField::system("begin_time", "s.begins_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A session, and how many are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seated {
    pub(crate) session: Session,
    /// With a seat.
    pub(crate) enrolled: i32,
    pub(crate) waiting: i32,
}

impl Stored for Seated {
    fn id(&self) -> Uuid {
        self.session.id
    }

    fn list<'c>(connection: &'c mut PgConnection, ids: &'c [Uuid]) -> Listing<'c, Self> {
        Box::pin(list(connection, ids))
    }
}

async fn list(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Seated>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT id, course_id, course_revision, trainer_id, begins_at, ends_at, place, seats, state, cancel_reason,
                  (SELECT count(*) FROM access.enrolment n WHERE n.session_id = s.id AND n.state BETWEEN 2 AND 5)
                      AS "enrolled!",
                  (SELECT count(*) FROM access.enrolment n WHERE n.session_id = s.id AND n.state = 1) AS "waiting!"
           FROM access.training_session s WHERE id = ANY($1)"#,
        ids
    )
    .fetch_all(connection)
    .await?;
    let whole = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    let sessions = rows.into_iter().map(|row| Seated {
        session: Session {
            id: row.id,
            course: row.course_id,
            course_revision: row.course_revision,
            trainer: row.trainer_id,
            begins_at: row.begins_at.to_jiff(),
            ends_at: row.ends_at.to_jiff(),
            place: row.place,
            seats: row.seats,
            state: TrainingSessionState::try_from(i32::from(row.state)).unwrap_or_default(),
            cancel_reason: row.cancel_reason,
        },
        enrolled: whole(row.enrolled),
        waiting: whole(row.waiting),
    });
    Ok(sessions.collect())
}

/// Plans one.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    session: &Session,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.training_session
             (id, course_id, course_revision, trainer_id, begins_at, ends_at, place, seats, state, cancel_reason,
              created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        session.id,
        session.course,
        session.course_revision,
        session.trainer,
        session.begins_at.to_sqlx(),
        session.ends_at.to_sqlx(),
        session.place,
        session.seats,
        number(session.state),
        session.cancel_reason,
        at.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts where it stands.
pub(crate) async fn update(connection: &mut PgConnection, session: &Session) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.training_session SET state = $2, cancel_reason = $3 WHERE id = $1",
        session.id,
        number(session.state),
        session.cancel_reason,
    )
    .execute(connection)
    .await?;
    Ok(())
}
