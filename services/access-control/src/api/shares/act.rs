//! What people do to a share on its way.

use kefu_contracts::access::{
    self as wire, AccompanyShareRequest, ActivateShareRequest, ApprovalEvent, ApproveShareRequest,
    RejectShareRequest, ReturnShareRequest, RevokeShareRequest, ShareMode, SubmitShareRequest,
    WithdrawShareRequest,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};
use prost::Message;

use super::{
    Register, form, messages,
    write::{self, Happened, Wanted},
};
use crate::{
    api::{
        messages::moment,
        write::{Done, claim},
    },
    domain::{
        approval::{Act, Refusal, State},
        share::{MOST_TEXT, SHARES, ShareTerms},
    },
    store::{changes::Revision, chart},
};

/// What a request to act on a share says.
#[derive(Clone)]
struct Asked {
    name: String,
    /// Empty where the act does not depend on what was read.
    etag: String,
    etag_required: bool,
    comment: String,
    comment_required: bool,
    request_id: String,
    what: What,
}

#[derive(Clone)]
enum What {
    Plain(ApprovalEvent, Act<ShareTerms>),
    Approve(Option<wire::ShareTerms>),
    Accompany(Option<prost_types::Timestamp>),
}

/// A request as it is read in the same way everywhere.
macro_rules! asked {
    ($request:expr, $what:expr $(, etag $etag:expr)? $(, comment $comment:expr)?) => {{
        #[allow(unused_mut, reason = "not every request has both")]
        let mut asked = Asked {
            name: $request.name.clone(),
            etag: String::new(),
            etag_required: false,
            comment: String::new(),
            comment_required: false,
            request_id: $request.request_id.clone(),
            what: $what,
        };
        $(asked.etag = $request.etag.clone(); asked.etag_required = $etag;)?
        $(asked.comment = $request.comment.clone(); asked.comment_required = $comment;)?
        asked
    }};
}

/// Hands it in.
pub(super) async fn submit(
    register: &Register,
    call: Call,
    request: SubmitShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let what = What::Plain(ApprovalEvent::Submitted, Act::Submit);
    act(register, call, &request, asked!(request, what, etag false)).await
}

/// Agrees, to all or to less.
pub(super) async fn approve(
    register: &Register,
    call: Call,
    request: ApproveShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let what = What::Approve(request.terms.clone());
    act(
        register,
        call,
        &request,
        asked!(request, what, etag true, comment false),
    )
    .await
}

/// Gives it back to be changed.
pub(super) async fn give_back(
    register: &Register,
    call: Call,
    request: ReturnShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let what = What::Plain(ApprovalEvent::Returned, Act::Return);
    act(
        register,
        call,
        &request,
        asked!(request, what, etag true, comment true),
    )
    .await
}

/// Says no.
pub(super) async fn reject(
    register: &Register,
    call: Call,
    request: RejectShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let what = What::Plain(ApprovalEvent::Rejected, Act::Reject);
    act(
        register,
        call,
        &request,
        asked!(request, what, etag true, comment true),
    )
    .await
}

/// Takes one's own back.
pub(super) async fn withdraw(
    register: &Register,
    call: Call,
    request: WithdrawShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let what = What::Plain(ApprovalEvent::Withdrawn, Act::Withdraw);
    act(
        register,
        call,
        &request,
        asked!(request, what, comment false),
    )
    .await
}

/// Puts it to use.
pub(super) async fn activate(
    register: &Register,
    call: Call,
    request: ActivateShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let what = What::Plain(ApprovalEvent::Activated, Act::Activate);
    act(register, call, &request, asked!(request, what)).await
}

/// Agrees to accompany, or no longer.
pub(super) async fn accompany(
    register: &Register,
    call: Call,
    request: AccompanyShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let what = What::Accompany(request.until);
    act(register, call, &request, asked!(request, what)).await
}

/// Takes it back from those who have it.
pub(super) async fn revoke(
    register: &Register,
    call: Call,
    request: RevokeShareRequest,
) -> Result<Answer<wire::Share>, Fault> {
    let what = What::Plain(ApprovalEvent::Revoked, Act::Revoke);
    act(
        register,
        call,
        &request,
        asked!(request, what, comment true),
    )
    .await
}

async fn act<M: Message>(
    register: &Register,
    call: Call,
    request: &M,
    asked: Asked,
) -> Result<Answer<wire::Share>, Fault> {
    let claim = claim(&call, &asked.request_id, request);
    let (caller, owner) = (call.clone(), register.clone());
    register
        .change(&call, claim, move |revision| {
            let (call, register, asked) = (caller.clone(), owner.clone(), asked.clone());
            Box::pin(async move { attempt(revision, &call, &register, asked).await })
        })
        .await
}

async fn attempt(
    revision: &mut Revision<'_>,
    call: &Call,
    register: &Register,
    asked: Asked,
) -> Result<Done<wire::Share>, Fault> {
    let flow = register.shares();
    let mut fields = Fields::new();
    fields.request_id(&asked.request_id);
    let id = fields.name("name", &asked.name, SHARES);
    let etag = match asked.etag.as_str() {
        "" if !asked.etag_required => None,
        etag => fields.etag("etag", etag),
    };
    if asked.comment_required {
        fields.required_text("comment", &asked.comment, MOST_TEXT);
    } else {
        fields.text("comment", &asked.comment, MOST_TEXT);
    }
    let chart = chart::at(revision.connection, call.now).await?;
    let actor = call.context.subject.id;
    let terms = match &asked.what {
        What::Approve(Some(terms)) => messages::terms(&mut fields, "terms", terms, call.now),
        _ => None,
    };
    if let Some(terms) = &terms {
        form::people(revision, &mut fields, flow, &chart, "terms", terms, actor).await?;
    }
    let until = match &asked.what {
        What::Accompany(until) => moment(&mut fields, "until", until.as_ref()),
        _ => None,
    };
    fields.ensure(
        until.is_none_or(|until| until > call.now),
        "until",
        Violation::Time,
    );
    fields.finish()?;

    let wanted = Wanted {
        id: id.unwrap_or_default(),
        etag,
    };
    let mut stored = write::open(revision, call, &wanted).await?;
    let companion = terms.as_ref().and_then(|terms| terms.companion);
    if companion == Some(stored.approval.applicant) {
        let field = "terms.companion".to_owned();
        return Err(Fault::fields(vec![(field, Violation::Contradiction)]));
    }
    let before = stored.case();
    let mut case = stored.case();
    write::time_passed(
        revision.connection,
        call.now,
        flow,
        &chart,
        &stored,
        &mut case,
    )
    .await?;
    let (event, hat) = match asked.what {
        What::Accompany(_) => {
            stored
                .share
                .accompany(&case, actor, until)
                .map_err(write::refused)?;
            (ApprovalEvent::Accompanied, None)
        }
        What::Approve(_) => {
            let wider = terms.as_ref().map(|terms| terms.wider_fields(&case.terms));
            let hat = case.act(actor, Act::Approve(terms), flow, &chart, call.now);
            let hat = hat.map_err(|refusal| match refusal {
                Refusal::Wider => write::wider(wider.unwrap_or_default()),
                refusal => write::refused(refusal),
            })?;
            (ApprovalEvent::Approved, hat)
        }
        What::Plain(_, Act::Activate) if stored.share.mode == ShareMode::Export => {
            return Err(write::refused(Refusal::CarriedOutInstead));
        }
        What::Plain(event, act) => {
            let hat = case.act(actor, act, flow, &chart, call.now);
            (event, hat.map_err(write::refused)?)
        }
    };
    write::save(revision, flow, &stored, &before, &case).await?;
    let happened = Happened {
        event,
        stage: (before.state == State::InReview).then_some(before.stage),
        hat,
        comment: &asked.comment,
    };
    write::done(revision, call, flow, &chart, stored.approval.id, happened).await
}
