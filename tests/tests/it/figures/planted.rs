//! Facts that are put behind the service, and how coins fall for them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, tz::TimeZone};
use jiff_sqlx::ToSqlx;
use kefu_contracts::access::{
    ListDepartmentsRequest, organisation_service_client::OrganisationServiceClient,
};
use kefu_testkit::Caller;
use sqlx::PgConnection;
use uuid::Uuid;

pub(super) const TICKET: i16 = 1;
/// Of a later response.
pub(super) const CLOCK: i16 = 2;
pub(super) const ORDER: i16 = 4;
pub(super) const INSPECTION: i16 = 14;

#[derive(Debug, Clone)]
pub(super) struct Planted {
    pub(super) kind: i16,
    pub(super) id: Uuid,
    pub(super) part: i32,
    pub(super) at: Timestamp,
    pub(super) customer: Option<Uuid>,
    pub(super) department: Option<Uuid>,
    pub(super) priority: i16,
    pub(super) amount: i64,
    pub(super) score: i16,
}

/// Ids of departments by their codes.
pub(super) async fn departments(caller: &Caller) -> BTreeMap<String, Uuid> {
    let listed = OrganisationServiceClient::new(caller.clone())
        .list_departments(ListDepartmentsRequest {})
        .await
        .unwrap()
        .into_inner();
    let named = listed.departments.into_iter().map(|one| {
        let id = one.name.strip_prefix("departments/").unwrap();
        (one.code, Uuid::parse_str(id).unwrap())
    });
    named.collect()
}

pub(super) async fn plant(sql: &mut PgConnection, facts: &[Planted]) {
    let months: BTreeSet<_> = facts
        .iter()
        .map(|fact| {
            let day = fact.at.to_zoned(TimeZone::UTC).date();
            (fact.kind, day.first_of_month())
        })
        .collect();
    for (kind, month) in months {
        sqlx::query(
            "SELECT analytics.make_partition((SELECT number FROM analytics.generation WHERE state = 2), $1, $2)",
        )
        .bind(kind)
        .bind(month.to_sqlx())
        .execute(&mut *sql)
        .await
        .unwrap();
    }
    for fact in facts {
        sqlx::query(
            "INSERT INTO analytics.fact
                 (generation, kind, at, id, part, customer_id, department_id, priority, amount, currency, score,
                  outcome, state, metric, seconds, merged)
             SELECT number, $1, $2, $3, $4, $5, $6, $7, $8::int8, 'CNY', $9,
                    CASE WHEN $1 = 2 THEN 3 ELSE 1 END, 1, 2, 60, false
             FROM analytics.generation WHERE state = 2",
        )
        .bind(fact.kind)
        .bind(fact.at.to_sqlx())
        .bind(fact.id)
        .bind(fact.part)
        .bind(fact.customer)
        .bind(fact.department)
        .bind(fact.priority)
        .bind(fact.amount)
        .bind(fact.score)
        .execute(&mut *sql)
        .await
        .unwrap();
    }
    // No entry told of them, and so no day.
    let none = "UPDATE analytics.generation SET days_zone = NULL";
    sqlx::query(none).execute(&mut *sql).await.unwrap();
}

/// Gives what was planted to these people of the company in turn.
pub(super) async fn give(sql: &mut PgConnection, facts: &[Planted], people: &[Uuid]) {
    for (fact, person) in facts.iter().zip(people.iter().cycle()) {
        sqlx::query("UPDATE analytics.fact SET employee_id = $2 WHERE kind = $3 AND id = $1")
            .bind(fact.id)
            .bind(*person)
            .bind(fact.kind)
            .execute(&mut *sql)
            .await
            .unwrap();
    }
}

/// How the coins of an id fall: that of a customer, and that of a record.
pub(super) async fn coins(sql: &mut PgConnection, ids: Vec<Uuid>) -> BTreeMap<Uuid, Coins> {
    let tossed: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT id, uuid_hash_extended(id, seed) FROM unnest($1) one (id), analytics.perturbation",
    )
    .bind(ids)
    .fetch_all(sql)
    .await
    .unwrap();
    let each = tossed.into_iter().map(|(id, toss)| {
        let coins = Coins {
            of_customer: toss & 1,
            of_record: (toss >> 1) & 1,
            bit: (toss >> 8) & 63,
        };
        (id, coins)
    });
    each.collect()
}

/// How the coins of an id fall, 1 for a head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coins {
    /// Of all records of the customer with this id.
    pub(super) of_customer: i64,
    /// Of the record with this id.
    pub(super) of_record: i64,
    /// By which customers are told apart, 0 to 63.
    pub(super) bit: i64,
}
