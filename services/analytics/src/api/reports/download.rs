//! A report leaves as a file.

use kefu_contracts::analytics::{DownloadReportRequest, DownloadReportResponse, ReportFormat};
use kefu_service::{call::Call, error::Fault, fields::Fields};

use super::{REFUSED, Reports, shown};
use crate::{
    domain::report::{File, file},
    store::reports::{RECORD, REPORTS, StoredReport},
};

/// Bytes of one message.
const PART: usize = 64 * 1024;

impl Reports {
    /// Clause OP-3.2.
    pub(super) async fn download(
        &self,
        call: Call,
        request: DownloadReportRequest,
    ) -> Result<Vec<DownloadReportResponse>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, REPORTS);
        let format = fields.required_enum::<ReportFormat>("format", request.format);
        fields.finish()?;
        let query = RECORD.get(&call, id.unwrap_or_default());
        let views = &self.core.views;
        let Some(row) = self.core.deps.db.row(query).await? else {
            let fault = Fault::not_found(&request.name);
            return Err(views.refuse(&call, REFUSED, &request.name, fault).await);
        };
        let (report, shown) = shown(&call, StoredReport::read(&row)?);
        let made = file(&report, format.unwrap_or_default(), call.language);
        let made = made.ok_or_else(|| Fault::internal("a report in no format"))?;
        views.record(&call, "report.downloaded", &[shown]).await?;
        Ok(parts(made))
    }
}

/// The messages that a file is sent in; what it is called and is stands in the first.
fn parts(file: File) -> Vec<DownloadReportResponse> {
    let parts = file
        .content
        .chunks(PART)
        .map(|part| DownloadReportResponse {
            data: part.to_vec(),
            ..Default::default()
        });
    let mut parts: Vec<DownloadReportResponse> = parts.collect();
    if let Some(first) = parts.first_mut() {
        first.file_name = file.name;
        first.content_type = file.content_type.to_owned();
    }
    parts
}
