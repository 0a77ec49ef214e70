//! What may stand in a macro, and for which tickets it is (SG-2.3).

use std::collections::BTreeSet;

use kefu_contracts::{
    common::Reason,
    ticket::{GivenValue, Language, Macro, MacroState, Ticket, TicketKind},
};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};

use super::{
    entry::{CATEGORY, LONG, MEDIUM},
    is_code,
    phrase::{self, Phrase, Placeholder},
};

const LONGEST_TITLE: usize = 120;
const MOST: usize = 50;

/// Notes every fault of a macro.
pub(crate) fn check(fields: &mut Fields, new: &Macro) {
    fields.required_text("macro.title", &new.title, LONGEST_TITLE);
    fields.required_text("macro.body", &new.body, LONG);
    fields.required_enum::<Language>("macro.language", new.language);
    fields.optional_enum::<MacroState>("macro.state", new.state);
    few(fields, "macro.kinds", new.kinds.len());
    for (at, kind) in new.kinds.iter().enumerate() {
        fields.required_enum::<TicketKind>(format_args!("macro.kinds[{at}]"), *kind);
    }
    few(fields, "macro.categories", new.categories.len());
    for (at, category) in new.categories.iter().enumerate() {
        let place = format_args!("macro.categories[{at}]");
        fields.required_text(place, category, CATEGORY);
    }
    few(fields, "macro.values", new.values.len());
    let mut keys = BTreeSet::new();
    for (at, value) in new.values.iter().enumerate() {
        let place = format!("macro.values[{at}].key");
        fields.ensure(is_code(&value.key), &place, Violation::Format);
        fields.ensure(
            keys.insert(value.key.as_str()),
            &place,
            Violation::Duplicate,
        );
        let title = format_args!("macro.values[{at}].title");
        fields.required_text(title, &value.title, LONGEST_TITLE);
    }
    phrase::check(fields, "macro.body", &new.body, &keys);
}

fn few(fields: &mut Fields, field: &str, count: usize) {
    fields.ensure(count <= MOST, field, Violation::TooMany(MOST));
}

/// The text of a macro that was checked.
pub(crate) fn phrase(of: &Macro) -> Result<Phrase, Fault> {
    let keys = of.values.iter().map(|value| value.key.as_str()).collect();
    Phrase::parse(&of.body, &keys).map_err(|_| Fault::internal("a kept macro that cannot be read"))
}

/// Refuses a macro that is used no more, or not for this ticket.
pub(crate) fn ensure_for(of: &Macro, ticket: &Ticket) -> Result<(), Fault> {
    if of.state() == MacroState::Archived {
        let (is, wanted) = (MacroState::Archived, MacroState::Active);
        return Err(Fault::state(is.as_str_name(), wanted.as_str_name()));
    }
    let fits = (of.kinds.is_empty() || of.kinds.contains(&ticket.kind))
        && (of.categories.is_empty() || of.categories.contains(&ticket.category))
        && (of.department.is_empty() || of.department == ticket.department);
    match fits {
        true => Ok(()),
        false => Err(Fault::fields(vec![(
            "name".into(),
            Violation::NotApplicable,
        )])),
    }
}

/// Notes every fault of what was given for the values of a macro.
pub(crate) fn check_given(fields: &mut Fields, given: &[GivenValue]) {
    few(fields, "values", given.len());
    let mut keys = BTreeSet::new();
    for (at, one) in given.iter().enumerate() {
        let key = format_args!("values[{at}].key");
        fields.ensure(is_code(&one.key), key, Violation::Format);
        fields.ensure(keys.insert(&one.key), key, Violation::Duplicate);
        fields.required_text(format_args!("values[{at}].text"), &one.text, MEDIUM);
    }
}

/// Notes what was given and the macro does not ask for.
pub(crate) fn check_asked(fields: &mut Fields, of: &Macro, given: &[GivenValue]) {
    for (at, one) in given.iter().enumerate() {
        let asked = of.values.iter().any(|value| value.key == one.key);
        fields.ensure(asked, format_args!("values[{at}].key"), Violation::Unknown);
    }
}

/// That these are missing: `values.KEY` is to be given, of the others nothing is known.
pub(crate) fn missing(placeholders: Vec<Placeholder>) -> Fault {
    let all = placeholders.into_iter().map(|one| match one {
        Placeholder::Value(key) => (format!("values.{key}"), Violation::Required),
        other => (other.name(), Violation::Unknown),
    });
    Fault {
        violations: all.collect(),
        ..Fault::new(Reason::InvalidFields)
    }
}

#[cfg(test)]
mod tests {
    use kefu_contracts::ticket::MacroValue;

    use super::*;

    fn good() -> Macro {
        Macro {
            title: "上门时间".into(),
            body: "{value.window}上门，工单{ticket.number}。".into(),
            language: Language::ZhCn.into(),
            values: vec![MacroValue {
                key: "window".into(),
                title: "时段".into(),
            }],
            ..Macro::default()
        }
    }

    fn faults(of: &Macro) -> Vec<(String, &'static str)> {
        let mut fields = Fields::new();
        check(&mut fields, of);
        let found = fields.finish().err().map(|fault| fault.violations);
        let found = found.unwrap_or_default().into_iter();
        found.map(|(field, what)| (field, what.name())).collect()
    }

    /// Clause SG-2.3.
    #[test]
    fn every_fault_of_a_macro_is_told_at_once() {
        assert_eq!(faults(&good()), []);
        let mut wrong = good();
        wrong.title.clear();
        wrong.language = 9;
        wrong.kinds = vec![9];
        wrong.values.push(wrong.values[0].clone());
        wrong.values[1].title.clear();
        wrong.body.push_str("{agent.name}{value.gone}");
        let expected = [
            ("macro.title", "REQUIRED"),
            ("macro.language", "UNKNOWN_VALUE"),
            ("macro.kinds[0]", "UNKNOWN_VALUE"),
            ("macro.values[1].key", "DUPLICATE"),
            ("macro.values[1].title", "REQUIRED"),
            ("macro.body[35]", "UNKNOWN"),
            ("macro.body[47]", "UNKNOWN"),
        ];
        assert_eq!(
            faults(&wrong),
            expected.map(|(field, what)| (field.to_owned(), what))
        );
    }

    /// Clause SG-2.3.
    #[test]
    fn a_macro_is_used_where_it_is_for() {
        let ticket = Ticket {
            kind: TicketKind::Complaint.into(),
            category: "late".into(),
            department: "departments/1".into(),
            ..Ticket::default()
        };
        assert!(ensure_for(&good(), &ticket).is_ok());
        let only = |change: fn(&mut Macro)| {
            let mut one = good();
            change(&mut one);
            ensure_for(&one, &ticket).is_ok()
        };
        assert!(only(|one| one.kinds = vec![2, 1]));
        assert!(!only(|one| one.kinds = vec![1]));
        assert!(!only(|one| one.categories = vec!["damaged".into()]));
        assert!(!only(|one| one.department = "departments/2".into()));
        assert!(!only(|one| one.set_state(MacroState::Archived)));
    }
}
