use kefu_contracts::ticket::{ListTicketsRequest, ListTicketsResponse};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    listing::{self, Asked, ListSpec, Page},
    scope::{After, Order},
};

use super::Tickets;
use crate::store::records::{RECORD, StoredTicket};

const LIST: ListSpec<'static, StoredTicket> = ListSpec {
    record: &RECORD,
    time: "received_time",
    order: Order {
        column: "t.received_at",
        descending: true,
    },
    read: StoredTicket::read,
    place: |row| After {
        at: row.received_at,
        id: row.id,
    },
};

impl Tickets {
    /// Clause SG-5.
    pub(super) async fn list(
        &self,
        call: Call,
        request: ListTicketsRequest,
    ) -> Result<Answer<ListTicketsResponse>, Fault> {
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
        let mut tickets = Vec::with_capacity(stored.len());
        let mut all_shown = Vec::with_capacity(stored.len());
        for row in &stored {
            let (ticket, shown) = self.present(&call, row, None).await?;
            tickets.push(ticket);
            all_shown.push(shown);
        }
        self.core
            .views
            .record(&call, "ticket.viewed", &all_shown)
            .await?;
        Ok(Answer::read(ListTicketsResponse {
            tickets,
            next_page_token,
            total_size,
            total_kind,
        }))
    }
}
