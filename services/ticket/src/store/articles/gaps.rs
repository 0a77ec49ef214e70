//! What was asked and not found, and which tickets have no article: counts, of nobody.

use jiff::civil::Date;
use jiff_sqlx::ToSqlx;
use kefu_access::write_scope;
use kefu_contracts::ticket::{KnowledgeGap, KnowledgeGapState};
use kefu_service::{
    call::Call,
    error::Fault,
    fields::name,
    scope::{After, Sql},
    time::to_proto,
};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{ARTICLES, reading::write_read, uses::Days};
use crate::store::records::RECORD;

/// Collection of the resource names.
pub(crate) const GAPS: &str = "knowledgeGaps";

/// Notes that a query found nothing on a day.
pub(crate) async fn note(
    connection: &mut PgConnection,
    new: Uuid,
    query: &str,
    day: Date,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.knowledge_gap (id, query, state) VALUES ($1, $2, 1) ON CONFLICT (query) DO NOTHING",
        new,
        query
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO ticket.knowledge_gap_day (gap_id, asked_on, count)
         SELECT id, $2, 1 FROM ticket.knowledge_gap WHERE query = $1
         ON CONFLICT (gap_id, asked_on) DO UPDATE SET count = knowledge_gap_day.count + 1",
        query,
        day.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Which gaps are asked for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) state: KnowledgeGapState,
    pub(crate) days: Days,
    pub(crate) least: i64,
}

impl Wanted {
    /// Selects from them, each with how often it was asked, as `found`.
    fn select(self, what: &str) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT ");
        query.push(what).push(
            " FROM (SELECT g.id, g.query, g.state, g.article_id, g.reason, g.closer_id, g.closed_at,
                    sum(d.count)::bigint AS count, min(d.asked_on)::text AS first_day, max(d.asked_on)::text AS last_day
             FROM ticket.knowledge_gap g JOIN ticket.knowledge_gap_day d ON d.gap_id = g.id WHERE g.state = ",
        );
        query.push_bind(self.state as i16);
        self.days.write("d.asked_on", &mut query);
        query.push(" GROUP BY g.id HAVING sum(d.count) >= ");
        query.push_bind(self.least).push(") found");
        query
    }

    pub(crate) fn count(self) -> QueryBuilder<Postgres> {
        self.select("count(*)")
    }

    /// One page, most often asked first, and one more.
    pub(crate) fn page(self, after: Option<After>, size: usize) -> QueryBuilder<Postgres> {
        let mut query = self.select("found.*");
        if let Some(after) = after {
            query.push(" WHERE (found.count, found.id) < (");
            query.push_bind(after.at.as_microsecond()).push(", ");
            query.push_bind(after.id).push(")");
        }
        query.push(format_args!(
            " ORDER BY found.count DESC, found.id DESC LIMIT {}",
            size + 1
        ));
        query
    }
}

/// A gap as it was read.
pub(crate) struct Found {
    pub(crate) id: Uuid,
    pub(crate) gap: KnowledgeGap,
}

impl Found {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let id: Uuid = row.try_get("id")?;
        let named = |column, collection| {
            let id = row.try_get::<Option<Uuid>, _>(column);
            id.map(|id| id.map(|id| name(collection, id)).unwrap_or_default())
        };
        let closed: Option<jiff_sqlx::Timestamp> = row.try_get("closed_at")?;
        let gap = KnowledgeGap {
            name: name(GAPS, id),
            query: row.try_get("query")?,
            count: row.try_get("count")?,
            first_day: row.try_get("first_day")?,
            last_day: row.try_get("last_day")?,
            state: row.try_get::<i16, _>("state")?.into(),
            article: named("article_id", ARTICLES)?,
            reason: row.try_get("reason")?,
            closer: named("closer_id", "employees")?,
            close_time: closed.map(|at| to_proto(at.to_jiff())),
        };
        Ok(Self { id, gap })
    }
}

/// The state of a gap, which nobody else changes until the transaction ends.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<KnowledgeGapState>, Fault> {
    let state = sqlx::query_scalar!(
        "SELECT state FROM ticket.knowledge_gap WHERE id = $1 FOR UPDATE",
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(state.map(|state| KnowledgeGapState::try_from(i32::from(state)).unwrap_or_default()))
}

/// Closes a gap, by an article or for a reason; the gap as it is then.
pub(crate) async fn close(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
    article: Option<Uuid>,
    reason: &str,
) -> Result<KnowledgeGap, Fault> {
    let state = match article {
        Some(_) => KnowledgeGapState::Answered,
        None => KnowledgeGapState::Irrelevant,
    };
    sqlx::query!(
        "UPDATE ticket.knowledge_gap SET state = $2, article_id = $3, reason = $4, closer_id = $5, closed_at = $6
         WHERE id = $1",
        id,
        state as i16,
        article,
        reason,
        call.context.subject.id,
        call.now.to_sqlx() as _,
    )
    .execute(&mut *connection)
    .await?;
    let days = Days {
        first: None,
        last: None,
    };
    let all = Wanted {
        state,
        days,
        least: 1,
    };
    let mut query = all.select("found.*");
    query.push(" WHERE found.id = ").push_bind(id);
    Ok(Found::read(&query.build().fetch_one(connection).await?)?.gap)
}

/// Categories with so many solved tickets in the call's scope, and no article that its caller
/// reads. Counted over the very tickets that are listed.
pub(crate) fn uncovered(call: &Call, least: i64, most: usize) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT t.category, count(*) AS count FROM ");
    query.push(RECORD.from);
    query.push(" WHERE t.state IN (4, 5) AND t.category <> '' AND ");
    write_scope(&call.context, call.now, &RECORD.scope, &mut Sql(&mut query));
    query.push(
        " AND t.category <> ALL (ARRAY(SELECT unnest(v.categories) FROM ticket.article a
          JOIN ticket.article_version v ON v.article_id = a.id AND v.number = a.published WHERE ",
    );
    write_read(call, &mut query);
    query.push(")) GROUP BY t.category HAVING count(*) >= ");
    query.push_bind(least);
    query.push(format_args!(
        " ORDER BY count DESC, t.category LIMIT {most}"
    ));
    query
}
