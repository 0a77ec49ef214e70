//! The commands on an existing order: each is checked here and carried out in
//! the one way that all of them share.

use kefu_access::SubjectKind;
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
    stage::{Reached, is_told, is_told_by_systems},
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
        let news = (request.stage, request.occurred_time.as_ref());
        let reached = told(&mut fields, &call, "", news);
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

/// What a stage event tells, whose fields begin so; `None` notes what is wrong with it.
pub(super) fn told(
    fields: &mut Fields,
    call: &Call,
    place: &str,
    (stage, occurred): (i32, Option<&prost_types::Timestamp>),
) -> Option<Reached> {
    let (field, time) = (format!("{place}stage"), format!("{place}occurred_time"));
    let stage = fields.required_enum::<OrderStage>(&field, stage);
    // The customer's word completes an order, nothing else does (OP-3.4.5).
    let tellable = stage.is_none_or(is_told);
    fields.ensure(tellable, &field, Violation::NotApplicable);
    // Whoever serves the customer cancels an order by command (OP-3.4.3).
    let of_system = call.context.subject.kind == SubjectKind::SystemAccount;
    let theirs = of_system || !stage.is_some_and(is_told_by_systems);
    fields.ensure(theirs, &field, Violation::NotForPeople);
    fields.ensure(occurred.is_some(), &time, Violation::Required);
    let at = fields.past(&time, occurred, call.now);
    Some(Reached {
        at: at?,
        stage: stage.filter(|_| tellable)?,
    })
}
