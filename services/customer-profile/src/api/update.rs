use kefu_contracts::{
    common::Reason,
    journal::EntryKind,
    profile::{Customer, UpdateCustomerRequest},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, parse_name},
    idempotency::{self, Claim, Kept},
    present::entry,
    time,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Customers, outcome::Outcome, present::changed};
use crate::{
    domain::{change::Change, entry::check},
    store::{
        customers, phones,
        records::{RECORD, StoredCustomer},
    },
};

/// A change that can be read; whether it may be made is told by the file.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    revision: i64,
    change: Change,
    customer: Customer,
    claim: Option<Claim>,
}

impl Customers {
    /// Clauses CF-7.1, CF-7.2.
    pub(super) async fn update(
        &self,
        call: Call,
        request: UpdateCustomerRequest,
    ) -> Result<Answer<Customer>, Fault> {
        let wanted = parse(&call, request)?;
        let resource = wanted.customer.name.clone();
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.change(connection, &call, &wanted).await })
            })
            .await;
        match outcome {
            Ok(outcome) => self.answer(&call, outcome).await,
            Err(fault) if fault.reason == Reason::NotFoundOrOutOfScope => Err(self
                .core
                .views
                .refuse(&call, "customer.refused", &resource, fault)
                .await),
            Err(fault) => Err(fault),
        }
    }

    async fn change(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Outcome, Fault> {
        if let Some(outcome) = self.replay(connection, call, wanted.claim.as_ref()).await? {
            return Ok(outcome);
        }
        let mut query = RECORD.get(call, wanted.id);
        query.push(" FOR UPDATE OF c");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.ok_or_else(|| Fault::not_found(&wanted.customer.name))?;
        let row = StoredCustomer::read(&row)?;
        let clearance = call.context.clearance(row.matched, call.now);
        if row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        let hidden = wanted.change.classes().without(clearance.classes);
        if !hidden.is_empty() {
            let classes: Vec<_> = hidden.iter().map(|class| class.as_str_name()).collect();
            return Err(Fault::new(Reason::PermissionMissing).with("classes", classes.join(",")));
        }
        let (customer, owner) = self.apply(call, &row, wanted).await?;
        let key = self.sealer.open_key(row.id, &row.wrapped).await?;
        let sealed = self.sealer.seal(&key, row.id, &customer)?;
        customers::update(connection, row.id, row.revision, owner, &sealed, call.now).await?;
        if wanted.change.names("phones") {
            phones::replace(connection, row.id, &self.blinds(&customer)).await?;
        }
        let revision = row.revision + 1;
        let event = changed(
            &customer,
            row.id,
            row.department_id,
            owner,
            wanted.change.paths(),
            revision,
        );
        let entry = entry(
            call,
            EntryKind::Change,
            "customer.updated",
            customer.name.clone(),
            Some(row.id),
            event,
        );
        let position = kefu_journal::append(connection, &[entry]).await?;
        if let Some(claim) = &wanted.claim {
            let answer = self.sealer.seal_answer(&key, row.id, &customer)?;
            let kept = Kept {
                resource_id: row.id,
                answer,
                position,
            };
            idempotency::keep(connection, call, claim, Some(row.id), &kept).await?;
        }
        Ok(Outcome {
            customer,
            clearance,
            position,
            replayed: false,
        })
    }

    /// The file as it shall be, checked whole.
    async fn apply(
        &self,
        call: &Call,
        row: &StoredCustomer,
        wanted: &Wanted,
    ) -> Result<(Customer, Option<Uuid>), Fault> {
        let mut customer = self.open_whole(row).await?;
        wanted.change.apply(&mut customer, &wanted.customer);
        let mut fields = Fields::new();
        let today = call.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        check(&mut fields, &mut customer, self.region, today);
        let owner = fields.optional_name("customer.owner", &customer.owner, "employees");
        fields.finish()?;
        customer.etag = etag(row.revision + 1);
        customer.update_time = Some(time::to_proto(call.now));
        Ok((customer, owner))
    }
}

fn parse(call: &Call, request: UpdateCustomerRequest) -> Result<Wanted, Fault> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let claim = Claim::of(call, request_id, &request);
    let customer = request.customer.unwrap_or_default();
    let id = fields.name("customer.name", &customer.name, "customers");
    let revision = fields.etag("customer.etag", &customer.etag);
    let paths = request
        .update_mask
        .map(|mask| mask.paths)
        .unwrap_or_default();
    let change = Change::parse(&mut fields, &paths);
    if change.names("owner") && !customer.owner.is_empty() {
        fields.ensure(
            parse_name(&customer.owner, "employees").is_some(),
            "customer.owner",
            Violation::ResourceName,
        );
    }
    fields.finish()?;
    Ok(Wanted {
        id: id.unwrap_or_default(),
        revision: revision.unwrap_or_default(),
        change,
        customer,
        claim,
    })
}
