use kefu_service::{
    call::Call,
    error::Fault,
    files::{File, Files},
};
use sqlx::{Postgres, QueryBuilder};

use super::Customers;
use crate::store::records::StoredCustomer;

#[tonic::async_trait]
impl Files for Customers {
    const TYPE: &'static str = "kefu.profile.v1.Customer";
    const VIEWED: &'static str = "customer.viewed";

    /// Clause CF-6.3.
    async fn read(
        &self,
        call: &Call,
        mut query: QueryBuilder<Postgres>,
    ) -> Result<Vec<File>, Fault> {
        let rows = self
            .core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move { Ok(query.build().fetch_all(connection).await?) })
            })
            .await?;
        let mut files = Vec::with_capacity(rows.len());
        for row in &rows {
            let row = StoredCustomer::read(row)?;
            let (customer, shown) = self.open(call, &row).await?;
            files.push(File::new(row.id, &customer, shown));
        }
        Ok(files)
    }
}
