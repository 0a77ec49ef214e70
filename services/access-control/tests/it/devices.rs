//! Who uses which device.

use std::time::Duration;

use kefu_access::Scope;
use kefu_contracts::access::{
    AssignDeviceRequest, Device, DeviceState, GetDeviceRequest, ListDevicesRequest,
    RegisterDeviceRequest, ReturnDeviceRequest, UpdateDeviceStateRequest,
};
use kefu_service::{clock::Clock, time::to_proto};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::house::{Caller, House, reason, said, violations};

fn register(asset_number: &str) -> RegisterDeviceRequest {
    RegisterDeviceRequest {
        device: Some(Device {
            asset_number: asset_number.into(),
            kind: "headset".into(),
            title: "耳机".into(),
            ..Device::default()
        }),
        request_id: String::new(),
    }
}

async fn assign(caller: &Caller, name: &str, holder: String) -> Result<Device, Status> {
    let request = AssignDeviceRequest {
        name: name.into(),
        holder,
        ..AssignDeviceRequest::default()
    };
    Ok(caller.devices().assign_device(request).await?.into_inner())
}

async fn give_back(caller: &Caller, name: &str) -> Result<Device, Status> {
    let request = ReturnDeviceRequest {
        name: name.into(),
        note: "线圈松动".into(),
        ..ReturnDeviceRequest::default()
    };
    Ok(caller.devices().return_device(request).await?.into_inner())
}

async fn set(caller: &Caller, name: &str, state: DeviceState) -> Result<Device, Status> {
    let request = UpdateDeviceStateRequest {
        name: name.into(),
        state: state as i32,
        ..UpdateDeviceStateRequest::default()
    };
    Ok(caller
        .devices()
        .update_device_state(request)
        .await?
        .into_inner())
}

async fn numbers(caller: &Caller, request: ListDevicesRequest) -> Vec<String> {
    let answer = caller.devices().list_devices(request).await.unwrap();
    let devices = answer.into_inner().devices;
    devices.into_iter().map(|one| one.asset_number).collect()
}

/// Clause OP-6: from stock to somebody, to repair and back, back to stock, and out.
#[tokio::test]
async fn a_device_goes_from_hand_to_hand() {
    let house = House::new().await;
    let caller = house.administrator();
    let made = caller
        .devices()
        .register_device(register("KF-HS-0099"))
        .await
        .unwrap();
    let made = made.into_inner();
    assert_eq!(
        (made.state(), made.holder.as_str()),
        (DeviceState::InStock, "")
    );
    house.clock.advance(Duration::from_secs(60));
    let name = made.name.as_str();
    let used = assign(&caller, name, house.employee("ma.chao"))
        .await
        .unwrap();
    assert_eq!(
        (used.state(), used.holder),
        (DeviceState::InUse, house.employee("ma.chao"))
    );
    assert_eq!(used.since, Some(to_proto(house.clock.now())));
    let repaired = set(&caller, name, DeviceState::InRepair).await.unwrap();
    assert_eq!(repaired.holder, house.employee("ma.chao"));
    set(&caller, name, DeviceState::InUse).await.unwrap();
    let moved = assign(&caller, name, house.department("complaints"))
        .await
        .unwrap();
    assert_eq!(moved.holder, house.department("complaints"));
    let back = give_back(&caller, name).await.unwrap();
    assert_eq!(
        (back.state(), back.holder.as_str()),
        (DeviceState::InStock, "")
    );
    assert_eq!(back.note, "线圈松动");
    set(&caller, name, DeviceState::Retired).await.unwrap();
    let shown = caller
        .devices()
        .get_device(GetDeviceRequest { name: name.into() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (shown.state(), shown.etag.as_str()),
        (DeviceState::Retired, "r7")
    );
}

/// Clause OP-6: a step that the table does not have is refused with the state.
#[tokio::test]
async fn a_step_that_cannot_be_taken_is_refused() {
    let house = House::new().await;
    let caller = house.administrator();
    let made = caller
        .devices()
        .register_device(register("KF-HS-0099"))
        .await
        .unwrap();
    let name = made.into_inner().name;
    let refused = give_back(&caller, &name).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "STATE_NOT_ALLOWED".into())
    );
    assert_eq!(said(&refused, "state"), "IN_STOCK");
    let refused = set(&caller, &name, DeviceState::InUse).await.unwrap_err();
    assert_eq!(said(&refused, "wanted"), "IN_USE");
    assign(&caller, &name, house.employee("ma.chao"))
        .await
        .unwrap();
    let refused = set(&caller, &name, DeviceState::Retired).await.unwrap_err();
    assert_eq!(said(&refused, "state"), "IN_USE");
    give_back(&caller, &name).await.unwrap();
    set(&caller, &name, DeviceState::Retired).await.unwrap();
    let refused = assign(&caller, &name, house.employee("ma.chao"))
        .await
        .unwrap_err();
    assert_eq!(said(&refused, "state"), "RETIRED");
}

#[tokio::test]
async fn every_violation_is_told_at_once() {
    let house = House::new().await;
    let caller = house.administrator();
    let bad = RegisterDeviceRequest {
        device: Some(Device {
            kind: "Headset".into(),
            note: "字".repeat(501),
            ..Device::default()
        }),
        request_id: "x".into(),
    };
    assert_eq!(
        violations(&caller.devices().register_device(bad).await.unwrap_err()),
        [
            "request_id UUID",
            "device.asset_number REQUIRED",
            "device.kind FORMAT",
            "device.title REQUIRED",
            "device.note TOO_LONG"
        ]
    );
    let nothing = RegisterDeviceRequest::default();
    assert_eq!(
        violations(&caller.devices().register_device(nothing).await.unwrap_err()),
        ["device REQUIRED"]
    );
    let taken = caller
        .devices()
        .register_device(register("KF-HS-0002"))
        .await
        .unwrap_err();
    assert_eq!(
        (reason(&taken), said(&taken, "value")),
        ("ALREADY_EXISTS".into(), "KF-HS-0002".into())
    );
    let name = format!("devices/{}", Uuid::from_u128(5));
    for (holder, what) in [
        (String::new(), "holder REQUIRED"),
        ("li.wei".into(), "holder RESOURCE_NAME"),
        (house.employee("erp"), "holder UNKNOWN"),
        (
            format!("departments/{}", Uuid::from_u128(5)),
            "holder UNKNOWN",
        ),
    ] {
        assert_eq!(
            violations(&assign(&caller, &name, holder).await.unwrap_err()),
            [what]
        );
    }
    let refused = set(&caller, "devices/1", DeviceState::Unspecified)
        .await
        .unwrap_err();
    assert_eq!(
        violations(&refused),
        ["name RESOURCE_NAME", "state REQUIRED"]
    );
    let refused = give_back(&caller, &name).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_FOUND_OR_OUT_OF_SCOPE");
}

/// Clause OP-6: one sees one's own, a head the department's, an administrator all.
#[tokio::test]
async fn devices_are_listed_within_reach() {
    let house = House::new().await;
    let all = ListDevicesRequest::default;
    assert_eq!(
        numbers(&house.person("li.wei"), all()).await,
        ["KF-PC-0001", "KF-HS-0001"]
    );
    let department = house.seeded.departments["complaints"];
    let head = house.caller(Uuid::from_u128(9), Scope::Departments(vec![department]));
    assert_eq!(numbers(&head, all()).await, ["KF-PC-0002", "KF-RC-0001"]);
    let administrator = house.administrator();
    assert_eq!(numbers(&administrator, all()).await.len(), 5);
    let stocked = ListDevicesRequest {
        state: DeviceState::InStock as i32,
        ..all()
    };
    assert_eq!(numbers(&administrator, stocked).await, ["KF-HS-0002"]);
    let held = ListDevicesRequest {
        holder: house.department("complaints"),
        ..all()
    };
    assert_eq!(numbers(&administrator, held).await, ["KF-RC-0001"]);
    let there = ListDevicesRequest {
        department: house.department("call_centre"),
        ..all()
    };
    assert_eq!(
        numbers(&administrator, there).await,
        ["KF-PC-0001", "KF-HS-0001"]
    );

    let first = ListDevicesRequest {
        page_size: 3,
        ..all()
    };
    let page = administrator
        .devices()
        .list_devices(first.clone())
        .await
        .unwrap()
        .into_inner();
    let rest = ListDevicesRequest {
        page_token: page.next_page_token,
        ..first
    };
    assert_eq!(numbers(&administrator, rest.clone()).await.len(), 2);
    let other = ListDevicesRequest {
        state: DeviceState::InUse as i32,
        ..rest
    };
    let refused = administrator
        .devices()
        .list_devices(other)
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "INVALID_PAGE_TOKEN");
    let bad = ListDevicesRequest {
        holder: "li.wei".into(),
        department: "it".into(),
        state: 9,
        page_size: 201,
        ..all()
    };
    let refused = administrator.devices().list_devices(bad).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [
            "page_size OUT_OF_RANGE",
            "holder RESOURCE_NAME",
            "department RESOURCE_NAME",
            "state UNKNOWN_VALUE"
        ]
    );

    // Nor is one of another's found by its name.
    let every = administrator
        .devices()
        .list_devices(all())
        .await
        .unwrap()
        .into_inner();
    let name = every.devices[2].name.clone();
    let mut other = house.person("li.wei").devices();
    let refused = other
        .get_device(GetDeviceRequest { name })
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "NOT_FOUND_OR_OUT_OF_SCOPE");
}
