//! How good files are, and which to measure (CF-7.3).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    ClassSet,
    profile::{DepartmentQuality, FileQuality},
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

use super::{due::TO_MEASURE, records::SCOPE};
use crate::domain::change;

const COLUMNS: &str =
    "c.id, c.file_number, c.department_id, c.owner_id, q.completeness, q.validity, q.freshness,
     q.overall, q.missing_fields, q.invalid_fields, q.revision, q.measured_at, q.confirmed_at,
     q.reviewed_at, q.review_due_at";

/// Under which one file is looked at, measured or not.
pub(crate) const FILE_QUALITY: RecordSpec = RecordSpec {
    columns: COLUMNS,
    from: "profile.customer c LEFT JOIN profile.quality q ON q.customer_id = c.id",
    only: "c.state IN (2, 3, 4)",
    id: "c.id",
    scope: SCOPE,
    ..RecordSpec::PLAIN
};

/// Under which every look at measured files is taken: that of the file.
pub(crate) const QUALITIES: RecordSpec = RecordSpec {
    columns: COLUMNS,
    from: "profile.quality q JOIN profile.customer c ON c.id = q.customer_id AND c.state IN (2, 3, 4)",
    id: "c.id",
    scope: SCOPE,
    fields: &[
        FilterField::system("customer", "c.id", FilterKind::Name("customers")),
        FilterField::system(
            "department",
            "c.department_id",
            FilterKind::Name("departments"),
        ),
        FilterField::system("owner", "c.owner_id", FilterKind::Name("employees")),
        FilterField::system("overall", "q.overall", FilterKind::Number),
        FilterField::system("completeness", "q.completeness", FilterKind::Number),
        FilterField::system("validity", "q.validity", FilterKind::Number),
        FilterField::system("freshness", "q.freshness", FilterKind::Number),
        FilterField::system("review_due_time", "q.review_due_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// Figures of measured files; whether a review is due is told by the moment that is asked for.
pub(crate) fn figures(now: Timestamp) -> String {
    format!(
        "c.department_id, count(*) AS files, floor(avg(q.overall))::int AS overall,
         floor(avg(q.completeness))::int AS completeness, floor(avg(q.validity))::int AS validity,
         floor(avg(q.freshness))::int AS freshness,
         count(*) FILTER (WHERE q.review_due_at <= '{now}') AS due,
         count(*) FILTER (WHERE q.review_due_at > '{now}' AND q.reviewed_at IS NOT NULL) AS reviewed"
    )
}

/// The figures of a department, as they were counted.
pub(crate) fn read_figures(row: &PgRow) -> Result<(Uuid, DepartmentQuality), Fault> {
    let department = row.try_get("department_id")?;
    Ok((
        department,
        DepartmentQuality {
            department: name("departments", department),
            file_count: row.try_get("files")?,
            overall: row.try_get("overall")?,
            completeness: row.try_get("completeness")?,
            validity: row.try_get("validity")?,
            freshness: row.try_get("freshness")?,
            review_due_count: row.try_get("due")?,
            reviewed_count: row.try_get("reviewed")?,
            ..DepartmentQuality::default()
        },
    ))
}

/// How good a file is, as it was read.
pub(crate) struct StoredQuality {
    pub(crate) id: Uuid,
    pub(crate) confirmed_at: Timestamp,
    /// Rules of the call that let the file through.
    pub(crate) matched: i64,
    message: FileQuality,
}

impl StoredQuality {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let id = row.try_get("id")?;
        let at = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(jiff_sqlx::Timestamp::to_jiff))
        };
        let score = |column| {
            row.try_get::<Option<i16>, _>(column)
                .map(|one| one.map(i32::from))
        };
        let paths = |column| {
            row.try_get::<Option<Vec<String>>, _>(column)
                .map(Option::unwrap_or_default)
        };
        let number: Option<String> = row.try_get("file_number")?;
        let owner: Option<Uuid> = row.try_get("owner_id")?;
        let confirmed_at = at("confirmed_at")?;
        Ok(Self {
            id,
            confirmed_at: confirmed_at.unwrap_or_default(),
            matched: row.try_get("matched")?,
            message: FileQuality {
                customer: name("customers", id),
                file_number: number.unwrap_or_default(),
                department: name("departments", row.try_get("department_id")?),
                owner: owner.map(|id| name("employees", id)).unwrap_or_default(),
                overall: score("overall")?,
                completeness: score("completeness")?,
                validity: score("validity")?,
                freshness: score("freshness")?,
                uniqueness: None,
                missing_fields: paths("missing_fields")?,
                invalid_fields: paths("invalid_fields")?,
                customer_revision: row
                    .try_get::<Option<i64>, _>("revision")?
                    .unwrap_or_default(),
                measure_time: at("measured_at")?.map(time::to_proto),
                confirm_time: confirmed_at.map(time::to_proto),
                review_time: at("reviewed_at")?.map(time::to_proto),
                review_due_time: at("review_due_at")?.map(time::to_proto),
            },
        })
    }

    /// The record, without fields of classes that are not cleared.
    pub(crate) fn cleared(mut self, classes: ClassSet) -> FileQuality {
        let seen = |path: &String| change::class(path).is_some_and(|class| classes.contains(class));
        self.message.missing_fields.retain(seen);
        self.message.invalid_fields.retain(seen);
        self.message
    }
}

/// A file about to be measured.
pub(crate) struct Measurable {
    pub(crate) kind: i16,
    pub(crate) tier: i16,
    pub(crate) owner: Option<Uuid>,
    pub(crate) sealed: Vec<u8>,
    pub(crate) revision: i64,
    pub(crate) entered_at: Timestamp,
    /// When a person last changed it, or approved of it.
    pub(crate) changed_at: Option<Timestamp>,
    /// When the customer last confirmed it.
    pub(crate) confirmed_at: Option<Timestamp>,
    /// When it was last gone through.
    pub(crate) reviewed_at: Option<Timestamp>,
    /// Checks that failed and still say something: id and what was found, sealed.
    pub(crate) failed: Vec<(Uuid, Vec<u8>)>,
}

/// Whether a file is to be measured now, and then everything that it takes. It is locked until
/// the transaction ends, and off the list.
pub(crate) async fn take(
    connection: &mut PgConnection,
    customer: Uuid,
    now: Timestamp,
) -> Result<Option<Measurable>, Fault> {
    // The file first: whoever changes it holds it before its place on the list.
    let file = sqlx::query!(
        r#"SELECT type, tier, owner_id, sealed, revision, COALESCE(entered_at, created_at) AS "entered_at!"
           FROM profile.customer WHERE id = $1 AND state IN (2, 3, 4) FOR NO KEY UPDATE"#,
        customer
    )
    .fetch_optional(&mut *connection)
    .await?;
    let due = TO_MEASURE.take(connection, customer, now).await?;
    let Some(file) = file.filter(|_| due) else {
        return Ok(None);
    };
    // Acts: entered, changed, submitted, approved, restored.
    let last = sqlx::query!(
        r#"SELECT (SELECT max(recorded_at) FROM profile.revision
                   WHERE customer_id = $1 AND actor_id IS NOT NULL AND NOT actor_is_system
                     AND act IN (1, 2, 3, 5, 7)) AS changed,
                  (SELECT max(checked_at) FROM profile.verification
                   WHERE customer_id = $1 AND kind = 4 AND outcome = 1) AS confirmed,
                  (SELECT max(reviewed_at) FROM profile.file_review WHERE customer_id = $1) AS reviewed"#,
        customer
    )
    .fetch_one(&mut *connection)
    .await?;
    let failed = sqlx::query!(
        "SELECT v.id, v.sealed FROM profile.standing_check s JOIN profile.verification v ON v.id = s.verification_id
         WHERE s.customer_id = $1 AND NOT s.stale AND v.outcome = 2 ORDER BY v.kind",
        customer
    )
    .fetch_all(connection)
    .await?;
    Ok(Some(Measurable {
        kind: file.r#type,
        tier: file.tier,
        owner: file.owner_id,
        sealed: file.sealed,
        revision: file.revision,
        entered_at: file.entered_at.to_jiff(),
        changed_at: last.changed.map(|at| at.to_jiff()),
        confirmed_at: last.confirmed.map(|at| at.to_jiff()),
        reviewed_at: last.reviewed.map(|at| at.to_jiff()),
        failed: failed.into_iter().map(|row| (row.id, row.sealed)).collect(),
    }))
}

/// A measurement.
pub(crate) struct NewQuality<'a> {
    pub(crate) completeness: Option<u8>,
    pub(crate) validity: Option<u8>,
    pub(crate) freshness: u8,
    pub(crate) missing: &'a [String],
    pub(crate) invalid: &'a [String],
    pub(crate) revision: i64,
    pub(crate) confirmed_at: Timestamp,
    pub(crate) reviewed_at: Option<Timestamp>,
    pub(crate) review_due_at: Timestamp,
    pub(crate) now: Timestamp,
}

/// Keeps a measurement, with the mean of it.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    customer: Uuid,
    new: &NewQuality<'_>,
    overall: Option<u8>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.quality
             (customer_id, completeness, validity, freshness, overall, missing_fields, invalid_fields, revision,
              measured_at, confirmed_at, reviewed_at, review_due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (customer_id) DO UPDATE
         SET completeness = excluded.completeness, validity = excluded.validity, freshness = excluded.freshness,
             overall = excluded.overall, missing_fields = excluded.missing_fields,
             invalid_fields = excluded.invalid_fields, revision = excluded.revision,
             measured_at = excluded.measured_at, confirmed_at = excluded.confirmed_at,
             reviewed_at = excluded.reviewed_at, review_due_at = excluded.review_due_at",
        customer,
        new.completeness.map(i16::from),
        new.validity.map(i16::from),
        i16::from(new.freshness),
        overall.map(i16::from),
        new.missing,
        new.invalid,
        new.revision,
        new.now.to_sqlx() as _,
        new.confirmed_at.to_sqlx() as _,
        new.reviewed_at.map(|at| at.to_sqlx()) as _,
        new.review_due_at.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Has every file measured, where it was last by other rules.
pub(crate) async fn begin(connection: &mut PgConnection, rules: &str) -> Result<(), Fault> {
    let others = sqlx::query!(
        "INSERT INTO profile.quality_rules AS r (one, rules) VALUES (true, $1)
         ON CONFLICT (one) DO UPDATE SET rules = excluded.rules WHERE r.rules <> excluded.rules",
        rules
    )
    .execute(&mut *connection)
    .await?;
    if others.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO profile.quality_due (customer_id, due_at)
         SELECT id, '-infinity' FROM profile.customer WHERE state IN (2, 3, 4) ORDER BY id
         ON CONFLICT (customer_id) DO UPDATE SET due_at = excluded.due_at"
    )
    .execute(connection)
    .await?;
    Ok(())
}
