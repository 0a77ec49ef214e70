//! What a change of a ticket answers: the first time, and when its request comes again.

use kefu_access::Clearance;
use kefu_contracts::ticket::Ticket;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{name, parse_etag},
    idempotency::Kept,
    written::Written,
};
use sqlx::PgConnection;

use super::{
    Tickets,
    details::{AsOf, details},
    present::shown,
};
use crate::store::tickets;

impl Tickets {
    /// The answer to a change of a ticket.
    pub(super) async fn answer_written(
        &self,
        call: &Call,
        written: Written<Ticket>,
    ) -> Result<Answer<Ticket>, Fault> {
        let views = &self.core.views;
        let disclosed = written.disclosed();
        disclosed.into_answer(views, call, "ticket.viewed").await
    }

    /// The answer that was given to this request before. The kept record has
    /// neither number, messages nor history: they are read as of its revision.
    pub(super) async fn replay(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        kept: &Kept,
        clearance: Clearance,
    ) -> Result<Written<Ticket>, Fault> {
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
        let details = details(connection, call, id, at, clearance.classes).await?;
        self.attach(&key, details, &mut ticket)?;
        let shown = shown(&ticket, known.customer_id, clearance);
        Ok(Written::before(ticket, shown, kept.position))
    }
}
