//! What is somebody's, what waits, and how much of each.

use kefu_contracts::ticket::{ListQueuedTicketsRequest, ListQueuedTicketsResponse, QueueCount};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::parse_name,
    filter::Filter,
    listing::{self, ListSpec, asked},
    scope::{After, Order, total},
};

use super::{Queues, reaches};
use crate::store::{
    queues::{self, WORK},
    records::StoredTicket,
};

const LIST: ListSpec<StoredTicket> = ListSpec {
    record: &WORK,
    time: "received_time",
    order: Order {
        column: "t.received_at",
        descending: false,
    },
    read: StoredTicket::read,
    place: |row| After {
        at: row.received_at,
        id: row.id,
    },
};

impl Queues {
    /// Clauses SG-2.2, SG-3.
    pub(super) async fn work(
        &self,
        call: Call,
        request: ListQueuedTicketsRequest,
    ) -> Result<Answer<ListQueuedTicketsResponse>, Fault> {
        let asked = asked!(request);
        let (reader, tickets) = (&call, &self.tickets);
        let page = listing::show(&self.core, &call, &LIST, asked, "ticket.viewed", |row| {
            Box::pin(async move { tickets.present(reader, &row, None).await })
        })
        .await?;
        let counts = self.counts(&call).await?;
        Ok(Answer::read(ListQueuedTicketsResponse {
            tickets: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
            counts,
        }))
    }

    /// Counted by the statement of the list, so that they agree with it.
    async fn counts(&self, call: &Call) -> Result<Vec<QueueCount>, Fault> {
        let (call, vault) = (call.clone(), self.core.deps.vault.clone());
        let db = &self.core.deps.db;
        db.snapshot(move |connection| {
            Box::pin(async move {
                let mut filters = vec![format!("assignee = \"{}\"", call.caller())];
                for queue in queues::find(connection, None).await? {
                    let department = parse_name(&queue.department, "departments");
                    if department.is_some_and(|id| reaches(&call, id)) {
                        filters.push(format!("queue = \"{}\"", queue.name));
                    }
                }
                let mut counts = Vec::with_capacity(filters.len());
                for text in filters {
                    // A system has no tickets of its own.
                    let Ok(filter) = Filter::parse(&text, WORK.fields, vault.index_key()) else {
                        continue;
                    };
                    let mut query = WORK.count(&call, &filter);
                    let query = query.build_query_scalar();
                    let counted: i64 = query.fetch_one(&mut *connection).await?;
                    let (size, total_kind) = total(counted, filter.count_limit());
                    counts.push(QueueCount {
                        filter: text,
                        size,
                        total_kind: total_kind.into(),
                    });
                }
                Ok(counts)
            })
        })
        .await
    }
}
