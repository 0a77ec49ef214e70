//! Every post, every permission, every purpose: what the decision core makes of
//! the shipped roles and the example company, against `policy_cases.toml`.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use kefu_access::{Decision, Query, Scope, Snapshot};
use kefu_access_control::{
    domain::{
        cases::{SHIPPED, Table},
        roles::Roles,
    },
    offline::World,
    seed::{self, Company},
};
use kefu_contracts::{ClassSet, METHODS, Method, access::WatchSnapshotRequest, policy::Purpose};
use kefu_service::clock::Clock;
use uuid::Uuid;

use crate::house::{House, SEEDED};

async fn snapshot(house: &House) -> Snapshot {
    let mut stream = house
        .snapshots()
        .watch_snapshot(WatchSnapshotRequest {})
        .await
        .unwrap()
        .into_inner();
    let mut snapshot = Snapshot::default();
    snapshot
        .apply(&stream.message().await.unwrap().unwrap())
        .unwrap();
    snapshot
}

fn decide(
    snapshot: &Snapshot,
    subject: Uuid,
    method: &Method,
    purpose: Purpose,
    now: Timestamp,
) -> Decision {
    let purpose_required = method.purpose_required;
    snapshot.decide(
        &Query {
            subject,
            permission: method.permission,
            purpose,
            purpose_required,
        },
        now,
    )
}

/// Clauses OP-7.2, CF-6.1, CF-9.1, CC-2.2: each post may do what the table says,
/// and nothing else.
#[tokio::test]
async fn every_post_may_do_exactly_what_the_table_says() {
    let house = House::new().await;
    let snapshot = snapshot(&house).await;
    let roles = Roles::shipped().unwrap();
    let company = Company::from_toml(seed::EXAMPLE_COMPANY).unwrap();
    let mut world = World::new(roles, company, SEEDED.parse().unwrap()).unwrap();
    // What `kefu policy test` decides from is what the register streams.
    assert_eq!(world.policy, snapshot);
    let table = Table::read(SHIPPED, &world).unwrap();
    (world.policy, world.start) = (snapshot, house.clock.now());
    let report = table.run(&world);
    assert!(report.mismatches.is_empty(), "{:#?}", report.mismatches);
    assert!(report.uncovered.is_empty(), "{:?}", report.uncovered);
    assert_eq!(report.posts, 16);
}

fn cleared(snapshot: &Snapshot, subject: Uuid, now: Timestamp) -> ClassSet {
    let method = METHODS
        .iter()
        .find(|method| method.permission == "profile.customers.get")
        .unwrap();
    match decide(snapshot, subject, method, Purpose::Service, now) {
        Decision::Allow(allowance) => {
            let standing = allowance.rules.iter().filter(|rule| rule.stands(now));
            standing.fold(ClassSet::NONE, |all, rule| all.union(rule.classes))
        }
        Decision::Deny(denial) => panic!("{denial:?}"),
    }
}

/// Clauses CF-8.1, CC-2.1: without a valid agreement and training, or once one of
/// them has lapsed, an agent sees no sensitive data.
#[tokio::test]
async fn sensitive_data_needs_agreement_and_training() {
    let house = House::new().await;
    let snapshot = snapshot(&house).await;
    let now = house.clock.now();
    let sensitive =
        |login: &str, at| cleared(&snapshot, house.id(login), at).intersection(ClassSet::SENSITIVE);
    assert!(!sensitive("li.wei", now).is_empty());
    assert!(sensitive("xu.jing", now).is_empty(), "training has lapsed");
    assert!(sensitive("hu.tao", now).is_empty(), "nothing signed");
    let lapse = SEEDED.parse::<Timestamp>().unwrap() + Duration::from_secs(120 * 86_400);
    assert!(!sensitive("li.wei", lapse - Duration::from_micros(1)).is_empty());
    assert!(sensitive("li.wei", lapse).is_empty());
}

/// Clause CF-9.1: a supervising leader reaches the departments below as well.
#[tokio::test]
async fn who_oversees_a_department_oversees_what_is_below() {
    let house = House::new().await;
    let snapshot = snapshot(&house).await;
    let method = METHODS
        .iter()
        .find(|method| method.permission == "ticket.tickets.get")
        .unwrap();
    let reach = |login: &str| match decide(
        &snapshot,
        house.id(login),
        method,
        Purpose::Service,
        house.clock.now(),
    ) {
        Decision::Allow(allowance) => match &allowance.rules[0].scope {
            Scope::Departments(ids) => ids.iter().copied().collect::<BTreeSet<_>>(),
            other => panic!("{other:?}"),
        },
        Decision::Deny(denial) => panic!("{denial:?}"),
    };
    let ids = |codes: &[&str]| {
        codes
            .iter()
            .map(|code| house.seeded.departments[*code])
            .collect::<BTreeSet<_>>()
    };
    let call_centre = [
        "call_centre",
        "training_quality",
        "technical_support",
        "complaints",
    ];
    assert_eq!(reach("liu.jianhua"), ids(&call_centre));
    assert_eq!(reach("zhou.ting"), ids(&["complaints"]));
}
