use kefu_contracts::ticket::{ListTicketsRequest, ListTicketsResponse};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    listing::{self, ListSpec, asked},
    scope::{After, Order},
};

use super::Tickets;
use crate::store::records::{RECORD, StoredTicket};

/// Tickets, the newest first.
pub(super) const LIST: ListSpec<StoredTicket> = ListSpec {
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
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.core, &call, &LIST, asked, "ticket.viewed", |row| {
            Box::pin(async move { self.present(reader, &row, None).await })
        })
        .await?;
        Ok(Answer::read(ListTicketsResponse {
            tickets: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}
