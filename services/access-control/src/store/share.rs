//! Shares: what their forms say, and what is left of it.

use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use kefu_access::{DutySql, ScopeColumns};
use kefu_contracts::{
    ClassSet,
    access::{ApprovalState, ShareMode},
    policy::{DataClass, Purpose},
};
use kefu_service::{
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::approval::{self, Stored};
use crate::domain::share::{Share, ShareTerms};

/// How long a grant that ended by itself is remembered by gateways.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Under which every look at shares is taken: one's own, those one has a part in, and
/// those of one's departments.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "a.id, a.created_at",
    from: "access.approval a JOIN access.share s ON s.approval_id = a.id",
    id: "a.id",
    scope: ScopeColumns {
        department: Some("a.department_id"),
        owner: Some("a.applicant_id"),
        customer: None,
        duty: Some(DutySql {
            before: "EXISTS (SELECT 1 FROM access.approval_party p WHERE p.approval_id = a.id AND p.subject_id = ",
            after: ")",
        }),
        consent: None,
    },
    fields: &[
        system(
            "state",
            "a.state_number",
            FilterKind::Enum {
                prefix: "APPROVAL_STATE_",
                parse: |name| ApprovalState::from_str_name(name).map(i32::from),
            },
        ),
        system(
            "purpose",
            "a.purpose",
            FilterKind::Enum {
                prefix: "PURPOSE_",
                parse: |name| Purpose::from_str_name(name).map(i32::from),
            },
        ),
        system(
            "mode",
            "s.mode",
            FilterKind::Enum {
                prefix: "SHARE_MODE_",
                parse: |name| ShareMode::from_str_name(name).map(i32::from),
            },
        ),
        system("applicant", "a.applicant_id", FilterKind::Name("employees")),
        system("create_time", "a.created_at", FilterKind::Time),
        system(
            "party",
            "a.id",
            FilterKind::Related {
                collection: "employees",
                of: "SELECT approval_id FROM access.approval_party WHERE subject_id",
            },
        ),
        system(
            "customer",
            "a.id",
            FilterKind::Related {
                collection: "customers",
                of: "SELECT t.approval_id FROM access.share_terms t, unnest(t.customer_ids) c WHERE c",
            },
        ),
    ],
};

/// A field that tells nothing about a customer.
pub(super) const fn system(
    name: &'static str,
    column: &'static str,
    kind: FilterKind,
) -> FilterField {
    FilterField {
        name,
        column,
        kind,
        class: DataClass::System,
    }
}

/// A share as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredShare {
    pub(crate) approval: Stored,
    pub(crate) share: Share,
    pub(crate) terms: ShareTerms,
}

/// A row of terms, with what the form says beside them.
struct TermsRow {
    approval_id: Uuid,
    requested: bool,
    customer_ids: Vec<Uuid>,
    classes: Vec<i16>,
    receiver_ids: Vec<Uuid>,
    not_before: Option<jiff_sqlx::Timestamp>,
    until: jiff_sqlx::Timestamp,
    duration_seconds: Option<i64>,
    companion_id: Option<Uuid>,
    mode: i16,
    justification: String,
    accompanied_until: Option<jiff_sqlx::Timestamp>,
}

/// These shares, in the order asked for.
pub(crate) async fn list(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<StoredShare>, Fault> {
    let approvals = approval::list(connection, ids).await?;
    let rows = sqlx::query_as!(
        TermsRow,
        r#"SELECT t.approval_id, t.which = 'requested' AS "requested!", t.customer_ids, t.classes, t.receiver_ids,
                  t.not_before, t.until, t.duration_seconds, t.companion_id, s.mode, s.justification,
                  s.accompanied_until
           FROM access.share_terms t JOIN access.share s USING (approval_id)
           WHERE t.approval_id = ANY($1)"#,
        ids
    )
    .fetch_all(connection)
    .await?;
    let of = |id, requested| {
        let mut rows = rows.iter();
        rows.find(|row| row.approval_id == id && row.requested == requested)
    };
    let mut all = Vec::with_capacity(approvals.len());
    for approval in approvals {
        // Of another kind.
        let Some((requested, left)) = of(approval.id, true).zip(of(approval.id, false)) else {
            continue;
        };
        all.push(StoredShare {
            terms: left.terms(),
            share: Share {
                purpose: approval.purpose,
                justification: requested.justification.clone(),
                mode: ShareMode::try_from(i32::from(requested.mode)).unwrap_or_default(),
                requested: requested.terms(),
                accompanied_until: requested
                    .accompanied_until
                    .map(jiff_sqlx::Timestamp::to_jiff),
            },
            approval,
        });
    }
    Ok(all)
}

impl TermsRow {
    fn terms(&self) -> ShareTerms {
        let classes: Vec<i32> = self.classes.iter().copied().map(i32::from).collect();
        ShareTerms {
            customers: self.customer_ids.clone(),
            classes: ClassSet::from_numbers(&classes),
            receivers: self.receiver_ids.clone(),
            not_before: self.not_before.map(jiff_sqlx::Timestamp::to_jiff),
            until: self.until.to_jiff(),
            duration: self.duration_seconds.map(SignedDuration::from_secs),
            companion: self.companion_id,
        }
    }
}

/// Puts the form as it shall be: what is asked for, and what is left of it.
pub(crate) async fn put(
    connection: &mut PgConnection,
    id: Uuid,
    share: &Share,
    left: &ShareTerms,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.share (approval_id, mode, justification, accompanied_until) VALUES ($1, $2, $3, $4)
         ON CONFLICT (approval_id) DO UPDATE SET mode = EXCLUDED.mode, justification = EXCLUDED.justification,
             accompanied_until = EXCLUDED.accompanied_until",
        id,
        share.mode as i16,
        share.justification,
        share.accompanied_until.map(ToSqlx::to_sqlx),
    )
    .execute(&mut *connection)
    .await?;
    for (which, terms) in [("requested", &share.requested), ("current", left)] {
        let classes: Vec<i16> = terms.classes.iter().map(|class| class as i16).collect();
        sqlx::query!(
            "INSERT INTO access.share_terms (approval_id, which, customer_ids, classes, receiver_ids, not_before, until,
                                             duration_seconds, companion_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (approval_id, which) DO UPDATE
             SET customer_ids = EXCLUDED.customer_ids, classes = EXCLUDED.classes,
                 receiver_ids = EXCLUDED.receiver_ids, not_before = EXCLUDED.not_before, until = EXCLUDED.until,
                 duration_seconds = EXCLUDED.duration_seconds, companion_id = EXCLUDED.companion_id",
            id,
            which,
            &terms.customers,
            &classes,
            &terms.receivers,
            terms.not_before.map(ToSqlx::to_sqlx),
            terms.until.to_sqlx(),
            terms.duration.map(|duration| duration.as_secs()),
            terms.companion,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Shares that are grants: access in use or about to be, and for a week those that
/// ended by themselves, so that a refusal can say so.
pub(crate) async fn granted(
    connection: &mut PgConnection,
    only: Option<&[Uuid]>,
    now: Timestamp,
) -> Result<Vec<StoredShare>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT a.id FROM access.approval a JOIN access.share s ON s.approval_id = a.id
         WHERE s.mode = $1 AND ($2::uuid[] IS NULL OR a.id = ANY($2))
           AND (a.state IN ('scheduled', 'active') OR (a.state = 'ended' AND a.ends_at > $3))
         ORDER BY a.id",
        ShareMode::Access as i16,
        only as Option<&[Uuid]>,
        (now - REMEMBERED).to_sqlx(),
    )
    .fetch_all(&mut *connection)
    .await?;
    list(connection, &ids).await
}
