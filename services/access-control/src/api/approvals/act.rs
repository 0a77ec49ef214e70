//! What people do to a request on its way.

use kefu_contracts::access::ApprovalEvent;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
};
use prost::Message;
use uuid::Uuid;

use super::{
    Desk, Kind,
    write::{self, Happened, Wanted},
};
use crate::{
    api::{
        Register,
        write::{Done, claim},
    },
    domain::approval::{Act, Case, Hat, Refusal, State},
    store::{changes::Revision, chart},
};

/// Most characters of a justification, comment or note.
pub(crate) const MOST_TEXT: usize = 1000;

/// What a request to act says, whatever it does.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) name: String,
    /// Empty where the act does not depend on what was read.
    pub(crate) etag: String,
    pub(crate) etag_required: bool,
    pub(crate) comment: String,
    pub(crate) comment_required: bool,
    pub(crate) request_id: String,
}

/// A request as it is read in the same way everywhere.
macro_rules! asked {
    ($request:expr $(, etag $etag:expr)? $(, comment $comment:expr)?) => {{
        #[allow(unused_mut, reason = "not every request has both")]
        let mut asked = $crate::api::approvals::act::Asked {
            name: $request.name.clone(),
            etag: String::new(),
            etag_required: false,
            comment: String::new(),
            comment_required: false,
            request_id: $request.request_id.clone(),
        };
        $(asked.etag = $request.etag.clone(); asked.etag_required = $etag;)?
        $(asked.comment = $request.comment.clone(); asked.comment_required = $comment;)?
        asked
    }};
}
pub(crate) use asked;

impl Asked {
    /// Reads it; what cannot be read is noted.
    pub(crate) fn wanted(&self, fields: &mut Fields, collection: &str) -> Wanted {
        fields.request_id(&self.request_id);
        let id = fields.name("name", &self.name, collection);
        let etag = match self.etag.as_str() {
            "" if !self.etag_required => None,
            etag => fields.etag("etag", etag),
        };
        if self.comment_required {
            fields.required_text("comment", &self.comment, MOST_TEXT);
        } else {
            fields.text("comment", &self.comment, MOST_TEXT);
        }
        Wanted {
            id: id.unwrap_or_default(),
            etag,
        }
    }
}

/// What is done to a request, the same for all kinds.
#[derive(Clone)]
pub(crate) enum What<K: Kind> {
    Plain(Act<K::Terms>),
    Approve(Option<K::TermsMessage>, K::Heard),
}

impl<K: Kind> What<K> {
    /// What has happened once it is done.
    fn event(&self) -> ApprovalEvent {
        match self {
            Self::Approve(..) | Self::Plain(Act::Approve(_)) => ApprovalEvent::Approved,
            Self::Plain(Act::Submit) => ApprovalEvent::Submitted,
            Self::Plain(Act::Return) => ApprovalEvent::Returned,
            Self::Plain(Act::Reject) => ApprovalEvent::Rejected,
            Self::Plain(Act::Withdraw) => ApprovalEvent::Withdrawn,
            Self::Plain(Act::Activate | Act::CarryOut) => ApprovalEvent::Activated,
            Self::Plain(Act::Revoke) => ApprovalEvent::Revoked,
        }
    }
}

/// Does it, once for each request id.
pub(crate) async fn act<K: Kind, M: Message>(
    register: &Register,
    call: Call,
    request: &M,
    asked: Asked,
    what: What<K>,
) -> Result<Answer<K::Message>, Fault> {
    let claim = claim(&call, &asked.request_id, request);
    register
        .change(call, claim, (asked, what), move |revision, asking| {
            Box::pin(attempt(
                revision,
                &asking.call,
                &asking.register,
                &asking.request.0,
                asking.request.1.clone(),
            ))
        })
        .await
}

async fn attempt<K: Kind>(
    revision: &mut Revision<'_>,
    call: &Call,
    register: &Register,
    asked: &Asked,
    what: What<K>,
) -> Result<Done<K::Message>, Fault> {
    let mut fields = Fields::new();
    let wanted = asked.wanted(&mut fields, K::COLLECTION);
    let chart = chart::at(revision.connection, call.now).await?;
    let desk = register.desk::<K>(&chart, call.now);
    let actor = call.context.subject.id;
    let terms = match &what {
        What::Approve(Some(terms), heard) => {
            K::read_terms(
                revision.connection,
                &mut fields,
                &desk,
                "terms",
                terms,
                heard,
                actor,
            )
            .await?
        }
        _ => None,
    };
    fields.finish()?;
    let (stored, mut case) = opened::<K>(revision, call, &desk, &wanted).await?;
    let event = what.event();
    stored.check(&case, event, terms.as_ref())?;
    if event == ApprovalEvent::Submitted {
        // Judged by where its applicant is now, not by where the form was written (CF-6.1).
        case.department = write::department_of(revision.connection, case.applicant).await?;
    }
    let stage = case.stage;
    let in_review = case.state == State::InReview;
    let hat = decide::<K>(&mut case, actor, what, terms, &desk)?;
    stored.save(revision, &desk, &case).await?;
    let happened = Happened {
        event,
        stage: in_review.then_some(stage),
        hat,
        comment: &asked.comment,
    };
    write::done::<K>(revision, call, &desk, wanted.id, happened).await
}

/// The request within reach, locked, and where it stands at this moment.
pub(crate) async fn opened<K: Kind>(
    revision: &mut Revision<'_>,
    call: &Call,
    desk: &Desk<'_>,
    wanted: &Wanted,
) -> Result<(K, Case<K::Terms>), Fault> {
    let mut stored: K = write::open(revision, call, wanted).await?;
    let mut case = stored.case();
    write::time_passed(revision.connection, desk, &mut stored, &mut case).await?;
    Ok((stored, case))
}

fn decide<K: Kind>(
    case: &mut Case<K::Terms>,
    actor: Uuid,
    what: What<K>,
    terms: Option<K::Terms>,
    desk: &Desk<'_>,
) -> Result<Option<Hat>, Fault> {
    let act = match what {
        What::Plain(act) => act,
        What::Approve(_, heard) => {
            let wider = terms
                .as_ref()
                .map(|terms| K::wider_fields(terms, &case.terms));
            let hat = case.act(actor, Act::Approve(terms), desk.flow, desk.chart, desk.now);
            let hat = hat.map_err(|refusal| match refusal {
                Refusal::Wider => write::wider(wider.unwrap_or_default()),
                refusal => write::refused(refusal),
            })?;
            if case.state == State::Approved {
                K::settle(&mut case.terms, &heard)?;
                if K::BEGINS_BY_ITSELF {
                    case.put_to_use(desk.now).map_err(write::refused)?;
                }
            }
            return Ok(hat);
        }
    };
    let hat = case.act(actor, act, desk.flow, desk.chart, desk.now);
    hat.map_err(write::refused)
}
