//! What stands, in SQL, against what the rule says.

use std::time::Duration;

use kefu_contracts::access::DelegationState;
use sqlx::{AssertSqlSafe, Connection, Executor};

use super::*;
use crate::{
    domain::register::{Department, Employee},
    store::{department, employee},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn person(number: u128, department: Uuid, leaves: Option<i64>) -> Employee {
    Employee {
        id: Uuid::from_u128(number),
        login: format!("p{number}"),
        title: "p".into(),
        department: Some(department),
        system_account: false,
        agreement_valid_until: None,
        training_valid_until: None,
        joins_at: None,
        leaves_at: leaves.map(at),
        responsible: None,
        revision: 1,
    }
}

fn lent(number: u128, from: u128, to: u128, start: i64, end: i64) -> Lent {
    Lent {
        delegation: Delegation {
            id: Uuid::from_u128(number),
            from: Uuid::from_u128(from),
            to: Uuid::from_u128(to),
            department: None,
            starts_at: at(start),
            ends_at: at(end),
            revoked_at: None,
        },
        reason: "leave".into(),
        left_at: None,
        created_at: at(0) + Duration::from_secs(u64::try_from(number).unwrap()),
    }
}

/// Clause CC-1.1: at every moment exactly those count that have begun, are not over
/// or taken back, and whose people are both still there.
#[tokio::test]
async fn what_stands_is_what_the_rule_says_at_every_moment() {
    let server = kefu_postgres::shared_for_tests()
        .await
        .unwrap()
        .admin_options();
    let name = format!("access_standing_{}", std::process::id());
    let mut admin = PgConnection::connect_with(&server).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    admin.execute(create).await.unwrap();
    let options = server.database(&name).options([("search_path", "access")]);
    let mut sql = PgConnection::connect_with(&options).await.unwrap();
    sql.execute("CREATE SCHEMA access").await.unwrap();
    crate::MIGRATOR.run(&mut sql).await.unwrap();

    let office = Department {
        id: Uuid::from_u128(90),
        code: "office".into(),
        title: "office".into(),
        parent: None,
        head: None,
        supervising_leader: None,
        revision: 1,
    };
    department::insert(&mut sql, &office, at(0)).await.unwrap();
    for (number, leaves) in [(1, None), (2, Some(7)), (3, None), (4, Some(3))] {
        let person = person(number, office.id, leaves);
        employee::insert(&mut sql, &person, at(0)).await.unwrap();
    }
    let all = [
        lent(11, 1, 3, 2, 6),
        lent(12, 1, 2, 4, 9),
        lent(13, 4, 1, 0, 9),
        lent(14, 3, 1, 1, 9),
        lent(15, 2, 4, 1, 9),
    ];
    for one in &all {
        insert(&mut sql, one).await.unwrap();
    }
    revoke(&mut sql, Uuid::from_u128(14), at(5)).await.unwrap();

    let ids: Vec<Uuid> = all.iter().map(|one| one.delegation.id).collect();
    let kept = list(&mut sql, Which::These(&ids)).await.unwrap();
    assert_eq!(kept.len(), all.len());
    // From the moment it was taken back on; before that nobody could know.
    for second in 5..12 {
        let now = at(second);
        let expected: Vec<Delegation> = kept
            .iter()
            .filter(|one| one.delegation.state(one.left_at, now) == DelegationState::Standing)
            .map(|one| one.delegation.clone())
            .collect();
        assert_eq!(standing(&mut sql, now).await.unwrap(), expected, "{second}");
    }
    assert_eq!(standing(&mut sql, at(5)).await.unwrap().len(), 2);
    sql.close().await.unwrap();
    let drop = AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
    admin.execute(drop).await.unwrap();
}
