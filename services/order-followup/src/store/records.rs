//! How an order lies in the database, and how it is read under a scope.

use std::collections::HashMap;

use jiff::Timestamp;
use kefu_access::{DutySql, ScopeColumns};
use kefu_contracts::{
    order::{Confirmation, Order, OrderIntake, OrderStage, OrderStock, StageEvent},
    policy::DataClass,
};
use kefu_service::{
    call::Call,
    error::Fault,
    facts::FactsOf,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time,
};
use kefu_vault::WrappedKey;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    cases,
    completion::{self, StoredAttempt},
    events, follow_ups, notices,
    points::{accounts, postings},
    promises, relations,
    reviews::StoredReview,
    submissions, visits,
};
use crate::domain::stage::Reached;

macro_rules! columns {
    () => {
        "o.id, o.number, o.customer_id, o.stage, o.stage_at, o.department_id, o.owner_id, o.external_ref, o.currency,
         o.sealed, o.placed_at, o.promised_at, o.late_at, o.late_stage, o.stuck_at, o.intake, o.stock, o.confirmation,
         o.revision, o.created_at, o.updated_at, k.kek_id, k.wrapped"
    };
}
macro_rules! from {
    () => {
        "orders.purchase_order o JOIN orders.customer_key k ON k.customer_id = o.customer_id"
    };
}

/// Under which lists of orders are taken.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: columns!(),
    from: from!(),
    id: "o.id",
    scope: SCOPE,
    fields: FIELDS,
    ..RecordSpec::PLAIN
};

/// What access-control may be told of, to explain decisions by.
pub(crate) const FACTS: &[FactsOf] = &[
    FactsOf {
        collection: "orders",
        record: &RECORD,
        selectable: None,
    },
    FactsOf {
        collection: cases::CASES,
        record: &cases::RECORD,
        selectable: None,
    },
    FactsOf {
        collection: follow_ups::FOLLOW_UPS,
        record: &follow_ups::RECORD,
        selectable: None,
    },
    FactsOf {
        collection: relations::RELATIONS,
        record: &relations::RECORD,
        selectable: None,
    },
    FactsOf {
        collection: visits::VISITS,
        record: &visits::RECORD,
        selectable: None,
    },
    FactsOf {
        collection: accounts::ACCOUNTS,
        record: &accounts::RECORD,
        selectable: None,
    },
    FactsOf {
        collection: postings::POSTINGS,
        record: &postings::RECORD,
        selectable: None,
    },
    FactsOf {
        collection: submissions::SUBMISSIONS,
        record: &submissions::RECORD,
        selectable: None,
    },
    FactsOf {
        collection: notices::NOTICES,
        record: &notices::RECORD,
        selectable: None,
    },
];

/// The same with events, promises, reviews and notices, all of one moment.
pub(crate) const WHOLE: RecordSpec = RecordSpec {
    columns: concat!(
        columns!(),
        ", e.event_stages, e.event_occurred, e.event_recorded, e.event_actors, e.event_systems,
         p.promise_stages, p.promise_times,
         r.review_ids, r.review_refs, r.review_scores, r.review_answered, r.review_sealed,
         a.attempt_ids, a.attempt_outcomes, a.attempt_times, a.attempt_actors, a.attempt_systems, a.attempt_sealed,
         w.complaints,
         n.notice_ids, n.notice_events, n.notice_states, n.notice_written, n.notice_ended, n.notice_channels"
    ),
    from: concat!(
        from!(),
        " CROSS JOIN LATERAL (
              SELECT array_agg(stage ORDER BY occurred_at, stage) AS event_stages,
                     array_agg(occurred_at ORDER BY occurred_at, stage) AS event_occurred,
                     array_agg(recorded_at ORDER BY occurred_at, stage) AS event_recorded,
                     array_agg(actor_id ORDER BY occurred_at, stage) AS event_actors,
                     array_agg(actor_is_system ORDER BY occurred_at, stage) AS event_systems
              FROM orders.stage_event WHERE order_id = o.id
          ) e CROSS JOIN LATERAL (
              SELECT array_agg(stage ORDER BY stage) AS promise_stages,
                     array_agg(promised_at ORDER BY stage) AS promise_times
              FROM orders.stage_promise WHERE order_id = o.id
          ) p CROSS JOIN LATERAL (
              SELECT array_agg(id ORDER BY answered_at, id) AS review_ids,
                     array_agg(external_ref ORDER BY answered_at, id) AS review_refs,
                     array_agg(score ORDER BY answered_at, id) AS review_scores,
                     array_agg(answered_at ORDER BY answered_at, id) AS review_answered,
                     array_agg(sealed ORDER BY answered_at, id) AS review_sealed
              FROM orders.review WHERE order_id = o.id
          ) r CROSS JOIN LATERAL (
              SELECT array_agg(id ORDER BY attempted_at, id) AS attempt_ids,
                     array_agg(outcome ORDER BY attempted_at, id) AS attempt_outcomes,
                     array_agg(attempted_at ORDER BY attempted_at, id) AS attempt_times,
                     array_agg(actor_id ORDER BY attempted_at, id) AS attempt_actors,
                     array_agg(actor_is_system ORDER BY attempted_at, id) AS attempt_systems,
                     array_agg(sealed ORDER BY attempted_at, id) AS attempt_sealed
              FROM orders.confirmation_attempt WHERE order_id = o.id
          ) a CROSS JOIN LATERAL (
              SELECT array_agg(ticket_id ORDER BY opened_at, ticket_id) AS complaints
              FROM orders.order_complaint WHERE order_id = o.id
          ) w CROSS JOIN LATERAL (
              SELECT array_agg(id ORDER BY created_at, id) AS notice_ids,
                     array_agg(event ORDER BY created_at, id) AS notice_events,
                     array_agg(state ORDER BY created_at, id) AS notice_states,
                     array_agg(created_at ORDER BY created_at, id) AS notice_written,
                     array_agg(outcome_at ORDER BY created_at, id) AS notice_ended,
                     array_agg(channel ORDER BY created_at, id) AS notice_channels
              FROM orders.notice WHERE order_id = o.id
          ) n"
    ),
    id: "o.id",
    scope: SCOPE,
    fields: FIELDS,
    ..RecordSpec::PLAIN
};

const SCOPE: ScopeColumns = ScopeColumns {
    department: Some("o.department_id"),
    owner: Some("o.owner_id"),
    customer: Some("o.customer_id"),
    // Who follows the order up has duty until it is completed or cancelled (CF-9.1).
    duty: Some(DutySql {
        before: "o.stage NOT IN (8, 9) AND COALESCE(o.owner_id = ",
        after: ", FALSE)",
    }),
    consent: None,
};

const fn field(name: &'static str, column: &'static str, kind: FilterKind) -> FilterField {
    FilterField {
        name,
        column,
        kind,
        class: DataClass::System,
    }
}

const FIELDS: &[FilterField] = &[
    field("customer", "o.customer_id", FilterKind::Name("customers")),
    field("stage", "o.stage", STAGE),
    field(
        "department",
        "o.department_id",
        FilterKind::Name("departments"),
    ),
    field("owner", "o.owner_id", FilterKind::Person),
    field("external_ref", "o.external_ref", FilterKind::Text),
    field("placed_time", "o.placed_at", FilterKind::Time),
    field("promised_time", "o.promised_at", FilterKind::Time),
    field("late_time", "o.late_at", FilterKind::Time),
    field("late_stage", "o.late_stage", STAGE),
    field("stuck_time", "o.stuck_at", FilterKind::Time),
    field(
        "intake",
        "o.intake",
        FilterKind::Enum {
            prefix: "ORDER_INTAKE_",
            parse: |name| OrderIntake::from_str_name(name).map(|intake| intake as i32),
        },
    ),
    field(
        "stock",
        "o.stock",
        FilterKind::Enum {
            prefix: "ORDER_STOCK_",
            parse: |name| OrderStock::from_str_name(name).map(|stock| stock as i32),
        },
    ),
    field(
        "confirmation",
        "o.confirmation",
        FilterKind::Enum {
            prefix: "CONFIRMATION_",
            parse: |name| Confirmation::from_str_name(name).map(|stands| stands as i32),
        },
    ),
];

const STAGE: FilterKind = FilterKind::Enum {
    prefix: "ORDER_STAGE_",
    parse: |name| OrderStage::from_str_name(name).map(|stage| stage as i32),
};

/// A row as it was read, its classified fields still sealed.
pub(crate) struct StoredOrder {
    pub(crate) id: Uuid,
    pub(crate) revision: i64,
    pub(crate) customer_id: Uuid,
    pub(crate) department_id: Uuid,
    pub(crate) owner_id: Option<Uuid>,
    /// The stage and when it was reached.
    pub(crate) current: Reached,
    pub(crate) placed_at: Timestamp,
    pub(crate) sealed: Vec<u8>,
    pub(crate) wrapped: WrappedKey,
    /// Rules of the call that let the row through.
    pub(crate) matched: i64,
    /// Of a whole row only.
    pub(crate) reviews: Vec<StoredReview>,
    /// Of a whole row only.
    pub(crate) attempts: Vec<StoredAttempt>,
    is_whole: bool,
    columns: Order,
}

impl StoredOrder {
    /// Reads a row of [`RECORD`].
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let time = |column| {
            row.try_get::<jiff_sqlx::Timestamp, _>(column)
                .map(|at| at.to_jiff())
        };
        let perhaps = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| time::to_proto(at.to_jiff())))
        };
        let id: Uuid = row.try_get("id")?;
        let customer_id: Uuid = row.try_get("customer_id")?;
        let department_id: Uuid = row.try_get("department_id")?;
        let owner_id: Option<Uuid> = row.try_get("owner_id")?;
        let stage = i32::from(row.try_get::<i16, _>("stage")?);
        let revision = row.try_get("revision")?;
        let (placed_at, stage_at) = (time("placed_at")?, time("stage_at")?);
        let columns = Order {
            name: name("orders", id),
            number: row.try_get("number")?,
            customer: name("customers", customer_id),
            stage,
            stage_time: Some(time::to_proto(stage_at)),
            department: name("departments", department_id),
            owner: owner_id.map(|id| name("employees", id)).unwrap_or_default(),
            external_ref: row
                .try_get::<Option<String>, _>("external_ref")?
                .unwrap_or_default(),
            currency: row.try_get("currency")?,
            placed_time: Some(time::to_proto(placed_at)),
            promised_time: perhaps("promised_at")?,
            late_time: perhaps("late_at")?,
            late_stage: row.try_get::<i16, _>("late_stage")?.into(),
            stuck_time: perhaps("stuck_at")?,
            intake: row.try_get::<i16, _>("intake")?.into(),
            stock: row.try_get::<i16, _>("stock")?.into(),
            confirmation: row.try_get::<i16, _>("confirmation")?.into(),
            etag: etag(revision),
            create_time: Some(time::to_proto(time("created_at")?)),
            update_time: Some(time::to_proto(time("updated_at")?)),
            ..Default::default()
        };
        Ok(Self {
            id,
            revision,
            customer_id,
            department_id,
            owner_id,
            current: Reached {
                at: stage_at,
                stage: columns.stage(),
            },
            placed_at,
            sealed: row.try_get("sealed")?,
            wrapped: WrappedKey {
                kek_id: row.try_get("kek_id")?,
                bytes: row.try_get("wrapped")?,
            },
            matched: row.try_get("matched")?,
            reviews: Vec::new(),
            attempts: Vec::new(),
            is_whole: false,
            columns,
        })
    }

    /// Reads a row of [`WHOLE`].
    pub(crate) fn read_whole(row: &PgRow) -> Result<Self, Fault> {
        let mut stored = Self::read(row)?;
        stored.columns.events = events::read(row)?;
        stored.columns.promises = promises::read(row)?;
        stored.reviews = StoredReview::read(row)?;
        stored.attempts = StoredAttempt::read(row)?;
        stored.columns.complaints = completion::complaints(row)?;
        stored.columns.notices = notices::of_order(row)?;
        stored.is_whole = true;
        Ok(stored)
    }

    /// Whether what was read has this field: some belong to the whole alone.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.is_whole || !matches!(field, "findings" | "steps")
    }

    /// The record: the opened fields with those that are kept in columns. What was found and
    /// settled belongs to the whole alone.
    pub(crate) fn with_columns(&self, opened: Order) -> Order {
        let (findings, steps) = match self.is_whole {
            true => (opened.findings, opened.steps),
            false => (Vec::new(), Vec::new()),
        };
        Order {
            lines: opened.lines,
            total: opened.total,
            contact_name: opened.contact_name,
            contact_phone: opened.contact_phone,
            findings,
            steps,
            ..self.columns.clone()
        }
    }
}

/// An order whole, whatever the scope.
pub(crate) async fn whole(
    connection: &mut PgConnection,
    order: Uuid,
) -> Result<StoredOrder, Fault> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT ");
    query
        .push(WHOLE.columns)
        .push(", 0::int8 AS matched FROM ")
        .push(WHOLE.from)
        .push(" WHERE o.id = ")
        .push_bind(order);
    StoredOrder::read_whole(&query.build().fetch_one(connection).await?)
}

/// Those of these orders whole that are within the scope of the call.
pub(crate) async fn these(
    connection: &mut PgConnection,
    call: &Call,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, StoredOrder>, Fault> {
    let mut query = WHOLE.select(call);
    query
        .push(" AND o.id = ANY(")
        .push_bind(ids.to_vec())
        .push(")");
    let rows = query.build().fetch_all(connection).await?;
    let read = |row| StoredOrder::read_whole(row).map(|order| (order.id, order));
    rows.iter().map(read).collect()
}

/// Which rules of the call reach this order of this customer; none where none does.
pub(crate) async fn within(
    connection: &mut PgConnection,
    call: &Call,
    order: Uuid,
    customer: Uuid,
) -> Result<Option<i64>, Fault> {
    let mut query = RECORD.get(call, order);
    query.push(" AND o.customer_id = ").push_bind(customer);
    let row = query.build().fetch_optional(connection).await?;
    Ok(row.map(|row| row.try_get("matched")).transpose()?)
}

/// Stages an order was told to have reached.
pub(crate) fn reached(events: &[StageEvent]) -> impl Iterator<Item = Reached> + '_ {
    events.iter().filter_map(|event| {
        let at = event.occurred_time.as_ref().and_then(time::from_proto)?;
        Some(Reached {
            at,
            stage: event.stage(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clause CF-9.1: duty by an order ends with it.
    #[test]
    fn there_is_no_duty_by_an_order_that_is_over() {
        let over = format!(
            "NOT IN ({}, {})",
            OrderStage::Completed as i32,
            OrderStage::Cancelled as i32
        );
        assert!(SCOPE.duty.unwrap().before.contains(&over), "{over}");
    }

    /// The fields that the contract promises for filters (ListOrdersRequest.filter).
    #[test]
    fn every_promised_filter_is_there() {
        let names: Vec<_> = FIELDS.iter().map(|field| field.name).collect();
        let promised = [
            "customer",
            "stage",
            "department",
            "owner",
            "external_ref",
            "placed_time",
            "promised_time",
            "late_time",
            "late_stage",
            "stuck_time",
            "intake",
            "stock",
            "confirmation",
        ];
        assert_eq!(names, promised);
    }
}
