//! Exceptions: which periods are still to be looked at, and what was found.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::analytics::{Exception, ExceptionState};
use kefu_service::{
    error::Fault,
    fields::{etag, parse_name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use prost::Message;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::domain::{exception::range::Observation, period::day, report::DEPARTMENTS};

/// Collection of the resource names.
pub(crate) const EXCEPTIONS: &str = "exceptions";

/// Under which every look at an exception is taken: one of the whole company is of no department,
/// so that only who sees all of it reaches it.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "x.id, x.revision, x.found_at, x.content",
    from: "analytics.exception x",
    id: "x.id",
    scope: ScopeColumns {
        department: Some("x.department_id"),
        owner: None,
        customer: None,
        duty: None,
        consent: None,
    },
    fields: &[
        FilterField::system("rule", "x.rule", FilterKind::Text),
        FilterField::system("metric", "x.metric", FilterKind::Text),
        FilterField::system(
            "department",
            "x.department_id",
            FilterKind::Name(DEPARTMENTS),
        ),
        FilterField::system(
            "state",
            "x.state",
            FilterKind::Enum {
                prefix: "EXCEPTION_STATE_",
                parse: |name| ExceptionState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("find_time", "x.found_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A row as it was read.
#[derive(Clone)]
pub(crate) struct StoredException {
    pub(crate) id: Uuid,
    pub(crate) revision: i64,
    pub(crate) found_at: Timestamp,
    pub(crate) record: Exception,
}

impl StoredException {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let found_at: jiff_sqlx::Timestamp = row.try_get("found_at")?;
        let revision = row.try_get("revision")?;
        let unreadable = |_| Fault::internal("an exception that is not of the contracts");
        let record = Exception::decode(row.try_get::<&[u8], _>("content")?).map_err(unreadable)?;
        Ok(Self {
            id: row.try_get("id")?,
            revision,
            found_at: found_at.to_jiff(),
            record: Exception {
                etag: etag(revision),
                ..record
            },
        })
    }

    fn state(&self) -> Result<i16, Fault> {
        i16::try_from(self.record.state).map_err(|_| Fault::internal("a state of no number"))
    }
}

/// First day of the period that is the next, of each rule that was ever seen to and can be looked
/// at now.
pub(crate) async fn schedule(
    connection: &mut PgConnection,
) -> Result<BTreeMap<String, (Date, Option<Timestamp>)>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT rule, first_day AS "first_day: jiff_sqlx::Date", look_at AS "look_at: jiff_sqlx::Timestamp"
           FROM analytics.exception_schedule"#
    )
    .fetch_all(connection)
    .await?;
    let days = rows.into_iter().map(|row| {
        let look_at = row.look_at.map(|at| at.to_jiff());
        (row.rule, (row.first_day.to_jiff(), look_at))
    });
    Ok(days.collect())
}

/// Begins with a period of a rule that is seen for the first time.
pub(crate) async fn begin(
    connection: &mut PgConnection,
    rule: &str,
    first_day: Date,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO analytics.exception_schedule (rule, first_day) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        rule,
        first_day.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Goes on to another period; whether nobody else has.
pub(crate) async fn move_on(
    connection: &mut PgConnection,
    rule: &str,
    (from, to): (Date, Date),
) -> Result<bool, Fault> {
    let moved = sqlx::query!(
        "UPDATE analytics.exception_schedule SET first_day = $3, look_at = NULL
         WHERE rule = $1 AND first_day = $2",
        rule,
        from.to_sqlx() as _,
        to.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// Says not to look at this period again before then.
pub(crate) async fn put_off(
    connection: &mut PgConnection,
    rule: &str,
    first_day: Date,
    until: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE analytics.exception_schedule SET look_at = $3 WHERE rule = $1 AND first_day = $2",
        rule,
        first_day.to_sqlx() as _,
        until.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A figure of how things stand now, as it is kept.
pub(crate) struct Kept<'k> {
    pub(crate) figure: &'k str,
    /// None: of the whole company.
    pub(crate) department: Option<Uuid>,
    pub(crate) first_day: Date,
    pub(crate) observed: Observation,
}

/// Keeps what a figure is, so that later ones can be compared with it.
pub(crate) async fn keep_figure(
    connection: &mut PgConnection,
    kept: &Kept<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO analytics.exception_figure (figure, department_id, first_day, count, value)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        kept.figure,
        kept.department.unwrap_or_default(),
        kept.first_day.to_sqlx() as _,
        kept.observed.count,
        kept.observed.value,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a figure was in these periods.
pub(crate) async fn kept_figures(
    connection: &mut PgConnection,
    figure: &str,
    department: Option<Uuid>,
    days: &[Date],
) -> Result<Vec<Observation>, Fault> {
    let days: Vec<jiff_sqlx::Date> = days.iter().map(|day| day.to_sqlx()).collect();
    let rows = sqlx::query!(
        "SELECT count, value FROM analytics.exception_figure
         WHERE figure = $1 AND department_id = $2 AND first_day = ANY($3)",
        figure,
        department.unwrap_or_default(),
        days as _,
    )
    .fetch_all(connection)
    .await?;
    let observed = rows.into_iter().map(|row| Observation {
        count: row.count,
        value: row.value,
    });
    Ok(observed.collect())
}

/// Keeps an exception; whether there was none of the same rule, department and period.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &StoredException,
) -> Result<bool, Fault> {
    let record = &new.record;
    let rule = record.rule.clone().unwrap_or_default();
    let days = [&record.first_day, &record.last_day].map(|one| one.as_ref().and_then(day));
    let [Some(first_day), Some(last_day)] = days else {
        return Err(Fault::internal("an exception of no day"));
    };
    let added = sqlx::query!(
        "INSERT INTO analytics.exception
             (id, rule, metric, department_id, first_day, last_day, state, revision, found_at, content)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        new.id,
        rule.id,
        rule.metric,
        parse_name(&record.department, DEPARTMENTS),
        first_day.to_sqlx() as _,
        last_day.to_sqlx() as _,
        new.state()?,
        new.revision,
        new.found_at.to_sqlx() as _,
        record.encode_to_vec(),
    )
    .execute(connection)
    .await?;
    Ok(added.rows_affected() == 1)
}

/// Puts it in the place of the revision before, which is locked.
pub(crate) async fn update(
    connection: &mut PgConnection,
    after: &StoredException,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE analytics.exception SET state = $2, revision = $3, content = $4 WHERE id = $1",
        after.id,
        after.state()?,
        after.revision,
        after.record.encode_to_vec(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many nobody answered for yet.
pub(crate) async fn open(connection: &mut PgConnection) -> Result<i64, Fault> {
    let open = sqlx::query_scalar!(
        r#"SELECT count(*) AS "open!" FROM analytics.exception WHERE state = 1"#
    )
    .fetch_one(connection)
    .await?;
    Ok(open)
}
