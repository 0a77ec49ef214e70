//! How long files are kept (CF-5.2).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    policy::DataClass,
    profile::{FileRetention, HoldStanding},
};
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
use crate::domain::retention::RetentionRules;

macro_rules! due {
    () => {
        "(c.retained_from AT TIME ZONE 'UTC' + make_interval(months => r.months)) AT TIME ZONE 'UTC'"
    };
}
macro_rules! standing {
    () => {
        "(CASE WHEN EXISTS (SELECT 1 FROM profile.hold_file f WHERE f.customer_id = c.id AND f.removed_at IS NULL)
               THEN 2 ELSE 1 END)::smallint"
    };
}

/// Under which every look at how long files are kept is taken: that of the file.
pub(crate) const RETENTIONS: RecordSpec = RecordSpec {
    columns: concat!(
        "c.id, c.file_number, c.department_id, c.retained_from, ",
        due!(),
        " AS due_at, ",
        standing!(),
        " AS standing"
    ),
    from: "profile.customer c JOIN profile.retention_rule r ON r.tier = c.tier AND c.state IN (2, 3, 4)",
    id: "c.id",
    scope: SCOPE,
    fields: &[
        FilterField::system("customer", "c.id", FilterKind::Name("customers")),
        FilterField::system(
            "department",
            "c.department_id",
            FilterKind::Name("departments"),
        ),
        FilterField::system("due_time", due!(), FilterKind::Time),
        FilterField {
            name: "standing",
            column: standing!(),
            kind: FilterKind::Enum {
                prefix: "HOLD_STANDING_",
                parse: |name| HoldStanding::from_str_name(name).map(Into::into),
            },
            class: DataClass::System,
        },
    ],
    ..RecordSpec::PLAIN
};

/// How long a file is kept, as it was read.
pub(crate) struct StoredRetention {
    pub(crate) id: Uuid,
    pub(crate) retained_from: Timestamp,
    /// Rules of the call that let the file through.
    pub(crate) matched: i64,
    pub(crate) message: FileRetention,
}

impl StoredRetention {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let at = |column| {
            let at = row.try_get::<jiff_sqlx::Timestamp, _>(column);
            at.map(|at| at.to_jiff())
        };
        let id = row.try_get("id")?;
        let retained_from = at("retained_from")?;
        let number: Option<String> = row.try_get("file_number")?;
        Ok(Self {
            id,
            retained_from,
            matched: row.try_get("matched")?,
            message: FileRetention {
                customer: name("customers", id),
                file_number: number.unwrap_or_default(),
                department: name("departments", row.try_get("department_id")?),
                clock_time: Some(time::to_proto(retained_from)),
                due_time: Some(time::to_proto(at("due_at")?)),
                standing: row.try_get::<i16, _>("standing")?.into(),
            },
        })
    }
}

/// Puts the schedule that counts from now on.
pub(crate) async fn put_rules(
    connection: &mut PgConnection,
    rules: &RetentionRules,
) -> Result<(), Fault> {
    let (tiers, months): (Vec<_>, Vec<_>) = rules
        .months()
        .into_iter()
        .map(|(tier, months)| (tier as i16, i32::from(months)))
        .unzip();
    sqlx::query!(
        "INSERT INTO profile.retention_rule AS r (tier, months) SELECT * FROM UNNEST($1::int2[], $2::int4[])
         ON CONFLICT (tier) DO UPDATE SET months = EXCLUDED.months WHERE r.months <> EXCLUDED.months",
        &tiers,
        &months
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// There was business with the customer; one row is written a day at most, and that of the
/// file that it is part of.
pub(crate) async fn business(
    connection: &mut PgConnection,
    customer: Uuid,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.customer SET last_business_on = ($2::timestamptz AT TIME ZONE 'UTC')::date
         WHERE (id = $1 OR id = (SELECT merged_into FROM profile.customer WHERE id = $1))
                       AND (last_business_on IS NULL
                            OR last_business_on < ($2::timestamptz AT TIME ZONE 'UTC')::date)",
        customer,
        at.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}
