use kefu_contracts::profile::{ListCustomersRequest, ListCustomersResponse};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    listing::{self, ListSpec, asked},
    scope::{After, Order},
};

use super::Customers;
use crate::store::records::{StoredCustomer, view};

impl Customers {
    /// Clauses CF-4.2, CF-3.2: files, or drafts.
    pub(super) async fn list(
        &self,
        call: Call,
        request: ListCustomersRequest,
    ) -> Result<Answer<ListCustomersResponse>, Fault> {
        let asked = asked!(request);
        let by_entry = ListSpec {
            record: view(&call),
            time: "create_time",
            order: Order {
                column: "c.created_at",
                descending: false,
            },
            read: StoredCustomer::read,
            place: |row: &StoredCustomer| After {
                at: row.created_at,
                id: row.id,
            },
        };
        let by_change = ListSpec {
            time: "update_time",
            order: Order {
                column: "c.updated_at",
                descending: false,
            },
            place: |row: &StoredCustomer| After {
                at: row.updated_at,
                id: row.id,
            },
            ..by_entry
        };
        let list = by_entry.or(by_change, asked.order_by);
        let reader = &call;
        let page = listing::show(&self.core, &call, &list, asked, "customer.viewed", |row| {
            Box::pin(async move { self.open(reader, &row).await })
        })
        .await?;
        Ok(Answer::read(ListCustomersResponse {
            customers: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}
