//! `kefu.order.v1.OrderService`: request → rules → store → answer.

pub(crate) mod amendments;
mod bulk;
pub(crate) mod campaigns;
pub(crate) mod cases;
mod command;
mod commands;
pub(crate) mod confirmation;
mod create;
mod files;
pub(crate) mod follow_ups;
pub(crate) mod intake;
mod list;
pub(crate) mod loyalty;
pub(crate) mod notices;
mod present;
pub(crate) mod promises;
mod read;
pub(crate) mod relations;
pub(crate) mod stock;
pub(crate) mod submissions;
pub(crate) mod supply;
pub(crate) mod visits;
pub(crate) mod watch;
mod write;

use jiff::{SignedDuration, Timestamp};
use kefu_access::SubjectKind;
use kefu_contracts::order::{
    BulkRecordStagesRequest, BulkRecordStagesResponse, CompleteOrderRequest, CreateOrderRequest,
    GetOrderRequest, ListOrdersRequest, ListOrdersResponse, Order, RecordReviewRequest,
    RecordStageRequest, order_service_server::OrderService,
};
use kefu_service::{
    call::{Call, answer},
    core::Core,
    sealed::Sealer,
};
use tonic::{Request, Response, Status};

use crate::{
    config::{ConfirmationConfig, OrderFollowupConfig},
    desk::Desk,
    domain::{composition::Categories, finding::Plausible},
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
    has_order_system: bool,
    has_inventory: bool,
    most_lines: usize,
    plausible: Plausible,
    categories: Categories,
    /// Within how many hours something is seen to, where no rule of its own says.
    follow_up_hours: u16,
    transfer_grace: SignedDuration,
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
            has_order_system: !config.order_system.uri.is_empty(),
            has_inventory: !config.inventory.uri.is_empty(),
            most_lines: config.most_lines,
            plausible: config.plausible(),
            categories: Categories::new(&config.product_categories),
            follow_up_hours: config.follow_up_hours,
            transfer_grace: SignedDuration::from_secs(config.transfer_grace_seconds.into()),
        }
    }

    /// When an order of which this call tells something is judged anew: a system tells what
    /// happened one by one, and not before it has told all of it.
    fn look_at(&self, call: &Call) -> Timestamp {
        match call.context.subject.kind {
            SubjectKind::SystemAccount => call.now.checked_add(self.transfer_grace),
            _ => Ok(call.now),
        }
        .unwrap_or(call.now)
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

    async fn bulk_record_stages(
        &self,
        request: Request<BulkRecordStagesRequest>,
    ) -> Result<Response<BulkRecordStagesResponse>, Status> {
        answer(request, |call, body| self.record_stages(call, body)).await
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
