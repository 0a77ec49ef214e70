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
use uuid::Uuid;

use super::{
    Register,
    write::{self, Happened, Wanted},
};
use crate::{
    api::{
        missing,
        write::{Done, claim},
    },
    domain::{
        approval::{Case, Chart, Flow, Refusal, State},
        share::{KIND, MOST_TEXT, SHARES, Share, ShareTerms},
    },
    store::{
        approval::{self, New},
        changes::Revision,
        chart, employee, share,
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
    let (caller, owner) = (call.clone(), register.clone());
    register
        .change(&call, claim, move |revision| {
            let (call, register, request) = (caller.clone(), owner.clone(), request.clone());
            Box::pin(async move { add(revision, &call, register.shares(), id, &request).await })
        })
        .await
}

async fn add(
    revision: &mut Revision<'_>,
    call: &Call,
    flow: &Flow,
    id: Uuid,
    request: &CreateShareRequest,
) -> Result<Done<wire::Share>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.share else {
        return Err(missing(fields, "share"));
    };
    let applicant = call.context.subject.id;
    let chart = chart::at(revision.connection, call.now).await?;
    let share = read(revision, call, &mut fields, flow, &chart, wanted).await?;
    fields.finish()?;
    let share = share.ok_or_else(|| Fault::internal("a share without terms"))?;
    let department = department_of(revision, applicant).await?;
    let case = Case::draft(applicant, department, share.requested.clone(), call.now);
    let new = New {
        id,
        kind: KIND,
        purpose: share.purpose,
        case: &case,
    };
    approval::insert(revision.connection, &new, call.now).await?;
    share::put(revision.connection, id, &share, &case.terms).await?;
    write::done(
        revision,
        call,
        flow,
        &chart,
        id,
        Happened::plain(ApprovalEvent::Created),
    )
    .await
}

/// Writes the form again; only whoever applies may, while it is theirs.
pub(super) async fn update(
    register: &Register,
    call: Call,
    request: UpdateShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let (caller, owner) = (call.clone(), register.clone());
    register
        .change(&call, claim, move |revision| {
            let (call, register, request) = (caller.clone(), owner.clone(), request.clone());
            Box::pin(async move { again(revision, &call, register.shares(), &request).await })
        })
        .await
}

async fn again(
    revision: &mut Revision<'_>,
    call: &Call,
    flow: &Flow,
    request: &UpdateShareRequest,
) -> Result<Done<wire::Share>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.share else {
        return Err(missing(fields, "share"));
    };
    let id = fields.name("share.name", &wanted.name, SHARES);
    let etag = fields.etag("share.etag", &wanted.etag);
    let chart = chart::at(revision.connection, call.now).await?;
    let share = read(revision, call, &mut fields, flow, &chart, wanted).await?;
    fields.finish()?;
    let wanted = Wanted {
        id: id.unwrap_or_default(),
        etag,
    };
    let stored = write::open(revision, call, &wanted).await?;
    let share = share.ok_or_else(|| Fault::internal("a share without terms"))?;
    let case = stored.case();
    if case.applicant != call.context.subject.id {
        return Err(write::refused(Refusal::NotTheApplicant));
    }
    if !matches!(case.state, State::Draft | State::Returned) {
        return Err(write::refused(Refusal::State(case.state)));
    }
    let case = Case {
        terms: share.requested.clone(),
        ..case
    };
    let id = stored.approval.id;
    approval::update(revision.connection, id, share.purpose, &case, flow).await?;
    share::put(revision.connection, id, &share, &case.terms).await?;
    write::done(
        revision,
        call,
        flow,
        &chart,
        id,
        Happened::plain(ApprovalEvent::Changed),
    )
    .await
}

async fn department_of(revision: &mut Revision<'_>, applicant: Uuid) -> Result<Uuid, Fault> {
    let applicant = employee::get(revision.connection, applicant).await?;
    let department = applicant.and_then(|one| one.department);
    department.ok_or_else(|| Fault::internal("an applicant without a department"))
}

/// Reads a form, and finds the people it names.
async fn read(
    revision: &mut Revision<'_>,
    call: &Call,
    fields: &mut Fields,
    flow: &Flow,
    chart: &Chart,
    wanted: &wire::Share,
) -> Result<Option<Share>, Fault> {
    let purpose: Option<Purpose> = fields.required_enum("share.purpose", wanted.purpose);
    let mode: Option<ShareMode> = fields.required_enum("share.mode", wanted.mode);
    fields.required_text("share.justification", &wanted.justification, MOST_TEXT);
    let Some(requested) = &wanted.requested else {
        fields.refuse("share.requested", Violation::Required);
        return Ok(None);
    };
    let at = "share.requested";
    let requested = super::messages::terms(fields, at, requested, call.now);
    let Some(requested) = requested else {
        return Ok(None);
    };
    people(
        revision,
        fields,
        flow,
        chart,
        at,
        &requested,
        call.context.subject.id,
    )
    .await?;
    Ok(purpose.zip(mode).map(|(purpose, mode)| Share {
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
    revision: &mut Revision<'_>,
    fields: &mut Fields,
    flow: &Flow,
    chart: &Chart,
    at: &str,
    terms: &ShareTerms,
    applicant: Uuid,
) -> Result<(), Fault> {
    for (place, receiver) in terms.receivers.iter().enumerate() {
        let here = chart.present.contains(receiver);
        fields.ensure(here, format!("{at}.receivers[{place}]"), Violation::Unknown);
    }
    let Some(companion) = terms.companion else {
        return Ok(());
    };
    let field = format!("{at}.companion");
    let involved = companion == applicant || terms.receivers.contains(&companion);
    fields.ensure(!involved, &field, Violation::Contradiction);
    let found = employee::get(revision.connection, companion).await?;
    let department = found.and_then(|one| one.department);
    let serves = department.is_some_and(|department| {
        chart.present.contains(&companion)
            && chart.is_within(department, &flow.companion_departments)
    });
    fields.ensure(serves, &field, Violation::Unknown);
    Ok(())
}
