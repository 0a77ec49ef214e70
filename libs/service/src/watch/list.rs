//! What is told of a list that is followed, whatever it is a list of.

use kefu_contracts::journal::event::Event;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::{call::Call, error::Fault, present::Shown, scope::RecordSpec};

/// A list whose changes can be followed.
#[tonic::async_trait]
pub trait Watchable: Clone + Send + Sync + 'static {
    /// As the list shows one.
    type Record: Send;
    /// A message of the open answer.
    type Response: Send + 'static;

    /// Under which every look at the list is taken. Its scope looks at the customer.
    const RECORD: &'static RecordSpec;
    /// Collection of the resource names: `tickets`.
    const COLLECTION: &'static str;
    /// How the journal tells of a look: `ticket.viewed`.
    const VIEWED: &'static str;

    /// The record that an entry of the service's journal tells of, if what this caller sees of
    /// the list may be another by it.
    fn named(event: &Event, caller: Uuid) -> Option<Uuid>;

    /// The key of a row, and what of it leaves, as the list shows it; told at the time of `call`.
    async fn present(&self, call: &Call, row: &PgRow)
    -> Result<(Uuid, Self::Record, Shown), Fault>;

    /// As the contract carries it.
    fn response(told: Told<Self::Record>) -> Self::Response;
}

/// A message of an open answer, whatever it is about.
pub struct Told<R> {
    /// As the list shows them now.
    pub changed: Vec<R>,
    /// Names of those that were shown or held, and are there no longer.
    pub left: Vec<String>,
    /// Where to go on; empty where more of the same stretch follows.
    pub resume_token: String,
    /// Nothing more could be read when this was sent.
    pub caught_up: bool,
    /// More were shown than are remembered: list anew.
    pub relist: bool,
}

impl<R> Default for Told<R> {
    fn default() -> Self {
        Self {
            changed: Vec::new(),
            left: Vec::new(),
            resume_token: String::new(),
            caught_up: false,
            relist: false,
        }
    }
}

/// What a request to watch says.
pub struct AskedToWatch<'a> {
    /// AIP-160.
    pub filter: &'a str,
    /// Of a message of before; empty: from now on.
    pub resume_token: &'a str,
    /// Names that the caller holds.
    pub held: &'a [String],
}
