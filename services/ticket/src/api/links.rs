//! `kefu.ticket.v1.LinkService`: what tickets are to each other, and what follows up a closed one.

mod follow_up;
mod link;

use kefu_contracts::{
    journal::{EntryKind, TicketsLinked, event},
    ticket::{
        FollowUpTicketRequest, LinkTicketsRequest, ListLinksRequest, ListLinksResponse, Ticket,
        TicketLink, UnlinkTicketsRequest, link_service_server::LinkService,
    },
};
use kefu_journal::Entry;
use kefu_service::{
    call::{Call, answer},
    fields::name,
    present::entry,
};
use tonic::{Request, Response, Status};

use super::Tickets;
use crate::store::links::{LINKS, NewLink};

/// The handlers.
#[derive(Clone)]
pub(crate) struct Links(pub(crate) Tickets);

/// Type of the entries of what was not allowed.
const REFUSED: &str = "link.refused";

/// That a link was made, or taken back.
pub(super) fn linked(call: &Call, link: &NewLink, taken_back: bool) -> Entry {
    let event = event::Event::TicketsLinked(TicketsLinked {
        link_id: link.id.as_bytes().to_vec(),
        kind: link.kind.into(),
        from_id: link.from.as_bytes().to_vec(),
        to_id: link.to.as_bytes().to_vec(),
        taken_back,
    });
    let kind = match taken_back {
        true => "link.deleted",
        false => "link.created",
    };
    let (resource, customer) = (name(LINKS, link.id), Some(link.customer));
    entry(call, EntryKind::Change, kind, resource, customer, event)
}

#[tonic::async_trait]
impl LinkService for Links {
    async fn link_tickets(
        &self,
        request: Request<LinkTicketsRequest>,
    ) -> Result<Response<TicketLink>, Status> {
        answer(request, |call, body| self.link(call, body)).await
    }

    async fn unlink_tickets(
        &self,
        request: Request<UnlinkTicketsRequest>,
    ) -> Result<Response<TicketLink>, Status> {
        answer(request, |call, body| self.unlink(call, body)).await
    }

    async fn list_links(
        &self,
        request: Request<ListLinksRequest>,
    ) -> Result<Response<ListLinksResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn follow_up_ticket(
        &self,
        request: Request<FollowUpTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.0.follow_up(call, body)).await
    }
}
