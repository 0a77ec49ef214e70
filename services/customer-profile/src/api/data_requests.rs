//! `kefu.profile.v1.DataRequestService`: what customers ask for about their own data.

mod record;
mod step;

use kefu_contracts::profile::{
    AssignDataRequestRequest, DataRequest, DecideDataRequestRefusalRequest,
    FulfilDataRequestRequest, GetDataRequestRequest, HandOverDataRequestRequest,
    ListDataRequestsRequest, ListDataRequestsResponse, RecordDataRequestRequest,
    RefuseDataRequestRequest, data_request_service_server::DataRequestService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    listing::{ListSpec, asked},
    scope::{After, Order},
    sealed::Sealer,
};
use tonic::{Request, Response, Status};

use self::step::Deed;
use super::on_file::{Kind, Shelf};
use crate::{
    config::CustomerProfileConfig,
    domain::data_request::{DueHours, MOST_REFERENCE, MOST_TEXT},
    store::{
        data_requests::{RECORD, StoredRequest},
        hanging::Hanging,
    },
};

static KIND: Kind<StoredRequest> = Kind {
    table: "profile.data_request",
    collection: "data-requests",
    viewed: "data_request.viewed",
    refused: "data_request.refused",
    list: ListSpec {
        record: &RECORD,
        time: "record_time",
        order: Order {
            column: "q.recorded_at",
            descending: true,
        },
        read: StoredRequest::read,
        place: |row| After {
            at: row.kept.recorded_at,
            id: row.kept.id,
        },
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct DataRequests {
    pub(super) shelf: Shelf<StoredRequest>,
    /// Of files.
    files: Sealer,
    due: DueHours,
}

impl DataRequests {
    pub(crate) fn new(core: &Core, config: &CustomerProfileConfig) -> Self {
        Self {
            shelf: Shelf::new(core, &KIND),
            files: Sealer::new(core.deps.vault.clone(), super::TABLE),
            due: config.data_request_hours,
        }
    }

    /// Clause IH-2.1.
    async fn list(
        &self,
        call: Call,
        request: ListDataRequestsRequest,
    ) -> Result<Answer<ListDataRequestsResponse>, Fault> {
        let asked = asked!(request);
        let page = self.shelf.list(&call, asked).await?;
        Ok(Answer::read(ListDataRequestsResponse {
            data_requests: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}

#[tonic::async_trait]
impl DataRequestService for DataRequests {
    async fn record_data_request(
        &self,
        request: Request<RecordDataRequestRequest>,
    ) -> Result<Response<DataRequest>, Status> {
        answer(request, |call, body| self.record(call, body)).await
    }

    async fn get_data_request(
        &self,
        request: Request<GetDataRequestRequest>,
    ) -> Result<Response<DataRequest>, Status> {
        answer(request, |call, body| async move {
            self.shelf.get(&call, &body.name).await
        })
        .await
    }

    async fn list_data_requests(
        &self,
        request: Request<ListDataRequestsRequest>,
    ) -> Result<Response<ListDataRequestsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn assign_data_request(
        &self,
        request: Request<AssignDataRequestRequest>,
    ) -> Result<Response<DataRequest>, Status> {
        answer(request, |call, body| async move {
            let wanted = self.wanted(&call, &body, &body.name, &body.etag, &body.request_id);
            self.step(call, wanted, |fields| {
                let assignee = fields.name("assignee", &body.assignee, "employees");
                Deed::Assign(assignee.unwrap_or_default())
            })
            .await
        })
        .await
    }

    async fn fulfil_data_request(
        &self,
        request: Request<FulfilDataRequestRequest>,
    ) -> Result<Response<DataRequest>, Status> {
        answer(request, |call, body| async move {
            let wanted = self.wanted(&call, &body, &body.name, &body.etag, &body.request_id);
            self.step(call, wanted, |fields| {
                fields.required_text("answer", &body.answer, MOST_TEXT);
                fields.text("reference", &body.reference, MOST_REFERENCE);
                Deed::Fulfil {
                    answer: body.answer,
                    reference: body.reference,
                    revision: body.customer_revision,
                }
            })
            .await
        })
        .await
    }

    async fn hand_over_data_request(
        &self,
        request: Request<HandOverDataRequestRequest>,
    ) -> Result<Response<DataRequest>, Status> {
        answer(request, |call, body| async move {
            let wanted = self.wanted(&call, &body, &body.name, &body.etag, &body.request_id);
            self.step(call, wanted, |fields| {
                fields.required_text("reference", &body.reference, MOST_REFERENCE);
                Deed::HandOver(body.reference)
            })
            .await
        })
        .await
    }

    async fn refuse_data_request(
        &self,
        request: Request<RefuseDataRequestRequest>,
    ) -> Result<Response<DataRequest>, Status> {
        answer(request, |call, body| async move {
            let wanted = self.wanted(&call, &body, &body.name, &body.etag, &body.request_id);
            self.step(call, wanted, |fields| {
                fields.required_text("reason", &body.reason, MOST_TEXT);
                Deed::Refuse(body.reason)
            })
            .await
        })
        .await
    }

    async fn decide_data_request_refusal(
        &self,
        request: Request<DecideDataRequestRefusalRequest>,
    ) -> Result<Response<DataRequest>, Status> {
        answer(request, |call, body| async move {
            let wanted = self.wanted(&call, &body, &body.name, &body.etag, &body.request_id);
            self.step(call, wanted, |_| Deed::Decide(body.agreed)).await
        })
        .await
    }
}
