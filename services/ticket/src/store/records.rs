//! How a ticket lies in the database, and how it is read under a scope.

use jiff::Timestamp;
use kefu_access::{DutySql, RowFacts, ScopeColumns, write_scope};
use kefu_contracts::{
    policy::DataClass,
    ticket::{ComplaintNature, Gravity, Legitimacy, Priority, Ticket, TicketKind, TicketState},
};
use kefu_service::{
    call::Call,
    error::Fault,
    facts::FactsOf,
    fields::{etag, name, parse_name},
    filter::{FilterField, FilterKind, Texts},
    scope::{RecordSpec, Sql},
    time::to_proto,
};
use kefu_vault::WrappedKey;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::texts;
use crate::domain::{action::standing, state::Standing, talk::seconds};

/// Under which every look at tickets is taken.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "t.id, t.number, t.customer_id, t.kind, t.channel, t.category, t.impact, t.urgency, t.priority,
              t.state, t.waiting_for, t.department_id, t.assignee_id, t.reopen_count, t.external_ref, t.sealed,
              t.received_at, t.resolved_at, t.closed_at, t.revision, t.created_at, t.updated_at,
              t.call_started_at, t.call_ended_at, t.legitimacy, t.nature, t.gravity, t.stage, t.result_answer,
              t.escalated_at, t.closing_asked_by, t.closing_approved_by, t.merged_at, t.tags, t.order_id,
              k.kek_id, k.wrapped",
    from: "ticket.ticket t JOIN ticket.customer_key k ON k.customer_id = t.customer_id",
    id: "t.id",
    scope: ScopeColumns {
        department: Some("t.department_id"),
        owner: Some("t.assignee_id"),
        customer: Some("t.customer_id"),
        // Whoever it is assigned to, until it is closed (5). Never NULL without
        // COALESCE, which would hide the column from its index.
        duty: Some(DutySql {
            before: "t.assignee_id IS NOT NULL AND t.state <> 5 AND t.assignee_id = ",
            after: "",
        }),
        consent: None,
    },
    fields: &[
        FilterField::system("customer", "t.customer_id", FilterKind::Name("customers")),
        STATE,
        KIND,
        PRIORITY,
        DEPARTMENT,
        ASSIGNEE,
        FilterField::system("number", "t.number", FilterKind::Start),
        FilterField::system("external_ref", "t.external_ref", FilterKind::Start),
        RECEIVED_TIME,
        FilterField::system("category", "t.category", FilterKind::Text),
        NATURE,
        GRAVITY,
        LEGITIMACY,
        FilterField::system("escalated_time", "t.escalated_at", FilterKind::Time),
        words("text", &texts::TEXT),
        words("subject", &texts::SUBJECT),
        words("resolution", &texts::RESOLUTION),
        FilterField::system(
            "watcher",
            "t.id",
            FilterKind::Mine {
                of: "SELECT ticket_id FROM ticket.watcher WHERE employee_id",
            },
        ),
        FilterField::system("tag", "t.tags", FilterKind::Member),
        FilterField::system("order", "t.order_id", FilterKind::Name("orders")),
    ],
    ..RecordSpec::PLAIN
};

/// What was written of a ticket, by words in it.
const fn words(name: &'static str, of: &'static Texts) -> FilterField {
    FilterField {
        name,
        column: "t.id",
        kind: FilterKind::Texts(of),
        class: DataClass::Service,
    }
}

pub(crate) const STATE: FilterField = FilterField::system(
    "state",
    "t.state",
    FilterKind::Enum {
        prefix: "TICKET_STATE_",
        parse: |name| number(TicketState::from_str_name(name)),
    },
);
pub(crate) const KIND: FilterField = FilterField::system(
    "kind",
    "t.kind",
    FilterKind::Enum {
        prefix: "TICKET_KIND_",
        parse: |name| number(TicketKind::from_str_name(name)),
    },
);
pub(crate) const PRIORITY: FilterField = FilterField::system(
    "priority",
    "t.priority",
    FilterKind::Enum {
        prefix: "PRIORITY_",
        parse: |name| number(Priority::from_str_name(name)),
    },
);
const NATURE: FilterField = FilterField::system(
    "nature",
    "t.nature",
    FilterKind::Enum {
        prefix: "COMPLAINT_NATURE_",
        parse: |name| number(ComplaintNature::from_str_name(name)),
    },
);
const GRAVITY: FilterField = FilterField::system(
    "gravity",
    "t.gravity",
    FilterKind::Enum {
        prefix: "GRAVITY_",
        parse: |name| number(Gravity::from_str_name(name)),
    },
);
const LEGITIMACY: FilterField = FilterField::system(
    "legitimacy",
    "t.legitimacy",
    FilterKind::Enum {
        prefix: "LEGITIMACY_",
        parse: |name| number(Legitimacy::from_str_name(name)),
    },
);
pub(crate) const DEPARTMENT: FilterField = FilterField::system(
    "department",
    "t.department_id",
    FilterKind::Name("departments"),
);
pub(crate) const ASSIGNEE: FilterField =
    FilterField::system("assignee", "t.assignee_id", FilterKind::Person);
pub(crate) const RECEIVED_TIME: FilterField =
    FilterField::system("received_time", "t.received_at", FilterKind::Time);

/// The ticket of this id, whatever the scope: for what comes by itself. None where its
/// customer's key is gone.
pub(crate) async fn find(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<StoredTicket>, Fault> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT ");
    query
        .push(RECORD.columns)
        .push(", 0::int8 AS matched FROM ");
    query.push(RECORD.from).push(" WHERE t.id = ").push_bind(id);
    let row = query.build().fetch_optional(connection).await?;
    row.as_ref().map(StoredTicket::read).transpose()
}

/// What access-control may be told of, to explain decisions by.
pub(crate) const FACTS: &[FactsOf] = &[FactsOf {
    collection: "tickets",
    record: &RECORD,
    selectable: None,
}];

/// A ticket that a change of another changes, whatever the scope; it stays as it is until the
/// transaction ends.
pub(crate) async fn beside(
    connection: &mut PgConnection,
    ticket: Uuid,
) -> Result<Option<StoredTicket>, Fault> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT ");
    query
        .push(RECORD.columns)
        .push(", 0::int8 AS matched FROM ");
    query
        .push(RECORD.from)
        .push(" WHERE t.id = ")
        .push_bind(ticket);
    query.push(" FOR UPDATE OF t");
    let row = query.build().fetch_optional(connection).await?;
    row.as_ref().map(StoredTicket::read).transpose()
}

/// Which of these tickets the call reaches: no other is named in what it is told.
pub(crate) async fn within(
    connection: &mut PgConnection,
    call: &Call,
    tickets: &[Uuid],
) -> Result<Vec<Uuid>, Fault> {
    if tickets.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::<Postgres>::new("SELECT t.id FROM ");
    query.push(RECORD.from).push(" WHERE t.id = ANY (");
    query.push_bind(tickets.to_vec()).push(") AND ");
    write_scope(&call.context, call.now, &RECORD.scope, &mut Sql(&mut query));
    Ok(query.build_query_scalar().fetch_all(connection).await?)
}

pub(crate) fn number<E: Into<i32>>(value: Option<E>) -> Option<i32> {
    value.map(Into::into)
}

/// A row as it was read, its classified fields still sealed.
pub(crate) struct StoredTicket {
    pub(crate) id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) revision: i64,
    pub(crate) received_at: Timestamp,
    pub(crate) sealed: Vec<u8>,
    pub(crate) wrapped: WrappedKey,
    /// Rules of the call that let the row through.
    pub(crate) matched: i64,
    columns: Ticket,
}

impl StoredTicket {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let time = |column| {
            row.try_get::<jiff_sqlx::Timestamp, _>(column)
                .map(|at| at.to_jiff())
        };
        let perhaps = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| to_proto(at.to_jiff())))
        };
        let small = |column| row.try_get::<i16, _>(column).map(i32::from);
        let id = row.try_get("id")?;
        let customer_id = row.try_get("customer_id")?;
        let assignee: Option<Uuid> = row.try_get("assignee_id")?;
        let revision = row.try_get("revision")?;
        let received_at = time("received_at")?;
        let reopen_count: i32 = row.try_get("reopen_count")?;
        let mut columns = Ticket {
            name: name("tickets", id),
            number: row.try_get("number")?,
            customer: name("customers", customer_id),
            kind: small("kind")?,
            channel: small("channel")?,
            category: row.try_get("category")?,
            impact: small("impact")?,
            urgency: small("urgency")?,
            priority: small("priority")?,
            state: small("state")?,
            waiting_for: small("waiting_for")?,
            department: name("departments", row.try_get("department_id")?),
            assignee: assignee.map(|id| name("employees", id)).unwrap_or_default(),
            reopen_count,
            attempt_count: reopen_count.saturating_add(1),
            external_ref: row
                .try_get::<Option<String>, _>("external_ref")?
                .unwrap_or_default(),
            order: row
                .try_get::<Option<Uuid>, _>("order_id")?
                .map(|id| name("orders", id))
                .unwrap_or_default(),
            received_time: Some(to_proto(received_at)),
            resolved_time: perhaps("resolved_at")?,
            closed_time: perhaps("closed_at")?,
            merged_time: perhaps("merged_at")?,
            call_start_time: perhaps("call_started_at")?,
            call_end_time: perhaps("call_ended_at")?,
            legitimacy: small("legitimacy")?,
            nature: small("nature")?,
            gravity: small("gravity")?,
            stage: small("stage")?,
            result_answer: small("result_answer")?,
            escalated_time: perhaps("escalated_at")?,
            closing_asked_by: row.try_get("closing_asked_by")?,
            closing_approved_by: row.try_get("closing_approved_by")?,
            tags: row.try_get("tags")?,
            etag: etag(revision),
            create_time: Some(to_proto(time("created_at")?)),
            update_time: Some(to_proto(time("updated_at")?)),
            ..Default::default()
        };
        columns.call_seconds = seconds(&columns);
        Ok(Self {
            id,
            customer_id,
            revision,
            received_at,
            sealed: row.try_get("sealed")?,
            wrapped: WrappedKey {
                kek_id: row.try_get("kek_id")?,
                bytes: row.try_get("wrapped")?,
            },
            matched: row.try_get("matched")?,
            columns,
        })
    }

    /// Whoever has it.
    pub(crate) fn assignee(&self) -> Option<Uuid> {
        parse_name(&self.columns.assignee, "employees")
    }

    /// Whether it is part of another.
    pub(crate) fn is_merged(&self) -> bool {
        self.columns.merged_time.is_some()
    }

    /// What of it is not sealed.
    pub(crate) fn columns(&self) -> &Ticket {
        &self.columns
    }

    /// The department that is responsible.
    pub(crate) fn department(&self) -> Uuid {
        parse_name(&self.columns.department, "departments").unwrap_or_default()
    }

    /// What scopes look at.
    pub(crate) fn facts(&self) -> RowFacts {
        let assignee = self.assignee();
        let open = self.columns.state() != TicketState::Closed;
        RowFacts {
            department: parse_name(&self.columns.department, "departments"),
            owner: assignee,
            customer: Some(self.customer_id),
            duty: assignee.filter(|_| open).into_iter().collect(),
            consents: Vec::new(),
        }
    }

    /// Where it stands.
    pub(crate) fn standing(&self) -> Standing {
        standing(&self.columns)
    }

    /// The record: its columns with the opened fields.
    pub(crate) fn with_opened(&self, opened: Ticket) -> Ticket {
        Ticket {
            subject: opened.subject,
            description: opened.description,
            resolution: opened.resolution,
            satisfaction: opened.satisfaction,
            cause: opened.cause,
            improvement: opened.improvement,
            compensations: opened.compensations,
            ..self.columns.clone()
        }
    }
}
