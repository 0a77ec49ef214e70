//! Webhooks: made, changed and looked at. What they are sent is tested over the whole suite.

mod keys;
mod refusals;

use std::time::Duration;

use kefu_access::Scope;
use kefu_access_control::{
    config::AccessControlConfig,
    restored::{Since, take_back},
};
use kefu_contracts::{
    access::{
        CreateWebhookRequest, DeleteWebhookRequest, GetWebhookRequest,
        ListWebhookDeliveriesRequest, ListWebhooksRequest, PingWebhookRequest,
        RedeliverWebhookRequest, ReplayWebhookRequest, RotateWebhookSecretRequest,
        UpdateWebhookRequest, Webhook, WebhookAct, WebhookDelivery, WebhookDeliveryState,
        WebhookPause,
    },
    journal::{EntryKind, WebhookChanged, event},
    policy::Purpose,
};
use kefu_journal::Recorded;
use tonic::{Response, Status};
use uuid::Uuid;

use crate::house::{Caller, House, eventually, said};

const TICKETS: &str = "kefu.ticket.ticket.changed.v1";
const ORDERS: &str = "kefu.order.order.changed.v1";

/// The account, as it looks at its own.
fn account(house: &House, login: &str) -> Caller {
    let id = house.id(login);
    house.caller(id, Scope::Owner(id))
}

fn account_name(house: &House, login: &str) -> String {
    format!("system-accounts/{}", house.id(login))
}

fn webhook(house: &House) -> Webhook {
    Webhook {
        account: account_name(house, "logistics"),
        purpose: Purpose::Integration.into(),
        title: "运单".into(),
        // Nothing listens there.
        url: "https://198.51.100.1/hooks".into(),
        event_types: vec![TICKETS.into(), ORDERS.into()],
        active: true,
        ..Webhook::default()
    }
}

async fn create(by: &Caller, webhook: Webhook) -> Result<Webhook, Status> {
    let request = CreateWebhookRequest {
        webhook: Some(webhook),
        request_id: String::new(),
    };
    let created = by.webhooks().create_webhook(request).await;
    created.map(Response::into_inner)
}

async fn get(by: &Caller, name: &str) -> Result<Webhook, Status> {
    let request = GetWebhookRequest { name: name.into() };
    let found = by.webhooks().get_webhook(request).await;
    found.map(Response::into_inner)
}

fn update(webhook: &Webhook) -> UpdateWebhookRequest {
    UpdateWebhookRequest {
        name: webhook.name.clone(),
        etag: webhook.etag.clone(),
        title: webhook.title.clone(),
        url: webhook.url.clone(),
        event_types: webhook.event_types.clone(),
        active: webhook.active,
        request_id: String::new(),
    }
}

async fn rotate(by: &Caller, webhook: &Webhook, request_id: &str) -> Result<Webhook, Status> {
    let request = RotateWebhookSecretRequest {
        name: webhook.name.clone(),
        etag: webhook.etag.clone(),
        request_id: request_id.into(),
    };
    let rotated = by.webhooks().rotate_webhook_secret(request).await;
    rotated.map(Response::into_inner)
}

async fn delete(by: &Caller, webhook: &Webhook) -> Result<Webhook, Status> {
    let request = DeleteWebhookRequest {
        name: webhook.name.clone(),
        etag: webhook.etag.clone(),
        request_id: String::new(),
    };
    let deleted = by.webhooks().delete_webhook(request).await;
    deleted.map(Response::into_inner)
}

async fn ping(by: &Caller, name: &str) -> Result<WebhookDelivery, Status> {
    let request = PingWebhookRequest {
        name: name.into(),
        request_id: String::new(),
    };
    let pinged = by.webhooks().ping_webhook(request).await;
    pinged.map(Response::into_inner)
}

async fn deliveries(by: &Caller, filter: &str) -> Vec<WebhookDelivery> {
    let request = ListWebhookDeliveriesRequest {
        filter: filter.into(),
        ..ListWebhookDeliveriesRequest::default()
    };
    let listed = by.webhooks().list_webhook_deliveries(request).await;
    listed.unwrap().into_inner().webhook_deliveries
}

async fn names(by: &Caller) -> Vec<String> {
    let listed = by
        .webhooks()
        .list_webhooks(ListWebhooksRequest::default())
        .await;
    let webhooks = listed.unwrap().into_inner().webhooks.into_iter();
    webhooks.map(|one| one.name).collect()
}

fn changed(recorded: &Recorded) -> Option<WebhookChanged> {
    match recorded.entry.event.clone()?.event? {
        event::Event::WebhookChanged(changed) => Some(changed),
        _ => None,
    }
}

/// What was done to webhooks, in its order, once there is so much of it.
async fn acts(house: &House, at_least: usize) -> Vec<WebhookChanged> {
    house
        .journaled(EntryKind::Change, |entries| {
            let acts: Vec<_> = entries.iter().filter_map(changed).collect();
            (acts.len() >= at_least).then_some(acts)
        })
        .await
}

/// Each change is journaled; neither the address nor the secret stands anywhere in it.
#[tokio::test]
async fn a_webhook_is_made_changed_and_deleted() {
    let house = House::new().await;
    let by = house.administrator();
    let made = create(&by, webhook(&house)).await.unwrap();
    assert!(made.active && made.secret.starts_with("whsec_"));
    assert_eq!(made.secret_number, 1);
    assert_eq!(made.creator, house.employee("han.bing"));
    let read = get(&by, &made.name).await.unwrap();
    assert_eq!(read.secret, "");
    assert_eq!(
        read,
        Webhook {
            secret: String::new(),
            ..made.clone()
        }
    );
    let change = UpdateWebhookRequest {
        title: "工单".into(),
        event_types: vec![TICKETS.into()],
        active: false,
        ..update(&made)
    };
    let off = by.webhooks().update_webhook(change).await.unwrap();
    let off = off.into_inner();
    assert_eq!(off.pause(), WebhookPause::SwitchedOff);
    assert_eq!((off.title.as_str(), off.active), ("工单", false));
    let on = UpdateWebhookRequest {
        active: true,
        ..update(&off)
    };
    let on = by.webhooks().update_webhook(on).await.unwrap().into_inner();
    assert!(on.active);
    let gone = delete(&by, &on).await.unwrap();
    assert_eq!(gone.pause(), WebhookPause::Deleted);
    assert!(gone.delete_time.is_some());
    // It is kept, and nothing is done to it any more.
    assert_eq!(get(&by, &made.name).await.unwrap(), gone);
    assert_eq!(house.count("SELECT count(*) FROM webhook_secret").await, 0);
    let acts = acts(&house, 4).await;
    let told: Vec<_> = acts.iter().map(WebhookChanged::act).collect();
    assert_eq!(
        told,
        [
            WebhookAct::Created,
            WebhookAct::Updated,
            WebhookAct::Updated,
            WebhookAct::Deleted
        ]
    );
    assert_eq!(acts[1].event_types, [TICKETS]);
    assert_eq!(acts[0].account_id, house.id("logistics").as_bytes());
    let written = house
        .count("SELECT count(*) FROM journal WHERE position(convert_to('198.51.100.1', 'UTF8') IN event) > 0")
        .await;
    assert_eq!(written, 0);
}

/// A request that is repeated is carried out once and tells the same secret; kept answers have
/// none.
#[tokio::test]
async fn a_secret_is_told_with_its_request_alone() {
    let house = House::new().await;
    let by = house.administrator();
    let request = CreateWebhookRequest {
        webhook: Some(webhook(&house)),
        request_id: Uuid::from_u128(7).to_string(),
    };
    let first = by.webhooks().create_webhook(request.clone()).await;
    let first = first.unwrap().into_inner();
    let again = by.webhooks().create_webhook(request).await.unwrap();
    assert_eq!(again.into_inner(), first);
    assert_eq!(house.count("SELECT count(*) FROM webhook").await, 1);
    let kept =
        "SELECT count(*) FROM request WHERE position(convert_to('whsec_', 'UTF8') IN answer) > 0";
    assert_eq!(house.count(kept).await, 0);

    let rotation = Uuid::from_u128(8).to_string();
    let second = rotate(&by, &first, &rotation).await.unwrap();
    assert_ne!(second.secret, first.secret);
    assert_eq!(second.secret_number, 2);
    let again = rotate(&by, &first, &rotation).await.unwrap();
    assert_eq!(again, second);
    let signing = "SELECT count(*) FROM webhook_secret WHERE ends_at IS NULL";
    assert_eq!(house.count(signing).await, 1);
    assert_eq!(house.count("SELECT count(*) FROM webhook_secret").await, 2);
}

/// The account looks at its own, and can do nothing about them (CF-6.1).
#[tokio::test]
async fn an_account_sees_its_own_webhooks_alone() {
    let house = House::new().await;
    let by = house.administrator();
    let own = create(&by, webhook(&house)).await.unwrap();
    let other = Webhook {
        account: account_name(&house, "erp"),
        ..webhook(&house)
    };
    let other = create(&by, other).await.unwrap();
    let logistics = account(&house, "logistics");
    assert_eq!(names(&logistics).await, std::slice::from_ref(&own.name));
    let mut all = names(&by).await;
    all.sort();
    let mut both = [own.name.clone(), other.name.clone()];
    both.sort();
    assert_eq!(all, both);
    assert_eq!(get(&logistics, &own.name).await.unwrap().secret, "");
    ping(&by, &other.name).await.unwrap();
    let mine = ping(&by, &own.name).await.unwrap();
    let seen = deliveries(&logistics, "").await;
    let seen: Vec<_> = seen.into_iter().map(|one| one.name).collect();
    assert_eq!(seen, [mine.name]);
    let filter = format!("webhook = {}", other.name);
    assert_eq!(deliveries(&by, &filter).await.len(), 1);
    assert!(deliveries(&logistics, &filter).await.is_empty());
}

/// What was still to be sent to a webhook that is deleted is not.
#[tokio::test]
async fn nothing_is_sent_after_the_end() {
    let house = House::new().await;
    let by = house.administrator();
    let made = create(&by, webhook(&house)).await.unwrap();
    let pinged = ping(&by, &made.name).await.unwrap();
    delete(&by, &made).await.unwrap();
    let state = deliveries(&by, "").await[0].state();
    // It may have been tried before.
    assert!(
        [WebhookDeliveryState::Dropped, WebhookDeliveryState::Dead].contains(&state),
        "{state:?}"
    );
    assert_eq!(deliveries(&by, "").await[0].name, pinged.name);
}

/// A restore brings back no secret: nothing is sent until there is another one, and somebody
/// switches the webhook on.
#[tokio::test]
async fn a_restore_switches_webhooks_off() {
    let house = House::new().await;
    let by = house.administrator();
    let made = create(&by, webhook(&house)).await.unwrap();
    // No backup has them.
    sqlx::query("DELETE FROM webhook_secret")
        .execute(&mut house.sql().await)
        .await
        .unwrap();
    let none = || "[]".to_owned();
    let since = Since {
        bindings: none(),
        delegations: none(),
        employees: none(),
        ..Since::default()
    };
    let config = AccessControlConfig::default();
    take_back(&house.db, &house.clock, &config, "b1", &since)
        .await
        .unwrap();
    let off = get(&by, &made.name).await.unwrap();
    assert_eq!((off.active, off.pause()), (false, WebhookPause::Restored));
    let on = |webhook: &Webhook| UpdateWebhookRequest {
        active: true,
        ..update(webhook)
    };
    let refused = by.webhooks().update_webhook(on(&off)).await.unwrap_err();
    assert_eq!(said(&refused, "state"), "WITHOUT_SECRET");
    assert_eq!(said(&refused, "ask"), "RotateWebhookSecret");
    let rotated = rotate(&by, &off, "").await.unwrap();
    assert!(!rotated.secret.is_empty());
    let on = by.webhooks().update_webhook(on(&rotated)).await.unwrap();
    assert!(on.into_inner().active);
}

/// What came of what was sent is known for ninety days.
#[tokio::test]
async fn the_log_is_forgotten_after_its_time() {
    let house = House::new().await;
    let by = house.administrator();
    let made = create(&by, webhook(&house)).await.unwrap();
    ping(&by, &made.name).await.unwrap();
    delete(&by, &made).await.unwrap();
    house.clock.advance(Duration::from_secs(89 * 86_400));
    house.clock.advance(Duration::from_secs(2 * 86_400));
    let left = "SELECT count(*) FROM webhook_delivery";
    eventually(async || (house.count(left).await == 0).then_some(())).await;
    // The webhook itself is kept.
    assert_eq!(house.count("SELECT count(*) FROM webhook").await, 1);
}
