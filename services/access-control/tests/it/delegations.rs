//! Who acts for whom in approvals.

use std::time::Duration;

use kefu_contracts::access::{
    CreateDelegationRequest, Delegation, DelegationState, Employee, ListDelegationsRequest,
    ListEmployeesRequest, RevokeDelegationRequest, UpdateEmployeeRequest,
};
use kefu_contracts::journal::EntryKind;
use kefu_service::{clock::Clock, time::to_proto};
use tonic::Code;
use uuid::Uuid;

use crate::house::{Caller, House, reason, said, violations};

const DAY: Duration = Duration::from_secs(86_400);

fn from_now(house: &House, days: u32) -> Option<prost_types::Timestamp> {
    Some(to_proto(house.clock.now() + DAY * days))
}

/// A week, from now on.
fn wanted(house: &House, delegate: &str) -> Delegation {
    Delegation {
        delegate: house.employee(delegate),
        end_time: from_now(house, 7),
        reason: "年假".into(),
        ..Delegation::default()
    }
}

fn create(delegation: Delegation) -> CreateDelegationRequest {
    CreateDelegationRequest {
        delegation: Some(delegation),
        request_id: String::new(),
    }
}

async fn listed(caller: &Caller, unended_only: bool) -> Vec<Delegation> {
    let request = ListDelegationsRequest {
        unended_only,
        ..ListDelegationsRequest::default()
    };
    let answer = caller
        .delegations()
        .list_delegations(request)
        .await
        .unwrap();
    let mut all = answer.into_inner().delegations;
    // The example company comes with one of its own.
    all.retain(|one| one.reason != "年假" || one.department.is_empty());
    all
}

/// Clause CC-1.1: a department head on leave is acted for; both see it, and who
/// administers or audits does; nobody else.
#[tokio::test]
async fn a_head_lets_somebody_act_for_them() {
    let house = House::new().await;
    let head = house.person("zhou.ting");
    let before = house.count("SELECT revision FROM policy_revision").await;
    let made = head
        .delegations()
        .create_delegation(create(wanted(&house, "guo.jing")))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(made.delegator, house.employee("zhou.ting"));
    assert_eq!(made.state(), DelegationState::Standing);
    let standing = [made.clone()];
    for caller in [&head, &house.person("guo.jing"), &house.administrator()] {
        assert_eq!(listed(caller, true).await, standing);
    }
    assert!(listed(&house.person("luo.yong"), false).await.is_empty());

    let history = house
        .count(
            "SELECT max(revision) FROM policy_change WHERE kind = 'delegation' AND before IS NULL",
        )
        .await;
    assert_eq!(history, before + 1);
    let entries = house.journal(EntryKind::Change, 2).await;
    assert_eq!(entries[1].entry.r#type, "delegation.created");
    assert_eq!(entries[1].entry.resource, made.name);

    house.clock.advance(DAY * 7);
    assert!(listed(&head, true).await.is_empty());
    let ended = listed(&head, false).await;
    assert_eq!(ended[0].state(), DelegationState::Ended);
}

/// Clause CC-1.1: what was lent is not lent further, and who holds no post has
/// none to lend.
#[tokio::test]
async fn only_posts_of_ones_own_are_lent() {
    let house = House::new().await;
    let mut head = house.person("zhou.ting").delegations();
    let lent = create(wanted(&house, "guo.jing"));
    head.create_delegation(lent).await.unwrap();
    let mut delegate = house.person("guo.jing").delegations();
    let further = create(wanted(&house, "luo.yong"));
    let refused = delegate.create_delegation(further).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        ["delegation.delegator NOT_APPLICABLE"]
    );

    // Over departments one heads or oversees, or that lie below; over no other.
    let over = |code: &str| {
        create(Delegation {
            department: house.department(code),
            ..wanted(&house, "li.wei")
        })
    };
    let refused = head.create_delegation(over("sales")).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        ["delegation.department NOT_APPLICABLE"]
    );
    let refused = head
        .create_delegation(over("call_centre"))
        .await
        .unwrap_err();
    assert_eq!(
        violations(&refused),
        ["delegation.department NOT_APPLICABLE"]
    );
    head.create_delegation(over("complaints")).await.unwrap();
    let mut leader = house.person("liu.jianhua").delegations();
    leader.create_delegation(over("complaints")).await.unwrap();
    let mut company = house.person("chen.guodong").delegations();
    company.create_delegation(over("complaints")).await.unwrap();
}

#[tokio::test]
async fn every_violation_is_told_at_once() {
    let house = House::new().await;
    let mut head = house.person("zhou.ting").delegations();
    let nothing = CreateDelegationRequest {
        delegation: None,
        request_id: "x".into(),
    };
    assert_eq!(
        violations(&head.create_delegation(nothing).await.unwrap_err()),
        ["request_id UUID", "delegation REQUIRED"]
    );
    assert_eq!(
        violations(
            &head
                .create_delegation(create(Delegation::default()))
                .await
                .unwrap_err()
        ),
        [
            "delegation.delegate REQUIRED",
            "delegation.reason REQUIRED",
            "delegation.end_time REQUIRED"
        ]
    );
    let good = wanted(&house, "guo.jing");
    let nobody = format!("departments/{}", Uuid::from_u128(5));
    let cases: Vec<(Delegation, &str)> = vec![
        (
            wanted(&house, "zhou.ting"),
            "delegation.delegate NOT_APPLICABLE",
        ),
        (wanted(&house, "erp"), "delegation.delegate UNKNOWN"),
        (
            Delegation {
                delegate: format!("system-accounts/{}", house.id("erp")),
                ..good.clone()
            },
            "delegation.delegate RESOURCE_NAME",
        ),
        (
            Delegation {
                department: nobody,
                ..good.clone()
            },
            "delegation.department UNKNOWN",
        ),
        // Another's posts are not one's own to lend, nor known to be there.
        (
            Delegation {
                delegator: house.employee("sun.li"),
                ..good.clone()
            },
            "delegation.delegator UNKNOWN",
        ),
        (
            Delegation {
                end_time: from_now(&house, 0),
                ..good.clone()
            },
            "delegation.end_time CONTRADICTION",
        ),
        (
            Delegation {
                end_time: from_now(&house, 93),
                ..good.clone()
            },
            "delegation.end_time OUT_OF_RANGE",
        ),
        (
            Delegation {
                start_time: Some(to_proto(house.clock.now() - DAY)),
                ..good.clone()
            },
            "delegation.start_time CONTRADICTION",
        ),
    ];
    for (bad, what) in cases {
        let refused = head.create_delegation(create(bad)).await.unwrap_err();
        assert_eq!(violations(&refused), [what]);
    }
    let longest = Delegation {
        end_time: from_now(&house, 92),
        ..good
    };
    head.create_delegation(create(longest)).await.unwrap();
}

/// The same twice at a time is a mistake; another time or another person is not.
#[tokio::test]
async fn the_same_is_not_delegated_twice() {
    let house = House::new().await;
    let mut head = house.person("zhou.ting").delegations();
    let first = head
        .create_delegation(create(wanted(&house, "guo.jing")))
        .await
        .unwrap()
        .into_inner();
    let overlapping = Delegation {
        department: house.department("complaints"),
        start_time: from_now(&house, 6),
        end_time: from_now(&house, 9),
        ..wanted(&house, "guo.jing")
    };
    let refused = head
        .create_delegation(create(overlapping.clone()))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::AlreadyExists, "ALREADY_EXISTS".into())
    );
    assert_eq!(said(&refused, "delegation"), first.name);
    let later = Delegation {
        start_time: from_now(&house, 7),
        ..overlapping
    };
    let later = head
        .create_delegation(create(later))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(later.state(), DelegationState::Scheduled);
    head.create_delegation(create(wanted(&house, "luo.yong")))
        .await
        .unwrap();
}

#[tokio::test]
async fn it_is_taken_back_at_once_by_who_made_it() {
    let house = House::new().await;
    let mut head = house.person("zhou.ting").delegations();
    let made = head
        .create_delegation(create(wanted(&house, "guo.jing")))
        .await
        .unwrap()
        .into_inner();
    let revoke = |name: &str| RevokeDelegationRequest {
        name: name.into(),
        request_id: String::new(),
    };
    // The delegate's permission to revoke reaches what is their own alone.
    let delegate = house.id("guo.jing");
    let mut delegate = house
        .caller(delegate, kefu_access::Scope::Owner(delegate))
        .delegations();
    let refused = delegate
        .revoke_delegation(revoke(&made.name))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "NOT_FOUND_OR_OUT_OF_SCOPE");
    let nowhere = format!("delegations/{}", Uuid::from_u128(5));
    let refused = head.revoke_delegation(revoke(&nowhere)).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_FOUND_OR_OUT_OF_SCOPE");
    let refused = head
        .revoke_delegation(revoke("bindings/1"))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["name RESOURCE_NAME"]);

    let over = head
        .revoke_delegation(revoke(&made.name))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(over.state(), DelegationState::Revoked);
    let refused = head
        .revoke_delegation(revoke(&made.name))
        .await
        .unwrap_err();
    assert_eq!(said(&refused, "state"), "REVOKED");
    // Taken back, it is no obstacle to another.
    head.create_delegation(create(wanted(&house, "guo.jing")))
        .await
        .unwrap();
}

/// Who leaves the company lends and borrows nothing from that moment on.
#[tokio::test]
async fn leaving_ends_a_delegation() {
    let house = House::new().await;
    let administrator = house.administrator();
    let made = Delegation {
        delegator: house.employee("zhou.ting"),
        ..wanted(&house, "guo.jing")
    };
    administrator
        .delegations()
        .create_delegation(create(made))
        .await
        .unwrap();
    let mut organisation = administrator.organisation();
    let everybody = ListEmployeesRequest {
        page_size: 200,
        ..ListEmployeesRequest::default()
    };
    let employees = organisation
        .list_employees(everybody)
        .await
        .unwrap()
        .into_inner()
        .employees;
    let delegate = employees
        .into_iter()
        .find(|one| one.login == "guo.jing")
        .unwrap();
    let leaving = UpdateEmployeeRequest {
        employee: Some(Employee {
            leave_time: from_now(&house, 2),
            ..delegate
        }),
        request_id: String::new(),
    };
    organisation.update_employee(leaving).await.unwrap();
    assert_eq!(
        listed(&administrator, true).await[0].state(),
        DelegationState::Standing
    );
    house.clock.advance(DAY * 2);
    assert!(listed(&administrator, true).await.is_empty());
    let refused = administrator
        .delegations()
        .create_delegation(create(Delegation {
            delegator: house.employee("zhou.ting"),
            ..wanted(&house, "guo.jing")
        }))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["delegation.delegate UNKNOWN"]);
}

/// Pages hold together and are bound to what was asked.
#[tokio::test]
async fn delegations_are_listed_page_by_page() {
    let house = House::new().await;
    let head = house.person("zhou.ting");
    for delegate in ["guo.jing", "luo.yong", "li.wei"] {
        let lent = create(wanted(&house, delegate));
        head.delegations().create_delegation(lent).await.unwrap();
        house.clock.advance(Duration::from_secs(1));
    }
    let page = |page_token: String, unended_only| ListDelegationsRequest {
        page_size: 2,
        page_token,
        unended_only,
    };
    let first = head
        .delegations()
        .list_delegations(page(String::new(), true))
        .await
        .unwrap();
    let first = first.into_inner();
    let token = first.next_page_token;
    let rest = head
        .delegations()
        .list_delegations(page(token.clone(), true))
        .await
        .unwrap();
    let rest = rest.into_inner();
    let all: Vec<_> = first
        .delegations
        .into_iter()
        .chain(rest.delegations)
        .collect();
    assert_eq!(all, listed(&head, true).await);
    assert_eq!((all.len(), rest.next_page_token.as_str()), (3, ""));
    let other = head
        .delegations()
        .list_delegations(page(token, false))
        .await
        .unwrap_err();
    assert_eq!(reason(&other), "INVALID_PAGE_TOKEN");
}
