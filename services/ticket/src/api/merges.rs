//! `kefu.ticket.v1.MergeService`: tickets become one, and one becomes two.

mod merge;
mod split;
mod unmerge;

use kefu_access::Clearance;
use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, TicketsMerged, event},
    policy::DataClass,
    ticket::{
        MergeTicketsRequest, SplitTicketRequest, Ticket, UnmergeTicketRequest,
        merge_service_server::MergeService,
    },
};
use kefu_journal::Entry;
use kefu_service::{
    call::{Call, answer},
    error::Fault,
    fields::name,
    present::entry,
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    Tickets,
    present::{Heard, changed},
};
use crate::{
    domain::state::{Event, Standing},
    store::{
        merges,
        records::{self, StoredTicket},
    },
};

/// The handlers.
#[derive(Clone)]
pub(crate) struct Merges(pub(crate) Tickets);

/// Why nothing is done with a ticket that is part of another; which one that is, where the
/// caller sees it.
pub(super) async fn merged(
    connection: &mut PgConnection,
    call: &Call,
    ticket: Uuid,
    event: Event,
) -> Result<Fault, Fault> {
    let whole: Vec<Uuid> = merges::whole(connection, ticket)
        .await?
        .into_iter()
        .collect();
    let seen = records::within(connection, call, &whole).await?;
    let fault = Fault::state("MERGED", event.name());
    Ok(match seen.first() {
        Some(whole) => fault.with("merged_into", name("tickets", *whole)),
        None => fault,
    })
}

/// What was said has to be seen to be put elsewhere.
fn ensure_seen(clearance: &Clearance) -> Result<(), Fault> {
    if clearance.classes.contains(DataClass::Service) {
        return Ok(());
    }
    let class = DataClass::Service.as_str_name();
    Err(Fault::new(Reason::PermissionMissing).with("classes", class))
}

/// That a ticket changed, as it is afterwards, once everything of it is written.
async fn told(
    connection: &mut PgConnection,
    call: &Call,
    kind: &'static str,
    row: &StoredTicket,
    ticket: &Ticket,
    before: Standing,
) -> Result<Entry, Fault> {
    let heard = Heard::of(connection, row.id, ticket).await?;
    let event = changed(ticket, before.state, call.now, row.revision + 1, heard);
    let (resource, customer) = (ticket.name.clone(), Some(row.customer_id));
    let entry = entry(call, EntryKind::Change, kind, resource, customer, event);
    Ok(entry)
}

/// That one ticket became part of another, or is one by itself again.
fn joined(call: &Call, source: &StoredTicket, target: Uuid, undone: bool) -> Entry {
    let event = event::Event::TicketsMerged(TicketsMerged {
        ticket_id: source.id.as_bytes().to_vec(),
        target_id: target.as_bytes().to_vec(),
        customer_id: source.customer_id.as_bytes().to_vec(),
        undone,
    });
    let kind = match undone {
        true => "merge.undone",
        false => "merge.made",
    };
    let (resource, customer) = (name("tickets", source.id), Some(source.customer_id));
    entry(call, EntryKind::Change, kind, resource, customer, event)
}

#[tonic::async_trait]
impl MergeService for Merges {
    async fn merge_tickets(
        &self,
        request: Request<MergeTicketsRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.0.merge(call, body)).await
    }

    async fn unmerge_ticket(
        &self,
        request: Request<UnmergeTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.0.unmerge(call, body)).await
    }

    async fn split_ticket(
        &self,
        request: Request<SplitTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.0.split(call, body)).await
    }
}
