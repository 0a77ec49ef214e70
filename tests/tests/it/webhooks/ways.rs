//! The way to receivers: tried again, given up, sent anew; by several instances, past receivers
//! that are silent, and never to this machine unless that is configured.

use kefu_contracts::access::{
    DeleteWebhookRequest, GetWebhookRequest, PingWebhookRequest, RedeliverWebhookRequest,
    ReplayWebhookRequest, WebhookOutcome, WebhookPause,
};
use kefu_service::{clock::Clock, time::to_proto};
use sqlx::Connection;

use super::*;
use crate::records::violations;

/// Seconds that are past each wait of the schedule, and its tenth.
const PAST: [u64; 9] = [6, 340, 2_000, 8_000, 20_000, 40_000, 56_000, 80_000, 96_000];

/// Turns the clock, and lets callers in again.
pub(super) async fn later(suite: &TestSuite, seconds: u64) -> Caller {
    suite.clock.advance(Duration::from_secs(seconds));
    suite.policy_is_fresh().await;
    administrator(suite)
}

/// Ten attempts over three days, each signed at its time; then a dead letter, which is tried anew
/// by hand, under the same id.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_tried_again_for_days() {
    let suite = TestSuite::start().await;
    let mut by = administrator(&suite);
    let receiver = Receiver::that(Answer::With(503, "retry-after: 3\r\n")).await;
    let webhook = told(&by, "erp", &receiver, &[CUSTOMERS]).await;
    enter(&suite.caller_for("erp", "integration"), person()).await;
    for (tries, seconds) in PAST.into_iter().enumerate() {
        let one = tried(&by, &webhook, tries + 1).await;
        assert_eq!(one.state(), State::Pending);
        by = later(&suite, seconds).await;
    }
    let dead = only(&by, &webhook, State::Dead).await;
    assert_eq!(dead.attempts.len(), 10);
    assert!(
        dead.attempts
            .iter()
            .all(|one| one.outcome() == WebhookOutcome::Refused)
    );
    let letters = receiver.letters();
    assert_eq!((letters.len(), receiver.ids().len()), (10, 1));
    let times: std::collections::BTreeSet<_> = letters
        .iter()
        .map(|one| one.headers["webhook-timestamp"].clone())
        .collect();
    assert_eq!(times.len(), 10);
    assert!(
        letters
            .iter()
            .all(|one| one.is_signed_with(&webhook.secret))
    );
    let get = GetWebhookRequest {
        name: webhook.name.clone(),
    };
    let failing = webhooks(&by)
        .get_webhook(get.clone())
        .await
        .unwrap()
        .into_inner();
    assert!(failing.failing_since_time.is_some());

    receiver.answers(Answer::Status(200));
    let request = RedeliverWebhookRequest {
        name: dead.name.clone(),
        request_id: String::new(),
    };
    webhooks(&by)
        .redeliver_webhook(request.clone())
        .await
        .unwrap();
    let delivered = only(&by, &webhook, State::Delivered).await;
    assert_eq!((delivered.name, delivered.attempts.len()), (dead.name, 11));
    assert_eq!(receiver.ids().len(), 1);
    let well = webhooks(&by).get_webhook(get).await.unwrap().into_inner();
    assert!(well.failing_since_time.is_none());
    let refused = webhooks(&by).redeliver_webhook(request).await.unwrap_err();
    assert_eq!(crate::records::said(&refused, "state"), "DELIVERED");
}

/// Who answers 410 is told nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_told_nothing_more() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::Status(410)).await;
    let webhook = told(&by, "erp", &receiver, &[CUSTOMERS]).await;
    let erp = suite.caller_for("erp", "integration");
    enter(&erp, person()).await;
    only(&by, &webhook, State::Dead).await;
    let get = GetWebhookRequest {
        name: webhook.name.clone(),
    };
    let off = webhooks(&by).get_webhook(get).await.unwrap().into_inner();
    assert_eq!((off.active, off.pause()), (false, WebhookPause::Gone));
    assert_eq!(receiver.letters().len(), 1);
}

/// What a journal has from a time or a place on is sent anew, under the same ids.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_is_sent_anew_from_a_place() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::Status(200)).await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    open(&erp, ticket(&customer)).await;
    let before = suite.clock.now();
    // It begins with what is recorded from then on; once the log has what was before.
    eventually(async || {
        let request = ListAuditEntriesRequest {
            service: "ticket".into(),
            ..ListAuditEntriesRequest::default()
        };
        let mut client = AuditServiceClient::new(suite.caller_for("dong.jie", "audit"));
        let listed = client.list_audit_entries(request).await.unwrap();
        (!listed.into_inner().entries.is_empty()).then_some(())
    })
    .await;
    let webhook = told(&by, "erp", &receiver, &[TICKETS]).await;
    open(&erp, ticket(&customer)).await;
    let first = only(&by, &webhook, State::Delivered).await;
    let replay = ReplayWebhookRequest {
        name: webhook.name.clone(),
        service: "ticket".into(),
        after_position: "0.0".into(),
        ..ReplayWebhookRequest::default()
    };
    webhooks(&by).replay_webhook(replay).await.unwrap();
    receiver.heard(3).await;
    assert_eq!(receiver.ids().len(), 2);
    eventually(async || {
        let log = log(&by, &webhook).await;
        let done = log.iter().all(|one| one.state() == State::Delivered);
        (log.len() == 2 && done).then_some(())
    })
    .await;
    let replay = ReplayWebhookRequest {
        name: webhook.name.clone(),
        service: "ticket".into(),
        start_time: Some(to_proto(before)),
        ..ReplayWebhookRequest::default()
    };
    webhooks(&by).replay_webhook(replay).await.unwrap();
    let letters = receiver.heard(4).await;
    let last = letters.last().unwrap();
    assert_eq!(format!("webhook-deliveries/{}", last.id()), first.name);
    assert_eq!((letters.len(), receiver.ids().len()), (4, 2));
}

/// What was taken up does not set out once its webhook has ended.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_sets_out_once_its_webhook_has_ended() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::Status(503)).await;
    let webhook = told(&by, "erp", &receiver, &[CUSTOMERS]).await;
    enter(&suite.caller_for("erp", "integration"), person()).await;
    tried(&by, &webhook, 1).await;
    receiver.answers(Answer::Status(200));
    // It is taken up, and its record cannot be read yet.
    let mut sql = suite.database.connect().await.unwrap();
    let mut held = sql.begin().await.unwrap();
    sqlx::query("LOCK TABLE profile.customer IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *held)
        .await
        .unwrap();
    let by = later(&suite, 6).await;
    let mut looking = suite.database.connect().await.unwrap();
    eventually(async || {
        let again = "SELECT count(*) FROM access.webhook_delivery WHERE claim = 2";
        let again: i64 = sqlx::query_scalar(again)
            .fetch_one(&mut looking)
            .await
            .unwrap();
        (again == 1).then_some(())
    })
    .await;
    let get = GetWebhookRequest {
        name: webhook.name.clone(),
    };
    let now = webhooks(&by).get_webhook(get).await.unwrap().into_inner();
    let delete = DeleteWebhookRequest {
        name: now.name,
        etag: now.etag,
        request_id: String::new(),
    };
    webhooks(&by).delete_webhook(delete).await.unwrap();
    held.rollback().await.unwrap();
    // What had set out would have come before what is sent only now.
    let other = told(&by, "erp", &receiver, &[CUSTOMERS]).await;
    let ping = PingWebhookRequest {
        name: other.name.clone(),
        request_id: String::new(),
    };
    webhooks(&by).ping_webhook(ping).await.unwrap();
    only(&by, &other, State::Delivered).await;
    let letters = receiver.letters();
    assert_eq!(letters.len(), 2);
    let ping = letters[1].event();
    assert_eq!(text(&ping, "/type"), "kefu.access.webhook.pinged.v1");
    let dropped = only(&by, &webhook, State::Dropped).await;
    assert_eq!(dropped.attempts.len(), 1);
}

/// A ping is about nothing, and is tried once.
#[tokio::test(flavor = "multi_thread")]
async fn a_ping_tries_the_way_once() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::Status(500)).await;
    let webhook = told(&by, "erp", &receiver, &[TICKETS]).await;
    let request = PingWebhookRequest {
        name: webhook.name.clone(),
        request_id: String::new(),
    };
    let pinged = webhooks(&by)
        .ping_webhook(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(only(&by, &webhook, State::Dead).await.name, pinged.name);
    let letter = receiver.letters().pop().unwrap();
    assert!(letter.is_signed_with(&webhook.secret));
    let event = letter.event();
    assert_eq!(text(&event, "/type"), "kefu.access.webhook.pinged.v1");
    assert!(event.get("data").is_none());
}

/// A receiver that says nothing holds up nobody else, nor many of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_receiver_holds_up_nobody_else() {
    let suite = TestSuite::with_parts(|parts| {
        // Longer than all of it takes.
        parts.access_control.webhooks.timeout_ms = 30_000;
    })
    .await;
    let by = administrator(&suite);
    let silent = Receiver::that(Answer::Silence).await;
    let good = Receiver::that(Answer::Status(200)).await;
    told(&by, "erp", &silent, &[TICKETS]).await;
    told(&by, "logistics", &good, &[TICKETS]).await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    for _ in 0..20 {
        open(&erp, ticket(&customer)).await;
    }
    assert_eq!(good.heard(20).await.len(), 20);
    assert!(silent.letters().len() <= 4);
}

/// Webhooks with much in store, whose places are all taken, leave room to the others.
#[tokio::test(flavor = "multi_thread")]
async fn what_many_webhooks_have_in_store_holds_up_nobody_else() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let good = Receiver::that(Answer::Status(200)).await;
    let last = told(&by, "erp", &good, &[TICKETS]).await;
    // As many as are sent at one time; the ids of all are before the last one's.
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO access.webhook
         SELECT made.* FROM generate_series(1, 64) n, access.webhook w,
             jsonb_populate_record(w, jsonb_build_object('id', lpad(n::text, 32, '0')::uuid)) made;
         INSERT INTO access.webhook_delivery (id, webhook_id, service, transaction_id, position, event_type,
             change, resource, event_at, state, failures, attempts, due_at, claim, claimed_until, created_at)
         SELECT gen_random_uuid(), w.id, 'ticket', 1, n, 'kefu.ticket.ticket.changed.v1', 'ticket.opened',
             'tickets/' || gen_random_uuid(), now(), 1, 0, 0, now() - interval '1 minute', 1,
             CASE WHEN n <= 4 THEN now() + interval '1 hour' END, now()
         FROM access.webhook w, generate_series(1, 5) n WHERE w.id::text LIKE '00000000-%'",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    open(&erp, ticket(&customer)).await;
    good.heard(1).await;
    only(&by, &last, State::Delivered).await;
}

/// However many instances look: each event is sent once.
#[tokio::test(flavor = "multi_thread")]
async fn two_instances_do_not_send_twice() {
    let suite = TestSuite::start().await;
    let _twin = suite.twin();
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::Status(200)).await;
    let webhook = told(&by, "erp", &receiver, &[TICKETS]).await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    for _ in 0..30 {
        open(&erp, ticket(&customer)).await;
    }
    eventually(async || {
        let log = log(&by, &webhook).await;
        let done = log.iter().all(|one| one.state() == State::Delivered);
        (log.len() == 30 && done).then_some(())
    })
    .await;
    assert_eq!((receiver.letters().len(), receiver.ids().len()), (30, 30));
}

/// What a process had taken up when it died is sent by another one, under the same id.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_process_had_taken_up_is_sent_again() {
    let suite = TestSuite::with_parts(|parts| {
        parts.access_control.webhooks.signing_key = None;
    })
    .await;
    let twin = suite.twin();
    let at_twin = suite.caller_at(&twin, "han.bing");
    let receiver = Receiver::that(Answer::Silence).await;
    let made = eventually(async || {
        let request = CreateWebhookRequest {
            webhook: Some(Webhook {
                account: account("erp"),
                purpose: Purpose::Integration.into(),
                title: "通知".into(),
                url: receiver.url(),
                event_types: vec![CUSTOMERS.into()],
                active: true,
                ..Webhook::default()
            }),
            request_id: String::new(),
        };
        // The other gateway may not know of the policy yet.
        webhooks(&at_twin).create_webhook(request).await.ok()
    })
    .await;
    let webhook = made.into_inner();
    enter(&suite.caller_for("erp", "integration"), person()).await;
    receiver.heard(1).await;
    drop(twin);
    receiver.answers(Answer::Status(200));
    let by = later(&suite, 91).await;
    let _another = suite.twin();
    receiver.heard(2).await;
    assert_eq!(receiver.ids().len(), 1);
    let one = only(&by, &webhook, State::Delivered).await;
    assert_eq!(one.attempts.len(), 1);
}

/// Clause CC-2.5: nothing is sent to this machine, however its address is written, unless that is
/// configured.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_this_machine_unless_configured() {
    let suite = TestSuite::with_parts(|parts| {
        parts.access_control.webhooks.allow_local = false;
    })
    .await;
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::Status(200)).await;
    let port = receiver.url();
    let port = port.trim_start_matches("http://127.0.0.1:");
    let webhook = |url: String| Webhook {
        account: account("erp"),
        purpose: Purpose::Integration.into(),
        title: "通知".into(),
        url,
        event_types: vec![CUSTOMERS.into()],
        active: true,
        ..Webhook::default()
    };
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "localhost"] {
        let request = CreateWebhookRequest {
            webhook: Some(webhook(format!("http://{host}:{port}"))),
            request_id: String::new(),
        };
        let refused = webhooks(&by).create_webhook(request).await.unwrap_err();
        assert_eq!(violations(&refused), ["webhook.url"]);
    }
    // A name that is none, and leads there all the same.
    let request = CreateWebhookRequest {
        webhook: Some(webhook(format!("http://2130706433:{port}"))),
        request_id: String::new(),
    };
    let made = webhooks(&by)
        .create_webhook(request)
        .await
        .unwrap()
        .into_inner();
    let ping = PingWebhookRequest {
        name: made.name.clone(),
        request_id: String::new(),
    };
    webhooks(&by).ping_webhook(ping).await.unwrap();
    let dead = only(&by, &made, State::Dead).await;
    assert_eq!(dead.attempts[0].outcome(), WebhookOutcome::AddressRefused);
    assert!(receiver.letters().is_empty());
}
