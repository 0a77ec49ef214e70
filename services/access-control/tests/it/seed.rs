//! A company put into the register.

use std::time::Duration;

use kefu_access_control::seed::{self, Company};
use kefu_contracts::access::{ListBindingsRequest, RevokeBindingRequest};
use sqlx::Executor;

use crate::house::House;

fn example() -> Company {
    Company::from_toml(seed::EXAMPLE_COMPANY).unwrap()
}

/// A second start changes nothing, also later.
#[tokio::test]
async fn seeding_again_changes_nothing() {
    let house = House::new().await;
    assert!(house.seeded.changed);
    assert_eq!(house.seeded.revision, 1);
    assert_eq!(
        house.seeded.employees["li.wei"],
        seed::employee_id("li.wei")
    );
    assert_eq!(
        house.seeded.departments["complaints"],
        seed::department_id("complaints")
    );
    house.clock.advance(Duration::from_secs(86_400));
    let again = seed::seed(&house.db, &house.clock, &house.ids, &example())
        .await
        .unwrap();
    assert!(!again.changed);
    assert_eq!(
        again,
        seed::Seeded {
            changed: false,
            ..house.seeded.clone()
        }
    );
    assert_eq!(house.count("SELECT count(*) FROM journal").await, 1);
    assert!(
        !seed::ship_roles(&house.db, &house.clock, &house.ids)
            .await
            .unwrap()
            .changed
    );
}

/// The first people come into an empty register, once; after them nobody comes this way.
#[tokio::test]
async fn the_first_people_are_entered_where_there_is_nobody() {
    let house = House::empty().await;
    let first = async |company: &Company| {
        let first = seed::seed_first(&house.db, &house.clock, &house.ids, company);
        first.await.unwrap()
    };
    let entered = first(&example()).await.unwrap();
    assert!(entered.changed);
    assert!(!first(&example()).await.unwrap().changed);

    let mut more = example();
    let mut newcomer = more.employees[0].clone();
    newcomer.login = "new.comer".into();
    more.employees.push(newcomer);
    assert_eq!(first(&more).await, None);
    let mut fewer = example();
    fewer.delegations.clear();
    fewer.devices.clear();
    fewer.employees.retain(|one| one.login != "wang.fang");
    assert_eq!(first(&fewer).await, None);
    let known = house.count("SELECT count(*) FROM employee").await;
    assert_eq!(known, entered.employees.len() as i64);
}

/// What was changed since is not brought back: a revoked role stays revoked.
#[tokio::test]
async fn seeding_again_gives_nothing_back() {
    let house = House::new().await;
    let mut roles = house.administrator().roles();
    let held = roles
        .list_bindings(ListBindingsRequest {
            subject: house.employee("li.wei"),
        })
        .await
        .unwrap();
    let name = held.into_inner().bindings[0].name.clone();
    roles
        .revoke_binding(RevokeBindingRequest {
            name,
            request_id: String::new(),
        })
        .await
        .unwrap();
    seed::seed(&house.db, &house.clock, &house.ids, &example())
        .await
        .unwrap();
    let held = roles
        .list_bindings(ListBindingsRequest {
            subject: house.employee("li.wei"),
        })
        .await
        .unwrap();
    assert!(held.into_inner().bindings.is_empty());
}

/// Who is new in the file comes in; the others stay as they are.
#[tokio::test]
async fn newcomers_come_in() {
    let house = House::new().await;
    let mut company = example();
    let mut newcomer = company.employees[3].clone();
    newcomer.login = "qian.duoduo".into();
    company.employees.push(newcomer);
    let seeded = seed::seed(&house.db, &house.clock, &house.ids, &company)
        .await
        .unwrap();
    assert_eq!((seeded.changed, seeded.revision), (true, 2));
    assert_eq!(
        house
            .count("SELECT count(*) FROM policy_change WHERE revision = 2")
            .await,
        2
    );
}

/// Roles in the database follow the file; one no longer shipped lets nothing through.
#[tokio::test]
async fn roles_follow_the_file() {
    let house = House::new().await;
    let mut sql = house.sql().await;
    sql.execute("UPDATE role_rule SET permissions = permissions || 'ticket.tickets.open'::text WHERE role_id = 'marketing'")
        .await
        .unwrap();
    sql.execute("INSERT INTO role VALUES ('emperor')")
        .await
        .unwrap();
    sql.execute(
        "INSERT INTO role_rule SELECT 'emperor', rule_id, place, permissions, scope, classes, purposes, consented_only
         FROM role_rule WHERE role_id = 'agent'",
    )
    .await
    .unwrap();
    let shipped = seed::ship_roles(&house.db, &house.clock, &house.ids)
        .await
        .unwrap();
    assert_eq!((shipped.changed, shipped.revision), (true, 2));
    assert_eq!(
        house
            .count("SELECT count(*) FROM role_rule WHERE role_id = 'emperor'")
            .await,
        0
    );
    let open = "SELECT count(*) FROM role_rule WHERE role_id = 'marketing' AND 'ticket.tickets.open' = ANY(permissions)";
    assert_eq!(house.count(open).await, 0);
    assert_eq!(
        house
            .count("SELECT count(*) FROM policy_change WHERE revision = 2 AND before IS NOT NULL")
            .await,
        2
    );
}

/// Several replicas that start at once seed once.
#[tokio::test]
async fn seeding_at_once_seeds_once() {
    let house = House::empty().await;
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let (db, clock, ids) = (house.db.clone(), house.clock.clone(), house.ids.clone());
            tokio::spawn(async move {
                seed::seed(&db, &clock, &ids, &example())
                    .await
                    .unwrap()
                    .changed
            })
        })
        .collect();
    let mut changed = 0;
    for start in starts {
        changed += i32::from(start.await.unwrap());
    }
    assert_eq!(changed, 1);
    assert_eq!(house.count("SELECT revision FROM policy_revision").await, 1);
}

/// Somebody for every post, and what the clauses need to be shown with: agents
/// cleared, lapsed and not yet cleared (CF-8.1), two machines.
#[test]
fn the_example_has_every_post() {
    let company = example();
    let holds = |role: &str| {
        company
            .employees
            .iter()
            .filter(|one| one.roles.iter().any(|held| held.role == role))
            .count()
    };
    for role in &kefu_access_control::domain::roles::Roles::shipped()
        .unwrap()
        .roles
    {
        assert!(holds(&role.id) > 0, "{}", role.id);
    }
    assert!(
        company
            .employees
            .iter()
            .filter(|one| one.system_account)
            .count()
            >= 2
    );
    let agents = || {
        company
            .employees
            .iter()
            .filter(|one| one.roles.iter().any(|held| held.role == "agent"))
    };
    let good = |days: Option<i32>| days.is_some_and(|days| days > 0);
    assert!(
        agents()
            .filter(|one| good(one.agreement_days) && good(one.training_days))
            .count()
            >= 2
    );
    assert!(
        agents()
            .any(|one| good(one.agreement_days) && one.training_days.is_some_and(|days| days < 0))
    );
    let homes: std::collections::BTreeSet<_> = agents().map(|one| &one.department).collect();
    assert!(homes.len() > 1);
}
