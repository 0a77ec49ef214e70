use kefu_contracts::profile::Customer;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
};

use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::Customers;
use crate::store::{
    merges,
    records::{StoredCustomer, view},
};

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

    /// The file that this one is part of, within the call's scope: whoever has its old name
    /// finds it, as by an old number (CF-4.3).
    async fn survivor_of(&self, call: &Call, id: Uuid) -> Result<Option<PgRow>, Fault> {
        let db = &self.core.deps.db;
        let survivor = db
            .run(move |connection| {
                Box::pin(async move { merges::survivor_of(connection, id).await })
            })
            .await?;
        match survivor {
            Some(survivor) => db.row(view(call).get(call, survivor)).await,
            None => Ok(None),
        }
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
        let row = self.core.deps.db.row(view(call).get(call, id)).await?;
        let row = match row {
            Some(row) => Some(row),
            None => self.survivor_of(call, id).await?,
        };
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
