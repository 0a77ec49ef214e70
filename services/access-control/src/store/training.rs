//! Training (OP-4.1): one file a record.

pub(crate) mod course;
pub(crate) mod enrolment;
pub(crate) mod facts;
pub(crate) mod obligation;
pub(crate) mod result;
pub(crate) mod session;

use kefu_access::ScopeColumns;

use super::stored::number;
pub(crate) use super::stored::{Listing, Stored, get};

/// A record about somebody: theirs, and their department's.
const OF_EMPLOYEE: ScopeColumns = ScopeColumns {
    department: Some("e.department_id"),
    owner: Some("e.id"),
    customer: None,
    duty: None,
    consent: None,
};
