//! `kefu.order.v1.OrderService`: request → rules → store → answer.

pub(crate) mod campaigns;
pub(crate) mod cases;
mod command;
mod commands;
pub(crate) mod confirmation;
mod create;
mod files;
pub(crate) mod follow_ups;
mod list;
pub(crate) mod loyalty;
mod present;
mod read;
pub(crate) mod relations;
pub(crate) mod visits;
pub(crate) mod watch;
mod write;

use kefu_contracts::order::{
    CompleteOrderRequest, CreateOrderRequest, GetOrderRequest, ListOrdersRequest,
    ListOrdersResponse, Order, RecordReviewRequest, RecordStageRequest,
    order_service_server::OrderService,
};
use kefu_service::{call::answer, core::Core, sealed::Sealer};
use tonic::{Request, Response, Status};

use crate::{
    config::{ConfirmationConfig, OrderFollowupConfig},
    desk::Desk,
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Orders {
    core: Core,
    sealer: Sealer,
    review_sealer: Sealer,
    attempt_sealer: Sealer,
    desk: Desk,
    confirmation: ConfirmationConfig,
    most_lines: usize,
}

impl Orders {
    pub(crate) fn new(core: &Core, config: &OrderFollowupConfig, desk: Desk) -> Self {
        let sealer = |table| Sealer::new(core.deps.vault.clone(), table);
        Self {
            core: core.clone(),
            sealer: sealer("orders.purchase_order"),
            review_sealer: sealer("orders.review"),
            attempt_sealer: sealer("orders.confirmation_attempt"),
            desk,
            confirmation: config.confirmation,
            most_lines: config.most_lines,
        }
    }
}

#[tonic::async_trait]
impl OrderService for Orders {
    async fn create_order(
        &self,
        request: Request<CreateOrderRequest>,
    ) -> Result<Response<Order>, Status> {
        answer(request, |call, body| self.create(call, body)).await
    }

    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<Order>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_orders(
        &self,
        request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn record_stage(
        &self,
        request: Request<RecordStageRequest>,
    ) -> Result<Response<Order>, Status> {
        answer(request, |call, body| self.record_stage(call, body)).await
    }

    async fn complete_order(
        &self,
        request: Request<CompleteOrderRequest>,
    ) -> Result<Response<Order>, Status> {
        answer(request, |call, body| self.complete(call, body)).await
    }

    async fn record_review(
        &self,
        request: Request<RecordReviewRequest>,
    ) -> Result<Response<Order>, Status> {
        answer(request, |call, body| self.record_review(call, body)).await
    }
}
