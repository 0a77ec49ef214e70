//! Everything that lies in the database, as text.

use kefu_testkit::TestDatabase;
use sqlx::AssertSqlSafe;

/// Each table with its rows; bytes are in hexadecimal.
pub(crate) async fn tables(database: &TestDatabase) -> Vec<(String, String)> {
    let mut connection = database.connect().await.unwrap();
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
         WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')
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
