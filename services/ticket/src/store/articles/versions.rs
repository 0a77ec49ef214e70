//! Articles and their versions are written.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::ticket::{Article, ArticleState};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{COLUMNS, StoredArticle};
use crate::domain::article::{
    Content,
    words::{joined, parts, words},
};

/// Begins an article; its first version is written next.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    department: Uuid,
    author: Uuid,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.article (id, department_id, author_id, latest, revision, created_at, updated_at)
         VALUES ($1, $2, $3, 0, 0, $4, $4)",
        id,
        department,
        author,
        now.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes a draft: a new version, or another text in the place of one's.
pub(crate) async fn draft(
    connection: &mut PgConnection,
    article: Uuid,
    number: i32,
    content: &Content,
    writer: Uuid,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.article_version (article_id, number, state, title, body, language, categories, keywords,
                                             audience, departments, valid_from, valid_until, writers)
         VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, ARRAY[$12::uuid])
         ON CONFLICT (article_id, number) DO UPDATE
         SET title = excluded.title, body = excluded.body, language = excluded.language,
             categories = excluded.categories, keywords = excluded.keywords, audience = excluded.audience,
             departments = excluded.departments, valid_from = excluded.valid_from,
             valid_until = excluded.valid_until,
             writers = array_remove(article_version.writers, $12) || $12::uuid",
        article,
        number,
        content.title,
        content.body,
        content.language,
        &content.categories,
        &content.keywords,
        content.audience as i16,
        &content.departments,
        content.valid_from.map(|at| at.to_sqlx()) as _,
        content.valid_until.map(|at| at.to_sqlx()) as _,
        writer,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts a version into a state. What is no longer read is no longer found.
pub(crate) async fn set_state(
    connection: &mut PgConnection,
    article: Uuid,
    number: i32,
    state: ArticleState,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.article_version
         SET state = $3, parts = NULL, title_words = NULL, keyword_words = NULL, body_words = NULL
         WHERE article_id = $1 AND number = $2",
        article,
        number,
        state as i16,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Publishes a version, with what it is found by.
pub(crate) async fn publish(
    connection: &mut PgConnection,
    article: Uuid,
    text: &Article,
    publisher: Uuid,
    now: Timestamp,
) -> Result<(), Fault> {
    let keywords = text.keywords.join(" ");
    let fields = [
        ('t', words(&text.title)),
        ('k', words(&keywords)),
        ('b', words(&text.body)),
    ];
    let mut all = BTreeSet::new();
    for (sign, words) in &fields {
        parts(*sign, words, &mut all);
    }
    let all: Vec<String> = all.into_iter().collect();
    let [title, keywords, body] = fields.map(|(_, words)| joined(&words));
    sqlx::query!(
        "UPDATE ticket.article_version
         SET state = 3, publisher_id = $3, published_at = $4, parts = $5, title_words = $6, keyword_words = $7,
             body_words = $8
         WHERE article_id = $1 AND number = $2",
        article,
        text.version,
        publisher,
        now.to_sqlx() as _,
        &all,
        title,
        keywords,
        body,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What the article says of its versions after a step.
pub(crate) struct Standing {
    pub(crate) latest: i32,
    pub(crate) published: Option<i32>,
    pub(crate) review_due: Option<Timestamp>,
}

/// Keeps that, under the next revision.
pub(crate) async fn stand(
    connection: &mut PgConnection,
    article: Uuid,
    standing: &Standing,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.article
         SET latest = $2, published = $3, review_due_at = $4, revision = revision + 1, updated_at = $5
         WHERE id = $1",
        article,
        standing.latest,
        standing.published,
        standing.review_due.map(|at| at.to_sqlx()) as _,
        now.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A version that was just written.
pub(crate) async fn written(
    connection: &mut PgConnection,
    article: Uuid,
    number: i32,
) -> Result<StoredArticle, Fault> {
    let mut query = sqlx::QueryBuilder::new("SELECT ");
    query.push(COLUMNS).push(
        " FROM ticket.article a JOIN ticket.article_version v ON v.article_id = a.id WHERE a.id = ",
    );
    query.push_bind(article).push(" AND v.number = ");
    query.push_bind(number);
    StoredArticle::read(&query.build().fetch_one(connection).await?)
}
