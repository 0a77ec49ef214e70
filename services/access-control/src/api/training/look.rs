//! Looking at records of training: one way to get, to list, and to find one for a change.

use std::collections::HashMap;

use kefu_service::{
    call::Call,
    error::{Fault, Violation},
    fields::{self, Fields},
    listing::{self, Asked, ListSpec, Page},
    present::Shown,
    scope::{Order, RecordSpec},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{REFUSED, VIEWED};
use crate::{
    api::{Register, clearance},
    domain::register::{EMPLOYEES, Employee},
    error::RegisterError,
    store::{
        approval::Reached,
        changes::Revision,
        employee,
        training::{self, Stored},
    },
};

/// A kind of these records, as it is shown.
pub(super) trait Kind: Stored {
    /// Under which every look at them is taken.
    const RECORD: &'static RecordSpec;
    /// Collection in resource names.
    const COLLECTION: &'static str;
    /// What the time they are listed by is called.
    const TIME: &'static str;
    /// Its column and direction.
    const ORDER: Order;
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
    let record = training::get::<K>(connection, id).await?;
    Ok(record.map(|record| (reached, record)))
}

/// One record, journaled as shown; or as refused where there is none.
pub(super) async fn get<K: Kind>(register: &Register, call: &Call, name: &str) -> Result<K, Fault> {
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
        return Err(views.refuse(call, REFUSED, name, fault).await);
    };
    let shown = shown::<K>(call, &reached);
    views.record(call, VIEWED, &[shown]).await?;
    Ok(record)
}

/// The record within reach, for a change.
pub(super) async fn open<K: Kind>(
    revision: &mut Revision<'_>,
    call: &Call,
    id: Uuid,
) -> Result<K, Fault> {
    let found = reached::<K>(revision.connection, call, id).await?;
    let not_found = || RegisterError::NotFound(fields::name(K::COLLECTION, id)).into();
    found.map(|(_, record)| record).ok_or_else(not_found)
}

/// A page of the records within reach.
pub(super) async fn list<K: Kind>(
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
    let present = |one: &Reached| Some((shown::<K>(call, one), found.get(&one.at.id)?.message()));
    let (shown, records): (Vec<_>, Vec<_>) = page.records.iter().filter_map(present).unzip();
    register.core.views.record(call, VIEWED, &shown).await?;
    Ok(Page {
        records,
        next_page_token: page.next_page_token,
        total_size: page.total_size,
        total_kind: page.total_kind,
    })
}

fn shown<K: Kind>(call: &Call, reached: &Reached) -> Shown {
    Shown {
        resource: fields::name(K::COLLECTION, reached.at.id),
        customer_id: None,
        clearance: call.context.clearance(reached.matched, call.now),
    }
}

/// Somebody within reach who is with the company now; notes who is not.
pub(super) async fn person(
    revision: &mut Revision<'_>,
    call: &Call,
    fields: &mut Fields,
    name: &str,
) -> Result<Option<Employee>, Fault> {
    let Some(id) = fields.name("employee", name, EMPLOYEES) else {
        return Ok(None);
    };
    let found = employee::get(revision.connection, id).await?.filter(|one| {
        let joined = one.joins_at.is_none_or(|start| start <= call.now);
        joined && one.serves(call.now) && clearance(call, one.department, Some(id)).is_some()
    });
    fields.ensure(found.is_some(), "employee", Violation::Unknown);
    Ok(found)
}
