//! Articles of the knowledge base in the database.

pub(crate) mod gaps;
pub(crate) mod reading;
pub(crate) mod sources;
pub(crate) mod steps;
pub(crate) mod uses;
pub(crate) mod versions;

use jiff::Timestamp;
use kefu_access::ScopeColumns;
use kefu_contracts::ticket::{Article, ArticleAudience, ArticleState};
use kefu_service::{
    call::Call,
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use sqlx::{Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

/// Collection of the resource names.
pub(crate) const ARTICLES: &str = "articles";

const COLUMNS: &str = "a.id, a.department_id, a.latest, a.published, a.review_due_at, a.revision, a.created_at,
    a.updated_at, v.number, v.state, v.title, v.body, v.language, v.categories, v.keywords, v.audience,
    v.departments, v.valid_from, v.valid_until, v.writers, v.publisher_id, v.published_at";

const SCOPE: ScopeColumns = ScopeColumns {
    department: Some("a.department_id"),
    owner: Some("a.author_id"),
    customer: None,
    duty: None,
    consent: None,
};

/// Under which those look at articles who write and review: the last version of each.
pub(crate) const DESK: RecordSpec = RecordSpec {
    columns: COLUMNS,
    from: "ticket.article a JOIN ticket.article_version v ON v.article_id = a.id AND v.number = a.latest",
    id: "a.id",
    scope: SCOPE,
    fields: &[
        FilterField::system(
            "state",
            "v.state",
            FilterKind::Enum {
                prefix: "ARTICLE_STATE_",
                parse: |name| ArticleState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "audience",
            "v.audience",
            FilterKind::Enum {
                prefix: "ARTICLE_AUDIENCE_",
                parse: |name| ArticleAudience::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("language", "v.language", FilterKind::Text),
        FilterField::system(
            "department",
            "a.department_id",
            FilterKind::Name("departments"),
        ),
        FilterField::system(
            "author",
            "v.writers[cardinality(v.writers)]",
            FilterKind::Name("employees"),
        ),
        FilterField::system(
            "category",
            "a.id",
            FilterKind::Listed {
                of: "SELECT c.id FROM (SELECT o.id, unnest(w.categories) AS category FROM ticket.article o
                     JOIN ticket.article_version w ON w.article_id = o.id AND w.number = o.latest) c
                     WHERE c.category",
            },
        ),
        FilterField::system("review_due_time", "a.review_due_at", FilterKind::Time),
        FilterField::system("update_time", "a.updated_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// The same articles, each version of them.
pub(crate) const VERSIONS: RecordSpec = RecordSpec {
    from: "ticket.article a JOIN ticket.article_version v ON v.article_id = a.id",
    ..DESK
};

/// One version of an article within the call's scope; the last one where none is named.
pub(crate) fn version(call: &Call, id: Uuid, number: Option<i32>) -> QueryBuilder<Postgres> {
    let Some(number) = number else {
        return DESK.get(call, id);
    };
    let mut query = VERSIONS.get(call, id);
    query.push(" AND v.number = ").push_bind(number);
    query
}

/// A version as it was read, with its article.
pub(crate) struct StoredArticle {
    pub(crate) id: Uuid,
    pub(crate) department: Uuid,
    pub(crate) revision: i64,
    pub(crate) published: Option<i32>,
    pub(crate) updated_at: Timestamp,
    /// Whoever wrote in the version.
    pub(crate) writers: Vec<Uuid>,
    pub(crate) article: Article,
}

impl StoredArticle {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let at = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| at.to_jiff()))
        };
        let time = |column| at(column).map(|at| at.map(to_proto));
        let small = |column| row.try_get::<i16, _>(column).map(i32::from);
        let employee = |id: Option<Uuid>| id.map(|id| name("employees", id)).unwrap_or_default();
        let department = row.try_get("department_id")?;
        let departments: Vec<Uuid> = row.try_get("departments")?;
        let writers: Vec<Uuid> = row.try_get("writers")?;
        let published: Option<i32> = row.try_get("published")?;
        let revision = row.try_get("revision")?;
        let id = row.try_get("id")?;
        let article = Article {
            name: name(ARTICLES, id),
            version: row.try_get("number")?,
            state: small("state")?,
            department: name("departments", department),
            title: row.try_get("title")?,
            body: row.try_get("body")?,
            language: row.try_get("language")?,
            categories: row.try_get("categories")?,
            keywords: row.try_get("keywords")?,
            audience: small("audience")?,
            departments: departments
                .into_iter()
                .map(|id| name("departments", id))
                .collect(),
            valid_from_time: time("valid_from")?,
            valid_until_time: time("valid_until")?,
            author: employee(writers.last().copied()),
            publisher: employee(row.try_get("publisher_id")?),
            publish_time: time("published_at")?,
            review_due_time: time("review_due_at")?,
            published_version: published.unwrap_or_default(),
            etag: etag(revision),
            create_time: time("created_at")?,
            update_time: time("updated_at")?,
        };
        Ok(Self {
            id,
            department,
            revision,
            published,
            updated_at: at("updated_at")?.unwrap_or_default(),
            writers,
            article,
        })
    }
}
