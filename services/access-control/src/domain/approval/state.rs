//! The states of a request, and the one table of what leads where.

use kefu_contracts::access::ApprovalState;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Being written.
    Draft,
    /// Before the approvers of a stage.
    InReview,
    /// Back with the applicant, to be changed.
    Returned,
    /// Through all stages; waits to be activated.
    Approved,
    /// Activated, its period has not begun.
    Scheduled,
    /// In its period.
    Active,
    /// Its period is over.
    Ended,
    /// An approver said no.
    Rejected,
    /// The applicant took it back.
    Withdrawn,
    /// Nobody decided or activated it in time.
    Expired,
    /// Taken back after it was approved.
    Revoked,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The applicant hands it in.
    Submit,
    /// An approver agrees, and there is a further stage.
    Pass,
    /// The last approver agrees.
    Approve,
    /// An approver gives it back to be changed.
    Return,
    /// An approver says no.
    Reject,
    /// The applicant takes it back.
    Withdraw,
    /// Time ran out.
    Expire,
    /// It is put to use, for a period to come.
    Schedule,
    /// It is put to use, or its period begins.
    Begin,
    /// Its period is over.
    End,
    /// It is taken back.
    Revoke,
}

/// What leads where; whatever does not stand here cannot happen.
pub const TABLE: [(State, Event, State); 21] = {
    use Event as E;
    use State as S;
    [
        (S::Draft, E::Submit, S::InReview),
        (S::Draft, E::Withdraw, S::Withdrawn),
        (S::InReview, E::Pass, S::InReview),
        (S::InReview, E::Approve, S::Approved),
        (S::InReview, E::Return, S::Returned),
        (S::InReview, E::Reject, S::Rejected),
        (S::InReview, E::Withdraw, S::Withdrawn),
        (S::InReview, E::Expire, S::Expired),
        (S::Returned, E::Submit, S::InReview),
        (S::Returned, E::Withdraw, S::Withdrawn),
        (S::Approved, E::Schedule, S::Scheduled),
        (S::Approved, E::Begin, S::Active),
        (S::Approved, E::Withdraw, S::Withdrawn),
        (S::Approved, E::Revoke, S::Revoked),
        (S::Approved, E::Expire, S::Expired),
        (S::Scheduled, E::Begin, S::Active),
        (S::Scheduled, E::Withdraw, S::Withdrawn),
        (S::Scheduled, E::Revoke, S::Revoked),
        (S::Active, E::End, S::Ended),
        (S::Active, E::Revoke, S::Revoked),
        // Given up before its time by the one who asked for it.
        (S::Active, E::Withdraw, S::Withdrawn),
    ]
};

impl State {
    /// Each of them.
    pub const EVERY: [Self; 11] = [
        Self::Draft,
        Self::InReview,
        Self::Returned,
        Self::Approved,
        Self::Scheduled,
        Self::Active,
        Self::Ended,
        Self::Rejected,
        Self::Withdrawn,
        Self::Expired,
        Self::Revoked,
    ];

    /// Where the event leads from here; `None` where it cannot happen.
    pub fn after(self, event: Event) -> Option<Self> {
        let row = |(from, what, _): &&(Self, Event, Self)| *from == self && *what == event;
        TABLE.iter().find(row).map(|(_, _, to)| *to)
    }

    /// Whether nothing can happen any more.
    pub fn is_over(self) -> bool {
        TABLE.iter().all(|(from, _, _)| *from != self)
    }

    /// As the database keeps it: `in_review`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::InReview => "in_review",
            Self::Returned => "returned",
            Self::Approved => "approved",
            Self::Scheduled => "scheduled",
            Self::Active => "active",
            Self::Ended => "ended",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// The state kept under this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|state| state.as_str() == name)
    }

    /// As messages carry it.
    pub fn to_proto(self) -> ApprovalState {
        match self {
            Self::Draft => ApprovalState::Draft,
            Self::InReview => ApprovalState::InReview,
            Self::Returned => ApprovalState::Returned,
            Self::Approved => ApprovalState::Approved,
            Self::Scheduled => ApprovalState::Scheduled,
            Self::Active => ApprovalState::Active,
            Self::Ended => ApprovalState::Ended,
            Self::Rejected => ApprovalState::Rejected,
            Self::Withdrawn => ApprovalState::Withdrawn,
            Self::Expired => ApprovalState::Expired,
            Self::Revoked => ApprovalState::Revoked,
        }
    }
}
