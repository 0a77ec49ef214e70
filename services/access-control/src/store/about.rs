//! Records about somebody, who neither sees them nor acts upon them.

use jiff_sqlx::ToSqlx;
use kefu_service::{
    call::Call,
    database::Use,
    error::Fault,
    scope::{After, RecordSpec},
};
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::approval::Reached;

/// A kind of these records. [`Reached`] reads the columns of its spec.
pub(crate) trait About: Sized + Send + Sync + 'static {
    /// Under which every look at them is taken.
    const RECORD: &'static RecordSpec;
    /// Column by which they are listed, the latest first.
    const TIME: &'static str;
    /// Condition that leaves out those about somebody, whose id is bound between the two.
    const NOT_ABOUT: (&'static str, &'static str);

    /// Their key.
    fn id(&self) -> Uuid;
    /// Counts the changes, from 1.
    fn revision(&self) -> i64;

    /// Locks one, so that it is as it is read until the transaction ends.
    fn lock(connection: &mut PgConnection, id: Uuid) -> Use<'_, ()>;

    /// Those of these ids, whoever asks.
    fn list<'c>(connection: &'c mut PgConnection, ids: &'c [Uuid]) -> Use<'c, Vec<Self>>;
}

/// The records within the call's scope that are not about the caller; further conditions
/// may follow.
pub(crate) fn select<K: About>(call: &Call) -> QueryBuilder<Postgres> {
    let (before, after) = K::NOT_ABOUT;
    let mut query = K::RECORD.select(call);
    query
        .push(before)
        .push_bind(call.context.subject.id)
        .push(after);
    query
}

/// The record within reach; what is not there and what is not the caller's to know of are
/// the same.
pub(crate) async fn reached<K: About>(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
) -> Result<Option<(Reached, K)>, Fault> {
    let mut query = select::<K>(call);
    query.push(" AND ").push(K::RECORD.id).push(" = ");
    query.push_bind(id);
    let row = query.build().fetch_optional(&mut *connection).await?;
    let Some(reached) = row.as_ref().map(Reached::read).transpose()? else {
        return Ok(None);
    };
    let record = K::list(connection, &[id]).await?.pop();
    Ok(record.map(|record| (reached, record)))
}

/// A page of what the query finds, the latest first; one more than `size` where there is a
/// next page.
pub(crate) async fn page<K: About>(
    connection: &mut PgConnection,
    mut query: QueryBuilder<Postgres>,
    after: Option<After>,
    size: usize,
) -> Result<Vec<Reached>, Fault> {
    let (time, id) = (K::TIME, K::RECORD.id);
    if let Some(after) = after {
        query.push(format_args!(" AND ({time}, {id}) < ("));
        query
            .push_bind(after.at.to_sqlx())
            .push(", ")
            .push_bind(after.id)
            .push(")");
    }
    query.push(format_args!(
        " ORDER BY {time} DESC, {id} DESC LIMIT {}",
        size + 1
    ));
    let rows = query.build().fetch_all(connection).await?;
    rows.iter().map(Reached::read).collect()
}
