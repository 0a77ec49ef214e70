//! Departments, employees and system accounts (CC-1.1, CF-8.1).

use jiff::Timestamp;
use kefu_contracts::access::SubjectKind;
use kefu_service::fields;
use uuid::Uuid;

/// Collection of departments in resource names.
pub const DEPARTMENTS: &str = "departments";
/// Collection of people in resource names.
pub const EMPLOYEES: &str = "employees";
/// Collection of accounts of other company systems in resource names.
pub const SYSTEM_ACCOUNTS: &str = "system-accounts";

/// Most characters of a code or login.
pub const MOST_HANDLE: usize = 64;
/// Most characters of a title.
pub const MOST_TITLE: usize = 100;

/// A department.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Department {
    /// Its key.
    pub id: Uuid,
    /// Short, stable, lower case: `complaints`.
    pub code: String,
    /// Name for people.
    pub title: String,
    /// The department above; none at the root.
    pub parent: Option<Uuid>,
    /// Who heads it.
    pub head: Option<Uuid>,
    /// Who oversees it (CF-6.3).
    pub supervising_leader: Option<Uuid>,
    /// Counts the changes, from 1.
    pub revision: i64,
}

/// An employee, or a system account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Employee {
    /// Their key.
    pub id: Uuid,
    /// Login name, unique, lower case.
    pub login: String,
    /// Name for people.
    pub title: String,
    /// Where they belong; system accounts may belong nowhere.
    pub department: Option<Uuid>,
    /// Whether it is another company system.
    pub system_account: bool,
    /// First moment at which the confidentiality agreement no longer holds.
    pub agreement_valid_until: Option<Timestamp>,
    /// First moment at which the secrecy training no longer holds.
    pub training_valid_until: Option<Timestamp>,
    /// First moment at which they belong to the company.
    pub joins_at: Option<Timestamp>,
    /// First moment at which they no longer do.
    pub leaves_at: Option<Timestamp>,
    /// Whom to ask about a system account.
    pub responsible: Option<Uuid>,
    /// Counts the changes, from 1.
    pub revision: i64,
}

impl Employee {
    /// Resource name: `employees/…` or `system-accounts/…`.
    pub fn name(&self) -> String {
        fields::name(collection(self.system_account), self.id)
    }

    /// Whether they are somebody who still is with the company at a moment, or will
    /// have come.
    pub fn serves(&self, at: Timestamp) -> bool {
        !self.system_account && self.leaves_at.is_none_or(|end| at < end)
    }

    /// What kind of subject they are.
    pub fn kind(&self) -> SubjectKind {
        if self.system_account {
            SubjectKind::SystemAccount
        } else {
            SubjectKind::Employee
        }
    }
}

/// The collection in which a subject is found.
pub fn collection(system_account: bool) -> &'static str {
    if system_account {
        SYSTEM_ACCOUNTS
    } else {
        EMPLOYEES
    }
}

/// The id of `employees/…` or `system-accounts/…`, and whether it is the latter.
pub fn parse_subject(name: &str) -> Option<(Uuid, bool)> {
    [false, true].into_iter().find_map(|system_account| {
        Some((
            fields::parse_name(name, collection(system_account))?,
            system_account,
        ))
    })
}

/// Whether this can be a code or login: a lower-case letter, then up to 63 of
/// `a-z`, `0-9`, `-`, `_` and `.`. Other scripts are left out, so that no two
/// of them look alike.
pub fn is_handle(text: &str) -> bool {
    let mut letters = text.chars();
    letters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|letter| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_.".contains(letter)
        })
        && text.len() <= MOST_HANDLE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn handles_are_lower_case_ascii() {
        for good in ["complaints", "li.wei", "erp-integration", "a", "q1_2"] {
            assert!(is_handle(good), "{good}");
        }
        for bad in [
            "",
            "Li",
            "1st",
            ".x",
            "li wei",
            "李",
            "аdmin",
            &"a".repeat(65),
        ] {
            assert!(!is_handle(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_subject_is_found_under_its_own_name_alone(id in any::<u128>(), system_account in any::<bool>()) {
            let id = Uuid::from_u128(id);
            let name = fields::name(collection(system_account), id);
            prop_assert_eq!(parse_subject(&name), Some((id, system_account)));
            prop_assert_eq!(parse_subject(&format!("departments/{id}")), None);
        }
    }
}
