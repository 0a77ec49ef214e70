//! How requests of all kinds are looked at and found.

use kefu_access::{DutySql, ScopeColumns};
use kefu_contracts::{access::ApprovalState, policy::Purpose};
use kefu_service::{
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::After,
};
use sqlx::{Row, postgres::PgRow};

/// Column of every look at requests, for [`Reached`].
pub(in crate::store) const COLUMNS: &str = "a.id, a.created_at";

/// What every look at requests goes by: one's own, those one has a part in, and those of
/// one's departments.
pub(in crate::store) const SCOPE: ScopeColumns = ScopeColumns {
    department: Some("a.department_id"),
    owner: Some("a.applicant_id"),
    customer: None,
    duty: Some(DutySql {
        before: "EXISTS (SELECT 1 FROM access.approval_party p WHERE p.approval_id = a.id AND p.subject_id = ",
        after: ")",
    }),
    consent: None,
};

/// Filters on where a request stands.
pub(in crate::store) const STATE: FilterField = FilterField::system(
    "state",
    "a.state_number",
    FilterKind::Enum {
        prefix: "APPROVAL_STATE_",
        parse: |name| ApprovalState::from_str_name(name).map(i32::from),
    },
);
/// Filters on its purpose.
pub(in crate::store) const PURPOSE: FilterField = FilterField::system(
    "purpose",
    "a.purpose",
    FilterKind::Enum {
        prefix: "PURPOSE_",
        parse: |name| Purpose::from_str_name(name).map(i32::from),
    },
);
/// Filters on who asks.
pub(in crate::store) const APPLICANT: FilterField =
    FilterField::system("applicant", "a.applicant_id", FilterKind::Name("employees"));
/// Filters on when it was written.
pub(in crate::store) const CREATE_TIME: FilterField =
    FilterField::system("create_time", "a.created_at", FilterKind::Time);
/// Filters on who has a part in it.
pub(in crate::store) const PARTY: FilterField = FilterField::system(
    "party",
    "a.id",
    FilterKind::Related {
        collection: "employees",
        of: "SELECT approval_id FROM access.approval_party WHERE subject_id",
    },
);

/// A request within reach: where it stands in a list, and the rules that let it through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reached {
    pub(crate) at: After,
    pub(crate) matched: i64,
}

impl Reached {
    /// Reads a row of a kind's record.
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let at = row.try_get::<jiff_sqlx::Timestamp, _>(1)?.to_jiff();
        Ok(Self {
            at: After {
                at,
                id: row.try_get(0)?,
            },
            matched: row.try_get(2)?,
        })
    }
}
