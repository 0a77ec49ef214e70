//! Filters saved under a name (SG-5, CC-1.2).

use kefu_contracts::ticket::View;
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};
use uuid::Uuid;

/// Most views of one person.
pub(crate) const MOST: i64 = 50;
/// Most characters of a title.
const LONGEST_TITLE: usize = 120;

/// A view as it can be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) title: String,
    /// Its comparisons in order, each once.
    pub(crate) filter: String,
    pub(crate) order_by: String,
    /// Whose people see it as well.
    pub(crate) department: Option<Uuid>,
}

impl Definition {
    /// Reads one; everything that is wrong is noted. `written` gives back a filter as it is
    /// kept, `order` says what is wrong with an order.
    pub(crate) fn read(
        fields: &mut Fields,
        view: &View,
        own_departments: &[Uuid],
        written: impl Fn(&str) -> Result<String, Violation>,
        order: impl Fn(&str) -> Option<Violation>,
    ) -> Self {
        fields.required_text("view.title", &view.title, LONGEST_TITLE);
        let filter = written(&view.filter).unwrap_or_else(|what| {
            fields.refuse("view.filter", what);
            String::new()
        });
        if let Some(what) = order(&view.order_by) {
            fields.refuse("view.order_by", what);
        }
        let department = fields.optional_name("view.department", &view.department, "departments");
        // Nobody puts anything before people who are not theirs.
        let theirs = department.is_none_or(|id| own_departments.contains(&id));
        fields.ensure(theirs, "view.department", Violation::Unknown);
        Self {
            title: view.title.trim().to_owned(),
            filter,
            order_by: view.order_by.clone(),
            department,
        }
    }
}

/// Somebody who has as many as there may be saves no more.
///
/// # Errors
/// A violation.
pub(crate) fn ensure_room(count: i64) -> Result<(), Fault> {
    match count < MOST {
        true => Ok(()),
        false => {
            let most = usize::try_from(MOST).unwrap_or_default();
            let field = "view".to_owned();
            Err(Fault::fields(vec![(field, Violation::TooMany(most))]))
        }
    }
}

#[cfg(test)]
mod tests {
    use kefu_service::fields::name;

    use super::*;

    const MINE: Uuid = Uuid::from_u128(1);

    fn read(view: &View) -> (Definition, Vec<(String, &'static str)>) {
        let mut fields = Fields::new();
        let written = |filter: &str| match filter {
            "?" => Err(Violation::Filter),
            filter => Ok(filter.to_uppercase()),
        };
        let order = |order: &str| (order == "?").then_some(Violation::OrderBy);
        let definition = Definition::read(&mut fields, view, &[MINE], written, order);
        let found = fields.finish().err().map(|fault| fault.violations);
        let found = found.unwrap_or_default().into_iter();
        (
            definition,
            found.map(|(field, what)| (field, what.name())).collect(),
        )
    }

    #[test]
    fn everything_that_is_wrong_with_a_view_is_told() {
        let right = View {
            title: " 我的 ".into(),
            filter: "state = new".into(),
            department: name("departments", MINE),
            ..View::default()
        };
        let expected = Definition {
            title: "我的".into(),
            filter: "STATE = NEW".into(),
            order_by: String::new(),
            department: Some(MINE),
        };
        assert_eq!(read(&right), (expected, vec![]));
        let wrong = View {
            title: " ".into(),
            filter: "?".into(),
            order_by: "?".into(),
            department: name("departments", Uuid::from_u128(2)),
            ..View::default()
        };
        let wrong: Vec<_> = read(&wrong).1;
        let wrong: Vec<_> = wrong
            .iter()
            .map(|(at, what)| (at.as_str(), *what))
            .collect();
        let expected = [
            ("view.title", "REQUIRED"),
            ("view.filter", "FILTER"),
            ("view.order_by", "ORDER_BY"),
            ("view.department", "UNKNOWN"),
        ];
        assert_eq!(wrong, expected);
        assert!(ensure_room(MOST - 1).is_ok());
        assert!(ensure_room(MOST).is_err());
    }
}
