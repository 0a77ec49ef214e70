//! Destructions as messages carry them, and terms as they are read.

use jiff::SignedDuration;
use kefu_contracts::access as wire;
use kefu_service::{
    error::Violation,
    fields::{self, Fields, etag},
    time::to_proto,
};
use uuid::Uuid;

use crate::{
    api::approvals::{
        Desk, Kind,
        messages::{stage, steps},
    },
    domain::{
        destruction::{DESTRUCTIONS, DestructionTerms, MOST_FILES},
        register::{DEPARTMENTS, EMPLOYEES},
    },
    store::destruction::StoredDestruction,
};

const CUSTOMERS: &str = "customers";

/// The whole destruction: each approver sees all of it.
pub(super) fn destruction(stored: &StoredDestruction, desk: &Desk<'_>) -> wire::Destruction {
    let (approval, form) = (&stored.approval, &stored.destruction);
    let case = stored.case();
    wire::Destruction {
        name: fields::name(DESTRUCTIONS, approval.id),
        applicant: fields::name(EMPLOYEES, approval.applicant),
        department: fields::name(DEPARTMENTS, approval.department),
        justification: form.justification.clone(),
        early: form.early,
        requested: Some(terms_to_proto(&form.requested)),
        terms: Some(terms_to_proto(&stored.terms)),
        state: case.state.to_proto().into(),
        stage: stage(&case, desk),
        steps: steps(approval, desk.flow),
        cooled_time: case.period.map(|(start, _)| to_proto(start)),
        etag: etag(approval.revision),
    }
}

/// Terms as messages and histories carry them.
pub(super) fn terms_to_proto(terms: &DestructionTerms) -> wire::DestructionTerms {
    let customers = terms.customers.iter();
    wire::DestructionTerms {
        customers: customers.map(|id| fields::name(CUSTOMERS, *id)).collect(),
    }
}

/// Reads terms; what cannot be read is noted under `at`.
pub(super) fn terms(
    fields: &mut Fields,
    at: &str,
    message: &wire::DestructionTerms,
    cooling_off: SignedDuration,
) -> Option<DestructionTerms> {
    let at = format!("{at}.customers");
    fields.ensure(!message.customers.is_empty(), &at, Violation::Required);
    if message.customers.len() > MOST_FILES {
        fields.refuse(&at, Violation::TooMany(MOST_FILES));
        return None;
    }
    let mut customers: Vec<Uuid> = Vec::with_capacity(message.customers.len());
    for (place, name) in message.customers.iter().enumerate() {
        let field = format!("{at}[{place}]");
        if let Some(id) = fields.name(&field, name, CUSTOMERS) {
            fields.ensure(!customers.contains(&id), &field, Violation::Duplicate);
            customers.push(id);
        }
    }
    customers.sort_unstable();
    Some(DestructionTerms {
        customers,
        cooling_off,
    })
}
