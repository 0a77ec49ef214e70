//! Promise 3: no journal, no effect; no journal, no answer.

use kefu_contracts::{
    access::{
        CreateDepartmentRequest, Department, ListBindingsRequest, ListDepartmentsRequest,
        ListEmployeesRequest, ListRolesRequest,
    },
    journal::{EntryKind, event},
    policy::Purpose,
};
use kefu_journal::Recorded;
use sqlx::Executor;

use crate::house::House;

/// Each change is in the journal with the revision it made, and revisions have
/// no gaps.
#[tokio::test]
async fn every_change_is_journaled_with_its_revision() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    for code in ["one", "two", "three"] {
        let department = Department {
            code: code.into(),
            title: code.into(),
            ..Department::default()
        };
        let request = CreateDepartmentRequest {
            department: Some(department),
            request_id: String::new(),
        };
        client.create_department(request).await.unwrap();
    }
    let entries = house.journal(EntryKind::Change, 4).await;
    let revisions: Vec<_> = entries
        .iter()
        .map(
            |one| match one.entry.event.as_ref().unwrap().event.as_ref().unwrap() {
                event::Event::OrganisationChanged(changed) => changed.policy_revision,
                other => panic!("{other:?}"),
            },
        )
        .collect();
    assert_eq!(revisions, [1, 2, 3, 4]);
    assert_eq!(entries[0].entry.r#type, "organisation.seeded");
    assert!(entries[0].entry.actor_id.is_empty());
    let last = &entries[3].entry;
    assert_eq!(last.r#type, "department.created");
    assert!(last.resource.starts_with("departments/"));
    assert_eq!(last.actor_id, house.id("han.bing").as_bytes());
    assert_eq!(last.purpose(), Purpose::Administration);
}

/// Clause OP-7.2: who looked at the register is known.
#[tokio::test]
async fn every_list_is_journaled_before_it_is_answered() {
    let house = House::new().await;
    let caller = house.administrator();
    let departments = caller
        .organisation()
        .list_departments(ListDepartmentsRequest {})
        .await
        .unwrap();
    let employees = caller
        .organisation()
        .list_employees(ListEmployeesRequest::default())
        .await
        .unwrap();
    let roles = caller
        .roles()
        .list_roles(ListRolesRequest {})
        .await
        .unwrap();
    let bindings = caller
        .roles()
        .list_bindings(ListBindingsRequest::default())
        .await
        .unwrap();
    let mut shown: Vec<String> = departments
        .into_inner()
        .departments
        .into_iter()
        .map(|one| one.name)
        .collect();
    shown.extend(
        employees
            .into_inner()
            .employees
            .into_iter()
            .map(|one| one.name),
    );
    shown.extend(roles.into_inner().roles.into_iter().map(|one| one.name));
    shown.extend(
        bindings
            .into_inner()
            .bindings
            .into_iter()
            .map(|one| one.name),
    );

    let views = house.journal(EntryKind::View, shown.len()).await;
    assert_eq!(
        views
            .iter()
            .map(|one| one.entry.resource.clone())
            .collect::<Vec<_>>(),
        shown
    );
    for Recorded { entry, .. } in views {
        assert_eq!(entry.r#type, "organisation.viewed");
        assert_eq!(entry.actor_id, house.id("han.bing").as_bytes());
        let Some(event::Event::Viewed(viewed)) = entry.event.unwrap().event else {
            panic!()
        };
        assert_eq!(viewed.sources, ["role:test#rule"]);
        assert_eq!(viewed.policy_revision, 7);
    }
}

/// Without a journal nothing is changed and nothing is shown.
#[tokio::test]
async fn without_a_journal_nothing_happens() {
    let house = House::new().await;
    house
        .sql()
        .await
        .execute("ALTER TABLE journal RENAME TO journal_gone")
        .await
        .unwrap();
    let mut client = house.administrator().organisation();
    assert!(
        client
            .list_departments(ListDepartmentsRequest {})
            .await
            .is_err()
    );
    let department = Department {
        code: "night".into(),
        title: "夜班".into(),
        ..Department::default()
    };
    let request = CreateDepartmentRequest {
        department: Some(department),
        request_id: String::new(),
    };
    assert!(client.create_department(request).await.is_err());
    assert_eq!(
        house
            .count("SELECT count(*) FROM department WHERE code = 'night'")
            .await,
        0
    );
    assert_eq!(house.count("SELECT revision FROM policy_revision").await, 1);
}
