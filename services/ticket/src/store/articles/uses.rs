//! Which articles were used for which tickets, and how often they helped. The link is the
//! ticket's, and goes with it; the counts are the article's, and stay.

use jiff::{Timestamp, civil::Date};
use jiff_sqlx::ToSqlx;
use kefu_access::write_scope;
use kefu_contracts::ticket::{ArticleHelp, ArticleUse, TicketState};
use kefu_service::{call::Call, error::Fault, fields::name, scope::Sql, time::to_proto};
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{ARTICLES, SCOPE};

/// What was said of an article for a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) help: ArticleHelp,
    pub(crate) by_resolution: bool,
}

/// A use about to be written.
pub(crate) struct NewUse {
    pub(crate) ticket: Uuid,
    pub(crate) article: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) user: Uuid,
    pub(crate) now: Timestamp,
    pub(crate) day: Date,
    pub(crate) said: Said,
}

/// What was said before, where the article was used for the ticket. Whoever asks has the
/// ticket locked.
pub(crate) async fn find(
    connection: &mut PgConnection,
    ticket: Uuid,
    article: Uuid,
) -> Result<Option<Said>, Fault> {
    let row = sqlx::query!(
        "SELECT help, by_resolution FROM ticket.article_use WHERE ticket_id = $1 AND article_id = $2",
        ticket,
        article
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Said {
        help: ArticleHelp::try_from(i32::from(row.help)).unwrap_or_default(),
        by_resolution: row.by_resolution,
    }))
}

/// Links an article to a ticket, and counts it.
pub(crate) async fn insert(connection: &mut PgConnection, new: &NewUse) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.article_use (ticket_id, article_id, customer_id, user_id, used_at, used_on, help, by_resolution)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.ticket,
        new.article,
        new.customer,
        new.user,
        new.now.to_sqlx() as _,
        new.day.to_sqlx() as _,
        new.said.help as i16,
        new.said.by_resolution,
    )
    .execute(&mut *connection)
    .await?;
    let before = ArticleHelp::Unspecified;
    count(connection, new.article, new.day, 1, (before, new.said.help)).await
}

/// Says otherwise of a use, which is counted on the day it was.
pub(crate) async fn say(
    connection: &mut PgConnection,
    ticket: Uuid,
    article: Uuid,
    before: Said,
    said: Said,
) -> Result<(), Fault> {
    let day = sqlx::query_scalar!(
        r#"UPDATE ticket.article_use SET help = $3, by_resolution = $4
           WHERE ticket_id = $1 AND article_id = $2 RETURNING used_on AS "used_on: jiff_sqlx::Date""#,
        ticket,
        article,
        said.help as i16,
        said.by_resolution,
    )
    .fetch_one(&mut *connection)
    .await?;
    let moved = (before.help, said.help);
    count(connection, article, day.to_jiff(), 0, moved).await
}

/// A resolution says that what was used helped, where nobody said anything; reopening takes
/// that back.
pub(crate) async fn follow(
    connection: &mut PgConnection,
    ticket: Uuid,
    before: TicketState,
    now: TicketState,
) -> Result<(), Fault> {
    let solved = |state| matches!(state, TicketState::Resolved | TicketState::Closed);
    let (from, to) = match (solved(before), solved(now)) {
        (false, true) => (ArticleHelp::Unspecified, ArticleHelp::Helped),
        (true, false) => (ArticleHelp::Helped, ArticleHelp::Unspecified),
        _ => return Ok(()),
    };
    let resolved = to == ArticleHelp::Helped;
    let moved = sqlx::query!(
        r#"UPDATE ticket.article_use SET help = $3, by_resolution = $4
           WHERE ticket_id = $1 AND help = $2 AND by_resolution <> $4
           RETURNING article_id, used_on AS "used_on: jiff_sqlx::Date""#,
        ticket,
        from as i16,
        to as i16,
        resolved,
    )
    .fetch_all(&mut *connection)
    .await?;
    for one in moved {
        count(
            connection,
            one.article_id,
            one.used_on.to_jiff(),
            0,
            (from, to),
        )
        .await?;
    }
    Ok(())
}

/// Counts a use, or that something else is said of one.
async fn count(
    connection: &mut PgConnection,
    article: Uuid,
    day: Date,
    used: i32,
    (before, after): (ArticleHelp, ArticleHelp),
) -> Result<(), Fault> {
    let more = |help| i32::from(after == help) - i32::from(before == help);
    sqlx::query!(
        "WITH counted AS (
             INSERT INTO ticket.article_count (article_id, used_on, used_count, helped_count, not_helped_count)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (article_id, used_on) DO UPDATE
             SET used_count = article_count.used_count + excluded.used_count,
                 helped_count = article_count.helped_count + excluded.helped_count,
                 not_helped_count = article_count.not_helped_count + excluded.not_helped_count)
         UPDATE ticket.article SET used_count = used_count + $3, helped_count = helped_count + $4 WHERE id = $1",
        article,
        day.to_sqlx() as _,
        used,
        more(ArticleHelp::Helped),
        more(ArticleHelp::DidNotHelp),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What was used for a ticket, oldest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    ticket: Uuid,
) -> Result<Vec<ArticleUse>, Fault> {
    let rows = sqlx::query!(
        "SELECT article_id, user_id, used_at, help, by_resolution FROM ticket.article_use
         WHERE ticket_id = $1 ORDER BY used_at, article_id",
        ticket
    )
    .fetch_all(connection)
    .await?;
    let uses = rows.into_iter().map(|row| ArticleUse {
        article: name(ARTICLES, row.article_id),
        help: row.help.into(),
        by_resolution: row.by_resolution,
        user: name("employees", row.user_id),
        use_time: Some(to_proto(row.used_at.to_jiff())),
    });
    Ok(uses.collect())
}

/// Days, both among them; none: no bound.
#[derive(Clone, Copy)]
pub(crate) struct Days {
    pub(crate) first: Option<Date>,
    pub(crate) last: Option<Date>,
}

impl Days {
    /// Writes ` AND` what a day has to be.
    pub(crate) fn write(self, column: &str, query: &mut QueryBuilder<Postgres>) {
        for (bound, day) in [(">=", self.first), ("<=", self.last)] {
            if let Some(day) = day {
                query.push(format_args!(" AND {column} {bound} "));
                query.push_bind(day.to_sqlx());
            }
        }
    }
}

/// Counts of the articles in the call's scope, most used first.
pub(crate) fn figures(
    call: &Call,
    article: Option<Uuid>,
    days: Days,
    most: usize,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(
        "SELECT a.id, sum(c.used_count) AS used, sum(c.helped_count) AS helped, sum(c.not_helped_count) AS not_helped
         FROM ticket.article_count c JOIN ticket.article a ON a.id = c.article_id WHERE ",
    );
    write_scope(&call.context, call.now, &SCOPE, &mut Sql(&mut query));
    if let Some(article) = article {
        query.push(" AND a.id = ").push_bind(article);
    }
    days.write("c.used_on", &mut query);
    query.push(format_args!(
        " GROUP BY a.id ORDER BY used DESC, a.id LIMIT {}",
        most + 1
    ));
    query
}
