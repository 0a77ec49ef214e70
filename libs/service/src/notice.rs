//! What customers are told (SG-2.4), whatever it is about: an outbox that is written with what it
//! tells of, and sent after it by the company's connector or by hand. A service says what its
//! notices are about, where they are kept and what its contract calls them; the contracts number
//! states and acts alike.

mod kept;
mod look;
mod mark;
mod rules;
mod sending;

use jiff::Timestamp;
use kefu_contracts::{Resource, common::Channel, journal::event};
use sqlx::PgConnection;
use uuid::Uuid;

pub use self::{
    kept::{Columns, Stored},
    look::{get, list},
    mark::{Said, mark},
    rules::{RuleWords, channels, check, is_news},
    sending::{Answered, Messenger, Taken, Word, job, taken},
};
pub use crate::told;
use crate::{core::Core, error::Fault, scope::RecordSpec, sealed::Sealer};

/// Most characters of what is said of a notice or in it.
pub const LONGEST_TEXT: usize = 2_000;

/// What became of a notice so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// To be sent.
    Pending = 1,
    /// Sent.
    Sent = 2,
    /// Somebody tried, and the customer cannot be told.
    Failed = 3,
    /// The connector would or could not: somebody is to send it.
    Undelivered = 4,
}

/// What happened to a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Written.
    Written = 1,
    /// Sent, by whomever.
    Sent = 2,
    /// Somebody said that it cannot be.
    Failed = 3,
    /// The connector is asked no more.
    GivenUp = 4,
    /// It is given to the connector.
    Attempted = 5,
}

/// What the journal calls what happens to notices of one kind: `notice.sent`.
pub struct Names {
    /// Somebody looked at some.
    pub viewed: &'static str,
    /// Somebody asked for one, or to change one, and may not.
    pub refused: &'static str,
    /// One was written.
    pub written: &'static str,
    /// One is given to the connector.
    pub attempted: &'static str,
    /// One was sent.
    pub sent: &'static str,
    /// One cannot be.
    pub failed: &'static str,
    /// The connector is asked no more.
    pub given_up: &'static str,
}

/// A notice as it is after something happened to it, for the journal.
pub struct Change {
    /// What happened.
    pub act: Act,
    /// What became of it.
    pub state: State,
    /// By which it was sent.
    pub channel: Channel,
    /// Of its row.
    pub revision: i64,
}

/// How a notice ended.
pub struct Outcome<'a> {
    /// What became of it.
    pub state: State,
    /// When.
    pub at: Timestamp,
    /// By which it was sent.
    pub channel: Channel,
    /// Who said so; empty: the connector.
    pub marked_by: &'a str,
    /// What is in no column, sealed anew.
    pub sealed: &'a [u8],
}

/// The notices of a service. What it says of the message of its contract, [`told!`] says for it.
pub trait Outbox: Clone + Send + Sync + 'static {
    /// As the contract has them.
    type Notice: Resource + Send + Sync + 'static;

    /// Collection of the resource names: `notices`.
    const COLLECTION: &'static str;

    /// What the journal calls what happens to them.
    const NAMES: Names;
    /// Under which every look at them is taken. Their own table is `n`, what they are about is
    /// `about_id`, and its number `number`.
    const RECORD: &'static RecordSpec;

    /// What the handlers of the service share.
    fn core(&self) -> &Core;

    /// Seals what is in no column.
    fn sealer(&self) -> &Sealer;

    /// One of these columns, with nothing opened.
    fn of(columns: Columns) -> Self::Notice;

    /// Text, note and reference.
    fn words(notice: &Self::Notice) -> [&String; 3];

    /// The same, to be changed.
    fn words_mut(notice: &mut Self::Notice) -> [&mut String; 3];

    /// Number of its state, and what the contract calls it.
    fn state(notice: &Self::Notice) -> (i32, &'static str);

    /// Numbers of the channels by which the customer may be told; none: any.
    fn channels(notice: &Self::Notice) -> &[i32];

    /// Numbers of what happened, and of the language in which it is told.
    fn of_what(notice: &Self::Notice) -> (i32, i32);

    /// It ended so; its row has this revision.
    fn ended(notice: &mut Self::Notice, outcome: &Outcome<'_>, revision: i64);

    /// What the journal says of a change.
    fn changed(row: &Stored<Self>, change: &Change) -> event::Event;

    /// Takes some that the connector is to be asked for, none of which anybody else takes until
    /// then, and counts the attempt.
    fn take(
        connection: &mut PgConnection,
        now: Timestamp,
        until: Timestamp,
        most: i64,
    ) -> impl Future<Output = Result<Vec<Uuid>, Fault>> + Send;

    /// The connector is asked again then.
    fn postpone(
        connection: &mut PgConnection,
        id: Uuid,
        until: Timestamp,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Keeps what became of one.
    fn end(
        connection: &mut PgConnection,
        id: Uuid,
        outcome: &Outcome<'_>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}
