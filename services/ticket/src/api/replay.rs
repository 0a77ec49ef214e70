//! Answers that were given before, to the same request.

use kefu_contracts::{ClassSet, ticket::Ticket};
use kefu_service::{
    call::Call,
    error::Fault,
    fields::{name, parse_etag},
    idempotency::Kept,
};
use sqlx::PgConnection;

use super::{
    Tickets,
    details::{AsOf, details},
};
use crate::store::tickets;

/// An answer to a change before it is disclosed.
pub(super) struct Written {
    pub(super) ticket: Ticket,
    pub(super) position: kefu_journal::Cursor,
}

impl Tickets {
    /// The answer that was given to this request before. The kept record has
    /// neither number, messages nor history: they are read as of its revision.
    pub(super) async fn replay(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        kept: &Kept,
        cleared: ClassSet,
    ) -> Result<Written, Fault> {
        let id = kept.resource_id;
        let known = tickets::known(connection, id).await?;
        let key = self
            .sealer
            .open_key(known.customer_id, &known.wrapped)
            .await?;
        let mut ticket = self.sealer.open_answer::<Ticket>(&key, id, &kept.answer)?;
        let revision = parse_etag(&ticket.etag).ok_or_else(|| {
            Fault::internal(format!(
                "kept answer of {} without a revision",
                name("tickets", id)
            ))
        })?;
        ticket.number = known.number;
        let at = AsOf::Change(revision);
        let details = details(connection, call, id, at, cleared).await?;
        self.attach(&key, details, &mut ticket)?;
        Ok(Written {
            ticket,
            position: kept.position,
        })
    }
}
