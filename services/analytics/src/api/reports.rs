//! `kefu.analytics.v1.ReportService`: reports as they were made, and more of them by hand.

mod download;
mod run;

use std::pin::Pin;

use futures_util::{Stream, stream};
use kefu_contracts::{
    analytics::{
        DownloadReportRequest, DownloadReportResponse, GetReportRequest, GetReportRulesRequest,
        ListReportsRequest, ListReportsResponse, Report, ReportRules, ReportRulesDefinition,
        ReportRulesVersion, ReviseReportRulesRequest, RunReportRequest,
        report_service_server::ReportService,
    },
    journal::ReportRulesChanged,
};
use kefu_service::{
    call::{self, Answer, Call, answer},
    core::Core,
    error::{Fault, Violation},
    fields::{Fields, parse_name},
    listing::{self, ListSpec, One, asked},
    present::Shown,
    scope::{After, Order},
    versions::{self, Names, Revisable, revisable},
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};

use crate::{
    domain::{question::CALENDARS, report},
    maker::Maker,
    store::{
        calendars,
        query::kind,
        reports::{RECORD, REPORTS, StoredReport},
        versions::FigureRules,
    },
};

const VIEWED: &str = "report.viewed";
const REFUSED: &str = "report.refused";

const ONE: One<StoredReport> = One {
    record: &RECORD,
    collection: REPORTS,
    read: StoredReport::read,
    viewed: VIEWED,
    refused: REFUSED,
};

const LIST: ListSpec<StoredReport> = ListSpec {
    record: &RECORD,
    time: "make_time",
    order: Order {
        column: "r.made_at",
        descending: true,
    },
    read: StoredReport::read,
    place: |row| After {
        at: row.made_at,
        id: row.id,
    },
};

impl Revisable<FigureRules> for ReportRulesVersion {
    revisable!(
        FigureRules,
        ReportRules,
        ReviseReportRulesRequest,
        ReportRulesChanged
    );

    const NAMES: Names = Names {
        resource: "reportRules",
        viewed: "report_rules.viewed",
        revised: "report_rules.revised",
    };
    const MUST_SAY: bool = true;

    fn check(fields: &mut Fields, definition: &ReportRulesDefinition) {
        report::check(fields, definition, &kind);
    }

    /// No section is by a calendar that there is not.
    async fn ensure(
        connection: &mut PgConnection,
        definition: &ReportRulesDefinition,
    ) -> Result<(), Fault> {
        let mut fields = Fields::new();
        for (at, report) in definition.reports.iter().enumerate() {
            for (number, section) in report.sections.iter().enumerate() {
                // Its form is checked already.
                if let Some(id) = parse_name(&section.calendar, CALENDARS) {
                    let known = calendars::find(connection, id).await?.is_some();
                    let field =
                        format_args!("definition.reports[{at}].sections[{number}].calendar");
                    fields.ensure(known, field, Violation::UnknownValue);
                }
            }
        }
        fields.finish()
    }
}

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Reports {
    core: Core,
    maker: Maker,
}

impl Reports {
    pub(crate) fn new(core: &Core, maker: Maker) -> Self {
        Self {
            core: core.clone(),
            maker,
        }
    }

    async fn rules(&self, call: Call) -> Result<Answer<ReportRules>, Fault> {
        versions::get::<FigureRules, ReportRulesVersion>(&self.core, call).await
    }

    /// Clause OP-3.2.
    async fn revise(
        &self,
        call: Call,
        request: ReviseReportRulesRequest,
    ) -> Result<Answer<ReportRules>, Fault> {
        versions::revise::<FigureRules, ReportRulesVersion>(&self.core, call, request).await
    }

    /// Clause OP-3.2.
    async fn get(&self, call: Call, request: GetReportRequest) -> Result<Answer<Report>, Fault> {
        let reader = &call;
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move { Ok(shown(reader, row)) })
        })
        .await
    }

    async fn list(
        &self,
        call: Call,
        request: ListReportsRequest,
    ) -> Result<Answer<ListReportsResponse>, Fault> {
        let (asked, reader) = (asked!(request), &call);
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move {
                let (report, shown) = shown(reader, row);
                let report = Report {
                    figures: Vec::new(),
                    changes: Vec::new(),
                    ..report
                };
                Ok((report, shown))
            })
        })
        .await?;
        Ok(Answer::read(ListReportsResponse {
            reports: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}

/// Nothing in it is masked: it holds what whoever may read it may see.
fn shown(call: &Call, row: StoredReport) -> (Report, Shown) {
    let shown = Shown {
        resource: row.report.name.clone(),
        customer_id: None,
        clearance: call.context.clearance(row.matched, call.now),
    };
    (row.report, shown)
}

#[tonic::async_trait]
impl ReportService for Reports {
    type DownloadReportStream =
        Pin<Box<dyn Stream<Item = Result<DownloadReportResponse, Status>> + Send>>;

    async fn get_report_rules(
        &self,
        request: Request<GetReportRulesRequest>,
    ) -> Result<Response<ReportRules>, Status> {
        answer(request, |call, _| self.rules(call)).await
    }

    async fn revise_report_rules(
        &self,
        request: Request<ReviseReportRulesRequest>,
    ) -> Result<Response<ReportRules>, Status> {
        answer(request, |call, body| self.revise(call, body)).await
    }

    async fn list_reports(
        &self,
        request: Request<ListReportsRequest>,
    ) -> Result<Response<ListReportsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn get_report(
        &self,
        request: Request<GetReportRequest>,
    ) -> Result<Response<Report>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn download_report(
        &self,
        request: Request<DownloadReportRequest>,
    ) -> Result<Response<Self::DownloadReportStream>, Status> {
        let call = call::of(&request)?;
        let language = call.language;
        let parts = Box::pin(self.download(call, request.into_inner())).await;
        let parts = parts.map_err(|fault| fault.into_status(language))?;
        Ok(Response::new(Box::pin(stream::iter(
            parts.into_iter().map(Ok::<_, Status>),
        ))))
    }

    async fn run_report(
        &self,
        request: Request<RunReportRequest>,
    ) -> Result<Response<Report>, Status> {
        answer(request, |call, body| self.run(call, body)).await
    }
}
