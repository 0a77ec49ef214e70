//! A follow-up that somebody opens by hand (IH-3.2).

use kefu_access::{Clearance, RowFacts, SubjectKind};
use kefu_contracts::order::{CreateFollowUpRequest, FollowUp, FollowUpKind};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, parse_name},
    idempotency::{self, Claim, Kept},
    present::Shown,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{FollowUps, REFUSED, VIEWED};
use crate::{
    desk::{By, Wanted},
    domain::follow_up::MOST_WORDS,
    error,
    store::{customers, records},
};

/// One that passed every check that needs no database.
#[derive(Clone)]
struct Entry {
    id: Uuid,
    follow_up: FollowUp,
    customer: Uuid,
    department: Uuid,
    assignee: Option<Uuid>,
    due_at: jiff::Timestamp,
    /// The order that it is about.
    order: Option<Uuid>,
    claim: Option<Claim>,
}

impl FollowUps {
    /// Clause IH-3.2.
    pub(super) async fn create(
        &self,
        call: Call,
        request: CreateFollowUpRequest,
    ) -> Result<Answer<FollowUp>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        fields.ensure(
            request.follow_up.is_some(),
            "follow_up",
            Violation::Required,
        );
        let follow_up = request.follow_up.unwrap_or_default();
        let subject = &call.context.subject;
        let customer = fields.name("follow_up.customer", &follow_up.customer, "customers");
        let department = fields
            .optional_name("follow_up.department", &follow_up.department, "departments")
            .or_else(|| subject.departments.first().copied());
        fields.ensure(
            department.is_some(),
            "follow_up.department",
            Violation::Required,
        );
        let own = (subject.kind == SubjectKind::Employee).then_some(subject.id);
        let assignee = fields.optional_name("follow_up.assignee", &follow_up.assignee, "employees");
        // To give work to others is a permission of its own.
        let others = assignee.is_some() && assignee != own;
        fields.ensure(!others, "follow_up.assignee", Violation::NotApplicable);
        fields.required_text("follow_up.reason", &follow_up.reason, MOST_WORDS);
        let due = &follow_up.due_time;
        fields.ensure(due.is_some(), "follow_up.due_time", Violation::Required);
        let due_at = fields.time("follow_up.due_time", due.as_ref());
        let to_come = due_at.is_none_or(|at| at > call.now);
        fields.ensure(to_come, "follow_up.due_time", Violation::Contradiction);
        let order = parse_name(&follow_up.subject, "orders");
        let sound = follow_up.subject.is_empty() || order.is_some();
        fields.ensure(sound, "follow_up.subject", Violation::ResourceName);
        idempotency::finish(&self.core.deps.db, fields, claim.as_ref()).await?;
        let customer_name = follow_up.customer.clone();
        let entry = Entry {
            id: self.core.deps.ids.next()?,
            follow_up,
            customer: customer.unwrap_or_default(),
            department: department.unwrap_or_default(),
            assignee,
            due_at: due_at.unwrap_or_default(),
            order,
            claim,
        };
        let (service, writing) = (self.clone(), (call.clone(), entry));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, entry)) = (service.clone(), writing.clone());
                Box::pin(async move { service.enter(connection, &call, entry).await })
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
        new: Entry,
    ) -> Result<Written<FollowUp>, Fault> {
        let clearance = reach(connection, call, &new).await?;
        let sealer = self.desk.sealer();
        if let Some(claim) = &new.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            let key = sealer.standing_key(connection, new.customer).await?;
            let record: FollowUp = sealer.open_answer(&key, kept.resource_id, &kept.answer)?;
            let shown = Shown::of_customer(&record.name, new.customer, clearance);
            return Ok(Written::before(record, shown, kept.position));
        }
        if !customers::is_known(connection, new.customer).await? {
            return Err(unknown("follow_up.customer"));
        }
        let wanted = Wanted {
            kind: FollowUpKind::Other,
            cause: format!("hand:{}", new.id),
            customer: new.customer,
            subject: &new.follow_up.subject,
            department: new.department,
            assignee: new.assignee,
            due_at: new.due_at,
            reason: new.follow_up.reason.clone(),
        };
        let opened = self
            .desk
            .open_as(connection, &By::Call(call), new.id, wanted)
            .await?;
        let (entry, follow_up) =
            opened.ok_or_else(|| Fault::internal("a follow-up that was opened before"))?;
        let position = kefu_journal::append(connection, &[entry]).await?;
        if let Some(claim) = &new.claim {
            let key = sealer.standing_key(connection, new.customer).await?;
            let kept = Kept {
                resource_id: new.id,
                answer: sealer.seal_answer(&key, new.id, &follow_up)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(new.customer), &kept).await?;
        }
        let shown = Shown::of_customer(&follow_up.name, new.customer, clearance);
        Ok(Written::now(follow_up, shown, position))
    }
}

/// What lets the caller open one, which may be duty on the customer's file: an order of that
/// customer that they reach already, or that the department is theirs to run.
async fn reach(
    connection: &mut PgConnection,
    call: &Call,
    new: &Entry,
) -> Result<Clearance, Fault> {
    if let Some(order) = new.order {
        let matched = records::within(connection, call, order, new.customer).await?;
        let matched = matched.ok_or_else(|| unknown("follow_up.subject"))?;
        return Ok(call.context.clearance(matched, call.now));
    }
    let facts = RowFacts {
        department: Some(new.department),
        owner: None,
        customer: Some(new.customer),
        duty: Vec::new(),
        consents: Vec::new(),
    };
    let clearance = call.context.clearance_of(&facts, call.now);
    clearance.ok_or_else(error::out_of_scope)
}

/// There is none, or none that the caller may know of.
fn unknown(field: &str) -> Fault {
    Fault::fields(vec![(field.to_owned(), Violation::Unknown)])
}
