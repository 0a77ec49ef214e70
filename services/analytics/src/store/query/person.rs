//! One figure of one person, exactly: by which they are assessed (OP-4.2).

use kefu_service::error::Fault;
use sqlx::{PgConnection, QueryBuilder, Row};
use uuid::Uuid;

use super::{Asked, rows::write_rows};
use crate::{
    domain::fact::Kind,
    error::from_figure,
    store::population::{Facts, Spec},
};

/// Answers are about whoever has the ticket. Its fact is found by its place.
const OF_TICKET: &str = "LEFT JOIN analytics.fact_place place
        ON place.generation = {live} AND place.kind = 1 AND place.id = f.subject_id AND place.part = 0
    LEFT JOIN analytics.fact answered
        ON answered.generation = {live} AND answered.kind = 1 AND answered.at = place.at
        AND answered.id = place.id AND answered.part = 0";

/// What a figure comes to for one person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Exact {
    /// Of the values, in hundredths; those of rates are 0 or 1.
    pub(crate) sum: i64,
    /// Records.
    pub(crate) count: i64,
}

/// The figure of a question, which is a rate or a mean of facts, over the records of somebody
/// within the scope.
pub(crate) async fn of_person(
    connection: &mut PgConnection,
    asked: &Asked<'_>,
    person: Uuid,
) -> Result<Exact, Fault> {
    let spec = asked.spec();
    let (joins, whose) = match spec.facts {
        Facts::Of(Kind::Answer) => (OF_TICKET, "answered.employee_id"),
        Facts::Of(_) => (spec.joins, "f.employee_id"),
        _ => return Err(Fault::internal("a figure that is not of people")),
    };
    let spec = Spec { joins, ..spec };
    let mut query = QueryBuilder::new("SELECT count(*), coalesce(sum((");
    asked.write(spec.value, &mut query);
    query.push(")::numeric * 100), 0)::int8");
    write_rows(asked, &spec, &mut query);
    query
        .push(format_args!(" AND {whose} = "))
        .push_bind(person);
    let row = query
        .build()
        .fetch_one(connection)
        .await
        .map_err(from_figure)?;
    Ok(Exact {
        count: row.try_get(0)?,
        sum: row.try_get(1)?,
    })
}
