//! Whose work is told of perturbed data: never that of few. Rows are of enough people, and departments that have
//! few of them are told only where they are enough together, so that what one did is not what a total has more
//! than all the other departments.

use sqlx::{Postgres, QueryBuilder};

use super::{
    Asked,
    home::{OF_ANSWERS, at_home},
    toss::bit,
};
use crate::{
    domain::{fact::Kind, perturbation::FEWEST_PEOPLE},
    store::population::{Facts, Spec},
};

/// The column that says whose work a row is; none where the figure is not of people.
pub(super) fn whose_work(asked: &Asked<'_>) -> Option<&'static str> {
    let of_people = asked.question.metric.is_of_people();
    of_people.then_some(match asked.spec().facts {
        Facts::Of(Kind::Answer) => OF_ANSWERS,
        _ => "f.employee_id",
    })
}

/// The facts beside what says whose work they are.
pub(super) fn with_people(asked: &Asked<'_>) -> Spec {
    let spec = asked.spec();
    match spec.facts {
        Facts::Of(Kind::Answer) => at_home(spec).0,
        _ => spec,
    }
}

/// `, … AS employee, … AS department`: a bit for whose work a row is, none where it is nobody's, and where it was
/// done.
pub(super) fn write_person(whose: Option<&str>, query: &mut QueryBuilder<Postgres>) {
    match whose {
        None => query.push(", NULL::int8 AS employee"),
        Some(whose) => query.push(format_args!(
            ", {} AS employee, coalesce(f.department_id, '00000000-0000-0000-0000-000000000000'::uuid) AS department",
            bit(whose)
        )),
    };
}

/// At least how many people did what is in a group; nothing where most of it is nobody's work.
pub(super) const PEOPLE: &str = "CASE WHEN count({p}.employee) * 2 >= count(*)
        THEN coalesce(bit_count(bit_or({p}.employee)::bit(64)), 0)::int8 END";

/// `, department AS (…)`: the departments of `found`, and which of them have few people.
pub(super) fn write_departments(query: &mut QueryBuilder<Postgres>) {
    query.push(format_args!(
        ", department AS (SELECT found.department AS id, bit_or(found.employee) AS people,
            coalesce({} < {FEWEST_PEOPLE}, FALSE) AS few FROM found GROUP BY 1)",
        PEOPLE.replace("{p}", "found")
    ));
}

/// Whether the department of a row is told of: it has enough people, or all that have few have enough together.
pub(super) fn is_told(row: &str) -> String {
    format!(
        "{row}.department IN (SELECT department.id FROM department WHERE NOT department.few
            OR (SELECT bit_count(bit_or(one.people)::bit(64)) >= {FEWEST_PEOPLE}
                FROM department one WHERE one.few))"
    )
}
