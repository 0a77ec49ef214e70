//! One call about many records: what came of each.

use kefu_contracts::common::{BulkDetail, BulkResult, Reason};

use crate::error::{Fault, Language};

/// What is said of a record that was refused: what a single call would be told.
pub fn refused(name: &str, fault: &Fault) -> BulkResult {
    let told = fault.metadata.iter();
    let told = told.map(|(key, value)| ((*key).to_owned(), value.clone()));
    let wrong = fault.violations.iter();
    let wrong = wrong.map(|(field, what)| (field.clone(), what.name().to_owned()));
    let all = told.chain(wrong);
    BulkResult {
        name: name.to_owned(),
        reason: fault.reason.into(),
        message_zh: fault.text(Language::Chinese).to_owned(),
        message_en: fault.text(Language::English).to_owned(),
        details: all.map(|(key, value)| BulkDetail { key, value }).collect(),
        ..BulkResult::default()
    }
}

/// Whether the answer would be the same if nothing else happened.
pub fn is_lasting(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::Conflict
            | Reason::StorageUnavailable
            | Reason::UpstreamUnavailable
            | Reason::DeadlineExceeded
            | Reason::Overloaded
            | Reason::Internal
    )
}
