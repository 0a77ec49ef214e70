//! `kefu.ticket.v1.TicketService`: request → rules → store → answer.

pub(crate) mod attachments;
pub(crate) mod attention;
pub(crate) mod bulk;
pub(crate) mod calendars;
mod change;
pub(crate) mod clocks;
mod commands;
pub(crate) mod compensations;
mod details;
mod files;
pub(crate) mod handling;
pub(crate) mod handover;
pub(crate) mod inspections;
mod keys;
pub(crate) mod knowledge;
pub(crate) mod links;
mod list;
pub(crate) mod macros;
pub(crate) mod merges;
pub(crate) mod notices;
mod open;
mod people;
mod present;
pub(crate) mod queues;
mod read;
mod replay;
mod rules;
mod successor;
pub(crate) mod surveys;
pub(crate) mod tags;
pub(crate) mod targets;
mod texts;
pub(crate) mod themes;
pub(crate) mod views;
pub(crate) mod watch;
mod wording;

use kefu_contracts::ticket::{
    AssignTicketRequest, CloseTicketRequest, GetTicketRequest, HandlingVersion, ListTicketsRequest,
    ListTicketsResponse, OpenTicketRequest, RateTicketRequest, ReopenTicketRequest,
    ReplyToTicketRequest, ResolveTicketRequest, StartTicketRequest, SuspendTicketRequest, Ticket,
    UpdateTicketRequest, ticket_service_server::TicketService,
};
use kefu_service::{
    call::answer, core::Core, peer::PeerService, sealed::Sealer, server::GrpcService,
};
use tonic::{Request, Response, Status};

use self::{keys::Keys, rules::Rules};
use crate::{config::TicketConfig, domain::survey::Terms};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Tickets {
    core: Core,
    sealer: Sealer,
    keys: Keys,
    rules: Rules<HandlingVersion>,
    notice_rules: notices::Known,
    /// Whether notices are sent by a connector.
    has_connector: bool,
    surveys: Terms,
    /// Knows who may do what.
    people: PeerService,
}

impl Tickets {
    /// `people`: access-control, which knows who may do what.
    pub(crate) fn new(core: &Core, config: &TicketConfig, people: GrpcService) -> Self {
        Self {
            core: core.clone(),
            sealer: Sealer::new(core.deps.vault.clone(), "ticket.ticket"),
            keys: Keys::new(config.remembered_keys),
            rules: Rules::default(),
            notice_rules: notices::Known::default(),
            has_connector: !config.notices.connector_uri.is_empty(),
            surveys: config.surveys(),
            people: core.identity.calling(people),
        }
    }
}

#[tonic::async_trait]
impl TicketService for Tickets {
    async fn open_ticket(
        &self,
        request: Request<OpenTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.open(call, body)).await
    }

    async fn get_ticket(
        &self,
        request: Request<GetTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_tickets(
        &self,
        request: Request<ListTicketsRequest>,
    ) -> Result<Response<ListTicketsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn update_ticket(
        &self,
        request: Request<UpdateTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.command(call, body)).await
    }

    async fn assign_ticket(
        &self,
        request: Request<AssignTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.command(call, body)).await
    }

    async fn start_ticket(
        &self,
        request: Request<StartTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.command(call, body)).await
    }

    async fn suspend_ticket(
        &self,
        request: Request<SuspendTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.command(call, body)).await
    }

    async fn reply_to_ticket(
        &self,
        request: Request<ReplyToTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.command(call, body)).await
    }

    async fn resolve_ticket(
        &self,
        request: Request<ResolveTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.command(call, body)).await
    }

    async fn reopen_ticket(
        &self,
        request: Request<ReopenTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.command(call, body)).await
    }

    async fn rate_ticket(
        &self,
        request: Request<RateTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.command(call, body)).await
    }

    async fn close_ticket(
        &self,
        request: Request<CloseTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.command(call, body)).await
    }
}
