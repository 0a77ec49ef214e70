//! `kefu.ticket.v1.CompensationService`: commands on tickets like any other.

use kefu_contracts::ticket::{
    DecideOnCompensationRequest, OfferCompensationRequest, RecordCompensationPaymentRequest,
    Ticket, compensation_service_server::CompensationService,
};
use kefu_service::call::answer;
use tonic::{Request, Response, Status};

use super::Tickets;

/// The handlers.
#[derive(Clone)]
pub(crate) struct Compensations(pub(crate) Tickets);

#[tonic::async_trait]
impl CompensationService for Compensations {
    async fn offer_compensation(
        &self,
        request: Request<OfferCompensationRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.0.command(call, body)).await
    }

    async fn decide_on_compensation(
        &self,
        request: Request<DecideOnCompensationRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.0.command(call, body)).await
    }

    async fn record_compensation_payment(
        &self,
        request: Request<RecordCompensationPaymentRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.0.command(call, body)).await
    }
}
