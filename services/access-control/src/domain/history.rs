//! Names under which the history tells what changed: those of the contracts, not
//! of the tables.

use super::register::{DEPARTMENTS, EMPLOYEES};

/// Columns that tell nothing about the record itself.
pub const UNTOLD: [&str; 3] = ["id", "revision", "created_at"];

/// Column, field, and the collection of what it points to.
const NAMES: [(&str, &str, Option<&str>); 24] = [
    ("parent_id", "parent", Some(DEPARTMENTS)),
    ("head_id", "head", Some(EMPLOYEES)),
    (
        "supervising_leader_id",
        "supervising_leader",
        Some(EMPLOYEES),
    ),
    ("department_id", "department", Some(DEPARTMENTS)),
    ("department_ids", "departments", None),
    ("responsible_id", "responsible", Some(EMPLOYEES)),
    ("joins_at", "join_time", None),
    ("leaves_at", "leave_time", None),
    // A person or a system account: the id alone is the same for both.
    ("subject_id", "subject", None),
    ("role_id", "role", Some("roles")),
    ("starts_at", "start_time", None),
    ("ends_at", "end_time", None),
    ("revoked_at", "revoke_time", None),
    ("delegator_id", "delegator", Some(EMPLOYEES)),
    ("delegate_id", "delegate", Some(EMPLOYEES)),
    ("employee_id", "employee", Some(EMPLOYEES)),
    ("effective_at", "effective_time", None),
    ("applied_at", "apply_time", None),
    ("cancelled_at", "cancel_time", None),
    ("obtained_at", "obtain_time", None),
    ("holder_id", "holder", Some(EMPLOYEES)),
    ("agreement_valid_until", "agreement_valid_until", None),
    ("training_valid_until", "training_valid_until", None),
    ("ordered_by", "ordered_by", None),
];

/// The field of a column, and how a value of it is written.
pub fn field(column: &str) -> (&str, impl Fn(&str) -> String + use<>) {
    let known = NAMES.iter().find(|(name, ..)| *name == column);
    let (field, collection) = known.map_or((column, None), |(_, field, of)| (*field, *of));
    (field, move |value: &str| match collection {
        Some(collection) => format!("{collection}/{value}"),
        None => value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_as_names_and_the_rest_as_it_is() {
        let told = |column, value: &str| {
            let (field, write) = field(column);
            (field.to_owned(), write(value))
        };
        assert_eq!(told("head_id", "x"), ("head".into(), "employees/x".into()));
        assert_eq!(told("leaves_at", "t"), ("leave_time".into(), "t".into()));
        assert_eq!(told("title", "夜班"), ("title".into(), "夜班".into()));
    }
}
