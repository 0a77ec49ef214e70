//! Unusual reading, from the gateway to who looks into it (IH-5).

use std::time::Duration;

use kefu_contracts::access::{
    AcknowledgeAlertRequest, Alert, AlertRule, CreateIncidentRequest, GetAlertRequest, Incident,
    ListAffectedCustomersRequest, ListAlertsRequest, alert_service_client::AlertServiceClient,
    incident_service_client::IncidentServiceClient,
};
use kefu_service::clock::Clock;
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::Code;

use crate::records::{enter, get, person};

fn alerts(caller: &Caller) -> AlertServiceClient<Caller> {
    AlertServiceClient::new(caller.clone())
}

fn incidents(caller: &Caller) -> IncidentServiceClient<Caller> {
    IncidentServiceClient::new(caller.clone())
}

/// Waits for an alert about somebody's reading of so many customers.
async fn raised(by: &Caller, count: i64) -> Alert {
    let request = ListAlertsRequest {
        rule: AlertRule::Reads as i32,
        open_only: true,
        ..ListAlertsRequest::default()
    };
    eventually(async || {
        let listed = alerts(by).list_alerts(request.clone()).await.unwrap();
        let mut all = listed.into_inner().alerts.into_iter();
        all.find(|alert| alert.count == count)
    })
    .await
}

/// A suite at the beginning of an hour: what is read in a test is read in one window.
async fn at_the_full_hour() -> TestSuite {
    let suite = TestSuite::start().await;
    let gone = suite.clock.now().as_second().rem_euclid(3600);
    let left = u64::try_from(3600 - gone).unwrap();
    suite.clock.advance(Duration::from_secs(left));
    suite.policy_is_fresh().await;
    suite
}

/// Clause IH-5: who reads many files is told of to their head, who looks into it; not to
/// themselves, and not to another head. A leak opened from it names exactly these files.
#[tokio::test(flavor = "multi_thread")]
async fn much_reading_through_the_gateway_reaches_the_head_and_becomes_an_incident() {
    let suite = at_the_full_hour().await;
    let erp = suite.caller_for("erp", "integration");
    let mut customers = Vec::new();
    for _ in 0..61 {
        let mut file = person();
        file.owner = format!("employees/{}", employee_id("li.wei"));
        customers.push(enter(&erp, file).await.name);
    }
    let agent = suite.caller("li.wei").after(&erp);
    for customer in &customers {
        get(&agent, customer).await.unwrap();
    }
    let head = suite.caller("zhang.min");
    let alert = raised(&head, 61).await;
    assert_eq!(
        alert.subject,
        format!("employees/{}", employee_id("li.wei"))
    );
    assert_eq!((alert.threshold, alert.customer_count), (60, 61));

    let request = GetAlertRequest {
        name: alert.name.clone(),
    };
    let acknowledge = AcknowledgeAlertRequest {
        name: alert.name.clone(),
        etag: alert.etag.clone(),
        note: "季度回访名单，已与李伟核对。".into(),
        request_id: String::new(),
    };
    // An agent has no such permission, and the head of the complaints desk other people.
    let refused = alerts(&agent).get_alert(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let other = suite.caller("zhou.ting");
    let refused = alerts(&other).get_alert(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let refused = alerts(&other).acknowledge_alert(acknowledge.clone()).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);

    let seen = alerts(&head).acknowledge_alert(acknowledge).await.unwrap();
    let seen = seen.into_inner();
    assert_eq!(
        seen.acknowledger,
        format!("employees/{}", employee_id("zhang.min"))
    );

    // Somebody else's reading of one of them and of another file is none of it.
    let other_file = enter(&erp, person()).await.name;
    let keeper = suite.caller_for("feng.yulan", "administration").after(&erp);
    get(&keeper, &other_file).await.unwrap();
    get(&keeper, &customers[0]).await.unwrap();
    let request = CreateIncidentRequest {
        incident: Some(Incident {
            description: "名单外流".into(),
            alert: seen.name,
            ..Incident::default()
        }),
        request_id: String::new(),
    };
    let refused = incidents(&head).create_incident(request.clone()).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let opened = incidents(&keeper).create_incident(request).await.unwrap();
    let request = ListAffectedCustomersRequest {
        incident: opened.into_inner().name,
        page_size: 200,
        page_token: String::new(),
    };
    let auditor = suite.caller_for("dong.jie", "audit");
    let affected = incidents(&auditor).list_affected_customers(request).await;
    let affected = affected.unwrap().into_inner();
    let mut named: Vec<_> = affected.customers.iter().map(|one| &one.customer).collect();
    let mut read: Vec<_> = customers.iter().collect();
    named.sort();
    read.sort();
    assert_eq!(named, read);
    let subject = format!("employees/{}", employee_id("li.wei"));
    assert!(affected.customers.iter().all(|one| {
        one.looks.len() == 1
            && one.looks[0].subject == subject
            && one.looks[0].record_count == 1
            && one.looks[0].permissions == ["profile.customers.get"]
    }));
}
