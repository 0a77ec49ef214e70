//! Tables that every service has are the same in all of them. Migrations are
//! copies, since each schema goes forward by itself; what they begin from is not.

use kefu::migrate::schemas;
use kefu_contracts::journal::EntryKind;
use kefu_service::{consumer, destroyed, idempotency, sealed};
use kefu_testkit::TestDatabase;
use sqlx::{AssertSqlSafe, PgConnection};

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
            shared.push(("request", destroyed::INDEX));
        }
        for (table, definition) in shared {
            assert!(
                text.contains(definition.trim_end()),
                "{table} of {schema} is another"
            );
        }
    }
}

/// Tables with a customer in which nobody looks for one by that alone: they are found by what they
/// belong to, or are queues that are short.
const BY_OTHERS: [&str; 14] = [
    "access.borrowing_line",
    "access.request",
    "analytics.fact",
    "analytics.request",
    "orders.back_order",
    "orders.reservation",
    "orders.stage_event",
    "ticket.assignment",
    "ticket.assignment_time",
    "ticket.link",
    "ticket.merge",
    "ticket.state_change",
    "ticket.text_mark",
    "ticket.text_to_mark",
];

/// Clause CF-10.2: what goes with its customer is found without going through everybody's, which
/// would take longer than a statement may once there is much.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_with_its_customer_is_found_by_them() {
    let database = TestDatabase::create().await.unwrap();
    let mut sql = database.connect().await.unwrap();
    let without = "
        SELECT format('%s.%s', n.nspname, c.relname)
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'customer_id'
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT EXISTS (
            SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum
            AND COALESCE(pg_get_expr(i.indpred, i.indrelid), '') IN ('', '(customer_id IS NOT NULL)'))
        ORDER BY 1";
    let without: Vec<String> = sqlx::query_scalar(without)
        .fetch_all(&mut sql)
        .await
        .unwrap();
    assert_eq!(without, BY_OTHERS);
}

/// Runs a migration of analytics once more.
async fn migrate(sql: &mut PgConnection, version: i64) {
    let schemas = schemas();
    let (_, migrator) = schemas
        .iter()
        .find(|(schema, _)| *schema == "analytics")
        .unwrap();
    let migration = migrator
        .iter()
        .find(|migration| migration.version == version)
        .unwrap();
    sqlx::raw_sql(migration.sql.clone())
        .execute(sql)
        .await
        .unwrap();
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
    migrate(&mut sql, 66).await;
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

/// Of silences that lay beside their ends those are left that are not over, each once.
#[tokio::test(flavor = "multi_thread")]
async fn silences_of_before_that_are_over_are_none() {
    let database = TestDatabase::create().await.unwrap();
    let mut sql = database.connect().await.unwrap();
    sqlx::raw_sql("SET search_path = analytics, pg_temp; SELECT begin_generation(now())")
        .execute(&mut sql)
        .await
        .unwrap();
    // A stage made two of a part, its end none: 1 is over, 2 is not, 3 was over and is no longer, of 4 another
    // stage of the same minute followed.
    sqlx::raw_sql(
        "SELECT make_partition(1, 6::smallint, '2026-01-01'::date);
         CREATE TEMP TABLE old (id uuid, part integer, at timestamptz, ended boolean, state smallint, position bigint);
         INSERT INTO old VALUES
             ('00000000-0000-7000-8000-000000000001', 324, '2026-01-05T08:00Z', false, 2, 10),
             ('00000000-0000-7000-8000-000000000001', 320, '2026-01-05T08:00Z', true, 0, 20),
             ('00000000-0000-7000-8000-000000000002', 324, '2026-01-06T08:00Z', false, 2, 30),
             ('00000000-0000-7000-8000-000000000003', 320, '2026-01-07T08:00Z', true, 0, 40),
             ('00000000-0000-7000-8000-000000000003', 326, '2026-01-07T08:00Z', false, 3, 50),
             ('00000000-0000-7000-8000-000000000004', 324, '2026-01-08T08:00:10Z', false, 2, 60),
             ('00000000-0000-7000-8000-000000000004', 320, '2026-01-08T08:00:10Z', true, 0, 70),
             ('00000000-0000-7000-8000-000000000004', 328, '2026-01-08T08:00:50Z', false, 4, 80);
         INSERT INTO fact (generation, kind, at, id, part, sort, state, ended_at, merged)
             SELECT 1, 6, at, id, part, 2, state, CASE WHEN ended THEN now() END, false FROM old;
         INSERT INTO fact_place (generation, kind, id, part, at, revision, position)
             SELECT 1, 6, id, part, at, 0, position FROM old;
         INSERT INTO exception_figure (figure, department_id, first_day, count)
             SELECT format('%s/DIMENSION_UNSPECIFIED=/CADENCE_DAILY', metric), gen_random_uuid(), '2026-01-05'::date, 3
             FROM unnest('{stuck_orders,backlog}'::text[]) AS metric",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    for _ in 0..2 {
        migrate(&mut sql, 76).await;
        let facts: Vec<String> = sqlx::query_scalar(
            "SELECT format('%s %s %s', right(id::text, 1), part, state) FROM fact
             WHERE generation = 1 AND kind = 6 ORDER BY 1",
        )
        .fetch_all(&mut sql)
        .await
        .unwrap();
        assert_eq!(facts, ["2 320 2", "3 320 3", "4 320 4"]);
        let places: Vec<String> = sqlx::query_scalar(
            "SELECT format('%s %s %s', right(id::text, 1), part, position) FROM fact_place
             WHERE generation = 1 AND kind = 6 ORDER BY 1",
        )
        .fetch_all(&mut sql)
        .await
        .unwrap();
        assert_eq!(places, ["1 320 20", "2 320 30", "3 320 50", "4 320 80"]);
        // What was counted of them is as wrong as they were.
        let figures: Vec<String> =
            sqlx::query_scalar("SELECT split_part(figure, '/', 1) FROM exception_figure")
                .fetch_all(&mut sql)
                .await
                .unwrap();
        assert_eq!(figures, ["backlog"]);
    }
}
