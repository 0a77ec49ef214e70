//! The rows of a population, within the scope of a call and the period of a question.

use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use kefu_access::{ScopeColumns, write_scope, write_scope_for_class};
use kefu_contracts::policy::DataClass;
use kefu_service::scope::Sql;
use sqlx::{Postgres, QueryBuilder};

use super::{
    Asked, days,
    dimension::write_grouped,
    survivor,
    toss::{write_heads, write_with_heads},
    working::write_stretches,
};
use crate::{
    domain::{
        fact::Kind,
        period::{Period, Zone, months},
    },
    store::population::{Facts, Spec},
};

/// What a figure may look at: nothing of people, so that scopes by owner, duty or
/// consent, which are about looking at single records, reach no figure.
pub(super) const SCOPE: ScopeColumns = ScopeColumns {
    department: Some("f.department_id"),
    owner: None,
    customer: Some("f.customer_id"),
    duty: None,
    consent: None,
};

/// What was shown is of no department and not told by customer: only who sees all counts it.
const OF_ALL: ScopeColumns = ScopeColumns {
    department: None,
    owner: None,
    customer: None,
    duty: None,
    consent: None,
};

/// Orders that somebody bought something with.
const BOUGHT: &str = "f.state <> 9 AND f.customer_id IS NOT NULL";

/// The files of whom records are of. That of a customer who is destroyed says no region.
const WHOSE: &str = " LEFT JOIN analytics.fact whose
        ON whose.generation = {live} AND whose.kind = 9
        AND whose.id = coalesce(absorbed.customer_id, f.customer_id)";

/// ` FROM … WHERE …`
pub(super) fn write_rows(asked: &Asked<'_>, spec: &Spec, query: &mut QueryBuilder<Postgres>) {
    let period = asked.question.period;
    query.push(" FROM ");
    match spec.facts {
        Facts::Of(kind) if days::tell(asked) => {
            query.push(days::in_place_of_facts(asked.question.metric.of));
            write_where(asked, Some(kind), spec.condition, &SCOPE, period, query);
        }
        Facts::Of(kind) => {
            query.push(spec.from);
            asked.write(spec.joins, query);
            let columns = if survivor::matters(asked, kind) {
                asked.write(survivor::MERGE, query);
                &survivor::REACHED
            } else {
                &SCOPE
            };
            if kind != Kind::Customer && asked.question.is_by_region() {
                asked.write(WHOSE, query);
            }
            write_stretches(asked, query);
            write_heads(asked, spec, query);
            write_where(asked, Some(kind), spec.condition, columns, period, query);
            if let Some((dimension, number)) = asked.question.only {
                query.push(" AND ");
                write_grouped(asked, spec, dimension, query);
                query.push(format_args!(" = {number}"));
            }
        }
        Facts::Reads => {
            query.push("analytics.read_count f");
            write_heads(asked, spec, query);
            write_where(asked, None, spec.condition, &OF_ALL, period, query);
        }
        Facts::FormerlyActive => {
            write_formerly_active(asked, period, query);
            write_heads(asked, spec, query);
        }
        Facts::Cohorts => {
            write_cohorts(asked, period, query);
            write_heads(asked, spec, query);
        }
        Facts::Buyers => {
            let priced = format!("{BOUGHT} AND f.amount IS NOT NULL");
            write_orders(asked, &priced, period, query);
            query.push(
                ") SELECT customer_id, currency, sum(amount) AS amount,
                    ntile(5) OVER (PARTITION BY currency ORDER BY max(at), customer_id) AS recency,
                    ntile(5) OVER (PARTITION BY currency ORDER BY count(*), customer_id) AS frequency,
                    ntile(5) OVER (PARTITION BY currency ORDER BY sum(amount), customer_id) AS monetary
                    FROM base GROUP BY customer_id, currency) f",
            );
            write_heads(asked, spec, query);
        }
    }
}

/// Which rows of facts are counted: of a kind, a condition, the scope of the call, a period.
fn write_where(
    asked: &Asked<'_>,
    kind: Option<Kind>,
    condition: &str,
    columns: &ScopeColumns,
    period: Period,
    query: &mut QueryBuilder<Postgres>,
) {
    // In the text, so that it is planned for the partitions that there are something in.
    query.push(format_args!(" WHERE f.generation = {}", asked.live));
    if let Some(kind) = kind {
        query.push(format_args!(" AND f.kind = {}", kind.number()));
    }
    query.push(" AND ");
    asked.write(condition, query);
    query.push(" AND ");
    let mut sink = Sql(query);
    match asked.question.is_by_customer() {
        // Only what the call clears of what they bought.
        true => write_scope_for_class(
            asked.context,
            asked.now,
            DataClass::Purchase,
            columns,
            &mut sink,
        ),
        false => write_scope(asked.context, asked.now, columns, &mut sink),
    }
    write_bound(" AND f.at >= ", period.from, query);
    write_bound(" AND f.at < ", period.until, query);
}

fn write_bound(sql: &str, at: Option<Timestamp>, query: &mut QueryBuilder<Postgres>) {
    if let Some(at) = at {
        query.push(sql).push_bind(at.to_sqlx());
    }
}

/// `(WITH base AS (…`: the orders of a period that a figure of customers is made of, each as that of whose it is.
fn write_orders(
    asked: &Asked<'_>,
    condition: &str,
    period: Period,
    query: &mut QueryBuilder<Postgres>,
) {
    query.push(format_args!(
        "(WITH base AS (SELECT f.id, f.at, f.department_id, f.currency, f.amount, {} AS customer_id
            FROM analytics.fact f",
        survivor::CUSTOMER
    ));
    asked.write(survivor::MERGE, query);
    let order = Some(Kind::Order);
    write_where(asked, order, condition, &survivor::REACHED, period, query);
    write_with_heads(asked, query);
}

/// Customers with an order of the period before, and whether they have one of this.
fn write_formerly_active(asked: &Asked<'_>, period: Period, query: &mut QueryBuilder<Postgres>) {
    let zone = &asked.question.zone;
    let before = asked.question.days.and_then(|days| days.before());
    let before = before.and_then(|days| Period::of(Some(days.first), Some(days.last), zone));
    let both = Period {
        // A question has its days; without them nobody is counted.
        from: before.and_then(|before| before.from).or(period.from),
        until: period.until,
    };
    let from = period.from.unwrap_or(Timestamp::MIN).to_sqlx();
    write_orders(asked, BOUGHT, both, query);
    query.push(
        ") SELECT customer_id, (array_agg(department_id ORDER BY at DESC, id))[1] AS department_id,
            bool_or(at >= ",
    );
    query.push_bind(from);
    query.push(") AS stayed FROM base GROUP BY customer_id HAVING bool_or(at < ");
    query.push_bind(from).push(")) f");
}

/// The month of a period's last moment, which may have no first; a month that has not been yet is told of
/// nobody.
pub(super) fn last_month(period: Period, now: Timestamp, zone: &Zone) -> Option<i32> {
    let moment = SignedDuration::from_nanos(1);
    let last = period.until?.checked_sub(moment).ok()?;
    Some(months(zone.today(last.min(now))))
}

/// Customers, each month from that of their first order on, and whether they ordered in it.
fn write_cohorts(asked: &Asked<'_>, period: Period, query: &mut QueryBuilder<Postgres>) {
    let until = Period {
        from: None,
        until: period.until,
    };
    write_orders(asked, BOUGHT, until, query);
    query.push("), told AS (SELECT customer_id, at, at AT TIME ZONE ");
    query.push_bind(asked.question.zone.name().to_owned());
    query.push(
        " AS wall FROM base), bought AS (SELECT customer_id, min(at) AS at,
            (extract(year FROM wall) * 12 + extract(month FROM wall))::int4 AS month
            FROM told GROUP BY 1, 3),
         begun AS (SELECT customer_id, min(at) AS at, min(month) AS cohort FROM bought GROUP BY 1),
         ended AS (SELECT coalesce(",
    );
    query.push_bind(last_month(period, asked.now, &asked.question.zone));
    query.push(
        "::int4, max(month)) AS month FROM bought)
         SELECT begun.customer_id, begun.cohort, passed.age, bought.month IS NOT NULL AS active
         FROM begun CROSS JOIN ended
         CROSS JOIN LATERAL generate_series(0, ended.month - begun.cohort) AS passed (age)
         LEFT JOIN bought ON bought.customer_id = begun.customer_id AND bought.month = begun.cohort + passed.age
         WHERE TRUE",
    );
    write_bound(" AND begun.at >= ", period.from, query);
    query.push(") f");
}
