//! Partitions ahead of their month.

use jiff::civil::Date;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;

use crate::domain::fact::Kind;

/// Makes the next month's partition of each kind that has one of this month, in every generation
/// that facts go into.
pub(crate) async fn make_ahead(
    connection: &mut PgConnection,
    month: Date,
    next: Date,
) -> Result<(), Fault> {
    sqlx::query!(
        "SELECT analytics.make_partition(g.number, kind, $2)
         FROM analytics.generation g, unnest($3::int2[]) AS kind
         WHERE g.state < 3
           AND to_regclass(format('analytics.fact_%s_%s_%s', g.number, kind, to_char($1::date, 'YYYYMM'))) IS NOT NULL",
        month.to_sqlx() as _,
        next.to_sqlx() as _,
        &Kind::ALL.map(Kind::number),
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}
