//! Figures in SQL: one statement, one population. Rows and total come from the
//! same scan, so that no record can be in one of them only.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{AccessContext, ScopeColumns, write_scope};
use kefu_contracts::{
    analytics::{Dimension, MetricRow},
    common::Channel,
    order::OrderStage,
    ticket::{Priority, TicketKind, TicketState},
};
use kefu_service::{error::Fault, scope::Sql};
use sqlx::{Postgres, QueryBuilder, Row, postgres::PgRow};

use crate::domain::{catalogue::Facts, question::Question};

/// Most rows of an answer.
pub(crate) const ROW_LIMIT: usize = 10_000;

/// What a figure may look at: nothing of people, so that scopes by owner, duty or
/// consent, which are about looking at single records, reach no figure.
const SCOPE: ScopeColumns = ScopeColumns {
    department: Some("f.department_id"),
    owner: None,
    customer: Some("f.customer_id"),
    duty: None,
    consent: None,
};

/// A figure.
#[derive(Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) rows: Vec<MetricRow>,
    pub(crate) total: MetricRow,
    /// There are more rows.
    pub(crate) truncated: bool,
}

/// The statement that answers a question within the scope of a call: the total
/// first, then the rows in order, one more than there may be.
pub(crate) fn figures(
    question: &Question,
    context: &AccessContext,
    now: Timestamp,
) -> QueryBuilder<Postgres> {
    let facts = question.metric.facts;
    let mut query = QueryBuilder::new("SELECT ");
    // A row of the total has NULL where a record may have it, too; GROUPING tells them apart.
    query.push(if question.group_by.is_empty() {
        "TRUE"
    } else {
        "grouping(p.d0) = 1"
    });
    for (index, dimension) in question.group_by.iter().enumerate() {
        query.push(", ");
        write_shown(facts, *dimension, index, &mut query);
    }
    query
        .push(", count(*), avg(p.value)::float8 FROM (SELECT ")
        .push(value(facts))
        .push(" AS value");
    for (index, dimension) in question.group_by.iter().enumerate() {
        query.push(", ");
        write_grouped(question, *dimension, &mut query);
        query.push(format_args!(" AS d{index}"));
    }
    query.push(" FROM ").push(population(facts)).push(" AND ");
    write_scope(context, now, &SCOPE, &mut Sql(&mut query));
    if let Some(from) = question.period.from {
        query
            .push(format_args!(" AND {} >= ", moment(facts)))
            .push_bind(from.to_sqlx());
    }
    if let Some(until) = question.period.until {
        query
            .push(format_args!(" AND {} < ", moment(facts)))
            .push_bind(until.to_sqlx());
    }
    let columns: Vec<String> = (0..question.group_by.len())
        .map(|index| format!("p.d{index}"))
        .collect();
    query.push(") p GROUP BY GROUPING SETS (");
    if !columns.is_empty() {
        query.push(format_args!("({}), ", columns.join(", ")));
    }
    query.push("()) ORDER BY 1 DESC");
    for index in 0..columns.len() {
        query.push(format_args!(", {}", index + 2));
    }
    query.push(format_args!(" LIMIT {}", ROW_LIMIT + 2));
    query
}

/// Reads what the statement gave for a question with so many dimensions.
pub(crate) fn read(rows: &[PgRow], dimensions: usize) -> Result<Figure, Fault> {
    let Some((total, rows)) = rows.split_first() else {
        return Err(Fault::internal("a figure without a total"));
    };
    let total = MetricRow {
        dimensions: Vec::new(),
        ..read_row(total, dimensions)?
    };
    let truncated = rows.len() > ROW_LIMIT;
    let rows = match dimensions {
        // Grouped by nothing, all is one row.
        0 => vec![total.clone()],
        _ => rows
            .iter()
            .take(ROW_LIMIT)
            .map(|row| read_row(row, dimensions))
            .collect::<Result<_, _>>()?,
    };
    Ok(Figure {
        rows,
        total,
        truncated,
    })
}

fn read_row(row: &PgRow, dimensions: usize) -> Result<MetricRow, Fault> {
    Ok(MetricRow {
        dimensions: (1..=dimensions)
            .map(|index| row.try_get(index))
            .collect::<Result<_, _>>()?,
        count: row.try_get(dimensions + 1)?,
        mean: row.try_get(dimensions + 2)?,
    })
}

/// Records that are counted; conditions follow with ` AND `.
fn population(facts: Facts) -> &'static str {
    match facts {
        Facts::Tickets => "analytics.ticket_fact f WHERE TRUE",
        Facts::RatedTickets => "analytics.ticket_fact f WHERE f.satisfaction_score IS NOT NULL",
        Facts::Orders => "analytics.order_fact f WHERE TRUE",
        Facts::Reviews => "analytics.review_fact f WHERE TRUE",
    }
}

/// What the mean is of.
fn value(facts: Facts) -> &'static str {
    match facts {
        Facts::Tickets | Facts::Orders => "NULL::int2",
        Facts::RatedTickets => "f.satisfaction_score",
        Facts::Reviews => "f.score",
    }
}

/// By which moment a record belongs to a day.
fn moment(facts: Facts) -> &'static str {
    match facts {
        Facts::Tickets | Facts::RatedTickets => "f.received_at",
        Facts::Orders => "f.placed_at",
        Facts::Reviews => "f.answered_at",
    }
}

/// The state of a ticket; of one that is part of another, the number after the last of them:
/// it is closed, and not for having been solved.
const MERGED_OR_STATE: &str = "CASE WHEN f.merged THEN 6 ELSE f.state END";

/// The value of a record by which it is grouped.
fn write_grouped(question: &Question, dimension: Dimension, query: &mut QueryBuilder<Postgres>) {
    let column = match (dimension, question.metric.facts) {
        (Dimension::Day, facts) => {
            query.push(format_args!("({} AT TIME ZONE ", moment(facts)));
            query
                .push_bind(question.zone.name().to_owned())
                .push(")::date");
            return;
        }
        (Dimension::Department, _) => "f.department_id",
        (Dimension::Status, Facts::Orders) => "f.stage",
        (Dimension::Status, _) => MERGED_OR_STATE,
        (Dimension::Priority, _) => "f.priority",
        (Dimension::Kind, _) => "f.kind",
        (Dimension::Channel, _) => "f.channel",
        // No metric has it.
        (Dimension::Unspecified, _) => "NULL",
    };
    query.push(column);
}

/// The value of a group as it is shown and ordered by; empty where the records
/// have none, or one that this build does not know.
fn write_shown(
    facts: Facts,
    dimension: Dimension,
    index: usize,
    query: &mut QueryBuilder<Postgres>,
) {
    match dimension {
        Dimension::Day | Dimension::Unspecified => {
            query.push(format_args!(
                "coalesce(to_char(p.d{index}, 'YYYY-MM-DD'), '')"
            ));
        }
        Dimension::Department => {
            query.push(format_args!("coalesce('departments/' || p.d{index}, '')"));
        }
        Dimension::Status | Dimension::Priority | Dimension::Kind | Dimension::Channel => {
            query.push("coalesce((").push_bind(names(facts, dimension));
            query.push(format_args!("::text[])[p.d{index} + 1], '')"));
        }
    }
    // By bytes: the order must not depend on the cluster's language.
    query.push(r#" COLLATE "C""#);
}

/// Names of an enum's values in the order of their numbers, which have no gaps.
fn names(facts: Facts, dimension: Dimension) -> Vec<String> {
    match (dimension, facts) {
        (Dimension::Status, Facts::Orders) => each("ORDER_STAGE_", |number| {
            Some(OrderStage::try_from(number).ok()?.as_str_name())
        }),
        (Dimension::Status, _) => {
            let mut states = each("TICKET_STATE_", |number| {
                Some(TicketState::try_from(number).ok()?.as_str_name())
            });
            states.push("merged".to_owned());
            states
        }
        (Dimension::Priority, _) => each("PRIORITY_", |number| {
            Some(Priority::try_from(number).ok()?.as_str_name())
        }),
        (Dimension::Kind, _) => each("TICKET_KIND_", |number| {
            Some(TicketKind::try_from(number).ok()?.as_str_name())
        }),
        (Dimension::Channel, _) => each("CHANNEL_", |number| {
            Some(Channel::try_from(number).ok()?.as_str_name())
        }),
        (Dimension::Day | Dimension::Department | Dimension::Unspecified, _) => Vec::new(),
    }
}

fn each(prefix: &str, name: impl Fn(i32) -> Option<&'static str>) -> Vec<String> {
    (0..)
        .map_while(name)
        .map(|name| name.strip_prefix(prefix).unwrap_or(name).to_lowercase())
        .collect()
}

#[cfg(test)]
mod tests;
