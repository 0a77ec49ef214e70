//! What people do to a share on its way.

use kefu_contracts::access::{
    self as wire, AccompanyShareRequest, ActivateShareRequest, ApprovalEvent, ApproveShareRequest,
    RejectShareRequest, ReturnShareRequest, RevokeShareRequest, SubmitShareRequest,
    WithdrawShareRequest,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};

use super::{Register, selection};
use crate::{
    api::{
        approvals::{
            Kind,
            act::{What, act, asked, opened},
            write::{self, Happened},
        },
        messages::moment,
        write::{Done, claim},
    },
    domain::{approval::Act, share::SHARES},
    store::{changes::Revision, chart, share::StoredShare},
};

/// Hands it in.
pub(super) async fn submit(
    register: &Register,
    call: Call,
    request: SubmitShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let what = What::<StoredShare>::Plain(Act::Submit);
    act(register, call, &request, asked!(request, etag false), what).await
}

/// Agrees, to all or to less.
pub(super) async fn approve(
    register: &Register,
    call: Call,
    request: ApproveShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let heard = selection::of_approval(register, &call, &request).await?;
    let what = What::<StoredShare>::Approve(request.terms.clone(), heard);
    act(
        register,
        call,
        &request,
        asked!(request, etag true, comment false),
        what,
    )
    .await
}

/// Gives it back to be changed.
pub(super) async fn give_back(
    register: &Register,
    call: Call,
    request: ReturnShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let what = What::<StoredShare>::Plain(Act::Return);
    act(
        register,
        call,
        &request,
        asked!(request, etag true, comment true),
        what,
    )
    .await
}

/// Says no.
pub(super) async fn reject(
    register: &Register,
    call: Call,
    request: RejectShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let what = What::<StoredShare>::Plain(Act::Reject);
    act(
        register,
        call,
        &request,
        asked!(request, etag true, comment true),
        what,
    )
    .await
}

/// Takes one's own back.
pub(super) async fn withdraw(
    register: &Register,
    call: Call,
    request: WithdrawShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let what = What::<StoredShare>::Plain(Act::Withdraw);
    act(
        register,
        call,
        &request,
        asked!(request, comment false),
        what,
    )
    .await
}

/// Puts it to use.
pub(super) async fn activate(
    register: &Register,
    call: Call,
    request: ActivateShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let what = What::<StoredShare>::Plain(Act::Activate);
    act(register, call, &request, asked!(request), what).await
}

/// Takes it back from those who have it.
pub(super) async fn revoke(
    register: &Register,
    call: Call,
    request: RevokeShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let what = What::<StoredShare>::Plain(Act::Revoke);
    act(
        register,
        call,
        &request,
        asked!(request, comment true),
        what,
    )
    .await
}

/// Agrees to accompany, or no longer.
pub(super) async fn accompany(
    register: &Register,
    call: Call,
    request: AccompanyShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(stand_by(
                revision,
                &asking.call,
                &asking.register,
                &asking.request,
            ))
        })
        .await
}

async fn stand_by(
    revision: &mut Revision<'_>,
    call: &Call,
    register: &Register,
    request: &AccompanyShareRequest,
) -> Result<Done<wire::Share>, Fault> {
    let mut fields = Fields::new();
    let wanted = asked!(request).wanted(&mut fields, SHARES);
    let until = moment(&mut fields, "until", request.until.as_ref());
    fields.ensure(
        until.is_none_or(|until| until > call.now),
        "until",
        Violation::Time,
    );
    fields.finish()?;
    let chart = chart::at(revision.connection, call.now).await?;
    let desk = register.desk::<StoredShare>(&chart, call.now);
    let (mut stored, case) = opened::<StoredShare>(revision, call, &desk, &wanted).await?;
    let actor = call.context.subject.id;
    stored
        .share
        .accompany(&case, actor, until)
        .map_err(write::refused)?;
    stored.save(revision, &desk, &case).await?;
    let happened = Happened::plain(ApprovalEvent::Accompanied);
    write::done::<StoredShare>(revision, call, &desk, wanted.id, happened).await
}
