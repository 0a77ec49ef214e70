//! Facts go in by stretches of a journal, hundreds at once, with one statement each step.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, tz::TimeZone};
use jiff_sqlx::{Date, Timestamp as SqlTimestamp, ToSqlx};
use kefu_contracts::{journal::CategoryTotal, profile::CustomerState};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    column,
    days::{self, Change},
    merges,
};
use crate::domain::fact::{Fact, Key, Kind, Told};

/// Where a fact lies, and by which entry.
#[derive(Debug, Clone, Copy)]
struct Known {
    at: Timestamp,
    told: Told,
}

/// Keeps what is now known in one generation, each fact once; what is already known better
/// stays. The facts are the latest of their records.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    generation: i32,
    facts: Vec<Fact>,
) -> Result<(), Fault> {
    if facts.is_empty() {
        return Ok(());
    }
    go_by_keys(connection).await?;
    let known = known(connection, generation, &facts).await?;
    let news = facts.into_iter().filter(|fact| {
        let known = known.get(&at(fact.key));
        known.is_none_or(|known| known.told <= fact.told)
    });
    let (gone, mut kept): (Vec<Fact>, Vec<Fact>) = news.partition(|fact| fact.gone);
    let moved = kept
        .iter()
        .filter_map(|fact| Some((fact, known.get(&at(fact.key))?)))
        .filter(|(fact, known)| known.at != fact.at)
        .map(|(fact, known)| (fact.key, known.at));
    let away = gone
        .iter()
        .filter_map(|fact| Some((fact.key, known.get(&at(fact.key))?.at)));
    let away: Vec<(Key, Timestamp)> = moved.chain(away).collect();
    let went = orders(gone.iter().chain(&kept), |fact| {
        known.get(&at(fact.key)).map(|known| known.at)
    });
    let judged = judged(gone.iter().chain(&kept), &went);
    let judged = places_of_orders(connection, generation, &judged).await?;
    let went = [went, judged.clone()].concat();
    days::tell(connection, generation, &went, Change::Go).await?;
    take_away(connection, generation, &away).await?;
    make_partitions(connection, generation, &kept).await?;
    put(connection, generation, &kept).await?;
    // The places of lateness as they are from now on are what these are told by.
    let came = [orders(&kept, |fact| Some(fact.at)), judged].concat();
    kept.extend(gone);
    note_places(connection, generation, &kept).await?;
    forget(connection, generation, &kept).await?;
    let is_merge = |fact: &Fact| fact.key.kind == Kind::Departure && fact.values.merged;
    if kept.iter().any(is_merge) {
        merges::follow(connection, generation).await?;
    }
    days::tell(connection, generation, &came, Change::Come).await
}

/// All that the rest of this transaction looks for it knows the keys of. Joined in another way,
/// hundreds of rows would be looked for in all facts that there are.
async fn go_by_keys(connection: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query!(
        "SELECT set_config('enable_hashjoin', 'off', true) AS hash, set_config('enable_mergejoin', 'off', true) AS merge"
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}

/// The orders that are said to have been late or not, and are not told of themselves.
fn judged<'f>(facts: impl IntoIterator<Item = &'f Fact>, told: &[(Uuid, Timestamp)]) -> Vec<Uuid> {
    let told: BTreeSet<Uuid> = told.iter().map(|(id, _)| *id).collect();
    let lateness = facts
        .into_iter()
        .filter(|fact| fact.key.kind == Kind::Lateness);
    lateness
        .map(|fact| fact.key.id)
        .filter(|id| !told.contains(id))
        .collect()
}

/// The orders among these facts, and where they lie.
fn orders<'f>(
    facts: impl IntoIterator<Item = &'f Fact>,
    at: impl Fn(&Fact) -> Option<Timestamp>,
) -> Vec<(Uuid, Timestamp)> {
    let orders = facts
        .into_iter()
        .filter(|fact| fact.key.kind == Kind::Order);
    orders
        .filter_map(|fact| Some((fact.key.id, at(fact)?)))
        .collect()
}

type Place = (i16, Uuid, i32);

fn at(key: Key) -> Place {
    (key.kind.number(), key.id, key.part)
}

async fn known(
    connection: &mut PgConnection,
    generation: i32,
    facts: &[Fact],
) -> Result<BTreeMap<Place, Known>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT p.kind, p.id, p.part, p.at AS "at: jiff_sqlx::Timestamp", p.revision, p.position
           FROM unnest($2::int2[], $3::uuid[], $4::int4[]) AS told (kind, id, part)
           JOIN analytics.fact_place p
             ON p.generation = $1 AND p.kind = told.kind AND p.id = told.id AND p.part = told.part"#,
        generation,
        &column(facts, |fact| fact.key.kind.number()),
        &column(facts, |fact| fact.key.id),
        &column(facts, |fact| fact.key.part),
    )
    .fetch_all(connection)
    .await?;
    let known = rows.into_iter().map(|row| {
        let told = Told {
            revision: row.revision,
            position: row.position,
        };
        let known = Known {
            at: row.at.to_jiff(),
            told,
        };
        ((row.kind, row.id, row.part), known)
    });
    Ok(known.collect())
}

/// Where the facts of these orders lie, of those that have one.
async fn places_of_orders(
    connection: &mut PgConnection,
    generation: i32,
    orders: &[Uuid],
) -> Result<Vec<(Uuid, Timestamp)>, Fault> {
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        r#"SELECT id, at AS "at: jiff_sqlx::Timestamp" FROM analytics.fact_place
           WHERE generation = $1 AND kind = 4 AND part = 0 AND id = ANY($2)"#,
        generation,
        orders,
    )
    .fetch_all(connection)
    .await?;
    let places = rows.into_iter().map(|row| (row.id, row.at.to_jiff()));
    Ok(places.collect())
}

async fn take_away(
    connection: &mut PgConnection,
    generation: i32,
    away: &[(Key, Timestamp)],
) -> Result<(), Fault> {
    if away.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "DELETE FROM analytics.fact f
         USING unnest($2::int2[], $3::uuid[], $4::int4[], $5::timestamptz[]) AS away (kind, id, part, at)
         WHERE f.generation = $1 AND f.kind = away.kind AND f.at = away.at AND f.id = away.id
           AND f.part = away.part",
        generation,
        &column(away, |(key, _)| key.kind.number()),
        &column(away, |(key, _)| key.id),
        &column(away, |(key, _)| key.part),
        &column(away, |(_, at)| at.to_sqlx()) as &[SqlTimestamp],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes the partitions that these facts need and that the job did not make ahead: what is
/// imported may be of any year.
async fn make_partitions(
    connection: &mut PgConnection,
    generation: i32,
    facts: &[Fact],
) -> Result<(), Fault> {
    let months = facts.iter().map(|fact| {
        let date = fact.at.to_zoned(TimeZone::UTC).date();
        (fact.key.kind.number(), date.first_of_month())
    });
    let months: Vec<_> = months.collect::<BTreeSet<_>>().into_iter().collect();
    if months.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "SELECT analytics.make_partition($1, kind, month)
         FROM unnest($2::int2[], $3::date[]) AS needed (kind, month)",
        generation,
        &column(&months, |(kind, _)| *kind),
        &column(&months, |(_, month)| month.to_sqlx()) as &[Date],
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

async fn put(connection: &mut PgConnection, generation: i32, facts: &[Fact]) -> Result<(), Fault> {
    if facts.is_empty() {
        return Ok(());
    }
    let of = |value: fn(&Fact) -> Option<i16>| -> Vec<Option<i16>> { column(facts, value) };
    let ids = |value: fn(&Fact) -> Option<Uuid>| -> Vec<Option<Uuid>> { column(facts, value) };
    sqlx::query!(
        "INSERT INTO analytics.fact
             (generation, kind, at, id, part, customer_id, department_id, employee_id, subject_id, ended_at,
              seconds, amount, currency, attempt, repeats, sort, state, channel, priority, outcome, metric,
              tier, credit, purpose, score, second_score, merged, category, products, messages)
         SELECT $1, kind, at, id, part, customer_id, department_id, employee_id, subject_id, ended_at,
                seconds, units + nanos * 0.000000001, currency, attempt, repeats, sort, state, channel, priority,
                outcome, metric, tier, credit, purpose, score, second_score, merged, category, products::jsonb,
                messages
         FROM unnest($2::int2[], $3::timestamptz[], $4::uuid[], $5::int4[], $6::uuid[], $7::uuid[], $8::uuid[],
                     $9::uuid[], $10::timestamptz[], $11::int8[], $12::int8[], $13::int4[], $14::text[],
                     $15::int4[], $16::int4[], $17::int2[], $18::int2[], $19::int2[], $20::int2[], $21::int2[],
                     $22::int2[], $23::int2[], $24::int2[], $25::int2[], $26::int2[], $27::int2[], $28::bool[],
                     $29::text[], $30::text[], $31::int4[])
              AS told (kind, at, id, part, customer_id, department_id, employee_id, subject_id, ended_at, seconds,
                       units, nanos, currency, attempt, repeats, sort, state, channel, priority, outcome, metric,
                       tier, credit, purpose, score, second_score, merged, category, products, messages)
         ON CONFLICT (generation, kind, at, id, part) DO UPDATE SET
             customer_id = EXCLUDED.customer_id, department_id = EXCLUDED.department_id,
             employee_id = EXCLUDED.employee_id, subject_id = EXCLUDED.subject_id, ended_at = EXCLUDED.ended_at,
             seconds = EXCLUDED.seconds, amount = EXCLUDED.amount, currency = EXCLUDED.currency,
             attempt = EXCLUDED.attempt, repeats = EXCLUDED.repeats, sort = EXCLUDED.sort, state = EXCLUDED.state,
             channel = EXCLUDED.channel, priority = EXCLUDED.priority, outcome = EXCLUDED.outcome,
             metric = EXCLUDED.metric, tier = EXCLUDED.tier, credit = EXCLUDED.credit,
             purpose = EXCLUDED.purpose, score = EXCLUDED.score, second_score = EXCLUDED.second_score,
             merged = EXCLUDED.merged, category = EXCLUDED.category,
             products = EXCLUDED.products, messages = EXCLUDED.messages",
        generation,
        &of(|fact| Some(fact.key.kind.number())) as &[Option<i16>],
        &column(facts, |fact| fact.at.to_sqlx()) as &[SqlTimestamp],
        &column(facts, |fact| fact.key.id),
        &column(facts, |fact| fact.key.part),
        &ids(|fact| fact.values.customer) as &[Option<Uuid>],
        &ids(|fact| fact.values.department) as &[Option<Uuid>],
        &ids(|fact| fact.values.employee) as &[Option<Uuid>],
        &ids(|fact| fact.values.subject) as &[Option<Uuid>],
        &column(facts, |fact| fact.values.ended_at.map(ToSqlx::to_sqlx)) as &[Option<SqlTimestamp>],
        &column(facts, |fact| fact.values.seconds) as &[Option<i64>],
        &column(facts, |fact| fact.values.total.as_ref().map(|total| total.units)) as &[Option<i64>],
        &column(facts, |fact| fact.values.total.as_ref().map(|total| total.nanos)) as &[Option<i32>],
        &column(facts, |fact| fact.values.total.as_ref().map(|total| total.currency_code.clone())) as &[Option<String>],
        &column(facts, |fact| fact.values.attempt) as &[Option<i32>],
        &column(facts, |fact| fact.values.repeats) as &[Option<i32>],
        &of(|fact| fact.values.sort) as &[Option<i16>],
        &of(|fact| fact.values.state) as &[Option<i16>],
        &of(|fact| fact.values.channel) as &[Option<i16>],
        &of(|fact| fact.values.priority) as &[Option<i16>],
        &of(|fact| fact.values.outcome) as &[Option<i16>],
        &of(|fact| fact.values.metric) as &[Option<i16>],
        &of(|fact| fact.values.tier) as &[Option<i16>],
        &of(|fact| fact.values.credit) as &[Option<i16>],
        &of(|fact| fact.values.purpose) as &[Option<i16>],
        &of(|fact| fact.values.score) as &[Option<i16>],
        &of(|fact| fact.values.second_score) as &[Option<i16>],
        &column(facts, |fact| fact.values.merged),
        &column(facts, |fact| fact.values.category.clone()) as &[Option<String>],
        &column(facts, |fact| products(&fact.values.products)) as &[Option<String>],
        &column(facts, |fact| fact.values.messages) as &[Option<i32>],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// As it lies in the column; of nothing said, nothing.
fn products(told: &[CategoryTotal]) -> Option<String> {
    if told.is_empty() {
        return None;
    }
    let totals = told.iter().map(|one| {
        let total = one.total.as_ref();
        let nanos = total.map_or(0, |total| {
            i128::from(total.units) * 1_000_000_000 + i128::from(total.nanos)
        });
        (one.category.as_str(), decimal(nanos))
    });
    let totals: BTreeMap<&str, String> = totals.collect();
    serde_json::to_string(&totals).ok()
}

/// So many billionths.
fn decimal(nanos: i128) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    format!(
        "{sign}{}.{:09}",
        nanos / 1_000_000_000,
        nanos % 1_000_000_000
    )
}

/// Takes away where the customers were from whose files are destroyed.
async fn forget(
    connection: &mut PgConnection,
    generation: i32,
    facts: &[Fact],
) -> Result<(), Fault> {
    let destroyed = facts.iter().filter(|fact| {
        let state = Some(CustomerState::Destroyed as i16);
        fact.key.kind == Kind::Departure && fact.values.state == state
    });
    let destroyed: Vec<Uuid> = destroyed.map(|fact| fact.key.id).collect();
    if destroyed.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE analytics.fact f SET category = NULL
         FROM analytics.fact_place p
         WHERE p.generation = $1 AND p.kind = 9 AND p.part = 0 AND p.id = ANY($2)
           AND f.generation = $1 AND f.kind = 9 AND f.at = p.at AND f.id = p.id AND f.part = 0",
        generation,
        &destroyed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn note_places(
    connection: &mut PgConnection,
    generation: i32,
    facts: &[Fact],
) -> Result<(), Fault> {
    if facts.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO analytics.fact_place (generation, kind, id, part, at, revision, position)
         SELECT $1, kind, id, part, at, revision, position
         FROM unnest($2::int2[], $3::uuid[], $4::int4[], $5::timestamptz[], $6::int8[], $7::int8[])
              AS told (kind, id, part, at, revision, position)
         ON CONFLICT (generation, kind, id, part) DO UPDATE
         SET at = EXCLUDED.at, revision = EXCLUDED.revision, position = EXCLUDED.position",
        generation,
        &column(facts, |fact| fact.key.kind.number()),
        &column(facts, |fact| fact.key.id),
        &column(facts, |fact| fact.key.part),
        &column(facts, |fact| fact.at.to_sqlx()) as &[SqlTimestamp],
        &column(facts, |fact| fact.told.revision),
        &column(facts, |fact| fact.told.position),
    )
    .execute(connection)
    .await?;
    Ok(())
}
