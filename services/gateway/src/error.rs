//! The gateway's refusals as faults of the suite. What is known about a call when it
//! is refused goes to the journal; what helps the caller goes into the answer.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use kefu_access::{Denial, Whom};
use kefu_contracts::{Method, access::RefusalRecord, common::Reason, policy::Purpose};
use kefu_service::{
    error::{Fault, Violation, reason_name},
    time::to_proto,
};
use tonic::Status;
use uuid::Uuid;

/// When to come back to a gateway that has too many calls, or cannot decide.
pub(crate) const COME_BACK: Duration = Duration::from_secs(1);

/// Longest path that is journaled: of an unknown method it is the caller's own text.
const PATH: usize = 200;

/// How much of the journal a refusal may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Journaling {
    /// Every time.
    Always,
    /// Within the bound of all strangers together: nobody vouches for the caller.
    Stranger,
    /// With others like it, once a second: see `tally`.
    Counted,
}

/// What is known about a call so far; filled in layer by layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// One moment for the whole call.
    pub(crate) now: Timestamp,
    pub(crate) method: Option<&'static Method>,
    /// Whom the issuer vouches for, though perhaps no longer.
    pub(crate) subject: Option<Uuid>,
    pub(crate) purpose: Purpose,
    pub(crate) revision: i64,
    pub(crate) journaling: Journaling,
    /// Refused for want of the issuer's newest keys.
    pub(crate) keys_wanted: bool,
}

impl Seen {
    /// Nothing yet.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self {
            now,
            method: None,
            subject: None,
            purpose: Purpose::Unspecified,
            revision: 0,
            journaling: Journaling::Stranger,
            keys_wanted: false,
        }
    }

    /// The refusal as access-control journals it.
    pub(crate) fn record(&self, id: Uuid, path: &str, reason: Reason) -> RefusalRecord {
        let end = path.floor_char_boundary(PATH);
        RefusalRecord {
            id: id.as_bytes().to_vec(),
            at: Some(to_proto(self.now)),
            subject_id: self
                .subject
                .map(|id| id.as_bytes().to_vec())
                .unwrap_or_default(),
            method: path[..end].to_owned(),
            permission: self
                .method
                .map(|method| method.permission)
                .unwrap_or_default()
                .to_owned(),
            purpose: self.purpose.into(),
            reason: reason_name(reason).to_owned(),
            policy_revision: self.revision,
            repeated_count: 0,
        }
    }
}

/// More than the gateway, or the subject's share of it, can take.
pub(crate) fn overloaded(retry_after: Duration) -> Fault {
    Fault::new(Reason::Overloaded).retry_after(retry_after)
}

/// More bytes than a message, or all metadata, may have.
pub(crate) fn message_too_large(most: u32) -> Fault {
    Fault::new(Reason::MessageTooLarge).with("limit_bytes", most.to_string())
}

/// No length-prefixed message, or one that ends before its length.
pub(crate) fn frame_invalid() -> Fault {
    Fault::new(Reason::FrameInvalid)
}

/// The policy is too old to decide upon, or was never there: nobody gets in.
pub(crate) fn policy_stale() -> Fault {
    Fault::new(Reason::PolicyStale).retry_after(COME_BACK)
}

/// The caller may go on, but by other rules than the service was told of: the call
/// is to be made again, and is decided anew.
pub(crate) fn decided_anew() -> Fault {
    Fault::new(Reason::PolicyStale).retry_after(Duration::ZERO)
}

/// A dead connection speaks of itself, not of the call: nothing of it leaves.
pub(crate) fn upstream_unavailable() -> Fault {
    Fault::new(Reason::UpstreamUnavailable).retry_after(COME_BACK)
}

/// The service was gone a moment ago, and is given this long to come back.
pub(crate) fn upstream_down(left: Duration) -> Fault {
    Fault::new(Reason::UpstreamUnavailable).retry_after(left)
}

/// Why a body of another spelling cannot be made into messages; it passes as the body's own
/// failure, and `frames` tells it from a caller that is gone.
#[derive(Debug)]
pub(crate) struct Unreadable(Fault);

impl Unreadable {
    /// The failure of a body that is to be refused like this.
    pub(crate) fn status(fault: Fault) -> Status {
        let mut status = Status::invalid_argument("the request cannot be read");
        status.set_source(Arc::new(Self(fault)));
        status
    }

    /// How the body is to be refused, where that is why it failed.
    pub(crate) fn why(status: &Status) -> Option<Fault> {
        let source = status.source()?.downcast_ref::<Self>()?;
        Some(source.0.clone())
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(reason_name(self.0.reason))
    }
}

impl Error for Unreadable {}

/// The purpose is missing, or none of the contract's.
pub(crate) fn purpose(violation: Violation) -> Fault {
    Fault {
        violations: vec![(kefu_service::call::PURPOSE.to_owned(), violation)],
        ..Fault::new(Reason::PurposeRequired)
    }
}

/// Says which rule refused, and whom to ask (promise 5).
pub(crate) fn denied(denial: Denial) -> Fault {
    let fault = Fault::new(denial.reason).with("rule", denial.rule);
    if denial.ask.is_empty() {
        return fault;
    }
    let english: Vec<_> = denial.ask.iter().map(ToString::to_string).collect();
    let in_chinese = |whom: &Whom| whom.in_chinese(&whom.name());
    let chinese: Vec<_> = denial.ask.iter().map(in_chinese).collect();
    fault.with_words("ask", english.join(", "), chinese.join("、"))
}
