//! Offers of tickets to other departments.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::ticket::{Offer, OfferState};
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use kefu_vault::WrappedKey;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    history::Actor,
    records::{self, StoredTicket},
};

/// Collection of the resource names.
pub(crate) const OFFERS: &str = "offers";

/// Under which every look at offers is taken: by the department that is to answer, and by whoever made it.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "o.id, o.ticket_id, o.customer_id, o.from_department_id, o.to_department_id, o.state, o.offerer_id,
              o.offerer_is_system, o.offered_at, o.expires_at, o.answerer_id, o.answered_at, o.sealed, o.revision,
              t.number, t.kind, t.category, t.priority, k.kek_id, k.wrapped",
    from: "ticket.offer o JOIN ticket.ticket t ON t.id = o.ticket_id
           JOIN ticket.customer_key k ON k.customer_id = o.customer_id",
    id: "o.id",
    scope: ScopeColumns {
        department: Some("o.to_department_id"),
        owner: Some("(CASE WHEN NOT o.offerer_is_system THEN o.offerer_id END)"),
        customer: Some("o.customer_id"),
        duty: None,
        consent: None,
    },
    fields: &[
        FilterField::system("ticket", "o.ticket_id", FilterKind::Name("tickets")),
        FilterField::system("customer", "o.customer_id", FilterKind::Name("customers")),
        FilterField::system(
            "state",
            "o.state",
            FilterKind::Enum {
                prefix: "OFFER_STATE_",
                parse: |name| OfferState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("department", "o.to_department_id", FilterKind::Name("departments")),
        FilterField::system(
            "from_department",
            "o.from_department_id",
            FilterKind::Name("departments"),
        ),
        FilterField::system("offer_time", "o.offered_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A row as it was read, its classified fields still sealed.
pub(crate) struct StoredOffer {
    pub(crate) id: Uuid,
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) from_department: Uuid,
    pub(crate) to_department: Uuid,
    pub(crate) offered_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) revision: i64,
    pub(crate) sealed: Vec<u8>,
    pub(crate) wrapped: WrappedKey,
    /// Rules of the call that let the row through.
    pub(crate) matched: i64,
    columns: Offer,
}

impl StoredOffer {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let time = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| at.to_jiff()))
        };
        let small = |column| row.try_get::<i16, _>(column).map(i32::from);
        let (id, ticket_id) = (row.try_get("id")?, row.try_get("ticket_id")?);
        let customer_id = row.try_get("customer_id")?;
        let from_department = row.try_get("from_department_id")?;
        let to_department = row.try_get("to_department_id")?;
        let offered_at = time("offered_at")?.unwrap_or_default();
        let expires_at = time("expires_at")?.unwrap_or_default();
        let offerer = Actor {
            id: row.try_get("offerer_id")?,
            is_system: row.try_get("offerer_is_system")?,
        };
        let answerer: Option<Uuid> = row.try_get("answerer_id")?;
        let revision = row.try_get("revision")?;
        Ok(Self {
            id,
            ticket_id,
            customer_id,
            from_department,
            to_department,
            offered_at,
            expires_at,
            revision,
            sealed: row.try_get("sealed")?,
            wrapped: WrappedKey {
                kek_id: row.try_get("kek_id")?,
                bytes: row.try_get("wrapped")?,
            },
            matched: row.try_get("matched")?,
            columns: Offer {
                name: name(OFFERS, id),
                ticket: name("tickets", ticket_id),
                customer: name("customers", customer_id),
                number: row.try_get("number")?,
                kind: small("kind")?,
                category: row.try_get("category")?,
                priority: small("priority")?,
                from_department: name("departments", from_department),
                department: name("departments", to_department),
                state: small("state")?,
                offerer: offerer.name(),
                offer_time: Some(to_proto(offered_at)),
                expire_time: Some(to_proto(expires_at)),
                answerer: answerer.map(|id| name("employees", id)).unwrap_or_default(),
                answer_time: time("answered_at")?.map(to_proto),
                etag: etag(revision),
                ..Offer::default()
            },
        })
    }

    pub(crate) fn state(&self) -> OfferState {
        self.columns.state()
    }

    /// The record: its columns with the opened fields.
    pub(crate) fn with_opened(&self, opened: Offer) -> Offer {
        Offer {
            reason: opened.reason,
            answer_reason: opened.answer_reason,
            ..self.columns.clone()
        }
    }
}

/// An offer about to be written.
pub(crate) struct NewOffer<'a> {
    pub(crate) id: Uuid,
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) from: Uuid,
    pub(crate) to: Uuid,
    pub(crate) offerer: Actor,
    pub(crate) now: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) sealed: &'a [u8],
}

/// Writes an offer.
///
/// # Errors
/// `STATE_NOT_ALLOWED` while the ticket is offered to somebody.
pub(crate) async fn insert(connection: &mut PgConnection, new: &NewOffer<'_>) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.offer
             (id, ticket_id, customer_id, from_department_id, to_department_id, state, offerer_id,
              offerer_is_system, offered_at, expires_at, sealed, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1)",
        new.id,
        new.ticket_id,
        new.customer_id,
        new.from,
        new.to,
        OfferState::Pending as i16,
        new.offerer.id,
        new.offerer.is_system,
        new.now.to_sqlx() as _,
        new.expires_at.to_sqlx() as _,
        new.sealed
    )
    .execute(connection)
    .await
    .map_err(offered)?;
    Ok(())
}

fn offered(error: sqlx::Error) -> Fault {
    let offered = error
        .as_database_error()
        .is_some_and(|error| error.constraint() == Some("offer_pending"));
    match offered {
        true => Fault::state("OFFERED", "offer"),
        false => error.into(),
    }
}

/// Brings an offer to a state; `sealed` none: as it is.
pub(crate) async fn answer(
    connection: &mut PgConnection,
    id: Uuid,
    state: OfferState,
    answerer: Option<Uuid>,
    sealed: Option<&[u8]>,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.offer
         SET state = $2, answerer_id = $3, answered_at = $4, sealed = coalesce($5, sealed), revision = revision + 1
         WHERE id = $1",
        id,
        state as i16,
        answerer,
        now.to_sqlx() as _,
        sealed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The ticket of an offer, whatever the scope: whose it is to answer cannot see it yet.
pub(crate) async fn ticket(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<StoredTicket>, Fault> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT ");
    query
        .push(records::RECORD.columns)
        .push(", 0::int8 AS matched FROM ")
        .push(records::RECORD.from)
        .push(" WHERE t.id = ")
        .push_bind(id)
        .push(" FOR UPDATE OF t");
    let row = query.build().fetch_optional(connection).await?;
    row.as_ref().map(StoredTicket::read).transpose()
}

/// An offer, whatever the scope, for whoever changes it next.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<StoredOffer>, Fault> {
    let mut query = all();
    query.push("o.id = ").push_bind(id).push(" FOR UPDATE OF o");
    let row = query.build().fetch_optional(connection).await?;
    row.as_ref().map(StoredOffer::read).transpose()
}

/// Offers whose time is over, for whoever notes it; those that somebody answers are left out.
pub(crate) async fn overdue(
    connection: &mut PgConnection,
    now: Timestamp,
    most: i64,
) -> Result<Vec<StoredOffer>, Fault> {
    let mut query = all();
    query
        .push("o.state = 1 AND o.expires_at <= ")
        .push_bind(now.to_sqlx())
        .push(" ORDER BY o.expires_at LIMIT ")
        .push_bind(most)
        .push(" FOR UPDATE OF o SKIP LOCKED");
    let rows = query.build().fetch_all(connection).await?;
    rows.iter().map(StoredOffer::read).collect()
}

fn all() -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT ");
    query
        .push(RECORD.columns)
        .push(", 0::int8 AS matched FROM ")
        .push(RECORD.from)
        .push(" WHERE ");
    query
}

/// What a stranger to the offer is told.
pub(crate) fn not_found(id: Uuid) -> Fault {
    Fault::not_found(&name(OFFERS, id))
}
