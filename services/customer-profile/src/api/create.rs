use jiff::tz::TimeZone;
use kefu_access::Clearance;
use kefu_contracts::{
    access::SubjectKind,
    common::Reason,
    journal::EntryKind,
    profile::{CreateCustomerRequest, Customer, CustomerState, Tier},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name},
    idempotency::{self, Claim, Kept},
    present::entry,
    time,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Customers,
    outcome::Outcome,
    present::{changed, facts},
};
use crate::{
    domain::{entry::check, file_number::prefix},
    store::{customers, file_numbers, phones},
};

/// A file that passed every check.
#[derive(Clone)]
struct Entry {
    id: Uuid,
    customer: Customer,
    department: Uuid,
    owner: Option<Uuid>,
    claim: Option<Claim>,
}

impl Customers {
    /// Clauses CF-2.1, CF-3.1, OP-7.1.
    pub(super) async fn create(
        &self,
        call: Call,
        request: CreateCustomerRequest,
    ) -> Result<Answer<Customer>, Fault> {
        let entry = self.checked(&call, request)?;
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

    fn checked(&self, call: &Call, request: CreateCustomerRequest) -> Result<Entry, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(call, request_id, &request);
        let Some(mut customer) = request.customer else {
            fields.refuse("customer", Violation::Required);
            return Err(fields
                .finish()
                .err()
                .unwrap_or_else(|| Fault::internal("no violation was noted")));
        };
        let today = call.now.to_zoned(TimeZone::UTC).date();
        check(&mut fields, &mut customer, self.region, today);
        let subject = &call.context.subject;
        let department = fields
            .optional_name("customer.department", &customer.department, "departments")
            .or_else(|| subject.departments.first().copied());
        fields.ensure(
            department.is_some(),
            "customer.department",
            Violation::Required,
        );
        // Whose the file is unless it is said: theirs who entered it; a system has no files.
        let own = (subject.kind == SubjectKind::Employee).then_some(subject.id);
        let owner = fields
            .optional_name("customer.owner", &customer.owner, "employees")
            .or(own);
        fields.finish()?;
        if customer.business_line.is_empty() {
            customer.business_line.clone_from(&self.business_line);
        }
        let id = self.core.deps.ids.next()?;
        customer.name = name("customers", id);
        customer.tier = Tier::Normal as i32;
        customer.state = CustomerState::Archived as i32;
        customer.department = name("departments", department.unwrap_or_default());
        customer.owner = owner.map(|id| name("employees", id)).unwrap_or_default();
        customer.purchases = None;
        customer.disclosure = None;
        customer.etag = etag(1);
        customer.create_time = Some(time::to_proto(call.now));
        customer.update_time = customer.create_time;
        Ok(Entry {
            id,
            customer,
            department: department.unwrap_or_default(),
            owner,
            claim,
        })
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
        let series = prefix(customer.r#type(), Tier::Normal, &customer.business_line);
        customer.file_number = file_numbers::issue(connection, &series, new.id, call.now).await?;
        let sealed = self.sealer.seal(&key, new.id, &customer)?;
        let row = customers::NewRow {
            id: new.id,
            file_number: &customer.file_number,
            kind: customer.r#type(),
            business_line: &customer.business_line,
            department_id: new.department,
            owner_id: new.owner,
            external_ref: Some(customer.external_ref.as_str())
                .filter(|reference| !reference.is_empty()),
            sealed: &sealed,
            now: call.now,
        };
        customers::insert(connection, &row).await?;
        if !customer.phones.is_empty() {
            phones::replace(connection, new.id, &self.blinds(&customer)).await?;
        }
        let event = changed(&customer, new.id, new.department, new.owner, Vec::new(), 1);
        let entry = entry(
            call,
            EntryKind::Change,
            "customer.created",
            customer.name.clone(),
            Some(new.id),
            event,
        );
        let position = kefu_journal::append(connection, &[entry]).await?;
        if let Some(claim) = &new.claim {
            let answer = self.sealer.seal_answer(&key, new.id, &customer)?;
            let kept = Kept {
                resource_id: new.id,
                answer,
                position,
            };
            idempotency::keep(connection, call, claim, Some(new.id), &kept).await?;
        }
        Ok(Outcome {
            customer,
            clearance,
            position,
            replayed: false,
        })
    }

    /// Keyed hashes of a file's numbers.
    pub(super) fn blinds(&self, customer: &Customer) -> Vec<Vec<u8>> {
        customer
            .phones
            .iter()
            .map(|phone| phones::blind(self.sealer.vault(), &phone.number).to_vec())
            .collect()
    }
}
