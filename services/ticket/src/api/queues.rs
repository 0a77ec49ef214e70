//! `kefu.ticket.v1.QueueService`: queues, who serves them, and whose ticket it is.

mod agents;
mod assignments;
mod define;
mod give;
mod work;

use kefu_access::RowFacts;
use kefu_contracts::{
    common::Reason,
    ticket::{
        Agent, CreateQueueRequest, ListAgentsRequest, ListAgentsResponse, ListAssignmentsRequest,
        ListAssignmentsResponse, ListQueuedTicketsRequest, ListQueuedTicketsResponse,
        ListQueuesRequest, ListQueuesResponse, Queue, ReleaseTicketRequest, SetAgentRequest,
        SetPresenceRequest, TakeOverTicketRequest, Ticket, UpdateQueueRequest,
        queue_service_server::QueueService,
    },
};
use kefu_service::{
    call::{Call, answer},
    core::Core,
    error::Fault,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Tickets;

pub(crate) use give::Given;

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Queues {
    core: Core,
    tickets: Tickets,
}

impl Queues {
    pub(crate) fn new(core: &Core, tickets: Tickets) -> Self {
        Self {
            core: core.clone(),
            tickets,
        }
    }
}

/// Whether the call reaches what is of this department.
fn reaches(call: &Call, department: Uuid) -> bool {
    let facts = RowFacts {
        department: Some(department),
        ..RowFacts::default()
    };
    call.context.clearance_of(&facts, call.now).is_some()
}

pub(super) fn ensure_reach(call: &Call, department: Uuid) -> Result<(), Fault> {
    let rule = "the department lies outside of your scope";
    match reaches(call, department) {
        true => Ok(()),
        false => Err(Fault::new(Reason::PermissionMissing).with("rule", rule)),
    }
}

#[tonic::async_trait]
impl QueueService for Queues {
    async fn create_queue(
        &self,
        request: Request<CreateQueueRequest>,
    ) -> Result<Response<Queue>, Status> {
        answer(request, |call, body| self.create(call, body)).await
    }

    async fn update_queue(
        &self,
        request: Request<UpdateQueueRequest>,
    ) -> Result<Response<Queue>, Status> {
        answer(request, |call, body| self.update(call, body)).await
    }

    async fn list_queues(
        &self,
        request: Request<ListQueuesRequest>,
    ) -> Result<Response<ListQueuesResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn set_agent(
        &self,
        request: Request<SetAgentRequest>,
    ) -> Result<Response<Agent>, Status> {
        answer(request, |call, body| self.set(call, body)).await
    }

    async fn list_agents(
        &self,
        request: Request<ListAgentsRequest>,
    ) -> Result<Response<ListAgentsResponse>, Status> {
        answer(request, |call, body| self.agents(call, body)).await
    }

    async fn set_presence(
        &self,
        request: Request<SetPresenceRequest>,
    ) -> Result<Response<Agent>, Status> {
        answer(request, |call, body| self.present(call, body)).await
    }

    async fn list_queued_tickets(
        &self,
        request: Request<ListQueuedTicketsRequest>,
    ) -> Result<Response<ListQueuedTicketsResponse>, Status> {
        answer(request, |call, body| self.work(call, body)).await
    }

    async fn take_over_ticket(
        &self,
        request: Request<TakeOverTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.tickets.take_over(call, body)).await
    }

    async fn release_ticket(
        &self,
        request: Request<ReleaseTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.tickets.command(call, body)).await
    }

    async fn list_assignments(
        &self,
        request: Request<ListAssignmentsRequest>,
    ) -> Result<Response<ListAssignmentsResponse>, Status> {
        answer(request, |call, body| self.assignments(call, body)).await
    }
}
