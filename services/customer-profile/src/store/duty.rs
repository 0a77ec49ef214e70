//! Who has, and had, duty on which file (CF-9.1).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::profile::Duty;
use kefu_service::{
    error::Fault,
    fields::name,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time,
};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::records::SCOPE;

/// Under which every look at duties is taken: that of their file.
pub(crate) const DUTIES: RecordSpec =
    spec("profile.duty u JOIN profile.customer c ON c.id = u.customer_id AND c.state IN (2, 3, 4)");
/// Those that stand.
pub(crate) const STANDING: RecordSpec = spec(
    "profile.duty u JOIN profile.customer c ON c.id = u.customer_id AND c.state IN (2, 3, 4) AND u.ended_at IS NULL",
);

const fn spec(from: &'static str) -> RecordSpec {
    RecordSpec {
        columns: "u.id, u.customer_id, u.subject_id, u.resource, u.started_at, u.ended_at",
        from,
        id: "u.id",
        scope: SCOPE,
        fields: FIELDS,
        ..RecordSpec::PLAIN
    }
}

const FIELDS: &[FilterField] = &[
    FilterField::system("customer", "u.customer_id", FilterKind::Name("customers")),
    FilterField::system("employee", "u.subject_id", FilterKind::Name("employees")),
    FilterField::system("resource", "u.resource", FilterKind::Text),
    FilterField::system("start_time", "u.started_at", FilterKind::Time),
];

/// A duty as it was read.
pub(crate) struct StoredDuty {
    pub(crate) id: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) started_at: Timestamp,
    pub(crate) duty: Duty,
    /// Rules of the call that let the file through.
    pub(crate) matched: i64,
}

impl StoredDuty {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let customer = row.try_get("customer_id")?;
        let started_at = row.try_get::<jiff_sqlx::Timestamp, _>("started_at")?;
        let started_at = started_at.to_jiff();
        let ended_at: Option<jiff_sqlx::Timestamp> = row.try_get("ended_at")?;
        Ok(Self {
            id: row.try_get("id")?,
            customer,
            started_at,
            duty: Duty {
                customer: name("customers", customer),
                employee: name("employees", row.try_get("subject_id")?),
                resource: row.try_get("resource")?,
                start_time: Some(time::to_proto(started_at)),
                end_time: ended_at.map(|at| time::to_proto(at.to_jiff())),
            },
            matched: row.try_get("matched")?,
        })
    }
}

/// Says who has duty by this resource from then on; `None`: nobody. A new duty gets this id.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    id: Uuid,
    resource: &str,
    customer: Uuid,
    subject: Option<Uuid>,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.duty SET ended_at = greatest(started_at, $4)
         WHERE resource = $1 AND ended_at IS NULL
               AND (COALESCE(origin_id, customer_id), subject_id) IS DISTINCT FROM ($2, $3)",
        resource,
        customer,
        subject,
        at.to_sqlx() as _,
    )
    .execute(&mut *connection)
    .await?;
    if let Some(subject) = subject {
        sqlx::query!(
            "INSERT INTO profile.duty (id, customer_id, subject_id, resource, started_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
            id,
            customer,
            subject,
            resource,
            at.to_sqlx() as _,
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}
