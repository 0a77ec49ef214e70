//! The perturbed data in SQL (domain/perturbation): whatever is counted of them is counted as
//! figures are always counted, of rows that lie there once for each head.

use sqlx::{Postgres, QueryBuilder};

use super::{Asked, survivor, working};
use crate::{
    domain::perturbation::{Noise, REPLACED},
    store::population::{Facts, Spec},
};

/// What is counted: a record, or a customer where a figure is of customers.
fn record(spec: &Spec) -> &'static str {
    match spec.facts {
        Facts::Of(_) => "f.id",
        Facts::FormerlyActive | Facts::Cohorts | Facts::Buyers => "f.customer_id",
        // Nobody is told of these, and so there is none.
        Facts::Reads => "NULL::uuid",
    }
}

/// Whose coin is tossed for it, that of the file it was made with: a merge tosses for no record anew, as two
/// tosses would tell more of it than one. What has no customer is its own.
fn whose(spec: &Spec) -> String {
    match spec.facts {
        Facts::Reads => "NULL::uuid".to_owned(),
        _ => format!("coalesce(f.customer_id, {})", record(spec)),
    }
}

/// 64 bits that nobody knows who has not the secret, the same for the same id for ever.
fn toss(id: &str) -> String {
    format!("uuid_hash_extended({id}, (SELECT seed FROM analytics.perturbation))")
}

/// How many coins show a head: one of the customer, which all of their records share, and one of
/// the record.
fn heads(customer: &str, record: &str) -> String {
    format!("({} & 1) + (({} >> 1) & 1)", toss(customer), toss(record))
}

/// The same of a row `f`.
pub(super) fn heads_of(spec: &Spec) -> String {
    heads(&whose(spec), record(spec))
}

/// One of 64 bits, which all that is somebody's shares: put together they are never more than there
/// are of whom it is, and of few seldom fewer.
pub(super) fn bit(id: &str) -> String {
    format!("(1::int8 << (({} >> 8) & 63)::int4)", toss(id))
}

/// That of the customer of a row. Files of one customer are one.
pub(super) fn customer(spec: &Spec) -> String {
    let customer = match spec.facts {
        Facts::Of(_) => format!("coalesce({}, {})", survivor::CUSTOMER, record(spec)),
        _ => whose(spec),
    };
    bit(&customer)
}

/// At least how many customers a group has.
pub(super) const CUSTOMERS: &str = "coalesce(bit_count(bit_or({p}.customer)::bit(64)), 0)::int8";

/// Joins each row once for each head, where perturbed data are counted.
pub(super) fn write_heads(asked: &Asked<'_>, spec: &Spec, query: &mut QueryBuilder<Postgres>) {
    if asked.told.is_some() {
        query.push(each_head(&heads_of(spec)));
    }
}

/// Joins a row once for each head of so many.
pub(super) fn each_head(heads: &str) -> String {
    format!(" JOIN (VALUES (1), (2)) head (number) ON head.number <= {heads}")
}

/// Where it is of perturbed data, leaves out the orders of customers who show no head: what is made
/// of all customers (fifths, the last month) is then made of those that are there.
pub(super) fn write_with_heads(asked: &Asked<'_>, query: &mut QueryBuilder<Postgres>) {
    if asked.of_heads {
        let heads = heads(survivor::CUSTOMER, survivor::CUSTOMER);
        query.push(format_args!(" AND {heads} > 0"));
    }
}

/// What a row is worth. Where that is perturbed it is tossed for by figure, so that no two figures
/// together tell which of them is a random one.
pub(super) fn write_worth(asked: &Asked<'_>, spec: &Spec, query: &mut QueryBuilder<Postgres>) {
    let metric = asked.question.metric;
    let noise = match asked.told {
        Some(_) => Noise::of(metric),
        None => Noise::None,
    };
    let value = match asked.working {
        Some(_) => working::worth(asked),
        None => spec.value.to_owned(),
    };
    let part = match spec.facts {
        Facts::Of(_) => "f.part",
        // Each month by itself: months that differ would tell that a customer's are not random.
        Facts::Cohorts => "f.age",
        _ => "0",
    };
    let worth = format!(
        "uuid_hash_extended({}, (SELECT seed FROM analytics.perturbation) # hashtextextended('{}', 0) # {part})",
        record(spec),
        metric.id
    );
    // From 0 to 1, of another sixteen bits each.
    let first = format!("(({worth} & 65535)::float8 / 65536)");
    let second = format!("((({worth} >> 16) & 65535)::float8 / 65536)");
    query.push("(");
    match noise {
        Noise::None => {
            asked.write(&value, query);
        }
        Noise::Scaled => {
            query.push("(");
            asked.write(&value, query);
            // By up to a quarter less, or from a tenth more on.
            query.push(format_args!(
                ")::float8 * (CASE WHEN {second} < 0.5 THEN 0.75 ELSE 1.10 END + 0.15 * {first})"
            ));
        }
        Noise::Replaced(low, high) => {
            query.push(format_args!(
                "CASE WHEN {first} < {REPLACED} THEN {low} + floor({second} * {})::int4 ELSE (",
                high - low + 1
            ));
            asked.write(&value, query);
            query.push(") END");
        }
    }
    query.push(")");
}
