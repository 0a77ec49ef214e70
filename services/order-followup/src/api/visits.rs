//! `kefu.order.v1.VisitService`: visits to customers, and what came of them.

mod change;
mod record;
mod schedule;

use kefu_contracts::order::{
    DropVisitRequest, GetVisitRequest, ListVisitsRequest, ListVisitsResponse, MoveVisitRequest,
    RecordVisitRequest, ScheduleVisitRequest, Visit, visit_service_server::VisitService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    fields::Fields,
    listing::{self, ListSpec, asked},
    present::{Shown, disclose},
    scope::{After, Order},
};
use tonic::{Request, Response, Status};

use crate::{
    store::visits::{RECORD, StoredVisit, VISITS},
    visits::Visits,
};

const VIEWED: &str = "visit.viewed";
const REFUSED: &str = "visit.refused";

const LIST: ListSpec<StoredVisit> = ListSpec {
    record: &RECORD,
    time: "due_time",
    order: Order {
        column: "v.due_at",
        descending: false,
    },
    read: StoredVisit::read,
    place: |row| After {
        at: row.due_at,
        id: row.id,
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct VisitsApi {
    core: Core,
    visits: Visits,
}

impl VisitsApi {
    pub(crate) fn new(core: &Core, visits: Visits) -> Self {
        Self {
            core: core.clone(),
            visits,
        }
    }

    async fn get(&self, call: Call, request: GetVisitRequest) -> Result<Answer<Visit>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, VISITS);
        fields.finish()?;
        let query = RECORD.get(&call, id.unwrap_or_default());
        let Some(row) = self.core.deps.db.row(query).await? else {
            let fault = Fault::not_found(&request.name);
            let views = &self.core.views;
            return Err(views.refuse(&call, REFUSED, &request.name, fault).await);
        };
        let (visit, shown) = self.present(&call, &StoredVisit::read(&row)?).await?;
        self.core.views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(visit))
    }

    async fn list(
        &self,
        call: Call,
        request: ListVisitsRequest,
    ) -> Result<Answer<ListVisitsResponse>, Fault> {
        let (asked, reader) = (asked!(request), &call);
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { self.present(reader, &row).await })
        })
        .await?;
        Ok(Answer::read(ListVisitsResponse {
            visits: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Opens what the call's rules clear of a row, and says how it is shown.
    async fn present(&self, call: &Call, row: &StoredVisit) -> Result<(Visit, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let sealer = self.visits.sealer();
        let key = sealer.open_key(row.customer_id, &row.wrapped).await?;
        let (opened, account) =
            sealer.open::<Visit>(&key, row.id, &row.sealed, clearance.classes)?;
        let mut visit = row.with_opened(opened);
        disclose(&mut visit, &clearance, account);
        let shown = Shown {
            resource: visit.name.clone(),
            customer_id: Some(row.customer_id),
            clearance,
        };
        Ok((visit, shown))
    }
}

#[tonic::async_trait]
impl VisitService for VisitsApi {
    async fn get_visit(
        &self,
        request: Request<GetVisitRequest>,
    ) -> Result<Response<Visit>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_visits(
        &self,
        request: Request<ListVisitsRequest>,
    ) -> Result<Response<ListVisitsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn schedule_visit(
        &self,
        request: Request<ScheduleVisitRequest>,
    ) -> Result<Response<Visit>, Status> {
        answer(request, |call, body| self.schedule(call, body)).await
    }

    async fn record_visit(
        &self,
        request: Request<RecordVisitRequest>,
    ) -> Result<Response<Visit>, Status> {
        answer(request, |call, body| self.record(call, body)).await
    }

    async fn move_visit(
        &self,
        request: Request<MoveVisitRequest>,
    ) -> Result<Response<Visit>, Status> {
        answer(request, |call, body| self.move_to(call, body)).await
    }

    async fn drop_visit(
        &self,
        request: Request<DropVisitRequest>,
    ) -> Result<Response<Visit>, Status> {
        answer(request, |call, body| self.drop_it(call, body)).await
    }
}
