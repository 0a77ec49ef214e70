//! Webhooks of other company systems: what they are told of, where it may go, how it is signed,
//! and when it is tried again. docs/webhooks.md says it to integrators.

pub mod address;
pub mod body;
pub mod event;
pub mod schedule;
pub mod signature;
#[cfg(test)]
mod tests;
pub mod url;

use jiff::Timestamp;
use kefu_contracts::{
    access::{WebhookDeliveryState, WebhookOutcome, WebhookPause},
    policy::Purpose,
};
use kefu_service::{error::Violation, fields::Fields};
use uuid::Uuid;

/// Collection of webhooks in resource names.
pub const WEBHOOKS: &str = "webhooks";
/// Collection of what they are sent.
pub const DELIVERIES: &str = "webhook-deliveries";
/// Most characters of a title.
pub const MOST_TITLE: usize = 100;
/// How long a secret signs beside the one that has taken its place, in hours.
pub const OVERLAP_HOURS: i64 = 24;

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its key.
    pub id: Uuid,
    /// By whose rights it is told.
    pub account: Uuid,
    /// What for.
    pub purpose: Purpose,
    /// What people call it.
    pub title: String,
    /// Where it is told.
    pub url: String,
    /// What of, each once.
    pub event_types: Vec<String>,
    /// Why it is not; unspecified where it is.
    pub pause: WebhookPause,
    /// From which entry of the audit log on.
    pub since: i64,
    /// Counts its secrets, from 1.
    pub secret_number: i32,
    /// Since when no attempt has succeeded.
    pub failing_since: Option<Timestamp>,
    /// Who made it.
    pub creator: Uuid,
    /// When.
    pub created_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Counts the changes, from 1.
    pub revision: i64,
}

impl Webhook {
    /// Whether it is sent anything.
    pub fn is_active(&self) -> bool {
        self.pause == WebhookPause::Unspecified
    }
}

/// What one is sent of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its key, and what `webhook-id` says.
    pub id: Uuid,
    /// Whose.
    pub webhook: Uuid,
    /// The entry in the audit log; none of a ping.
    pub seq: Option<i64>,
    /// Whose journal told of it.
    pub service: String,
    /// Where in it: transaction and position.
    pub place: (i64, i64),
    /// `kefu.ticket.ticket.changed.v1`
    pub event_type: String,
    /// Type of the entry: `ticket.opened`.
    pub change: String,
    /// The record that changed.
    pub resource: String,
    /// When the entry was recorded.
    pub event_at: Timestamp,
    /// Where it stands.
    pub state: WebhookDeliveryState,
    /// Attempts that failed since it was last begun with.
    pub failures: i32,
    /// All attempts.
    pub attempts: i32,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// When it was noted.
    pub created_at: Timestamp,
    /// When it was last begun with: noted, asked for anew, or its webhook switched on again.
    pub begun_at: Timestamp,
    /// Since when it is no longer pending.
    pub settled_at: Option<Timestamp>,
}

impl Delivery {
    /// Place of the entry in its journal: `812.55`; empty of a ping.
    pub fn position(&self) -> String {
        match self.seq {
            Some(_) => format!("{}.{}", self.place.0, self.place.1),
            None => String::new(),
        }
    }
}

/// The key of what a webhook is sent of an entry: the same however often it is found.
pub fn delivery_id(webhook: Uuid, service: &str, (transaction, position): (i64, i64)) -> Uuid {
    let entry = format!("{service}:{transaction}.{position}");
    Uuid::new_v5(&webhook, entry.as_bytes())
}

/// One attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Counts them, from 1.
    pub number: i32,
    /// When it began.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: WebhookOutcome,
    /// Of the answer; 0 where there was none.
    pub status_code: i32,
    /// How long it took.
    pub latency_ms: i32,
}

/// Why something with webhooks is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no key to read records in a receiver's name with.
    Off,
    /// It was deleted.
    Deleted,
    /// Nothing is sent to it now.
    Paused(WebhookPause),
    /// Its secret did not survive a restore: it needs another one first.
    NoSecret,
    /// Only dead letters are tried anew.
    NotDead(WebhookDeliveryState),
}

/// What a webhook is to be, as far as it can change.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// What people call it.
    pub title: &'a str,
    /// Where it is told.
    pub url: &'a str,
    /// What of.
    pub event_types: &'a [String],
}

impl Wanted<'_> {
    /// Notes all that is wrong with it, under fields with this prefix.
    pub fn check(&self, fields: &mut Fields, prefix: &str, limits: address::Limits) {
        fields.required_text(format!("{prefix}title"), self.title, MOST_TITLE);
        if let Err(wrong) = url::check(self.url, limits) {
            fields.refuse(format!("{prefix}url"), wrong);
        }
        if self.event_types.is_empty() {
            fields.refuse(format!("{prefix}event_types"), Violation::Required);
        }
        for (place, one) in self.event_types.iter().enumerate() {
            let field = format!("{prefix}event_types[{place}]");
            if event::topic(one).is_none() {
                fields.refuse(field, Violation::UnknownValue);
            } else if self.event_types[..place].contains(one) {
                fields.refuse(field, Violation::Duplicate);
            }
        }
    }
}
