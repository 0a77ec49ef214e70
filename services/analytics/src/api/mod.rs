//! `kefu.analytics.v1`: request → rules → store → answer.

mod assessments;
mod exceptions;
mod improvements;
mod list;
mod query;
mod rebuild;
mod records;
mod reports;

pub(crate) use assessments::Assessments;
pub(crate) use exceptions::Exceptions;
pub(crate) use improvements::Improvements;
pub(crate) use rebuild::Rebuilds;
pub(crate) use reports::Reports;

use kefu_contracts::analytics::{
    ListFigureRecordsRequest, ListFigureRecordsResponse, ListMetricsRequest, ListMetricsResponse,
    ListStaffRecordsRequest, ListStaffRecordsResponse, MeasureStaffRequest, MeasureStaffResponse,
    QueryMetricRequest, QueryMetricResponse, RankCustomersRequest, RankCustomersResponse,
    metrics_service_server::MetricsService,
};
use kefu_service::{call::answer, core::Core};
use tonic::{Request, Response, Status};

use crate::domain::{period::Zone, perturbation::Aggregates};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Metrics {
    core: Core,
    /// Of a query that names none.
    zone: Zone,
    aggregates: Aggregates,
}

impl Metrics {
    pub(crate) fn new(core: &Core, zone: Zone, aggregates: Aggregates) -> Self {
        Self {
            core: core.clone(),
            zone,
            aggregates,
        }
    }
}

#[tonic::async_trait]
impl MetricsService for Metrics {
    async fn list_metrics(
        &self,
        request: Request<ListMetricsRequest>,
    ) -> Result<Response<ListMetricsResponse>, Status> {
        answer(request, |call, _| self.list(call)).await
    }

    async fn query_metric(
        &self,
        request: Request<QueryMetricRequest>,
    ) -> Result<Response<QueryMetricResponse>, Status> {
        answer(request, |call, body| self.query(call, body)).await
    }

    async fn measure_staff(
        &self,
        request: Request<MeasureStaffRequest>,
    ) -> Result<Response<MeasureStaffResponse>, Status> {
        answer(request, |call, body| self.measure_staff(call, body)).await
    }

    async fn list_figure_records(
        &self,
        request: Request<ListFigureRecordsRequest>,
    ) -> Result<Response<ListFigureRecordsResponse>, Status> {
        answer(request, |call, body| self.list_records(call, body)).await
    }

    async fn list_staff_records(
        &self,
        request: Request<ListStaffRecordsRequest>,
    ) -> Result<Response<ListStaffRecordsResponse>, Status> {
        answer(request, |call, body| self.list_staff_records(call, body)).await
    }

    async fn rank_customers(
        &self,
        request: Request<RankCustomersRequest>,
    ) -> Result<Response<RankCustomersResponse>, Status> {
        answer(request, |call, body| self.rank_customers(call, body)).await
    }
}
