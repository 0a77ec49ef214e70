//! `kefu.ticket.v1.HandlingService`: the checks and the closed loop, the tables of states, and
//! the company's rules.

mod rules;

use kefu_contracts::ticket::{
    AnalyseComplaintRequest, AnswerResultRequest, AskToCloseRequest, CheckLegitimacyRequest,
    DecideOnClosingRequest, GetHandlingRulesRequest, HandlingRules, HandlingVersion,
    ListStateTablesRequest, ListStateTablesResponse, ReviseHandlingRulesRequest,
    SummariseComplaintRequest, Ticket, handling_service_server::HandlingService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    present::Shown,
    versions,
};
use tonic::{Request, Response, Status};

use super::Tickets;
use crate::{domain::state, store::versions::TicketRules};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Handling {
    core: Core,
    tickets: Tickets,
}

impl Handling {
    pub(crate) fn new(core: &Core, tickets: Tickets) -> Self {
        Self {
            core: core.clone(),
            tickets,
        }
    }

    /// Clause CC-1.2.
    async fn tables(
        &self,
        call: Call,
        _: ListStateTablesRequest,
    ) -> Result<Answer<ListStateTablesResponse>, Fault> {
        let shown = Shown::of_company("stateTables");
        let views = &self.core.views;
        views.record(&call, "state_tables.viewed", &[shown]).await?;
        let tables = state::tables();
        Ok(Answer::read(ListStateTablesResponse { tables }))
    }
}

#[tonic::async_trait]
impl HandlingService for Handling {
    async fn check_legitimacy(
        &self,
        request: Request<CheckLegitimacyRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.tickets.command(call, body)).await
    }

    async fn analyse_complaint(
        &self,
        request: Request<AnalyseComplaintRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.tickets.command(call, body)).await
    }

    async fn answer_result(
        &self,
        request: Request<AnswerResultRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.tickets.command(call, body)).await
    }

    async fn summarise_complaint(
        &self,
        request: Request<SummariseComplaintRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.tickets.command(call, body)).await
    }

    async fn ask_to_close(
        &self,
        request: Request<AskToCloseRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.tickets.command(call, body)).await
    }

    async fn decide_on_closing(
        &self,
        request: Request<DecideOnClosingRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.tickets.command(call, body)).await
    }

    async fn list_state_tables(
        &self,
        request: Request<ListStateTablesRequest>,
    ) -> Result<Response<ListStateTablesResponse>, Status> {
        answer(request, |call, body| self.tables(call, body)).await
    }

    async fn get_handling_rules(
        &self,
        request: Request<GetHandlingRulesRequest>,
    ) -> Result<Response<HandlingRules>, Status> {
        let get = versions::get::<TicketRules, HandlingVersion>;
        answer(request, |call, _| get(&self.core, call)).await
    }

    /// Clauses IH-3.1, OP-3.2, SG-2.1.
    async fn revise_handling_rules(
        &self,
        request: Request<ReviseHandlingRulesRequest>,
    ) -> Result<Response<HandlingRules>, Status> {
        let revise = versions::revise::<TicketRules, HandlingVersion>;
        answer(request, |call, body| revise(&self.core, call, body)).await
    }
}
