use std::{net::IpAddr, time::Duration};

use jiff::Timestamp;
use kefu_contracts::{
    DESCRIPTOR_SET,
    access::{WebhookDeliveryState, WebhookOutcome},
    journal::{
        self, CompensationChanged, ComplaintOfOrder, ConfirmationChanged, CustomerChanged, Entry,
        EntryKind, FilesMerged, OrderChanged, OrderClearedUp, OrderPromised, OrderReviewed,
        OrderSupplied, OrderTroubled, TicketChanged, event::Event,
    },
    method,
    policy::Effect,
};
use kefu_service::error::Violation;
use proptest::prelude::*;
use prost_reflect::{DescriptorPool, Kind};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Delivery,
    address::{Limits, Refused, refused},
    body::body,
    delivery_id,
    event::{TOPICS, topics_of},
    schedule::{Answer, DELAYS, LONGEST, Next, next},
    signature::{signatures, written},
    url::check,
};

const STRICT: Limits = Limits {
    allow_local: false,
    allow_plaintext: false,
};
const LOOSE: Limits = Limits {
    allow_local: true,
    allow_plaintext: true,
};

/// Each type names a public call that reads, takes the record's name alone, and is its
/// service's own.
#[test]
fn every_type_of_events_can_be_read() {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET).unwrap();
    for (place, topic) in TOPICS.iter().enumerate() {
        let rule = method(topic.method).unwrap_or_else(|| panic!("{} is no call", topic.method));
        assert!(!rule.internal && !rule.server_streaming, "{}", topic.method);
        assert_eq!(rule.effect, Effect::Read, "{}", topic.method);
        let service = pool.get_service_by_name(rule.service).unwrap();
        let call = service
            .methods()
            .find(|one| topic.method.ends_with(&format!("/{}", one.name())))
            .unwrap();
        let input = call.input();
        let name = input.get_field_by_name("name").unwrap();
        assert_eq!(name.kind(), Kind::String, "{}", topic.method);
        let first = &TOPICS[..place];
        assert!(first.iter().all(|one| one.event_type != topic.event_type));
        assert!(call.output().get_field_by_name("name").is_some());
    }
}

fn entry(resource: &str, event: Event) -> Entry {
    Entry {
        kind: EntryKind::Change.into(),
        resource: resource.to_owned(),
        event: Some(journal::Event { event: Some(event) }),
        ..Entry::default()
    }
}

/// Types and records that an entry is told as.
fn told(service: &str, entry: &Entry) -> Vec<(&'static str, String)> {
    let topics = topics_of(service, entry);
    topics
        .map(|(topic, record)| (topic.event_type, record))
        .collect()
}

/// Whatever WatchOrders tells a change by is told here as well.
#[test]
fn all_that_changes_an_order_is_told() {
    let order = format!("orders/{}", Uuid::from_u128(7));
    let changed = "kefu.order.order.changed.v1";
    for (event, event_type) in [
        (Event::OrderChanged(OrderChanged::default()), changed),
        (Event::OrderReviewed(OrderReviewed::default()), changed),
        (Event::OrderSupplied(OrderSupplied::default()), changed),
        (Event::OrderClearedUp(OrderClearedUp::default()), changed),
        (
            Event::ConfirmationChanged(ConfirmationChanged::default()),
            changed,
        ),
        (
            Event::ComplaintOfOrder(ComplaintOfOrder::default()),
            changed,
        ),
        (
            Event::OrderPromised(OrderPromised::default()),
            "kefu.order.order.promised.v1",
        ),
        (
            Event::OrderTroubled(OrderTroubled::default()),
            "kefu.order.order.troubled.v1",
        ),
    ] {
        let entry = entry(&order, event);
        assert_eq!(
            told("order-followup", &entry),
            [(event_type, order.clone())],
            "{entry:?}"
        );
        assert!(told("ticket", &entry).is_empty());
    }
}

/// A merge is told of each of its two files.
#[test]
fn a_file_that_is_merged_is_told() {
    let file = Uuid::from_u128(7);
    let (name, changed) = (
        format!("customers/{file}"),
        "kefu.profile.customer.changed.v1",
    );
    let event = Event::CustomerChanged(CustomerChanged::default());
    let of_file = entry(&name, event);
    let merged = Entry {
        customer_id: file.as_bytes().to_vec(),
        ..entry(
            &format!("merges/{}", Uuid::from_u128(8)),
            Event::FilesMerged(FilesMerged::default()),
        )
    };
    for entry in [of_file, merged] {
        let expected = [(changed, name.clone())];
        assert_eq!(told("customer-profile", &entry), expected);
    }
}

/// That something becomes of a compensation is told as a change of the ticket,
/// and no more to whom compensations are not shown.
#[test]
fn names_tell_nothing_that_is_held_back() {
    let ticket = format!("tickets/{}", Uuid::from_u128(7));
    let of_it = Event::CompensationChanged(CompensationChanged::default());
    assert!(told("ticket", &entry(&ticket, of_it)).is_empty());
    let changed = Event::TicketChanged(TicketChanged::default());
    assert_eq!(told("ticket", &entry(&ticket, changed)).len(), 1);

    let named = |change: &str, cleared: &[&str]| {
        let record = json!({"name": ticket, "disclosure": {"cleared": cleared}});
        let letter = body(&delivery(change), Some(record));
        let letter: Value = serde_json::from_slice(&letter).unwrap();
        letter.get("kefuchange").cloned()
    };
    let (financial, purchase) = ("DATA_CLASS_FINANCIAL", "DATA_CLASS_PURCHASE");
    for (change, class) in [
        ("complaint.compensated", financial),
        ("complaint.compensation_decided", financial),
        ("complaint.compensation_paid", financial),
        ("case.payment_recorded", purchase),
        ("case_payment.granted", purchase),
        ("order.complaint_opened", "DATA_CLASS_SERVICE"),
        ("customer.rated", "DATA_CLASS_RELATION"),
    ] {
        assert_eq!(named(change, &[class]), Some(json!(change)));
        assert_eq!(named(change, &["DATA_CLASS_CONTACT"]), None, "{change}");
        assert_eq!(named(change, &[]), None, "{change}");
    }
    assert_eq!(named("ticket.opened", &[]), Some(json!("ticket.opened")));
}

fn delivery(change: &str) -> Delivery {
    let now = Timestamp::UNIX_EPOCH;
    Delivery {
        id: Uuid::from_u128(1),
        webhook: Uuid::from_u128(2),
        seq: Some(3),
        service: "ticket".to_owned(),
        place: (4, 5),
        event_type: "kefu.ticket.ticket.changed.v1".to_owned(),
        change: change.to_owned(),
        resource: format!("tickets/{}", Uuid::from_u128(7)),
        event_at: now,
        state: WebhookDeliveryState::Pending,
        failures: 0,
        attempts: 0,
        due_at: now,
        created_at: now,
        begun_at: now,
        settled_at: None,
    }
}

/// The vector of Standard Webhooks' own libraries.
#[test]
fn signatures_are_those_of_standard_webhooks() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    assert_eq!(written(&secret), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let body = br#"{"test": 2432232314}"#;
    let one = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(
        signatures(std::slice::from_ref(&secret), id, 1_614_265_330, body),
        one
    );
    let both = signatures(&[secret.clone(), secret], id, 1_614_265_330, body);
    assert_eq!(both, format!("{one} {one}"));
}

#[test]
fn nothing_is_sent_to_this_machine_or_its_link() {
    use Refused::{LinkLocal, Loopback, Metadata, Nobody};
    let cases = [
        ("127.0.0.1", Some(Loopback)),
        ("127.255.0.3", Some(Loopback)),
        ("::1", Some(Loopback)),
        ("::ffff:127.0.0.1", Some(Loopback)),
        ("64:ff9b::7f00:1", Some(Loopback)),
        ("2002:7f00:1::", Some(Loopback)),
        ("::127.0.0.1", Some(Loopback)),
        ("169.254.169.254", Some(LinkLocal)),
        ("::ffff:169.254.0.1", Some(LinkLocal)),
        ("fe80::1", Some(LinkLocal)),
        ("febf::1", Some(LinkLocal)),
        ("fec0::1", Some(LinkLocal)),
        ("100.100.100.200", Some(Metadata)),
        ("fd00:ec2::254", Some(Metadata)),
        ("0.0.0.0", Some(Nobody)),
        ("0.1.2.3", Some(Nobody)),
        ("::", Some(Nobody)),
        ("224.0.0.1", Some(Nobody)),
        ("255.255.255.255", Some(Nobody)),
        ("ff02::1", Some(Nobody)),
        ("10.0.0.1", None),
        ("192.168.3.4", None),
        ("100.100.100.201", None),
        ("8.8.8.8", None),
        ("fd12::1", None),
        ("2001:db8::1", None),
    ];
    for (text, expected) in cases {
        let address: IpAddr = text.parse().unwrap();
        assert_eq!(refused(address, STRICT), expected, "{text}");
        let loose = expected.filter(|why| *why == Nobody);
        assert_eq!(refused(address, LOOSE), loose, "{text}");
    }
}

#[test]
fn addresses_of_receivers_are_whole() {
    let strict = |text: &str| check(text, STRICT).map(drop);
    for good in [
        "https://example.com",
        "https://example.com:8443/hooks?x=1",
        "https://10.1.2.3/",
        "https://[2001:db8::1]:444/a",
        "https://例子.cn",
    ] {
        let is_ascii = good.is_ascii();
        assert_eq!(strict(good).is_ok(), is_ascii, "{good}");
    }
    for (bad, why) in [
        ("", Violation::Required),
        ("example.com", Violation::Format),
        ("/hooks", Violation::Format),
        ("http://example.com", Violation::Format),
        ("ftp://example.com", Violation::Format),
        ("https://u@example.com", Violation::Format),
        ("https://u:p@example.com", Violation::Format),
        ("https://example.com:0", Violation::Format),
        ("https://example.com:", Violation::Format),
        ("https://example.com:99999", Violation::Format),
        ("https://example.com/#a", Violation::Format),
        ("https://127.0.0.1/", Violation::NotApplicable),
        ("https://[::1]/", Violation::NotApplicable),
        ("https://[::ffff:127.0.0.1]/", Violation::NotApplicable),
        ("https://169.254.169.254/latest", Violation::NotApplicable),
        ("https://localhost/", Violation::NotApplicable),
        ("https://A.LOCALHOST./", Violation::NotApplicable),
    ] {
        assert_eq!(strict(bad), Err(why), "{bad}");
    }
    let long = format!("https://example.com/{}", "x".repeat(500));
    assert_eq!(strict(&long), Err(Violation::TooLong(500)));
    for good in ["http://127.0.0.1:8080/x", "http://localhost/"] {
        assert!(check(good, LOOSE).is_ok(), "{good}");
    }
}

const FAILED: Answer = Answer {
    outcome: WebhookOutcome::Refused,
    status: 500,
    retry_after: None,
};

#[test]
fn ten_attempts_and_then_a_dead_letter() {
    for (failures, seconds) in DELAYS.into_iter().enumerate() {
        let Next::Again(delay) = next(&FAILED, failures as i32, false, u16::MAX / 2) else {
            panic!("no attempt after {failures}");
        };
        assert!(delay.abs_diff(Duration::from_secs(seconds)) < Duration::from_secs(2));
    }
    assert_eq!(next(&FAILED, 9, false, 0), Next::Dead);
    assert_eq!(next(&FAILED, 0, true, 0), Next::Dead);
    let gone = Answer {
        status: 410,
        ..FAILED
    };
    assert_eq!(next(&gone, 0, false, 0), Next::Gone);
    let accepted = Answer {
        outcome: WebhookOutcome::Accepted,
        status: 204,
        retry_after: None,
    };
    assert_eq!(next(&accepted, 9, true, 0), Next::Delivered);
}

proptest! {
    /// Within a tenth of the schedule, never sooner than asked for, never later than a day.
    #[test]
    fn waits_are_within_bounds(failures in 0..9_i32, jitter: u16, asked in prop::option::of(0..200_000_u64)) {
        let answer = Answer { retry_after: asked.map(Duration::from_secs), ..FAILED };
        let planned = Duration::from_secs(DELAYS[failures as usize]);
        let Next::Again(delay) = next(&answer, failures, false, jitter) else {
            return Err(TestCaseError::fail("no further attempt"));
        };
        let asked = Duration::from_secs(asked.unwrap_or(0)).min(LONGEST);
        prop_assert!(delay >= asked);
        prop_assert!(delay >= planned * 9 / 10);
        prop_assert!(delay <= (planned * 11 / 10).max(asked));
    }

    #[test]
    fn an_entry_has_one_id_for_each_webhook(webhook: u128, other: u128, place: (i64, i64), next: (i64, i64)) {
        let of = |webhook, place| delivery_id(Uuid::from_u128(webhook), "ticket", place);
        prop_assert_eq!(of(webhook, place), of(webhook, place));
        prop_assert_eq!(of(webhook, place) == of(other, place), webhook == other);
        prop_assert_eq!(of(webhook, place) == of(webhook, next), place == next);
    }
}
