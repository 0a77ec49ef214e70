//! Everything that lies in the database, as text.

use kefu_testkit::TestDatabase;
use sqlx::AssertSqlSafe;

/// Each table with its rows; bytes are in hexadecimal.
pub(crate) async fn tables(database: &TestDatabase) -> Vec<(String, String)> {
    let mut connection = database.connect().await.unwrap();
    let names: Vec<String> = sqlx::query_scalar(
        // A partitioned table has the rows of its partitions, which come and go.
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND n.nspname NOT IN ('pg_catalog', 'information_schema')
         ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut dump = Vec::new();
    for name in names {
        let select = AssertSqlSafe(format!("SELECT t::text FROM {name} t"));
        let rows: Vec<String> = sqlx::query_scalar(select)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        dump.push((name, rows.join("\n")));
    }
    dump
}
