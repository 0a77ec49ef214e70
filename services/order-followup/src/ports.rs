//! The company's own systems behind orders. Where there is none, a person does it.

use kefu_contracts::order::Order;
pub(crate) use kefu_service::connector::NotTaken;
use uuid::Uuid;

use crate::domain::stock::Got;

/// It was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    /// By which the order system knows it; may be empty.
    pub(crate) reference: String,
}

/// The company's order system (OP-3.4.3). Under the same id it answers alike, and takes an order
/// once, however often it is asked.
#[tonic::async_trait]
pub(crate) trait OrderSystem: Send + Sync {
    async fn submit(&self, id: Uuid, order: &Order) -> Result<Taken, NotTaken>;
    async fn withdraw(&self, id: Uuid) -> Result<(), NotTaken>;
}

/// So many of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pieces {
    pub(crate) sku: String,
    pub(crate) quantity: i32,
}

/// The company's own inventory (OP-3.4.2); where there is none, the built-in table serves, in the
/// transaction of the order (`store/stock.rs`). Under the same id it answers alike.
#[tonic::async_trait]
pub(crate) trait Inventory: Send + Sync {
    /// What there was of each, in their order.
    async fn reserve(&self, id: Uuid, pieces: &[Pieces]) -> Result<Vec<Got>, NotTaken>;
    async fn release(&self, id: Uuid) -> Result<(), NotTaken>;
    async fn consume(&self, id: Uuid) -> Result<(), NotTaken>;
}
