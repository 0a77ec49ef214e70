//! Unusual reading: what raises an alert, and who may look into it (IH-5).

mod refusals;

use std::time::Duration;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::Scope;
use kefu_contracts::{
    access::{AcknowledgeAlertRequest, Alert, AlertEvent, AlertRule, ListAlertsRequest},
    journal::{EntryKind, Refused, Viewed, event},
    policy::{DataClass, Purpose},
};
use kefu_journal::Entry;
use kefu_service::time::to_proto;
use sqlx::Executor;
use tonic::Status;
use uuid::Uuid;

use crate::house::{Caller, House, eventually};

/// Ten past ten on a Tuesday morning in Shanghai.
pub(crate) const MORNING: &str = "2026-03-03T02:10:00Z";
/// Late the evening before.
pub(crate) const NIGHT: &str = "2026-03-02T14:30:00Z";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn entry(
    actor: Option<Uuid>,
    at: Timestamp,
    kind: EntryKind,
    event: event::Event,
) -> Entry {
    Entry {
        recorded_at: at,
        actor_id: actor,
        purpose: Purpose::Service,
        request_id: String::new(),
        kind,
        resource: String::new(),
        customer_id: None,
        r#type: "customer.viewed",
        event,
    }
}

/// Somebody was shown something of a customer.
pub(crate) fn view(actor: Uuid, at: Timestamp, customer: u128, cleared: &[DataClass]) -> Entry {
    let viewed = Viewed {
        method: "/kefu.profile.v1.CustomerService/GetCustomer".into(),
        cleared: cleared.iter().map(|class| *class as i32).collect(),
        ..Viewed::default()
    };
    Entry {
        customer_id: Some(Uuid::from_u128(customer)),
        ..entry(
            Some(actor),
            at,
            EntryKind::View,
            event::Event::Viewed(viewed),
        )
    }
}

/// Somebody was shown so many customers.
pub(crate) fn views(actor: Uuid, from: &str, customers: std::ops::Range<u128>) -> Vec<Entry> {
    customers
        .map(|customer| view(actor, at(from), customer, &[DataClass::Basic]))
        .collect()
}

fn refused(actor: Uuid, repeated_count: i32) -> Entry {
    let refused = Refused {
        repeated_count,
        ..Refused::default()
    };
    entry(
        Some(actor),
        at(MORNING),
        EntryKind::Refusal,
        event::Event::Refused(refused),
    )
}

/// At noon of that Tuesday.
pub(crate) async fn house() -> House {
    let house = House::new().await;
    house.clock.set(at("2026-03-03T04:00:00Z"));
    house
}

/// Journals these, and waits until all of the journal was collected and looked through.
pub(crate) async fn happened(house: &House, entries: &[Entry]) {
    let mut sql = house.sql().await;
    kefu_journal::append(&mut sql, entries).await.unwrap();
    let left = "SELECT (SELECT count(*) FROM journal) - (SELECT next_seq FROM alert_cursor)";
    eventually(async || {
        let all = house.count(left).await == 0;
        if !all {
            house.clock.advance(Duration::from_secs(1));
        }
        all.then_some(())
    })
    .await;
}

/// An auditor, who sees all.
pub(crate) fn auditor(house: &House) -> Caller {
    house.caller(house.id("dong.jie"), Scope::All)
}

pub(crate) async fn list(by: &Caller, request: ListAlertsRequest) -> Vec<Alert> {
    let answer = by.alerts().list_alerts(request).await.unwrap();
    answer.into_inner().alerts
}

pub(crate) async fn all(house: &House) -> Vec<Alert> {
    list(&auditor(house), ListAlertsRequest::default()).await
}

pub(crate) fn acknowledgement(alert: &Alert) -> AcknowledgeAlertRequest {
    AcknowledgeAlertRequest {
        name: alert.name.clone(),
        etag: alert.etag.clone(),
        note: "月度回访，已核对名单".into(),
        request_id: String::new(),
    }
}

pub(crate) async fn acknowledge(
    by: &Caller,
    request: AcknowledgeAlertRequest,
) -> Result<Alert, Status> {
    let answer = by.alerts().acknowledge_alert(request).await?;
    Ok(answer.into_inner())
}

/// Clause IH-5: the sixty-first customer in an hour raises one alert, whichever replica looks,
/// and what was collected late makes it larger.
#[tokio::test]
async fn reading_beyond_the_budget_raises_one_alert_however_many_look() {
    let house = house().await;
    let _replicas = [house.replica(), house.replica()];
    let agent = house.id("li.wei");
    let mut entries = views(agent, MORNING, 0..60);
    // Again the same, nobody's, the hour before, and what is about no customer.
    entries.extend(views(agent, MORNING, 0..60));
    entries.extend(views(agent, "2026-03-03T01:59:59.999999Z", 60..70));
    for customer in 60..70 {
        let one = view(agent, at(MORNING), customer, &[]);
        entries.push(Entry {
            actor_id: None,
            ..one.clone()
        });
        entries.push(Entry {
            customer_id: None,
            ..one
        });
    }
    happened(&house, &entries).await;
    assert_eq!(all(&house).await, []);

    happened(&house, &views(agent, "2026-03-03T02:59:59.999999Z", 60..61)).await;
    let [alert] = all(&house).await.try_into().unwrap();
    assert_eq!(alert.rule(), AlertRule::Reads);
    assert_eq!(alert.subject, house.employee("li.wei"));
    assert_eq!(
        (alert.count, alert.threshold, alert.customer_count),
        (61, 60, 61)
    );
    assert_eq!(alert.start_time, Some(to_proto(at("2026-03-03T02:00:00Z"))));
    assert_eq!(alert.end_time, Some(to_proto(at("2026-03-03T03:00:00Z"))));
    assert_eq!((alert.grow_time, alert.etag.as_str()), (None, "r1"));

    // Collected after entries of the next hour, and of another journal.
    let late: Vec<Entry> = [
        views(agent, "2026-03-03T03:10:00Z", 0..2),
        views(agent, MORNING, 61..63),
    ]
    .concat();
    happened(&house, &late).await;
    let [grown] = all(&house).await.try_into().unwrap();
    assert_eq!(grown.name, alert.name);
    assert_eq!(
        (grown.count, grown.threshold, grown.customer_count),
        (63, 60, 63)
    );
    assert_eq!(
        (grown.raise_time, grown.etag.as_str()),
        (alert.raise_time, "r2")
    );
    assert!(grown.grow_time.is_some());
    assert!(grown.last_seq > alert.last_seq && grown.first_seq == alert.first_seq);

    // Each was told once, by nobody in particular.
    let entries = house.journal(EntryKind::Change, 3).await;
    let told: Vec<_> = entries
        .iter()
        .filter_map(|one| match one.entry.event.as_ref()?.event.as_ref()? {
            event::Event::AlertChanged(changed) => Some((&one.entry, changed)),
            _ => None,
        })
        .collect();
    let facts: Vec<_> = told
        .iter()
        .map(|(_, one)| (one.event(), one.count))
        .collect();
    assert_eq!(facts, [(AlertEvent::Raised, 61), (AlertEvent::Grown, 63)]);
    assert!(told.iter().all(|(entry, one)| {
        entry.actor_id.is_empty()
            && entry.resource == alert.name
            && one.subject_id == agent.as_bytes()
    }));
}

/// Clause IH-5: by the post held at the time, also by one that was since taken away.
#[tokio::test]
async fn every_post_has_the_budget_that_the_rules_give_it() {
    let house = house().await;
    let (reviewer, leader) = (house.id("lin.na"), house.id("chen.guodong"));
    house
        .sql()
        .await
        .execute(
            sqlx::query("UPDATE binding SET revoked_at = $1 WHERE subject_id = $2")
                .bind(at("2026-03-03T02:30:00Z").to_sqlx())
                .bind(leader),
        )
        .await
        .unwrap();
    for (who, until) in [(reviewer, 30), (leader, 30), (house.id("song.yue"), 60)] {
        happened(&house, &views(who, MORNING, 0..until)).await;
    }
    assert_eq!(all(&house).await, []);
    for who in [reviewer, leader] {
        happened(&house, &views(who, MORNING, 30..31)).await;
    }
    // After it was taken away, whoever holds no other post has the budget of all others.
    happened(&house, &views(leader, "2026-03-03T03:10:00Z", 0..60)).await;
    let told: Vec<_> = all(&house)
        .await
        .iter()
        .map(|one| (one.count, one.threshold))
        .collect();
    assert_eq!(told, [(31, 30), (31, 30)]);
}

/// Clause IH-5: one look is enough, but only at what is sensitive, and machines do not sleep.
#[tokio::test]
async fn sensitive_data_at_night_is_told_of_people_and_not_of_machines() {
    let house = house().await;
    let (agent, erp) = (house.id("li.wei"), house.id("erp"));
    let night = at(NIGHT);
    happened(
        &house,
        &[
            view(agent, night, 1, &[DataClass::Basic, DataClass::Service]),
            view(agent, at(MORNING), 1, &[DataClass::Contact]),
            view(erp, night, 1, &[DataClass::Contact]),
        ],
    )
    .await;
    assert_eq!(all(&house).await, []);
    let sensitive = [DataClass::Basic, DataClass::Identity];
    happened(
        &house,
        &[
            view(agent, night, 1, &sensitive),
            view(agent, night, 2, &sensitive),
        ],
    )
    .await;
    let [alert] = all(&house).await.try_into().unwrap();
    assert_eq!(alert.rule(), AlertRule::OutsideHours);
    assert_eq!(alert.subject, house.employee("li.wei"));
    assert_eq!(
        (alert.count, alert.threshold, alert.customer_count),
        (2, 0, 2)
    );
    // A day of Shanghai.
    assert_eq!(alert.start_time, Some(to_proto(at("2026-03-01T16:00:00Z"))));
}

/// Clause IH-5: an entry of the log may stand for many refusals.
#[tokio::test]
async fn refusals_count_for_all_they_stand_for() {
    let house = house().await;
    let (agent, erp) = (house.id("li.wei"), house.id("erp"));
    happened(&house, &[refused(agent, 8)]).await;
    assert_eq!(all(&house).await, []);
    happened(&house, &[refused(agent, 0), refused(erp, 24)]).await;
    let mut alerts = all(&house).await;
    alerts.sort_by_key(|one| one.count);
    let told: Vec<_> = alerts
        .iter()
        .map(|one| (one.rule(), one.subject.as_str(), one.count, one.threshold))
        .collect();
    let system = format!("system-accounts/{erp}");
    assert_eq!(
        told,
        [
            (
                AlertRule::Refusals,
                house.employee("li.wei").as_str(),
                10,
                10
            ),
            (AlertRule::Refusals, system.as_str(), 25, 10),
        ]
    );
}

/// Clause IH-5: looked into by one, with a result; what has grown since is looked into again.
#[tokio::test]
async fn an_alert_is_acknowledged_once_unless_it_grows() {
    let house = house().await;
    let agent = house.id("li.wei");
    happened(&house, &views(agent, MORNING, 0..61)).await;
    let [alert] = all(&house).await.try_into().unwrap();
    let head = house.caller(
        house.id("zhang.min"),
        Scope::Departments(vec![house.seeded.departments["call_centre"]]),
    );
    let request = AcknowledgeAlertRequest {
        request_id: house.ids.next().unwrap().to_string(),
        ..acknowledgement(&alert)
    };
    let seen = acknowledge(&head, request.clone()).await.unwrap();
    assert_eq!(seen.acknowledger, house.employee("zhang.min"));
    assert_eq!(
        (seen.note.as_str(), seen.acknowledged_count),
        (request.note.as_str(), 61)
    );
    assert_eq!(seen.etag, "r2");
    // The same request once more is the same answer.
    assert_eq!(acknowledge(&head, request).await.unwrap(), seen);
    let open = ListAlertsRequest {
        open_only: true,
        ..ListAlertsRequest::default()
    };
    assert_eq!(list(&head, open.clone()).await, []);

    happened(&house, &views(agent, MORNING, 61..62)).await;
    let [grown] = list(&head, open).await.try_into().unwrap();
    assert_eq!((grown.count, grown.acknowledged_count), (62, 61));
    assert_eq!(grown.acknowledge_time, seen.acknowledge_time);
    let again = acknowledge(&auditor(&house), acknowledgement(&grown))
        .await
        .unwrap();
    assert_eq!(again.acknowledger, house.employee("dong.jie"));
    let told = house.journal(EntryKind::Change, 5).await;
    let last = &told.last().unwrap().entry;
    assert_eq!(last.r#type, "alert.acknowledged");
    assert_eq!(last.actor_id, house.id("dong.jie").as_bytes());
}
