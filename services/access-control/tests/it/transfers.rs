//! Moving to another department.

use std::time::Duration;

use kefu_access::Scope;
use kefu_contracts::{
    access::{
        CancelTransferRequest, Employee, GetEmployeeRequest, ListTransfersRequest, Transfer,
        TransferEmployeeRequest, TransferState, UpdateEmployeeRequest,
    },
    journal::EntryKind,
};
use kefu_service::{clock::Clock, time::to_proto};
use uuid::Uuid;

use crate::house::{House, reason, said, violations};

const DAY: Duration = Duration::from_secs(86_400);

fn order(house: &House, login: &str, code: &str, days: Option<u32>) -> TransferEmployeeRequest {
    TransferEmployeeRequest {
        name: house.employee(login),
        department: house.department(code),
        effective_time: days.map(|days| to_proto(house.clock.now() + DAY * days)),
        request_id: String::new(),
    }
}

async fn employee(house: &House, login: &str) -> Employee {
    let name = house.employee(login);
    let mut client = house.administrator().organisation();
    client
        .get_employee(GetEmployeeRequest { name })
        .await
        .unwrap()
        .into_inner()
}

async fn listed(house: &House, login: &str) -> Vec<Transfer> {
    let employee = house.employee(login);
    let mut client = house.administrator().staff();
    let answer = client
        .list_transfers(ListTransfersRequest { employee })
        .await
        .unwrap();
    answer.into_inner().transfers
}

/// Clause CC-1.1: at its moment a transfer is carried out, once, however many
/// replicas wait for it; with a revision and an entry of its own.
#[tokio::test]
async fn somebody_moves_when_the_time_comes() {
    let house = House::new().await;
    let _replicas = [house.replica(), house.replica()];
    let mut client = house.administrator().staff();
    let ordered = client
        .transfer_employee(order(&house, "li.wei", "complaints", Some(3)))
        .await;
    let ordered = ordered.unwrap().into_inner();
    assert_eq!(ordered.state(), TransferState::Scheduled);
    house.clock.advance(DAY * 3 - Duration::from_secs(1));
    assert_eq!(
        employee(&house, "li.wei").await.department,
        house.department("call_centre")
    );
    assert_eq!(house.journal(EntryKind::Change, 2).await.len(), 2);

    house.clock.advance(Duration::from_secs(1));
    let entries = house.journal(EntryKind::Change, 3).await;
    assert_eq!(entries[2].entry.r#type, "employee.transferred");
    assert_eq!(entries[2].entry.resource, ordered.name);
    let moved = employee(&house, "li.wei").await;
    assert_eq!(
        (moved.department, moved.etag.as_str()),
        (house.department("complaints"), "r2")
    );
    let transfers = listed(&house, "li.wei").await;
    assert_eq!(transfers[0].state(), TransferState::Applied);
    assert_eq!(transfers[0].settle_time, Some(to_proto(house.clock.now())));
    assert_eq!(house.count("SELECT revision FROM policy_revision").await, 3);

    // Whoever else was woken finds nothing to do: the next change is the next one.
    house.clock.advance(DAY);
    client
        .transfer_employee(order(&house, "li.wei", "sales", None))
        .await
        .unwrap();
    assert_eq!(house.count("SELECT revision FROM policy_revision").await, 4);
    assert_eq!(house.journal(EntryKind::Change, 4).await.len(), 4);
    assert_eq!(
        employee(&house, "li.wei").await.department,
        house.department("sales")
    );
}

#[tokio::test]
async fn a_transfer_is_called_off_before_its_time() {
    let house = House::new().await;
    let mut client = house.administrator().staff();
    let first = order(&house, "li.wei", "complaints", Some(3));
    let first = client.transfer_employee(first).await.unwrap().into_inner();
    let second = order(&house, "li.wei", "sales", Some(9));
    let refused = client.transfer_employee(second.clone()).await.unwrap_err();
    assert_eq!(said(&refused, "transfer"), first.name);
    let cancel = CancelTransferRequest {
        name: first.name.clone(),
        request_id: String::new(),
    };
    let elsewhere = Scope::Departments(vec![house.seeded.departments["sales"]]);
    let mut stranger = house.caller(Uuid::from_u128(9), elsewhere).staff();
    let refused = stranger.cancel_transfer(cancel.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_FOUND_OR_OUT_OF_SCOPE");
    let over = client
        .cancel_transfer(cancel.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(over.state(), TransferState::Cancelled);
    let refused = client.cancel_transfer(cancel).await.unwrap_err();
    assert_eq!(said(&refused, "state"), "CANCELLED");

    client.transfer_employee(second).await.unwrap();
    house.clock.advance(DAY * 9);
    let entries = house.journal(EntryKind::Change, 5).await;
    assert_eq!(entries[4].entry.r#type, "employee.transferred");
    assert_eq!(
        employee(&house, "li.wei").await.department,
        house.department("sales")
    );
}

/// Who has left when the time comes does not move.
#[tokio::test]
async fn who_has_left_meanwhile_stays_where_they_were() {
    let house = House::new().await;
    let mut client = house.administrator().staff();
    client
        .transfer_employee(order(&house, "li.wei", "sales", Some(5)))
        .await
        .unwrap();
    let leaving = UpdateEmployeeRequest {
        employee: Some(Employee {
            leave_time: Some(to_proto(house.clock.now() + DAY)),
            ..employee(&house, "li.wei").await
        }),
        request_id: String::new(),
    };
    let mut organisation = house.administrator().organisation();
    organisation.update_employee(leaving).await.unwrap();
    house.clock.advance(DAY * 5);
    let entries = house.journal(EntryKind::Change, 4).await;
    assert_eq!(entries[3].entry.r#type, "transfer.cancelled");
    assert_eq!(
        listed(&house, "li.wei").await[0].state(),
        TransferState::Cancelled
    );
    assert_eq!(
        employee(&house, "li.wei").await.department,
        house.department("call_centre")
    );
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let house = House::new().await;
    let mut client = house.administrator().staff();
    let bad = TransferEmployeeRequest {
        department: "sales".into(),
        effective_time: Some(to_proto(house.clock.now() - DAY)),
        request_id: "x".into(),
        ..order(&house, "li.wei", "sales", None)
    };
    assert_eq!(
        violations(&client.transfer_employee(bad).await.unwrap_err()),
        [
            "request_id UUID",
            "department RESOURCE_NAME",
            "effective_time CONTRADICTION"
        ]
    );
    let stays = order(&house, "li.wei", "call_centre", None);
    let refused = client.transfer_employee(stays).await.unwrap_err();
    assert_eq!(violations(&refused), ["department NOT_APPLICABLE"]);
    let nowhere = TransferEmployeeRequest {
        department: format!("departments/{}", Uuid::from_u128(5)),
        ..order(&house, "li.wei", "sales", None)
    };
    let refused = client.transfer_employee(nowhere).await.unwrap_err();
    assert_eq!(violations(&refused), ["department UNKNOWN"]);
    let machine = order(&house, "erp", "sales", None);
    let refused = client.transfer_employee(machine).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_FOUND_OR_OUT_OF_SCOPE");
    let nobody = ListTransfersRequest {
        employee: format!("employees/{}", Uuid::from_u128(5)),
    };
    let refused = client.list_transfers(nobody).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_FOUND_OR_OUT_OF_SCOPE");
}
