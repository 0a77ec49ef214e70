//! What is wrong with a suggestion, and with what is said of one.

use kefu_contracts::analytics::Improvement;
use kefu_service::fields::Fields;
use uuid::Uuid;

use super::target;
use crate::domain::{only::ValueOf, report::DEPARTMENTS};

const LONGEST_TITLE: usize = 120;
const LONGEST_REFERENCE: usize = 200;
/// Of a description, a reason, what was done.
pub(crate) const LONGEST_TEXT: usize = 2_000;

/// Notes every fault of a suggestion; the department that it is for, none: the whole company.
pub(crate) fn check(
    fields: &mut Fields,
    suggested: &Improvement,
    value_of: ValueOf<'_>,
) -> Option<Uuid> {
    fields.required_text("improvement.title", &suggested.title, LONGEST_TITLE);
    fields.required_text(
        "improvement.description",
        &suggested.description,
        LONGEST_TEXT,
    );
    fields.text("improvement.origin", &suggested.origin, LONGEST_REFERENCE);
    standard(fields, "improvement.standard", &suggested.standard);
    let named = &suggested.department;
    let department = fields.optional_name("improvement.department", named, DEPARTMENTS);
    if let Some(target) = &suggested.target {
        let company = named.is_empty();
        target::check(fields, "improvement.target", target, company, value_of);
    }
    department
}

/// Which standard is adjusted.
pub(crate) fn standard(fields: &mut Fields, field: &str, standard: &str) {
    fields.text(field, standard, LONGEST_REFERENCE);
}
