//! That files were gone through (CF-7.1).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::profile::{FileReview, FileReviewEvidence, FileReviewOutcome};
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

/// Under which every look at reviews is taken: that of the file.
pub(crate) const REVIEWS: RecordSpec = RecordSpec {
    columns: "w.id, w.customer_id, c.file_number, c.department_id, w.revision, w.outcome, w.evidence, w.reference,
              w.reviewer_id, w.reviewed_at",
    from: "profile.file_review w JOIN profile.customer c ON c.id = w.customer_id AND c.state IN (2, 3, 4)",
    id: "w.id",
    scope: SCOPE,
    fields: &[
        FilterField::system("customer", "w.customer_id", FilterKind::Name("customers")),
        FilterField::system("department", "c.department_id", FilterKind::Name("departments")),
        FilterField::system(
            "outcome",
            "w.outcome",
            FilterKind::Enum {
                prefix: "FILE_REVIEW_OUTCOME_",
                parse: |name| FileReviewOutcome::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("reviewer", "w.reviewer_id", FilterKind::Name("employees")),
        FilterField::system("review_time", "w.reviewed_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A review as it was read.
pub(crate) struct StoredReview {
    pub(crate) id: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) reviewed_at: Timestamp,
    /// Rules of the call that let the file through.
    pub(crate) matched: i64,
    pub(crate) message: FileReview,
}

impl StoredReview {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let id = row.try_get("id")?;
        let customer = row.try_get("customer_id")?;
        let at: jiff_sqlx::Timestamp = row.try_get("reviewed_at")?;
        let number: Option<String> = row.try_get("file_number")?;
        Ok(Self {
            id,
            customer,
            reviewed_at: at.to_jiff(),
            matched: row.try_get("matched")?,
            message: FileReview {
                name: name("file-reviews", id),
                customer: name("customers", customer),
                file_number: number.unwrap_or_default(),
                department: name("departments", row.try_get("department_id")?),
                customer_revision: row.try_get("revision")?,
                outcome: row.try_get::<i16, _>("outcome")?.into(),
                evidence: row.try_get::<i16, _>("evidence")?.into(),
                reference: row.try_get("reference")?,
                reviewer: name("employees", row.try_get("reviewer_id")?),
                review_time: Some(time::to_proto(at.to_jiff())),
            },
        })
    }
}

/// What was found out by going through a file, and what shows it.
#[derive(Debug, Clone)]
pub(crate) struct NewReview {
    pub(crate) id: Uuid,
    pub(crate) customer: Uuid,
    /// Of the file that was read.
    pub(crate) revision: i64,
    pub(crate) outcome: FileReviewOutcome,
    pub(crate) evidence: FileReviewEvidence,
    pub(crate) reference: String,
}

/// Keeps that a file was gone through. It must be locked.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &NewReview,
    reviewer: Uuid,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.file_review
             (id, customer_id, revision, outcome, evidence, reference, reviewer_id, reviewed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.id,
        new.customer,
        new.revision,
        new.outcome as i16,
        new.evidence as i16,
        new.reference,
        reviewer,
        now.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}
