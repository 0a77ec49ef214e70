//! `kefu.order.v1.PromiseService`: what is promised of orders, and the company's rules about it.

mod rules;

use jiff::Timestamp;
use kefu_contracts::{
    journal::{OrderPromised, event},
    order::{
        GetPromiseRulesRequest, Order, OrderStage, PromiseRules, PromiseStageRequest,
        RevisePromiseRulesRequest, StagePromise, promise_service_server::PromiseService,
    },
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::{Fault, Violation},
    fields::Fields,
    idempotency::{self, Claim},
    time::{from_proto, to_proto},
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};

use super::{
    Orders,
    command::{Action, Command},
    write::AtHand,
};
use crate::{
    domain::{
        entry::told,
        promise::{PROMISED, ensure_promisable, lateness::missed},
        stage::Reached,
    },
    store::{promises, records::reached},
};

/// The handlers.
#[derive(Clone)]
pub(crate) struct Promises(pub(crate) Orders);

impl Promises {
    /// Clause OP-3.4.4.
    async fn promise_stage(
        &self,
        call: Call,
        request: PromiseStageRequest,
    ) -> Result<Answer<Order>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, "orders");
        let revision = fields.etag("etag", &request.etag);
        let stage = fields.required_enum::<OrderStage>("stage", request.stage);
        let can_be = stage.is_none_or(|stage| PROMISED.contains(&stage));
        fields.ensure(can_be, "stage", Violation::NotApplicable);
        let given = request.promised_time.as_ref();
        fields.ensure(given.is_some(), "promised_time", Violation::Required);
        let at = fields.from_when("promised_time", given, call.now);
        let claim = Claim::of(&call, request_id, &request);
        idempotency::finish(&self.0.core.deps.db, fields, claim.as_ref()).await?;
        let stage = stage.ok_or_else(|| Fault::internal("no violation was noted"))?;
        let command = Command {
            id: id.unwrap_or_default(),
            revision,
            claim,
            action: Action::Promise(Reached { at, stage }),
        };
        self.0.carry_out(call, command).await
    }
}

impl Orders {
    /// Writes a promise, and that the one before was not kept; what it says for the journal.
    pub(super) async fn promise(
        &self,
        connection: &mut PgConnection,
        at_hand: &mut AtHand,
        promised: Reached,
        now: Timestamp,
    ) -> Result<event::Event, Fault> {
        let row = &at_hand.row;
        let stages: Vec<_> = reached(&at_hand.order.events).collect();
        ensure_promisable(stages.iter().copied(), promised.stage)?;
        let order = &mut at_hand.order;
        let before = given(order, promised.stage).filter(|before| missed(&stages, *before, now));
        if let Some(before) = before {
            promises::keep_missed(connection, row.id, row.customer_id, before).await?;
        }
        if promised.stage == OrderStage::Delivered {
            promises::put_delivery(connection, row.id, promised.at).await?;
            order.promised_time = Some(to_proto(promised.at));
        } else {
            promises::put(connection, row.id, row.customer_id, promised).await?;
            order
                .promises
                .retain(|other| other.stage() != promised.stage);
            order.promises.push(told(promised));
            order.promises.sort_by_key(|promise| promise.stage);
        }
        let bytes = |id: uuid::Uuid| id.as_bytes().to_vec();
        Ok(event::Event::OrderPromised(OrderPromised {
            order_id: bytes(row.id),
            customer_id: bytes(row.customer_id),
            department_id: bytes(row.department_id),
            stage: promised.stage.into(),
            promised_at: Some(to_proto(promised.at)),
            revision: row.revision + 1,
        }))
    }
}

/// For when somebody promised a stage.
fn given(order: &Order, stage: OrderStage) -> Option<Reached> {
    let of_stage = |one: &&StagePromise| one.stage() == stage;
    let at = match stage {
        OrderStage::Delivered => order.promised_time.as_ref(),
        _ => order.promises.iter().find(of_stage)?.promised_time.as_ref(),
    };
    let at = at.and_then(from_proto)?;
    Some(Reached { at, stage })
}

#[tonic::async_trait]
impl PromiseService for Promises {
    async fn promise_stage(
        &self,
        request: Request<PromiseStageRequest>,
    ) -> Result<Response<Order>, Status> {
        answer(request, |call, body| self.promise_stage(call, body)).await
    }

    async fn get_promise_rules(
        &self,
        request: Request<GetPromiseRulesRequest>,
    ) -> Result<Response<PromiseRules>, Status> {
        answer(request, |call, body| self.rules(call, body)).await
    }

    async fn revise_promise_rules(
        &self,
        request: Request<RevisePromiseRulesRequest>,
    ) -> Result<Response<PromiseRules>, Status> {
        answer(request, |call, body| self.revise(call, body)).await
    }
}
