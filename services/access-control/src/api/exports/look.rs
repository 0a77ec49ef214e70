//! Looking at exports.

use std::collections::HashMap;

use kefu_contracts::access::{Export, GetExportRequest, ListExportsRequest, ListExportsResponse};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
    listing::{self, Asked, ListSpec, Page},
    scope::Order,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{VIEWED, messages};
use crate::{
    api::{Register, look::shown},
    domain::export::EXPORTS,
    store::{
        approval::Reached,
        export::{self, RECORD, StoredExport},
    },
};

const LIST: ListSpec<Reached> = ListSpec {
    record: &RECORD,
    time: "create_time",
    order: Order {
        column: "e.created_at",
        descending: true,
    },
    read: Reached::read,
    place: |row| row.at,
};

/// The export within reach.
pub(super) async fn reached(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
) -> Result<Option<(Reached, StoredExport)>, Fault> {
    let mut query = RECORD.get(call, id);
    let row = query.build().fetch_optional(&mut *connection).await?;
    let Some(reached) = row.as_ref().map(Reached::read).transpose()? else {
        return Ok(None);
    };
    let stored = export::get(connection, id).await?;
    Ok(stored.map(|stored| (reached, stored)))
}

/// One export.
pub(super) async fn get(
    register: &Register,
    call: Call,
    request: GetExportRequest,
) -> Result<Answer<Export>, Fault> {
    let mut fields = Fields::new();
    let id = fields.name("name", &request.name, EXPORTS);
    fields.finish()?;
    let (id, reader) = (id.unwrap_or_default(), call.clone());
    let found = register
        .core
        .deps
        .db
        .snapshot(move |connection| Box::pin(async move { reached(connection, &reader, id).await }))
        .await?;
    let views = &register.core.views;
    let Some((reached, stored)) = found else {
        let fault = Fault::not_found(&request.name);
        return Err(views
            .refuse(&call, "export.refused", &request.name, fault)
            .await);
    };
    views
        .record(&call, VIEWED, &[shown(EXPORTS, &call, &reached)])
        .await?;
    let rule = &register.flows.share.export;
    Ok(Answer::read(messages::export(&stored, rule)))
}

/// Exports within reach, the newest first.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListExportsRequest,
) -> Result<Answer<ListExportsResponse>, Fault> {
    let asked = Asked {
        page_size: request.page_size,
        page_token: &request.page_token,
        filter: &request.filter,
        order_by: &request.order_by,
    };
    let Page {
        records: reached,
        next_page_token,
        total_size,
        total_kind,
    } = listing::page(&register.core, &call, &LIST, asked).await?;
    let ids: Vec<Uuid> = reached.iter().map(|one| one.at.id).collect();
    let found = register
        .core
        .deps
        .db
        .snapshot(move |connection| Box::pin(async move { export::list(connection, &ids).await }))
        .await?;
    let found: HashMap<Uuid, StoredExport> = found.into_iter().map(|one| (one.id, one)).collect();
    let rule = &register.flows.share.export;
    let present = |one: &Reached| {
        let stored = found.get(&one.at.id)?;
        Some((shown(EXPORTS, &call, one), messages::export(stored, rule)))
    };
    let (all_shown, exports) = reached
        .iter()
        .filter_map(present)
        .unzip::<_, _, Vec<_>, Vec<_>>();
    register
        .core
        .views
        .record(&call, VIEWED, &all_shown)
        .await?;
    Ok(Answer::read(ListExportsResponse {
        exports,
        next_page_token,
        total_size,
        total_kind,
    }))
}
