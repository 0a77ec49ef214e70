//! A ticket goes to somebody: who takes it over, or whom a queue chose.

use jiff::Timestamp;
use kefu_contracts::{
    journal::EntryKind,
    policy::Purpose,
    ticket::{AssignmentCause, NoticeEvent, TakeOverTicketRequest, Ticket},
};
use kefu_journal::Entry;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::name,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::{
        Tickets,
        commands::Command,
        notices::{News, by_itself},
        present::{Heard, changed},
    },
    domain::action::Action,
    store::{
        assignments::{self, NewAssignment},
        records::StoredTicket,
        tickets,
    },
};

/// To whom a queue gives a ticket.
pub(crate) struct Given {
    pub(crate) employee: Uuid,
    pub(crate) queue: Uuid,
    pub(crate) now: Timestamp,
    pub(crate) request: Uuid,
}

impl Tickets {
    /// Clause SG-3.
    pub(super) async fn take_over(
        &self,
        call: Call,
        request: TakeOverTicketRequest,
    ) -> Result<Answer<Ticket>, Fault> {
        let mut wanted = request.read(&call)?;
        if let Action::TakeOver { by, .. } = &mut wanted.action {
            *by = call.context.subject.id;
        }
        self.carry(call, wanted).await
    }

    /// Gives a ticket that waits, and is locked, to somebody; duty follows from the entry.
    pub(crate) async fn give(
        &self,
        connection: &mut PgConnection,
        row: StoredTicket,
        to: &Given,
    ) -> Result<(), Fault> {
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let mut ticket = self.open_whole(&key, &row)?;
        ticket.assignee = name("employees", to.employee);
        let revision = row.revision + 1;
        tickets::update(
            connection,
            row.id,
            row.revision,
            &ticket,
            &row.sealed,
            to.now,
        )
        .await?;
        let assignment = NewAssignment {
            ticket_id: row.id,
            customer_id: row.customer_id,
            from: None,
            to: Some(to.employee),
            cause: AssignmentCause::Routed,
            occurred_at: to.now,
            recorded_at: to.now,
            actor: None,
            queue_id: Some(to.queue),
            revision,
        };
        assignments::insert(connection, &assignment).await?;
        let heard = Heard::of(connection, row.id, &ticket).await?;
        let entry = Entry {
            recorded_at: to.now,
            actor_id: None,
            purpose: Purpose::Service,
            request_id: to.request.to_string(),
            kind: EntryKind::Change,
            resource: ticket.name.clone(),
            customer_id: Some(row.customer_id),
            r#type: "ticket.routed",
            event: changed(&ticket, ticket.state(), to.now, revision, heard),
        };
        let news = News {
            ticket: &ticket,
            key: &key,
            events: &[NoticeEvent::Assigned],
            occurred_at: to.now,
            now: to.now,
        };
        let told = self.tell(connection, &news).await?;
        let mut entries = vec![entry];
        entries.extend(by_itself(to.now, to.request, told));
        kefu_journal::append(connection, &entries).await?;
        Ok(())
    }
}
