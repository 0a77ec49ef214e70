//! What was changed of a record, when and by whom.

use std::time::Duration;

use kefu_access::Scope;
use kefu_contracts::{
    access::{
        Change, Department, GetDepartmentRequest, ListChangesRequest, ListDevicesRequest,
        ReturnDeviceRequest, TransferEmployeeRequest, UpdateDepartmentRequest,
    },
    journal::EntryKind,
};
use kefu_service::{clock::Clock, time::to_proto};
use uuid::Uuid;

use crate::house::{Caller, House, reason, violations};

fn of(resource: &str) -> ListChangesRequest {
    ListChangesRequest {
        resource: resource.into(),
        ..ListChangesRequest::default()
    }
}

async fn changes(caller: &Caller, resource: &str) -> Vec<Change> {
    let answer = caller.history().list_changes(of(resource)).await.unwrap();
    answer.into_inner().changes
}

/// `title 投诉处理部 → 投诉中心`
fn told(change: &Change) -> Vec<String> {
    let line = |one: &kefu_contracts::access::FieldChange| {
        format!("{} {} → {}", one.field, one.before, one.after)
    };
    change.fields.iter().map(line).collect()
}

/// Clause OP-7.2: each change is told with its revision, its moment, who made it,
/// and what is different; and that it was looked at is journaled.
#[tokio::test]
async fn every_change_is_told_from_what_to_what_and_by_whom() {
    let house = House::new().await;
    let name = house.department("complaints");
    let caller = house.administrator();
    let mut client = caller.organisation();
    let request = GetDepartmentRequest { name: name.clone() };
    let before = client.get_department(request).await.unwrap().into_inner();
    let wanted = Department {
        title: "投诉中心".into(),
        head: house.employee("guo.jing"),
        supervising_leader: String::new(),
        ..before
    };
    let request = UpdateDepartmentRequest {
        department: Some(wanted),
        request_id: String::new(),
    };
    client.update_department(request).await.unwrap();
    let all = changes(&caller, &name).await;
    assert_eq!(all.len(), 2);
    // The suite made it.
    assert_eq!((all[0].revision, all[0].actor.as_str()), (1, ""));
    assert!(told(&all[0]).contains(&"code  → complaints".to_owned()));
    assert_eq!(
        (all[1].revision, all[1].actor.clone()),
        (2, house.employee("han.bing"))
    );
    assert_eq!(all[1].change_time, Some(to_proto(house.clock.now())));
    let people = |login: &str| house.employee(login);
    assert_eq!(
        told(&all[1]),
        [
            format!("head {} → {}", people("zhou.ting"), people("guo.jing")),
            format!("supervising_leader {} → ", people("liu.jianhua")),
            "title 投诉处理部 → 投诉中心".to_owned(),
        ]
    );
    let views = house.journal(EntryKind::View, 2).await;
    assert_eq!(views[1].entry.resource, name);
}

/// Clause OP-6: who had a device, and since when.
#[tokio::test]
async fn the_history_of_a_device_tells_who_had_it() {
    let house = House::new().await;
    let caller = house.administrator();
    let request = ListDevicesRequest::default();
    let listed = caller
        .devices()
        .list_devices(request)
        .await
        .unwrap()
        .into_inner();
    let name = listed.devices[0].name.clone();
    let request = ReturnDeviceRequest {
        name: name.clone(),
        ..ReturnDeviceRequest::default()
    };
    caller.devices().return_device(request).await.unwrap();
    let all = changes(&caller, &name).await;
    let lines = told(&all[1]);
    let state = "state DEVICE_STATE_IN_USE → DEVICE_STATE_IN_STOCK".to_owned();
    assert!(lines.contains(&state), "{lines:?}");
    assert!(
        lines.contains(&format!("holder {} → ", house.employee("li.wei"))),
        "{lines:?}"
    );
}

/// Promise 2: the history of a record is within reach where the record is, also of
/// what belongs to somebody.
#[tokio::test]
async fn a_head_reads_the_history_of_the_departments_people_alone() {
    let house = House::new().await;
    let caller = house.administrator();
    let request = TransferEmployeeRequest {
        name: house.employee("li.wei"),
        department: house.department("sales"),
        effective_time: Some(to_proto(house.clock.now() + Duration::from_secs(60))),
        request_id: String::new(),
    };
    let transfer = caller
        .staff()
        .transfer_employee(request)
        .await
        .unwrap()
        .into_inner();
    let reach = |code: &str| {
        let department = house.seeded.departments[code];
        house.caller(Uuid::from_u128(9), Scope::Departments(vec![department]))
    };
    let (own, other) = (reach("call_centre"), reach("complaints"));
    for name in [
        transfer.name,
        house.employee("li.wei"),
        house.department("call_centre"),
    ] {
        assert_eq!(changes(&own, &name).await.len(), 1);
        let refused = other.history().list_changes(of(&name)).await.unwrap_err();
        assert_eq!(reason(&refused), "NOT_FOUND_OR_OUT_OF_SCOPE");
    }
    assert_eq!(changes(&caller, "roles/agent").await.len(), 1);
    let machine = house
        .employee("li.wei")
        .replace("employees", "system-accounts");
    for name in [
        machine,
        "roles/nobody".to_owned(),
        format!("devices/{}", Uuid::from_u128(5)),
        format!("bindings/{}", Uuid::from_u128(5)),
        format!("qualifications/{}", Uuid::from_u128(5)),
    ] {
        let refused = caller.history().list_changes(of(&name)).await.unwrap_err();
        assert_eq!(reason(&refused), "NOT_FOUND_OR_OUT_OF_SCOPE", "{name}");
    }
    let refused = own
        .history()
        .list_changes(of("roles/agent"))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "NOT_FOUND_OR_OUT_OF_SCOPE");
    for (name, what) in [("", "REQUIRED"), ("customers/1", "RESOURCE_NAME")] {
        let refused = caller.history().list_changes(of(name)).await.unwrap_err();
        assert_eq!(violations(&refused), [format!("resource {what}")]);
    }
}

#[tokio::test]
async fn changes_are_told_page_by_page() {
    let house = House::new().await;
    let name = house.department("sales");
    let caller = house.administrator();
    for title in ["一部", "二部", "三部"] {
        let mut client = caller.organisation();
        let request = GetDepartmentRequest { name: name.clone() };
        let before = client.get_department(request).await.unwrap().into_inner();
        let wanted = Department {
            title: title.into(),
            ..before
        };
        let request = UpdateDepartmentRequest {
            department: Some(wanted),
            request_id: String::new(),
        };
        client.update_department(request).await.unwrap();
    }
    let mut revisions = Vec::new();
    let mut request = ListChangesRequest {
        page_size: 3,
        ..of(&name)
    };
    loop {
        let page = caller
            .history()
            .list_changes(request.clone())
            .await
            .unwrap()
            .into_inner();
        revisions.push(
            page.changes
                .iter()
                .map(|one| one.revision)
                .collect::<Vec<_>>(),
        );
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(revisions, [vec![1, 2, 3], vec![4]]);
    let token = ListChangesRequest {
        page_token: request.page_token,
        ..of(&house.department("it"))
    };
    let refused = caller.history().list_changes(token).await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_PAGE_TOKEN");
}
