//! Facts of many kinds, drawn by chance.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use proptest::{option, prelude::*};
use sqlx::PgConnection;
use uuid::Uuid;

/// A fact as it lies in the table.
#[derive(Debug, Clone)]
pub(super) struct Fact {
    pub(super) kind: i16,
    pub(super) id: Uuid,
    pub(super) part: i32,
    pub(super) at: Timestamp,
    pub(super) department: Option<Uuid>,
    pub(super) customer: Option<Uuid>,
    pub(super) employee: Option<Uuid>,
    pub(super) subject: Option<Uuid>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) seconds: Option<i64>,
    /// In hundredths.
    pub(super) amount: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) attempt: i32,
    pub(super) repeats: i32,
    pub(super) messages: Option<i32>,
    pub(super) sort: i16,
    pub(super) state: i16,
    pub(super) channel: i16,
    pub(super) priority: i16,
    pub(super) outcome: Option<i16>,
    pub(super) metric: i16,
    pub(super) score: Option<i16>,
    pub(super) second_score: Option<i16>,
    pub(super) merged: bool,
    /// Of a customer: where they are from.
    pub(super) category: Option<String>,
    /// What an order comes to by categories, in hundredths; nothing where that was not journaled.
    pub(super) products: Vec<(&'static str, i64)>,
    /// Of which of these it is.
    pub(super) product: Option<&'static str>,
}

impl Fact {
    /// Once for each category.
    pub(super) fn by_product(&self) -> Vec<Self> {
        if self.products.is_empty() {
            return vec![self.clone()];
        }
        let parts = self.products.iter().map(|(product, amount)| Self {
            amount: Some(*amount),
            product: Some(*product),
            ..self.clone()
        });
        parts.collect()
    }
}

/// Around the ends of a year and of a leap February, so that few months hold all of it.
fn moment() -> impl Strategy<Value = i64> {
    prop_oneof![
        1_703_548_800_i64..1_704_672_000,
        1_708_905_600_i64..1_709_424_000
    ]
}

fn id(range: std::ops::Range<u128>) -> impl Strategy<Value = Uuid> {
    range.prop_map(Uuid::from_u128)
}

pub(super) fn fact(departments: Vec<Uuid>) -> impl Strategy<Value = Fact> {
    let places = (
        prop::sample::select(vec![1_i16, 1, 2, 2, 3, 4, 4, 4, 9, 15, 7, 12]),
        moment(),
        option::of(prop::sample::select(departments)),
        option::of(id(1..9)),
        option::of(id(20..26)),
        id(100..160),
        option::of(0_i64..400_000),
    );
    let numbers = (
        option::of(0_i64..90_000),
        option::of(1_i64..500_000),
        option::of(prop::sample::select(vec!["CNY", "EUR"])),
        1_i32..4,
        0_i32..3,
        1_i16..5,
        1_i16..10,
        0_i16..7,
        1_i16..5,
    );
    let judged = (
        option::of(1_i16..6),
        1_i16..4,
        option::of(1_i16..6),
        1_i16..6,
        prop::bool::weighted(0.1),
        option::of(0_i32..3),
    );
    let bought = prop::collection::btree_map(
        prop::sample::select(vec!["", "手机", "laptop"]),
        -500_i64..500_000,
        0..4,
    );
    let from = option::of(prop::sample::select(vec!["CN-GD", "CN-SH", "BR-SP"]));
    let composed = (bought, from);
    (places, numbers, judged, composed).prop_map(|(places, numbers, judged, composed)| {
        let (bought, from) = composed;
        let (kind, at, department, customer, employee, subject, lasted) = places;
        let (seconds, amount, currency, attempt, repeats, sort, state, channel, priority) = numbers;
        let (outcome, metric, score, second_score, merged, messages) = judged;
        let at = Timestamp::from_second(at).unwrap();
        let answered = kind == 3;
        Fact {
            kind,
            id: Uuid::nil(),
            part: 0,
            at,
            department,
            customer,
            employee,
            subject: Some(subject),
            ended_at: lasted.map(|seconds| at + seconds.seconds()),
            seconds,
            amount: amount.filter(|_| currency.is_some()),
            products: match kind {
                4 => bought.into_iter().collect(),
                _ => Vec::new(),
            },
            product: None,
            category: from.filter(|_| kind == 9).map(str::to_owned),
            currency: currency.map(str::to_owned),
            attempt,
            repeats,
            messages,
            sort,
            state: if kind == 1 { state.min(5) } else { state },
            channel,
            priority,
            outcome,
            metric,
            score: score.or(answered.then_some(4)),
            second_score: Some(second_score),
            merged: merged && kind == 1,
        }
    })
}

pub(super) async fn insert(sql: &mut PgConnection, fact: &Fact) {
    use jiff_sqlx::ToSqlx;
    let day = fact.at.to_zoned(TimeZone::UTC).date();
    sqlx::query("SELECT analytics.make_partition((SELECT number FROM analytics.generation WHERE state = 2), $1, $2)")
        .bind(fact.kind)
        .bind(day.to_sqlx())
        .execute(&mut *sql)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO analytics.fact
             (generation, kind, at, id, part, customer_id, department_id, employee_id, subject_id, ended_at,
              seconds, amount, currency, attempt, repeats, sort, state, channel, priority, outcome, metric, score,
              second_score, merged, category, products, messages)
         SELECT number, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::numeric / 100, $12, $13, $14, $15, $16, $17,
                $18, $19, $20, $21, $22, $23, $24, $25::jsonb, $26 FROM analytics.generation WHERE state = 2",
    )
    .bind(fact.kind)
    .bind(fact.at.to_sqlx())
    .bind(fact.id)
    .bind(fact.part)
    .bind(fact.customer)
    .bind(fact.department)
    .bind(fact.employee)
    .bind(fact.subject)
    .bind(fact.ended_at.map(ToSqlx::to_sqlx))
    .bind(fact.seconds)
    .bind(fact.amount)
    .bind(&fact.currency)
    .bind(fact.attempt)
    .bind(fact.repeats)
    .bind(fact.sort)
    .bind(fact.state)
    .bind(fact.channel)
    .bind(fact.priority)
    .bind(fact.outcome)
    .bind(fact.metric)
    .bind(fact.score)
    .bind(fact.second_score)
    .bind(fact.merged)
    .bind(&fact.category)
    .bind(products(&fact.products))
    .bind(fact.messages)
    .execute(&mut *sql)
    .await
    .unwrap();
}

/// As they lie in the column.
fn products(bought: &[(&str, i64)]) -> Option<String> {
    let each = bought.iter().map(|(product, amount)| {
        let sign = if *amount < 0 { "-" } else { "" };
        let cents = amount.unsigned_abs();
        format!(r#""{product}": "{sign}{}.{:02}""#, cents / 100, cents % 100)
    });
    let each: Vec<_> = each.collect();
    (!each.is_empty()).then(|| format!("{{{}}}", each.join(", ")))
}
