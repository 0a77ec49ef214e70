//! Who tells customers for us (SG-2.4). Where nobody does, a person does.

use kefu_contracts::{
    common::Channel,
    ticket::{Language, NoticeEvent},
};
use uuid::Uuid;

/// What a customer is to be told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    /// The same however often it is sent.
    pub(crate) id: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) ticket_number: String,
    pub(crate) event: NoticeEvent,
    pub(crate) language: Language,
    /// One of these; any, where there is none.
    pub(crate) channels: Vec<Channel>,
    pub(crate) text: String,
}

/// It was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    /// `UNSPECIFIED` where that is not said.
    pub(crate) channel: Channel,
    pub(crate) reference: String,
}

/// Why it was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// The messenger was not reached, or did not answer in time: it is asked again.
    Silent,
    /// It cannot tell this customer, or its answer is none of those that there are.
    Refused,
}

/// The company's way to its customers.
#[tonic::async_trait]
pub(crate) trait Messenger: Send + Sync {
    /// Has a customer told; once, however often it is asked for the same word.
    async fn send(&self, word: &Word) -> Result<Taken, NotTaken>;
}
