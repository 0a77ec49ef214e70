//! The tree of departments.

use kefu_access::Scope;
use kefu_contracts::access::{
    CreateDepartmentRequest, Department, GetDepartmentRequest, ListDepartmentsRequest,
    UpdateDepartmentRequest,
};
use tonic::Code;
use uuid::Uuid;

use crate::house::{House, position, reason, said, violations};

fn wanted(code: &str) -> Department {
    Department {
        code: code.into(),
        title: "夜班".into(),
        ..Department::default()
    }
}

fn request(department: Department) -> CreateDepartmentRequest {
    CreateDepartmentRequest {
        department: Some(department),
        request_id: String::new(),
    }
}

/// Clause CC-1.1: the departments of the policy are there, parents first.
#[tokio::test]
async fn the_tree_is_listed_parents_first() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let listed = client
        .list_departments(ListDepartmentsRequest {})
        .await
        .unwrap()
        .into_inner()
        .departments;
    let codes: Vec<_> = listed.iter().map(|one| one.code.as_str()).collect();
    for code in [
        "call_centre",
        "training_quality",
        "technical_support",
        "complaints",
    ] {
        assert!(codes.contains(&code), "{code}");
    }
    for (at, one) in listed.iter().enumerate() {
        let before = &listed[..at];
        assert!(
            one.parent.is_empty() || before.iter().any(|other| other.name == one.parent),
            "{}",
            one.code
        );
    }
    let complaints = listed.iter().find(|one| one.code == "complaints").unwrap();
    assert_eq!(complaints.head, house.employee("zhou.ting"));
    assert_eq!(complaints.supervising_leader, house.employee("liu.jianhua"));
}

/// Promise 2: what is beyond reach is not in the list.
#[tokio::test]
async fn only_departments_within_reach_are_listed() {
    let house = House::new().await;
    let reach = Scope::Departments(vec![house.seeded.departments["complaints"]]);
    let mut client = house.caller(Uuid::from_u128(9), reach).organisation();
    let listed = client
        .list_departments(ListDepartmentsRequest {})
        .await
        .unwrap()
        .into_inner()
        .departments;
    assert_eq!(
        listed
            .iter()
            .map(|one| one.code.as_str())
            .collect::<Vec<_>>(),
        ["complaints"]
    );
}

#[tokio::test]
async fn a_department_is_added_where_it_was_asked_for() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let wanted = Department {
        parent: house.department("call_centre"),
        head: house.employee("zhang.min"),
        supervising_leader: house.employee("liu.jianhua"),
        ..wanted("night_shift")
    };
    let response = client
        .create_department(request(wanted.clone()))
        .await
        .unwrap();
    assert!(position(&response).starts_with("access-control:"));
    let made = response.into_inner();
    assert_eq!(
        Department {
            name: String::new(),
            etag: String::new(),
            ..made.clone()
        },
        wanted
    );
    let listed = client
        .list_departments(ListDepartmentsRequest {})
        .await
        .unwrap()
        .into_inner()
        .departments;
    assert!(listed.contains(&made));
}

#[tokio::test]
async fn every_violation_is_told_at_once() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let bad = CreateDepartmentRequest {
        department: Some(Department {
            code: "Night Shift".into(),
            title: "字".repeat(101),
            parent: format!("departments/{}", Uuid::from_u128(5)),
            head: house.employee("erp"),
            supervising_leader: "employees/liu".into(),
            ..Department::default()
        }),
        request_id: "once".into(),
    };
    assert_eq!(
        violations(&client.create_department(bad).await.unwrap_err()),
        [
            "request_id UUID",
            "department.code FORMAT",
            "department.title TOO_LONG",
            "department.supervising_leader RESOURCE_NAME",
            "department.parent UNKNOWN",
            "department.head UNKNOWN",
        ]
    );
    let nothing = CreateDepartmentRequest::default();
    assert_eq!(
        violations(&client.create_department(nothing).await.unwrap_err()),
        ["department REQUIRED"]
    );
    let empty = request(Department::default());
    assert_eq!(
        violations(&client.create_department(empty).await.unwrap_err()),
        ["department.code REQUIRED", "department.title REQUIRED"]
    );
}

#[tokio::test]
async fn a_code_is_taken_once() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let refused = client
        .create_department(request(wanted("complaints")))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::AlreadyExists, "ALREADY_EXISTS".into())
    );
    assert_eq!(said(&refused, "field"), "department.code");
}

/// Whose reach ends at a department cannot add one elsewhere.
#[tokio::test]
async fn a_department_is_added_within_reach_only() {
    let house = House::new().await;
    let reach = Scope::Departments(vec![house.seeded.departments["complaints"]]);
    let mut client = house.caller(Uuid::from_u128(9), reach).organisation();
    let below = |code| Department {
        parent: house.department(code),
        ..wanted("night_shift")
    };
    let refused = client
        .create_department(request(below("sales")))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["department.parent UNKNOWN"]);
    let refused = client
        .create_department(request(wanted("night_shift")))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["department.parent UNKNOWN"]);
    client
        .create_department(request(below("complaints")))
        .await
        .unwrap();
}

/// Two who take the same code at once: one has it, the other is told so.
#[tokio::test]
async fn of_two_at_once_one_has_the_code() {
    let house = House::new().await;
    let administrator = house.administrator();
    let attempts: Vec<_> = (0..8)
        .map(|_| {
            let mut client = administrator.organisation();
            tokio::spawn(async move {
                client
                    .create_department(request(wanted("night_shift")))
                    .await
            })
        })
        .collect();
    let mut made = 0;
    for attempt in attempts {
        match attempt.await.unwrap() {
            Ok(_) => made += 1,
            Err(status) => assert_eq!(reason(&status), "ALREADY_EXISTS"),
        }
    }
    assert_eq!(made, 1);
}

async fn found(house: &House, code: &str) -> Department {
    let request = GetDepartmentRequest {
        name: house.department(code),
    };
    let mut client = house.administrator().organisation();
    client.get_department(request).await.unwrap().into_inner()
}

fn update(department: Department) -> UpdateDepartmentRequest {
    UpdateDepartmentRequest {
        department: Some(department),
        request_id: String::new(),
    }
}

/// Clause CC-1.1: a department moves in the tree and gets another head.
#[tokio::test]
async fn a_department_is_changed_where_it_is_current() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let before = found(&house, "complaints").await;
    assert_eq!(before.head, house.employee("zhou.ting"));
    let wanted = Department {
        title: "投诉中心".into(),
        parent: house.department("head_office"),
        head: house.employee("guo.jing"),
        supervising_leader: String::new(),
        ..before.clone()
    };
    let after = client
        .update_department(update(wanted.clone()))
        .await
        .unwrap()
        .into_inner();
    let expected = Department {
        etag: after.etag.clone(),
        ..wanted.clone()
    };
    assert_eq!(after, expected);
    assert_ne!(after.etag, before.etag);
    assert_eq!(found(&house, "complaints").await, after);
    let refused = client.update_department(update(wanted)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Aborted, "ETAG_MISMATCH".into())
    );
}

/// Clause CC-1.1: the tree has no loops, and only people who are with the company
/// lead.
#[tokio::test]
async fn a_change_that_cannot_be_is_refused_with_all_that_is_wrong() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let call_centre = found(&house, "call_centre").await;
    let bad = Department {
        code: "centre".into(),
        title: String::new(),
        parent: house.department("complaints"),
        head: house.employee("erp"),
        supervising_leader: format!("employees/{}", Uuid::from_u128(5)),
        ..call_centre.clone()
    };
    assert_eq!(
        violations(&client.update_department(update(bad)).await.unwrap_err()),
        [
            "department.title REQUIRED",
            "department.code IMMUTABLE",
            "department.parent CONTRADICTION",
            "department.head UNKNOWN",
            "department.supervising_leader UNKNOWN",
        ]
    );
    let itself = Department {
        parent: call_centre.name.clone(),
        ..call_centre.clone()
    };
    assert_eq!(
        violations(&client.update_department(update(itself)).await.unwrap_err()),
        ["department.parent CONTRADICTION"]
    );
    let nameless = Department {
        name: String::new(),
        etag: String::new(),
        ..call_centre
    };
    assert_eq!(
        violations(
            &client
                .update_department(update(nameless))
                .await
                .unwrap_err()
        ),
        ["department.name REQUIRED", "department.etag REQUIRED"]
    );
    let nothing = UpdateDepartmentRequest::default();
    assert_eq!(
        violations(&client.update_department(nothing).await.unwrap_err()),
        ["department REQUIRED"]
    );
}

/// Promise 2: what is beyond reach is neither shown nor changed nor a place to go.
#[tokio::test]
async fn a_department_beyond_reach_is_not_found() {
    let house = House::new().await;
    let sales = found(&house, "sales").await;
    let complaints = found(&house, "complaints").await;
    let reach = Scope::Departments(vec![house.seeded.departments["complaints"]]);
    let mut client = house.caller(Uuid::from_u128(9), reach).organisation();
    let request = GetDepartmentRequest {
        name: sales.name.clone(),
    };
    let refused = client.get_department(request).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_FOUND_OR_OUT_OF_SCOPE");
    let refused = client.update_department(update(sales.clone())).await;
    assert_eq!(reason(&refused.unwrap_err()), "NOT_FOUND_OR_OUT_OF_SCOPE");
    let moved = Department {
        parent: sales.name,
        ..complaints.clone()
    };
    let refused = client.update_department(update(moved)).await.unwrap_err();
    assert_eq!(violations(&refused), ["department.parent UNKNOWN"]);
    // Left where it is, it may be changed.
    client.update_department(update(complaints)).await.unwrap();
}
