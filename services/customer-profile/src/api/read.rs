use kefu_contracts::profile::{Customer, GetCustomerRequest};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
};
use uuid::Uuid;

use super::Customers;
use crate::store::records::{RECORD, StoredCustomer};

impl Customers {
    /// Clauses CF-6.1, CF-9.1.
    pub(super) async fn get(
        &self,
        call: Call,
        request: GetCustomerRequest,
    ) -> Result<Answer<Customer>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, "customers");
        fields.finish()?;
        let Some(row) = self.find(&call, id.unwrap_or_default()).await? else {
            let fault = Fault::not_found(&request.name);
            return Err(self
                .core
                .views
                .refuse(&call, "customer.refused", &request.name, fault)
                .await);
        };
        let (customer, shown) = self.open(&call, &row).await?;
        self.core
            .views
            .record(&call, "customer.viewed", &[shown])
            .await?;
        Ok(Answer::read(customer))
    }

    /// The row with this key within the call's scope.
    pub(super) async fn find(
        &self,
        call: &Call,
        id: Uuid,
    ) -> Result<Option<StoredCustomer>, Fault> {
        let mut query = RECORD.get(call, id);
        let row = self
            .core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move { Ok(query.build().fetch_optional(connection).await?) })
            })
            .await?;
        row.as_ref().map(StoredCustomer::read).transpose()
    }
}
