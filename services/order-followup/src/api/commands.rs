//! The commands on an existing order: each is checked here and carried out in
//! the one way that all of them share.

use kefu_contracts::order::{
    CompleteOrderRequest, Order, OrderStage, RecordReviewRequest, RecordStageRequest,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
    idempotency::Claim,
};

use super::{
    Orders,
    command::{Action, Command},
};
use crate::domain::{
    review::{self, Occasion},
    stage::{Reached, is_told},
};

impl Orders {
    /// Clause OP-3.4.4.
    pub(super) async fn record_stage(
        &self,
        call: Call,
        request: RecordStageRequest,
    ) -> Result<Answer<Order>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, "orders");
        let reached = told(&mut fields, &call, &request);
        fields.finish()?;
        let reached = reached.ok_or_else(|| Fault::internal("no violation was noted"))?;
        let claim = Claim::of(&call, request_id, &request);
        let command = Command {
            id: id.unwrap_or_default(),
            revision: None,
            claim,
            action: Action::Stage(reached),
        };
        self.carry_out(call, command).await
    }

    /// Clause OP-3.4.5.
    pub(super) async fn complete(
        &self,
        call: Call,
        request: CompleteOrderRequest,
    ) -> Result<Answer<Order>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, "orders");
        let revision = fields.etag("etag", &request.etag);
        let claim = Claim::of(&call, request_id, &request);
        let answered = review::check(&mut fields, request.review, Occasion::Asked, call.now);
        fields.finish()?;
        let (review, at) = answered.ok_or_else(|| Fault::internal("no violation was noted"))?;
        let action = Action::Complete(review, at);
        self.carry_out(
            call,
            Command {
                id: id.unwrap_or_default(),
                revision,
                claim,
                action,
            },
        )
        .await
    }

    /// Clauses OP-3.4.5, SG-4.
    pub(super) async fn record_review(
        &self,
        call: Call,
        request: RecordReviewRequest,
    ) -> Result<Answer<Order>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, "orders");
        let claim = Claim::of(&call, request_id, &request);
        let answered = review::check(&mut fields, request.review, Occasion::OnTheirOwn, call.now);
        fields.finish()?;
        let (review, at) = answered.ok_or_else(|| Fault::internal("no violation was noted"))?;
        let action = Action::Review(review, at);
        self.carry_out(
            call,
            Command {
                id: id.unwrap_or_default(),
                revision: None,
                claim,
                action,
            },
        )
        .await
    }
}

/// What a stage event tells; `None` notes what is wrong with it.
fn told(fields: &mut Fields, call: &Call, request: &RecordStageRequest) -> Option<Reached> {
    let stage = fields.required_enum::<OrderStage>("stage", request.stage);
    // The customer's word completes an order, nothing else does (OP-3.4.5).
    let tellable = stage.is_none_or(is_told);
    fields.ensure(tellable, "stage", Violation::NotApplicable);
    fields.ensure(
        request.occurred_time.is_some(),
        "occurred_time",
        Violation::Required,
    );
    let at = fields.past("occurred_time", request.occurred_time.as_ref(), call.now);
    Some(Reached {
        at: at?,
        stage: stage.filter(|_| tellable)?,
    })
}
