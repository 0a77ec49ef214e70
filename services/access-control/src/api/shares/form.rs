//! The share form is written, and written again while it may be.

use kefu_contracts::{
    access::{self as wire, ApprovalEvent, CreateShareRequest, ShareMode, UpdateShareRequest},
    policy::Purpose,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Register,
    selection::{self, Heard},
};
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
        share::{SHARES, Share, ShareTerms},
    },
    store::{
        approval,
        changes::Revision,
        chart, employee,
        share::{self, StoredShare},
    },
};

/// Writes a form.
pub(super) async fn create(
    register: &Register,
    call: Call,
    request: CreateShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let id = register.core.deps.ids.next()?;
    let claim = claim(&call, &request.request_id, &request);
    let heard = selection::of_form(register, request.share.as_ref()).await?;
    register
        .change(call, claim, (request, heard), move |revision, asking| {
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
    (request, heard): &(CreateShareRequest, Heard),
) -> Result<Done<wire::Share>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.share else {
        return Err(missing(fields, "share"));
    };
    let chart = chart::at(revision.connection, call.now).await?;
    let desk = register.desk::<StoredShare>(&chart, call.now);
    let share = read(revision.connection, call, &mut fields, &desk, wanted, heard).await?;
    fields.finish()?;
    let share = share.ok_or_else(|| Fault::internal("a share without terms"))?;
    let left = &share.requested;
    write::draft::<StoredShare>(revision, call, id, share.purpose, left).await?;
    share::put(revision.connection, id, &share, left).await?;
    let happened = Happened::plain(ApprovalEvent::Created);
    write::done::<StoredShare>(revision, call, &desk, id, happened).await
}

/// Writes the form again; only whoever applies may, while it is theirs.
pub(super) async fn update(
    register: &Register,
    call: Call,
    request: UpdateShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let heard = selection::of_form(register, request.share.as_ref()).await?;
    register
        .change(call, claim, (request, heard), move |revision, asking| {
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
    (request, heard): &(UpdateShareRequest, Heard),
) -> Result<Done<wire::Share>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.share else {
        return Err(missing(fields, "share"));
    };
    let id = fields.name("share.name", &wanted.name, SHARES);
    let etag = fields.etag("share.etag", &wanted.etag);
    let chart = chart::at(revision.connection, call.now).await?;
    let desk = register.desk::<StoredShare>(&chart, call.now);
    let share = read(revision.connection, call, &mut fields, &desk, wanted, heard).await?;
    fields.finish()?;
    let wanted = Wanted {
        id: id.unwrap_or_default(),
        etag,
    };
    let stored: StoredShare = write::open_form(revision, call, &wanted).await?;
    let share = share.ok_or_else(|| Fault::internal("a share without terms"))?;
    let case = Case {
        terms: share.requested.clone(),
        ..stored.case()
    };
    let (id, purpose) = (wanted.id, share.purpose);
    approval::update(revision.connection, id, purpose, &case, desk.flow).await?;
    share::put(revision.connection, id, &share, &case.terms).await?;
    let happened = Happened::plain(ApprovalEvent::Changed);
    write::done::<StoredShare>(revision, call, &desk, id, happened).await
}

/// Reads a form, and finds the people it names.
async fn read(
    connection: &mut PgConnection,
    call: &Call,
    fields: &mut Fields,
    desk: &Desk<'_>,
    wanted: &wire::Share,
    heard: &Heard,
) -> Result<Option<Share>, Fault> {
    let purpose: Option<Purpose> = fields.required_enum("share.purpose", wanted.purpose);
    let mode: Option<ShareMode> = fields.required_enum("share.mode", wanted.mode);
    fields.required_text("share.justification", &wanted.justification, MOST_TEXT);
    let Some(requested) = &wanted.requested else {
        fields.refuse("share.requested", Violation::Required);
        return Ok(None);
    };
    let at = "share.requested";
    let reader = call.context.subject.id;
    let requested =
        StoredShare::read_terms(connection, fields, desk, at, requested, heard, reader).await?;
    let whole = purpose.zip(mode).zip(requested);
    Ok(whole.map(|((purpose, mode), requested)| Share {
        purpose,
        justification: wanted.justification.clone(),
        mode,
        requested,
        accompanied_until: None,
    }))
}

/// Receivers are employees who are here; a companion is of customer service, and neither
/// receives nor applies.
pub(super) async fn people(
    connection: &mut PgConnection,
    fields: &mut Fields,
    desk: &Desk<'_>,
    at: &str,
    terms: &ShareTerms,
    applicant: Uuid,
) -> Result<(), Fault> {
    for (place, receiver) in terms.receivers.iter().enumerate() {
        let here = desk.chart.present.contains(receiver);
        fields.ensure(here, format!("{at}.receivers[{place}]"), Violation::Unknown);
    }
    let Some(companion) = terms.companion else {
        return Ok(());
    };
    let field = format!("{at}.companion");
    let involved = companion == applicant || terms.receivers.contains(&companion);
    fields.ensure(!involved, &field, Violation::Contradiction);
    let found = employee::get(connection, companion).await?;
    let department = found.and_then(|one| one.department);
    let serves = department.is_some_and(|department| {
        desk.chart.present.contains(&companion)
            && desk
                .chart
                .is_within(department, &desk.flow.companion_departments)
    });
    fields.ensure(serves, &field, Violation::Unknown);
    Ok(())
}
