//! What came of a visit is read and checked; so is that it is moved or dropped.

use jiff::Timestamp;
use kefu_contracts::order::{
    DropVisitRequest, MoveVisitRequest, RecordVisitRequest, Visit, VisitMethod,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
    idempotency::{self, Claim},
};
use uuid::Uuid;

use super::{
    VisitsApi,
    change::{Deed, Wanted},
};
use crate::{domain::visit::MOST_WORDS, store::visits::VISITS};

/// What came of a visit.
#[derive(Clone)]
pub(super) struct Outcome {
    /// Unspecified: as planned.
    pub(super) method: VisitMethod,
    pub(super) visited_at: Timestamp,
    pub(super) reached: bool,
    pub(super) result: String,
    pub(super) satisfaction: i32,
    pub(super) needs: String,
    pub(super) feedback: String,
    pub(super) feedback_department: Option<Uuid>,
    /// When the next one is, and how; unspecified: as this one.
    pub(super) next: Option<(Timestamp, VisitMethod)>,
}

impl VisitsApi {
    /// Clauses OP-3.3, IH-3.2, SG-4.
    pub(super) async fn record(
        &self,
        call: Call,
        request: RecordVisitRequest,
    ) -> Result<Answer<Visit>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let id = fields.name("name", &request.name, VISITS);
        let revision = fields.etag("etag", &request.etag);
        let outcome = outcome(&mut fields, &call, &request);
        idempotency::finish(&self.core.deps.db, fields, claim.as_ref()).await?;
        let outcome = outcome.ok_or_else(|| Fault::internal("no violation was noted"))?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            revision: revision.unwrap_or_default(),
            claim,
            deed: Deed::Record(outcome),
        };
        self.carry_out(call, wanted).await
    }

    /// Clause OP-3.3.
    pub(super) async fn move_to(
        &self,
        call: Call,
        request: MoveVisitRequest,
    ) -> Result<Answer<Visit>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let id = fields.name("name", &request.name, VISITS);
        let revision = fields.etag("etag", &request.etag);
        let due = request.due_time.as_ref();
        fields.ensure(due.is_some(), "due_time", Violation::Required);
        let until = to_come(&mut fields, &call, "due_time", due);
        fields.required_text("reason", &request.reason, MOST_WORDS);
        idempotency::finish(&self.core.deps.db, fields, claim.as_ref()).await?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            revision: revision.unwrap_or_default(),
            claim,
            deed: Deed::Move(until.unwrap_or_default(), request.reason),
        };
        self.carry_out(call, wanted).await
    }

    /// Clause OP-3.3.
    pub(super) async fn drop_it(
        &self,
        call: Call,
        request: DropVisitRequest,
    ) -> Result<Answer<Visit>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let id = fields.name("name", &request.name, VISITS);
        let revision = fields.etag("etag", &request.etag);
        fields.required_text("reason", &request.reason, MOST_WORDS);
        fields.finish()?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            revision: revision.unwrap_or_default(),
            claim,
            deed: Deed::Drop(request.reason),
        };
        self.carry_out(call, wanted).await
    }
}

/// What the request says came of it; `None` notes what is wrong with that.
fn outcome(fields: &mut Fields, call: &Call, request: &RecordVisitRequest) -> Option<Outcome> {
    let method = fields.optional_enum::<VisitMethod>("method", request.method);
    let told = request.visit_time.as_ref();
    fields.ensure(told.is_some(), "visit_time", Violation::Required);
    let visited_at = fields.past("visit_time", told, call.now);
    fields.required_text("result", &request.result, MOST_WORDS);
    let mark = (0..=5).contains(&request.satisfaction);
    fields.ensure(mark, "satisfaction", Violation::OutOfRange(0, 5));
    // Who was not there said nothing.
    let said = request.satisfaction != 0;
    fields.ensure(
        request.reached || !said,
        "satisfaction",
        Violation::NotApplicable,
    );
    for (field, text) in [("needs", &request.needs), ("feedback", &request.feedback)] {
        fields.text(field, text, MOST_WORDS);
        let silent = text.is_empty();
        fields.ensure(request.reached || silent, field, Violation::NotApplicable);
    }
    let field = "feedback_department";
    let passed_on = fields.optional_name(field, &request.feedback_department, "departments");
    let nothing = request.feedback.is_empty();
    fields.ensure(
        passed_on.is_none() || !nothing,
        field,
        Violation::NotApplicable,
    );
    let next = request.next_time.as_ref();
    let next_at = to_come(fields, call, "next_time", next);
    let next_method = fields.optional_enum::<VisitMethod>("next_method", request.next_method);
    let named = next_method.is_none_or(|method| method == VisitMethod::Unspecified);
    fields.ensure(
        next.is_some() || named,
        "next_method",
        Violation::NotApplicable,
    );
    Some(Outcome {
        method: method?,
        visited_at: visited_at?,
        reached: request.reached,
        result: request.result.clone(),
        satisfaction: request.satisfaction,
        needs: request.needs.clone(),
        feedback: request.feedback.clone(),
        feedback_department: passed_on,
        next: next_at.zip(next_method),
    })
}

/// A moment that may be left out, and is still to come.
fn to_come(
    fields: &mut Fields,
    call: &Call,
    field: &str,
    value: Option<&prost_types::Timestamp>,
) -> Option<Timestamp> {
    let at = fields.time(field, value);
    let sound = at.is_none_or(|at| at > call.now);
    fields.ensure(sound, field, Violation::Contradiction);
    at
}
