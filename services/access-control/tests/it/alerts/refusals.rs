//! What of alerts is refused, and to whom.

use kefu_access::Scope;
use kefu_contracts::{
    access::{AcknowledgeAlertRequest, Alert, AlertRule, GetAlertRequest, ListAlertsRequest},
    journal::EntryKind,
    policy::DataClass,
};
use tonic::Code;

use super::{
    MORNING, NIGHT, acknowledge, acknowledgement, all, at, auditor, happened, list, view, views,
};
use crate::house::{Caller, House, reason, said, violations};

async fn raised(house: &House, login: &str) -> Alert {
    happened(house, &views(house.id(login), MORNING, 0..61)).await;
    let request = ListAlertsRequest {
        subject: house.employee(login),
        ..ListAlertsRequest::default()
    };
    list(&auditor(house), request).await.remove(0)
}

fn within(house: &House, login: &str, departments: &[&str]) -> Caller {
    let ids = departments
        .iter()
        .map(|code| house.seeded.departments[*code]);
    house.caller(house.id(login), Scope::Departments(ids.collect()))
}

/// Clause IH-5: also where their post reaches everything, and nobody learns by the answer
/// that there is one.
#[tokio::test]
async fn whoever_an_alert_is_about_neither_sees_nor_acknowledges_it() {
    let house = super::house().await;
    let alert = raised(&house, "zhang.min").await;
    let other = raised(&house, "li.wei").await;
    let own = house.caller(house.id("zhang.min"), Scope::All);
    assert_eq!(
        list(&own, ListAlertsRequest::default()).await,
        std::slice::from_ref(&other)
    );
    let get = |name: &str| GetAlertRequest { name: name.into() };
    own.alerts().get_alert(get(&other.name)).await.unwrap();
    let nobody = format!("alerts/{}", house.ids.next().unwrap());
    for name in [&alert.name, &nobody] {
        let refused = own.alerts().get_alert(get(name)).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        assert_eq!(said(&refused, "resource"), *name);
        let request = AcknowledgeAlertRequest {
            name: name.clone(),
            ..acknowledgement(&alert)
        };
        let refused = acknowledge(&own, request).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        assert_eq!(said(&refused, "resource"), *name);
    }
    let tried = house.journal(EntryKind::Refusal, 4).await;
    assert!(tried.iter().all(|one| one.entry.r#type == "alert.refused"));
    assert_eq!(tried.len(), 4);
    assert_eq!(tried[0].entry.resource, alert.name);
}

#[tokio::test]
async fn a_head_reaches_alerts_about_the_own_people_alone() {
    let house = super::house().await;
    let alert = raised(&house, "li.wei").await;
    let head = within(&house, "zhang.min", &["call_centre"]);
    let foreign = within(&house, "zhou.ting", &["complaints"]);
    assert_eq!(
        list(&head, ListAlertsRequest::default()).await,
        std::slice::from_ref(&alert)
    );
    assert_eq!(list(&foreign, ListAlertsRequest::default()).await, []);
    let request = GetAlertRequest {
        name: alert.name.clone(),
    };
    let shown = head.alerts().get_alert(request.clone()).await.unwrap();
    assert_eq!(shown.into_inner(), alert);
    let refused = foreign.alerts().get_alert(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let refused = acknowledge(&foreign, acknowledgement(&alert)).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    // Each look at one is journaled by name.
    house
        .journaled(EntryKind::View, |looks| {
            let seen = looks.iter().filter(|one| one.entry.resource == alert.name);
            (seen.count() >= 3).then_some(())
        })
        .await;
}

#[tokio::test]
async fn an_acknowledgement_says_something_about_what_was_read() {
    let house = super::house().await;
    let alert = raised(&house, "li.wei").await;
    let by = auditor(&house);
    let faulty = AcknowledgeAlertRequest {
        name: "alerts/1".into(),
        etag: "7".into(),
        note: " ".into(),
        request_id: "x".into(),
    };
    assert_eq!(
        violations(&acknowledge(&by, faulty).await.unwrap_err()),
        [
            "request_id UUID",
            "name RESOURCE_NAME",
            "etag FORMAT",
            "note REQUIRED"
        ]
    );
    let long = AcknowledgeAlertRequest {
        note: "查".repeat(1001),
        ..acknowledgement(&alert)
    };
    let refused = acknowledge(&by, long).await.unwrap_err();
    assert_eq!(violations(&refused), ["note TOO_LONG"]);
    let stale = AcknowledgeAlertRequest {
        etag: "r7".into(),
        ..acknowledgement(&alert)
    };
    let refused = acknowledge(&by, stale).await.unwrap_err();
    assert_eq!(reason(&refused), "ETAG_MISMATCH");
    let request = AcknowledgeAlertRequest {
        request_id: house.ids.next().unwrap().to_string(),
        ..acknowledgement(&alert)
    };
    let seen = acknowledge(&by, request.clone()).await.unwrap();
    let other = AcknowledgeAlertRequest {
        note: "另一说明".into(),
        ..request
    };
    let refused = acknowledge(&by, other).await.unwrap_err();
    assert_eq!(reason(&refused), "REQUEST_ID_REUSED");
    let refused = acknowledge(&by, acknowledgement(&seen)).await.unwrap_err();
    assert_eq!(reason(&refused), "STATE_NOT_ALLOWED");
    assert_eq!(said(&refused, "state"), "ACKNOWLEDGED");
}

#[tokio::test]
async fn alerts_are_found_by_person_and_rule_page_by_page() {
    let house = super::house().await;
    raised(&house, "li.wei").await;
    raised(&house, "wang.fang").await;
    let night = at(NIGHT);
    let sensitive = [DataClass::Contact];
    happened(&house, &[view(house.id("li.wei"), night, 1, &sensitive)]).await;
    let found = async |subject: &str, rule| {
        let request = ListAlertsRequest {
            subject: subject.into(),
            rule,
            ..ListAlertsRequest::default()
        };
        list(&auditor(&house), request).await.len()
    };
    let agent = house.employee("li.wei");
    assert_eq!(found("", 0).await, 3);
    assert_eq!(found(&agent, 0).await, 2);
    assert_eq!(found("", AlertRule::Reads as i32).await, 2);
    assert_eq!(found(&agent, AlertRule::OutsideHours as i32).await, 1);
    assert_eq!(found("", AlertRule::Refusals as i32).await, 0);

    let by = auditor(&house);
    let mut request = ListAlertsRequest {
        page_size: 2,
        ..ListAlertsRequest::default()
    };
    let first = by.alerts().list_alerts(request.clone()).await.unwrap();
    let first = first.into_inner();
    request.page_token.clone_from(&first.next_page_token);
    let second = by.alerts().list_alerts(request.clone()).await.unwrap();
    let second = second.into_inner();
    assert_eq!(second.next_page_token, "");
    assert_eq!([first.alerts, second.alerts].concat(), all(&house).await);
    // A token is good for its own list.
    request.open_only = true;
    let refused = by.alerts().list_alerts(request).await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_PAGE_TOKEN");
    let faulty = ListAlertsRequest {
        page_size: 201,
        subject: "alerts/1".into(),
        rule: 9,
        ..ListAlertsRequest::default()
    };
    let refused = by.alerts().list_alerts(faulty).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [
            "subject RESOURCE_NAME",
            "rule UNKNOWN_VALUE",
            "page_size OUT_OF_RANGE"
        ]
    );
    let request = GetAlertRequest { name: "x".into() };
    let refused = by.alerts().get_alert(request).await.unwrap_err();
    assert_eq!(violations(&refused), ["name RESOURCE_NAME"]);
}
