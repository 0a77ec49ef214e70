//! The application is written, and written again while it may be.

use kefu_contracts::{
    access::{self as wire, ApprovalEvent, CreateBorrowingRequest, UpdateBorrowingRequest},
    policy::Purpose,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Register;
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
    domain::borrowing::{BORROWINGS, Borrowing},
    store::{
        borrowing::{self, StoredBorrowing},
        changes::Revision,
        chart,
    },
};

/// Writes an application.
pub(super) async fn create(
    register: &Register,
    call: Call,
    request: CreateBorrowingRequest,
) -> Result<Answer<wire::Borrowing>, Fault> {
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
    request: &CreateBorrowingRequest,
) -> Result<Done<wire::Borrowing>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.borrowing else {
        return Err(missing(fields, "borrowing"));
    };
    let chart = chart::at(revision.connection, call.now).await?;
    let desk = register.desk::<StoredBorrowing>(&chart, call.now);
    let form = read(revision.connection, call, fields, &desk, wanted, id).await?;
    let (left, every) = (&form.requested, desk.flow.chase_every);
    write::draft::<StoredBorrowing>(revision, call, id, form.purpose, left).await?;
    borrowing::put(revision.connection, id, &form, left, every).await?;
    let happened = Happened::plain(ApprovalEvent::Created);
    write::done::<StoredBorrowing>(revision, call, &desk, id, happened).await
}

/// Writes it again; only whoever applies may, while it is theirs.
pub(super) async fn update(
    register: &Register,
    call: Call,
    request: UpdateBorrowingRequest,
) -> Result<Answer<wire::Borrowing>, Fault> {
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
    request: &UpdateBorrowingRequest,
) -> Result<Done<wire::Borrowing>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.borrowing else {
        return Err(missing(fields, "borrowing"));
    };
    let id = fields.name("borrowing.name", &wanted.name, BORROWINGS);
    let etag = fields.etag("borrowing.etag", &wanted.etag);
    let id = id.unwrap_or_default();
    let chart = chart::at(revision.connection, call.now).await?;
    let desk = register.desk::<StoredBorrowing>(&chart, call.now);
    let form = read(revision.connection, call, fields, &desk, wanted, id).await?;
    let (wanted, terms) = (Wanted { id, etag }, form.requested.clone());
    write::rewrite(
        revision,
        call,
        &desk,
        &wanted,
        terms,
        |stored: &mut StoredBorrowing| {
            stored.approval.purpose = form.purpose;
            stored.borrowing = form;
        },
    )
    .await
}

/// Reads the application of this id.
async fn read(
    connection: &mut PgConnection,
    call: &Call,
    mut fields: Fields,
    desk: &Desk<'_>,
    wanted: &wire::Borrowing,
    id: Uuid,
) -> Result<Borrowing, Fault> {
    let purpose: Option<Purpose> = fields.required_enum("borrowing.purpose", wanted.purpose);
    let field = "borrowing.justification";
    fields.required_text(field, &wanted.justification, MOST_TEXT);
    let applicant = call.context.subject.id;
    let requested = match &wanted.requested {
        Some(requested) => {
            let at = "borrowing.requested";
            let (fields, reader) = (&mut fields, applicant);
            StoredBorrowing::read_terms(connection, fields, desk, at, requested, &(), reader)
                .await?
        }
        None => {
            fields.refuse("borrowing.requested", Violation::Required);
            None
        }
    };
    let extends = fields.optional_name("borrowing.extends", &wanted.extends, BORROWINGS);
    if let Some(before) = extends {
        let own = is_open(connection, before, applicant).await? && before != id;
        fields.ensure(own, "borrowing.extends", Violation::Unknown);
    }
    fields.finish()?;
    let unread = || Fault::internal("a borrowing without terms");
    Ok(Borrowing {
        purpose: purpose.ok_or_else(unread)?,
        justification: wanted.justification.clone(),
        requested: requested.ok_or_else(unread)?,
        extends,
        lines: Vec::new(),
        chased_at: None,
        closed_at: None,
    })
}

/// Whether there is such a borrowing of theirs, and something of it was handed out and is
/// not closed: there is something to prolong.
async fn is_open(connection: &mut PgConnection, id: Uuid, applicant: Uuid) -> Result<bool, Fault> {
    let found = borrowing::list(connection, &[id]).await?.pop();
    Ok(found.is_some_and(|one| {
        let open = one.borrowing.closed_at.is_none() && !one.borrowing.lines.is_empty();
        open && one.approval.applicant == applicant
    }))
}
