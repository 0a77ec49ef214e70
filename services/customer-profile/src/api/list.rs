use kefu_contracts::profile::{
    Customer, ListCustomersRequest, ListCustomersResponse, ListDraftsRequest, ListDraftsResponse,
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    listing::{self, Asked, ListSpec, Page},
    scope::{After, Order},
};

use super::Customers;
use crate::store::records::{StoredCustomer, view};

impl Customers {
    /// Clause CF-4.2.
    pub(super) async fn list(
        &self,
        call: Call,
        request: ListCustomersRequest,
    ) -> Result<Answer<ListCustomersResponse>, Fault> {
        let asked = Asked {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: &request.order_by,
        };
        let page = self.page(&call, asked).await?;
        Ok(Answer::read(ListCustomersResponse {
            customers: page.stored,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Clauses CF-3.1, CF-3.2.
    pub(super) async fn list_drafts(
        &self,
        call: Call,
        request: ListDraftsRequest,
    ) -> Result<Answer<ListDraftsResponse>, Fault> {
        let asked = Asked {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: &request.order_by,
        };
        let page = self.page(&call, asked).await?;
        Ok(Answer::read(ListDraftsResponse {
            customers: page.stored,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// A page as the caller may see it, journaled.
    async fn page(&self, call: &Call, asked: Asked<'_>) -> Result<Page<Customer>, Fault> {
        let list = ListSpec {
            record: view(call),
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
        let Page {
            stored,
            next_page_token,
            total_size,
            total_kind,
        } = listing::page(&self.core, call, &list, asked).await?;
        let mut customers = Vec::with_capacity(stored.len());
        let mut all_shown = Vec::with_capacity(stored.len());
        for row in &stored {
            let (customer, shown) = self.open(call, row).await?;
            customers.push(customer);
            all_shown.push(shown);
        }
        self.core
            .views
            .record(call, "customer.viewed", &all_shown)
            .await?;
        Ok(Page {
            stored: customers,
            next_page_token,
            total_size,
            total_kind,
        })
    }
}
