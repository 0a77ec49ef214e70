//! What gateways refused.

use kefu_contracts::{
    access::{RecordRefusalsRequest, RefusalRecord},
    journal::{EntryKind, event},
    policy::Purpose,
};
use kefu_service::{clock::Clock, time::to_proto};
use uuid::Uuid;

use crate::house::{House, reason, violations};

fn record(house: &House, id: u128) -> RefusalRecord {
    RefusalRecord {
        id: Uuid::from_u128(id).as_bytes().to_vec(),
        at: Some(to_proto(house.clock.now())),
        subject_id: house.id("xu.jing").as_bytes().to_vec(),
        method: "/kefu.profile.v1.CustomerService/GetCustomer".into(),
        permission: "profile.customers.get".into(),
        purpose: Purpose::Sales.into(),
        reason: "PURPOSE_NOT_ALLOWED".into(),
        policy_revision: 12,
        repeated_count: 3,
    }
}

async fn send(house: &House, refusals: Vec<RefusalRecord>) -> Result<(), tonic::Status> {
    house
        .refusals()
        .record_refusals(RecordRefusalsRequest { refusals })
        .await
        .map(|_| ())
}

/// Promise 5, clause OP-7.2: who was refused what, by which rule, is journaled,
/// once however often it is reported.
#[tokio::test]
async fn refusals_are_journaled_once() {
    let house = House::new().await;
    let (one, two, three) = (record(&house, 1), record(&house, 2), record(&house, 3));
    let unknown = RefusalRecord {
        subject_id: Vec::new(),
        purpose: 0,
        ..three
    };
    send(&house, vec![one.clone(), one.clone()]).await.unwrap();
    send(&house, vec![one.clone(), two.clone(), unknown])
        .await
        .unwrap();
    send(&house, vec![two]).await.unwrap();
    send(&house, Vec::new()).await.unwrap();

    let entries = house.journal(EntryKind::Refusal, 3).await;
    let ids: Vec<_> = entries
        .iter()
        .map(|one| one.entry.request_id.clone())
        .collect();
    assert_eq!(ids, [1, 2, 3].map(|id| Uuid::from_u128(id).to_string()));
    let entry = &entries[0].entry;
    assert_eq!(entry.r#type, "call.refused");
    assert_eq!(entry.actor_id, house.id("xu.jing").as_bytes());
    assert_eq!(entry.purpose(), Purpose::Sales);
    let Some(event::Event::Refused(refused)) = entry.event.clone().unwrap().event else {
        panic!()
    };
    assert_eq!(refused.method, one.method);
    assert_eq!(refused.permission, one.permission);
    assert_eq!(refused.reason, one.reason);
    assert_eq!(refused.policy_revision, 12);
    assert_eq!(refused.repeated_count, 3);
    assert!(entries[2].entry.actor_id.is_empty());
}

#[tokio::test]
async fn gateways_that_report_the_same_at_once_journal_it_once() {
    let house = House::new().await;
    let batch: Vec<_> = (1..=50).map(|id| record(&house, id)).collect();
    let mut sent = Vec::new();
    for _ in 0..4 {
        let (mut client, refusals) = (house.refusals(), batch.clone());
        sent.push(tokio::spawn(async move {
            client
                .record_refusals(RecordRefusalsRequest { refusals })
                .await
        }));
    }
    for one in sent {
        one.await.unwrap().unwrap();
    }
    assert_eq!(
        house
            .count("SELECT count(*) FROM journal WHERE type = 'call.refused'")
            .await,
        50
    );
}

/// Whatever a caller puts into the path, the refusal is journaled.
#[tokio::test]
async fn a_strange_path_does_not_keep_a_refusal_out() {
    let house = House::new().await;
    let strange = RefusalRecord {
        method: format!("/\u{0}{}", "x".repeat(5000)),
        purpose: 99,
        ..record(&house, 1)
    };
    send(&house, vec![strange]).await.unwrap();
    assert_eq!(
        house
            .count("SELECT count(*) FROM journal WHERE type = 'call.refused'")
            .await,
        1
    );
}

#[tokio::test]
async fn a_refusal_must_say_which_and_when() {
    let house = House::new().await;
    let bad = RefusalRecord {
        id: vec![1],
        at: None,
        subject_id: vec![2],
        ..record(&house, 1)
    };
    assert_eq!(
        violations(
            &send(&house, vec![record(&house, 2), bad])
                .await
                .unwrap_err()
        ),
        [
            "refusals[1].id UUID",
            "refusals[1].subject_id UUID",
            "refusals[1].at REQUIRED"
        ]
    );
    assert_eq!(house.count("SELECT count(*) FROM refusal").await, 0);
}

/// People cannot write into the journal, whatever they were let do.
#[tokio::test]
async fn nobody_but_a_service_may_record() {
    use kefu_contracts::access::refusal_service_client::RefusalServiceClient;
    let house = House::new().await;
    let mut client = RefusalServiceClient::new(house.administrator());
    let refused = client
        .record_refusals(RecordRefusalsRequest::default())
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "CONTEXT_INVALID");
}
