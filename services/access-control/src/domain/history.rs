//! Names under which the history tells what changed: those of the contracts, not
//! of the tables.

use kefu_contracts::access::{DeviceState, QualificationKind};

use super::register::{DEPARTMENTS, EMPLOYEES};

/// Columns that tell nothing about the record itself.
pub const UNTOLD: [&str; 3] = ["id", "revision", "created_at"];

/// Column, field, and the collection of what it points to.
const NAMES: [(&str, &str, Option<&str>); 25] = [
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
    ("withdrawn_at", "withdraw_time", None),
    ("holder_id", "holder", Some(EMPLOYEES)),
    ("agreement_valid_until", "agreement_valid_until", None),
    ("training_valid_until", "training_valid_until", None),
    ("ordered_by", "ordered_by", None),
];

/// The field of a column.
pub fn field(column: &str) -> &str {
    known(column).map_or(column, |(_, field, _)| field)
}

/// A value of a column as the contract writes it: resource names, and enums by
/// name.
pub fn value(column: &str, value: &str) -> String {
    let number = || value.parse::<i32>().ok();
    let name = match column {
        "state" => number()
            .and_then(|number| DeviceState::try_from(number).ok())
            .map(|state| state.as_str_name()),
        // Kinds of devices are words, those of qualifications numbers.
        "kind" => number()
            .and_then(|number| QualificationKind::try_from(number).ok())
            .map(|kind| kind.as_str_name()),
        _ => None,
    };
    match (name, known(column)) {
        (Some(name), _) => name.to_owned(),
        (None, Some((.., Some(collection)))) => format!("{collection}/{value}"),
        (None, _) => value.to_owned(),
    }
}

fn known(column: &str) -> Option<&'static (&'static str, &'static str, Option<&'static str>)> {
    NAMES.iter().find(|(name, ..)| *name == column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_enums_are_told_by_name_and_the_rest_as_it_is() {
        let told = |column, text| (field(column).to_owned(), value(column, text));
        assert_eq!(told("head_id", "x"), ("head".into(), "employees/x".into()));
        assert_eq!(told("leaves_at", "t"), ("leave_time".into(), "t".into()));
        assert_eq!(told("title", "夜班"), ("title".into(), "夜班".into()));
        assert_eq!(
            told("state", "2"),
            ("state".into(), "DEVICE_STATE_IN_USE".into())
        );
        assert_eq!(told("kind", "headset"), ("kind".into(), "headset".into()));
        assert_eq!(
            told("kind", "1"),
            ("kind".into(), "QUALIFICATION_KIND_AGREEMENT".into())
        );
    }
}
