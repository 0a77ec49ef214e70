//! `kefu.profile.v1.RetentionService`: how long files are kept (CF-5.2).

use kefu_access::ClassSet;
use kefu_contracts::profile::{
    ListFileRetentionsRequest, ListFileRetentionsResponse,
    retention_service_server::RetentionService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    listing::{self, ListSpec, asked},
    present::Shown,
    scope::{After, Order},
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::store::retention::{RETENTIONS, StoredRetention};

const LIST: ListSpec<StoredRetention> = ListSpec {
    record: &RETENTIONS,
    time: "clock_time",
    order: Order {
        column: "c.retained_from",
        descending: false,
    },
    read: StoredRetention::read,
    place: |row| After {
        at: row.retained_from,
        id: row.id,
    },
};

/// The handlers.
#[derive(Clone)]
pub(crate) struct Retentions(pub(crate) Core);

impl Retentions {
    /// Clauses CF-5.2, CF-10.1.
    async fn list(
        &self,
        call: Call,
        request: ListFileRetentionsRequest,
    ) -> Result<Answer<ListFileRetentionsResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.0, &call, &LIST, asked, "retention.viewed", |row| {
            Box::pin(async move {
                let shown = shown(reader, &row.message.customer, Some(row.id), row.matched);
                Ok((row.message, shown))
            })
        })
        .await?;
        Ok(Answer::read(ListFileRetentionsResponse {
            retentions: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}

/// Something about to be shown that says nothing of what is classified.
pub(super) fn shown(call: &Call, resource: &str, customer: Option<Uuid>, matched: i64) -> Shown {
    let mut clearance = call.context.clearance(matched, call.now);
    clearance.classes = ClassSet::NONE;
    Shown {
        resource: resource.to_owned(),
        customer_id: customer,
        clearance,
    }
}

#[tonic::async_trait]
impl RetentionService for Retentions {
    async fn list_file_retentions(
        &self,
        request: Request<ListFileRetentionsRequest>,
    ) -> Result<Response<ListFileRetentionsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }
}
