//! One record by its name, and a page of any list: size, filter, order and token are read, the scope is
//! taken, and what was found is counted, in the same way everywhere.

mod one;
mod texts;

use futures_util::future::BoxFuture;
use sqlx::{PgConnection, Postgres, QueryBuilder, postgres::PgRow};
use uuid::Uuid;

use crate::{
    call::Call,
    core::Core,
    error::{Fault, Violation},
    fields::Fields,
    filter::Filter,
    page::{self, Binding},
    present::Shown,
    scope::{After, Order, RecordSpec, total},
};

/// A list: its records, and the time by which they are ordered.
pub struct ListSpec<S> {
    /// Under which every look at the records is taken.
    pub record: &'static RecordSpec,
    /// Name of the time in `order_by`: `placed_time`.
    pub time: &'static str,
    /// Its column, and its direction where nothing is asked for.
    pub order: Order,
    /// Reads a row.
    pub read: fn(&PgRow) -> Result<S, Fault>,
    /// Where a page after this record begins.
    pub place: fn(&S) -> After,
}

/// What a list was asked for, as every list request carries it.
pub struct Asked<'a> {
    /// 1–200, 50 when it is left out.
    pub page_size: i32,
    /// Empty for the first page.
    pub page_token: &'a str,
    /// AIP-160.
    pub filter: &'a str,
    /// The time, or the time and ` desc`.
    pub order_by: &'a str,
}

/// What a request for a list says.
#[macro_export]
macro_rules! asked {
    ($request:expr) => {
        $crate::listing::Asked {
            page_size: $request.page_size,
            page_token: &$request.page_token,
            filter: &$request.filter,
            order_by: &$request.order_by,
        }
    };
}
pub use crate::asked;
pub use one::One;

/// A page: its records as they are kept, or as they are shown.
pub struct Page<R> {
    /// At most as many as were asked for.
    pub records: Vec<R>,
    /// Empty on the last page.
    pub next_page_token: String,
    /// Records within the scope and the filter, as `total_kind` says.
    pub total_size: i32,
    /// Number of a `kefu.common.v1.TotalKind`.
    pub total_kind: i32,
}

/// Finds a page. Presenting and journaling what is in it is left to the service.
///
/// # Errors
/// Every field of the request that is wrong, a token of another list, or a
/// database that cannot be reached.
pub async fn page<S>(
    core: &Core,
    call: &Call,
    list: &ListSpec<S>,
    asked: Asked<'_>,
) -> Result<Page<S>, Fault> {
    let mut fields = Fields::new();
    let size = page::size(&mut fields, asked.page_size);
    let key = core.deps.vault.index_key();
    let filter = Filter::parse(asked.filter, list.record.fields, key).unwrap_or_else(|what| {
        fields.refuse("filter", what);
        Filter::default()
    });
    let order = list.order(asked.order_by).unwrap_or_else(|what| {
        fields.refuse("order_by", what);
        list.order
    });
    fields.finish()?;

    let binding = Binding::of(call, asked.filter, asked.order_by);
    let after = binding.after(key, asked.page_token)?;
    let limit = filter.count_limit();
    let search = Search {
        filter,
        order,
        after,
        size,
    };
    let (rows, counted) = match search.filter.has_texts() {
        true => texts::find(core, call, list.record, search).await?,
        false => find(core, call, list.record, search).await?,
    };
    let records: Vec<S> = rows
        .iter()
        .take(size)
        .map(list.read)
        .collect::<Result<_, _>>()?;
    let next = records.last().filter(|_| rows.len() > size);
    let next_page_token = next
        .map(|last| binding.token(key, (list.place)(last)))
        .unwrap_or_default();
    let (total_size, total_kind) = total(counted, limit);
    Ok(Page {
        records,
        next_page_token,
        total_size,
        total_kind: total_kind as i32,
    })
}

/// A page that was asked for, read and understood.
struct Search {
    filter: Filter,
    order: Order,
    after: Option<After>,
    size: usize,
}

impl Search {
    /// The page, in the order of the list from the first record on.
    fn page(&self, call: &Call, record: &RecordSpec) -> QueryBuilder<Postgres> {
        let (filter, order, after) = (&self.filter, self.order, self.after);
        record.page(call, filter, order, after, (self.size, false))
    }
}

/// Its rows, one more than its size where there are more, and how many there are, up to one
/// more than is counted.
async fn find(
    core: &Core,
    call: &Call,
    record: &'static RecordSpec,
    search: Search,
) -> Result<(Vec<PgRow>, i64), Fault> {
    let call = call.clone();
    let run = core.deps.db.snapshot(move |connection| {
        Box::pin(async move {
            match search.filter.is_about_sealed() {
                true => find_sealed(connection, &call, record, &search).await,
                false => find_plain(connection, &call, record, &search).await,
            }
        })
    });
    run.await
}

async fn find_plain(
    at: &mut PgConnection,
    call: &Call,
    record: &RecordSpec,
    search: &Search,
) -> Result<(Vec<PgRow>, i64), Fault> {
    let mut count = record.count(call, &search.filter);
    let counted = count.build_query_scalar().fetch_one(&mut *at).await?;
    let mut page = search.page(call, record);
    Ok((page.build().fetch_all(at).await?, counted))
}

/// How frequent a sealed value is says which plan is quick, so that each is planned for its own.
/// All that have it are the page's, where they are few; following its order until there are
/// enough of them could go through every record.
async fn find_sealed(
    at: &mut PgConnection,
    call: &Call,
    record: &RecordSpec,
    search: &Search,
) -> Result<(Vec<PgRow>, i64), Fault> {
    let mut matching = record.matching(call, &search.filter);
    let matching = matching.build_query_scalar().persistent(false);
    let matching: Vec<Uuid> = matching.fetch_all(&mut *at).await?;
    let counted = matching.len() as i64;
    let mut page = match counted <= search.filter.count_limit() {
        true => record.page_of(call, matching, search.order, search.after, search.size),
        false => search.page(call, record),
    };
    let page = page.build().persistent(false);
    Ok((page.fetch_all(at).await?, counted))
}

/// Finds a page and opens each of its records, as far as the call may see them; what is
/// shown is journaled under this type before it is handed on.
///
/// # Errors
/// Those of [`page`], and whatever opening a record or the journal says.
pub async fn show<'a, S, M>(
    core: &Core,
    call: &Call,
    list: &ListSpec<S>,
    asked: Asked<'_>,
    kind: &'static str,
    open: impl Fn(S) -> BoxFuture<'a, Result<(M, Shown), Fault>>,
) -> Result<Page<M>, Fault> {
    let page = page(core, call, list, asked).await?;
    let mut records = Vec::with_capacity(page.records.len());
    let mut all_shown = Vec::with_capacity(page.records.len());
    for stored in page.records {
        let (record, shown) = open(stored).await?;
        records.push(record);
        all_shown.push(shown);
    }
    core.views.record(call, kind, &all_shown).await?;
    Ok(Page {
        records,
        next_page_token: page.next_page_token,
        total_size: page.total_size,
        total_kind: page.total_kind,
    })
}

impl<S> ListSpec<S> {
    /// The same records by another time, where `order_by` names that one.
    pub fn or(self, other: Self, order_by: &str) -> Self {
        let named = order_by.strip_suffix(" desc").unwrap_or(order_by);
        if named == other.time { other } else { self }
    }

    /// The order that is asked for.
    ///
    /// # Errors
    /// [`Violation::OrderBy`] when it is none of this list.
    pub fn order(&self, asked: &str) -> Result<Order, Violation> {
        let column = self.order.column;
        match asked.strip_prefix(self.time) {
            _ if asked.is_empty() => Ok(self.order),
            Some("") => Ok(Order {
                column,
                descending: false,
            }),
            Some(" desc") => Ok(Order {
                column,
                descending: true,
            }),
            _ => Err(Violation::OrderBy),
        }
    }
}
