//! What is sent anew, and what is much: it goes as fast as its receiver answers, holds up nothing that
//! is new, and waits for its record as what is new does.

use kefu_contracts::access::{
    GetWebhookRequest, RedeliverWebhookRequest, ReplayWebhookRequest, UpdateWebhookRequest,
};
use sqlx::PgConnection;

use super::{ways::later, *};

async fn count(sql: &mut PgConnection, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(sql).await.unwrap()
}

async fn replay(by: &Caller, webhook: &Webhook, service: &str) {
    let replay = ReplayWebhookRequest {
        name: webhook.name.clone(),
        service: service.to_owned(),
        after_position: "0.0".into(),
        ..ReplayWebhookRequest::default()
    };
    webhooks(by).replay_webhook(replay).await.unwrap();
}

/// The next is sent as soon as the receiver has answered, however seldom it is looked.
#[tokio::test(flavor = "multi_thread")]
async fn much_is_sent_as_fast_as_it_is_answered() {
    let suite = TestSuite::with_parts(|parts| {
        parts.access_control.webhooks.poll_ms = 60_000;
    })
    .await;
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::Status(200)).await;
    told(&by, "erp", &receiver, &[TICKETS]).await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    for _ in 0..20 {
        open(&erp, ticket(&customer)).await;
    }
    let mut sql = suite.database.connect().await.unwrap();
    eventually(async || {
        let there = "SELECT count(*) FROM access.audit_entry WHERE type = 'ticket.opened'";
        (count(&mut sql, there).await == 20).then_some(())
    })
    .await;
    // Looked through once, and taken up once.
    later(&suite, 60).await;
    eventually(async || {
        let noted = "SELECT count(*) FROM access.webhook_delivery";
        (count(&mut sql, noted).await == 20).then_some(())
    })
    .await;
    later(&suite, 60).await;
    receiver.heard(20).await;
    assert_eq!(receiver.ids().len(), 20);
}

/// A receiver that comes back after an outage is not told when it was to be tried next, but at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_does_not_wait_for_the_next_attempt() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::With(503, "retry-after: 86400\r\n")).await;
    let webhook = told(&by, "erp", &receiver, &[CUSTOMERS]).await;
    enter(&suite.caller_for("erp", "integration"), person()).await;
    assert_eq!(tried(&by, &webhook, 1).await.state(), State::Pending);
    receiver.answers(Answer::Status(200));
    replay(&by, &webhook, "customer-profile").await;
    let delivered = only(&by, &webhook, State::Delivered).await;
    assert_eq!(delivered.attempts.len(), 2);
    assert_eq!(receiver.ids().len(), 1);
}

/// Of a receiver that is sent one at a time, the first is what is new.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_goes_before_what_is_sent_anew() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::Status(200)).await;
    let webhook = told(&by, "erp", &receiver, &[TICKETS]).await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    for _ in 0..3 {
        open(&erp, ticket(&customer)).await;
    }
    eventually(async || {
        let log = log(&by, &webhook).await;
        let done = log.iter().all(|one| one.state() == State::Delivered);
        (log.len() == 3 && done).then_some(())
    })
    .await;
    // One place, and as if one of the three were under way there.
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::raw_sql(
        "UPDATE access.webhook_delivery SET state = 1, settled_at = NULL, claimed_until = now() + interval '1 hour'
         WHERE id = (SELECT id FROM access.webhook_delivery ORDER BY id LIMIT 1);
         UPDATE access.webhook SET failing_since = now()",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    replay(&by, &webhook, "ticket").await;
    eventually(async || {
        let anew = "SELECT count(*) FROM access.webhook_delivery WHERE state = 1 AND anew";
        (count(&mut sql, anew).await == 2).then_some(())
    })
    .await;
    let new = open(&erp, ticket(&customer)).await.name;
    eventually(async || {
        let noted = "SELECT count(*) FROM access.webhook_delivery";
        (count(&mut sql, noted).await == 4).then_some(())
    })
    .await;
    assert_eq!(receiver.letters().len(), 3);
    sqlx::query(
        "UPDATE access.webhook_delivery SET state = 2, settled_at = now(), claimed_until = NULL
         WHERE claimed_until IS NOT NULL",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    let letters = receiver.heard(6).await;
    assert_eq!(text(&letters[3].event(), "/subject"), new);
}

/// What is tried anew after more than a week waits for its record as what is new does, and does not
/// die because the record cannot be read for a moment.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_tried_anew_waits_for_its_record_anew() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::Status(410)).await;
    let webhook = told(&by, "erp", &receiver, &[CUSTOMERS]).await;
    enter(&suite.caller_for("erp", "integration"), person()).await;
    let dead = only(&by, &webhook, State::Dead).await;
    let by = later(&suite, 8 * 86_400).await;
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::query("ALTER TABLE profile.customer RENAME TO customer_away")
        .execute(&mut sql)
        .await
        .unwrap();
    let get = GetWebhookRequest {
        name: webhook.name.clone(),
    };
    let off = webhooks(&by).get_webhook(get).await.unwrap().into_inner();
    let on = UpdateWebhookRequest {
        name: off.name,
        etag: off.etag,
        title: off.title,
        url: off.url,
        event_types: off.event_types,
        active: true,
        request_id: String::new(),
    };
    webhooks(&by).update_webhook(on).await.unwrap();
    let request = RedeliverWebhookRequest {
        name: dead.name,
        request_id: String::new(),
    };
    let anew = webhooks(&by).redeliver_webhook(request).await;
    let anew = anew.unwrap().into_inner();
    let next = |one: &WebhookDelivery| one.next_attempt_time.as_ref().map(|time| time.seconds);
    let looked = eventually(async || {
        let one = log(&by, &webhook).await.pop()?;
        (one.state() == State::Dead || next(&one) > next(&anew)).then_some(one)
    })
    .await;
    assert_eq!(looked.state(), State::Pending);
    assert_eq!(looked.attempts.len(), 1);
}
