use kefu_contracts::profile::Customer;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
};

use super::Customers;
use crate::store::records::{StoredCustomer, view};

impl Customers {
    /// Clauses CF-6.1, CF-9.1.
    pub(super) async fn get(&self, call: Call, name: String) -> Result<Answer<Customer>, Fault> {
        let row = self.find(&call, "name", &name).await?;
        let (customer, shown) = self.open(&call, &row).await?;
        self.core
            .views
            .record(&call, "customer.viewed", &[shown])
            .await?;
        Ok(Answer::read(customer))
    }

    /// The row of this name, given in this field, within the call's scope. That it was
    /// asked for and is not there is journaled.
    pub(super) async fn find(
        &self,
        call: &Call,
        field: &str,
        name: &str,
    ) -> Result<StoredCustomer, Fault> {
        let mut fields = Fields::new();
        let id = fields.name(field, name, "customers").unwrap_or_default();
        fields.finish()?;
        let query = view(call).get(call, id);
        let row = self.core.deps.db.row(query).await?;
        match row {
            Some(row) => StoredCustomer::read(&row),
            None => {
                let fault = Fault::not_found(name);
                let views = &self.core.views;
                Err(views.refuse(call, "customer.refused", name, fault).await)
            }
        }
    }
}
