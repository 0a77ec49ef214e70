//! The states of a borrowed copy, and the one table of what leads where.

use kefu_contracts::access::BorrowedItemState;

/// Where a copy stands. That it is overdue is no state, but a fact of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemState {
    /// Asked for.
    Requested,
    /// May be handed out.
    Approved,
    /// With the borrower.
    Out,
    /// Back, inspected and intact.
    Back,
    /// Back, inspected and damaged.
    Damaged,
    /// Not to be found.
    Lost,
    /// Was damaged or lost, and it was decided what comes of it.
    FollowedUp,
    /// Stays out under the borrowing that prolongs this one.
    Renewed,
    /// Not approved, or never fetched.
    Dropped,
}

/// What happens to a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemEvent {
    /// Both approvers agreed.
    Approve,
    /// An approver left it out, the request came to nothing, or nobody fetched it.
    Drop,
    /// The archive manager hands it out.
    HandOut,
    /// It comes back, and the inspection finds nothing.
    PassIntact,
    /// It comes back, and the inspection finds damage.
    FindDamage,
    /// It cannot be found, or the inspection finds it missing.
    Lose,
    /// It stays out under another borrowing.
    Renew,
    /// It is decided what comes of the damage or loss.
    FollowUp,
}

/// What leads where; whatever does not stand here cannot happen (CF-9.2).
pub const TABLE: [(ItemState, ItemEvent, ItemState); 12] = {
    use ItemEvent as E;
    use ItemState as S;
    [
        (S::Requested, E::Approve, S::Approved),
        (S::Requested, E::Drop, S::Dropped),
        (S::Approved, E::HandOut, S::Out),
        (S::Approved, E::Drop, S::Dropped),
        (S::Out, E::PassIntact, S::Back),
        (S::Out, E::FindDamage, S::Damaged),
        (S::Out, E::Lose, S::Lost),
        (S::Out, E::Renew, S::Renewed),
        // Found again, before it was settled.
        (S::Lost, E::PassIntact, S::Back),
        (S::Lost, E::FindDamage, S::Damaged),
        (S::Damaged, E::FollowUp, S::FollowedUp),
        (S::Lost, E::FollowUp, S::FollowedUp),
    ]
};

impl ItemState {
    /// Each of them.
    pub const EVERY: [Self; 9] = [
        Self::Requested,
        Self::Approved,
        Self::Out,
        Self::Back,
        Self::Damaged,
        Self::Lost,
        Self::FollowedUp,
        Self::Renewed,
        Self::Dropped,
    ];

    /// Where the event leads from here; `None` where it cannot happen.
    pub fn after(self, event: ItemEvent) -> Option<Self> {
        let row = |(from, what, _): &&(Self, ItemEvent, Self)| *from == self && *what == event;
        TABLE.iter().find(row).map(|(_, _, to)| *to)
    }

    /// Whether nothing remains to be done about it.
    pub fn is_settled(self) -> bool {
        TABLE.iter().all(|(from, _, _)| *from != self)
    }

    /// As the database keeps it: `followed_up`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Out => "out",
            Self::Back => "back",
            Self::Damaged => "damaged",
            Self::Lost => "lost",
            Self::FollowedUp => "followed_up",
            Self::Renewed => "renewed",
            Self::Dropped => "dropped",
        }
    }

    /// The state kept under this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|state| state.as_str() == name)
    }

    /// As messages carry it.
    pub fn to_proto(self) -> BorrowedItemState {
        match self {
            Self::Requested => BorrowedItemState::Requested,
            Self::Approved => BorrowedItemState::Approved,
            Self::Out => BorrowedItemState::Out,
            Self::Back => BorrowedItemState::Back,
            Self::Damaged => BorrowedItemState::Damaged,
            Self::Lost => BorrowedItemState::Lost,
            Self::FollowedUp => BorrowedItemState::FollowedUp,
            Self::Renewed => BorrowedItemState::Renewed,
            Self::Dropped => BorrowedItemState::Dropped,
        }
    }
}
