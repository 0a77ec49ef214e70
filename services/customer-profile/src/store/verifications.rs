//! Results of checks of files, and where each check stands.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::write_scope;
use kefu_contracts::profile::{
    CheckState, OutstandingCheck, OutstandingReason, Verification, VerificationCheck,
    VerificationMethod, VerificationOutcome,
};
use kefu_service::{
    call::Call,
    error::Fault,
    fields::name,
    filter::{Filter, FilterField, FilterKind},
    scope::{RecordSpec, Sql},
    time,
};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    hanging::{Hanging, Kept},
    records::SCOPE,
};
use crate::domain::verification::{Finding, fields_of};

/// Under which every look at results is taken: that of their customer's file.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "v.id, v.customer_id, v.kind, v.method, v.outcome, v.revision, v.verifier, v.checked_at, v.recorded_at,
              v.sealed, k.kek_id, k.wrapped, s.verification_id IS NOT NULL AS current,
              v.origin_id IS NOT NULL
              OR EXISTS (SELECT 1 FROM profile.revision r
                         WHERE r.customer_id = v.customer_id AND r.revision > v.revision AND r.act <> 4
                           AND r.changed && v.fields) AS stale",
    from: "profile.verification v
           JOIN profile.customer c ON c.id = v.customer_id AND c.state IN (2, 3, 4)
           JOIN profile.customer_key k ON k.customer_id = v.customer_id
           LEFT JOIN profile.standing_check s ON s.verification_id = v.id",
    id: "v.id",
    scope: SCOPE,
    fields: &[
        FilterField::system("customer", "v.customer_id", FilterKind::Name("customers")),
        FilterField::system(
            "check",
            "v.kind",
            FilterKind::Enum {
                prefix: "VERIFICATION_CHECK_",
                parse: |name| VerificationCheck::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "method",
            "v.method",
            FilterKind::Enum {
                prefix: "VERIFICATION_METHOD_",
                parse: |name| VerificationMethod::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "outcome",
            "v.outcome",
            FilterKind::Enum {
                prefix: "VERIFICATION_OUTCOME_",
                parse: |name| VerificationOutcome::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("check_time", "v.checked_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// Files of which this check is to be made.
macro_rules! outstanding {
    ($check:literal) => {
        RecordSpec {
            columns: concat!(
                $check,
                "::smallint AS kind, c.id, c.file_number, c.created_at, s.stale, v.outcome"
            ),
            from: concat!(
                "profile.customer c
                 LEFT JOIN profile.standing_check s ON s.customer_id = c.id AND s.kind = ",
                $check,
                "
                 LEFT JOIN profile.verification v ON v.id = s.verification_id
                 JOIN (VALUES (1)) AS due(one) ON c.state IN (2, 3, 4)
                      AND (s.verification_id IS NULL OR s.stale OR v.outcome = 3)"
            ),
            id: "c.id",
            scope: SCOPE,
            fields: &[],
            ..RecordSpec::PLAIN
        }
    };
}

static DOCUMENTS: RecordSpec = outstanding!("1");
static IDENTITIES: RecordSpec = outstanding!("2");
static ACCOUNTS: RecordSpec = outstanding!("3");
static CONFIRMATIONS: RecordSpec = outstanding!("4");

/// Under which files are looked for of which this check is to be made.
pub(crate) fn outstanding(check: VerificationCheck) -> Option<&'static RecordSpec> {
    match check {
        VerificationCheck::Document => Some(&DOCUMENTS),
        VerificationCheck::Identity => Some(&IDENTITIES),
        VerificationCheck::Account => Some(&ACCOUNTS),
        VerificationCheck::Confirmation => Some(&CONFIRMATIONS),
        VerificationCheck::Unspecified => None,
    }
}

/// A file of which a check is to be made.
pub(crate) struct StoredOutstanding {
    pub(crate) customer: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) matched: i64,
    pub(crate) check: OutstandingCheck,
}

impl StoredOutstanding {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let customer: Uuid = row.try_get("id")?;
        let created_at = at(row, "created_at")?;
        let reason = match row.try_get::<Option<bool>, _>("stale")? {
            None => OutstandingReason::NeverMade,
            Some(true) => OutstandingReason::Stale,
            Some(false) => OutstandingReason::CouldNotBeDone,
        };
        let number: Option<String> = row.try_get("file_number")?;
        let check = OutstandingCheck {
            customer: name("customers", customer),
            file_number: number.unwrap_or_default(),
            check: small(row, "kind")?,
            reason: reason.into(),
            create_time: Some(time::to_proto(created_at)),
        };
        Ok(Self {
            customer,
            created_at,
            matched: row.try_get("matched")?,
            check,
        })
    }
}

/// A row as it was read.
pub(crate) struct StoredVerification {
    pub(crate) kept: Kept,
    columns: Verification,
}

impl Hanging for StoredVerification {
    type Record = Verification;

    fn read(row: &PgRow) -> Result<Self, Fault> {
        let kept = Kept::read(row)?;
        let columns = Verification {
            name: name("verifications", kept.id),
            customer: name("customers", kept.customer),
            check: small(row, "kind")?,
            method: small(row, "method")?,
            outcome: small(row, "outcome")?,
            check_time: Some(time::to_proto(at(row, "checked_at")?)),
            customer_revision: row.try_get("revision")?,
            verifier: row.try_get("verifier")?,
            record_time: Some(time::to_proto(kept.recorded_at)),
            stale: row.try_get("stale")?,
            current: row.try_get("current")?,
            ..Verification::default()
        };
        Ok(Self { kept, columns })
    }

    fn kept(&self) -> &Kept {
        &self.kept
    }

    fn with_columns(&self, opened: Self::Record) -> Self::Record {
        Verification {
            mismatches: opened.mismatches,
            evidence: opened.evidence,
            note: opened.note,
            confirmed_by: opened.confirmed_by,
            ..self.columns.clone()
        }
    }

    fn name(record: &Verification) -> &String {
        &record.name
    }
}

impl StoredVerification {}

fn at(row: &PgRow, column: &str) -> Result<Timestamp, Fault> {
    Ok(row.try_get::<jiff_sqlx::Timestamp, _>(column)?.to_jiff())
}

fn small(row: &PgRow, column: &str) -> Result<i32, Fault> {
    Ok(row.try_get::<i16, _>(column)?.into())
}

/// A result about to be entered.
pub(crate) struct NewRow<'a> {
    pub(crate) id: Uuid,
    pub(crate) finding: &'a Finding,
    pub(crate) revision: i64,
    pub(crate) verifier: &'a str,
    pub(crate) sealed: &'a [u8],
    pub(crate) now: Timestamp,
}

/// Enters a result, which is the last one of its check from now on; whether what it looked
/// at has changed meanwhile. The customer's file must be locked.
pub(crate) async fn enter(connection: &mut PgConnection, row: &NewRow<'_>) -> Result<bool, Fault> {
    let finding = row.finding;
    let fields: Vec<String> = fields_of(finding.check)
        .iter()
        .map(|one| (*one).into())
        .collect();
    sqlx::query!(
        "INSERT INTO profile.verification
             (id, customer_id, kind, method, outcome, fields, revision, verifier, checked_at, recorded_at, sealed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        row.id,
        finding.customer,
        finding.check as i16,
        finding.method as i16,
        finding.outcome as i16,
        &fields,
        row.revision,
        row.verifier,
        finding.checked_at.to_sqlx() as _,
        row.now.to_sqlx() as _,
        row.sealed,
    )
    .execute(&mut *connection)
    .await?;
    let stale = sqlx::query_scalar!(
        r#"INSERT INTO profile.standing_check AS s (customer_id, kind, verification_id, stale)
           VALUES ($1, $2, $3, EXISTS (SELECT 1 FROM profile.revision r
                                       WHERE r.customer_id = $1 AND r.revision > $4 AND r.act <> 4
                                         AND r.changed && $5))
           ON CONFLICT (customer_id, kind) DO UPDATE
               SET verification_id = excluded.verification_id, stale = excluded.stale
           RETURNING s.stale"#,
        finding.customer,
        finding.check as i16,
        row.id,
        row.revision,
        &fields,
    )
    .fetch_one(connection)
    .await?;
    Ok(stale)
}

/// Marks the checks of a file that looked at one of these fields.
pub(super) async fn make_stale(
    connection: &mut PgConnection,
    customer: Uuid,
    changed: &[String],
) -> Result<(), Fault> {
    if changed.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE profile.standing_check s SET stale = true FROM profile.verification v
         WHERE s.customer_id = $1 AND NOT s.stale AND v.id = s.verification_id AND v.fields && $2",
        customer,
        changed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Where the checks of a file stand, as it is read with the file.
pub(super) fn states(row: &PgRow) -> Result<Vec<CheckState>, Fault> {
    let Some(kinds) = row.try_get::<Option<Vec<i16>>, _>("kinds")? else {
        return Ok(Vec::new());
    };
    let outcomes: Vec<i16> = row.try_get("outcomes")?;
    let checked: Vec<jiff_sqlx::Timestamp> = row.try_get("checked")?;
    let revisions: Vec<i64> = row.try_get("revisions")?;
    let stale: Vec<bool> = row.try_get("stale")?;
    let rest = checked.into_iter().zip(revisions).zip(stale);
    let states = kinds.into_iter().zip(outcomes).zip(rest);
    Ok(states
        .map(|((check, outcome), ((at, revision), stale))| CheckState {
            check: check.into(),
            outcome: outcome.into(),
            check_time: Some(time::to_proto(at.to_jiff())),
            revision,
            stale,
        })
        .collect())
}

/// Results of one check.
pub(crate) struct Counted {
    pub(crate) check: i32,
    pub(crate) passed: i64,
    pub(crate) made: i64,
    pub(crate) undone: i64,
}

/// Counts the three checks by result, in the population that a list under this filter shows;
/// of one department where it is named.
pub(crate) fn count(
    call: &Call,
    filter: &Filter,
    department: Option<Uuid>,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(
        "SELECT v.kind, count(*) FILTER (WHERE v.outcome = 1) AS passed,
                count(*) FILTER (WHERE v.outcome IN (1, 2)) AS made,
                count(*) FILTER (WHERE v.outcome = 3) AS undone
         FROM ",
    );
    query.push(RECORD.from).push(" WHERE v.kind <= 3 AND ");
    write_scope(&call.context, call.now, &RECORD.scope, &mut Sql(&mut query));
    filter.write(call, &RECORD.scope, &mut query);
    if let Some(department) = department {
        query.push(" AND c.department_id = ").push_bind(department);
    }
    query.push(" GROUP BY v.kind ORDER BY v.kind");
    query
}

impl Counted {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        Ok(Self {
            check: small(row, "kind")?,
            passed: row.try_get("passed")?,
            made: row.try_get("made")?,
            undone: row.try_get("undone")?,
        })
    }
}
