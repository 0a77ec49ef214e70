use kefu_contracts::order::{GetOrderRequest, Order};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
};

use super::Orders;
use crate::store::records::{StoredOrder, WHOLE};

impl Orders {
    /// Clause OP-3.4.4.
    pub(super) async fn get(
        &self,
        call: Call,
        request: GetOrderRequest,
    ) -> Result<Answer<Order>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, "orders");
        fields.finish()?;
        let query = WHOLE.get(&call, id.unwrap_or_default());
        let row = self.core.deps.db.row(query).await?;
        let Some(row) = row else {
            let fault = Fault::not_found(&request.name);
            return Err(self
                .core
                .views
                .refuse(&call, "order.refused", &request.name, fault)
                .await);
        };
        let (order, shown) = self.open(&call, &StoredOrder::read_whole(&row)?).await?;
        self.core
            .views
            .record(&call, "order.viewed", &[shown])
            .await?;
        Ok(Answer::read(order))
    }
}
