//! `kefu.order.v1.WatchService`: orders and follow-ups of a list as they change (OP-3.3, OP-3.4.4).

use std::time::Duration;

use kefu_contracts::{
    journal::event::Event,
    order::{
        FollowUp, Order, WatchFollowUpsRequest, WatchFollowUpsResponse, WatchOrdersRequest,
        WatchOrdersResponse, watch_service_server::WatchService,
    },
};
use kefu_service::{
    call::{self, Call},
    core::Core,
    error::Fault,
    present::Shown,
    scope::RecordSpec,
    watch::{self, Answers, AskedToWatch, Seats, Told, Wake, Watchable},
};
use sqlx::postgres::PgRow;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Orders, follow_ups::FollowUps};
use crate::{
    config::OrderFollowupConfig,
    store::{
        follow_ups::{self, FOLLOW_UPS, StoredFollowUp},
        records::{self, StoredOrder},
    },
};

/// The handlers; a caller's open answers of either kind take seats of one row.
#[derive(Clone)]
pub(crate) struct Watch {
    orders: watch::Watch<Orders>,
    follow_ups: watch::Watch<FollowUps>,
}

impl Watch {
    pub(crate) fn new(
        core: &Core,
        orders: Orders,
        follow_ups: FollowUps,
        wake: &Wake,
        config: &OrderFollowupConfig,
    ) -> Self {
        let seats = Seats::new(config.watch_streams);
        let heartbeat = Duration::from_secs(config.watch_heartbeat_seconds.into());
        let of_orders = watch::Watch::new(core, orders, wake.clone(), seats.clone(), heartbeat);
        Self {
            orders: of_orders,
            follow_ups: watch::Watch::new(core, follow_ups, wake.clone(), seats, heartbeat),
        }
    }
}

#[tonic::async_trait]
impl Watchable for Orders {
    type Record = Order;
    type Response = WatchOrdersResponse;

    const RECORD: &'static RecordSpec = &records::RECORD;
    const COLLECTION: &'static str = "orders";
    const VIEWED: &'static str = "order.viewed";

    fn named(event: &Event, _caller: Uuid) -> Option<Uuid> {
        let id = match event {
            Event::OrderChanged(order) => &order.order_id,
            Event::OrderReviewed(review) => &review.order_id,
            Event::OrderTroubled(trouble) => &trouble.order_id,
            Event::OrderPromised(promise) => &promise.order_id,
            Event::OrderClearedUp(cleared) => &cleared.order_id,
            Event::OrderSupplied(supplied) => &supplied.order_id,
            _ => return None,
        };
        Uuid::from_slice(id).ok()
    }

    async fn present(&self, call: &Call, row: &PgRow) -> Result<(Uuid, Order, Shown), Fault> {
        let row = StoredOrder::read(row)?;
        let (record, shown) = self.open(call, &row).await?;
        Ok((row.id, record, shown))
    }

    fn response(told: Told<Order>) -> WatchOrdersResponse {
        WatchOrdersResponse {
            changed: told.changed,
            left: told.left,
            resume_token: told.resume_token,
            caught_up: told.caught_up,
            relist: told.relist,
        }
    }
}

#[tonic::async_trait]
impl Watchable for FollowUps {
    type Record = FollowUp;
    type Response = WatchFollowUpsResponse;

    const RECORD: &'static RecordSpec = &follow_ups::RECORD;
    const COLLECTION: &'static str = FOLLOW_UPS;
    const VIEWED: &'static str = "follow_up.viewed";

    fn named(event: &Event, _caller: Uuid) -> Option<Uuid> {
        let Event::FollowUpChanged(one) = event else {
            return None;
        };
        Uuid::from_slice(&one.follow_up_id).ok()
    }

    async fn present(&self, call: &Call, row: &PgRow) -> Result<(Uuid, FollowUp, Shown), Fault> {
        let row = StoredFollowUp::read(row)?;
        let (record, shown) = self.present(call, &row).await?;
        Ok((row.id, record, shown))
    }

    fn response(told: Told<FollowUp>) -> WatchFollowUpsResponse {
        WatchFollowUpsResponse {
            changed: told.changed,
            left: told.left,
            resume_token: told.resume_token,
            caught_up: told.caught_up,
            relist: told.relist,
        }
    }
}

#[tonic::async_trait]
impl WatchService for Watch {
    type WatchOrdersStream = Answers<WatchOrdersResponse>;
    type WatchFollowUpsStream = Answers<WatchFollowUpsResponse>;

    async fn watch_orders(
        &self,
        request: Request<WatchOrdersRequest>,
    ) -> Result<Response<Self::WatchOrdersStream>, Status> {
        let (call, body) = (call::of(&request)?, request.into_inner());
        let asked = AskedToWatch {
            filter: &body.filter,
            resume_token: &body.resume_token,
            held: &body.held,
        };
        self.orders.answer(call, asked).await
    }

    async fn watch_follow_ups(
        &self,
        request: Request<WatchFollowUpsRequest>,
    ) -> Result<Response<Self::WatchFollowUpsStream>, Status> {
        let (call, body) = (call::of(&request)?, request.into_inner());
        let asked = AskedToWatch {
            filter: &body.filter,
            resume_token: &body.resume_token,
            held: &body.held,
        };
        self.follow_ups.answer(call, asked).await
    }
}
