use kefu_service::{
    call::Call,
    error::Fault,
    files::{File, Files},
};
use sqlx::{Postgres, QueryBuilder};

use super::Orders;
use crate::store::records::StoredOrder;

#[tonic::async_trait]
impl Files for Orders {
    const TYPE: &'static str = "kefu.order.v1.Order";
    const VIEWED: &'static str = "order.viewed";

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
            let row = StoredOrder::read_whole(row)?;
            let (order, shown) = self.open(call, &row).await?;
            files.push(File::new(row.id, &order, shown));
        }
        Ok(files)
    }
}
