//! The tree of categories (IH-3.1).

use std::collections::{BTreeMap, BTreeSet};

use kefu_contracts::ticket::{Category, TicketKind};
use kefu_service::{error::Violation, fields::Fields};

const MOST: usize = 1_000;
const DEEPEST: usize = 5;
const TITLE: usize = 80;

/// What a ticket's category is to its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Given,
    /// Not in the tree.
    Nowhere,
    /// Archived, or for other kinds.
    NotForIt,
}

type Tree<'a> = BTreeMap<&'a str, &'a Category>;

fn tree(categories: &[Category]) -> Tree<'_> {
    let by_id = categories.iter().map(|one| (one.id.as_str(), one));
    by_id.collect()
}

/// The category and those above it, up to one more than may be.
fn line<'a>(tree: &Tree<'a>, from: &'a Category) -> Vec<&'a Category> {
    let above = |one: &&'a Category| tree.get(one.parent.as_str()).copied();
    std::iter::successors(Some(from), above)
        .take(DEEPEST + 1)
        .collect()
}

/// Finds a category for a ticket of this kind.
pub(super) fn find(categories: &[Category], id: &str, kind: TicketKind) -> Found {
    let tree = tree(categories);
    let Some(found) = tree.get(id) else {
        return Found::Nowhere;
    };
    let takes = |one: &&Category| {
        !one.archived && (one.kinds.is_empty() || one.kinds.contains(&kind.into()))
    };
    match line(&tree, found).iter().all(takes) {
        true => Found::Given,
        false => Found::NotForIt,
    }
}

/// Notes every fault of a tree.
pub(crate) fn check(fields: &mut Fields, categories: &[Category]) {
    let all = "definition.categories";
    fields.ensure(categories.len() <= MOST, all, Violation::TooMany(MOST));
    let tree = tree(categories);
    let mut ids = BTreeSet::new();
    for (at, one) in categories.iter().enumerate().take(MOST) {
        let place = |field: &str| format!("{all}[{at}].{field}");
        let id = place("id");
        fields.ensure(crate::domain::is_code(&one.id), &id, Violation::Format);
        fields.ensure(ids.insert(&one.id), &id, Violation::Duplicate);
        fields.required_text(place("title"), &one.title, TITLE);
        for (nth, kind) in one.kinds.iter().enumerate() {
            fields.required_enum::<TicketKind>(place(&format!("kinds[{nth}]")), *kind);
        }
        if one.parent.is_empty() {
            continue;
        }
        let parent = place("parent");
        let Some(above) = tree.get(one.parent.as_str()) else {
            fields.refuse(parent, Violation::Unknown);
            continue;
        };
        // A circle has no end either.
        let fits = line(&tree, one).len() <= DEEPEST;
        fields.ensure(fits, parent, Violation::TooMany(DEEPEST));
        let within =
            above.kinds.is_empty() || one.kinds.iter().all(|kind| above.kinds.contains(kind));
        fields.ensure(within, place("kinds"), Violation::Contradiction);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn category(id: &str, parent: &str) -> Category {
        Category {
            id: id.into(),
            parent: parent.into(),
            title: "类".into(),
            ..Category::default()
        }
    }

    fn faults(categories: &[Category]) -> Vec<(String, &'static str)> {
        let mut fields = Fields::new();
        check(&mut fields, categories);
        let faults = fields.finish().err().map(|fault| fault.violations);
        let faults = faults.unwrap_or_default().into_iter();
        faults
            .map(|(field, what)| (field.replace("definition.categories", ""), what.name()))
            .collect()
    }

    /// Clause IH-3.1.
    #[test]
    fn a_category_is_for_its_kinds_and_until_it_is_archived() {
        let complaint = TicketKind::Complaint;
        let mut tree = vec![
            category("logistics", ""),
            category("damaged", "logistics"),
            category("late", "logistics"),
        ];
        tree[1].kinds = vec![complaint.into()];
        let kinds = |tree: &[Category], id: &str| {
            [complaint, TicketKind::Consultation].map(|kind| find(tree, id, kind))
        };
        assert_eq!(kinds(&tree, "damaged"), [Found::Given, Found::NotForIt]);
        assert_eq!(kinds(&tree, "late"), [Found::Given, Found::Given]);
        assert_eq!(kinds(&tree, "lost"), [Found::Nowhere, Found::Nowhere]);
        tree[0].archived = true;
        assert_eq!(kinds(&tree, "late"), [Found::NotForIt, Found::NotForIt]);
    }

    #[test]
    fn every_fault_of_a_tree_is_told_at_once() {
        let mut wrong = vec![
            category("Up", ""),
            category("aa", "gone"),
            category("bb", "cc"),
            category("cc", "bb"),
            category("cc", ""),
            category("dd", "ee"),
            category("ee", ""),
        ];
        wrong[4].title.clear();
        wrong[5].kinds = vec![TicketKind::Complaint.into(), 9];
        wrong[6].kinds = vec![TicketKind::Suggestion.into()];
        let expected = [
            ("[0].id", "FORMAT"),
            ("[1].parent", "UNKNOWN"),
            ("[4].id", "DUPLICATE"),
            ("[4].title", "REQUIRED"),
            ("[5].kinds[1]", "UNKNOWN_VALUE"),
            ("[5].kinds", "CONTRADICTION"),
        ];
        assert_eq!(
            faults(&wrong),
            expected.map(|(field, what)| (field.to_owned(), what))
        );
        // Round and round.
        let round = [
            category("bb", "cc"),
            category("cc", "bb"),
            category("dd", "dd"),
        ];
        assert_eq!(faults(&round).len(), 3);
    }

    proptest! {
        /// A tree passes when going up from each category ends, within five steps.
        #[test]
        fn what_passes_ends_at_the_top(parents in proptest::collection::vec(0..9_usize, 1..9)) {
            let id = |at: usize| format!("c{at}");
            let tree: Vec<_> = parents.iter().enumerate().map(|(at, parent)| {
                let above = if *parent < parents.len() { id(*parent) } else { String::new() };
                category(&id(at), &above)
            }).collect();
            let depth = |from: usize| {
                let (mut at, mut steps) = (from, 1);
                while parents[at] < parents.len() && steps < 100 {
                    at = parents[at];
                    steps += 1;
                }
                steps
            };
            let right = (0..parents.len()).all(|at| depth(at) <= DEEPEST);
            prop_assert_eq!(faults(&tree).is_empty(), right);
        }
    }
}
