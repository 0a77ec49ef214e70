//! Moving to another department at a moment (CC-1.1).

use jiff::Timestamp;
use kefu_contracts::access::TransferState;
use uuid::Uuid;

/// Collection of transfers in resource names.
pub const TRANSFERS: &str = "transfers";

/// Somebody moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Its key.
    pub id: Uuid,
    /// Who moves.
    pub employee: Uuid,
    /// Where to.
    pub department: Uuid,
    /// When.
    pub effective_at: Timestamp,
    /// When it was carried out.
    pub applied_at: Option<Timestamp>,
    /// When it was called off.
    pub cancelled_at: Option<Timestamp>,
}

impl Transfer {
    /// | state     | leads to                                              |
    /// |-----------|-------------------------------------------------------|
    /// | scheduled | applied when its time comes, cancelled when called off |
    /// | applied   | –                                                     |
    /// | cancelled | –                                                     |
    pub fn state(&self) -> TransferState {
        if self.applied_at.is_some() {
            TransferState::Applied
        } else if self.cancelled_at.is_some() {
            TransferState::Cancelled
        } else {
            TransferState::Scheduled
        }
    }
}
