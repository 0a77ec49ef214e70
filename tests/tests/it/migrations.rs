//! Tables that every service has are the same in all of them. Migrations are
//! copies, since each schema goes forward by itself; what they begin from is not.

use kefu::migrate::schemas;
use kefu_contracts::journal::EntryKind;
use kefu_service::{consumer, idempotency, sealed};

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
