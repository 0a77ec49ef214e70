use std::sync::Arc;

use jiff::Timestamp;
use kefu_contracts::{
    journal::{self, ComplaintOfOrder, TicketChanged, event::Event},
    order::{FollowUpKind, FollowUpState},
    ticket::TicketKind,
};
use kefu_journal::Entry;
use kefu_service::{
    clock::Clock, consumer::Effect, database::Use, error::Fault, fields::name, ids::Ids,
    time::from_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    desk::{By, Desk},
    store::completion,
};

/// A complaint that names an order of its customer is told by the order as well, and whoever was to see
/// to the customer's discontent need no longer (OP-3.4.5).
pub(crate) struct Complaints {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Ids,
    pub(crate) desk: Desk,
}

impl Effect for Complaints {
    fn apply<'c>(
        &'c self,
        connection: &'c mut PgConnection,
        entries: &'c [journal::Entry],
    ) -> Use<'c, ()> {
        Box::pin(async move {
            for complaint in entries.iter().filter_map(Complaint::of) {
                self.learn(connection, &complaint).await?;
            }
            Ok(())
        })
    }
}

impl Complaints {
    async fn learn(&self, connection: &mut PgConnection, one: &Complaint) -> Result<(), Fault> {
        let (ticket, order, customer) = (one.ticket, one.order, one.customer);
        if !completion::complain(connection, ticket, order, customer, one.at).await? {
            return Ok(());
        }
        let (now, request) = (self.clock.now(), self.ids.next()?);
        let by = By::Itself { now, request };
        let subject = name("orders", order);
        let (kind, settled) = (FollowUpKind::Dissatisfied, FollowUpState::Settled);
        let closed = self
            .desk
            .close(connection, &by, &subject, kind, settled, "");
        let mut entries = closed.await?;
        let event = Event::ComplaintOfOrder(ComplaintOfOrder {
            order_id: order.as_bytes().to_vec(),
            customer_id: customer.as_bytes().to_vec(),
            ticket_id: ticket.as_bytes().to_vec(),
        });
        let kind = "order.complaint_opened";
        let request = request.to_string();
        entries.push(Entry::by_itself(
            now,
            request,
            kind,
            subject,
            Some(customer),
            event,
        ));
        kefu_journal::append(connection, &entries).await?;
        Ok(())
    }
}

/// A ticket that complains of an order.
struct Complaint {
    ticket: Uuid,
    order: Uuid,
    customer: Uuid,
    at: Timestamp,
}

impl Complaint {
    fn of(entry: &journal::Entry) -> Option<Self> {
        let event = entry.event.as_ref()?.event.as_ref()?;
        let Event::TicketChanged(ticket) = event else {
            return None;
        };
        Self::of_ticket(ticket)
    }

    fn of_ticket(ticket: &TicketChanged) -> Option<Self> {
        (ticket.kind() == TicketKind::Complaint).then_some(())?;
        Some(Self {
            ticket: Uuid::from_slice(&ticket.ticket_id).ok()?,
            order: Uuid::from_slice(&ticket.order_id).ok()?,
            customer: Uuid::from_slice(&ticket.customer_id).ok()?,
            at: ticket.received_at.as_ref().and_then(from_proto)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use kefu_service::time::to_proto;

    use super::*;

    /// Clause OP-3.4.5.
    #[test]
    fn only_complaints_that_name_an_order_count() {
        let bytes = |id: u128| Uuid::from_u128(id).as_bytes().to_vec();
        let complaint = TicketChanged {
            ticket_id: bytes(1),
            order_id: bytes(2),
            customer_id: bytes(3),
            kind: TicketKind::Complaint.into(),
            received_at: Some(to_proto(Timestamp::UNIX_EPOCH)),
            ..TicketChanged::default()
        };
        let found = Complaint::of_ticket(&complaint).unwrap();
        assert_eq!(
            (found.ticket, found.order),
            (Uuid::from_u128(1), Uuid::from_u128(2))
        );
        let question = TicketChanged {
            kind: TicketKind::Consultation.into(),
            ..complaint.clone()
        };
        assert!(Complaint::of_ticket(&question).is_none());
        let of_nothing = TicketChanged {
            order_id: Vec::new(),
            ..complaint
        };
        assert!(Complaint::of_ticket(&of_nothing).is_none());
    }
}
