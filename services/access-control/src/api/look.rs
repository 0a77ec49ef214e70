//! Looking at records of the company's own, such as those of training: one way to get, to list, and to find one for a change.

use std::collections::HashMap;

use kefu_service::{
    call::Call,
    error::Fault,
    fields::{self, Fields},
    listing::{self, Asked, ListSpec, Page},
    present::Shown,
    scope::{Order, RecordSpec},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Register;
use crate::{
    error::RegisterError,
    store::{
        approval::Reached,
        changes::Revision,
        stored::{self, Stored},
    },
};

/// A kind of these records, as it is shown.
pub(in crate::api) trait Kind: Stored {
    /// Under which every look at them is taken.
    const RECORD: &'static RecordSpec;
    /// Collection in resource names.
    const COLLECTION: &'static str;
    /// What the time they are listed by is called.
    const TIME: &'static str;
    /// Its column and direction.
    const ORDER: Order;
    /// Journals what of it is shown under this type.
    const VIEWED: &'static str;
    /// And what was asked for and not shown.
    const REFUSED: &'static str;
    /// How messages carry it.
    type Message;

    /// The record as it leaves.
    fn message(&self) -> Self::Message;
}

/// The record within reach; what is not there and what is not the caller's to know of are the
/// same.
async fn reached<K: Kind>(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
) -> Result<Option<(Reached, K)>, Fault> {
    let mut query = K::RECORD.get(call, id);
    let row = query.build().fetch_optional(&mut *connection).await?;
    let Some(reached) = row.as_ref().map(Reached::read).transpose()? else {
        return Ok(None);
    };
    let record = stored::get::<K>(connection, id).await?;
    Ok(record.map(|record| (reached, record)))
}

/// One record, journaled as shown; or as refused where there is none.
pub(in crate::api) async fn get<K: Kind>(
    register: &Register,
    call: &Call,
    name: &str,
) -> Result<K, Fault> {
    let mut fields = Fields::new();
    let id = fields.name("name", name, K::COLLECTION);
    fields.finish()?;
    let (id, reader) = (id.unwrap_or_default(), call.clone());
    let found = register
        .core
        .deps
        .db
        .run(move |connection| Box::pin(async move { reached::<K>(connection, &reader, id).await }))
        .await?;
    let views = &register.core.views;
    let Some((reached, record)) = found else {
        let fault = Fault::not_found(name);
        return Err(views.refuse(call, K::REFUSED, name, fault).await);
    };
    let shown = shown(K::COLLECTION, call, &reached);
    views.record(call, K::VIEWED, &[shown]).await?;
    Ok(record)
}

/// The record within reach, for a change.
pub(in crate::api) async fn open<K: Kind>(
    revision: &mut Revision<'_>,
    call: &Call,
    id: Uuid,
) -> Result<K, Fault> {
    let found = reached::<K>(revision.connection, call, id).await?;
    let not_found = || RegisterError::NotFound(fields::name(K::COLLECTION, id)).into();
    found.map(|(_, record)| record).ok_or_else(not_found)
}

/// A page of the records within reach.
pub(in crate::api) async fn list<K: Kind>(
    register: &Register,
    call: &Call,
    asked: Asked<'_>,
) -> Result<Page<K::Message>, Fault> {
    let spec = ListSpec {
        record: K::RECORD,
        time: K::TIME,
        order: K::ORDER,
        read: Reached::read,
        place: |row: &Reached| row.at,
    };
    let page = listing::page(&register.core, call, &spec, asked).await?;
    let ids: Vec<Uuid> = page.records.iter().map(|one| one.at.id).collect();
    let found = register
        .core
        .deps
        .db
        .run(move |connection| Box::pin(async move { K::list(connection, &ids).await }))
        .await?;
    let found: HashMap<Uuid, K> = found.into_iter().map(|one| (one.id(), one)).collect();
    let present = |one: &Reached| {
        Some((
            shown(K::COLLECTION, call, one),
            found.get(&one.at.id)?.message(),
        ))
    };
    let (shown, records): (Vec<_>, Vec<_>) = page.records.iter().filter_map(present).unzip();
    register.core.views.record(call, K::VIEWED, &shown).await?;
    Ok(Page {
        records,
        next_page_token: page.next_page_token,
        total_size: page.total_size,
        total_kind: page.total_kind,
    })
}

/// What is journaled of a record of this collection that is shown.
pub(in crate::api) fn shown(collection: &str, call: &Call, reached: &Reached) -> Shown {
    Shown {
        resource: fields::name(collection, reached.at.id),
        customer_id: None,
        clearance: call.context.clearance(reached.matched, call.now),
    }
}
