use kefu_contracts::order::{ListOrdersRequest, ListOrdersResponse};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    listing::{self, ListSpec, asked},
    scope::{After, Order},
};

use super::Orders;
use crate::store::records::{RECORD, StoredOrder};

const LIST: ListSpec<StoredOrder> = ListSpec {
    record: &RECORD,
    time: "placed_time",
    order: Order {
        column: "o.placed_at",
        descending: true,
    },
    read: StoredOrder::read,
    place: |row| After {
        at: row.placed_at,
        id: row.id,
    },
};

impl Orders {
    /// Clause OP-3.4.4.
    pub(super) async fn list(
        &self,
        call: Call,
        request: ListOrdersRequest,
    ) -> Result<Answer<ListOrdersResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.core, &call, &LIST, asked, "order.viewed", |row| {
            Box::pin(async move { self.open(reader, &row).await })
        })
        .await?;
        Ok(Answer::read(ListOrdersResponse {
            orders: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}
