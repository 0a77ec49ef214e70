//! What PostgreSQL does alone with the same rows.

use std::time::Duration;

use anyhow::ensure;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use super::fill::Years;

/// Longest that is waited for.
const PATIENCE: Duration = Duration::from_secs(1_800);
const LOOK: Duration = Duration::from_millis(100);

/// Waits until analytics has read the journals of tickets and orders to where they end now.
pub(crate) async fn taken_in(admin: &mut PgConnection) -> anyhow::Result<()> {
    for (schema, source) in [("ticket", "ticket"), ("orders", "order-followup")] {
        let end = format!(
            "SELECT transaction_id, position FROM {schema}.journal ORDER BY 1 DESC, 2 DESC LIMIT 1"
        );
        let end = sqlx::query_as(AssertSqlSafe(end));
        let (transaction_id, position): (i64, i64) = end.fetch_one(&mut *admin).await?;
        let mut looks = PATIENCE.as_millis() / LOOK.as_millis();
        loop {
            let read = sqlx::query_scalar(
                "SELECT (transaction_id, position) >= ($2, $3)
                 FROM analytics.consumer_cursor WHERE source = $1",
            );
            let read = read.bind(source).bind(transaction_id).bind(position);
            let read: Option<bool> = read.fetch_optional(&mut *admin).await?;
            if read == Some(true) {
                break;
            }
            ensure!(looks > 0, "the journal of {source} was not read to its end");
            looks -= 1;
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

pub(crate) async fn facts(admin: &mut PgConnection) -> anyhow::Result<i64> {
    let facts = sqlx::query_scalar("SELECT count(*) FROM analytics.fact");
    Ok(facts.fetch_one(admin).await?)
}

/// Writes all facts once more, with their key.
pub(crate) async fn copy(admin: &mut PgConnection) -> anyhow::Result<()> {
    admin
        .execute("CREATE TABLE public.same (LIKE analytics.fact INCLUDING ALL)")
        .await?;
    admin
        .execute("INSERT INTO public.same SELECT * FROM analytics.fact")
        .await?;
    admin.execute("DROP TABLE public.same").await?;
    Ok(())
}

/// The rows of a report, grouped by month, department and channel.
pub(crate) async fn group(
    admin: &mut PgConnection,
    metric: &str,
    years: &Years,
) -> anyhow::Result<()> {
    let (kind, value) = match metric {
        "tickets" | "resolution_rate" => ("= 1", "count(*)"),
        "total_resolution_time" => (
            "= 1",
            "percentile_disc(0.95) WITHIN GROUP (ORDER BY ended_at - at)",
        ),
        "first_response_time" => (
            "= 2",
            "percentile_disc(0.95) WITHIN GROUP (ORDER BY seconds)",
        ),
        "sales" => ("= 4", "sum(amount)"),
        _ => ("= 4", "count(*)"),
    };
    let (first, last) = years.last_twelve_months();
    let sql = format!(
        "SELECT date_trunc('month', at), department_id, channel, {value} FROM analytics.fact
         WHERE generation = 1 AND kind {kind} AND at >= '{first}' AND at < '{last}'::date + 1 GROUP BY 1, 2, 3"
    );
    let rows = admin.fetch_all(AssertSqlSafe(sql)).await?;
    let _: Option<jiff_sqlx::Timestamp> = rows.first().map(|row| row.get(0));
    Ok(())
}
