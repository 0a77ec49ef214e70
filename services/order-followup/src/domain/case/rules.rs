//! The company's rules after the sale: what is covered for how long, how long a case may take,
//! and how much may be paid (IH-6, IH-4).

use std::collections::BTreeSet;

use jiff::Timestamp;
use kefu_contracts::order::{
    AfterSalesDefinition, AfterSalesVersion, CaseDeadline, CaseKind, CasePaymentKind,
    CasePaymentRule, CoverRule,
};
use kefu_service::{error::Violation, fields::Fields, versions};

use crate::domain::money::is_currency;

const MOST_COVERS: usize = 500;
/// Hours of a year.
const MOST_HOURS: i32 = 8_760;
/// Units of the highest amount.
pub(crate) const MOST_UNITS: i64 = 1_000_000_000;

/// What counts until the company says otherwise: a year of repairs, seven days to return, fifteen
/// to exchange; whatever money is proposed takes a second person.
pub(crate) fn shipped() -> AfterSalesDefinition {
    let cover = |kind: CaseKind, months, days, chargeable_after| CoverRule {
        kind: kind.into(),
        months,
        days,
        chargeable_after,
        ..CoverRule::default()
    };
    let deadline = |kind: CaseKind, plan_hours, work_hours| CaseDeadline {
        kind: kind.into(),
        plan_hours,
        work_hours,
        closing_hours: 72,
    };
    AfterSalesDefinition {
        covers: vec![
            cover(CaseKind::Guidance, 0, 0, true),
            cover(CaseKind::Repair, 12, 0, true),
            cover(CaseKind::Maintenance, 12, 0, true),
            cover(CaseKind::Installation, 3, 0, true),
            cover(CaseKind::Return, 0, 7, false),
            cover(CaseKind::Exchange, 0, 15, false),
            cover(CaseKind::Refund, 0, 15, false),
        ],
        deadlines: vec![
            deadline(CaseKind::Guidance, 24, 24),
            // An answer within 24 hours, with a timetable (IH-4).
            deadline(CaseKind::Repair, 24, 240),
            deadline(CaseKind::Maintenance, 24, 240),
            deadline(CaseKind::Installation, 24, 120),
            deadline(CaseKind::Return, 24, 168),
            deadline(CaseKind::Exchange, 24, 240),
            deadline(CaseKind::Refund, 24, 120),
        ],
        payments: Vec::new(),
    }
}

/// What counts at a moment, with its number.
pub(crate) fn in_force(
    versions: &[AfterSalesVersion],
    at: Timestamp,
) -> (i32, AfterSalesDefinition) {
    let said = |version: &AfterSalesVersion| Some((version.number, version.definition.clone()?));
    let version = versions::in_force(versions, at).and_then(said);
    version.unwrap_or_else(|| (0, shipped()))
}

/// How long a case of this kind may take.
pub(crate) fn deadline(rules: &AfterSalesDefinition, kind: CaseKind) -> CaseDeadline {
    let of = |rules: &AfterSalesDefinition| {
        let mut deadlines = rules.deadlines.iter();
        deadlines.find(|one| one.kind() == kind).copied()
    };
    of(rules).or_else(|| of(&shipped())).unwrap_or_default()
}

/// Notes every fault of a definition.
pub(crate) fn check(fields: &mut Fields, definition: &AfterSalesDefinition) {
    check_covers(fields, &definition.covers);
    check_deadlines(fields, &definition.deadlines);
    check_payments(fields, &definition.payments);
}

fn check_covers(fields: &mut Fields, rules: &[CoverRule]) {
    let all = "definition.covers";
    let few = rules.len() <= MOST_COVERS;
    fields.ensure(few, all, Violation::TooMany(MOST_COVERS));
    let mut seen = BTreeSet::new();
    for (at, rule) in rules.iter().enumerate().take(MOST_COVERS) {
        let place = |field: &str| format!("{all}[{at}].{field}");
        fields.required_enum::<CaseKind>(place("kind"), rule.kind);
        fields.text(place("category"), &rule.category, 120);
        let once = seen.insert((rule.kind, &rule.category));
        fields.ensure(once, place("category"), Violation::Duplicate);
        let months = (0..=1_200).contains(&rule.months);
        fields.ensure(months, place("months"), Violation::OutOfRange(0, 1_200));
        let days = (0..=36_500).contains(&rule.days);
        fields.ensure(days, place("days"), Violation::OutOfRange(0, 36_500));
    }
}

fn check_deadlines(fields: &mut Fields, rules: &[CaseDeadline]) {
    let all = "definition.deadlines";
    fields.ensure(rules.len() <= 7, all, Violation::TooMany(7));
    for (at, rule) in rules.iter().enumerate().take(8) {
        let place = |field: &str| format!("{all}[{at}].{field}");
        fields.required_enum::<CaseKind>(place("kind"), rule.kind);
        let again = rules[..at].iter().any(|other| other.kind == rule.kind);
        fields.ensure(!again, place("kind"), Violation::Duplicate);
        for (field, hours) in [
            ("plan_hours", rule.plan_hours),
            ("work_hours", rule.work_hours),
            ("closing_hours", rule.closing_hours),
        ] {
            let range = Violation::OutOfRange(1, MOST_HOURS.into());
            fields.ensure((1..=MOST_HOURS).contains(&hours), place(field), range);
        }
    }
}

fn check_payments(fields: &mut Fields, rules: &[CasePaymentRule]) {
    let all = "definition.payments";
    fields.ensure(rules.len() <= 2, all, Violation::TooMany(2));
    for (at, rule) in rules.iter().enumerate().take(3) {
        let place = |field: &str| format!("{all}[{at}].{field}");
        fields.required_enum::<CasePaymentKind>(place("kind"), rule.kind);
        let again = rules[..at].iter().any(|other| other.kind == rule.kind);
        fields.ensure(!again, place("kind"), Violation::Duplicate);
        let currency = is_currency(&rule.currency);
        fields.ensure(currency, place("currency"), Violation::Currency);
        let range = Violation::OutOfRange(0, MOST_UNITS);
        let granted = (0..=MOST_UNITS).contains(&rule.granted_units);
        fields.ensure(granted, place("granted_units"), range);
        let approved = (0..=MOST_UNITS).contains(&rule.approved_units);
        fields.ensure(approved, place("approved_units"), range);
        let order = rule.approved_units == 0 || rule.approved_units >= rule.granted_units;
        fields.ensure(order, place("approved_units"), Violation::Contradiction);
    }
}

#[cfg(test)]
mod tests {
    use kefu_service::time;

    use super::*;

    fn wrong(definition: &AfterSalesDefinition) -> Vec<String> {
        let mut fields = Fields::new();
        check(&mut fields, definition);
        let fault = fields.finish().err();
        let violations = fault.map(|fault| fault.violations).unwrap_or_default();
        violations.into_iter().map(|(field, _)| field).collect()
    }

    /// Clauses IH-6, IH-4: every kind has its cover and its time, and a plan is there within 24 hours.
    #[test]
    fn what_is_shipped_is_sound_and_knows_every_kind() {
        let shipped = shipped();
        assert_eq!(wrong(&shipped), [""; 0]);
        for kind in 1..=7 {
            let kind = CaseKind::try_from(kind).unwrap();
            assert!(shipped.covers.iter().any(|rule| rule.kind() == kind));
            assert_eq!(deadline(&shipped, kind).plan_hours, 24);
            let none = AfterSalesDefinition::default();
            assert_eq!(deadline(&none, kind), deadline(&shipped, kind));
        }
    }

    #[test]
    fn all_that_is_wrong_with_rules_is_told_at_once() {
        let cover = CoverRule {
            days: -1,
            ..shipped().covers[1].clone()
        };
        let payment = CasePaymentRule {
            currency: "yuan".into(),
            granted_units: 9,
            approved_units: 8,
            ..CasePaymentRule::default()
        };
        let definition = AfterSalesDefinition {
            covers: vec![
                cover.clone(),
                CoverRule {
                    months: 1_201,
                    ..cover
                },
            ],
            deadlines: vec![CaseDeadline {
                kind: 99,
                ..CaseDeadline::default()
            }],
            payments: vec![payment],
        };
        let expected = [
            "definition.covers[0].days",
            "definition.covers[1].category",
            "definition.covers[1].months",
            "definition.covers[1].days",
            "definition.deadlines[0].kind",
            "definition.deadlines[0].plan_hours",
            "definition.deadlines[0].work_hours",
            "definition.deadlines[0].closing_hours",
            "definition.payments[0].kind",
            "definition.payments[0].currency",
            "definition.payments[0].approved_units",
        ];
        assert_eq!(wrong(&definition), expected);
    }

    #[test]
    fn the_last_version_that_began_and_stands_counts() {
        let version = |number, second, withdrawn| AfterSalesVersion {
            number,
            definition: Some(AfterSalesDefinition::default()),
            effective_time: Some(time::to_proto(Timestamp::from_second(second).unwrap())),
            withdrawn,
            ..AfterSalesVersion::default()
        };
        let versions = [
            version(1, 10, false),
            version(2, 20, true),
            version(3, 30, false),
        ];
        let at = |second| in_force(&versions, Timestamp::from_second(second).unwrap()).0;
        assert_eq!([at(9), at(10), at(29), at(30)], [0, 1, 1, 3]);
    }
}
