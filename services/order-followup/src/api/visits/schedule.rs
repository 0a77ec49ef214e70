//! A visit is planned by hand.

use jiff::Timestamp;
use kefu_access::SubjectKind;
use kefu_contracts::order::{ScheduleVisitRequest, Visit, VisitMethod, VisitOrigin};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name},
    idempotency::{self, Claim, Kept},
    present::Shown,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{REFUSED, VIEWED, VisitsApi};
use crate::{
    desk::By,
    domain::visit::MOST_WORDS,
    store::{
        customers,
        relations::{self, StoredRelation},
        visits,
    },
    visits::Planned,
};

/// What is to be planned, read and checked.
#[derive(Clone)]
struct Wanted {
    customer: Uuid,
    method: VisitMethod,
    owner: Option<Uuid>,
    due_at: Timestamp,
    reason: String,
    claim: Option<Claim>,
}

impl VisitsApi {
    /// Clauses OP-3.3, IH-3.2.
    pub(super) async fn schedule(
        &self,
        call: Call,
        request: ScheduleVisitRequest,
    ) -> Result<Answer<Visit>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let visit = request.visit.unwrap_or_default();
        let customer = fields.name("visit.customer", &visit.customer, "customers");
        let method = fields.required_enum("visit.method", visit.method);
        let subject = &call.context.subject;
        let own = (subject.kind == SubjectKind::Employee).then_some(subject.id);
        let owner = fields.optional_name("visit.owner", &visit.owner, "employees");
        // To give work to others is a permission of its own: AssignFollowUp.
        let others = owner.is_some() && owner != own;
        fields.ensure(!others, "visit.owner", Violation::NotApplicable);
        let due = visit.due_time.as_ref();
        fields.ensure(due.is_some(), "visit.due_time", Violation::Required);
        let due_at = fields.time("visit.due_time", due);
        let to_come = due_at.is_none_or(|at| at > call.now);
        fields.ensure(to_come, "visit.due_time", Violation::Contradiction);
        fields.text("visit.reason", &visit.reason, MOST_WORDS);
        idempotency::finish(&self.core.deps.db, fields, claim.as_ref()).await?;
        let customer_name = visit.customer;
        let wanted = Wanted {
            customer: customer.unwrap_or_default(),
            method: method.unwrap_or_default(),
            owner,
            due_at: due_at.unwrap_or_default(),
            reason: visit.reason,
            claim,
        };
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.enter(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views.or_not_allowed(&call, REFUSED, &customer_name, outcome);
        let written = outcome.await?.disclosed();
        written.into_answer(&self.core.views, &call, VIEWED).await
    }

    async fn enter(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<Visit>, Fault> {
        let customer = wanted.customer;
        let not_found = || Fault::not_found(&name("customers", customer));
        // The plan looks at one customer at a time as well.
        let mut query = relations::RECORD.get(call, customer);
        query.push(" FOR UPDATE OF r");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let relation = StoredRelation::read(&row.ok_or_else(not_found)?)?;
        let clearance = call.context.clearance(relation.matched, call.now);
        if !customers::is_known(connection, customer).await? {
            return Err(not_found());
        }
        let sealer = self.visits.sealer();
        let (key, _) = sealer.key(connection, customer, call.now).await?;
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            let answer = kept.answer.as_slice();
            let record: Visit = sealer.open_answer(&key, kept.resource_id, answer)?;
            let shown = Shown::of_customer(&record.name, customer, clearance);
            return Ok(Written::before(record, shown, kept.position));
        }
        let planned = Planned {
            customer,
            origin: VisitOrigin::Hand,
            method: wanted.method,
            department: relation.department_id,
            owner: wanted.owner,
            due_at: wanted.due_at,
            period: None,
            reason: &wanted.reason,
        };
        let by = By::Call(call);
        let made = self.visits.plan(connection, &by, &planned).await?;
        let (id, entries) = made.ok_or_else(|| Fault::internal("a visit of no period"))?;
        let position = kefu_journal::append(connection, &entries).await?;
        let row = visits::lock(connection, id).await?;
        let row = row.ok_or_else(|| Fault::internal("a visit that was not kept"))?;
        let visit = self.visits.open_whole(&key, &row)?;
        if let Some(claim) = &wanted.claim {
            let kept = Kept {
                resource_id: id,
                answer: sealer.seal_answer(&key, id, &visit)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(customer), &kept).await?;
        }
        let shown = Shown::of_customer(&visit.name, customer, clearance);
        Ok(Written::now(visit, shown, position))
    }
}
