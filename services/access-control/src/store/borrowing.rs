//! Borrowings: what their forms say, what is left of it, and the register.

use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use kefu_contracts::access::CopyMedium;
use kefu_service::{
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    approval::{self, Stored, record},
    borrowing_line,
};
use crate::domain::borrowing::{BorrowedCopy, Borrowing, BorrowingTerms};

/// Under which every look at borrowings is taken: one's own, those one has a part in, and
/// those of one's departments.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: record::COLUMNS,
    from: "access.approval a JOIN access.borrowing b ON b.approval_id = a.id",
    id: "a.id",
    scope: record::SCOPE,
    fields: &[
        record::STATE,
        record::PURPOSE,
        record::APPLICANT,
        record::CREATE_TIME,
        FilterField::system(
            "due_time",
            "(SELECT min(l.due_at) FROM access.borrowing_line l WHERE l.approval_id = a.id AND l.state = 'out')",
            FilterKind::Time,
        ),
        record::PARTY,
        FilterField::system(
            "customer",
            "a.id",
            FilterKind::Related {
                collection: "customers",
                of: "SELECT t.approval_id FROM access.borrowing_terms t, unnest(t.customer_ids) c WHERE c",
            },
        ),
    ],
    ..RecordSpec::PLAIN
};

/// A borrowing as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredBorrowing {
    pub(crate) approval: Stored,
    pub(crate) borrowing: Borrowing,
    pub(crate) terms: BorrowingTerms,
}

/// A row of terms, with what the form says beside them.
struct TermsRow {
    approval_id: Uuid,
    requested: bool,
    customer_ids: Vec<Uuid>,
    media: Vec<i16>,
    labels: Vec<String>,
    not_before: Option<jiff_sqlx::Timestamp>,
    until: jiff_sqlx::Timestamp,
    justification: String,
    extends_id: Option<Uuid>,
    chased_at: Option<jiff_sqlx::Timestamp>,
    closed_at: Option<jiff_sqlx::Timestamp>,
}

/// These borrowings, in the order asked for.
pub(crate) async fn list(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<StoredBorrowing>, Fault> {
    let approvals = approval::list(connection, ids).await?;
    let rows = sqlx::query_as!(
        TermsRow,
        r#"SELECT t.approval_id, t.which = 'requested' AS "requested!", t.customer_ids, t.media, t.labels, t.not_before,
                  t.until, b.justification, b.extends_id, b.chased_at, b.closed_at
           FROM access.borrowing_terms t JOIN access.borrowing b USING (approval_id)
           WHERE t.approval_id = ANY($1)"#,
        ids
    )
    .fetch_all(&mut *connection)
    .await?;
    let lines = borrowing_line::list(connection, ids).await?;
    let of = |id, requested| {
        let mut rows = rows.iter();
        rows.find(|row| row.approval_id == id && row.requested == requested)
    };
    let mut all = Vec::with_capacity(approvals.len());
    for approval in approvals {
        let id = approval.id;
        // Of another kind.
        let Some((requested, left)) = of(id, true).zip(of(id, false)) else {
            continue;
        };
        let own = lines.iter().filter(|(of, _)| *of == id);
        all.push(StoredBorrowing {
            terms: left.terms(),
            borrowing: Borrowing {
                purpose: approval.purpose,
                justification: requested.justification.clone(),
                requested: requested.terms(),
                extends: requested.extends_id,
                lines: own.map(|(_, line)| line.clone()).collect(),
                chased_at: requested.chased_at.map(jiff_sqlx::Timestamp::to_jiff),
                closed_at: requested.closed_at.map(jiff_sqlx::Timestamp::to_jiff),
            },
            approval,
        });
    }
    Ok(all)
}

impl TermsRow {
    fn terms(&self) -> BorrowingTerms {
        let copies = self.customer_ids.iter().zip(&self.media).zip(&self.labels);
        let copy = |((customer, medium), label): ((&Uuid, &i16), &String)| BorrowedCopy {
            customer: *customer,
            medium: CopyMedium::try_from(i32::from(*medium)).unwrap_or_default(),
            label: label.clone(),
        };
        BorrowingTerms {
            items: copies.map(copy).collect(),
            not_before: self.not_before.map(jiff_sqlx::Timestamp::to_jiff),
            until: self.until.to_jiff(),
        }
    }
}

/// Puts the form as it shall be, and the register as it is: what is asked for, what is
/// left of it, and what became of each copy.
pub(crate) async fn put(
    connection: &mut PgConnection,
    id: Uuid,
    borrowing: &Borrowing,
    left: &BorrowingTerms,
    chase_every: SignedDuration,
) -> Result<(), Fault> {
    let chase_at = borrowing.next_chase(chase_every).map(|(at, _)| at);
    sqlx::query!(
        "INSERT INTO access.borrowing (approval_id, justification, extends_id, chased_at, chase_at, closed_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (approval_id) DO UPDATE SET justification = EXCLUDED.justification,
             extends_id = EXCLUDED.extends_id, chased_at = EXCLUDED.chased_at, chase_at = EXCLUDED.chase_at,
             closed_at = EXCLUDED.closed_at",
        id,
        borrowing.justification,
        borrowing.extends,
        borrowing.chased_at.map(ToSqlx::to_sqlx),
        chase_at.map(ToSqlx::to_sqlx),
        borrowing.closed_at.map(ToSqlx::to_sqlx),
    )
    .execute(&mut *connection)
    .await?;
    for (which, terms) in [("requested", &borrowing.requested), ("current", left)] {
        put_terms(connection, id, which, terms).await?;
    }
    for line in &borrowing.lines {
        borrowing_line::put(connection, id, line).await?;
    }
    Ok(())
}

async fn put_terms(
    connection: &mut PgConnection,
    id: Uuid,
    which: &str,
    terms: &BorrowingTerms,
) -> Result<(), Fault> {
    let items = &terms.items;
    let customers: Vec<Uuid> = items.iter().map(|copy| copy.customer).collect();
    let media: Vec<i16> = items.iter().map(|copy| copy.medium as i16).collect();
    let labels: Vec<String> = items.iter().map(|copy| copy.label.clone()).collect();
    sqlx::query!(
        "INSERT INTO access.borrowing_terms (approval_id, which, customer_ids, media, labels, not_before, until)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (approval_id, which) DO UPDATE
         SET customer_ids = EXCLUDED.customer_ids, media = EXCLUDED.media, labels = EXCLUDED.labels,
             not_before = EXCLUDED.not_before, until = EXCLUDED.until",
        id,
        which,
        &customers,
        &media,
        &labels,
        terms.not_before.map(ToSqlx::to_sqlx),
        terms.until.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Borrowings of which something is to be chased by now.
pub(crate) async fn to_chase(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT approval_id FROM access.borrowing WHERE chase_at <= $1 ORDER BY chase_at, approval_id LIMIT 1000",
        now.to_sqlx(),
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Borrowings of this customer's file that are not closed; in order.
pub(crate) async fn open_of(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT t.approval_id FROM access.borrowing_terms t JOIN access.borrowing b USING (approval_id)
         WHERE t.which = 'current' AND t.customer_ids @> ARRAY[$1::uuid] AND b.closed_at IS NULL
         ORDER BY t.approval_id",
        customer
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}
