//! How many answers are satisfied.

use kefu_contracts::ticket::{MeasureSatisfactionRequest, MeasureSatisfactionResponse};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};
use sqlx::Row;

use super::Surveys;
use crate::{
    domain::survey::rate,
    store::surveys::{self, Window},
};

impl Surveys {
    /// Clause CC-1.4.
    pub(super) async fn measure(
        &self,
        call: Call,
        request: MeasureSatisfactionRequest,
    ) -> Result<Answer<MeasureSatisfactionResponse>, Fault> {
        let mut fields = Fields::new();
        let window = Window {
            department: fields.optional_name("department", &request.department, "departments"),
            from: fields.time("start_time", request.start_time.as_ref()),
            to: fields.time("end_time", request.end_time.as_ref()),
        };
        if let (Some(from), Some(to)) = (window.from, window.to) {
            fields.ensure(from < to, "end_time", Violation::Contradiction);
        }
        fields.finish()?;
        let row = self
            .core
            .deps
            .db
            .row(surveys::count(&call, &window))
            .await?;
        let row = row.ok_or_else(|| Fault::internal("a count without a row"))?;
        let of = |column: &str| row.try_get::<i64, _>(column);
        let answers = of("answers")?;
        let measured = MeasureSatisfactionResponse {
            overall: Some(rate(of("both_marks")?, answers)),
            service: Some(rate(of("service")?, answers)),
            result: Some(rate(of("result")?, answers)),
            visits_due_count: of("visits")?,
        };
        self.core
            .views
            .record(&call, "satisfaction.viewed", &[])
            .await?;
        Ok(Answer::read(measured))
    }
}
