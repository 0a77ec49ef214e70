use jiff::Timestamp;
use kefu_access::Clearance;
use kefu_contracts::{
    access::SubjectKind,
    common::Reason,
    profile::{Customer, CustomerAct, CustomerState, IntakeChannel, Tier},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name},
    idempotency::Claim,
    time,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Customers,
    outcome::Outcome,
    present::{Done, changed, facts},
    write::Written,
};
use crate::{
    domain::{
        file_number::prefix,
        intake::{self, Entering},
    },
    store::{
        customers::{self, Standing},
        file_numbers,
        keys::{self, Marks},
    },
};

/// A file that passed every check.
#[derive(Clone)]
struct Entry {
    id: Uuid,
    revision_id: Uuid,
    customer: Customer,
    department: Uuid,
    owner: Option<Uuid>,
    contact_at: Timestamp,
    entry_due_at: Option<Timestamp>,
    claim: Option<Claim>,
}

impl Customers {
    /// Clauses CF-2.1, CF-3.1, OP-7.1.
    pub(super) async fn create(
        &self,
        call: Call,
        entering: Entering,
        customer: Option<Customer>,
        claim: Option<Claim>,
        mut fields: Fields,
    ) -> Result<Answer<Customer>, Fault> {
        let Some(customer) = customer else {
            fields.refuse("customer", Violation::Required);
            return Err(fields
                .finish()
                .err()
                .unwrap_or_else(|| Fault::internal("no violation was noted")));
        };
        let entry = self.checked(&call, entering, customer, claim, fields)?;
        // A rule that lets a file be entered lets it be entered where it reaches.
        let facts = facts(entry.id, entry.department, entry.owner);
        let clearance = call.context.clearance_of(&facts, call.now).ok_or_else(|| {
            Fault::new(Reason::PermissionMissing)
                .with("rule", "the file would lie outside of your scope")
        })?;
        let (service, writing) = (self.clone(), (call.clone(), entry, clearance));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, entry, clearance)) = (service.clone(), writing.clone());
                Box::pin(async move { service.enter(connection, &call, &entry, clearance).await })
            })
            .await?;
        self.answer(&call, outcome).await
    }

    fn checked(
        &self,
        call: &Call,
        entering: Entering,
        mut customer: Customer,
        claim: Option<Claim>,
        mut fields: Fields,
    ) -> Result<Entry, Fault> {
        let subject = &call.context.subject;
        let by_system = subject.kind != SubjectKind::Employee;
        let given = customer.intake_channel;
        self.check_entry(&mut fields, call, &mut customer);
        let channel = intake::channel(&mut fields, given, entering, by_system);
        customer.intake_channel = channel as i32;
        if entering == Entering::File {
            self.intake.check(&mut fields, &customer);
        }
        let contact_at = fields
            .past(
                "customer.contact_time",
                customer.contact_time.as_ref(),
                call.now,
            )
            .unwrap_or(call.now);
        let department = fields
            .optional_name("customer.department", &customer.department, "departments")
            .or_else(|| subject.departments.first().copied());
        fields.ensure(
            department.is_some(),
            "customer.department",
            Violation::Required,
        );
        let owner = self.first_owner(&mut fields, call, entering, &customer);
        fields.finish()?;
        let entry_due_at = self.intake.due(channel, contact_at);
        if customer.business_line.is_empty() {
            customer.business_line.clone_from(&self.business_line);
        }
        let id = self.core.deps.ids.next()?;
        customer.name = name("customers", id);
        customer.tier = Tier::Normal as i32;
        customer.state = first_state(entering, channel) as i32;
        customer.department = name("departments", department.unwrap_or_default());
        customer.owner = owner.map(|id| name("employees", id)).unwrap_or_default();
        customer.contact_time = Some(time::to_proto(contact_at));
        customer.entry_due_time = entry_due_at.map(time::to_proto);
        customer.entered_time = (entering == Entering::File).then(|| time::to_proto(call.now));
        customer.file_number.clear();
        customer.purchases = None;
        customer.return_reasons.clear();
        customer.change_reason.clear();
        customer.disclosure = None;
        customer.etag = etag(1);
        customer.create_time = Some(time::to_proto(call.now));
        customer.update_time = customer.create_time;
        Ok(Entry {
            id,
            revision_id: self.core.deps.ids.next()?,
            customer,
            department: department.unwrap_or_default(),
            owner,
            contact_at,
            entry_due_at,
            claim,
        })
    }

    /// Whose the file is unless it is said: theirs who entered it; a system has no files,
    /// and a draft is nobody's until somebody completes it.
    fn first_owner(
        &self,
        fields: &mut Fields,
        call: &Call,
        entering: Entering,
        customer: &Customer,
    ) -> Option<Uuid> {
        if entering == Entering::Draft {
            let none = customer.owner.is_empty();
            fields.ensure(none, "customer.owner", Violation::NotApplicable);
            return None;
        }
        let subject = &call.context.subject;
        let own = (subject.kind == SubjectKind::Employee).then_some(subject.id);
        fields
            .optional_name("customer.owner", &customer.owner, "employees")
            .or(own)
    }

    async fn enter(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        new: &Entry,
        clearance: Clearance,
    ) -> Result<Outcome, Fault> {
        if let Some(outcome) = self.replay(connection, call, new.claim.as_ref()).await? {
            return Ok(outcome);
        }
        let mut customer = new.customer.clone();
        let (key, _) = self.sealer.key(connection, new.id, call.now).await?;
        if customer.state() != CustomerState::Draft {
            let series = prefix(customer.r#type(), Tier::Normal, &customer.business_line);
            customer.file_number =
                file_numbers::issue(connection, &series, new.id, call.now).await?;
        }
        let sealed = self.sealer.seal(&key, new.id, &customer)?;
        let index = self.sealer.vault().index_key();
        let row = customers::NewRow {
            id: new.id,
            standing: Standing::of(&customer, new.owner, &sealed),
            marks: Marks::of(index, &customer),
            kind: customer.r#type(),
            channel: customer.intake_channel(),
            contact_at: new.contact_at,
            entry_due_at: new.entry_due_at,
            department_id: new.department,
            external_ref: Some(customer.external_ref.as_str())
                .filter(|reference| !reference.is_empty()),
            now: call.now,
        };
        customers::insert(connection, &row).await?;
        keys::replace(connection, new.id, &keys::of(index, &customer)).await?;
        let draft = customer.state() == CustomerState::Draft;
        let done = Done {
            id: new.id,
            department: new.department,
            owner: new.owner,
            paths: Vec::new(),
            revision: 1,
            kind: if draft {
                "draft.created"
            } else {
                "customer.created"
            },
        };
        let written = Written {
            act: CustomerAct::Entered,
            revision_id: new.revision_id,
            standing: &row.standing,
            entry: changed(call, &customer, CustomerAct::Entered, &done),
            done,
            claim: new.claim.as_ref(),
        };
        let position = self
            .write_down(connection, call, &key, &customer, written)
            .await?;
        Ok(Outcome {
            customer,
            clearance,
            position,
            replayed: false,
        })
    }
}

/// What was reviewed in another system is archived here; what an agent entered awaits a
/// reviewer (CF-3.3).
fn first_state(entering: Entering, channel: IntakeChannel) -> CustomerState {
    match (entering, channel) {
        (Entering::Draft, _) => CustomerState::Draft,
        (Entering::File, IntakeChannel::Transfer) => CustomerState::Archived,
        (Entering::File, _) => CustomerState::InReview,
    }
}
