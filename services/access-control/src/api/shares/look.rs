//! Looking at shares.

use std::collections::HashMap;

use kefu_contracts::access::{GetShareRequest, ListSharesRequest, ListSharesResponse, Share};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{self, Fields},
    listing::{self, Asked, ListSpec, Page},
    present::Shown,
    scope::Order,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Register, VIEWED, messages};
use crate::{
    domain::share::SHARES,
    store::{
        chart,
        share::{self, RECORD, Reached, StoredShare},
    },
};

const LIST: ListSpec<'static, Reached> = ListSpec {
    record: &RECORD,
    time: "create_time",
    order: Order {
        column: "a.created_at",
        descending: true,
    },
    read: Reached::read,
    place: |row| row.at,
};

/// The share within reach; what is not there and what is not the caller's to know of are
/// the same.
pub(in crate::api) async fn reached(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
) -> Result<Option<(Reached, StoredShare)>, Fault> {
    let mut query = RECORD.get(call, id);
    let row = query.build().fetch_optional(&mut *connection).await?;
    let Some(reached) = row.as_ref().map(Reached::read).transpose()? else {
        return Ok(None);
    };
    let stored = share::get(connection, id).await?;
    Ok(stored.map(|stored| (reached, stored)))
}

/// One share, whole.
pub(super) async fn get(
    register: &Register,
    call: Call,
    request: GetShareRequest,
) -> Result<Answer<Share>, Fault> {
    let mut fields = Fields::new();
    let id = fields.name("name", &request.name, SHARES);
    fields.finish()?;
    let (id, reader) = (id.unwrap_or_default(), call.clone());
    let found = register
        .core
        .deps
        .db
        .run(move |connection| {
            Box::pin(async move {
                let found = reached(connection, &reader, id).await?;
                let chart = chart::at(connection, reader.now).await?;
                Ok(found.map(|found| (found, chart)))
            })
        })
        .await?;
    let Some(((reached, stored), chart)) = found else {
        let fault = Fault::not_found(&request.name);
        let views = &register.core.views;
        return Err(views
            .refuse(&call, "share.refused", &request.name, fault)
            .await);
    };
    let shown = shown(&call, &reached);
    register.core.views.record(&call, VIEWED, &[shown]).await?;
    Ok(Answer::read(messages::share(
        &stored,
        register.shares(),
        &chart,
    )))
}

/// Shares within reach, the newest first.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListSharesRequest,
) -> Result<Answer<ListSharesResponse>, Fault> {
    let asked = Asked {
        page_size: request.page_size,
        page_token: &request.page_token,
        filter: &request.filter,
        order_by: &request.order_by,
    };
    let Page {
        stored: reached,
        next_page_token,
        total_size,
        total_kind,
    } = listing::page(&register.core, &call, &LIST, asked).await?;
    let ids: Vec<Uuid> = reached.iter().map(|one| one.at.id).collect();
    let now = call.now;
    let (found, chart) = register
        .core
        .deps
        .db
        .run(move |connection| {
            Box::pin(async move {
                let found = share::list(connection, &ids).await?;
                Ok((found, chart::at(connection, now).await?))
            })
        })
        .await?;
    let found: HashMap<Uuid, StoredShare> = found
        .into_iter()
        .map(|one| (one.approval.id, one))
        .collect();
    let flow = register.shares();
    let present = |one: &Reached| {
        let stored = found.get(&one.at.id)?;
        Some((shown(&call, one), messages::share(stored, flow, &chart)))
    };
    let (all_shown, shares) = reached
        .iter()
        .filter_map(present)
        .unzip::<_, _, Vec<_>, Vec<_>>();
    register
        .core
        .views
        .record(&call, VIEWED, &all_shown)
        .await?;
    Ok(Answer::read(ListSharesResponse {
        shares,
        next_page_token,
        total_size,
        total_kind,
    }))
}

fn shown(call: &Call, reached: &Reached) -> Shown {
    Shown {
        resource: fields::name(SHARES, reached.at.id),
        customer_id: None,
        clearance: call.context.clearance(reached.matched, call.now),
    }
}
