use kefu_access::Clearance;
use kefu_contracts::{
    ClassSet,
    analytics::{QueryMetricRequest, QueryMetricResponse},
    policy::DataClass,
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    present::Shown,
};

use super::Metrics;
use crate::{
    domain::question::Question,
    error::from_figure,
    jobs::SOURCES,
    store::{freshness, query},
};

impl Metrics {
    /// Clauses CC-1.4, OP-4.2. Cells of few records are not suppressed yet (issue 7).
    pub(super) async fn query(
        &self,
        call: Call,
        request: QueryMetricRequest,
    ) -> Result<Answer<QueryMetricResponse>, Fault> {
        let question = Question::read(&request, &self.zone)?;
        let mut statement = query::figures(&question, &call.context, call.now);
        let sources: Vec<String> = SOURCES.iter().map(|source| (*source).to_owned()).collect();
        let (freshness, rows) = self
            .core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move {
                    // First: the figures are then at least as fresh as is said.
                    let freshness = freshness::read(&mut *connection, &sources).await?;
                    let rows = statement
                        .build()
                        .fetch_all(connection)
                        .await
                        .map_err(from_figure)?;
                    Ok((freshness, rows))
                })
            })
            .await?;
        let figure = query::read(&rows, question.group_by.len())?;
        self.core
            .views
            .record(&call, "metric.viewed", &[shown(&call, &question)])
            .await?;
        Ok(Answer::read(QueryMetricResponse {
            rows: figure.rows,
            total: Some(figure.total),
            freshness,
            truncated: figure.truncated,
        }))
    }
}

/// The figure as it is journaled: it shows no class but SYSTEM, by every rule
/// that takes part in its scope.
fn shown(call: &Call, question: &Question) -> Shown {
    let standing = call
        .context
        .rules
        .iter()
        .filter(|rule| rule.stands(call.now));
    let mut clearance = Clearance {
        classes: ClassSet::of(&[DataClass::System]),
        ..Clearance::default()
    };
    for rule in standing {
        clearance.until = clearance.until.into_iter().chain(rule.expires_at).min();
        if !clearance.sources.contains(&rule.source) {
            clearance.sources.push(rule.source.clone());
        }
    }
    Shown {
        resource: format!("metrics/{}", question.metric.id),
        customer_id: None,
        clearance,
    }
}
