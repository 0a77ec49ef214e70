//! From a stored row to what the caller may see of it.

use kefu_access::{Clearance, RowFacts};
use kefu_contracts::{
    ClassSet, Resource,
    journal::{CustomerChanged, event},
    profile::Customer,
};
use kefu_service::{
    call::Call,
    error::Fault,
    present::{Shown, disclose},
};
use uuid::Uuid;

use super::Customers;
use crate::store::records::StoredCustomer;

impl Customers {
    /// Opens what the call's rules clear of a row, and says how it is shown.
    pub(super) async fn open(
        &self,
        call: &Call,
        row: &StoredCustomer,
    ) -> Result<(Customer, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let key = self.sealer.open_key(row.id, &row.wrapped).await?;
        let (opened, account) =
            self.sealer
                .open::<Customer>(&key, row.id, &row.sealed, clearance.classes)?;
        let mut customer = row.with_columns(opened);
        disclose(&mut customer, &clearance, account);
        let shown = shown(&customer, row.id, clearance);
        Ok((customer, shown))
    }

    /// Opens a row whole, for rules and for sealing again; never for an answer.
    pub(super) async fn open_whole(&self, row: &StoredCustomer) -> Result<Customer, Fault> {
        let key = self.sealer.open_key(row.id, &row.wrapped).await?;
        let everything = ClassSet::of(Customer::CLASSES);
        let (opened, _) = self
            .sealer
            .open::<Customer>(&key, row.id, &row.sealed, everything)?;
        Ok(row.with_columns(opened))
    }
}

/// A record about to be shown.
pub(super) fn shown(customer: &Customer, id: Uuid, clearance: Clearance) -> Shown {
    Shown {
        resource: customer.name.clone(),
        customer_id: Some(id),
        clearance,
    }
}

/// What the rules look at in a file that is not in the database yet.
pub(super) fn facts(id: Uuid, department: Uuid, owner: Option<Uuid>) -> RowFacts {
    RowFacts {
        department: Some(department),
        owner,
        customer: Some(id),
        duty: Vec::new(),
        consents: Vec::new(),
    }
}

/// The facts of a change, for the journal.
pub(super) fn changed(
    customer: &Customer,
    id: Uuid,
    department: Uuid,
    owner: Option<Uuid>,
    paths: Vec<String>,
    revision: i64,
) -> event::Event {
    event::Event::CustomerChanged(CustomerChanged {
        customer_id: id.as_bytes().to_vec(),
        r#type: customer.r#type,
        state: customer.state,
        department_id: department.as_bytes().to_vec(),
        owner_id: owner.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
        changed_fields: paths,
        revision,
    })
}
