//! The company's own systems behind orders. Where there is none, a person does it.

use kefu_contracts::order::Order;
use uuid::Uuid;

/// It was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    /// By which the order system knows it; may be empty.
    pub(crate) reference: String,
}

/// Why it was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// The system was not reached, or did not answer in time: it is asked again.
    Silent,
    /// It will not, or its answer is none of those that there are.
    Refused,
}

/// The company's order system (OP-3.4.3). Under the same id it answers alike, and takes an order
/// once, however often it is asked.
#[tonic::async_trait]
pub(crate) trait OrderSystem: Send + Sync {
    async fn submit(&self, id: Uuid, order: &Order) -> Result<Taken, NotTaken>;
    async fn withdraw(&self, id: Uuid) -> Result<(), NotTaken>;
}
