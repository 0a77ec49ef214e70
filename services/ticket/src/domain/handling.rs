//! The company's rules of handling: categories, priorities, escalation. Versions are added
//! and never changed.

mod categories;

use std::collections::BTreeSet;

use jiff::Timestamp;
use kefu_contracts::ticket::{
    Category, HandlingDefinition, HandlingVersion, Level, Priority, PriorityRule, Ticket,
    TicketKind,
};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
    versions,
};

use super::{
    compensation::check_rules,
    priority::{self, LEVELS, priority},
};

pub(crate) use categories::check as check_categories;

/// Most reopenings that a company waits for.
const MOST_REOPENINGS: i32 = 100;
/// The second time that a result did not hold, the head has to know (OP-3.2).
const ESCALATE_AT: i32 = 2;

/// What is shipped: product, after-sales, logistics and others (IH-3.1), and what the company
/// writes beside; the matrix of the guide (SG-2.1).
pub(crate) fn shipped() -> HandlingDefinition {
    let category = |id: &str, title: &str| Category {
        id: id.into(),
        title: title.into(),
        ..Category::default()
    };
    HandlingDefinition {
        categories: vec![
            category("product", "产品"),
            category("after_sales", "售后"),
            category("logistics", "物流"),
            category("other", "其他"),
        ],
        other_categories: true,
        priorities: priority::shipped(),
        escalate_at_reopening: ESCALATE_AT,
        compensations: Vec::new(),
    }
}

/// The number of the version in force then, and what it says. The one that is shipped is from
/// the beginning.
pub(crate) fn in_force(versions: &[HandlingVersion], at: Timestamp) -> (i32, HandlingDefinition) {
    let version = versions::in_force(versions, at);
    let said = |version: &HandlingVersion| Some((version.number, version.definition.clone()?));
    version.and_then(said).unwrap_or_else(|| (0, shipped()))
}

/// Notes every fault of a definition.
pub(crate) fn check(fields: &mut Fields, definition: &HandlingDefinition) {
    check_categories(fields, &definition.categories);
    check_priorities(fields, &definition.priorities);
    check_rules(fields, &definition.compensations);
    fields.ensure(
        (0..=MOST_REOPENINGS).contains(&definition.escalate_at_reopening),
        "definition.escalate_at_reopening",
        Violation::OutOfRange(0, MOST_REOPENINGS.into()),
    );
}

fn check_priorities(fields: &mut Fields, rules: &[PriorityRule]) {
    let mut pairs = BTreeSet::new();
    for (at, rule) in rules
        .iter()
        .enumerate()
        .take(LEVELS.len() * LEVELS.len() + 1)
    {
        let place = format!("definition.priorities[{at}]");
        fields.required_enum::<Level>(format_args!("{place}.impact"), rule.impact);
        fields.required_enum::<Level>(format_args!("{place}.urgency"), rule.urgency);
        fields.required_enum::<Priority>(format_args!("{place}.priority"), rule.priority);
        let once = pairs.insert((rule.impact, rule.urgency));
        fields.ensure(once, place, Violation::Duplicate);
    }
    let every = |impact: &Level| {
        let urgencies = LEVELS.iter();
        urgencies
            .clone()
            .all(|urgency| pairs.contains(&((*impact).into(), (*urgency).into())))
    };
    fields.ensure(
        LEVELS.iter().all(every),
        "definition.priorities",
        Violation::Required,
    );
}

/// Refuses to leave out a category that there was: tickets have it.
pub(crate) fn ensure_kept(
    before: &HandlingDefinition,
    after: &HandlingDefinition,
) -> Result<(), Fault> {
    let there = |one: &Category| after.categories.iter().any(|other| other.id == one.id);
    let mut fields = Fields::new();
    for gone in before.categories.iter().filter(|one| !there(one)) {
        let field = format!("definition.categories.{}", gone.id);
        fields.refuse(field, Violation::Immutable);
    }
    fields.finish()
}

/// Refuses a category that tickets of this kind are not given.
///
/// # Errors
/// A violation of `ticket.category`.
pub(crate) fn ensure_category(
    rules: &HandlingDefinition,
    category: &str,
    kind: TicketKind,
) -> Result<(), Fault> {
    if category.is_empty() {
        return Ok(());
    }
    let what = match categories::find(&rules.categories, category, kind) {
        categories::Found::Given => return Ok(()),
        categories::Found::Nowhere if rules.other_categories => return Ok(()),
        categories::Found::Nowhere => Violation::Unknown,
        categories::Found::NotForIt => Violation::NotApplicable,
    };
    Err(Fault::fields(vec![("ticket.category".to_owned(), what)]))
}

/// Sets what follows from what was said of a ticket.
pub(crate) fn prioritise(rules: &HandlingDefinition, ticket: &mut Ticket) {
    let found = priority(&rules.priorities, ticket.impact(), ticket.urgency());
    ticket.set_priority(found);
}

/// Whether the head has to know of this reopening.
pub(crate) fn escalates(rules: &HandlingDefinition, ticket: &Ticket) -> bool {
    ticket.kind() == TicketKind::Complaint
        && rules.escalate_at_reopening > 0
        && ticket.reopen_count >= rules.escalate_at_reopening
}

#[cfg(test)]
mod tests {
    use kefu_service::time;

    use super::*;

    fn faults(definition: &HandlingDefinition) -> Vec<String> {
        let mut fields = Fields::new();
        check(&mut fields, definition);
        let faults = fields.finish().err().map(|fault| fault.violations);
        let faults = faults.unwrap_or_default().into_iter();
        faults.map(|(field, _)| field).collect()
    }

    /// Clause IH-3.1.
    #[test]
    fn what_is_shipped_has_no_fault_and_the_categories_of_the_policy() {
        assert_eq!(faults(&shipped()), [""; 0]);
        for one in ["product", "after_sales", "logistics"] {
            assert!(
                shipped()
                    .categories
                    .iter()
                    .any(|category| category.id == one)
            );
        }
    }

    #[test]
    fn every_impact_and_urgency_has_one_priority() {
        let mut wrong = shipped();
        wrong.priorities[0] = wrong.priorities[1];
        wrong.escalate_at_reopening = -1;
        assert_eq!(
            faults(&wrong),
            [
                "definition.priorities[1]",
                "definition.priorities",
                "definition.escalate_at_reopening"
            ]
        );
    }

    #[test]
    fn the_last_version_that_has_begun_and_stands_counts() {
        let at = |second| Timestamp::constant(second, 0);
        let version = |number, from: i64, withdrawn| HandlingVersion {
            number,
            withdrawn,
            effective_time: Some(time::to_proto(at(from))),
            definition: Some(HandlingDefinition {
                escalate_at_reopening: number,
                ..shipped()
            }),
            ..HandlingVersion::default()
        };
        let versions = [
            version(5, 10, false),
            version(6, 20, true),
            version(7, 30, false),
        ];
        let found = |second| in_force(&versions, at(second)).1.escalate_at_reopening;
        assert_eq!(
            [found(9), found(10), found(29), found(30)],
            [ESCALATE_AT, 5, 5, 7]
        );
    }

    #[test]
    fn a_category_is_archived_and_not_left_out() {
        let mut after = shipped();
        after.categories.remove(0);
        let fault = ensure_kept(&shipped(), &after).unwrap_err();
        let expected = (
            "definition.categories.product".to_owned(),
            Violation::Immutable,
        );
        assert_eq!(fault.violations, [expected]);
        assert!(ensure_kept(&after, &shipped()).is_ok());
    }
}
