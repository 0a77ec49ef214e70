//! Who holds which role.

use std::time::Duration;

use kefu_access::Scope;
use kefu_contracts::access::{
    Binding, CreateBindingRequest, ListBindingsRequest, RevokeBindingRequest,
    role_service_client::RoleServiceClient,
};
use kefu_service::{clock::Clock, time::to_proto};
use prost_types::Timestamp;
use sqlx::Executor;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::house::{Caller, House, position, reason, said, violations};

type Client = RoleServiceClient<Caller>;

fn bind(subject: String, role: &str) -> Binding {
    Binding {
        subject,
        role: format!("roles/{role}"),
        ..Binding::default()
    }
}

async fn create(client: &mut Client, binding: Binding) -> Result<Binding, Status> {
    let request = CreateBindingRequest {
        binding: Some(binding),
        request_id: String::new(),
    };
    Ok(client.create_binding(request).await?.into_inner())
}

async fn revoke(client: &mut Client, name: &str) -> Result<Binding, Status> {
    let request = RevokeBindingRequest {
        name: name.into(),
        request_id: String::new(),
    };
    Ok(client.revoke_binding(request).await?.into_inner())
}

async fn held(client: &mut Client, subject: String) -> Vec<String> {
    let listed = client
        .list_bindings(ListBindingsRequest { subject })
        .await
        .unwrap()
        .into_inner();
    listed.bindings.into_iter().map(|one| one.role).collect()
}

fn later(house: &House, seconds: u64) -> Option<Timestamp> {
    Some(to_proto(house.clock.now() + Duration::from_secs(seconds)))
}

/// Clause OP-7.2: a role is given for a period, listed while it counts, and gone
/// at its end.
#[tokio::test]
async fn a_role_is_given_for_a_period() {
    let house = House::new().await;
    let mut client = house.administrator().roles();
    let wanted = Binding {
        departments: vec![
            house.department("complaints"),
            house.department("technical_support"),
        ],
        start_time: later(&house, 100),
        end_time: later(&house, 200),
        ..bind(house.employee("li.wei"), "complaints_handler")
    };
    let request = CreateBindingRequest {
        binding: Some(wanted.clone()),
        request_id: String::new(),
    };
    let response = client.create_binding(request).await.unwrap();
    assert!(position(&response).starts_with("access-control:"));
    let made = response.into_inner();
    assert_eq!(
        Binding {
            name: String::new(),
            ..made.clone()
        },
        wanted
    );

    let both = ["roles/agent", "roles/complaints_handler"];
    assert_eq!(held(&mut client, house.employee("li.wei")).await, both);
    house.clock.advance(Duration::from_secs(199));
    assert_eq!(held(&mut client, house.employee("li.wei")).await, both);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(
        held(&mut client, house.employee("li.wei")).await,
        ["roles/agent"]
    );
    let refused = revoke(&mut client, &made.name).await.unwrap_err();
    assert_eq!(
        (reason(&refused), said(&refused, "state")),
        ("STATE_NOT_ALLOWED".into(), "ENDED".into())
    );
}

#[tokio::test]
async fn a_role_without_a_start_counts_from_now() {
    let house = House::new().await;
    let mut client = house.administrator().roles();
    let made = create(&mut client, bind(house.employee("he.xiaoyan"), "reviewer"))
        .await
        .unwrap();
    assert_eq!(made.start_time, later(&house, 0));
    assert_eq!(made.end_time, None);
}

/// Clause OP-7.2: a role is taken away at once, and stays away.
#[tokio::test]
async fn a_role_is_taken_away() {
    let house = House::new().await;
    let mut client = house.administrator().roles();
    let all = client
        .list_bindings(ListBindingsRequest::default())
        .await
        .unwrap()
        .into_inner()
        .bindings;
    let agent = all
        .iter()
        .find(|one| one.subject == house.employee("li.wei"))
        .unwrap();
    house.clock.advance(Duration::from_secs(5));
    let revoked = revoke(&mut client, &agent.name).await.unwrap();
    assert_eq!(
        revoked,
        Binding {
            end_time: later(&house, 0),
            ..agent.clone()
        }
    );
    assert!(held(&mut client, house.employee("li.wei")).await.is_empty());

    let refused = revoke(&mut client, &agent.name).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "STATE_NOT_ALLOWED".into())
    );
    assert_eq!(said(&refused, "state"), "REVOKED");
}

#[tokio::test]
async fn a_revocation_with_a_request_id_can_be_repeated() {
    let house = House::new().await;
    let mut client = house.administrator().roles();
    let made = create(&mut client, bind(house.employee("he.xiaoyan"), "reviewer"))
        .await
        .unwrap();
    let request = RevokeBindingRequest {
        name: made.name,
        request_id: house.ids.next().unwrap().to_string(),
    };
    let first = client
        .revoke_binding(request.clone())
        .await
        .unwrap()
        .into_inner();
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(
        client.revoke_binding(request).await.unwrap().into_inner(),
        first
    );
}

/// Clauses OP-7.2, CC-2.5: roles kept apart are not held by one person at once.
#[tokio::test]
async fn duties_are_separated() {
    let house = House::new().await;
    let mut client = house.administrator().roles();
    for (login, role) in [
        ("dong.jie", "administrator"),
        ("han.bing", "auditor"),
        ("han.bing", "archive_manager"),
    ] {
        let refused = create(&mut client, bind(house.employee(login), role))
            .await
            .unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::FailedPrecondition, "SEPARATION_OF_DUTIES".into())
        );
        assert!(said(&refused, "role").starts_with("roles/"));
        assert!(!said(&refused, "rule").is_empty());
    }
    // One after the other is another matter.
    let first = Binding {
        end_time: later(&house, 100),
        ..bind(house.employee("he.xiaoyan"), "administrator")
    };
    let first = create(&mut client, first).await.unwrap();
    let trainer = client
        .list_bindings(ListBindingsRequest {
            subject: house.employee("he.xiaoyan"),
        })
        .await
        .unwrap();
    revoke(&mut client, &trainer.into_inner().bindings[0].name)
        .await
        .unwrap();
    let auditor = |from| Binding {
        start_time: later(&house, from),
        ..bind(house.employee("he.xiaoyan"), "auditor")
    };
    let refused = create(&mut client, auditor(99)).await.unwrap_err();
    assert_eq!(said(&refused, "binding"), first.name);
    create(&mut client, auditor(100)).await.unwrap();
}

/// Two roles kept apart, asked for at once: one is held.
#[tokio::test]
async fn duties_are_separated_also_at_once() {
    let house = House::new().await;
    let attempts = ["administrator", "auditor"].map(|role| {
        let (mut client, binding) = (
            house.administrator().roles(),
            bind(house.employee("hu.tao"), role),
        );
        tokio::spawn(async move { create(&mut client, binding).await })
    });
    let mut client = house.administrator().roles();
    let agent = client
        .list_bindings(ListBindingsRequest {
            subject: house.employee("hu.tao"),
        })
        .await
        .unwrap();
    for attempt in attempts {
        // hu.tao is an agent, which both are kept apart from.
        assert_eq!(
            reason(&attempt.await.unwrap().unwrap_err()),
            "SEPARATION_OF_DUTIES"
        );
    }
    revoke(&mut client, &agent.into_inner().bindings[0].name)
        .await
        .unwrap();
    let attempts = ["administrator", "auditor"].map(|role| {
        let (mut client, binding) = (
            house.administrator().roles(),
            bind(house.employee("hu.tao"), role),
        );
        tokio::spawn(async move { create(&mut client, binding).await.is_ok() })
    });
    let mut given = 0;
    for attempt in attempts {
        given += i32::from(attempt.await.unwrap());
    }
    assert_eq!(given, 1);
}

/// Clause CF-8.1: machines need no agreement, so no person holds their role.
#[tokio::test]
async fn integration_is_for_system_accounts() {
    let house = House::new().await;
    let mut client = house.administrator().roles();
    let refused = create(&mut client, bind(house.employee("wu.peng"), "integration"))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["binding.role NOT_APPLICABLE"]);
    let shop = format!("system-accounts/{}", house.id("webshop"));
    let made = create(&mut client, bind(shop.clone(), "integration"))
        .await
        .unwrap();
    assert_eq!(made.subject, shop);
}

#[tokio::test]
async fn every_violation_is_told_at_once() {
    let house = House::new().await;
    let mut client = house.administrator().roles();
    let twice = house.department("sales");
    let unknown = format!("departments/{}", Uuid::from_u128(5));
    let bad = Binding {
        // A person's name for a system account.
        subject: house.employee("erp"),
        role: "roles/emperor".into(),
        departments: vec![twice.clone(), twice, unknown, "sales".into(), String::new()],
        start_time: later(&house, 10),
        end_time: later(&house, 10),
        ..Binding::default()
    };
    assert_eq!(
        violations(&create(&mut client, bad).await.unwrap_err()),
        [
            "binding.subject UNKNOWN",
            "binding.role UNKNOWN",
            "binding.departments[1] DUPLICATE",
            "binding.departments[3] RESOURCE_NAME",
            "binding.departments[4] REQUIRED",
            "binding.departments[2] UNKNOWN",
            "binding.end_time CONTRADICTION",
        ]
    );
    assert_eq!(
        violations(&create(&mut client, Binding::default()).await.unwrap_err()),
        ["binding.subject REQUIRED", "binding.role REQUIRED"]
    );
    let misnamed = Binding {
        subject: "li.wei".into(),
        role: "agent".into(),
        ..Binding::default()
    };
    assert_eq!(
        violations(&create(&mut client, misnamed).await.unwrap_err()),
        [
            "binding.subject RESOURCE_NAME",
            "binding.role RESOURCE_NAME"
        ]
    );
    let too_many = Binding {
        departments: vec![String::new(); 101],
        ..bind(house.employee("li.wei"), "reviewer")
    };
    assert_eq!(
        violations(&create(&mut client, too_many).await.unwrap_err()),
        ["binding.departments TOO_MANY"]
    );
    let past = Binding {
        start_time: at(1),
        end_time: at(2),
        ..bind(house.employee("li.wei"), "reviewer")
    };
    assert_eq!(
        violations(&create(&mut client, past).await.unwrap_err()),
        ["binding.end_time CONTRADICTION"]
    );
    let nothing = client
        .create_binding(CreateBindingRequest::default())
        .await
        .unwrap_err();
    assert_eq!(violations(&nothing), ["binding REQUIRED"]);
}

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

/// Promise 2: bindings of people beyond reach do not exist.
#[tokio::test]
async fn bindings_beyond_reach_are_not_found() {
    let house = House::new().await;
    let all = house
        .administrator()
        .roles()
        .list_bindings(ListBindingsRequest::default())
        .await
        .unwrap();
    let all = all.into_inner().bindings;
    let agent = all
        .iter()
        .find(|one| one.subject == house.employee("li.wei"))
        .unwrap();
    let reach = Scope::Departments(vec![house.seeded.departments["complaints"]]);
    let mut client = house.caller(Uuid::from_u128(9), reach).roles();
    assert!(held(&mut client, house.employee("li.wei")).await.is_empty());
    assert_eq!(
        held(&mut client, house.employee("guo.jing")).await,
        ["roles/complaints_handler"]
    );
    assert_eq!(held(&mut client, String::new()).await.len(), 3);
    assert_eq!(
        reason(&revoke(&mut client, &agent.name).await.unwrap_err()),
        "NOT_FOUND_OR_OUT_OF_SCOPE"
    );
    let refused = create(&mut client, bind(house.employee("li.wei"), "reviewer"))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["binding.subject UNKNOWN"]);
}

/// A role of the file that no rollout has brought into the database yet.
#[tokio::test]
async fn a_role_that_is_not_rolled_out_cannot_be_given() {
    let house = House::new().await;
    let mut sql = house.sql().await;
    sql.execute("DELETE FROM role_rule WHERE role_id = 'trainer'")
        .await
        .unwrap();
    sql.execute("DELETE FROM binding WHERE role_id = 'trainer'")
        .await
        .unwrap();
    sql.execute("DELETE FROM role WHERE id = 'trainer'")
        .await
        .unwrap();
    let mut client = house.administrator().roles();
    let refused = create(&mut client, bind(house.employee("gao.yuan"), "trainer"))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["binding.role UNKNOWN"]);
}

#[tokio::test]
async fn what_is_not_a_binding_cannot_be_revoked_or_listed() {
    let house = House::new().await;
    let mut client = house.administrator().roles();
    let nobody = format!("bindings/{}", Uuid::from_u128(5));
    assert_eq!(
        reason(&revoke(&mut client, &nobody).await.unwrap_err()),
        "NOT_FOUND_OR_OUT_OF_SCOPE"
    );
    assert_eq!(
        violations(&revoke(&mut client, "").await.unwrap_err()),
        ["name REQUIRED"]
    );
    assert_eq!(
        violations(&revoke(&mut client, "roles/agent").await.unwrap_err()),
        ["name RESOURCE_NAME"]
    );
    let request = ListBindingsRequest {
        subject: "li.wei".into(),
    };
    assert_eq!(
        violations(&client.list_bindings(request).await.unwrap_err()),
        ["subject RESOURCE_NAME"]
    );
    // An account under a person's name is nobody.
    assert!(held(&mut client, house.employee("erp")).await.is_empty());
    assert_eq!(
        held(&mut client, format!("system-accounts/{}", house.id("erp"))).await,
        ["roles/integration"]
    );
}
