//! Averages and pass rates, of what a list shows.

use kefu_contracts::ticket::{
    AgentInspections, InspectionFigures, MeasureInspectionsRequest, MeasureInspectionsResponse,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name},
};
use sqlx::Row;

use super::Inspections;
use crate::{
    domain::inspection::score::rounded,
    store::inspections::{self, Window},
};

/// Agents that are told one by one.
const MOST: usize = 1_000;

/// Sums of some results.
#[derive(Default, Clone, Copy)]
struct Sums {
    count: i64,
    scores: i64,
    passed: i64,
}

impl Inspections {
    /// Clauses OP-5, SG-7.
    pub(super) async fn measure(
        &self,
        call: Call,
        request: MeasureInspectionsRequest,
    ) -> Result<Answer<MeasureInspectionsResponse>, Fault> {
        let mut fields = Fields::new();
        let window = Window {
            agent: fields.optional_name("agent", &request.agent, "employees"),
            department: fields.optional_name("department", &request.department, "departments"),
            from: fields.time("start_time", request.start_time.as_ref()),
            to: fields.time("end_time", request.end_time.as_ref()),
        };
        if let (Some(from), Some(to)) = (window.from, window.to) {
            fields.ensure(from < to, "end_time", Violation::Contradiction);
        }
        fields.finish()?;
        let mut query = inspections::measure(&call, &window);
        let rows = self
            .core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move { Ok(query.build().fetch_all(connection).await?) })
            })
            .await?;
        let mut all = Sums::default();
        let mut agents = Vec::new();
        for row in &rows {
            let sums = Sums {
                count: row.try_get("inspections")?,
                scores: row.try_get("scores")?,
                passed: row.try_get("passed")?,
            };
            all.count += sums.count;
            all.scores += sums.scores;
            all.passed += sums.passed;
            agents.push(AgentInspections {
                agent: name("employees", row.try_get("agent_id")?),
                department: name("departments", row.try_get("department_id")?),
                figures: Some(figures(sums)),
            });
        }
        agents.truncate(MOST);
        let views = &self.core.views;
        views
            .record(&call, "inspection_figures.viewed", &[])
            .await?;
        Ok(Answer::read(MeasureInspectionsResponse {
            overall: Some(figures(all)),
            agents,
        }))
    }
}

fn figures(sums: Sums) -> InspectionFigures {
    let whole = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
    InspectionFigures {
        inspection_count: sums.count,
        average_score: whole(rounded(sums.scores, sums.count)),
        passed_count: sums.passed,
        pass_rate: whole(rounded(sums.passed * 10_000, sums.count)),
    }
}
