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
        let list = ListSpec {
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
