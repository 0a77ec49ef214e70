//! Reports: which are due, and those that were made.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::analytics::Report;
use kefu_service::{
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use prost::Message;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::domain::report::{DEPARTMENTS, changes::is_of_same_period};

/// Collection of the resource names.
pub(crate) const REPORTS: &str = "reports";

/// Under which every look at a report is taken: one of the whole company is of no department, so
/// that only who sees all of it reaches it.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "r.id, r.made_at, r.content, r.sha256",
    from: "analytics.report r",
    id: "r.id",
    scope: ScopeColumns {
        department: Some("r.department_id"),
        owner: None,
        customer: None,
        duty: None,
        consent: None,
    },
    fields: &[
        FilterField::system("report", "r.report", FilterKind::Text),
        FilterField::system(
            "department",
            "r.department_id",
            FilterKind::Name(DEPARTMENTS),
        ),
        FilterField::system("make_time", "r.made_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A row as it was read.
pub(crate) struct StoredReport {
    pub(crate) id: Uuid,
    pub(crate) made_at: Timestamp,
    /// Rules of the call that let the row through.
    pub(crate) matched: i64,
    pub(crate) report: Report,
}

impl StoredReport {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let made_at: jiff_sqlx::Timestamp = row.try_get("made_at")?;
        Ok(Self {
            id: row.try_get("id")?,
            made_at: made_at.to_jiff(),
            matched: row.try_get("matched")?,
            report: decode(row.try_get("content")?, row.try_get("sha256")?)?,
        })
    }
}

fn decode(content: &[u8], sha256: &[u8]) -> Result<Report, Fault> {
    let unreadable = |_| Fault::internal("a report that is not of the contracts");
    let report = Report::decode(content).map_err(unreadable)?;
    Ok(Report {
        sha256: hex(sha256),
        ..report
    })
}

/// A digest as it is told.
pub(crate) fn hex(sha256: &[u8]) -> String {
    sha256.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A report that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Due {
    pub(crate) id: Uuid,
    pub(crate) report: String,
    pub(crate) version: i32,
    pub(crate) department: Option<Uuid>,
    pub(crate) first_day: Date,
    pub(crate) over_at: Timestamp,
}

/// First day of the period that is the next, of each report that was ever seen to.
pub(crate) async fn schedule(
    connection: &mut PgConnection,
) -> Result<BTreeMap<String, Date>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT report, first_day AS "first_day: jiff_sqlx::Date" FROM analytics.report_schedule"#
    )
    .fetch_all(connection)
    .await?;
    let days = rows
        .into_iter()
        .map(|row| (row.report, row.first_day.to_jiff()));
    Ok(days.collect())
}

/// Begins with a period of a report that is seen for the first time.
pub(crate) async fn begin(
    connection: &mut PgConnection,
    report: &str,
    first_day: Date,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO analytics.report_schedule (report, first_day) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        report,
        first_day.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Goes on to another period; whether nobody else has.
pub(crate) async fn move_on(
    connection: &mut PgConnection,
    report: &str,
    from: Date,
    to: Date,
) -> Result<bool, Fault> {
    let moved = sqlx::query!(
        "UPDATE analytics.report_schedule SET first_day = $3 WHERE report = $1 AND first_day = $2",
        report,
        from.to_sqlx() as _,
        to.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// Notes that a report is to be made.
pub(crate) async fn add_due(connection: &mut PgConnection, due: &Due) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO analytics.report_due (id, report, version, department_id, first_day, over_at, look_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
        due.id,
        due.report,
        due.version,
        due.department,
        due.first_day.to_sqlx() as _,
        due.over_at.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Reports that are to be made, those of periods that were over first.
pub(crate) async fn due(
    connection: &mut PgConnection,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Due>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT id, report, version, department_id, first_day AS "first_day: jiff_sqlx::Date",
                  over_at AS "over_at: jiff_sqlx::Timestamp"
           FROM analytics.report_due WHERE look_at <= $1 ORDER BY over_at, id LIMIT $2"#,
        now.to_sqlx() as _,
        most,
    )
    .fetch_all(connection)
    .await?;
    let due = rows.into_iter().map(|row| Due {
        id: row.id,
        report: row.report,
        version: row.version,
        department: row.department_id,
        first_day: row.first_day.to_jiff(),
        over_at: row.over_at.to_jiff(),
    });
    Ok(due.collect())
}

/// Says not to try again before then.
pub(crate) async fn put_off(
    connection: &mut PgConnection,
    id: Uuid,
    until: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE analytics.report_due SET look_at = $2 WHERE id = $1",
        id,
        until.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes one away that is being made; whether nobody else has.
pub(crate) async fn take(connection: &mut PgConnection, id: Uuid) -> Result<bool, Fault> {
    let taken = sqlx::query!("DELETE FROM analytics.report_due WHERE id = $1", id)
        .execute(connection)
        .await?;
    Ok(taken.rows_affected() == 1)
}

/// Which report a run is of. Runs of periods that begin with the same day are numbered together: a
/// report that was one of days may become one of months.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Of<'r> {
    pub(crate) report: &'r str,
    pub(crate) department: Option<Uuid>,
    pub(crate) first_day: Date,
}

/// The number of the last run, and the last one that is of the same period as what was counted;
/// nobody adds another until the transaction ends.
pub(crate) async fn hold_last(
    connection: &mut PgConnection,
    of: Of<'_>,
    counted: &Report,
) -> Result<(i32, Option<Report>), Fault> {
    let one = of.department.map(|id| id.to_string()).unwrap_or_default();
    let key = format!("kefu report: {}/{one}/{}", of.report, of.first_day);
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext($1))", key)
        .execute(&mut *connection)
        .await?;
    let mut last = run_below(connection, of, i32::MAX).await?;
    let run = last.as_ref().map_or(0, |last| last.run);
    while let Some(other) = last.take_if(|last| !is_of_same_period(last, counted)) {
        last = run_below(connection, of, other.run).await?;
    }
    Ok((run, last))
}

/// The last run of a lower number.
async fn run_below(
    connection: &mut PgConnection,
    of: Of<'_>,
    run: i32,
) -> Result<Option<Report>, Fault> {
    let row = sqlx::query!(
        "SELECT content, sha256 FROM analytics.report
         WHERE report = $1 AND department_id IS NOT DISTINCT FROM $2 AND first_day = $3 AND run < $4
         ORDER BY run DESC LIMIT 1",
        of.report,
        of.department,
        of.first_day.to_sqlx() as _,
        run,
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| decode(&row.content, &row.sha256)).transpose()
}

/// A report that was made, as it is kept.
pub(crate) struct New<'r> {
    pub(crate) id: Uuid,
    pub(crate) of: Of<'r>,
    pub(crate) run: i32,
    pub(crate) made_at: Timestamp,
    pub(crate) content: &'r [u8],
    pub(crate) sha256: &'r [u8],
}

/// Keeps a report.
pub(crate) async fn keep(connection: &mut PgConnection, new: &New<'_>) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO analytics.report (id, report, department_id, first_day, run, made_at, content, sha256)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.id,
        new.of.report,
        new.of.department,
        new.of.first_day.to_sqlx() as _,
        new.run,
        new.made_at.to_sqlx() as _,
        new.content,
        new.sha256,
    )
    .execute(connection)
    .await?;
    Ok(())
}
