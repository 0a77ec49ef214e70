//! Showing records about somebody, who does not see them: one way to get and to list them.

use std::collections::HashMap;

use jiff::Timestamp;
use kefu_contracts::{
    journal::{EntryKind, event},
    policy::Purpose,
};
use kefu_journal::Entry;
use kefu_service::{
    call::Call,
    error::Fault,
    fields::{self, Fields},
    page::{self, Binding},
    present::Shown,
};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::Register;
use crate::{
    error::RegisterError,
    store::{
        about::{self, About},
        approval::Reached,
        changes::Revision,
    },
};

/// A kind of these records, as it is shown.
pub(super) trait Kind: About {
    /// Collection in resource names.
    const COLLECTION: &'static str;
    /// Type of the journal entry when one is shown.
    const VIEWED: &'static str;
    /// Type of the journal entry when one is asked for and not shown.
    const REFUSED: &'static str;
    /// How messages carry it.
    type Message;

    /// The record as it leaves at a moment.
    fn message(&self, now: Timestamp) -> Self::Message;
}

/// One record.
pub(super) async fn get<K: Kind>(
    register: &Register,
    call: &Call,
    name: &str,
) -> Result<K::Message, Fault> {
    let mut fields = Fields::new();
    let id = fields.name("name", name, K::COLLECTION);
    fields.finish()?;
    let record = find::<K>(register, call, id.unwrap_or_default()).await?;
    Ok(record.message(call.now))
}

/// The record within reach, journaled as shown; or as refused where there is none.
pub(super) async fn find<K: Kind>(register: &Register, call: &Call, id: Uuid) -> Result<K, Fault> {
    let reader = call.clone();
    let found = register
        .core
        .deps
        .db
        .run(move |connection| {
            Box::pin(async move { about::reached::<K>(connection, &reader, id).await })
        })
        .await?;
    let views = &register.core.views;
    let Some((reached, record)) = found else {
        let name = fields::name(K::COLLECTION, id);
        let fault = Fault::not_found(&name);
        return Err(views.refuse(call, K::REFUSED, &name, fault).await);
    };
    let shown = shown::<K>(call, &reached);
    views.record(call, K::VIEWED, &[shown]).await?;
    Ok(record)
}

/// The record within reach, locked for a change, where it is still as it was read.
///
/// # Errors
/// Not found, or changed since.
pub(super) async fn open<K: Kind>(
    revision: &mut Revision<'_>,
    call: &Call,
    id: Uuid,
    etag: Option<i64>,
) -> Result<K, Fault> {
    K::lock(revision.connection, id).await?;
    let found = about::reached::<K>(revision.connection, call, id).await?;
    let not_found = || RegisterError::NotFound(fields::name(K::COLLECTION, id));
    let (_, record) = found.ok_or_else(not_found)?;
    match etag {
        Some(read) if read == record.revision() => Ok(record),
        _ => Err(RegisterError::Stale.into()),
    }
}

/// What the journal says of something that happened to one by itself.
pub(super) fn by_itself<K: Kind>(
    record: &K,
    kind: &'static str,
    event: event::Event,
    now: Timestamp,
) -> Entry {
    Entry {
        recorded_at: now,
        actor_id: None,
        purpose: Purpose::Audit,
        request_id: String::new(),
        kind: EntryKind::Change,
        resource: fields::name(K::COLLECTION, record.id()),
        customer_id: None,
        r#type: kind,
        event,
    }
}

/// What a list was asked for.
pub(super) struct Asked<'a> {
    /// 1–200, 50 when it is left out.
    pub(super) page_size: i32,
    /// Empty for the first page.
    pub(super) page_token: &'a str,
    /// What else was asked for, which the token is bound to.
    pub(super) filter: String,
}

/// A page of the records within reach, the latest first, and the token of the next one.
/// `narrow` writes what was asked for as conditions.
pub(super) async fn list<K: Kind>(
    register: &Register,
    call: &Call,
    mut fields: Fields,
    asked: Asked<'_>,
    narrow: impl FnOnce(&mut QueryBuilder<Postgres>),
) -> Result<(Vec<K::Message>, String), Fault> {
    let size = page::size(&mut fields, asked.page_size);
    fields.finish()?;
    let binding = Binding::of(call, &asked.filter, "");
    let key = register.core.deps.vault.index_key();
    let after = binding.after(key, asked.page_token)?;
    let mut query = about::select::<K>(call);
    narrow(&mut query);
    let (mut listed, found) = register
        .core
        .deps
        .db
        .run(move |connection| {
            Box::pin(async move {
                let listed = about::page::<K>(connection, query, after, size).await?;
                let ids: Vec<Uuid> = listed.iter().map(|one| one.at.id).collect();
                let found = K::list(connection, &ids).await?;
                Ok((listed, found))
            })
        })
        .await?;
    let more = listed.len() > size;
    listed.truncate(size);
    let last = listed.last().filter(|_| more);
    let next = last.map(|last| binding.token(key, last.at));
    let found: HashMap<Uuid, K> = found.into_iter().map(|one| (one.id(), one)).collect();
    let present = |one: &Reached| {
        let record = found.get(&one.at.id)?;
        Some((shown::<K>(call, one), record.message(call.now)))
    };
    let (shown, messages): (Vec<_>, Vec<_>) = listed.iter().filter_map(present).unzip();
    register.core.views.record(call, K::VIEWED, &shown).await?;
    Ok((messages, next.unwrap_or_default()))
}

fn shown<K: Kind>(call: &Call, reached: &Reached) -> Shown {
    Shown {
        resource: fields::name(K::COLLECTION, reached.at.id),
        customer_id: None,
        clearance: call.context.clearance(reached.matched, call.now),
    }
}
