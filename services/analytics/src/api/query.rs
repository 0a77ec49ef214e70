use kefu_access::Clearance;
use kefu_contracts::{
    ClassSet,
    analytics::{
        Dimension, MeasureStaffRequest, MeasureStaffResponse, QueryMetricRequest,
        QueryMetricResponse, RankCustomersRequest, RankCustomersResponse, RankedCustomer,
    },
    policy::DataClass,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::parse_name,
    present::Shown,
};
use sqlx::PgConnection;

use super::Metrics;
use crate::{
    domain::{
        catalogue::Population,
        perturbation::{Aggregates, is_exact},
        question::{Door, Question},
    },
    jobs::{freshness, sources},
    store::{
        generations,
        query::{self, Asking, Compared, Figure},
    },
};

/// What is looked at in one moment.
struct Found {
    answer: Compared,
    /// Last entry that is counted, of each journal.
    positions: Vec<i64>,
}

impl Metrics {
    /// Clauses CC-1.4, OP-4.2.
    pub(super) async fn query(
        &self,
        call: Call,
        request: QueryMetricRequest,
    ) -> Result<Answer<QueryMetricResponse>, Fault> {
        let figure = self.figure(&call, &request, Door::Figures).await?;
        Ok(Answer::read(figure))
    }

    /// Clause OP-4.2.
    pub(super) async fn measure_staff(
        &self,
        call: Call,
        request: MeasureStaffRequest,
    ) -> Result<Answer<MeasureStaffResponse>, Fault> {
        let query = inner(request.query)?;
        let figure = Some(self.figure(&call, &query, Door::Staff).await?);
        Ok(Answer::read(MeasureStaffResponse { figure }))
    }

    /// Clause IH-8.1.
    pub(super) async fn rank_customers(
        &self,
        call: Call,
        request: RankCustomersRequest,
    ) -> Result<Answer<RankCustomersResponse>, Fault> {
        let query = inner(request.query)?;
        let figure = self.figure(&call, &query, Door::Customers).await?;
        let by = |one: &i32| *one == Dimension::Customer as i32;
        let at = query.group_by.iter().position(by);
        let (rest, ranked): (Vec<_>, Vec<_>) = figure.rows.into_iter().partition(|row| row.rest);
        let ranked = ranked.into_iter().map(|row| {
            let mut dimensions = row.dimensions;
            RankedCustomer {
                customer: at.map(|at| dimensions.remove(at)).unwrap_or_default(),
                dimensions,
                count: row.count,
                mean: row.mean,
                sum: row.sum,
            }
        });
        Ok(Answer::read(RankCustomersResponse {
            customers: ranked.collect(),
            rest: rest.into_iter().next(),
            total: figure.total,
            freshness: figure.freshness,
        }))
    }

    async fn figure(
        &self,
        call: &Call,
        request: &QueryMetricRequest,
        door: Door,
    ) -> Result<QueryMetricResponse, Fault> {
        let question = Question::read(request, &self.zone, door)?;
        let aggregates = self.told_by(call, &question)?;
        // Before the figures: they are then at least as fresh as is said.
        let mut freshness = freshness(&self.core.progress, call.now);
        let (asked, asking) = (question.clone(), call.clone());
        let found = self.core.deps.db.snapshot(move |connection| {
            Box::pin(async move { look(connection, &asked, &asking, aggregates).await })
        });
        let found = found.await?;
        for (source, position) in freshness.iter_mut().zip(found.positions) {
            // How much happens is more than aggregates tell.
            source.position = aggregates.map_or(position, |_| 0);
        }
        let Compared { figure, before } = found.answer;
        let other = before.as_ref().map(|before| &before.figure);
        let shown = shown(call, &question, &figure, other);
        self.core
            .views
            .record(call, "metric.viewed", &shown)
            .await?;
        Ok(QueryMetricResponse {
            rows: figure.rows,
            total: Some(figure.total),
            freshness,
            truncated: figure.truncated,
            before: before.map(Into::into),
            approximation: aggregates.map(Aggregates::to_proto),
        })
    }

    /// How the call is told of the figure, where it gets aggregates only (CF-6.1). By customers it
    /// is told of nothing but what is cleared.
    fn told_by(&self, call: &Call, question: &Question) -> Result<Option<Aggregates>, Fault> {
        if question.is_by_customer() || is_exact(&call.context, call.now, question) {
            return Ok(None);
        }
        let exact_only = match question.metric.of {
            // They are counted as they were journaled, and not one by one.
            Population::Reads => "metric",
            // An age grows: asked for twice, it would tell by how much it is off.
            Population::OpenTickets | Population::StuckOrders => "metric",
            // The same times by two measures would tell by how much both are off.
            _ if question.calendar.is_some() => "calendar",
            _ => return Ok(Some(self.aggregates)),
        };
        let violation = (exact_only.to_owned(), Violation::NotApplicable);
        Err(Fault::fields(vec![violation]))
    }
}

pub(super) fn inner(query: Option<QueryMetricRequest>) -> Result<QueryMetricRequest, Fault> {
    let missing = || Fault::fields(vec![("query".into(), Violation::Required)]);
    query.ok_or_else(missing)
}

async fn look(
    connection: &mut PgConnection,
    question: &Question,
    call: &Call,
    aggregates: Option<Aggregates>,
) -> Result<Found, Fault> {
    let live = generations::live(connection).await?;
    let positions = generations::places(connection, &sources(), live).await?;
    let asking = Asking {
        context: &call.context,
        now: call.now,
        live,
        told: aggregates,
    };
    let answer = query::compared(connection, question, &asking).await?;
    Ok(Found {
        answer,
        positions: positions.into_iter().map(|(_, live, _)| live).collect(),
    })
}

/// The figure as it is journaled: it shows no class but SYSTEM, by every rule that takes part in
/// its scope. By customers it shows what each of them bought.
fn shown(call: &Call, question: &Question, figure: &Figure, before: Option<&Figure>) -> Vec<Shown> {
    let class = match question.door {
        Door::Customers => DataClass::Purchase,
        _ => DataClass::System,
    };
    let standing = call
        .context
        .rules
        .iter()
        .filter(|rule| rule.stands(call.now))
        .filter(|rule| question.door != Door::Customers || rule.classes.contains(class));
    let mut clearance = Clearance {
        classes: ClassSet::of(&[class]),
        ..Clearance::default()
    };
    for rule in standing {
        clearance.until = clearance.until.into_iter().chain(rule.expires_at).min();
        if !clearance.sources.contains(&rule.source) {
            clearance.sources.push(rule.source.clone());
        }
    }
    let both = [Some(figure), before].into_iter().flatten();
    let mut named: Vec<&str> = both
        .flat_map(|figure| query::customers(question, figure))
        .collect();
    named.sort_unstable();
    named.dedup();
    let metric = Shown {
        resource: format!("metrics/{}", question.metric.id),
        customer_id: None,
        clearance: clearance.clone(),
    };
    let customers = named.into_iter().map(|name| Shown {
        resource: name.to_owned(),
        customer_id: parse_name(name, "customers"),
        clearance: clearance.clone(),
    });
    std::iter::once(metric).chain(customers).collect()
}
