use kefu_contracts::profile::Customer;
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, parse_name},
    idempotency::Claim,
};
use prost_types::FieldMask;

use super::{
    Customers,
    step::{Deed, Wanted},
};
use crate::domain::change::Change;

/// Most characters of a reason.
pub(super) const LONGEST_REASON: usize = 500;

impl Customers {
    /// Clauses CF-7.1, CF-7.2.
    pub(super) async fn update(
        &self,
        call: Call,
        customer: Option<Customer>,
        mask: Option<FieldMask>,
        reason: String,
        claim: Option<Claim>,
        mut fields: Fields,
    ) -> Result<Answer<Customer>, Fault> {
        let customer = customer.unwrap_or_default();
        let id = fields.name("customer.name", &customer.name, "customers");
        let revision = fields.etag("customer.etag", &customer.etag);
        let paths = mask.map(|mask| mask.paths).unwrap_or_default();
        let change = Change::parse(&mut fields, &paths);
        if change.names("owner") && !customer.owner.is_empty() {
            fields.ensure(
                parse_name(&customer.owner, "employees").is_some(),
                "customer.owner",
                Violation::ResourceName,
            );
        }
        fields.text("reason", &reason, LONGEST_REASON);
        fields.finish()?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            name: customer.name.clone(),
            revision: revision.unwrap_or_default(),
            deed: Deed::Update {
                change,
                values: Box::new(customer),
                reason,
            },
            claim,
        };
        self.step(call, wanted).await
    }
}
