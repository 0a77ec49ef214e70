//! Webhooks as the journal tells of them.

use jiff::Timestamp;
use kefu_contracts::{
    access::WebhookAct,
    journal::{EntryKind, WebhookChanged, WebhookSettled, event},
};
use kefu_journal::Entry;
use kefu_service::fields;

use super::deliveries::kind_of;
use crate::domain::webhook::{DELIVERIES, Delivery, Webhook};

/// The facts of something that was done to one.
pub(crate) fn about(act: WebhookAct, webhook: &Webhook) -> WebhookChanged {
    WebhookChanged {
        webhook_id: webhook.id.as_bytes().to_vec(),
        act: act.into(),
        account_id: webhook.account.as_bytes().to_vec(),
        purpose: webhook.purpose.into(),
        event_types: webhook.event_types.clone(),
        active: webhook.is_active(),
        secret_number: webhook.secret_number,
        revision: webhook.revision,
        ..WebhookChanged::default()
    }
}

/// Type of the journal's entry: `webhook.created`.
pub(crate) fn kind(act: WebhookAct) -> &'static str {
    match act {
        WebhookAct::Unspecified | WebhookAct::Created => "webhook.created",
        WebhookAct::Updated => "webhook.updated",
        WebhookAct::Deleted => "webhook.deleted",
        WebhookAct::SecretRotated => "webhook.secret_rotated",
        WebhookAct::Pinged => "webhook.pinged",
        WebhookAct::Replayed => "webhook.replayed",
        WebhookAct::Redelivered => "webhook.redelivered",
        WebhookAct::Gone => "webhook.gone",
    }
}

/// What came of a delivery, at its end.
pub(crate) fn settled(
    webhook: &Webhook,
    delivery: &Delivery,
    status_code: i32,
    now: Timestamp,
) -> Entry {
    let changed = event::Event::WebhookSettled(WebhookSettled {
        delivery_id: delivery.id.as_bytes().to_vec(),
        webhook_id: webhook.id.as_bytes().to_vec(),
        account_id: webhook.account.as_bytes().to_vec(),
        event_type: delivery.event_type.clone(),
        record: delivery.resource.clone(),
        service: delivery.service.clone(),
        position: delivery.position(),
        state: delivery.state.into(),
        attempts: delivery.attempts,
        status_code,
    });
    Entry {
        recorded_at: now,
        actor_id: None,
        purpose: webhook.purpose,
        request_id: delivery.id.to_string(),
        kind: EntryKind::Change,
        resource: fields::name(DELIVERIES, delivery.id),
        customer_id: None,
        r#type: kind_of(delivery.state),
        event: changed,
    }
}
