//! Looking at requests for approval.

use std::collections::HashMap;

use kefu_service::{
    call::Call,
    error::Fault,
    fields::Fields,
    listing::{self, Asked, ListSpec, Page},
    scope::Order,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Kind;
use crate::{
    api::{Register, look::shown},
    store::{approval::Reached, chart},
};

/// The request within reach; what is not there and what is not the caller's to know of
/// are the same.
pub(crate) async fn reached<K: Kind>(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
) -> Result<Option<(Reached, K)>, Fault> {
    let mut query = K::RECORD.get(call, id);
    let row = query.build().fetch_optional(&mut *connection).await?;
    let Some(reached) = row.as_ref().map(Reached::read).transpose()? else {
        return Ok(None);
    };
    let stored = K::list(connection, &[id]).await?.pop();
    Ok(stored.map(|stored| (reached, stored)))
}

/// One request, whole.
pub(crate) async fn get<K: Kind>(
    register: &Register,
    call: &Call,
    name: &str,
) -> Result<K::Message, Fault> {
    let mut fields = Fields::new();
    let id = fields.name("name", name, K::COLLECTION);
    fields.finish()?;
    let (id, reader) = (id.unwrap_or_default(), call.clone());
    let found = register
        .core
        .deps
        .db
        .snapshot(move |connection| {
            Box::pin(async move {
                let found = reached::<K>(connection, &reader, id).await?;
                let chart = chart::at(connection, reader.now).await?;
                Ok(found.map(|found| (found, chart)))
            })
        })
        .await?;
    let views = &register.core.views;
    let Some(((reached, stored), chart)) = found else {
        let fault = Fault::not_found(name);
        return Err(views.refuse(call, K::REFUSED, name, fault).await);
    };
    let shown = shown(K::COLLECTION, call, &reached);
    views.record(call, K::VIEWED, &[shown]).await?;
    Ok(stored.message(&register.desk::<K>(&chart, call.now)))
}

/// Requests within reach, the newest first.
pub(crate) async fn list<K: Kind>(
    register: &Register,
    call: &Call,
    asked: Asked<'_>,
) -> Result<Page<K::Message>, Fault> {
    let spec = ListSpec {
        record: K::RECORD,
        time: "create_time",
        order: Order {
            column: "a.created_at",
            descending: true,
        },
        read: Reached::read,
        place: |row: &Reached| row.at,
    };
    let page = listing::page(&register.core, call, &spec, asked).await?;
    let ids: Vec<Uuid> = page.records.iter().map(|one| one.at.id).collect();
    let now = call.now;
    let (found, chart) = register
        .core
        .deps
        .db
        .snapshot(move |connection| {
            Box::pin(async move {
                let found = K::list(connection, &ids).await?;
                Ok((found, chart::at(connection, now).await?))
            })
        })
        .await?;
    let found = found.into_iter().map(|one| (one.approval().id, one));
    let found: HashMap<Uuid, K> = found.collect();
    let desk = register.desk::<K>(&chart, now);
    let present = |one: &Reached| {
        let stored = found.get(&one.at.id)?;
        Some((shown(K::COLLECTION, call, one), stored.message(&desk)))
    };
    let reached = page.records.iter();
    let (shown, records): (Vec<_>, Vec<_>) = reached.filter_map(present).unzip();
    register.core.views.record(call, K::VIEWED, &shown).await?;
    Ok(Page {
        records,
        next_page_token: page.next_page_token,
        total_size: page.total_size,
        total_kind: page.total_kind,
    })
}
