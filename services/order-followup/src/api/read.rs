use kefu_contracts::order::{GetOrderRequest, Order};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    listing::One,
};

use super::Orders;
use crate::store::records::{StoredOrder, WHOLE};

const ONE: One<StoredOrder> = One {
    record: &WHOLE,
    collection: "orders",
    read: StoredOrder::read_whole,
    viewed: "order.viewed",
    refused: "order.refused",
};

impl Orders {
    /// Clause OP-3.4.4.
    pub(super) async fn get(
        &self,
        call: Call,
        request: GetOrderRequest,
    ) -> Result<Answer<Order>, Fault> {
        let reader = &call;
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move { self.open(reader, &row).await })
        })
        .await
    }
}
