//! `ExplainService`: which rule lets through or refuses, and whom to ask
//! (OP-7.2, CF-6.1, CF-9.1).
//!
//! What a record says is told only to who can see the record: a question about one
//! that the caller cannot see for any purpose is answered as if there were none
//! (promise 2), about oneself by what the policy says of records that are not there,
//! about others by NOT_FOUND.

use kefu_access::{About, Explanation, Outcome, Query, RowFacts, Snapshot};
use kefu_contracts::access::{
    ExplainRequest, ExplainResponse, ExplainedRule, ExplanationOutcome, SubjectKind,
    explain_service_server::ExplainService,
};
use kefu_service::{
    call::{Answer, Call, POSITION, answer},
    error::{Fault, reason_name},
    facts,
    fields::name,
    peer::PeerService,
    present::Shown,
    time::to_proto,
};
use tonic::{Request, Response, Status, metadata::AsciiMetadataValue};
use uuid::Uuid;

use super::{Owners, Register, clearance, held::HeldPolicy};
use crate::{
    domain::{
        binding::BINDINGS,
        question::{Kind, Question},
        register::collection,
        words,
    },
    error::RegisterError,
};

/// The service over the register.
pub(crate) struct Explain {
    pub(crate) register: Register,
    pub(crate) policy: HeldPolicy,
}

impl Owners {
    /// Who tells the facts of records of this kind.
    fn of(&self, kind: Kind) -> PeerService {
        match kind {
            Kind::Customer => self.customers.clone(),
            Kind::Ticket => self.tickets.clone(),
            Kind::Order => self.orders.clone(),
        }
    }
}

#[tonic::async_trait]
impl ExplainService for Explain {
    async fn explain(
        &self,
        request: Request<ExplainRequest>,
    ) -> Result<Response<ExplainResponse>, Status> {
        let brought = request.metadata().get_all(POSITION);
        let places: Vec<_> = brought.iter().take(8).cloned().collect();
        answer(request, |call, message| self.answer(call, message, places)).await
    }
}

impl Explain {
    async fn answer(
        &self,
        call: Call,
        request: ExplainRequest,
        places: Vec<AsciiMetadataValue>,
    ) -> Result<Answer<ExplainResponse>, Fault> {
        let question = Question::read(&request)?;
        let deps = &self.register.core.deps;
        let policy = self
            .policy
            .current(&deps.db, &self.register.roles.lent, call.now)
            .await?;
        let asker = call.context.subject.id;
        let Some((subject, subject_name)) = subject(&call, &policy, &question) else {
            return Err(self.refuse(&call, &request.subject).await);
        };
        let row = self
            .row(&call, &policy, &question, &request.record, subject, &places)
            .await?;
        let about = match (&row, question.record) {
            (Some(row), _) => About::Record(row),
            (None, None) => About::Anything,
            (None, Some(_)) if subject == asker => About::Unknown,
            (None, Some(_)) => return Err(self.refuse(&call, &request.record).await),
        };
        let query = Query {
            subject,
            permission: question.method.permission,
            purpose: question.purpose,
            purpose_required: question.method.purpose_required,
        };
        let explanation = policy.account(&query, about, call.now);
        let body = body(&explanation, &policy, subject_name.clone(), &call);
        let mut shown = vec![self.shown(&call, subject_name, None)];
        if question.record.is_some() {
            let customer = row.and_then(|row| row.customer);
            shown.push(self.shown(&call, request.record, customer));
        }
        let views = &self.register.core.views;
        views.record(&call, "decision.explained", &shown).await?;
        Ok(Answer::read(body))
    }

    /// The record's facts, if the caller may know of it at all.
    async fn row(
        &self,
        call: &Call,
        policy: &Snapshot,
        question: &Question,
        record: &str,
        subject: Uuid,
        places: &[AsciiMetadataValue],
    ) -> Result<Option<RowFacts>, Fault> {
        let Some(kind) = question.record else {
            return Ok(None);
        };
        let asker = call.context.subject.id;
        let facts = facts::ask(
            self.register.owners.of(kind),
            record,
            &[subject, asker],
            places,
        )
        .await?;
        Ok(facts.filter(|row| policy.may_know_of(asker, kind.get(), row, call.now)))
    }

    async fn refuse(&self, call: &Call, resource: &str) -> Fault {
        let fault = Fault::from(RegisterError::NotFound(resource.to_owned()));
        let views = &self.register.core.views;
        views
            .refuse(call, "decision.refused", resource, fault)
            .await
    }

    fn shown(&self, call: &Call, resource: String, customer_id: Option<Uuid>) -> Shown {
        Shown {
            resource,
            customer_id,
            clearance: call.context.clearance(i64::MAX, call.now),
        }
    }
}

/// Whom it is about and their name, if the caller may ask about them.
fn subject(call: &Call, policy: &Snapshot, question: &Question) -> Option<(Uuid, String)> {
    let id = question
        .subject
        .map_or(call.context.subject.id, |(id, _)| id);
    let found = policy.subject(id)?;
    let system_account = found.kind == SubjectKind::SystemAccount;
    let of_that_kind = question
        .subject
        .is_none_or(|(_, asked)| asked == system_account);
    let department = found.departments.first().copied();
    let within_reach = clearance(call, department, Some(id)).is_some();
    (of_that_kind && within_reach).then(|| (id, name(collection(system_account), id)))
}

fn body(
    explanation: &Explanation,
    policy: &Snapshot,
    subject: String,
    call: &Call,
) -> ExplainResponse {
    let rules = explanation.considered.iter().map(|one| ExplainedRule {
        source: one.source.clone(),
        binding: one.binding.map(|id| name(BINDINGS, id)).unwrap_or_default(),
        verdict: words::verdict(&one.verdict).into(),
        text: words::of_rule(one, policy, call.language),
        classes: one.classes.to_numbers(),
        until: one.until.map(to_proto),
    });
    let ask = explanation.ask.iter();
    let ask = ask.map(|whom| words::of_whom(whom, &whom.name(), call.language));
    let mut body = ExplainResponse {
        subject,
        outcome: ExplanationOutcome::Refused.into(),
        summary: words::summary(explanation, call.language),
        rules: rules.collect(),
        ask: ask.collect(),
        policy_revision: explanation.revision,
        ..Default::default()
    };
    match &explanation.outcome {
        Outcome::Allowed(clearance) => {
            body.outcome = ExplanationOutcome::Allowed.into();
            body.cleared = clearance.classes.to_numbers();
            body.cleared_until = clearance.until.map(to_proto);
            body.sources = clearance.sources.clone();
        }
        Outcome::Refused { reason, .. } => body.reason = reason_name(*reason).to_owned(),
    }
    body
}
