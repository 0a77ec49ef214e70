//! One figure of one person, exactly: by which they are assessed (OP-4.2).

use kefu_service::error::Fault;
use sqlx::{PgConnection, QueryBuilder, Row};
use uuid::Uuid;

use super::{
    Asked,
    home::{OF_ANSWERS, at_home},
    rows::write_rows,
};
use crate::{domain::fact::Kind, error::from_figure, store::population::Facts};

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
    let (spec, whose) = match spec.facts {
        Facts::Of(Kind::Answer) => (at_home(spec).0, OF_ANSWERS),
        Facts::Of(_) => (spec, "f.employee_id"),
        _ => return Err(Fault::internal("a figure that is not of people")),
    };
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
