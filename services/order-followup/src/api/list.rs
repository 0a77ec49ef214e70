use kefu_contracts::order::{ListOrdersRequest, ListOrdersResponse};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    listing::{self, Asked, ListSpec, Page},
    scope::{After, Order},
};

use super::Orders;
use crate::store::records::{RECORD, StoredOrder};

const LIST: ListSpec<'static, StoredOrder> = ListSpec {
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
        let asked = Asked {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: &request.order_by,
        };
        let Page {
            stored,
            next_page_token,
            total_size,
            total_kind,
        } = listing::page(&self.core, &call, &LIST, asked).await?;
        let mut orders = Vec::with_capacity(stored.len());
        let mut all_shown = Vec::with_capacity(stored.len());
        for row in &stored {
            let (order, shown) = self.open(&call, row).await?;
            orders.push(order);
            all_shown.push(shown);
        }
        self.core
            .views
            .record(&call, "order.viewed", &all_shown)
            .await?;
        Ok(Answer::read(ListOrdersResponse {
            orders,
            next_page_token,
            total_size,
            total_kind,
        }))
    }
}
