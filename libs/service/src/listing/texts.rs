//! Lists that are searched for words in long texts. Which way is quick depends on how many records have the words,
//! and is found out on the way; what is found and counted is the same in each, and depends on nothing that is out of
//! reach. Measured over four million messages (`make bench-tickets`).
//!
//! - Who reaches few records has each of them looked at.
//! - What is in a good part of the records that come first is in the page after a few of these.
//! - What is rare is found by the index of all texts, and then sorted.
//! - What is neither is counted by some of what the index has and shown by going through the records; where that does
//!   not lead far enough, because it is frequent elsewhere, by all that the index has.
//! - Of several words that are looked for in a record, those that are rare are found so, and of these the rarest first;
//!   for what is frequent each of the records found is looked at.

use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder, postgres::PgRow};
use uuid::Uuid;

use super::Search;
use crate::{call::Call, core::Core, error::Fault, scope::RecordSpec};

/// Who reaches fewer records has them all looked at; as many as are counted exactly at most.
const FIRST: usize = 1_000;
/// Records looked at first where there are more: how frequent words are is told by them.
const GLANCE: usize = 250;
/// Frequent is what one in so many of them has.
const FREQUENT: i64 = 4;
/// Records gone through for a page.
const FAR: usize = 10_000;
/// Texts that are taken from the index, where it has more.
const MOST: usize = 4_000;

/// The page's rows, one more than its size where there are more, and how many there are, up to one more than is
/// counted.
pub(super) async fn find(
    core: &Core,
    call: &Call,
    record: &'static RecordSpec,
    search: Search,
) -> Result<(Vec<PgRow>, i64), Fault> {
    let call = call.clone();
    let find = core.deps.db.snapshot(move |connection| {
        Box::pin(async move { find_at(connection, &call, record, &search).await })
    });
    find.await
}

async fn find_at(
    at: &mut PgConnection,
    call: &Call,
    record: &RecordSpec,
    search: &Search,
) -> Result<(Vec<PgRow>, i64), Fault> {
    let Search {
        filter,
        order,
        after,
        size,
    } = search;
    let (order, after, size) = (*order, *after, *size);
    let among = |most| record.page_among(call, filter, order, after, (size, most));
    let page_of = |ids| record.page_of(call, ids, order, after, size);
    let glance = record.glance(call, filter, order, (GLANCE, FIRST));
    let (reached, have, each): (i64, i64, Vec<i64>) = one(at, glance).await?;
    if reached < FIRST as i64 {
        let found = ids(at, record.matching_among(call, filter, order, FIRST)).await?;
        let counted = found.len() as i64;
        return Ok((rows(at, page_of(found)).await?, counted));
    }
    let limit = filter.count_limit();
    let mut counted = 0;
    if is_frequent(have) {
        (counted,) = one(at, record.count_among(call, filter, order, FAR)).await?;
        let page = rows(at, among(FAR)).await?;
        if counted > limit && page.len() > size {
            return Ok((page, counted));
        }
    }
    let (rarest, rare) = rare(&each);
    let mut found = Vec::new();
    for (query, rare) in filter.look_ups(MOST).into_iter().zip(&rare) {
        found.push(match rare {
            true => Some(ids(at, query).await?),
            false => None,
        });
    }
    let all_of = |ids: &Vec<Uuid>| ids.len() <= MOST;
    if found.iter().flatten().any(all_of) {
        let by = filter.by(found.into_iter().map(|ids| ids.filter(all_of)));
        let matching = ids(at, record.matching(call, &by)).await?;
        let counted = matching.len() as i64;
        let page = match counted <= limit {
            true => page_of(matching),
            false => record.page(call, &by, order, after, (size, true)),
        };
        return Ok((rows(at, page).await?, counted));
    }
    if counted <= limit {
        let alone = |(index, ids): (usize, Option<Vec<Uuid>>)| ids.filter(|_| index == rarest);
        let some = filter.by(found.into_iter().enumerate().map(alone));
        (counted,) = one(at, record.count(call, &some)).await?;
    }
    let by_all = filter.by_all(&rare);
    if counted <= limit {
        (counted,) = one(at, record.count(call, &by_all)).await?;
    }
    let mut page = rows(at, among(FAR)).await?;
    if page.len() <= size {
        let all = record.page(call, &by_all, order, after, (size, true));
        page = rows(at, all).await?;
    }
    Ok((page, counted))
}

/// Which comparison the fewest of the records looked at first have the words of, and for each whether it is worth
/// asking the index for all that have them.
fn rare(each: &[i64]) -> (usize, Vec<bool>) {
    let by_number = each.iter().enumerate().min_by_key(|(_, have)| **have);
    let rarest = by_number.map_or(0, |(index, _)| index);
    let rare = each.iter().enumerate();
    let rare = rare.map(|(index, have)| index == rarest || !is_frequent(*have));
    (rarest, rare.collect())
}

/// Whether this many of the records looked at first are a good part of them.
fn is_frequent(have: i64) -> bool {
    have * FREQUENT >= GLANCE as i64
}

async fn one<T>(at: &mut PgConnection, mut query: QueryBuilder<Postgres>) -> Result<T, Fault>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    Ok(query.build_query_as().fetch_one(at).await?)
}

async fn rows(
    at: &mut PgConnection,
    mut query: QueryBuilder<Postgres>,
) -> Result<Vec<PgRow>, Fault> {
    Ok(query.build().fetch_all(at).await?)
}

async fn ids(at: &mut PgConnection, mut query: QueryBuilder<Postgres>) -> Result<Vec<Uuid>, Fault> {
    Ok(query.build_query_scalar().fetch_all(at).await?)
}
