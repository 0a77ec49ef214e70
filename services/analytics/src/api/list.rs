use kefu_contracts::analytics::ListMetricsResponse;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
};

use super::Metrics;
use crate::domain::catalogue;

impl Metrics {
    /// The catalogue shows no record of anybody, and so none is journaled as shown;
    /// that somebody asked is.
    pub(super) async fn list(&self, call: Call) -> Result<Answer<ListMetricsResponse>, Fault> {
        let metrics = catalogue::metrics()
            .map(|metric| metric.to_proto(call.language))
            .collect();
        self.core.views.record(&call, "metric.listed", &[]).await?;
        Ok(Answer::read(ListMetricsResponse { metrics }))
    }
}
