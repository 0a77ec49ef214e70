//! `kefu.ticket.v1.AttentionService`: who follows a ticket, and who is mentioned in one.

mod mentions;

use kefu_contracts::{
    access::SubjectKind,
    common::Reason,
    journal::{EntryKind, TicketWatched, event},
    ticket::{
        ListMentionsRequest, ListMentionsResponse, MarkMentionReadRequest, Mention,
        UnwatchTicketRequest, UnwatchTicketResponse, WatchTicketRequest, WatchTicketResponse,
        attention_service_server::AttentionService,
    },
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    fields::{Fields, name},
    present::entry,
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::store::{
    attention,
    records::{RECORD, StoredTicket},
};

pub(crate) use mentions::mentioned;

/// The handlers.
#[derive(Clone)]
pub(crate) struct Attention(pub(crate) Core);

impl Attention {
    /// Follows a ticket, or does no longer; what was so already is no change.
    async fn set<T: Default>(
        &self,
        call: Call,
        ticket: String,
        watching: bool,
    ) -> Result<Answer<T>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &ticket, "tickets").unwrap_or_default();
        fields.finish()?;
        if call.context.subject.kind != SubjectKind::Employee {
            let rule = "only employees follow tickets";
            return Err(Fault::new(Reason::PermissionMissing).with("rule", rule));
        }
        let writing = call.clone();
        let db = &self.0.deps.db;
        let outcome = db
            .transaction(move |connection| {
                let call = writing.clone();
                Box::pin(async move {
                    match watching {
                        true => watch(connection, &call, id).await,
                        false => unwatch(connection, &call, id).await,
                    }
                })
            })
            .await;
        let views = &self.0.views;
        let outcome = views.or_refused(&call, "ticket.refused", &ticket, outcome);
        Ok(Answer {
            body: T::default(),
            position: outcome.await?,
        })
    }
}

async fn watch(
    connection: &mut PgConnection,
    call: &Call,
    ticket: Uuid,
) -> Result<Option<Cursor>, Fault> {
    let row = RECORD
        .get(call, ticket)
        .build()
        .fetch_optional(&mut *connection)
        .await?;
    let row = row.as_ref().map(StoredTicket::read).transpose()?;
    let row = row.ok_or_else(|| Fault::not_found(&name("tickets", ticket)))?;
    let (employee, customer) = (call.context.subject.id, row.customer_id);
    match attention::watch(connection, employee, ticket, customer, call.now).await? {
        true => journal(connection, call, ticket, customer, true)
            .await
            .map(Some),
        false => Ok(None),
    }
}

/// Also what is out of sight by now; what is not followed is told like what is not there.
async fn unwatch(
    connection: &mut PgConnection,
    call: &Call,
    ticket: Uuid,
) -> Result<Option<Cursor>, Fault> {
    let employee = call.context.subject.id;
    match attention::unwatch(connection, employee, ticket).await? {
        Some(customer) => journal(connection, call, ticket, customer, false)
            .await
            .map(Some),
        None => Ok(None),
    }
}

async fn journal(
    connection: &mut PgConnection,
    call: &Call,
    ticket: Uuid,
    customer: Uuid,
    watching: bool,
) -> Result<Cursor, Fault> {
    let kind = match watching {
        true => "ticket.watched",
        false => "ticket.unwatched",
    };
    let event = event::Event::TicketWatched(TicketWatched {
        ticket_id: ticket.as_bytes().to_vec(),
        customer_id: customer.as_bytes().to_vec(),
        employee_id: call.context.subject.id.as_bytes().to_vec(),
        watching,
    });
    let resource = name("tickets", ticket);
    let entry = entry(
        call,
        EntryKind::Change,
        kind,
        resource,
        Some(customer),
        event,
    );
    Ok(kefu_journal::append(connection, &[entry]).await?)
}

#[tonic::async_trait]
impl AttentionService for Attention {
    async fn watch_ticket(
        &self,
        request: Request<WatchTicketRequest>,
    ) -> Result<Response<WatchTicketResponse>, Status> {
        answer(request, |call, body| self.set(call, body.name, true)).await
    }

    async fn unwatch_ticket(
        &self,
        request: Request<UnwatchTicketRequest>,
    ) -> Result<Response<UnwatchTicketResponse>, Status> {
        answer(request, |call, body| self.set(call, body.name, false)).await
    }

    async fn list_mentions(
        &self,
        request: Request<ListMentionsRequest>,
    ) -> Result<Response<ListMentionsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn mark_mention_read(
        &self,
        request: Request<MarkMentionReadRequest>,
    ) -> Result<Response<Mention>, Status> {
        answer(request, |call, body| self.read(call, body)).await
    }
}
