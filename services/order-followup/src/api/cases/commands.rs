//! What each command on a case asks for, read and checked; what is done with it is the same for all.

use kefu_contracts::order::{
    AddCaseStepRequest, AnswerPlanRequest, AssignCaseRequest, CancelCaseRequest, CasePaymentKind,
    CheckCoverRequest, CompleteCaseStepRequest, ConfirmCaseRequest, Cover,
    DecideOnCasePaymentRequest, EvaluateCaseRequest, FinishCaseRequest, OverrideCoverRequest,
    PlanCaseRequest, ProposeCasePaymentRequest, RecordCasePaymentRequest,
};
use kefu_service::{call::Call, error::Violation, fields::Fields, idempotency::Claim};
use uuid::Uuid;

use crate::{
    domain::case::{
        MEDIUM, PLACE, REFERENCE,
        action::{Action, NewStep},
        payment::{self, Proposal},
    },
    store::cases::CASES,
};

/// A command that can be read; whether it may be carried out is told by the case.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) id: Uuid,
    pub(super) name: String,
    /// The one that it was decided upon.
    pub(super) revision: i64,
    pub(super) action: Action,
    pub(super) claim: Option<Claim>,
}

/// A request to change a case that is there.
pub(super) trait Command: prost::Message + Sized {
    /// Name, etag and request id.
    fn address(&self) -> (&str, &str, &str);

    /// What it wants done; what cannot be read is noted, and whatever is then given back is not
    /// looked at.
    fn action(self, fields: &mut Fields, call: &Call) -> Action;

    /// Reads it whole; with what is wrong with it.
    fn read(self, call: &Call) -> (Wanted, Fields) {
        let mut fields = Fields::new();
        let (name, etag, request_id) = self.address();
        let name = name.to_owned();
        let request_id = fields.request_id(request_id);
        let id = fields.name("name", &name, CASES);
        let revision = fields.etag("etag", etag);
        let claim = Claim::of(call, request_id, &self);
        let action = self.action(&mut fields, call);
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            name,
            revision: revision.unwrap_or_default(),
            action,
            claim,
        };
        (wanted, fields)
    }
}

macro_rules! command {
    ($request:ty: |$self:ident, $fields:ident, $call:ident| $action:expr) => {
        impl Command for $request {
            fn address(&self) -> (&str, &str, &str) {
                (&self.name, &self.etag, &self.request_id)
            }

            fn action($self, $fields: &mut Fields, $call: &Call) -> Action {
                $action
            }
        }
    };
}

// Whether there is such an employee, and may work on it, is asked for once it is known which case
// it is (`carry.rs`).
command!(AssignCaseRequest: |self, fields, _call| {
    Action::Assign(fields.name("assignee", &self.assignee, "employees").unwrap_or_default())
});

command!(CheckCoverRequest: |self, _fields, _call| Action::Check);

command!(OverrideCoverRequest: |self, fields, _call| {
    let cover = fields.required_enum::<Cover>("cover", self.cover).unwrap_or_default();
    fields.required_text("reason", &self.reason, MEDIUM);
    Action::Override(cover, self.reason)
});

command!(PlanCaseRequest: |self, fields, call| {
    fields.required_text("plan", &self.plan, MEDIUM);
    let deadline = fields.time("deadline", self.deadline.as_ref());
    let to_come = deadline.is_none_or(|at| at > call.now);
    fields.ensure(to_come, "deadline", Violation::Contradiction);
    if let Some(cost) = &self.cost {
        payment::check_amount(fields, "cost", cost);
    }
    Action::Plan { plan: self.plan, deadline, cost: self.cost }
});

command!(AnswerPlanRequest: |self, fields, _call| {
    match self.agree {
        true => fields.text("words", &self.words, MEDIUM),
        false => fields.required_text("words", &self.words, MEDIUM),
    }
    Action::Answer { agree: self.agree, words: self.words }
});

command!(AddCaseStepRequest: |self, fields, call| {
    fields.required_text("task", &self.task, MEDIUM);
    match self.on_site {
        true => fields.required_text("place", &self.place, PLACE),
        false => fields.text("place", &self.place, PLACE),
    }
    let assignee = fields.optional_name("assignee", &self.assignee, "employees");
    let due = fields.time("due_time", self.due_time.as_ref());
    let to_come = due.is_none_or(|at| at > call.now);
    fields.ensure(to_come, "due_time", Violation::Contradiction);
    Action::AddStep(NewStep {
        task: self.task,
        on_site: self.on_site,
        place: self.place,
        assignee,
        due,
    })
});

command!(CompleteCaseStepRequest: |self, fields, _call| {
    fields.ensure(self.number > 0, "number", Violation::Required);
    fields.required_text("result", &self.result, MEDIUM);
    Action::StepDone { number: self.number, result: self.result }
});

command!(FinishCaseRequest: |self, fields, _call| {
    fields.required_text("result", &self.result, MEDIUM);
    Action::Finish(self.result)
});

command!(ConfirmCaseRequest: |self, fields, _call| {
    match self.satisfied {
        true => fields.text("words", &self.words, MEDIUM),
        false => fields.required_text("words", &self.words, MEDIUM),
    }
    Action::Confirm { satisfied: self.satisfied, words: self.words }
});

command!(EvaluateCaseRequest: |self, fields, _call| {
    let score = (1..=5).contains(&self.score);
    fields.ensure(score, "score", Violation::OutOfRange(1, 5));
    fields.text("comment", &self.comment, MEDIUM);
    Action::Evaluate { score: self.score, comment: self.comment }
});

command!(CancelCaseRequest: |self, fields, _call| {
    fields.required_text("reason", &self.reason, MEDIUM);
    Action::Cancel { withdrawn: self.withdrawn, reason: self.reason }
});

command!(ProposeCasePaymentRequest: |self, fields, _call| {
    let kind = fields.required_enum::<CasePaymentKind>("kind", self.kind);
    let amount = kind.map(|kind| payment::check(fields, kind, &self.lines, self.amount));
    fields.required_text("reason", &self.reason, MEDIUM);
    Action::Propose(Proposal {
        kind: kind.unwrap_or_default(),
        lines: self.lines,
        amount: amount.unwrap_or_default(),
        reason: self.reason,
    })
});

command!(DecideOnCasePaymentRequest: |self, fields, _call| {
    fields.ensure(self.number > 0, "number", Violation::Required);
    fields.required_text("reason", &self.reason, MEDIUM);
    Action::Decide { number: self.number, approve: self.approve, reason: self.reason }
});

command!(RecordCasePaymentRequest: |self, fields, _call| {
    fields.ensure(self.number > 0, "number", Violation::Required);
    fields.required_text("reference", &self.reference, REFERENCE);
    Action::Pay { number: self.number, reference: self.reference }
});
