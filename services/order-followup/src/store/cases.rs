//! How an after-sales case lies in the database, and how it is read under a scope (IH-6).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{DutySql, ScopeColumns};
use kefu_contracts::{
    journal::EntryKind,
    order::{Case, CaseKind, CaseState, Cover},
};
use kefu_service::{
    error::Fault,
    fields::{etag, name, parse_name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::{from_proto, to_proto},
};
use kefu_vault::WrappedKey;
use prost_types::Timestamp as Moment;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::domain::case::due::workers;

/// Collection of the resource names.
pub(crate) const CASES: &str = "cases";

/// Under which every look at cases is taken.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "c.id, c.number, c.customer_id, c.order_id, c.kind, c.state, c.cover, c.rules_version, c.department_id,
              c.assignee_id, c.worker_ids, c.registrar, c.cover_decider, c.delivered_at, c.deadline, c.due_at, c.done_at,
              c.closed_at, c.plan_count, c.reopen_count, c.withdrawn, c.sealed, c.revision, c.created_at,
              c.updated_at, k.kek_id, k.wrapped",
    from: "orders.after_sales_case c JOIN orders.customer_key k ON k.customer_id = c.customer_id",
    id: "c.id",
    scope: ScopeColumns {
        department: Some("c.department_id"),
        owner: Some("c.assignee_id"),
        customer: Some("c.customer_id"),
        // Whoever it is assigned to, or has a step of it to do, until it is over (CF-9.1).
        duty: Some(DutySql {
            before: "c.state NOT IN (7, 8, 9) AND EXISTS (
                         SELECT FROM unnest(array_append(c.worker_ids, c.assignee_id)) AS w(id) WHERE w.id = ",
            after: ")",
        }),
        consent: None,
    },
    fields: &[
        FilterField::system("number", "c.number", FilterKind::Start),
        FilterField::system("order", "c.order_id", FilterKind::Name("orders")),
        FilterField::system("customer", "c.customer_id", FilterKind::Name("customers")),
        FilterField::system(
            "state",
            "c.state",
            FilterKind::Enum {
                prefix: "CASE_STATE_",
                parse: |name| CaseState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "kind",
            "c.kind",
            FilterKind::Enum {
                prefix: "CASE_KIND_",
                parse: |name| CaseKind::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "cover",
            "c.cover",
            FilterKind::Enum {
                prefix: "COVER_",
                parse: |name| Cover::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("department", "c.department_id", FilterKind::Name("departments")),
        FilterField::system("assignee", "c.assignee_id", FilterKind::Person),
        FilterField::system("due_time", "c.due_at", FilterKind::Time),
        FilterField::system("create_time", "c.created_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A row as it was read, its classified fields still sealed.
pub(crate) struct StoredCase {
    pub(crate) id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) order_id: Option<Uuid>,
    /// Who has a step of it to do.
    pub(crate) workers: Vec<Uuid>,
    pub(crate) created_at: Timestamp,
    pub(crate) revision: i64,
    pub(crate) sealed: Vec<u8>,
    pub(crate) wrapped: WrappedKey,
    /// Rules of the call that let the row through.
    pub(crate) matched: i64,
    columns: Case,
}

impl StoredCase {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let time = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| to_proto(at.to_jiff())))
        };
        let small = |column| row.try_get::<i16, _>(column).map(i32::from);
        let id = row.try_get("id")?;
        let customer_id = row.try_get("customer_id")?;
        let order_id: Option<Uuid> = row.try_get("order_id")?;
        let assignee: Option<Uuid> = row.try_get("assignee_id")?;
        let created_at = row.try_get::<jiff_sqlx::Timestamp, _>("created_at")?;
        let revision = row.try_get("revision")?;
        let columns = Case {
            name: name(CASES, id),
            number: row.try_get("number")?,
            customer: name("customers", customer_id),
            order: order_id.map(|id| name("orders", id)).unwrap_or_default(),
            kind: small("kind")?,
            state: small("state")?,
            cover: small("cover")?,
            rules_version: row.try_get("rules_version")?,
            department: name("departments", row.try_get("department_id")?),
            assignee: assignee.map(|id| name("employees", id)).unwrap_or_default(),
            registrar: row.try_get("registrar")?,
            cover_decider: row.try_get("cover_decider")?,
            delivered_time: time("delivered_at")?,
            deadline: time("deadline")?,
            due_time: time("due_at")?,
            done_time: time("done_at")?,
            close_time: time("closed_at")?,
            plan_count: row.try_get("plan_count")?,
            reopen_count: row.try_get("reopen_count")?,
            withdrawn: row.try_get("withdrawn")?,
            etag: etag(revision),
            create_time: Some(to_proto(created_at.to_jiff())),
            update_time: time("updated_at")?,
            ..Case::default()
        };
        Ok(Self {
            id,
            customer_id,
            order_id,
            workers: row.try_get("worker_ids")?,
            created_at: created_at.to_jiff(),
            revision,
            sealed: row.try_get("sealed")?,
            wrapped: WrappedKey {
                kek_id: row.try_get("kek_id")?,
                bytes: row.try_get("wrapped")?,
            },
            matched: row.try_get("matched")?,
            columns,
        })
    }

    /// The record: the opened fields with those that are kept in columns.
    pub(crate) fn with_columns(&self, opened: Case) -> Case {
        Case {
            lines: opened.lines,
            problem: opened.problem,
            findings: opened.findings,
            cover_reason: opened.cover_reason,
            plan: opened.plan,
            cost: opened.cost,
            steps: opened.steps,
            payments: opened.payments,
            result: opened.result,
            customer_words: opened.customer_words,
            score: opened.score,
            comment: opened.comment,
            end_reason: opened.end_reason,
            ..self.columns.clone()
        }
    }
}

/// Whose a case is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parties {
    pub(crate) customer: Uuid,
    pub(crate) order: Option<Uuid>,
    pub(crate) department: Uuid,
    pub(crate) assignee: Option<Uuid>,
}

fn moment(at: Option<&Moment>) -> Option<jiff_sqlx::Timestamp> {
    at.and_then(from_proto).map(ToSqlx::to_sqlx)
}

fn small(number: i32) -> Result<i16, Fault> {
    i16::try_from(number).map_err(|_| Fault::internal("an enum value that was not checked"))
}

/// Registers a case at revision 1 and tells its number.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    parties: &Parties,
    case: &Case,
    sealed: &[u8],
    now: Timestamp,
) -> Result<String, Fault> {
    let number = sqlx::query_scalar!(
        "INSERT INTO orders.after_sales_case
             (id, customer_id, order_id, kind, state, cover, rules_version, department_id, assignee_id, registrar,
              cover_decider, delivered_at, due_at, plan_count, reopen_count, withdrawn, sealed, revision,
              created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, 0, 0, $6, $7, $8, '', $9, $10, 0, 0, FALSE, $11, 1, $12, $12)
         RETURNING number",
        id,
        parties.customer,
        parties.order,
        small(case.kind)?,
        small(case.state)?,
        parties.department,
        parties.assignee,
        case.registrar,
        moment(case.delivered_time.as_ref()) as _,
        moment(case.due_time.as_ref()) as _,
        sealed,
        now.to_sqlx() as _
    )
    .fetch_one(connection)
    .await?;
    Ok(number)
}

/// Puts the next revision of a locked case down.
pub(crate) async fn update(
    connection: &mut PgConnection,
    id: Uuid,
    case: &Case,
    sealed: &[u8],
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.after_sales_case
         SET state = $2, cover = $3, rules_version = $4, assignee_id = $5, cover_decider = $6, delivered_at = $7,
             deadline = $8, due_at = $9, done_at = $10, closed_at = $11, plan_count = $12, reopen_count = $13,
             withdrawn = $14, sealed = $15, updated_at = $16, worker_ids = $17, revision = revision + 1
         WHERE id = $1",
        id,
        small(case.state)?,
        small(case.cover)?,
        case.rules_version,
        parse_name(&case.assignee, "employees"),
        case.cover_decider,
        moment(case.delivered_time.as_ref()) as _,
        moment(case.deadline.as_ref()) as _,
        moment(case.due_time.as_ref()) as _,
        moment(case.done_time.as_ref()) as _,
        moment(case.close_time.as_ref()) as _,
        case.plan_count,
        case.reopen_count,
        case.withdrawn,
        sealed,
        now.to_sqlx() as _,
        &workers(case)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whose a case is, whatever the scope.
pub(crate) async fn customer(connection: &mut PgConnection, id: Uuid) -> Result<Uuid, Fault> {
    let customer = sqlx::query_scalar!(
        "SELECT customer_id FROM orders.after_sales_case WHERE id = $1",
        id
    )
    .fetch_optional(connection)
    .await?;
    customer.ok_or_else(|| Fault::not_found(&name(CASES, id)))
}

/// Whether somebody had a hand in a case: had it, or did anything to it but give it to somebody or
/// decide on what it pays (IH-4).
pub(crate) async fn had_a_hand(
    connection: &mut PgConnection,
    case: &StoredCase,
    who: Uuid,
) -> Result<bool, Fault> {
    let had = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM orders.journal
                          WHERE customer_id = $1 AND resource = $2 AND actor_id = $3 AND kind = $4
                            AND type NOT IN ('case.assigned', 'case.payment_decided', 'case_payment.granted',
                                             'case_payment.refused'))
               AS "had!""#,
        case.customer_id,
        case.columns.name,
        who,
        EntryKind::Change as i16,
    )
    .fetch_one(connection)
    .await?;
    Ok(had || case.columns.assignee == name("employees", who))
}

/// A payment that was made.
pub(crate) struct Paid<'a> {
    pub(crate) number: i32,
    pub(crate) reference: &'a [u8],
    /// Of which order how many nanos of its currency went back; none: it is no refund of one.
    pub(crate) refund: Option<(Uuid, i128)>,
}

/// Notes under which reference a payment was made.
///
/// # Errors
/// `ALREADY_EXISTS` when another one was.
pub(crate) async fn pay(
    connection: &mut PgConnection,
    case: &StoredCase,
    paid: &Paid<'_>,
) -> Result<(), Fault> {
    let (order, nanos) = paid.refund.unzip();
    let written = sqlx::query!(
        "INSERT INTO orders.case_payment_reference (case_id, number, customer_id, reference, order_id, refunded)
         VALUES ($1, $2, $3, $4, $5, $6::text::numeric) ON CONFLICT (reference) DO NOTHING",
        case.id,
        paid.number,
        case.customer_id,
        paid.reference,
        order,
        nanos.unwrap_or_default().to_string()
    )
    .execute(connection)
    .await?;
    match written.rows_affected() {
        1 => Ok(()),
        _ => Err(crate::error::taken("reference")),
    }
}

/// What has been paid back of an order, in nanos of its currency.
pub(crate) async fn refunded_of(connection: &mut PgConnection, order: Uuid) -> Result<i128, Fault> {
    let sum = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(refunded), 0)::text AS "sum!" FROM orders.case_payment_reference
           WHERE order_id = $1"#,
        order
    )
    .fetch_one(connection)
    .await?;
    let unread = |_| Fault::internal("an amount that is no number");
    sum.parse().map_err(unread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::case::state::is_over;

    /// Clause CF-9.1: duty by a case ends with it.
    #[test]
    fn there_is_no_duty_by_a_case_that_is_over() {
        let over = (1..=9).filter(|state| is_over(CaseState::try_from(*state).unwrap()));
        let over: Vec<_> = over.map(|state| state.to_string()).collect();
        let listed = format!("NOT IN ({})", over.join(", "));
        assert!(
            RECORD.scope.duty.unwrap().before.contains(&listed),
            "{listed}"
        );
    }
}
