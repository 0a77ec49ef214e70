//! Employees and system accounts.

use std::{collections::BTreeSet, time::Duration};

use kefu_access::Scope;
use kefu_contracts::access::{
    CreateEmployeeRequest, Employee, GetEmployeeRequest, ListEmployeesRequest,
    UpdateEmployeeRequest,
};
use kefu_contracts::journal::EntryKind;
use kefu_service::clock::Clock;
use prost_types::Timestamp;
use tonic::Code;
use uuid::Uuid;

use crate::house::{House, position, reason, said, violations};

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

fn wanted(house: &House, login: &str) -> Employee {
    Employee {
        login: login.into(),
        title: "钱多多".into(),
        department: house.department("call_centre"),
        agreement_valid_until: at(2_000_000_000),
        training_valid_until: at(1_900_000_000),
        join_time: at(1_700_000_000),
        ..Employee::default()
    }
}

fn create(employee: Employee) -> CreateEmployeeRequest {
    CreateEmployeeRequest {
        employee: Some(employee),
        request_id: String::new(),
    }
}

fn update(employee: Employee) -> UpdateEmployeeRequest {
    UpdateEmployeeRequest {
        employee: Some(employee),
        request_id: String::new(),
    }
}

/// Clause OP-7.2: everybody once, page by page, in the order they were entered.
#[tokio::test]
async fn employees_are_listed_page_by_page() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let mut logins = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListEmployeesRequest {
            page_size: 7,
            page_token,
        };
        let page = client.list_employees(request).await.unwrap().into_inner();
        assert!(page.employees.len() <= 7);
        logins.extend(page.employees.into_iter().map(|one| one.login));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(logins.first().map(String::as_str), Some("chen.guodong"));
    assert_eq!(logins.last().map(String::as_str), Some("webshop"));
    assert_eq!(logins.len(), house.seeded.employees.len());
    assert_eq!(
        logins.into_iter().collect::<BTreeSet<_>>(),
        house.seeded.employees.keys().cloned().collect()
    );
}

#[tokio::test]
async fn pages_that_are_not_ours_are_refused() {
    let house = House::new().await;
    let administrator = house.administrator();
    let mut client = administrator.organisation();
    for page_size in [-1, 201] {
        let request = ListEmployeesRequest {
            page_size,
            page_token: String::new(),
        };
        assert_eq!(
            violations(&client.list_employees(request).await.unwrap_err()),
            ["page_size OUT_OF_RANGE"]
        );
    }
    let first = client
        .list_employees(ListEmployeesRequest {
            page_size: 1,
            page_token: String::new(),
        })
        .await
        .unwrap();
    let token = first.into_inner().next_page_token;
    let foreign = house.caller(Uuid::from_u128(9), Scope::All);
    for (caller, page_token) in [(&administrator, "nonsense".to_owned()), (&foreign, token)] {
        let request = ListEmployeesRequest {
            page_size: 1,
            page_token,
        };
        let refused = caller
            .organisation()
            .list_employees(request)
            .await
            .unwrap_err();
        assert_eq!(reason(&refused), "INVALID_PAGE_TOKEN");
    }
}

/// Promise 2, clause CF-9.1: a head sees the people of the department.
#[tokio::test]
async fn only_employees_within_reach_are_listed() {
    let house = House::new().await;
    let list = async |scope: Scope| {
        let mut client = house.caller(house.id("li.wei"), scope).organisation();
        let page = client
            .list_employees(ListEmployeesRequest::default())
            .await
            .unwrap()
            .into_inner();
        assert!(page.next_page_token.is_empty());
        page.employees
            .into_iter()
            .map(|one| one.login)
            .collect::<Vec<_>>()
    };
    let complaints = Scope::Departments(vec![house.seeded.departments["complaints"]]);
    assert_eq!(
        list(complaints).await,
        ["zhou.ting", "guo.jing", "luo.yong"]
    );
    assert_eq!(list(Scope::Owner(house.id("li.wei"))).await, ["li.wei"]);
    assert!(list(Scope::None).await.is_empty());
}

/// Clause CF-8.1: agreement and training come in with the employee.
#[tokio::test]
async fn somebody_joins() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let wanted = wanted(&house, "qian.duoduo");
    let response = client
        .create_employee(create(wanted.clone()))
        .await
        .unwrap();
    assert!(position(&response).starts_with("access-control:"));
    let made = response.into_inner();
    assert!(made.name.starts_with("employees/"));
    assert_eq!(made.etag, "r1");
    assert_eq!(
        Employee {
            name: String::new(),
            etag: String::new(),
            ..made
        },
        wanted
    );

    let account = Employee {
        login: "crm".into(),
        title: "CRM".into(),
        system_account: true,
        responsible: house.employee("han.bing"),
        ..Employee::default()
    };
    let made = client
        .create_employee(create(account))
        .await
        .unwrap()
        .into_inner();
    assert!(made.name.starts_with("system-accounts/"));
    assert!(made.department.is_empty());
}

#[tokio::test]
async fn every_violation_is_told_at_once() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let bad = Employee {
        login: "Qian".into(),
        title: "\u{7}".into(),
        department: format!("departments/{}", Uuid::from_u128(5)),
        join_time: at(1_700_000_000),
        leave_time: at(1_700_000_000),
        agreement_valid_until: Some(Timestamp {
            seconds: 0,
            nanos: -1,
        }),
        // Before the database's calendar begins.
        training_valid_until: at(-300_000_000_000),
        ..Employee::default()
    };
    assert_eq!(
        violations(&client.create_employee(create(bad)).await.unwrap_err()),
        [
            "employee.login FORMAT",
            "employee.title CONTROL_CHARACTERS",
            "employee.leave_time CONTRADICTION",
            "employee.agreement_valid_until TIME",
            "employee.training_valid_until TIME",
            "employee.department UNKNOWN",
        ]
    );
    assert_eq!(
        violations(
            &client
                .create_employee(create(Employee::default()))
                .await
                .unwrap_err()
        ),
        [
            "employee.login REQUIRED",
            "employee.title REQUIRED",
            "employee.department REQUIRED"
        ]
    );
    let machine = Employee {
        system_account: true,
        ..wanted(&house, "crm")
    };
    assert_eq!(
        violations(&client.create_employee(create(machine)).await.unwrap_err()),
        [
            "employee.agreement_valid_until NOT_APPLICABLE",
            "employee.training_valid_until NOT_APPLICABLE",
            "employee.responsible REQUIRED"
        ]
    );
    let nobody = CreateEmployeeRequest {
        employee: None,
        request_id: "x".into(),
    };
    assert_eq!(
        violations(&client.create_employee(nobody).await.unwrap_err()),
        ["request_id UUID", "employee REQUIRED"]
    );
}

#[tokio::test]
async fn a_login_is_taken_once() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let refused = client
        .create_employee(create(wanted(&house, "li.wei")))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::AlreadyExists, "ALREADY_EXISTS".into())
    );
    assert_eq!(said(&refused, "field"), "employee.login");
}

/// Clause CF-8.1: training is repeated, people move and leave.
#[tokio::test]
async fn an_employee_is_changed_and_every_version_is_kept() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let made = client
        .create_employee(create(wanted(&house, "qian.duoduo")))
        .await
        .unwrap()
        .into_inner();
    house.clock.advance(Duration::from_secs(60));
    let changed = Employee {
        title: "钱多".into(),
        department: house.department("complaints"),
        agreement_valid_until: None,
        training_valid_until: at(1_950_000_000),
        leave_time: at(1_800_000_000),
        ..made.clone()
    };
    let after = client
        .update_employee(update(changed.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        after,
        Employee {
            etag: "r2".into(),
            ..changed
        }
    );

    let id = made.name.strip_prefix("employees/").unwrap();
    let history = house
        .count(&format!(
            "SELECT count(*) FROM policy_change WHERE kind = 'employee' AND key = '{id}'
             AND (before IS NULL AND after->>'title' = '钱多多'
                  OR before->>'title' = '钱多多' AND after->>'title' = '钱多'
                     AND after->>'agreement_valid_until' IS NULL)
             AND actor_id = '{}'",
            house.id("han.bing")
        ))
        .await;
    assert_eq!(history, 2);
}

#[tokio::test]
async fn a_stale_etag_changes_nothing() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let made = client
        .create_employee(create(wanted(&house, "qian.duoduo")))
        .await
        .unwrap()
        .into_inner();
    client.update_employee(update(made.clone())).await.unwrap();
    let revision = house.count("SELECT revision FROM policy_revision").await;
    let refused = client.update_employee(update(made)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Aborted, "ETAG_MISMATCH".into())
    );
    assert_eq!(
        house.count("SELECT revision FROM policy_revision").await,
        revision
    );
}

#[tokio::test]
async fn who_somebody_is_cannot_be_changed() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let made = client
        .create_employee(create(wanted(&house, "qian.duoduo")))
        .await
        .unwrap()
        .into_inner();
    let other = Employee {
        login: "qian".into(),
        system_account: true,
        agreement_valid_until: None,
        training_valid_until: None,
        ..made.clone()
    };
    assert_eq!(
        violations(&client.update_employee(update(other)).await.unwrap_err()),
        [
            "employee.login IMMUTABLE",
            "employee.system_account IMMUTABLE"
        ]
    );
    let unnamed = Employee {
        name: String::new(),
        etag: String::new(),
        ..made.clone()
    };
    assert_eq!(
        violations(&client.update_employee(update(unnamed)).await.unwrap_err()),
        ["employee.name REQUIRED", "employee.etag REQUIRED"]
    );
    let unreadable = Employee {
        name: "customers/1".into(),
        etag: "1".into(),
        ..made
    };
    assert_eq!(
        violations(
            &client
                .update_employee(update(unreadable))
                .await
                .unwrap_err()
        ),
        ["employee.name RESOURCE_NAME", "employee.etag FORMAT"]
    );
}

/// Promise 2: who is beyond reach does not exist.
#[tokio::test]
async fn who_is_not_there_or_beyond_reach_is_not_found() {
    let house = House::new().await;
    let made = {
        let mut client = house.administrator().organisation();
        client
            .create_employee(create(wanted(&house, "qian.duoduo")))
            .await
            .unwrap()
            .into_inner()
    };
    let elsewhere = Scope::Departments(vec![house.seeded.departments["complaints"]]);
    let nobody = Employee {
        name: format!("employees/{}", Uuid::from_u128(5)),
        ..made.clone()
    };
    let machine = Employee {
        name: made.name.replace("employees", "system-accounts"),
        ..made.clone()
    };
    for (scope, employee) in [
        (Scope::All, nobody),
        (Scope::All, machine),
        (elsewhere, made.clone()),
    ] {
        let mut client = house.caller(Uuid::from_u128(9), scope).organisation();
        let refused = client.update_employee(update(employee)).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".into())
        );
    }
    // Nor can anybody be moved out of reach.
    let home = Scope::Departments(vec![house.seeded.departments["call_centre"]]);
    let mut client = house.caller(Uuid::from_u128(9), home).organisation();
    let moved = Employee {
        department: house.department("complaints"),
        ..made
    };
    assert_eq!(
        violations(&client.update_employee(update(moved)).await.unwrap_err()),
        ["employee.department UNKNOWN"]
    );
}

/// AIP-155: the same request gives the same answer, another under its id none.
#[tokio::test]
async fn a_request_id_counts_once() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let request_id = house.ids.next().unwrap().to_string();
    let request = CreateEmployeeRequest {
        request_id: request_id.clone(),
        ..create(wanted(&house, "qian.duoduo"))
    };
    let first = client.create_employee(request.clone()).await.unwrap();
    house.clock.advance(Duration::from_secs(5));
    let again = client.create_employee(request.clone()).await.unwrap();
    assert_eq!(position(&first), position(&again));
    let entered = first.into_inner();
    assert_eq!(entered, again.into_inner());
    // An answer given again is shown again, and that is journaled.
    let shown = house.journal(EntryKind::View, 1).await;
    let shown: Vec<_> = shown.iter().map(|one| &one.entry).collect();
    assert_eq!(shown.len(), 1);
    assert_eq!(
        (shown[0].r#type.as_str(), &shown[0].resource),
        ("organisation.viewed", &entered.name)
    );
    assert_eq!(
        house
            .count("SELECT count(*) FROM employee WHERE login = 'qian.duoduo'")
            .await,
        1
    );

    let other = CreateEmployeeRequest {
        request_id: request_id.clone(),
        ..create(wanted(&house, "qian.shao"))
    };
    let refused = client.create_employee(other).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "REQUEST_ID_REUSED".into())
    );
    // Another caller's ids are their own.
    let mut stranger = house.caller(Uuid::from_u128(9), Scope::All).organisation();
    assert_eq!(
        reason(&stranger.create_employee(request).await.unwrap_err()),
        "ALREADY_EXISTS"
    );
    assert!(house.clock.now() > jiff::Timestamp::UNIX_EPOCH);
}

/// Many times the same request at once: one change, one answer for all.
#[tokio::test]
async fn of_the_same_request_at_once_one_counts() {
    let house = House::new().await;
    let request_id = house.ids.next().unwrap().to_string();
    let request = CreateEmployeeRequest {
        request_id,
        ..create(wanted(&house, "qian.duoduo"))
    };
    let attempts: Vec<_> = (0..8)
        .map(|_| {
            let (mut client, request) = (house.administrator().organisation(), request.clone());
            tokio::spawn(async move {
                client
                    .create_employee(request)
                    .await
                    .unwrap()
                    .into_inner()
                    .name
            })
        })
        .collect();
    let mut names = BTreeSet::new();
    for attempt in attempts {
        names.insert(attempt.await.unwrap());
    }
    assert_eq!(names.len(), 1);
}

fn get(name: String) -> GetEmployeeRequest {
    GetEmployeeRequest { name }
}

/// One's own entry is shown to oneself, others' to who reaches them, and both are
/// journaled; what is beyond reach is not there.
#[tokio::test]
async fn somebody_is_shown_within_reach() {
    let house = House::new().await;
    let name = house.employee("li.wei");
    let mut own = house.person("li.wei").organisation();
    let shown = own
        .get_employee(get(name.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (shown.login.as_str(), shown.name.as_str()),
        ("li.wei", name.as_str())
    );
    let views = house.journal(EntryKind::View, 1).await;
    assert_eq!(views[0].entry.resource, name);
    for other in [
        house.employee("wang.fang"),
        format!("employees/{}", Uuid::from_u128(5)),
        name.replace("employees", "system-accounts"),
    ] {
        let refused = own.get_employee(get(other)).await.unwrap_err();
        assert_eq!(reason(&refused), "NOT_FOUND_OR_OUT_OF_SCOPE");
    }
    assert_eq!(house.journal(EntryKind::Refusal, 3).await.len(), 3);
    let refused = own
        .get_employee(get("customers/1".into()))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["name RESOURCE_NAME"]);
}

/// Somebody answers for each account of another system; it is ended like anybody's.
#[tokio::test]
async fn a_system_account_has_somebody_to_ask_and_an_end() {
    let house = House::new().await;
    let mut client = house.administrator().organisation();
    let name = format!("system-accounts/{}", house.id("erp"));
    let before = client.get_employee(get(name)).await.unwrap().into_inner();
    assert_eq!(before.responsible, house.employee("han.bing"));
    for (responsible, what) in [
        (String::new(), "employee.responsible REQUIRED"),
        (house.employee("webshop"), "employee.responsible UNKNOWN"),
        ("han.bing".into(), "employee.responsible RESOURCE_NAME"),
    ] {
        let bad = Employee {
            responsible,
            ..before.clone()
        };
        let refused = client.update_employee(update(bad)).await.unwrap_err();
        assert_eq!(violations(&refused), [what]);
    }
    let ended = Employee {
        responsible: house.employee("ma.chao"),
        leave_time: at(1_800_000_000),
        ..before
    };
    let after = client
        .update_employee(update(ended.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (after.responsible, after.leave_time),
        (ended.responsible, ended.leave_time)
    );
    let person = client
        .get_employee(get(house.employee("li.wei")))
        .await
        .unwrap()
        .into_inner();
    let answered = Employee {
        responsible: house.employee("han.bing"),
        ..person
    };
    let refused = client.update_employee(update(answered)).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        ["employee.responsible NOT_APPLICABLE"]
    );
}
