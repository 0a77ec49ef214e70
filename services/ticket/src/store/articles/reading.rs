//! Articles as everybody reads them: published, valid now, for the reader's audience and
//! department. Whatever is read, found, counted, used or said to answer something is within this.

use jiff_sqlx::ToSqlx;
use kefu_contracts::ticket::ArticleAudience;
use kefu_service::{
    call::Call,
    error::Fault,
    scope::{After, RecordSpec},
};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::{DESK, SCOPE, StoredArticle};
use crate::domain::article::{
    audiences,
    words::{FIELDS, Field, Query, Term},
};

/// Published versions, under the scope of the permission to read.
const READ: RecordSpec = RecordSpec {
    from: PUBLISHED,
    scope: SCOPE,
    ..DESK
};

const PUBLISHED: &str = "ticket.article a JOIN ticket.article_version v ON v.article_id = a.id AND v.number = a.published";

/// Writes the condition that the caller reads `v`, of `a`; complete and never NULL.
pub(crate) fn write_read(call: &Call, query: &mut QueryBuilder<Postgres>) {
    let subject = &call.context.subject;
    let audiences = audiences(subject.kind).iter();
    let audiences: Vec<i16> = audiences.map(|one| *one as i16).collect();
    query.push("(v.audience = ANY(").push_bind(audiences);
    query.push(") AND (v.departments = '{}' OR v.departments && ");
    query.push_bind(subject.departments.clone());
    query.push(") AND (v.valid_from IS NULL OR v.valid_from <= ");
    query.push_bind(call.now.to_sqlx());
    query.push(") AND (v.valid_until IS NULL OR v.valid_until > ");
    query.push_bind(call.now.to_sqlx()).push("))");
}

/// What is published of an article, where the call's scope and its caller read it.
pub(crate) fn get(call: &Call, id: Uuid) -> QueryBuilder<Postgres> {
    let mut query = READ.get(call, id);
    query.push(" AND ");
    write_read(call, &mut query);
    query
}

/// Whether the caller reads an article, in a call whose scope is about something else.
pub(crate) async fn is_read(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
) -> Result<bool, Fault> {
    let mut query = QueryBuilder::new("SELECT EXISTS (SELECT FROM ");
    query.push(PUBLISHED).push(" WHERE a.id = ").push_bind(id);
    query.push(" AND ");
    write_read(call, &mut query);
    query.push(")");
    Ok(query.build_query_scalar().fetch_one(connection).await?)
}

/// What is searched, of articles as they are read.
#[derive(Clone)]
pub(crate) struct Search {
    pub(crate) query: Query,
    pub(crate) language: String,
    pub(crate) category: String,
    /// Any when unspecified.
    pub(crate) audience: ArticleAudience,
}

/// A find, with its place in the order.
pub(crate) struct Find {
    pub(crate) place: After,
    pub(crate) stored: StoredArticle,
}

/// How many there are of a search.
pub(crate) fn count(call: &Call, search: &Search) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT count(*) FROM (");
    write_found(call, search, &mut query);
    query.push(") found");
    query
}

/// One page of a search, best first, and one find more.
pub(crate) fn page(
    call: &Call,
    search: &Search,
    after: Option<After>,
    size: usize,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT ");
    query.push(super::COLUMNS).push(", found.rank FROM (");
    write_found(call, search, &mut query);
    query.push(") found JOIN ticket.article a ON a.id = found.id ");
    query.push("JOIN ticket.article_version v ON v.article_id = a.id AND v.number = a.published");
    if let Some(after) = after {
        query.push(" WHERE (found.rank, a.id) < (");
        query.push_bind(after.at.as_microsecond()).push(", ");
        query.push_bind(after.id).push(")");
    }
    query.push(format_args!(
        " ORDER BY found.rank DESC, a.id DESC LIMIT {}",
        size + 1
    ));
    query
}

/// Reads a row of a page. A place is a rank, carried where lists carry a time.
pub(crate) fn read(row: &sqlx::postgres::PgRow) -> Result<Find, Fault> {
    let stored = StoredArticle::read(row)?;
    let rank: i64 = row.try_get("rank")?;
    let at = jiff::Timestamp::from_microsecond(rank);
    let at = at.map_err(|_| Fault::internal("a rank that is no place"))?;
    let id = stored.id;
    Ok(Find {
        place: After { at, id },
        stored,
    })
}

/// Ids of what is found, each with its rank: points first, then help and use.
fn write_found(call: &Call, search: &Search, query: &mut QueryBuilder<Postgres>) {
    let terms = &search.query.terms;
    let columns = |by: &str| {
        let all = (0..terms.len()).map(|at| format!("p.p{at}{by}"));
        all.collect::<Vec<_>>()
    };
    query.push(format_args!(
        "SELECT p.id, ({})::bigint * 1000000 + p.uses AS rank FROM (SELECT a.id,
         least(a.helped_count::bigint * 2 + a.used_count, 999999) AS uses",
        columns("").join(" + ")
    ));
    for (at, term) in terms.iter().enumerate() {
        query.push(", ");
        write_points(term, query);
        query.push(format_args!(" AS p{at}"));
    }
    query.push(" FROM ").push(PUBLISHED).push(" WHERE ");
    kefu_access::write_scope(
        &call.context,
        call.now,
        &SCOPE,
        &mut kefu_service::scope::Sql(query),
    );
    query.push(" AND ");
    write_read(call, query);
    for term in terms {
        query.push(" AND v.parts && ").push_bind(term.signs());
    }
    if !search.language.is_empty() {
        query.push(" AND v.language = ");
        query.push_bind(search.language.clone());
    }
    if !search.category.is_empty() {
        query.push(" AND ").push_bind(search.category.clone());
        query.push(" = ANY(v.categories)");
    }
    if search.audience != ArticleAudience::Unspecified {
        query.push(" AND v.audience = ");
        query.push_bind(search.audience as i16);
    }
    query.push(format_args!(
        " OFFSET 0) p WHERE {}",
        columns(" > 0").join(" AND ")
    ));
}

/// What a word counts: by the first field that has it as it is, or by the first that has it
/// misspelt, whichever is more; 0 where none has it.
fn write_points(term: &Term, query: &mut QueryBuilder<Postgres>) {
    query.push("CASE");
    for field in &FIELDS {
        query.push(" WHEN ");
        write_plainly(term, field, query);
        query.push(format_args!(" THEN {}", field.points));
        let misspelt = term.misspelt(field);
        if !misspelt.is_empty() {
            query.push(" WHEN v.parts && ").push_bind(misspelt);
            query.push(format_args!(" THEN {}", field.points / 2));
        }
    }
    query.push(" ELSE 0 END");
}

/// Whether a field has the word as it is.
fn write_plainly(term: &Term, field: &Field, query: &mut QueryBuilder<Postgres>) {
    if let Some(part) = term.part(field) {
        query.push("v.parts @> ").push_bind(vec![part]);
        return;
    }
    match term {
        Term::Most(grams, least) => {
            for (at, gram) in grams.iter().enumerate() {
                query.push(if at == 0 {
                    "((position("
                } else {
                    " + (position("
                });
                query.push_bind(gram.clone());
                query.push(format_args!(" IN {}) > 0)::int", field.column));
            }
            query.push(format_args!(") >= {least}"));
        }
        Term::Gram(letters) | Term::Exact(letters) => {
            query.push("position(");
            query.push_bind(letters.iter().collect::<String>());
            query.push(format_args!(" IN {}) > 0", field.column));
        }
        // A beginning: a space stands before each word of a field but the first.
        Term::Latin(letters) => {
            query.push("position(' ' || ");
            query.push_bind(letters.iter().collect::<String>());
            query.push(format_args!(" IN ' ' || {}) > 0", field.column));
        }
    }
}
