//! What is refused, and with all that is wrong at once.

use sqlx::Connection;

use super::*;
use crate::house::{reason, violations};

macro_rules! refused {
    ($by:expr, $method:ident, $request:expr) => {
        $by.webhooks().$method($request).await.unwrap_err()
    };
}

/// Every violation of every request at once.
#[tokio::test]
async fn every_violation_of_webhooks_is_told_at_once() {
    let house = House::new().await;
    let by = house.administrator();
    let name = ["name REQUIRED"];
    let refused = refused!(by, create_webhook, CreateWebhookRequest::default());
    assert_eq!(violations(&refused), ["webhook REQUIRED"]);
    assert_eq!(
        violations(&create(&by, Webhook::default()).await.unwrap_err()),
        [
            "webhook.account REQUIRED",
            "webhook.purpose REQUIRED",
            "webhook.title REQUIRED",
            "webhook.url REQUIRED",
            "webhook.event_types REQUIRED",
        ]
    );
    let wrong = Webhook {
        account: format!("system-accounts/{}", Uuid::from_u128(5)),
        purpose: 99,
        title: "x".repeat(101),
        url: "https://127.0.0.1/".into(),
        event_types: vec![TICKETS.into(), TICKETS.into(), "kefu.nothing.v1".into()],
        ..Webhook::default()
    };
    assert_eq!(
        violations(&create(&by, wrong).await.unwrap_err()),
        [
            "webhook.account UNKNOWN",
            "webhook.purpose UNKNOWN_VALUE",
            "webhook.title TOO_LONG",
            "webhook.url NOT_APPLICABLE",
            "webhook.event_types[1] DUPLICATE",
            "webhook.event_types[2] UNKNOWN_VALUE",
        ]
    );
    // Nobody is a machine.
    let person = Webhook {
        account: house.employee("li.wei"),
        ..webhook(&house)
    };
    let refused = create(&by, person).await.unwrap_err();
    assert_eq!(violations(&refused), ["webhook.account RESOURCE_NAME"]);
    let pretended = Webhook {
        account: house
            .employee("li.wei")
            .replace("employees", "system-accounts"),
        url: "http://example.com".into(),
        ..webhook(&house)
    };
    assert_eq!(
        violations(&create(&by, pretended).await.unwrap_err()),
        ["webhook.account UNKNOWN", "webhook.url FORMAT"]
    );
    let get = GetWebhookRequest::default();
    assert_eq!(violations(&refused!(by, get_webhook, get)), name);
    let list = ListWebhooksRequest {
        page_size: 201,
        filter: "url = x".into(),
        order_by: "title".into(),
        ..ListWebhooksRequest::default()
    };
    assert_eq!(
        violations(&refused!(by, list_webhooks, list)),
        [
            "page_size OUT_OF_RANGE",
            "filter FILTER",
            "order_by ORDER_BY"
        ]
    );
    assert_eq!(
        violations(&refused!(
            by,
            update_webhook,
            UpdateWebhookRequest::default()
        )),
        [
            "name REQUIRED",
            "etag REQUIRED",
            "title REQUIRED",
            "url REQUIRED",
            "event_types REQUIRED"
        ]
    );
    let both = ["name REQUIRED", "etag REQUIRED"];
    let request = DeleteWebhookRequest::default();
    assert_eq!(violations(&refused!(by, delete_webhook, request)), both);
    let request = RotateWebhookSecretRequest::default();
    assert_eq!(
        violations(&refused!(by, rotate_webhook_secret, request)),
        both
    );
    let request = PingWebhookRequest {
        request_id: "x".into(),
        ..PingWebhookRequest::default()
    };
    assert_eq!(
        violations(&refused!(by, ping_webhook, request)),
        ["request_id UUID", "name REQUIRED"]
    );
    assert_eq!(
        violations(&refused!(
            by,
            replay_webhook,
            ReplayWebhookRequest::default()
        )),
        ["name REQUIRED", "service REQUIRED", "start_time REQUIRED"]
    );
    let contradictory = ReplayWebhookRequest {
        service: "gateway".into(),
        start_time: Some(prost_types::Timestamp {
            seconds: 99_999_999_999,
            nanos: 0,
        }),
        after_position: "here".into(),
        ..ReplayWebhookRequest::default()
    };
    assert_eq!(
        violations(&refused!(by, replay_webhook, contradictory)),
        [
            "name REQUIRED",
            "service UNKNOWN_VALUE",
            "start_time IN_FUTURE",
            "after_position CONTRADICTION"
        ]
    );
    let list = ListWebhookDeliveriesRequest {
        filter: "state = SENT".into(),
        ..ListWebhookDeliveriesRequest::default()
    };
    let refused = refused!(by, list_webhook_deliveries, list);
    assert_eq!(violations(&refused), ["filter FILTER"]);
    let request = RedeliverWebhookRequest::default();
    assert_eq!(violations(&refused!(by, redeliver_webhook, request)), name);
}

/// What does not stand there, and what was read before it changed.
#[tokio::test]
async fn what_does_not_stand_there_is_refused() {
    let house = House::new().await;
    let by = house.administrator();
    let made = create(&by, webhook(&house)).await.unwrap();
    let stale = Webhook {
        etag: "r9".into(),
        ..made.clone()
    };
    for refused in [
        refused!(by, update_webhook, update(&stale)),
        rotate(&by, &stale, "").await.unwrap_err(),
        delete(&by, &stale).await.unwrap_err(),
    ] {
        assert_eq!(reason(&refused), "ETAG_MISMATCH");
    }
    let off = UpdateWebhookRequest {
        active: false,
        ..update(&made)
    };
    let off = by
        .webhooks()
        .update_webhook(off)
        .await
        .unwrap()
        .into_inner();
    let refused = ping(&by, &made.name).await.unwrap_err();
    assert_eq!(reason(&refused), "STATE_NOT_ALLOWED");
    assert_eq!(said(&refused, "state"), "SWITCHED_OFF");
    let replay = ReplayWebhookRequest {
        name: made.name.clone(),
        service: "ticket".into(),
        after_position: "0.0".into(),
        ..ReplayWebhookRequest::default()
    };
    let refused = refused!(by, replay_webhook, replay.clone());
    assert_eq!(said(&refused, "state"), "SWITCHED_OFF");
    let gone = delete(&by, &off).await.unwrap();
    for refused in [
        refused!(by, update_webhook, update(&gone)),
        rotate(&by, &gone, "").await.unwrap_err(),
        delete(&by, &gone).await.unwrap_err(),
        ping(&by, &gone.name).await.unwrap_err(),
        refused!(by, replay_webhook, replay),
    ] {
        assert_eq!(reason(&refused), "STATE_NOT_ALLOWED");
        assert_eq!(said(&refused, "state"), "DELETED");
    }
}

/// A change that was read before its receiver said that it is gone does not switch it on again.
#[tokio::test]
async fn what_has_ended_meanwhile_is_not_written_over() {
    let house = House::new().await;
    let by = house.administrator();
    let made = create(&by, webhook(&house)).await.unwrap();
    let mut sql = house.sql().await;
    let mut gone = sql.begin().await.unwrap();
    let holder: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut *gone)
        .await
        .unwrap();
    sqlx::query("UPDATE webhook SET pause = 2, revision = revision + 1")
        .execute(&mut *gone)
        .await
        .unwrap();
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE {holder} = ANY(pg_blocking_pids(pid))"
    );
    let meanwhile = async {
        // The change has read the webhook, and waits to write it.
        eventually(async || (house.count(&waiting).await > 0).then_some(())).await;
        gone.commit().await.unwrap();
    };
    let mut webhooks = by.webhooks();
    let change = webhooks.update_webhook(update(&made));
    let (changed, ()) = tokio::join!(change, meanwhile);
    assert_eq!(reason(&changed.unwrap_err()), "ETAG_MISMATCH");
    let now = get(&by, &made.name).await.unwrap();
    assert_eq!((now.active, now.pause()), (false, WebhookPause::Gone));
}

/// Whoever reaches none of them is told that there are none, and that is journaled.
#[tokio::test]
async fn who_does_not_reach_a_webhook_learns_of_none() {
    let house = House::new().await;
    let by = house.administrator();
    let made = create(&by, webhook(&house)).await.unwrap();
    let pinged = ping(&by, &made.name).await.unwrap();
    let stranger = account(&house, "erp");
    let redeliver = RedeliverWebhookRequest {
        name: pinged.name,
        request_id: String::new(),
    };
    let replay = ReplayWebhookRequest {
        name: made.name.clone(),
        service: "ticket".into(),
        after_position: "0.0".into(),
        ..ReplayWebhookRequest::default()
    };
    for refused in [
        get(&stranger, &made.name).await.unwrap_err(),
        refused!(stranger, update_webhook, update(&made)),
        rotate(&stranger, &made, "").await.unwrap_err(),
        delete(&stranger, &made).await.unwrap_err(),
        ping(&stranger, &made.name).await.unwrap_err(),
        refused!(stranger, replay_webhook, replay),
        refused!(stranger, redeliver_webhook, redeliver),
        get(&by, &format!("webhooks/{}", Uuid::from_u128(3)))
            .await
            .unwrap_err(),
    ] {
        assert_eq!(reason(&refused), "NOT_FOUND_OR_OUT_OF_SCOPE");
    }
    assert!(names(&stranger).await.is_empty());
    let refusals = house.journal(EntryKind::Refusal, 8).await;
    let types = refusals.iter().map(|one| one.entry.r#type.as_str());
    assert_eq!(types.collect::<Vec<_>>(), ["webhook.refused"; 8]);
}

/// Without a key to read records with, nothing could be sent: no webhook is made, and it is said
/// what is missing.
#[tokio::test]
async fn without_a_key_there_are_no_webhooks() {
    let house = House::new().await;
    let by = house.administrator();
    let made = create(&by, webhook(&house)).await.unwrap();
    let elsewhere = by.at(house.without_webhooks());
    for refused in [
        create(&elsewhere, webhook(&house)).await.unwrap_err(),
        ping(&elsewhere, &made.name).await.unwrap_err(),
        refused!(elsewhere, update_webhook, update(&made)),
    ] {
        assert_eq!(reason(&refused), "STATE_NOT_ALLOWED");
        assert_eq!(
            said(&refused, "setting"),
            "access_control.rules.webhooks.signing_key"
        );
    }
    // What there is can be looked at and ended.
    assert_eq!(names(&elsewhere).await, std::slice::from_ref(&made.name));
    delete(&elsewhere, &made).await.unwrap();
}
