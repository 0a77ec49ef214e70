//! Holds: which can be opened, and what can be asked of them (CF-5.2).

use kefu_contracts::profile::{Hold, HoldKind, HoldState};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};
use uuid::Uuid;

/// Most files that are added or removed at once.
const MOST_FILES: usize = 500;
/// Most characters of a title.
const MOST_TITLE: usize = 120;
/// Most characters of a reason.
pub(crate) const MOST_REASON: usize = 1000;

/// A hold that can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) kind: HoldKind,
    pub(crate) title: String,
    pub(crate) reason: String,
}

impl Opening {
    /// Reads one; everything that is wrong is noted.
    pub(crate) fn read(fields: &mut Fields, hold: Option<&Hold>) -> Option<Self> {
        let Some(hold) = hold else {
            fields.refuse("hold", Violation::Required);
            return None;
        };
        let kind = fields.required_enum("hold.kind", hold.kind);
        fields.required_text("hold.title", &hold.title, MOST_TITLE);
        fields.required_text("hold.reason", &hold.reason, MOST_REASON);
        Some(Self {
            kind: kind?,
            title: hold.title.clone(),
            reason: hold.reason.clone(),
        })
    }

    /// Of a complaint that is grave. Nobody writes it, so it says nothing about anybody.
    pub(crate) fn of_complaint() -> Self {
        Self {
            kind: HoldKind::GraveComplaint,
            title: "grave complaint".to_owned(),
            reason: "held by the ticket, until it is lifted".to_owned(),
        }
    }
}

/// Reads whose files are meant, in order; everything that is wrong is noted.
pub(crate) fn files(fields: &mut Fields, names: &[String]) -> Vec<Uuid> {
    fields.ensure(!names.is_empty(), "customers", Violation::Required);
    if names.len() > MOST_FILES {
        fields.refuse("customers", Violation::TooMany(MOST_FILES));
        return Vec::new();
    }
    let mut files = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let field = format!("customers[{place}]");
        if let Some(id) = fields.name(&field, name, "customers") {
            fields.ensure(!files.contains(&id), &field, Violation::Duplicate);
            files.push(id);
        }
    }
    files.sort_unstable();
    files
}

/// A hold that is lifted stays lifted.
///
/// # Errors
/// `STATE_NOT_ALLOWED`.
pub(crate) fn ensure_open(state: HoldState, wanted: &'static str) -> Result<(), Fault> {
    match state {
        HoldState::Open => Ok(()),
        _ => Err(Fault::state("LIFTED", wanted).with("allowed", "OPEN")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(fields: Fields) -> Vec<String> {
        let violations = fields.finish().err().map(|fault| fault.violations);
        let violations = violations.unwrap_or_default().into_iter();
        violations.map(|(field, _)| field).collect()
    }

    #[test]
    fn everything_that_is_wrong_with_a_hold_is_told() {
        let mut fields = Fields::new();
        assert_eq!(Opening::read(&mut fields, Some(&Hold::default())), None);
        assert_eq!(names(fields), ["hold.kind", "hold.title", "hold.reason"]);
    }

    #[test]
    fn files_are_named_once_and_in_order() {
        let name = |last: char| format!("customers/0190c5a8-0000-7000-8000-00000000000{last}");
        let mut fields = Fields::new();
        let read = files(&mut fields, &[name('b'), name('a')]);
        assert!(read.is_sorted() && read.len() == 2 && fields.is_clean());
        files(&mut fields, &[name('a'), "tickets/x".into(), name('a')]);
        files(&mut fields, &[]);
        files(&mut fields, &vec![name('a'); MOST_FILES + 1]);
        let wrong = ["customers[1]", "customers[2]", "customers", "customers"];
        assert_eq!(names(fields), wrong);
    }
}
