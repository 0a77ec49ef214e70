use jiff::Timestamp;
use kefu_contracts::{
    journal::{self, EntryKind, Event, event},
    policy::Purpose,
};
use uuid::Uuid;

use crate::Cursor;

/// What is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Who did or saw it; `None` where it could not be told.
    pub actor_id: Option<Uuid>,
    /// Why.
    pub purpose: Purpose,
    /// The caller's request id, or the call's own.
    pub request_id: String,
    /// Change, view or refusal.
    pub kind: EntryKind,
    /// Resource name: `tickets/…`.
    pub resource: String,
    /// The customer it is about.
    pub customer_id: Option<Uuid>,
    /// `ticket.opened`
    pub r#type: &'static str,
    /// The facts; never personal data.
    pub event: event::Event,
}

impl Entry {
    /// A change that nobody made: time did, or what was read in another journal.
    pub fn by_itself(
        recorded_at: Timestamp,
        request_id: String,
        r#type: &'static str,
        resource: String,
        customer_id: Option<Uuid>,
        event: event::Event,
    ) -> Self {
        Self {
            recorded_at,
            actor_id: None,
            purpose: Purpose::Administration,
            request_id,
            kind: EntryKind::Change,
            resource,
            customer_id,
            r#type,
            event,
        }
    }

    /// The facts as the `event` column keeps them.
    pub fn encoded_event(&self) -> Vec<u8> {
        use prost::Message;
        Event {
            event: Some(self.event.clone()),
        }
        .encode_to_vec()
    }
}

/// What was written, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Its place.
    pub cursor: Cursor,
    /// The entry as the contract carries it.
    pub entry: journal::Entry,
}
