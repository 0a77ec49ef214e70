//! The records that a row of a figure counts: of the very population, grouped as the figure is.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{write_matched, write_scope_for_class};
use kefu_service::{
    error::Fault,
    scope::{After, Sql},
};
use sqlx::{Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    Asked,
    dimension::{write_grouped, write_shown},
    home::at_home,
    people::{PEOPLE, is_told, whose_work, write_departments, write_person},
    rows::write_rows,
    toss::{CUSTOMERS, customer, each_head, heads_of},
};
use crate::{
    domain::{
        catalogue::Population,
        perturbation::{Behind, is_exact},
    },
    store::population::{Facts, Spec},
};

/// A row that is opened.
pub(crate) struct Opened<'q> {
    /// Not of perturbed data: how many heads those show that may not be named is counted beside.
    pub(crate) asked: Asked<'q>,
    /// Of the row, as it says them.
    pub(crate) dimensions: &'q [String],
}

/// How many records a row counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Counted {
    /// That may be named.
    pub(crate) named: i64,
    /// That may not.
    pub(crate) hidden: i64,
    /// Heads of those that may not, and whose they are; counted where the figure is told of perturbed data.
    pub(crate) heads: i64,
    pub(crate) behind: Behind,
}

/// A record that may be named.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Named {
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) customer: Option<Uuid>,
    /// How often the row counts it.
    pub(crate) counted: i64,
    /// The rules that let it through.
    pub(crate) matched: i64,
}

/// Which record a row of the population is of, and when.
fn record(population: Population, spec: &Spec) -> (&'static str, &'static str) {
    match spec.facts {
        Facts::Of(_) if population == Population::Reviews => ("f.subject_id", "f.at"),
        Facts::Of(_) => ("f.id", "f.at"),
        // A time to be ordered by, which is told to nobody.
        _ => ("f.customer_id", "'epoch'::timestamptz"),
    }
}

impl Opened<'_> {
    /// ` r AS (…)`: what the row counts, and whether the caller may be named it.
    fn write_row(&self, query: &mut QueryBuilder<Postgres>) {
        let asked = &self.asked;
        let (spec, scope) = at_home(asked.spec());
        let question = asked.question;
        let (id, at) = record(question.metric.of, &spec);
        query.push(format_args!(
            "WITH p AS (SELECT {id} AS id, {at} AS at, f.customer_id, {} AS heads, {} AS customer",
            heads_of(&spec),
            customer(&spec),
        ));
        write_person(self.whose(), query);
        query.push(format_args!(", {id} IS NOT NULL AND "));
        let records = question.metric.records();
        match (spec.facts, records.collection) {
            (_, None) => {
                query.push("FALSE AS seen, 0::int8 AS matched");
            }
            // Where somebody is from is not told by naming what they bought, nor their credit by naming them.
            _ if question.other_classes().next().is_some()
                && !is_exact(asked.context, asked.now, question) =>
            {
                query.push("FALSE AS seen, 0::int8 AS matched");
            }
            (Facts::Of(_), Some(_)) => {
                let (context, now) = (asked.context, asked.now);
                write_scope_for_class(context, now, records.class, &scope, &mut Sql(query));
                query.push(" AS seen, ");
                write_matched(context, now, &scope, &mut Sql(query));
                query.push(" AS matched");
            }
            // A customer is counted for orders of whatever departments: by all rules or by none.
            (_, Some(_)) => {
                let seen = match is_exact(asked.context, asked.now, question) {
                    true => "TRUE",
                    false => "FALSE",
                };
                query.push(format_args!("{seen} AS seen, -1::int8 AS matched"));
            }
        }
        for (index, dimension) in question.group_by.iter().enumerate() {
            query.push(", ");
            write_grouped(asked, &spec, *dimension, query);
            query.push(format_args!(" AS d{index}"));
        }
        write_rows(asked, &spec, query);
        query.push("), r AS (SELECT * FROM p WHERE TRUE");
        for (index, value) in self.dimensions.iter().enumerate() {
            let Some(dimension) = question.group_by.get(index) else {
                continue;
            };
            query.push(" AND ");
            write_shown(question, *dimension, &format!("p.d{index}"), query);
            query.push(" = ").push_bind(value.clone());
        }
        query.push(") ");
    }

    /// What says whose work its records are, where that matters.
    fn whose(&self) -> Option<&'static str> {
        let perturbed = self.asked.of_heads;
        whose_work(&self.asked).filter(|_| perturbed)
    }

    /// How many records there are.
    pub(crate) fn count(&self) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("");
        self.write_row(&mut query);
        if !self.asked.of_heads {
            query.push(
                "SELECT count(*) FILTER (WHERE r.seen), count(*) FILTER (WHERE NOT r.seen),
                    0::int8, 0::int8, NULL::int8 FROM r",
            );
            return query;
        }
        // The figure itself, and of its row what may not be named.
        if self.whose().is_some() {
            query.push(format_args!(
                ", found AS (SELECT p.department, p.employee FROM p{})",
                each_head("p.heads")
            ));
            write_departments(&mut query);
        }
        query.push(format_args!(
            ", hidden AS (SELECT r.customer, r.employee FROM r{} WHERE NOT r.seen",
            each_head("r.heads")
        ));
        if self.whose().is_some() {
            query.push(" AND ").push(is_told("r"));
        }
        query.push(
            ") SELECT (SELECT count(*) FROM r WHERE r.seen),
                (SELECT count(*) FROM r WHERE NOT r.seen), count(*)",
        );
        for behind in [CUSTOMERS, PEOPLE] {
            query.push(", ").push(behind.replace("{p}", "hidden"));
        }
        query.push(" FROM hidden");
        query
    }

    /// Those that may be named, the newest first, one more than the page has.
    pub(crate) fn page(&self, after: Option<After>, size: usize) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("");
        self.write_row(&mut query);
        query.push(
            ", one AS (SELECT r.id, max(r.at) AS at, (array_agg(r.customer_id))[1] AS customer_id,
                count(*) AS counted, bit_or(r.matched) AS matched FROM r WHERE r.seen GROUP BY r.id)
             SELECT one.id, one.at, one.customer_id, one.counted, one.matched FROM one",
        );
        if let Some(after) = after {
            query.push(" WHERE (one.at, one.id) < (");
            query.push_bind(after.at.to_sqlx()).push(", ");
            query.push_bind(after.id).push(")");
        }
        query.push(format_args!(
            " ORDER BY one.at DESC, one.id DESC LIMIT {}",
            size.saturating_add(1)
        ));
        query
    }
}

/// Reads what the statement of a count gave.
pub(crate) fn read_counted(row: &PgRow) -> Result<Counted, Fault> {
    Ok(Counted {
        named: row.try_get(0)?,
        hidden: row.try_get(1)?,
        heads: row.try_get(2)?,
        behind: Behind {
            customers: row.try_get(3)?,
            people: row.try_get(4)?,
        },
    })
}

/// Reads what the statement of a page gave.
pub(crate) fn read_named(rows: &[PgRow]) -> Result<Vec<Named>, Fault> {
    let named = rows.iter().map(|row| {
        Ok::<_, Fault>(Named {
            id: row.try_get(0)?,
            at: row.try_get::<jiff_sqlx::Timestamp, _>(1)?.to_jiff(),
            customer: row.try_get(2)?,
            counted: row.try_get(3)?,
            matched: row.try_get(4)?,
        })
    });
    named.collect()
}
