//! Rules that select files, saved under a name (CF-6.2).

use kefu_contracts::profile::{Selection, SelectionState};
use kefu_service::{error::Fault, error::Violation, fields::Fields};

/// Most characters of a title.
const MOST_TITLE: usize = 120;
/// Most characters of a description.
const MOST_DESCRIPTION: usize = 1000;

/// A rule as it can be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) title: String,
    pub(crate) description: String,
    /// In order, each once.
    pub(crate) comparisons: Vec<String>,
}

impl Rule {
    /// Reads one; everything that is wrong is noted. `comparisons` tells those of a filter that
    /// can be read and compares nothing that is sealed.
    pub(crate) fn read(
        fields: &mut Fields,
        selection: &Selection,
        comparisons: impl Fn(&str) -> Option<Vec<String>>,
    ) -> Option<Self> {
        fields.required_text("selection.title", &selection.title, MOST_TITLE);
        fields.text(
            "selection.description",
            &selection.description,
            MOST_DESCRIPTION,
        );
        let blank = selection.filter.trim().is_empty();
        let comparisons = comparisons(&selection.filter).filter(|_| !blank);
        if blank {
            fields.refuse("selection.filter", Violation::Required);
        } else if comparisons.is_none() {
            fields.refuse("selection.filter", Violation::Filter);
        }
        Some(Self {
            title: selection.title.trim().to_owned(),
            description: selection.description.clone(),
            comparisons: comparisons?,
        })
    }
}

/// What is archived stays as it is.
///
/// # Errors
/// `STATE_NOT_ALLOWED`.
pub(crate) fn ensure_current(state: SelectionState, wanted: &'static str) -> Result<(), Fault> {
    match state {
        SelectionState::Current => Ok(()),
        _ => Err(Fault::state("ARCHIVED", wanted).with("allowed", "CURRENT")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(title: &str, filter: &str) -> (Option<Rule>, Vec<String>) {
        let selection = Selection {
            title: title.into(),
            filter: filter.into(),
            ..Selection::default()
        };
        let mut fields = Fields::new();
        let known = |filter: &str| (filter != "?").then(|| vec![filter.to_owned()]);
        let rule = Rule::read(&mut fields, &selection, known);
        let violations = fields.finish().err().map(|fault| fault.violations);
        let violations = violations.unwrap_or_default().into_iter();
        (rule, violations.map(|(field, _)| field).collect())
    }

    #[test]
    fn everything_that_is_wrong_with_a_rule_is_told() {
        let (rule, wrong) = read(" gold ", "tier = GOLD");
        assert_eq!(rule.unwrap().title, "gold");
        assert!(wrong.is_empty());
        let both = ["selection.title", "selection.filter"];
        assert_eq!(read("", "?"), (None, both.map(str::to_owned).to_vec()));
        assert_eq!(read(" ", " ").1, both);
        let long = "x".repeat(MOST_TITLE + 1);
        assert_eq!(read(&long, "a").1, ["selection.title"]);
    }
}
