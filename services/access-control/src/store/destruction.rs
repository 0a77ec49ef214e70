//! Destructions: what their forms say, and what is left of it.

use jiff::SignedDuration;
use kefu_service::{
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::approval::{self, Stored, record};
use crate::domain::destruction::{Destruction, DestructionTerms};

/// Under which every look at destructions is taken: one's own, those one has a part in, and
/// those of one's departments.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: record::COLUMNS,
    from: "access.approval a JOIN access.destruction d ON d.approval_id = a.id",
    id: "a.id",
    scope: record::SCOPE,
    fields: &[
        record::STATE,
        record::APPLICANT,
        record::CREATE_TIME,
        record::PARTY,
        FilterField::system(
            "customer",
            "a.id",
            FilterKind::Related {
                collection: "customers",
                of: "SELECT t.approval_id FROM access.destruction_terms t, unnest(t.customer_ids) c WHERE c",
            },
        ),
    ],
    ..RecordSpec::PLAIN
};

/// A destruction as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredDestruction {
    pub(crate) approval: Stored,
    pub(crate) destruction: Destruction,
    pub(crate) terms: DestructionTerms,
}

/// These destructions, in the order asked for.
pub(crate) async fn list(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<StoredDestruction>, Fault> {
    let approvals = approval::list(connection, ids).await?;
    let rows = sqlx::query!(
        "SELECT d.approval_id, d.justification, d.early, d.cooling_seconds, r.customer_ids AS requested,
                c.customer_ids AS current
         FROM access.destruction d
         JOIN access.destruction_terms r ON r.approval_id = d.approval_id AND r.which = 'requested'
         JOIN access.destruction_terms c ON c.approval_id = d.approval_id AND c.which = 'current'
         WHERE d.approval_id = ANY($1)",
        ids
    )
    .fetch_all(connection)
    .await?;
    let mut all = Vec::with_capacity(approvals.len());
    for approval in approvals {
        // Of another kind.
        let Some(row) = rows.iter().find(|row| row.approval_id == approval.id) else {
            continue;
        };
        let terms = |customers: &Vec<Uuid>| DestructionTerms {
            customers: customers.clone(),
            cooling_off: SignedDuration::from_secs(row.cooling_seconds),
        };
        all.push(StoredDestruction {
            approval,
            destruction: Destruction {
                justification: row.justification.clone(),
                early: row.early,
                requested: terms(&row.requested),
            },
            terms: terms(&row.current),
        });
    }
    Ok(all)
}

/// Puts the form as it shall be: what is asked for, and what is left of it.
pub(crate) async fn put(
    connection: &mut PgConnection,
    id: Uuid,
    destruction: &Destruction,
    left: &DestructionTerms,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.destruction (approval_id, justification, early, cooling_seconds) VALUES ($1, $2, $3, $4)
         ON CONFLICT (approval_id) DO UPDATE SET justification = EXCLUDED.justification, early = EXCLUDED.early,
             cooling_seconds = EXCLUDED.cooling_seconds",
        id,
        destruction.justification,
        destruction.early,
        left.cooling_off.as_secs(),
    )
    .execute(&mut *connection)
    .await?;
    for (which, terms) in [("requested", &destruction.requested), ("current", left)] {
        sqlx::query!(
            "INSERT INTO access.destruction_terms (approval_id, which, customer_ids) VALUES ($1, $2, $3)
             ON CONFLICT (approval_id, which) DO UPDATE SET customer_ids = EXCLUDED.customer_ids",
            id,
            which,
            &terms.customers,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
