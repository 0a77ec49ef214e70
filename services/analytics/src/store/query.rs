//! Figures in SQL: one statement, one population. Rows, the row of all the others and the total
//! come from the same scan, so that no record can be in one of them only.

mod compared;
mod days;
mod dimension;
mod home;
mod people;
mod person;
pub(crate) mod records;
mod rows;
mod survivor;
#[cfg(test)]
mod tests;
mod toss;
mod working;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::AccessContext;
use kefu_contracts::analytics::{Dimension, Measure, MetricRow, RankBy};
use kefu_service::error::Fault;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};

use super::population::{Facts, NONE, Spec, spec};
use crate::{
    domain::{
        fact::Kind,
        perturbation::{Aggregates, Behind},
        question::{Question, ROW_LIMIT},
        series::{self, is_number},
        working::Working,
    },
    error::from_figure,
};
pub(crate) use compared::{Asking, Compared, compared};
use dimension::{names, sentinel, write_grouped, write_shown};
use home::at_home;
use people::{PEOPLE, whose_work, with_people, write_departments, write_person};
pub(crate) use person::{Exact, of_person};
use rows::write_rows;
use toss::write_worth;

/// A figure.
#[derive(Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) rows: Vec<MetricRow>,
    pub(crate) total: MetricRow,
    /// There are more rows.
    pub(crate) truncated: bool,
}

/// What a statement is written of.
pub(crate) struct Asked<'q> {
    pub(crate) question: &'q Question,
    pub(crate) context: &'q AccessContext,
    pub(crate) now: Timestamp,
    /// The generation that is answered from.
    pub(crate) live: i32,
    /// Whether its days of orders are kept, and are those of the question's zone.
    pub(crate) days: bool,
    /// It is counted of perturbed data, and told like this.
    pub(crate) told: Option<Aggregates>,
    /// What is made of all customers is made of those whom perturbed data have.
    pub(crate) of_heads: bool,
    /// Of the question's calendar.
    pub(crate) working: Option<&'q Working>,
}

impl Asked<'_> {
    /// Whether a row stands for as many records as its weight says.
    fn is_weighed(&self) -> bool {
        self.spec().facts == Facts::Reads || days::tell(self)
    }

    fn spec(&self) -> Spec {
        let spec = spec(self.question.metric.of);
        // Whom answers of before that was told are about their ticket says.
        let spec = match self.question.group_by.contains(&Dimension::Employee) {
            true if spec.facts == Facts::Of(Kind::Answer) => at_home(spec).0,
            _ => spec,
        };
        match days::tell(self) && spec.value != NONE {
            true => Spec {
                joins: "",
                value: days::VALUE,
                ..spec
            },
            false => spec,
        }
    }

    /// SQL with `{live}` and `{now}` in it.
    fn write(&self, sql: &str, query: &mut QueryBuilder<Postgres>) {
        let sql = sql.replace("{live}", &self.live.to_string());
        for (index, part) in sql.split("{now}").enumerate() {
            if index > 0 {
                query.push_bind(self.now.to_sqlx());
            }
            query.push(part);
        }
    }
}

/// The figure that answers a question, its gaps filled.
pub(crate) async fn answer(
    connection: &mut PgConnection,
    asked: &Asked<'_>,
) -> Result<Figure, Fault> {
    let question = asked.question;
    let mut statement = figures(asked);
    let rows = statement.build().fetch_all(connection).await;
    let figure = read(&rows.map_err(from_figure)?, asked)?;
    let Some(buckets) = question.buckets() else {
        return Ok(figure);
    };
    let (rows, more) = series::fill(figure.rows, &question.group_by, &buckets, ROW_LIMIT);
    let gaps_are_told = |row| match asked.told {
        Some(aggregates) => aggregates.tell_gap(row),
        None => row,
    };
    Ok(Figure {
        rows: rows.into_iter().map(gaps_are_told).collect(),
        truncated: figure.truncated || more,
        ..figure
    })
}

/// Number of a value of KIND, where records of the figure have one kind each.
pub(crate) fn kind(question: &Question, named: &str) -> Option<usize> {
    value(question, Dimension::Kind, named)
}

/// Number of a value of a dimension, where records of the figure have one each, of a closed set.
pub(crate) fn value(question: &Question, dimension: Dimension, named: &str) -> Option<usize> {
    let of_records = matches!(spec(question.metric.of).facts, Facts::Of(_));
    let has = of_records && question.metric.dimensions.contains(&dimension);
    let known = names(question, dimension);
    let known = known.iter().position(|name| name == named);
    known.filter(|_| has && !named.is_empty())
}

/// The statement that answers a question within the scope of a call: the total first, then the
/// rows in order, one more than there may be.
fn figures(asked: &Asked<'_>) -> QueryBuilder<Postgres> {
    let question = asked.question;
    let (spec, whose) = match asked.told {
        Some(_) => (with_people(asked), whose_work(asked)),
        None => (asked.spec(), None),
    };
    let mut query = QueryBuilder::new("WITH ");
    query.push(match whose {
        Some(_) => "found AS (SELECT ",
        None => "p AS (SELECT ",
    });
    write_worth(asked, &spec, &mut query);
    query.push(" AS value, ").push(match spec.facts {
        Facts::Reads => "f.count AS weight",
        _ if asked.is_weighed() => "f.weight AS weight",
        _ => "1 AS weight",
    });
    query.push(", ").push(match question.metric.measure {
        Measure::Sum => "f.currency AS currency",
        _ => "NULL::text AS currency",
    });
    let customer = match asked.told {
        Some(_) => toss::customer(&spec),
        None => "NULL::int8".to_owned(),
    };
    query.push(format_args!(", {customer} AS customer"));
    write_person(whose, &mut query);
    for (index, dimension) in question.group_by.iter().enumerate() {
        query.push(", ");
        write_grouped(asked, &spec, *dimension, &mut query);
        query.push(format_args!(" AS d{index}"));
    }
    write_rows(asked, &spec, &mut query);
    query.push(")");
    if whose.is_some() {
        write_departments(&mut query);
        let told = people::is_told("found");
        query.push(format_args!(", p AS (SELECT * FROM found WHERE {told})"));
    }
    match question.top {
        Some((limit, by)) => write_top(asked, limit, by, &mut query),
        None => write_all(asked, &mut query),
    }
    query
}

/// Every group in the order of its dimensions.
fn write_all(asked: &Asked<'_>, query: &mut QueryBuilder<Postgres>) {
    let question = asked.question;
    let groups = columns(question, "p.d");
    // A row of the total has NULL where a record may have it, too; GROUPING tells them apart.
    let is_total = match groups.is_empty() {
        true => "TRUE",
        false => "grouping(p.d0) = 1",
    };
    query.push(format_args!(" SELECT {is_total}, FALSE"));
    write_values(asked, "p", query);
    query.push(" FROM p GROUP BY GROUPING SETS (");
    if !groups.is_empty() {
        query.push(format_args!("({}), ", groups.join(", ")));
    }
    query.push("()) ORDER BY 1 DESC");
    for (index, dimension) in question.group_by.iter().enumerate() {
        if is_number(*dimension) {
            query.push(format_args!(", p.d{index} NULLS FIRST"));
        } else {
            query.push(format_args!(", {}", index + 3));
        }
    }
    query.push(format_args!(" LIMIT {}", ROW_LIMIT + 2));
}

/// The largest groups, and one of all the others.
fn write_top(asked: &Asked<'_>, limit: i64, by: RankBy, query: &mut QueryBuilder<Postgres>) {
    let question = asked.question;
    let groups = columns(question, "p.d").join(", ");
    let rank = match by {
        RankBy::Unspecified => "sum(p.weight)",
        RankBy::Sum => SUM,
        RankBy::Mean => MEAN,
    };
    query.push(format_args!(
        ", top AS (SELECT row_number() OVER (ORDER BY {} DESC NULLS LAST",
        rank.replace("{average}", average(asked))
            .replace("{p}", "p")
    ));
    for (index, dimension) in question.group_by.iter().enumerate() {
        query.push(", ");
        write_shown(question, *dimension, &format!("p.d{index}"), query);
    }
    query.push(format_args!(
        ") AS place, {groups} FROM p GROUP BY {groups} ORDER BY 1 LIMIT {limit}), \
         q AS (SELECT p.value, p.weight, p.currency, p.customer, p.employee, top.place"
    ));
    for index in 0..question.group_by.len() {
        query.push(format_args!(
            ", CASE WHEN top.place IS NOT NULL THEN p.d{index} END AS d{index}"
        ));
    }
    query.push(" FROM p LEFT JOIN top ON TRUE");
    for (index, dimension) in question.group_by.iter().enumerate() {
        // Hashed, which IS NOT DISTINCT FROM cannot be.
        let none = sentinel(*dimension);
        query.push(format_args!(
            " AND coalesce(top.d{index}, {none}) = coalesce(p.d{index}, {none})"
        ));
    }
    query.push(") SELECT grouping(q.place) = 1, q.place IS NULL");
    write_values(asked, "q", query);
    query.push(format_args!(
        " FROM q GROUP BY GROUPING SETS ((q.place, {}), ()) ORDER BY 1 DESC, q.place NULLS LAST",
        columns(question, "q.d").join(", ")
    ));
}

/// An amount is one where all are in one currency.
const ONE_CURRENCY: &str = "min({p}.currency) IS NOT DISTINCT FROM max({p}.currency)";
const SUM: &str =
    "CASE WHEN min({p}.currency) IS NOT DISTINCT FROM max({p}.currency) THEN sum({p}.value) END";
const MEAN: &str =
    "CASE WHEN min({p}.currency) IS NOT DISTINCT FROM max({p}.currency) THEN {average} END";

/// What a record is worth on the average.
fn average(asked: &Asked<'_>) -> &'static str {
    match asked.is_weighed() {
        true => "(sum({p}.value) / nullif(sum({p}.weight), 0))",
        false => "avg({p}.value)",
    }
}

/// What is shown of a group: its dimensions, count, mean, sum and percentiles; of whom it is, where
/// that matters.
fn write_values(asked: &Asked<'_>, table: &str, query: &mut QueryBuilder<Postgres>) {
    let question = asked.question;
    for (index, dimension) in question.group_by.iter().enumerate() {
        query.push(", ");
        write_shown(question, *dimension, &format!("{table}.d{index}"), query);
    }
    let count = match asked.is_weighed() {
        true => "coalesce(sum({p}.weight), 0)::int8",
        false => "count(*)",
    };
    let none = ("NULL::float8", "NULL::text", "NULL::float8[]");
    let (mean, sum, percentiles) = match question.metric.measure {
        Measure::Unspecified | Measure::Count => none,
        Measure::Mean => ("avg({p}.value)::float8", none.1, none.2),
        Measure::Rate => ("{average}::float8", "sum({p}.value)::text", none.2),
        Measure::Sum => (
            "CASE WHEN {one} THEN {average}::float8 END",
            "CASE WHEN {one} THEN sum({p}.value)::text END",
            none.2,
        ),
        Measure::Duration => (
            "avg({p}.value)::float8",
            none.1,
            "(percentile_disc(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY {p}.value))::float8[]",
        ),
    };
    let behind = asked.told.map(|_| [toss::CUSTOMERS, PEOPLE]);
    let values = [count, mean, sum, percentiles].into_iter();
    for value in values.chain(behind.into_iter().flatten()) {
        let value = value
            .replace("{one}", ONE_CURRENCY)
            .replace("{average}", average(asked))
            .replace("{p}", table);
        query.push(", ").push(value);
    }
}

fn columns(question: &Question, prefix: &str) -> Vec<String> {
    (0..question.group_by.len())
        .map(|index| format!("{prefix}{index}"))
        .collect()
}

/// Reads what the statement gave for a question.
fn read(rows: &[PgRow], asked: &Asked<'_>) -> Result<Figure, Fault> {
    let question = asked.question;
    let dimensions = question.group_by.len();
    let read_row = |row: &PgRow| {
        let told = read_row(row, dimensions)?;
        let Some(aggregates) = asked.told else {
            return Ok(told);
        };
        let behind = Behind {
            customers: row.try_get(dimensions + 6)?,
            people: row.try_get(dimensions + 7)?,
        };
        Ok::<_, Fault>(aggregates.tell(question.metric, told, behind))
    };
    let Some((total, rows)) = rows.split_first() else {
        return Err(Fault::internal("a figure without a total"));
    };
    let total = MetricRow {
        dimensions: Vec::new(),
        rest: false,
        ..read_row(total)?
    };
    let truncated = question.top.is_none() && rows.len() > ROW_LIMIT;
    let mut rows = match dimensions {
        // Grouped by nothing, all is one row.
        0 => vec![total.clone()],
        _ => rows
            .iter()
            .take(ROW_LIMIT)
            .map(read_row)
            .collect::<Result<_, _>>()?,
    };
    for row in &mut rows {
        row.share = share(row.count, total.count).filter(|_| !row.suppressed);
    }
    Ok(Figure {
        rows,
        total,
        truncated,
    })
}

#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
fn share(count: i64, of: i64) -> Option<f64> {
    (of > 0).then(|| count as f64 / of as f64)
}

fn read_row(row: &PgRow, dimensions: usize) -> Result<MetricRow, Fault> {
    let rest: bool = row.try_get(1)?;
    let names: Vec<String> = (2..dimensions + 2)
        .map(|index| row.try_get(index))
        .collect::<Result<_, _>>()?;
    let at = dimensions + 2;
    let percentiles: Option<Vec<f64>> = row.try_get(at + 3)?;
    let percentile = |index: usize| percentiles.as_ref().and_then(|all| all.get(index).copied());
    Ok(MetricRow {
        dimensions: match rest {
            true => vec![String::new(); dimensions],
            false => names,
        },
        count: row.try_get(at)?,
        mean: row.try_get(at + 1)?,
        sum: row.try_get(at + 2)?,
        p50: percentile(0),
        p90: percentile(1),
        p95: percentile(2),
        share: None,
        rest,
        suppressed: false,
    })
}

/// Of which customers rows are, where they are by customers.
pub(crate) fn customers<'f>(
    question: &Question,
    figure: &'f Figure,
) -> impl Iterator<Item = &'f str> {
    let by = |one: &Dimension| *one == Dimension::Customer;
    let at = question.group_by.iter().position(by);
    let rows = figure.rows.iter();
    rows.filter_map(move |row| row.dimensions.get(at?).map(String::as_str))
        .filter(|name| !name.is_empty())
}
