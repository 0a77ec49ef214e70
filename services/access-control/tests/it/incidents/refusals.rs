//! What of incidents is refused, and to whom.

use kefu_access::Scope;
use kefu_contracts::{
    access::{
        AlertRule, AssessIncidentRequest, CloseIncidentRequest, CreateIncidentRequest, Incident,
        IncidentSeverity, IncidentState, ListExportsRequest, ListIncidentsRequest,
        ReportIncidentRequest, ShareMode,
    },
    journal::EntryKind,
};
use kefu_service::time::to_proto;
use tonic::Code;

use super::{
    affected::page, archive, assess, close, get, leader, list, open, post, report, suspicion,
};
use crate::{
    alerts::{self, MORNING, at, auditor, happened, house, views},
    exports::approved,
    house::{House, reason, said, violations},
};

async fn refused(house: &House, incident: Incident) -> Vec<String> {
    violations(&open(&archive(house), incident).await.unwrap_err())
}

#[tokio::test]
async fn a_suspicion_with_faults_says_all_of_them() {
    let house = house().await;
    let bare = CreateIncidentRequest {
        incident: None,
        request_id: "x".into(),
    };
    let bare = archive(&house).incidents().create_incident(bare).await;
    assert_eq!(
        violations(&bare.unwrap_err()),
        ["request_id UUID", "incident REQUIRED"]
    );
    assert_eq!(
        refused(&house, Incident::default()).await,
        [
            "incident.description REQUIRED",
            "incident.start_time REQUIRED",
            "incident.end_time REQUIRED",
            "incident.actors REQUIRED",
        ]
    );
    let strange = Incident {
        description: "查".repeat(2001),
        alert: "alerts/1".into(),
        actors: vec!["customers/1".into()],
        customers: vec![house.employee("li.wei")],
        share: "x".into(),
        export: "x".into(),
        ..suspicion(&house)
    };
    assert_eq!(
        refused(&house, strange).await,
        [
            "incident.description TOO_LONG",
            "incident.alert RESOURCE_NAME",
            "incident.actors[0] RESOURCE_NAME",
            "incident.customers[0] RESOURCE_NAME",
            "incident.share RESOURCE_NAME",
            "incident.export RESOURCE_NAME",
            "incident.start_time CONTRADICTION",
            "incident.end_time CONTRADICTION",
            "incident.actors CONTRADICTION",
        ]
    );
    let many = Incident {
        actors: vec![house.employee("li.wei"); 101],
        customers: vec![format!("customers/{}", house.id("li.wei")); 1001],
        ..suspicion(&house)
    };
    assert_eq!(
        refused(&house, many).await,
        ["incident.actors TOO_MANY", "incident.customers TOO_MANY"]
    );
}

/// Clause IH-5: a period ends after it began, and has begun.
#[tokio::test]
async fn a_leak_has_a_period_that_has_begun() {
    let house = house().await;
    let whole = suspicion(&house);
    let backwards = Incident {
        end_time: whole.start_time,
        ..whole.clone()
    };
    assert_eq!(
        refused(&house, backwards).await,
        ["incident.end_time CONTRADICTION"]
    );
    let to_come = Incident {
        start_time: Some(to_proto(at("2026-03-04T00:00:00Z"))),
        end_time: Some(to_proto(at("2026-03-05T00:00:00Z"))),
        ..whole
    };
    assert_eq!(
        refused(&house, to_come).await,
        ["incident.start_time IN_FUTURE"]
    );
}

#[tokio::test]
async fn what_a_suspicion_names_has_to_be_there_and_to_agree() {
    let house = house().await;
    let id = house.ids.next().unwrap();
    let nobody = Incident {
        actors: vec![format!("employees/{id}")],
        share: format!("shares/{id}"),
        export: format!("exports/{id}"),
        ..suspicion(&house)
    };
    assert_eq!(
        refused(&house, nobody).await,
        [
            "incident.actors UNKNOWN",
            "incident.share UNKNOWN",
            "incident.export UNKNOWN",
        ]
    );
    // Somebody of this id, who is no machine.
    let other_kind = Incident {
        actors: vec![format!("system-accounts/{}", house.id("li.wei"))],
        ..suspicion(&house)
    };
    assert_eq!(
        refused(&house, other_kind).await,
        ["incident.actors UNKNOWN"]
    );
    let machine = Incident {
        actors: vec![format!("system-accounts/{}", house.id("erp"))],
        ..suspicion(&house)
    };
    let opened = open(&archive(&house), machine.clone()).await.unwrap();
    assert_eq!(opened.actors, machine.actors);
    assert_eq!(get(&archive(&house), &opened.name).await.unwrap(), opened);

    let [one, other] = [
        approved(&house, ShareMode::Export).await,
        approved(&house, ShareMode::Access).await,
    ];
    let exports = auditor(&house)
        .exports()
        .list_exports(ListExportsRequest::default())
        .await;
    let export = exports.unwrap().into_inner().exports.remove(0);
    assert_eq!(export.share, one.name);
    let apart = Incident {
        share: other.name,
        export: export.name,
        ..suspicion(&house)
    };
    assert_eq!(
        refused(&house, apart).await,
        [
            "incident.share CONTRADICTION",
            "incident.actors CONTRADICTION"
        ]
    );
    let from_nothing = Incident {
        description: "名单外流".into(),
        alert: format!("alerts/{id}"),
        ..Incident::default()
    };
    assert_eq!(
        refused(&house, from_nothing).await,
        ["incident.alert UNKNOWN"]
    );
}

/// Clause IH-5: also where their post reaches every record, and the same as if there were none.
#[tokio::test]
async fn whoever_a_leak_is_suspected_of_has_no_part_in_its_record() {
    let house = house().await;
    let by = archive(&house);
    let own = Incident {
        actors: vec![house.employee("feng.yulan")],
        ..suspicion(&house)
    };
    let denied = open(&by, own.clone()).await.unwrap_err();
    assert_eq!(reason(&denied), "NOT_THE_CALLERS_TURN");
    let opened = open(&leader(&house), own).await.unwrap();
    let nobody = Incident {
        name: format!("incidents/{}", house.ids.next().unwrap()),
        ..opened.clone()
    };
    assert_eq!(list(&by, IncidentState::Unspecified).await, []);
    for incident in [&opened, &nobody] {
        for denied in [
            get(&by, &incident.name).await.unwrap_err(),
            assess(&by, incident, IncidentSeverity::Minor)
                .await
                .unwrap_err(),
            report(&by, incident).await.unwrap_err(),
            close(&by, incident).await.unwrap_err(),
            page(&by, &incident.name, 0, "").await.unwrap_err(),
        ] {
            assert_eq!(denied.code(), Code::NotFound);
            assert_eq!(said(&denied, "resource"), incident.name);
        }
    }
    let tried = house.journal(EntryKind::Refusal, 10).await;
    assert_eq!(tried.len(), 10);
    assert!(
        tried
            .iter()
            .all(|one| one.entry.r#type == "incident.refused")
    );
    // Nor is one opened from an alert about oneself.
    happened(&house, &views(house.id("feng.yulan"), MORNING, 0..61)).await;
    let mut raised = alerts::all(&house).await;
    raised.sort_by_key(|one| one.rule);
    let [alert, refusals] = raised.try_into().unwrap();
    // Who tries what they do not reach is noticed as well.
    assert_eq!(
        (alert.rule(), refusals.rule()),
        (AlertRule::Reads, AlertRule::Refusals)
    );
    let own = Incident {
        description: "名单外流".into(),
        alert: alert.name,
        ..Incident::default()
    };
    assert_eq!(refused(&house, own).await, ["incident.alert UNKNOWN"]);
}

/// A record belongs to no department: a post over some of them reaches none.
#[tokio::test]
async fn a_post_over_departments_reaches_no_leak() {
    let house = house().await;
    let opened = open(&archive(&house), suspicion(&house)).await.unwrap();
    let departments = house.seeded.departments.values().copied().collect();
    let head = house.caller(house.id("zhang.min"), Scope::Departments(departments));
    assert_eq!(list(&head, IncidentState::Unspecified).await, []);
    assert_eq!(
        get(&head, &opened.name).await.unwrap_err().code(),
        Code::NotFound
    );
    let denied = page(&head, &opened.name, 0, "").await.unwrap_err();
    assert_eq!(denied.code(), Code::NotFound);
}

/// Clause IH-5: judged first, reported where it is more than minor, closed by another.
#[tokio::test]
async fn steps_are_taken_in_their_order_and_by_whom_they_may_be() {
    let house = house().await;
    let (by, other) = (archive(&house), leader(&house));
    let opened = open(&by, suspicion(&house)).await.unwrap();
    for denied in [report(&other, &opened).await, close(&other, &opened).await] {
        let denied = denied.unwrap_err();
        assert_eq!(reason(&denied), "STATE_NOT_ALLOWED");
        assert_eq!(said(&denied, "state"), "OPEN");
    }
    let assessed = assess(&by, &opened, IncidentSeverity::Grave).await.unwrap();
    let denied = assess(&by, &opened, IncidentSeverity::Minor)
        .await
        .unwrap_err();
    assert_eq!(reason(&denied), "ETAG_MISMATCH");
    let denied = close(&other, &assessed).await.unwrap_err();
    assert_eq!(reason(&denied), "STATE_NOT_ALLOWED");
    assert_eq!(said(&denied, "wanted"), "REPORTED");
    let reported = report(&by, &assessed).await.unwrap();
    let denied = close(&by, &reported).await.unwrap_err();
    assert_eq!(reason(&denied), "NOT_THE_CALLERS_TURN");
    assert_eq!(said(&denied, "rule"), "whoever opened it does not close it");
    let closed = close(&other, &reported).await.unwrap();
    for denied in [
        assess(&by, &closed, IncidentSeverity::Minor).await,
        report(&by, &closed).await,
        close(&other, &closed).await,
    ] {
        let denied = denied.unwrap_err();
        assert_eq!(said(&denied, "state"), "CLOSED");
    }
}

#[tokio::test]
async fn a_step_says_what_it_has_to() {
    let house = house().await;
    let mut by = archive(&house).incidents();
    let named = ["request_id UUID", "name RESOURCE_NAME", "etag REQUIRED"];
    let (name, request_id) = ("x".to_owned(), "x".to_owned());
    let request = AssessIncidentRequest {
        name: name.clone(),
        request_id: request_id.clone(),
        ..AssessIncidentRequest::default()
    };
    let denied = by.assess_incident(request).await.unwrap_err();
    let own = ["severity REQUIRED", "assessment REQUIRED"];
    assert_eq!(violations(&denied), [&named[..], &own].concat());
    let request = ReportIncidentRequest {
        name: name.clone(),
        request_id: request_id.clone(),
        recipient: "网".repeat(201),
        report: "\u{7}".into(),
        ..ReportIncidentRequest::default()
    };
    let denied = by.report_incident(request).await.unwrap_err();
    let own = ["recipient TOO_LONG", "report CONTROL_CHARACTERS"];
    assert_eq!(violations(&denied), [&named[..], &own].concat());
    let request = CloseIncidentRequest {
        name,
        request_id,
        ..CloseIncidentRequest::default()
    };
    let denied = by.close_incident(request).await.unwrap_err();
    let own = ["conclusion REQUIRED"];
    assert_eq!(violations(&denied), [&named[..], &own].concat());
    // The same id under another request.
    let opened = open(&archive(&house), suspicion(&house)).await.unwrap();
    let mut request = AssessIncidentRequest {
        name: opened.name,
        etag: opened.etag,
        severity: IncidentSeverity::Minor.into(),
        assessment: "未含联系方式".into(),
        request_id: house.ids.next().unwrap().to_string(),
    };
    let first = by.assess_incident(request.clone()).await.unwrap();
    let again = by.assess_incident(request.clone()).await.unwrap();
    assert_eq!(first.into_inner(), again.into_inner());
    request.severity = IncidentSeverity::Grave.into();
    let denied = by.assess_incident(request).await.unwrap_err();
    assert_eq!(reason(&denied), "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn lists_refuse_what_they_cannot_read() {
    let house = house().await;
    let opened = open(&archive(&house), suspicion(&house)).await.unwrap();
    let by = post(&house, "dong.jie");
    let request = ListIncidentsRequest {
        page_size: -1,
        state: 9,
        ..ListIncidentsRequest::default()
    };
    let denied = by.incidents().list_incidents(request).await.unwrap_err();
    assert_eq!(
        violations(&denied),
        ["state UNKNOWN_VALUE", "page_size OUT_OF_RANGE"]
    );
    let request = ListIncidentsRequest {
        page_token: "AAAA".into(),
        ..ListIncidentsRequest::default()
    };
    let denied = by.incidents().list_incidents(request).await.unwrap_err();
    assert_eq!(reason(&denied), "INVALID_PAGE_TOKEN");
    let denied = page(&by, "x", 201, "").await.unwrap_err();
    assert_eq!(
        violations(&denied),
        ["incident RESOURCE_NAME", "page_size OUT_OF_RANGE"]
    );
    let denied = page(&by, &opened.name, 0, "AAAA").await.unwrap_err();
    assert_eq!(reason(&denied), "INVALID_PAGE_TOKEN");
    let denied = get(&by, "x").await.unwrap_err();
    assert_eq!(violations(&denied), ["name RESOURCE_NAME"]);
}
