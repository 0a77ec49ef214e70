//! The migration holds the tables that all services share, as they are.

const MIGRATION: &str = include_str!("../../migrations/0001_init.sql");

#[test]
fn shared_tables_are_copied_verbatim() {
    assert!(MIGRATION.contains(kefu_journal::TABLE));
    assert!(MIGRATION.contains(kefu_service::idempotency::TABLE));
}
