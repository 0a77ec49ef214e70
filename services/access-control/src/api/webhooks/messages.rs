//! Webhooks and what they are sent, as messages carry them.

use kefu_contracts::access::{self as wire, WebhookDeliveryState as State};
use kefu_service::{
    fields::{self, etag},
    scope::{Order, RecordSpec},
    time::to_proto,
};

use super::{REFUSED, VIEWED, look::Kind};
use crate::{
    domain::{
        register::{EMPLOYEES, SYSTEM_ACCOUNTS},
        webhook::{Attempt, DELIVERIES, WEBHOOKS, Webhook},
    },
    store::webhook::{self, delivery, delivery::Logged},
};

impl Kind for Webhook {
    const RECORD: &'static RecordSpec = &webhook::RECORD;
    const COLLECTION: &'static str = WEBHOOKS;
    const TIME: &'static str = "create_time";
    const ORDER: Order = Order {
        column: "w.created_at",
        descending: true,
    };
    const VIEWED: &'static str = VIEWED;
    const REFUSED: &'static str = REFUSED;
    type Message = wire::Webhook;

    fn message(&self) -> wire::Webhook {
        wire::Webhook {
            name: fields::name(WEBHOOKS, self.id),
            account: fields::name(SYSTEM_ACCOUNTS, self.account),
            purpose: self.purpose.into(),
            title: self.title.clone(),
            url: self.url.clone(),
            event_types: self.event_types.clone(),
            active: self.is_active(),
            pause: self.pause.into(),
            secret: String::new(),
            secret_number: self.secret_number,
            failing_since_time: self.failing_since.map(to_proto),
            creator: fields::name(EMPLOYEES, self.creator),
            create_time: Some(to_proto(self.created_at)),
            delete_time: self.deleted_at.map(to_proto),
            etag: etag(self.revision),
        }
    }
}

impl Kind for Logged {
    const RECORD: &'static RecordSpec = &delivery::RECORD;
    const COLLECTION: &'static str = DELIVERIES;
    const TIME: &'static str = "create_time";
    const ORDER: Order = Order {
        column: "d.created_at",
        descending: true,
    };
    const VIEWED: &'static str = VIEWED;
    const REFUSED: &'static str = REFUSED;
    type Message = wire::WebhookDelivery;

    fn message(&self) -> wire::WebhookDelivery {
        let one = &self.delivery;
        let next = (one.state == State::Pending).then(|| to_proto(one.due_at));
        wire::WebhookDelivery {
            name: fields::name(DELIVERIES, one.id),
            webhook: fields::name(WEBHOOKS, one.webhook),
            event_type: one.event_type.clone(),
            resource: one.resource.clone(),
            service: one.service.clone(),
            position: one.position(),
            event_time: Some(to_proto(one.event_at)),
            state: one.state.into(),
            attempts: self.attempts.iter().map(attempt).collect(),
            next_attempt_time: next,
            create_time: Some(to_proto(one.created_at)),
            settle_time: one.settled_at.map(to_proto),
        }
    }
}

fn attempt(attempt: &Attempt) -> wire::WebhookAttempt {
    let (seconds, rest) = (attempt.latency_ms / 1000, attempt.latency_ms % 1000);
    wire::WebhookAttempt {
        number: attempt.number,
        attempt_time: Some(to_proto(attempt.at)),
        outcome: attempt.outcome.into(),
        status_code: attempt.status_code,
        latency: Some(prost_types::Duration {
            seconds: seconds.into(),
            nanos: rest * 1_000_000,
        }),
    }
}
