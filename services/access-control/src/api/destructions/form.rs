//! The application is written, and written again while it may be.

use kefu_contracts::{
    access::{self as wire, ApprovalEvent, CreateDestructionRequest, UpdateDestructionRequest},
    policy::Purpose,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};
use uuid::Uuid;

use super::{Register, messages};
use crate::{
    api::{
        approvals::{
            Desk, Kind,
            act::MOST_TEXT,
            write::{self, Happened, Wanted},
        },
        missing,
        write::{Done, claim},
    },
    domain::{
        approval::Case,
        destruction::{DESTRUCTIONS, Destruction},
    },
    store::{
        changes::Revision,
        chart,
        destruction::{self, StoredDestruction},
    },
};

/// Writes an application.
pub(super) async fn create(
    register: &Register,
    call: Call,
    request: CreateDestructionRequest,
) -> Result<Answer<wire::Destruction>, Fault> {
    let id = register.core.deps.ids.next()?;
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(add(
                revision,
                &asking.call,
                &asking.register,
                id,
                &asking.request,
            ))
        })
        .await
}

async fn add(
    revision: &mut Revision<'_>,
    call: &Call,
    register: &Register,
    id: Uuid,
    request: &CreateDestructionRequest,
) -> Result<Done<wire::Destruction>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.destruction else {
        return Err(missing(fields, "destruction"));
    };
    let chart = chart::at(revision.connection, call.now).await?;
    let desk = register.desk::<StoredDestruction>(&chart, call.now);
    let form = read(fields, &desk, wanted)?;
    let left = &form.requested;
    write::draft::<StoredDestruction>(revision, call, id, Purpose::Administration, left).await?;
    destruction::put(revision.connection, id, &form, left).await?;
    let happened = Happened::plain(ApprovalEvent::Created);
    write::done::<StoredDestruction>(revision, call, &desk, id, happened).await
}

/// Writes it again; only whoever applies may, while it is theirs.
pub(super) async fn update(
    register: &Register,
    call: Call,
    request: UpdateDestructionRequest,
) -> Result<Answer<wire::Destruction>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(again(
                revision,
                &asking.call,
                &asking.register,
                &asking.request,
            ))
        })
        .await
}

async fn again(
    revision: &mut Revision<'_>,
    call: &Call,
    register: &Register,
    request: &UpdateDestructionRequest,
) -> Result<Done<wire::Destruction>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.destruction else {
        return Err(missing(fields, "destruction"));
    };
    let id = fields.name("destruction.name", &wanted.name, DESTRUCTIONS);
    let etag = fields.etag("destruction.etag", &wanted.etag);
    let id = id.unwrap_or_default();
    let chart = chart::at(revision.connection, call.now).await?;
    let desk = register.desk::<StoredDestruction>(&chart, call.now);
    let form = read(fields, &desk, wanted)?;
    let mut stored: StoredDestruction =
        write::open_form(revision, call, &Wanted { id, etag }).await?;
    let case = Case {
        terms: form.requested.clone(),
        ..stored.case()
    };
    stored.destruction = form;
    stored.keep(revision.connection, &desk, &case).await?;
    let happened = Happened::plain(ApprovalEvent::Changed);
    write::done::<StoredDestruction>(revision, call, &desk, id, happened).await
}

fn read(
    mut fields: Fields,
    desk: &Desk<'_>,
    wanted: &wire::Destruction,
) -> Result<Destruction, Fault> {
    let field = "destruction.justification";
    fields.required_text(field, &wanted.justification, MOST_TEXT);
    let at = "destruction.requested";
    let requested = match &wanted.requested {
        Some(requested) => messages::terms(&mut fields, at, requested, desk.flow.cooling_off),
        None => {
            fields.refuse(at, Violation::Required);
            None
        }
    };
    fields.finish()?;
    Ok(Destruction {
        justification: wanted.justification.clone(),
        early: wanted.early,
        requested: requested.ok_or_else(|| Fault::internal("a destruction without terms"))?,
    })
}
