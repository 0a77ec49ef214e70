//! `kefu.order.v1.WatchService`: orders, follow-ups and cases of a list as they change (OP-3.3, OP-3.4.4,
//! IH-6).

use std::time::Duration;

use kefu_contracts::{
    journal::event::Event,
    order::{
        Case, FollowUp, Order, WatchCasesRequest, WatchCasesResponse, WatchFollowUpsRequest,
        WatchFollowUpsResponse, WatchOrdersRequest, WatchOrdersResponse,
        watch_service_server::WatchService,
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

use super::{Orders, cases::Cases, follow_ups::FollowUps};
use crate::{
    config::OrderFollowupConfig,
    store::{
        cases::{self, CASES, StoredCase},
        follow_ups::{self, FOLLOW_UPS, StoredFollowUp},
        records::{self, StoredOrder},
    },
};

/// The handlers; a caller's open answers of whatever kind take seats of one row.
#[derive(Clone)]
pub(crate) struct Watch {
    orders: watch::Watch<Orders>,
    follow_ups: watch::Watch<FollowUps>,
    cases: watch::Watch<Cases>,
}

impl Watch {
    pub(crate) fn new(
        core: &Core,
        orders: Orders,
        follow_ups: FollowUps,
        cases: Cases,
        wake: &Wake,
        config: &OrderFollowupConfig,
    ) -> Self {
        let seats = Seats::new(config.watch_streams);
        let heartbeat = Duration::from_secs(config.watch_heartbeat_seconds.into());
        let (wake, beat) = (|| wake.clone(), heartbeat);
        Self {
            orders: watch::Watch::new(core, orders, wake(), seats.clone(), beat),
            follow_ups: watch::Watch::new(core, follow_ups, wake(), seats.clone(), beat),
            cases: watch::Watch::new(core, cases, wake(), seats, beat),
        }
    }
}

/// What is told, in a message of the contracts whose fields are the same for all.
macro_rules! responds {
    ($response:ident, $record:ty) => {
        fn response(told: Told<$record>) -> $response {
            $response {
                changed: told.changed,
                left: told.left,
                resume_token: told.resume_token,
                caught_up: told.caught_up,
                relist: told.relist,
            }
        }
    };
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
            Event::ConfirmationChanged(question) => &question.order_id,
            Event::ComplaintOfOrder(complaint) => &complaint.order_id,
            _ => return None,
        };
        Uuid::from_slice(id).ok()
    }

    async fn present(&self, call: &Call, row: &PgRow) -> Result<(Uuid, Order, Shown), Fault> {
        let row = StoredOrder::read(row)?;
        let (record, shown) = self.open(call, &row).await?;
        Ok((row.id, record, shown))
    }

    responds!(WatchOrdersResponse, Order);
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

    responds!(WatchFollowUpsResponse, FollowUp);
}

#[tonic::async_trait]
impl Watchable for Cases {
    type Record = Case;
    type Response = WatchCasesResponse;

    const RECORD: &'static RecordSpec = &cases::RECORD;
    const COLLECTION: &'static str = CASES;
    const VIEWED: &'static str = "case.viewed";

    fn named(event: &Event, _caller: Uuid) -> Option<Uuid> {
        let id = match event {
            Event::CaseChanged(case) => &case.case_id,
            Event::CasePaymentChanged(payment) => &payment.case_id,
            _ => return None,
        };
        Uuid::from_slice(id).ok()
    }

    async fn present(&self, call: &Call, row: &PgRow) -> Result<(Uuid, Case, Shown), Fault> {
        let row = StoredCase::read(row)?;
        let (record, shown) = self.present(call, &row).await?;
        Ok((row.id, record, shown))
    }

    responds!(WatchCasesResponse, Case);
}

#[tonic::async_trait]
impl WatchService for Watch {
    type WatchOrdersStream = Answers<WatchOrdersResponse>;
    type WatchFollowUpsStream = Answers<WatchFollowUpsResponse>;
    type WatchCasesStream = Answers<WatchCasesResponse>;

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

    async fn watch_cases(
        &self,
        request: Request<WatchCasesRequest>,
    ) -> Result<Response<Self::WatchCasesStream>, Status> {
        let (call, body) = (call::of(&request)?, request.into_inner());
        let asked = AskedToWatch {
            filter: &body.filter,
            resume_token: &body.resume_token,
            held: &body.held,
        };
        self.cases.answer(call, asked).await
    }
}
