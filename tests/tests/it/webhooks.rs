//! Webhooks from the change of a record to another company system, over the whole suite
//! (CF-6.1, CC-2.5): what leaves is what its account may see at that moment, and no more.

mod anew;
mod changes;
mod keys;
mod receiver;
mod ways;

use std::time::Duration;

use kefu_contracts::{
    access::{
        CreateWebhookRequest, ListAuditEntriesRequest, ListBindingsRequest,
        ListWebhookDeliveriesRequest, RevokeBindingRequest, RotateWebhookSecretRequest, Webhook,
        WebhookDelivery, WebhookDeliveryState as State, audit_service_client::AuditServiceClient,
        role_service_client::RoleServiceClient, webhook_service_client::WebhookServiceClient,
    },
    policy::Purpose,
};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};

use self::receiver::{Answer, Letter, Receiver};
use crate::records::{enter, open, person, ticket};

const CUSTOMERS: &str = "kefu.profile.customer.changed.v1";
const TICKETS: &str = "kefu.ticket.ticket.changed.v1";
const PHONE: &str = "+8613812345678";

fn webhooks(caller: &Caller) -> WebhookServiceClient<Caller> {
    WebhookServiceClient::new(caller.clone())
}

fn administrator(suite: &TestSuite) -> Caller {
    suite.caller_for("han.bing", "administration")
}

fn account(login: &str) -> String {
    format!("system-accounts/{}", employee_id(login))
}

/// A webhook of this account to this receiver.
async fn told(by: &Caller, login: &str, receiver: &Receiver, event_types: &[&str]) -> Webhook {
    let webhook = Webhook {
        account: account(login),
        purpose: Purpose::Integration.into(),
        title: "通知".into(),
        url: receiver.url(),
        event_types: event_types.iter().map(|one| (*one).to_owned()).collect(),
        active: true,
        ..Webhook::default()
    };
    let request = CreateWebhookRequest {
        webhook: Some(webhook),
        request_id: String::new(),
    };
    let created = webhooks(by).create_webhook(request).await;
    created.unwrap().into_inner()
}

async fn log(by: &Caller, webhook: &Webhook) -> Vec<WebhookDelivery> {
    let request = ListWebhookDeliveriesRequest {
        filter: format!("webhook = {}", webhook.name),
        ..ListWebhookDeliveriesRequest::default()
    };
    let listed = webhooks(by).list_webhook_deliveries(request).await;
    listed.unwrap().into_inner().webhook_deliveries
}

/// The one delivery of a webhook, once it stands there.
async fn only(by: &Caller, webhook: &Webhook, state: State) -> WebhookDelivery {
    eventually(async || {
        let mut log = log(by, webhook).await;
        assert!(log.len() <= 1, "{log:?}");
        log.pop().filter(|one| one.state() == state)
    })
    .await
}

/// Once the webhook's one delivery has been tried so often.
async fn tried(by: &Caller, webhook: &Webhook, times: usize) -> WebhookDelivery {
    eventually(async || {
        let one = log(by, webhook).await.pop()?;
        (one.attempts.len() >= times).then_some(one)
    })
    .await
}

fn text<'a>(event: &'a serde_json::Value, path: &str) -> &'a str {
    event
        .pointer(path)
        .and_then(|value| value.as_str())
        .unwrap_or("")
}

/// Clauses CF-6.1, CC-2.5: two systems are told of the same change, each as it may see the file; what
/// they were shown is journaled like any look of theirs.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_told_what_its_account_may_see() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let (whole, masked) = (
        Receiver::that(Answer::Status(204)).await,
        Receiver::that(Answer::Status(200)).await,
    );
    let of_erp = told(&by, "erp", &whole, &[CUSTOMERS]).await;
    let of_logistics = told(&by, "logistics", &masked, &[CUSTOMERS]).await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let (seen, less) = (whole.heard(1).await, masked.heard(1).await);
    let (seen, less) = (&seen[0], &less[0]);
    assert!(seen.is_signed_with(&of_erp.secret));
    assert!(!seen.is_signed_with(&of_logistics.secret));
    assert!(less.is_signed_with(&of_logistics.secret));
    assert_eq!(
        seen.headers["content-type"],
        "application/cloudevents+json; charset=utf-8"
    );
    for letter in [seen, less] {
        let event = letter.event();
        assert_eq!(text(&event, "/specversion"), "1.0");
        assert_eq!(text(&event, "/id"), letter.id());
        assert_eq!(text(&event, "/source"), "/kefu/customer-profile");
        assert_eq!(text(&event, "/type"), CUSTOMERS);
        assert_eq!(text(&event, "/subject"), customer);
        assert_eq!(text(&event, "/data/name"), customer);
        assert!(text(&event, "/kefuchange").starts_with("customer."));
        assert!(text(&event, "/time").parse::<jiff::Timestamp>().is_ok());
    }
    assert_eq!(text(&seen.event(), "/data/phones/0/number"), PHONE);
    assert_eq!(text(&seen.event(), "/data/displayName"), "张三丰");
    let event = less.event();
    assert_eq!(text(&event, "/data/phones/0/number"), "138****5678");
    assert_eq!(text(&event, "/data/displayName"), "张*");
    let body = String::from_utf8(less.body.clone()).unwrap();
    for hidden in [
        "13812345678",
        "张三丰",
        "11010519491231002X",
        "4111111111111111",
    ] {
        assert!(!body.contains(hidden), "{hidden}");
    }
    // What is not for it stands masked, and it is said that it is.
    let told = event.pointer("/data/disclosure").unwrap().to_string();
    assert!(
        told.contains("phones") && told.contains("role:listener#news"),
        "{told}"
    );

    let delivered = only(&by, &of_logistics, State::Delivered).await;
    assert_eq!(delivered.name, format!("webhook-deliveries/{}", less.id()));
    assert_eq!(delivered.resource, customer);
    assert_eq!(delivered.attempts[0].status_code, 200);
    // The journal says who was shown it: the system account, under the delivery's id.
    let auditor = suite.caller_for("dong.jie", "audit");
    let request = ListAuditEntriesRequest {
        subject: account("logistics"),
        customer: customer.clone(),
        ..ListAuditEntriesRequest::default()
    };
    let entries = eventually(async || {
        let mut client = AuditServiceClient::new(auditor.clone());
        let listed = client.list_audit_entries(request.clone()).await;
        let entries = listed.unwrap().into_inner().entries;
        (!entries.is_empty()).then_some(entries)
    })
    .await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].r#type, "customer.viewed");
}

/// Clause CC-2.5: rights that are taken away between the event and its sending count: nothing
/// leaves, and it is not tried again.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_to_who_may_no_longer_see_it() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::Status(500)).await;
    let webhook = told(&by, "logistics", &receiver, &[CUSTOMERS]).await;
    enter(&suite.caller_for("erp", "integration"), person()).await;
    assert_eq!(tried(&by, &webhook, 1).await.state(), State::Pending);
    receiver.answers(Answer::Status(200));
    let mut roles = RoleServiceClient::new(by.clone());
    let held = ListBindingsRequest {
        subject: account("logistics"),
    };
    let held = roles.list_bindings(held).await.unwrap().into_inner();
    let revoke = RevokeBindingRequest {
        name: held.bindings[0].name.clone(),
        request_id: String::new(),
    };
    roles.revoke_binding(revoke).await.unwrap();
    suite.clock.advance(Duration::from_secs(6));
    suite.policy_is_fresh().await;
    let withheld = only(&by, &webhook, State::Withheld).await;
    assert_eq!(withheld.attempts.len(), 1);
    assert_eq!(receiver.letters().len(), 1);
}

/// Nor is anything told for a purpose that the account may not look for.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_for_a_purpose_that_is_not_the_account_s() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::Status(200)).await;
    let request = CreateWebhookRequest {
        webhook: Some(Webhook {
            account: account("erp"),
            purpose: Purpose::Marketing.into(),
            title: "促销".into(),
            url: receiver.url(),
            event_types: vec![CUSTOMERS.into()],
            active: true,
            ..Webhook::default()
        }),
        request_id: String::new(),
    };
    let webhook = webhooks(&by).create_webhook(request).await;
    let webhook = webhook.unwrap().into_inner();
    enter(&suite.caller_for("erp", "integration"), person()).await;
    only(&by, &webhook, State::Withheld).await;
    assert!(receiver.letters().is_empty());
}

/// Another secret signs beside the one before for a day.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_replaced_without_a_gap() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::Status(200)).await;
    let old = told(&by, "erp", &receiver, &[TICKETS]).await;
    let request = RotateWebhookSecretRequest {
        name: old.name.clone(),
        etag: old.etag.clone(),
        request_id: String::new(),
    };
    let new = webhooks(&by).rotate_webhook_secret(request).await;
    let new = new.unwrap().into_inner();
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    open(&erp, ticket(&customer)).await;
    let both = |letter: &Letter| {
        (
            letter.is_signed_with(&old.secret),
            letter.is_signed_with(&new.secret),
            letter.signatures(),
        )
    };
    assert_eq!(both(&receiver.heard(1).await[0]), (true, true, 2));
    suite.clock.advance(Duration::from_secs(24 * 3600 + 1));
    suite.policy_is_fresh().await;
    let erp = suite.caller_for("erp", "integration").after(&erp);
    open(&erp, ticket(&customer)).await;
    let letters = receiver.heard(2).await;
    assert_eq!(both(letters.last().unwrap()), (false, true, 1));
}
