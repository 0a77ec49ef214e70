//! The two readings of a scope agree: what `matches` says of a row is what the
//! database finds. Random rows and random scopes, on a real PostgreSQL. Clause CF-6.1.

use kefu_access::{ConsentSql, DutySql, Purpose, RowFacts, Scope, ScopeColumns};
use kefu_service::scope::Sql;
use kefu_testkit::TestDatabase;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use sqlx::{Executor, QueryBuilder};
use uuid::Uuid;

const COLUMNS: ScopeColumns = ScopeColumns {
    department: Some("r.department"),
    owner: Some("r.owner"),
    customer: Some("r.customer"),
    duty: Some(DutySql {
        before: "EXISTS (SELECT 1 FROM on_duty d WHERE d.row_id = r.id AND d.subject = ",
        after: ")",
    }),
    consent: Some(ConsentSql {
        before: "EXISTS (SELECT 1 FROM consented c WHERE c.row_id = r.id AND c.purpose = ",
        after: ")",
    }),
};

/// Few ids, so that they meet.
fn id() -> impl Strategy<Value = Uuid> {
    (0_u128..6).prop_map(Uuid::from_u128)
}

fn purpose() -> impl Strategy<Value = Purpose> {
    prop_oneof![Just(Purpose::Marketing), Just(Purpose::Sales)]
}

fn facts() -> impl Strategy<Value = RowFacts> {
    let option = || proptest::option::of(id());
    let duty = proptest::collection::vec(id(), 0..3);
    let consents = proptest::collection::vec(purpose(), 0..2);
    (option(), option(), option(), duty, consents).prop_map(
        |(department, owner, customer, duty, consents)| RowFacts {
            department,
            owner,
            customer,
            duty,
            consents,
        },
    )
}

fn scope() -> impl Strategy<Value = Scope> {
    let ids = || proptest::collection::vec(id(), 0..3);
    let leaf = prop_oneof![
        Just(Scope::None),
        Just(Scope::All),
        ids().prop_map(Scope::Departments),
        id().prop_map(Scope::Owner),
        id().prop_map(Scope::Duty),
        ids().prop_map(Scope::Customers),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (purpose(), inner.clone())
                .prop_map(|(purpose, inner)| Scope::Consented(purpose, Box::new(inner))),
            proptest::collection::vec(inner, 0..3).prop_map(Scope::Union),
        ]
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_and_matches_agree() {
    let database = TestDatabase::create().await.unwrap();
    let mut connection = database.connect().await.unwrap();
    connection
        .execute(
            "CREATE TEMP TABLE r (id int PRIMARY KEY, department uuid, owner uuid, customer uuid);
             CREATE TEMP TABLE on_duty (row_id int, subject uuid);
             CREATE TEMP TABLE consented (row_id int, purpose int)",
        )
        .await
        .unwrap();
    let mut runner = TestRunner::new(Config::default());
    let mut rows = Vec::new();
    for number in 0..60_i32 {
        let facts = facts().new_tree(&mut runner).unwrap().current();
        sqlx::query("INSERT INTO r VALUES ($1, $2, $3, $4)")
            .bind(number)
            .bind(facts.department)
            .bind(facts.owner)
            .bind(facts.customer)
            .execute(&mut connection)
            .await
            .unwrap();
        for subject in &facts.duty {
            sqlx::query("INSERT INTO on_duty VALUES ($1, $2)")
                .bind(number)
                .bind(subject)
                .execute(&mut connection)
                .await
                .unwrap();
        }
        for purpose in &facts.consents {
            let purpose = *purpose as i32;
            sqlx::query("INSERT INTO consented VALUES ($1, $2)")
                .bind(number)
                .bind(purpose)
                .execute(&mut connection)
                .await
                .unwrap();
        }
        rows.push((number, facts));
    }
    for _ in 0..300 {
        let scope = scope().new_tree(&mut runner).unwrap().current();
        let mut query = QueryBuilder::new("SELECT id FROM r WHERE ");
        scope.write_sql(&COLUMNS, &mut Sql(&mut query));
        query.push(" ORDER BY id");
        let found: Vec<i32> = query
            .build_query_scalar()
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let expected: Vec<i32> = rows
            .iter()
            .filter(|(_, facts)| scope.matches(facts))
            .map(|(number, _)| *number)
            .collect();
        assert_eq!(found, expected, "{scope:?}");
        // Never NULL: what is not in scope is out of scope also when it is negated.
        let mut query = QueryBuilder::new("SELECT count(*) FROM r WHERE NOT ");
        scope.write_sql(&COLUMNS, &mut Sql(&mut query));
        let out: i64 = query
            .build_query_scalar()
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(out as usize, rows.len() - expected.len(), "{scope:?}");
    }
}
