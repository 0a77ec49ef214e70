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
    fields::Fields,
    listing::{self, Asked, ListSpec},
    present::{Shown, disclose},
    scope::{After, Order},
    sealed::Sealer,
};
use tonic::{Request, Response, Status};

use self::step::Deed;
use crate::{
    config::CustomerProfileConfig,
    domain::data_request::{DueHours, MOST_REFERENCE, MOST_TEXT},
    store::data_requests::{RECORD, StoredRequest},
};

const VIEWED: &str = "data_request.viewed";
const REFUSED: &str = "data_request.refused";

const LIST: ListSpec<'static, StoredRequest> = ListSpec {
    record: &RECORD,
    time: "record_time",
    order: Order {
        column: "q.recorded_at",
        descending: true,
    },
    read: StoredRequest::read,
    place: |row| After {
        at: row.recorded_at,
        id: row.id,
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct DataRequests {
    core: Core,
    /// Of requests.
    sealer: Sealer,
    /// Of files.
    files: Sealer,
    due: DueHours,
}

impl DataRequests {
    pub(crate) fn new(core: &Core, config: &CustomerProfileConfig) -> Self {
        let sealer = |table| Sealer::new(core.deps.vault.clone(), table);
        Self {
            core: core.clone(),
            sealer: sealer("profile.data_request"),
            files: sealer(super::TABLE),
            due: config.data_request_hours,
        }
    }

    /// Clause IH-2.1.
    async fn get(
        &self,
        call: Call,
        request: GetDataRequestRequest,
    ) -> Result<Answer<DataRequest>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, "data-requests");
        fields.finish()?;
        let mut query = RECORD.get(&call, id.unwrap_or_default());
        let db = &self.core.deps.db;
        let row = db
            .run(move |connection| {
                Box::pin(async move { Ok(query.build().fetch_optional(connection).await?) })
            })
            .await?;
        let views = &self.core.views;
        let Some(row) = row.as_ref().map(StoredRequest::read).transpose()? else {
            let fault = Fault::not_found(&request.name);
            return Err(views.refuse(&call, REFUSED, &request.name, fault).await);
        };
        let (request, shown) = self.open(&call, &row).await?;
        views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(request))
    }

    /// Clause IH-2.1.
    async fn list(
        &self,
        call: Call,
        request: ListDataRequestsRequest,
    ) -> Result<Answer<ListDataRequestsResponse>, Fault> {
        let asked = Asked {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: &request.order_by,
        };
        let reader = &call;
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { self.open(reader, &row).await })
        })
        .await?;
        Ok(Answer::read(ListDataRequestsResponse {
            data_requests: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Opens what the call's rules clear of a row, and says how it is shown.
    pub(super) async fn open(
        &self,
        call: &Call,
        row: &StoredRequest,
    ) -> Result<(DataRequest, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let key = self.sealer.open_key(row.customer, &row.wrapped).await?;
        let (opened, account) =
            self.sealer
                .open::<DataRequest>(&key, row.id, &row.sealed, clearance.classes)?;
        let mut request = row.with_columns(opened);
        disclose(&mut request, &clearance, account);
        let shown = Shown {
            resource: request.name.clone(),
            customer_id: Some(row.customer),
            clearance,
        };
        Ok((request, shown))
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
        answer(request, |call, body| self.get(call, body)).await
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
