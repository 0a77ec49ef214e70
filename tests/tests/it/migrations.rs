//! Tables that every service has are the same in all of them. Migrations are
//! copies, since each schema goes forward by itself; what they begin from is not.

use kefu::migrate::schemas;
use kefu_contracts::journal::EntryKind;
use kefu_service::{consumer, idempotency, sealed};
use kefu_testkit::TestDatabase;
use sqlx::AssertSqlSafe;

/// The index of changes is of the kind of changes.
#[test]
fn changes_are_what_their_index_has() {
    let of = format!("WHERE kind = {};", EntryKind::Change as i32);
    assert!(kefu_journal::CHANGES.trim_end().ends_with(&of));
}

#[test]
fn shared_tables_are_the_same_everywhere() {
    for (schema, migrator) in schemas() {
        let text: String = migrator
            .iter()
            .map(|migration| migration.sql.as_str())
            .collect();
        let mut shared = vec![
            ("journal", kefu_journal::TABLE),
            ("journal", kefu_journal::CHANGES),
            ("journal", kefu_journal::TRACES),
            ("journal", kefu_journal::LEAD),
            ("request", idempotency::TABLE),
            ("consumer_cursor", consumer::TABLE),
        ];
        // access-control keeps nothing about customers; analytics keeps no personal data.
        if !["access", "analytics"].contains(&schema) {
            shared.push(("customer_key", sealed::TABLE));
        }
        for (table, definition) in shared {
            assert!(
                text.contains(definition.trim_end()),
                "{table} of {schema} is another"
            );
        }
    }
}

/// What figures had of late orders, one record of each occasion, is one of each order.
#[tokio::test(flavor = "multi_thread")]
async fn late_orders_of_before_are_counted_once_each() {
    let database = TestDatabase::create().await.unwrap();
    let mut sql = database.connect().await.unwrap();
    sqlx::raw_sql("SET search_path = analytics, pg_temp; SELECT begin_generation(now())")
        .execute(&mut sql)
        .await
        .unwrap();
    // Two occasions of one order in two months, one of another, and one that was not late.
    sqlx::raw_sql(
        "SELECT make_partition(1, 6::smallint, month::date) FROM unnest('{2026-01-01,2026-02-01}'::date[]) AS month;
         CREATE TEMP TABLE old (id uuid, part integer, at timestamptz, sort smallint, position bigint);
         INSERT INTO old VALUES
             ('00000000-0000-7000-8000-000000000001', 0, '2026-01-31T23:00Z', 1, 10),
             ('00000000-0000-7000-8000-000000000001', 1, '2026-02-02T01:00Z', 1, 30),
             ('00000000-0000-7000-8000-000000000002', 0, '2026-01-05T08:00Z', 1, 20),
             ('00000000-0000-7000-8000-000000000003', 0, '2026-01-06T08:00Z', 2, 40);
         INSERT INTO fact (generation, kind, at, id, part, sort, merged) SELECT 1, 6, at, id, part, sort, false FROM old;
         INSERT INTO fact_place (generation, kind, id, part, at, revision, position)
             SELECT 1, 6, id, part, at, 0, position FROM old",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    let schemas = schemas();
    let (_, migrator) = schemas
        .iter()
        .find(|(schema, _)| *schema == "analytics")
        .unwrap();
    let lateness = migrator
        .iter()
        .find(|migration| migration.version == 66)
        .unwrap();
    sqlx::raw_sql(lateness.sql.clone())
        .execute(&mut sql)
        .await
        .unwrap();
    for table in ["fact", "fact_place"] {
        let kept = format!(
            "SELECT array_agg(format('%s %s %s %s', kind, right(id::text, 1), part, to_char(at AT TIME ZONE 'UTC', 'MM-DD'))
                              ORDER BY kind, id, part) FROM {table} WHERE generation = 1"
        );
        let kept: Vec<String> = sqlx::query_scalar(AssertSqlSafe(kept))
            .fetch_one(&mut sql)
            .await
            .unwrap();
        assert_eq!(
            kept,
            ["6 3 0 01-06", "15 1 0 02-02", "15 2 0 01-05"],
            "{table}"
        );
    }
}
