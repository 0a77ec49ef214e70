//! Which files may be of one customer.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{ConsentSql, DutySql, ScopeColumns};
use kefu_contracts::profile::{DuplicateSignalKind, DuplicateState};
use kefu_service::{
    call::Call,
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::records::SCOPE;
use crate::domain::duplicate;

/// Under which every look at pairs is taken: that of both files, and where what makes them
/// alike is cleared in both.
pub(crate) const DUPLICATES: RecordSpec = RecordSpec {
    columns: "d.id, d.one_id, d.other_id, d.state, d.signals, d.found_at, d.dismisser, d.dismissed_at,
              d.dismiss_reason, d.revision",
    from: "profile.duplicate d
           JOIN profile.customer c ON c.id = d.one_id AND c.state IN (2, 3, 4)
           JOIN profile.customer o ON o.id = d.other_id AND o.state IN (2, 3, 4)",
    id: "d.id",
    scope: SCOPE,
    also: Some(ScopeColumns {
        department: Some("o.department_id"),
        owner: Some("o.owner_id"),
        customer: Some("o.id"),
        duty: Some(DutySql {
            before: "EXISTS (SELECT 1 FROM profile.duty d WHERE d.customer_id = o.id AND d.ended_at IS NULL AND d.subject_id = ",
            after: ")",
        }),
        consent: Some(ConsentSql {
            before: "EXISTS (SELECT 1 FROM profile.consent s WHERE s.customer_id = o.id AND s.purpose = ",
            after: ")",
        }),
    }),
    class: Some("d.class"),
    fields: &[
        FilterField::system(
            "customer",
            "d.id",
            FilterKind::Related {
                collection: "customers",
                of: "SELECT p.id FROM (SELECT id, one_id AS customer FROM profile.duplicate
                                       UNION ALL SELECT id, other_id FROM profile.duplicate) p WHERE p.customer",
            },
        ),
        FilterField::system(
            "state",
            "d.state",
            FilterKind::Enum {
                prefix: "DUPLICATE_STATE_",
                parse: |name| DuplicateState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("find_time", "d.found_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// Open pairs within the call's scope, of these files where they are named.
pub(crate) fn open_pairs(call: &Call, files: Option<&[Uuid]>) -> QueryBuilder<Postgres> {
    let mut query = DUPLICATES.select(call);
    query
        .push(" AND d.state = ")
        .push_bind(DuplicateState::Open as i16);
    if let Some(files) = files {
        query
            .push(" AND (d.one_id = ANY(")
            .push_bind(files.to_vec())
            .push(") OR d.other_id = ANY(")
            .push_bind(files.to_vec())
            .push("))");
    }
    query
}

/// Departments of those of the files that were measured.
pub(crate) async fn departments_of(
    connection: &mut PgConnection,
    files: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>, Fault> {
    let rows = sqlx::query!(
        "SELECT c.id, c.department_id FROM profile.customer c JOIN profile.quality q ON q.customer_id = c.id
         WHERE c.id = ANY($1)",
        files
    )
    .fetch_all(connection)
    .await?;
    let rows = rows.into_iter();
    Ok(rows.map(|row| (row.id, row.department_id)).collect())
}

/// A pair as it was read.
pub(crate) struct StoredDuplicate {
    pub(crate) id: Uuid,
    pub(crate) files: [Uuid; 2],
    pub(crate) state: DuplicateState,
    pub(crate) signals: Vec<DuplicateSignalKind>,
    pub(crate) found_at: Timestamp,
    pub(crate) dismisser: String,
    pub(crate) dismissed_at: Option<Timestamp>,
    pub(crate) dismiss_reason: String,
    pub(crate) revision: i64,
    /// Rules of the call that let the first and the second file through.
    pub(crate) matched: [i64; 2],
}

impl StoredDuplicate {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let found_at: jiff_sqlx::Timestamp = row.try_get("found_at")?;
        let dismissed_at: Option<jiff_sqlx::Timestamp> = row.try_get("dismissed_at")?;
        let state: i16 = row.try_get("state")?;
        Ok(Self {
            id: row.try_get("id")?,
            files: [row.try_get("one_id")?, row.try_get("other_id")?],
            state: DuplicateState::try_from(i32::from(state)).unwrap_or_default(),
            signals: kinds(&row.try_get::<Vec<i16>, _>("signals")?),
            found_at: found_at.to_jiff(),
            dismisser: row.try_get("dismisser")?,
            dismissed_at: dismissed_at.map(jiff_sqlx::Timestamp::to_jiff),
            dismiss_reason: row.try_get("dismiss_reason")?,
            revision: row.try_get("revision")?,
            matched: [row.try_get("matched")?, row.try_get("also_matched")?],
        })
    }
}

fn kinds(numbers: &[i16]) -> Vec<DuplicateSignalKind> {
    let kinds = numbers.iter().map(|number| i32::from(*number));
    kinds
        .filter_map(|number| DuplicateSignalKind::try_from(number).ok())
        .collect()
}

/// A change of a pair.
pub(crate) struct Changed {
    pub(crate) id: Uuid,
    pub(crate) files: [Uuid; 2],
    pub(crate) state: DuplicateState,
    pub(crate) score: i32,
}

/// Says that two files are alike. What was dismissed is found again only by something else;
/// nothing where nothing changes.
pub(crate) async fn find(
    connection: &mut PgConnection,
    id: Uuid,
    files: [Uuid; 2],
    signals: &[DuplicateSignalKind],
    now: Timestamp,
) -> Result<Option<Changed>, Fault> {
    let numbers: Vec<i16> = signals.iter().map(|kind| *kind as i16).collect();
    let found = sqlx::query_scalar!(
        "INSERT INTO profile.duplicate AS d (id, one_id, other_id, state, signals, class, found_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (one_id, other_id) DO UPDATE
         SET state = EXCLUDED.state, signals = EXCLUDED.signals, class = EXCLUDED.class,
             found_at = CASE WHEN d.state = EXCLUDED.state THEN d.found_at ELSE EXCLUDED.found_at END,
             dismisser = '', dismissed_at = NULL, dismiss_reason = '', revision = d.revision + 1
         WHERE d.signals <> EXCLUDED.signals OR d.state = $8
         RETURNING d.id",
        id,
        files[0],
        files[1],
        DuplicateState::Open as i16,
        &numbers,
        duplicate::class(signals) as i32,
        now.to_sqlx() as _,
        DuplicateState::Resolved as i16
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|id| Changed {
        id,
        files,
        state: DuplicateState::Open,
        score: duplicate::score(signals),
    }))
}

/// Says of the open pairs of a file that they are no longer alike, but for those with these.
pub(crate) async fn resolve(
    connection: &mut PgConnection,
    customer: Uuid,
    alike: &[Uuid],
) -> Result<Vec<Changed>, Fault> {
    let rows = sqlx::query!(
        "UPDATE profile.duplicate SET state = $4, revision = revision + 1
         WHERE state = $3 AND (one_id = $1 AND other_id <> ALL($2) OR other_id = $1 AND one_id <> ALL($2))
         RETURNING id, one_id, other_id",
        customer,
        alike,
        DuplicateState::Open as i16,
        DuplicateState::Resolved as i16
    )
    .fetch_all(connection)
    .await?;
    let resolved = rows.into_iter().map(|row| Changed {
        id: row.id,
        files: [row.one_id, row.other_id],
        state: DuplicateState::Resolved,
        score: 0,
    });
    Ok(resolved.collect())
}

/// Says that a pair is of two customers.
pub(crate) async fn dismiss(
    connection: &mut PgConnection,
    files: [Uuid; 2],
    (dismisser, reason): (&str, &str),
    now: Timestamp,
) -> Result<(), Fault> {
    let [one, other] = files;
    sqlx::query!(
        "UPDATE profile.duplicate
         SET state = $3, dismisser = $4, dismissed_at = $5, dismiss_reason = $6, revision = revision + 1
         WHERE one_id = $1 AND other_id = $2 AND state <> $3",
        one.min(other),
        one.max(other),
        DuplicateState::Dismissed as i16,
        dismisser,
        now.to_sqlx() as _,
        reason
    )
    .execute(connection)
    .await?;
    Ok(())
}
