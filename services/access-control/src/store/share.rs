//! Shares: what their forms say, and what is left of it.

use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use kefu_contracts::{ClassSet, access::ShareMode};
use kefu_service::{
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::approval::{self, Stored, record};
use crate::domain::{
    selection::{Saved, Selection},
    share::{Share, ShareTerms},
};

/// How long a grant that ended by itself is remembered by gateways.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Under which every look at shares is taken: one's own, those one has a part in, and
/// those of one's departments.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: record::COLUMNS,
    from: "access.approval a JOIN access.share s ON s.approval_id = a.id",
    id: "a.id",
    scope: record::SCOPE,
    fields: &[
        record::STATE,
        record::PURPOSE,
        FilterField::system(
            "mode",
            "s.mode",
            FilterKind::Enum {
                prefix: "SHARE_MODE_",
                parse: |name| ShareMode::from_str_name(name).map(i32::from),
            },
        ),
        record::APPLICANT,
        record::CREATE_TIME,
        record::PARTY,
        FilterField::system(
            "customer",
            "a.id",
            FilterKind::Related {
                collection: "customers",
                of: "SELECT t.approval_id FROM access.share_terms t, unnest(t.customer_ids) c WHERE c",
            },
        ),
    ],
    ..RecordSpec::PLAIN
};

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
    comparisons: Option<Vec<String>>,
    most_files: Option<i16>,
    saved_id: Option<Uuid>,
    saved_version: Option<i32>,
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
                  t.not_before, t.until, t.duration_seconds, t.companion_id, t.comparisons, t.most_files, t.saved_id,
                  t.saved_version, s.mode,
                  s.justification, s.accompanied_until
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
        let most = self.most_files.and_then(|most| usize::try_from(most).ok());
        let rule = self.comparisons.clone().zip(most);
        let saved = self.saved_id.zip(self.saved_version);
        let saved = saved.map(|(id, version)| Saved { id, version });
        ShareTerms {
            customers: self.customer_ids.clone(),
            selection: rule.map(|(comparisons, most)| Selection {
                comparisons,
                most,
                saved,
            }),
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
        let rule = terms.selection.as_ref();
        let most = rule.and_then(|rule| i16::try_from(rule.most).ok());
        let saved = rule.and_then(|rule| rule.saved);
        sqlx::query!(
            "INSERT INTO access.share_terms (approval_id, which, customer_ids, classes, receiver_ids, not_before, until,
                                             duration_seconds, companion_id, comparisons, most_files, saved_id,
                                             saved_version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             ON CONFLICT (approval_id, which) DO UPDATE
             SET customer_ids = EXCLUDED.customer_ids, classes = EXCLUDED.classes,
                 receiver_ids = EXCLUDED.receiver_ids, not_before = EXCLUDED.not_before, until = EXCLUDED.until,
                 duration_seconds = EXCLUDED.duration_seconds, companion_id = EXCLUDED.companion_id,
                 comparisons = EXCLUDED.comparisons, most_files = EXCLUDED.most_files,
                 saved_id = EXCLUDED.saved_id, saved_version = EXCLUDED.saved_version",
            id,
            which,
            &terms.customers,
            &classes,
            &terms.receivers,
            terms.not_before.map(ToSqlx::to_sqlx),
            terms.until.to_sqlx(),
            terms.duration.map(|duration| duration.as_secs()),
            terms.companion,
            rule.map(|rule| rule.comparisons.as_slice()),
            most,
            saved.map(|saved| saved.id),
            saved.map(|saved| saved.version),
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

/// Shares, as packages, of this customer's file among others; in order.
pub(crate) async fn packaged_of(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT t.approval_id FROM access.share_terms t
         WHERE t.which = 'current' AND t.customer_ids @> ARRAY[$1::uuid]
           AND EXISTS (SELECT 1 FROM access.export e WHERE e.share_id = t.approval_id)
         ORDER BY t.approval_id",
        customer
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}
