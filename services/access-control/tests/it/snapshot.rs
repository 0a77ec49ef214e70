//! The policy as gateways are told it.

use std::time::Duration;

use kefu_access::Snapshot;
use kefu_access_control::seed;
use kefu_contracts::access::{
    Binding, CreateBindingRequest, CreateDepartmentRequest, Department, Employee,
    ListBindingsRequest, ListEmployeesRequest, RevokeBindingRequest, UpdateEmployeeRequest,
    WatchSnapshotRequest, WatchSnapshotResponse, snapshot_service_client::SnapshotServiceClient,
};
use sqlx::Executor;
use tonic::Streaming;

use crate::house::{House, reason};

async fn watch(house: &House) -> Streaming<WatchSnapshotResponse> {
    house
        .snapshots()
        .watch_snapshot(WatchSnapshotRequest {})
        .await
        .unwrap()
        .into_inner()
}

/// The next message; never waits for long.
async fn next(stream: &mut Streaming<WatchSnapshotResponse>) -> WatchSnapshotResponse {
    let message = tokio::time::timeout(Duration::from_secs(10), stream.message());
    message
        .await
        .expect("a message in time")
        .unwrap()
        .expect("the stream goes on")
}

async fn is_silent(stream: &mut Streaming<WatchSnapshotResponse>) -> bool {
    tokio::time::timeout(Duration::from_millis(50), stream.message())
        .await
        .is_err()
}

fn is_heartbeat(message: &WatchSnapshotResponse) -> bool {
    *message
        == WatchSnapshotResponse {
            revision: message.revision,
            ..WatchSnapshotResponse::default()
        }
}

async fn create_department(house: &House, code: &str) -> Department {
    let department = Department {
        code: code.into(),
        title: code.into(),
        ..Department::default()
    };
    let request = CreateDepartmentRequest {
        department: Some(department),
        request_id: String::new(),
    };
    house
        .administrator()
        .organisation()
        .create_department(request)
        .await
        .unwrap()
        .into_inner()
}

/// The whole comes first, and a decision core takes it.
#[tokio::test]
async fn the_whole_policy_comes_first() {
    let house = House::new().await;
    let whole = next(&mut watch(&house).await).await;
    assert!(whole.full);
    assert_eq!(whole.revision, 1);
    assert_eq!(whole.departments.len(), house.seeded.departments.len());
    assert_eq!(whole.subjects.len(), house.seeded.employees.len());
    assert_eq!(whole.roles.len(), 16);
    assert!(whole.bindings.len() >= whole.subjects.len());
    let mut snapshot = Snapshot::default();
    snapshot.apply(&whole).unwrap();
    assert!(snapshot.subject(house.id("li.wei")).is_some());
}

/// A change is told at once, without the clock moving, with what changed and
/// nothing else.
#[tokio::test]
async fn changes_are_told_at_once() {
    let house = House::new().await;
    let mut stream = watch(&house).await;
    next(&mut stream).await;
    let made = create_department(&house, "night_shift").await;
    let delta = next(&mut stream).await;
    assert_eq!((delta.revision, delta.full), (2, false));
    assert_eq!(delta.departments.len(), 1);
    assert_eq!(
        format!("departments/{}", uuid(&delta.departments[0].id)),
        made.name
    );
    assert!(delta.subjects.is_empty() && delta.roles.is_empty() && delta.bindings.is_empty());

    let employees = house
        .administrator()
        .organisation()
        .list_employees(ListEmployeesRequest::default())
        .await
        .unwrap();
    let agent = employees
        .into_inner()
        .employees
        .into_iter()
        .find(|one| one.login == "li.wei")
        .unwrap();
    let lapsed = Employee {
        training_valid_until: None,
        ..agent
    };
    let request = UpdateEmployeeRequest {
        employee: Some(lapsed),
        request_id: String::new(),
    };
    house
        .administrator()
        .organisation()
        .update_employee(request)
        .await
        .unwrap();
    let delta = next(&mut stream).await;
    assert_eq!(delta.revision, 3);
    assert_eq!(delta.subjects.len(), 1);
    assert_eq!(delta.subjects[0].training_valid_until, None);
    assert!(delta.subjects[0].agreement_valid_until.is_some());
}

/// Promise 4: what is revoked is taken from every gateway at once.
#[tokio::test]
async fn a_revoked_binding_is_taken_away() {
    let house = House::new().await;
    let mut stream = watch(&house).await;
    next(&mut stream).await;
    let mut roles = house.administrator().roles();
    let binding = Binding {
        subject: house.employee("li.wei"),
        role: "roles/reviewer".into(),
        ..Binding::default()
    };
    let request = CreateBindingRequest {
        binding: Some(binding),
        request_id: String::new(),
    };
    let made = roles.create_binding(request).await.unwrap().into_inner();
    let given = next(&mut stream).await;
    assert_eq!(given.bindings.len(), 1);
    roles
        .revoke_binding(RevokeBindingRequest {
            name: made.name,
            request_id: String::new(),
        })
        .await
        .unwrap();
    let taken = next(&mut stream).await;
    assert_eq!(taken.removed_binding_ids, [given.bindings[0].id.clone()]);
    assert!(taken.bindings.is_empty());
    assert_eq!(taken.revision, given.revision + 1);
    // And whoever comes later is not told of it.
    let whole = next(&mut watch(&house).await).await;
    assert!(
        whole
            .bindings
            .iter()
            .all(|one| one.id != given.bindings[0].id)
    );
}

/// A heartbeat each second, by the clock.
#[tokio::test]
async fn silence_is_broken_each_second() {
    let house = House::new().await;
    let mut stream = watch(&house).await;
    next(&mut stream).await;
    assert!(is_silent(&mut stream).await);
    for _ in 0..3 {
        let beat = next_by_clock(&house, &mut stream, Duration::from_secs(1)).await;
        assert!(is_heartbeat(&beat), "{beat:?}");
        assert_eq!(beat.revision, 1);
    }
}

/// Fail closed: where the database does not answer, nothing is said, so that
/// gateways come to know that they do not know.
#[tokio::test]
async fn what_cannot_be_known_is_not_said() {
    let house = House::new().await;
    let mut stream = watch(&house).await;
    next(&mut stream).await;
    house
        .sql()
        .await
        .execute("ALTER TABLE policy_revision RENAME TO gone")
        .await
        .unwrap();
    for _ in 0..3 {
        house.clock.advance(Duration::from_secs(1));
        assert!(is_silent(&mut stream).await);
    }
    house
        .sql()
        .await
        .execute("ALTER TABLE gone RENAME TO policy_revision")
        .await
        .unwrap();
    let beat = next_by_clock(&house, &mut stream, Duration::from_secs(1)).await;
    assert!(is_heartbeat(&beat));
}

/// What another replica changed is found by looking.
#[tokio::test]
async fn changes_by_another_replica_are_found() {
    let house = House::new().await;
    let mut client = SnapshotServiceClient::new(house.peer(house.replica()));
    let mut stream = client
        .watch_snapshot(WatchSnapshotRequest {})
        .await
        .unwrap()
        .into_inner();
    next(&mut stream).await;
    create_department(&house, "night_shift").await;
    let delta = next_by_clock(&house, &mut stream, Duration::from_millis(200)).await;
    assert_eq!((delta.revision, delta.departments.len()), (2, 1));
}

/// A database restored from a backup leads back; gateways then get the whole.
#[tokio::test]
async fn a_policy_that_went_back_is_told_whole() {
    let house = House::new().await;
    create_department(&house, "night_shift").await;
    let mut stream = watch(&house).await;
    assert_eq!(next(&mut stream).await.revision, 2);
    house
        .sql()
        .await
        .execute("UPDATE policy_revision SET revision = 1")
        .await
        .unwrap();
    let whole = next_by_clock(&house, &mut stream, Duration::from_secs(1)).await;
    assert!(whole.full);
    assert_eq!(whole.revision, 1);
}

/// Deltas, applied one by one, come to the same as the whole.
#[tokio::test]
async fn deltas_add_up_to_the_whole() {
    let house = House::empty().await;
    let mut stream = watch(&house).await;
    let mut held = Snapshot::default();
    held.apply(&next(&mut stream).await).unwrap();
    let company = seed::Company::from_toml(seed::EXAMPLE_COMPANY).unwrap();
    seed::seed(&house.db, &house.clock, &house.ids, &company)
        .await
        .unwrap();
    let bindings = house
        .administrator()
        .roles()
        .list_bindings(ListBindingsRequest::default())
        .await
        .unwrap();
    for binding in bindings.into_inner().bindings.into_iter().step_by(5) {
        let request = RevokeBindingRequest {
            name: binding.name,
            request_id: String::new(),
        };
        house
            .administrator()
            .roles()
            .revoke_binding(request)
            .await
            .unwrap();
        create_department(&house, &format!("d{}", held.revision())).await;
        held.apply(&next(&mut stream).await).unwrap();
    }
    let last = house.count("SELECT revision FROM policy_revision").await;
    while held.revision() < last {
        held.apply(&next(&mut stream).await).unwrap();
    }
    let mut whole = Snapshot::default();
    whole.apply(&next(&mut watch(&house).await).await).unwrap();
    assert_eq!(held, whole);
}

/// Nobody but a service may hold the policy.
#[tokio::test]
async fn people_are_not_told_the_policy() {
    let house = House::new().await;
    let mut client = SnapshotServiceClient::new(house.administrator());
    let refused = client
        .watch_snapshot(WatchSnapshotRequest {})
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "CONTEXT_INVALID");
}

/// The next message, for which the clock has to be turned, again and again,
/// because nobody knows whether the service waits for it already.
async fn next_by_clock(
    house: &House,
    stream: &mut Streaming<WatchSnapshotResponse>,
    step: Duration,
) -> WatchSnapshotResponse {
    for _ in 0..200 {
        house.clock.advance(step);
        let message = tokio::time::timeout(Duration::from_millis(50), stream.message());
        if let Ok(message) = message.await {
            return message.unwrap().expect("the stream goes on");
        }
    }
    panic!("no message, however late");
}

fn uuid(bytes: &[u8]) -> uuid::Uuid {
    uuid::Uuid::from_slice(bytes).unwrap()
}
